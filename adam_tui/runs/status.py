"""The state of a run: the content of status.json, and which state follows from it, from the lock and from the beats.

status.json is the latest report of the training process, but it may be a copy, or older than the end of the process.
The process holds the lock of metrics.jsonl. On the same host a process without a heartbeat hangs but is not lost. On
another host the heartbeat decides. Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adam_tui.runs import processes
from adam_tui.runs.protocol import INACTIVE, LOST, MAX_COUNT, YEAR_3000, Ended, from_line, parse_json

# A process sends a heartbeat every second; a shared file system may show it half a minute late (NFS caches attributes).
STALE_SECONDS = 60.0
# On the same host nothing is late, but there is no heartbeat while the interpreter loads torch, perhaps slowly.
SILENT_SECONDS, LOADING_SECONDS = 10.0, 30.0
NEVER_STARTED = "the process never started"
# A directory that is missing for this long was moved or deleted. A shorter absence is a mount that comes back, or a
# user who renames a directory and renames it back.
GONE_SECONDS = 5.0
MOVED, DELETED = "its directory was moved to {path}", "its directory was deleted"
PROCESS_GONE = "the process is gone"
NOT_ITS_PROCESS = "no process trains these files: they may be a copy"
KILLED_FROM_OUTSIDE = "it was killed from outside, or by the system because memory ran out"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a run. The field names are the keys of status.json; `silent` alone is never written.

    `state` is a `protocol.State` or "lost"; `heartbeat` is in seconds since 1970; `epoch` counts finished epochs;
    `control` is how many bytes of control.jsonl the process has obeyed. `reason` is why the run ended, or the current
    problem of an active process. `device` is the device that the process waits for or holds ("" for a run that does
    not queue), `came` when the process was started. `born` is its birth (see `processes`). `ticks` is the heartbeat by
    the steady clock of its host, which cannot be set. `silent` marks a process that exists but sends no heartbeat.

    Resource usage, None where it is unknown: `cpu_percent` is the process's share of all cores (0 to 100),
    `memory_bytes` its memory; `gpu_percent` and `gpu_memory_bytes` are those of the whole GPU.
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
    born: str = ""
    ticks: float = 0.0
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    silent: bool = False

    @property
    def alive(self) -> bool:
        """Whether a process trains the run or waits for its device (queued, starting, running or paused)."""
        return self.state not in INACTIVE

    @property
    def label(self) -> str:
        """The state as lists of runs show it."""
        return "silent" if self.silent else self.state

    @property
    def is_local(self) -> bool:
        """Whether its process is one of those that this process sees: of this host, and not in a container."""
        return self.host == socket.gethostname() and processes.is_of_this_namespace(self.born)


# Name and type (as text) of the fields in status.json.
FIELDS = tuple((field.name, str(field.type)) for field in dataclasses.fields(Status) if field.name != "silent")


def status_text(status: Status) -> str:
    """The content of status.json."""
    return json.dumps({name: getattr(status, name) for name, _ in FIELDS}) + "\n"


def parse_status(text: str) -> Status:
    """The status in a file that may be damaged. Raises ValueError for anything else."""
    data = parse_json(text)
    if not isinstance(data, dict):
        raise ValueError("not a status")
    values = {name: _checked(kind, data[name]) for name, kind in FIELDS if name in data}
    if "state" not in values:
        raise ValueError("a status without a state")
    return Status(**values)


def _checked(kind: str, value: Any) -> Any:
    """The value, if it is of its field's type and a number within the exact range. Raises ValueError otherwise."""
    if value is None and kind.endswith("| None"):
        return None
    if kind.startswith("str") and isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError(f"{value!r} in a status")
    if kind.startswith("int") and isinstance(value, int) and 0 <= value < MAX_COUNT:
        return value
    if kind.startswith("float") and isinstance(value, int | float) and abs(value) < MAX_COUNT:  # False for nan
        return float(value)
    raise ValueError(f"{value!r:.50} in a status")


def status_from_metrics(last_lines: Sequence[str], problem: str) -> Status:
    """The status of a run whose status.json is unreadable: the end of the last process, if metrics.jsonl has one.

    `last_lines` are the last lines of metrics.jsonl. Without an `Ended` there, the run is lost because of `problem`:
    an active process would have replaced status.json with its next heartbeat.
    """
    last = from_line(last_lines[-1]) if last_lines else None
    if isinstance(last, Ended):
        return Status(last.state, step=last.step, reason=last.reason)
    return Status(LOST, step=last.step if last else 0, reason=problem)


def valid_time(seconds: object) -> float:
    """A time in seconds since 1970 that every system's calendar has; 0 for anything else."""
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < YEAR_3000 else 0.0


class HeartbeatWatch:
    """Measures how long a process has been silent, by the steady clock of the observer once it has seen a beat.

    A clock that is set, or hosts whose clocks differ, therefore cannot make an active run look dead for good.
    """

    def __init__(self) -> None:
        self.has_beaten = False  # whether a beat came since the first look
        self._last: tuple[float, ...] = ()
        self._changed_at = 0.0

    def silence(self, *signs: float) -> float:
        """Seconds since one of the signs of life changed; each sign is a time in seconds since 1970."""
        now = time.monotonic()
        if signs != self._last:
            self.has_beaten = bool(self._last)
            before = 0.0 if self._last else max(time.time() - max(signs), 0.0)
            self._last, self._changed_at = signs, now - before
        return now - self._changed_at


@dataclass(frozen=True, slots=True)
class Evidence:
    """The signs of a run's process beside its report.

    `silence`: seconds without a sign of life; `has_beaten`: whether a beat came while somebody watched; `locked`:
    whether a process holds metrics.jsonl, None where that cannot be determined; `owns(pid)`: whether a local process
    is the one of this run, None where that cannot be determined.
    """

    silence: float
    has_beaten: bool
    locked: bool | None
    owns: Callable[[int], bool | None]


def judge(reported: Status, evidence: Evidence) -> Status:
    """The true status behind a reported one.

    A run is active while a process holds its files, or while the process of the report exists and is this run's, or
    while beats come in from a process that cannot be seen from here. A copied report proves nothing.
    """
    if not reported.alive:
        return reported
    silence = evidence.silence
    if not reported.is_local:
        here = reported.host == socket.gethostname()  # in a container with the host's name
        problem = f"no sign of life from {'its container' if here else reported.host}"
        if silence <= (SILENT_SECONDS if here else STALE_SECONDS):
            return reported
        if evidence.locked:
            return dataclasses.replace(reported, silent=True, reason=problem)
        return dataclasses.replace(reported, state=LOST, reason=problem)
    if not evidence.locked:
        if not processes.is_running(reported.pid, reported.born):
            return dataclasses.replace(reported, state=LOST, reason=PROCESS_GONE)
        own = evidence.owns(reported.pid)
        doubtful = own is False or (own is None and silence > LOADING_SECONDS)
        beats = evidence.locked is None and evidence.has_beaten and silence <= SILENT_SECONDS
        if doubtful and not beats:
            return dataclasses.replace(reported, state=LOST, reason=NOT_ITS_PROCESS)
    steady = time.monotonic() - reported.ticks
    if reported.ticks and steady >= 0.0:  # all processes of a host share this clock, on every system we know
        silence = min(silence, steady)
    if silence > (LOADING_SECONDS if reported.state == "starting" else SILENT_SECONDS):
        return dataclasses.replace(reported, silent=True, reason=f"no sign of life for {int(silence)} s")
    return reported
