"""The training process's side of its run directory: it tells events, beats, and listens to orders.

Kept apart from the worker so that training reads as training, and apart from `rundir`, which only watches. Standard
library only. One process at a time holds a run: the lock is on metrics.jsonl itself and dies with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from adam_tui.training.gauges import Gauges
from adam_tui.training.protocol import Ended, Event, State, to_line
from adam_tui.training.rundir import Run, Status

HEARTBEAT_SECONDS = 1.0
# Orders are looked for between steps; a stat 20 times a second costs nothing and feels immediate.
LISTEN_SECONDS = 0.05


class Journal:
    """Writes metrics.jsonl and status.json, reads control.jsonl. Use it as a context manager: it beats until it ends.

    `step` and `epoch` (finished epochs) are set by the training loop and go into status.json with the next beat, and
    so do the `gauges`. `listeners` get every event after it is written. `came` is when the process was started.
    ValueError when another process is at work on the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.gauges = Gauges()
        self.listeners: list[Callable[[Event], None]] = []
        self._figures: dict[str, Any] = {}
        self._device = ""
        self._state: State = "starting"
        self._reason = ""
        self._asked: list[dict[str, Any]] = []  # by signals
        self._kept: list[dict[str, Any]] = []  # for the training to come
        self._next_look = 0.0
        self._closed = threading.Event()
        self._lock = threading.Lock()
        before = run.last_status()
        self._obeyed = before.control if before else 0
        mine = before is not None and before.pid == os.getpid()
        self.came = before.came if before and mine else time.time()
        # What an earlier process reached stands until this one knows.
        self.step, self.epoch = (before.step, before.epoch) if before else (0, 0)
        self._metrics = os.open(run.path / "metrics.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._metrics, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._metrics)
            raise ValueError(f"another process is training {run.id}") from None
        except OSError:  # a file system without locks (some NFS): rundir.start_worker has looked at the status
            pass
        self._end_torn_line()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._write_status()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()
        os.close(self._metrics)

    def tell(self, event: Event) -> None:
        """Append one event, whole and at once."""
        line = to_line(event).encode()
        while line:  # a nearly full disk writes a part, then raises
            line = line[os.write(self._metrics, line) :]
        for listener in self.listeners:
            listener(event)

    def end(self, state: State, reason: str) -> None:
        """Tell the end of the run and become it; what cannot be told is in worker.log at least."""
        try:
            self.tell(Ended(time.time(), self.step, state, reason))
        except OSError as error:  # a full disk, or a directory that is gone: nobody left to tell but the log
            print(f"cannot tell the end ({state}: {reason}): {error}", file=sys.stderr)
        self.become(state, reason)

    def queue_for(self, device: str) -> None:
        """From now on status.json says which device this run waits for or holds."""
        self._device = device
        self._write_status()

    def become(self, state: State, reason: str = "") -> None:
        """Change the state and write it down now."""
        self._state, self._reason = state, reason
        if state in ("finished", "stopped", "failed"):  # whatever is still asked comes too late
            with contextlib.suppress(OSError):
                self._obeyed = os.stat(self.run.path / "control.jsonl").st_size
        self._write_status()

    def ask(self, command: str, **values: Any) -> None:
        """Order something from within the process (a signal handler), as if it stood in control.jsonl."""
        self._asked.append({"command": command} | values)

    def orders(self) -> list[dict[str, Any]]:
        """The new orders, oldest first, those that were kept before them.

        Looks at the file 20 times a second at most; costs a clock read else.
        """
        now = time.monotonic()
        if now < self._next_look and not self._asked and not self._kept:
            return []
        self._next_look = now + LISTEN_SECONDS
        asked, self._asked = self._kept + self._asked, []
        self._kept = []
        return asked + self._read_control()

    def told_to_end(self) -> tuple[State, str] | None:
        """For a process that does not train yet: an order to end, if there is one; others wait for the training."""
        orders = self.orders()
        for order in orders:
            if order["command"] in ("stop", "kill"):
                return "stopped", str(order.get("reason", "asked to stop"))
        self._kept += orders
        return None

    def _read_control(self) -> list[dict[str, Any]]:
        path = self.run.path / "control.jsonl"
        try:
            if os.stat(path).st_size <= self._obeyed:
                return []
            with open(path, "rb") as file:
                file.seek(self._obeyed)
                whole = file.read().rpartition(b"\n")[0]
        except OSError:
            # No order has ever been given; or the directory was deleted under us, and nobody can watch or stop us.
            return [] if self.run.path.is_dir() else [{"command": "kill"}]
        if not whole:
            return []
        self._obeyed += len(whole) + 1
        found = []
        for line in whole.split(b"\n"):
            try:
                order = json.loads(line)
            except ValueError:
                order = None
            if isinstance(order, dict) and isinstance(order.get("command"), str):
                found.append(order)
            else:
                print(f"not an order: {line!r}", file=sys.stderr, flush=True)
        self._write_status()  # so that a continued run does not obey them again
        return found

    def _beat(self) -> None:
        while not self._closed.wait(HEARTBEAT_SECONDS):
            self._figures = self.gauges.read()
            self._write_status()

    def _write_status(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # a full disk or a deleted directory must not end the beat
            status = Status(
                self._state,
                os.getpid(),
                socket.gethostname(),
                time.time(),
                self.step,
                self.epoch,
                self._reason,
                self._obeyed,
                self._device,
                self.came,
                **self._figures,
            )
            self.run.write_status(status)

    def _end_torn_line(self) -> None:
        """A process that was killed in mid-line must not spoil the first line of this one."""
        size = os.fstat(self._metrics).st_size
        if size and os.pread(self._metrics, 1, size - 1) != b"\n":
            os.write(self._metrics, b"\n")
