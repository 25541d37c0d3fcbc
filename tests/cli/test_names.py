"""The names that flags take: listed by `--help`, completed, and a preset's opens what the app's own list opens."""

import json

import pytest
from command_line import program, run
from pty_terminal import COMMAND, Terminal
from textual.theme import BUILTIN_THEMES

from adam_tui.cli import names
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.schedules import KINDS
from adam_tui.engine.surfaces import SURFACES
from adam_tui.ui.theme import palette_for, themes


def test_the_names_are_those_of_the_engine_and_of_textual():
    tables = (SURFACES, OPTIMIZERS, KINDS, PRESETS, (*(theme.name for theme in themes()), *BUILTIN_THEMES))
    listed = (names.SURFACES, names.OPTIMIZERS, names.SCHEDULES, names.PRESETS, names.THEMES)
    assert [tuple(table) for table in tables] == list(listed), "write them in adam_tui/cli/names.py"


@pytest.mark.parametrize("command", [[], ["path"], ["plot"], ["map"], ["basins"], ["serve"]])
def test_help_lists_every_name_in_one_piece(command):
    lines = run(*command, "--help").output.splitlines()
    listed = {word for line in lines[lines.index("Names:") :] for word in line.replace(",", " ").split()}
    assert {*SURFACES, *OPTIMIZERS, *KINDS, *PRESETS} <= listed
    assert ({*names.THEMES} <= listed) == (command in ([], ["serve"]))
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


def test_an_unknown_theme_is_one_line_with_the_nearest_name():
    done = program("--theme", "solarised-dark")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "no theme is called 'solarised-dark': did you mean solarized-dark? choose from adam-dark," in done.stderr


def test_themes_are_completed():
    done = run(_ADAM_TUI_COMPLETE="bash_complete", COMP_WORDS="adam-tui --theme adam-l", COMP_CWORD="2")
    assert done.output.splitlines() == ["plain,adam-light"]


def test_a_theme_of_the_command_line_is_shown_and_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAM_TUI_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text('theme = "nord"\n')
    light = palette_for(BUILTIN_THEMES["solarized-light"]).background
    with Terminal((*COMMAND, "--theme", "solarized-light", "--runs", str(tmp_path))) as terminal:
        terminal.until("? keys")
        assert "{:02x}{:02x}{:02x}".format(*light) in terminal.colours()
        terminal.press("q")
        assert terminal.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
