"""The lines of metrics.jsonl as events, quickly; and where in the file which steps are told, to read them again.

Nearly all of a long run is losses: a million of them are a tenth of a second here, where an event for each line would
take three times as long. What is not written as the training process writes it goes the ordinary way.
"""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.runs.directory import Follower, Run
from adam_tui.runs.protocol import Event, Started, Steps, from_line

Floats = NDArray[np.float64]

# A line of finite losses; whatever else holds some is left to `from_line`.
LOSSES = re.compile(rb'\{"event":"steps","time":([0-9.]+),"step":([0-9]{1,15}),"losses":\[([-+.0-9e,]+)\]\}')
LOSSES_BEGIN, SAMPLE_BEGIN = b'{"event":"steps"', b'{"event":"sample"'
# Bytes from one known place in the file to the next, at first, and places at most: then every second one goes.
FIRST_APART, MOST_PLACES = 1 << 16, 4096
SLICE = 1 << 18  # bytes that are read again at once: about 4 ms


@dataclass(frozen=True, eq=False, slots=True)
class Losses:
    """The losses (N,) of consecutive steps up to `steps[-1]`; at `times` (K,) those up to `steps` (K,) were told."""

    times: Floats
    steps: Floats
    losses: Floats

    @property
    def first(self) -> int:
        """The first loss is that of this step."""
        return int(self.steps[-1]) - len(self.losses) + 1


Told = Event | Losses


class OffsetIndex:
    """Where in a file the lines begin that tell which steps: few enough places to keep, near enough to read from."""

    def __init__(self) -> None:
        self._steps, self._offsets = array("q"), array("q")
        self._apart = FIRST_APART

    def note(self, step: int, offset: int) -> None:
        """The line at `offset` tells of `step` and of later ones."""
        if self._offsets and offset - self._offsets[-1] < self._apart:
            return
        self._steps.append(step)
        self._offsets.append(offset)
        if len(self._steps) > MOST_PLACES:
            del self._steps[1::2], self._offsets[1::2]
            self._apart *= 2

    def cut(self, step: int) -> None:
        """What was told of steps after this one no longer counts; they are told again further down."""
        while self._steps and self._steps[-1] > step:
            self._steps.pop()
            self._offsets.pop()

    def around(self, first: int, last: int) -> tuple[int, int | None]:
        """From where to where these steps are told; None is the end of the file."""
        start = bisect_right(self._steps, first) - 1
        stop = bisect_right(self._steps, last)
        return self._offsets[start] if start >= 0 else 0, self._offsets[stop] if stop < len(self._offsets) else None


class Reader:
    """Follows one run's metrics; with `whole` it reads all losses, else of each piece only the last ones."""

    def __init__(self, run: Run, *, whole: bool) -> None:
        self.whole = whole
        self._follower = Follower(run)
        self._places = OffsetIndex()
        self._look: Reread | None = None

    def poll(self) -> list[Told] | None:
        """What is new, at most 1 MiB of it; None when nothing is."""
        offset, lines = self._follower.poll_bytes()
        if not lines:
            return None
        if offset == 0:
            self._places, self._look = OffsetIndex(), None
        return list(told(lines, self._places, offset) if self.whole else told(_without_most_losses(lines)))

    def look(self, first: int, last: int) -> NDArray[np.float32] | None:
        """The losses (N,) of these steps, read again a little at each call; None while there is more to read."""
        if self._look is None or (self._look.first, self._look.last) != (first, last):
            start, stop = self._places.around(first, last)
            self._look = Reread(first, last, start, self._follower.offset if stop is None else stop)
        return self._look.go_on(self._follower)


class Reread:
    """A few steps of long ago being read again: NaN where none is told."""

    def __init__(self, first: int, last: int, start: int, stop: int) -> None:
        self.first, self.last = first, last
        self._offset, self._stop = start, stop
        self._size = SLICE
        self._losses = np.full(last - first + 1, np.nan, np.float32)

    def go_on(self, file: Follower) -> NDArray[np.float32] | None:
        """Read one slice more; the losses when it was the last one."""
        lines = file.read_again(self._offset, min(self._size, self._stop - self._offset))
        if not lines and self._size < self._stop - self._offset:  # a line longer than that
            self._size *= 2
            return None
        for event in told(lines):
            self._take(event)
        self._offset += sum(map(len, lines)) + len(lines)
        return self._losses if not lines or self._offset >= self._stop else None

    def _take(self, event: Told) -> None:
        if isinstance(event, Started):
            self._losses[max(event.step + 1 - self.first, 0) :] = np.nan
        elif isinstance(event, Steps | Losses):
            losses = np.asarray(event.losses, np.float64)
            begin = (event.first if isinstance(event, Losses) else event.step - len(losses) + 1) - self.first
            low, high = max(begin, 0), min(begin + len(losses), len(self._losses))
            if low < high:
                with np.errstate(over="ignore"):
                    self._losses[low:high] = losses[low - begin : high - begin]


def _without_most_losses(lines: Sequence[bytes]) -> list[bytes]:
    """Of the losses the last two lines only: enough for the newest loss and the pace."""
    kept, losses = [], 0
    for line in reversed(lines):
        losses += (is_losses := line.startswith(LOSSES_BEGIN))
        if not is_losses or losses <= 2:
            kept.append(line)
    return kept[::-1]


def told(lines: Sequence[bytes], places: OffsetIndex | None = None, offset: int = 0) -> Iterator[Told]:
    """The events of lines that begin at `offset`, in their order; consecutive steps as one.

    Torn lines are left out, and of the samples, which are told every second, all but the last.
    """
    last_sample = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].startswith(SAMPLE_BEGIN)), -1)
    waiting: list[tuple[bytes, bytes, bytes]] = []
    for i, line in enumerate(lines):
        if found := LOSSES.fullmatch(line):
            waiting.append(found.groups())  # type: ignore[arg-type]
            if places is not None:
                places.note(int(found[2]) - found[3].count(b","), offset)
        elif i == last_sample or not line.startswith(SAMPLE_BEGIN):
            yield from _joined(waiting)
            waiting.clear()
            event = from_line(line.decode("utf-8", "replace"))
            if event is not None:
                yield event
            if places is not None and isinstance(event, Started):
                places.cut(event.step)
        offset += len(line) + 1
    yield from _joined(waiting)


def _joined(lines: Sequence[tuple[bytes, bytes, bytes]]) -> Iterator[Told]:
    """Lines of losses, (time, step, losses) each, as few events; where some cannot be read, the others."""
    first = 0
    steps = [int(step) for _, step, _ in lines]
    counts = [losses.count(b",") + 1 for _, _, losses in lines]
    for i in range(1, len(lines) + 1):
        if i == len(lines) or steps[i] - counts[i] != steps[i - 1]:
            yield from _read(lines[first:i], steps[first:i])
            first = i


def _read(lines: Sequence[tuple[bytes, bytes, bytes]], steps: list[int]) -> Iterator[Losses]:
    try:
        times = [float(time) for time, _, _ in lines]
        losses = json.loads(b"[" + b",".join(losses for _, _, losses in lines) + b"]")
        yield Losses(np.array(times), np.array(steps, np.float64), np.array(losses, np.float64))
    except (ValueError, OverflowError):  # damaged: one by one, or not at all
        if len(lines) > 1:
            for line, step in zip(lines, steps, strict=True):
                yield from _read([line], [step])
