"""Line searches: how far to step along a direction, for many points at once.

Each point searches on its own. A mask holds the points that still search, and only these are evaluated: a point of a
batch gets the same bits as alone. Directions and points are (..., 2); losses, slopes along the direction and step
lengths are (...).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adam_tui.engine.objective import Mask, Objective
from adam_tui.engine.rule import Array

# torch's limits of its strong Wolfe search: trial steps, and the shortest bracket that is searched, in units of x.
TRIALS, SHORTEST_BRACKET = 25, 1e-9
# Backtracking ends without a step after so many trials. At the slowest shrinking, 0.9, the step is then 2.7e-5 as long.
BACKTRACKS = 100


def dot(a: Array, b: Array) -> Array:
    """The scalar product of vectors (..., 2), (...)."""
    product: Array = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]
    return product


def along(t: Array, direction: Array) -> Array:
    """The step t·direction, (..., 2)."""
    step: Array = t[..., np.newaxis] * direction
    return step


def backtrack(
    objective: Objective,
    x: Array,
    direction: Array,
    slope: Array,
    first: Array,
    c1: Array | float,
    shrink: Array | float,
) -> Array:
    """The first of the steps first, first·shrink, first·shrink², … that satisfies Armijo's condition.

    f(x + t·d) ≤ f(x) + c1·t·∇f·d. `slope` is ∇f·d. A step is 0 where no trial satisfies it. Armijo 1966.
    """
    loss = objective.loss(x)
    t = first
    searching = np.ones(np.shape(t), dtype=bool)
    for _ in range(BACKTRACKS):
        trial = objective.loss(x + along(t, direction), searching)
        searching = searching & ~(trial <= loss + c1 * t * slope)
        if not searching.any():
            return t
        t = np.where(searching, shrink * t, t)
    return np.where(searching, 0.0, t)


class _Trial(NamedTuple):
    """A step length with the loss there and the slope along the direction, each (...)."""

    t: Array
    loss: Array
    slope: Array

    def where(self, mask: Mask, new: _Trial) -> _Trial:
        """The new trial in the places of `mask`."""
        return _Trial(*(np.where(mask, theirs, ours) for ours, theirs in zip(self, new, strict=True)))


def strong_wolfe(
    objective: Objective,
    x: Array,
    direction: Array,
    slope: Array,
    first: Array,
    where: Mask,
    c1: Array | float = 1e-4,
    c2: Array | float = 0.9,
) -> Array:
    """A step that satisfies the strong Wolfe conditions, as torch.optim.LBFGS searches it, beginning with `first`.

    f(x + t·d) ≤ f(x) + c1·t·∇f·d and |∇f(x + t·d)·d| ≤ c2·|∇f·d|. First the step grows until it or a bracket around
    such a step is found; then the bracket shrinks by cubic interpolation. After 25 trials the best end of the bracket
    counts. Nocedal & Wright 2006, algorithms 3.5 and 3.6; torch/optim/lbfgs.py, `_strong_wolfe`. Only the points of
    `where` (...) are searched; the others keep `first`.
    """

    def evaluate(t: Array, searching: Mask) -> _Trial:
        at = x + along(t, direction)
        return _Trial(t, objective.loss(at, searching), dot(objective.gradient(at, searching), direction))

    shape = where.shape
    start = _Trial(np.zeros(shape), objective.loss(x, where), np.broadcast_to(slope, shape))
    previous, new = start, evaluate(np.broadcast_to(first, shape), where)
    left = right = new  # the bracket, in torch's order: its ends may be in either order
    growing, done = where, np.zeros(shape, dtype=bool)
    used = np.zeros(shape, dtype=np.int64)  # trials after the first one
    for trial in range(TRIALS):
        too_high = new.loss > start.loss + c1 * new.t * slope
        if trial > 1:
            too_high = too_high | (new.loss >= previous.loss)
        flat = ~too_high & (np.abs(new.slope) <= -c2 * slope)
        bracketed = growing & (too_high | (~flat & (new.slope >= 0)))
        done = done | (growing & flat)
        left, right = left.where(growing, new).where(bracketed, previous), right.where(growing, new)
        growing = growing & ~bracketed & ~flat
        if not growing.any():
            break
        lowest, highest = new.t + 0.01 * (new.t - previous.t), new.t * 10
        longer = _cubic_minimum(previous, new, lowest, highest)
        previous = previous.where(growing, new)
        new = new.where(growing, evaluate(np.where(growing, longer, new.t), growing))
        used = used + growing
    # Where no bracket was found the better of the start and the last trial counts.
    left, right = left.where(growing, start), right.where(growing, new)
    bracket = _Bracket(left, right, left.loss <= right.loss)
    searching = where & ~done & ~growing
    length = np.abs(direction).max(axis=-1)
    stuck = np.zeros(shape, dtype=bool)
    while True:
        searching = (
            searching & (used < TRIALS) & ~(np.abs(bracket.right.t - bracket.left.t) * length < SHORTEST_BRACKET)
        )
        if not searching.any():
            return np.where(where, bracket.low.t, first)
        t, stuck = bracket.trial(stuck)
        new = evaluate(np.where(searching, t, new.t), searching)
        used = used + searching
        worse = (new.loss > start.loss + c1 * new.t * slope) | (new.loss >= bracket.low.loss)
        flat = ~worse & (np.abs(new.slope) <= -c2 * slope)
        bracket = bracket.replaced(new, searching, worse, flat)
        searching = searching & ~flat


class _Bracket(NamedTuple):
    """Two trials with a good step between them. `left_low` (...): the loss is lower at the left one, or equal."""

    left: _Trial
    right: _Trial
    left_low: Mask

    @property
    def low(self) -> _Trial:
        """The trial with the lower loss."""
        return self.right.where(self.left_low, self.left)

    @property
    def high(self) -> _Trial:
        """The other trial."""
        return self.left.where(self.left_low, self.right)

    def trial(self, stuck: Mask) -> tuple[Array, Mask]:
        """The next step to try, and whether it lies near an end of the bracket: twice in turn is not allowed."""
        least, most = np.minimum(self.left.t, self.right.t), np.maximum(self.left.t, self.right.t)
        t = _cubic_minimum(self.left, self.right, least, most)
        margin = 0.1 * (most - least)
        near = np.minimum(most - t, t - least) < margin
        moved = near & (stuck | (t >= most) | (t <= least))
        inside = np.where(np.abs(t - most) < np.abs(t - least), most - margin, least + margin)
        return np.where(moved, inside, t), near & ~moved

    def replaced(self, new: _Trial, where: Mask, worse: Mask, flat: Mask) -> _Bracket:
        """The bracket with the new trial: in the place of the high end where it is worse, else of the low end.

        Where the slope at the new low end points away from the high one, the old low end becomes the high one.
        """
        low, high = self.low, self.high
        turned = where & ~worse & ~flat & (new.slope * (high.t - low.t) >= 0)
        high = high.where(where & worse, new).where(turned, low)
        low = low.where(where & ~worse, new)
        left, right = high.where(self.left_low, low), low.where(self.left_low, high)
        return _Bracket(left, right, np.where(where & worse, left.loss <= right.loss, self.left_low))


def _cubic_minimum(a: _Trial, b: _Trial, lowest: Array, highest: Array) -> Array:
    """The minimum of the cubic through two trials, within the bounds; their middle where it has none."""
    with np.errstate(all="ignore"):  # the points that do not search have no two trials
        d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        square = d1**2 - a.slope * b.slope
        d2 = np.sqrt(np.where(square >= 0, square, 0.0))
        early, late = b.where(a.t <= b.t, a), a.where(a.t <= b.t, b)
        t = late.t - (late.t - early.t) * ((late.slope + d2 - d1) / (late.slope - early.slope + 2 * d2))
    return np.where(square >= 0, np.minimum(np.maximum(t, lowest), highest), (lowest + highest) / 2.0)
