"""The names that flags take: listed by `--help`, completed, and a preset's opens what the app's own list opens."""

import json

import pytest
from command_line import program, run
from pty_terminal import COMMAND, Terminal

from adam_tui.cli import names
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.schedules import KINDS
from adam_tui.engine.surfaces import SURFACES


def test_the_names_are_those_of_the_engine():
    tables = (SURFACES, OPTIMIZERS, KINDS, PRESETS)
    listed = (names.SURFACES, names.OPTIMIZERS, names.SCHEDULES, names.PRESETS)
    assert [tuple(table) for table in tables] == list(listed), "write them in adam_tui/cli/names.py"


@pytest.mark.parametrize("command", [[], ["path"], ["plot"], ["map"], ["basins"], ["serve"]])
def test_help_lists_every_name_in_one_piece(command):
    lines = run(*command, "--help").output.splitlines()
    listed = {word for line in lines[lines.index("Names:") :] for word in line.replace(",", " ").split()}
    assert {*SURFACES, *OPTIMIZERS, *KINDS, *PRESETS} <= listed
    assert max(map(len, lines)) <= 80


def test_a_preset_is_the_race_of_that_name():
    document = json.loads(run("path", "--preset", "lr-too-high", "--format", "json").output)
    assert Scenario.from_json(document["scenario"] | {"start": None}) == PRESETS["lr-too-high"].scenario
    assert "ravine" in run("plot", "--preset", "lr-too-high", "--size", "60x20").output


def test_an_unknown_preset_is_one_line_with_the_nearest_name():
    done = program("path", "--preset", "lr-to-high")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "no preset is called 'lr-to-high': did you mean lr-too-high?" in done.stderr
    assert run("--preset", "").exit_code == 2


@pytest.mark.parametrize("other", [("--steps", "5"), ("--lane", "adam"), ("--scenario", "x.json")])
def test_a_preset_is_the_whole_race(other):
    result = run("path", "--preset", "zigzag", *other)
    assert result.exit_code == 2
    assert "describes the whole race: give no other flag of the scenario with it" in result.stderr


def test_presets_are_completed():
    done = run(_ADAM_TUI_COMPLETE="bash_complete", COMP_WORDS="adam-tui --preset ra", COMP_CWORD="2")
    assert done.output.splitlines() == ["plain,ravine-momentum", "plain,rastrigin-dents", "plain,rastrigin-basins"]


def test_the_app_shows_a_preset_with_its_caption(tmp_path):
    with Terminal((*COMMAND, "--preset", "lr-too-high", "--runs", str(tmp_path))) as terminal:
        terminal.until("A learning rate too high")
        terminal.until("at 0.039 the swings across it fade")
        terminal.press("M")
        terminal.until("Why descent zigzags")
        terminal.press("q")
        assert terminal.wait() == 0
