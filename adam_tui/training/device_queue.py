"""One run a device: a run waits here until its device is free, before anything heavy is loaded.

The device of a host is a file in the directory of the runs, RUNS/.<host>-<device>.lock; whoever holds its lock trains,
and a process that dies lets go of it. Of those that wait, the one that was started first goes next. Standard library
only, so a run that waits costs 15 MB and a look four times a second. A paused run keeps its device.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from adam_tui.runs import file_lock, files
from adam_tui.runs.device_names import device_key
from adam_tui.runs.protocol import State
from adam_tui.runs.run import Run
from adam_tui.training.journal import Journal

LOOK_SECONDS = 0.25


class DeviceQueue:
    """A place in the queue for a device, and later the device; given up at the end of the context.

    `device` is the RunSpec's. File systems without locks have no queue: every run goes at once.
    """

    def __init__(self, journal: Journal, device: str) -> None:
        self._journal, self._runs = journal, journal.run.path.parent
        self.key = device_key(device)
        self.path = self._runs / f".{_as_name(socket.gethostname())}-{self.key}.lock"
        self._lock = -1

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):  # a directory that cannot be written has no queue
            self._lock = files.open_private(self.path, os.O_RDWR | os.O_CREAT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock >= 0:
            os.close(self._lock)

    def wait(self) -> tuple[State, str] | None:
        """Return when the device is this run's; when it is told to end before that, its end: state and reason."""
        journal = self._journal
        journal.queue_for(self.key)
        said = ""
        while not self._take():
            reason = f"waits for {self._holder()} on {self.key}"
            if reason != said:
                said = reason
                journal.become("queued", reason)
            if ending := journal.told_to_end():
                return ending
            time.sleep(LOOK_SECONDS)
        journal.become("starting")
        return None

    def _take(self) -> bool:
        """Take the device if it is free and nobody waits who came earlier."""
        try:
            if not file_lock.lock(self._lock):
                return False
        except OSError:
            return True
        if self._somebody_came_earlier():
            file_lock.unlock(self._lock)
            return False
        with contextlib.suppress(OSError):  # on a full disk those who wait are told the one before
            os.ftruncate(self._lock, 0)
            os.lseek(self._lock, 0, os.SEEK_SET)
            os.write(self._lock, self._journal.run.id.encode("utf-8", "surrogateescape"))
        return True

    def _somebody_came_earlier(self) -> bool:
        """Whether another process of this host waits, or is on its way here, that was started before this one."""
        mine = (self._journal.came, self._journal.run.id)
        try:
            with os.scandir(self._runs) as entries:
                others = [Run(entry.path) for entry in entries if entry.is_dir() and entry.name != mine[1]]
        except OSError:  # deleted meanwhile, and this run with it: the journal says so
            return False
        for other in others:
            status = other.status()
            waits = status.state in ("starting", "queued") and status.device == self.key
            if waits and status.is_local and (status.came, other.id) < mine:
                return True
        return False

    def _holder(self) -> str:
        """Who wrote its name into the file last: the one that trains, unless the device was given up just now."""
        os.lseek(self._lock, 0, os.SEEK_SET)
        name = os.read(self._lock, 200).decode("utf-8", "replace")
        return name if name not in ("", self._journal.run.id) else "its turn"


def _as_name(host: str) -> str:
    """The host's name without what a file's name cannot hold."""
    return Path(host.replace("/", "-")).name or "host"
