"""The training process's side of its run directory: it tells events, beats, and listens to orders.

Kept apart from the worker so that training reads as training, and apart from `rundir`, which only watches. Standard
library only. One process at a time holds a run: the lock is on metrics.jsonl itself and dies with the process.

A disk that is full, or gone for a while, does not end the training: what cannot be written is kept and tried again
with every beat, and status.json says so, for which even a full disk has room.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from adam_tui.runs import file_lock, files, processes
from adam_tui.runs.protocol import ENDED, Ended, Event, State, parse_json, to_line
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status
from adam_tui.training.resource_usage import ResourceUsage

HEARTBEAT_SECONDS = 1.0
# Orders are looked for between steps; a stat 20 times a second costs nothing and feels immediate.
LISTEN_SECONDS = 0.05
MOST_READ = 1 << 20  # bytes of orders at one look
# Bytes of events that are kept while they cannot be written: hours of losses.
MOST_UNWRITTEN = 16 << 20


class Journal:
    """Writes metrics.jsonl and status.json, reads control.jsonl. Use it as a context manager: it beats until it ends.

    `step` and `epoch` (finished epochs) are set by the training loop and go into status.json with the next beat, and
    so do the `gauges`. `listeners` get every event after it is written. `came` is when the process was started.
    ValueError when another process is at work on the run, OSError when its directory cannot be written.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.gauges = ResourceUsage()
        self.listeners: list[Callable[[Event], None]] = []
        self._figures: dict[str, Any] = {}
        self._device = ""
        self._state: State = "starting"
        self._reason = ""
        self._troubles: dict[str, tuple[str, str]] = {}  # by subject: the cause, and what it does, in words
        self._asked: list[dict[str, Any]] = []  # by signals
        self._kept: list[dict[str, Any]] = []  # for the training to come
        self._next_look = 0.0
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._unwritten = bytearray()
        self._writing = threading.Lock()
        before = run.reported_status()
        self._obeyed = before.control if before else 0
        mine = before is not None and before.pid == os.getpid()
        self.came = before.came if before and mine else time.time()
        self._born = before.born if before and mine else processes.birth(os.getpid())
        # What an earlier process reached stands until this one knows.
        self.step, self.epoch = (before.step, before.epoch) if before else (0, 0)
        self._metrics = files.open_private(run.path / "metrics.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        with contextlib.suppress(OSError):  # a file system without locks (some NFS): rundir.start_worker has looked
            if not file_lock.lock(self._metrics, file_lock.RELEASE_SECONDS):
                os.close(self._metrics)
                raise ValueError(f"another process is training {run.id}")
        files.remove_orphaned_parts(run.path)
        try:
            files.end_torn_line(self._metrics)
        except OSError:  # a full disk: with the next event
            self._unwritten += b"\n"
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
        """Append one event, whole and at once; or as soon as there is room for it."""
        self._write(to_line(event).encode())
        for listener in list(self.listeners):
            try:
                listener(event)
            except Exception as error:  # whoever listens besides is no reason to end
                self.listeners.remove(listener)
                self.trouble("listener", "TensorBoard gets no more", error)

    def _write(self, line: bytes = b"") -> None:
        """Write a line, after those that could not be written before."""
        with self._writing:
            if self._unwritten:
                self._write_kept()
            if len(self._unwritten) + len(line) <= MOST_UNWRITTEN:
                self._unwritten += line
                self._write_kept()
            elif "lost" not in self._troubles:
                self.trouble("lost", f"what happened from step {self.step} on could not be kept")

    def _write_kept(self) -> None:
        try:
            while self._unwritten:  # a nearly full disk takes a part, then refuses
                del self._unwritten[: os.write(self._metrics, self._unwritten)]
        except OSError as error:
            self.trouble("metrics", "metrics.jsonl waits to be written", error)
        else:
            self.trouble("metrics")

    def sync(self) -> None:
        """What was told is on the disk when this returns, as far as it can be written."""
        with contextlib.suppress(OSError):
            os.fsync(self._metrics)

    def trouble(self, subject: str, words: str = "", error: Exception | None = None) -> None:
        """Something does not work but the training: said in status.json while it lasts, and once in worker.log.

        Without words it works again.
        """
        cause = str(getattr(error, "strerror", None) or error or "")
        if self._troubles.get(subject, ("", "")) != (cause, words):
            if words:
                note(f"{cause}: {words}" if cause else words)
                self._troubles[subject] = cause, words
            else:
                del self._troubles[subject]

    def _troubles_in_words(self) -> str:
        """What goes wrong, each cause once: "No space left on device: metrics.jsonl waits to be written"."""
        causes: dict[str, list[str]] = {}
        for cause, words in tuple(self._troubles.values()):
            causes.setdefault(cause, []).append(words)
        return "; ".join(f"{cause}: {', '.join(words)}".removeprefix(": ") for cause, words in causes.items())

    def end(self, state: State, reason: str) -> None:
        """Tell the end of the run and become it; what cannot be told is in worker.log at least."""
        self.tell(Ended(time.time(), self.step, state, reason))
        if self._unwritten:
            reason += "; the last events could not be written"
            note(f"{state}: {reason}")
        self.become(state, reason)

    def queue_for(self, device: str) -> None:
        """From now on status.json says which device this run waits for or holds."""
        self._device = device
        self._write_status()

    def become(self, state: State, reason: str = "") -> None:
        """Change the state and write it down now."""
        if state in ENDED:
            self.too_late(self._read_control())
        self._state, self._reason = state, reason
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

    def too_late(self, orders: list[dict[str, Any]]) -> None:
        """Say of orders that nobody obeys them."""
        for order in orders:
            note(f"too late, the run ends: {order['command']}")

    def _read_control(self) -> list[dict[str, Any]]:
        path = self.run.path / "control.jsonl"
        try:
            size = os.stat(path).st_size
            if size < self._obeyed:  # somebody emptied it: what comes now is new
                self._obeyed = 0
            if size <= self._obeyed:
                return []
            with files.open_regular(path) as file:
                file.seek(self._obeyed)
                read = file.read(min(size - self._obeyed, MOST_READ))
        except OSError:
            # No order has ever been given; or the directory was deleted under us, and nobody can watch or stop us.
            return [] if os.path.isdir(self.run.path) else [{"command": "kill"}]
        whole, end, _ = read.rpartition(b"\n")
        if not end:
            if len(read) < MOST_READ:  # a line that is still being written
                return []
            whole = read  # no order is so long
        self._obeyed += len(whole + end)
        found = []
        for line in whole.split(b"\n"):
            try:
                order = parse_json(line)
            except ValueError:
                order = None
            if isinstance(order, dict) and isinstance(order.get("command"), str):
                found.append(order)
            elif line:
                note(f"not an order: {line[:200]!r}")
        self._write_status()  # so that a continued run does not obey them again
        return found

    def _beat(self) -> None:
        while not self._closed.wait(HEARTBEAT_SECONDS):
            self._figures = self.gauges.read()
            if self._unwritten:
                self._write()
            self._write_status()

    def _write_status(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # a deleted directory must not end the beat
            troubles = "" if self._state in ENDED else self._troubles_in_words()
            status = Status(
                self._state,
                os.getpid(),
                socket.gethostname(),
                time.time(),
                self.step,
                self.epoch,
                "; ".join(filter(None, (self._reason, troubles))),
                self._obeyed,
                self._device,
                self.came,
                self._born,
                time.monotonic(),
                **self._figures,
            )
            self.run.write_status(status)


def note(text: str) -> None:
    """A line for worker.log, which may be on the full disk too."""
    with contextlib.suppress(OSError, ValueError):
        print(text.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)


def note_error() -> None:
    """The traceback of the error at hand, for worker.log."""
    note(traceback.format_exc().rstrip())
