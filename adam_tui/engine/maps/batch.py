"""The outcomes of many cells that are walked together, in pieces.

A cell's outcome is that of the path which its settings give alone: the same class, step, loss and end. A `Batch` keeps
of the paths only what the outcome needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.lane import Lane
from adam_tui.engine.maps.outcomes import CONVERGED, DIVERGED, RUNNING, Outcomes
from adam_tui.engine.objective import Objective
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import TOLERANCE, Array, Trajectory, divergence_bounds, gradient_noise, iterate

# Steps between two examinations of a block. The steps in between are kept: 2 MB.
PIECE = 32
# Steps between two checks for an interruption: a quarter of a millisecond. It divides PIECE.
SLICE = 4
# Two computed derivatives are small together when both components are below this share of the tolerance.
SURELY_IDLE = 0.7 * TOLERANCE

Values = Mapping[str, float | Array]


def never() -> bool:
    """No: a computation without interruptions."""
    return False


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
        # The gradients and updates of this piece's steps. Each array replaces one of the piece before. Freed together,
        # they would return to the system, and each new page costs a fault.
        self._gradients: list[Array] = [start] * PIECE
        self._deltas: list[Array] = [start] * PIECE
        self._any_idle = False  # at the end of the piece before
        self._lowest, self._highest = start.copy(order="K"), start.copy(order="K")
        self._pieces = iterate(
            lane.rule,
            _values(lane, grid, steps),
            surface.gradient,
            start,
            steps,
            piece=SLICE,
            gradient_at=surface.gradient_at,
            noise=draws,
            observe=self._record,
            objective=None if lane.rule.evaluations is None else Objective(surface, draws),
        )

    @property
    def step(self) -> int:
        """The last computed step."""
        return self._step

    @property
    def complete(self) -> bool:
        """True when all outcomes are known."""
        return self._step >= self._steps or not self._alive.any()

    def advance(self, interrupted: Callable[[], bool] = never) -> None:
        """Walk all cells to the end of a piece of `PIECE` steps, or until `interrupted` is true after a few steps."""
        while not self.complete:
            next(self._pieces)
            if self._step % PIECE == 0 or self._step == self._steps:
                with np.errstate(all="ignore"):
                    self._examine()
                if self.complete:
                    # The loop refers to this object, which would keep its arrays until the next collection of garbage.
                    self._pieces = iter(())
                return
            if interrupted():
                return

    def finish(self) -> Outcomes:
        """Compute the rest and return the outcomes."""
        while not self.complete:
            self.advance()
        return self._outcomes

    def _record(self, t: int, x: Array, g: Array, terms: dict[str, Array]) -> None:
        place = (t - 1) % PIECE
        self._deltas[place] = terms["Δ"]
        if self._any_idle and self._exact_gradients:
            self._gradients[place] = g
        np.minimum(self._lowest, x, out=self._lowest)
        np.maximum(self._highest, x, out=self._highest)
        self._end, self._step = x, t

    def _path(self, at: tuple[NDArray[np.intp], ...]) -> Array:
        """The points of some cells before this piece and after each of its steps, (steps + 1, cells, 2)."""
        # The same sums as in the loop, in the same order: bit for bit the same points.
        path: Array = np.add.accumulate(np.stack([self._begin[at], *(delta[at] for delta in self._updates)]))
        return path

    @property
    def _updates(self) -> list[Array]:
        """The updates of this piece's steps."""
        return self._deltas[: self._step - self._first]

    def _examine(self) -> None:
        """Find the cells that diverged in this piece, and the last step of each that was not idle."""
        furthest = np.maximum(np.abs(self._lowest - self._centre), np.abs(self._highest - self._centre)).max(axis=-1)
        outside = self._alive & ~(furthest < self._radius)
        if outside.any():
            self._settle_diverged(np.nonzero(outside), left=True)
        gradient = self._surface.gradient(self._end)
        idle = self._alive & _is_idle(gradient, self._updates[-1])
        self._last_moving[~idle] = self._step
        if idle.any():
            self._last_moves(idle, gradient)
        if self._step == self._steps:
            self._settle_rest()
        self._any_idle = bool(idle.any())
        self._first, self._begin = self._step, self._end
        np.copyto(self._lowest, self._end)
        np.copyto(self._highest, self._end)

    def _last_moves(self, idle: NDArray[np.bool_], gradient: Array) -> None:
        """Find the last step of this piece in which each cell of `idle`, idle at its end, was not."""
        open_cells = idle
        if self._any_idle and self._exact_gradients:
            # Most cells that were idle before were so all the time, which the largest components prove.
            largest = np.abs(gradient)
            for slope in self._gradients[1 : self._step - self._first]:
                np.maximum(largest, np.abs(slope), out=largest)
            for delta in self._updates:
                np.maximum(largest, np.abs(delta), out=largest)
            open_cells = idle & ~(largest.max(axis=-1) < SURELY_IDLE)
            if not open_cells.any():
                return
        at = np.nonzero(open_cells)
        points = self._path(at)[1:]
        deltas = np.stack([delta[at] for delta in self._updates])
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


class LoneCells:
    """The outcomes of cells whose paths are computed one by one: those of a class, which takes one point at a time.

    The outcomes have the given shape; `alone` returns the whole path of one cell. A path that fails counts as diverged.
    """

    def __init__(self, shape: tuple[int, ...], steps: int, alone: Callable[[tuple[int, ...]], Trajectory]) -> None:
        self._alone, self._steps = alone, steps
        self._outcomes = Outcomes.empty(*shape)
        self._cells = list(np.ndindex(*shape))
        self._done = 0

    @property
    def step(self) -> int:
        """The computed share of the cells, in steps of a path."""
        return self._steps * self._done // max(len(self._cells), 1)

    @property
    def complete(self) -> bool:
        """True when all outcomes are known."""
        return self._done == len(self._cells)

    def advance(self, interrupted: Callable[[], bool] = never) -> None:
        """Compute the next cell, which nothing interrupts."""
        if self.complete:
            return
        cell = self._cells[self._done]
        path = self._alone(cell)
        state, since = RUNNING, -1
        if path.diverged_at is not None or path.failure is not None:
            state, since = DIVERGED, path.last
        elif path.converged_at is not None:
            state, since = CONVERGED, path.converged_at
        self._outcomes.states[cell], self._outcomes.steps[cell] = state, since
        self._outcomes.losses[cell], self._outcomes.ends[cell] = path.losses[-1], path.positions[-1]
        self._done += 1

    def finish(self) -> Outcomes:
        """Compute the rest and return the outcomes."""
        while not self.complete:
            self.advance()
        return self._outcomes


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
