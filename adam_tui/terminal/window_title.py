"""The title of the terminal's window: set while the program runs, and the one from before restored at the end.

Many terminals keep titles on a stack (XTWINOPS 22 and 23). Others would keep ours: GNU screen forwards it to the window
around it, urxvt and st have no stack. A terminal without windows may show the sequences as text. Those get no title.
"""

from __future__ import annotations

from collections.abc import Mapping

from adam_tui.terminal.sanitize import sanitize_line

PUSH, POP = "\x1b[22;2t", "\x1b[23;2t"
LONGEST = 80  # characters; a longer title is cut off by the window anyway
# The beginnings of TERM for terminals that keep titles on a stack; urxvt and st do not.
_TITLED = (
    *("xterm", "tmux", "alacritty", "foot", "kitty", "ghostty", "wezterm", "contour", "rio"),
    *("konsole", "vte", "gnome"),
)


def has_title(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal sets and restores the title of a window."""
    if environ.get("TMUX"):
        return True
    return environ.get("TERM", "").startswith(_TITLED) and not environ.get("STY")


class WindowTitle:
    """The title of one terminal; nothing is ever written to one without a title (`has_title`)."""

    def __init__(self, has_title: bool) -> None:
        self._has_title = has_title
        self._shown: str | None = None  # None: the title from before

    def change(self, title: str) -> str:
        """Return the text that shows a title; empty where it is shown already."""
        title = sanitize_line(title)[:LONGEST]
        if not self._has_title or title == self._shown:
            return ""
        push = PUSH if self._shown is None else ""
        self._shown = title
        return f"{push}\x1b]2;{title}\x1b\\"

    def restore(self) -> str:
        """Return the text that shows the title from before; empty where it is shown already."""
        if self._shown is None:
            return ""
        self._shown = None
        return POP
