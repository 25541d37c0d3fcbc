"""The axes of a contour plot: round tick values, and labels beside their ticks that never touch each other.

Below a large plot there is a scale too: one row with the colour of every band and the losses between the bands.

The spacing of the ticks and the form of the labels may be changed here. Charts have axes of their own (chart_axis.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
from numpy.typing import NDArray

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


SCALE_FROM = 56, 26  # columns and rows from which a plot has a scale of colours
SCALE_TITLE = "loss"
SCALE_DIGITS = range(2, 7)  # significant digits of its numbers: as few as make them differ
PLAIN_FROM, PLAIN_TO = Decimal("0.001"), Decimal(100_000)  # outside this range 1.2e6 is shorter


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


def draw_scale(
    cells: Cells, row: int, left: int, levels: NDArray[np.float64], colors: NDArray[np.uint8], palette: Palette
) -> None:
    """Draw the colours of the bands, (N + 1, 3), in one row from column `left` on, and the N levels between them.

    A level's number begins where the band above it begins. Where the numbers have no room, every second one is drawn,
    or every third.
    """
    if not len(levels):
        return
    edges = np.linspace(left, cells.width, len(colors) + 1).round().astype(int).tolist()
    for start, end, color in zip(edges[:-1], edges[1:], colors.tolist(), strict=True):
        cells.put(row, start, " " * (end - start), palette.foreground, bg=(color[0], color[1], color[2]))
    if left > len(SCALE_TITLE) + 1:
        cells.put(row, left - len(SCALE_TITLE) - 1, SCALE_TITLE, palette.faint)
    labels = level_labels(levels)
    room = min(end - start for start, end in itertools.pairwise(edges))
    every = -(-(max(map(len, labels)) + 1) // max(room, 1))
    for i in range(0, len(labels), every):
        for place, glyph in enumerate(labels[i], start=edges[i + 1]):
            if place < cells.width:
                band = next(n for n, end in enumerate(edges[1:]) if place < end)
                r, g, b = colors[band].tolist()
                cells.put(row, place, glyph, palette.foreground, bg=(r, g, b))


def level_labels(levels: NDArray[np.float64]) -> list[str]:
    """Short numbers for increasing levels, with as few digits as make them differ: 0.41, 17, −2.5, 1.2e6."""
    labels = []
    for digits in SCALE_DIGITS:
        labels = [_short(float(level), digits) for level in levels]
        if len({*labels}) == len(labels):
            break
    return labels


def _short(value: float, digits: int) -> str:
    rounded = Decimal(f"{value:.{digits - 1}e}")
    if rounded and not PLAIN_FROM <= abs(rounded) < PLAIN_TO:
        text = short_scientific(abs(rounded))
    else:
        text = f"{abs(rounded):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return MINUS * (rounded < 0) + text
