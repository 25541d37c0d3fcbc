"""A loss curve that grows without end: bounded in memory, quick to draw, exact wherever one looks closely.

The newest losses are kept one by one. Of the whole run blocks of steps are kept, their width doubling as it grows:
least, greatest, mean and first loss of each. Where a closer look at an older part needs single steps, they are read
again from the run's file (`wanted` says which, `put_again` takes them); until then the blocks stand in for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adam_tui.history.series import GrowableArray
from adam_tui.history.smoothing import average

Floats = NDArray[np.float64]
Losses = NDArray[np.float32]
Points = tuple[Floats, Floats]

# Newest losses that are kept one by one, at least; twice as many at most. So many are all of a run of 50 epochs. A
# multiple of every block's width.
RECENT = 1 << 16
# Blocks at most: of 17 million steps, a day's on two cores, each is 2,048 wide.
MOST_BLOCKS = 1 << 14
FIRST_WIDTH = 8  # steps of a block at first
BLOCKS_A_DOT = 2  # blocks within a dot's width from which nobody sees that they are blocks
LEAD = 6  # spans of an average before its first point: what lies further back weighs 6e-6
LONGEST_LEAD = 1 << 15  # steps; the blocks before them make the rest
PARTS_KEPT = 3  # parts that were read again
MOST_AGAIN = 1 << 18  # steps of such a part: 1 MB of them, 4 MB of the file
LEAST_AROUND = 2048  # steps that are read with the one that was asked for: a person looks at its neighbours next
SPANS_KEPT = 2
# The rows of what is kept of blocks.
LOW, HIGH, MEAN, KNOWN, FIRST = range(5)


class Blocks:
    """What is kept of a growing series in blocks of `width` steps; of losses that are finite, NaN where none is."""

    def __init__(self) -> None:
        self.width = FIRST_WIDTH
        self._kept = GrowableArray(np.float32, 5)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def steps(self) -> int:
        """Steps that are in blocks."""
        return len(self._kept) * self.width

    @property
    def values(self) -> NDArray[np.float32]:
        """View (5, N): see the rows above."""
        return self._kept.values

    def extend(self, losses: Losses) -> None:
        """Take the losses that follow as far as they fill blocks."""
        count = len(losses) // self.width
        if not count:
            return
        steps = losses[: count * self.width].reshape(count, self.width)
        finite = np.isfinite(steps)
        known = finite.sum(axis=1)
        steps = np.where(finite, steps, np.nan)
        total = np.where(finite, steps, 0).sum(axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            mean = total / known
        first = steps[np.arange(count), finite.argmax(axis=1)]
        low, high = np.fmin.reduce(steps, axis=1), np.fmax.reduce(steps, axis=1)
        self._kept.extend(np.stack([low, high, mean, known, first]))
        while len(self._kept) > MOST_BLOCKS:
            self._double()

    def _double(self) -> None:
        """Join neighbouring blocks; an odd one at the end goes, and is made again of its losses."""
        pairs = len(self._kept) // 2
        left, right = (self._kept.values[:, i : 2 * pairs : 2].copy() for i in (0, 1))
        joined = np.stack(
            [
                np.fmin(left[LOW], right[LOW]),
                np.fmax(left[HIGH], right[HIGH]),
                _mean_of_both(left, right),
                left[KNOWN] + right[KNOWN],
                np.where(left[KNOWN] > 0, left[FIRST], right[FIRST]),
            ]
        )
        self._kept.cut(0)
        self._kept.extend(joined)
        self.width *= 2

    def cut(self, steps: int) -> None:
        """Forget the steps after number `steps`, and the block that they end in the middle of."""
        self._kept.cut(steps // self.width)


def _mean_of_both(left: NDArray[np.float32], right: NDArray[np.float32]) -> Floats:
    known = (left[KNOWN] + right[KNOWN]).astype(np.float64)
    total = sum(np.where(part[KNOWN] > 0, part[MEAN], 0).astype(np.float64) * part[KNOWN] for part in (left, right))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / known)


class LossCurve:
    """The losses of a run, by step from 1 on, as they are and averaged.

    `closest`, where something is asked for to be drawn, is how many steps lie between two dots: points that stand
    closer need not be told apart.
    """

    def __init__(self) -> None:
        self.first = math.nan  # the loss of the first step
        self._recent = GrowableArray()
        self._before = 0  # steps before those of `_recent`
        self._single = 0  # steps before the first that is known one by one
        self._blocks = Blocks()
        # Of the blocks that hold a finite loss: the last step of each and how many such losses there are up to it, and
        # the averages there, by span.
        self._ends = GrowableArray(np.float64, 2)
        self._averages: dict[float, GrowableArray] = {}
        self._again: list[tuple[int, Losses]] = []  # first step and losses of what was read again

    def __len__(self) -> int:
        return self._before + len(self._recent)

    def put(self, first: int, losses: NDArray[np.floating]) -> None:
        """The losses of the steps from number `first` on; later ones, and what lies between, are forgotten or NaN."""
        self.cut(first - 1)
        while (missing := first - 1 - len(self)) > 0:
            self._take(np.full(min(missing, RECENT), np.nan, np.float32))
        for start in range(0, len(losses), RECENT):
            self._take(losses[start : start + RECENT])

    def _take(self, losses: NDArray[np.floating]) -> None:
        """At most `RECENT` more."""
        if not len(self) and len(losses):
            self.first = float(losses[0])
        if len(self._recent) + len(losses) > 2 * RECENT:
            self._fill_blocks()
            self._recent.forget(RECENT)
            self._before += RECENT
            self._single = max(self._single, self._before)
        self._recent.extend(losses)

    def _fill_blocks(self) -> None:
        """Make the blocks that the newest losses fill."""
        before, width = len(self._blocks), self._blocks.width
        self._blocks.extend(self._recent.values[self._blocks.steps - self._before :])
        if self._blocks.width != width:
            self._forget_averages()
            before = 0
        self._count_ends(before)

    def _count_ends(self, first: int) -> None:
        """Of the blocks from number `first` on."""
        known = self._blocks.values[KNOWN, first:]
        there = np.flatnonzero(known > 0)
        seen = (float(self._ends.values[1, -1]) if len(self._ends) else 0.0) + np.cumsum(known[there], dtype=np.float64)
        self._ends.extend(np.stack([(there + first + 1) * float(self._blocks.width), seen]))

    def _forget_averages(self) -> None:
        self._ends.cut(0)
        self._averages.clear()

    def cut(self, steps: int) -> None:
        """Forget the steps after number `steps`."""
        if steps >= len(self):
            return
        self._forget_averages()
        self._again = [(first, losses[: steps + 1 - first]) for first, losses in self._again if first <= steps]
        self._blocks.cut(steps)
        self._count_ends(0)
        self._single = min(self._single, steps)
        if steps >= self._before:
            self._recent.cut(steps - self._before)
            return
        # Further back than single losses reach: of those in the last, unfinished block nothing is known here any more.
        self._before, self._single = steps - steps % RECENT, steps
        self._recent.cut(0)
        self._recent.extend(np.full(steps - self._before, np.nan, np.float32))

    def put_again(self, first: int, losses: Losses) -> None:
        """Take the losses of long ago, from step `first` on, that were `wanted`."""
        self._again = [*self._again[1 - PARTS_KEPT :], (first, losses[: max(len(self) + 1 - first, 0)])]

    def losses(self, first: int, last: int) -> Losses | None:
        """(N,) the losses of these steps one by one, NaN where none was told; None where only blocks are known."""
        if first > self._single:
            return self._recent.values[first - 1 - self._before : last - self._before]
        for start, losses in self._again:
            if start <= first and last < start + len(losses):
                return losses[first - start : last + 1 - start]
        return None

    def at(self, step: int) -> float | None:
        """The loss of a step: NaN where there is none, None where only its block is known."""
        if not 1 <= step <= len(self):
            return math.nan
        found = self.losses(step, step)
        return float(found[0]) if found is not None else None

    def about(self, step: int) -> float:
        """The mean loss of the block that a step is in; NaN without one."""
        self._fill_blocks()
        block = (step - 1) // self._blocks.width
        return float(self._blocks.values[MEAN, block]) if 0 <= block < len(self._blocks) else math.nan

    def last(self) -> float:
        """The newest loss; NaN before there is one."""
        return float(self._recent.values[-1]) if len(self._recent) else math.nan

    def wanted(self, first: int, last: int, closest: float) -> tuple[int, int] | None:
        """Which steps should be read again to draw these, or to read one of them; None when nothing more is needed."""
        first, last = self._whole_block(max(first, 1)), min(last, len(self))
        size = last + 1 - first
        if self._coarse(closest) or not 0 < size <= MOST_AGAIN or self.losses(first, last) is not None:
            return None
        around = min(max(size // 2, LEAST_AROUND), (MOST_AGAIN - size) // 2)
        return max(first - around, 1), min(last + around, len(self))

    def _whole_block(self, step: int) -> int:
        """The first step of the block that a step is in."""
        return (step - 1) // self._blocks.width * self._blocks.width + 1

    def _coarse(self, closest: float) -> bool:
        """Whether blocks are fine enough for points that stand so close."""
        return closest >= BLOCKS_A_DOT * self._blocks.width

    # What is drawn. All points are finite, in the order of their steps.

    def extremes(self, first: int, last: int, closest: float) -> Points:
        """Every loss, or the least and the greatest of each block."""
        return self._drawn(first, last, closest, lambda blocks: (blocks[LOW], blocks[HIGH]))

    def samples(self, first: int, last: int, closest: float) -> Points:
        """Every loss, or the first and the greatest of each block."""
        return self._drawn(first, last, closest, lambda blocks: (blocks[FIRST], blocks[HIGH]))

    def _drawn(
        self, first: int, last: int, closest: float, of: Callable[[NDArray[np.float32]], tuple[Losses, Losses]]
    ) -> Points:
        first, last = max(first, 1), min(last, len(self))
        single = None if self._coarse(closest) else self.losses(first, last)
        if single is not None:
            return _finite(single, first)
        self._fill_blocks()
        width = self._blocks.width
        part = slice((first - 1) // width, -(-last // width))
        pairs = np.stack(of(self._blocks.values[:, part]), axis=1)
        x = np.repeat(np.arange(part.start, part.start + len(pairs)) * width + 1.0, 2)
        y = pairs.ravel().astype(np.float64)
        known = np.isfinite(y)
        x, y = x[known], y[known]
        if last > self._blocks.steps:
            rest = max(self._blocks.steps + 1, first)
            tail = _finite(self._recent.values[rest - 1 - self._before : last - self._before], rest)
            x, y = np.concatenate([x, tail[0]]), np.concatenate([y, tail[1]])
        return x, y

    def averaged(self, span: float, first: int, last: int, closest: float) -> Points:
        """The moving average over `span` steps after each of these steps, or after each block."""
        first, last = max(first, 1), min(last, len(self))
        if first > last:
            return np.empty(0), np.empty(0)
        means = self._block_averages(span)
        start, single = self._whole_block(first) - 1, self.losses(self._whole_block(first), last)
        if single is not None and not self._coarse(closest):
            lead = int(min(LEAD * span, LONGEST_LEAD))
            longer = max(start - lead, 0) // self._blocks.width * self._blocks.width
            if (more := self.losses(longer + 1, last)) is not None:
                start, single = longer, more
            return self._stepwise(means, span, start, single, first)
        ends = self._ends.values[0]
        part = slice(*np.searchsorted(ends, [first, last + self._blocks.width]))
        x, y = ends[part], means[part]
        if last > (done := self._blocks.steps):
            rest = self._recent.values[done - self._before : last - self._before]
            tail = self._stepwise(means, span, done, rest, max(first, done + 1))
            x, y = np.concatenate([x, tail[0]]), np.concatenate([y, tail[1]])
        return x, y

    def _stepwise(self, means: Floats, span: float, start: int, losses: Losses, first: int) -> Points:
        """One by one from the end of a block, at step `start`, on; what is before `first` is only counted."""
        x, y = _finite(losses, start + 1)
        index = int(np.searchsorted(self._ends.values[0], start, side="right"))
        before = (float(means[index - 1]), float(self._ends.values[1, index - 1])) if index else (0.0, 0.0)
        found = average(y, before[1] + np.arange(1.0, len(y) + 1), span, before)
        here = x >= first
        return x[here], found[here]

    def average_at(self, step: int, span: float) -> float:
        """The average after a step; where only its block is known, after that."""
        if not 1 <= step <= len(self):
            return math.nan
        _, y = self.averaged(span, step, step, 0.0)
        return float(y[0]) if len(y) else math.nan

    def _block_averages(self, span: float) -> Floats:
        """(N,) the averages at `_ends`, taken up where they were."""
        self._fill_blocks()
        known = self._averages.pop(span, None) or GrowableArray(np.float64)
        done, (_, seen) = len(known), self._ends.values
        before = (float(known.values[-1]), float(seen[done - 1])) if done else (0.0, 0.0)
        means = self._blocks.values[MEAN]
        known.extend(average(means[means == means][done:], seen[done:], span, before))
        self._averages[span] = known  # the newest last
        while len(self._averages) > SPANS_KEPT:
            self._averages.pop(next(iter(self._averages)))
        return known.values


def _finite(losses: Losses, first: int) -> Points:
    """Step numbers and values of the finite ones among `losses`, of which the first is that of step `first`."""
    known = np.flatnonzero(np.isfinite(losses))
    return (known + first).astype(np.float64), losses[known].astype(np.float64)
