"""Ends by force a process that does not hear: no order reaches one that hangs. Standard library only."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time

from adam_tui.runs import system
from adam_tui.runs.directory import Run, held
from adam_tui.runs.protocol import Ended, to_line
from adam_tui.runs.status import Status


def kill(run: Run, asked: Status) -> None:
    """End a process that does not hear, by force, and write down for it that the run was stopped.

    `asked` is its status when it was asked: what has ended since, and a process that has continued the run since, are
    left alone. ValueError with one line when it cannot be ended from here.
    """
    status = run.last_status()
    if status is None or not run.status().alive or (status.pid, status.born) != (asked.pid, asked.born):
        return
    if not status.here:
        raise ValueError(f"{run.id} is at work on {status.host}: end process {status.pid} there")
    try:
        system.kill(status.pid, status.born)
    except ValueError as error:
        raise ValueError(f"{run.id} cannot be killed: {error}") from None
    with contextlib.suppress(OSError), held(run) as metrics:
        latest = run.last_status()
        if metrics is None or latest is None or not latest.alive:  # continued by somebody, or ended by itself after all
            return
        reason, control = "killed, for it did not answer", run.path / "control.jsonl"
        obeyed = control.stat().st_size if control.exists() else 0
        run.write_status(dataclasses.replace(latest, state="stopped", reason=reason, control=obeyed))
        system.end_torn_line(metrics)
        os.write(metrics, to_line(Ended(time.time(), latest.step, "stopped", reason)).encode())
