"""A loss curve that grows: appended in small pieces, averaged as it comes, drawn from a few thousand points.

A run of a million steps must cost no more on the screen than one of a thousand. So losses are kept once, in four
bytes each; the moving average goes on from where it was; and for the whole curve the least and greatest value of each
block of steps is kept, the blocks growing with the run: more than any terminal has columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.smoothing import smooth

Losses = NDArray[np.float32]
Points = tuple[NDArray[np.float64], NDArray[np.float64]]

# Blocks at most: four for each of the dots that 500 columns have, so that a block never shows.
MOST_BLOCKS = 4096
# In the beginning the average is over a share of the steps so far, about 2 / (DECAY + 1) of them.
DECAY = 5
# The beginning is averaged one by one, the rest of a long piece at once.
ONE_BY_ONE = 4096


class Growing:
    """An array that grows at its end: appending costs, on average, what it appends. float32 unless told otherwise."""

    def __init__(self, kind: type[np.floating] = np.float32) -> None:
        self._buffer = np.empty(1024, kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """(N,) view of what is there; it does not follow later changes."""
        return self._buffer[: self._size]

    def extend(self, values: NDArray[np.floating]) -> None:
        """Append; a value beyond the type becomes infinite."""
        size = self._size + len(values)
        if size > len(self._buffer):
            larger = np.empty(max(size, 2 * len(self._buffer)), self._buffer.dtype)
            larger[: self._size] = self.values
            self._buffer = larger
        with np.errstate(over="ignore"):
            self._buffer[self._size : size] = values
        self._size = size

    def cut(self, size: int) -> None:
        """Keep the first `size` values."""
        self._size = min(self._size, max(size, 0))


class Average:
    """A moving average of a growing series, taken up where it was.

    The exponential average over `span` steps (each keeps 1 − 2 / (span + 1) of it), but in the beginning over a share
    of the steps so far (Shamir & Zhang 2013, polynomial decay): a plain debiased one lags far behind a loss that
    falls as fast as at the start of a training. Values that are not finite pass through and change nothing.
    """

    def __init__(self, span: float) -> None:
        self.span = span
        self._share = 2 / (span + 1)
        self._early = math.ceil((DECAY + 1) / self._share) - DECAY  # steps of the beginning
        self._averages = Growing()
        self._seen = 0  # finite values so far
        self._last = 0.0  # the average after them

    def follow(self, losses: Losses) -> Losses:
        """The averages (N,) of `losses` (N,), which begin with those of the last call."""
        new = losses[len(self._averages) :]
        for piece in (new[:ONE_BY_ONE], new[ONE_BY_ONE:]):
            if len(piece):
                self._averages.extend(self._one_by_one(piece) if self._seen < self._early else self._at_once(piece))
        return self._averages.values

    def _one_by_one(self, losses: Losses) -> NDArray[np.float64]:
        result = losses.astype(np.float64)
        for i in np.flatnonzero(np.isfinite(losses)).tolist():
            self._seen += 1
            share = max(self._share, (DECAY + 1) / (self._seen + DECAY))
            self._last += share * (float(losses[i]) - self._last)
            result[i] = self._last
        return result

    def _at_once(self, losses: Losses) -> NDArray[np.float64]:
        """What was before fades as a whole; `smooth` gives the average of the new ones without it."""
        result = smooth(losses.astype(np.float64), self.span)
        known = np.flatnonzero(np.isfinite(losses))
        faded = (1 - self._share) ** np.arange(1, len(known) + 1)
        result[known] = faded * self._last + (1 - faded) * result[known]
        if len(known):
            self._seen += len(known)
            self._last = float(result[known[-1]])
        return result


class Envelope:
    """The least and the greatest finite value of each block of a growing series; NaN where a block has none."""

    def __init__(self) -> None:
        self._block = 1
        self._low, self._high = Growing(), Growing()

    def points(self, values: Losses) -> Points:
        """Step numbers, counted from 1, and values (M,): all of a short series, the envelope of a long one.

        `values` begin with those of the last call unless they are fewer. Only finite values are among the points.
        """
        self._follow(values)
        if self._block == 1:
            return finite_points(values, 0)
        whole = len(self._low) * self._block
        centre = np.arange(len(self._low)) * self._block + (self._block + 1) / 2
        x = np.repeat(centre, 2)
        y = np.stack([self._low.values, self._high.values], axis=1).ravel().astype(np.float64)
        known = np.isfinite(y)
        tail_x, tail_y = finite_points(values[whole:], whole)
        return np.concatenate([x[known], tail_x]), np.concatenate([y[known], tail_y])

    def _follow(self, values: Losses) -> None:
        if len(values) < len(self._low) * self._block:
            self._block = 1
            self._low.cut(0)
            self._high.cut(0)
        while len(values) // self._block > MOST_BLOCKS:
            self._double()
        whole = len(values) // self._block
        new = values[len(self._low) * self._block : whole * self._block].reshape(-1, self._block)
        if len(new):
            new = np.where(np.isfinite(new), new, np.nan)
            self._low.extend(np.fmin.reduce(new, axis=1))
            self._high.extend(np.fmax.reduce(new, axis=1))

    def _double(self) -> None:
        """Join neighbouring blocks; an odd one at the end is taken from the values again."""
        pairs = len(self._low) // 2
        low = np.fmin.reduce(self._low.values[: 2 * pairs].reshape(-1, 2), axis=1)
        high = np.fmax.reduce(self._high.values[: 2 * pairs].reshape(-1, 2), axis=1)
        for kept, joined in ((self._low, low), (self._high, high)):
            kept.cut(0)
            kept.extend(joined)
        self._block *= 2


def finite_points(values: Losses, before: int) -> Points:
    """Step numbers and values of the finite ones among `values`, of which the first belongs to step `before` + 1."""
    known = np.flatnonzero(np.isfinite(values))
    return (known + (before + 1)).astype(np.float64), values[known].astype(np.float64)


class LossCurve:
    """The losses of a run step by step, as they are and averaged."""

    def __init__(self) -> None:
        self._losses = Growing()
        self._raw = Envelope()
        self._average = Average(1)
        self._smooth = Envelope()

    def __len__(self) -> int:
        return len(self._losses)

    @property
    def losses(self) -> Losses:
        """(N,) the loss of step 1, 2, …; NaN for a step of which nothing is known."""
        return self._losses.values

    def put(self, first: int, losses: NDArray[np.floating]) -> None:
        """The losses of the steps from number `first` on; later ones, and what lies between, are forgotten or NaN."""
        self.cut(first - 1)
        missing = first - 1 - len(self)
        if missing > 0:
            self._losses.extend(np.full(missing, np.nan))
        self._losses.extend(losses)

    def cut(self, steps: int) -> None:
        """Forget the steps after number `steps`."""
        if steps < len(self):
            self._losses.cut(steps)
            # What is derived from the forgotten ones must not outlive them, however many are put in their place.
            self._raw, self._smooth, self._average = Envelope(), Envelope(), Average(self._average.span)

    def points(self, span: float = 1, first: int = 1) -> Points:
        """Step numbers and losses to draw, finite ones only, averaged over `span` steps, from step `first` on.

        From a long run's beginning on, the least and greatest of each block; from a later step on, every step.
        """
        values, envelope = self.losses, self._raw
        if span > 1:
            if span != self._average.span:
                self._average, self._smooth = Average(span), Envelope()
            values, envelope = self._average.follow(values), self._smooth
        if first > 1:
            return finite_points(values[first - 1 :], first - 1)
        return envelope.points(values)

    def at(self, step: int, span: float = 1) -> float:
        """The loss of one step, averaged over `span`; NaN where nothing is known."""
        if not 1 <= step <= len(self):
            return math.nan
        self.points(span)
        values = self.losses if span <= 1 else self._average.follow(self.losses)
        return float(values[step - 1])

    def last(self) -> float:
        """The newest loss; NaN before there is one."""
        return float(self.losses[-1]) if len(self) else math.nan
