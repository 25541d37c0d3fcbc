"""The path of every lane of a scenario as arrays: positions, losses, gradients and the terms of its rule.

`simulate` is the only loop over steps, for a point or a grid of points, a hyperparameter or a grid of them.
`compute_trajectory` runs it for one lane and determines where the lane converged or diverged.
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
from adam_tui.engine.scenario import MAX_LANES, Lane, Scenario, surface_of
from adam_tui.engine.surfaces import Surface

Array = NDArray[np.float64]
State = Literal["running", "converged", "diverged"]

# A lane is idle in a step where the gradient's norm and the step's length are both below this. It converges at the
# first step from which it stays idle to the end: momentum is idle for a moment where it turns round, and RMSProp may
# move again after a hundred idle steps. scipy.optimize.minimize stops BFGS at the same gradient norm.
TOLERANCE = 1e-5
# A lane diverges when its point or its loss is not finite, or when its distance from the centre of the plot exceeds
# both the plot's diagonal and the distance of its start by this factor: no swing returns from there.
OUT_OF_BOUNDS = 100.0
# The loop checks for divergence every so many steps: a check costs as much as a step.
CHECK_EVERY = 64
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
    or None.
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
        """The lane's state at `step`."""
        if self.diverged_at is not None and step >= self.diverged_at:
            return "diverged"
        return "converged" if self.converged_at is not None and step >= self.converged_at else "running"

    def since(self, step: int) -> int | None:
        """The step at which the lane converged or diverged, if it has by `step`."""
        return {"running": None, "converged": self.converged_at, "diverged": self.diverged_at}[self.state(step)]

    def distance(self, step: int, minima: Sequence[tuple[float, float]]) -> float:
        """The distance from the point of `step` to the nearest of `minima`; nan without minima."""
        if not minima:
            return float("nan")
        with np.errstate(all="ignore"):
            return float(np.hypot(*(np.array(minima) - self.positions[min(step, self.last)]).T).min())

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
    start = start_of(scenario)
    key = (scenario.surface if scenario.function is None else "", scenario.function)
    return tuple(
        _cached_trajectory(*key, lane, start, scenario.steps, scenario.noise, scenario.seed) for lane in scenario.lanes
    )


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

    `values` maps each knob to a number or to an array of shape (...) that broadcasts over the points; if they change,
    it is a function from the step t to such a mapping. `gradient_at(t, x)` replaces `gradient(x)` for surfaces with a
    gradient per step (Surface.gradient_at). `noise`, (steps, 2), is added to the gradients. `observe(t, x, g, terms)`
    is called after every step t = 1 … steps with the gradient used; it stops the loop by returning True. Overflow
    raises nothing.
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


def gradient_noise(deviation: float, seed: int, steps: int) -> Array | None:
    """The noise of every step, (steps, 2), the same for every lane; None without noise."""
    with np.errstate(over="ignore"):
        return deviation * np.random.default_rng(seed).standard_normal((steps, 2)) if deviation else None


def compute_trajectory(
    surface: Surface, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int
) -> Trajectory:
    """The path of one lane on one surface. `noise` is the standard deviation of the gradient's Gaussian noise."""
    positions = np.full((steps + 1, 2), np.nan)
    positions[0] = start
    recorded: dict[str, Array] = {}
    centre, radius = _divergence_bounds(surface, start)

    def observe(t: int, x: Array, g: Array, terms: dict[str, Array]) -> bool:
        positions[t] = x
        if not recorded:
            recorded.update({name: np.full((steps + 1, 2), np.nan) for name in ("g", *terms)})
        recorded["g"][t] = g
        for name, value in terms.items():
            recorded[name][t] = value
        if t % CHECK_EVERY:
            return False
        distance = np.abs(x - centre).max()
        return not distance < radius

    values = (lambda t: lane.values_for(t, steps)) if lane.varies else dict(lane.values)
    simulate(
        lane.rule, values, surface.gradient, np.array(start), steps,
        gradient_at=surface.gradient_at, noise=gradient_noise(noise, seed, steps), observe=observe,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        return _finish(surface, positions, recorded, centre, radius)


@lru_cache(maxsize=CACHED_PATHS)
def _cached_trajectory(
    name: str, function: str | None, lane: Lane, start: tuple[float, float], steps: int, noise: float, seed: int
) -> Trajectory:
    return compute_trajectory(surface_of(name, function), lane, start, steps, noise, seed)


def _divergence_bounds(surface: Surface, start: tuple[float, float]) -> tuple[Array, float]:
    """The plot's centre (2,), and the distance from it, in x or y, beyond which a lane has diverged."""
    x_min, x_max, y_min, y_max = surface.bounds
    centre = np.array([(x_min + x_max) / 2, (y_min + y_max) / 2])
    diagonal = math.hypot(x_max - x_min, y_max - y_min)
    return centre, OUT_OF_BOUNDS * max(diagonal, *(abs(start - centre).tolist()))


def _finish(surface: Surface, positions: Array, recorded: dict[str, Array], centre: Array, radius: float) -> Trajectory:
    """Cut the path where it diverged, and find the step where it converged."""
    outside = ~(np.abs(positions - centre).max(axis=1) < radius)
    outside[0] = False  # any start is allowed
    kept = int(outside.argmax()) + 1 if outside.any() else len(positions)
    losses = np.asarray(surface.f(positions[:kept]), dtype=np.float64)
    # A path may cross points without a value. One that ends in such points diverged at the first of them.
    finite = np.flatnonzero(np.isfinite(losses))
    first_without_value = int(finite[-1]) + 1 if len(finite) else 0
    diverged_at = min(first_without_value, kept - 1) if first_without_value < kept or outside.any() else None
    if diverged_at is not None:
        kept = diverged_at + 1
    positions, losses = positions[:kept], losses[:kept]
    recorded = {name: values[:kept] for name, values in recorded.items()}
    gradients = np.asarray(surface.gradient(positions), dtype=np.float64)
    idle = np.hypot(gradients[:, 0], gradients[:, 1]) < TOLERANCE
    idle &= np.hypot(recorded["Δ"][:, 0], recorded["Δ"][:, 1]) < TOLERANCE  # nan, so False, at the start
    idle_steps = int(idle[::-1].argmin())  # at the end of the path
    converged_at = kept - idle_steps if idle_steps else None
    return Trajectory(positions, losses, gradients, recorded, converged_at, diverged_at)
