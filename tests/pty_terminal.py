"""A program on a real pseudo-terminal; pyte interprets its output as a screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte
from seen_blocks import EITHER_BLOCK

COMMAND = (str(Path(sys.executable).parent / "adam-tui"),)
KEYS = {"enter": "\r", "escape": "\x1b", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D"}
KEYS |= {"space": " ", "home": "\x1b[H", "end": "\x1b[F", "backspace": "\x7f", "ctrl+p": "\x10"}
# pyte does not know private CSI with > < =, mode reports and OSC: they are removed from its input.
QUESTIONS = re.compile(rb"\x1b\[\?2026\$p|\x1b\[6n")
BEGINNING = re.compile(rb"\x1b(\[(\?(2(0(2(6(\$)?)?)?)?)?|6)?)?\Z")  # of a question, at the end of a piece
UNKNOWN = re.compile(
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[\?2026[hl]"
)


# Private modes (DECSET) that a program may leave changed, and the normal state of each: off (l) or on (h).
MODES = {
    **dict.fromkeys((1000, 1002, 1003, 1006, 1015, 1016), ("mouse", b"l")),
    **{1049: ("other screen", b"l"), 25: ("no cursor", b"h"), 2004: ("pastes", b"l"), 1004: ("focus", b"l")},
    **{7: ("no wrap", b"h"), 2048: ("sizes", b"l")},
}


class Terminal:
    """`command` on a terminal of width × height cells. Use as a context manager: it ends the program."""

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        width: int = 120,
        height: int = 40,
        env: Mapping[str, str | None] = {},
        pixels: tuple[int, int] = (0, 0),
    ) -> None:
        """`pixels` is the size of all cells in pixels; (0, 0) is a terminal that does not know it."""
        # COLUMNS and LINES could contradict the size of the terminal, the others name the one that runs the tests.
        plain = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": None, "LINES": None}
        plain |= dict.fromkeys(("VTE_VERSION", "KONSOLE_VERSION", "TERM_PROGRAM"))
        environment: dict[str, str | None] = {**os.environ, **plain, **env}
        kept = {k: v for k, v in environment.items() if v is not None}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, *pixels))
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where a shell runs the tests in the background
            os.execvpe(command[0], list(command), kept)
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._unfinished = b""
        self.status: int | None = None
        self.used = 0.0  # seconds of a processor, once it has ended
        self._open = True

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self._open:
            os.close(self.fd)

    def read(self, seconds: float) -> int:
        """Read for so many seconds; return the number of bytes."""
        came, end = 0, time.monotonic() + seconds
        while self._open and (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            came += len(data)
            self.show(data)
        return came

    def show(self, data: bytes) -> None:
        """Process output: answer its questions, keep it, draw it."""
        self.answer(data)
        self.raw += data
        self._stream.feed(UNKNOWN.sub(b"", data))

    def answer(self, data: bytes) -> None:
        """Answer the questions in the output: for synchronized output, and for the cursor's position."""
        text, self._unfinished = self._unfinished + data, b""
        if split := BEGINNING.search(text):  # a slow line ends a piece within a question
            text, self._unfinished = text[: split.start()], split.group()
        for question in QUESTIONS.findall(text):
            os.write(self.fd, b"\x1b[?2026;2$y" if b"?" in question else b"\x1b[1;1R")

    def text(self) -> str:
        """Return the screen as text. Of a block and its complement, either of which may draw a cell, one is shown."""
        return "\n".join(self.screen.display).translate(EITHER_BLOCK)

    def until(self, condition: str | Callable[[], bool], seconds: float = 15) -> None:
        """Read until the text is on the screen, or the condition holds. Raises AssertionError with the screen."""
        met = (lambda: condition in self.text()) if isinstance(condition, str) else condition
        end = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < end, f"never on the screen: {condition}\n{self.text()}"
            self.read(0.05)

    def press(self, *keys: str) -> None:
        """Send keys one after the other, as slowly as a person types."""
        for key in keys:
            os.write(self.fd, KEYS.get(key, key).encode())
            self.read(0.06)

    def resize(self, width: int, height: int, pixels: tuple[int, int] = (0, 0)) -> None:
        """Give the terminal a new size, in cells and in pixels."""
        self.screen.resize(height, width)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, *pixels))

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self.fd)
        self._open = False

    def wait(self, seconds: float = 10) -> int:
        """Return the exit status. Raises AssertionError when the program still runs after so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.used = used.ru_utime + used.ru_stime
                return self.status
            if self._open:
                self.read(0.02)
            else:
                time.sleep(0.02)
        raise AssertionError("the program still runs")

    def settings(self) -> list[Any]:
        """Return the terminal's settings (termios)."""
        return termios.tcgetattr(self.fd)

    def left_on(self) -> set[str]:
        """Return the modes that the program has changed and not restored."""
        on: set[str] = set()
        for numbers, way in re.findall(rb"\x1b\[\?([0-9;]+)([hl])", self.raw):
            for mode in map(int, numbers.split(b";")):
                name, usual = MODES.get(mode, ("", b"l"))
                if name:
                    (on.discard if way == usual else on.add)(name)
        if self.raw.rfind(b"\x1b[>") > self.raw.rfind(b"\x1b[<u"):
            on.add("keyboard")
        return on

    def processor_time(self) -> float:
        """Return the processor time that the program has used, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """Return the number of the program's threads."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def colours(self) -> set[str]:
        """Return all background colours on the screen."""
        return {self.screen.buffer[y][x].bg for y in range(self.screen.lines) for x in range(self.screen.columns)}
