"""The points of a plane whose loss is computed: a grid, from coarse to fine, so that every part of it is a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.float64] | NDArray[np.int64]
Bounds = tuple[float, float, float, float]  # a_min, a_max, b_min, b_max

COARSEST = 3  # columns and rows with which a picture begins, at most: on a busy machine a point takes half a second
COARSE = 9  # columns and rows of the first picture with details, at most: 81 points
MARGIN = 0.2  # around a path, as a share of its extent
LEAST_SHARE = 0.3  # of the other direction's extent: a path along a line gets a plane, too
FINEST = 32  # intervals of a zoomed grid over the height of its view, at most: half as many at least
ALIGNED = 8  # a zoomed grid begins and ends at multiples of so many intervals, so that its coarse points are shared
LEVELS = (-8, 24)  # the spacing of a zoomed grid, in halvings of the first grid's
NEAR = 1e-4  # of the spacing: two points so near are the same one


@dataclass(frozen=True, slots=True)
class Grid:
    """`columns` × `rows` points over the area `bounds`, (a_min, a_max, b_min, b_max), its edges included.

    The index of a point counts along the rows, from the lowest b on.
    """

    bounds: Bounds
    columns: int
    rows: int

    def __len__(self) -> int:
        return self.columns * self.rows

    @property
    def axes(self) -> tuple[Floats, Floats]:
        """The values of a (columns,) and of b (rows,)."""
        a_min, a_max, b_min, b_max = self.bounds
        return np.linspace(a_min, a_max, self.columns), np.linspace(b_min, b_max, self.rows)

    def point(self, index: int) -> tuple[float, float]:
        """The coordinates of a point."""
        a, b = self.axes
        return float(a[index % self.columns]), float(b[index // self.columns])

    @property
    def strides(self) -> list[int]:
        """The distances of neighbours, level by level: powers of two down to 1."""
        stride = self._stride(COARSEST)
        return [stride >> k for k in range(stride.bit_length())]

    @property
    def coarse(self) -> NDArray[np.int64]:
        """The indices (N,) of the first points of `order`, before which nothing else is computed."""
        return self.level(self._stride(COARSE)).ravel()

    def _stride(self, most: int) -> int:
        """The least power of two with which at most so many columns and rows are left."""
        stride = 1
        while max(len(_lines(self.columns, stride)), len(_lines(self.rows, stride))) > most:
            stride *= 2
        return stride

    def level(self, stride: int) -> NDArray[np.int64]:
        """The indices (rows, columns) of the points of one level, those of coarser levels among them."""
        return _lines(self.rows, stride)[:, None] * self.columns + _lines(self.columns, stride)

    def order(self, view: Bounds | None = None) -> list[int]:
        """All points from coarse to fine, row by row within a level; those between which a part of `view` lies."""
        levels = (self.level(stride)[self._near(view, stride)] for stride in self.strides)
        return list(dict.fromkeys(index for level in levels for index in level.ravel().tolist()))

    def _near(self, view: Bounds | None, stride: int) -> NDArray[np.bool_]:
        """Which points (rows, columns) of a level are in a view, or one of its intervals beyond."""
        rows, columns = _lines(self.rows, stride), _lines(self.columns, stride)
        if view is None:
            return np.ones((len(rows), len(columns)), np.bool_)
        (a, b), (wide, high) = self.axes, self.spacing
        across = (a[columns] > view[0] - stride * wide) & (a[columns] < view[1] + stride * wide)
        up = (b[rows, None] > view[2] - stride * high) & (b[rows, None] < view[3] + stride * high)
        return np.asarray(up & across)

    @property
    def spacing(self) -> tuple[float, float]:
        """The distance of neighbouring points along a and along b."""
        a_min, a_max, b_min, b_max = self.bounds
        return (a_max - a_min) / (self.columns - 1), (b_max - b_min) / (self.rows - 1)

    def index_of(self, places: Floats) -> NDArray[np.int64]:
        """The indices (N,) of the points at places (N, 2); −1 for any other place."""
        a_min, _, b_min, _ = self.bounds
        steps = (places - (a_min, b_min)) / self.spacing
        nearest = np.rint(steps)
        near = (nearest >= 0) & (nearest < (self.columns, self.rows)) & (abs(steps - nearest) < NEAR)
        inside = np.asarray(near.all(-1))
        column, row = np.where(inside[:, None], nearest, 0).astype(np.int64).T
        return np.where(inside, row * self.columns + column, -1)

    def covering(self, view: Bounds) -> Grid:
        """The grid over a view whose spacing is this grid's times a power of two, and which has its points in common.

        So what was computed at one zoom is a part of the next one. It has up to `FINEST` intervals over the view's
        height, and reaches a little beyond it.
        """
        (wide, high), (a_min, _, b_min, _) = self.spacing, self.bounds
        level = math.floor(math.log2(FINEST * high / (view[3] - view[2])))
        factor = 2.0 ** -min(max(level, LEVELS[0]), LEVELS[1])
        wide, high = wide * factor, high * factor
        left, right = _aligned((view[0] - a_min) / wide, (view[1] - a_min) / wide)
        low, top = _aligned((view[2] - b_min) / high, (view[3] - b_min) / high)
        bounds = (a_min + left * wide, a_min + right * wide, b_min + low * high, b_min + top * high)
        return Grid(bounds, right - left + 1, top - low + 1)

    def filled(self, values: Floats) -> Floats:
        """Values (rows, columns) from values (columns·rows,) with nan where a point is not computed yet.

        A missing point is interpolated from the coarser level, so it is nan only near missing points of the coarsest.
        """
        coarser: tuple[NDArray[np.int64], NDArray[np.int64], Floats] | None = None
        for stride in self.strides:
            rows, columns = _lines(self.rows, stride), _lines(self.columns, stride)
            part = values[self.level(stride)]
            if coarser is not None:
                missing = np.isnan(part)
                part = np.where(missing, interpolated(*coarser, rows, columns), part)
            coarser = rows, columns, part
        assert coarser is not None
        return coarser[2]

    def sampler(self, values: Floats) -> Callable[[Floats], Floats]:
        """The function from points (…, 2) of the plane to values (…), linear between the grid's (rows, columns).

        It is nan beside a nan, and beyond the edges by more than half the distance of two points.
        """
        a_min, a_max, b_min, b_max = self.bounds
        last = np.array([self.columns - 1, self.rows - 1])
        low, high = np.array([a_min, b_min]), np.array([a_max, b_max])

        def value_at(points: Floats) -> Floats:
            places = (points - low) / (high - low) * last
            inside = ((places >= -0.5) & (places <= last + 0.5)).all(-1)
            places = np.clip(places, 0, last)
            corner = np.minimum(np.floor(places), last - 1).astype(np.int64)
            (x, y), (column, row) = np.moveaxis(places - corner, -1, 0), np.moveaxis(corner, -1, 0)
            lower = (1 - x) * values[row, column] + x * values[row, column + 1]
            upper = (1 - x) * values[row + 1, column] + x * values[row + 1, column + 1]
            return np.where(inside, (1 - y) * lower + y * upper, np.nan)

        return value_at


def _lines(count: int, stride: int) -> NDArray[np.int64]:
    """Every `stride`-th of `count` lines and the last one."""
    lines = np.arange(0, count, stride)
    return lines if lines[-1] == count - 1 else np.append(lines, count - 1)


def _aligned(first: float, last: float) -> tuple[int, int]:
    """Whole multiples of `ALIGNED` around two numbers."""
    low = math.floor(first / ALIGNED + NEAR) * ALIGNED
    return low, max(math.ceil(last / ALIGNED - NEAR) * ALIGNED, low + ALIGNED)


def interpolated(rows: Places, columns: Places, values: Floats, to_rows: Places, to_columns: Places) -> Floats:
    """Values at other rows and columns, linear in both directions; nan beyond the edges and beside a nan."""
    return _along(rows, _along(columns, values.T, to_columns).T, to_rows)


def _along(places: Places, values: Floats, targets: Places) -> Floats:
    """Interpolate `values` (N, …), which lie at increasing `places` (N,), at `targets` (M,)."""
    right = np.clip(np.searchsorted(places, targets, side="left"), 1, len(places) - 1)
    left = right - 1
    share = ((targets - places[left]) / (places[right] - places[left]))[:, None]
    with np.errstate(invalid="ignore"):
        mixed = np.where(share == 0, values[left], np.where(share == 1, values[right], 0.0))
        between = (share > 0) & (share < 1)
        mixed = np.where(between, (1 - share) * values[left] + share * values[right], mixed)
    return np.where((share < 0) | (share > 1), np.nan, mixed)


def bounds_around(places: Floats, aspect: float) -> Bounds:
    """The area around places (T, 2) with a margin, `aspect` times as wide as it is high."""
    low, high = places.min(0), places.max(0)
    extent = high - low
    extent = np.maximum(extent, LEAST_SHARE * extent.max()) * (1 + 2 * MARGIN)
    extent = np.where(extent > 0, extent, 1.0)
    wide, tall = max(extent[0], extent[1] * aspect), max(extent[1], extent[0] / aspect)
    a, b = ((low + high) / 2).tolist()
    return float(a - wide / 2), float(a + wide / 2), float(b - tall / 2), float(b + tall / 2)
