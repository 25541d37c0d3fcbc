"""The optimizers that use more than one gradient a step: line searches and curvature, simplest first.

Their `update` takes an `Objective` as a fifth argument and evaluates losses, gradients or the Hessian with it. The
sections are laid out as in `classic_rules`. Several conditions differ between the points of a batch, so the code holds
masks (...) in the places of `if`: a point of a batch takes the steps that it takes alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adam_tui.engine.knobs import Knob
from adam_tui.engine.line_searches import along, backtrack, dot, strong_wolfe
from adam_tui.engine.objective import Mask, Objective
from adam_tui.engine.rule import (
    Array,
    Hyper,
    Optimizer,
    Update,
    Value,
    average,
    beta1_knob,
    beta2_knob,
    eps_knob,
    finish,
    flag_knob,
    weight_decay_knob,
)

SLOPE = "g ← ∇f(x)"


def _per_point(value: Value) -> Value:
    """A hyperparameter (..., 1) in the shape of the points (...); a float stays one."""
    return value[..., 0] if isinstance(value, np.ndarray) else value


def _everywhere(x: Array, hyper: Hyper) -> Array:
    """The points x (..., 2) in the shape that the hyperparameters give to the next ones."""
    shapes = [value.shape[:-1] for value in hyper.values() if isinstance(value, np.ndarray)]
    return np.broadcast_to(x, (*np.broadcast_shapes(x.shape[:-1], *shapes), 2)) if shapes else x


def _lr_knob(meaning: str) -> Knob:
    return Knob("lr", "α", 1.0, "log", meaning, notch_low=1e-7, notch_high=1e3)


def _tolerance_knob(name: str, symbol: str, default: float, meaning: str) -> Knob:
    return Knob(name, symbol, default, "log_off", meaning, notch_low=1e-12, notch_high=1e-2)


C1 = Knob(
    "c1",
    "c1",
    1e-4,
    "log",
    "share of the fall along the tangent that a step must reach",
    high=1.0,
    high_excluded=True,
    notch_low=1e-6,
    notch_high=0.5,
)

# --- Gradient descent with Armijo's line search ------------------------------------------------------------------


class ArmijoState(NamedTuple):
    """step: steps taken. Each search begins anew."""

    step: int


def armijo_init(x: Array, hyper: Hyper) -> ArmijoState:
    """The state before the first step."""
    return ArmijoState(0)


def armijo_update(gradient: Array, state: ArmijoState, x: Array, hyper: Hyper, objective: Objective) -> Update:
    """Gradient descent that tries a long step first, and shortens it until the loss falls enough.

    Enough is the share c1 of the fall that the slope promises. The loss never rises, at any α; the price is a loss
    for every trial. On a quadratic a step is accepted below 2(1 − c1) / curvature. Each search begins at α again: some
    implementations begin at the last accepted step. Where 100 trials fail, as at a minimum, the point stays.
    """
    g, at = gradient, _everywhere(x, hyper)
    first = np.broadcast_to(np.asarray(_per_point(hyper["lr"])), at.shape[:-1])
    c1, shrink = _per_point(hyper["c1"]), _per_point(hyper["shrink"])
    t = backtrack(objective, at, -g, -dot(g, g), first, c1, shrink)
    return finish(along(t, -g), ArmijoState(state.step + 1), {"g": g, "t": t[..., np.newaxis]})


ARMIJO = Optimizer(
    name="armijo",
    title="Armijo",
    group="first order",
    knobs=(
        _lr_knob("the step that is tried first"),
        C1,
        Knob("shrink", "ρ", 0.5, "beta", "a rejected step becomes so much shorter", low=0.1, high=0.9),
    ),
    init=armijo_init,
    update=armijo_update,
    rule=(SLOPE, "t = α, α·ρ, α·ρ², …   until", "f(x − t·g) ≤ f(x) − c1·t·‖g‖²", "Δ = −t·g"),
    paper="Armijo 1966, Pacific J. Math. 16(1)",
    torch_name=None,
    lr_hint=1.0,
    lr_hint_of="fixed",
    evaluations="1 gradient, 2 or more losses",
)

# --- Newton's method ---------------------------------------------------------------------------------------------


class NewtonState(NamedTuple):
    """step: steps taken. Newton's method has no memory."""

    step: int


def newton_init(x: Array, hyper: Hyper) -> NewtonState:
    """The state before the first step."""
    return NewtonState(0)


def newton_update(gradient: Array, state: NewtonState, x: Array, hyper: Hyper, objective: Objective) -> Update:
    """Newton's method: the step to where the local quadratic has no slope; on a quadratic that is its minimum.

    It looks for points without slope: a saddle or a summit is as good as a minimum. `saddle_free` takes the Hessian's
    curvatures without their signs (Dauphin et al. 2014), so that it leaves saddles. δ is added to every curvature
    (Levenberg 1944): it turns the step towards descent and shortens it where the surface is flat. α below 1 is the
    other kind of damping. Without curvature and without δ the step is infinite.
    """
    g = gradient
    h = objective.hessian(x)
    xx, xy, yy = h[..., 0, 0], h[..., 0, 1], h[..., 1, 1]
    flag = _per_point(hyper["saddle_free"])
    if np.any(flag):
        a, b, c = _without_signs(xx, xy, yy)
        xx, xy, yy = np.where(flag, a, xx), np.where(flag, b, xy), np.where(flag, c, yy)
    damping = _per_point(hyper["damping"])
    xx, yy = xx + damping, yy + damping
    determinant = xx * yy - xy * xy
    d = np.stack(
        [(yy * g[..., 0] - xy * g[..., 1]) / determinant, (xx * g[..., 1] - xy * g[..., 0]) / determinant], axis=-1
    )
    terms = {"g": g, "H₁": np.stack([xx, xy], axis=-1), "H₂": np.stack([xy, yy], axis=-1), "d": d}
    return finish(-hyper["lr"] * d, NewtonState(state.step + 1), terms)


def _without_signs(xx: Array, xy: Array, yy: Array) -> tuple[Array, Array, Array]:
    """The symmetric matrix with the same eigenvectors and the sizes of the eigenvalues."""
    trace, determinant = xx + yy, xx * yy - xy * xy
    # Eigenvalues of one sign: the matrix or its negative. Else |H| = (tr·H − 2 det·I) / (λ₁ − λ₂), Cayley–Hamilton.
    sign = np.where(trace < 0, -1.0, 1.0)
    apart = np.hypot(xx - yy, 2.0 * xy)
    mixed = determinant < 0
    with np.errstate(all="ignore"):
        return (
            np.where(mixed, (trace * xx - 2.0 * determinant) / apart, sign * xx),
            np.where(mixed, trace * xy / apart, sign * xy),
            np.where(mixed, (trace * yy - 2.0 * determinant) / apart, sign * yy),
        )


NEWTON = Optimizer(
    name="newton",
    title="Newton",
    group="second order",
    knobs=(
        _lr_knob("share of the whole step that is taken"),
        Knob("damping", "δ", 0.0, "log_off", "added to every curvature", notch_low=1e-6, notch_high=1e3),
        flag_knob("saddle_free", "|H|", 0.0, "count the curvatures without their signs"),
    ),
    init=newton_init,
    update=newton_update,
    rule=("g ← ∇f(x),   H ← ∇²f(x)", "H ← H + δ·I   (saddle_free: |H| + δ·I)", "d = H⁻¹·g", "Δ = −α·d"),
    paper="Newton 1669; damping: Levenberg 1944, Quart. Appl. Math. 2(2); |H|: Dauphin et al. 2014, arXiv:1406.2572",
    torch_name=None,
    lr_hint=1.0,
    lr_hint_of="fixed",
    evaluations="1 gradient, 1 Hessian",
)

# --- BFGS --------------------------------------------------------------------------------------------------------

# A pair with less curvature than this, relative to the present estimate, is left out, as in scipy.optimize.BFGS.
LEAST_CURVATURE = 1e-8


class BfgsState(NamedTuple):
    """The last step and gradient, and the estimate of the inverse Hessian.

    step: steps taken; s: the last step; g: its gradient; xx, xy, yy: the entries of B⁻¹, (...); scaled: where the first
    pair has set its scale.
    """

    step: int
    s: Array
    g: Array
    xx: Array
    xy: Array
    yy: Array
    scaled: Mask


def bfgs_init(x: Array, hyper: Hyper) -> BfgsState:
    """B⁻¹ starts as the identity."""
    one = np.ones(x.shape[:-1])
    return BfgsState(0, np.zeros_like(x), np.zeros_like(x), one, 0.0 * one, one, one < 0)


def bfgs_update(gradient: Array, state: BfgsState, x: Array, hyper: Hyper, objective: Objective) -> Update:
    """BFGS: learns the inverse Hessian from how the gradient changed along its steps, and searches along −B⁻¹·g.

    The search is torch's for strong Wolfe conditions, which keep B⁻¹ positive. The first pair scales the identity by
    yᵀs / yᵀy (Nocedal & Wright 2006, 6.20); pairs without curvature are left out. scipy's minimize has another line
    search and no such scale. With noise, y holds the difference of two noises too, and the estimate suffers.
    """
    g, at = gradient, _everywhere(x, hyper)
    moving = ~(np.abs(g).max(axis=-1) <= _per_point(hyper["tolerance_grad"]))
    xx, xy, yy, scaled = _bfgs_estimate(g, state)
    d = -np.stack([xx * g[..., 0] + xy * g[..., 1], xy * g[..., 0] + yy * g[..., 1]], axis=-1)
    first = _first_step(hyper, g, np.asarray(state.step == 0))
    where = np.broadcast_to(moving, at.shape[:-1])
    t = strong_wolfe(objective, at, d, dot(g, d), first, where, _per_point(hyper["c1"]), _per_point(hyper["c2"]))
    t = np.where(where, t, 0.0)
    delta = np.where(where[..., np.newaxis], along(t, d), 0.0)
    terms = {"g": g, "B⁻¹₁": np.stack([xx, xy], axis=-1), "B⁻¹₂": np.stack([xy, yy], axis=-1), "d": d}
    state = BfgsState(state.step + 1, delta, g, xx, xy, yy, scaled)
    return finish(delta, state, terms | {"t": t[..., np.newaxis]})


def _bfgs_estimate(g: Array, state: BfgsState) -> tuple[Array, Array, Array, Mask]:
    """B⁻¹ after the last step, and where it has its scale."""
    s, y = state.s, g - state.g
    ys, yy = dot(y, s), dot(y, y)
    usable = (dot(s, s) > 0) & (yy > 0)
    scale = np.where(usable & ~state.scaled & (ys != 0), np.abs(ys) / np.where(yy > 0, yy, 1.0), 1.0)
    a, b, c = scale * state.xx, scale * state.xy, scale * state.yy
    by = np.stack([a * y[..., 0] + b * y[..., 1], b * y[..., 0] + c * y[..., 1]], axis=-1)
    yby = dot(y, by)
    learns = usable & (ys > LEAST_CURVATURE * yby)
    divisor = np.where(learns, ys, 1.0)
    outer, cross = (ys + yby) / divisor**2, 1.0 / divisor

    def learned(old: Array, i: int, j: int) -> Array:
        new = old + outer * s[..., i] * s[..., j] - cross * (by[..., i] * s[..., j] + s[..., i] * by[..., j])
        return np.where(learns, new, old)

    return learned(a, 0, 0), learned(b, 0, 1), learned(c, 1, 1), state.scaled | usable


def _first_step(hyper: Hyper, g: Array, is_first: Mask) -> Array:
    """The step that a search tries first: α; in the very first search at most α / (|g_x| + |g_y|), as torch does it."""
    short = 1.0 / np.maximum(1.0, np.abs(g).sum(axis=-1))
    t: Array = np.where(is_first, short, 1.0) * _per_point(hyper["lr"])
    return t


BFGS = Optimizer(
    name="bfgs",
    title="BFGS",
    group="second order",
    knobs=(
        _lr_knob("the step that is tried first, as a share of B⁻¹·g"),
        C1,
        Knob(
            "c2",
            "c2",
            0.9,
            "beta",
            "share of the slope that may remain after a step",
            low=0.1,
            high=1.0,
            high_excluded=True,
        ),
        _tolerance_knob("tolerance_grad", "ε", 1e-7, "rests where no entry of g is larger"),
    ),
    init=bfgs_init,
    update=bfgs_update,
    rule=(
        SLOPE,
        "s = last Δ,   y = g − last g",
        "P = I − s·yᵀ / yᵀs",
        "B⁻¹ ← P·B⁻¹·Pᵀ + s·sᵀ / yᵀs",
        "d = −B⁻¹·g   (0 where |g| ≤ ε)",
        "t from α on until strong Wolfe (c1, c2)",
        "Δ = t·d",
    ),
    paper="Broyden, Fletcher, Goldfarb & Shanno 1970; Nocedal & Wright 2006, chapter 6",
    torch_name=None,
    lr_hint=1.0,
    lr_hint_of="fixed",
    evaluations="2 or more losses and gradients",
)

# --- L-BFGS ------------------------------------------------------------------------------------------------------

# torch keeps a pair whose curvature yᵀs is above this.
LEAST_PAIR = 1e-10


class Pair(NamedTuple):
    """A step s and the change y of the gradient along it, each (..., 2), and 1 / yᵀs, (...); 0 in an empty place."""

    y: Array
    s: Array
    rho: Array


class LbfgsState(NamedTuple):
    """The last step and the last pairs.

    step: steps taken; size: the most pairs; taken: steps that were not skipped, (...); d, t: the last direction and
    step length; g: the last gradient; scale: yᵀs / yᵀy of the newest pair; pairs: oldest first, the newest of every
    point last.
    """

    step: int
    size: Value
    taken: Array
    d: Array
    t: Array
    g: Array
    scale: Array
    pairs: tuple[Pair, ...]


def lbfgs_init(x: Array, hyper: Hyper) -> LbfgsState:
    """No pairs; their number stays the same to the end, as in torch."""
    zero = np.zeros(x.shape[:-1])
    return LbfgsState(
        0, _per_point(hyper["history_size"]), zero, np.zeros_like(x), zero, np.zeros_like(x), zero + 1.0, ()
    )


def lbfgs_update(gradient: Array, state: LbfgsState, x: Array, hyper: Hyper, objective: Objective) -> Update:
    """L-BFGS: BFGS that keeps the last pairs of step and gradient change in place of a matrix.

    A step is one iteration of torch.optim.LBFGS, whose `step` makes up to 20 of them on one minibatch: max_iter=1 is
    the same. Without line search every step is α·d. Two details are torch's: where the fall of a step would be below
    `tolerance_change` the point stays, but its direction counts for the next pair; and only pairs with yᵀs above 1e-10
    are kept. torch's defaults are 100 pairs, of which two coordinates need few, and no line search.
    """
    g, at = gradient, _everywhere(x, hyper)
    shape = at.shape[:-1]
    active = ~(np.abs(g).max(axis=-1) <= _per_point(hyper["tolerance_grad"]))
    first = state.taken == 0
    y, s = g - state.g, along(state.t, state.d)
    ys = dot(y, s)
    keeps = active & ~first & (ys > LEAST_PAIR)
    rho = 1.0 / np.where(keeps, ys, 1.0)
    pairs = _pushed(state.pairs, Pair(y, s, rho), keeps, state.size)
    scale = np.where(keeps, ys / np.where(keeps, dot(y, y), 1.0), state.scale)
    d = _two_loops(g, pairs, scale)
    t = _first_step(hyper, g, first)
    slope = dot(g, d)
    moves = np.broadcast_to(active & ~(slope > -np.asarray(_per_point(hyper["tolerance_change"]))), shape)
    searched = moves & (np.asarray(_per_point(hyper["strong_wolfe"])) != 0)
    if searched.any():
        t = strong_wolfe(objective, at, d, slope, t, searched)
    delta = np.where(moves[..., np.newaxis], along(t, d), 0.0)
    terms = {"g": g, "s": s, "y": y, "d": d, "t": t[..., np.newaxis]}
    kept = active[..., np.newaxis]
    state = LbfgsState(
        step=state.step + 1,
        size=state.size,
        taken=state.taken + active,
        d=np.where(kept, d, state.d),
        t=np.where(active, t, state.t),
        g=np.where(kept, g, state.g),
        scale=scale,
        pairs=pairs,
    )
    return finish(delta, state, terms)


def _pushed(pairs: tuple[Pair, ...], new: Pair, where: Mask, size: Value) -> tuple[Pair, ...]:
    """The pairs with the new one at the end, in the places of `where`; at most `size` of them."""
    if not where.any():
        return pairs
    most = int(np.max(size))
    nothing = Pair(np.zeros_like(new.y), np.zeros_like(new.s), np.zeros_like(new.rho))
    old = pairs if len(pairs) >= most else (nothing, *pairs)
    moved = (*old[1:], new) if most else ()
    vector = where[..., np.newaxis]
    result = tuple(
        Pair(*(np.where(vector if i < 2 else where, m, o) for i, (m, o) in enumerate(zip(later, earlier, strict=True))))
        for later, earlier in zip(moved, old, strict=True)
    )
    if not isinstance(size, np.ndarray):
        return result
    # Points with a shorter memory than others: their older places are empty.
    ages = range(len(result), 0, -1)
    return tuple(
        Pair(pair.y, pair.s, np.where(age <= size, pair.rho, 0.0)) for age, pair in zip(ages, result, strict=True)
    )


def _two_loops(g: Array, pairs: tuple[Pair, ...], scale: Array) -> Array:
    """−B⁻¹·g from the pairs, (..., 2): Nocedal 1980, the two-loop recursion. An empty place changes nothing."""
    q = -g
    shares = []
    for y, s, rho in reversed(pairs):
        share = dot(s, q) * rho
        q = q - along(share, y)
        shares.append(share)
    r: Array = along(scale, q)
    for y, s, rho in pairs:
        r = r + along(shares.pop() - dot(y, r) * rho, s)
    return r


LBFGS = Optimizer(
    name="lbfgs",
    title="L-BFGS",
    group="second order",
    knobs=(
        _lr_knob("the step that is tried first; without line search, the step"),
        _tolerance_knob("tolerance_grad", "ε", 1e-7, "rests where no entry of g is larger"),
        _tolerance_knob("tolerance_change", "τ", 1e-9, "rests where a step would fall by less"),
        Knob("history_size", "m", 10.0, "integer", "pairs s, y that are kept (torch: 100)", low=1.0, high=1000.0),
        flag_knob("strong_wolfe", "W", 1.0, "search along d for a good step (torch: off)"),
    ),
    init=lbfgs_init,
    update=lbfgs_update,
    rule=(
        SLOPE,
        "s = last t·d,   y = g − last g",
        "d = −B⁻¹·g   (from the last m pairs s, y)",
        "W: t from α on until strong Wolfe; else t = α",
        "Δ = t·d   (0 where |g| ≤ ε or −g·d < τ)",
    ),
    paper="Nocedal 1980, Math. Comp. 35; Liu & Nocedal 1989, Math. Program. 45",
    torch_name="LBFGS",
    # One iteration a step; of its evaluations one at the point and up to 25 in the search.
    torch_arguments={"max_iter": 1, "max_eval": 26},
    initial=frozenset({"history_size"}),
    lr_hint=1.0,
    lr_hint_of="fixed",
    evaluations="2 or more losses and gradients",
)

# --- Sophia ------------------------------------------------------------------------------------------------------


class SophiaState(NamedTuple):
    """step: steps taken; m: the running average of g; h: that of the Hessian's diagonal."""

    step: int
    m: Array
    h: Array


def sophia_init(x: Array, hyper: Hyper) -> SophiaState:
    """Both averages start at 0."""
    return SophiaState(0, np.zeros_like(x), np.zeros_like(x))


def sophia_update(gradient: Array, state: SophiaState, x: Array, hyper: Hyper, objective: Objective) -> Update:
    """Sophia: the averaged gradient divided by the averaged curvature of each axis, but never a step above α.

    Where an axis curves down or is flat the step is α along it. The diagonal here is exact; the paper estimates it
    (Hutchinson, Gauss–Newton–Bartlett), which a network needs. It is renewed every k-th step, from the first on. As in
    the paper's algorithm 3, whose γ the authors' code calls rho; SophiaH of pytorch-optimizer has p = γ and
    lr = α / γ. Neither average is corrected for its start at 0: h is small at first, and the steps are α.
    """
    g, at = gradient, _everywhere(x, hyper)
    due = np.broadcast_to(np.asarray(state.step % np.asarray(_per_point(hyper["update_period"])) == 0), at.shape[:-1])
    m, h = average(state.m, g, hyper["beta1"]), state.h
    if due.any():
        matrix = objective.hessian(at, due)
        diagonal = np.stack([matrix[..., 0, 0], matrix[..., 1, 1]], axis=-1)
        h = np.where(due[..., np.newaxis], average(h, diagonal, hyper["beta2"]), h)
    d = np.clip(m / np.maximum(hyper["rho"] * h, hyper["eps"]), -1.0, 1.0)
    delta = -hyper["lr"] * (d + hyper["weight_decay"] * x)
    return finish(delta, SophiaState(state.step + 1, m, h), {"g": g, "m": m, "h": h, "d": d})


SOPHIA = Optimizer(
    name="sophia",
    title="Sophia",
    group="second order",
    knobs=(
        Knob("lr", "α", 1e-2, "log", "the longest step along an axis", notch_low=1e-7, notch_high=1e3),
        beta1_knob(0.96),
        beta2_knob(0.99, "memory of the curvature, in renewals"),
        Knob("rho", "γ", 0.01, "log", "share of the curvature that divides", notch_low=1e-6, notch_high=10.0),
        eps_knob(1e-12, "the least divisor: where curvature is below it the step is α"),
        weight_decay_knob(0.0, "pull to the origin by α·λ·x a step"),
        Knob("update_period", "k", 10.0, "integer", "steps from one Hessian to the next", low=1.0, high=1000.0),
    ),
    init=sophia_init,
    update=sophia_update,
    rule=(
        SLOPE,
        "m ← β1·m + (1−β1)·g",
        "h ← β2·h + (1−β2)·diag ∇²f(x)   (k-th steps)",
        "d = m / max(γ·h, ε),   between −1 and 1",
        "Δ = −α·(d + λ·x)",
    ),
    paper="Liu et al. 2023, arXiv:2305.14342",
    torch_name=None,
    lr_hint=0.005,
    lr_hint_of="width",
    evaluations="1 gradient; every k-th step 1 Hessian",
)
