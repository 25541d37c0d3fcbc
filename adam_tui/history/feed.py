"""The training screen's access to run directories: it lists runs, reads their metrics and status, and sends orders.

All file access behind the screen is here, in small pieces, so that no key waits for the disk: one `poll` reads at most
one chunk of a long run. A run is started as a process of its own, so torch is never imported.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adam_tui.history.evaluation import Evaluation, read_evaluation
from adam_tui.history.metrics_reader import MetricsReader, Record
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummaries, SweepSummary
from adam_tui.runs import control, device_use, directory, file_lock
from adam_tui.runs.device_names import device_key, device_lock
from adam_tui.runs.protocol import ENDED, RunSpec
from adam_tui.runs.run import Run
from adam_tui.runs.run_label import Label
from adam_tui.runs.spare import Spare
from adam_tui.runs.status import Status
from adam_tui.sweeps.sweep import Sweep, sweep_ids

# After this time a poll starts no further chunk: a key that is pressed meanwhile waits no longer.
POLL_SECONDS = 0.02
# A new directory gets its spec.json a moment after it appears, which the parent's time of change does not show.
SETTLING_SECONDS = 3.0
# Another program may resume an ended run.
ENDED_REFRESH_SECONDS = 2.0
# Runs whose losses are kept, at most 2 MB each: those on the screen, and as many that were on it before.
MAX_WHOLE = 16

StepRange = tuple[int, int]  # first and last step


class Feed:
    """Follows the runs in one directory.

    `histories` holds the history of each run: all of it for the runs that `poll` is asked to follow, and without the
    losses for the others, so that a table of old runs costs little. `zoomed` is set to the ranges of old steps, by
    run, that the screen shows closely: `poll` reads them again.
    """

    def __init__(self, runs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = runs
        self.histories: dict[str, RunHistory] = {}
        self.zoomed: Mapping[str, Sequence[StepRange]] = {}
        self._sweep_ids: tuple[str, ...] = ()  # the sweeps beside the runs, newest first
        self._summaries = SweepSummaries(runs, clock)
        self._clock = clock
        self._spare = Spare()
        self._usual_lock: Path | None = None  # of the device that the next run would use
        self._runs: dict[str, Run] = {}
        self._attached: dict[str, Run] = {}  # runs from elsewhere, such as those of a sweep
        self._views: dict[str, RunView] = {}
        self._readers: dict[str, MetricsReader] = {}
        self._whole: list[str] = []  # runs whose losses are kept, the latest last
        self._evaluations: dict[str, tuple[float, Evaluation | None]] = {}
        self._listed_change = -1  # the directory's time of change at the last listing
        self._settled_at = 0.0  # when that listing can be trusted
        self._ended_refreshed_at = -ENDED_REFRESH_SECONDS

    def views(self) -> tuple[RunView, ...]:
        """The runs, newest first, with their present states. Costs one stat, and one small file an active run."""
        self._list()
        now = self._clock()
        refresh_ended = now - self._ended_refreshed_at >= ENDED_REFRESH_SECONDS
        if refresh_ended:
            self._ended_refreshed_at = now
        for id in self._runs:
            view = self._views.get(id)
            if refresh_ended or view is None or view.state not in ENDED:
                self._refresh(id)
        return tuple(self._views[id] for id in self._runs if id in self._views)

    @property
    def sweeps(self) -> tuple[SweepSummary, ...]:
        """The sweeps beside the runs, newest first, as `poll` read them."""
        return self._summaries.of(self._sweep_ids)

    def attach(self, path: Path) -> str:
        """Show a run from another directory too, such as one of a sweep; its id: sweep-grid/adam-0007."""
        id = f"{path.parent.name}/{path.name}"
        self._attached.setdefault(id, Run(path))
        self._listed_change = -1
        return id

    def _list(self) -> None:
        try:
            changed = self.runs.stat().st_mtime_ns
        except OSError:
            changed = 0
        now = self._clock()
        if changed != self._listed_change:
            self._listed_change, self._settled_at = changed, now + SETTLING_SECONDS
        elif now > self._settled_at:
            return
        try:
            listed = directory.list_runs(self.runs)
        except OSError:  # closed for a moment, or for good: the runs may train on
            self._listed_change = -1
            return
        self._attached = {id: run for id, run in self._attached.items() if os.path.isdir(run.path)}
        self._sweep_ids = sweep_ids(self.runs)
        self._runs = self._attached | {run.id: self._runs.get(run.id, run) for run in listed}
        for id in self._views.keys() - self._runs.keys():
            for cache in (self._views, self._readers, self.histories, self._evaluations):
                cache.pop(id, None)

    def _refresh(self, id: str) -> None:
        """Read the status of a run again."""
        run = self._runs[id]
        before = self._views.get(id)
        status = run.status()
        history = self.histories.get(id)
        if before is None:
            with contextlib.suppress(ValueError):  # deleted a moment ago: the next listing leaves it out
                self._views[id] = _view(id, run, run.spec(), run.created, status, history)
        else:
            self._views[id] = _view(id, run, before.spec, before.created, status, history)

    def poll(self, ids: Sequence[str]) -> tuple[set[str], bool]:
        """Read new metrics, of these runs first: the ids of the changed runs, and whether there is more to read."""
        began = self._clock()
        changed: set[str] = set()
        followed = [id for id in ids if id in self._runs]
        self._keep_whole(followed)
        for id in followed:
            while steps := self._missing_steps(id):
                losses = self._readers[id].reread(*steps)
                if losses is not None:
                    self.histories[id].add_reread(steps[0], losses)
                    changed.add(id)
                if self._clock() - began > POLL_SECONDS:
                    return changed, True
        for id in (*followed, *(id for id in self._runs if id not in followed)):
            if id not in self._readers:
                self._readers[id] = MetricsReader(self._runs[id], whole=id in followed)
                self.histories[id] = RunHistory(whole=id in followed)
            while (records := self._poll(id)) is not None:
                self.histories[id].fold(records)
                changed.add(id)
                if self._clock() - began > POLL_SECONDS:
                    return changed, True
        return changed, self._summaries.refresh(self._sweep_ids)

    def _poll(self, id: str) -> list[Record] | None:
        """New records of one run; its history begins again if the file was replaced by other content."""
        reader = self._readers[id]
        restarts = reader.restarts
        records = reader.poll()
        if reader.restarts != restarts:
            self.histories[id] = RunHistory(whole=reader.whole)
            records = records or []
        return records

    def _keep_whole(self, followed: Sequence[str]) -> None:
        """Read these runs with their losses from now on, and drop the losses of those followed longest ago."""
        for id in reversed(followed):
            if id in self._whole:
                self._whole.remove(id)
            elif id in self._readers:
                del self._readers[id]
            self._whole.append(id)
        self._whole = [id for id in self._whole if id in self._runs]
        while len(self._whole) > max(MAX_WHOLE, len(followed)):
            id = self._whole.pop(0)
            if id in self._readers:
                self._readers[id].whole = False
                self.histories[id].forget_losses()

    def _missing_steps(self, id: str) -> StepRange | None:
        """The first range of old steps that is shown closely and was not read again yet."""
        if id not in self._readers:
            return None
        curve = self.histories[id].curve
        ranges = (steps for steps in self.zoomed.get(id, ()) if steps[1] <= len(curve))
        return next((steps for steps in ranges if curve.losses(*steps) is None), None)

    def start(self, spec: RunSpec) -> str:
        """Start a run in a process of its own; returns its id. Raises OSError when its directory cannot be written."""
        run = directory.create(replace(spec, sweep="", trial=""), self.runs)  # no trial, though it may repeat one
        self._listed_change = -1
        control.start_worker(run, spare=self._spare)
        return run.id

    def keep_spare(self, used_at: float) -> None:
        """Keep a process ready for the next run, while no run trains on the device that it would use.

        `used_at` is when the user last did something, by the steady clock. A spare loads torch for two seconds, which
        would slow a run down; a run that is started meanwhile waits in the queue anyway.
        """
        device = RunSpec().device
        if self._usual_lock is None:
            self._usual_lock = device_lock(self.runs, device_key(device))
        is_used = file_lock.is_locked(self._usual_lock)
        if is_used is False and not device_use.sweep_on(self.runs, device):
            self._spare.keep(used_at)

    def sweep_on(self, device: str) -> str:
        """The sweep whose slots train on this device of this host; "" without one."""
        return device_use.sweep_on(self.runs, device)

    def device(self, id: str) -> str:
        """The device of a run's specification. Raises ValueError for an unreadable one."""
        return self._runs[id].spec().device

    def close(self) -> None:
        """End the process that waits for the next run."""
        self._spare.end()

    def resume(self, id: str, *, trusted: bool = False) -> None:
        """Continue a run from its checkpoint; `trusted` is the user's consent to the code in its directory.

        Raises ValueError when it cannot be resumed, UntrustedError for code that the user has not named, OSError.
        """
        self._check_own(id)
        if trusted:
            control.trust(self._runs[id])
        control.resume(self._runs[id], spare=self._spare)
        self._refresh(id)

    def reported_status(self, id: str) -> Status | None:
        """The latest report of the run's process, unchecked."""
        return self._runs[id].reported_status() if id in self._runs else None

    def kill(self, id: str, target: Status) -> None:
        """Kill the process with this status, if it still runs. Raises ValueError with one line when that fails."""
        if id in self._runs:
            control.kill(self._runs[id], target)
            self._refresh(id)

    def command(self, id: str, order: str, /, **values: object) -> None:
        """Send pause, resume, stop, kill or set to the run's process. Raises OSError."""
        self._runs[id].command(order, **values)

    def relabel(self, id: str, label: Label) -> None:
        """Give the run another name and other tags. Raises OSError."""
        self._runs[id].write_label(label)
        self._refresh(id)

    def delete(self, id: str) -> None:
        """Remove the run's directory. Raises ValueError while it is active, OSError for its files."""
        self._check_own(id)
        self._runs[id].delete()

    # Sweeps.

    def command_sweep(self, id: str, order: str) -> None:
        """Order the processes of a sweep to pause, resume or stop. Raises OSError."""
        Sweep(self.runs / id).command(order)

    def delete_sweep(self, id: str) -> None:
        """Remove a sweep with all its runs. Raises ValueError while a process works on it, OSError."""
        Sweep(self.runs / id).delete()
        self._listed_change = -1

    def _check_own(self, id: str) -> None:
        """Raise ValueError for a trial: its sweep continues and deletes it."""
        if id in self._attached:
            raise ValueError(f"it is a trial of {self._attached[id].path.parent.name}, which continues and deletes it")

    def problems(self) -> list[str]:
        """A line for each run that cannot be shown, and for a directory that cannot be read, with the reason."""
        try:
            lines = [f"cannot read {run.path}: {reason}" for run, reason in directory.closed_runs(self.runs)]
            broken = directory.broken_runs(self.runs)
        except OSError as error:
            return [f"cannot read {self.runs}: {error.strerror}"]
        for run in broken:
            try:
                run.spec()
            except ValueError as error:
                lines.append(str(error))
        return lines

    def path(self, id: str) -> Path | None:
        """The directory of a run; None for a run that is gone."""
        return self._runs[id].path if id in self._runs else None

    def link_target(self, id: str) -> str:
        """The target of a run that is a symbolic link; "" for any other run."""
        return self._runs[id].link_target if id in self._runs else ""

    def log(self, id: str, lines: int) -> str:
        """The last lines of worker.log."""
        return self._runs[id].log_tail(lines) if id in self._runs else ""

    def evaluation(self, id: str | None) -> Evaluation | None:
        """The run's last evaluation, read again when its file has changed."""
        if id is None or id not in self._runs:
            return None
        path = self._runs[id].evaluation
        try:
            changed = path.stat().st_mtime
        except OSError:
            return None
        if id not in self._evaluations or self._evaluations[id][0] != changed:
            self._evaluations[id] = (changed, read_evaluation(path))
        return self._evaluations[id][1]


def _view(id: str, run: Run, spec: RunSpec, created: float, status: Status, history: RunHistory | None) -> RunView:
    over = not status.alive
    return RunView(
        id,
        spec,
        created,
        status.state,
        status.reason,
        status.epoch,
        status.step,
        settings=history.settings(spec) if history else spec.hyperparameters,
        ended=status.heartbeat or None if over else None,
        resumable=over and run.can_resume(status),
        device=status.device,
        came=status.came,
        cpu_percent=status.cpu_percent,
        memory_bytes=status.memory_bytes,
        gpu_percent=status.gpu_percent,
        gpu_memory_bytes=status.gpu_memory_bytes,
        silent=status.silent,
        label=run.label(),
    )
