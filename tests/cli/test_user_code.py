"""Classes and networks of the user on the command line: real processes train with them, mistakes are one line."""

import json
import shutil

import pytest
from click.shell_completion import CompletionItem
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.cli.completion import JoiningBashComplete, joined
from adam_tui.runs import user_code
from adam_tui.runs.directory import list_runs

MINE = """\
import torch

class MyAdam(torch.optim.Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), flavour=None):
        super().__init__(params, lr, betas)
"""
NET = "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
QUICK = ("--epochs", "1", "--limit", "640", "--device", "cpu")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with mine.py and net.py, which is the working directory, and a memory of code of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, [*words, "--runs", "runs"])


def test_a_run_keeps_its_code_and_a_copy_of_it_from_elsewhere_needs_consent(here, monkeypatch):
    flags = ("--optimizer", "./mine.py::MyAdam:lr=0.01", "--set", "betas=(0.8,0.99)", "--set", "flavour=sour")
    result = run("train", *flags, "--network", "./net.py::build", *QUICK)
    assert result.exit_code == 0, result.stderr
    [made] = list_runs(here / "runs")
    assert made.id.startswith("MyAdam-")
    spec = made.spec()
    assert spec.hyperparameters == {"lr": 0.01, "beta1": 0.8, "beta2": 0.99}
    assert (spec.arguments, spec.network) == ({"flavour": "sour"}, f"{here}/net.py::build")
    assert (made.path / "optimizer.py").read_text() == MINE
    assert (made.path / "network.py").read_text() == NET
    shown = run("runs", "show", made.id).output
    assert f"{here}/mine.py::MyAdam: lr=0.01, beta1=0.8, beta2=0.99, flavour=sour" in shown
    assert f"network {here}/net.py::build" in shown
    assert " MyAdam " in run("runs", "list").output
    assert json.loads(run("runs", "export", made.id, "--format", "json").output)["spec"]["optimizer"] == spec.optimizer

    # Somebody else's directory of the same run, which was stopped.
    shutil.rmtree(here / "data")
    status = json.loads((made.path / "status.json").read_text())
    (made.path / "status.json").write_text(json.dumps(status | {"state": "stopped"}))
    refused = run("runs", "resume", made.id, "--follow")
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"adam-tui: {made.id} runs code that you have not named, runs/{made.id}/optimizer.py and "
        f"runs/{made.id}/network.py: "
        f"read it, then 'adam-tui runs resume {made.id} --trust'\n"
    )
    resumed = run("runs", "resume", made.id, "--follow", "--trust")
    assert (resumed.exit_code, "continues at step 10" in resumed.output) == (0, True), resumed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--optimizer", "./other.py::MyAdam"), "there is no file ./other.py"),
        (("--optimizer", "./mine.py"), "'./mine.py' names a file and no class in it: write ./mine.py::MyAdam"),
        (("--optimizer", "./mine.py::MyAdam:lr=1", "--lr", "2"), "give the learning rate once: --lr, or as a setting"),
        (("--optimizer", "./mine.py::MyAdam", "--set", "lr"), "'lr' is not a setting: write name=value"),
        (("--network", "./net.txt::build"), "--network: './net.txt' is no Python file"),
        (("--optimizer", "./mine.py::MyAdam", "--limit", "0"), "--limit must be at least 1"),
        (("--optimizer", "adam", "--set", "btea1=0.5"), "adam has no 'btea1': did you mean beta1?"),
    ],
)
def test_a_mistake_in_a_flag_is_found_before_a_process_starts(here, monkeypatch, words, message):
    monkeypatch.setattr(user_code.subprocess, "run", None)
    result = run("train", *words)
    assert (result.exit_code, message in result.stderr, result.stderr.count("\n")) == (2, True, 1), result.stderr
    assert not (here / "runs").exists()


def test_a_mistake_in_the_code_is_one_line_with_its_place_and_no_run_is_made(here):
    (here / "mine.py").write_text(MINE.replace("super()", "print('hello'); undefined; super()"))
    result = run("train", "--optimizer", "./mine.py::MyAdam", "--set", "flavour=1")
    assert result.exit_code == 2
    assert result.stderr == "adam-tui: mine.py, line 5: NameError: name 'undefined' is not defined\n"
    assert not (here / "runs").exists()


def test_names_in_files_are_completed_and_bash_gets_the_part_that_it_replaces(here, monkeypatch):
    from adam_tui.cli.runs import train

    options = {option.name: option for option in train.params}
    context = train.make_context("train", [])
    words = {name: option.shell_complete for name, option in options.items()}
    assert [each.value for each in words["optimizer"](context, "./mi")] == ["./mine.py::"]
    assert [each.value for each in words["optimizer"](context, "./mine.py::M")] == ["./mine.py::MyAdam"]
    assert [each.value for each in words["network"](context, "./net.py::")] == ["./net.py::build"]
    assert joined(["--optimizer", "=", "./mine.py", "::", "M"]) == ["--optimizer=./mine.py::M"]
    complete = JoiningBashComplete(main, {}, "adam-tui", "_ADAM_TUI_COMPLETE")
    items = complete.get_completions(["train"], "--optimizer=./mine.py::My")
    assert [item.value for item in items] == ["MyAdam"]
    assert all(isinstance(item, CompletionItem) for item in items)
