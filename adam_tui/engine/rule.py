"""The parts that the optimizers share: the types `Optimizer` and `Update`, common knobs, common arithmetic.

An optimizer is two pure functions. `init` returns the state before the first step; `update` maps a gradient, the state
and a point to a step, the next state and the terms that an inspector shows. Points have the shape (..., 2), and each
hyperparameter is a float or an array (..., 1): one path and a grid of 9,600 configurations run the same code. Every
call gets the hyperparameters, so one may change in mid-path.

A rule that needs more than the gradient at its point, such as losses on a line or the Hessian, takes an `Objective` as
a fifth argument, and its `Optimizer` says in `evaluations` what a step evaluates. `Optimizer.step` calls both kinds.

`init` and `update` never raise on inf or nan: they pass them on. Callers silence numpy's warnings (`np.errstate`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.knobs import Knob, find_knob
from adam_tui.engine.objective import Objective

Array = NDArray[np.float64]
Value = Array | float
Hyper = Mapping[str, Value]

# The groups of optimizers, by key, as the screens show them. "recent" holds those published since 2020.
Group = Literal["first order", "adaptive", "recent", "second order"]
GROUPS: Mapping[Group, str] = {
    "first order": "first order",
    "adaptive": "adaptive",
    "recent": "of the last years",
    "second order": "second order",
}


# The knobs that are parts of one argument of a class, a tuple: its name there, and the place in it.
PARTS: Mapping[str, tuple[str, int]] = {
    "beta1": ("betas", 0),
    "beta2": ("betas", 1),
    "beta3": ("betas", 2),
    "eta_minus": ("etas", 0),
    "eta_plus": ("etas", 1),
    "step_min": ("step_sizes", 0),
    "step_max": ("step_sizes", 1),
    "eps2": ("eps", 1),
}


class Update(NamedTuple):
    """One step: the next point is x + `delta`.

    delta: (..., 2). state: the optimizer's own NamedTuple, for the next call. terms: the quantities of this step by
    the paper's symbols, in the order of the rule, each of delta's shape (some read-only).
    """

    delta: Array
    state: Any
    terms: dict[str, Array]


# The function `update`: of gradient, state, x and hyperparameters, or of these and the objective.
GradientRule = Callable[[Array, Any, Array, Hyper], Update]
ObjectiveRule = Callable[[Array, Any, Array, Hyper, Objective], Update]


@dataclass(frozen=True, eq=False)
class Optimizer:
    """One optimizer: its functions, its knobs, and the description that the screens show.

    `group` is the part of every list of optimizers in which this one stands. `rule` holds the lines of the algorithm in
    the symbols of `knobs` and of `Update.terms`; g is the gradient, x the point, Δ the step. `torch_name` is the class
    in torch.optim (None: there is no such class) and `torch_arguments` its fixed arguments besides the knobs. A
    learning rate whose path is visible on a plot is `lr_hint` times the width of the plot (`lr_hint_of` "width") or
    times the learning rate that the surface's curvature allows ("curvature"), or `lr_hint` itself where the step is not
    measured in the plot's units ("fixed"). `initial` are the knobs that act before the first step only. `evaluations`
    is what a step evaluates, in words, for an `update` that takes an objective; None is one gradient.
    """

    name: str
    title: str
    group: Group
    knobs: tuple[Knob, ...]
    init: Callable[[Array, Hyper], Any]
    update: GradientRule | ObjectiveRule
    rule: tuple[str, ...]
    paper: str
    torch_name: str | None
    lr_hint: float
    lr_hint_of: Literal["width", "curvature", "fixed"]
    torch_arguments: Mapping[str, bool | float] = field(default_factory=dict)
    initial: frozenset[str] = frozenset()
    evaluations: str | None = None

    @property
    def label(self) -> str:
        """The short name for tables and exports: the name itself, or that of a class without its file."""
        return self.name

    @property
    def summary(self) -> str:
        """One sentence on the rule: the first line of the docstring of `update`."""
        return (self.update.__doc__ or "").partition("\n")[0]

    def step(self, gradient: Array, state: Any, x: Array, hyper: Hyper, objective: Objective | None = None) -> Update:
        """One update. A rule that takes an objective gets this one, of which `gradient` is the gradient at x."""
        if self.evaluations is None:
            return cast(GradientRule, self.update)(gradient, state, x, hyper)
        if objective is None:
            raise ValueError(f"{self.name} needs an objective: it evaluates more than the gradient at its point")
        return cast(ObjectiveRule, self.update)(gradient, state, x, hyper, objective)

    def defaults(self) -> dict[str, float]:
        """Every knob's default by name, in the order of the knobs."""
        return {knob.name: knob.default for knob in self.knobs}

    def knob(self, name: str) -> Knob:
        """The knob of that name. Raises ValueError that lists the knobs for an unknown name."""
        return find_knob(self.knobs, name, self.label)


def join_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a class for knobs by name: beta1 and beta2 become the pair betas. A part not given is None."""
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        argument, place = PARTS.get(name, (name, None))
        if place is None:
            arguments[name] = value
        else:
            before = arguments.get(argument, ())
            padded = (*before, *(None,) * (place + 1 - len(before)))
            arguments[argument] = (*padded[:place], value, *padded[place + 1 :])
    return arguments


def expand(values: Mapping[str, Value]) -> Hyper:
    """Hyperparameters in the shapes that `update` takes: an array (...) becomes (..., 1), a number a float."""
    return {name: v[..., np.newaxis] if isinstance(v, np.ndarray) else float(v) for name, v in values.items()}


def lr_knob(default: float) -> Knob:
    """The learning rate."""
    return Knob("lr", "α", default, "log", "learning rate: the size of a step", notch_low=1e-7, notch_high=1e3)


def eps_knob(default: float, meaning: str = "keeps the division from blowing up where v is near 0") -> Knob:
    """The small number that guards a division."""
    return Knob("eps", "ε", default, "log", meaning, notch_low=1e-12, notch_high=10.0)


def decay_knob(name: str, symbol: str, default: float, meaning: str, *, one: bool = False) -> Knob:
    """A decay rate, 0 to 1; 1 itself is allowed only with `one`."""
    return Knob(name, symbol, default, "beta", meaning, high=1.0, high_excluded=not one)


def beta1_knob(default: float = 0.9, meaning: str = "memory of the direction: m keeps about 1/(1−β1) steps") -> Knob:
    """The decay rate of the averaged gradient."""
    return decay_knob("beta1", "β1", default, meaning)


def beta2_knob(default: float = 0.999, meaning: str = "memory of the scale: v keeps about 1/(1−β2) steps") -> Knob:
    """The decay rate of the averaged square."""
    return decay_knob("beta2", "β2", default, meaning)


def weight_decay_knob(default: float = 0.0, meaning: str = "pull to the origin, added to the gradient as λ·x") -> Knob:
    """Weight decay; its lowest notch is "off"."""
    return Knob("weight_decay", "λ", default, "log_off", meaning, notch_low=1e-6, notch_high=1.0)


def flag_knob(name: str, symbol: str, default: float, meaning: str) -> Knob:
    """A switch: 0.0 or 1.0 in the arithmetic, so that an array of switches works too."""
    return Knob(name, symbol, default, "flag", meaning, high=1.0)


def finish(delta: Array, state: Any, terms: Mapping[str, Value]) -> Update:
    """The `Update`, with every term in delta's shape."""
    shape = delta.shape
    shaped = {  # np.full takes a third of the time of np.broadcast_to
        symbol: (term if term.shape == shape else np.broadcast_to(term, shape))
        if isinstance(term, np.ndarray)
        else np.full(shape, term, dtype=np.float64)
        for symbol, term in terms.items()
    }
    return Update(delta, state, shaped)


def with_decay(gradient: Array, x: Array, weight_decay: Value) -> Array:
    """The gradient plus λ·x, the gradient of λ/2·‖x‖² (classic L2 weight decay)."""
    # λ = 0 must not change the gradient where x is infinite (0·∞ is nan), and must cost nothing.
    return gradient if isinstance(weight_decay, float) and weight_decay == 0 else gradient + weight_decay * x


def decoupled_decay(lr: Value, weight_decay: Value, x: Array) -> Value:
    """α·λ·x, the step of decoupled weight decay; 0.0 for λ = 0, even where x is infinite."""
    return 0.0 if isinstance(weight_decay, float) and weight_decay == 0 else lr * weight_decay * x


def average(past: Array, new: Array, beta: Value) -> Array:
    """The exponential running average: β·past + (1 − β)·new."""
    return beta * past + (1 - beta) * new


def power(base: Value, exponent: Value) -> Value:
    """Base to the power of exponent; an array gives the bits that each of its numbers gives alone.

    np.power has vector loops on some processors, whose last digit differs from the C library's pow. Python's ** and
    np.float_power call that function. Beyond the largest float the result is infinite.
    """
    if isinstance(base, np.ndarray) or isinstance(exponent, np.ndarray):
        result: Array = np.float_power(base, exponent)
        return result
    try:
        return float(base**exponent)
    except (OverflowError, ZeroDivisionError):  # Python raises where numpy returns an infinity
        return math.inf


def bias_correction(beta: Value, step: int) -> Value:
    """1 − βᵗ: the sum of the weights in a running average that started at 0, after `step` steps.

    The power is computed again in each step. A running product β·β·β… drifts, and for β near 1 the subtraction from 1
    magnifies the drift beyond the promised 1e-12 (to 4e-11 at β = 0.999999 within 1,000 steps).
    """
    return 1 - power(beta, step)
