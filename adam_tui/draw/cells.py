"""A rectangle of terminal cells as plain arrays: what every drawing returns and every widget shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Glyphs with their colours, `height` × `width`.

    glyph: (H, W) uint32 code points, each one cell wide; fg, bg: (H, W, 3) uint8 sRGB; bold: (H, W) bool.
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
        for i, character in enumerate(text, start=column):
            if 0 <= i < self.width:
                self.glyph[row, i] = ord(character)
                self.fg[row, i] = fg
                self.bold[row, i] = bold
                if bg is not None:
                    self.bg[row, i] = bg

    def lines(self) -> list[str]:
        """The glyphs alone, a string a row: for tests and for terminals without colour."""
        return ["".join(map(chr, row)) for row in self.glyph]

    def changed(self, other: Cells) -> NDArray[np.bool_]:
        """(H, W) bool: where this picture differs from `other`, which has the same size."""
        return (
            (self.glyph != other.glyph)
            | (self.bold != other.bold)
            | (self.fg != other.fg).any(axis=2)
            | (self.bg != other.bg).any(axis=2)
        )
