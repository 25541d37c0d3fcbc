"""One row of a picture as Textual's `Strip`: its cells as they are; segments are made of them only when asked for.

What Textual composes for the terminal is read cell by cell (see `Painter`): so no segment, style or cache is made for a
row that is only painted, which would take longer than all the rest.
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

from adam_tui.terminal.ansi import Depth
from adam_tui.terminal.sgr import BOLD, RESET, SPACE, Pen, encode, parts

_BOLD = Style(bold=True)
_DEPTHS: dict[str | None, Depth] = {"256": "256", "standard": "16"}


class Row(NamedTuple):
    """A row of a picture, an entry a cell: its characters, and its look (see `spelling`)."""

    text: list[str]
    looks: list[int]


class CellStrip(Strip):
    """The cells `start` to `stop` of a row.

    Cropped and cut it stays what it is; for anything else that a Strip can do it first becomes an ordinary one.
    """

    __slots__ = ("row", "start", "stop")

    def __init__(self, row: Row, start: int, stop: int) -> None:
        # Strip's own start makes seven caches, which takes longer than writing the cells: see `__getattr__`.
        self.row, self.start, self.stop = row, start, stop

    def __getattr__(self, name: str) -> Any:
        """Become an ordinary strip when something of one is asked for that this one has not."""
        if name not in Strip.__slots__:
            raise AttributeError(name)
        super().__init__(_segments(self.row, self.start, self.stop), self.stop - self.start)
        return getattr(self, name)

    @property
    def cell_length(self) -> int:
        """Columns."""
        return self.stop - self.start

    def crop(self, start: int, end: int | None = None) -> Strip:
        """The part between two columns."""
        first = self.start + max(start, 0)
        last = self.stop if end is None else min(self.stop, self.start + end)
        return CellStrip(self.row, first, max(first, last))

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """The parts between the columns of `cuts`, from the first column on."""
        parts, first = [], self.start
        for cut in cuts:
            if (last := self.start + cut) <= self.stop:
                parts.append(CellStrip(self.row, first, last))
                first = last
        return parts

    def render(self, console: Console) -> str:
        """The text with its escapes, for terminals that are not painted by a `Painter`: from no style to none."""
        depth = _DEPTHS.get(console.color_system, "truecolor")
        row = self.row
        return encode(row.text[self.start : self.stop], row.looks[self.start : self.stop], depth, Pen())[0] + RESET


def _segments(row: Row, start: int, stop: int) -> list[Segment]:
    """Runs of cells that look alike. A space has no ink: its foreground does not cut a run in two."""
    runs: list[tuple[list[str], Pen]] = []
    for text, look in zip(row.text[start:stop], row.looks[start:stop], strict=True):
        seen = parts(look)
        if runs and (runs[-1][1] == seen or (text == SPACE and runs[-1][1].paper == seen.paper)):
            runs[-1][0].append(text)
        else:
            runs.append(([text], seen))
    return [Segment("".join(texts), _style(*seen)) for texts, seen in runs]


@lru_cache(maxsize=8192)
def _style(ink: int, paper: int, attributes: int) -> Style:
    """The Rich style of two 24-bit colours; cached because Rich caches its escape codes in the object."""
    style = Style.from_color(_color(ink), _color(paper))  # five times as quick as Style(color=…, bgcolor=…)
    return style + _BOLD if attributes & BOLD else style


@lru_cache(maxsize=8192)
def _color(rgb: int) -> RichColor:
    return RichColor.from_rgb(rgb >> 16, rgb >> 8 & 255, rgb & 255)
