"""One row of a picture as Textual's `Strip`, written to the terminal with as few bytes as the picture allows.

Textual writes both colours and a reset for every segment. Here a colour is written when it changes, and of the ways
in which two halves of a cell can be drawn (▀, ▄ with its colours exchanged) the one that changes less is taken: half
the bytes of a contour. It costs less time too: no segment, no style and no cache is made for what is only written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

UPPER, LOWER, SPACE = "▀", "▄", " "
RESET = "\x1b[0m"
_BOLD = Style(bold=True)


class Row(NamedTuple):
    """A row of a picture as lists, an entry a cell: characters, colours as 0xRRGGBB, and bold."""

    text: list[str]
    fg: list[int]
    bg: list[int]
    bold: list[bool]


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
        """The text with its escape sequences (SGR, ECMA-48); it begins and ends with no style."""
        return written(self.row, self.start, self.stop, console.color_system or "truecolor")


def written(row: Row, start: int, stop: int, color_system: str) -> str:
    """The cells `start` to `stop` of a row for a terminal that knows so many colours; ends with a reset."""
    pieces: list[str] = []
    ink, paper, strong = -1, -1, False  # as after a reset
    for text, fg, bg, bold in zip(
        row.text[start:stop], row.fg[start:stop], row.bg[start:stop], row.bold[start:stop], strict=True
    ):
        codes = ""
        if text == SPACE:
            fg, bold = ink, strong  # not seen
        elif text in (UPPER, LOWER):
            if fg == bg:
                text, fg = SPACE, ink
            elif (fg != ink) + (bg != paper) > (bg != ink) + (fg != paper):
                text, fg, bg = (LOWER if text == UPPER else UPPER), bg, fg
        if bold != strong:
            codes, strong = (";1" if bold else ";22"), bold
        if fg != ink:
            codes += _code(fg, True, color_system)
            ink = fg
        if bg != paper:
            codes += _code(bg, False, color_system)
            paper = bg
        pieces.append(f"\x1b[{codes[1:]}m{text}" if codes else text)
    pieces.append(RESET)
    return "".join(pieces)


@lru_cache(maxsize=8192)
def _code(rgb: int, foreground: bool, color_system: str) -> str:
    """A colour's SGR parameters after a semicolon."""
    color = _color(rgb).downgrade(_system(color_system))
    return ";" + ";".join(color.get_ansi_codes(foreground))


@lru_cache(maxsize=8)
def _system(name: str) -> ColorSystem:
    return COLOR_SYSTEMS[name]


@lru_cache(maxsize=8192)
def _color(rgb: int) -> RichColor:
    return RichColor.from_rgb(rgb >> 16, rgb >> 8 & 255, rgb & 255)


def _segments(row: Row, start: int, stop: int) -> list[Segment]:
    """Runs of cells that look alike. A space has no ink: its foreground does not cut a run in two."""
    runs: list[tuple[list[str], tuple[int, int, bool]]] = []
    for i in range(start, stop):
        text, bg = row.text[i], row.bg[i]
        seen = (row.fg[i], bg, row.bold[i])
        if runs and (runs[-1][1] == seen or (text == SPACE and runs[-1][1][1] == bg)):
            runs[-1][0].append(text)
        else:
            runs.append(([text], seen))
    return [Segment("".join(texts), _style(*seen)) for texts, seen in runs]


@lru_cache(maxsize=8192)
def _style(fg: int, bg: int, bold: bool) -> Style:
    """The Rich style of two 24-bit colours; cached because Rich caches its escape codes in the object."""
    style = Style.from_color(_color(fg), _color(bg))  # five times as quick as Style(color=…, bgcolor=…)
    return style + _BOLD if bold else style
