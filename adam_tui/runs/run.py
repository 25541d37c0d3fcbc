"""One run as its files: `Run` reads them, and writes the orders and the status.

The training process is the only writer of most files; all other processes read them and append to control.jsonl.
Therefore a second terminal, another host on a shared file system and a look at last week's run use the same code.
README.md beside this file describes every file. Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adam_tui.runs import file_lock, files, processes, weights_file
from adam_tui.runs.follower import Follower
from adam_tui.runs.protocol import LOST, Epoch, Event, RunSpec, Started, event_name, from_line, parse_json
from adam_tui.runs.run_label import Label, read_label, write_label
from adam_tui.runs.status import (
    NEVER_STARTED,
    STALE_SECONDS,
    Evidence,
    HeartbeatWatch,
    Status,
    judge,
    parse_status,
    status_from_metrics,
    status_text,
    valid_time,
)

MAX_JSON = 1 << 20  # bytes of a spec.json or status.json; a larger one is damaged
MAX_END = 4096  # bytes of metrics.jsonl's last line, if it is an `Ended`
LOG_LINE = 400  # bytes of a long line of worker.log
WORKER = "adam_tui.training.worker"  # the module that is the training process
SPARE_FLAG = "--spare"  # its argument in place of a run, see `spare`
TRACEBACK = "Traceback (most recent call last)"


class Run:
    """The directory of one run. Reading it never raises because its process is writing at the same moment."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._heartbeats = HeartbeatWatch()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The directory's name, such as adam-7f3a."""
        return self.path.name

    @property
    def metrics(self) -> Path:
        """The path of the events."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The path of the newest checkpoint; the file may not exist yet."""
        return self.path / "checkpoint.pt"

    @property
    def older_checkpoint(self) -> Path:
        """The path of the checkpoint before it."""
        return self.path / "checkpoint.old.pt"

    @property
    def evaluation(self) -> Path:
        """The path of the last evaluation's pictures, see `training.evaluation`."""
        return self.path / "evaluation.npz"

    @property
    def weights(self) -> Path:
        """The path of the weights at some steps, see `weights_file`; there may be no such file."""
        return self.path / weights_file.NAME

    @property
    def link_target(self) -> str:
        """The target of a directory that is a symbolic link; "" for any other directory."""
        return os.readlink(self.path) if os.path.islink(self.path) else ""

    # The specification.

    def spec(self) -> RunSpec:
        """The specification. Raises ValueError with one line when no file holds it."""
        return self.spec_and_time()[0]

    @property
    def created(self) -> float:
        """When the run was created, in seconds since 1970; 0 when no file holds it."""
        with contextlib.suppress(ValueError):
            return self.spec_and_time()[1]
        return 0.0

    def spec_and_time(self) -> tuple[RunSpec, float]:
        """The specification and when it was written, in seconds since 1970.

        If spec.json is damaged, both come from the first `Started` in metrics.jsonl. Raises ValueError with one line
        when that is missing too.
        """
        path = self.path / "spec.json"
        try:
            data = parse_json(files.read_regular(path, MAX_JSON))
        except OSError as error:
            problem = f"cannot read {path}: {error.strerror}"
        except ValueError:
            problem = f"{path} is not JSON"
        else:
            try:
                return RunSpec.from_json(data), valid_time(data.get("created"))
            except ValueError as error:
                problem = f"{path} is {error}"
        for event in self.events(Started):
            if isinstance(event, Started):
                return event.spec, valid_time(event.time)
        raise ValueError(problem)

    def label(self) -> Label:
        """The user's name and tags."""
        return read_label(self.path)

    def write_label(self, label: Label) -> None:
        """Replace the user's name and tags. Raises OSError."""
        write_label(self.path, label)

    # The state.

    def status(self) -> Status:
        """The state now. A run whose process has written nothing yet is starting, and after a minute lost."""
        reported = self.reported_status()
        if reported is not None and not reported.alive:
            return reported
        if reported is not None:
            silence = self._heartbeats.silence(reported.heartbeat, self._metrics_time())
            locked = file_lock.is_locked(self.metrics)
            return judge(reported, Evidence(silence, self._heartbeats.has_beaten, locked, self.owns_process))
        has_status = os.path.exists(self.path / "status.json")
        if has_status or os.path.exists(self.metrics):
            word = "damaged" if has_status else "missing"
            return status_from_metrics(self._last_lines("metrics.jsonl", MAX_END), f"status.json is {word}")
        age = abs(time.time() - self.created)  # a creation in the future means that a clock was set back
        return Status("starting") if age < STALE_SECONDS else Status(LOST, reason=NEVER_STARTED)

    def _metrics_time(self) -> float:
        """When metrics.jsonl grew last: a process may be able to write events, and not its heartbeat."""
        try:
            return self.metrics.stat().st_mtime
        except OSError:
            return 0.0

    def owns_process(self, pid: int) -> bool | None:
        """Whether a process of this host trains this run: it holds the lock, or its arguments name this directory.

        None where the system shows neither. A number from a status file alone proves nothing: the file may be a copy,
        and in a shared directory it may be forged.
        """
        holds = processes.holds_lock(pid, self.metrics)
        if holds:
            return True
        arguments = processes.command_line(pid)
        if arguments is None:
            return None
        if WORKER in arguments and SPARE_FLAG in arguments:  # it was started before its run: only the lock shows it
            return holds
        return WORKER in arguments and (
            f" {self.path.absolute()} " in f" {' '.join(arguments)} "  # where the system splits paths with spaces
            or any(os.path.isabs(argument) and self._is(argument) for argument in arguments)
        )

    def _is(self, path: str) -> bool:
        """Whether a path leads to this directory, perhaps by a link."""
        with contextlib.suppress(OSError):
            return os.path.samefile(path, self.path)
        return False

    def reported_status(self) -> Status | None:
        """The latest report of the process, unchecked; None before the first one, or when it is damaged."""
        try:
            return parse_status(files.read_regular(self.path / "status.json", MAX_JSON).decode())
        except (OSError, ValueError):
            return None

    def write_status(self, new: Status) -> None:
        """Replace status.json in one move, or overwrite it where the disk is full. Raises OSError."""
        path, text = self.path / "status.json", status_text(new)
        try:
            files.write_atomically(path, text)
        except OSError as error:
            if error.errno not in files.NO_SPACE:
                raise
            files.overwrite(path, text)

    def command(self, order: str, /, **values: Any) -> int:
        """Send stop, pause, resume, kill or set (with `name` and `value`) to the process, which reads it within 0.1 s.

        Returns the value that `Status.control` reaches when the order is obeyed. Raises OSError, also when the disk
        took only a part of the order.
        """
        line = (json.dumps({"command": order} | values | {"time": time.time()}) + "\n").encode()
        # One write to a file opened for appending: the orders of two terminals cannot mix.
        descriptor = files.open_private(self.path / "control.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            files.end_torn_line(descriptor)
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "control.jsonl")
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    # The events and the log.

    def follow(self) -> Follower:
        """A reader of the events from the first one on."""
        return Follower(self.metrics)

    def events(self, *kinds: type[Event]) -> Iterator[Event]:
        """The events of these kinds. Lines of other kinds are not parsed: a long run has megabytes of losses."""
        names = {kind.name for kind in kinds}
        follower = self.follow()
        while lines := follower.poll_bytes()[1]:
            for line in lines:
                name = event_name(line)
                if (name is None or name in names) and isinstance(event := from_line(line), kinds):
                    yield event

    def epochs(self) -> list[Epoch]:
        """The epochs that count, in order: without those that a resumed run repeated."""
        epochs: dict[int, Epoch] = {}
        for event in self.events(Started, Epoch):
            if isinstance(event, Started):
                epochs = {number: epoch for number, epoch in epochs.items() if epoch.step <= event.step}
            elif isinstance(event, Epoch):
                epochs[event.epoch] = event
        return [epochs[number] for number in sorted(epochs)]

    def _last_lines(self, name: str, size: int) -> list[str]:
        """The lines in the last `size` bytes of a file; empty when the file is missing."""
        try:
            with files.open_regular(self.path / name) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - size))
                return file.read(size).decode("utf-8", "replace").splitlines()
        except OSError:
            return []

    def log_tail(self, lines: int) -> str:
        """The last lines of worker.log, "" when it is empty or missing."""
        return "\n".join(self._last_lines("worker.log", LOG_LINE * lines)[-lines:])

    def error_tail(self, lines: int = 12) -> str:
        """The last traceback or message in worker.log, at most its last `lines` lines; "" when it is empty."""
        tail = self.log_tail(4 * lines)
        start = tail.rfind(TRACEBACK)
        return "\n".join(tail[max(start, 0) :].splitlines()[-lines:])

    # Resuming and deleting.

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return os.path.exists(self.checkpoint) or os.path.exists(self.older_checkpoint)

    def can_resume(self, status: Status | None = None) -> bool:
        """Whether it can be resumed: no active process, not finished, and a checkpoint. `status` saves a reading."""
        return (status or self.status()).state in ("stopped", "failed", LOST) and self.has_checkpoint

    @contextlib.contextmanager
    def locked_metrics(self) -> Iterator[int | None]:
        """Hold the lock of the run's process: yields metrics.jsonl opened for appending, None while a process has it.

        Raises OSError when the file cannot be opened or the file system has no locks.
        """
        metrics = files.open_private(self.metrics, os.O_RDWR | os.O_APPEND)
        try:
            yield metrics if file_lock.lock(metrics, file_lock.RELEASE_SECONDS) else None
        finally:
            os.close(metrics)

    def is_held(self) -> bool:
        """Whether a process still holds the run after a second: one that ends, or was killed, needs a moment."""
        end = time.monotonic() + file_lock.RELEASE_SECONDS
        while file_lock.is_locked(self.metrics):
            if time.monotonic() >= end:
                return True
            time.sleep(file_lock.RETRY_SECONDS)
        return False

    def check_delete(self) -> None:
        """Raise ValueError while a process uses the run; a link to it may be removed."""
        if not self.link_target and (self.status().alive or self.is_held()):
            raise ValueError(f"{self.id} is still running: stop it first")

    def delete(self) -> None:
        """Remove the directory, or only the link if it is one. Raises ValueError while a process uses it."""
        if self.link_target:
            self.path.unlink()
            return
        self.check_delete()
        shutil.rmtree(self.path)  # follows no link within it
