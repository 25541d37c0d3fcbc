"""Which part of the terminal is whose, as `adam.tcss` lays it out: known before Textual is, for the first picture."""

from __future__ import annotations

MIN_WIDTH, MIN_HEIGHT = 60, 18  # below it, the app only says what it needs
NARROW, WIDE = 100, 150  # columns of the terminal at which the right side gets narrower or wider
SIDE_COLUMNS = ((0, 31), (NARROW, 50), (WIDE, 62))  # how wide the playground's is
LINES = 3  # rows above and below it: modes, timeline, keys
FRAME = 1  # cells around the contour


def side_size(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the playground's right side."""
    columns = next(columns for least, columns in reversed(SIDE_COLUMNS) if width >= least)
    return columns, max(height - LINES, 0)


def contour_region(width: int, height: int) -> tuple[int, int, int, int]:
    """Row, column, width and height of the contour inside its frame, in a terminal of that size."""
    columns, rows = side_size(width, height)
    return 1 + FRAME, FRAME, width - columns - 2 * FRAME, rows - 2 * FRAME
