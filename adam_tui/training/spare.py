"""The waiting of a spare process: `python -m adam_tui.training.worker --spare`, see `runs.spare`.

It loads torch and the digits, then waits for a line on its standard input with the run that it shall train. It has no
run, no files and no output before that, and ends by itself when nobody needs it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from adam_tui.runs import file_lock, files, processes
from adam_tui.runs.protocol import parse_json
from adam_tui.runs.run import Run
from adam_tui.runs.spare import FREE_BYTES, IN_USE, READY, TAKEN, UNUSED_SECONDS, is_enough_memory
from adam_tui.runs.status import Status, parse_status
from adam_tui.training.journal import Journal

if TYPE_CHECKING:
    from adam_tui.training.preparation import Preparation

MEMORY_SECONDS = 2.0  # between two readings of the free memory
WATCH_MILLISECONDS = 200  # between two tests whether everything is loaded
STDIN, STDOUT, STDERR = 0, 1, 2


class Handover:
    """A run that the spare was asked to train, and the loaded state of this process."""

    def __init__(self, run: Run, first: Status, preparation: Preparation) -> None:
        self.run, self.first, self.preparation = run, first, preparation
        self._answer = -1

    def open_journal(self) -> Journal | None:
        """Become the run's process: its output goes to worker.log, and the journal holds its lock.

        None where it cannot be that process as well as a new one: the run is taken, its files cannot be written, or
        there are no locks, which alone would show whose process this is.
        """
        mine = dataclasses.replace(self.first, pid=os.getpid(), born=processes.birth(os.getpid()))
        try:
            log = files.open_private(self.run.path / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            journal = Journal(self.run, first=mine)
        except (OSError, ValueError):  # a new process reports it
            return None
        if not file_lock.is_locked(self.run.metrics):
            return None
        self._answer = os.dup(STDOUT)
        os.dup2(log, STDOUT)
        os.dup2(log, STDERR)
        os.close(log)
        return journal

    def accept(self) -> None:
        """Report to the program that started this process that it trains the run."""
        with contextlib.suppress(OSError):  # it ended a moment ago: the run goes on without it
            os.write(self._answer, TAKEN)
        os.close(self._answer)


def prepare() -> Preparation | None:
    """Load torch and the digits; None where that fails. The process ends here when its program does."""
    loaded = threading.Event()
    threading.Thread(target=_end_with_program, args=(loaded,), name="watches the program", daemon=True).start()
    try:
        from adam_tui.training import trainer  # noqa: F401  # imports torch: seconds
        from adam_tui.training.preparation import Preparation

        preparation = Preparation()
        preparation.rehearse()
    except Exception:  # a run that is started reports it
        return None
    finally:
        loaded.set()
    return preparation


def _end_with_program(loaded: threading.Event) -> None:
    """End this process when its standard input is closed before everything is loaded."""
    hang_up = select.poll()
    hang_up.register(STDIN, 0)  # POLLHUP alone, which is always reported
    while not loaded.is_set():
        # A program that hands a run over closes the pipe: it may do so while this waits.
        if hang_up.poll(WATCH_MILLISECONDS) and not loaded.is_set():
            os._exit(0)


def wait_for_run(preparation: Preparation) -> Handover | None:
    """Wait for a run; None when the process shall end without one."""
    try:
        os.write(STDOUT, READY)
        order = _next_order()
        data = parse_json(order) if order else None
        if not isinstance(data, dict):
            return None
        return Handover(Run(Path(data["run"])), parse_status(data["status"]), preparation)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _next_order() -> bytes:
    """The line with a run; b"" when nobody needs this process any more, or memory is short."""
    used_at, order = time.monotonic(), b""
    while time.monotonic() - used_at < UNUSED_SECONDS:
        if not is_enough_memory(FREE_BYTES):
            return b""
        if select.select([STDIN], [], [], MEMORY_SECONDS)[0]:
            piece = os.read(STDIN, 1 << 16)
            if not piece:  # the program has ended
                return b""
            order = (order + piece).lstrip(IN_USE)
            if order.endswith(b"\n"):
                return order
            used_at = time.monotonic()
    return b""
