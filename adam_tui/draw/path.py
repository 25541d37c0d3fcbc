"""A path as braille dots, each with the first step that draws it.

Playing and scrubbing change only the step. Therefore a path is rasterized once, with its dots sorted by step, and the
picture of any step is a prefix of them, which costs microseconds. A long path is rasterized in pieces: 100,000 steps
take 20 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import braille
from adam_tui.draw.viewport import Viewport

# A step longer than this many dots gets a mark at its end; nearer marks would merge into a thick line.
MARK_DISTANCE = 5.0
DASH = 4  # dots, and as many in the gap after them
# A position with a larger coordinate is moved to this size in its own direction, so that differences stay finite.
LARGEST = 1e120
NEVER = np.iinfo(np.int64).max


class PathRaster:
    """The dots of one path in one viewport, in the order in which the steps draw them.

    step, cell (row × width + column) and bit: (M,) each; no dot occurs twice. `end` is the last rasterized step, −1
    before the first. `ended` is True when a position that is not finite ended the path there.
    """

    def __init__(self, viewport: Viewport) -> None:
        self.step = np.empty(0, np.int64)
        self.cell = np.empty(0, np.int64)
        self.bit = np.empty(0, np.uint8)
        self.end = -1
        self.ended = False
        self.width, self.height = viewport.width, viewport.height
        self._viewport = viewport
        self._drawn = np.zeros(8 * self.width * self.height, np.bool_)

    def extend(self, positions: NDArray[np.float64], count: int) -> None:
        """Rasterize the first `count` positions (T + 1, 2) of the path, except those that are rasterized."""
        if self.ended or count <= self.end + 1:
            return
        first = max(self.end, 0)  # a segment starts at the step before it
        positions = np.asarray(positions[first:count], np.float64)
        finite = finite_steps(positions)
        self.ended = finite < len(positions)
        columns, rows = 2 * self.width, 4 * self.height
        points = self._viewport.to_dots(limit_size(positions[:finite]))
        # The start is a segment of length 0, so that a path of one position is a dot.
        index = np.arange(0 if self.end < 0 else 1, finite)
        segment, row, column = braille.lines(points[np.maximum(index - 1, 0)], points[index], columns, rows)
        marks = _marks(points, columns, rows)
        steps = _first_steps((index[segment], row, column), columns, rows)
        steps = np.minimum(steps, _first_steps(marks, columns, rows))
        new = np.flatnonzero((steps < NEVER) & ~self._drawn)
        new = new[np.argsort(steps[new], kind="stable")]
        self._drawn[new] = True
        row, column = np.divmod(new, columns)
        self.step = np.concatenate([self.step, first + steps[new]])
        self.cell = np.concatenate([self.cell, (row // 4) * self.width + column // 2])
        self.bit = np.concatenate([self.bit, braille.DOT_BITS[row % 4, column % 2]])
        self.end = first + finite - 1

    def upto(
        self, step: int, since: int = 0, *, dashed: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
        """Rows, columns and braille bytes of the cells that the steps `since` to `step` (both included) draw.

        `upto(t)` is the whole path until t; `upto(t, since=s + 1)` is the difference between the pictures of s and t.
        A `dashed` path has only every other group of `DASH` dots.
        """
        low, high = np.searchsorted(self.step, (since, step + 1))
        size = self.width * self.height
        # No dot occurs twice, so the sum of a cell's bits is their union; 255 is exact in a float.
        weights = self.bit[low:high]
        if dashed:
            weights = np.where(np.arange(low, high) // DASH % 2, 0, weights)
        bits = np.bincount(self.cell[low:high], weights=weights, minlength=size)
        cell = np.flatnonzero(bits)
        return cell // self.width, cell % self.width, bits[cell].astype(np.uint8)

    def newest(self, step: int, dots: int) -> NDArray[np.int64]:
        """The cells (row × width + column) of the newest dots in the picture of `step`, some of them repeatedly."""
        high = int(np.searchsorted(self.step, step + 1))
        return self.cell[max(high - dots, 0) : high]


def finite_steps(positions: NDArray[np.float64]) -> int:
    """The number of positions (T + 1, 2) before the first that is not finite, which ends a path."""
    bad = ~np.isfinite(positions).all(axis=1)
    return int(bad.argmax()) if bad.any() else len(positions)


def limit_size(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shrink finite positions (..., 2) beyond `LARGEST` to that size; their direction from the origin stays."""
    size = np.abs(positions).max(axis=-1, keepdims=True, initial=0.0)
    return np.asarray(positions / np.maximum(size / LARGEST, 1.0))


def rasterize_path(positions: NDArray[np.float64], viewport: Viewport) -> PathRaster:
    """Rasterize the path through positions (T + 1, 2): a connected line with a mark at the end of each long step.

    The first position that is not finite ends the path. Segments are clipped to the viewport, however far their ends
    are.
    """
    raster = PathRaster(viewport)
    positions = np.asarray(positions, np.float64).reshape(-1, 2)
    raster.extend(positions, len(positions))
    return raster


def _first_steps(dots: braille.Dots, columns: int, rows: int) -> NDArray[np.int64]:
    """The first step that draws each dot of the grid, (rows × columns,); `NEVER` for the other dots."""
    step, row, column = dots
    first = np.full(rows * columns, NEVER)
    # Written backwards: of several steps that draw one dot, the earliest is written last and stays.
    first[(row * columns + column)[::-1]] = step[::-1]
    return first


def _marks(points: NDArray[np.float64], columns: int, rows: int) -> braille.Dots:
    """(step, row, column) of the marks: two by two dots around the end of every long step."""
    with np.errstate(over="ignore", invalid="ignore"):
        stride = np.diff(points, axis=0)
        long = np.hypot(stride[:, 0], stride[:, 1]) > MARK_DISTANCE
    inside = np.asarray(((points >= 0) & (points < (columns, rows))).all(axis=1))
    step = np.flatnonzero(long & inside[1:]) + 1
    # the two columns and two rows whose common corner is nearest to the point
    corner = np.rint(points[step]).astype(np.int32) - 1
    column = corner[:, 0, None] + np.array([0, 1, 0, 1], np.int32)
    row = corner[:, 1, None] + np.array([0, 0, 1, 1], np.int32)
    visible = ((column >= 0) & (column < columns) & (row >= 0) & (row < rows)).ravel()
    return np.repeat(step, 4)[visible], row.ravel()[visible], column.ravel()[visible]
