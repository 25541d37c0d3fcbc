"""What a user sees of a cell with a block: the colours of its parts, however the block was written."""

from adam_tui.draw.blocks import COMPLEMENT, PARTS

# For `str.translate`: a block that leaves the upper left part empty is shown as its complement, so ▄ as ▀.
EITHER_BLOCK = {ord(block): other for block, other in COMPLEMENT.items() if not PARTS[block][0]}
ROWS = 6  # of parts, into which both quadrants and sextants divide


def part_colors(character, fg, bg):
    """The colours of a block's 2 × 6 parts, row by row; None for a character that is no block."""
    filled = PARTS.get(character)
    if filled is None:
        return None
    rows = len(filled) // 2
    return tuple(fg if filled[2 * (row * rows // ROWS) + column] else bg for row in range(ROWS) for column in (0, 1))
