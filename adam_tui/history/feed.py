"""The training screen's side of the run directories: which runs there are, what they tell, and what they are told.

All reading and writing of files behind the screen is here, in small pieces, so that no key waits for the disk: one
`poll` reads at most one chunk of a long run. No torch: a run is started as a process of its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from adam_tui.history.evaluation import Evaluation, read_evaluation
from adam_tui.history.metrics_reader import Reader
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import LOST, RunView
from adam_tui.runs import directory
from adam_tui.runs import kill as runs_kill
from adam_tui.runs.directory import Run, Status
from adam_tui.runs.protocol import ENDED, RunSpec

# A poll starts no further chunk when it has taken so long: a key that is pressed meanwhile waits no longer.
POLL_SECONDS = 0.02
# A directory that was made just now may get its spec.json a moment later; the parent's time does not tell that.
SETTLING_SECONDS = 3.0
# An ended run may be taken up again by somebody else.
ENDED_LOOK_SECONDS = 2.0
# Runs whose losses are kept, 2 MB each at most: those on the screen, and as many again that were there before.
MOST_WHOLE = 16

Steps = tuple[int, int]  # from the first to the last


class Feed:
    """Follows the runs in one directory.

    `histories` holds what is known of each run: of those that `poll` is asked to follow everything, of the others
    all but the losses, so that a table of old runs costs little. `closer` is to hold, by run, steps of long ago that
    are looked at closely: `poll` reads them again.
    """

    def __init__(self, runs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = runs
        self.histories: dict[str, RunHistory] = {}
        self.closer: Mapping[str, Sequence[Steps]] = {}
        self._clock = clock
        self._known: dict[str, Run] = {}
        self._views: dict[str, RunView] = {}
        self._order: tuple[str, ...] = ()
        self._readers: dict[str, Reader] = {}
        self._whole: list[str] = []  # runs whose losses are kept, the latest looked at last
        self._evaluations: dict[str, tuple[float, Evaluation | None]] = {}
        self._listed = -1  # the directory's time of change when it was last listed
        self._settled = 0.0  # when that list can be trusted
        self._looked = -ENDED_LOOK_SECONDS  # when the ended runs were last looked at

    def views(self) -> tuple[RunView, ...]:
        """The runs, newest first, each with its state now. Cheap: a stat, and a small file a run at work."""
        self._list()
        now = self._clock()
        everything = now - self._looked >= ENDED_LOOK_SECONDS
        if everything:
            self._looked = now
        for id in self._order:
            view = self._views.get(id)
            if everything or view is None or view.state not in ENDED:
                self._look(id)
        return tuple(self._views[id] for id in self._order if id in self._views)

    def _list(self) -> None:
        try:
            changed = self.runs.stat().st_mtime_ns
        except OSError:
            changed = 0
        now = self._clock()
        if changed != self._listed:
            self._listed, self._settled = changed, now + SETTLING_SECONDS
        elif now > self._settled:
            return
        found = directory.list_runs(self.runs)
        self._known = {run.id: self._known.get(run.id, run) for run in found}
        self._order = tuple(self._known)
        for gone in self._views.keys() - self._known.keys():
            for memory in (self._views, self._readers, self.histories, self._evaluations):
                memory.pop(gone, None)

    def _look(self, id: str) -> None:
        run = self._known[id]
        before = self._views.get(id)
        status = run.status()
        history = self.histories.get(id)
        if before is None:
            with contextlib.suppress(ValueError):  # deleted just now: the next listing leaves it out
                self._views[id] = _view(run, run.spec(), run.started, status, history)
        else:
            self._views[id] = _view(run, before.spec, before.created, status, history)

    def poll(self, ids: Sequence[str]) -> tuple[set[str], bool]:
        """Read what is new of these runs, the first ones first: which have changed, and whether there is more."""
        began = self._clock()
        changed: set[str] = set()
        wanted = [id for id in ids if id in self._known]
        self._keep_whole(wanted)
        for id in wanted:
            while closer := self._unread(id):
                losses = self._readers[id].look(*closer)
                if losses is not None:
                    self.histories[id].put_again(closer[0], losses)
                    changed.add(id)
                if self._clock() - began > POLL_SECONDS:
                    return changed, True
        for id in (*wanted, *(id for id in self._order if id not in wanted)):
            if id not in self._readers:
                self._readers[id] = Reader(self._known[id], whole=id in wanted)
                self.histories[id] = RunHistory(whole=id in wanted)
            while (events := self._readers[id].poll()) is not None:
                self.histories[id].fold(events)
                changed.add(id)
                if self._clock() - began > POLL_SECONDS:
                    return changed, True
        return changed, False

    def _keep_whole(self, wanted: Sequence[str]) -> None:
        """Read these from their beginning, losses and all, where that was not done; forget those of long ago."""
        for id in reversed(wanted):
            if id in self._whole:
                self._whole.remove(id)
            elif id in self._readers:
                del self._readers[id]
            self._whole.append(id)
        self._whole = [id for id in self._whole if id in self._known]
        while len(self._whole) > max(MOST_WHOLE, len(wanted)):
            id = self._whole.pop(0)
            if id in self._readers:
                self._readers[id].whole = False
                self.histories[id].forget_losses()

    def _unread(self, id: str) -> Steps | None:
        """The first steps of long ago that are looked at and not read again yet."""
        if id not in self._readers:
            return None
        curve = self.histories[id].curve
        asked = (steps for steps in self.closer.get(id, ()) if steps[1] <= len(curve))
        return next((steps for steps in asked if curve.losses(*steps) is None), None)

    def start(self, spec: RunSpec) -> str:
        """Start a run in a process of its own and tell its id. OSError when its directory cannot be written."""
        run = directory.create(spec, self.runs)
        self._listed = -1
        directory.start_worker(run)
        return run.id

    def resume(self, id: str) -> None:
        """Let a run that ended early go on from its checkpoint. ValueError when it cannot, OSError as it comes."""
        directory.resume(self._known[id])
        self._look(id)

    def process(self, id: str) -> Status | None:
        """What the run's process said last; None for none."""
        return self._known[id].last_status() if id in self._known else None

    def kill(self, id: str, asked: Status) -> None:
        """End the process that said so by force, if it is there. ValueError with one line when that cannot be done."""
        if id in self._known:
            runs_kill.kill(self._known[id], asked)
            self._look(id)

    def command(self, id: str, order: str, /, **values: object) -> None:
        """Ask the run's process to pause, resume, stop, kill or set. OSError when its directory cannot be written."""
        self._known[id].command(order, **values)

    def delete(self, id: str) -> None:
        """Remove the run's directory. ValueError while it runs, OSError as it comes."""
        self._known[id].delete()

    def unreadable(self) -> list[str]:
        """What is wrong with the runs that cannot be shown, a line each."""
        problems = []
        for run in directory.broken_runs(self.runs):
            try:
                run.spec()
            except ValueError as error:
                problems.append(str(error))
        return problems

    def target(self, id: str) -> str:
        """Where a run that is a link points to; "" for one that is none."""
        return self._known[id].target if id in self._known else ""

    def log(self, id: str, lines: int) -> str:
        """The last lines of what the process wrote to stderr."""
        return self._known[id].log_tail(lines) if id in self._known else ""

    def evaluation(self, id: str | None) -> Evaluation | None:
        """What the run's last evaluation left to look at; read when there is a new one."""
        if id is None or id not in self._known:
            return None
        path = self._known[id].path / "evaluation.npz"
        try:
            written = path.stat().st_mtime
        except OSError:
            return None
        if id not in self._evaluations or self._evaluations[id][0] != written:
            self._evaluations[id] = (written, read_evaluation(path))
        return self._evaluations[id][1]


def _view(run: Run, spec: RunSpec, created: float, status: Status, history: RunHistory | None) -> RunView:
    over = status.state in ENDED or status.state == LOST
    return RunView(
        run.id,
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
    )
