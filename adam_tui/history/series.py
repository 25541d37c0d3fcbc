"""Growing series of a run in arrays: losses, the clock of its work, its epochs.

Memory is bounded, however long the run is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.runs.protocol import Epoch

Floats = NDArray[np.float64]

FIRST_CAPACITY = 64
# Even half of them are more than the dots across any screen.
MAX_MOMENTS = 4096


class GrowableArray:
    """An array that grows at its end: appending costs, on average, the size of the new values. Default: float32.

    With `rows` it is a table (rows, N) that grows by columns.
    """

    def __init__(self, kind: type[np.generic] = np.float32, rows: int | None = None) -> None:
        self._buffer = np.empty((FIRST_CAPACITY,) if rows is None else (rows, FIRST_CAPACITY), kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """View (N,) or (rows, N) of the present values; it does not follow later changes."""
        return self._buffer[..., : self._size]

    def extend(self, values: NDArray[Any]) -> None:
        """Append values; one beyond the range of the type becomes infinite."""
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
        """Drop the first `count` values."""
        kept = self.values[..., count:].copy()
        self._size = kept.shape[-1]
        self._buffer[..., : self._size] = kept


class WorkClock:
    """Converts between steps and seconds of work, for the time axis of a chart.

    It keeps moments of (steps, seconds) and interpolates between them. When there are too many, one of each stretch
    of steps stays, and the stretches grow with the run. The newest moment is always kept.
    """

    def __init__(self) -> None:
        self._moments = GrowableArray(np.float64, 2)
        self._stretch = 1.0  # steps

    def tick(self, steps: Floats, seconds: Floats) -> None:
        """Add moments: the steps (N,), rising, that were taken after these seconds of work (N,)."""
        newest = self._moments.values[0, -1] if len(self._moments) else 0.0
        fresh = steps > newest
        for first in range(0, int(fresh.sum()), MAX_MOMENTS):
            piece = slice(first, first + MAX_MOMENTS)
            self._moments.extend(np.stack([steps[fresh][piece], seconds[fresh][piece]]))
            if len(self._moments) > MAX_MOMENTS:
                self._thin()

    def _thin(self) -> None:
        while len(self._moments) > MAX_MOMENTS // 2:
            stretches = np.floor(self._moments.values[0] / self._stretch)
            kept = self._moments.values[:, np.append(np.diff(stretches) > 0, True)]  # the last moment of each stretch
            self._moments.cut(0)
            self._moments.extend(kept)
            self._stretch *= 2

    def cut(self, step: int) -> None:
        """Forget the moments after a step."""
        self._moments.cut(int(np.searchsorted(self._moments.values[0], step, side="right")))

    def seconds(self, steps: Floats) -> Floats:
        """(N,) seconds of work at these steps; steps after the last moment continue at the mean speed."""
        if not len(self._moments):
            return np.zeros(len(steps))
        at_step, at_second = self._moments.values
        inside = np.interp(steps, np.concatenate([[0.0], at_step]), np.concatenate([[0.0], at_second]))
        beyond = np.maximum(steps - at_step[-1], 0.0) * (at_second[-1] / at_step[-1])
        return np.asarray(inside + beyond)

    def step(self, seconds: float) -> int:
        """The step at a second of work, at most the last one."""
        at_step, at_second = self._moments.values
        return round(float(np.interp(seconds, np.concatenate([[0.0], at_second]), np.concatenate([[0.0], at_step]))))


class EpochResult(NamedTuple):
    """The numbers of one epoch; see `protocol.Epoch`.

    `loss` and `accuracy` are those of the held-out training images where the run has some, else of the test images.
    `test_accuracy` is NaN before the last epoch of such a run: the test images are used once.
    """

    epoch: int
    step: int
    loss: float
    accuracy: float
    seconds: float
    samples_per_second: float
    test_accuracy: float = math.nan


class Epochs:
    """The results of all epochs in order, 56 bytes each: a run has 100,000 at most."""

    def __init__(self) -> None:
        self._results = GrowableArray(np.float64, len(EpochResult._fields))
        self.best: EpochResult | None = None  # the first epoch with the best accuracy

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, index: int) -> EpochResult:
        column = self._results.values[:, index].tolist()
        return EpochResult(int(column[0]), int(column[1]), *column[2:])

    @property
    def numbers(self) -> Floats:
        """(N,) the numbers of the epochs, counted from 1."""
        return np.asarray(self._results.values[0])

    @property
    def steps(self) -> Floats:
        """(N,) the last step of each epoch."""
        return np.asarray(self._results.values[1])

    @property
    def losses(self) -> Floats:
        """(N,)."""
        return np.asarray(self._results.values[2])

    @property
    def accuracies(self) -> Floats:
        """(N,), 0 to 1."""
        return np.asarray(self._results.values[3])

    def add(self, event: Epoch) -> None:
        """Add the result of an epoch; it replaces an earlier result of the same epoch and of later ones."""
        self._cut(int(np.searchsorted(self.numbers, event.epoch)))
        loss, accuracy = event.held_out_loss, event.held_out_accuracy
        speed = event.samples_per_second
        result = EpochResult(event.epoch, event.step, loss, accuracy, event.seconds, speed, event.test_accuracy)
        self._results.extend(np.array(result, np.float64)[:, None])
        if math.isfinite(result.accuracy) and (not self.best or result.accuracy > self.best.accuracy):
            self.best = result

    def cut(self, step: int) -> None:
        """Forget the epochs that ended after a step."""
        self._cut(int(np.searchsorted(self.steps, step, side="right")))

    def _cut(self, size: int) -> None:
        if size < len(self):
            self._results.cut(size)
            known = np.isfinite(self.accuracies)
            best = int(np.where(known, self.accuracies, -np.inf).argmax()) if known.any() else -1
            self.best = self[best] if best >= 0 else None

    def at(self, step: int) -> EpochResult | None:
        """The last epoch that had ended at a step."""
        index = int(np.searchsorted(self.steps, step, side="right"))
        return self[index - 1] if index else None
