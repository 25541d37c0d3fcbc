"""metrics.jsonl as events for drawing, quickly: consecutive losses become arrays, and old steps can be read again.

Nearly all of a long run is losses: a million of them take a tenth of a second here. The format of a line is defined in
`runs.protocol` alone.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.runs.follower import POLL_BYTES, Follower
from adam_tui.runs.protocol import YEAR_3000, Event, Sample, Started, Steps, event_name, from_line, split_steps
from adam_tui.runs.run import Run

Floats = NDArray[np.float64]
# At first the index has an entry every 64 kB; when it is full, every second entry goes.
FIRST_INTERVAL, MAX_ENTRIES = 1 << 16, 4096
SLICE = 1 << 18  # bytes that are read again at once: about 4 ms
STEPS_LINES_KEPT = 2  # of a run whose losses are not drawn: enough for the newest loss and the speed


@dataclass(frozen=True, eq=False, slots=True)
class LossBlock:
    """The losses (N,) of consecutive steps up to `steps[-1]`; those up to `steps` (K,) were written at `times` (K,)."""

    times: Floats
    steps: Floats
    losses: Floats

    @property
    def first(self) -> int:
        """The step of the first loss."""
        return int(self.steps[-1]) - len(self.losses) + 1


Record = Event | LossBlock


class OffsetIndex:
    """Where in a file the lines with given steps begin: few entries, each near enough to read from."""

    def __init__(self) -> None:
        self._steps, self._offsets = array("q"), array("q")
        self._interval = FIRST_INTERVAL

    def add(self, step: int, offset: int) -> None:
        """The line at `offset` begins with the loss of `step`."""
        if self._offsets and offset - self._offsets[-1] < self._interval:
            return
        self._steps.append(step)
        self._offsets.append(offset)
        if len(self._steps) > MAX_ENTRIES:
            del self._steps[1::2], self._offsets[1::2]
            self._interval *= 2

    def cut(self, step: int) -> None:
        """Forget the steps after `step`: the file repeats them further down."""
        while self._steps and self._steps[-1] > step:
            self._steps.pop()
            self._offsets.pop()

    def around(self, first: int, last: int) -> tuple[int, int | None]:
        """The offsets between which these steps are written; None for the end of the file."""
        start = bisect_right(self._steps, first) - 1
        stop = bisect_right(self._steps, last)
        return self._offsets[start] if start >= 0 else 0, self._offsets[stop] if stop < len(self._offsets) else None


class MetricsReader:
    """Follows the metrics of one run; with `whole` it returns all losses, otherwise the last ones of each poll."""

    def __init__(self, run: Run, *, whole: bool) -> None:
        self.whole = whole
        self._follower = run.follow()
        self._index = OffsetIndex()
        self._reread: Reread | None = None

    @property
    def restarts(self) -> int:
        """How often the file was replaced by other content: earlier records are of another run then."""
        return self._follower.restarts

    def poll(self) -> list[Record] | None:
        """The new records, of at most 1 MiB; None when there are none."""
        restarts = self.restarts
        offset, lines = self._follower.poll_bytes()
        if self.restarts != restarts:
            self._index, self._reread = OffsetIndex(), None
        if not lines:
            return None
        return list(parse_lines(lines, self._index, offset) if self.whole else parse_lines(_without_most_losses(lines)))

    def reread(self, first: int, last: int) -> NDArray[np.float32] | None:
        """The losses (N,) of these steps, read again a slice a call; None while there is more to read."""
        if self._reread is None or (self._reread.first, self._reread.last) != (first, last):
            start, stop = self._index.around(first, last)
            self._reread = Reread(first, last, start, self._follower.offset if stop is None else stop)
        return self._reread.read_slice(self._follower)


class Reread:
    """A reading of old steps in progress. A step without a line keeps NaN."""

    def __init__(self, first: int, last: int, start: int, stop: int) -> None:
        self.first, self.last = first, last
        self._offset, self._stop = start, stop
        self._size = SLICE
        self._losses = np.full(last - first + 1, np.nan, np.float32)

    def read_slice(self, follower: Follower) -> NDArray[np.float32] | None:
        """Read one slice; the losses (N,) after the last one, None before."""
        lines = follower.read_again(self._offset, min(self._size, self._stop - self._offset))
        if not lines and self._size < self._stop - self._offset:  # a line is longer than the slice
            if self._size < POLL_BYTES:
                self._size *= 2
            else:  # and no event
                self._offset += self._size
            return None
        for record in parse_lines(lines):
            self._add(record)
        self._offset += sum(map(len, lines)) + len(lines)
        return self._losses if not lines or self._offset >= self._stop else None

    def _add(self, record: Record) -> None:
        if isinstance(record, Started):
            self._losses[max(record.step + 1 - self.first, 0) :] = np.nan
        elif isinstance(record, Steps | LossBlock):
            losses = np.asarray(record.losses, np.float64)
            begin = (record.first if isinstance(record, LossBlock) else record.step - len(losses) + 1) - self.first
            low, high = max(begin, 0), min(begin + len(losses), len(self._losses))
            if low < high:
                with np.errstate(over="ignore"):
                    self._losses[low:high] = losses[low - begin : high - begin]


def _without_most_losses(lines: Sequence[bytes]) -> list[bytes]:
    """The lines without those of losses, except the last few."""
    kept, losses = [], 0
    for line in reversed(lines):
        losses += (is_losses := event_name(line) == Steps.name)
        if not is_losses or losses <= STEPS_LINES_KEPT:
            kept.append(line)
    return kept[::-1]


def parse_lines(lines: Sequence[bytes], index: OffsetIndex | None = None, offset: int = 0) -> Iterator[Record]:
    """The records of lines that begin at `offset`, in their order; the losses of consecutive steps as one block.

    Leaves out torn lines, and all samples but the last: there is one every second. Adds the lines to `index`.
    """
    last_sample = next((i for i in range(len(lines) - 1, -1, -1) if event_name(lines[i]) == Sample.name), -1)
    pending: list[tuple[bytes, bytes, bytes]] = []
    for i, line in enumerate(lines):
        if parts := split_steps(line):
            pending.append(parts)
            if index is not None:
                index.add(int(parts[1]) - parts[2].count(b","), offset)
        elif i == last_sample or event_name(line) != Sample.name:
            yield from _join(pending)
            pending.clear()
            event = from_line(line)
            if event is not None:
                yield event
            if index is not None and isinstance(event, Started):
                index.cut(event.step)
            elif index is not None and isinstance(event, Steps) and event.losses:
                index.add(event.step - len(event.losses) + 1, offset)
        offset += len(line) + 1
    yield from _join(pending)


def _join(lines: Sequence[tuple[bytes, bytes, bytes]]) -> Iterator[LossBlock]:
    """Lines of losses, split into (time, step, losses), as few blocks; without the lines that are damaged."""
    first = 0
    steps = [int(step) for _, step, _ in lines]
    counts = [losses.count(b",") + 1 for _, _, losses in lines]
    for i in range(1, len(lines) + 1):
        if i == len(lines) or steps[i] - counts[i] != steps[i - 1]:
            yield from _loss_blocks(lines[first:i], steps[first:i])
            first = i


def _loss_blocks(lines: Sequence[tuple[bytes, bytes, bytes]], steps: list[int]) -> Iterator[LossBlock]:
    try:
        times = [float(time) for time, _, _ in lines]
        if max(times) >= YEAR_3000:
            raise ValueError("a time is too large")
        losses = json.loads(b"[" + b",".join(losses for _, _, losses in lines) + b"]")
        yield LossBlock(np.array(times), np.array(steps, np.float64), np.array(losses, np.float64))
    except (ValueError, OverflowError):  # a line is damaged: parse each on its own
        if len(lines) > 1:
            for line, step in zip(lines, steps, strict=True):
                yield from _loss_blocks([line], [step])
