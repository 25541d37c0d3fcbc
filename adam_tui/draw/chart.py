"""Line charts as cells: the loss over steps, the accuracy over epochs.

Limits, ticks, labels and marks are drawn here, so that columns stay aligned and the plot does not move sideways when
a label changes its length. curves.py draws the curves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.chart_axis import SMALLEST, Axis, Limits, count_axis, value_axis
from adam_tui.draw.curves import (
    Polyline,
    Samples,
    cell_of,
    finite_samples,
    polyline,
    rasterize,
    rasterize_points,
    scatter_points,
    value_range,
)
from adam_tui.draw.palette import Palette

LOST = "✕"  # on the top edge, where a series stops being finite
MARK = "┊"
# With little room the labels are dropped first, then the axis.
LABEL_COLUMNS = 5  # 1e-12, 99.5%; a longer label widens the column
LINEAR_LABEL_COLUMNS = 6  # 1.5e-3
LABELS_FROM_WIDTH, AXIS_FROM_WIDTH = 20, 8
LABELS_FROM_HEIGHT, AXIS_FROM_HEIGHT = 8, 4
DASH = 4  # columns of a dash with the gap after it, which has one of them


@dataclass(frozen=True, eq=False)
class Series:
    """One curve: x and y are (N,) floats; missing values are NaN or infinite.

    A `faint` series is drawn below all others, in its own dim colour. With a `marker`, a glyph of one cell, the points
    are drawn as that glyph, without a line. A line shows the smallest and the largest value in each column of dots, so
    that noise becomes a band; an `averaged` one shows the last value only. `scatter` draws single points: the first
    and the largest value in each column of dots. An `envelope` is the upper edge of a curve that swings. A `dashed`
    line has gaps, in columns that do not move while it grows. A line that `takes_turns` leaves every second column of
    the cells that it shares to the lines below it. `label` is for the caller's legend.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    color: Color
    faint: bool = False
    bold: bool = False
    marker: str | None = None
    averaged: bool = False
    scatter: bool = False
    envelope: bool = False
    dashed: bool = False
    takes_turns: bool = False
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """A dotted vertical line at x with a short text: the current step, a changed learning rate."""

    x: float
    text: str
    color: Color


@dataclass(frozen=True, slots=True)
class _Frame:
    """The place of the plot: its first column, its size in cells, and the rows of the x axis below it."""

    left: int
    columns: int
    rows: int
    x_rows: int

    def column(self, axis: Axis, x: float) -> int | None:
        """The column of the picture that contains x, None outside the axis."""
        share = axis.to_share(np.array([x]))
        if not 0 <= share[0] <= 1:
            return None
        return self.left + int(cell_of(share, np.zeros(1), self.columns, self.rows)[0][0])

    def row(self, axis: Axis, y: float) -> int:
        """The row that contains y, a value on the axis."""
        return int(cell_of(np.zeros(1), np.clip(axis.to_share(np.array([y])), 0, 1), self.columns, self.rows)[1][0])


def chart(
    series: Sequence[Series],
    width: int,
    height: int,
    palette: Palette,
    *,
    log_y: bool = False,
    y_limits: Limits | None = None,
    x_limits: Limits | None = None,
    x_axis: Axis | None = None,
    marks: Sequence[Mark] = (),
    percent: bool = False,
    empty_text: str = "",
) -> Cells:
    """Draw the series in a rectangle of width × height cells, later ones over earlier ones.

    Limits that are not given follow the data: x exactly, y rounded outwards; invalid limits count as not given. On a
    log axis, values that are not positive follow the lower edge; without any positive value the axis is linear.
    `x_axis` replaces the axis of whole numbers, ticks included; it must be linear. `percent` labels y = 0.99 as 99%.
    `empty_text` replaces a chart without data. Draws only what fits; missing room,
    data or finite numbers raise no error.
    """
    cells = Cells.blank(max(0, width), max(0, height), palette.foreground, palette.background)
    if not cells.glyph.size:
        return cells
    if x_axis is not None:
        x_limits = x_axis.low, x_axis.high
    window = x_limits if x_limits is not None and _usable(x_limits, log=False) else None
    # Faint series first: they must not cover the other lines.
    ordered = sorted(series, key=lambda s: not s.faint)
    data = [finite_samples(s.x, s.y, window) for s in ordered]
    x_range = window or _union([d.span for d in data])
    y_range = None
    if x_range is not None:
        log_y = log_y and any(value_range(d, x_range, log=True) for d in data)
        y_range = _union([value_range(d, x_range, log=log_y) for d in data])
    if x_range is None or (y_range is None and not any(len(d.lost) for d in data)):
        _write_centred(cells, empty_text, palette.foreground)
        return cells
    exact = y_limits is not None and _usable(y_limits, log=log_y)
    frame, counts, y_axis = _layout(
        width, height, x_range, y_limits if exact else y_range, log=log_y, exact=exact, percent=percent
    )
    x_axis = x_axis or counts
    _draw_axes(cells, frame, x_axis, y_axis, palette)
    for mark in marks:
        if (column := frame.column(x_axis, mark.x)) is not None:
            for row in range(frame.rows):
                cells.put(row, column, MARK, mark.color)
    _draw_series(cells, frame, x_axis, y_axis, ordered, data)
    _write_mark_texts(cells, frame, x_axis, marks)
    return cells


def _usable(limits: Limits, *, log: bool) -> bool:
    low, high = limits
    return math.isfinite(low) and math.isfinite(high) and low < high and (not log or low >= SMALLEST)


def _union(ranges: Sequence[Limits | None]) -> Limits | None:
    given = [r for r in ranges if r is not None]
    return (min(low for low, _ in given), max(high for _, high in given)) if given else None


def plot_rows(height: int) -> int:
    """The rows of the curves in a chart of so many rows: the x axis has the others."""
    return height - (2 if height >= LABELS_FROM_HEIGHT else 1 if height >= AXIS_FROM_HEIGHT else 0)


def _layout(
    width: int, height: int, x_range: Limits, y_range: Limits | None, *, log: bool, exact: bool, percent: bool
) -> tuple[_Frame, Axis, Axis]:
    """The frame and its axes. Without any finite y the y axis has no ticks."""
    rows = plot_rows(height)
    x_rows = height - rows
    if y_range is None:
        y_axis = Axis(0.0, 1.0)
    else:
        low, high = (max(y, SMALLEST) for y in y_range) if log else y_range
        y_axis = value_axis((low, high), rows, log=log, exact=exact, percent=percent)
    left = 1 if width >= AXIS_FROM_WIDTH else 0
    if width >= LABELS_FROM_WIDTH:
        usual = LABEL_COLUMNS if log or percent else LINEAR_LABEL_COLUMNS
        left += min(max([usual, *(len(t.label) for t in y_axis.ticks)]), width // 3)
    frame = _Frame(left, width - left, rows, x_rows)
    return frame, count_axis(x_range, frame.columns), y_axis


def _draw_axes(cells: Cells, frame: _Frame, x_axis: Axis, y_axis: Axis, palette: Palette) -> None:
    line = frame.left - 1  # the column of the y axis; −1, outside the picture, if there is no axis
    for row in range(frame.rows):
        cells.put(row, line, "│", palette.axis)
    for tick in y_axis.ticks:
        row = frame.row(y_axis, tick.value)
        cells.put(row, line, "┤", palette.axis)
        if len(tick.label) <= line:
            cells.put(row, line - len(tick.label), tick.label, palette.foreground)
    if not frame.x_rows:
        return
    cells.put(frame.rows, line, "└", palette.axis)
    cells.put(frame.rows, frame.left, "─" * frame.columns, palette.axis)
    free_from = frame.left  # labels must not touch each other
    for tick in x_axis.ticks:
        column = frame.column(x_axis, tick.value)
        if column is None:
            continue
        if frame.x_rows == 2:
            cells.put(frame.rows, column, "┬", palette.axis)
        start = min(max(column - len(tick.label) // 2, frame.left), cells.width - len(tick.label))
        if start < free_from:
            continue
        # In the lower of two rows; if there is only one, in the axis line.
        cells.put(frame.rows + frame.x_rows - 1, start, tick.label, palette.foreground)
        free_from = start + len(tick.label) + 1


def _draw_series(
    cells: Cells, frame: _Frame, x_axis: Axis, y_axis: Axis, series: Sequence[Series], data: Sequence[Samples]
) -> None:
    lines = [_points(s, d, x_axis, y_axis, frame.columns) for s, d in zip(series, data, strict=True)]
    joined = [p for s, p in zip(series, lines, strict=True) if not s.marker and not s.scatter]
    curves = rasterize(joined, frame.columns, frame.rows)
    next_curve = iter(curves)
    plot = np.s_[: frame.rows, frame.left :]
    shared = np.zeros((frame.rows, frame.columns), np.bool_)  # cells whose dots are merged with those of a later line
    for one, points in zip(series, lines, strict=True):
        if one.marker:
            glyphs = np.full((frame.rows, frame.columns), ord(" "), np.uint32)
            column, row = cell_of(points.x, points.y, frame.columns, frame.rows)
            glyphs[row, column] = ord(one.marker[0])
        elif one.scatter:
            glyphs = rasterize_points(points, frame.columns, frame.rows)
        else:
            glyphs = next(next_curve)
            if one.dashed:
                glyphs[:, DASH - 1 :: DASH] = ord(" ")
        drawn = glyphs != ord(" ")
        if one.takes_turns:
            drawn[:, 1::2] &= ~shared[:, 1::2]
        if not one.marker and not one.takes_turns:
            # Where lines cross, the cell shows the dots of both in the colour of the later one. The dots of a faint
            # series would only blur the line above.
            glyphs[drawn & shared] |= cells.glyph[plot][drawn & shared]
        shared = (shared & ~drawn) | (drawn & (not one.faint and not one.marker))
        cells.glyph[plot][drawn] = glyphs[drawn]
        cells.fg[plot][drawn] = one.color
        cells.bold[plot][drawn] = one.bold
    for one, known in zip(
        series, data, strict=True
    ):  # after all lines: a mark is not a braille glyph, so it cannot be merged
        for x in known.lost:
            if (at := frame.column(x_axis, float(x))) is not None:
                cells.put(0, at, LOST, one.color, bold=True)


def _points(series: Series, data: Samples, x_axis: Axis, y_axis: Axis, columns: int) -> Polyline:
    if series.scatter and not series.marker:
        return scatter_points(data, x_axis, y_axis, columns)
    return polyline(data, x_axis, y_axis, columns, averaged=series.averaged, envelope=series.envelope)


def _write_mark_texts(cells: Cells, frame: _Frame, x_axis: Axis, marks: Sequence[Mark]) -> None:
    """Write each mark's text beside its line, in the highest row where it covers no curve, or not at all."""
    for mark in marks:
        column = frame.column(x_axis, mark.x)
        if column is None or not mark.text:
            continue
        size = len(mark.text)
        sides = [s for s in (column + 1, column - size) if frame.left <= s <= cells.width - size]
        free = (
            (row, start)
            for row in range(frame.rows)
            for start in sides
            if np.isin(cells.glyph[row, start : start + size], (ord(" "), ord(MARK))).all()
        )
        if (position := next(free, None)) is not None:
            cells.put(*position, mark.text, mark.color)


def _write_centred(cells: Cells, text: str, color: Color) -> None:
    text = text[: cells.width]
    cells.put(cells.height // 2, (cells.width - len(text)) // 2, text, color)
