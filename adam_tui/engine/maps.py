"""Maps: the outcomes of thousands of configurations of one lane, or of one configuration from thousands of starts.

A cell's outcome is that of the path which its settings give alone: the same class, step, loss and end. `Batch` walks
the cells of a block together, in pieces, and keeps of their paths only what the outcome needs. `SettingsMap` and
`StartsMap` divide a map into blocks, coarse to fine; the rest of the module reads finished outcomes.

A block of cells is an array (columns, rows) in Fortran's order, its points (columns, rows, 2): all x lie together, then
all y, row by row. numpy has its shortest loops for such arrays.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.knobs import BETA_TOP, Knob
from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_number
from adam_tui.engine.scenario import Scenario, suggested_lr
from adam_tui.engine.stability import BOUNDED, stability
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import (
    TOLERANCE,
    Array,
    Trajectory,
    compute_trajectory,
    divergence_bounds,
    gradient_noise,
    iterate,
    plotted_surface,
    start_of,
)

Integers = NDArray[np.int32]
Quantity = Literal["loss", "steps", "distance"]
QUANTITIES: tuple[Quantity, ...] = ("loss", "steps", "distance")

NOT_COMPUTED, RUNNING, CONVERGED, DIVERGED = -1, 0, 1, 2
# Cells that are walked together: their arrays fit the processor's cache, and a step's fixed cost is small beside them.
BLOCK = 3600
# Steps between two examinations of a block. The steps in between are kept: 2 MB.
PIECE = 32
# The first pass computes every so many-th cell in both directions; the next ones whole rows, every 8th, 4th, 2nd, all.
COARSEST = 8
STRIDES = (8, 4, 2, 1)
# A map of fewer cells is computed at once without a coarse pass.
SMALL = 600
# Two computed derivatives are small together when both components are below this share of the tolerance.
SURELY_IDLE = 0.7 * TOLERANCE
SEEDS_OF_A_MEDIAN = 5
# The lr axis spans so many decades on either side of the suggested learning rate.
DECADES = 2
HIGHEST_DECAY = 0.999
# Losses this close together, as a share of the lowest, count as equal when the best cell is chosen.
EQUAL_LOSS = 1e-9

# ---- axes ----


@dataclass(frozen=True, slots=True)
class Axis:
    """A knob from `low` to `high`, spaced as the knob's own scale spaces it: lr by its logarithm, β by log(1 − β).

    A knob that can be off begins there with `low` 0; its other values are spaced by their logarithm from the lowest
    notch on. Raises ValueError for a range that the knob does not allow.
    """

    knob: Knob
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.knob.scale not in ("log", "log_off", "beta"):
            raise ValueError(f"{self.knob.name} is a switch: it has no axis")
        self.knob.check(self.low)
        self.knob.check(self.high)
        if self.knob.scale == "log" and self.low == 0:
            raise ValueError(f"{self.knob.name} has a logarithmic axis: it must begin above 0")
        if not self.low < self.high:
            raise ValueError(f"{self.knob.name} must rise: {format_number(self.low)}..{format_number(self.high)}")
        if self.knob.scale == "log_off" and self.low == 0 and self.high <= self.knob.notch_low:
            raise ValueError(f"{self.knob.name} from 0 must end above {format_number(self.knob.notch_low)}")

    @classmethod
    def parse(cls, text: str, lane: Lane) -> Axis:
        """Read `lr=1e-4..1`. Raises ValueError with one line for a knob or a value that `lane` does not have."""
        name, equals, ends = text.partition("=")
        low, dots, high = ends.partition("..")
        if not (equals and dots):
            raise ValueError(f"an axis is a knob and its range such as lr=1e-4..1, not {text!r}")
        knob = lane.rule.knob(name.strip())
        return cls(knob, knob.parse(low), knob.parse(high))

    def values(self, count: int) -> Array:
        """`count` values from `low` to `high`, both included; one value is `low`."""
        return np.array([self.at(i / max(count - 1, 1)) for i in range(count)])

    def at(self, fraction: float) -> float:
        """The value at a fraction, 0 to 1, of the axis; it has at most 15 digits."""
        if fraction <= 0:
            return self.low
        if fraction >= 1:
            return self.high
        first, last = self._ends()
        place = math.exp(first + fraction * (last - first))
        value = float(f"{1.0 - place if self.knob.scale == 'beta' else place:.15g}")
        return min(max(value, self.low), self.high)

    def fraction(self, value: float) -> float:
        """The place of a value on the axis: 0 at `low`, 1 at `high`, below or above outside of it."""
        if value == self.low:
            return 0.0
        first, last = self._ends()
        return (self._place(value) - first) / (last - first)

    def zoomed(self, fraction: float, factor: float) -> Axis:
        """The axis `factor` times as short around the place `fraction`, which stays where it is; within the knob."""
        first, last = self._ends()
        width = (last - first) / factor
        begin = first + fraction * (last - first - width)
        ends = [math.exp(place) for place in (begin, begin + width)]
        low, high = (float(f"{1.0 - end if self.knob.scale == 'beta' else end:.15g}") for end in ends)
        if self.knob.scale == "log_off" and self.low == 0 and fraction <= 0:
            low = 0.0
        try:
            return Axis(self.knob, max(low, self.knob.low), min(high, self.knob.high))
        except ValueError:  # at the end of what floats distinguish, or of what the knob allows
            return self

    def text(self) -> str:
        """The axis as `parse` reads it: lr=0.0001..1."""
        return f"{self.knob.name}={format_number(self.low)}..{format_number(self.high)}"

    def _ends(self) -> tuple[float, float]:
        return self._place(self.low), self._place(self.high)

    def _place(self, value: float) -> float:
        """The value on the knob's scale."""
        if self.knob.scale == "beta":
            return math.log(max(1.0 - value, BETA_TOP))
        return math.log(max(value, self.knob.notch_low if self.knob.scale == "log_off" else math.ulp(0.0)))


def knobs_for_axes(lane: Lane) -> tuple[Knob, ...]:
    """The lane's knobs that have an axis: all but the switches."""
    return tuple(knob for knob in lane.rule.knobs if knob.scale != "flag")


def default_axes(scenario: Scenario, lane: int) -> tuple[Axis, Axis]:
    """lr, two decades on either side of the suggested one, and the first decay rate, or the first other knob.

    The lane's own setting lies on both axes.
    """
    lr, *others = knobs_for_axes(scenario.lanes[lane])
    second = next((knob for knob in others if knob.scale == "beta"), others[0])
    return default_axis(scenario, lane, lr), default_axis(scenario, lane, second)


def default_axis(scenario: Scenario, lane: int, knob: Knob) -> Axis:
    """The range of a knob that is worth a map: of lr two decades on either side of the suggested one, else all of it.

    The lane's own value lies on it.
    """
    chosen = scenario.lanes[lane]
    own = chosen[knob.name]
    if knob.name == "lr":
        middle = suggested_lr(chosen.rule, plotted_surface(scenario))
        low, high = (float(f"{middle * 10.0**decades:.3g}") for decades in (-DECADES, DECADES))
        return Axis(knob, min(low, own or low), max(high, own))
    if knob.scale == "beta":
        lowest = 1e-3 if knob.low_excluded else 0.0
        return Axis(knob, min(lowest, own), max(HIGHEST_DECAY, own))
    low = 0.0 if knob.scale == "log_off" else min(knob.notch_low, own or knob.notch_low)
    return Axis(knob, low, max(knob.notch_high, own))


# ---- outcomes ----


class Outcomes(NamedTuple):
    """The outcome of each cell; row 0 is the lowest y, column 0 the lowest x. All arrays are (rows, columns, …).

    states: int8, NOT_COMPUTED, RUNNING, CONVERGED or DIVERGED. steps: int32, the step at which a cell converged or
    diverged, −1 for the others. losses: that of the last step, or of the step at which the cell diverged. ends: the
    point of that step, (rows, columns, 2). Losses and ends of cells without a result are nan.
    """

    states: NDArray[np.int8]
    steps: Integers
    losses: Array
    ends: Array

    @classmethod
    def empty(cls, *shape: int) -> Outcomes:
        """Outcomes of which none is computed."""
        return cls(
            np.full(shape, NOT_COMPUTED, dtype=np.int8),
            np.full(shape, -1, dtype=np.int32),
            np.full(shape, np.nan),
            np.full((*shape, 2), np.nan),
        )


def median_outcomes(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Of several outcomes of each cell the middle one: converged before running before diverged, then by loss.

    Of those that diverged the later is the better one. An odd number of outcomes has a middle, which is a real one.
    """
    states, steps, losses, ends = (np.stack(parts) for parts in zip(*outcomes, strict=True))
    rank = np.choose(states, [1, 0, 2])
    order = np.lexsort((np.where(states == DIVERGED, -steps, losses), rank), axis=0)
    middle = order[len(outcomes) // 2][np.newaxis]
    return Outcomes(
        np.take_along_axis(states, middle, axis=0)[0],
        np.take_along_axis(steps, middle, axis=0)[0],
        np.take_along_axis(losses, middle, axis=0)[0],
        np.take_along_axis(ends, middle[..., np.newaxis], axis=0)[0],
    )


# ---- a batch of cells ----

Values = Mapping[str, float | Array]


class Batch:
    """The outcomes of many configurations of one lane, computed in pieces.

    `grid` holds knobs as arrays that broadcast to the shape (...) of the cells; the lane has the others. `starts` is
    (..., 2), and the outcomes are (...). `alone` returns the whole path of one cell, for a rare outcome that the kept
    piece does not decide.
    """

    def __init__(
        self,
        surface: Surface,
        lane: Lane,
        grid: Mapping[str, Array],
        starts: Array,
        steps: int,
        noise: float,
        seed: int,
        alone: Callable[[tuple[int, ...]], Trajectory],
    ) -> None:
        self._surface, self._steps, self._alone = surface, steps, alone
        self._centre, self._radius = divergence_bounds(surface, starts)
        start = np.array(starts, order="F")
        shape = start.shape[:-1]
        self._outcomes = Outcomes.empty(*shape)
        self._alive = np.ones(shape, dtype=bool)
        self._last_moving = np.zeros(shape, dtype=np.int32)  # the last step that was not idle
        draws = gradient_noise(noise, seed, steps)
        # With noise, or a gradient per step, the gradients used are not those at the positions.
        self._exact_gradients = draws is None and surface.gradient_at is None
        self._step = self._first = 0
        self._begin = self._end = start  # the points before and after this piece
        self._gradients, self._deltas = list[Array](), list[Array]()
        self._any_idle = False  # at the end of the piece before
        self._lowest, self._highest = start.copy(order="K"), start.copy(order="K")
        self._pieces = iterate(
            lane.rule,
            _values(lane, grid, steps),
            surface.gradient,
            start,
            steps,
            piece=PIECE,
            gradient_at=surface.gradient_at,
            noise=draws,
            observe=self._record,
        )

    @property
    def step(self) -> int:
        """The last computed step."""
        return self._step

    @property
    def complete(self) -> bool:
        """True when all outcomes are known."""
        return self._step >= self._steps or not self._alive.any()

    def advance(self) -> None:
        """Walk all cells `PIECE` steps further."""
        if not self.complete:
            next(self._pieces)
            with np.errstate(all="ignore"):
                self._examine()

    def finish(self) -> Outcomes:
        """Compute the rest and return the outcomes."""
        while not self.complete:
            self.advance()
        return self._outcomes

    def _record(self, t: int, x: Array, g: Array, terms: dict[str, Array]) -> None:
        self._deltas.append(terms["Δ"])
        if self._any_idle and self._exact_gradients:
            self._gradients.append(g)
        np.minimum(self._lowest, x, out=self._lowest)
        np.maximum(self._highest, x, out=self._highest)
        self._end, self._step = x, t

    def _path(self, at: tuple[NDArray[np.intp], ...]) -> Array:
        """The points of some cells before this piece and after each of its steps, (steps + 1, cells, 2)."""
        # The same sums as in the loop, in the same order: bit for bit the same points.
        path: Array = np.add.accumulate(np.stack([self._begin[at], *(delta[at] for delta in self._deltas)]))
        return path

    def _examine(self) -> None:
        """Find the cells that diverged in this piece, and the last step of each that was not idle."""
        furthest = np.maximum(np.abs(self._lowest - self._centre), np.abs(self._highest - self._centre)).max(axis=-1)
        outside = self._alive & ~(furthest < self._radius)
        if outside.any():
            self._settle_diverged(np.nonzero(outside), left=True)
        gradient = self._surface.gradient(self._end)
        idle = self._alive & _is_idle(gradient, self._deltas[-1])
        self._last_moving[~idle] = self._step
        if idle.any():
            self._last_moves(idle, gradient)
        if self._step == self._steps:
            self._settle_rest()
        self._any_idle = bool(idle.any())
        self._first, self._begin = self._step, self._end
        self._gradients, self._deltas = [], []
        np.copyto(self._lowest, self._end)
        np.copyto(self._highest, self._end)

    def _last_moves(self, idle: NDArray[np.bool_], gradient: Array) -> None:
        """Find the last step of this piece in which each cell of `idle`, idle at its end, was not."""
        open_cells = idle
        if self._gradients:
            # Most cells that were idle before were so all the time, which the largest components prove.
            largest = np.abs(gradient)
            for slope in self._gradients[1:]:
                np.maximum(largest, np.abs(slope), out=largest)
            for delta in self._deltas:
                np.maximum(largest, np.abs(delta), out=largest)
            open_cells = idle & ~(largest.max(axis=-1) < SURELY_IDLE)
            if not open_cells.any():
                return
        at = np.nonzero(open_cells)
        points = self._path(at)[1:]
        deltas = np.stack([delta[at] for delta in self._deltas])
        moving = ~_is_idle(self._surface.gradient(points), deltas)
        last = len(moving) - moving[::-1].argmax(axis=0)  # steps of this piece, from 1
        self._last_moving[at] = np.where(moving.any(axis=0), self._first + last, self._last_moving[at])

    def _settle_rest(self) -> None:
        """The outcomes of the cells that reached the last step."""
        end = self._end
        losses = self._surface.f(end)
        holes = self._alive & ~np.isfinite(losses)
        if holes.any():
            self._settle_diverged(np.nonzero(holes), left=False)
        outcomes, alive = self._outcomes, self._alive
        converged = alive & (self._last_moving < self._steps)
        outcomes.states[alive] = RUNNING
        outcomes.states[converged] = CONVERGED
        outcomes.steps[converged] = self._last_moving[converged] + 1
        outcomes.losses[alive] = losses[alive]
        outcomes.ends[alive] = end[alive]

    def _settle_diverged(self, at: tuple[NDArray[np.intp], ...], *, left: bool) -> None:
        """The outcomes of cells that left the bounds in this piece, or (not `left`) end without a finite loss.

        Such a cell diverged at its first step outside, or at the first of the steps without a finite loss before it.
        """
        points = self._path(at)
        count = points.shape[1]
        rows = np.full(count, len(points) - 1)
        if left:
            outside = ~(np.abs(points - self._centre).max(axis=-1) < self._radius[at])
            outside[0] = False  # any start is allowed, and later ones were examined
            rows = outside.argmax(axis=0)
        losses = self._surface.f(points)
        finite = np.isfinite(losses) & (np.arange(len(points))[:, np.newaxis] <= rows)
        first_without_value = np.where(finite.any(axis=0), len(points) - finite[::-1].argmax(axis=0), 0)
        taken = np.minimum(first_without_value, rows)
        cells = np.arange(count)
        outcomes = self._outcomes
        outcomes.states[at] = DIVERGED
        outcomes.steps[at] = self._first + taken
        outcomes.losses[at] = losses[taken, cells]
        outcomes.ends[at] = points[taken, cells]
        self._alive[at] = False
        if self._first:
            for cell in np.flatnonzero(taken == 0):  # the steps without a value may begin before this piece
                self._settle_alone(tuple(int(axis[cell]) for axis in at))

    def _settle_alone(self, cell: tuple[int, ...]) -> None:
        path = self._alone(cell)
        assert path.diverged_at is not None
        self._outcomes.steps[cell] = path.diverged_at
        self._outcomes.losses[cell] = path.losses[-1]
        self._outcomes.ends[cell] = path.positions[-1]


def _is_idle(gradient: Array, delta: Array) -> NDArray[np.bool_]:
    """Whether both vectors (..., 2) are shorter than the tolerance, (...)."""
    near: NDArray[np.bool_] = np.maximum(np.abs(gradient), np.abs(delta)).max(axis=-1) < TOLERANCE
    if near.any():
        near[near] = np.hypot(*gradient[near].T) < TOLERANCE
        near[near] = np.hypot(*delta[near].T) < TOLERANCE
    return near


def _values(lane: Lane, grid: Mapping[str, Array], steps: int) -> Values | Callable[[int], Values]:
    """The lane's knobs with those of `grid` in their place, for `iterate`; a change replaces a grid's values too."""
    if not lane.varies:
        return {**dict(lane.values), **grid}
    changed = {name: min(c.step for c in lane.changes if c.name == name) for name in {c.name for c in lane.changes}}

    def at(step: int) -> Values:
        values: dict[str, float | Array] = dict(lane.values_for(step, steps))
        for name, array in grid.items():
            if changed.get(name, step) >= step:
                values[name] = array * lane.schedule.factor(step, steps) if name == "lr" else array
        return values

    return at


# ---- maps ----


class _Block(NamedTuple):
    """The cells that are at these rows and at these columns; indices, (n,) and (m,)."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def _blocks(rows: int, columns: int, coarse: bool) -> Iterator[_Block]:
    """All cells in blocks of at most `BLOCK`: row by row, or every 8th cell and then every 8th, 4th, 2nd row, all."""
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
        blocks = list(_blocks(rows, columns, coarse))
        self._work = sum(len(block.rows) * len(block.columns) for block in blocks)
        self._waiting = iter(blocks)
        self._block: _Block | None = None
        self._batch: Batch | None = None
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

    def advance(self) -> None:
        """Compute one piece of a block, a few milliseconds, unless another thread is computing this map."""
        if self._lock.acquire(blocking=False):
            try:
                self._compute_piece()
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

    def _compute_piece(self) -> None:
        if self._complete:
            return
        if self._block is None:
            self._block = next(self._waiting, None)
            if self._block is None:
                self._complete = True
                return
        if self._batch is None:
            self._batch = self._batch_of(self._block, self.seeds[len(self._of_seeds)])
        self._batch.advance()
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

    def _batch_of(self, block: _Block, seed: int) -> Batch:
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
    for down, across in (*((stride, 1) for stride in reversed(STRIDES)), (COARSEST, COARSEST)):
        index = np.broadcast_to(rows // down * down * states.shape[1] + columns // across * across, states.shape)
        computed = (standing_for < 0) & (states.ravel()[index] != NOT_COMPUTED)
        standing_for[computed] = index[computed]
    return standing_for


# ---- reading finished outcomes ----


def quantity(outcomes: Outcomes, name: Quantity, surface: Surface) -> Array:
    """A number for each cell, (rows, columns), nan where it has none.

    "loss": the loss of the last step, for cells that did not diverge. "steps": the step at which a cell converged.
    "distance": from the end to the nearest listed minimum, for cells that did not diverge.
    """
    computed = (outcomes.states == RUNNING) | (outcomes.states == CONVERGED)
    if name == "loss":
        return np.where(computed, outcomes.losses, np.nan)
    if name == "steps":
        return np.where(outcomes.states == CONVERGED, outcomes.steps, np.nan)
    distances = np.full(outcomes.states.shape, np.nan)
    for x, y in surface.minima:
        with np.errstate(all="ignore"):
            distances = np.fmin(distances, np.hypot(outcomes.ends[..., 0] - x, outcomes.ends[..., 1] - y))
    return np.where(computed, distances, np.nan)


def quantity_of_class(state: int, name: Quantity) -> Quantity:
    """The quantity by which the cells of a class are ranked: running cells have no steps, so by their loss."""
    return "loss" if name == "steps" and state == RUNNING else name


def ordering(outcomes: Outcomes, name: Quantity, surface: Surface) -> Array:
    """The number by which each cell is ranked within its class, (rows, columns): the lower, the better.

    It is that of `quantity_of_class`. Of diverged cells the later one is the better one. nan where nothing is computed.
    """
    values = quantity(outcomes, name, surface)
    if name == "steps":
        values = np.where(outcomes.states == RUNNING, outcomes.losses, values)
    return np.where(outcomes.states == DIVERGED, -outcomes.steps, values)


def best(outcomes: Outcomes, name: Quantity, surface: Surface) -> tuple[int, int] | None:
    """The row and the column of the cell with the lowest quantity; None where no cell has one.

    Of cells with the same, to nine digits, the first that converged is the best. "steps" of a map on which no cell
    converged is read as the loss.
    """
    values = quantity(outcomes, name, surface)
    if name == "steps" and np.isnan(values).all():
        values = quantity(outcomes, "loss", surface)
    if np.isnan(values).all():
        return None
    lowest = np.nanmin(values)
    equal = values <= lowest + EQUAL_LOSS * max(abs(lowest), 1.0)
    steps = np.where(outcomes.states == CONVERGED, outcomes.steps, np.iinfo(np.int32).max)
    order = np.where(equal, steps, np.inf)
    tied = np.where(order == order.min(), values, np.inf)
    row, column = divmod(int(tied.argmin()), int(values.shape[1]))
    return row, column


# Ends this near to a listed minimum, as a share of the plot, count as it; a gradient of TOLERANCE is nearer.
AT_A_MINIMUM = 1e-3
# Newton's method moves an end to the rest point beside it, at most by this share of the plot.
POLISHED = 1e-2
NEWTON_STEPS = 30
# A Hessian whose eigenvalues differ by more than this belongs to a valley or a flat place, not to one point.
LEVEL = 1e-5
# Cells whose ends are compared at once.
BAND = 1 << 16
# Ends on ground without a single rest point are one place while they are less than this share of the plot apart.
FLAT_GROUND = 0.05


def rest_points(outcomes: Outcomes, surface: Surface) -> tuple[Integers, Array]:
    """Where the converged cells end: a number for each cell (rows, columns), −1 for the others, and the points (k, 2).

    The listed minima come first, in their order, whether a cell ends there or not. Then come the other rest points by
    their distance from the nearest listed minimum, or by their loss where none is listed. Connected ground that is
    flat everywhere counts as one.
    """
    numbers = np.full(outcomes.states.shape, -1, dtype=np.int32)
    listed = np.array(surface.minima, dtype=np.float64).reshape(-1, 2)
    x_min, x_max, y_min, y_max = surface.bounds
    size = max(x_max - x_min, y_max - y_min)
    with np.errstate(all="ignore"):
        # In bands of rows: a map of millions of cells needs little memory beside its outcomes.
        height = max(BAND // outcomes.states.shape[1], 1)
        bands = [np.s_[first : first + height] for first in range(0, len(numbers), height)]
        squares, firsts = [], []
        for band in bands:
            ends = outcomes.ends[band][outcomes.states[band] == CONVERGED]
            occupied, first = np.unique(_squares(ends, size * AT_A_MINIMUM), return_index=True)
            squares.append(occupied)
            firsts.append(ends[first])
        occupied, first = np.unique(np.concatenate(squares), return_index=True)
        own, points = _numbered(np.concatenate(firsts)[first], listed, surface, size)
        for band in bands:
            cells = outcomes.states[band] == CONVERGED
            square = _squares(outcomes.ends[band][cells], size * AT_A_MINIMUM)
            numbers[band][cells] = own[np.searchsorted(occupied, square)]
    return numbers, points


def _numbered(ends: Array, listed: Array, surface: Surface, size: float) -> tuple[NDArray[np.intp], Array]:
    """The number of the rest point of each end (n, 2), and the rest points (k, 2), see `rest_points`."""
    if not len(ends):
        return np.empty(0, dtype=np.intp), listed
    polished, isolated = _polish(ends, surface, size)
    number = _nearest(ends, listed, size * AT_A_MINIMUM)
    number = np.where(number < 0, _nearest(polished, listed, size * AT_A_MINIMUM), number)
    others: list[Array] = []
    for points, cells, distance in (
        (polished, np.flatnonzero((number < 0) & isolated), size * AT_A_MINIMUM),
        (ends, np.flatnonzero((number < 0) & ~isolated), size * FLAT_GROUND),
    ):
        cluster = _linked(points[cells], distance)
        number[cells] = len(listed) + len(others) + cluster
        others += [points[cells][int((cluster == k).argmax())] for k in range(cluster.max(initial=-1) + 1)]
    order = sorted(range(len(others)), key=lambda k: _order(others[k], listed, surface))
    renumbered = np.concatenate([np.arange(len(listed)), len(listed) + np.argsort(np.array(order, dtype=np.intp))])
    return renumbered[number], np.concatenate([listed, np.array([others[k] for k in order]).reshape(-1, 2)])


def _squares(points: Array, width: float) -> NDArray[np.complex128]:
    """The square of this width in which each of the points (n, 2) lies, as one number (n,) that can be sorted."""
    squares: NDArray[np.complex128] = np.round(points[:, 0] / width) + 1j * np.round(points[:, 1] / width)
    return squares


def _nearest(points: Array, listed: Array, within: float) -> NDArray[np.intp]:
    """The index of the listed point nearest to each of the points, −1 where none is that near."""
    if not len(listed):
        return np.full(len(points), -1)
    distances = np.hypot(*np.moveaxis(points[:, np.newaxis] - listed, -1, 0))
    index = distances.argmin(axis=1)
    return np.where(distances[np.arange(len(points)), index] <= within, index, -1)


def _polish(points: Array, surface: Surface, size: float) -> tuple[Array, NDArray[np.bool_]]:
    """Move points by Newton's method to the rest points beside them, and whether there is one to which each moved."""
    at, step = points.copy(), np.full_like(points, np.inf)
    level = np.ones(len(points), dtype=bool)
    for _ in range(NEWTON_STEPS):
        g, h = surface.gradient(at), surface.hessian(at)
        xx, xy, yy = h[:, 0, 0], h[:, 0, 1], h[:, 1, 1]
        det = xx * yy - xy * xy
        level = ~(np.abs(det) > LEVEL * np.square(h).sum(axis=(1, 2)))
        step = np.stack([xy * g[:, 1] - yy * g[:, 0], xy * g[:, 0] - xx * g[:, 1]], axis=-1) / det[:, np.newaxis]
        step[level | ~np.isfinite(step).all(axis=1)] = np.nan
        moves = np.isfinite(step).all(axis=1)
        at[moves] += step[moves]
        if not (np.abs(step[moves]) > 1e-12 * size).any():
            break
    moved = np.hypot(*(at - points).T)
    isolated = ~level & (np.abs(step).max(axis=1) < 1e-9 * size) & (moved < POLISHED * size)
    at[np.abs(at) < 1e-12 * size] = 0.0
    return np.where(isolated[:, np.newaxis], at, points), isolated


def _linked(points: Array, distance: float) -> NDArray[np.intp]:
    """A number for each of the points (n, 2): equal for those in one square of this width, or in squares that touch."""
    occupied, member = np.unique(_squares(points, distance), return_inverse=True)
    squares = {(square.real, square.imag): i for i, square in enumerate(occupied.tolist())}
    cluster, count = np.full(len(occupied), -1), 0
    for square, index in squares.items():
        if cluster[index] >= 0:
            continue
        waiting = [square]
        while waiting:
            x, y = waiting.pop()
            here = squares.get((x, y))
            if here is not None and cluster[here] < 0:
                cluster[here] = count
                waiting += [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        count += 1
    return cluster[member]


def _order(point: Array, listed: Array, surface: Surface) -> tuple[float, float, float]:
    """The key by which rest points are numbered."""
    first = float(np.hypot(*(listed - point).T).min() if len(listed) else surface.f(point))
    return round(first, 9), float(point[0]), float(point[1])


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


# ---- chaotic borders ----

# So many cells at the borders of a map are walked a second time; fewer would make the share uncertain by over 5%.
SAMPLED = 128
# An end that moved by more than this share of the plot is another one.
ELSEWHERE = 1e-2


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

    def advance(self) -> None:
        """Compute one piece, about two milliseconds."""
        if self._batch is not None:
            self._batch.advance()

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
