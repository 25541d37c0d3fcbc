"""A run is a directory: create one, list them, read one while it grows, and tell its process what to do.

Whoever watches a run only reads these files and appends to control.jsonl; the training process is the only writer of
the rest. So a second terminal, another host on a shared file system and a look at last week's run are the same code.
Standard library only (platformdirs, when the default place must be known).

    RUNS/<id>/  spec.json  metrics.jsonl  status.json  control.jsonl  checkpoint.pt  evaluation.npz  worker.log
                checkpoint.old.pt  (the one before, for the day when the newer one turns out to be damaged)
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adam_tui.runs import system
from adam_tui.runs.device_names import SHARED_CORES, device_key
from adam_tui.runs.protocol import Epoch, Event, RunSpec, Started, from_line, parse_json
from adam_tui.runs.status import STALE_SECONDS, Beats, judged, moment, read_status, without_status, written
from adam_tui.runs.status import Status as Status

# What one `Follower.poll` reads at most: about 30 ms of parsing, so that an old run opens without a hitch.
POLL_BYTES = 1 << 20
MOST_JSON = 1 << 20  # bytes of a spec.json or status.json; a larger one is damaged
LONGEST_END = 4096  # bytes of metrics.jsonl's last line, when it tells the end


def runs_directory(override: str | os.PathLike[str] | None = None) -> Path:
    """Where the runs are: `override` (--runs), else $ADAM_TUI_RUNS, else the user's data directory. Creates nothing."""
    chosen = override or os.environ.get("ADAM_TUI_RUNS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("adam-tui")) / "runs"


class Run:
    """One run's directory. Reading it never raises because of what a running process is writing just now."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._beats = Beats()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The directory's name: adam-7f3a."""
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint is, once there is one."""
        return self.path / "checkpoint.pt"

    @property
    def evaluation(self) -> Path:
        """Where the pictures of the last evaluation are, once there was one; see `evaluation`."""
        return self.path / "evaluation.npz"

    @property
    def older_checkpoint(self) -> Path:
        """Where the checkpoint before that one is."""
        return self.path / "checkpoint.old.pt"

    def spec(self) -> RunSpec:
        """What was asked. ValueError with one line when nothing tells."""
        return self.asked()[0]

    @property
    def started(self) -> float:
        """When the run was created, in seconds since 1970; 0 when nothing tells."""
        with contextlib.suppress(ValueError):
            return self.asked()[1]
        return 0.0

    def asked(self) -> tuple[RunSpec, float]:
        """What was asked, and when, in seconds since 1970; of a damaged spec.json from what the first process told.

        ValueError with one line when nothing tells.
        """
        path = self.path / "spec.json"
        try:
            data = parse_json(system.read_regular(path, MOST_JSON))
        except OSError as error:
            problem = f"cannot read {path}: {error.strerror}"
        except ValueError:
            problem = f"{path} is not JSON"
        else:
            try:
                return RunSpec.from_json(data), moment(data.get("created"))
            except ValueError as error:
                problem = f"{path} is {error}"
        for event in self._told("start"):
            if isinstance(event, Started):
                return event.spec, moment(event.time)
        raise ValueError(problem)

    def status(self) -> Status:
        """The run's state now. Before the process has said anything: starting, then lost when it never does."""
        written = self.last_status()
        if written is not None and not written.alive:
            return written
        if written is not None:
            return judged(written, self._beats.silence(written.heartbeat, self._told_at()))
        is_there = os.path.exists(self.path / "status.json")
        if is_there or os.path.exists(self.path / "metrics.jsonl"):
            word = "damaged" if is_there else "missing"
            return without_status(self._tail("metrics.jsonl", LONGEST_END), f"status.json is {word}")
        age = abs(time.time() - self.started)  # what was begun in the future was not: a clock was set back
        return Status("starting" if age < STALE_SECONDS else "lost", reason="" if age < STALE_SECONDS else NEVER)

    def _told_at(self) -> float:
        """When metrics.jsonl grew last: a process may be able to tell, and not to beat."""
        try:
            return (self.path / "metrics.jsonl").stat().st_mtime
        except OSError:
            return 0.0

    def last_status(self) -> Status | None:
        """What the process wrote last, taken at its word; None before it has written anything, or for a damaged one."""
        try:
            return read_status(system.read_regular(self.path / "status.json", MOST_JSON).decode())
        except (OSError, ValueError):
            return None

    def write_status(self, status: Status) -> None:
        """Replace status.json in one move: a reader sees the old one or the new one, never a half."""
        path, text = self.path / "status.json", written(status)
        try:
            system.write_atomically(path, text)
        except OSError as error:
            if error.errno not in system.NO_ROOM:
                raise
            system.write_over(path, text)

    def command(self, order: str, /, **values: Any) -> int:
        """Ask the process for stop, pause, resume, kill or set (with `name` and `value`); heard within 0.1 s.

        Gives what `Status.control` reaches when it was. OSError as it comes, also for an order that was cut off.
        """
        line = (json.dumps({"command": order} | values | {"time": time.time()}) + "\n").encode()
        # One write to a file opened for appending: two terminals' orders cannot mix.
        descriptor = system.open_private(self.path / "control.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            system.end_torn_line(descriptor)
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "control.jsonl")
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def _told(self, *names: str) -> Iterator[Event]:
        """The events of these names, without parsing the losses in between (a long run holds megabytes)."""
        starts = tuple(f'{{"event":"{name}"' for name in names)
        follower = Follower(self)
        while lines := follower.poll_lines():
            for line in lines:
                if line.startswith(starts) and (event := from_line(line)) is not None:
                    yield event

    def epochs(self) -> list[Epoch]:
        """The epochs that count, in order."""
        found: dict[int, Epoch] = {}
        for event in self._told("start", "epoch"):
            if isinstance(event, Started):  # what was told beyond a resumed checkpoint no longer counts
                found = {epoch: told for epoch, told in found.items() if told.step <= event.step}
            elif isinstance(event, Epoch):
                found[event.epoch] = event
        return [found[epoch] for epoch in sorted(found)]

    def _tail(self, name: str, size: int) -> list[str]:
        """The last lines of one of the files, those in so many bytes; none when there is no such file."""
        try:
            with system.open_regular(self.path / name) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - size))
                return file.read(size).decode("utf-8", "replace").splitlines()
        except OSError:
            return []

    def log_tail(self, lines: int) -> str:
        """The last lines of worker.log, "" when there are none."""
        return "\n".join(self._tail("worker.log", 400 * lines)[-lines:])

    def error_tail(self, lines: int = 12) -> str:
        """What worker.log ends with: its last traceback or message, at most so many of its last lines; "" for none."""
        tail = self.log_tail(4 * lines)
        start = tail.rfind(TRACEBACK)
        return "\n".join(tail[max(start, 0) :].splitlines()[-lines:])

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to continue from."""
        return os.path.exists(self.checkpoint) or os.path.exists(self.older_checkpoint)

    def can_resume(self, status: Status | None = None) -> bool:
        """Whether `resume` would continue it: no process is at work, it is not finished, and it has a checkpoint."""
        return (status or self.status()).state in ("stopped", "failed", "lost") and self.has_checkpoint

    @property
    def target(self) -> str:
        """Where the run points to when it is a link to a directory; "" when it is none."""
        return os.readlink(self.path) if os.path.islink(self.path) else ""

    def delete(self) -> None:
        """Remove the directory, or of a link to one the link. ValueError while a process is at work on it."""
        if self.target:
            self.path.unlink()
            return
        if self.status().alive or self._is_held():
            raise ValueError(f"{self.id} is still running: stop it first")
        shutil.rmtree(self.path)  # follows no link within it

    def _is_held(self) -> bool:
        """Whether a process has the run's files in its hands, though it may be taken for lost."""
        with contextlib.suppress(OSError), held(self) as metrics:
            return metrics is None
        return False


NEVER = "the process never started"
TRACEBACK = "Traceback (most recent call last)"


@contextlib.contextmanager
def held(run: Run) -> Iterator[int | None]:
    """Hold the run as its process does: metrics.jsonl, opened to append, or None while a process has it.

    OSError when it cannot be opened or cannot be locked.
    """
    metrics = system.open_private(run.path / "metrics.jsonl", os.O_RDWR | os.O_APPEND)
    try:
        yield metrics if system.lock(metrics, system.PATIENCE) else None
    finally:
        os.close(metrics)


def create(spec: RunSpec, runs: Path) -> Run:
    """Make the directory of a new run, 0700, with its spec.json; the id is short and unused. OSError as it comes."""
    system.make_private(runs)
    while True:
        path = runs / f"{spec.optimizer}-{secrets.token_hex(2)}"
        try:
            path.mkdir(mode=0o700)
            break
        except FileExistsError:
            continue
    body = spec.to_json() | {"created": time.time()}
    try:
        system.write_atomically(path / "spec.json", json.dumps(body, indent=2) + "\n", durable=True)
    except BaseException:
        path.rmdir()
        raise
    return Run(path)


def list_runs(runs: Path) -> list[Run]:
    """The runs in a directory, newest first. What is no run is left out; a missing directory holds none."""
    dated = []
    for run in _directories(runs):
        with contextlib.suppress(ValueError):
            dated.append((-run.asked()[1], run.id, run))
    return [run for _, _, run in sorted(dated)]


def broken_runs(runs: Path) -> list[Run]:
    """The directories with a spec.json of which nothing tells what was asked."""
    whole = {run.id for run in list_runs(runs)}
    return [run for run in _directories(runs) if run.id not in whole and os.path.lexists(run.path / "spec.json")]


def _directories(runs: Path) -> list[Run]:
    try:
        with os.scandir(runs) as entries:
            return [Run(entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return []


def find(runs: Path, id: str) -> Run:
    """The run with this id, or the only one whose id begins so. ValueError with one line for none or several."""
    known = list_runs(runs) + broken_runs(runs)
    matches = [run for run in known if run.id == id] or [run for run in known if id and run.id.startswith(id)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ValueError(f"{id!r} fits {len(matches)} runs: {', '.join(sorted(run.id for run in matches))}")
    raise ValueError(f"no run {id!r} in {runs}")


class Follower:
    """Reads metrics.jsonl as it grows; each line is given once. Costs one stat when nothing is new.

    A last line without its newline waits until it is whole. Should the file shrink or be replaced, which no worker
    does, it is read again from its start; while it is missing, nothing comes.
    """

    def __init__(self, run: Run) -> None:
        self._path = run.path / "metrics.jsonl"
        self._inode = -1
        self._offset = 0  # of the first byte not yet given
        self._seen = 0  # the size at the last look; beyond `_offset` there may be a torn line

    def poll(self) -> list[Event]:
        """The new events, oldest first; at most 1 MiB of them, so call again until there are none."""
        return [event for line in self.poll_lines() if (event := from_line(line)) is not None]

    def skip(self) -> None:
        """Pass over what is there already: only what comes from now on is given."""
        with contextlib.suppress(OSError):
            now = os.stat(self._path)
            self._inode, self._offset, self._seen = now.st_ino, now.st_size, now.st_size

    def poll_lines(self) -> list[str]:
        """The new lines as they stand in the file, without their newlines; torn lines of a killed process too."""
        return [line.decode("utf-8", "replace") for line in self.poll_bytes()[1]]

    def poll_bytes(self) -> tuple[int, list[bytes]]:
        """The same in bytes, and where in the file the first of them begins."""
        try:
            now = os.stat(self._path)
        except OSError:
            self._inode = -1  # should it come back, it is another file, even with the same number
            return self._offset, []
        if now.st_ino != self._inode or now.st_size < self._seen:
            self._inode, self._offset, self._seen = now.st_ino, 0, 0
        if now.st_size == self._seen:
            return self._offset, []
        chunk, size = b"", POLL_BYTES
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                while b"\n" not in chunk and (more := file.read(size)):
                    chunk += more
        except OSError:
            return self._offset, []
        first, whole = self._offset, chunk.rfind(b"\n") + 1
        # Everything read to the end: look again when the file grows. Else: at once.
        self._seen = self._offset + (len(chunk) if len(chunk) < POLL_BYTES else whole)
        self._offset += whole
        return first, chunk[:whole].split(b"\n")[:-1]

    @property
    def offset(self) -> int:
        """How many bytes of the file were given."""
        return self._offset

    def read_again(self, offset: int, size: int) -> list[bytes]:
        """The whole lines within `size` bytes from `offset`, where one begins; none when there are none."""
        try:
            with open(self._path, "rb") as file:
                file.seek(offset)
                return file.read(max(size, 0)).split(b"\n")[:-1]
        except OSError:
            return []


def start_worker(run: Run, *, detached: bool = True) -> subprocess.Popen[bytes]:
    """Start the run's training process, or continue it from its checkpoint; its output goes to worker.log.

    `detached` gives it a session of its own, so that it outlives this process and its terminal; once it has ended, no
    zombie stays. ValueError when a process is at work already, OSError as it comes.
    """
    before = run.last_status()
    if before is not None and run.status().alive:
        raise ValueError(f"{run.id} is running already")
    try:  # orders that nobody was there to obey are not for this process
        obeyed = (run.path / "control.jsonl").stat().st_size
    except FileNotFoundError:
        obeyed = 0
    # Until the process speaks for itself this stands.
    status = Status("starting", host=socket.gethostname(), control=obeyed)
    if before:
        status = dataclasses.replace(status, step=before.step, epoch=before.epoch)
    with contextlib.suppress(ValueError):  # of a spec that cannot be read the process will say so
        spec = run.spec()
        status = dataclasses.replace(status, device=device_key(spec.device) if spec.queue else "")
    with open(system.open_private(run.path / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "adam_tui.training.worker", str(run.path.absolute()), "--when-told"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=SHARED_CORES | os.environ,
            **(system.apart() if detached else {}),
        )
    assert process.stdin is not None
    now, born = time.time(), system.process_born(process.pid)
    try:
        run.write_status(
            dataclasses.replace(status, pid=process.pid, born=born, ticks=time.monotonic(), heartbeat=now, came=now)
        )
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        process.stdin.close()  # the end of its input tells it that it may
    if detached:  # whoever started it may look elsewhere for hours
        threading.Thread(target=process.wait, name=f"waits for {run.id}", daemon=True).start()
    return process


def resume(run: Run) -> subprocess.Popen[bytes]:
    """Continue a stopped, failed or lost run from its checkpoint, in its own directory; see `start_worker`.

    metrics.jsonl gets a second `start`, whose step says which of the earlier lines no longer count. ValueError as
    `check_resume`.
    """
    check_resume(run)
    return start_worker(run)


def check_resume(run: Run) -> None:
    """ValueError with one line when there is nothing that `resume` could continue."""
    status = run.status()
    if status.alive:
        raise ValueError(f"{run.id} is {status.state} already")
    if status.state == "finished":
        raise ValueError(f"{run.id} is finished: there is nothing left to train")
    if not run.has_checkpoint:
        raise ValueError(f"{run.id} has no checkpoint to continue from")
