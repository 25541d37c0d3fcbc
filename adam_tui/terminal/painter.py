"""Between Textual and the terminal: Textual says what to paint, the painter sends what the terminal does not show yet.

Textual writes whole widgets, each with its own escapes. Here every cell of an update goes into a `ScreenBuffer` first,
and what is sent is the difference; on a slow line it is sent in pieces, as `Line` has room for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.color import Color, ColorType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

from adam_tui.terminal import sgr
from adam_tui.terminal.cell_strip import CellStrip
from adam_tui.terminal.flow_control import QUESTION, Line
from adam_tui.terminal.screen_buffer import ScreenBuffer

_ATTRIBUTES = (
    ("bold", sgr.BOLD),
    ("dim", sgr.DIM),
    ("italic", sgr.ITALIC),
    ("underline", sgr.UNDERLINE),
    ("underline2", sgr.UNDERLINE),
    ("blink", sgr.BLINK),
    ("reverse", sgr.REVERSE),
    ("strike", sgr.STRIKE),
)


class Painter:
    """Paints on the terminal that `memory` remembers, over `line` if that is a slow one."""

    def __init__(self, memory: ScreenBuffer, line: Line | None = None) -> None:
        self.memory = memory
        self.line = line

    @property
    def behind(self) -> bool:
        """Whether some of the picture has not been sent."""
        return self.memory.behind

    def take(self, update: CompositorUpdate, size: Size) -> None:
        """Remember what an update of a screen of this size wants to be seen."""
        if (self.memory.width, self.memory.height) != size:
            self.memory.resize(*size)
        for x, y, strip in _placed(update):
            if type(strip) is CellStrip:
                row = strip.row
                self.memory.put(y, x, row.text[strip.start : strip.stop], row.looks[strip.start : strip.stop])
            else:
                for text, style, control in strip:
                    if not control:
                        cells = cells_of(text)
                        self.memory.put(y, x, cells, (look_of(style),) * len(cells))
                        x += len(cells)

    def piece(self, cursor: tuple[int, int] | None = None) -> str:
        """What to send now: all that is left, or over a line as much as it has room for; empty if nothing."""
        if self.line is None:
            return self.memory.changes(cursor=cursor)
        room = self.line.room()
        text = self.memory.changes(room, cursor) if room > 0 else ""
        return text + self.question(len(text.encode())) if text else ""

    def question(self, before: int = 0) -> str:
        """A question for the line, behind so many bytes that are sent with it."""
        assert self.line is not None
        self.line.sent(before + len(QUESTION))
        return QUESTION


def _placed(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]]:
    """The strips of an update with the column and row where each begins, as `update.render_segments` writes them."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                yield x, y, strip
                x += strip.cell_length
    elif isinstance(update, ChopsUpdate):
        for y, x1, x2 in update.spans:
            for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if chop is not None and x < x2 and end > x1:
                    first = max(x1 - x, 0)
                    yield x + first, y, chop.crop(first, min(end, x2) - x) if first or end > x2 else chop
    else:
        raise TypeError(f"no update of a screen: {type(update).__name__}")


@lru_cache(maxsize=4096)
def cells_of(text: str) -> tuple[str, ...]:
    """The characters of each column: "" in the right half of a wide one, a combining mark with its letter."""
    cells: list[str] = []
    for character in text:
        columns = 1 if character.isascii() else get_character_cell_size(character)
        if columns:
            cells += [character, ""][:columns]
        elif cells:
            cells[-1] += character
    return tuple(cells)


@lru_cache(maxsize=4096)
def look_of(style: Style | None) -> int:
    """The look that a style of Textual's asks for."""
    if style is None:
        return sgr.look(sgr.DEFAULT, sgr.DEFAULT)
    attributes = 0
    for name, bit in _ATTRIBUTES:
        if getattr(style, name):
            attributes |= bit
    return sgr.look(_color(style.color), _color(style.bgcolor), attributes)


def _color(color: Color | None) -> int:
    if color is None or color.type is ColorType.DEFAULT:
        return sgr.DEFAULT
    if color.triplet is not None:
        red, green, blue = color.triplet
        return red << 16 | green << 8 | blue
    return sgr.ENTRY | (color.number or 0)
