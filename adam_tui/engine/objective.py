"""The loss of one step with its derivatives, for the optimizers that need more than the gradient at their point.

A line search evaluates the loss at trial points, Newton's method the Hessian. An `Objective` evaluates them on a
surface, with the noise of the step, and counts the evaluations. The noise belongs to the step and not to the
evaluation: all evaluations of one step see the same noise, as they would see the same minibatch.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.surfaces import Array, Surface

Mask = NDArray[np.bool_]
Evaluation = Literal["loss", "gradient", "hessian"]
EVALUATIONS: tuple[Evaluation, ...] = ("loss", "gradient", "hessian")


class Objective:
    """The loss of a surface in the current step, with its gradient and its Hessian, for points of the shape (..., 2).

    Noise adds a linear term to the loss of its step: the gradient changes by the noise (2,) everywhere, the Hessian
    stays, and the loss at the point where the step begins stays. On a surface with a loss per step that of the step
    counts. `where` (...) selects the points to evaluate; the others get nan, and are not counted.
    """

    def __init__(self, surface: Surface, noise: Array | None = None) -> None:
        """`noise` (steps, 2) is added to the gradients, row by row."""
        self._surface, self._noise = surface, noise
        self._step = 1
        self._begin: Array = np.zeros(2)
        self._counts: dict[Evaluation, NDArray[np.int64] | int] = dict.fromkeys(EVALUATIONS, 0)

    def begin(self, step: int, at: Array) -> None:
        """Begin step 1, 2, 3, … at the points (..., 2)."""
        self._step, self._begin = step, at

    @property
    def evaluations(self) -> NDArray[np.int64]:
        """How often the loss, the gradient and the Hessian have been evaluated so far at each point, (3, ...)."""
        return np.stack(np.broadcast_arrays(*(np.asarray(self._counts[kind]) for kind in EVALUATIONS)))

    def loss(self, at: Array, where: Mask | None = None) -> Array:
        """The loss, (...)."""
        chosen = self._chosen("loss", at, where)
        surface = self._surface
        values = surface.f(chosen) if surface.loss_at is None else surface.loss_at(self._step, chosen)
        if self._noise is not None:
            x, y = self._noise[self._step - 1].tolist()
            moved = chosen - (self._begin if chosen is at else self._begin_of(at, where))
            values = values + (x * moved[..., 0] + y * moved[..., 1])
        return values if chosen is at else _spread(values, at.shape[:-1], where)

    def gradient(self, at: Array, where: Mask | None = None) -> Array:
        """The gradient, (..., 2)."""
        chosen = self._chosen("gradient", at, where)
        surface = self._surface
        values = surface.gradient(chosen) if surface.gradient_at is None else surface.gradient_at(self._step, chosen)
        if self._noise is not None:
            values = values + self._noise[self._step - 1]
        return values if chosen is at else _spread(values, at.shape, where)

    def hessian(self, at: Array, where: Mask | None = None) -> Array:
        """The Hessian, (..., 2, 2). No noise and no step changes it."""
        chosen = self._chosen("hessian", at, where)
        values = self._surface.hessian(chosen)
        return values if chosen is at else _spread(values, (*at.shape, 2), where)

    def _chosen(self, kind: Evaluation, at: Array, where: Mask | None) -> Array:
        """The points to evaluate: `at` itself where no point is left out, else those of `where`, (n, 2)."""
        if where is None or where.all():
            self._counts[kind] = self._counts[kind] + 1
            return at
        self._counts[kind] = self._counts[kind] + where.astype(np.int64)
        chosen: Array = at[where]
        return chosen

    def _begin_of(self, at: Array, where: Mask | None) -> Array:
        begin: Array = np.broadcast_to(self._begin, at.shape)[where]
        return begin


def _spread(values: Array, shape: tuple[int, ...], where: Mask | None) -> Array:
    """The values of the selected points in their places, nan elsewhere."""
    spread = np.full(shape, np.nan)
    spread[where] = values
    return spread
