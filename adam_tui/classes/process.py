"""The process that imports classes of PyTorch, from outside: its start, its messages, its limits, its end.

Only this process has torch, and only it runs code of the user's. It is started with the first request and ends after a
minute without one. It computes one request after another; it may hang, crash or grow as the code does that it runs:
`Helper` then ends it, reports the failure of that request, and gives the other ones to a new process.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from adam_tui.classes.wire import Array, encode, read
from adam_tui.runs import processes

WORKER = "adam_tui.training.lane_worker"
# Seconds until a process without requests ends, and those that its start may take, with torch on a cold disk.
IDLE, START = 60.0, 120.0
# Seconds of the processor for one step, or for the import of a file. The process names the line in which it hangs.
STEP = 5.0
PATIENCE = 4.0  # times as many seconds for code that only waits, or for a busy machine
GRACE = 2.0  # seconds more, for code that does not let the process watch itself
MEMORY = 2 << 30  # bytes that the code may use
ATTEMPTS = 3  # processes that get a request, if the earlier ones end before they begin with it
TICK = 0.2

Handler = Callable[[dict[str, Any], dict[str, Array]], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of a step and of idleness, and bytes of memory, after which the process ends."""

    step: float = STEP
    idle: float = IDLE
    memory: int = MEMORY


@dataclass(slots=True)
class _Request:
    number: int
    message: bytes
    handler: Handler
    attempts: int = 0


class Helper:
    """The process, started when it is needed. Any thread may use it.

    A handler is called in a thread of its own with every answer to its request; the last one has the kind "end",
    "description" or "error". A handler must not block.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._requests: dict[int, _Request] = {}  # without a last answer, in the order of their start
        self._current: int | None = None  # the number of the request that is being computed
        self._ready = False
        self._heard = 0.0  # the time of the last message
        self._reason = ""  # why this process was killed
        atexit.register(self.close)

    @property
    def pid(self) -> int | None:
        """The number of the process; None while no process runs."""
        with self._lock:
            return None if self._process is None else self._process.pid

    def request(self, header: Mapping[str, Any], arrays: Mapping[str, Array], handler: Handler) -> int:
        """Send a request, and return its number. Raises OSError when the process cannot be started."""
        with self._lock:
            number = next(self._numbers)
            request = _Request(number, encode({**header, "id": number}, arrays), handler)
            if not self._requests:
                self._heard = time.monotonic()
            self._requests[number] = request
            try:
                self._deliver(request)
            except OSError:
                del self._requests[number]
                raise
        return number

    def cancel(self, number: int) -> None:
        """Give up a request: its handler is not called again."""
        with self._lock:
            if self._requests.pop(number, None) is not None:
                self._outbox.put(encode({"kind": "cancel", "id": number}))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            given_up = list(self._requests.values())
            self._requests.clear()
            process, self._process = self._process, None
            self._outbox.put(None)
        for request in given_up:  # a thread may wait for its answer
            request.handler({"kind": "error", "message": "the process was ended"}, {})
        if process is not None:
            _end(process)

    # --- the process -----------------------------------------------------------------------------------------------

    def _deliver(self, request: _Request) -> None:
        if self._process is None:
            self._start()
        request.attempts += 1
        self._outbox.put(request.message)

    def _start(self) -> None:
        flags = ["--step", str(self.limits.step), "--memory", str(self.limits.memory)]
        self._process = process = subprocess.Popen(
            processes.module_command(WORKER, *flags),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # One thread: two numbers need no more. The GPU is for training runs.
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            **processes.detached_options(),
        )
        self._ready, self._reason, self._current = False, "", None
        self._heard = time.monotonic()
        self._outbox = queue.SimpleQueue()
        threading.Thread(target=_write, args=(process, self._outbox), name="classes-out", daemon=True).start()
        threading.Thread(target=self._listen, args=(process,), name="classes", daemon=True).start()
        threading.Thread(target=self._watch, args=(process,), name="classes-watch", daemon=True).start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hand the answers to their handlers until the process ends."""
        assert process.stdout is not None
        stream: BinaryIO = process.stdout  # type: ignore[assignment]
        with contextlib.suppress(OSError, ValueError):
            while (message := read(stream)) is not None:
                self._answer(process, *message)
        _end(process)
        process.stdout.close()
        self._ended(process)

    def _answer(self, process: subprocess.Popen[bytes], header: dict[str, Any], arrays: dict[str, Array]) -> None:
        with self._lock:
            if process is not self._process:
                return
            self._heard = time.monotonic()
            kind, number = header["kind"], header.get("id", 0)
            self._ready = True
            if kind == "begin":
                self._current = number
                return
            request = self._requests.get(number)
            if kind in ("end", "description", "error"):
                self._requests.pop(number, None)
                self._current = None
        if request is not None:
            request.handler(header, arrays)

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        """Report the failure of the request that the process worked on, and give the others to a new one."""
        with self._lock:
            if process is not self._process:
                return
            self._process = None
            self._outbox.put(None)
            failed = self._requests.pop(self._current or 0, None)
            blamed = next(iter(self._requests.values()), None)
            # It does not start, or hangs before it begins with this request, or ended so often.
            if failed is None and blamed and (not self._ready or self._reason or blamed.attempts >= ATTEMPTS):
                failed = self._requests.pop(blamed.number)
            reason = self._reason or _cause(process.returncode)
            rest = list(self._requests.values())
            self._heard = time.monotonic()
        if failed is not None:
            failed.handler({"kind": "error", "message": reason}, {})
        with self._lock, contextlib.suppress(OSError):  # the last process was started, so the next one can be
            for request in rest:
                if request.number in self._requests:
                    self._deliver(request)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the process when it hangs or grows too much, and end it when it has nothing to do.

        Where it has ended by itself, its children are killed: they would hold its output open.
        """
        while True:
            time.sleep(min(TICK, self.limits.step / 4, self.limits.idle / 2))
            with self._lock:
                if process is not self._process:
                    return
                silent = time.monotonic() - self._heard
                if not self._requests and silent > self.limits.idle:
                    self._process = None
                    self._outbox.put(None)
                    break
                patience = PATIENCE * self.limits.step + GRACE if self._ready else START
                hung = self._requests and silent > patience
                if hung:
                    self._reason = f"no end within {self.limits.step:g} s: the process was ended"
                elif _memory(process.pid) > 2 * self.limits.memory:
                    self._reason = "too much memory: the process was ended"
                elif not _has_ended(process):
                    continue
            _kill(process)
            return
        _end(process)


def _write(process: subprocess.Popen[bytes], outbox: queue.SimpleQueue[bytes | None]) -> None:
    """Write the messages in a thread of its own: nobody waits for a process that does not read."""
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError), process.stdin as stream:
        while (message := outbox.get()) is not None:
            stream.write(message)
            stream.flush()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those that its code has started, which hold its pipes open. It may have ended."""
    if process.returncode is not None:  # its number may belong to another process by now
        return
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads its group
            return
    process.kill()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. It is not waited for: its number stays its own, and so does its group."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # another thread has waited for it
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and wait for it."""
    _kill(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)


def _cause(status: int | None) -> str:
    """Why a process ended that should not have."""
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"the process crashed: {signal.Signals(-status).name}"
    return f"the process ended itself, with status {status}"


def _memory(pid: int) -> int:
    """The bytes of memory that a process holds, 0 where the system does not show them."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0
