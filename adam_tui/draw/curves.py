"""Curves of a chart as braille glyphs: thinning, clipping and rasterizing series of points.

Only this module uses plotext. plotext aborts the whole process on a NaN, raises on an infinity or on zero under a
logarithm, draws every point, and follows a line far outside of the picture dot by dot. Therefore values are first
converted to whole dots of the picture, thinned, clipped and finite; plotext only connects them.

There are 2 × 4 dots in a cell: `columns` cells are 2 × columns dots wide, `rows` cells are 4 × rows dots high.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adam_tui.draw import braille
from adam_tui.draw.chart_axis import SMALLEST, Axis, Floats, Limits

DOTS_ACROSS, DOTS_DOWN = 2, 4
# Coordinates farther outside are moved to this distance, in sizes of the picture, so that all of them are finite.
FAR = 1e6
BRIDGED = 8  # columns of dots: an envelope bridges dips up to this width, in which a swing could not be followed

_plotext_lock = threading.Lock()  # plotext has one figure and one terminal size for the whole process


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """The finite points of a series within a window of x, in order of x, with one neighbour on either side.

    x, y: (N,); broken: (N,) bool, whether values are missing right before a point, None if no value is missing;
    lost: (M,) the x at which y stops being finite; span: the first and last x, whether y is finite there or not.
    """

    x: Floats
    y: Floats
    broken: NDArray[np.bool_] | None
    lost: Floats
    span: Limits | None


@dataclass(frozen=True, eq=False, slots=True)
class Polyline:
    """Points as shares of the picture: 0 to 1 from left to right and from bottom to top.

    joined: (N,) bool, whether a line connects a point to the previous one.
    """

    x: Floats
    y: Floats
    joined: NDArray[np.bool_]


def finite_samples(x: Floats, y: Floats, window: Limits | None) -> Samples:
    """Select the drawable points of a series. About 2 ms for a million finite points in order."""
    x, y = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    size = min(len(x), len(y))
    x, y = x[:size], y[:size]
    if not (x[1:] >= x[:-1]).all() or not np.isfinite(x[[0, -1]] if size else x).all():
        usable = np.flatnonzero(np.isfinite(x))
        order = usable[np.argsort(x[usable], kind="stable")]
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
    """The smallest and largest y within the window, or of all samples if none is inside; None without samples.

    With `log` only positive values count. If others exist, the lower end is half the smallest positive value, so
    that those others are drawn below it.
    """
    inside = slice(np.searchsorted(samples.x, window[0]), np.searchsorted(samples.x, window[1], side="right"))
    y = samples.y[inside]
    if not len(y):
        y = samples.y
    if log and len(y) and not y.min() > 0:
        y = y[y > 0]
        return (float(y.min()) / 2, float(y.max())) if len(y) else None
    return (float(y.min()), float(y.max())) if len(y) else None


def polyline(
    samples: Samples, x_axis: Axis, y_axis: Axis, columns: int, *, averaged: bool = False, envelope: bool = False
) -> Polyline:
    """Thin a curve to at most two points in each column of dots: its smallest and its largest value.

    An `averaged` curve keeps one point in each column, its last value, and also the first value of all. An `envelope`
    keeps the largest value of each column and bridges short dips; see `bridge_dips`. On a log axis, values below the
    axis, including those that are not positive, follow its lower edge.
    """
    x, y = samples.x, samples.y
    if not len(x):
        return Polyline(x, y, np.empty(0, np.bool_))
    starts = _column_starts(x, x_axis, columns)
    ends = np.append(starts[1:], len(x)) - 1
    joined = np.ones((len(starts), 2), np.bool_)
    joined[:, 0] = True if samples.broken is None else ~samples.broken[starts]
    joined[0, 0] = False
    if averaged:
        column_y = np.stack([y[ends], y[ends]], axis=1)
        column_y[0, 0] = y[0]
        distinct = np.zeros(column_y.shape, np.bool_)
        distinct[:, 0] = distinct[0, 1] = True
    elif envelope:
        reach = round(BRIDGED * len(starts) / (DOTS_ACROSS * columns) / 2)
        column_y = np.repeat(bridge_dips(np.maximum.reduceat(y, starts), reach)[:, None], 2, axis=1)
        distinct = np.zeros(column_y.shape, np.bool_)
        distinct[:, 0] = True
    else:
        least, greatest = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
        rising = y[ends] >= y[starts]
        column_y = np.stack([np.where(rising, least, greatest), np.where(rising, greatest, least)], axis=1)
        distinct = np.stack([np.ones_like(rising), least < greatest], axis=1)
    if y_axis.log:
        column_y = np.maximum(column_y, max(y_axis.low, SMALLEST))
    column_x = np.repeat(x_axis.to_share(x[starts])[:, None], 2, axis=1)
    return _clip(Polyline(column_x[distinct], y_axis.to_share(column_y[distinct]), joined[distinct]))


def bridge_dips(values: Floats, reach: int) -> Floats:
    """The upper edge of a curve (N,): dips of at most 2 × `reach` values are raised to the lower of their two sides.

    Anything wider stays as it is, and so does a curve that only falls or rises: this is the closing of mathematical
    morphology, the smallest of the largest values around each one (Serra 1982).
    """
    if not reach or not len(values):
        return values
    beyond = np.full(2 * reach, -np.inf)
    window = 2 * reach + 1
    largest = sliding_window_view(np.concatenate([beyond, values, beyond]), window).max(axis=1)
    return np.asarray(sliding_window_view(largest, window).min(axis=1))


def scatter_points(samples: Samples, x_axis: Axis, y_axis: Axis, columns: int) -> Polyline:
    """Thin single points to at most two in each column of dots: its first value, and its largest, to keep peaks.

    The first does not move when more values arrive. Points above the axis are drawn on its upper edge; other points
    outside are omitted.
    """
    x, y = samples.x, samples.y
    if len(x):
        starts = _column_starts(x, x_axis, columns)
        shares = x_axis.to_share(x[starts])
        x = np.concatenate([shares, shares])
        y = np.concatenate([y[starts], np.maximum.reduceat(y, starts)])
        if y_axis.log:
            x, y = x[y >= SMALLEST], y[y >= SMALLEST]
        y = np.minimum(y_axis.to_share(y), 1.0)
        inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        x, y = x[inside], y[inside]
    return Polyline(x, y, np.zeros(len(x), np.bool_))


def _column_starts(x: Floats, x_axis: Axis, columns: int) -> NDArray[np.int64]:
    """The index in `x` of the first value of each non-empty column of dots, and of those before and after the axis."""
    across = DOTS_ACROSS * columns
    # The outer dots are on the limits; the column of a dot extends half a dot to either side.
    borders = x_axis.from_share((np.arange(1, across) - 0.5) / (across - 1))
    cuts = np.searchsorted(x, np.append(x_axis.low, borders))
    starts = np.unique(np.concatenate(([0], cuts, [np.searchsorted(x, x_axis.high, side="right")])))
    return starts[starts < len(x)]


def rasterize(lines: Sequence[Polyline], columns: int, rows: int) -> NDArray[np.uint32]:
    """Rasterize each line in a picture of its own: (N, rows, columns) code points, spaces in empty cells."""
    glyphs = np.full((len(lines), rows, columns), ord(" "), np.uint32)
    across, down = DOTS_ACROSS * columns, DOTS_DOWN * rows
    dots = [_dots(line, across, down) for line in lines]
    drawn = [i for i, (x, _, _) in enumerate(dots) if len(x)]
    if not drawn:
        return glyphs
    # One tall figure with a band of rows for each line: building a figure costs more than a curve.
    height = rows * len(drawn)
    x = np.concatenate([dots[i][0] for i in drawn])
    y = np.concatenate([dots[i][1] + band * down for band, i in enumerate(drawn)])
    joined = np.concatenate([dots[i][2] for i in drawn])
    text = _connect((x + 0.5) / across, 1 - (y + 0.5) / (down * len(drawn)), joined, columns, height)
    picture = np.frombuffer(text.encode("utf-32-le"), np.uint32).reshape(height, columns + 1)[:, :columns]
    glyphs[drawn] = picture.reshape(len(drawn), rows, columns)
    return glyphs


def rasterize_points(points: Polyline, columns: int, rows: int) -> NDArray[np.uint32]:
    """Draw points as single dots: (rows, columns) code points, spaces in empty cells."""
    across, down = DOTS_ACROSS * columns, DOTS_DOWN * rows
    mask = np.zeros((down, across), np.bool_)
    mask[np.rint((1 - points.y) * (down - 1)).astype(np.int64), np.rint(points.x * (across - 1)).astype(np.int64)] = (
        True
    )
    bits = braille.pack(mask)
    return np.where(bits > 0, braille.glyphs(bits), np.uint32(ord(" ")))


def cell_of(x_share: Floats, y_share: Floats, columns: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The (columns, rows) of the cells that contain the dots at these shares, each within 0 and 1."""
    across, down = DOTS_ACROSS * columns, DOTS_DOWN * rows
    column = np.rint(x_share * (across - 1)).astype(np.int64) // DOTS_ACROSS
    row = np.rint((1 - y_share) * (down - 1)).astype(np.int64) // DOTS_DOWN
    return column, row


def _dots(line: Polyline, across: int, down: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The line's points as whole dots from the upper left, without points inside a straight part.

    plotext needs about 10 µs for each point, so a flat part should cost two.
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


def _connect(x: Floats, y: Floats, joined: NDArray[np.bool_], columns: int, rows: int) -> str:
    """Let plotext connect the points: the text of a figure without axes, limits 0 and 1, a newline after each row."""
    import plotext  # takes 0.14 s, and the first frame does not need it

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


def _clip(line: Polyline) -> Polyline:
    """Clip the line to the picture. Where it leaves the picture and returns, it is broken."""
    x, y = np.clip(line.x, -FAR, FAR), np.clip(line.y, -FAR, FAR)
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    if inside.all():
        return Polyline(x, y, line.joined)
    points = np.stack([x, y], axis=1)
    end = np.flatnonzero(line.joined)  # each segment by the index of its end
    first, last = points[end - 1], points[end]
    visible = inside[end - 1] & inside[end]
    beside = (np.maximum(first, last) < 0) | (np.minimum(first, last) > 1)
    cut = np.flatnonzero(~(visible | beside[:, 0] | beside[:, 1]))  # only these few may cross an edge
    first[cut], last[cut], visible[cut] = braille.clip(first[cut], last[cut], 1.0, 1.0)
    end, first, last = end[visible], first[visible], last[visible]

    continued = np.zeros(len(end), np.bool_)  # segments that begin inside, at the end of the segment before
    continued[1:] = (np.diff(end) == 1) & inside[end[1:] - 1]
    alone = np.flatnonzero(inside & ~line.joined & ~np.append(line.joined[1:], False))
    order = np.argsort(np.concatenate([end[~continued] - 0.5, end, alone]), kind="stable")
    clipped = np.concatenate([first[~continued], last, points[alone]])[order]
    joined = np.repeat([False, True, False], [int(np.sum(~continued)), len(end), len(alone)])[order]
    return Polyline(clipped[:, 0], clipped[:, 1], joined)
