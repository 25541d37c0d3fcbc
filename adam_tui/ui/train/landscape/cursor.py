"""Where keys and the mouse go on the plane: from cells to places, from places to recorded steps, and to other views.

Pure functions of `OnPlane`, which the screen reads when a key is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.viewport import Viewport
from adam_tui.ui.train import events as e
from adam_tui.ui.train.landscape.state import Bounds, Place

ZOOM, WHEEL = 2.0, 2.0**0.5  # times closer with a key, with a notch of the wheel
PAN = 0.25  # of the view
FAR = 8  # cells of a coarse step of the cursor
NEAR = 1.5  # cells: a click so near to a recorded step selects it
CLOSEST, WIDEST = 2.0**12, 2.0**4  # of the whole plane


@dataclass(frozen=True, slots=True, eq=False)
class OnPlane:
    """The view of the plane, its place on the panel, and the selected run's recorded steps (T,) at places (T, 2).

    `home` is the whole plane; `step` and `place` are the cursor's, None without one.
    """

    viewport: Viewport
    offset: tuple[int, int]
    home: Bounds
    steps: NDArray[np.int64]
    places: NDArray[np.float64]
    step: int | None
    place: Place | None

    def at(self, row: int, column: int) -> Place | None:
        """The place in the middle of a cell of the panel; None beside the plot."""
        row, column = row - self.offset[0], column - self.offset[1]
        inside = 0 <= row < self.viewport.height and 0 <= column < self.viewport.width
        return self.viewport.from_cell(row, column) if inside else None

    def pointed(self, place: Place, cells: float = 0.5) -> e.PointAt:
        """Put the cursor at a place; it takes a recorded step that is no more than so many cells away."""
        dots = self.viewport.to_dots(self.places) - self.viewport.to_dots(place)
        away = abs(dots / (2, 4)).max(-1)
        nearest = int(away.argmin())
        if away[nearest] > cells:
            return e.PointAt(place, None, self._with(place))
        a, b = self.places[nearest].tolist()
        # A cursor that walks by cells would stay at a step's place otherwise: it keeps its own.
        return e.PointAt((a, b) if cells > 1 else place, int(self.steps[nearest]), self._with(place))

    def moved(self, right: int, up: int, *, coarse: bool) -> e.Event:
        """Move the cursor by cells; without one, the view."""
        if self.place is None:
            return e.ShowPart(self.viewport.panned(right * PAN, up * PAN).bounds)
        cells = FAR if coarse else 1
        wide = (self.viewport.x_max - self.viewport.x_min) / self.viewport.width
        high = (self.viewport.y_max - self.viewport.y_min) / self.viewport.height
        return self.pointed((self.place[0] + right * cells * wide, self.place[1] + up * cells * high))

    def walked(self, by: int) -> e.Event:
        """Put the cursor at the next recorded step, or at the previous one; without a cursor at the last one."""
        last = len(self.steps) - 1
        now = last + 1 if self.step is None else int(abs(self.steps - self.step).argmin())
        return self.at_record(min(max(now + by, 0), last))

    def at_record(self, number: int) -> e.Event:
        """Put the cursor at a recorded step by its number; negative from the end."""
        a, b = self.places[number].tolist()
        return e.PointAt((a, b), int(self.steps[number]), self._with((a, b)))

    def zoomed(self, factor: float, about: Place | None = None) -> e.Event:
        """Zoom in by a factor about a place, or else about the cursor or the middle."""
        closer = self.viewport.zoomed(factor, about or self.place)
        size = (self.home[1] - self.home[0]) / (closer.x_max - closer.x_min)
        within = 1 / WIDEST < size < CLOSEST
        return e.ShowPart(closer.bounds if within else self.viewport.bounds)

    def _with(self, place: Place) -> Bounds | None:
        """The view moved so that it contains a place; None when it does already."""
        (x, y), now = place, self.viewport
        right = min(x - now.x_min, 0.0) or max(x - now.x_max, 0.0)
        up = min(y - now.y_min, 0.0) or max(y - now.y_max, 0.0)
        if not right and not up:
            return None
        wide, high = now.x_max - now.x_min, now.y_max - now.y_min
        return now.panned(right / wide + np.sign(right) * PAN, up / high + np.sign(up) * PAN).bounds
