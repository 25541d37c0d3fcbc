"""The path of every lane of a scenario as arrays: positions, losses, gradients and the terms of its rule.

`iterate` is the only loop over steps, for a point or a grid of points, a hyperparameter or a grid of them; `simulate`
runs it to its end. `PathComputation` runs it in pieces for one lane, and determines where the lane converged or
diverged. A screen can so show the part of a long path that is computed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.objective import EVALUATIONS, Objective
from adam_tui.engine.optimizers import Optimizer, expand
from adam_tui.engine.scenario import MAX_LANES, Lane, Scenario, surface_of
from adam_tui.engine.surfaces import Surface

Array = NDArray[np.float64]
State = Literal["running", "converged", "diverged", "failed", "computing"]

# A lane is idle in a step where the gradient's norm and the step's length are both below this. It converges at the
# first step from which it stays idle to the end: momentum is idle for a moment where it turns round, and RMSProp may
# move again after a hundred idle steps. scipy.optimize.minimize stops BFGS at the same gradient norm.
TOLERANCE = 1e-5
# A lane diverges when its point or its loss is not finite, or when its distance from the centre of the plot exceeds
# both the plot's diagonal and the distance of its start by this factor: no swing returns from there.
OUT_OF_BOUNDS = 100.0
# The loop checks for divergence every so many steps: a check costs as much as a step.
CHECK_EVERY = 64
# A path is computed in pieces of so many steps: smaller ones cost time, larger ones delay those who wait.
PIECE = 64
# Losses and gradients are evaluated for so many points at once, always the same ones, so that the size of the pieces
# cannot change a bit of the result.
BLOCK = 4096
# The cache holds the paths of a scenario and of the one before it; the longest path takes 17 MB.
CACHED_PATHS = 2 * MAX_LANES


@dataclass(frozen=True, eq=False, slots=True)
class Trajectory:
    """The path of one lane: N + 1 points; N is the number of steps, or less if the lane diverged.

    positions: (N + 1, 2). losses: (N + 1,). gradients: (N + 1, 2), without noise, at each position.
    terms: the quantities of step t by the paper's symbols, each (N + 1, 2): "g" the gradient used (with noise, and of
    that step if the surface has one per step), the optimizer's moments, and "Δ" the update:
    positions[t] = positions[t − 1] + Δ[t]. Row 0 is nan.
    converged_at: the first step of the idle end of the path, or None. diverged_at: the last step if the lane diverged,
    or None. failure: the line that says why the class of the lane ended the path here, or None. complete: False while
    more of the path is being computed. stale: the path of earlier settings, shown until the first piece of the new one.
    evaluations: how often the loss, the gradient and the Hessian have been evaluated up to each point, (N + 1, 3), for
    an optimizer whose steps evaluate more than one gradient; else None.
    """

    positions: Array
    losses: Array
    gradients: Array
    terms: Mapping[str, Array]
    converged_at: int | None
    diverged_at: int | None
    failure: str | None = None
    complete: bool = True
    stale: bool = False
    evaluations: NDArray[np.int64] | None = None

    @property
    def last(self) -> int:
        """The last step of the path."""
        return len(self.positions) - 1

    def state(self, step: int) -> State:
        """The lane's state at `step`."""
        if self.diverged_at is not None and step >= self.diverged_at:
            return "diverged"
        if step >= self.last and self.failure is not None:
            return "failed"
        if self.stale or (step > self.last and not self.complete):
            return "computing"
        return "converged" if self.converged_at is not None and step >= self.converged_at else "running"

    def since(self, step: int) -> int | None:
        """The step at which the lane converged, diverged or failed, if it has by `step`."""
        since = {"converged": self.converged_at, "diverged": self.diverged_at, "failed": self.last}
        return since.get(self.state(step))

    def distance(self, step: int, minima: Sequence[tuple[float, float]]) -> float:
        """The distance from the point of `step` to the nearest of `minima`; nan without minima."""
        if not minima:
            return float("nan")
        with np.errstate(all="ignore"):
            return float(np.hypot(*(np.array(minima) - self.positions[min(step, self.last)]).T).min())

    def evaluations_at(self, step: int) -> tuple[int, int, int]:
        """How many losses, gradients and Hessians the optimizer has evaluated by `step`."""
        step = min(step, self.last)
        if self.evaluations is None:
            return 0, step, 0
        losses, gradients, hessians = self.evaluations[step].tolist()
        return losses, gradients, hessians

    def gradient_norm(self, step: int) -> float:
        """‖∇f‖ at the point of `step`."""
        with np.errstate(all="ignore"):
            return float(np.hypot(*self.gradients[min(step, self.last)]))


def plotted_surface(scenario: Scenario) -> Surface:
    """The surface of a scenario."""
    return surface_of(scenario.surface, scenario.function)


def start_of(scenario: Scenario) -> tuple[float, float]:
    """The common start of all lanes: the scenario's, or the surface's own."""
    return scenario.start or plotted_surface(scenario).start


def trajectories(scenario: Scenario) -> tuple[Trajectory, ...]:
    """The path of every lane, from the cache where the lane was computed recently."""
    return tuple(computation.finish() for computation in path_computations(scenario))


def path_computations(scenario: Scenario) -> tuple[Computation, ...]:
    """The computation of every lane's path, as far as it got when the lane was shown recently."""
    start = start_of(scenario)
    key = (scenario.surface if scenario.function is None else "", scenario.function)
    rest = (start, scenario.steps, scenario.noise, scenario.seed)
    # The rule is part of the key: that of a class is another one when its file has changed.
    return tuple(_cached_computation(*key, lane, lane.rule, *rest) for lane in scenario.lanes)


def iterate(
    rule: Optimizer,
    values: Mapping[str, float | Array] | Callable[[int], Mapping[str, float | Array]],
    gradient: Callable[[Array], Array],
    start: Array,
    steps: int,
    *,
    piece: int,
    gradient_at: Callable[[int, Array], Array] | None = None,
    noise: Array | None = None,
    observe: Callable[[int, Array, Array, dict[str, Array]], bool | None] | None = None,
    objective: Objective | None = None,
) -> Iterator[Array]:
    """Take `steps` steps of `rule` from `start` (..., 2); yield the points (..., 2) after every `piece` steps.

    `values` maps each knob to a number or to an array of shape (...) that broadcasts over the points; if they change,
    it is a function from the step t to such a mapping. `gradient_at(t, x)` replaces `gradient(x)` for surfaces with a
    gradient per step (Surface.gradient_at). `noise`, (steps, 2), is added to the gradients. `observe(t, x, g, terms)`
    is called after every step t = 1 … steps with the gradient used; it stops the loop by returning True. Overflow
    raises nothing.

    A rule with `evaluations` needs `objective`, which has the surface and the noise. `gradient`, `gradient_at` and
    `noise` are not used then.
    """
    hyper = expand(values(1) if callable(values) else values)
    x = np.array(start, dtype=np.float64)
    with np.errstate(all="ignore"):
        state = rule.init(x, hyper)
    stopped = False
    for first in range(1, steps + 1, piece):
        with np.errstate(all="ignore"):  # not across the yield: it would hold for the caller too
            for t in range(first, min(first + piece, steps + 1)):
                if objective is not None:
                    objective.begin(t, x)
                    g = objective.gradient(x)
                else:
                    g = gradient(x) if gradient_at is None else gradient_at(t, x)
                    if noise is not None:
                        g = g + noise[t - 1]
                if t > 1 and callable(values):
                    hyper = expand(values(t))
                delta, state, terms = rule.step(g, state, x, hyper, objective)
                x = x + delta
                if observe is not None:
                    terms["Δ"] = delta
                    if observe(t, x, g, terms):
                        stopped = True
                        break
        yield x
        if stopped:
            return


def simulate(
    rule: Optimizer,
    values: Mapping[str, float | Array] | Callable[[int], Mapping[str, float | Array]],
    gradient: Callable[[Array], Array],
    start: Array,
    steps: int,
    *,
    gradient_at: Callable[[int, Array], Array] | None = None,
    noise: Array | None = None,
    observe: Callable[[int, Array, Array, dict[str, Array]], bool | None] | None = None,
    objective: Objective | None = None,
) -> Array:
    """Take `steps` steps as `iterate` does, and return the last points (..., 2)."""
    x = np.array(start, dtype=np.float64)
    piece = max(steps, 1)
    for x in iterate(  # noqa: B007
        rule,
        values,
        gradient,
        start,
        steps,
        piece=piece,
        gradient_at=gradient_at,
        noise=noise,
        observe=observe,
        objective=objective,
    ):
        pass
    return x


class Computation(Protocol):
    """The path of one lane while it is computed; any thread may use it."""

    @property
    def step(self) -> int:
        """The last computed step."""

    @property
    def steps(self) -> int:
        """The number of steps of the whole path, unless the lane diverges."""

    @property
    def complete(self) -> bool:
        """True when the whole path is computed, or as much of it as there will be."""

    @property
    def waiting(self) -> bool:
        """True while another process computes: `advance` then has nothing to do."""

    def advance(self) -> None:
        """Compute more steps, or ask the other process for them."""

    def finish(self) -> Trajectory:
        """Compute the rest, and return the whole path; the path of a class ends where its code fails."""

    def trajectory(self) -> Trajectory:
        """The path as far as it is computed. An incomplete one has neither converged nor diverged."""


class PathRecord:
    """The rows of one path as they are computed, and the judgement on the finished path.

    With an `objective` its evaluations are recorded too.
    """

    def __init__(
        self, surface: Surface, start: tuple[float, float], steps: int, objective: Objective | None = None
    ) -> None:
        self._surface, self._objective = surface, objective
        self._counts = None if objective is None else np.zeros((steps + 1, len(EVALUATIONS)), dtype=np.int64)
        centre, radius = divergence_bounds(surface, np.array(start))
        self.centre, self.radius, self.steps = centre, float(radius), steps
        # Rows of losses and gradients are valid below `_evaluated`.
        self._positions = np.empty((steps + 1, 2))
        self._positions[0] = start
        self._losses, self._gradients = np.empty(steps + 1), np.empty((steps + 1, 2))
        self._terms: dict[str, Array] = {}
        self._evaluated = 0
        self.left_at: int | None = None  # the step at which a check found the point out of bounds

    def recorder(self) -> Callable[[int, Array, Array, dict[str, Array]], bool]:
        """A function that records a step, and returns True when the lane has diverged."""
        positions, terms, centre, radius = self._positions, self._terms, self.centre, self.radius
        objective, counts = self._objective, self._counts

        def record(t: int, x: Array, g: Array, new_terms: dict[str, Array]) -> bool:
            positions[t] = x
            if not terms:
                terms.update({name: np.empty((self.steps + 1, 2)) for name in ("g", *new_terms)})
                for values in terms.values():
                    values[0] = np.nan
            terms["g"][t] = g
            if objective is not None and counts is not None:
                counts[t] = objective.evaluations
            for name, value in new_terms.items():
                terms[name][t] = value
            if t % CHECK_EVERY:
                return False
            if not np.abs(x - centre).max() < radius:
                self.left_at = t
                return True
            return False

        return record

    def extend(self, first: int, positions: Array, terms: Mapping[str, Array]) -> None:
        """Record the steps from `first` on: positions (n, 2), and terms, each (n, 2), under names that may be new.

        The rows of a term before its first record are nan. The terms stay in the order: g, those of the optimizer, Δ.
        """
        after = first + len(positions)
        self._positions[first:after] = positions
        delta = np.diff(self._positions[first - 1 : after], axis=0)
        for name, values in {**terms, "Δ": delta}.items():
            if name not in self._terms:
                self._terms[name] = np.full((self.steps + 1, 2), np.nan)
            self._terms[name][first:after] = values
        self._terms["Δ"] = self._terms.pop("Δ")

    def evaluate(self, rows: int) -> None:
        """Evaluate losses and gradients below `rows`, block by block; an incomplete last block again."""
        with np.errstate(all="ignore"):
            for first in range(self._evaluated // BLOCK * BLOCK, rows, BLOCK):
                block = slice(first, min(first + BLOCK, rows))
                self._losses[block] = self._surface.f(self._positions[block])
                self._gradients[block] = self._surface.gradient(self._positions[block])
        self._evaluated = rows

    def evaluate_blocks(self, step: int) -> None:
        """Evaluate the blocks that are whole now that `step` is recorded."""
        if step // BLOCK > self._evaluated // BLOCK:
            self.evaluate(step // BLOCK * BLOCK)

    def so_far(self) -> Trajectory:
        """The evaluated part of the path."""
        if not self._evaluated:
            self.evaluate(1)
        rows = self._evaluated
        terms = {name: values[:rows] for name, values in self._terms.items()}
        positions, losses, gradients = self._positions[:rows], self._losses[:rows], self._gradients[:rows]
        counts = None if self._counts is None else self._counts[:rows]
        return Trajectory(positions, losses, gradients, terms, None, None, complete=False, evaluations=counts)

    def finished(self, step: int, failure: str | None = None) -> Trajectory:
        """The path up to `step`: cut where it diverged, with the step where it converged."""
        rows = step + 1
        self.evaluate(rows)
        positions, losses = self._positions[:rows], self._losses[:rows]
        with np.errstate(all="ignore"):
            outside = ~(np.abs(positions - self.centre).max(axis=1) < self.radius)
            outside[0] = False  # any start is allowed
            kept = int(outside.argmax()) + 1 if outside.any() else rows
            # A path may cross points without a value. One that ends in such points diverged at the first of them.
            finite = np.flatnonzero(np.isfinite(losses[:kept]))
            first_without_value = int(finite[-1]) + 1 if len(finite) else 0
            diverged_at = min(first_without_value, kept - 1) if first_without_value < kept or outside.any() else None
            if diverged_at is not None:
                kept = diverged_at + 1
            gradients = self._gradients[:kept]
            terms = {name: values[:kept] for name, values in self._terms.items()}
            idle = np.hypot(gradients[:, 0], gradients[:, 1]) < TOLERANCE
            # nan, so False, at the start; a path that failed in its first step has no terms at all
            idle &= np.hypot(*terms["Δ"].T) < TOLERANCE if terms else False
        idle_steps = int(idle[::-1].argmin())  # at the end of the path
        converged_at = kept - idle_steps if idle_steps and failure is None else None
        counts = None if self._counts is None else self._counts[:kept]
        return Trajectory(
            positions[:kept],
            losses[:kept],
            gradients,
            terms,
            converged_at,
            diverged_at,
            failure,
            evaluations=counts,
        )


class PathComputation:
    """The path of one lane on one surface, computed in pieces. Their sizes do not change the result.

    Any thread may use it. `noise` is the standard deviation of the gradient's Gaussian noise.
    """

    waiting = False

    def __init__(
        self, surface: Surface, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int
    ) -> None:
        draws = gradient_noise(noise, seed, steps)
        objective = None if lane.rule.evaluations is None else Objective(surface, draws)
        self._record = PathRecord(surface, start, steps, objective)
        self.step = 0
        self._result: Trajectory | None = None
        self._lock = threading.Lock()
        self._pieces = iterate(
            lane.rule,
            (lambda t: lane.values_for(t, steps)) if lane.varies else dict(lane.values),
            surface.gradient,
            np.array(start),
            steps,
            piece=PIECE,
            gradient_at=surface.gradient_at,
            noise=draws,
            observe=self._record.recorder(),
            objective=objective,
        )
        self._compute_piece()  # a path without a step has no terms to show

    @property
    def steps(self) -> int:
        """The number of steps of the whole path, unless the lane diverges."""
        return self._record.steps

    @property
    def complete(self) -> bool:
        """True when the whole path is computed."""
        return self._result is not None

    def advance(self) -> None:
        """Compute `PIECE` more steps, unless another thread is computing this path."""
        if self._lock.acquire(blocking=False):
            try:
                self._compute_piece()
            finally:
                self._lock.release()

    def finish(self) -> Trajectory:
        """Compute the rest, and return the whole path."""
        while self._result is None:
            with self._lock:
                self._compute_piece()
        return self._result

    def trajectory(self) -> Trajectory:
        """The path as far as it is computed. An incomplete one has neither converged nor diverged."""
        if self._result is not None:
            return self._result
        if self._lock.acquire(blocking=False):
            try:
                self._record.evaluate(self.step + 1)
            finally:
                self._lock.release()
        return self._record.so_far()

    def _compute_piece(self) -> None:
        if self._result is not None:
            return
        if next(self._pieces, None) is None:
            self._result = self._record.finished(self.step)
            return
        left_at = self._record.left_at
        self.step = min(self.step + PIECE, self.steps) if left_at is None else left_at
        self._record.evaluate_blocks(self.step)


class UnknownPath:
    """The path of a class that is not imported: its start, and the reason where it will not be imported."""

    waiting = True
    step = 0

    def __init__(self, surface: Surface, start: tuple[float, float], steps: int, rule: ClassOptimizer) -> None:
        record = PathRecord(surface, start, steps)
        self.steps = steps
        self.complete = rule.status != "loading"
        failure = rule.problem or "not imported: you have not agreed to its code. Name it yourself to agree"
        self._path = record.finished(0, failure) if self.complete else record.so_far()

    def advance(self) -> None:
        """Do nothing: the computation is another one once the class is imported."""

    def finish(self) -> Trajectory:
        """The start: there is no more."""
        return self._path

    def trajectory(self) -> Trajectory:
        """The start."""
        return self._path


def compute_trajectory(
    surface: Surface, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int
) -> Trajectory:
    """The path of one lane on one surface. `noise` is the standard deviation of the gradient's Gaussian noise."""
    return path_computation(surface, lane, start, steps, noise, seed).finish()


def path_computation(
    surface: Surface, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int
) -> Computation:
    """The computation of one lane's path: here, or for a class of PyTorch in the process that imports it."""
    rule = lane.rule
    if isinstance(rule, ClassOptimizer):
        if not rule.ready:
            return UnknownPath(surface, start, steps, rule)
        path: Computation = rule.open_path(surface, lane, start, steps, noise, seed)
        return path
    return PathComputation(surface, lane, start, steps, noise, seed)


@lru_cache(maxsize=CACHED_PATHS)
def _cached_computation(
    name: str,
    function: str | None,
    lane: Lane,
    rule: Optimizer,
    start: tuple[float, float],
    steps: int,
    noise: float,
    seed: int,
) -> Computation:
    return path_computation(surface_of(name, function), lane, start, steps, noise, seed)


@lru_cache(maxsize=2)
def gradient_noise(deviation: float, seed: int, steps: int) -> Array | None:
    """The noise of every step, (steps, 2), read-only, the same for every lane; None without noise."""
    if not deviation:
        return None
    with np.errstate(over="ignore"):
        draws = deviation * np.random.default_rng(seed).standard_normal((steps, 2))
    draws.flags.writeable = False
    return draws


def divergence_bounds(surface: Surface, start: Array) -> tuple[Array, Array]:
    """The plot's centre (2,), and the distance from it, in x or y, beyond which a lane from `start` has diverged.

    start: (..., 2); the distance: (...).
    """
    x_min, x_max, y_min, y_max = surface.bounds
    centre = np.array([(x_min + x_max) / 2, (y_min + y_max) / 2])
    diagonal = math.hypot(x_max - x_min, y_max - y_min)
    with np.errstate(over="ignore"):
        return centre, OUT_OF_BOUNDS * np.maximum(diagonal, np.abs(start - centre).max(axis=-1))
