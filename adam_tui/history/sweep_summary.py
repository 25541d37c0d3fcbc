"""The sweeps of a directory, each as one line beside the runs: how far it is, and its best setting.

The journals of a sweep of a thousand trials take some 20 ms to read, so one call reads one new sweep at most. An
idle sweep costs three stats.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from adam_tui.sweeps.claims import FOLDER
from adam_tui.sweeps.sweep import ACTIVE, Sweep

REFRESH_SECONDS = 1.0  # between two readings of the same sweep
BETWEEN_SECONDS = 1.5  # that a slot may need from one trial to the next: meanwhile no process has a trial
BEST_SHOWN = 8  # settings of a summary


@dataclass(frozen=True, slots=True)
class BestSetting:
    """One of the best settings: "Adam · lr 0.001", its median validation loss and its mean validation accuracy."""

    optimizer: str
    values: str
    loss: float
    accuracy: float

    @property
    def title(self) -> str:
        """The optimizer and the values of its varied knobs."""
        return f"{self.optimizer} · {self.values}" if self.values else self.optimizer


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """One sweep in a list. `created` is in seconds since 1970.

    `state` is starting, running, paused, stopped, finished, "broken" for one that cannot be read, with the reason, or
    "" before it was read. `best` are the best settings, the best first, at most BEST_SHOWN. `share` of its epochs are
    done.
    """

    id: str
    created: float = 0.0
    state: str = ""
    reason: str = ""
    optimizers: tuple[str, ...] = ()
    knobs: tuple[str, ...] = ()
    trials: int = 0
    ended: int = 0
    failed: int = 0
    seeds: int = 1
    epochs: int = 1
    share: float = 0.0
    best: tuple[BestSetting, ...] = ()

    @property
    def title(self) -> str:
        """Its name among the runs: its id."""
        return self.id

    @property
    def name(self) -> str:
        """Its name on the sweep screen, without the beginning that all ids have."""
        return self.id.removeprefix("sweep-")

    @property
    def alive(self) -> bool:
        """Whether a process works on it."""
        return self.state in ACTIVE

    @property
    def loss(self) -> float:
        """The lowest median validation loss; NaN before the first."""
        return self.best[0].loss if self.best else math.nan

    @property
    def accuracy(self) -> float:
        """The validation accuracy of that setting."""
        return self.best[0].accuracy if self.best else math.nan


class SweepSummaries:
    """Follows the sweeps of a directory of runs."""

    def __init__(self, runs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._runs, self._clock = runs, clock
        self._sweeps: dict[str, Sweep] = {}
        self._summaries: dict[str, SweepSummary] = {}
        self._signatures: dict[str, object] = {}
        self._refreshed_at: dict[str, float] = {}
        self._active_at: dict[str, float] = {}

    def of(self, ids: Sequence[str]) -> tuple[SweepSummary, ...]:
        """The sweeps with these ids as they were read last."""
        return tuple(self._summaries.get(id) or SweepSummary(id, self._created(id)) for id in ids)

    def _created(self, id: str) -> float:
        return self._sweep(id).created

    def _sweep(self, id: str) -> Sweep:
        return self._sweeps.setdefault(id, Sweep(self._runs / id))

    def refresh(self, ids: Sequence[str]) -> bool:
        """Read what is new of these sweeps: whether one that is new is left for the next call."""
        for gone in self._sweeps.keys() - set(ids):
            for known in (self._sweeps, self._summaries, self._signatures, self._refreshed_at):
                known.pop(gone, None)
        now, read = self._clock(), False
        for id in ids:
            is_new = id not in self._summaries
            if is_new and read:
                return True
            if is_new or now - self._refreshed_at[id] >= REFRESH_SECONDS:
                self._refreshed_at[id], read = now, read or is_new
                self._read(id)
        return False

    def _read(self, id: str) -> None:
        sweep, before = self._sweep(id), self._summaries.get(id)
        signature = _moments(sweep)
        if before is not None and before.state not in ACTIVE and signature == self._signatures.get(id):
            return
        self._signatures[id] = signature
        try:
            summary = summarize(sweep)
        except ValueError as error:
            summary = SweepSummary(id, state="broken", reason=str(error))
        if summary.alive:
            self._active_at[id] = self._refreshed_at[id]
        elif summary.state == "stopped" and before is not None and before.alive and self._is_between_trials(sweep):
            summary = replace(summary, state=before.state)
        if summary != before:
            self._summaries[id] = summary

    def _is_between_trials(self, sweep: Sweep) -> bool:
        return self._refreshed_at[sweep.id] - self._active_at[sweep.id] < BETWEEN_SECONDS and sweep.order() != "stop"


def _moments(sweep: Sweep) -> tuple[int, ...]:
    """The times of change of a sweep's directory, claims and lock: a process that begins to work on it changes them."""
    moments = []
    for path in (sweep.path, sweep.path / FOLDER, sweep.control, sweep.lock):
        try:
            moments.append(path.stat().st_mtime_ns)
        except OSError:
            moments.append(0)
    return tuple(moments)


def summarize(sweep: Sweep) -> SweepSummary:
    """A sweep as it is now. Raises ValueError with one line when its plan cannot be read."""
    from adam_tui.runs.recipes import optimizer_title
    from adam_tui.sweeps import results
    from adam_tui.sweeps.journal import ENDED
    from adam_tui.sweeps.plan import knobs_of

    plan, record = sweep.plan(), sweep.record()
    settings = results.settings(record)
    states = [each.state for each in record.trials.values()]
    longest = max((each.epoch for each in settings if math.isfinite(each.loss)), default=0)
    known = [each for each in settings if math.isfinite(each.loss) and each.epoch == longest]
    best = []
    for each in sorted(known, key=lambda each: each.loss)[:BEST_SHOWN]:
        knobs, accuracies = knobs_of(each.optimizer, plan.classes), each.values_of("validation_accuracy")
        values = " · ".join(f"{name} {knobs[name].format(value)}" for name, value in each.values.items())
        accuracy = fmean(accuracies) if accuracies else math.nan
        best.append(BestSetting(optimizer_title(each.optimizer), values, each.loss, accuracy))
    return SweepSummary(
        sweep.id,
        sweep.created,
        sweep.state(record, {} if record.is_over else sweep.living()),
        optimizers=plan.optimizers,
        knobs=tuple(dict.fromkeys(name for knobs in plan.space.values() for name in knobs)),
        trials=record.count,
        ended=sum(state in ENDED for state in states),
        failed=sum(state in ("failed", "stopped") for state in states),
        seeds=len(plan.seeds),
        epochs=plan.epochs,
        share=results.share_done(plan, record),
        best=tuple(best),
    )
