"""The user's directories, and paths that begin with ~. Change here where runs, caches, settings and logs are kept.

Where the home directory is unknown (a container's user id without a name, and HOME unset) every function raises
ValueError with one line. platformdirs is imported on demand; the rest is the standard library.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

RUNS_VARIABLE, CACHE_VARIABLE = "ADAM_TUI_RUNS", "ADAM_TUI_CACHE"
NO_HOME = "the home directory is unknown: set HOME"


def expand_home(path: str | os.PathLike[str]) -> Path:
    """The path with the home directory in place of ~ or ~user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0].removeprefix("~")
        raise ValueError(f"{path}: no user is called {user!r}" if user else f"{path}: {NO_HOME}") from None


def user_directory(kind: Literal["data", "config", "cache", "log"], instead: str = "") -> Path:
    """The user's directory of adam-tui for data, settings, caches or logs, as the system wants it.

    `instead` ends the error: the variable or the flag that replaces a home directory. The line is short, because a
    terminal breaks a long one within a word.
    """
    import platformdirs

    find = {
        "data": platformdirs.user_data_dir,
        "config": platformdirs.user_config_dir,
        "cache": platformdirs.user_cache_dir,
        "log": platformdirs.user_log_dir,
    }[kind]
    try:
        path = Path(find("adam-tui"))
    except RuntimeError:
        path = Path()
    if not path.is_absolute():  # older versions of platformdirs return a path that begins with ~
        raise ValueError(" or ".join([NO_HOME, *([instead] if instead else [])]))
    return path


def runs_directory(override: str | os.PathLike[str] | None = None) -> Path:
    """The directory of the runs: `override` (--runs), else $ADAM_TUI_RUNS, else in the user's data directory.

    Creates nothing.
    """
    if override:
        return expand_home(override)
    if path := _path_in(RUNS_VARIABLE):
        return path
    return user_directory("data", f"{RUNS_VARIABLE}, or give --runs") / "runs"


def cache_directory() -> Path:
    """$ADAM_TUI_CACHE, else the user's cache directory of adam-tui. Creates nothing."""
    if path := _path_in(CACHE_VARIABLE):
        return path
    return user_directory("cache", CACHE_VARIABLE)


def _path_in(variable: str) -> Path | None:
    """The path in an environment variable; None where it is unset or empty."""
    text = os.environ.get(variable)
    try:
        return expand_home(text) if text else None
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None
