"""A path as dots, each with the step that lights it first: built once, then any step's picture is a prefix.

Scrubbing and playing change only the step. So a path is rasterised whole, its dots are sorted by step, and a frame
takes those up to its own, which costs microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import braille
from adam_tui.draw.viewport import Viewport

# Steps that land farther apart than this many dots are told apart by a mark where each lands; nearer marks would
# run together into a thick line.
MARK_DISTANCE = 5.0
# A larger coordinate is drawn in its own direction at this distance, so that differences stay finite.
LARGEST = 1e120
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class PathRaster:
    """The dots of one path in one viewport, in the order in which the steps light them.

    step, cell (row × width + column) and bit: (M,) each, no dot twice. `end` is the last step with a finite
    position, −1 if there is none.
    """

    step: NDArray[np.int64]
    cell: NDArray[np.int64]
    bit: NDArray[np.uint8]
    width: int
    height: int
    end: int

    def upto(self, step: int, since: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
        """Rows, columns and braille bytes of the cells that the steps `since` to `step` (both included) light.

        `upto(t)` is the whole path until t; `upto(t, since=s + 1)` is what t adds to a picture of s.
        """
        low, high = np.searchsorted(self.step, (since, step + 1))
        size = self.width * self.height
        # no dot comes twice, so the sum of a cell's bits is their union; 255 is exact in a float
        bits = np.bincount(self.cell[low:high], weights=self.bit[low:high], minlength=size)
        cell = np.flatnonzero(bits)
        return cell // self.width, cell % self.width, bits[cell].astype(np.uint8)


def finite_steps(positions: NDArray[np.float64]) -> int:
    """How many of the positions (T + 1, 2) come before the first that is not finite: that one ends a path."""
    bad = ~np.isfinite(positions).all(axis=1)
    return int(bad.argmax()) if bad.any() else len(positions)


def toward(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite positions (..., 2), those beyond `LARGEST` drawn in along their own direction from the origin."""
    size = np.abs(positions).max(axis=-1, keepdims=True, initial=0.0)
    return np.asarray(positions / np.maximum(size / LARGEST, 1.0))


def raster(positions: NDArray[np.float64], viewport: Viewport) -> PathRaster:
    """Draw the path through positions (T + 1, 2): a connected line with a mark where each long step lands.

    The first position that is not finite ends it; what lies outside the viewport is clipped at its edge, however
    far away it is.
    """
    positions = np.asarray(positions, np.float64).reshape(-1, 2)
    count = finite_steps(positions)
    columns, rows = 2 * viewport.width, 4 * viewport.height
    points = viewport.to_dots(toward(positions[:count]))
    # the start is a segment without length, so that a path of one position is a dot
    segments = braille.lines(points[np.maximum(np.arange(count) - 1, 0)], points, columns, rows)
    first = np.minimum(_first_lit(segments, columns, rows), _first_lit(_marks(points, columns, rows), columns, rows))
    lit = np.flatnonzero(first < NEVER)
    lit = lit[np.argsort(first[lit], kind="stable")]
    row, column = lit // columns, lit % columns
    return PathRaster(
        step=first[lit],
        cell=(row // 4) * viewport.width + column // 2,
        bit=braille.DOT_BITS[row % 4, column % 2],
        width=viewport.width,
        height=viewport.height,
        end=count - 1,
    )


def _first_lit(dots: braille.Dots, columns: int, rows: int) -> NDArray[np.int64]:
    """The step that lights each dot of the grid first, (rows × columns,); `NEVER` where none does."""
    step, row, column = dots
    first = np.full(rows * columns, NEVER)
    # written backwards: of several steps that write one dot, the earliest writes last and stays
    first[(row * columns + column)[::-1]] = step[::-1]
    return first


def _marks(points: NDArray[np.float64], columns: int, rows: int) -> braille.Dots:
    """(step, row, column) of the marks: two by two dots around the landing point of every long step."""
    with np.errstate(over="ignore", invalid="ignore"):
        stride = np.diff(points, axis=0)
        long = np.hypot(stride[:, 0], stride[:, 1]) > MARK_DISTANCE
    inside = np.asarray(((points >= 0) & (points < (columns, rows))).all(axis=1))
    step = np.flatnonzero(long & inside[1:]) + 1
    # the two columns and rows whose common corner is nearest to the point
    corner = np.rint(points[step]).astype(np.int32) - 1
    column = corner[:, 0, None] + np.array([0, 1, 0, 1], np.int32)
    row = corner[:, 1, None] + np.array([0, 0, 1, 1], np.int32)
    shown = ((column >= 0) & (column < columns) & (row >= 0) & (row < rows)).ravel()
    return np.repeat(step, 4)[shown], row.ravel()[shown], column.ravel()[shown]
