"""Optimizers that measure the parameter as a whole: Adafactor and LAMB by its norm, SOAP and Muon as a matrix.

Here the point is one parameter with two entries, as torch sees a tensor of shape (2,), and for SOAP and Muon a matrix
of one row. Each of its norms is one number for both coordinates. Norms and the like have the shape (..., 1); the
gradient, x and the other arrays of a state are (..., 2). Each docstring names the differences between the published
variants.
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

# --- LAMB --------------------------------------------------------------------------------------------------------


class LambState(NamedTuple):
    """step: steps taken; m, v: the running averages of g and of g²."""

    step: int
    m: Array
    v: Array


def lamb_init(x: Array, hyper: Hyper) -> LambState:
    """Both averages start at 0."""
    return LambState(0, np.zeros_like(x), np.zeros_like(x))


def lamb_update(gradient: Array, state: LambState, x: Array, hyper: Hyper) -> Update:
    """LAMB: Adam's direction, scaled so that every step is the share α of the parameter's norm.

    For batches so large that α would suit no layer. The steps shrink near the origin and nowhere else: at a constant α
    it circles any other minimum. Variants differ: the paper's Algorithm 2 corrects both moments (`bias_correction` on)
    and its experiments take the norm of x as it is. pytorch-optimizer limits that norm to 10, adds ε to the norm of r,
    corrects neither moment, divides α by 1−β1ᵗ by default, and takes weight decay apart from r.
    """
    beta1, beta2, on = hyper["beta1"], hyper["beta2"], hyper["bias_correction"]
    step = state.step + 1
    m = average(state.m, gradient, beta1)
    v = average(state.v, gradient * gradient, beta2)
    m_hat = m / (1 - on * power(beta1, step))
    v_hat = v / (1 - on * power(beta2, step))
    decay = decoupled_decay(1.0, hyper["weight_decay"], x)
    r = m_hat / (np.sqrt(v_hat) + hyper["eps"]) + decay
    size, length = norm(x), norm(r)
    both = (size != 0) & (length != 0)
    ratio = np.where(both, size / np.where(both, length, 1.0), 1.0)
    terms = {"m": m, "v": v, "m̂": m_hat, "v̂": v_hat, "r": r, "‖x‖/‖r‖": ratio}
    return finish(-hyper["lr"] * ratio * r, LambState(step, m, v), terms)


LAMB = Optimizer(
    name="lamb",
    title="LAMB",
    group="recent",
    knobs=(
        lr_knob(1e-3),
        beta1_knob(),
        beta2_knob(),
        eps_knob(1e-6),
        weight_decay_knob(0.0, "pull to the origin, as a part of r: λ·x"),
        flag_knob("bias_correction", "m̂ v̂", 1.0, "make up for the averages' start at 0"),
    ),
    init=lamb_init,
    update=lamb_update,
    rule=(
        "m ← β1·m + (1−β1)·g,   v ← β2·v + (1−β2)·g²",
        "m̂ = m / (1−β1ᵗ),   v̂ = v / (1−β2ᵗ)",
        "r = m̂ / (√v̂ + ε) + λ·x",
        "Δ = −α·‖x‖/‖r‖·r   (a norm of 0: ratio 1)",
    ),
    paper="You et al. 2020, arXiv:1904.00962",
    torch_name=None,
    lr_hint=0.02,
    lr_hint_of="fixed",
)

# --- SOAP --------------------------------------------------------------------------------------------------------


class SoapState(NamedTuple):
    """step: steps taken; m: the running average of g; v: that of g² along the axes q and across it.

    xx, xy, yy: the entries of the running average of g·gᵀ, (..., 1). q: the unit vector of the first axis.
    """

    step: int
    m: Array
    v: Array
    xx: Array
    xy: Array
    yy: Array
    q: Array


def soap_init(x: Array, hyper: Hyper) -> SoapState:
    """All averages start at 0, the axes are those of the plot."""
    zeros = np.zeros_like(x)
    one = zeros[..., :1]
    return SoapState(0, zeros, zeros, one, one, one, _unit(zeros))


def soap_update(gradient: Array, state: SoapState, x: Array, hyper: Hyper) -> Update:
    """SOAP: Adam along the axes in which recent gradients vary most and least, instead of those of the plot.

    The point is a matrix of one row, so one side is preconditioned: the axes are the eigenvectors of the running
    average L of g·gᵀ, found by one power iteration in every k-th step. A turned valley is to SOAP what the straight one
    is. The first step only sets the axes. As in pytorch-optimizer m is kept in the plot's axes, v is not turned when
    the axes turn, weight decay acts on the moved point, and L's memory is β2. pytorch-optimizer turns the axes in
    float32, this rule in float64.
    """
    lr, beta2, frequency = hyper["lr"], hyper["beta2"], hyper["precondition_frequency"]
    step = state.step + 1
    gx, gy = gradient[..., :1], gradient[..., 1:]
    xx, xy, yy = (average(old, new, beta2) for old, new in zip(state[3:6], (gx * gx, gx * gy, gy * gy), strict=True))
    if state.step == 0:
        q = _unit(gradient)  # of g·gᵀ alone it is the first eigenvector
        still = np.zeros(np.broadcast_shapes(gradient.shape, np.shape(lr)))
        terms = {"m": state.m, "v": state.v, "q": q, "g_q": _turned(gradient, q), "α_t": lr}
        terms |= {"u": np.zeros_like(gradient), "α·λ·x": still}
        return finish(still, SoapState(step, state.m, state.v, xx, xy, yy, q), terms)
    t = state.step  # steps that moved, this one included
    turned = _turned(gradient, state.q)
    m = average(state.m, gradient, hyper["beta1"])
    v = average(state.v, turned * turned, beta2)
    correction = power(bias_correction(beta2, t), 0.5) / bias_correction(hyper["beta1"], t)
    alpha = lr * (1 + hyper["correct_bias"] * (correction - 1))
    u = _turned_back(_turned(m, state.q) / (np.sqrt(v) + hyper["eps"]), state.q)
    moved = -alpha * u
    decay = decoupled_decay(lr, hyper["weight_decay"], x + moved)
    q, v_next = _iterated(state.q, v, xx, xy, yy)
    due = np.fmod(float(t), np.maximum(frequency, 1.0)) == 0
    after = SoapState(step, m, np.where(due, v_next, v), xx, xy, yy, np.where(due, q, state.q))
    terms = {"m": m, "v": v, "q": state.q, "g_q": turned, "α_t": alpha, "u": u, "α·λ·x": decay}
    return finish(moved - decay, after, terms)


def _unit(vector: Array) -> Array:
    """The vectors (..., 2) at length 1; (1, 0) for a vector of length 0."""
    length = norm(vector)
    long = length != 0
    return np.where(long, vector / np.where(long, length, 1.0), np.array([1.0, 0.0]))


def _turned(vector: Array, q: Array) -> Array:
    """The components of a vector along q and across it."""
    x, y, qx, qy = vector[..., :1], vector[..., 1:], q[..., :1], q[..., 1:]
    return np.concatenate(np.broadcast_arrays(qx * x + qy * y, qx * y - qy * x), axis=-1)


def _turned_back(components: Array, q: Array) -> Array:
    """The vector with these components along q and across it."""
    along, across, qx, qy = components[..., :1], components[..., 1:], q[..., :1], q[..., 1:]
    return np.concatenate(np.broadcast_arrays(qx * along - qy * across, qy * along + qx * across), axis=-1)


def _iterated(q: Array, v: Array, xx: Array, xy: Array, yy: Array) -> tuple[Array, Array]:
    """The axes after a power iteration with the matrix of xx, xy, yy, and v in their order: the larger part first."""
    qx, qy = q[..., :1], q[..., 1:]
    along = qx * (xx * qx + xy * qy) + qy * (xy * qx + yy * qy)
    across = qy * (xx * qy - xy * qx) - qx * (xy * qy - yy * qx)
    swap = across > along
    first = np.where(swap, np.concatenate((-qy, qx), axis=-1), q)
    fx, fy = first[..., :1], first[..., 1:]
    product = np.concatenate(np.broadcast_arrays(xx * fx + xy * fy, xy * fx + yy * fy), axis=-1)
    return _unit(product), np.where(swap, v[..., ::-1], v)


SOAP = Optimizer(
    name="soap",
    title="SOAP",
    group="recent",
    knobs=(
        lr_knob(3e-3),
        beta1_knob(0.95),
        beta2_knob(0.95, "memory of the scale and of the axes, about 1/(1−β2) steps"),
        eps_knob(1e-8),
        weight_decay_knob(1e-2, DECOUPLED),
        Knob("precondition_frequency", "k", 10.0, "integer", "steps between turns of the axes", low=1.0, high=1000.0),
        flag_knob("correct_bias", "bias", 1.0, "make up for the averages' start at 0"),
    ),
    init=soap_init,
    update=soap_update,
    rule=(
        "L ← β2·L + (1−β2)·g·gᵀ,   m ← β1·m + (1−β1)·g",
        "g_q = (along q, across q) of g",
        "v ← β2·v + (1−β2)·g_q²",
        "u = m_q / (√v + ε), turned back",
        "Δ = −α·u − α·λ·x   (first Δ = 0)",
        "bias: α·u by √(1−β2ᵗ) / (1−β1ᵗ)",
        "q ← L·q / ‖L·q‖   in every k-th step",
    ),
    paper="Vyas et al. 2024, arXiv:2409.11321",
    torch_name=None,
    lr_hint=0.01,
    lr_hint_of="width",
)

# --- Muon --------------------------------------------------------------------------------------------------------

# Of the Newton–Schulz iteration, from the authors' post; and the least norm that it divides by.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NORM_FLOOR = 1e-7


class MuonState(NamedTuple):
    """step: steps taken; b: the momentum, the running average of g."""

    step: int
    b: Array


def muon_init(x: Array, hyper: Hyper) -> MuonState:
    """The momentum starts at 0."""
    return MuonState(0, np.zeros_like(x))


def muon_update(gradient: Array, state: MuonState, x: Array, hyper: Hyper) -> Update:
    """Muon: the momentum of a matrix, made nearly orthogonal; here the matrix is the point, with one row.

    Such a matrix has one singular value, its norm. So O is the direction of the momentum at a fixed length, 0.70 at the
    default five iterations: on a plot Muon is momentum with steps of one length, and its strength, to even out the many
    directions of a large matrix, cannot be seen. As in torch.optim a step is α·O for a matrix that is not taller
    than wide. torch.optim.Muon refuses a vector and iterates in bfloat16; this rule iterates in float64.
    """
    mu, lr = hyper["momentum"], hyper["lr"]
    b = average(state.b, gradient, mu)
    u = np.where(hyper["nesterov"] != 0, average(b, gradient, mu), b)
    o = u / np.maximum(norm(u), NORM_FLOOR)
    p, q, r = NEWTON_SCHULZ
    for i in range(int(np.max(hyper["ns_steps"]))):
        square = norm(o) * norm(o)
        o = np.where(i < np.asarray(hyper["ns_steps"]), p * o + (q * square + r * (square * square)) * o, o)
    length = norm(o)
    decay = decoupled_decay(lr, hyper["weight_decay"], x)
    terms = {"b": b, "u": u, "O": o, "‖O‖": length, "α·λ·x": decay}
    return finish(-lr * o - decay, MuonState(state.step + 1, b), terms)


MUON = Optimizer(
    name="muon",
    title="Muon",
    group="recent",
    knobs=(
        lr_knob(1e-3),
        weight_decay_knob(0.1, DECOUPLED),
        decay_knob("momentum", "μ", 0.95, "share of the last direction that is kept"),
        flag_knob("nesterov", "ahead", 1.0, "look ahead along the momentum"),
        Knob("ns_steps", "k", 5.0, "integer", "Newton–Schulz iterations, which even out a matrix", low=1.0, high=20.0),
    ),
    init=muon_init,
    update=muon_update,
    rule=(
        "b ← μ·b + (1−μ)·g",
        "u = (1−μ)·g + μ·b   (ahead; else u = b)",
        "O = u / ‖u‖,   then k times, with n = ‖O‖²:",
        "O ← O·(3.4445 − 4.775·n + 2.0315·n²)",
        "Δ = −α·O − α·λ·x",
    ),
    paper="Jordan et al. 2024, https://kellerjordan.github.io/posts/muon",
    torch_name=None,
    lr_hint=0.01,
    lr_hint_of="width",
)
