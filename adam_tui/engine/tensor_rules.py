"""Optimizers that measure the parameter as a whole: Adafactor.

Here the point is one parameter with two entries, as torch sees a tensor of shape (2,), and each of its norms is one
number for both coordinates. Norms and the like have the shape (..., 1); the gradient, x and the other arrays of a state
are (..., 2). Each docstring names the differences between the published variants.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np

from adam_tui.engine.knobs import Knob
from adam_tui.engine.rule import (
    Array,
    Hyper,
    Optimizer,
    Update,
    decoupled_decay,
    finish,
    lr_knob,
    power,
    weight_decay_knob,
)

DECOUPLED = "pull to the origin, apart from the gradient: −α·λ·x"


def norm(vector: Array) -> Array:
    """The Euclidean norm of vectors (..., 2), shape (..., 1); the same bits in a batch as alone."""
    x, y = vector[..., :1], vector[..., 1:]
    return np.sqrt(x * x + y * y)


def rms(vector: Array) -> Array:
    """The root of the mean square of the two entries, (..., 1)."""
    return norm(vector) / math.sqrt(2)


# --- Adafactor ---------------------------------------------------------------------------------------------------

# torch.optim's ε1: the distance from 1 to the next float, in the parameter's type. √v is at least this.
ROOT_FLOOR = sys.float_info.epsilon


class AdafactorState(NamedTuple):
    """step: steps taken; v: the running average of g²."""

    step: int
    v: Array


def adafactor_init(x: Array, hyper: Hyper) -> AdafactorState:
    """The average starts at 0; the first step replaces it."""
    return AdafactorState(0, np.zeros_like(x))


def adafactor_update(gradient: Array, state: AdafactorState, x: Array, hyper: Hyper) -> Update:
    """Adafactor: RMSProp with a growing memory, whose steps are a share of the parameter's size and cut where long.

    Of a matrix it keeps only the sums of v along rows and columns. The point is a vector, of which torch keeps every v:
    nothing is factored here. A step is about min(α, 1/√t) times RMS(x), so it shrinks near the origin, to at least ε2
    times that. Variants differ: in the paper α is 1/√t alone, with 0.01 as its limit, and ε1 = 1e-30 is added to g²; as
    in torch.optim √v is at least ε1, the machine's ε of the parameter's type, and weight decay is α·λ·x.
    """
    lr = hyper["lr"]
    step = state.step + 1
    weight = power(float(step), hyper["beta2_decay"])
    v = (1 - weight) * state.v + weight * (gradient * gradient)
    u = gradient / np.maximum(np.sqrt(v), ROOT_FLOOR)
    u = u / np.maximum(1.0, rms(u) / hyper["d"])
    rho = np.maximum(hyper["eps2"], rms(x)) * np.minimum(lr, 1 / math.sqrt(step))
    decay = decoupled_decay(lr, hyper["weight_decay"], x)
    terms = {"t^c": weight, "v": v, "u": u, "ρ": rho, "α·λ·x": decay}
    return finish(-rho * u - decay, AdafactorState(step, v), terms)


ADAFACTOR = Optimizer(
    name="adafactor",
    title="Adafactor",
    group="adaptive",
    knobs=(
        lr_knob(1e-2),
        Knob(
            "beta2_decay",
            "c",
            -0.8,
            "linear",
            "how fast the memory of v grows: the share of the newest g² is t^c",
            low=-math.inf,
            high=0.0,
            notch_low=-2.0,
            notch_high=0.0,
        ),
        Knob("eps2", "ε2", 1e-3, "log", "least size of x that a step is a share of", notch_low=1e-12, notch_high=10.0),
        Knob("d", "d", 1.0, "log", "longest RMS of u", low=1.0, notch_low=1.0, notch_high=1e3),
        weight_decay_knob(0.0, DECOUPLED),
    ),
    init=adafactor_init,
    update=adafactor_update,
    rule=(
        "g ← ∇f(x)",
        "v ← (1 − t^c)·v + t^c·g²",
        "u = g / √v,   then u ← u / max(1, RMS(u)/d)",
        "ρ = max(ε2, RMS(x)) · min(α, 1/√t)",
        "Δ = −ρ·u − α·λ·x",
    ),
    paper="Shazeer & Stern 2018, arXiv:1804.04235",
    torch_name="Adafactor",
    lr_hint=0.05,
    lr_hint_of="fixed",
)
