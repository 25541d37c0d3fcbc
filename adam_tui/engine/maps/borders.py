"""The borders of a map: where the largest stable learning rate lies, and whether the last digit decides there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.batch import Batch, never
from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.maps.outcomes import DIVERGED
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.stability import BOUNDED, stability
from adam_tui.engine.trajectory import Array, Trajectory, compute_trajectory, plotted_surface, start_of

# So many cells at the borders of a map are walked a second time; fewer would make the share uncertain by over 5%.
SAMPLED = 128
# An end that moved by more than this share of the plot is another one.
ELSEWHERE = 1e-2


def stability_line(
    scenario: Scenario, lane: int, x: Axis, y: Axis, point: tuple[float, float] | None = None, count: int = 200
) -> Array:
    """Where the largest stable learning rate lies on a settings map: values (n, 2) of x and y, in the order of y.

    The curvature is that at `point`, or at the listed minimum nearest to the start. Empty for other optimizers than
    sgd, momentum and Nesterov, for axes without lr, for a learning rate that varies, and without such a point.
    """
    chosen, surface = scenario.lanes[lane], plotted_surface(scenario)
    names = (x.knob.name, y.knob.name)
    if chosen.optimizer not in BOUNDED or "lr" not in names or chosen.varies:
        return np.empty((0, 2))
    if point is None:
        if not surface.minima:
            return np.empty((0, 2))
        start = start_of(scenario)
        point = min(surface.minima, key=lambda minimum: math.dist(minimum, start))
    other = y if names[0] == "lr" else x
    line = []
    for value in other.values(count):
        bound = stability(surface, chosen.replaced(other.knob.name, float(value)), np.array(point)).bound
        if bound is not None:
            line.append((bound, value) if names[0] == "lr" else (value, bound))
    return np.array(line).reshape(-1, 2)


class BorderSample:
    """Whether the last digit of the start decides what happens at the borders of a finished map, computed in pieces.

    A sample of cells that have a neighbour of another class, or with another end, is walked twice: as they are, and
    from a start whose coordinates are the next floats.
    """

    def __init__(self, finished: SettingsMap | StartsMap) -> None:
        outcomes, surface = finished.outcomes(), finished.surface
        numbers, _ = rest_points(outcomes, surface)
        kinds = outcomes.states.astype(np.int64) * (numbers.max() + 2) + numbers
        border = np.zeros(kinds.shape, dtype=bool)
        for one, other in (((slice(1, None),), (slice(None, -1),)), ((..., slice(1, None)), (..., slice(None, -1)))):
            differs = kinds[one] != kinds[other]
            border[one] |= differs
            border[other] |= differs
        rows, columns = np.nonzero(border)
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(SAMPLED, len(rows))).astype(np.intp))
        rows, columns = rows[chosen], columns[chosen]
        self.sampled = len(rows)
        x_min, x_max, y_min, y_max = surface.bounds
        self._size = max(x_max - x_min, y_max - y_min)
        self._batch: Batch | None = None
        if not self.sampled:
            return
        grid, starts = finished.cells(rows, columns)
        nudged = np.where(starts == 0.0, np.spacing(self._size), np.nextafter(starts, np.inf))
        both = np.concatenate([starts, nudged])
        seed, scenario = finished.seeds[0], finished.scenario

        def alone(cell: tuple[int, ...]) -> Trajectory:
            lane = finished.lane_at(int(rows[cell[0] % len(rows)]), int(columns[cell[0] % len(rows)]))
            start = float(both[cell[0], 0]), float(both[cell[0], 1])
            return compute_trajectory(surface, lane, start, scenario.steps, scenario.noise, seed)

        twice = {name: np.concatenate([values, values]) for name, values in grid.items()}
        self._batch = finished.batch(twice, both, seed, alone)

    @property
    def complete(self) -> bool:
        """True when `changed` can be read."""
        return self._batch is None or self._batch.complete

    def advance(self, interrupted: Callable[[], bool] = never) -> None:
        """Compute one piece, about two milliseconds, or less of it when `interrupted` becomes true."""
        if self._batch is not None:
            self._batch.advance(interrupted)

    @property
    def changed(self) -> int:
        """The number of sampled cells whose class or end the last digit decides."""
        if self._batch is None:
            return 0
        outcomes = self._batch.finish()
        states, ends = outcomes.states.reshape(2, -1), outcomes.ends.reshape(2, -1, 2)
        with np.errstate(all="ignore"):
            moved = np.abs(ends[0] - ends[1]).max(axis=-1) > ELSEWHERE * self._size
        return int(((states[0] != states[1]) | (moved & (states[0] != DIVERGED))).sum())
