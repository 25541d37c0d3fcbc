"""The queue for a device: one run trains at a time, the others wait here before anything heavy is loaded.

A device of a host is a file in the directory of the runs, RUNS/.<host>-<device>.lock. The process that holds its lock
trains, and its end releases it. Among the waiting runs, the first to be started is next. A paused run keeps its
device. The slots of a sweep do not queue; a run that is to come after them waits here until they have ended. Standard
library only, so a waiting run takes 15 MB and checks four times a second.
"""

from __future__ import annotations

import contextlib
import os
import time
from types import TracebackType
from typing import Self

from adam_tui.runs import device_use, file_lock, files
from adam_tui.runs.device_names import device_key, device_lock
from adam_tui.runs.directory import may_be_run
from adam_tui.runs.protocol import RunSpec, State
from adam_tui.runs.run import Run
from adam_tui.training.journal import Journal, log

POLL_SECONDS = 0.25


class DeviceQueue:
    """A place in the queue for a device and, after `wait`, the device itself, until the context ends.

    `spec` is that of the run. Without a lock file that can be locked there is no queue: every run starts at once.
    """

    def __init__(self, journal: Journal, spec: RunSpec) -> None:
        self._journal, self._spec, self._runs = journal, spec, journal.run.path.parent
        self.key = device_key(spec.device)
        self.path = device_lock(self._runs, self.key)
        self._lock_file = -1

    def __enter__(self) -> Self:
        try:
            self._lock_file = files.open_lock_file(self.path)
        except OSError as error:
            log(f"without a queue: {self.path}: {error.strerror}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock_file >= 0:
            os.close(self._lock_file)

    def wait(self) -> tuple[State, str] | None:
        """Wait until this run holds the device. Returns state and reason where a command to stop ended the wait."""
        journal = self._journal
        journal.set_device(self.key)
        shown = ""
        while (sweep := self._sweep()) or not self._acquire():
            reason = f"waits for {sweep or self._holder()} on {self.key}"
            if reason != shown:
                shown = reason
                journal.set_state("queued", reason)
            if ending := journal.stop_command():
                return ending
            time.sleep(POLL_SECONDS)
        journal.set_state("starting")
        return None

    def _sweep(self) -> str:
        """The sweep that this run waits for; "" without one."""
        return device_use.sweep_on(self._runs, self._spec.device) if self._spec.after_sweeps else ""

    def _acquire(self) -> bool:
        """Take the device if it is free and no earlier run waits for it."""
        if self._lock_file < 0:
            return True
        if self._earlier_run_waits():  # without the lock: a process that is stopped while it holds it would block all
            return False
        try:
            if not file_lock.lock(self._lock_file):
                return False
        except OSError:
            return True
        if self._earlier_run_waits():
            file_lock.unlock(self._lock_file)
            return False
        with contextlib.suppress(OSError):  # on a full disk the waiting runs show the holder before
            os.ftruncate(self._lock_file, 0)
            os.lseek(self._lock_file, 0, os.SEEK_SET)
            os.write(self._lock_file, self._journal.run.id.encode("utf-8", "surrogateescape"))
        return True

    def _earlier_run_waits(self) -> bool:
        """Whether a run of this host that was started before this one waits for the device or is about to."""
        own_place = (self._journal.arrival, self._journal.run.id)
        try:
            with os.scandir(self._runs) as entries:
                others = [Run(entry.path) for entry in entries if entry.name != own_place[1] and may_be_run(entry)]
        except PermissionError:
            return False
        except OSError:  # the directory is away: the journal decides for how long
            return True
        for other in others:
            status = other.status()
            # A process without a sign of life is stopped, or a copy of a run: it must not block the others.
            waits = status.state in ("starting", "queued") and not status.silent and status.device == self.key
            if waits and status.is_local and (status.came, other.id) < own_place and not self._passes(other):
                return True
        return False

    def _passes(self, other: Run) -> bool:
        """Whether this run may pass an earlier one, which waits for a sweep as this one does not."""
        with contextlib.suppress(ValueError):
            return other.spec().after_sweeps and bool(device_use.sweep_on(self._runs, self._spec.device))
        return False

    def _holder(self) -> str:
        """The run that wrote its name into the file last: the training run, unless it ended just now."""
        name = ""
        with contextlib.suppress(OSError):
            os.lseek(self._lock_file, 0, os.SEEK_SET)
            name = os.read(self._lock_file, 200).decode("utf-8", "replace")
        return name if name not in ("", self._journal.run.id) else "its turn"
