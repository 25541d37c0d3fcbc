"""The process that computes a landscape, from outside: start, orders, progress. It is never imported here.

A command computes one landscape and waits. A screen keeps a `Server`: a process that has loaded torch once and takes
one `Order` after the other from its standard input. It ends with the screen, whose end closes the pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adam_tui.landscape.directory import POINT, Landscape
from adam_tui.landscape.grid import Bounds
from adam_tui.runs import file_lock, files, processes
from adam_tui.runs.device_names import SHARED_CORES

WORKER = "adam_tui.training.landscape_worker"
SERVE = "--serve"
LOG = "worker.log"
MAX_LOG = 1 << 20  # bytes
BUSY = 3  # the exit status when another process computes the same landscape
END_SECONDS = 1.0  # that a process has to end by itself


@dataclass(frozen=True, slots=True)
class Order:
    """The next work of a server: a part of a landscape's plane, and the losses of the runs' recorded steps.

    `runs` are the directories of the runs whose paths are shown; `view` is (a_min, a_max, b_min, b_max).
    """

    landscape: Path
    view: Bounds
    runs: tuple[Path, ...]

    def to_line(self) -> str:
        """One line of JSON."""
        runs = [str(run) for run in self.runs]
        return json.dumps({"landscape": str(self.landscape), "view": self.view, "runs": runs}) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Order:
        """The order of a line. Raises ValueError, KeyError and TypeError for anything else."""
        fields = json.loads(line)
        a_min, a_max, b_min, b_max = map(float, fields["view"])
        return cls(Path(fields["landscape"]), (a_min, a_max, b_min, b_max), tuple(map(Path, fields["runs"])))


class Server:
    """A process that takes orders. `log` gets what it writes to stderr. Raises OSError."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process = _popen([SERVE], log, subprocess.PIPE, detached=True)

    def order(self, order: Order) -> None:
        """Compute this next, and nothing else. An order to a process that has ended is lost, see `status`."""
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.write(order.to_line().encode())
            pipe.flush()

    @property
    def status(self) -> int | None:
        """The exit status; negative is a signal, None is a process that runs."""
        return self._process.poll()

    def close(self) -> None:
        """End the process; every computed point is in its file already."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start(landscape: Landscape, *, detached: bool = True) -> subprocess.Popen[bytes]:
    """Start the process, which goes on with the points that are missing. Raises OSError.

    With `detached` it has a session of its own and lets the terminal's own process go first.
    """
    arguments = [str(landscape.path.absolute())]
    return _popen(arguments, landscape.path / LOG, subprocess.DEVNULL, detached=detached)


def _popen(arguments: list[str], log: Path, stdin: int, *, detached: bool) -> subprocess.Popen[bytes]:
    descriptor = files.open_private(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        return subprocess.Popen(
            processes.module_command(WORKER, *arguments),
            stdin=stdin,
            stdout=descriptor,
            stderr=descriptor,
            env=SHARED_CORES | os.environ,
            **(processes.detached_options() if detached else {}),
        )
    finally:
        os.close(descriptor)


def progress(landscape: Landscape) -> tuple[int, int]:
    """The computed points and all points, those of the paths among them. Raises ValueError and OSError.

    The file's size is enough until all could be there: only then its records are read.
    """
    request = landscape.request()
    total = request.columns * request.rows + sum(count for _, count in request.recorded) + 1
    try:
        done = landscape.points_file.stat().st_size // POINT.itemsize
    except FileNotFoundError:
        done = 0
    if done >= total:
        survey = landscape.survey()
        records = landscape.records(survey) if survey is not None else np.empty(0, POINT)
        done = len(np.unique(records[["kind", "index"]]))
    return done, total


def is_active(landscape: Landscape) -> bool:
    """Whether a process computes the landscape now; False where the file system has no locks."""
    return bool(file_lock.is_locked(landscape.points_file))


def last_error(log: Path) -> str:
    """The last line that a process wrote to its log; "" without one."""
    try:
        text = files.read_regular(log, MAX_LOG).decode("utf-8", "replace")
    except OSError:
        return ""
    return (text.strip().splitlines() or [""])[-1]
