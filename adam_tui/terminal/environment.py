"""The terminal before the program talks to it: its size, its colours, its characters, remote or local.

Standard library only. A new kind of terminal is recognized here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from functools import cache
from typing import Literal

Depth = Literal["truecolor", "256", "16", "none"]

# The heights of a cell divided by its width that a font may have; anything else is a wrong report.
CELL_ASPECTS = (1.5, 3.0)

TMUX_PATIENCE = 0.2  # seconds that the start waits for tmux at most

# Values of TERM, without "xterm-" before them and anything after them, of terminals that have 24-bit colours.
_TRUECOLOR_NAMES = frozenset({"alacritty", "contour", "foot", "ghostty", "kitty", "rio", "st", "wezterm"})
_TEXTUAL_NAMES: Mapping[str, Depth] = {"truecolor": "truecolor", "256": "256", "standard": "16"}


def terminal_size(default: tuple[int, int] = (80, 24)) -> tuple[int, int]:
    """Return columns and rows of the terminal on stdout.

    COLUMNS and LINES may be exported and out of date, so they count only where the terminal does not know its size.
    """
    for stream in (sys.__stdout__, sys.__stdin__):
        try:
            size = os.get_terminal_size(stream.fileno() if stream is not None else -1)
        except (OSError, ValueError):  # not a terminal, or closed
            continue
        if size.columns > 0 and size.lines > 0:
            return size.columns, size.lines
    size = shutil.get_terminal_size(default)
    return size.columns, size.lines


def cell_aspect() -> float | None:
    """Return the height of a cell of the terminal on stdout divided by its width; None where it is not known."""
    if os.name != "posix":
        return None
    import fcntl
    import struct
    import termios

    assert sys.platform != "win32"
    try:
        size = fcntl.ioctl(sys.__stdout__.fileno() if sys.__stdout__ is not None else -1, termios.TIOCGWINSZ, bytes(8))
    except (OSError, ValueError):  # not a terminal, or closed
        return None
    rows, columns, width, height = struct.unpack("HHHH", size)
    return aspect_of(columns, rows, width, height)


def aspect_of(columns: int, rows: int, width: int, height: int) -> float | None:
    """Return the aspect of cells that take width × height pixels together; None unless it is one of CELL_ASPECTS."""
    if not (columns and rows and width and height):
        return None
    aspect = height / rows / (width / columns)
    return aspect if CELL_ASPECTS[0] <= aspect <= CELL_ASPECTS[1] else None


def color_depth(environ: Mapping[str, str], isatty: bool) -> Depth:
    """Return the colours for text that is printed once.

    There are none off a terminal, with NO_COLOR (no-color.org), or with TERM=dumb.
    """
    if not isatty or environ.get("NO_COLOR") or environ.get("TERM", "") in ("", "dumb"):
        return "none"
    return _supported_depth(environ)


def terminal_depth(environ: Mapping[str, str]) -> Depth:
    """Return the colours for the app's screen. TEXTUAL_COLOR_SYSTEM overrides, as in every Textual app."""
    return _TEXTUAL_NAMES.get(environ.get("TEXTUAL_COLOR_SYSTEM", "")) or _supported_depth(environ)


def may_have_more_colors(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal may have more colours than `terminal_depth` knows of, so that it is worth asking."""
    chosen = environ.get("TEXTUAL_COLOR_SYSTEM", "") in _TEXTUAL_NAMES or environ.get("NO_COLOR")
    return not chosen and can_be_asked(environ) and terminal_depth(environ) != "truecolor"


def can_be_asked(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal hides questions that it does not know, and answers for itself.

    GNU screen passes a question on to the terminal around it as text, and Terminal.app shows parts of it.
    """
    shows_the_question = is_console(environ) or environ.get("TERM_PROGRAM") == "Apple_Terminal"
    dumb = environ.get("TERM", "") in ("", "dumb")
    return not (shows_the_question or is_multiplexed(environ) or dumb)


def is_multiplexed(environ: Mapping[str, str]) -> bool:
    """Return whether the program writes to tmux or GNU screen, and not to the terminal that draws."""
    names = environ.get("TERM", "").startswith(("screen", "tmux"))
    return names or bool(environ.get("STY") or environ.get("TMUX"))


def _supported_depth(environ: Mapping[str, str]) -> Depth:
    """Return the colours that the terminal supports.

    A multiplexer has COLORTERM from the terminal that it was started in, or sets it itself. GNU screen 4 shows garbage
    in place of 24-bit colours; tmux shows the nearest of 256 unless its client has more.
    """
    term = environ.get("TERM", "").lower()
    if term.endswith("-direct") or term.removeprefix("xterm-").partition("-")[0] in _TRUECOLOR_NAMES:
        return "truecolor"
    if environ.get("STY"):
        return "256"
    if environ.get("TMUX"):
        return "truecolor" if _tmux_has_rgb(environ["TMUX"], environ.get("TMUX_PANE", "")) else "256"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") and not term.startswith("screen"):
        return "truecolor"
    return "256" if "256color" in term else "16"


@cache
def _tmux_has_rgb(server: str, pane: str) -> bool:
    """Return whether every terminal that shows this pane of tmux has 24-bit colours; False where tmux does not answer.

    `server` is the variable TMUX, which begins with the path of the server's socket. This takes 5 ms.
    """
    import subprocess

    command = ["tmux", "-S", server.partition(",")[0], "list-clients", "-F", "#{client_termfeatures}"]
    command += ["-t", pane] if pane else []
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TMUX_PATIENCE, check=True, text=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    clients = answer.stdout.splitlines()
    return bool(clients) and all("RGB" in features.split(",") for features in clients)


def encodes_blocks(encoding: str | None) -> bool:
    """Return whether a character encoding, such as stdout's, has block and braille characters."""
    try:
        "▀⣿".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def is_remote(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is at the other end of an SSH connection."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def drops_marks(environ: Mapping[str, str]) -> bool:
    """Return whether this terminal is known to leave out combining marks: st and zutty."""
    return environ.get("TERM", "").partition("-")[0] == "st" or "ZUTTY_VERSION" in environ


def is_console(environ: Mapping[str, str]) -> bool:
    """Return whether this is the Linux console, whose font has 256 or 512 characters."""
    return environ.get("TERM", "").startswith("linux")
