"""Starts the process of a sweep apart from this one: it goes on when the program that started it ends.

The process is `adam-tui sweeps resume ID`, so it does the same as the command line. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import threading

from adam_tui.runs import files, processes
from adam_tui.sweeps.sweep import Sweep

LOG = "sweep.log"  # the output of the process


def start_detached(sweep: Sweep, slots: int | None = None) -> subprocess.Popen[bytes]:
    """Train a sweep in a process and a session of its own; None slots are as many as the host has room for.

    Raises OSError when its files cannot be written.
    """
    path = sweep.path.absolute()
    command = processes.module_command("adam_tui", "sweeps", "resume", path.name, "--runs", str(path.parent))
    if slots is not None:
        command += ["--slots", str(slots)]
    log = files.open_private(path / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **processes.detached_options()
        )
    finally:
        os.close(log)
    # No zombie, and no part of this program that waits for it for hours.
    threading.Thread(target=process.wait, name=f"waits for {path.name}", daemon=True).start()
    return process
