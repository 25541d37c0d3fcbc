"""The sweep process: it starts the slots, replaces those that end too early, and returns when the sweep is over.

It holds no state of its own. Without it the slots train on to the end; another one continues a sweep from its files.
Standard library only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from adam_tui.sweeps.executor import Executor
from adam_tui.sweeps.journal import SweepRecord
from adam_tui.sweeps.sweep import Sweep

POLL_SECONDS = 0.2
UNUSABLE = 2  # the exit status of a slot that another process could not replace either
MAX_IDLE_ENDS = 5  # ends in a row of a slot while no trial got any further, after which it is left out


class Supervisor:
    """Runs a sweep on the slots of an executor. `report` receives a message for people about each problem."""

    def __init__(self, sweep: Sweep, executor: Executor, slots: int, report: Callable[[str], None]) -> None:
        self.sweep, self.executor, self.report = sweep, executor, report
        self.slots: list[int] = list(range(slots))  # those that run or are to be started again
        self._progress: dict[int, int] = {}  # of the sweep, when a slot was started
        self._idle_ends = dict.fromkeys(self.slots, 0)
        self._ending = False  # whether these slots were asked to end

    def run(self) -> Iterator[SweepRecord]:
        """Yield the state of the sweep a few times a second until every slot has ended."""
        with self.sweep.worked_on():
            yield from self._run()

    def _run(self) -> Iterator[SweepRecord]:
        record = self.sweep.record()
        for slot in self.slots[: max(self._free_trials(record), 1)]:
            self._start(slot, record)
        self.slots = list(self._progress)
        while self.slots:
            yield record
            time.sleep(POLL_SECONDS)
            record = self.sweep.record()
            for message in self.executor.messages():
                self.report(message)
            for slot in list(self.slots):
                self._check(slot, record)
        yield self.sweep.record()

    @staticmethod
    def _free_trials(record: SweepRecord) -> int:
        """How many slots can have a trial at the same time."""
        known = sum(each.state in ("planned", "running", "waiting") for each in record.trials.values())
        return known + record.undecided

    def _check(self, slot: int, record: SweepRecord) -> None:
        status = self.executor.exit_status(slot)
        if status is None:
            return
        if status == 0 or record.is_over or self._ending:
            self.slots.remove(slot)
            return
        idle = _progress(record) == self._progress[slot]
        self._idle_ends[slot] = self._idle_ends[slot] + 1 if idle else 0
        cause = f"signal {-status}" if status < 0 else self.executor.log_tail(slot) or f"exit status {status}"
        title = self.executor.title(slot)
        if status == UNUSABLE:
            self.slots.remove(slot)
            self.report(f"{title} cannot train: {cause}")
        elif self._idle_ends[slot] >= MAX_IDLE_ENDS:
            self.slots.remove(slot)
            self.report(f"{title} ended {MAX_IDLE_ENDS} times and is left out: {cause}")
        elif self.sweep.order() == "stop":
            self.slots.remove(slot)
        else:
            self.report(f"{title} ended ({cause}): another process takes its place")
            self._start(slot, record)

    def _start(self, slot: int, record: SweepRecord) -> None:
        self.executor.start(slot)
        self._progress[slot] = _progress(record)

    def stop(self) -> None:
        """Let these slots give their trials back and end; other slots of the sweep go on."""
        self._ending = True
        for slot in self.slots:
            if self.executor.exit_status(slot) is None:
                self.executor.stop(slot)

    def kill(self) -> None:
        """End all slots at once; their trials continue from their checkpoints when the sweep is resumed."""
        self._ending = True
        for slot in self.slots:
            if self.executor.exit_status(slot) is None:
                self.executor.kill(slot)


def _progress(record: SweepRecord) -> int:
    """A number that grows with every epoch and with every end of an attempt."""
    return sum(each.epoch + len(each.closed) for each in record.trials.values())
