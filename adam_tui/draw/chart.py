"""Line charts in terminal cells: the loss over steps, the accuracy over epochs.

plotext draws the curves (see curves.py); limits, ticks, labels and marks are drawn here, so that columns stay aligned
and the plot does not jump sideways from frame to frame when a label changes its length.
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
    dotted,
    polyline,
    rasterised,
    samples,
    scattered,
    value_range,
)

LOST = "✕"  # stands on the top edge where a series stops being finite
MARK = "┊"
# What is dropped first when there is little room: labels, then the axis.
LABEL_COLUMNS = 5  # 1e-12, 99.5%; a longer label widens the column
LINEAR_LABEL_COLUMNS = 6  # 1.5e-3
LABELS_FROM_WIDTH, AXIS_FROM_WIDTH = 20, 8
LABELS_FROM_HEIGHT, AXIS_FROM_HEIGHT = 8, 4


@dataclass(frozen=True, eq=False)
class Series:
    """One curve: x and y are (N,) floats; missing values are NaN or infinite.

    A `faint` series lies under all others; its colour is already dim. With a `marker`, a glyph of one cell, the
    points are drawn as that glyph instead of a line. A line shows the least and the greatest value of each column of
    dots, so that noise becomes a band; a `calm` one the last value only, for averages; `dots` are single points, the
    first value of each column of dots and the greatest. `label` is for the legend of whoever shows the chart.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    color: Color
    faint: bool = False
    bold: bool = False
    marker: str | None = None
    calm: bool = False
    dots: bool = False
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """A dotted vertical line at x with a short text: the current step, a changed learning rate."""

    x: float
    text: str
    color: Color


@dataclass(frozen=True)
class ChartStyle:
    """The colours of all but the curves: behind everything, tick labels, axis lines."""

    background: Color
    foreground: Color
    faint: Color


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the plot lies: its first column, its size in cells, and the rows that the x axis takes below it."""

    left: int
    columns: int
    rows: int
    x_rows: int

    def column(self, axis: Axis, x: float) -> int | None:
        """The column of the picture in which x lies; None outside of the axis."""
        share = axis.place(np.array([x]))
        if not 0 <= share[0] <= 1:
            return None
        return self.left + int(cell_of(share, np.zeros(1), self.columns, self.rows)[0][0])

    def row(self, axis: Axis, y: float) -> int:
        """The row in which y, a value on the axis, lies."""
        return int(cell_of(np.zeros(1), np.clip(axis.place(np.array([y])), 0, 1), self.columns, self.rows)[1][0])


def chart(
    series: Sequence[Series],
    width: int,
    height: int,
    style: ChartStyle,
    *,
    log_y: bool = False,
    y_limits: Limits | None = None,
    x_limits: Limits | None = None,
    marks: Sequence[Mark] = (),
    percent: bool = False,
    empty_text: str = "",
) -> Cells:
    """The series in a rectangle of width × height cells, later ones over earlier ones.

    Limits that are not given follow the data: x exactly, y rounded outwards; unusable limits count as not given. On
    a log axis values of zero and less run along the lower edge; where no value is positive the axis is linear.
    `percent` labels y = 0.99 as 99%. Draws what fits, and never raises for want of room, data or finite numbers.
    """
    cells = Cells.blank(max(0, width), max(0, height), style.foreground, style.background)
    if not cells.glyph.size:
        return cells
    window = x_limits if x_limits is not None and _usable(x_limits, log=False) else None
    # Faint series first: they must not cut through the lines that they explain.
    ordered = sorted(series, key=lambda s: not s.faint)
    data = [samples(s.x, s.y, window) for s in ordered]
    x_range = window or _union([d.span for d in data])
    y_range = None
    if x_range is not None:
        log_y = log_y and any(value_range(d, x_range, log=True) for d in data)
        y_range = _union([value_range(d, x_range, log=log_y) for d in data])
    if x_range is None or (y_range is None and not any(len(d.lost) for d in data)):
        _write_centred(cells, empty_text, style.foreground)
        return cells
    exact = y_limits is not None and _usable(y_limits, log=log_y)
    frame, x_axis, y_axis = _layout(
        width, height, x_range, y_limits if exact else y_range, log=log_y, exact=exact, percent=percent
    )
    _draw_axes(cells, frame, x_axis, y_axis, style)
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
    known = [r for r in ranges if r is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def _layout(
    width: int, height: int, x_range: Limits, y_range: Limits | None, *, log: bool, exact: bool, percent: bool
) -> tuple[_Frame, Axis, Axis]:
    """The frame and its axes; without a single y there is an axis but nothing on it."""
    x_rows = 2 if height >= LABELS_FROM_HEIGHT else 1 if height >= AXIS_FROM_HEIGHT else 0
    rows = height - x_rows
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


def _draw_axes(cells: Cells, frame: _Frame, x_axis: Axis, y_axis: Axis, style: ChartStyle) -> None:
    line = frame.left - 1  # the column of the y axis; −1, and so nowhere, when there is none
    for row in range(frame.rows):
        cells.put(row, line, "│", style.faint)
    for tick in y_axis.ticks:
        row = frame.row(y_axis, tick.value)
        cells.put(row, line, "┤", style.faint)
        if len(tick.label) <= line:
            cells.put(row, line - len(tick.label), tick.label, style.foreground)
    if not frame.x_rows:
        return
    cells.put(frame.rows, line, "└", style.faint)
    cells.put(frame.rows, frame.left, "─" * frame.columns, style.faint)
    free_from = frame.left  # labels never touch each other
    for tick in x_axis.ticks:
        column = frame.column(x_axis, tick.value)
        if column is None:
            continue
        if frame.x_rows == 2:
            cells.put(frame.rows, column, "┬", style.faint)
        start = min(max(column - len(tick.label) // 2, frame.left), cells.width - len(tick.label))
        if start < free_from:
            continue
        # In the lower of two rows, or, where there is only one, in the axis itself.
        cells.put(frame.rows + frame.x_rows - 1, start, tick.label, style.foreground)
        free_from = start + len(tick.label) + 1


def _draw_series(
    cells: Cells, frame: _Frame, x_axis: Axis, y_axis: Axis, series: Sequence[Series], data: Sequence[Samples]
) -> None:
    lines = [_points(s, d, x_axis, y_axis, frame.columns) for s, d in zip(series, data, strict=True)]
    joined = [p for s, p in zip(series, lines, strict=True) if not s.marker and not s.dots]
    curves = rasterised(joined, frame.columns, frame.rows)
    next_curve = iter(curves)
    plot = np.s_[: frame.rows, frame.left :]
    shared = np.zeros((frame.rows, frame.columns), np.bool_)  # cells whose dots a line may join
    for one, points in zip(series, lines, strict=True):
        if one.marker:
            glyphs = np.full((frame.rows, frame.columns), ord(" "), np.uint32)
            column, row = cell_of(points.x, points.y, frame.columns, frame.rows)
            glyphs[row, column] = ord(one.marker[0])
        elif one.dots:
            glyphs = dotted(points, frame.columns, frame.rows)
        else:
            glyphs = next(next_curve)
        drawn = glyphs != ord(" ")
        if not one.marker:
            # Where lines cross, the later one gives the colour and both give their dots: neither is cut. The dots of a
            # faint series would only blur the line over them.
            glyphs[drawn & shared] |= cells.glyph[plot][drawn & shared]
        shared = (shared & ~drawn) | (drawn & (not one.faint and not one.marker))
        cells.glyph[plot][drawn] = glyphs[drawn]
        cells.fg[plot][drawn] = one.color
        cells.bold[plot][drawn] = one.bold
    for one, known in zip(series, data, strict=True):  # above all lines, so that no dots are joined to a cross
        for x in known.lost:
            if (at := frame.column(x_axis, float(x))) is not None:
                cells.put(0, at, LOST, one.color, bold=True)


def _points(series: Series, data: Samples, x_axis: Axis, y_axis: Axis, columns: int) -> Polyline:
    if series.dots and not series.marker:
        return scattered(data, x_axis, y_axis, columns)
    return polyline(data, x_axis, y_axis, columns, calm=series.calm)


def _write_mark_texts(cells: Cells, frame: _Frame, x_axis: Axis, marks: Sequence[Mark]) -> None:
    """Each mark's text beside its line, in the uppermost row where it covers at most another line; else left out."""
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
        place = next(free, None)
        if place is not None:
            cells.put(*place, mark.text, mark.color)


def _write_centred(cells: Cells, text: str, color: Color) -> None:
    text = text[: cells.width]
    cells.put(cells.height // 2, (cells.width - len(text)) // 2, text, color)
