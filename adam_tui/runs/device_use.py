"""Which run and which sweep train on a device of this host, by locks that end with their processes.

Runs take turns: one holds RUNS/.<host>-<device>.lock, which contains its id. The slots of a sweep take no turns with
them. They share the lock of RUNS/.<host>-<device>-sweeps.lock, which contains the id of the sweep. Standard library
only.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from adam_tui.runs import file_lock, files
from adam_tui.runs.device_names import device_key, device_lock

MAX_ID = 200  # bytes
ATTEMPTS, RETRY_SECONDS = 2, 0.001  # another process may test it at the same moment


@contextlib.contextmanager
def used_by_sweep(sweep: Path, device: str) -> Iterator[None]:
    """Show that this process trains trials of a sweep on a device, as far as files can be locked here."""
    with shared(_path(sweep.parent, device), sweep.name):
        yield


@contextlib.contextmanager
def shared(path: Path, content: str) -> Iterator[None]:
    """Share the lock of a file with this content, as far as files can be locked here."""
    descriptor = -1
    try:
        with contextlib.suppress(OSError):
            descriptor = files.open_lock_file(path)
            file_lock.lock_shared(descriptor)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, content.encode("utf-8", "surrogateescape"))
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def sweep_on(runs: Path, device: str) -> str:
    """The id of a sweep in the directory whose slots train on this device of this host; "" without one."""
    return holder(_path(runs, device))


def run_on(runs: Path, device: str) -> str:
    """The id of the run in the directory that holds this device of this host; "" without one."""
    return holder(device_lock(runs, device_key(device)))


def holder(path: Path) -> str:
    """The content of a file that another process has locked; "" for any other file."""
    with contextlib.suppress(OSError):
        descriptor = files.open_private(path, os.O_RDWR)
        try:
            for _ in range(ATTEMPTS):
                if file_lock.lock(descriptor):
                    return ""
                time.sleep(RETRY_SECONDS)
            return os.read(descriptor, MAX_ID).decode("utf-8", "replace") or "another process"
        finally:
            os.close(descriptor)
    return ""


def _path(runs: Path, device: str) -> Path:
    return device_lock(runs, f"{device_key(device)}-sweeps")
