"""A rectangle of terminal cells as plain arrays: what every drawing returns and every widget shows."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

# A glyph is a code point in its low 21 bits; above them, one more than the place of a combining mark in its block
# (U+0300…), 0 for none. So m̂ is one cell, as it is on the screen.
CODE_POINT = (1 << 21) - 1
_FIRST_MARK, _LAST_MARK = 0x300, 0x36F
_UNKNOWN = ord("?")


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Glyphs with their colours, `height` × `width`.

    glyph: (H, W) uint32 code points, each one cell wide, with a combining mark where there is one;
    fg, bg: (H, W, 3) uint8 sRGB; bold: (H, W) bool.
    """

    glyph: NDArray[np.uint32]
    fg: NDArray[np.uint8]
    bg: NDArray[np.uint8]
    bold: NDArray[np.bool_]

    @classmethod
    def blank(cls, width: int, height: int, fg: Color, bg: Color) -> Cells:
        """Spaces of one colour."""
        return cls(
            glyph=np.full((height, width), ord(" "), np.uint32),
            fg=np.broadcast_to(np.array(fg, np.uint8), (height, width, 3)).copy(),
            bg=np.broadcast_to(np.array(bg, np.uint8), (height, width, 3)).copy(),
            bold=np.zeros((height, width), np.bool_),
        )

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.glyph.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.glyph.shape[0])

    def copy(self) -> Cells:
        """A copy that may be drawn on without changing this one."""
        return Cells(self.glyph.copy(), self.fg.copy(), self.bg.copy(), self.bold.copy())

    def put(self, row: int, column: int, text: str, fg: Color, *, bg: Color | None = None, bold: bool = False) -> None:
        """Write `text` from (row, column) to the right; what falls outside the rectangle is left out."""
        if not 0 <= row < self.height:
            return
        glyphs = _glyphs(text)
        first, end = max(column, 0), min(column + len(glyphs), self.width)
        if first >= end:
            return
        self.glyph[row, first:end] = glyphs[first - column : end - column]
        self.fg[row, first:end] = fg
        self.bold[row, first:end] = bold
        if bg is not None:
            self.bg[row, first:end] = bg

    def text(self, row: int, start: int = 0, stop: int | None = None) -> str:
        """The characters of a row from column `start` to `stop`, with their combining marks."""
        return "".join(self.characters(row, start, stop))

    def characters(self, row: int, start: int = 0, stop: int | None = None) -> list[str]:
        """The characters of a row from column `start` to `stop`, a string a cell, with their combining marks."""
        glyphs = self.glyph[row, start:stop].tolist()
        return list(map(chr if max(glyphs, default=0) <= CODE_POINT else _character, glyphs))

    def lines(self) -> list[str]:
        """The glyphs alone, a string a row: for tests and for terminals without colour."""
        return [self.text(row) for row in range(self.height)]

    def changed(self, other: Cells) -> NDArray[np.bool_]:
        """(H, W) bool: where this picture differs from `other`, which has the same size."""
        changed: NDArray[np.bool_] = (
            (self.glyph != other.glyph)
            | (self.bold != other.bold)
            | (self.fg != other.fg).any(axis=2)
            | (self.bg != other.bg).any(axis=2)
        )
        return changed


def stacked(pictures: Sequence[Cells]) -> Cells:
    """Pictures of one width, from top to bottom, as one."""
    return Cells(
        glyph=np.concatenate([picture.glyph for picture in pictures]),
        fg=np.concatenate([picture.fg for picture in pictures]),
        bg=np.concatenate([picture.bg for picture in pictures]),
        bold=np.concatenate([picture.bold for picture in pictures]),
    )


def columns(text: str) -> int:
    """How many cells `put` fills with `text`: a combining mark takes none of its own."""
    return sum(not _FIRST_MARK <= ord(character) <= _LAST_MARK for character in text)


def _glyphs(text: str) -> list[int]:
    glyphs: list[int] = []
    for code in map(ord, text):
        if _FIRST_MARK <= code <= _LAST_MARK and glyphs:
            glyphs[-1] |= (code - _FIRST_MARK + 1) << 21
        else:
            glyphs.append(_in_one_cell(code))
    return glyphs


@functools.cache
def _in_one_cell(code: int) -> int:
    """The code point, or that of a question mark for one that is no cell wide or two, or would steer the terminal.

    Text from files gets here too. Whoever fills `glyph` without `put` knows what it draws.
    """
    character = chr(code)
    wide = unicodedata.east_asian_width(character) in "WF" or unicodedata.category(character) in ("Mn", "Me")
    return code if character.isprintable() and not wide else _UNKNOWN


def _character(glyph: int) -> str:
    mark = glyph >> 21
    return chr(glyph & CODE_POINT) + (chr(_FIRST_MARK + mark - 1) if mark else "")
