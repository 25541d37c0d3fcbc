"""The settings: `config.toml` in the user's configuration directory, the last theme, and the hints that were tried.

A new setting is parsed here. `config.toml` is the user's own and never written. A theme chosen in the app goes into
`theme.json` beside it, and holds until `config.toml` names another one; the hints that were tried go into `hints.json`.
A file with a mistake gives one sentence, and the defaults.

Standard library, `terminal.environment` and `terminal.sextants` only, except platformdirs for the directory, imported
on demand.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adam_tui.runs.user_paths import expand_home, user_directory
from adam_tui.terminal.environment import CELL_ASPECTS
from adam_tui.terminal.sextants import BLOCK_SETTINGS, BlocksSetting

VARIABLE = "ADAM_TUI_CONFIG"  # the path of another settings file
THEME_FILE, HINTS_FILE = "theme.json", "hints.json"
DEFAULT_FPS, MOST_FPS = 20, 60
PALETTE_NAMES = ("dark", "light", "magma", "grey")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings. An empty `theme` or `palette` is the default; `keys` are Textual's key names by action.

    `cell_aspect` is the height of a cell divided by its width; None measures it. `blocks` are those of
    the contour's edges; "auto" are the finest that the terminal is known to draw. `tried` are the hints that were tried
    or closed. `problem` is one sentence when a file cannot be used.
    """

    theme: str = ""
    palette: str = ""
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fps: int = DEFAULT_FPS
    runs: Path | None = None
    hints: bool = True
    cell_aspect: float | None = None
    blocks: BlocksSetting = "auto"
    tried: frozenset[str] = frozenset()
    problem: str = ""


def config_file() -> Path:
    """Return the path of the settings file, whether it exists or not; /dev/null without a home directory.

    Raises ValueError where the variable names the home directory of an unknown user.
    """
    path = os.environ.get(VARIABLE)
    if path:
        return expand_home(path)
    try:
        return user_directory("config") / "config.toml"
    except ValueError:
        return Path(os.devnull)


def load() -> Config:
    """Read the settings; never raises."""
    try:
        path = config_file()
    except ValueError as error:
        return Config(problem=f"{VARIABLE}: {error}; the defaults are used")
    try:
        config = parse(_read_text(path))
    except FileNotFoundError:
        named = os.environ.get(VARIABLE)
        config = Config(problem=f"{VARIABLE}: {path} does not exist; the defaults are used" if named else "")
    except OSError as error:
        config = Config(problem=f"{path}: {error.strerror or error}; the defaults are used")
    except ValueError as error:
        config = Config(problem=f"{path}: {error}; the defaults are used")
    config = replace(config, tried=_read_hints(path.with_name(HINTS_FILE)))
    chosen = _read_theme(path.with_name(THEME_FILE))
    # The theme in config.toml wins again once it has changed since the choice.
    if chosen.get("theme") and chosen.get("instead_of") == config.theme:
        return replace(config, theme=chosen["theme"])
    return config


def parse(text: str) -> Config:
    """Parse the text of a settings file. Raises ValueError with one line for a mistake."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None
    known = ("theme", "palette", "keys", "fps", "runs", "hints", "cell_aspect", "blocks")
    if unknown := [name for name in data if name not in known]:
        raise ValueError(f"there is no setting {unknown[0]!r}; the settings are {', '.join(known)}")
    palette = _text(data, "palette")
    if palette and palette not in PALETTE_NAMES:
        raise ValueError(f"palette is one of {', '.join(PALETTE_NAMES)}, not {palette!r}")
    fps = data.get("fps", DEFAULT_FPS)
    if type(fps) is not int or not 1 <= fps <= MOST_FPS:
        raise ValueError(f"fps is a whole number from 1 to {MOST_FPS}, not {fps!r}")
    keys = data.get("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(key, str) and key for key in keys.values()):
        raise ValueError('keys is a table such as [keys] and below it play = "space"')
    runs = _text(data, "runs")
    if "\0" in runs:
        raise ValueError(f"runs is a directory, not {runs!r}")
    hints = data.get("hints", True)
    if type(hints) is not bool:
        raise ValueError(f"hints is true or false, not {hints!r}")
    aspect = data.get("cell_aspect")
    least, most = CELL_ASPECTS
    if aspect is not None and (type(aspect) not in (int, float) or not least <= aspect <= most):
        raise ValueError(f"cell_aspect is a number from {least} to {most}, not {aspect!r}")
    blocks = data.get("blocks", "auto")
    if blocks not in BLOCK_SETTINGS:
        raise ValueError(f"blocks is one of {', '.join(BLOCK_SETTINGS)}, not {blocks!r}")
    return Config(
        theme=_text(data, "theme"),
        palette=palette,
        keys=MappingProxyType(keys),
        fps=fps,
        runs=expand_home(runs) if runs else None,
        hints=hints,
        cell_aspect=None if aspect is None else float(aspect),
        blocks=blocks,
    )


def remember_theme(theme: str) -> None:
    """Save the theme for the next start. Raises OSError when the file cannot be written."""
    path = config_file()
    if _is_special(path):
        return
    try:
        instead_of = parse(_read_text(path)).theme
    except (OSError, ValueError):
        instead_of = ""
    _write(path.with_name(THEME_FILE), {"theme": theme, "instead_of": instead_of})


def remember_hints(tried: Iterable[str]) -> None:
    """Save the hints that need not be shown again. Errors are ignored: the hints then appear again."""
    if _is_special(config_file()):
        return
    path = config_file().with_name(HINTS_FILE)
    with contextlib.suppress(OSError):
        _write(path, {"tried": sorted({*tried, *_read_hints(path)})})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file beside the settings. Raises OSError.

    A link of this user's, as programs for dotfiles make them, stays, and its target is replaced. Nothing is written
    through a link of another user, who may write to the directory too: the file takes its place.
    """
    from adam_tui.runs import files  # not needed to read the settings

    files.make_private_folder(path.parent)
    target = path.resolve() if files.is_own_link(path) else path
    files.write_atomically(target, json.dumps(content) + "\n")


def _is_special(path: Path) -> bool:
    """Return whether the settings are a special file such as /dev/null, beside which nothing is saved."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _read_hints(path: Path) -> frozenset[str]:
    """Return the hints that were tried; none when the file cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    names = data.get("tried") if isinstance(data, dict) else None
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _read_text(path: Path) -> str:
    """Return the text of the settings file, without a byte order mark. Raises OSError, and ValueError if not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the text is not UTF-8") from None


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text in quotes, not {value!r}")
    return value


def _read_theme(path: Path) -> dict[str, str]:
    """Return the theme chosen last and the theme in config.toml at that time; empty when the file cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) and all(isinstance(value, str) for value in data.values()) else {}
