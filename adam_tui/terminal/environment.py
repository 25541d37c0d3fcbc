"""What the environment says of the terminal that we are on."""

from __future__ import annotations

from collections.abc import Mapping

from adam_tui.terminal import ansi

OTHER_SCREEN, OWN_SCREEN = "\x1b[?1049h", "\x1b[?1049l"  # xterm's private modes (DECSET)
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

# Signals that end the app with the terminal restored, and the exit status of each: what a shell reports of a program
# that they killed. SIGINT and SIGQUIT come from elsewhere, for ctrl+c and ctrl+\\ are keys in the app.
ENDING_SIGNALS = {"SIGHUP": 128 + 1, "SIGINT": 128 + 2, "SIGQUIT": 128 + 3, "SIGTERM": 128 + 15}

_ASKED_FOR: Mapping[str, ansi.Depth] = {"truecolor": "truecolor", "256": "256", "standard": "16"}


def terminal_depth(environ: Mapping[str, str]) -> ansi.Depth:
    """The colours that it knows; TEXTUAL_COLOR_SYSTEM has the last word, as for every app of Textual's."""
    asked = environ.get("TEXTUAL_COLOR_SYSTEM", "")
    return _ASKED_FOR.get(asked) or ansi.terminal_depth(environ)


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether it is at the other end of an SSH connection."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def is_console(environ: Mapping[str, str]) -> bool:
    """Whether it is Linux's own console, without a window system: its font has 256 or 512 characters."""
    return environ.get("TERM", "").startswith("linux")
