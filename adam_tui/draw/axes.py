"""Axes: round tick values, and labels that stand at their tick and never touch each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import Palette
from adam_tui.draw.viewport import Viewport
from adam_tui.engine.numbers import round_values

MINUS = "−"
# Room for a label and its tick left of the plot: constant while labels are short, so that zooming does not move it.
LEFT_MARGIN = 6
BOTTOM_MARGIN = 1
# Ticks are at least this far apart; in a small plot a fifth of its size, so that there are two or more.
COLUMNS_A_TICK = 9
ROWS_A_TICK = 4
SMALLEST = 20, 6  # columns and rows in all: below this the plot needs the room itself
MOST_TICKS = 100  # no axis has room for more
GAP = 2  # free columns between two labels
# An end of the range counts as reached within this share of it: bounds carry the rounding of zooms and pans.
END_SLACK = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Tick:
    """A round value, its label, and the column (x) or row (y) of the plot in which it lies."""

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
    """One label a value, all with the same decimals; as 1.5e6 where that is clearly shorter."""
    decimals = max((-int(v.as_tuple().exponent) for v in values), default=0)
    fixed = [f"{v:.{max(decimals, 0)}f}" for v in values]
    scientific = [_scientific(v) for v in values]
    longest = [max(map(len, labels), default=0) for labels in (fixed, scientific)]
    chosen = scientific if longest[1] + 1 < longest[0] else fixed
    return [label.replace("-", MINUS) if v else label.lstrip("-") for v, label in zip(values, chosen, strict=True)]


def _scientific(value: Decimal) -> str:
    if not value:
        return "0"
    sign, digits, exponent = value.normalize().as_tuple()
    text = "".join(map(str, digits))
    mantissa = text[0] + ("." + text[1:] if text[1:] else "")
    return f"{'-' * sign}{mantissa}e{int(exponent) + len(text) - 1}"


def label_start(tick: Tick) -> int:
    """The column, from the plot's left edge, at which an x label begins: digits centred, a minus hanging out."""
    hanging = tick.label.startswith(MINUS)
    return tick.cell - (len(tick.label) - hanging - 1) // 2 - hanging


def x_ticks(viewport: Viewport, left: int = 0) -> list[Tick]:
    """The ticks under the plot, as many as fit; labels may reach `left` columns out to the left of it."""
    low, high = viewport.x_min, viewport.x_max
    for step in round_values((high - low) / MOST_TICKS):
        if float(step) / (high - low) * viewport.width < min(COLUMNS_A_TICK, viewport.width / 5):
            continue
        values = tick_values(low, high, step)
        if not values:
            return []
        ticks = [
            Tick(float(v), label, _place(float(v) - low, high - low, viewport.width))
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
    """The ticks left of the plot, from the bottom up."""
    low, high = viewport.y_min, viewport.y_max
    apart = min(ROWS_A_TICK, max(viewport.height / 5, 1.5))
    steps = round_values((high - low) / MOST_TICKS)
    step = next(step for step in steps if float(step) / (high - low) * viewport.height >= apart)
    values = tick_values(low, high, step)
    return [
        Tick(float(v), label, _place(high - float(v), high - low, viewport.height))
        for v, label in zip(values, tick_labels(values), strict=True)
    ]


def _place(distance: float, span: float, cells: int) -> int:
    return min(max(int(distance / span * cells), 0), cells - 1)


def margin(ticks: Sequence[Tick]) -> int:
    """The columns that y ticks need left of the plot: their longest label, a tick, and one free column."""
    return max([LEFT_MARGIN, *(len(tick.label) + 2 for tick in ticks)])


def draw(cells: Cells, viewport: Viewport, offset: tuple[int, int], palette: Palette) -> None:
    """Write both axes into `cells` around the plot whose top left cell is `offset` (row, column)."""
    top, left = offset
    for tick in y_ticks(viewport):
        if len(tick.label) >= left:
            continue  # half a number would be a wrong one
        cells.put(top + tick.cell, left - 1 - len(tick.label), tick.label, palette.faint)
        cells.put(top + tick.cell, left - 1, "╶", palette.axis)
    for tick in x_ticks(viewport, left):
        cells.put(top + viewport.height, left + label_start(tick), tick.label, palette.faint)
