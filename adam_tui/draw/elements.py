"""Small pieces that several panels share: numbers in columns, cut and wrapped text, sliders, one-line texts.

Panels are drawn cell by cell, like the plots: a changed number costs only its own digits on the line to the terminal,
and columns never move. Every function that returns cells fills exactly the given rectangle and omits what does not fit.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from adam_tui.draw.cells import Cells, Color, text_width
from adam_tui.draw.palette import Palette

NUMBER = 8  # columns of "-5.6e-02"
# Numbers in a column that is compared: the usual number of significant digits, and those of a float.
USUAL_DIGITS, MOST_DIGITS = 4, 17
LEAST_DECIMAL, LONGEST_WHOLE = 1e-3, 5  # beyond these, numbers are written with an exponent
POINTER = "▸"  # marks the selected row of a list
HEAD = "●"  # the head of a slider or a progress bar
SHORTEST_SLIDER = 8
BLOCKS = "▁▂▃▄▅▆▇█"


def format_scientific(value: float, width: int = NUMBER, decimals: int = 1) -> str:
    """Format a float in scientific notation, right-aligned, with at most `decimals` that fit: " 5.6e-02"."""
    if not math.isfinite(value):
        return f"{'∞' if value > 0 else '−∞' if value < 0 else 'nan':>{width}}"
    value += 0.0  # −0.0 becomes 0
    texts = (f"{value:.{digits}e}" for digits in range(decimals, -1, -1))
    text = next((text for text in texts if len(text) <= width), f"{value:.0e}")
    return f"{text:>{width}}"


def format_significant(value: float, width: int, digits: int) -> str:
    """Format a float right-aligned, with at most `digits` significant digits, in the notation that shows more of them.

    Numbers from 0.001 on are written without an exponent, if their digits before the point fit.
    """
    if not math.isfinite(value) or not value:
        return format_scientific(value, width) if value else f"{'0':>{width}}"
    whole = len(f"{abs(value):.0f}") if abs(value) >= 1 else 1
    places = digits - (math.floor(math.log10(abs(value))) + 1)  # after the point
    room = width - whole - (value < 0)
    if abs(value) < LEAST_DECIMAL or whole > max(digits, LONGEST_WHOLE) or room < 0:
        return format_scientific(value, width, min(digits, MOST_DIGITS) - 1)
    return f"{value:{width}.{max(min(places, room - 1), 0)}f}"


def format_apart(values: Sequence[float], width: int) -> list[str]:
    """Format a column of numbers so that different ones look different, each in `width` columns.

    Numbers have four significant digits. Those that look alike get all digits that fit. If they still look alike, only
    the lowest keeps its digits; the others show how far they are above it, such as "+3e-12".
    """
    texts = [format_significant(value, width, USUAL_DIGITS) for value in values]
    for group in _ambiguous(values, texts):
        for i in group:
            texts[i] = format_significant(values[i], width, MOST_DIGITS)
    for group in _ambiguous(values, texts):
        lowest = min(values[i] for i in group)
        for i in group:
            if values[i] != lowest:
                texts[i] = f"{'+' + format_scientific(values[i] - lowest, width - 1).strip():>{width}}"
    return texts


def _ambiguous(values: Sequence[float], texts: Sequence[str]) -> list[list[int]]:
    """The groups of indices whose texts are equal although their finite values differ."""
    groups: dict[str, list[int]] = {}
    for i, (value, text) in enumerate(zip(values, texts, strict=True)):
        if math.isfinite(value):
            groups.setdefault(text, []).append(i)
    return [group for group in groups.values() if len({values[i] for i in group}) > 1]


def format_decimal(value: float, width: int) -> str:
    """Format a float with five decimals if they fit and are significant, else in scientific notation."""
    if not math.isfinite(value):
        return format_scientific(value, width)
    value += 0.0  # −0.0 becomes 0
    text = f"{value:.5f}"
    if len(text) > width - 1 or (value and abs(value) < 1e-3):
        text = format_scientific(value, width - 1, 3)
    return f"{text:>{width}}"


def shorten(text: str, width: int) -> str:
    """Cut a text that is wider than `width` columns; "…" replaces its end."""
    return text if text_width(text) <= width else text[: width - 1] + "…"


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` columns; long words are broken too."""
    return textwrap.wrap(text, max(width, 1)) or [""]


def visible_rows(selected: int, count: int, height: int) -> range:
    """The rows of a list that a window of `height` lines shows, with the selected row near its middle."""
    first = min(max(selected - height // 2, 0), count - height) if count > height else 0
    return range(first, min(first + height, count))


def hidden_rows(shown: range, count: int) -> str:
    """How many rows of a list are above and below those that are shown: "+2▴ +1▾", or "" for none."""
    above, below = shown.start, count - shown.stop
    return " ".join([f"+{above}▴"] * (above > 0) + [f"+{below}▾"] * (below > 0))


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw values from 0 to 1 as `width` block characters, each the mean of its part."""
    parts = (
        values[i * len(values) // width : max((i + 1) * len(values) // width, i * len(values) // width + 1)]
        for i in range(width)
    )
    return "".join(BLOCKS[min(int(sum(part) / len(part) * len(BLOCKS)), len(BLOCKS) - 1)] for part in parts)


def draw_slider(cells: Cells, row: int, column: int, length: int, share: float, color: Color, palette: Palette) -> None:
    """Draw a thin line, `length` cells long, with a head at `share` (0 to 1) of it."""
    cells.put(row, column, "─" * length, palette.border)
    cells.put(row, column + _head(length, share), HEAD, color, bold=True)


def draw_progress(
    cells: Cells, row: int, column: int, length: int, share: float, color: Color, palette: Palette
) -> None:
    """Draw a slider whose part before the head is heavy and coloured."""
    draw_slider(cells, row, column, length, share, color, palette)
    cells.put(row, column, "━" * _head(length, share), color)


def _head(length: int, share: float) -> int:
    return round((length - 1) * min(max(share, 0.0), 1.0))


def notes(lines: Sequence[tuple[str, bool]], width: int, palette: Palette) -> Cells:
    """Draw short remarks, one in each row; those marked True are warnings."""
    cells = Cells.blank(width, len(lines), palette.foreground, palette.background)
    for row, (text, warning) in enumerate(lines):
        cells.put(row, 0, shorten(text, width), palette.states["diverged"] if warning else palette.faint, bold=warning)
    return cells


def text_row(text: str, color: Color, width: int, palette: Palette) -> Cells:
    """Draw one row of text with a free column on either side."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    cells.put(0, 1, text if len(text) < width else text[: width - 2] + "…", color)
    return cells
