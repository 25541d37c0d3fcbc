"""The top line: the name of the program, the modes with their keys, and the status of the mode on the right."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from adam_tui.terminal.sanitize import sanitize
from adam_tui.ui.actions import MODES
from adam_tui.ui.layout import NARROW

NAME = " adam-tui "
AROUND_CHOSEN = "  "  # the columns that the current mode takes more than the others
BESIDE_STATUS = 2  # columns


def gap(width: int) -> str:
    """The space before each mode in a line of this width."""
    return "  " if width >= NARROW else " "


def status_room(width: int) -> int:
    """The columns beside the modes with their usual keys; a longer status is cut off."""
    modes = sum(len(f"{gap(width)}{key} {title}") for key, _, title in MODES)
    return max(width - len(NAME) - modes - len(AROUND_CHOSEN) - BESIDE_STATUS, 0)


class TabsLine(Widget):
    """The top line. `modes` are (key, name, title); `current` is the name of the mode shown."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TabsLine { dock: top; height: 1; width: 100%; background: $panel; color: $text-muted; }
    """
    status: reactive[str] = reactive("")

    def __init__(self, modes: Sequence[tuple[str, str, str]], current: str) -> None:
        super().__init__()
        self._modes = tuple(modes)
        self._current = current

    def render(self) -> Content:
        """Return the line; on a narrow terminal the status is cut off first."""
        before = gap(self.size.width)
        parts = [Content.from_markup(f"[b $foreground]{NAME}[/]")]
        for key, name, title in self._modes:
            chosen = name == self._current
            style = "[b $background on $accent]" if chosen else f"[@click=app.mode('{name}')]"
            parts.append(
                Content.from_markup(
                    f"{before}{style} $key $title [/]" if chosen else f"{before}{style}$key $title[/]",
                    key=key,
                    title=title,
                )
            )
        left = Content("").join(parts)
        room = self.size.width - left.cell_length - BESIDE_STATUS
        if room < 4 or not self.status:
            return left
        text = Content(sanitize(self.status)).truncate(room, ellipsis=True)
        return Content("").join([left, Content(" " * (room + 1 - text.cell_length)), text])
