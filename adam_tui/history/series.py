"""Numbers that a run tells one after the other, kept in arrays: what each knows is bounded, however long it goes on."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.runs.protocol import Epoch

Floats = NDArray[np.float64]

FIRST_ROOM = 64
# Moments that a clock keeps at most: more than any screen has dots across, at half of it too.
MOST_MOMENTS = 4096


class GrowableArray:
    """An array that grows at its end: appending costs, on average, what it appends. float32 unless told otherwise.

    With `rows` it is a table, (rows, N), that grows by columns.
    """

    def __init__(self, kind: type[np.generic] = np.float32, rows: int | None = None) -> None:
        self._buffer = np.empty((FIRST_ROOM,) if rows is None else (rows, FIRST_ROOM), kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """View (N,) or (rows, N) of what is there; it does not follow later changes."""
        return self._buffer[..., : self._size]

    def extend(self, values: NDArray[Any]) -> None:
        """Append; a value beyond the type becomes infinite."""
        size = self._size + values.shape[-1]
        if size > self._buffer.shape[-1]:
            larger = np.empty((*self._buffer.shape[:-1], max(size, 2 * self._buffer.shape[-1])), self._buffer.dtype)
            larger[..., : self._size] = self.values
            self._buffer = larger
        with np.errstate(over="ignore"):
            self._buffer[..., self._size : size] = values
        self._size = size

    def cut(self, size: int) -> None:
        """Keep the first `size` values."""
        self._size = min(self._size, max(size, 0))

    def forget(self, count: int) -> None:
        """Drop the first `count` values; the others take their place."""
        kept = self.values[..., count:].copy()
        self._size = kept.shape[-1]
        self._buffer[..., : self._size] = kept


class WorkClock:
    """When a run was where: steps and seconds of work, to draw one over the other.

    When there are many moments, only one of each stretch of steps stays, the stretches growing with the run: between
    two moments the pace counts as even. The newest one is always known.
    """

    def __init__(self) -> None:
        self._moments = GrowableArray(np.float64, 2)
        self._stretch = 1.0  # steps

    def tick(self, steps: Floats, seconds: Floats) -> None:
        """After so many seconds of work (N,) so many steps (N,), rising, were taken."""
        newest = self._moments.values[0, -1] if len(self._moments) else 0.0
        fresh = steps > newest
        for first in range(0, int(fresh.sum()), MOST_MOMENTS):
            piece = slice(first, first + MOST_MOMENTS)
            self._moments.extend(np.stack([steps[fresh][piece], seconds[fresh][piece]]))
            if len(self._moments) > MOST_MOMENTS:
                self._thin()

    def _thin(self) -> None:
        while len(self._moments) > MOST_MOMENTS // 2:
            stretches = np.floor(self._moments.values[0] / self._stretch)
            kept = self._moments.values[:, np.append(np.diff(stretches) > 0, True)]  # the last one of each
            self._moments.cut(0)
            self._moments.extend(kept)
            self._stretch *= 2

    def cut(self, step: int) -> None:
        """Forget what came after a step."""
        self._moments.cut(int(np.searchsorted(self._moments.values[0], step, side="right")))

    def seconds(self, steps: Floats) -> Floats:
        """(N,) seconds of work at these steps; what is not told yet goes on at the mean pace."""
        if not len(self._moments):
            return np.zeros(len(steps))
        known, seconds = self._moments.values
        inside = np.interp(steps, np.concatenate([[0.0], known]), np.concatenate([[0.0], seconds]))
        beyond = np.maximum(steps - known[-1], 0.0) * (seconds[-1] / known[-1])
        return np.asarray(inside + beyond)

    def step(self, seconds: float) -> int:
        """The step that was taken at a second of work, at most the last one."""
        known, at = self._moments.values
        return round(float(np.interp(seconds, np.concatenate([[0.0], at]), np.concatenate([[0.0], known]))))


class EpochResult(NamedTuple):
    """What a run told at the end of an epoch; see `protocol.Epoch`."""

    epoch: int
    step: int
    test_loss: float
    test_accuracy: float
    seconds: float
    samples_per_second: float


class Epochs:
    """The epochs of a run, in their order, 48 bytes each: a run has 100,000 at most."""

    def __init__(self) -> None:
        self._told = GrowableArray(np.float64, len(EpochResult._fields))
        self.best: EpochResult | None = None  # the first epoch with the best test accuracy

    def __len__(self) -> int:
        return len(self._told)

    def __getitem__(self, index: int) -> EpochResult:
        column = self._told.values[:, index].tolist()
        return EpochResult(int(column[0]), int(column[1]), *column[2:])

    @property
    def numbers(self) -> Floats:
        """(N,) their numbers, counted from 1."""
        return np.asarray(self._told.values[0])

    @property
    def steps(self) -> Floats:
        """(N,) the steps after which they were over."""
        return np.asarray(self._told.values[1])

    @property
    def test_losses(self) -> Floats:
        """(N,)."""
        return np.asarray(self._told.values[2])

    @property
    def test_accuracies(self) -> Floats:
        """(N,), 0 to 1."""
        return np.asarray(self._told.values[3])

    def tell(self, event: Epoch) -> None:
        """One more is over; it takes the place of what was told of it and of later ones."""
        self._cut(int(np.searchsorted(self.numbers, event.epoch)))
        told = EpochResult(*(getattr(event, name) for name in EpochResult._fields))
        self._told.extend(np.array(told, np.float64)[:, None])
        if math.isfinite(told.test_accuracy) and (not self.best or told.test_accuracy > self.best.test_accuracy):
            self.best = told

    def cut(self, step: int) -> None:
        """Forget those that were over after a step."""
        self._cut(int(np.searchsorted(self.steps, step, side="right")))

    def _cut(self, size: int) -> None:
        if size < len(self):
            self._told.cut(size)
            known = np.isfinite(self.test_accuracies)
            best = int(np.where(known, self.test_accuracies, -np.inf).argmax()) if known.any() else -1
            self.best = self[best] if best >= 0 else None

    def at(self, step: int) -> EpochResult | None:
        """The last epoch that was over at a step."""
        index = int(np.searchsorted(self.steps, step, side="right"))
        return self[index - 1] if index else None
