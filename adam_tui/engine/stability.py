"""How large a learning rate a place on a surface bears: the curvature there, and the bound that follows from it.

On a quadratic with largest curvature λ, gradient descent converges for lr < 2/λ, heavy-ball momentum for
lr < 2(1 + β)/λ, and Nesterov's momentum for lr < 2(1 + β)/((1 + 2β)λ): Polyak 1964; O'Donoghue & Candès 2015,
"Adaptive Restart for Accelerated Gradient Schemes"; Goh 2017, "Why Momentum Really Works", distill.pub.
Elsewhere the bound holds for the quadratic that touches the surface at the point, so for small steps around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.scenario import Lane
from adam_tui.engine.surfaces import Surface


@dataclass(frozen=True, slots=True)
class Stability:
    """`curvature` is the Hessian's largest eigenvalue λmax; `bound` the largest stable lr, None where there is none.

    `applies` is False for optimizers whose step does not scale with the gradient: the bound is descent's, to compare.
    """

    curvature: float
    bound: float | None
    exceeded: bool
    applies: bool


def stability(plot: Surface, lane: Lane, point: NDArray[np.float64], lr: float | None = None) -> Stability:
    """The bound at `point` (2,) for the lane's rule, beside its learning rate (or `lr`, where a schedule moved it)."""
    with np.errstate(all="ignore"):
        hessian = np.asarray(plot.hessian(point), dtype=np.float64)
    if not np.isfinite(hessian).all():
        return Stability(float("nan"), None, exceeded=False, applies=False)
    curvature = float(np.linalg.eigvalsh(hessian)[-1])
    applies = lane.optimizer in ("sgd", "momentum", "nesterov")
    if curvature <= 0:
        return Stability(curvature, None, exceeded=False, applies=applies)
    beta = lane["momentum"] if lane.optimizer in ("momentum", "nesterov") else 0.0
    bound = 2.0 * (1.0 + beta) / curvature
    if lane.optimizer == "momentum":
        # Dampening scales the gradient's part of each update by 1 − τ.
        bound /= max(1.0 - lane["dampening"], 1e-300)
    if lane.optimizer == "nesterov":
        bound /= 1.0 + 2.0 * beta
    chosen = lane["lr"] if lr is None else lr
    return Stability(curvature, bound, exceeded=applies and chosen > bound, applies=applies)
