"""From a scenario to arrays: the path of every lane with its losses, gradients and the terms of its rule.

`simulate` is the one loop. It takes a point or a grid of points, a hyperparameter or a grid of them; `run` calls it
for one lane and finds out where the lane converged or left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.optimizers import Optimizer, expand
from adam_tui.engine.scenario import MAX_LANES, Lane, Scenario
from adam_tui.engine.surfaces import Surface, surface

Array = NDArray[np.float64]
State = Literal["running", "converged", "diverged"]

# A lane is at rest where the gradient's norm and the step's length are both below this, and has converged at the first
# step from which it stays at rest: momentum is still for a moment where it turns round at the bottom of a swing, and
# RMSProp hops away again after a hundred quiet steps. scipy.optimize.minimize stops BFGS at the same gradient norm.
TOLERANCE = 1e-5
# A lane has diverged when its point or its loss is no longer finite, or when it is this many times further from the
# plot's centre than the plot is wide (its diagonal) and than its start was: far beyond any swing that still comes back.
OUT_OF_BOUNDS = 100.0
# The loop looks for divergence only so often (steps): a look costs as much as a step.
LOOK_EVERY = 64
# The paths of the lanes of a scenario and of the one before it. More would only be memory: the longest takes 17 MB.
PATHS_KEPT = 2 * MAX_LANES


@dataclass(frozen=True, eq=False, slots=True)
class Trajectory:
    """The path of one lane: N + 1 points, N ≤ the steps asked for; shorter only when the lane diverged.

    positions, gradients: (N + 1, 2), the gradient is the true one at each point; losses: (N + 1,).
    terms: what went into step t, by the paper's symbol, each (N + 1, 2): "g" the gradient used (with its noise, and of
    that step where a surface changes by the step), the optimizer's moments, and "Δ" the update, so that
    positions[t] = positions[t − 1] + Δ[t]. Row 0 is nan.
    converged_at: the step from which it is at rest to the path's end; diverged_at: the last step, if it left; or None.
    """

    positions: Array
    losses: Array
    gradients: Array
    terms: Mapping[str, Array]
    converged_at: int | None
    diverged_at: int | None

    @property
    def last(self) -> int:
        """The last step of the path."""
        return len(self.positions) - 1

    def state(self, step: int) -> State:
        """What can be said of the lane at `step`."""
        if self.diverged_at is not None and step >= self.diverged_at:
            return "diverged"
        return "converged" if self.converged_at is not None and step >= self.converged_at else "running"

    def since(self, step: int) -> int | None:
        """The step at which the lane converged or diverged, if it has by `step`."""
        return {"running": None, "converged": self.converged_at, "diverged": self.diverged_at}[self.state(step)]

    def distance(self, step: int, minima: Sequence[tuple[float, float]]) -> float:
        """From the point of `step` to the nearest of `minima`; nan where there is none."""
        if not minima:
            return float("nan")
        with np.errstate(all="ignore"):
            return float(np.hypot(*(np.array(minima) - self.positions[min(step, self.last)]).T).min())

    def gradient_norm(self, step: int) -> float:
        """‖∇f‖ at the point of `step`."""
        with np.errstate(all="ignore"):
            return float(np.hypot(*self.gradients[min(step, self.last)]))


@lru_cache(maxsize=32)
def surface_of(name: str, function: str | None) -> Surface:
    """The surface that a scenario names; ValueError with one line when there is none."""
    if function is None:
        return surface(name)
    from adam_tui.engine.expression import parse_function  # only for who types a formula

    return parse_function(function)


def plotted_surface(scenario: Scenario) -> Surface:
    """The surface of a scenario."""
    return surface_of(scenario.surface, scenario.function)


def start_of(scenario: Scenario) -> tuple[float, float]:
    """Where all lanes start: as asked, or where the surface suggests."""
    return scenario.start or plotted_surface(scenario).start


def trajectories(scenario: Scenario) -> tuple[Trajectory, ...]:
    """The path of every lane; a lane that was computed lately is not computed again."""
    start = start_of(scenario)
    key = (scenario.surface if scenario.function is None else "", scenario.function)
    return tuple(_run(*key, lane, start, scenario.steps, scenario.noise, scenario.seed) for lane in scenario.lanes)


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
) -> Array:
    """Take `steps` steps of `rule` from `start` (..., 2) and return the last points (..., 2).

    `values` maps each knob to a number or to an array of shape (...) that broadcasts over the points; where they
    change on the way it is a function of the step that gives those of step t. `gradient_at(t, x)` takes the place of
    `gradient(x)` where a step has its own slope (Surface.gradient_at). `noise` is (steps, 2) and is added to the
    gradients. `observe(t, x, g, terms)` sees every step t = 1 … steps after it was taken, with the gradient used; it
    ends the walk by returning True. Nothing is raised for what overflows.
    """
    changing = values if callable(values) else None
    hyper = expand(changing(1) if changing is not None else values)  # type: ignore[arg-type]
    x = np.array(start, dtype=np.float64)
    with np.errstate(all="ignore"):
        state = rule.init(x, hyper)
        for t in range(1, steps + 1):
            g = gradient(x) if gradient_at is None else gradient_at(t, x)
            if noise is not None:
                g = g + noise[t - 1]
            if changing is not None and t > 1:
                hyper = expand(changing(t))
            delta, state, terms = rule.update(g, state, x, hyper)
            x = x + delta
            if observe is not None:
                terms["Δ"] = delta
                if observe(t, x, g, terms):
                    break
    return x


def run(plot: Surface, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int) -> Trajectory:
    """Walk one lane over one surface. `noise` is the standard deviation of the gradient's Gaussian noise."""
    with np.errstate(over="ignore"):
        draws = noise * np.random.default_rng(seed).standard_normal((steps, 2)) if noise else None
    positions = np.full((steps + 1, 2), np.nan)
    positions[0] = start
    recorded: dict[str, Array] = {}
    centre, reach = _reach(plot, start)

    def observe(t: int, x: Array, g: Array, terms: dict[str, Array]) -> bool:
        positions[t] = x
        if not recorded:
            recorded.update({name: np.full((steps + 1, 2), np.nan) for name in ("g", *terms)})
        recorded["g"][t] = g
        for name, value in terms.items():
            recorded[name][t] = value
        if t % LOOK_EVERY:
            return False
        distance = np.abs(x - centre).max()
        return not distance < reach

    values = (lambda t: lane.values_for(t, steps)) if lane.varies else dict(lane.values)
    simulate(
        lane.rule, values, plot.gradient, np.array(start), steps,
        gradient_at=plot.gradient_at, noise=draws, observe=observe,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        return _finish(plot, positions, recorded, centre, reach)


@lru_cache(maxsize=PATHS_KEPT)
def _run(
    name: str, function: str | None, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int
) -> Trajectory:
    return run(surface_of(name, function), lane, start, steps, noise, seed)


def _reach(plot: Surface, start: tuple[float, float]) -> tuple[Array, float]:
    """The plot's centre (2,), and the distance from it, in x or y, beyond which a lane has diverged."""
    x_min, x_max, y_min, y_max = plot.bounds
    centre = np.array([(x_min + x_max) / 2, (y_min + y_max) / 2])
    diagonal = math.hypot(x_max - x_min, y_max - y_min)
    return centre, OUT_OF_BOUNDS * max(diagonal, *(abs(start - centre).tolist()))


def _finish(plot: Surface, positions: Array, recorded: dict[str, Array], centre: Array, reach: float) -> Trajectory:
    """Cut the path where it left, and find where it came to rest."""
    outside = ~(np.abs(positions - centre).max(axis=1) < reach)
    outside[0] = False  # a start is where the person put it
    kept = int(outside.argmax()) + 1 if outside.any() else len(positions)
    losses = np.asarray(plot.f(positions[:kept]), dtype=np.float64)
    # A path may cross a hole and go on, but one that ends in it (its slope is nan there) has diverged as it fell in.
    finite = np.flatnonzero(np.isfinite(losses))
    fell_in = int(finite[-1]) + 1 if len(finite) else 0
    diverged_at = min(fell_in, kept - 1) if fell_in < kept or outside.any() else None
    if diverged_at is not None:
        kept = diverged_at + 1
    positions, losses = positions[:kept], losses[:kept]
    recorded = {name: values[:kept] for name, values in recorded.items()}
    gradients = np.asarray(plot.gradient(positions), dtype=np.float64)
    at_rest = np.hypot(gradients[:, 0], gradients[:, 1]) < TOLERANCE
    at_rest &= np.hypot(recorded["Δ"][:, 0], recorded["Δ"][:, 1]) < TOLERANCE  # nan at the start: not at rest
    resting = int(at_rest[::-1].argmin())  # steps of rest at the end; the start is never one
    converged_at = kept - resting if resting else None
    return Trajectory(positions, losses, gradients, recorded, converged_at, diverged_at)
