"""A run is a directory: create one, list them, read one while it grows, and tell its process what to do.

Whoever watches a run only reads these files and appends to control.jsonl; the training process is the only writer of
the rest. So a second terminal, another host on a shared file system and a look at last week's run are the same code.
Standard library only (platformdirs, when the default place must be known).

    RUNS/<id>/  spec.json  metrics.jsonl  status.json  control.jsonl  checkpoint.pt  evaluation.npz  worker.log
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adam_tui.training.protocol import ENDED, Epoch, Event, RunSpec, Started, from_line

# The worker beats once a second; a shared file system may show that half a minute late (NFS caches attributes).
STALE_SECONDS = 60.0
# What one `Follower.poll` reads at most: about 30 ms of parsing, so that an old run opens without a hitch.
POLL_BYTES = 1 << 20
# Read by OpenMP (libgomp) when torch is loaded. Its threads wait for each other by spinning, for milliseconds unless
# told less, also where something else needs the core: two runs at once on 2 cores then did 290 images/s each, with
# this 2,150. A run alone keeps its speed (14,300 and 13,700); without any spinning it would lose 40%.
SHARED_CORES = {"GOMP_SPINCOUNT": "5000"}


def runs_directory(override: str | os.PathLike[str] | None = None) -> Path:
    """Where the runs are: `override` (--runs), else $ADAM_TUI_RUNS, else the user's data directory. Creates nothing."""
    chosen = override or os.environ.get("ADAM_TUI_RUNS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("adam-tui")) / "runs"


@dataclass(frozen=True, slots=True)
class Status:
    """What status.json says, judged: a process that is gone without having ended the run makes it "lost".

    `state` is a `protocol.State` or "lost"; `heartbeat` is in seconds since 1970; `epoch` counts finished epochs;
    `control` is how many bytes of control.jsonl the process has obeyed. `device` is what it waits for or holds (see
    `turn`; "" for a run that does not queue), since `came`.

    What the machine does for it, None where it is not known: `cpu_percent` is the process's share of all cores (0 to
    100), `memory_bytes` its memory; `gpu_percent` and `gpu_memory_bytes` are those of the whole GPU.
    """

    state: str
    pid: int = 0
    host: str = ""
    heartbeat: float = 0.0
    step: int = 0
    epoch: int = 0
    reason: str = ""
    control: int = 0
    device: str = ""
    came: float = 0.0
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None

    @property
    def alive(self) -> bool:
        """Whether a process is at work on the run, or waits for its turn (queued, starting, running or paused)."""
        return self.state not in ENDED and self.state != "lost"


class Run:
    """One run's directory. Reading it never raises because of what a running process is writing just now."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

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

    def spec(self) -> RunSpec:
        """What was asked. ValueError with one line when spec.json is missing or is no specification."""
        return RunSpec.from_json(self._spec_file())

    @property
    def started(self) -> float:
        """When the run was created, in seconds since 1970; 0 when spec.json cannot be read."""
        with contextlib.suppress(ValueError, TypeError):
            return float(self._spec_file().get("created", 0.0))
        return 0.0

    def _spec_file(self) -> dict[str, Any]:
        path = self.path / "spec.json"
        try:
            data = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from None
        except ValueError:
            raise ValueError(f"{path} is not JSON") from None
        if not isinstance(data, dict):
            raise ValueError(f"{path} is not a run specification")
        return data

    def status(self) -> Status:
        """The run's state now. Before the process has said anything: starting, then lost when it never does."""
        written = self.last_status()
        if written is None:
            age = time.time() - self.started
            return Status("starting" if age < STALE_SECONDS else "lost", reason="" if age < STALE_SECONDS else NEVER)
        if not written.alive:
            return written
        if written.host == socket.gethostname() and not _process_exists(written.pid):
            return dataclasses.replace(written, state="lost", reason="the process is gone")
        if time.time() - written.heartbeat > STALE_SECONDS:
            return dataclasses.replace(written, state="lost", reason="no sign of life from the process")
        return written

    def last_status(self) -> Status | None:
        """What the process wrote last, taken at its word; None before it has written anything."""
        try:
            data = json.loads((self.path / "status.json").read_text("utf-8"))
            return Status(**{f.name: data[f.name] for f in dataclasses.fields(Status) if f.name in data})
        except (OSError, ValueError, TypeError):
            return None

    def write_status(self, status: Status) -> None:
        """Replace status.json in one move: a reader sees the old one or the new one, never a half."""
        write_atomically(self.path / "status.json", json.dumps(dataclasses.asdict(status)) + "\n")

    def command(self, order: str, /, **values: Any) -> None:
        """Ask the process for stop, pause, resume, kill or set (with `name` and `value`); heard within 0.1 s."""
        line = json.dumps({"command": order} | values | {"time": time.time()}) + "\n"
        # One write to a file opened for appending: two terminals' orders cannot mix.
        descriptor = os.open(self.path / "control.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def epochs(self) -> list[Epoch]:
        """The epochs that count, in order, without parsing the losses in between (a long run holds megabytes)."""
        found: dict[int, Epoch] = {}
        with (
            contextlib.suppress(OSError),
            open(self.path / "metrics.jsonl", encoding="utf-8", errors="replace") as file,
        ):
            for line in file:
                if not line.startswith(('{"event":"epoch"', '{"event":"start"')):
                    continue
                event = from_line(line)
                if isinstance(event, Started):  # what was told beyond a resumed checkpoint no longer counts
                    found = {epoch: told for epoch, told in found.items() if told.step <= event.step}
                elif isinstance(event, Epoch):
                    found[event.epoch] = event
        return [found[epoch] for epoch in sorted(found)]

    def log_tail(self, lines: int) -> str:
        """The last lines of worker.log, "" when there are none."""
        try:
            with open(self.path / "worker.log", "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 400 * lines))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ""

    def error_tail(self, lines: int = 12) -> str:
        """What worker.log ends with: its last traceback or message, at most so many of its last lines; "" for none."""
        tail = self.log_tail(4 * lines)
        start = tail.rfind(TRACEBACK)
        return "\n".join(tail[max(start, 0) :].splitlines()[-lines:])

    def can_resume(self) -> bool:
        """Whether `resume` would continue it: no process is at work, it is not finished, and it has a checkpoint."""
        return self.status().state in ("stopped", "failed", "lost") and self.checkpoint.exists()

    def delete(self) -> None:
        """Remove the directory. ValueError while a process is at work on it."""
        if self.status().alive:
            raise ValueError(f"{self.id} is still running: stop it first")
        shutil.rmtree(self.path)


NEVER = "the process never started"
TRACEBACK = "Traceback (most recent call last)"


def create(spec: RunSpec, runs: Path) -> Run:
    """Make the directory of a new run, 0700, with its spec.json; the id is short and unused. OSError as it comes."""
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        path = runs / f"{spec.optimizer}-{secrets.token_hex(2)}"
        try:
            path.mkdir(mode=0o700)
            break
        except FileExistsError:
            continue
    body = spec.to_json() | {"created": time.time()}
    write_atomically(path / "spec.json", json.dumps(body, indent=2) + "\n")
    return Run(path)


def list_runs(runs: Path) -> list[Run]:
    """The runs in a directory, newest first. What is no run is left out; a missing directory holds none."""
    try:
        with os.scandir(runs) as entries:
            found = [Run(entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return sorted((run for run in found if _is_readable(run)), key=lambda run: (-run.started, run.id))


def _is_readable(run: Run) -> bool:
    try:
        run.spec()
    except ValueError:
        return False
    return True


def find(runs: Path, id: str) -> Run:
    """The run with this id, or the only one whose id begins so. ValueError with one line for none or several."""
    known = list_runs(runs)
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

    `detached` gives it a session of its own, so that it outlives this process and its terminal. Whoever starts it
    should poll the returned Popen now and then, or a zombie stays. ValueError when a process is at work already.
    """
    before = run.last_status()
    if before is not None and run.status().alive:
        raise ValueError(f"{run.id} is running already")
    try:  # orders that nobody was there to obey are not for this process
        obeyed = (run.path / "control.jsonl").stat().st_size
    except FileNotFoundError:
        obeyed = 0
    with open(run.path / "worker.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "adam_tui.training.worker", str(run.path.absolute()), "--when-told"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=detached,
            env=SHARED_CORES | os.environ,
        )
    # Until the process speaks for itself this stands; the end of its input tells it that it may.
    step, epoch = (before.step, before.epoch) if before else (0, 0)
    now, host = time.time(), socket.gethostname()
    try:
        queue = run.spec().queue
    except ValueError:  # the process will say so
        queue = False
    device = device_key(run.spec().device) if queue else ""
    run.write_status(Status("starting", process.pid, host, now, step, epoch, "", obeyed, device, now))
    assert process.stdin is not None
    process.stdin.close()
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
    if not run.checkpoint.exists():
        raise ValueError(f"{run.id} has no checkpoint to continue from")


def device_key(device: str) -> str:
    """The device that a RunSpec's `device` will mean here, as a word for a file's name: cpu, mps, cuda-0.

    A guess without torch, good enough for a queue: auto is taken for CUDA where the NVIDIA driver shows a GPU. With
    CUDA_VISIBLE_DEVICES, as Slurm sets it, cuda:0 is the first one named there.
    """
    visible = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    if device == "auto":
        hidden = "CUDA_VISIBLE_DEVICES" in os.environ and (not visible or visible[0].startswith("-"))
        if not hidden and any(Path("/dev").glob("nvidia[0-9]*")):
            device = "cuda"
        else:
            device = "mps" if (sys.platform, os.uname().machine) == ("darwin", "arm64") else "cpu"
    if not device.startswith("cuda"):
        return device
    index = int(device.partition(":")[2] or 0)
    name = visible[index] if index < len(visible) else str(index)
    return "cuda-" + "".join(letter if letter.isalnum() else "-" for letter in name)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that whoever reads it sees the old text or the new one, whole."""
    # Unique by process and thread: the heartbeat and the loop may both be at it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _process_exists(pid: int) -> bool:
    """Whether a process of this host has this number and has not yet died; a zombie has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # Linux only; elsewhere whoever started the process clears the zombie away
        after_name = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2]
    except OSError:
        return True
    return after_name.split()[:1] not in (["Z"], ["X"])
