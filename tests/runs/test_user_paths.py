"""Where the user's files are, also without a home directory."""

import os
import pwd
from pathlib import Path

import platformdirs
import pytest

from adam_tui.runs import user_paths


@pytest.fixture
def homeless(monkeypatch):
    """A container's user id without a name, and no HOME."""

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "ADAM_TUI_RUNS", "ADAM_TUI_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_tilde_is_the_home_directory():
    assert user_paths.expand_home("~/x") == Path.home() / "x"
    assert user_paths.expand_home("x/~") == Path("x/~")


def test_the_home_directory_of_an_unknown_user_is_refused():
    with pytest.raises(ValueError, match="~no-such-user/x: no user is called 'no-such-user'"):
        user_paths.expand_home("~no-such-user/x")


def test_a_directory_that_is_named_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAM_TUI_RUNS", str(tmp_path / "variable"))
    assert user_paths.runs_directory(tmp_path / "flag") == tmp_path / "flag"
    assert user_paths.runs_directory() == tmp_path / "variable"
    monkeypatch.setenv("ADAM_TUI_RUNS", "")
    assert user_paths.runs_directory().parts[-2:] == ("adam-tui", "runs")
    monkeypatch.setenv("ADAM_TUI_CACHE", "~/cache")
    assert user_paths.cache_directory() == Path.home() / "cache"


@pytest.mark.parametrize("name", ["ADAM_TUI_RUNS", "ADAM_TUI_CACHE"])
def test_a_variable_with_an_unknown_user_is_named_in_the_error(name, monkeypatch):
    monkeypatch.setenv(name, "~no-such-user")
    find = user_paths.runs_directory if name == "ADAM_TUI_RUNS" else user_paths.cache_directory
    with pytest.raises(ValueError, match=f"^{name}: ~no-such-user: no user is called"):
        find()


def test_without_a_home_directory_the_error_names_the_ways_out(homeless):
    with pytest.raises(ValueError, match="set HOME or ADAM_TUI_RUNS, or give --runs"):
        user_paths.runs_directory()
    with pytest.raises(ValueError, match="set HOME or ADAM_TUI_CACHE"):
        user_paths.cache_directory()
    with pytest.raises(ValueError, match="set HOME"):
        user_paths.expand_home("~/x")


def test_a_path_that_an_older_platformdirs_left_unexpanded_is_none(monkeypatch):
    monkeypatch.setattr(platformdirs, "user_log_dir", lambda name: os.path.join("~", name))
    with pytest.raises(ValueError, match="the home directory is unknown"):
        user_paths.user_directory("log")
