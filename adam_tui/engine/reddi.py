"""The surface `reddi`, on which Adam moves away from the minimum: Reddi, Kale & Kumar 2018, theorem 1 with C = 3.

The loss of step t is C·x when t mod 3 = 1 and −x otherwise; the mean, (C − 2)/3·x, falls towards −x. If the memory of
v is too short to hold the one steep gradient in three, Adam divides that gradient away and climbs.

The paper keeps x in [−1, 1] by projection; no optimizer here projects. Instead a soft wall rises beyond ±1, the same in
every step; between the walls each gradient is the paper's. The wall puts the minimum of the mean at x = −1.1, and 0.35
makes its loss 0. The term y²/2, the same in every step, adds the second coordinate: the paper has one, and no optimizer
here mixes two.

Every function takes points (..., 2), as `surfaces.Surface` requires.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

C = 3.0
PERIOD = 3
MEAN_SLOPE = (C - 2.0) / PERIOD
WALL = 10.0 / 3.0  # the curvature beyond ±1
FLOOR = 0.35


def loss(at: Array) -> Array:
    """The mean loss over a period, (...)."""
    return _loss(at, MEAN_SLOPE)


def loss_at(step: int, at: Array) -> Array:
    """The loss of step 1, 2, 3, …, (...)."""
    return _loss(at, _slope_of(step))


def gradient(at: Array) -> Array:
    """The gradient of the mean loss, (..., 2)."""
    return _slope(at, MEAN_SLOPE)


def gradient_at(step: int, at: Array) -> Array:
    """The gradient of step 1, 2, 3, …, (..., 2)."""
    return _slope(at, _slope_of(step))


def hessian(at: Array) -> Array:
    """The Hessian, the same in every step, (..., 2, 2)."""
    out = np.zeros((*at.shape, 2))
    out[..., 0, 0] = np.where(np.abs(at[..., 0]) > 1.0, WALL, 0.0)
    out[..., 1, 1] = 1.0
    return out


def _slope_of(step: int) -> float:
    """The slope between the walls in a step."""
    return C if step % PERIOD == 1 else -1.0


def _loss(at: Array, between_the_walls: float) -> Array:
    x, y = at[..., 0], at[..., 1]
    return between_the_walls * x + 0.5 * WALL * np.square(_beyond(x)) + 0.5 * (y * y) + FLOOR


def _slope(at: Array, between_the_walls: float) -> Array:
    out = np.empty_like(at, dtype=np.float64)
    out[..., 0] = between_the_walls + WALL * _beyond(at[..., 0])
    out[..., 1] = at[..., 1]
    return out


def _beyond(x: Array) -> Array:
    """The distance of x beyond −1 (negative) or 1 (positive); 0 in between."""
    result: Array = x - np.clip(x, -1.0, 1.0)
    return result
