"""Block characters: which quadrants of its cell each one fills.

Pictures paint with them, exports and poor terminals read them. A block and its complement with foreground and
background exchanged look the same, which the terminal's encoder uses to send fewer bytes.
"""

from __future__ import annotations

# Upper left, upper right, lower left, lower right (Unicode, Block Elements).
QUADRANTS: dict[str, tuple[bool, bool, bool, bool]] = {
    character: (bool(bits & 8), bool(bits & 4), bool(bits & 2), bool(bits & 1))
    for bits, character in enumerate(" ▗▖▄▝▐▞▟▘▚▌▙▀▜▛█")
}
_BY_QUADRANTS = {quadrants: character for character, quadrants in QUADRANTS.items()}
# Of each block with two colours, the block that fills the other quadrants.
COMPLEMENT: dict[str, str] = {
    character: _BY_QUADRANTS[not a, not b, not c, not d]
    for character, (a, b, c, d) in QUADRANTS.items()
    if character not in " █"
}
