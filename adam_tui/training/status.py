"""What status.json says of a run, read without trust, and what is to be believed of it. Standard library only.

On its own host a process is there or not, whatever the clocks say; one that does not beat hangs, and is not lost. On
another host only the beats tell.
"""

from __future__ import annotations

import dataclasses
import math
import socket
from dataclasses import dataclass
from typing import Any

from adam_tui.training import system
from adam_tui.training.protocol import ENDED, parse_json

# The worker beats once a second; a shared file system may show that half a minute late (NFS caches attributes).
STALE_SECONDS = 60.0
# On the same host nothing is late; the interpreter is held up for seconds while it loads torch from a slow disk.
SILENT_SECONDS = 10.0
GONE = "the process is gone"


@dataclass(frozen=True, slots=True)
class Status:
    """What status.json says, judged: a process that is gone without having ended the run makes it "lost".

    `state` is a `protocol.State` or "lost"; `heartbeat` is in seconds since 1970; `epoch` counts finished epochs;
    `control` is how many bytes of control.jsonl the process has obeyed. `reason` is how it ended, or what is wrong with
    one at work. `device` is what it waits for or holds (see `turn`; "" for a run that does not queue), since `came`.
    `born` tells the process from a later one of the same `pid`, see `system.process_born`.

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
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None

    @property
    def alive(self) -> bool:
        """Whether a process is at work on the run, or waits for its turn (queued, starting, running or paused)."""
        return self.state not in ENDED and self.state != "lost"

    @property
    def here(self) -> bool:
        """Whether its process is on this host."""
        return self.host == socket.gethostname()


def read_status(text: str) -> Status:
    """The status in a file that anyone may have damaged; ValueError when it is none."""
    data = parse_json(text)
    if not isinstance(data, dict):
        raise ValueError("not a status")
    known = {f.name: _checked(str(f.type), data[f.name]) for f in dataclasses.fields(Status) if f.name in data}
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
    if kind.startswith("float") and isinstance(value, int | float) and math.isfinite(value) and abs(value) < 1 << 53:
        return float(value)
    raise ValueError(f"{value!r:.50} in a status")


def judged(written: Status, silence: float) -> Status:
    """What is to be believed when the process has not beaten for so many seconds."""
    if not written.alive:
        return written
    if written.here:
        if not system.process_runs(written.pid, written.born):
            return dataclasses.replace(written, state="lost", reason=GONE)
        if silence > SILENT_SECONDS:
            return dataclasses.replace(written, reason=f"no sign of life for {int(silence)} s")
    elif silence > STALE_SECONDS:
        return dataclasses.replace(written, state="lost", reason=f"no sign of life from {written.host}")
    return written
