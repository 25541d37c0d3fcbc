"""The process that computes a landscape, from outside: its start and its progress. It is never imported here."""

from __future__ import annotations

import os
import subprocess
import sys

from adam_tui.landscape.directory import POINT, Landscape
from adam_tui.runs import file_lock, files, processes
from adam_tui.runs.device_names import SHARED_CORES

WORKER = "adam_tui.training.landscape_worker"
MAX_LOG = 1 << 20  # bytes
BUSY = 3  # the exit status when another process computes the same landscape


def start(landscape: Landscape, *, detached: bool = True) -> subprocess.Popen[bytes]:
    """Start the process, which goes on with the points that are missing. Raises OSError.

    With `detached` it has a session of its own and lets the terminal's own process go first.
    """
    log = files.open_private(landscape.path / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", WORKER, str(landscape.path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=SHARED_CORES | os.environ,
            **(processes.detached_options() if detached else {}),
        )
    finally:
        os.close(log)


def progress(landscape: Landscape) -> tuple[int, int]:
    """The computed points and all points, those of the paths among them. Raises ValueError and OSError."""
    request = landscape.request()
    total = request.columns * request.rows + sum(count for _, count in request.recorded) + 1
    try:
        done = landscape.points_file.stat().st_size // POINT.itemsize
    except FileNotFoundError:
        done = 0
    return min(done, total), total


def is_active(landscape: Landscape) -> bool:
    """Whether a process computes the landscape now; False where the file system has no locks."""
    return bool(file_lock.is_locked(landscape.points_file))


def last_error(landscape: Landscape) -> str:
    """The last line that the process wrote to its log; "" without one."""
    try:
        text = files.read_regular(landscape.path / "worker.log", MAX_LOG).decode("utf-8", "replace")
    except OSError:
        return ""
    return (text.strip().splitlines() or [""])[-1]
