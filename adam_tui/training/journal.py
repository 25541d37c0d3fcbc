"""The training process's side of its run directory: it records events, sends heartbeats and reads commands.

It writes metrics.jsonl and status.json and reads control.jsonl; readers of a run are in `runs`. Standard library only.
One process at a time holds a run: the lock is on metrics.jsonl itself and ends with the process.

A disk that is full or unavailable does not end the training: events that cannot be written are kept and tried again
with every heartbeat. status.json reports it; even a full disk has room for that.
"""

from __future__ import annotations

import contextlib
import errno
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
from adam_tui.runs.protocol import ENDED, Ended, Event, Paused, Resumed, State, parse_json, to_line
from adam_tui.runs.run import Run
from adam_tui.runs.status import DELETED, GONE_SECONDS, MOVED, Status
from adam_tui.training.resource_usage import ResourceUsage

HEARTBEAT_SECONDS = 1.0
# Commands are read between steps; a stat 20 times a second costs nothing and feels immediate.
COMMAND_SECONDS = 0.05
MAX_COMMAND_BYTES = 1 << 20  # read at once
# Bytes of events that are kept while they cannot be written: hours of losses.
MAX_UNWRITTEN_BYTES = 16 << 20


class Journal:
    """Records events and the status of one run, and reads its commands. As a context manager it sends heartbeats.

    The training loop sets `step` and `epoch` (finished epochs); they go into status.json with the next heartbeat, and
    so do the `resources`. `listeners` receive every event after it is written. `arrival` is when the process was
    started, in seconds since 1970: its place in the queue for a device. `run` changes when its directory was moved.
    `host` is the name of this host in status.json, where its own name is not unique. `first` is the status to begin
    with, for a process whose starter has not written it.
    Raises ValueError when another process trains the run, OSError when its directory cannot be written.
    """

    def __init__(self, run: Run, host: str = "", first: Status | None = None) -> None:
        self.run = run
        self._host = host or socket.gethostname()
        self.resources = ResourceUsage()
        self.listeners: list[Callable[[Event], None]] = []
        self._last_time = 0.0  # of the latest event
        self._usage: dict[str, Any] = {}
        self._device = ""
        self._state: State = "starting"
        self._reason = ""
        self._problems: dict[str, tuple[str, str]] = {}  # by subject: the cause, and its effect, in words
        self._signalled: list[dict[str, Any]] = []  # commands of signal handlers
        self._deferred: list[dict[str, Any]] = []  # commands that wait for the training
        self._next_read = 0.0
        self._missing_since: float | None = None  # when the directory was first missing
        self._is_gone = False  # deleted, or moved to an unknown place
        self._checked_at = time.monotonic()  # when commands were last asked for
        # Seconds from SIGSTOP to SIGCONT: since `take_stopped_seconds`, and those that are no event yet.
        self._stopped_seconds = self._unrecorded_stop = 0.0
        self._closed = threading.Event()
        self._status_lock = threading.Lock()
        self._unwritten = bytearray()
        self._metrics_lock = threading.Lock()
        before = first or run.reported_status()
        self._obeyed = before.control if before else 0  # bytes of control.jsonl
        mine = before is not None and before.pid == os.getpid()
        self.arrival = before.came if before and mine else time.time()
        self._born = before.born if before and mine else processes.birth(os.getpid())
        # The progress of the earlier process is kept until this one has progress to report.
        self.step, self.epoch = (before.step, before.epoch) if before else (0, 0)
        self._metrics = files.open_private(run.path / "metrics.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        with contextlib.suppress(OSError):  # a file system without locks (some NFS); `start_worker` has checked
            if not file_lock.lock(self._metrics, file_lock.RELEASE_SECONDS):
                os.close(self._metrics)
                raise ValueError(f"another process is training {run.id}")
        self._folder = files.open_folder(run.path)
        files.remove_orphaned_parts(run.path)
        try:
            files.end_torn_line(self._metrics)
        except OSError:  # a full disk: with the next event
            self._unwritten += b"\n"
        self._thread = threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True)

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
        if self._folder >= 0:
            os.close(self._folder)

    # Events.

    def record(self, event: Event) -> None:
        """Append one event to metrics.jsonl, whole and at once, or as soon as there is room for it."""
        if self._unrecorded_stop:
            self._record_stop(event.time)
        self._write(to_line(event).encode())
        self._last_time = event.time
        for listener in list(self.listeners):
            try:
                listener(event)
            except Exception as error:  # a failing listener does not end the training
                self.listeners.remove(listener)
                self.report_problem("listener", "TensorBoard gets no more", error)

    def _record_stop(self, resumed_at: float) -> None:
        """Record the time for which the process was stopped (SIGSTOP, Ctrl-Z) as a pause, unless it was paused."""
        seconds, self._unrecorded_stop = self._unrecorded_stop, 0.0
        if self._state == "running":
            self.record(Paused(max(resumed_at - seconds, self._last_time), self.step))
            self.record(Resumed(resumed_at, self.step))

    def end(self, state: State, reason: str) -> None:
        """Record the end of the run and set its state; what cannot be recorded goes to worker.log."""
        if state == "failed" and self.use_moved_directory():  # a file that was not found is not the true reason
            reason = f"{MOVED.format(path=self.run.path)}: {reason}"
        self.record(Ended(time.time(), self.step, state, reason))
        if self._unwritten:
            reason += "; the last events could not be written"
            log(f"{state}: {reason}")
        written = self.set_state(state, reason)
        give_up = time.monotonic() + GONE_SECONDS
        while not written and not self._is_gone and time.monotonic() < give_up:
            time.sleep(COMMAND_SECONDS)  # the directory may be back in a moment
            written = self._write_status()
        if not written and self.use_moved_directory():
            self._write_status()

    def sync(self) -> None:
        """Bring all recorded events to the disk, as far as they can be written."""
        with contextlib.suppress(OSError):
            os.fsync(self._metrics)

    def _write(self, line: bytes = b"") -> None:
        """Write a line, after those that could not be written before."""
        with self._metrics_lock:
            if self._unwritten:
                self._write_pending()
            if len(self._unwritten) + len(line) <= MAX_UNWRITTEN_BYTES:
                self._unwritten += line
                self._write_pending()
            elif "lost" not in self._problems:
                self.report_problem("lost", f"events from step {self.step} on could not be kept")

    def _write_pending(self) -> None:
        try:
            while self._unwritten:  # a nearly full disk takes a part, then refuses
                del self._unwritten[: os.write(self._metrics, self._unwritten)]
        except OSError as error:
            self.report_problem("metrics", "metrics.jsonl waits to be written", error)
            if error.errno == errno.ESTALE:  # a network file system forgot the open file
                self._reopen_metrics()
        else:
            self.clear_problem("metrics")

    def _reopen_metrics(self) -> None:
        with contextlib.suppress(OSError):
            metrics = files.open_private(self.run.metrics, os.O_RDWR | os.O_APPEND)
            try:
                if file_lock.lock(metrics):
                    os.dup2(metrics, self._metrics, inheritable=False)
            finally:
                os.close(metrics)

    # Status.

    def set_state(self, state: State, reason: str = "") -> bool:
        """Change the state and write it at once; False when status.json cannot be written."""
        if state in ENDED:
            self.log_ignored(self._read_control())
        self._state, self._reason = state, reason
        return self._write_status()

    def set_device(self, device: str) -> None:
        """Show in status.json which device this run waits for or holds."""
        self._device = device
        self._write_status()

    def report_problem(self, subject: str, effect: str, error: Exception | None = None) -> None:
        """Show a problem that does not end the training: in status.json while it lasts, and once in worker.log."""
        cause = str(getattr(error, "strerror", None) or error or "")
        if self._problems.get(subject) != (cause, effect):
            log(f"{cause}: {effect}" if cause else effect)
            self._problems[subject] = cause, effect

    def clear_problem(self, subject: str) -> None:
        """Remove the problem of a subject that works again."""
        self._problems.pop(subject, None)

    def _problems_in_words(self) -> str:
        """All problems, each cause once: "No space left on device: metrics.jsonl waits to be written"."""
        effects: dict[str, list[str]] = {}
        for cause, effect in tuple(self._problems.values()):
            effects.setdefault(cause, []).append(effect)
        return "; ".join(f"{cause}: {', '.join(texts)}".removeprefix(": ") for cause, texts in effects.items())

    def _send_heartbeats(self) -> None:
        while not self._closed.wait(HEARTBEAT_SECONDS):
            self._usage = self.resources.read()
            if self._unwritten:
                self._write()
            self._write_status()

    def _write_status(self) -> bool:
        """Write status.json; False when that fails, which must not end the heartbeat."""
        with self._status_lock, contextlib.suppress(OSError):
            problems = "" if self._state in ENDED else self._problems_in_words()
            status = Status(
                self._state,
                os.getpid(),
                self._host,
                time.time(),
                self.step,
                self.epoch,
                "; ".join(filter(None, (self._reason, problems))),
                self._obeyed,
                self._device,
                self.arrival,
                self._born,
                time.monotonic(),
                **self._usage,
            )
            self.run.write_status(status)
            return True
        return False

    # Commands.

    def add_command(self, command: str, **values: Any) -> None:
        """Give a command from within the process, as a signal handler does, as if it were a line of control.jsonl."""
        self._signalled.append({"command": command} | values)

    def new_commands(self) -> list[dict[str, Any]]:
        """The commands since the last call, oldest first, deferred ones before them.

        Reads the file at most 20 times a second; between that a call costs one reading of the clock.
        """
        now = self._checked_at = time.monotonic()
        if now < self._next_read and not self._signalled and not self._deferred:
            return []
        self._next_read = now + COMMAND_SECONDS
        earlier, self._signalled = self._deferred + self._signalled, []
        self._deferred = []
        return earlier + self._read_control()

    def stop_command(self) -> tuple[State, str] | None:
        """For a process that does not train yet: the state and reason of a command to stop, if there is one.

        Other commands are deferred until the training asks for them.
        """
        commands = self.new_commands()
        for command in commands:
            if command["command"] in ("stop", "kill"):
                return "stopped", str(command.get("reason", "asked to stop"))
        self._deferred += commands
        return None

    def _check_directory(self) -> list[dict[str, Any]]:
        """Without a control.jsonl: a command to end if the directory has been missing for long, else nothing."""
        if self._is_gone:
            return []
        try:
            os.stat(self.run.path)
        except (FileNotFoundError, NotADirectoryError):
            now = time.monotonic()
            if self._missing_since is None:
                self._missing_since = now
            if now - self._missing_since < GONE_SECONDS:
                return []
        except OSError as error:
            self.report_problem("commands", "commands cannot be read", error)
            return []
        else:  # nobody has sent a command yet
            self._missing_since = None
            self.clear_problem("commands")
            return []
        if self.use_moved_directory():
            return [{"command": "stop", "reason": MOVED.format(path=self.run.path)}]
        self._is_gone = True
        return [{"command": "kill", "reason": DELETED}]

    def use_moved_directory(self) -> bool:
        """Write the rest of the run's files to the place that its directory was moved to, if it was moved."""
        moved = files.current_path(self._folder)
        if moved is None or os.path.exists(self.run.path):
            return False
        self.run, self._missing_since = Run(moved), None
        log(MOVED.format(path=moved))
        return True

    # The process itself.

    def continue_after_stop(self) -> None:
        """Called by the handler of SIGCONT: nothing has run since SIGSTOP, or since commands were last asked for."""
        now = time.monotonic()
        self._stopped_seconds += now - self._checked_at
        self._unrecorded_stop += now - self._checked_at
        self._checked_at = now

    def take_stopped_seconds(self) -> float:
        """The seconds for which the process was stopped since the last call."""
        seconds, self._stopped_seconds = self._stopped_seconds, 0.0
        return seconds

    def log_ignored(self, commands: list[dict[str, Any]]) -> None:
        """Log commands that come too late to be carried out."""
        for command in commands:
            reason = str(command.get("reason", ""))
            if reason == DELETED:
                log(DELETED)
            elif not reason.startswith(MOVED.format(path="")):  # `use_moved_directory` has logged it
                log(f"the run was already ending: the command {command['command']!r} came too late")

    def _read_control(self) -> list[dict[str, Any]]:
        path = self.run.path / "control.jsonl"
        try:
            size = os.stat(path).st_size
            self._missing_since = None
            if size < self._obeyed:  # the file was emptied: everything in it is new
                self._obeyed = 0
            if size <= self._obeyed:
                self.clear_problem("commands")
                return []
            with files.open_regular(path) as file:
                file.seek(self._obeyed)
                content = file.read(min(size - self._obeyed, MAX_COMMAND_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            return self._check_directory()
        except OSError as error:  # no permission, a network file system that is away
            self.report_problem("commands", "commands cannot be read", error)
            return []
        self.clear_problem("commands")
        lines, newline, _ = content.rpartition(b"\n")
        if not newline:
            if len(content) < MAX_COMMAND_BYTES:  # a line that is still being written
                return []
            lines = content  # no command is this long
        self._obeyed += len(lines + newline)
        commands = []
        for line in lines.split(b"\n"):
            try:
                command = parse_json(line)
            except ValueError:
                command = None
            if isinstance(command, dict) and isinstance(command.get("command"), str):
                commands.append(command)
            elif line:
                log(f"not a command: {line[:200]!r}")
        self._write_status()  # so that a continued run does not carry them out again
        return commands


def log(text: str) -> None:
    """Write a line to worker.log, which may be on the full disk too."""
    with contextlib.suppress(OSError, ValueError):
        print(text.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)


def log_traceback() -> None:
    """Write the traceback of the error being handled to worker.log."""
    log(traceback.format_exc().rstrip())
