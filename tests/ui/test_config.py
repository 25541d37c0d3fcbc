"""The settings file: what it may say, what is said of a mistake in it, and how a chosen theme is remembered."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.draw.palette import PALETTES
from adam_tui.runs.directory import create
from adam_tui.runs.recipes import make_spec
from adam_tui.ui import config
from adam_tui.ui.config import Config

ALL = """
theme = "nord"      # any of Textual's, or adam-dark, adam-light, adam-magma, adam-grey
palette = "magma"
fps = 30
runs = "~/runs"
cell_aspect = 2.2
blocks = "sextants"

[keys]
play = "p"
place = "space,P"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "settings" / "config.toml"
    path.parent.mkdir()
    monkeypatch.delenv(config.VARIABLE)
    monkeypatch.setattr(config, "user_directory", lambda kind: path.parent)
    return path


def test_without_a_file_all_is_as_it_comes(file):
    assert config.load() == Config()
    assert (Config().fps, Config().problem) == (20, "")


def test_a_file_may_settle_everything(file):
    file.write_text(ALL)
    loaded = config.load()
    assert (loaded.theme, loaded.palette, loaded.fps, loaded.problem) == ("nord", "magma", 30, "")
    assert loaded.cell_aspect == 2.2
    assert loaded.blocks == "sextants"
    assert loaded.runs == Path.home() / "runs"
    assert dict(loaded.keys) == {"play": "p", "place": "space,P"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme = nord", "line 1"),
        ("colour = 'red'", "there is no setting 'colour'; the settings are theme, palette, keys, fps, runs"),
        ("theme = 3", "theme is a text in quotes, not 3"),
        ("palette = 'sepia'", "palette is one of dark, light, magma, grey, not 'sepia'"),
        ("fps = 61", "fps is a whole number from 1 to 60, not 61"),
        ("fps = 0", "fps is a whole number"),
        ("fps = true", "fps is a whole number"),
        ("cell_aspect = 1", "cell_aspect is a number from 1.5 to 3.0, not 1"),
        ("cell_aspect = nan", "cell_aspect is a number from 1.5 to 3.0, not nan"),
        ("cell_aspect = '2'", "cell_aspect is a number from 1.5 to 3.0, not '2'"),
        ("cell_aspect = true", "cell_aspect is a number"),
        ("blocks = 'octants'", "blocks is one of auto, halves, quadrants, sextants, not 'octants'"),
        ("blocks = []", "blocks is one of auto, halves, quadrants, sextants, not []"),
        ("keys = 'p'", "keys is a table"),
        ("[keys]\nplay = 1", "keys is a table"),
        ("runs = []", "runs is a text in quotes, not []"),
        ("runs = 'a\\u0000b'".replace("'", '"'), "runs is a directory"),
        ("hints = 'no'", "hints is true or false, not 'no'"),
        ("fps = 2.5", "fps is a whole number from 1 to 60, not 2.5"),
        ("fps = nan", "fps is a whole number from 1 to 60, not nan"),
        ("fps = 1979-05-27", "fps is a whole number"),
        ("[theme]\nname = 'nord'", "theme is a text in quotes"),
        ("[keys.play]\nx = 'y'", "keys is a table"),
        ("theme = 'a'\ntheme = 'b'", "Cannot overwrite a value"),
        ("theme = 'nord' fps = 3", "line 1"),
        ("theme = '", "at end of document"),
        ("x = " + "[" * 3000, "brackets are nested too deeply"),
    ],
)
def test_a_mistake_is_one_line_with_the_file_and_then_the_defaults(file, text, said):
    file.write_text(text)
    problem = config.load().problem
    assert problem.startswith(f"{file}: ")
    assert said in problem
    assert problem.endswith("; the defaults are used")
    assert "\n" not in problem
    assert config.load() == Config(problem=problem)


def test_bytes_that_are_no_text_and_a_directory_are_said_too(file):
    file.write_bytes(b"\xff\xfe")
    assert config.load().problem == f"{file}: the text is not UTF-8; the defaults are used"
    file.unlink()
    file.mkdir()
    assert "the defaults are used" in config.load().problem


def test_what_other_systems_editors_add_is_no_mistake(file):
    file.write_bytes(b"\xef\xbb\xbftheme = 'nord'\r\nfps = 10\r\n")
    assert (config.load().theme, config.load().fps) == ("nord", 10)
    config.remember_theme("dracula")
    assert config.load().theme == "dracula"


def test_the_home_directory_of_an_unknown_user_is_a_mistake(file, monkeypatch):
    file.write_text('runs = "~nobody-has-this-name/runs"')
    config_with_mistake = config.load()
    assert config_with_mistake.runs is None
    assert "no user is called 'nobody-has-this-name'" in config_with_mistake.problem
    monkeypatch.setenv("ADAM_TUI_CONFIG", "~nobody-has-this-name/config.toml")
    assert "ADAM_TUI_CONFIG: ~nobody-has-this-name" in config.load().problem


def test_a_chosen_theme_is_kept_and_the_file_is_left_alone(file):
    file.write_text(ALL)
    config.remember_theme("dracula")
    assert config.load().theme == "dracula"
    assert config.load().fps == 30
    assert file.read_text() == ALL


def test_a_chosen_theme_is_kept_without_a_file(file):
    file.parent.rmdir()
    config.remember_theme("dracula")
    assert config.load() == Config(theme="dracula")


def test_a_theme_that_is_written_into_the_file_later_counts(file):
    file.write_text(ALL)
    config.remember_theme("dracula")
    file.write_text(ALL.replace("nord", "gruvbox"))
    assert config.load().theme == "gruvbox"


def test_a_broken_memory_is_no_trouble(file):
    file.with_name(config.THEME_FILE).write_text("{")
    assert config.load() == Config()
    file.with_name(config.THEME_FILE).write_text('{"theme": 3}')
    assert config.load() == Config()


def test_the_usual_place_is_the_users_configuration_directory(monkeypatch, tmp_path):
    monkeypatch.delenv(config.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config.config_file().name == "config.toml"
    assert config.config_file().parent.name == "adam-tui"


def test_every_palette_of_the_drawings_can_be_named():
    assert set(config.PALETTE_NAMES) == set(PALETTES)


def command(*arguments, **environment):
    return CliRunner().invoke(main, arguments, env={"ADAM_TUI_RUNS": None} | environment)


def test_commands_look_for_runs_where_the_settings_say_unless_told_otherwise(file, tmp_path):
    made = create(make_spec("adam", {}), tmp_path / "mine")
    file.write_text(f'runs = "{tmp_path / "mine"}"')
    assert made.id in command("runs", "list").output
    assert made.id not in command("runs", "list", ADAM_TUI_RUNS=str(tmp_path / "other")).output
    assert made.id not in command("runs", "list", "--runs", str(tmp_path / "other")).output


def test_a_command_says_what_is_wrong_in_one_line_and_works(file, tmp_path):
    file.write_text("fps = 1000")
    result = command("runs", "list", "--runs", str(tmp_path))
    assert result.exit_code == 0
    assert result.stderr.startswith(f"adam-tui: {file}: fps is a whole number")
    assert result.stderr.count("\n") == 1


def test_a_picture_needs_no_settings(file):
    file.write_text("fps = 1000")
    assert command("plot", "--size", "40x12").stderr == ""


def test_beside_a_device_such_as_dev_null_nothing_is_kept(tmp_path, monkeypatch):
    pipe = tmp_path / "null"
    os.mkfifo(pipe)
    monkeypatch.setenv(config.VARIABLE, str(pipe))
    config.remember_theme("nord")
    config.remember_hints(["turn"])
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_missing_file_that_the_variable_names_is_reported(file, tmp_path, monkeypatch):
    missing = tmp_path / "missing.toml"
    monkeypatch.setenv("ADAM_TUI_CONFIG", str(missing))
    problem = f"ADAM_TUI_CONFIG: {missing} does not exist; the defaults are used"
    assert config.load() == Config(problem=problem)


def test_a_link_of_the_users_own_stays_and_its_target_is_replaced(file, tmp_path):
    kept = tmp_path / "dotfiles"
    kept.mkdir()
    (kept / "theme.json").write_text("{}")
    for name in (config.THEME_FILE, config.HINTS_FILE):
        file.with_name(name).symlink_to(kept / name)  # the hints' target is not there yet
    config.remember_theme("nord")
    config.remember_hints(["turn"])
    assert file.with_name(config.THEME_FILE).is_symlink()
    assert file.with_name(config.HINTS_FILE).is_symlink()
    assert '"nord"' in (kept / "theme.json").read_text()
    assert '"turn"' in (kept / "hints.json").read_text()
    assert (config.load().theme, config.load().tried) == ("nord", {"turn"})


@pytest.mark.skipif(not hasattr(os, "lchown"), reason="no owners of links")
def test_nothing_is_written_through_a_link_of_another_user(file, tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for name in (config.THEME_FILE, config.HINTS_FILE):
        file.with_name(name).symlink_to(victim)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    config.remember_theme("nord")
    config.remember_hints(["turn"])
    assert victim.read_text() == "kept"
    assert (config.load().theme, config.load().tried) == ("nord", {"turn"})
    assert not file.with_name(config.THEME_FILE).is_symlink()


def test_the_files_beside_the_settings_are_private_and_whole(file):
    config.remember_theme("nord")
    assert file.with_name(config.THEME_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [config.THEME_FILE], "no part is left"
