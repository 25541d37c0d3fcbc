"""Curves as braille glyphs: the one place that talks to plotext.

plotext aborts the whole process on a NaN, raises on an infinity or on zero under a logarithm, draws every point it is
given, and walks a line far outside of the picture dot by dot. So it is given none of that: here values become whole
dots of the picture first, thinned, clipped and finite, and plotext only joins them.

A dot is an eighth of a cell: `columns` cells are 2 × columns dots wide, `rows` cells are 4 × rows dots high.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.braille import glyphs as braille_glyphs
from adam_tui.draw.braille import pack
from adam_tui.draw.chart_axis import SMALLEST, Axis, Floats, Limits

DOTS_ACROSS, DOTS_DOWN = 2, 4
# How far outside of the picture a coordinate may lie, in pictures, before clipping: keeps the arithmetic exact.
FAR = 1e6

_plotext_lock = threading.Lock()  # its figure is one for the process, and so is the size of its terminal


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """The finite points of a series within a window of x, in order of x, with one neighbour on either side.

    x, y: (N,); broken: (N,) bool, whether values were missing right before a point, or None where none are;
    lost: (M,) the x where y stops being finite; span: first and last x, with or without a finite y.
    """

    x: Floats
    y: Floats
    broken: NDArray[np.bool_] | None
    lost: Floats
    span: Limits | None


@dataclass(frozen=True, eq=False, slots=True)
class Polyline:
    """Points as shares of the picture, 0 to 1 from left to right and from bottom to top.

    joined: (N,) bool, whether a line leads from the point before.
    """

    x: Floats
    y: Floats
    joined: NDArray[np.bool_]


def samples(x: Floats, y: Floats, window: Limits | None) -> Samples:
    """The drawable points of a series. About 2 ms for a million finite points in order."""
    x, y = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    size = min(len(x), len(y))
    x, y = x[:size], y[:size]
    if not (x[1:] >= x[:-1]).all() or not np.isfinite(x[[0, -1]] if size else x).all():
        known = np.flatnonzero(np.isfinite(x))
        order = known[np.argsort(x[known], kind="stable")]
        x, y = x[order], y[order]
    if window is not None and len(x):
        inside = slice(max(0, np.searchsorted(x, window[0]) - 1), np.searchsorted(x, window[1], side="right") + 1)
        x, y = x[inside], y[inside]
    span = (float(x[0]), float(x[-1])) if len(x) else None
    if span is None or (np.isfinite(y.min()) and np.isfinite(y.max())):
        return Samples(x, y, None, np.empty(0), span)
    finite = np.isfinite(y)
    missing_before = np.concatenate(([False], ~finite[:-1]))
    return Samples(x[finite], y[finite], missing_before[finite], x[~finite & ~missing_before], span)


def value_range(samples: Samples, window: Limits, *, log: bool) -> Limits | None:
    """The smallest and largest y within the window (of all samples where none is inside), None without any.

    With `log`, of the positive ones; half the smallest of them where others are not, to set those apart.
    """
    inside = slice(np.searchsorted(samples.x, window[0]), np.searchsorted(samples.x, window[1], side="right"))
    y = samples.y[inside]
    if not len(y):
        y = samples.y
    if log and len(y) and not y.min() > 0:
        y = y[y > 0]
        return (float(y.min()) / 2, float(y.max())) if len(y) else None
    return (float(y.min()), float(y.max())) if len(y) else None


def polyline(samples: Samples, x_axis: Axis, y_axis: Axis, columns: int, *, calm: bool = False) -> Polyline:
    """The curve with at most two points to each column of dots: the least and the greatest value there.

    A `calm` one, of values that are averages already, has one: the last value there, but that it begins with the first.
    On a log axis, values below the axis, zero and less among them, run along its lower edge.
    """
    x, y = samples.x, samples.y
    if not len(x):
        return Polyline(x, y, np.empty(0, np.bool_))
    starts = _starts(x, x_axis, columns)
    ends = np.append(starts[1:], len(x)) - 1
    joined = np.ones((len(starts), 2), np.bool_)
    joined[:, 0] = True if samples.broken is None else ~samples.broken[starts]
    joined[0, 0] = False
    if calm:
        column_y = np.stack([y[ends], y[ends]], axis=1)
        column_y[0, 0] = y[0]
        distinct = np.zeros(column_y.shape, np.bool_)
        distinct[:, 0] = distinct[0, 1] = True
    else:
        least, greatest = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
        rising = y[ends] >= y[starts]
        column_y = np.stack([np.where(rising, least, greatest), np.where(rising, greatest, least)], axis=1)
        distinct = np.stack([np.ones_like(rising), least < greatest], axis=1)
    if y_axis.log:
        column_y = np.maximum(column_y, max(y_axis.low, SMALLEST))
    column_x = np.repeat(x_axis.place(x[starts])[:, None], 2, axis=1)
    return _clipped(Polyline(column_x[distinct], y_axis.place(column_y[distinct]), joined[distinct]))


def scattered(samples: Samples, x_axis: Axis, y_axis: Axis, columns: int) -> Polyline:
    """Single points, at most two to each column of dots: the first value there, and the greatest, so no peak is lost.

    The first does not move when more values come. What is above the axes stands on their upper edge, what lies outside
    of them otherwise is left out.
    """
    x, y = samples.x, samples.y
    if len(x):
        starts = _starts(x, x_axis, columns)
        places = x_axis.place(x[starts])
        x = np.concatenate([places, places])
        y = np.concatenate([y[starts], np.maximum.reduceat(y, starts)])
        if y_axis.log:
            x, y = x[y >= SMALLEST], y[y >= SMALLEST]
        y = np.minimum(y_axis.place(y), 1.0)
        inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        x, y = x[inside], y[inside]
    return Polyline(x, y, np.zeros(len(x), np.bool_))


def _starts(x: Floats, x_axis: Axis, columns: int) -> NDArray[np.int64]:
    """Where in `x` each column of dots begins that has values, and what lies before and behind the axis."""
    across = DOTS_ACROSS * columns
    # The outer dots stand on the limits, so a dot's column reaches half a dot to either side of its place.
    borders = x_axis.value((np.arange(1, across) - 0.5) / (across - 1))
    cuts = np.searchsorted(x, np.append(x_axis.low, borders))
    starts = np.unique(np.concatenate(([0], cuts, [np.searchsorted(x, x_axis.high, side="right")])))
    return starts[starts < len(x)]


def rasterised(lines: Sequence[Polyline], columns: int, rows: int) -> NDArray[np.uint32]:
    """The lines in braille, each in a picture of its own: (N, rows, columns) code points, a space where nothing is."""
    glyphs = np.full((len(lines), rows, columns), ord(" "), np.uint32)
    across, down = DOTS_ACROSS * columns, DOTS_DOWN * rows
    dots = [_dots(line, across, down) for line in lines]
    drawn = [i for i, (x, _, _) in enumerate(dots) if len(x)]
    if not drawn:
        return glyphs
    # One tall figure with a band for each line: building a figure costs more than a curve does.
    height = rows * len(drawn)
    x = np.concatenate([dots[i][0] for i in drawn])
    y = np.concatenate([dots[i][1] + band * down for band, i in enumerate(drawn)])
    joined = np.concatenate([dots[i][2] for i in drawn])
    text = _connected((x + 0.5) / across, 1 - (y + 0.5) / (down * len(drawn)), joined, columns, height)
    picture = np.frombuffer(text.encode("utf-32-le"), np.uint32).reshape(height, columns + 1)[:, :columns]
    glyphs[drawn] = picture.reshape(len(drawn), rows, columns)
    return glyphs


def dotted(points: Polyline, columns: int, rows: int) -> NDArray[np.uint32]:
    """The points as single dots in braille: (rows, columns) code points, a space where nothing is."""
    across, down = DOTS_ACROSS * columns, DOTS_DOWN * rows
    lit = np.zeros((down, across), np.bool_)
    lit[np.rint((1 - points.y) * (down - 1)).astype(np.int64), np.rint(points.x * (across - 1)).astype(np.int64)] = True
    bits = pack(lit)
    return np.where(bits > 0, braille_glyphs(bits), np.uint32(ord(" ")))


def cell_of(x_share: Floats, y_share: Floats, columns: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The (column, row) of the cells that hold the dots at these shares, which lie within 0 and 1."""
    across, down = DOTS_ACROSS * columns, DOTS_DOWN * rows
    column = np.rint(x_share * (across - 1)).astype(np.int64) // DOTS_ACROSS
    row = np.rint((1 - y_share) * (down - 1)).astype(np.int64) // DOTS_DOWN
    return column, row


def _dots(line: Polyline, across: int, down: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The line's points as whole dots from the upper left, without those that a straight stretch passes anyway.

    plotext spends about 10 µs of Python on a point, so a flat stretch should cost two.
    """
    x, y, joined = np.rint(line.x * (across - 1)), np.rint((1 - line.y) * (down - 1)), line.joined
    keep = np.ones(len(x), np.bool_)
    keep[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1]) | ~joined[1:]
    x, y, joined = x[keep], y[keep], joined[keep]
    run, rise = np.diff(x), np.diff(y)
    straight = (run[1:] * rise[:-1] == rise[1:] * run[:-1]) & (run[1:] * run[:-1] + rise[1:] * rise[:-1] > 0)
    keep = np.ones(len(x), np.bool_)
    keep[1:-1] = ~(straight & joined[1:-1] & joined[2:])
    return x[keep], y[keep], joined[keep]


def _connected(x: Floats, y: Floats, joined: NDArray[np.bool_], columns: int, rows: int) -> str:
    """What plotext draws: the text of a figure without axes whose sides are 0 and 1, a newline after each row."""
    import plotext  # 0.14 s, which the first frame need not wait for

    with _plotext_lock:
        plotext.terminal.limit(False, False)  # a figure may be larger than the terminal
        figure = plotext.figure
        figure.clear()
        figure.plot_size(columns, rows)
        figure.axes(False)
        for side in ("x", "y"):
            figure.ruler(side).ticks([])
            figure.ruler(side).alignment(lim="edge").lim(0, 1)
        curve = figure.signal(x.tolist(), y.tolist(), marker="braille").lines()
        for start in np.flatnonzero(~joined).tolist():
            curve.line(start, False)
        return str(figure.draw(curve).build().string(colorless=True))


def _clipped(line: Polyline) -> Polyline:
    """The part of the line within the picture: Liang and Barsky's rule, on all segments at once."""
    x, y = np.clip(line.x, -FAR, FAR), np.clip(line.y, -FAR, FAR)
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    if inside.all():
        return Polyline(x, y, line.joined)
    end = np.flatnonzero(line.joined)  # each segment by the index of its end
    start_x, start_y = x[end - 1], y[end - 1]
    run, rise = x[end] - start_x, y[end] - start_y
    enter, leave = np.zeros(len(end)), np.ones(len(end))
    visible = np.ones(len(end), np.bool_)
    for outward, room in ((-run, start_x), (run, 1 - start_x), (-rise, start_y), (rise, 1 - start_y)):
        # The side is crossed at this share of the segment: outwards where `outward` is positive, else inwards.
        # A segment of next to no length crosses it infinitely far away, in units of its length.
        with np.errstate(over="ignore"):
            crossing = np.divide(room, outward, out=np.zeros_like(room), where=outward != 0)
        enter = np.where(outward < 0, np.maximum(enter, crossing), enter)
        leave = np.where(outward > 0, np.minimum(leave, crossing), leave)
        visible &= (outward != 0) | (room >= 0)
    visible &= enter <= leave
    end = end[visible]
    start_x, start_y, run, rise, enter, leave = (a[visible] for a in (start_x, start_y, run, rise, enter, leave))

    continued = np.zeros(len(end), np.bool_)
    continued[1:] = (np.diff(end) == 1) & (leave[:-1] == 1) & (enter[1:] == 0)
    alone = np.flatnonzero(inside & ~line.joined & ~np.append(line.joined[1:], False))
    first, lone = ~continued, np.zeros(len(alone))
    order = np.argsort(np.concatenate([end[first] - 0.5, end, alone]), kind="stable")
    clipped_x = np.concatenate([(start_x + enter * run)[first], start_x + leave * run, x[alone]])[order]
    clipped_y = np.concatenate([(start_y + enter * rise)[first], start_y + leave * rise, y[alone]])[order]
    joined = np.concatenate([np.zeros(first.sum()), np.ones(len(end)), lone]).astype(np.bool_)[order]
    return Polyline(np.clip(clipped_x, 0, 1), np.clip(clipped_y, 0, 1), joined)
