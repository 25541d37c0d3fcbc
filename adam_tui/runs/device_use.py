"""Which sweep trains on a device of this host: its slots share a lock, which ends with their processes.

A run on its own asks before it starts: the slots of a sweep take no turns with other runs. The lock is on the file
RUNS/.<host>-<device>-sweeps.lock, which holds the id of the sweep. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from adam_tui.runs import file_lock, files
from adam_tui.runs.device_names import device_key, device_lock

MAX_ID = 200  # bytes


@contextlib.contextmanager
def used_by_sweep(sweep: Path, device: str) -> Iterator[None]:
    """Show that this process trains trials of a sweep on a device, as far as files can be locked here."""
    descriptor = -1
    try:
        with contextlib.suppress(OSError):
            descriptor = files.open_private(_path(sweep.parent, device), os.O_RDWR | os.O_CREAT)
            file_lock.lock_shared(descriptor)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, sweep.name.encode("utf-8", "surrogateescape"))
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def sweep_on(runs: Path, device: str) -> str:
    """The id of a sweep in the directory whose slots train on this device of this host; "" without one."""
    with contextlib.suppress(OSError):
        descriptor = files.open_private(_path(runs, device), os.O_RDWR)
        try:
            if not file_lock.lock(descriptor):
                return os.read(descriptor, MAX_ID).decode("utf-8", "replace") or "a sweep"
        finally:
            os.close(descriptor)
    return ""


def _path(runs: Path, device: str) -> Path:
    return device_lock(runs, f"{device_key(device)}-sweeps")
