"""Optimizers of the last years that change how Adam averages, or do without a schedule or a learning rate.

Adan adds the gradients' differences, AdEMAMix a second, slow average; ADOPT divides before it averages. Schedule-Free
averages the points in place of a falling rate, Prodigy estimates the rate itself. Each has the defaults and the meaning
of its authors' code; each docstring names the differences between the published variants. Shapes: the gradient, x and
each array of a state are (..., 2), numbers that belong to both coordinates are floats or (..., 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from adam_tui.engine.knobs import Knob
from adam_tui.engine.rule import (
    Array,
    Hyper,
    Optimizer,
    Update,
    Value,
    average,
    beta1_knob,
    beta2_knob,
    bias_correction,
    decay_knob,
    decoupled_decay,
    eps_knob,
    finish,
    flag_knob,
    lr_knob,
    power,
    weight_decay_knob,
    with_decay,
)

DECOUPLED = "pull to the origin, apart from the gradient: −α·λ·x"

# --- Adan --------------------------------------------------------------------------------------------------------


class AdanState(NamedTuple):
    """step: steps taken; m, v, n: the running averages of g, of its differences, of their squares; previous: last g."""

    step: int
    m: Array
    v: Array
    n: Array
    previous: Array


def adan_init(x: Array, hyper: Hyper) -> AdanState:
    """All averages start at 0; the first difference is 0."""
    zeros = np.zeros_like(x)
    return AdanState(0, zeros, zeros, zeros, zeros)


def adan_update(gradient: Array, state: AdanState, x: Array, hyper: Hyper) -> Update:
    """Adan: Adam with Nesterov's look-ahead, taken from the difference between this gradient and the last.

    Where the slope grows the difference adds to the step, where it falls it brakes. Variants differ: in the paper each
    β is 1 minus these, as in the authors' code; there and here weight decay divides the moved point by 1 + α·λ, and
    `no_prox` subtracts α·λ·x instead, as AdamW does. The paper's restart is in neither.
    """
    lr, beta2 = hyper["lr"], hyper["beta2"]
    step = state.step + 1
    d = gradient - state.previous if state.step else np.zeros_like(gradient)
    m = average(state.m, gradient, hyper["beta1"])
    v = average(state.v, d, beta2)
    ahead = gradient + beta2 * d
    n = average(state.n, ahead * ahead, hyper["beta3"])
    m_hat = m / bias_correction(hyper["beta1"], step)
    v_hat = v / bias_correction(beta2, step)
    n_hat = n / bias_correction(hyper["beta3"], step)
    alpha_eff = lr / (np.sqrt(n_hat) + hyper["eps"])
    decay = decoupled_decay(lr, hyper["weight_decay"], x)
    shrink = 1 + (1 - hyper["no_prox"]) * (lr * hyper["weight_decay"])
    delta = (-alpha_eff * (m_hat + beta2 * v_hat) - decay) / shrink
    terms = {"d": d, "m": m, "v": v, "n": n, "m̂": m_hat, "v̂": v_hat, "n̂": n_hat, "α_eff": alpha_eff}
    return finish(delta, AdanState(step, m, v, n, gradient), terms)


ADAN = Optimizer(
    name="adan",
    title="Adan",
    group="recent",
    knobs=(
        lr_knob(1e-3),
        beta1_knob(0.98),
        beta2_knob(0.92, "memory of the differences, and their share in a step"),
        decay_knob("beta3", "β3", 0.99, "memory of the scale: n keeps about 1/(1−β3) steps"),
        eps_knob(1e-8, "keeps the division from blowing up where n is near 0"),
        weight_decay_knob(0.0, "pull to the origin, which divides x by 1 + α·λ"),
        flag_knob("no_prox", "λ*", 0.0, "weight decay as in AdamW: −α·λ·x"),
    ),
    init=adan_init,
    update=adan_update,
    rule=(
        "g ← ∇f(x),   d = g − g_old   (first d = 0)",
        "m ← β1·m + (1−β1)·g,   v ← β2·v + (1−β2)·d",
        "n ← β3·n + (1−β3)·(g + β2·d)²",
        "m̂ = m / (1−β1ᵗ),   v̂ and n̂ likewise",
        "Δ = −α·((m̂ + β2·v̂) / (√n̂ + ε) + λ·x)",
        "Δ ← Δ / (1 + α·λ)   (λ* on: not divided)",
    ),
    paper="Xie et al. 2022, arXiv:2208.06677",
    torch_name=None,
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- Prodigy -----------------------------------------------------------------------------------------------------


class ProdigyState(NamedTuple):
    """step: steps taken; m, v: the averages of d·g and (d·g)²; x0: the start; r, s: the estimate's sums; d: itself.

    r and d are floats or (..., 1).
    """

    step: int
    m: Array
    v: Array
    x0: Array
    r: Value
    s: Array
    d: Value


def prodigy_init(x: Array, hyper: Hyper) -> ProdigyState:
    """The averages and sums start at 0, the estimate at d0."""
    zeros = np.zeros_like(x)
    return ProdigyState(0, zeros, zeros, x, 0.0, zeros, hyper["d0"])


def prodigy_update(gradient: Array, state: ProdigyState, x: Array, hyper: Hyper) -> Update:
    """Prodigy: Adam with a rate that it finds itself: d, an estimate of the distance from the start to the minimum.

    On a convex function r / ‖s‖ is at most that distance in theory, and d is the largest one so far: it only grows. A
    slope that points back towards the start lowers r. α stays at 1 and can carry a schedule. The point is one
    parameter: d is one number for both coordinates. As in the authors' code the memory of r and s is √β2, the first
    moments are not corrected unless `use_bias_correction` is on, and nothing moves before the first gradient that is
    not 0. Its limit on the growth of d, off by default, is left out here.
    """
    lr, d, d0 = hyper["lr"], state.d, hyper["d0"]
    beta1, beta2 = hyper["beta1"], hyper["beta2"]
    beta3 = power(beta2, 0.5)
    step = state.step + 1
    on = hyper["use_bias_correction"]
    correction = power(bias_correction(beta2, step), 0.5) / bias_correction(beta1, step)
    gamma = d * lr * (1 + on * (correction - 1))
    scaled = d / d0
    toward = gradient * (state.x0 - x)
    r = beta3 * state.r + scaled * gamma * (toward[..., :1] + toward[..., 1:])
    s = beta3 * state.s + scaled * np.where(hyper["safeguard_warmup"] != 0, d, gamma) * gradient
    size = np.abs(s[..., :1]) + np.abs(s[..., 1:])
    m = beta1 * state.m + d * (1 - beta1) * gradient
    v = beta2 * state.v + d * d * (1 - beta2) * (gradient * gradient)
    moves = size != 0
    d_next = np.fmax(d, hyper["d_coef"] * r / np.where(moves, size, 1.0))
    decay = decoupled_decay(gamma, hyper["weight_decay"], x)
    # Where no gradient has been seen m and v are 0, and so is the step, even for ε = 0.
    delta = np.where(moves, -gamma * m / np.where(moves, np.sqrt(v) + d_next * hyper["eps"], 1.0) - decay, 0.0)
    terms = {"γ": gamma, "m": m, "v": v, "r": r, "s": s, "d": d_next, "γ·λ·x": decay}
    return finish(delta, ProdigyState(step, m, v, state.x0, r, s, np.where(moves, d_next, d)), terms)


PRODIGY = Optimizer(
    name="prodigy",
    title="Prodigy",
    group="recent",
    knobs=(
        lr_knob(1.0),
        beta1_knob(),
        beta2_knob(),
        Knob(
            "d0",
            "d0",
            1e-6,
            "log",
            "first estimate of the distance; it grows from here",
            notch_low=1e-9,
            notch_high=10.0,
            low_excluded=True,
        ),
        Knob("d_coef", "c", 1.0, "log", "factor of the estimate", notch_low=1e-3, notch_high=1e3),
        eps_knob(1e-8),
        weight_decay_knob(0.0, "pull to the origin, apart from the gradient: −γ·λ·x"),
        flag_knob("use_bias_correction", "bias", 0.0, "make up for the averages' start at 0"),
        flag_knob("safeguard_warmup", "safe", 0.0, "leave α out of s, for a warm-up"),
    ),
    init=prodigy_init,
    update=prodigy_update,
    rule=(
        "γ = α·d   (bias: · √(1−β2ᵗ) / (1−β1ᵗ))",
        "m ← β1·m + (1−β1)·d·g",
        "v ← β2·v + (1−β2)·(d·g)²",
        "r ← √β2·r + (d/d0)·γ·g·(x0 − x)",
        "s ← √β2·s + (d/d0)·γ·g   (safe: d for γ)",
        "d ← max(d, c·r / (|s_x| + |s_y|))",
        "Δ = −γ·m / (√v + d·ε) − γ·λ·x",
    ),
    paper="Mishchenko & Defazio 2024, arXiv:2306.06101",
    torch_name=None,
    lr_hint=0.1,  # at 1, meant for networks, it leaps across a plot: the distance is all that there is
    lr_hint_of="fixed",
)

# --- Schedule-Free SGD -------------------------------------------------------------------------------------------

WARM_UP = Knob("warmup_steps", "W", 0.0, "integer", "steps over which α rises from 0", high=100_000.0)
AVERAGING = (
    Knob("r", "r", 0.0, "linear", "later z weigh more in x, by t^r", notch_low=0.0, notch_high=5.0),
    Knob("weight_lr_power", "p", 2.0, "linear", "z weigh by α^p, so less in a warm-up", notch_low=0.0, notch_high=4.0),
)


class ScheduleFreeState(NamedTuple):
    """step: steps taken; z: the plain steps; x: their average, the result; total, largest: Σw and the largest α so far.

    v is the running average of g² (AdamW; else None). total and largest are floats or (..., 1).
    """

    step: int
    z: Array
    x: Array
    total: Value
    largest: Value
    v: Array | None


def schedule_free_sgd_init(x: Array, hyper: Hyper) -> ScheduleFreeState:
    """z, x and y start at the same point."""
    return ScheduleFreeState(0, x, x, 0.0, 0.0, None)


def schedule_free_adamw_init(x: Array, hyper: Hyper) -> ScheduleFreeState:
    """z, x and y start at the same point, and v at 0."""
    return ScheduleFreeState(0, x, x, 0.0, 0.0, np.zeros_like(x))


def _averaged_step(
    step_direction: Array, beta: Value, state: ScheduleFreeState, y: Array, hyper: Hyper
) -> tuple[Array, ScheduleFreeState, dict[str, Value]]:
    """The step of y, the next state without v, and the terms, for a step of z along −`step_direction`.

    y is moved as the authors' code moves it, without x: then a change of β acts on later steps only.
    """
    step = state.step + 1
    lr = hyper["lr"] * np.minimum(step / np.maximum(hyper["warmup_steps"], 1.0), 1.0)
    largest = np.maximum(state.largest, lr)
    weight = power(float(step), hyper["r"]) * np.float_power(largest, hyper["weight_lr_power"])
    total = state.total + weight
    c = weight / np.where(total == 0, 1.0, total)
    delta = c * (state.z - y) + lr * (beta * (1 - c) - 1) * step_direction
    z = state.z - lr * step_direction
    x = (1 - c) * state.x + c * z
    return delta, ScheduleFreeState(step, z, x, total, largest, None), {"c": c, "z": z, "x": x}


def schedule_free_sgd_update(gradient: Array, state: ScheduleFreeState, x: Array, hyper: Hyper) -> Update:
    """Schedule-Free SGD: the average x of plain steps z is the result; the gradient is taken at y, between the two.

    The path on the plot is y, the parameter of the authors' package in train mode; its eval mode puts x in its place.
    The inspector shows z and x. y is near x: for β = 0.9 a tenth of the way from x to z. At β = 0, which the package
    refuses and so does the knob, y would be z and x Polyak's average. Variants differ: the paper's w is α², here as in
    the package it is α^p with the largest α so far, and weight decay is taken at y.
    """
    g = with_decay(gradient, x, hyper["weight_decay"])
    delta, after, terms = _averaged_step(g, hyper["momentum"], state, x, hyper)
    return finish(delta, after, {"g": g, **terms})


SCHEDULE_FREE_SGD = Optimizer(
    name="sf-sgd",
    title="Schedule-Free SGD",
    group="recent",
    knobs=(
        lr_knob(1.0),
        Knob(
            "momentum",
            "β",
            0.9,
            "beta",
            "where the gradient is taken: 1 at x, 0 at z",
            high=1.0,
            low_excluded=True,
            high_excluded=True,
        ),
        weight_decay_knob(0.0, "pull to the origin, added to the gradient as λ·y"),
        WARM_UP,
        *AVERAGING,
    ),
    init=schedule_free_sgd_init,
    update=schedule_free_sgd_update,
    rule=(
        "g ← ∇f(y) + λ·y   (y is the point on the plot)",
        "z ← z − α·g   (W: α rises over W steps)",
        "c = w / Σw,   w = t^r · (largest α so far)^p",
        "x ← (1−c)·x + c·z   (the result)",
        "y ← (1−β)·z + β·x,   Δ is the step of y",
    ),
    paper="Defazio et al. 2024, arXiv:2405.15682",
    torch_name=None,
    lr_hint=1.0,
    lr_hint_of="curvature",
)

# --- Schedule-Free AdamW -----------------------------------------------------------------------------------------


def schedule_free_adamw_update(gradient: Array, state: ScheduleFreeState, x: Array, hyper: Hyper) -> Update:
    """Schedule-Free AdamW: as Schedule-Free SGD, with z stepping as Adam does without its momentum.

    The averaging takes the place of m, so β1 says where the gradient is taken, as the momentum of Schedule-Free SGD
    does. The path on the plot is y, the inspector shows z and the result x. As in the authors' package the weight decay
    λ·y is not divided by √v̂, and v is corrected for its start at 0. In the paper's algorithm α is corrected instead, to
    α·√(1−β2ᵗ), so that the first z weigh little in x.
    """
    step = state.step + 1
    assert state.v is not None
    v = average(state.v, gradient * gradient, hyper["beta2"])
    v_hat = v / bias_correction(hyper["beta2"], step)
    u = gradient / (np.sqrt(v_hat) + hyper["eps"])
    decayed = with_decay(u, x, hyper["weight_decay"])
    delta, after, terms = _averaged_step(decayed, hyper["beta1"], state, x, hyper)
    return finish(delta, after._replace(v=v), {"v": v, "v̂": v_hat, "u": decayed, **terms})


SCHEDULE_FREE_ADAMW = Optimizer(
    name="sf-adamw",
    title="Schedule-Free AdamW",
    group="recent",
    knobs=(
        lr_knob(2.5e-3),
        Knob(
            "beta1",
            "β1",
            0.9,
            "beta",
            "where the gradient is taken: 1 at x, 0 at z",
            high=1.0,
            low_excluded=True,
            high_excluded=True,
        ),
        beta2_knob(),
        eps_knob(1e-8),
        weight_decay_knob(0.0, "pull to the origin: u gets λ·y"),
        WARM_UP,
        *AVERAGING,
    ),
    init=schedule_free_adamw_init,
    update=schedule_free_adamw_update,
    rule=(
        "g ← ∇f(y)   (y is the point on the plot)",
        "v ← β2·v + (1−β2)·g²,   v̂ = v / (1−β2ᵗ)",
        "u = g / (√v̂ + ε) + λ·y",
        "z ← z − α·u   (W: α rises over W steps)",
        "c = w / Σw,   w = t^r · (largest α so far)^p",
        "x ← (1−c)·x + c·z   (the result)",
        "y ← (1−β1)·z + β1·x,   Δ is the step of y",
    ),
    paper="Defazio et al. 2024, arXiv:2405.15682",
    torch_name=None,
    lr_hint=0.02,
    lr_hint_of="width",
)

# --- AdEMAMix ----------------------------------------------------------------------------------------------------


class AdemamixState(NamedTuple):
    """step: steps taken; m1, m2: the fast and the slow running average of g; v: that of g²."""

    step: int
    m1: Array
    m2: Array
    v: Array


def ademamix_init(x: Array, hyper: Hyper) -> AdemamixState:
    """All averages start at 0."""
    zeros = np.zeros_like(x)
    return AdemamixState(0, zeros, zeros, zeros)


def ademamix_update(gradient: Array, state: AdemamixState, x: Array, hyper: Hyper) -> Update:
    """AdEMAMix: AdamW with a second, very slow average of the gradient, so that old gradients still count.

    m2 keeps about 10,000 steps at the default β3 and has no bias correction: in a short race it hardly acts, in a long
    one it carries the point past a minimum. Over the first T steps its weight rises to a and its memory from β1 to β3,
    in equal steps of its half-life. Variants differ: a is 5 here, as in pytorch-optimizer, and 2 in the authors' code,
    which has T twice, once for a and once for β3, and adds 1e-8 to β before it takes the logarithm.
    """
    lr = hyper["lr"]
    step = state.step + 1
    a, beta3 = _slow_average(step, hyper)
    m1 = average(state.m1, gradient, hyper["beta1"])
    m2 = average(state.m2, gradient, beta3)
    v = average(state.v, gradient * gradient, hyper["beta2"])
    m1_hat = m1 / bias_correction(hyper["beta1"], step)
    v_hat = v / bias_correction(hyper["beta2"], step)
    alpha_eff = lr / (np.sqrt(v_hat) + hyper["eps"])
    decay = decoupled_decay(lr, hyper["weight_decay"], x)
    terms = {"m1": m1, "m2": m2, "v": v, "m̂1": m1_hat, "v̂": v_hat, "a_t": a, "β3_t": beta3, "α_eff": alpha_eff}
    terms["α·λ·x"] = decay
    return finish(-alpha_eff * (m1_hat + a * m2) - decay, AdemamixState(step, m1, m2, v), terms)


def _slow_average(step: int, hyper: Hyper) -> tuple[Value, Value]:
    """The weight and the decay rate of m2 in this step."""
    a, beta3, period = hyper["alpha"], hyper["beta3"], hyper["t_alpha_beta3"]
    if isinstance(period, float) and period == 0:
        return a, beta3
    done = np.where(period == 0, 1.0, np.minimum(step / np.where(period == 0, 1.0, period), 1.0))
    # 1 / ln β is proportional to the half-life. The logarithms come from the C library, as `rule.power`'s powers do.
    begin, end = _each(_inverse_logarithm, hyper["beta1"]), _each(_inverse_logarithm, beta3)
    half_life = (1 - done) * begin + done * end
    rising = _each(lambda value: math.exp(1 / value) if value else 0.0, half_life)
    return a * done, np.where(done < 1, np.minimum(rising, beta3), beta3)


def _inverse_logarithm(beta: float) -> float:
    return 1 / math.log(beta) if 0 < beta < 1 else 0.0


def _each(function: Callable[[float], float], value: Value) -> Value:
    """The function of a number, or of each number of an array."""
    if isinstance(value, np.ndarray):
        results: Array = np.vectorize(function, otypes=[np.float64])(value)
        return results
    return function(value)


ADEMAMIX = Optimizer(
    name="ademamix",
    title="AdEMAMix",
    group="recent",
    knobs=(
        lr_knob(1e-3),
        beta1_knob(),
        beta2_knob(),
        decay_knob("beta3", "β3", 0.9999, "memory of the slow average m2: about 1/(1−β3) steps"),
        Knob("alpha", "a", 5.0, "log_off", "weight of the slow average", notch_low=0.01, notch_high=100.0),
        Knob("t_alpha_beta3", "T", 0.0, "integer", "steps over which a and β3 rise", high=1_000_000.0),
        eps_knob(1e-8),
        weight_decay_knob(0.0, DECOUPLED),
    ),
    init=ademamix_init,
    update=ademamix_update,
    rule=(
        "m1 ← β1·m1 + (1−β1)·g,   m2 ← β3·m2 + (1−β3)·g",
        "v ← β2·v + (1−β2)·g²",
        "m̂1 = m1 / (1−β1ᵗ),   v̂ = v / (1−β2ᵗ)",
        "Δ = −α·(m̂1 + a·m2) / (√v̂ + ε) − α·λ·x",
        "T: over T steps a rises from 0, and β3 from β1",
    ),
    paper="Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137",
    torch_name=None,
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- ADOPT -------------------------------------------------------------------------------------------------------


class AdoptState(NamedTuple):
    """step: steps taken; m: the running average of the divided gradients; v: that of g²."""

    step: int
    m: Array
    v: Array


def adopt_init(x: Array, hyper: Hyper) -> AdoptState:
    """Both start at 0; the first step sets v."""
    return AdoptState(0, np.zeros_like(x), np.zeros_like(x))


def adopt_update(gradient: Array, state: AdoptState, x: Array, hyper: Hyper) -> Update:
    """ADOPT: Adam that divides each gradient by the v of the steps before, and averages afterwards.

    The gradient is not part of its own divisor, which is what lets Adam fail on Reddi's function at a small β2; ADOPT
    converges with any β2. The first step only measures v and does not move. The divided gradient is clipped to
    ±(t−1)^0.25, as in the paper's Algorithm 2, whose first step that moves has the limit 1. Variants differ: without
    the clip, as in Algorithm 1, a first slope near 0 makes the second step huge; pytorch-optimizer's limit is t^0.25,
    and its decoupled weight decay moves the point in the first step too.
    """
    lr, apart = hyper["lr"], hyper["decoupled_weight_decay"]
    step = state.step + 1
    g = with_decay(gradient, x, (1 - apart) * hyper["weight_decay"])
    decay = decoupled_decay(lr, apart * hyper["weight_decay"], x)
    if state.step == 0:
        v, m, r = g * g, state.m, np.zeros_like(g)
        still = np.zeros(np.broadcast_shapes(g.shape, np.shape(lr)))
        return finish(still, AdoptState(step, m, v), {"g": g, "r": r, "m": m, "v": v, "α·λ·x": still})
    r = g / np.maximum(np.sqrt(state.v), hyper["eps"])
    limit = np.where(hyper["clip"] != 0, state.step**0.25, math.inf)
    r = np.minimum(np.maximum(r, -limit), limit)
    m = average(state.m, r, hyper["beta1"])
    v = average(state.v, g * g, hyper["beta2"])
    terms = {"g": g, "r": r, "m": m, "v": v, "α·λ·x": decay}
    return finish(-lr * m - decay, AdoptState(step, m, v), terms)


ADOPT = Optimizer(
    name="adopt",
    title="ADOPT",
    group="recent",
    knobs=(
        lr_knob(1e-3),
        beta1_knob(),
        beta2_knob(0.9999),
        eps_knob(1e-6, "least √v that a gradient is divided by"),
        weight_decay_knob(),
        flag_knob("decoupled_weight_decay", "λ*", 0.0, "weight decay as in AdamW: apart from the gradient"),
        flag_knob("clip", "clip", 1.0, "limit r to (t−1)^0.25"),
    ),
    init=adopt_init,
    update=adopt_update,
    rule=(
        "g ← ∇f(x) + λ·x   (λ* off)",
        "r = g / max(√v, ε)   (clip: to ±(t−1)^0.25)",
        "m ← β1·m + (1−β1)·r",
        "Δ = −α·m   (first Δ = 0; λ* on: − α·λ·x)",
        "v ← β2·v + (1−β2)·g²   (first v = g²)",
    ),
    paper="Taniguchi et al. 2024, arXiv:2411.02853",
    torch_name=None,
    lr_hint=0.01,
    lr_hint_of="width",
)
