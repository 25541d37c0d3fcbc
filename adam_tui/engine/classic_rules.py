"""The optimizers before Adam, simplest first: gradient descent, momentum, averaging, step sizes per coordinate.

A new optimizer gets a section here: state, `init`, `update`, and the description with knobs, rule and paper. Defaults
are those of torch.optim; each docstring names the differences between torch.optim, the paper and optax. Shapes: the
gradient, x and each array of a state are (..., 2).
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

GRADIENT = "g ← ∇f(x) + λ·x"

# --- SGD ---------------------------------------------------------------------------------------------------------


class SgdState(NamedTuple):
    """step: steps taken. Gradient descent has no memory."""

    step: int


def sgd_init(x: Array, hyper: Hyper) -> SgdState:
    """The state before the first step."""
    return SgdState(0)


def sgd_update(gradient: Array, state: SgdState, x: Array, hyper: Hyper) -> Update:
    """Gradient descent: a step against the gradient, in proportion to its length.

    On a quadratic it converges for α below 2 / (largest curvature). In a narrow valley it zigzags: the steep direction
    limits α, and along the flat one the steps are short.
    """
    g = with_decay(gradient, x, hyper["weight_decay"])
    return finish(-hyper["lr"] * g, SgdState(state.step + 1), {"g": g})


SGD = Optimizer(
    name="sgd",
    title="SGD",
    group="first order",
    knobs=(lr_knob(1e-3), weight_decay_knob()),
    init=sgd_init,
    update=sgd_update,
    rule=(GRADIENT, "Δ = −α·g"),
    paper="Cauchy 1847; Robbins & Monro 1951, Ann. Math. Statist. 22(3)",
    torch_name="SGD",
    lr_hint=1.0,
    lr_hint_of="curvature",
)

# --- Momentum ----------------------------------------------------------------------------------------------------

# torch.optim.SGD's default is 0, plain SGD; 0.9 is the usual value with momentum.
USUAL_MOMENTUM = 0.9


class MomentumState(NamedTuple):
    """step: steps taken; b: the velocity, a decaying sum of gradients."""

    step: int
    b: Array


def momentum_init(x: Array, hyper: Hyper) -> MomentumState:
    """The velocity starts at 0."""
    return MomentumState(0, np.zeros_like(x))


def momentum_update(gradient: Array, state: MomentumState, x: Array, hyper: Hyper) -> Update:
    """Momentum, the heavy ball: the point has a velocity that gradients increase and friction reduces.

    Along a constant gradient it is 1/(1−μ) times as fast as descent; zigzags cancel. Variants differ: as in torch.optim
    the learning rate scales the velocity (Polyak scales each gradient: not the same when α changes), the first velocity
    is the gradient without dampening, and dampening has no effect at μ = 0.
    """
    mu = hyper["momentum"]
    g = with_decay(gradient, x, hyper["weight_decay"])
    b = mu * state.b + (1 - hyper["dampening"] * (mu != 0)) * g if state.step else g
    return finish(-hyper["lr"] * b, MomentumState(state.step + 1, b), {"g": g, "b": b})


MOMENTUM = Optimizer(
    name="momentum",
    title="Momentum",
    group="first order",
    knobs=(
        lr_knob(1e-3),
        decay_knob("momentum", "μ", USUAL_MOMENTUM, "share of the velocity that is kept (torch: 0)", one=True),
        decay_knob("dampening", "τ", 0.0, "share of each gradient that is held back", one=True),
        weight_decay_knob(),
    ),
    init=momentum_init,
    update=momentum_update,
    rule=(GRADIENT, "b ← μ·b + (1−τ)·g   (first b = g)", "Δ = −α·b"),
    paper="Polyak 1964, USSR Comput. Math. Math. Phys. 4(5)",
    torch_name="SGD",
    lr_hint=0.2,
    lr_hint_of="curvature",
)

# --- Nesterov ----------------------------------------------------------------------------------------------------


class NesterovState(NamedTuple):
    """step: steps taken; b: the velocity, a decaying sum of gradients."""

    step: int
    b: Array


def nesterov_init(x: Array, hyper: Hyper) -> NesterovState:
    """The velocity starts at 0."""
    return NesterovState(0, np.zeros_like(x))


def nesterov_update(gradient: Array, state: NesterovState, x: Array, hyper: Hyper) -> Update:
    """Nesterov's momentum: the gradient is taken ahead, where the velocity leads, so it brakes sooner.

    As in torch.optim the rule is written with the gradient at the point itself: x here is the paper's look-ahead point,
    and the newest gradient counts once more than in Momentum. The momentum is constant. Nesterov's rate of 1/t² on
    convex functions needs one that grows as (t−1)/(t+2): on x²/2 + 1e-6·y²/2 with α = 1, y halves after 69,317 steps
    at μ = 0.9, after 2,214 with the growing one.
    """
    mu = hyper["momentum"]
    g = with_decay(gradient, x, hyper["weight_decay"])
    b = mu * state.b + g
    d = g + mu * b
    return finish(-hyper["lr"] * d, NesterovState(state.step + 1, b), {"g": g, "b": b, "d": d})


NESTEROV = Optimizer(
    name="nesterov",
    title="Nesterov",
    group="first order",
    knobs=(
        lr_knob(1e-3),
        Knob(
            "momentum",
            "μ",
            USUAL_MOMENTUM,
            "beta",
            "share of the velocity that is kept (torch: 0)",
            high=1.0,
            low_excluded=True,  # torch.optim refuses Nesterov without momentum
        ),
        weight_decay_knob(),
    ),
    init=nesterov_init,
    update=nesterov_update,
    rule=(GRADIENT, "b ← μ·b + g", "d = g + μ·b", "Δ = −α·d"),
    paper="Nesterov 1983, Dokl. Akad. Nauk SSSR 269; Sutskever et al. 2013, ICML",
    torch_name="SGD",
    torch_arguments={"nesterov": True},
    lr_hint=0.2,
    lr_hint_of="curvature",
)

# --- ASGD --------------------------------------------------------------------------------------------------------


class AsgdState(NamedTuple):
    """step: steps taken; eta: the rate of the next step, a float or (..., 1); mean: the average of the points, x̄."""

    step: int
    eta: Value
    mean: Array


def asgd_init(x: Array, hyper: Hyper) -> AsgdState:
    """The first rate is α. The average starts at 0, and the first step replaces it."""
    return AsgdState(0, hyper["lr"], np.zeros_like(x))


def asgd_update(gradient: Array, state: AsgdState, x: Array, hyper: Hyper) -> Update:
    """ASGD: gradient descent with a slowly falling rate, whose result is the average of the points after step t0.

    The path is that of x. As in torch.optim the average x̄ is kept beside it, nothing puts it in the place of x, and at
    the default t0 of a million x̄ is x in any shorter race. η falls as (1 + ζ·α·t)^−p: at the defaults and α = 1 by
    1 percent in 135 steps. Each η is computed in the step before, so a change of α acts one step late. Polyak and
    Juditsky average from the first step on (t0 = 0) and have neither ζ nor a fixed form of η; those are Xu's.
    """
    eta, zeta = state.eta, hyper["lambd"]
    step = state.step + 1
    g = with_decay(gradient, x, hyper["weight_decay"])
    shrink = decoupled_decay(eta, zeta, x)
    delta = -eta * g - shrink
    mu = 1 / np.maximum(1.0, state.step - hyper["t0"])
    mean = np.where(mu == 1, x + delta, state.mean + mu * (x + delta - state.mean))
    eta_next = hyper["lr"] / power(1 + zeta * hyper["lr"] * step, hyper["alpha"])
    return finish(delta, AsgdState(step, eta_next, mean), {"g": g, "η": eta, "η·ζ·x": shrink, "μ": mu, "x̄": mean})


ASGD = Optimizer(
    name="asgd",
    title="ASGD",
    group="first order",
    knobs=(
        lr_knob(1e-2),
        Knob("lambd", "ζ", 1e-4, "log_off", "pull to the origin, and pace of η's fall", notch_low=1e-6, notch_high=1.0),
        Knob("alpha", "p", 0.75, "linear", "power of η's fall", notch_low=0.0, notch_high=2.0),
        Knob("t0", "t0", 1e6, "log", "step after which x̄ averages", notch_low=1.0, notch_high=1e7),
        weight_decay_knob(),
    ),
    init=asgd_init,
    update=asgd_update,
    rule=(
        GRADIENT,
        "Δ = −η·g − η·ζ·x",
        "x̄ ← x̄ + (x + Δ − x̄) / max(1, t−1−t0)",
        "η ← α / (1 + ζ·α·t)^p   (first η = α)",
    ),
    paper="Polyak & Juditsky 1992, SIAM J. Control Optim. 30(4); Xu 2011, arXiv:1107.2490",
    torch_name="ASGD",
    lr_hint=1.0,
    lr_hint_of="curvature",
)

# --- Rprop -------------------------------------------------------------------------------------------------------


class RpropState(NamedTuple):
    """step: steps taken; previous: the gradient of the step before, 0 where that step paused; s: the step sizes."""

    step: int
    previous: Array
    s: Array


def rprop_init(x: Array, hyper: Hyper) -> RpropState:
    """Each coordinate's first step is α long."""
    return RpropState(0, np.zeros_like(x), np.zeros_like(x) + hyper["lr"])


def rprop_update(gradient: Array, state: RpropState, x: Array, hyper: Hyper) -> Update:
    """Rprop: only the gradient's sign counts; a coordinate's step grows while it stays and halves when it flips.

    The sign of a minibatch's gradient is often wrong, so it suits full batches only. α acts before the first step.
    Variants differ: as in torch.optim (iRprop−, Igel & Hüsken 2000) a coordinate whose sign flips pauses for one step;
    in the paper of 1993 it takes back the step before. There the first step is 0.1, torch's default is 0.01.
    """
    product = gradient * state.previous
    factor = np.where(product > 0, hyper["eta_plus"], np.where(product < 0, hyper["eta_minus"], 1.0))
    s = np.minimum(np.maximum(state.s * factor, hyper["step_min"]), hyper["step_max"])
    kept = np.where(product < 0, 0.0, gradient)
    sign = np.sign(kept)
    return finish(-s * sign, RpropState(state.step + 1, kept, s), {"η": factor, "s": s, "sign(g)": sign})


RPROP = Optimizer(
    name="rprop",
    title="Rprop",
    group="adaptive",
    knobs=(
        Knob("lr", "α", 1e-2, "log", "length of the first step", notch_low=1e-7, notch_high=1e3),
        Knob(
            "eta_minus",
            "η−",
            0.5,
            "linear",
            "factor of a step whose sign flipped",
            high=1.0,
            notch_low=0.1,
            notch_high=0.9,
            low_excluded=True,
            high_excluded=True,
        ),
        Knob(
            "eta_plus",
            "η+",
            1.2,
            "linear",
            "factor of a step whose sign stayed",
            low=1.0,
            notch_low=1.1,
            notch_high=3.0,
            low_excluded=True,
        ),
        Knob("step_min", "s_min", 1e-6, "log", "shortest step", notch_low=1e-12, notch_high=1.0),
        Knob("step_max", "s_max", 50.0, "log", "longest step", notch_low=1e-3, notch_high=1e3),
    ),
    init=rprop_init,
    update=rprop_update,
    rule=(
        "g ← ∇f(x)",
        "η = η+ where g·g_old > 0, η− where < 0, else 1",
        "s ← min(max(η·s, s_min), s_max), first s = α",
        "g_old ← g ← 0 where g·g_old < 0, else g",
        "Δ = −s·sign(g)",
    ),
    paper="Riedmiller & Braun 1993, IEEE ICNN; Igel & Hüsken 2000, Neural Computation 2000",
    torch_name="Rprop",
    lr_hint=0.01,
    lr_hint_of="width",
    initial=frozenset({"lr"}),
)

# --- AdaGrad -----------------------------------------------------------------------------------------------------


class AdagradState(NamedTuple):
    """step: steps taken; G: the sum of all squared gradients."""

    step: int
    G: Array


def adagrad_init(x: Array, hyper: Hyper) -> AdagradState:
    """The sum starts at initial_accumulator_value."""
    return AdagradState(0, np.zeros_like(x) + hyper["initial_accumulator_value"])


def adagrad_update(gradient: Array, state: AdagradState, x: Array, hyper: Hyper) -> Update:
    """AdaGrad: each coordinate has its own step size, divided by the root of the sum of all its squared gradients.

    Steep and flat directions advance alike, so it does not zigzag. The sum only grows, so the step sizes only shrink.
    ε is outside the root, as in torch.optim; optax has it inside.
    """
    g = with_decay(gradient, x, hyper["weight_decay"])
    G = state.G + g * g
    alpha = hyper["lr"] / (1 + state.step * hyper["lr_decay"])
    alpha_eff = alpha / (np.sqrt(G) + hyper["eps"])
    return finish(-alpha_eff * g, AdagradState(state.step + 1, G), {"g": g, "G": G, "α_t": alpha, "α_eff": alpha_eff})


ADAGRAD = Optimizer(
    name="adagrad",
    title="AdaGrad",
    group="adaptive",
    knobs=(
        lr_knob(1e-2),
        Knob("lr_decay", "η", 0.0, "log_off", "the learning rate falls as 1/(1 + η·t)", notch_low=1e-6, notch_high=1.0),
        weight_decay_knob(),
        Knob(
            "initial_accumulator_value",
            "G₀",
            0.0,
            "log_off",
            "what G starts from: more makes the first steps shorter",
            notch_low=1e-6,
            notch_high=1e3,
        ),
        eps_knob(1e-10, "keeps the division from blowing up where G is near 0"),
    ),
    init=adagrad_init,
    update=adagrad_update,
    rule=(GRADIENT, "G ← G + g²   (first G = G₀)", "α_t = α / (1 + η·(t−1))", "Δ = −α_t·g / (√G + ε)"),
    paper="Duchi, Hazan & Singer 2011, JMLR 12",
    torch_name="Adagrad",
    lr_hint=0.05,
    lr_hint_of="width",
    initial=frozenset({"initial_accumulator_value"}),
)

# --- AdaDelta ----------------------------------------------------------------------------------------------------


class AdadeltaState(NamedTuple):
    """step: steps taken; g2, d2: the running averages E[g²] of squared gradients and E[d²] of squared steps."""

    step: int
    g2: Array
    d2: Array


def adadelta_init(x: Array, hyper: Hyper) -> AdadeltaState:
    """Both averages start at 0."""
    return AdadeltaState(0, np.zeros_like(x), np.zeros_like(x))


def adadelta_update(gradient: Array, state: AdadeltaState, x: Array, hyper: Hyper) -> Update:
    """AdaDelta: a step is as long as the recent steps were, so it has the unit of x and needs no α.

    Before the first step E[d²] is 0, and only ε starts the motion: the first step is √(ε/(1−ρ)), 0.003 at the defaults,
    and it takes hundreds of steps to gain speed. ε is inside both roots. The paper has no α (use 1); as in
    torch.optim α scales the step but not its running average.
    """
    rho, eps = hyper["rho"], hyper["eps"]
    g = with_decay(gradient, x, hyper["weight_decay"])
    g2 = average(state.g2, g * g, rho)
    rms_g, rms_d = np.sqrt(g2 + eps), np.sqrt(state.d2 + eps)
    d = rms_d / rms_g * g
    d2 = average(state.d2, d * d, rho)
    terms = {"g": g, "E[g²]": g2, "RMS[g]": rms_g, "RMS[d]": rms_d, "d": d, "E[d²]": d2}
    return finish(-hyper["lr"] * d, AdadeltaState(state.step + 1, g2, d2), terms)


ADADELTA = Optimizer(
    name="adadelta",
    title="AdaDelta",
    group="adaptive",
    knobs=(
        lr_knob(1.0),
        decay_knob("rho", "ρ", 0.9, "memory of both averages, about 1/(1−ρ) steps", one=True),
        eps_knob(1e-6, "starts the motion: more makes the first steps longer"),
        weight_decay_knob(),
    ),
    init=adadelta_init,
    update=adadelta_update,
    rule=(
        GRADIENT,
        "E[g²] ← ρ·E[g²] + (1−ρ)·g²",
        "RMS[g] = √(E[g²] + ε),   RMS[d] = √(E[d²] + ε)",
        "d = RMS[d] / RMS[g] · g",
        "E[d²] ← ρ·E[d²] + (1−ρ)·d²",
        "Δ = −α·d",
    ),
    paper="Zeiler 2012, arXiv:1212.5701",
    torch_name="Adadelta",
    lr_hint=2.0,
    lr_hint_of="width",
)

# --- RMSProp -----------------------------------------------------------------------------------------------------


class RmspropState(NamedTuple):
    """step: steps taken; v: the running average of g²; mean: the running average of g, ḡ; b: the velocity."""

    step: int
    v: Array
    mean: Array
    b: Array


def rmsprop_init(x: Array, hyper: Hyper) -> RmspropState:
    """All start at 0."""
    return RmspropState(0, np.zeros_like(x), np.zeros_like(x), np.zeros_like(x))


def rmsprop_update(gradient: Array, state: RmspropState, x: Array, hyper: Hyper) -> Update:
    """RMSProp: the gradient divided by its recent size, so that a step is about α on steep and flat slopes alike.

    v starts at 0 without bias correction, so the first steps are up to 1/√(1−ρ) times longer. `centered` divides by the
    standard deviation √(v − ḡ²) instead. Under a constant gradient that difference vanishes, and rounding may make it
    negative: then the step is nan, as in torch.optim. torch.optim calls ρ alpha; here α is the learning rate. ε is
    outside the root, as in torch.optim; optax has it inside by default.
    """
    rho = hyper["alpha"]
    g = with_decay(gradient, x, hyper["weight_decay"])
    v = average(state.v, g * g, rho)
    # Always averaged, so that `centered` may be switched on in mid-path.
    mean = average(state.mean, g, rho)
    spread = np.sqrt(v - hyper["centered"] * (mean * mean)) + hyper["eps"]
    b = hyper["momentum"] * state.b + g / spread
    terms = {"g": g, "v": v, "ḡ": mean, "b": b, "α_eff": hyper["lr"] / spread}
    return finish(-hyper["lr"] * b, RmspropState(state.step + 1, v, mean, b), terms)


RMSPROP = Optimizer(
    name="rmsprop",
    title="RMSProp",
    group="adaptive",
    knobs=(
        lr_knob(1e-2),
        decay_knob("alpha", "ρ", 0.99, "memory of the scale: v keeps about 1/(1−ρ) steps", one=True),
        eps_knob(1e-8),
        weight_decay_knob(),
        decay_knob("momentum", "μ", 0.0, "share of the velocity that is kept", one=True),
        flag_knob("centered", "ḡ", 0.0, "divide by the deviation of g instead of its size"),
    ),
    init=rmsprop_init,
    update=rmsprop_update,
    rule=(
        GRADIENT,
        "v ← ρ·v + (1−ρ)·g²",
        "ḡ ← ρ·ḡ + (1−ρ)·g   (centered; else ḡ = 0)",
        "b ← μ·b + g / (√(v − ḡ²) + ε)",
        "Δ = −α·b",
    ),
    paper="Tieleman & Hinton 2012, Coursera lecture 6.5; centered: Graves 2013, arXiv:1308.0850",
    torch_name="RMSprop",
    lr_hint=0.002,
    lr_hint_of="width",
)
