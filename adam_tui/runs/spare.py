"""A spare: a training process that has loaded torch and the digits, and waits for the run that the user starts next.

A run that it takes over begins at once, where a new process loads torch for seconds. Nothing else differs: the process
has a session of its own, writes its output to the run's worker.log, and ends with the run. A spare is no run and has
no files. It ends by itself when the program that started it has ended, when it was not used for five minutes, and when
memory is short; without one, a run starts as always. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time

from adam_tui.runs import processes
from adam_tui.runs.device_names import SHARED_CORES
from adam_tui.runs.free_memory import free_memory
from adam_tui.runs.run import SPARE_FLAG, WORKER, Run
from adam_tui.runs.status import Status, status_text

VARIABLE = "ADAM_TUI_SPARE"  # "0" switches spares off
UNUSED_SECONDS = 300.0  # an unused spare ends after this time
RENEW_SECONDS = 30.0  # between two signs of use
RETRY_SECONDS = 60.0  # after a spare that failed
FREE_BYTES = 2_000_000_000  # a spare leaves so much memory free
OWN_BYTES = 750_000_000  # the memory of a spare: torch and the 70,000 digits
ACCEPT_SECONDS = 0.5  # a spare that takes no run over within this time hangs
# The lines that it writes: everything is loaded, a run is taken over. And a line that it reads: the user is there.
READY, TAKEN, IN_USE = b"ready\n", b"taken\n", b"\n"


def is_enough_memory(least: int) -> bool:
    """Whether so many bytes are free; False where that cannot be determined."""
    free = free_memory()
    return free is not None and free >= least


class Spare:
    """Starts a spare process, keeps it while it is wanted, and hands it a run. Methods raise nothing."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._surroundings: tuple[dict[str, str], str] | None = None  # environment and directory of the process
        self._is_ready = False
        self._renewed_at = 0.0
        self._failed_at = -RETRY_SECONDS  # when a process ended by a signal or could not load torch

    @property
    def pid(self) -> int | None:
        """The number of the process; None without one."""
        self._reap()
        return self._process.pid if self._process is not None else None

    @property
    def is_ready(self) -> bool:
        """Whether the process has loaded everything and waits for a run."""
        self._reap()
        process = self._process
        if process is not None and not self._is_ready:
            self._is_ready = _read(process, 0.0) == READY
        return self._is_ready

    def keep(self, used_at: float) -> None:
        """Start the process, or show it that the user is there: at `used_at` by the steady clock for the last time.

        Without `UNUSED_SECONDS` of the user's absence, and with memory to spare, there is one after a few seconds.
        """
        self._reap()
        now = time.monotonic()
        if now - used_at >= UNUSED_SECONDS:
            return
        if self._process is None:
            failed = now - self._failed_at < RETRY_SECONDS
            if not failed and is_supported() and is_enough_memory(FREE_BYTES + OWN_BYTES):
                self._start()
        elif used_at > self._renewed_at and now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            self._send(IN_USE)

    def give(self, run: Run, first: Status) -> subprocess.Popen[bytes] | None:
        """Hand a run over to the process, which trains it from now on; None where the run needs another process.

        `first` is the status of the run with all but the process. A process that is not ready, or that would run in
        other surroundings than a new one, is ended.
        """
        if self._process is None:
            return None
        if self.is_ready and self._surroundings == _surroundings():
            order = json.dumps({"run": str(run.path.absolute()), "status": status_text(first)}) + "\n"
            process = self._process
            if process is not None and self._send(order.encode()) and _read(process, ACCEPT_SECONDS) == TAKEN:
                self._process = None
                _close(process)
                return process
        self.end()
        return None

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            _close(process)

    def _start(self) -> None:
        self._surroundings, self._is_ready, self._renewed_at = _surroundings(), False, time.monotonic()
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                processes.module_command(WORKER, SPARE_FLAG),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a problem of torch is reported when a run starts
                env=self._surroundings[0],
                **processes.detached_options(),
            )

    def _reap(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            process, self._process, self._is_ready = self._process, None, False
            if process.returncode:
                self._failed_at = time.monotonic()
            _close(process)

    def _send(self, line: bytes) -> bool:
        """Write a line to the process; False when it has ended."""
        if self._process is None or self._process.stdin is None:
            return False
        try:
            return self._process.stdin.write(line) == len(line)
        except OSError:
            return False


def is_supported() -> bool:
    """Whether spares are switched on, on a system where pipes can be waited for."""
    return sys.platform != "win32" and os.environ.get(VARIABLE) != "0"


def _surroundings() -> tuple[dict[str, str], str]:
    """The environment and the current directory that a new process would get."""
    try:
        return SHARED_CORES | os.environ, os.getcwd()
    except FileNotFoundError:
        return SHARED_CORES | os.environ, ""


def _read(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next line of the process, b"" when none comes in time; a line is written at once and whole."""
    if process.stdout is None:
        return b""
    try:
        with selectors.DefaultSelector() as ready:  # `select` knows the first 1,024 descriptors only
            ready.register(process.stdout, selectors.EVENT_READ)
            return os.read(process.stdout.fileno(), 64) if ready.select(seconds) else b""
    except OSError:
        return b""


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
