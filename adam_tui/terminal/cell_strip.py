"""One row of a picture as Textual's `Strip`, which becomes segments only on demand.

The `Painter` reads a composed screen cell by cell. So a row that is only painted needs no segments, styles or caches,
which would take longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rich.color import Color as RichColor
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from adam_tui.terminal.environment import Depth
from adam_tui.terminal.sgr import BOLD, RESET, SPACE, Pen, encode, unpack_style

_BOLD = Style(bold=True)
_DEPTHS: dict[str | None, Depth] = {"256": "256", "standard": "16"}


class Row(NamedTuple):
    """A row of a picture, an entry a cell: its characters and its style (see `sgr`)."""

    text: list[str]
    styles: list[int]


class CellStrip(Strip):
    """The cells `start` to `stop` of a row.

    Cropped or divided it stays a `CellStrip`; for any other method of a Strip it first becomes an ordinary one.
    """

    __slots__ = ("row", "start", "stop")

    def __init__(self, row: Row, start: int, stop: int) -> None:
        # Strip.__init__ makes seven caches, which takes longer than writing the cells: see `__getattr__`.
        self.row, self.start, self.stop = row, start, stop

    def __getattr__(self, name: str) -> Any:
        """Become an ordinary strip when one of its attributes is needed."""
        if name not in Strip.__slots__:
            raise AttributeError(name)
        super().__init__(_segments(self.row, self.start, self.stop), self.stop - self.start)
        return getattr(self, name)

    @property
    def cell_length(self) -> int:
        """The number of columns."""
        return self.stop - self.start

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Return the part between two columns."""
        first = self.start + max(start, 0)
        last = self.stop if end is None else min(self.stop, self.start + end)
        return CellStrip(self.row, first, max(first, last))

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Return the parts between the columns of `cuts`, from the first column on."""
        parts, first = [], self.start
        for cut in cuts:
            if (last := self.start + cut) <= self.stop:
                parts.append(CellStrip(self.row, first, last))
                first = last
        return parts

    def render(self, console: Console) -> str:
        """Return the text with its escapes, from no style to none, for terminals without a `Painter`."""
        depth = _DEPTHS.get(console.color_system, "truecolor")
        row = self.row
        return encode(row.text[self.start : self.stop], row.styles[self.start : self.stop], depth, Pen())[0] + RESET


def _segments(row: Row, start: int, stop: int) -> list[Segment]:
    """Return a segment for each run of cells of one style. The foreground of a space does not end a run."""
    runs: list[tuple[list[str], Pen]] = []
    for text, style in zip(row.text[start:stop], row.styles[start:stop], strict=True):
        pen = unpack_style(style)
        if runs and (runs[-1][1] == pen or (text == SPACE and runs[-1][1].bg == pen.bg)):
            runs[-1][0].append(text)
        else:
            runs.append(([text], pen))
    return [Segment("".join(texts), _style(*pen)) for texts, pen in runs]


@lru_cache(maxsize=8192)
def _style(fg: int, bg: int, attributes: int) -> Style:
    """Return the Rich style of two 24-bit colours; cached because Rich caches its escape codes in the object."""
    style = Style.from_color(_color(fg), _color(bg))  # five times as quick as Style(color=…, bgcolor=…)
    return style + _BOLD if attributes & BOLD else style


@lru_cache(maxsize=8192)
def _color(rgb: int) -> RichColor:
    return RichColor.from_rgb(rgb >> 16, rgb >> 8 & 255, rgb & 255)
