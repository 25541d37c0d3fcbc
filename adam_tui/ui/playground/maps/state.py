"""The state of an open map: which one, its axes, and its cursor.

The outcomes are not state: they follow from the scenario, the axes and the size of the map (`computation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.outcomes import Quantity
from adam_tui.engine.rule import Group

Kind = Literal["settings", "starts", "rates"]
# The quantity that a map opens with.
FIRST_QUANTITY: dict[Kind, Quantity] = {"settings": "loss", "starts": "steps", "rates": "loss"}


@dataclass(frozen=True, slots=True)
class MapGrid:
    """The cells of the map on this screen. `bounds` are the first and last x and y of a map of starts."""

    columns: int
    rows: int
    bounds: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)

    def start(self, column: int, row: int) -> tuple[float, float]:
        """The start of a cell of a map of starts."""
        xs, ys = self.starts()
        return float(xs[column]), float(ys[row])

    def starts(self) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
        """The x of each column and the y of each row of a map of starts."""
        left, right, low, high = self.bounds
        return np.linspace(left, right, self.columns), np.linspace(low, high, self.rows)


@dataclass(frozen=True, slots=True)
class MapState:
    """An open map.

    x, y: its axes; None for the lane's own. cursor: the (column, row) of the chosen cell; None for the lane's own
    setting. grid: the cells on this screen, None before the first layout. median: of five seeds of the noise.
    group: the curves of the learning rates are those of a group of optimizers; None for those of the lanes.
    clock: the time of the race when the map was opened. The race is at its end meanwhile: cells are outcomes.
    """

    kind: Kind
    quantity: Quantity
    x: Axis | None = None
    y: Axis | None = None
    cursor: tuple[int, int] | None = None
    grid: MapGrid | None = None
    median: bool = False
    group: Group | None = None
    clock: float = 0.0
