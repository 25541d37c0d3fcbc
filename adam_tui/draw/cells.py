"""A rectangle of terminal cells as plain arrays. Every drawing returns one; widgets, painters and exports read it.

The encoding of a glyph is defined here and nowhere else.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

# The low 21 bits of a glyph are its code point. The bits above are 0, or 1 + the offset of a combining mark in the
# block that starts at U+0300. Thus m̂ is one cell, as on the screen.
CODE_POINT = (1 << 21) - 1
_FIRST_MARK, _LAST_MARK = 0x300, 0x36F
_UNKNOWN = ord("?")


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Glyphs with their colours, `height` × `width`.

    glyph: (H, W) uint32, code points one cell wide, with an optional combining mark in the high bits;
    fg, bg: (H, W, 3) uint8 sRGB; bold: (H, W) bool.
    """

    glyph: NDArray[np.uint32]
    fg: NDArray[np.uint8]
    bg: NDArray[np.uint8]
    bold: NDArray[np.bool_]

    @classmethod
    def blank(cls, width: int, height: int, fg: Color, bg: Color) -> Cells:
        """Make a rectangle of spaces."""
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
        """Copy all arrays."""
        return Cells(self.glyph.copy(), self.fg.copy(), self.bg.copy(), self.bold.copy())

    def put(self, row: int, column: int, text: str, fg: Color, *, bg: Color | None = None, bold: bool = False) -> None:
        """Write `text` from (row, column) to the right. Characters outside the rectangle are ignored.

        Without `bg` the background stays.
        """
        if not 0 <= row < self.height:
            return
        glyphs = _encode(text)
        first, end = max(column, 0), min(column + len(glyphs), self.width)
        if first >= end:
            return
        self.glyph[row, first:end] = glyphs[first - column : end - column]
        self.fg[row, first:end] = fg
        self.bold[row, first:end] = bold
        if bg is not None:
            self.bg[row, first:end] = bg

    def text(self, row: int, start: int = 0, stop: int | None = None) -> str:
        """The text of a row from column `start` to `stop`, combining marks included."""
        return "".join(self.characters(row, start, stop))

    def characters(self, row: int, start: int = 0, stop: int | None = None) -> list[str]:
        """Like `text`, but as a list with one string for each cell."""
        glyphs = self.glyph[row, start:stop].tolist()
        return list(map(chr if max(glyphs, default=0) <= CODE_POINT else _decode, glyphs))

    def lines(self) -> list[str]:
        """The text of all rows, for tests and for terminals without colour."""
        return [self.text(row) for row in range(self.height)]

    def changed(self, other: Cells) -> NDArray[np.bool_]:
        """The cells, (H, W) bool, in which this picture differs from `other`, which must have the same size."""
        changed: NDArray[np.bool_] = (
            (self.glyph != other.glyph)
            | (self.bold != other.bold)
            | (self.fg != other.fg).any(axis=2)
            | (self.bg != other.bg).any(axis=2)
        )
        return changed


def stack(pictures: Sequence[Cells]) -> Cells:
    """Join pictures of the same width from top to bottom. Raises ValueError if the widths differ."""
    return Cells(
        glyph=np.concatenate([picture.glyph for picture in pictures]),
        fg=np.concatenate([picture.fg for picture in pictures]),
        bg=np.concatenate([picture.bg for picture in pictures]),
        bold=np.concatenate([picture.bold for picture in pictures]),
    )


def text_width(text: str) -> int:
    """The number of cells that `put` fills with `text`: combining marks have no cell of their own."""
    return sum(not _FIRST_MARK <= ord(character) <= _LAST_MARK for character in text)


def _encode(text: str) -> list[int]:
    glyphs: list[int] = []
    for code in map(ord, text):
        if _FIRST_MARK <= code <= _LAST_MARK and glyphs:
            glyphs[-1] |= (code - _FIRST_MARK + 1) << 21
        else:
            glyphs.append(_one_cell(code))
    return glyphs


@functools.cache
def _one_cell(code: int) -> int:
    """Replace a code point that is not one cell wide, or that is a control character, by a question mark.

    Text from files is drawn too, so it must not be able to move the cursor. Code that writes into `Cells.glyph`
    directly bypasses this check and must use characters of its own.
    """
    character = chr(code)
    wide = unicodedata.east_asian_width(character) in "WF" or unicodedata.category(character) in ("Mn", "Me")
    return code if character.isprintable() and not wide else _UNKNOWN


def _decode(glyph: int) -> str:
    mark = glyph >> 21
    return chr(glyph & CODE_POINT) + (chr(_FIRST_MARK + mark - 1) if mark else "")
