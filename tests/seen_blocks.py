"""What a user sees of a cell with a block: the colours of its quadrants, however the block was written."""

from adam_tui.draw.blocks import COMPLEMENT, QUADRANTS

# For `str.translate`: a block that leaves the upper left quadrant empty is shown as its complement, so ▄ as ▀.
EITHER_BLOCK = {ord(block): other for block, other in COMPLEMENT.items() if not QUADRANTS[block][0]}


def quadrant_colors(character, fg, bg):
    """The colours of the four quadrants; None for a character that is no block."""
    filled = QUADRANTS.get(character)
    return None if filled is None else tuple(fg if inked else bg for inked in filled)
