"""Flags that are given twice, and paths without a home directory, in every command and variable."""

import os
import subprocess
import sys

import pytest
from command_line import run
from pty_terminal import Terminal

# Starts the program as a container's user id without a name, and without HOME.
HOMELESS = """
import os, pwd, sys
os.environ.pop("HOME", None)
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
from adam_tui.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "line",
    [
        *("path --surface bowl --surface ravine", "path --steps 1 --steps 2", "path --noise 1 --noise=0"),
        *("plot --size 40x12 --size 40x12", "--fps 3 --fps 5", "--mode learn --mode train", "train --lr 1 --lr 2"),
        *("runs list --runs a --runs b", "runs --runs a --runs b list", "serve --port 1 --port 2"),
    ],
)
def test_a_flag_that_takes_one_value_is_given_once(line):
    result = run(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("adam-tui: --")
    assert result.stderr.endswith(" is given twice\n")


def test_lanes_and_switches_may_be_repeated():
    assert run("path", "--lane", "adam", "--lane", "sgd", "--steps", "1").exit_code == 0
    assert run("plot", "--ascii", "--ascii", "--size", "40x12").exit_code == 0


def test_runs_may_stand_before_and_after_a_command(tmp_path):
    assert run("--runs", "/nowhere", "runs", "--runs", str(tmp_path), "list").exit_code == 0


PATHS = [
    *("runs --runs {}", "--runs {} runs", "runs list --runs {}", "runs show x --runs {}", "train --runs {}"),
    *("path --scenario {}", "plot --scenario {}", "train --data-dir {}", "serve --runs {}", "--runs {}"),
]


@pytest.mark.parametrize("line", PATHS)
@pytest.mark.parametrize(("path", "words"), [("~no-such-user/x", "no user is called 'no-such-user'"), ("", "is empty")])
def test_a_path_of_an_unknown_user_and_an_empty_one_are_one_line(line, path, words):
    result = run(*(path if word == "{}" else word for word in line.split()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        *(("runs", "ADAM_TUI_RUNS"), ("runs", "ADAM_TUI_CONFIG"), ("train", "ADAM_TUI_RUNS")),
        ("train --data kmnist", "ADAM_TUI_CACHE"),
    ],
)
def test_a_variable_with_an_unknown_user_is_one_line(line, variable, tmp_path):
    result = run(*line.split(), **{"ADAM_TUI_RUNS": str(tmp_path), variable: "~no-such-user"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"adam-tui: {variable}: ~no-such-user: no user is called 'no-such-user'\n"


def homeless(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADAM_TUI", "XDG"))}
    return subprocess.run(
        [sys.executable, "-c", HOMELESS, *arguments],
        capture_output=True, text=True, env=kept | environment, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("line", ["runs", "runs list", "runs show x", "train --limit 64"])
def test_without_a_home_directory_it_is_one_line(line, tmp_path):
    done = homeless(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("adam-tui: the home directory is unknown: set HOME or ADAM_TUI_RUNS, or give --runs\n")


def test_without_a_home_directory_the_rest_works(tmp_path):
    assert homeless("path", "--steps", "1").returncode == 0
    assert homeless("runs", ADAM_TUI_RUNS=str(tmp_path)).stdout == "no runs yet\n"


@pytest.mark.parametrize(("flags", "words"), [((), "set HOME"), (("--runs", "~no-such-user"), "no user is called")])
def test_the_app_does_not_open_where_train_could_not(flags, words, monkeypatch):
    for name in ("ADAM_TUI_RUNS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with Terminal((sys.executable, "-c", HOMELESS, *flags)) as terminal:
        terminal.until(words)
        assert terminal.wait() == 2


def test_the_app_opens_train_without_a_home_directory_when_the_runs_have_one(tmp_path):
    with Terminal((sys.executable, "-c", HOMELESS, "--runs", str(tmp_path))) as terminal:
        terminal.until("Playground")
        terminal.press("2")
        terminal.until("trains a network")
        terminal.press("q")
        assert terminal.wait() == 0
