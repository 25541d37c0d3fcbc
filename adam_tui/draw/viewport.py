"""The part of the plane that a plot shows, and all conversions between its coordinates and the screen's.

Three grids cover the same rectangle of `width` × `height` cells: pixels (2 × 2 or 2 × 3 in each cell) for the surface,
braille dots (2 × 4 in each cell) for lines, and the cells for markers. Rows count from the top; y points up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Height of a terminal's cell divided by its width; fonts range from about 1.8 to 2.2.
CELL_ASPECT = 2.0
# The narrowest view, in units of the float spacing at its coordinates: below this, neighbouring dots coincide.
FINEST_FLOATS = 1e5
WIDEST = 1e150  # the largest coordinate; its square is still a finite float


@dataclass(frozen=True, slots=True)
class Viewport:
    """The rectangle x_min..x_max × y_min..y_max, shown on width × height cells."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float
    width: int
    height: int

    @classmethod
    def fit(
        cls,
        bounds: tuple[float, float, float, float],
        width: int,
        height: int,
        cell_aspect: float = CELL_ASPECT,
        *,
        center_in_cell: bool = False,
    ) -> Viewport:
        """The smallest view that contains `bounds` (x_min, x_max, y_min, y_max) and in which circles are round.

        One direction is widened on both sides until a unit is as long on the screen in x as in y. With
        `center_in_cell` the centre of the bounds lies in the middle of a cell, so that a path that ends there ends on
        its marker; an even number of rows or columns then has one spare, at the bottom or the right. Bounds without
        extent get a small one. Raises ValueError for bounds that are not finite, or a plot without cells.
        """
        x_min, x_max, y_min, y_max = map(float, bounds)
        if width < 1 or height < 1:
            raise ValueError(f"a plot needs at least one cell, not {width} × {height}")
        if not all(map(math.isfinite, (x_max - x_min, y_max - y_min))):
            raise ValueError(f"the bounds of a view must be finite, not {bounds}")
        x, y = (x_min + x_max) / 2, (y_min + y_max) / 2
        least = 1e-9 * max(abs(x), abs(y), 1.0)
        wide = x_max - x_min if x_max > x_min else least
        high = y_max - y_min if y_max > y_min else least
        columns, rows = (n - (n + 1) % 2 if center_in_cell else n for n in (width, height))  # without the spare one
        unit = max(wide / columns, high / (rows * cell_aspect))  # data units a cell is wide
        left, top = x - unit * columns / 2, y + unit * rows * cell_aspect / 2
        right, bottom = left + unit * width, top - unit * height * cell_aspect
        # min and max: rounding must not exclude an end of the bounds
        return cls(min(left, x_min), max(right, x_max), min(bottom, y_min), max(top, y_max), width, height)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, x_max, y_min, y_max), the argument of `fit`."""
        return self.x_min, self.x_max, self.y_min, self.y_max

    @property
    def center(self) -> tuple[float, float]:
        """The point in the middle."""
        return (self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2

    def zoomed(self, factor: float, center: tuple[float, float] | None = None) -> Viewport:
        """Zoom in by `factor` (2 shows half as much, 0.5 twice as much).

        `center` is the point that keeps its place on the screen, by default the middle. Returns the same view if the
        new one would be so narrow that its dots coincide, or too wide for floats.
        """
        x, y = self.center if center is None else center
        return self._checked(
            x + (self.x_min - x) / factor,
            x + (self.x_max - x) / factor,
            y + (self.y_min - y) / factor,
            y + (self.y_max - y) / factor,
        )

    def panned(self, dx_share: float, dy_share: float) -> Viewport:
        """Move the view right and up by these shares of its width and height."""
        dx, dy = dx_share * (self.x_max - self.x_min), dy_share * (self.y_max - self.y_min)
        return self._checked(self.x_min + dx, self.x_max + dx, self.y_min + dy, self.y_max + dy)

    def _checked(self, x_min: float, x_max: float, y_min: float, y_max: float) -> Viewport:
        wide, high = x_max - x_min, y_max - y_min
        coarsest = FINEST_FLOATS * max(map(math.ulp, (x_min, x_max, y_min, y_max)))
        valid = coarsest < min(wide, high) and max(map(abs, (x_min, x_max, y_min, y_max))) < WIDEST
        return Viewport(x_min, x_max, y_min, y_max, self.width, self.height) if valid else self

    def pixel_centers(self, rows: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The centres of the pixels, 2 × `rows` in each cell: x (2 W,) from the left, y (rows H,) from the top."""
        across = (np.arange(2 * self.width) + 0.5) / (2 * self.width)
        down = (np.arange(rows * self.height) + 0.5) / (rows * self.height)
        return (
            self.x_min + across * (self.x_max - self.x_min),
            self.y_max - down * (self.y_max - self.y_min),
        )

    def to_dots(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert points (..., 2) to braille-dot coordinates (..., 2): column 0 to 2 W, row 0 to 4 H from the top.

        The floor of the coordinates is the dot that contains the point. Points outside the view lie outside these
        ranges; coordinates that are not finite, or overflow when scaled, are not finite in the result.
        """
        p = np.asarray(points, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            column = (p[..., 0] - self.x_min) * (2 * self.width / (self.x_max - self.x_min))
            row = (self.y_max - p[..., 1]) * (4 * self.height / (self.y_max - self.y_min))
        return np.stack([column, row], axis=-1)

    def to_cell(self, point: ArrayLike) -> tuple[int, int] | None:
        """The (row, column) of the cell that contains `point`, None outside. The far edges belong to the last cells."""
        x, y = map(float, np.asarray(point, np.float64))
        if not (self.x_min <= x <= self.x_max and self.y_min <= y <= self.y_max):
            return None  # a nan fails every comparison
        column = int((x - self.x_min) / (self.x_max - self.x_min) * self.width)
        row = int((self.y_max - y) / (self.y_max - self.y_min) * self.height)
        return min(row, self.height - 1), min(column, self.width - 1)

    def from_cell(self, row: int, column: int) -> tuple[float, float]:
        """The point in the middle of a cell."""
        return (
            self.x_min + (column + 0.5) / self.width * (self.x_max - self.x_min),
            self.y_max - (row + 0.5) / self.height * (self.y_max - self.y_min),
        )
