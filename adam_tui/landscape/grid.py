"""The points of a plane whose loss is computed: a grid, from coarse to fine, so that every part of it is a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.float64] | NDArray[np.int64]

COARSE = 9  # columns and rows of the first picture, at most: 81 points
MARGIN = 0.2  # around a path, as a share of its extent
LEAST_SHARE = 0.3  # of the other direction's extent: a path along a line gets a plane, too


@dataclass(frozen=True, slots=True)
class Grid:
    """`columns` × `rows` points over the area `bounds`, (a_min, a_max, b_min, b_max), its edges included.

    The index of a point counts along the rows, from the lowest b on.
    """

    bounds: tuple[float, float, float, float]
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
        stride = 1
        while max(len(_lines(self.columns, stride)), len(_lines(self.rows, stride))) > COARSE:
            stride *= 2
        return [stride >> k for k in range(stride.bit_length())]

    def level(self, stride: int) -> NDArray[np.int64]:
        """The indices (rows, columns) of the points of one level, those of coarser levels among them."""
        return _lines(self.rows, stride)[:, None] * self.columns + _lines(self.columns, stride)

    def order(self) -> list[int]:
        """All points from coarse to fine, row by row within a level."""
        return list(dict.fromkeys(index for stride in self.strides for index in self.level(stride).ravel().tolist()))

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


def bounds_around(places: Floats, aspect: float) -> tuple[float, float, float, float]:
    """The area around places (T, 2) with a margin, `aspect` times as wide as it is high."""
    low, high = places.min(0), places.max(0)
    extent = high - low
    extent = np.maximum(extent, LEAST_SHARE * extent.max()) * (1 + 2 * MARGIN)
    extent = np.where(extent > 0, extent, 1.0)
    wide, tall = max(extent[0], extent[1] * aspect), max(extent[1], extent[0] / aspect)
    a, b = ((low + high) / 2).tolist()
    return float(a - wide / 2), float(a + wide / 2), float(b - tall / 2), float(b + tall / 2)
