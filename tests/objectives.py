"""Objectives for tests: with a chosen gradient at a point, or of a surface that counts its calls."""

from collections import Counter
from dataclasses import replace

import numpy as np

from adam_tui.engine.objective import Objective
from adam_tui.engine.surfaces import SURFACES, Surface


class Tilted(Objective):
    """The bowl |x − at|² / 2 + gradient·(x − at): its gradient at `at` is the given one, its Hessian the identity.

    Each point of a batch has a bowl of its own, so all are evaluated.
    """

    def __init__(self, gradient, at) -> None:
        super().__init__(SURFACES["bowl"])
        self._slope, self._at = gradient, at

    def loss(self, at, where=None):
        return ((0.5 * (at - self._at) + self._slope) * (at - self._at)).sum(axis=-1)

    def gradient(self, at, where=None):
        return (at - self._at) + self._slope

    def hessian(self, at, where=None):
        return np.broadcast_to(np.eye(2), (*at.shape, 2))


def counting(surface: Surface) -> tuple[Surface, Counter]:
    """The surface, and a counter of the points at which each of its functions was evaluated."""
    counts: Counter = Counter()

    def counted(name):
        function = getattr(surface, name)

        def call(at):
            counts[name] += at[..., 0].size
            return function(at)

        return call

    return replace(surface, **{name: counted(name) for name in ("f", "gradient", "hessian")}), counts
