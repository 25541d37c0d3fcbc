"""What a person has settled once: `config.toml` in the user's configuration directory, and the theme chosen last.

The file is the person's own and is never written. A theme chosen in the app goes into `theme.json` beside it, and
holds until the file names another one; which hints were tried goes into `hints.json`. A file that cannot be used is one
sentence, and the defaults.

Standard library only; where the directory is, platformdirs is asked when it is needed.
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

VARIABLE = "ADAM_TUI_CONFIG"  # another file than the usual one
CHOSEN, TRIED = "theme.json", "hints.json"
DEFAULT_FPS, MOST_FPS = 20, 60
PALETTE_NAMES = ("dark", "light", "magma", "grey")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings. An empty `theme` or `palette` is the default; `keys` are Textual's key names by action.

    `tried` are the hints that were tried or put away. `problem` is one sentence when a file cannot be used.
    """

    theme: str = ""
    palette: str = ""
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fps: int = DEFAULT_FPS
    runs: Path | None = None
    hints: bool = True
    tried: frozenset[str] = frozenset()
    problem: str = ""


def config_file() -> Path:
    """Where the settings are, whether the file is there or not."""
    given = os.environ.get(VARIABLE)
    if given:
        return _home_in(given)
    import platformdirs

    return Path(platformdirs.user_config_dir("adam-tui")) / "config.toml"


def load() -> Config:
    """The settings as they are now; never raises."""
    path = config_file()
    try:
        config = parse(_text_of(path))
    except FileNotFoundError:
        config = Config()
    except OSError as error:
        config = Config(problem=f"{path}: {error.strerror or error}; the defaults are used")
    except ValueError as error:
        config = Config(problem=f"{path}: {error}; the defaults are used")
    config = replace(config, tried=_tried(path.with_name(TRIED)))
    chosen = _chosen(path.with_name(CHOSEN))
    # The file's word counts again once it is another one than at the time of the choice.
    if chosen.get("theme") and chosen.get("instead_of") == config.theme:
        return replace(config, theme=chosen["theme"])
    return config


def parse(text: str) -> Config:
    """The settings in a file's text; ValueError with one line when there is a mistake in it."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("brackets within brackets without end") from None
    known = ("theme", "palette", "keys", "fps", "runs", "hints")
    if unknown := [name for name in data if name not in known]:
        raise ValueError(f"there is no setting {unknown[0]!r}; there are {', '.join(known)}")
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
    return Config(
        theme=_text(data, "theme"),
        palette=palette,
        keys=MappingProxyType(keys),
        fps=fps,
        runs=_home_in(runs) if runs else None,
        hints=hints,
    )


def remember_theme(theme: str) -> None:
    """Open with this theme from now on. OSError when it cannot be written."""
    path = config_file()
    if _is_no_file(path):
        return
    try:
        instead_of = parse(_text_of(path)).theme
    except (OSError, ValueError):
        instead_of = ""
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = json.dumps({"theme": theme, "instead_of": instead_of})
    path.with_name(CHOSEN).write_text(chosen + "\n", encoding="utf-8")


def remember_hints(tried: Iterable[str]) -> None:
    """Show these no more. Where that cannot be written they come again: no reason to say anything."""
    if _is_no_file(config_file()):
        return
    path = config_file().with_name(TRIED)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"tried": sorted({*tried, *_tried(path)})}) + "\n", encoding="utf-8")


def _is_no_file(path: Path) -> bool:
    """Whether the settings are something like /dev/null, beside which nothing is to be kept."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _tried(path: Path) -> frozenset[str]:
    """The hints that were tried; none when that cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    names = data.get("tried") if isinstance(data, dict) else None
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _text_of(path: Path) -> str:
    """What is in the settings file, which an editor may have begun with a byte order mark. OSError, ValueError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("this is not text in UTF-8") from None


def _home_in(path: str) -> Path:
    """The path with the home directory for ~; as it is where nobody has that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text in quotes, not {value!r}")
    return value


def _chosen(path: Path) -> dict[str, str]:
    """The theme chosen last and what the file said then; nothing when that cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) and all(isinstance(value, str) for value in data.values()) else {}
