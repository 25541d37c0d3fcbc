"""A limit for code that may never return: after it, the process reports the place in the code and ends."""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
PATIENCE = 4.0
PACKAGE = str(Path(__file__).parents[1])


def _processor_seconds(thread: int) -> float:
    """The time of a thread on the processor; that of the whole process where the system does not show it."""
    if sys.platform in ("win32", "darwin"):
        return time.process_time()
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


@contextlib.contextmanager
def time_limit(seconds: float, report: Callable[[str], None]) -> Iterator[None]:
    """Let the calling thread work for so long; then call `report` with the place that it has reached, and exit.

    The seconds are the thread's own on the processor, because another program may keep it busy; code that only waits
    has `PATIENCE` times as long. The place is "mine.py, line 7": the innermost line outside the libraries and this
    program. The limit cannot end a loop within one call of C code that keeps Python's lock.
    """
    watched = threading.get_ident()
    ended = threading.Event()

    def watch() -> None:
        began, used = time.monotonic(), _processor_seconds(watched)
        while _processor_seconds(watched) - used < seconds and time.monotonic() - began < PATIENCE * seconds:
            if ended.wait(min(seconds / 10, 0.5)):
                return
        frame = sys._current_frames().get(watched)
        frames = traceback.extract_stack(frame)
        own = [each for each in frames if not each.filename.startswith((*LIBRARIES, PACKAGE, "<"))]
        place = own[-1] if own else frames[-1]
        try:
            report(f"{Path(place.filename).name}, line {place.lineno}")
        finally:
            os._exit(1)

    threading.Thread(target=watch, name="time limit", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
