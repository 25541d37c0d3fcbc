"""Maps: a grid of cells, computed in blocks, coarse to fine: `SettingsMap` and `StartsMap`.

A block of cells is an array (columns, rows) in Fortran's order, its points (columns, rows, 2): all x lie together, then
all y, row by row. numpy has its shortest loops for such arrays.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.lane import Lane
from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.batch import Batch, LoneCells, never
from adam_tui.engine.maps.outcomes import NOT_COMPUTED, Outcomes, median_outcomes
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.trajectory import Array, Trajectory, compute_trajectory, plotted_surface, start_of

# Cells that are walked together: their arrays fit the processor's cache, and a step's fixed cost is small beside them.
BLOCK = 4800
# The first pass computes every so many-th cell in both directions; the next ones whole rows, every 8th, 4th, 2nd, all.
COARSEST = 8
STRIDES = (8, 4, 2, 1)
# A map of a class, whose cells take long, shows every so many-th cell in both directions.
THINNED = 4
# A map of fewer cells is computed at once without a coarse pass.
SMALL = 600
SEEDS_OF_A_MEDIAN = 5


class _Block(NamedTuple):
    """The cells that are at these rows and at these columns; indices, (n,) and (m,)."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def _blocks(rows: int, columns: int, coarse: bool, thinned: bool) -> Iterator[_Block]:
    """All cells in blocks of at most `BLOCK`: row by row, or every 8th cell and then every 8th, 4th, 2nd row, all.

    With `thinned` only every 8th cell, and then every 4th.
    """
    if thinned:
        for stride in (COARSEST, THINNED):
            yield from _bands(np.arange(0, rows, stride), [np.arange(0, columns, stride)])
        return
    across = [np.arange(i, min(i + BLOCK, columns)) for i in range(0, columns, BLOCK)]
    order = np.arange(rows)
    if coarse and rows * columns > SMALL:
        # These cells are computed again with their rows: a block that is a whole band costs less than one with holes.
        yield from _bands(order[::COARSEST], [np.arange(0, columns, COARSEST)])
        seen = [order[::stride] for stride in STRIDES]
        _, first = np.unique(np.concatenate(seen), return_index=True)
        order = np.concatenate(seen)[np.sort(first)]
    yield from _bands(order, across)


def _bands(rows: NDArray[np.intp], across: Sequence[NDArray[np.intp]]) -> Iterator[_Block]:
    height = max(BLOCK // len(across[0]), 1)
    for first in range(0, len(rows), height):
        for columns in across:
            yield _Block(rows[first : first + height], columns)


class _Map(ABC):
    """A map computed block by block; any thread may use it.

    `seeds` are those of the noise: of several the median outcome counts (`median_outcomes`). `coarse` computes every
    8th cell in both directions first; otherwise the rows are computed from the lowest y on.
    """

    def __init__(
        self, scenario: Scenario, lane: int, rows: int, columns: int, seeds: Sequence[int], coarse: bool
    ) -> None:
        self.scenario, self.lane = scenario, lane
        self.rows, self.columns = rows, columns
        self.surface = plotted_surface(scenario)
        self.seeds = tuple(seeds) or (scenario.seed,)
        if not scenario.noise:
            self.seeds = self.seeds[:1]  # without noise all are alike
        self._outcomes = Outcomes.empty(rows, columns)
        self._lone = isinstance(scenario.lanes[lane].rule, ClassOptimizer)
        self.thinned = self._lone and coarse  # some cells are never computed; `coarse` finds those that stand for them
        blocks = list(_blocks(rows, columns, coarse, self.thinned))
        self._work = sum(len(block.rows) * len(block.columns) for block in blocks)
        self._waiting = iter(blocks)
        self._block: _Block | None = None
        self._batch: Batch | LoneCells | None = None
        self._of_seeds: list[Outcomes] = []
        self._done = 0
        self._complete = False
        self._lock = threading.Lock()

    @abstractmethod
    def lane_at(self, row: int, column: int) -> Lane:
        """The lane with the settings of one cell."""

    @abstractmethod
    def start_at(self, row: int, column: int) -> tuple[float, float]:
        """The start of one cell."""

    @abstractmethod
    def _grid(self, block: _Block) -> tuple[Mapping[str, Array], Array]:
        """The knobs that differ between the cells of a block, and their starts (columns, rows, 2)."""

    @abstractmethod
    def cells(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Mapping[str, Array], Array]:
        """The knobs that differ between single cells, each (n,), and their starts (n, 2)."""

    def scenario_at(self, row: int, column: int) -> Scenario:
        """The scenario of one cell alone: its lane, from its start."""
        return replace(self.scenario, lanes=(self.lane_at(row, column),), start=self.start_at(row, column))

    @property
    def complete(self) -> bool:
        """True when all cells are computed."""
        return self._complete

    @property
    def share(self) -> float:
        """The computed share of the map, 0 to 1."""
        if self._complete:
            return 1.0
        block, batch = self._block, self._batch
        part = 0.0
        if block is not None and batch is not None:
            seeds = len(self._of_seeds) + batch.step / self.scenario.steps
            part = len(block.rows) * len(block.columns) * seeds / len(self.seeds)
        return min((self._done + part) / self._work, 1.0)

    def advance(self, interrupted: Callable[[], bool] = never) -> None:
        """Compute one piece of a block, a few milliseconds, or less of it when `interrupted` becomes true.

        While another thread is computing this map, nothing is done.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._compute_piece(interrupted)
            finally:
                self._lock.release()

    def finish(self) -> Outcomes:
        """Compute the rest and return all outcomes."""
        while not self._complete:
            with self._lock:
                self._compute_piece()
        return self._outcomes

    def outcomes(self) -> Outcomes:
        """A copy of the outcomes computed so far."""
        if self._complete:
            return self._outcomes
        with self._lock:
            states, steps, losses, ends = self._outcomes
            return Outcomes(states.copy(), steps.copy(), losses.copy(), ends.copy())

    def _compute_piece(self, interrupted: Callable[[], bool] = never) -> None:
        if self._complete:
            return
        if self._block is None:
            self._block = next(self._waiting, None)
            if self._block is None:
                self._complete = True
                return
        if self._batch is None:
            self._batch = self._batch_of(self._block, self.seeds[len(self._of_seeds)])
        self._batch.advance(interrupted)
        if not self._batch.complete:
            return
        self._of_seeds.append(self._batch.finish())
        self._batch = None
        if len(self._of_seeds) < len(self.seeds):
            return
        merged = self._of_seeds[0] if len(self._of_seeds) == 1 else median_outcomes(self._of_seeds)
        at = np.ix_(self._block.rows, self._block.columns)
        self._outcomes.states[at] = merged.states.T
        self._outcomes.steps[at] = merged.steps.T
        self._outcomes.losses[at] = merged.losses.T
        self._outcomes.ends[at] = merged.ends.swapaxes(0, 1)
        self._done += len(self._block.rows) * len(self._block.columns)
        self._block, self._of_seeds = None, []
        self._complete = self._done == self._work

    def _batch_of(self, block: _Block, seed: int) -> Batch | LoneCells:
        grid, starts = self._grid(block)

        def alone(cell: tuple[int, ...]) -> Trajectory:
            row, column = int(block.rows[cell[1]]), int(block.columns[cell[0]])
            return compute_trajectory(
                self.surface,
                self.lane_at(row, column),
                self.start_at(row, column),
                self.scenario.steps,
                self.scenario.noise,
                seed,
            )

        if self._lone:
            return LoneCells(starts.shape[:-1], self.scenario.steps, alone)
        return self.batch(grid, starts, seed, alone)

    def batch(
        self, grid: Mapping[str, Array], starts: Array, seed: int, alone: Callable[[tuple[int, ...]], Trajectory]
    ) -> Batch:
        """A batch of this map's lane on its surface, with its steps and noise."""
        lane, steps, noise = self.scenario.lanes[self.lane], self.scenario.steps, self.scenario.noise
        return Batch(self.surface, lane, grid, starts, steps, noise, seed, alone)


class SettingsMap(_Map):
    """Each cell is a configuration of one lane: the knob of `x` by column, that of `y` by row.

    `y` None is a map of one knob, with one row. The start, the steps, the noise, the schedule and the changes are those
    of the scenario and its lane. Raises ValueError for two axes of one knob.
    """

    def __init__(
        self,
        scenario: Scenario,
        lane: int,
        x: Axis,
        y: Axis | None,
        columns: int,
        rows: int = 1,
        seeds: Sequence[int] = (),
        *,
        coarse: bool = True,
    ) -> None:
        if y is not None and x.knob.name == y.knob.name:
            raise ValueError(f"the axes need two knobs, not {x.knob.name} twice")
        super().__init__(scenario, lane, rows if y is not None else 1, columns, seeds, coarse)
        self.x, self.y = x, y
        self.xs = x.values(columns)
        self.ys = np.zeros(1) if y is None else y.values(rows)
        self._start = start_of(scenario)

    def lane_at(self, row: int, column: int) -> Lane:
        """The lane with the settings of one cell."""
        lane = self.scenario.lanes[self.lane].replaced(self.x.knob.name, float(self.xs[column]))
        return lane if self.y is None else lane.replaced(self.y.knob.name, float(self.ys[row]))

    def start_at(self, row: int, column: int) -> tuple[float, float]:
        """The start, the same for all cells."""
        return self._start

    def _grid(self, block: _Block) -> tuple[Mapping[str, Array], Array]:
        grid = {self.x.knob.name: self.xs[block.columns][:, np.newaxis]}
        if self.y is not None:
            grid[self.y.knob.name] = self.ys[block.rows][np.newaxis, :]
        return grid, np.broadcast_to(self._start, (len(block.columns), len(block.rows), 2))

    def cells(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Mapping[str, Array], Array]:
        """The knobs of single cells, each (n,), and their starts (n, 2)."""
        grid = {self.x.knob.name: self.xs[columns]}
        if self.y is not None:
            grid[self.y.knob.name] = self.ys[rows]
        return grid, np.broadcast_to(self._start, (len(rows), 2))


class StartsMap(_Map):
    """Each cell is a start of one lane: `xs` (columns,) by column, `ys` (rows,) by row."""

    def __init__(
        self,
        scenario: Scenario,
        lane: int,
        xs: Array,
        ys: Array,
        seeds: Sequence[int] = (),
        *,
        coarse: bool = True,
    ) -> None:
        super().__init__(scenario, lane, len(ys), len(xs), seeds, coarse)
        self.xs, self.ys = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)

    def lane_at(self, row: int, column: int) -> Lane:
        """The lane, the same for all cells."""
        return self.scenario.lanes[self.lane]

    def start_at(self, row: int, column: int) -> tuple[float, float]:
        """The start of one cell."""
        return float(self.xs[column]), float(self.ys[row])

    def _grid(self, block: _Block) -> tuple[Mapping[str, Array], Array]:
        starts = np.empty((len(block.columns), len(block.rows), 2))
        starts[..., 0] = self.xs[block.columns][:, np.newaxis]
        starts[..., 1] = self.ys[block.rows]
        return {}, starts

    def cells(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Mapping[str, Array], Array]:
        """No knobs, and the starts of single cells (n, 2)."""
        return {}, np.stack([self.xs[columns], self.ys[rows]], axis=-1)


def median_seeds(scenario: Scenario) -> tuple[int, ...]:
    """The five seeds whose median outcome a map shows: the scenario's and the next ones."""
    return tuple(range(scenario.seed, scenario.seed + SEEDS_OF_A_MEDIAN))


def coarse(states: NDArray[np.int8]) -> NDArray[np.intp]:
    """For each cell the flat index of the computed cell that stands for it while a map is computed; −1 without one.

    A computed cell stands for itself. A finished map so shows each cell as it is.
    """
    rows, columns = np.arange(states.shape[0])[:, np.newaxis], np.arange(states.shape[1])
    standing_for = np.full(states.shape, -1, dtype=np.intp)
    alone = (THINNED, THINNED), (COARSEST, COARSEST)
    for down, across in (*((stride, 1) for stride in reversed(STRIDES)), *alone):
        index = np.broadcast_to(rows // down * down * states.shape[1] + columns // across * across, states.shape)
        computed = (standing_for < 0) & (states.ravel()[index] != NOT_COMPUTED)
        standing_for[computed] = index[computed]
    return standing_for
