"""The layout of the playground in `adam.tcss`, as numbers: the first picture needs them before Textual is loaded.

A size that changes here changes in `adam.tcss` as well; tests/ui/test_first_picture.py compares the two.
"""

from __future__ import annotations

MIN_WIDTH, MIN_HEIGHT = 60, 18  # a smaller terminal only shows which size is needed
NARROW, WIDE = 100, 150  # columns of the terminal at which the right side gets narrower or wider
SIDE_COLUMNS = ((0, 31), (NARROW, 50), (WIDE, 62))  # the width of the right side, from each width of the terminal on
LINES = 3  # rows above and below it: modes, timeline, keys
FRAME = 1  # cells around the contour


def side_size(width: int, height: int, *, hinted: bool) -> tuple[int, int]:
    """Return columns and rows of the playground's right side; a hint takes one row."""
    columns = next(columns for least, columns in reversed(SIDE_COLUMNS) if width >= least)
    return columns, max(height - LINES - hinted, 0)


def contour_region(width: int, height: int, *, hinted: bool) -> tuple[int, int, int, int]:
    """Return row, column, width and height of the contour inside its frame, in a terminal of that size."""
    columns, rows = side_size(width, height, hinted=hinted)
    return 1 + FRAME, FRAME, width - columns - 2 * FRAME, rows - 2 * FRAME
