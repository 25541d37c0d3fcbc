"""The loss curve of a run of any length: bounded in memory, quick to draw, exact in every part that is zoomed into.

The newest losses are kept one by one. The whole run is kept in blocks of steps whose width doubles as it grows: the
least, greatest, mean and first loss of each. A zoom into an older part needs single steps, which are read again from
the run's file (`missing_steps`, `add_reread`); until then the blocks are drawn.
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

# At least so many of the newest losses are kept one by one, and at most twice as many: all losses of a run of 50
# epochs. A multiple of the width of every block.
RECENT = 1 << 16
# With the 17 million steps of a day on two cores each block is 2,048 steps wide.
MAX_BLOCKS = 1 << 14
FIRST_WIDTH = 8  # steps of a block at the start of a run
BLOCKS_PER_DOT = 2  # with so many blocks in the width of a dot the blocks are invisible
LEAD = 6  # spans before the first point of an average: earlier steps have a weight of 6e-6
MAX_LEAD = 1 << 15  # steps; the average over blocks covers those before
REREAD_PARTS = 3  # parts that were read again and are kept
MAX_REREAD = 1 << 18  # steps of such a part: 1 MB in memory, 4 MB of the file
MARGIN = 2048  # steps that are read on both sides of the requested ones, because the user moves on to them next
SPANS_KEPT = 2
# The rows of `Blocks.values`.
LOW, HIGH, MEAN, KNOWN, FIRST = range(5)


class Blocks:
    """Summaries of a growing series in blocks of `width` steps, over its finite losses; NaN for a block without any."""

    def __init__(self) -> None:
        self.width = FIRST_WIDTH
        self._summaries = GrowableArray(np.float32, 5)

    def __len__(self) -> int:
        return len(self._summaries)

    @property
    def steps(self) -> int:
        """The number of steps that the blocks cover."""
        return len(self._summaries) * self.width

    @property
    def values(self) -> NDArray[np.float32]:
        """View (5, N) with the rows LOW, HIGH, MEAN, KNOWN (the number of finite losses) and FIRST."""
        return self._summaries.values

    def extend(self, losses: Losses) -> None:
        """Add as many blocks as the next losses fill."""
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
        self._summaries.extend(np.stack([low, high, mean, known, first]))
        while len(self._summaries) > MAX_BLOCKS:
            self._double()

    def _double(self) -> None:
        """Join neighbouring blocks; a single one at the end is dropped and made again from its losses."""
        pairs = len(self._summaries) // 2
        left, right = (self._summaries.values[:, i : 2 * pairs : 2].copy() for i in (0, 1))
        joined = np.stack(
            [
                np.fmin(left[LOW], right[LOW]),
                np.fmax(left[HIGH], right[HIGH]),
                _mean_of_both(left, right),
                left[KNOWN] + right[KNOWN],
                np.where(left[KNOWN] > 0, left[FIRST], right[FIRST]),
            ]
        )
        self._summaries.cut(0)
        self._summaries.extend(joined)
        self.width *= 2

    def cut(self, steps: int) -> None:
        """Forget the blocks that reach beyond step number `steps`."""
        self._summaries.cut(steps // self.width)


def _mean_of_both(left: NDArray[np.float32], right: NDArray[np.float32]) -> Floats:
    known = (left[KNOWN] + right[KNOWN]).astype(np.float64)
    total = sum(np.where(part[KNOWN] > 0, part[MEAN], 0).astype(np.float64) * part[KNOWN] for part in (left, right))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / known)


class LossCurve:
    """The losses of a run by step, counted from 1, and their moving average.

    The argument `spacing` of the drawing methods is the number of steps between two dots of the chart: points that
    are closer together cannot be distinguished.
    """

    def __init__(self) -> None:
        self.first = math.nan  # the loss of the first step
        self._recent = GrowableArray()
        self._before = 0  # number of steps before those in `_recent`
        self._single = 0  # number of steps before the first one that is kept one by one
        self._blocks = Blocks()
        # For the blocks with a finite loss: the last step, and the number of finite losses up to it; and by span the
        # averages there.
        self._ends = GrowableArray(np.float64, 2)
        self._averages: dict[float, GrowableArray] = {}
        self._reread: list[tuple[int, Losses]] = []  # first step and losses of the parts that were read again

    def __len__(self) -> int:
        return self._before + len(self._recent)

    def add(self, first: int, losses: NDArray[np.floating]) -> None:
        """Add the losses from step `first` on. They replace known ones from there; steps before without one are NaN."""
        self.cut(first - 1)
        while (missing := first - 1 - len(self)) > 0:
            self._append(np.full(min(missing, RECENT), np.nan, np.float32))
        for start in range(0, len(losses), RECENT):
            self._append(losses[start : start + RECENT])

    def _append(self, losses: NDArray[np.floating]) -> None:
        """Append at most `RECENT` losses."""
        if not len(self) and len(losses):
            self.first = float(losses[0])
        if len(self._recent) + len(losses) > 2 * RECENT:
            self._fill_blocks()
            self._recent.forget(RECENT)
            self._before += RECENT
            self._single = max(self._single, self._before)
        self._recent.extend(losses)

    def _fill_blocks(self) -> None:
        """Add the blocks that the newest losses fill."""
        before, width = len(self._blocks), self._blocks.width
        self._blocks.extend(self._recent.values[self._blocks.steps - self._before :])
        if self._blocks.width != width:
            self._forget_averages()
            before = 0
        self._count_ends(before)

    def _count_ends(self, first: int) -> None:
        """Extend `_ends` by the blocks from number `first` on."""
        known = self._blocks.values[KNOWN, first:]
        filled = np.flatnonzero(known > 0)
        before = float(self._ends.values[1, -1]) if len(self._ends) else 0.0
        counts = before + np.cumsum(known[filled], dtype=np.float64)
        self._ends.extend(np.stack([(filled + first + 1) * float(self._blocks.width), counts]))

    def _forget_averages(self) -> None:
        self._ends.cut(0)
        self._averages.clear()

    def cut(self, steps: int) -> None:
        """Forget the steps after number `steps`."""
        if steps >= len(self):
            return
        self._forget_averages()
        self._reread = [(first, losses[: steps + 1 - first]) for first, losses in self._reread if first <= steps]
        self._blocks.cut(steps)
        self._count_ends(0)
        self._single = min(self._single, steps)
        if steps >= self._before:
            self._recent.cut(steps - self._before)
            return
        # The single losses do not reach back so far: those of the last, unfinished block are unknown from now on.
        self._before, self._single = steps - steps % RECENT, steps
        self._recent.cut(0)
        self._recent.extend(np.full(steps - self._before, np.nan, np.float32))

    def add_reread(self, first: int, losses: Losses) -> None:
        """Keep losses from step `first` on that were read again because they were in `missing_steps`."""
        self._reread = [*self._reread[1 - REREAD_PARTS :], (first, losses[: max(len(self) + 1 - first, 0)])]

    def losses(self, first: int, last: int) -> Losses | None:
        """(N,) the losses of these steps, NaN for a step without one; None where only blocks are kept."""
        if first > self._single:
            return self._recent.values[first - 1 - self._before : last - self._before]
        for start, losses in self._reread:
            if start <= first and last < start + len(losses):
                return losses[first - start : last + 1 - start]
        return None

    def at(self, step: int) -> float | None:
        """The loss of a step: NaN without one, None where only its block is kept."""
        if not 1 <= step <= len(self):
            return math.nan
        losses = self.losses(step, step)
        return float(losses[0]) if losses is not None else None

    def block_mean(self, step: int) -> float:
        """The mean loss of the block that holds a step; NaN without one."""
        self._fill_blocks()
        block = (step - 1) // self._blocks.width
        return float(self._blocks.values[MEAN, block]) if 0 <= block < len(self._blocks) else math.nan

    def last(self) -> float:
        """The newest loss; NaN before the first."""
        return float(self._recent.values[-1]) if len(self._recent) else math.nan

    def missing_steps(self, first: int, last: int, spacing: float) -> tuple[int, int] | None:
        """The range of steps that must be read again to draw these steps; None when nothing is missing."""
        first, last = self._block_start(max(first, 1)), min(last, len(self))
        size = last + 1 - first
        if self._blocks_suffice(spacing) or not 0 < size <= MAX_REREAD or self.losses(first, last) is not None:
            return None
        margin = min(max(size // 2, MARGIN), (MAX_REREAD - size) // 2)
        return max(first - margin, 1), min(last + margin, len(self))

    def _block_start(self, step: int) -> int:
        """The first step of the block that holds a step."""
        return (step - 1) // self._blocks.width * self._blocks.width + 1

    def _blocks_suffice(self, spacing: float) -> bool:
        """Whether blocks look the same as single steps with this spacing."""
        return spacing >= BLOCKS_PER_DOT * self._blocks.width

    # The points of the chart. All are finite, in the order of their steps.

    def extremes(self, first: int, last: int, spacing: float) -> Points:
        """Every loss, or the least and the greatest loss of each block."""
        return self._points(first, last, spacing, lambda blocks: (blocks[LOW], blocks[HIGH]))

    def samples(self, first: int, last: int, spacing: float) -> Points:
        """Every loss, or the first and the greatest loss of each block."""
        return self._points(first, last, spacing, lambda blocks: (blocks[FIRST], blocks[HIGH]))

    def _points(
        self, first: int, last: int, spacing: float, pick: Callable[[NDArray[np.float32]], tuple[Losses, Losses]]
    ) -> Points:
        first, last = max(first, 1), min(last, len(self))
        single = None if self._blocks_suffice(spacing) else self.losses(first, last)
        if single is not None:
            return _finite(single, first)
        self._fill_blocks()
        width = self._blocks.width
        part = slice((first - 1) // width, -(-last // width))
        pairs = np.stack(pick(self._blocks.values[:, part]), axis=1)
        x = np.repeat(np.arange(part.start, part.start + len(pairs)) * width + 1.0, 2)
        y = pairs.ravel().astype(np.float64)
        known = np.isfinite(y)
        x, y = x[known], y[known]
        if last > self._blocks.steps:
            rest = max(self._blocks.steps + 1, first)
            tail = _finite(self._recent.values[rest - 1 - self._before : last - self._before], rest)
            x, y = np.concatenate([x, tail[0]]), np.concatenate([y, tail[1]])
        return x, y

    def averaged(self, span: float, first: int, last: int, spacing: float) -> Points:
        """The moving average over `span` steps, after each of these steps or after each block."""
        first, last = max(first, 1), min(last, len(self))
        if first > last:
            return np.empty(0), np.empty(0)
        means = self._block_averages(span)
        start, single = self._block_start(first) - 1, self.losses(self._block_start(first), last)
        if single is not None and not self._blocks_suffice(spacing):
            lead = int(min(LEAD * span, MAX_LEAD))
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
        """The average step by step from `start`, the end of a block, on; points before `first` are left out."""
        x, y = _finite(losses, start + 1)
        index = int(np.searchsorted(self._ends.values[0], start, side="right"))
        before = (float(means[index - 1]), float(self._ends.values[1, index - 1])) if index else (0.0, 0.0)
        averages = average(y, before[1] + np.arange(1.0, len(y) + 1), span, before)
        shown = x >= first
        return x[shown], averages[shown]

    def average_at(self, step: int, span: float) -> float:
        """The average after a step, or after its block where only that is kept."""
        if not 1 <= step <= len(self):
            return math.nan
        _, y = self.averaged(span, step, step, 0.0)
        return float(y[0]) if len(y) else math.nan

    def _block_averages(self, span: float) -> Floats:
        """(N,) the averages at `_ends`; only new blocks are computed."""
        self._fill_blocks()
        known = self._averages.pop(span, None) or GrowableArray(np.float64)
        done, (_, counts) = len(known), self._ends.values
        before = (float(known.values[-1]), float(counts[done - 1])) if done else (0.0, 0.0)
        means = self._blocks.values[MEAN]
        known.extend(average(means[means == means][done:], counts[done:], span, before))
        self._averages[span] = known  # the newest last
        while len(self._averages) > SPANS_KEPT:
            self._averages.pop(next(iter(self._averages)))
        return known.values


def _finite(losses: Losses, first: int) -> Points:
    """The steps and values of the finite losses; the first loss is that of step `first`."""
    known = np.flatnonzero(np.isfinite(losses))
    return (known + first).astype(np.float64), losses[known].astype(np.float64)
