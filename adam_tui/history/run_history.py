"""The history of one run: its records, folded one by one into the curves and numbers that the screen draws.

A poll of a running run costs only its new records. Memory is bounded, however long the run is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adam_tui.history.loss_curve import LossCurve
from adam_tui.history.metrics_reader import LossBlock, Record
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

# The speed is measured over so many seconds of work: long enough to be steady, short enough to show a change.
RATE_SECONDS = 10.0
# Lost lines leave a gap of a few hundred steps; a larger gap comes from a damaged line.
MAX_GAP = 1_000_000
MAX_SILENCE = 120.0  # seconds of work between two events, and one more for each step
MAX_CHANGES = 1000  # of hyperparameters
MAX_LAYERS = 256  # epochs; when it is full, every second one goes
MAX_STRETCHES = 400  # of work in the speed, if they are very short

Dirty = Literal["losses", "sample", "other"]  # the parts of a history that a drawing depends on
DIRTY: dict[type[Event], Dirty] = {Steps: "losses", Sample: "sample"}


class RunHistory:
    """The curves and numbers of one run. The arguments `now` are in seconds since 1970, as the times of events are.

    Without `whole` the losses are not kept, so that a table of a hundred runs needs little memory.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self.whole = whole
        self.curve = LossCurve()
        self.epochs = Epochs()
        self.layers: list[Layers] = []  # one for each epoch
        self.changes: list[Changed] = []
        self._older_changes: dict[str, float] = {}  # values set before the first of `changes`
        self.started: Started | None = None
        self.sample: Sample | None = None
        self.diverged_at: int | None = None
        self.end: Ended | None = None
        self.paused = False
        self.step = 0
        self.last_loss = math.nan
        self.clock = WorkClock()
        self.work_seconds = 0.0  # without pauses and the time between two processes
        self._last_time: float | None = None  # of the last event; None during a pause and before a process starts
        self._recent: deque[tuple[float, float]] = deque()  # (seconds, steps) of the latest stretches of work
        self._recent_seconds = 0.0
        self._dirty: set[Dirty] = set()

    def fold(self, records: Iterable[Record]) -> None:
        """Fold new records into the history, in the order of the file."""
        for record in records:
            if isinstance(record, LossBlock):
                self._fold_losses(record)
                self._dirty.add("losses")
            elif math.isfinite(record.time):
                self._fold_event(record)
                self._dirty.add(DIRTY.get(type(record), "other"))

    def add_reread(self, first: int, losses: NDArray[np.float32]) -> None:
        """Add old losses from step `first` on that were read again."""
        self.curve.add_reread(first, losses)
        self._dirty.add("losses")

    def take_dirty(self) -> set[Dirty]:
        """The parts that changed since the last call: losses, the predictions for the samples, or anything else."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    def _fold_event(self, event: Event) -> None:
        if isinstance(event, Steps):
            losses = np.array(event.losses, np.float64)
            self._fold_losses(LossBlock(np.array([event.time]), np.array([event.step], np.float64), losses))
            return
        if isinstance(event, Started):  # the time since the process before this one is not work
            self._last_time = None
        self._add_work(np.array([event.time]), np.zeros(1))
        match event:
            case Started():
                self._restart(event)
            case Epoch():
                self.epochs.add(event)
                self.step = max(self.step, event.step)
            case Layers():
                self._add_layers(event)
            case Sample():
                self.sample = event
            case Changed():
                self._add_change(event)
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

    def _add_work(self, times: Floats, steps: Floats) -> Floats:
        """Count the work before events at these times (N,) about these numbers of steps (N,): its seconds (N,)."""
        before = float(times[0]) if self._last_time is None else self._last_time
        latest = np.maximum.accumulate(np.concatenate([[before], times]))
        longest = MAX_SILENCE + np.maximum(steps, 0.0)
        if (np.abs(times - latest[:-1]) < longest).all():
            seconds, self._last_time = np.diff(latest), float(latest[-1])
        else:
            limits = zip(times.tolist(), longest.tolist(), strict=True)
            seconds = np.array([self._work_until(time, limit) for time, limit in limits])
        self.work_seconds += float(seconds.sum())
        return seconds

    def _work_until(self, time: float, longest: float) -> float:
        seconds = 0.0
        if self._last_time is None or abs(time - self._last_time) >= longest:
            self._last_time = time  # no step takes so long: the machine slept or its clock was set
        elif time > self._last_time:
            seconds, self._last_time = time - self._last_time, time
        return seconds

    def _restart(self, event: Started) -> None:
        """A process starts or continues from a checkpoint: earlier records of later steps no longer count."""
        self.started, self.end, self.diverged_at, self.paused = event, None, None, False
        self.step = event.step
        self.curve.cut(event.step)
        self.clock.cut(event.step)
        self.epochs.cut(event.step)
        self.layers = [layers for layers in self.layers if layers.step <= event.step]
        self.changes = [change for change in self.changes if change.step <= event.step]
        self._reset_speed()

    def _reset_speed(self) -> None:
        self._recent.clear()
        self._recent_seconds = 0.0

    def _add_layers(self, event: Layers) -> None:
        while self.layers and self.layers[-1].step >= event.step:
            self.layers.pop()
        if len(self.layers) >= MAX_LAYERS:
            del self.layers[1::2]
        self.layers.append(event)

    def _add_change(self, event: Changed) -> None:
        self.changes.append(event)
        if len(self.changes) > MAX_CHANGES:
            oldest = self.changes.pop(0)
            self._older_changes[oldest.parameter] = oldest.value

    def _fold_losses(self, block: LossBlock) -> None:
        work_before = self.work_seconds
        steps = np.diff(block.steps, prepend=block.first - 1)
        seconds = self._add_work(block.times, steps)
        known = len(self.curve) if self.whole else self.step
        if not len(block.losses) or not 1 <= block.first <= known + 1 + MAX_GAP:
            return
        stretches = list(zip(seconds.tolist(), steps.tolist(), strict=True))
        if block.first != self.step + 1:  # a gap: the time of the first stretch includes unknown steps
            self._reset_speed()
            del stretches[0]
        self.step = int(block.steps[-1])
        self.last_loss = float(block.losses[-1])
        self.clock.tick(block.steps, work_before + np.cumsum(seconds))
        if self.whole:
            self.curve.add(block.first, block.losses)
        for stretch in stretches[-MAX_STRETCHES:]:
            if stretch[0] > 0:
                self._recent.append(stretch)
                self._recent_seconds += stretch[0]
        while len(self._recent) > 1 and (
            self._recent_seconds - self._recent[0][0] > RATE_SECONDS or len(self._recent) > MAX_STRETCHES
        ):
            self._recent_seconds -= self._recent.popleft()[0]

    def forget_losses(self) -> None:
        """Drop the losses and keep no later ones."""
        self.whole = False
        self.curve = LossCurve()

    # Derived numbers.

    @property
    def steps_per_epoch(self) -> int | None:
        """Steps per epoch; None before the first `Started`."""
        return max(self.started.steps_per_epoch, 1) if self.started else None

    @property
    def total_steps(self) -> int | None:
        """Steps of the whole run; None before the first `Started`."""
        per_epoch = self.steps_per_epoch
        return per_epoch * max(self.started.spec.epochs, 1) if self.started and per_epoch else None

    def settings(self, spec: RunSpec) -> dict[str, float]:
        """The current hyperparameters: those of the specification with all changes since."""
        changed = {change.parameter: change.value for change in self.changes}
        return {**spec.hyperparameters, **self._older_changes, **changed}

    @property
    def best(self) -> EpochResult | None:
        """The first epoch with the best accuracy."""
        return self.epochs.best

    @property
    def steps_per_second(self) -> float | None:
        """The speed of training alone over the last ten seconds of work; None before it is known."""
        if self._recent_seconds <= 0:
            return None
        return sum(steps for _, steps in self._recent) / self._recent_seconds

    @property
    def samples_per_second(self) -> float | None:
        """Training images per second: recently, or in the last epoch of a run that has ended."""
        if self.end is not None and self.epochs:
            return self.epochs[-1].samples_per_second
        speed = self.steps_per_second
        return speed * self.started.spec.batch_size if speed is not None and self.started else None

    def elapsed(self, now: float) -> float:
        """Seconds of work so far, without pauses."""
        return self.work_seconds + self._since(now)

    def _since(self, now: float) -> float:
        """Seconds of work since the last event; 0 when `now` is from a clock that differs."""
        seconds = now - self._last_time if self._last_time is not None else 0.0
        return seconds if 0.0 < seconds < MAX_SILENCE else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Seconds to the end of the run, with the tests after its epochs; None if unknown."""
        speed, total, per_epoch = self.steps_per_second, self.total_steps, self.steps_per_epoch
        if self.end is not None or self.started is None or speed is None or total is None or per_epoch is None:
            return None
        left = (total - self.step) / speed
        if self.epochs:
            last = self.epochs[-1]
            # The seconds of an epoch are those of training and testing.
            training = per_epoch * self.started.spec.batch_size / max(last.samples_per_second, 1e-9)
            testing = min(max(last.seconds - training, 0.0), last.seconds)
            left += (self.started.spec.epochs - len(self.epochs)) * testing
        return max(left - self._since(now), 0.0)
