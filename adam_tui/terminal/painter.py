"""Between Textual and the terminal: takes the updates that Textual composes, and returns the text to be written.

Textual writes whole widgets, each with its own escapes. Here every cell of an update goes into a `ScreenBuffer` first,
and only the difference is sent; on a slow line in pieces, as `FlowControl` has room for them.
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
from adam_tui.terminal.flow_control import QUESTION, FlowControl
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
    """Paints the terminal whose cells `buffer` holds; `flow` limits what is sent to a slow one."""

    def __init__(self, buffer: ScreenBuffer, flow: FlowControl | None = None) -> None:
        self.buffer = buffer
        self.flow = flow

    @property
    def behind(self) -> bool:
        """Whether some of the picture has not been sent."""
        return self.buffer.behind

    def put(self, update: CompositorUpdate, size: Size) -> None:
        """Put the cells of an update into the buffer of a screen of this size."""
        if (self.buffer.width, self.buffer.height) != size:
            self.buffer.resize(*size)
        for x, y, strip in _placed(update):
            if type(strip) is CellStrip:
                row = strip.row
                self.buffer.put(y, x, row.text[strip.start : strip.stop], row.styles[strip.start : strip.stop])
            else:
                for text, style, control in strip:
                    if not control:
                        cells = split_cells(text)
                        self.buffer.put(y, x, cells, (style_of(style),) * len(cells))
                        x += len(cells)

    def next_piece(self, cursor: tuple[int, int] | None = None) -> str:
        """Return the text to send now: all that is left, or as much as there is room for; empty if nothing."""
        if self.flow is None:
            return self.buffer.changes(cursor=cursor)
        room = self.flow.room()
        text = self.buffer.changes(room, cursor) if room > 0 else ""
        return text + self.question(len(text.encode())) if text else ""

    def question(self, bytes_before: int = 0) -> str:
        """Return a question for the terminal, to be sent together with the bytes before it."""
        assert self.flow is not None
        self.flow.sent(bytes_before + len(QUESTION))
        return QUESTION


def _placed(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Yield column, row and strip for each strip of an update, as `update.render_segments` places them."""
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
        raise TypeError(f"unknown kind of screen update: {type(update).__name__}")


@lru_cache(maxsize=4096)
def split_cells(text: str) -> tuple[str, ...]:
    """Return the characters of each column: "" in the right half of a wide one, a combining mark with its letter."""
    cells: list[str] = []
    for character in text:
        columns = 1 if character.isascii() else get_character_cell_size(character)
        if columns:
            cells += [character, ""][:columns]
        elif cells:
            cells[-1] += character
    return tuple(cells)


@lru_cache(maxsize=4096)
def style_of(style: Style | None) -> int:
    """Return the packed style of a Rich style."""
    if style is None:
        return sgr.pack_style(sgr.DEFAULT, sgr.DEFAULT)
    attributes = 0
    for name, bit in _ATTRIBUTES:
        if getattr(style, name):
            attributes |= bit
    return sgr.pack_style(_color(style.color), _color(style.bgcolor), attributes)


def _color(color: Color | None) -> int:
    if color is None or color.type is ColorType.DEFAULT:
        return sgr.DEFAULT
    if color.triplet is not None:
        red, green, blue = color.triplet
        return red << 16 | green << 8 | blue
    return sgr.ENTRY | (color.number or 0)
