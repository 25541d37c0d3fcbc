"""The axes of a contour plot: round tick values, and labels beside their ticks that never touch each other.

The spacing of the ticks and the form of the labels may be changed here. Charts have axes of their own (chart_axis.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from adam_tui.draw.cells import Cells
from adam_tui.draw.chart_axis import short_scientific
from adam_tui.draw.palette import Palette
from adam_tui.draw.viewport import Viewport
from adam_tui.engine.numbers import round_values

MINUS = "−"
# Columns left of the plot for a label and its tick: constant while labels are short, so that zooming does not move
# the plot.
LEFT_MARGIN = 6
BOTTOM_MARGIN = 1
# The smallest distance of two ticks; in a small plot a fifth of its size, so that there are at least two.
COLUMNS_PER_TICK = 9
ROWS_PER_TICK = 4
SMALLEST = 20, 6  # columns and rows in all: a smaller picture has no axes
MOST_TICKS = 100  # more than any axis has room for
GAP = 2  # free columns between two labels
# A tick this close to an end of the range, as a share of it, counts as inside: zooming and panning round the bounds.
END_SLACK = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Tick:
    """A round value, its label, and the column (x) or row (y) of the plot that contains it."""

    value: float
    label: str
    cell: int


def tick_values(low: float, high: float, step: Decimal) -> list[Decimal]:
    """The multiples of `step` from `low` to `high`, exact."""
    slack = (Decimal(high) - Decimal(low)) * END_SLACK
    first = ((Decimal(low) - slack) / step).to_integral_value(ROUND_CEILING)
    last = ((Decimal(high) + slack) / step).to_integral_value(ROUND_FLOOR)
    return [step * k for k in range(int(first), int(last) + 1)]


def tick_labels(values: Sequence[Decimal]) -> list[str]:
    """Labels with the same number of decimals, or like 1.5e6 if that is clearly shorter."""
    decimals = max((-int(v.as_tuple().exponent) for v in values), default=0)
    fixed = [f"{v:.{max(decimals, 0)}f}" for v in values]
    short = [short_scientific(v) for v in values]
    longest = [max(map(len, labels), default=0) for labels in (fixed, short)]
    chosen = short if longest[1] + 1 < longest[0] else fixed
    return [label.replace("-", MINUS) if v else label.lstrip("-") for v, label in zip(values, chosen, strict=True)]


def label_start(tick: Tick) -> int:
    """The column, from the plot's left edge, of an x label's first character: the digits are centred, not the minus."""
    minus = tick.label.startswith(MINUS)
    return tick.cell - (len(tick.label) - minus - 1) // 2 - minus


def x_ticks(viewport: Viewport, left: int = 0) -> list[Tick]:
    """The ticks below the plot, as many as fit; a label may begin up to `left` columns left of the plot."""
    low, high = viewport.x_min, viewport.x_max
    for step in round_values((high - low) / MOST_TICKS):
        if float(step) / (high - low) * viewport.width < min(COLUMNS_PER_TICK, viewport.width / 5):
            continue
        values = tick_values(low, high, step)
        if not values:
            return []
        ticks = [
            Tick(float(v), label, _cell(float(v) - low, high - low, viewport.width))
            for v, label in zip(values, tick_labels(values), strict=True)
        ]
        starts = [label_start(tick) for tick in ticks]
        ends = [start + len(tick.label) for start, tick in zip(starts, ticks, strict=True)]
        if all(end + GAP <= start for end, start in zip(ends, starts[1:], strict=False)):
            return [
                t for t, start, end in zip(ticks, starts, ends, strict=True) if start >= -left and end <= viewport.width
            ]
    raise AssertionError("round_values never ends")


def y_ticks(viewport: Viewport) -> list[Tick]:
    """The ticks left of the plot, from the lowest to the highest."""
    low, high = viewport.y_min, viewport.y_max
    distance = min(ROWS_PER_TICK, max(viewport.height / 5, 1.5))
    steps = round_values((high - low) / MOST_TICKS)
    step = next(step for step in steps if float(step) / (high - low) * viewport.height >= distance)
    values = tick_values(low, high, step)
    return [
        Tick(float(v), label, _cell(high - float(v), high - low, viewport.height))
        for v, label in zip(values, tick_labels(values), strict=True)
    ]


def _cell(distance: float, span: float, cells: int) -> int:
    return min(max(int(distance / span * cells), 0), cells - 1)


def margin(ticks: Sequence[Tick]) -> int:
    """The columns that y ticks need left of the plot: the longest label, a tick, and one free column."""
    return max([LEFT_MARGIN, *(len(tick.label) + 2 for tick in ticks)])


def draw_axes(cells: Cells, viewport: Viewport, offset: tuple[int, int], palette: Palette) -> None:
    """Draw both axes into `cells` around the plot whose top left cell is `offset` (row, column)."""
    top, left = offset
    for tick in y_ticks(viewport):
        if len(tick.label) >= left:
            continue  # part of a number would be wrong
        cells.put(top + tick.cell, left - 1 - len(tick.label), tick.label, palette.faint)
        cells.put(top + tick.cell, left - 1, "╶", palette.axis)
    for tick in x_ticks(viewport, left):
        cells.put(top + viewport.height, left + label_start(tick), tick.label, palette.faint)
