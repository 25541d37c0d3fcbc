"""What status.json says of a run, read without trust, and what is to be believed of it. Standard library only.

On its own host a process is there or not, whatever the clocks say; one that does not beat hangs, and is not lost. On
another host only the beats tell.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adam_tui.runs import system
from adam_tui.runs.protocol import ENDED, Ended, from_line, parse_json

# The worker beats once a second; a shared file system may show that half a minute late (NFS caches attributes).
STALE_SECONDS = 60.0
# On the same host nothing is late; but nothing beats while the interpreter loads torch, from a slow disk maybe.
SILENT_SECONDS, LOADING_SECONDS = 10.0, 30.0
YEAR_3000 = 32_503_680_000.0  # Windows' calendar ends there
GONE = "the process is gone"
WITHOUT_A_WORD = "it was killed from outside, or by the system for want of memory"


@dataclass(frozen=True, slots=True)
class Status:
    """What status.json says, judged: a process that is gone without having ended the run makes it "lost".

    `state` is a `protocol.State` or "lost"; `heartbeat` is in seconds since 1970; `epoch` counts finished epochs;
    `control` is how many bytes of control.jsonl the process has obeyed. `reason` is how it ended, or what is wrong with
    one at work. `device` is what it waits for or holds (see `turn`; "" for a run that does not queue), since `came`.
    `born` tells the process from a later one of the same `pid`, see `system.process_born`. `ticks` is the heartbeat by
    its host's steady clock, which nobody sets. `silent` is said of a process that is there and does not beat, with its
    `reason`; it is never written.

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
    born: str = ""
    ticks: float = 0.0
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    silent: bool = False

    @property
    def alive(self) -> bool:
        """Whether a process is at work on the run, or waits for its turn (queued, starting, running or paused)."""
        return self.state not in ENDED and self.state != "lost"

    @property
    def word(self) -> str:
        """The state as a list of runs tells it."""
        return "silent" if self.silent else self.state

    @property
    def here(self) -> bool:
        """Whether its process is on this host."""
        return self.host == socket.gethostname()


# What is written: the names and their types, in words.
FIELDS = tuple((field.name, str(field.type)) for field in dataclasses.fields(Status) if field.name != "silent")


def written(status: Status) -> str:
    """The text of status.json."""
    return json.dumps({name: getattr(status, name) for name, _ in FIELDS}) + "\n"


def read_status(text: str) -> Status:
    """The status in a file that anyone may have damaged; ValueError when it is none."""
    data = parse_json(text)
    if not isinstance(data, dict):
        raise ValueError("not a status")
    known = {name: _checked(kind, data[name]) for name, kind in FIELDS if name in data}
    if "state" not in known:
        raise ValueError("a status without a state")
    return Status(**known)


def _checked(kind: str, value: Any) -> Any:
    """The value, when it is of its field's type and a number that can be calculated with; ValueError else."""
    if value is None and kind.endswith("| None"):
        return None
    if kind.startswith("str") and isinstance(value, str):
        return value
    if kind.startswith("int") and isinstance(value, int) and abs(value) < 1 << 53:
        return value
    if kind.startswith("float") and isinstance(value, int | float) and abs(value) < 1 << 53:  # not for nan
        return float(value)
    raise ValueError(f"{value!r:.50} in a status")


def without_status(tail: Sequence[str], problem: str) -> Status:
    """For a status.json that cannot be read, which a beat would replace: how the last process ended, if it did.

    `tail` is what metrics.jsonl ends with; without an end there the run is lost, and `problem` the reason.
    """
    last = from_line(tail[-1]) if tail else None
    if isinstance(last, Ended):
        return Status(last.state, step=last.step, reason=last.reason)
    return Status("lost", step=last.step if last else 0, reason=problem)


def moment(seconds: object) -> float:
    """A time that the calendars of all systems know; 0 for anything else."""
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < YEAR_3000 else 0.0


class Beats:
    """How long a process has been silent: by the steady clock of whoever watches, once it has seen a beat come.

    So neither a clock that is set nor two hosts whose clocks differ make a run look dead for good.
    """

    def __init__(self) -> None:
        self._last: tuple[float, ...] = ()
        self._came = 0.0

    def silence(self, *signs: float) -> float:
        """Seconds since one of the signs of life, each told as when it came last in seconds since 1970, changed."""
        now = time.monotonic()
        if signs != self._last:
            before = 0.0 if self._last else max(time.time() - max(signs), 0.0)
            self._last, self._came = signs, now - before
        return now - self._came


def judged(told: Status, silence: float) -> Status:
    """What is to be believed when the process has not beaten for so many seconds."""
    if not told.alive:
        return told
    if told.here:
        if not system.process_runs(told.pid, told.born):
            return dataclasses.replace(told, state="lost", reason=GONE)
        steady = time.monotonic() - told.ticks
        if told.ticks and steady >= 0.0:  # one clock for all processes of a host, on all the systems that we know
            silence = min(silence, steady)
        if silence > (LOADING_SECONDS if told.state == "starting" else SILENT_SECONDS):
            return dataclasses.replace(told, silent=True, reason=f"no sign of life for {int(silence)} s")
    elif silence > STALE_SECONDS:
        return dataclasses.replace(told, state="lost", reason=f"no sign of life from {told.host}")
    return told
