"""The largest stable learning rate at a point of a surface, computed from the curvature there.

Along an eigenvector of curvature λ the rules without a divisor are linear recurrences, stable where both roots of
these polynomials lie in the unit disc (μ the momentum, τ the dampening, α the learning rate):

    gradient descent   z = 1 − αλ                                           α < 2/λ
    momentum           z² − (1 + μ − α(1−τ)λ)·z + μ = 0                      α < 2(1+μ) / ((1−τ)λ)
    Nesterov           z² − (1+μ)(1−αλ)·z + μ(1−αλ) = 0                      α < 2(1+μ) / ((1+2μ)λ)

Polyak 1964; O'Donoghue & Candès 2015, "Adaptive Restart for Accelerated Gradient Schemes"; Goh 2017, "Why Momentum
Really Works", distill.pub. Weight decay, part of the gradient in these three rules, is added to every λ. On a surface
that is not quadratic the bound is that of its second-order approximation at the point: it holds close by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.lane import Lane
from adam_tui.engine.surfaces import Surface

# The rules with steps proportional to the gradient, whose learning rate the curvature limits.
BOUNDED = ("sgd", "momentum", "nesterov")

COLUMNS = 41  # of a sentence, unless its panel is wider

# The same note in three lengths, the longest first.
ABOUT_LR = (
    "each step is about lr long, unless the slope is near ε",
    "each step is about lr, unless slope is near ε",
    "a step is about lr, unless slope ≈ ε",
)
# The step size of the other rules, in at most COLUMNS columns.
ADAPTIVE_NOTES: Mapping[str, str] = {
    "asgd": "as descent, with an lr that slowly falls",
    "rprop": "a step grows until the slope's sign flips",
    "adagrad": "lr is divided by a root that only grows",
    "adadelta": "a step is as long as the steps before it",
    "rmsprop": "lr is divided by the slope's recent size",
    "adam": ABOUT_LR[-1],
    "amsgrad": "lr is divided by the largest √v so far",
    "adamw": ABOUT_LR[-1],
    "adamax": "lr is divided by the largest recent |g|",
    "nadam": ABOUT_LR[-1],
    "radam": "a few steps as momentum, then as Adam",
    "adafactor": "a step is about lr times the size of x",
    "lion": "a step is ±lr on each axis at any slope",
    "lamb": "a step is lr times the size of x",
    "adan": ABOUT_LR[-1],
    "prodigy": "lr is multiplied by its estimate d",
    "sf-sgd": "z steps as descent, from the slope at y",
    "sf-adamw": "a step of z is about lr",
    "ademamix": "a step is about lr, more as m2 builds up",
    "adopt": "lr is divided by the slope's past size",
    "soap": "a step is about lr along the turned axes",
    "muon": "a step is about lr long at any slope",
    "armijo": "a step is shortened until the loss falls",
    "newton": "stable for lr < 2 at any curvature",
    "bfgs": "lr is the first step that is tried",
    "lbfgs": "lr is the first step that is tried",
    "sophia": "a step is at most lr on each axis",
}


@dataclass(frozen=True, slots=True)
class Stability:
    """The curvature at a point and the learning rate that it allows a lane.

    `curvature` and `least` are the largest and smallest eigenvalue of the Hessian, λmax and λmin (nan where it is not
    finite); `decay` is the weight decay that the rule adds to both. `bound` is the largest stable learning rate (None:
    no bound), `lr` the lane's, and `exceeded` whether it is above the bound. `applies` is False for optimizers whose
    step is not proportional to the gradient: the bound is then that of plain descent, for comparison.
    """

    curvature: float
    bound: float | None
    exceeded: bool
    applies: bool
    lr: float
    least: float
    decay: float


def stability(
    surface: Surface, lane: Lane, point: NDArray[np.float64], values: Mapping[str, float] | None = None
) -> Stability:
    """The bound at `point` (2,) for the lane's rule and its learning rate.

    `values` are the knobs of the step (`Lane.values_for`) if a schedule or a change makes them differ from the lane's.
    """
    knobs = dict(lane.values) if values is None else values
    applies = lane.optimizer in BOUNDED
    decay = knobs["weight_decay"] if applies else 0.0
    with np.errstate(all="ignore"):
        hessian = np.asarray(surface.hessian(np.asarray(point, dtype=np.float64)), dtype=np.float64)
    if not np.isfinite(hessian).all():
        return Stability(math.nan, None, False, applies, knobs.get("lr", math.nan), math.nan, decay)
    least, curvature = np.linalg.eigvalsh(hessian).tolist()
    bound = _bound(lane.optimizer, knobs, curvature + decay)
    exceeded = applies and bound is not None and knobs["lr"] > bound
    return Stability(curvature, bound, exceeded, applies, knobs.get("lr", math.nan), least, decay)


def _bound(optimizer: str, values: Mapping[str, float], curvature: float) -> float | None:
    """The largest stable learning rate at this curvature, weight decay included; None for no upward curvature."""
    mu = values["momentum"] if optimizer in ("momentum", "nesterov") else 0.0
    if optimizer == "nesterov":
        curvature *= 1.0 + 2.0 * mu
    elif optimizer == "momentum" and mu:
        curvature *= 1.0 - values["dampening"]  # torch.optim does not dampen without momentum
    if not curvature > 0.0:
        return None
    bound = 2.0 * (1.0 + mu) / curvature
    return bound if math.isfinite(bound) else None


def describe_stability(at: Stability, lane: Lane, columns: int = COLUMNS) -> tuple[str, ...]:
    """One to three lines: the bound, whether the lane keeps it, and notes on the rule.

    The largest curvature is called sharpness, as in the literature: λ is the weight decay's letter on the same panel.

    Each is the longest of its wordings that fits `columns`; the shortest takes at most COLUMNS columns.
    """

    def fitting(*wordings: str) -> str:
        return next((words for words in wordings if len(words) <= columns), wordings[-1])

    if math.isnan(at.curvature):
        return ("the curvature has no value here",)
    note = ADAPTIVE_NOTES.get(lane.optimizer)
    if lane.optimizer == "rmsprop" and lane["centered"]:
        note = "lr is divided by the slope's spread"
    if lane.optimizer == "lbfgs" and not lane["strong_wolfe"]:
        note = "a step is lr of the quasi-Newton step"
    if note == ABOUT_LR[-1]:
        note = fitting(*ABOUT_LR)
    others: tuple[str, ...] = (note,) if note else ()
    if at.bound is None:
        if at.curvature + at.decay <= 0:
            words = fitting("no upward curvature here, so no limit on lr", "no upward curvature, so no limit on lr")
        else:
            words = "only the first gradient counts: no bound"
        return (words, *others)
    lr, bound = _short(at.lr), _short(at.bound)
    if at.least + at.decay < 0:
        others += (fitting("curves down in one direction: not a minimum", "curves down one way: not a minimum"),)
    sharpest, limit = _short(at.curvature + at.decay), f"lr < {bound}"
    if not at.applies:
        sharpest = _short(at.curvature)
        first = fitting(
            f"sharpest curvature {sharpest} · gradient descent needs {limit}",
            f"sharpness {sharpest} · gradient descent needs {limit}",
            f"sharpness {sharpest} · descent needs {limit}",
            f"sharpness {sharpest} · descent: lr<{bound}",
        )
        return (first, *others)
    if at.decay:
        first = fitting(
            f"sharpest curvature + decay {sharpest} · stable for {limit}", f"sharpness+decay {sharpest} · {limit}"
        )
    else:
        first = fitting(
            f"sharpest curvature {sharpest} · stable for {limit}",
            f"sharpness {sharpest} · stable for {limit}",
            f"sharpness {sharpest} · stable {limit}",
        )
    if lr == bound:
        return (first, f"lr {lr} is at this limit", *others)
    return (first, f"lr {lr} is {'above it: swings grow' if at.exceeded else 'below it: stable'} here", *others)


def _short(value: float) -> str:
    """Three digits in at most eight columns; two where the exponent takes three."""
    text = f"{value:.3g}"
    return text if len(text) <= 8 else f"{value:.2g}"
