"""One sweep as a screen shows it: its plan, its settings with their trials, the slots that work on it. Immutable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, median

from adam_tui.runs.recipes import DATA_SETS
from adam_tui.sweeps import results
from adam_tui.sweeps.journal import ENDED, SweepRecord, TrialRecord
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.results import Setting
from adam_tui.sweeps.sweep import On

GOAL = 0.985  # the accuracy that the epochs to it are counted for


@dataclass(frozen=True, slots=True)
class SlotView:
    """A process that trains a trial now. `epoch` is the number of finished epochs, `state` that of its run."""

    runner: str
    host: str
    trial: int
    epoch: int = 0
    step: int = 0
    state: str = "running"

    @property
    def name(self) -> str:
        """The slot's name for people: slot0."""
        return self.runner.partition("-")[0] or "slot"


@dataclass(frozen=True)
class SweepView:
    """A snapshot of one sweep. Two of them are equal when they are the same object: a change makes a new one.

    `state` is running, starting, paused, stopped or finished. `reached` holds, by trial, the first epoch with an
    accuracy of GOAL: infinite for a trial without one, and missing while the run was not read.
    """

    id: str
    path: Path
    plan: Plan
    created: float
    record: SweepRecord
    state: str = "stopped"
    slots: tuple[SlotView, ...] = ()
    reached: Mapping[int, float] = field(default_factory=dict)
    place: tuple[On, str] = ("local", "")  # where it was started, and the address of the Ray cluster

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def title(self) -> str:
        """The sweep's name, without the beginning that all of them have."""
        return self.id.removeprefix("sweep-")

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings of all optimizers, in the order of their trials."""
        return tuple(results.settings(self.record))

    @cached_property
    def best(self) -> Setting | None:
        """The setting with the lowest validation loss among those that were trained longest."""
        return results.best(self.settings)

    @cached_property
    def winners(self) -> Mapping[str, Setting | None]:
        """The best setting of each optimizer."""
        own = {name: [each for each in self.settings if each.optimizer == name] for name in self.plan.optimizers}
        return {name: results.best(some) for name, some in own.items()}

    @cached_property
    def edges(self) -> tuple[tuple[Setting, str, str], ...]:
        """The best settings that have the lowest or the highest value of a knob that was tried: (setting, knob, word).

        That of the best optimizer comes first.
        """
        some = sorted((each for each in self.winners.values() if each is not None), key=lambda each: each.loss)
        edges = ((each, *edge) for each in some for edge in results.at_the_edge(each, self.settings))
        return tuple(edges)

    @property
    def trials(self) -> Mapping[int, TrialRecord]:
        """The trials by number."""
        return self.record.trials

    @cached_property
    def ended(self) -> int:
        """The number of trials that have ended for good."""
        return sum(each.state in ENDED for each in self.trials.values())

    @cached_property
    def failed(self) -> int:
        """The number of trials that can be repeated: failed ones, and those stopped by hand."""
        return sum(each.state in ("failed", "stopped") for each in self.trials.values())

    @cached_property
    def seconds_left(self) -> float:
        """The estimated time to the end with the slots that work now; NaN before the first epoch."""
        spent = [each.last for each in self.trials.values() if each.last is not None and each.last.epoch]
        epochs = sum(last.epoch for last in spent)
        left = results.epochs_left(self.plan, self.record) - sum(slot.epoch - self._done(slot) for slot in self.slots)
        if left <= 0:
            return 0.0
        if not epochs or not self.slots:
            return math.nan
        return max(left, 0) * sum(last.seconds for last in spent) / epochs / len(self.slots)

    def _done(self, slot: SlotView) -> int:
        """The finished epochs that the journal knows of a slot's trial; at most those of its run."""
        trial = self.trials.get(slot.trial)
        return min(trial.epoch, slot.epoch) if trial else slot.epoch

    @cached_property
    def share(self) -> float:
        """The share of the epochs that are done, from 0 to 1."""
        left = results.epochs_left(self.plan, self.record)
        done = sum(each.epoch for each in self.trials.values())
        return done / (done + left) if done + left else 1.0


def figure(setting: Setting, name: str, view: SweepView) -> float:
    """A quantity of a setting, by the name of its column: the median over its seeds; NaN without one."""
    if name == "validation_loss":
        return setting.loss
    if name == "epochs":
        known = [view.reached[each.planned.trial] for each in setting.trials if each.planned.trial in view.reached]
    else:
        known = setting.values_of(name)
    return median(known) if known else math.nan


def accuracy_with_error(setting: Setting, view: SweepView) -> tuple[float, float] | None:
    """The mean test accuracy over the seeds and its standard error; None before the end of the first."""
    tested = setting.values_of("test_accuracy")
    if not tested:
        return None
    return fmean(tested), results.standard_error(tested, DATA_SETS[view.plan.data].test_images)
