"""How far the line to the terminal is behind, so that frames are dropped before keys have to wait.

Over SSH what is written lies in buffers that nobody can look into: 20 kB in a pty, megabytes in a connection. So after
each frame the terminal is asked a question that Textual asks once itself (whether it knows synchronized output), and
the age of the oldest question without an answer tells how long a key's answer would wait. A terminal that never answers
is judged by the writes that had to wait: they tell how fast it is read, and from that follows what lies before it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver

QUESTION = "\x1b[?2026$p"  # DECRQM of mode 2026; the answer comes as Textual's TerminalSupportsSynchronizedOutput
SLACK = 0.05  # seconds that a frame may be behind before the next one is dropped
SLOWEST = 0.5  # seconds: an answer takes longer only where something lies before it
LOST = 10.0  # seconds after which no answer comes any more
CHUNK = 2048  # characters written at once, so that a wait is seen while it lasts
STALLED = 0.02  # seconds for one of them: the buffer is full
BUFFER = 20_480  # bytes that a pty holds (measured on Linux 6)
CREEP = 1.002  # a rate grows by this much with each write that does not wait, to find out when the line got better


class Line:
    """The line's state; one for an app. `ask` is where questions are written to, set by the driver."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.ask: Callable[[str], object] = lambda text: None
        self._clock = clock
        self._asked: deque[float] = deque()
        self._fastest = SLOWEST
        self._talks = False
        self._rate = float("inf")  # bytes a second
        self._ahead, self._since = 0.0, clock()  # bytes that lay before the next one, and when

    def behind(self) -> bool:
        """Whether the next frame should be dropped."""
        now = self._clock()
        if not self._talks:
            return self._waiting(now) / self._rate > SLACK
        if self._asked and now - self._asked[0] > LOST:
            self._asked.clear()
            self._talks = False
        return bool(self._asked) and now - self._asked[0] > self._fastest + SLACK

    def sent(self) -> None:
        """A frame was handed over: ask behind it."""
        if self._talks:
            self._asked.append(self._clock())
            self.ask(QUESTION)

    def answered(self) -> None:
        """The terminal has answered the oldest question, or one that Textual asked itself."""
        self._talks = True
        if self._asked:
            self._fastest = min(self._fastest, self._clock() - self._asked.popleft())

    def wrote(self, count: int, seconds: float) -> None:
        """So many bytes were taken from us, which took so long; told by the thread that writes."""
        now = self._clock()
        if seconds > STALLED:
            self._rate, self._ahead = count / seconds, float(BUFFER)
        else:
            self._ahead, self._rate = self._waiting(now) + count, self._rate * CREEP
        self._since = now

    def _waiting(self, now: float) -> float:
        if self._rate == float("inf"):
            return 0.0
        return max(self._ahead - self._rate * (now - self._since), 0.0)


class TerminalFile:
    """The terminal's file: what is written to a terminal that is gone is lost, and nothing waits for it.

    Textual's writing thread would end with the first error, and the app then hang on its full queue when it ends.
    """

    def __init__(self, file: IO[str], line: Line | None) -> None:
        self._file, self._line = file, line

    def write(self, text: str) -> int:
        """Write it; with a line in chunks, each timed."""
        with contextlib.suppress(OSError):
            if self._line is None:
                self._file.write(text)
            else:
                self._write_timed(text, self._line)
        return len(text)

    def flush(self) -> None:
        """Hand over what is left."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def _write_timed(self, text: str, line: Line) -> None:
        for first in range(0, len(text), CHUNK):
            chunk = text[first : first + CHUNK]
            began = time.monotonic()
            self._file.write(chunk)
            self._file.flush()
            line.wrote(len(chunk.encode("utf-8", "replace")), time.monotonic() - began)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is at the other end of an SSH connection."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def driver_of(line: Line | None) -> type[Driver] | None:
    """Textual's driver, with a `TerminalFile`; None where the terminal is no pty of ours (Windows, a browser)."""
    if os.name != "posix" or "TEXTUAL_DRIVER" in os.environ:
        return None
    from adam_tui.ui.sturdy_driver import SturdyDriver

    class TerminalDriver(SturdyDriver):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            self._file = TerminalFile(self._file, line)  # type: ignore[assignment, arg-type]
            if line is not None:
                line.ask = self.write

    return TerminalDriver
