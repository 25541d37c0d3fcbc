"""Adam and its descendants, simplest first, and Lion.

A new optimizer gets a section here: state, `init`, `update`, and the description with knobs, rule and paper. Defaults
are those of torch.optim (Lion: of the paper); each docstring names the differences between torch.optim, the paper and
optax. Shapes: the gradient, x and each array of a state are (..., 2).
"""

from __future__ import annotations

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
    decoupled_decay,
    eps_knob,
    finish,
    flag_knob,
    lr_knob,
    power,
    weight_decay_knob,
    with_decay,
)

GRADIENT = "g ← ∇f(x) + λ·x"
FIRST_MOMENT = "m ← β1·m + (1−β1)·g"
SECOND_MOMENT = "v ← β2·v + (1−β2)·g²"
CORRECTED = "m̂ = m / (1−β1ᵗ),   v̂ = v / (1−β2ᵗ)"
DECOUPLED = "pull to the origin, apart from the gradient: −α·λ·x"
DECOUPLE = flag_knob("decoupled_weight_decay", "λ*", 0.0, "weight decay as in AdamW: apart from the gradient")


class Moments(NamedTuple):
    """step: steps taken; m, v: the running averages of g and of g²."""

    step: int
    m: Array
    v: Array


def moments_init(x: Array, hyper: Hyper) -> Moments:
    """Both averages start at 0."""
    return Moments(0, np.zeros_like(x), np.zeros_like(x))


# --- Adam --------------------------------------------------------------------------------------------------------


def adam_update(gradient: Array, state: Moments, x: Array, hyper: Hyper) -> Update:
    """Adam: the running average of the gradient over the root of that of its square, both with bias correction.

    Where the gradient keeps its sign a step is about α, where it alternates much shorter. The bias correction makes the
    first step α·sign(g). torch.optim has no switch for it; here `bias_correction` off shows its effect.
    """
    beta1, beta2, on = hyper["beta1"], hyper["beta2"], hyper["bias_correction"]
    step = state.step + 1
    g = with_decay(gradient, x, hyper["weight_decay"])
    m = average(state.m, g, beta1)
    v = average(state.v, g * g, beta2)
    m_hat = m / (1 - on * power(beta1, step))
    v_hat = v / (1 - on * power(beta2, step))
    alpha_eff = hyper["lr"] / (np.sqrt(v_hat) + hyper["eps"])
    terms = {"g": g, "m": m, "v": v, "m̂": m_hat, "v̂": v_hat, "α_eff": alpha_eff}
    return finish(-alpha_eff * m_hat, Moments(step, m, v), terms)


ADAM = Optimizer(
    name="adam",
    title="Adam",
    group="adaptive",
    knobs=(
        lr_knob(1e-3),
        beta1_knob(),
        beta2_knob(),
        eps_knob(1e-8),
        weight_decay_knob(),
        flag_knob("bias_correction", "m̂ v̂", 1.0, "make up for the averages' start at 0 (torch: always on)"),
    ),
    init=moments_init,
    update=adam_update,
    rule=(GRADIENT, FIRST_MOMENT, SECOND_MOMENT, CORRECTED, "Δ = −α·m̂ / (√v̂ + ε)"),
    paper="Kingma & Ba 2015, arXiv:1412.6980",
    torch_name="Adam",
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- AMSGrad -----------------------------------------------------------------------------------------------------


class AmsgradState(NamedTuple):
    """step: steps taken; m, v: the running averages of g and of g²; v_max: the largest v so far."""

    step: int
    m: Array
    v: Array
    v_max: Array


def amsgrad_init(x: Array, hyper: Hyper) -> AmsgradState:
    """All averages start at 0."""
    return AmsgradState(0, np.zeros_like(x), np.zeros_like(x), np.zeros_like(x))


def amsgrad_update(gradient: Array, state: AmsgradState, x: Array, hyper: Hyper) -> Update:
    """AMSGrad: Adam that divides by the largest v so far, so that it does not forget a rare steep gradient.

    It converges on the problems of the paper where Adam moves away from the minimum. Variants differ: the paper has no
    bias correction, and there the step size α_eff never grows. Like torch.optim this takes the maximum of the raw v and
    corrects it afterwards, so v̂ may fall and α_eff grow: on the bowl with α = 0.1, α_eff in x grows from 0.014 to 0.061
    within 262 steps. optax takes the maximum of v̂, and α_eff never grows. Phuong & Phong 2019, arXiv:1904.03590,
    correct the paper's proof.
    """
    beta1, beta2 = hyper["beta1"], hyper["beta2"]
    step = state.step + 1
    g = with_decay(gradient, x, hyper["weight_decay"])
    m = average(state.m, g, beta1)
    v = average(state.v, g * g, beta2)
    v_max = np.maximum(state.v_max, v)
    m_hat = m / bias_correction(beta1, step)
    v_hat = v_max / bias_correction(beta2, step)
    alpha_eff = hyper["lr"] / (np.sqrt(v_hat) + hyper["eps"])
    terms = {"g": g, "m": m, "v": v, "v_max": v_max, "m̂": m_hat, "v̂": v_hat, "α_eff": alpha_eff}
    return finish(-alpha_eff * m_hat, AmsgradState(step, m, v, v_max), terms)


AMSGRAD = Optimizer(
    name="amsgrad",
    title="AMSGrad",
    group="adaptive",
    knobs=(lr_knob(1e-3), beta1_knob(), beta2_knob(), eps_knob(1e-8), weight_decay_knob()),
    init=amsgrad_init,
    update=amsgrad_update,
    rule=(
        GRADIENT,
        FIRST_MOMENT,
        SECOND_MOMENT,
        "v_max ← max(v_max, v)",
        "m̂ = m / (1−β1ᵗ),   v̂ = v_max / (1−β2ᵗ)",
        "Δ = −α·m̂ / (√v̂ + ε)",
    ),
    paper="Reddi, Kale & Kumar 2018, arXiv:1904.09237",
    torch_name="Adam",
    torch_arguments={"amsgrad": True},
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- AdamW -------------------------------------------------------------------------------------------------------


def adamw_update(gradient: Array, state: Moments, x: Array, hyper: Hyper) -> Update:
    """AdamW: Adam with weight decay applied to the point itself instead of added to the gradient.

    In the gradient λ·x is divided by √v̂ as well, so steep coordinates hardly decay. As in torch.optim the decay is
    α·λ·x: the effective decay depends on both (twice the α needs half the λ). The paper scales it by a schedule η only.
    """
    lr, beta1, beta2 = hyper["lr"], hyper["beta1"], hyper["beta2"]
    step = state.step + 1
    m = average(state.m, gradient, beta1)
    v = average(state.v, gradient * gradient, beta2)
    m_hat = m / bias_correction(beta1, step)
    v_hat = v / bias_correction(beta2, step)
    alpha_eff = lr / (np.sqrt(v_hat) + hyper["eps"])
    decay = decoupled_decay(lr, hyper["weight_decay"], x)
    terms = {"m": m, "v": v, "m̂": m_hat, "v̂": v_hat, "α_eff": alpha_eff, "α·λ·x": decay}
    return finish(-alpha_eff * m_hat - decay, Moments(step, m, v), terms)


ADAMW = Optimizer(
    name="adamw",
    title="AdamW",
    group="adaptive",
    knobs=(lr_knob(1e-3), beta1_knob(), beta2_knob(), eps_knob(1e-8), weight_decay_knob(1e-2, DECOUPLED)),
    init=moments_init,
    update=adamw_update,
    rule=("g ← ∇f(x)", FIRST_MOMENT, SECOND_MOMENT, CORRECTED, "Δ = −α·m̂ / (√v̂ + ε) − α·λ·x"),
    paper="Loshchilov & Hutter 2019, arXiv:1711.05101",
    torch_name="AdamW",
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- AdaMax ------------------------------------------------------------------------------------------------------


class AdamaxState(NamedTuple):
    """step: steps taken; m: the running average of g; u: the largest |g| so far, which decays by β2 each step."""

    step: int
    m: Array
    u: Array


def adamax_init(x: Array, hyper: Hyper) -> AdamaxState:
    """The average and the maximum start at 0."""
    return AdamaxState(0, np.zeros_like(x), np.zeros_like(x))


def adamax_update(gradient: Array, state: AdamaxState, x: Array, hyper: Hyper) -> Update:
    """AdaMax: Adam that divides by the largest recent |g| instead of the root of the average square.

    A maximum needs no bias correction. The paper has no ε; as in torch.optim it is added to |g|.
    """
    step = state.step + 1
    g = with_decay(gradient, x, hyper["weight_decay"])
    m = average(state.m, g, hyper["beta1"])
    u = np.maximum(hyper["beta2"] * state.u, np.abs(g) + hyper["eps"])
    m_hat = m / bias_correction(hyper["beta1"], step)
    alpha_eff = hyper["lr"] / u
    terms = {"g": g, "m": m, "u": u, "m̂": m_hat, "α_eff": alpha_eff}
    return finish(-alpha_eff * m_hat, AdamaxState(step, m, u), terms)


ADAMAX = Optimizer(
    name="adamax",
    title="AdaMax",
    group="adaptive",
    knobs=(
        lr_knob(2e-3),
        beta1_knob(),
        beta2_knob(meaning="how slowly the largest |g| fades"),
        eps_knob(1e-8, "keeps the division from blowing up where u is near 0"),
        weight_decay_knob(),
    ),
    init=adamax_init,
    update=adamax_update,
    rule=(GRADIENT, FIRST_MOMENT, "u ← max(β2·u, |g| + ε)", "m̂ = m / (1−β1ᵗ)", "Δ = −α·m̂ / u"),
    paper="Kingma & Ba 2015, section 7.1, arXiv:1412.6980",
    torch_name="Adamax",
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- NAdam -------------------------------------------------------------------------------------------------------

MU_BASE = 0.96  # fixed by the paper: μ warms up from β1/2 to β1 as 1 − ½·0.96^(t·ψ)


class NadamState(NamedTuple):
    """step: steps taken; m, v: the running averages of g and of g²; mu_product: μ_1·μ_2·…, a float or (..., 1)."""

    step: int
    m: Array
    v: Array
    mu_product: Value


def nadam_init(x: Array, hyper: Hyper) -> NadamState:
    """Both averages start at 0, the product at 1."""
    return NadamState(0, np.zeros_like(x), np.zeros_like(x), 1.0)


def nadam_update(gradient: Array, state: NadamState, x: Array, hyper: Hyper) -> Update:
    """NAdam: Adam with Nesterov's look-ahead, and a momentum that warms up.

    m̂ holds the newest gradient with its weight in the next step. The momentum μ rises from β1/2 to β1 at the rate ψ; at
    the default ψ = 0.004 it is still near β1/2 after 400 steps (0.4785), and in short races this smaller μ accounts for
    most of the difference from Adam. Variants differ: as in torch.optim m itself is averaged with β1, not with μ; optax
    has no momentum decay.
    """
    lr, beta1, psi = hyper["lr"], hyper["beta1"], hyper["momentum_decay"]
    apart = hyper["decoupled_weight_decay"]
    step = state.step + 1
    g = with_decay(gradient, x, (1 - apart) * hyper["weight_decay"])
    mu = beta1 * (1 - 0.5 * power(MU_BASE, step * psi))
    mu_next = beta1 * (1 - 0.5 * power(MU_BASE, (step + 1) * psi))
    mu_product = state.mu_product * mu
    m = average(state.m, g, beta1)
    v = average(state.v, g * g, hyper["beta2"])
    m_hat = mu_next / (1 - mu_product * mu_next) * m + (1 - mu) / (1 - mu_product) * g
    v_hat = v / bias_correction(hyper["beta2"], step)
    alpha_eff = lr / (np.sqrt(v_hat) + hyper["eps"])
    decay = decoupled_decay(lr, apart * hyper["weight_decay"], x)
    terms = {"g": g, "μ": mu, "m": m, "v": v, "m̂": m_hat, "v̂": v_hat, "α_eff": alpha_eff, "α·λ·x": decay}
    return finish(-alpha_eff * m_hat - decay, NadamState(step, m, v, mu_product), terms)


NADAM = Optimizer(
    name="nadam",
    title="NAdam",
    group="adaptive",
    knobs=(
        lr_knob(2e-3),
        beta1_knob(),
        beta2_knob(),
        eps_knob(1e-8),
        weight_decay_knob(),
        Knob(
            "momentum_decay",
            "ψ",
            4e-3,
            "log_off",
            "pace at which μ warms up from β1/2 to β1",
            notch_low=1e-5,
            notch_high=10.0,
        ),
        DECOUPLE,
    ),
    init=nadam_init,
    update=nadam_update,
    rule=(
        f"{GRADIENT}   (λ* off)",
        "μ_t = β1·(1 − ½·0.96^(t·ψ))",
        f"{FIRST_MOMENT},   {SECOND_MOMENT}",
        "m̂ = μ_{t+1}·m / (1 − μ_1⋯μ_{t+1}) + (1−μ_t)·g / (1 − μ_1⋯μ_t)",
        "v̂ = v / (1−β2ᵗ)",
        "Δ = −α·m̂ / (√v̂ + ε)   (λ* on: − α·λ·x)",
    ),
    paper="Dozat 2016, ICLR workshop",
    torch_name="NAdam",
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- RAdam -------------------------------------------------------------------------------------------------------

RHO_ENOUGH = 5.0  # torch.optim's threshold on ρ_t (the paper: 4); below it v is too uncertain to divide by


def radam_update(gradient: Array, state: Moments, x: Array, hyper: Hyper) -> Update:
    """RAdam: Adam that does not divide by v until v has averaged enough gradients.

    ρ_t is the number of gradients that v effectively averages. Up to ρ_t = 5 the step is plain momentum, in proportion
    to the gradient, and may be far longer than Adam's; from then on it is Adam's, scaled by r ≤ 1. Variants differ: as
    in torch.optim ε is added to the raw √v, before the bias correction; optax corrects v first.
    """
    lr, beta2, apart = hyper["lr"], hyper["beta2"], hyper["decoupled_weight_decay"]
    step = state.step + 1
    g = with_decay(gradient, x, (1 - apart) * hyper["weight_decay"])
    m = average(state.m, g, hyper["beta1"])
    v = average(state.v, g * g, beta2)
    m_hat = m / bias_correction(hyper["beta1"], step)
    weight2 = bias_correction(beta2, step)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * step * power(beta2, step) / weight2
    # At least the threshold, so that the branch not taken stays finite.
    p, q = np.maximum(rho, RHO_ENOUGH), np.maximum(rho_inf, RHO_ENOUGH)
    r = np.sqrt((p - 4) * (p - 2) * q / ((q - 4) * (q - 2) * p))
    alpha_eff = lr * np.where(rho > RHO_ENOUGH, r * np.sqrt(weight2) / (np.sqrt(v) + hyper["eps"]), 1.0)
    decay = decoupled_decay(lr, apart * hyper["weight_decay"], x)
    terms = {"g": g, "m": m, "v": v, "m̂": m_hat, "ρ_t": rho, "r": r, "α_eff": alpha_eff, "α·λ·x": decay}
    return finish(-alpha_eff * m_hat - decay, Moments(step, m, v), terms)


RADAM = Optimizer(
    name="radam",
    title="RAdam",
    group="adaptive",
    knobs=(lr_knob(1e-3), beta1_knob(), beta2_knob(), eps_knob(1e-8), weight_decay_knob(), DECOUPLE),
    init=moments_init,
    update=radam_update,
    rule=(
        f"{GRADIENT}   (λ* off)",
        f"{FIRST_MOMENT},   {SECOND_MOMENT}",
        "m̂ = m / (1−β1ᵗ)",
        "ρ∞ = 2/(1−β2) − 1,   ρ_t = ρ∞ − 2t·β2ᵗ/(1−β2ᵗ)",
        "r = √((ρ_t−4)(ρ_t−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ_t))",
        "Δ = −α·m̂·r·√(1−β2ᵗ) / (√v + ε) if ρ_t > 5, else −α·m̂   (λ* on: − α·λ·x)",
    ),
    paper="Liu et al. 2020, arXiv:1908.03265",
    torch_name="RAdam",
    lr_hint=1.0,
    lr_hint_of="curvature",  # the first steps are plain momentum, which diverges where the surface is steep
)

# --- Lion --------------------------------------------------------------------------------------------------------


class LionState(NamedTuple):
    """step: steps taken; m: the running average of g."""

    step: int
    m: Array


def lion_init(x: Array, hyper: Hyper) -> LionState:
    """The average starts at 0."""
    return LionState(0, np.zeros_like(x))


def lion_update(gradient: Array, state: LionState, x: Array, hyper: Hyper) -> Update:
    """Lion: the sign of an averaged gradient, so every step is ±α along each axis.

    It was found by program search. The direction c averages with β1, the memory m with β2. Weight decay is decoupled.
    """
    lr = hyper["lr"]
    c = average(state.m, gradient, hyper["beta1"])
    sign = np.sign(c)
    m = average(state.m, gradient, hyper["beta2"])
    decay = decoupled_decay(lr, hyper["weight_decay"], x)
    terms = {"c": c, "sign(c)": sign, "m": m, "α·λ·x": decay}
    return finish(-lr * sign - decay, LionState(state.step + 1, m), terms)


LION = Optimizer(
    name="lion",
    title="Lion",
    group="recent",
    knobs=(
        lr_knob(1e-4),
        beta1_knob(meaning="share of m in the direction of a step, against the newest g"),
        beta2_knob(0.99, "memory of the direction: m keeps about 1/(1−β2) steps"),
        weight_decay_knob(0.0, DECOUPLED),
    ),
    init=lion_init,
    update=lion_update,
    rule=("g ← ∇f(x)", "c = β1·m + (1−β1)·g", "Δ = −α·sign(c) − α·λ·x", "m ← β2·m + (1−β2)·g"),
    paper="Chen et al. 2023, arXiv:2302.06675",
    torch_name=None,
    lr_hint=0.005,
    lr_hint_of="width",
)
