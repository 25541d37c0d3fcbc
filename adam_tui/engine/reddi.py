"""A surface on which Adam goes the wrong way: the counter-example of Reddi, Kale & Kumar 2018 (theorem 1, with C = 3).

The loss of step t is C·x when t mod 3 = 1 and −x at the two others; the mean, (C − 2)/3·x, falls towards −x. With a
memory too short to recall the one steep slope among the flat ones, Adam divides it away and climbs.

The paper keeps x in [−1, 1] by projection, which no optimizer here does. Instead a soft wall rises beyond ±1, the same
at every step; between the walls every slope is the paper's. The wall puts the minimum of the mean at x = −1.1, and
0.35 lifts the lowest loss to 0. The term y²/2, again the same at every step, makes a plane of it: the paper has one
coordinate, and no optimizer here mixes two.

Every function takes points (..., 2), as `surfaces.Surface` asks for.
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
    x, y = at[..., 0], at[..., 1]
    return MEAN_SLOPE * x + 0.5 * WALL * np.square(_beyond(x)) + 0.5 * (y * y) + FLOOR


def gradient(at: Array) -> Array:
    """The slope of the mean loss, (..., 2)."""
    return _slope(at, MEAN_SLOPE)


def gradient_at(step: int, at: Array) -> Array:
    """The slope that step 1, 2, 3, … sees, (..., 2)."""
    return _slope(at, C if step % PERIOD == 1 else -1.0)


def hessian(at: Array) -> Array:
    """The curvature, the same at every step, (..., 2, 2)."""
    out = np.zeros((*at.shape, 2))
    out[..., 0, 0] = np.where(np.abs(at[..., 0]) > 1.0, WALL, 0.0)
    out[..., 1, 1] = 1.0
    return out


def _slope(at: Array, between_the_walls: float) -> Array:
    out = np.empty(at.shape)
    out[..., 0] = between_the_walls + WALL * _beyond(at[..., 0])
    out[..., 1] = at[..., 1]
    return out


def _beyond(x: Array) -> Array:
    """How far x is beyond −1 (negative) or 1 (positive); 0 between."""
    result: Array = x - np.clip(x, -1.0, 1.0)
    return result
