"""The sweep screen's access to the directories of sweeps: it lists them, reads what is new of one, and its curves.

A poll of a sweep that rests costs a few stats. Each is short, so that no key waits for the disk: files of trials are
read for 20 ms at most.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adam_tui.engine.class_reference import short_name
from adam_tui.engine.numbers import format_loss
from adam_tui.history.metrics_reader import MetricsReader
from adam_tui.history.run_history import RunHistory
from adam_tui.history.sweep_summary import BETWEEN_SECONDS
from adam_tui.history.sweep_view import GOAL, SlotView, SweepView
from adam_tui.runs import files
from adam_tui.runs.device_use import run_on
from adam_tui.runs.run import Run
from adam_tui.sweeps import launch, results
from adam_tui.sweeps.journal import ENDED, SweepRecord
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.results import Estimate
from adam_tui.sweeps.sweep import ACTIVE, On, Sweep, create, list_sweeps

POLL_SECONDS = 0.02  # after this time a poll reads no further file of a trial
SETTLING_SECONDS = 3.0  # a new directory gets its files a moment after it appears
# Only while its process loads. After that it has claimed a trial, or it has ended.
STARTING_SECONDS = 30.0
MOST_HISTORIES = 24  # of trials, at most 2 MB each
LOG_BYTES = 20_000  # of each file


@dataclass(slots=True)
class _Reached:
    """The first epoch of a trial's run with the accuracy GOAL, and the run and the epoch at which it was read."""

    run: str
    epoch: int
    value: float


class SweepFeed:
    """Follows the sweeps in one directory of runs. `histories` holds the curves of the trials that `poll` follows."""

    def __init__(self, runs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = runs
        self.histories: dict[str, RunHistory] = {}
        self._clock = clock
        self._sweeps: dict[str, Sweep] = {}
        self._listed: tuple[str, ...] = ()
        self._listed_change = -1
        self._settled_at = 0.0
        self._view: SweepView | None = None
        self._signature: object = None
        self._claimed_at = -BETWEEN_SECONDS
        self._readers: dict[str, MetricsReader] = {}
        self._reached: dict[int, _Reached] = {}
        self._started: dict[str, tuple[subprocess.Popen[bytes], float]] = {}

    # Listing.

    def ids(self) -> tuple[str, ...]:
        """The sweeps, newest first. Costs one stat while the directory rests."""
        try:
            changed = self.runs.stat().st_mtime_ns
        except OSError:
            changed = 0
        now = self._clock()
        if changed != self._listed_change:
            self._listed_change, self._settled_at = changed, now + SETTLING_SECONDS
        elif now > self._settled_at:
            return self._listed
        try:
            listed = list_sweeps(self.runs)
        except OSError:  # closed for a moment, or for good
            self._listed_change = -1
            return self._listed
        self._sweeps = {each.id: self._sweeps.get(each.id, each) for each in listed}
        self._listed = tuple(self._sweeps)
        return self._listed

    def describe(self, id: str) -> tuple[str, str]:
        """A line about a sweep for a list, and one about its best setting."""
        sweep = self._sweeps[id]
        try:
            record, plan = sweep.record(), sweep.plan()
        except ValueError as error:
            return id, str(error)
        planned = time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep.created))
        state = sweep.state(record, sweep.living())
        winner = results.best(results.settings(record))
        best = (
            f"best: {short_name(winner.optimizer)}, validation loss {format_loss(winner.loss)}"
            if winner
            else "no result yet"
        )
        title = f"{id.removeprefix('sweep-')}  {', '.join(map(short_name, plan.optimizers))}  {state}"
        return title, f"planned {planned} · {results.counts(record, active=state in ACTIVE)} · {best}"

    # One sweep.

    def view(self, id: str | None, *, reached: bool = False) -> SweepView | None:
        """The sweep as it is now: the same object as before when nothing has changed; None for an unknown one.

        With `reached` the first epochs with the accuracy GOAL are read, for some trials at each call.
        """
        if id is None or id not in self._sweeps:
            self._view = None
            return None
        sweep, before = self._sweeps[id], self._view
        if before is None or before.id != id:
            before, self._signature, self._reached, self._claimed_at = None, None, {}, -BETWEEN_SECONDS
            self._readers.clear()
            self.histories.clear()
        signature = sweep.sizes()
        try:
            record = before.record if before and signature == self._signature else _copied(sweep.record())
            plan = sweep.plan()
        except ValueError:
            self._view = None
            return None
        self._signature = signature
        claims = {} if record.is_over else sweep.living()
        state = sweep.state(record, claims)
        if state in ("running", "paused"):
            self._claimed_at = self._clock()
        elif state == "stopped" and self._is_starting(id):
            state = "starting"
        elif state == "stopped" and before and self._is_between_trials(sweep):
            state = before.state
        slots = tuple(self._slot(sweep, record, number, claim) for number, claim in sorted(claims.items()))
        view = before or SweepView(id, sweep.path, plan, sweep.created, record, place=sweep.place)
        if view.record is not record or (state, slots) != (view.state, view.slots):
            view = replace(view, record=record, state=state, slots=slots)
        if reached and self._read_reached(sweep, record):
            view = replace(view, reached={trial: each.value for trial, each in self._reached.items()})
        self._view = view
        return view

    def view_of(self, id: str | None) -> SweepView | None:
        """The sweep as `view` returned it last; None where that was another one."""
        return self._view if self._view is not None and self._view.id == id else None

    def _slot(self, sweep: Sweep, record: SweepRecord, number: int, claim: object) -> SlotView:
        trial = record.trials.get(number)
        runner, host = getattr(claim, "runner", ""), getattr(claim, "host", "")
        if trial is None:
            return SlotView(runner, host, number)
        status = sweep.run(trial.run).reported_status()
        if status is None:
            return SlotView(runner, host, number, trial.epoch, 0, "starting")
        return SlotView(runner, host, number, max(status.epoch, trial.epoch), status.step, status.state)

    def _is_between_trials(self, sweep: Sweep) -> bool:
        """Whether a slot had a claim a moment ago: between two trials it has none."""
        return self._clock() - self._claimed_at < BETWEEN_SECONDS and sweep.order() != "stop"

    def _is_starting(self, id: str) -> bool:
        process, at = self._started.get(id, (None, 0.0))
        return process is not None and process.poll() is None and self._clock() - at < STARTING_SECONDS

    def problem(self, id: str) -> str:
        """The last line of the output of a process that was started here and has failed, once; "" otherwise."""
        process, _ = self._started.get(id, (None, 0.0))
        if process is None or process.poll() is None:
            return ""
        del self._started[id]
        lines = self._tail(self._sweeps[id].path / launch.LOG).splitlines() if process.returncode == 2 else []
        return lines[-1] if lines else ""

    def _read_reached(self, sweep: Sweep, record: SweepRecord) -> bool:
        began, changed = self._clock(), False
        for number, trial in record.trials.items():
            if not trial.epoch and trial.state not in ENDED:
                continue
            known = self._reached.get(number)
            if known and (known.run, known.epoch) == (trial.run, trial.epoch):
                continue
            if trial.last is not None and len(trial.last.accuracies) == trial.epoch:
                accuracies = trial.last.accuracies
            elif self._clock() - began > POLL_SECONDS:
                break
            else:  # an earlier version's journal, or an attempt that has not ended
                accuracies = tuple(each.held_out_accuracy for each in sweep.run(trial.run).epochs())
            first = next((i for i, accuracy in enumerate(accuracies, start=1) if accuracy >= GOAL), float("inf"))
            self._reached[number], changed = _Reached(trial.run, trial.epoch, float(first)), True
        return changed

    def follow(self, runs: Sequence[str]) -> bool:
        """Read what is new of these runs of the sweep shown, by the names of their directories: whether there was."""
        view, began, changed = self._view, self._clock(), False
        if view is None:
            return False
        for name in runs:
            if name not in self._readers:
                self._readers[name], self.histories[name] = (
                    MetricsReader(Run(view.path / name), whole=True),
                    RunHistory(),
                )
            reader = self._readers[name]
            while True:
                restarts = reader.restarts
                records = reader.poll()
                if reader.restarts != restarts:
                    self.histories[name] = RunHistory()
                if records is None:
                    break
                self.histories[name].fold(records)
                changed = True
                if self._clock() - began > POLL_SECONDS:
                    return True
        for name in [each for each in self._readers if each not in runs][: max(len(self._readers) - MOST_HISTORIES, 0)]:
            del self._readers[name], self.histories[name]
        return changed

    # Work.

    def estimate(self, plan: Plan, slots: int) -> Estimate:
        """The size of a sweep that is planned so. Raises ValueError, OSError."""
        return results.estimate(plan, self.runs, slots)

    def start(self, plan: Plan, slots: int, name: str = "", place: tuple[On, str] = ("local", "")) -> str:
        """Plan a sweep and start its process; its id. Raises ValueError for a name in use, OSError.

        `slots` of 0 are as many as the place has room for.
        """
        sweep = create(plan, self.runs, name, *place)
        self._sweeps = {sweep.id: sweep} | self._sweeps
        self._listed, self._listed_change = tuple(self._sweeps), -1
        self._launch(sweep, slots or None)
        return sweep.id

    def run_on(self, device: str) -> str:
        """The run that trains on this device of this host; "" without one."""
        return run_on(self.runs, device)

    def resume(self, id: str) -> None:
        """Continue a paused sweep, or start a process for one that has none. Raises ValueError, OSError."""
        sweep = self._sweeps[id]
        if sweep.is_active():
            sweep.command("resume")
        elif sweep.record().is_over:
            raise ValueError(f"{id} is finished: there is nothing left to train")
        elif not self._is_starting(id):
            self._launch(sweep, None)

    def _launch(self, sweep: Sweep, slots: int | None) -> None:
        self._started[sweep.id] = launch.start_detached(sweep, slots), self._clock()

    def command(self, id: str, order: str) -> None:
        """Order the processes of a sweep to pause or stop. Raises OSError."""
        self._sweeps[id].command(order)

    def retry(self, id: str) -> int:
        """Train the failed trials again; their number. Raises ValueError, OSError."""
        count = self._sweeps[id].retry()
        if count:
            self.resume(id)
        return count

    def delete(self, id: str) -> None:
        """Remove a sweep with all its runs. Raises ValueError while a process works on it, OSError."""
        self._sweeps[id].delete()
        self._listed_change = -1

    def log(self, id: str) -> str:
        """The end of the output of the sweep's process and of its slots."""
        path = self._sweeps[id].path
        with contextlib.suppress(OSError):
            names = sorted(name for name in os.listdir(path) if name.startswith("slot-") and name.endswith(".log"))
            parts = [(name, self._tail(path / name)) for name in (launch.LOG, *names)]
            return "\n\n".join(f"{name}\n{text.rstrip()}" for name, text in parts if text.strip())
        return ""

    @staticmethod
    def _tail(path: Path) -> str:
        try:
            with files.open_regular(path) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
                return file.read(LOG_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""


def _copied(record: SweepRecord) -> SweepRecord:
    """The state at this moment: the sweep's own record changes with later events."""
    return replace(record, trials=dict(record.trials), decisions=[*record.decisions])
