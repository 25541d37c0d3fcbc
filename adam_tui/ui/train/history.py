"""What a run has told so far, folded event by event into what the screen draws.

Folding is incremental: a watched run costs what is new, and a run that is opened again the same once over.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from adam_tui.training.protocol import (
    Changed,
    Checkpointed,
    Diverged,
    Ended,
    Epoch,
    Event,
    Layers,
    Paused,
    Resumed,
    RunSpec,
    Sample,
    Started,
    Steps,
)
from adam_tui.ui.train.curve import Growing, LossCurve

Floats = NDArray[np.float64]

# Steps a second are those of the last so many seconds of work: long enough to be calm, short enough to notice.
RATE_SECONDS = 10.0
# Lines that are lost leave a gap of a few hundred steps; a larger one is a damaged line, not a run.
MOST_STEPS_LOST = 1_000_000
LONGEST_SILENCE = 120.0  # seconds between two events of a process at work, and one more a step
MOST_CHANGES = 1000  # of hyperparameters, that are kept


class Clock:
    """When a run was where: steps and seconds of work, to draw one over the other."""

    def __init__(self) -> None:
        self._steps, self._seconds = Growing(np.float64), Growing(np.float64)

    def tick(self, step: int, seconds: float) -> None:
        """After so many seconds of work `step` steps were taken."""
        if not len(self._steps) or step > self._steps.values[-1]:
            self._steps.extend(np.array([step], np.float64))
            self._seconds.extend(np.array([seconds]))

    def cut(self, step: int) -> None:
        """Forget what came after a step."""
        size = int(np.searchsorted(self._steps.values, step, side="right"))
        self._steps.cut(size)
        self._seconds.cut(size)

    def seconds(self, steps: Floats) -> Floats:
        """(N,) seconds of work at these steps; what is not told yet goes on at the mean pace."""
        if not len(self._steps):
            return np.zeros(len(steps))
        known, seconds = self._steps.values, self._seconds.values
        inside = np.interp(steps, np.concatenate([[0.0], known]), np.concatenate([[0.0], seconds]))
        beyond = np.maximum(steps - known[-1], 0.0) * (seconds[-1] / known[-1])
        return np.asarray(inside + beyond)

    def step(self, seconds: float) -> int:
        """The step that was taken at a second of work, at most the last one."""
        known, at = self._steps.values, self._seconds.values
        return round(float(np.interp(seconds, np.concatenate([[0.0], at]), np.concatenate([[0.0], known]))))


class RunHistory:
    """The curves and numbers of one run. `now` arguments are in seconds since 1970, as the events' times.

    With `whole` False the losses are not kept: a table of a hundred runs then costs little memory.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self.whole = whole
        self.curve = LossCurve()
        self.epochs: list[Epoch] = []
        self.layers: list[Layers] = []  # one an epoch
        self.changes: list[Changed] = []
        self.started: Started | None = None
        self.sample: Sample | None = None
        self.diverged_at: int | None = None
        self.end: Ended | None = None
        self.paused = False
        self.step = 0
        self.last_loss = math.nan
        self.clock = Clock()
        self.worked = 0.0  # seconds, pauses and the time between two processes left out
        self._last_time: float | None = None  # of the last event while it works; None while it does not
        self._recent: deque[tuple[float, int]] = deque()  # (seconds, steps) of the last stretches of work
        self._recent_seconds = 0.0

    def fold(self, events: Iterable[Event]) -> None:
        """Take in new events, in the order in which they were told."""
        for event in events:
            if math.isfinite(event.time):
                self._take(event)

    def _take(self, event: Event) -> None:
        seconds, longest = 0.0, LONGEST_SILENCE + (len(event.losses) if isinstance(event, Steps) else 0)
        if self._last_time is None or abs(event.time - self._last_time) >= longest:
            self._last_time = event.time  # no step takes so long: the machine slept, or its clock was set
        elif event.time > self._last_time:
            seconds, self._last_time = event.time - self._last_time, event.time
        self.worked += seconds
        match event:
            case Started():
                self._take_up(event)
            case Steps():
                self._take_steps(event, seconds)
            case Epoch():
                self.epochs = [known for known in self.epochs if known.epoch < event.epoch]
                self.epochs.append(event)
                self.step = max(self.step, event.step)
            case Layers():
                self.layers = [known for known in self.layers if known.step < event.step]
                self.layers.append(event)
            case Sample():
                self.sample = event
            case Changed():
                self.changes = [*self.changes[-MOST_CHANGES + 1 :], event]
            case Diverged():
                self.diverged_at = event.step
            case Paused():
                self.paused, self._last_time = True, None
            case Resumed():
                self.paused = False
            case Ended():
                self.end, self._last_time = event, None
            case Checkpointed():
                pass

    def _take_up(self, event: Started) -> None:
        """A process begins, or continues from a checkpoint: what was told of later steps no longer counts."""
        self.started, self.end, self.diverged_at, self.paused = event, None, None, False
        self.step = event.step
        self.curve.cut(event.step)
        self.clock.cut(event.step)
        self.epochs = [epoch for epoch in self.epochs if epoch.step <= event.step]
        self.layers = [told for told in self.layers if told.step <= event.step]
        self.changes = [change for change in self.changes if change.step <= event.step]
        self._recent.clear()
        self._recent_seconds = 0.0

    def _take_steps(self, event: Steps, seconds: float) -> None:
        first = event.step - len(event.losses) + 1
        known = len(self.curve) if self.whole else self.step
        if not event.losses or not 1 <= first <= known + 1 + MOST_STEPS_LOST:
            return
        steps = event.step - self.step
        self.step = event.step
        self.last_loss = event.losses[-1]
        self.clock.tick(event.step, self.worked)
        if self.whole:
            self.curve.put(first, np.array(event.losses, np.float64))
        if seconds > 0 and steps > 0:
            self._recent.append((seconds, steps))
            self._recent_seconds += seconds
        while len(self._recent) > 1 and self._recent_seconds - self._recent[0][0] > RATE_SECONDS:
            self._recent_seconds -= self._recent.popleft()[0]

    # What follows from it.

    @property
    def steps_per_epoch(self) -> int | None:
        """Steps an epoch; None before the process has told."""
        return max(self.started.steps_per_epoch, 1) if self.started else None

    @property
    def total_steps(self) -> int | None:
        """Steps of the whole run; None before the process has told."""
        per_epoch = self.steps_per_epoch
        return per_epoch * max(self.started.spec.epochs, 1) if self.started and per_epoch else None

    def settings(self, spec: RunSpec) -> dict[str, float]:
        """The hyperparameters as they are now: the spec's with what was set on the way."""
        return {**spec.hyperparameters, **{change.parameter: change.value for change in self.changes}}

    def epoch_at(self, step: int) -> Epoch | None:
        """The last epoch that was over at a step."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.step <= step), None)

    @property
    def best(self) -> Epoch | None:
        """The first epoch with the best test accuracy."""
        known = [epoch for epoch in self.epochs if math.isfinite(epoch.test_accuracy)]
        return max(known, key=lambda epoch: epoch.test_accuracy, default=None)

    @property
    def steps_per_second(self) -> float | None:
        """The pace of training alone, of the last ten seconds of work; None before it is known."""
        if self._recent_seconds <= 0:
            return None
        return sum(steps for _, steps in self._recent) / self._recent_seconds

    @property
    def samples_per_second(self) -> float | None:
        """Training images a second: of late, or of the last epoch when the run is over."""
        if self.end is not None and self.epochs:
            return self.epochs[-1].samples_per_second
        pace = self.steps_per_second
        return pace * self.started.spec.batch_size if pace is not None and self.started else None

    def elapsed(self, now: float) -> float:
        """Seconds of work so far, pauses left out."""
        return self.worked + self._since(now)

    def _since(self, now: float) -> float:
        """Seconds of work since the last event; none when the clocks of the two cannot be compared."""
        seconds = now - self._last_time if self._last_time is not None else 0.0
        return seconds if 0.0 < seconds < LONGEST_SILENCE else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Seconds to the end of the run: the steps that are left, and the tests after each epoch; None if unknown."""
        pace, total, per_epoch = self.steps_per_second, self.total_steps, self.steps_per_epoch
        if self.end is not None or self.started is None or pace is None or total is None or per_epoch is None:
            return None
        left = (total - self.step) / pace
        if self.epochs:
            last = self.epochs[-1]
            # The epoch's seconds are those of training and testing; what training did not take, the test took.
            training = per_epoch * self.started.spec.batch_size / max(last.samples_per_second, 1e-9)
            testing = min(max(last.seconds - training, 0.0), last.seconds)
            left += (self.started.spec.epochs - len(self.epochs)) * testing
        return max(left - self._since(now), 0.0)
