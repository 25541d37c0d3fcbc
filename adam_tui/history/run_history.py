"""What a run has told so far, folded event by event into what the screen draws.

Folding is incremental: a watched run costs what is new, and a run that is opened again the same once over. What is
kept of it is bounded, however long it goes on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adam_tui.history.loss_curve import LossCurve
from adam_tui.history.metrics_reader import Losses, Told
from adam_tui.history.series import EpochResult, Epochs, Floats, WorkClock
from adam_tui.runs.protocol import (
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

# Steps a second are those of the last so many seconds of work: long enough to be calm, short enough to notice.
RATE_SECONDS = 10.0
# Lines that are lost leave a gap of a few hundred steps; a larger one is a damaged line, not a run.
MOST_STEPS_LOST = 1_000_000
LONGEST_SILENCE = 120.0  # seconds between two events of a process at work, and one more a step that is told
MOST_CHANGES = 1000  # of hyperparameters, that are kept
MOST_LAYERS = 256  # epochs of which is kept how far the weights moved; then every second one goes
MOST_STRETCHES = 400  # pieces of work that the pace is of, where they are very short


News = Literal["losses", "sample", "more"]
NEWS: dict[type[Event], News] = {Steps: "losses", Sample: "sample"}


class RunHistory:
    """The curves and numbers of one run. `now` arguments are in seconds since 1970, as the events' times.

    With `whole` False the losses are not kept: a table of a hundred runs then costs little memory.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self.whole = whole
        self.curve = LossCurve()
        self.epochs = Epochs()
        self.layers: list[Layers] = []  # one an epoch
        self.changes: list[Changed] = []
        self._older_changes: dict[str, float] = {}  # what was set before the changes that are kept
        self.started: Started | None = None
        self.sample: Sample | None = None
        self.diverged_at: int | None = None
        self.end: Ended | None = None
        self.paused = False
        self.step = 0
        self.last_loss = math.nan
        self.clock = WorkClock()
        self.worked = 0.0  # seconds, pauses and the time between two processes left out
        self._last_time: float | None = None  # of the last event while it works; None while it does not
        self._recent: deque[tuple[float, float]] = deque()  # (seconds, steps) of the last stretches of work
        self._recent_seconds = 0.0
        self._news: set[News] = set()

    def fold(self, events: Iterable[Told]) -> None:
        """Take in new events, in the order in which they were told."""
        for event in events:
            if isinstance(event, Losses):
                self._take_losses(event)
                self._news.add("losses")
            elif math.isfinite(event.time):
                self._take(event)
                self._news.add(NEWS.get(type(event), "more"))

    def put_again(self, first: int, losses: NDArray[np.float32]) -> None:
        """Losses of long ago, from step `first` on, were read again."""
        self.curve.put_again(first, losses)
        self._news.add("losses")

    def take_news(self) -> set[News]:
        """What has become known since the last call: losses, what the samples are taken for, or more than that."""
        news, self._news = self._news, set()
        return news

    def _take(self, event: Event) -> None:
        if isinstance(event, Steps):
            told = np.array(event.losses, np.float64)
            self._take_losses(Losses(np.array([event.time]), np.array([event.step], np.float64), told))
            return
        if isinstance(event, Started):  # whatever happened to the process before this one was no work
            self._last_time = None
        self._work(np.array([event.time]), np.zeros(1))
        match event:
            case Started():
                self._take_up(event)
            case Epoch():
                self.epochs.tell(event)
                self.step = max(self.step, event.step)
            case Layers():
                self._take_layers(event)
            case Sample():
                self.sample = event
            case Changed():
                self._take_change(event)
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

    def _work(self, times: Floats, steps: Floats) -> Floats:
        """Something was told at these times (N,) of so many steps (N,) each: the seconds of work (N,) before each."""
        before = float(times[0]) if self._last_time is None else self._last_time
        latest = np.maximum.accumulate(np.concatenate([[before], times]))
        longest = LONGEST_SILENCE + np.maximum(steps, 0.0)
        if (np.abs(times - latest[:-1]) < longest).all():
            seconds, self._last_time = np.diff(latest), float(latest[-1])
        else:
            told = zip(times.tolist(), longest.tolist(), strict=True)
            seconds = np.array([self._work_until(time, silence) for time, silence in told])
        self.worked += float(seconds.sum())
        return seconds

    def _work_until(self, time: float, longest: float) -> float:
        seconds = 0.0
        if self._last_time is None or abs(time - self._last_time) >= longest:
            self._last_time = time  # no step takes so long: the machine slept, or its clock was set
        elif time > self._last_time:
            seconds, self._last_time = time - self._last_time, time
        return seconds

    def _take_up(self, event: Started) -> None:
        """A process begins, or continues from a checkpoint: what was told of later steps no longer counts."""
        self.started, self.end, self.diverged_at, self.paused = event, None, None, False
        self.step = event.step
        self.curve.cut(event.step)
        self.clock.cut(event.step)
        self.epochs.cut(event.step)
        self.layers = [told for told in self.layers if told.step <= event.step]
        self.changes = [change for change in self.changes if change.step <= event.step]
        self._forget_the_pace()

    def _forget_the_pace(self) -> None:
        self._recent.clear()
        self._recent_seconds = 0.0

    def _take_layers(self, event: Layers) -> None:
        while self.layers and self.layers[-1].step >= event.step:
            self.layers.pop()
        if len(self.layers) >= MOST_LAYERS:
            del self.layers[1::2]
        self.layers.append(event)

    def _take_change(self, event: Changed) -> None:
        self.changes.append(event)
        if len(self.changes) > MOST_CHANGES:
            oldest = self.changes.pop(0)
            self._older_changes[oldest.parameter] = oldest.value

    def _take_losses(self, event: Losses) -> None:
        worked = self.worked
        steps = np.diff(event.steps, prepend=event.first - 1)
        seconds = self._work(event.times, steps)
        known = len(self.curve) if self.whole else self.step
        if not len(event.losses) or not 1 <= event.first <= known + 1 + MOST_STEPS_LOST:
            return
        stretches = list(zip(seconds.tolist(), steps.tolist(), strict=True))
        if event.first != self.step + 1:  # how long these took is known, but not from when on
            self._forget_the_pace()
            del stretches[0]
        self.step = int(event.steps[-1])
        self.last_loss = float(event.losses[-1])
        self.clock.tick(event.steps, worked + np.cumsum(seconds))
        if self.whole:
            self.curve.put(event.first, event.losses)
        for stretch in stretches[-MOST_STRETCHES:]:
            if stretch[0] > 0:
                self._recent.append(stretch)
                self._recent_seconds += stretch[0]
        while len(self._recent) > 1 and (
            self._recent_seconds - self._recent[0][0] > RATE_SECONDS or len(self._recent) > MOST_STRETCHES
        ):
            self._recent_seconds -= self._recent.popleft()[0]

    def forget_losses(self) -> None:
        """Nobody looks at the curve any more."""
        self.whole = False
        self.curve = LossCurve()

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
        changed = {change.parameter: change.value for change in self.changes}
        return {**spec.hyperparameters, **self._older_changes, **changed}

    @property
    def best(self) -> EpochResult | None:
        """The first epoch with the best test accuracy."""
        return self.epochs.best

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
