"""What a user sees of a cell with a block: the colours of its parts, however the block was written."""

from adam_tui.draw.blocks import COMPLEMENT, PARTS

# For `str.translate`: a block that leaves the upper left part empty is shown as its complement, so ▄ as ▀.
EITHER_BLOCK = {ord(block): other for block, other in COMPLEMENT.items() if not PARTS[block][0]}


def part_colors(character, fg, bg):
    """The colours of a block's quadrants or sextants; None for a character that is no block."""
    filled = PARTS.get(character)
    return None if filled is None else tuple(fg if inked else bg for inked in filled)
