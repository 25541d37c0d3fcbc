"""Block characters: which parts of its cell each one fills.

Pictures paint with them, exports and poor terminals read them. A block and its complement with foreground and
background exchanged look the same, which the terminal's encoder uses to send fewer bytes.
"""

from __future__ import annotations

from typing import Literal

# The parts of a cell that a picture paints: 1 × 2, 2 × 2 or 2 × 3, across and down. There are no octants (2 × 4):
# foot, tmux and mosh give them no width.
Blocks = Literal["halves", "quadrants", "sextants"]

# Upper left, upper right, lower left, lower right (Unicode, Block Elements).
QUADRANTS: dict[str, tuple[bool, ...]] = {
    character: (bool(bits & 8), bool(bits & 4), bool(bits & 2), bool(bits & 1))
    for bits, character in enumerate(" ▗▖▄▝▐▞▟▘▚▌▙▀▜▛█")
}
_FIRST_SEXTANT = 0x1FB00
_OLDER = {0b000000: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}  # no sextants, for they had code points before


def _sextant(bits: int) -> str:
    """Return the block of six bits; the lowest is upper left, the next upper right (Unicode, U+1FB00 to U+1FB3B)."""
    return _OLDER.get(bits) or chr(_FIRST_SEXTANT + bits - sum(older < bits for older in _OLDER))


# Upper left, upper right, middle left, middle right, lower left, lower right (Unicode, Symbols for Legacy Computing).
SEXTANTS: dict[str, tuple[bool, ...]] = {
    _sextant(bits): tuple(bool(bits >> part & 1) for part in range(6)) for bits in range(64)
}


def _complements(blocks: dict[str, tuple[bool, ...]]) -> dict[str, str]:
    by_parts = {filled: character for character, filled in blocks.items()}
    return {
        character: by_parts[tuple(not part for part in filled)]
        for character, filled in blocks.items()
        if character not in " █"
    }


# Of each block with two colours, the block that fills the other parts.
COMPLEMENT: dict[str, str] = _complements(QUADRANTS) | _complements(SEXTANTS)
# The parts that each block fills, two in a row: the quadrants, and the sextants of those that have no quadrants.
PARTS: dict[str, tuple[bool, ...]] = SEXTANTS | QUADRANTS
