"""What the app sends over a terminal's wire and what it costs: bytes, times, processor and memory of one process.

On top of `pty_terminal`, but nothing is drawn while something is measured: a screen read through pyte would take more
of the two cores than the app itself.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pty_terminal import COMMAND, KEYS, Terminal

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SIZE = (120, 40)  # columns and rows
ANSWERED = 0.3  # seconds in which a key is answered whole
QUIET = 0.35  # seconds without a byte: the answer to a key is whole
FRAME = b"\x1b[?2026h"  # Textual begins every update of the screen with it, for terminals that know the mode
CELLS = "▀".encode()  # only the contour has it
SEXTANT = "🬀".encode()[:3]  # the first bytes of every sextant
BARE = """
from textual.app import App
from textual.widgets import Label
class Bare(App):
    def compose(self):
        yield Label("bare-label")
    def on_key(self):
        self.query_one(Label).update("bare-answer")
Bare().run()
"""


class Wire(Terminal):
    """The program on a terminal of 120 × 40 cells, or others; what comes is counted and not drawn."""

    def __init__(
        self, command: Sequence[str] = COMMAND, env: Mapping[str, str | None] = {}, size: tuple[int, int] = SIZE
    ) -> None:
        self.born, self.came = time.perf_counter(), 0
        # As installed: pip compiles what it installs, and no settings are there.
        local = {
            "PYTHONDONTWRITEBYTECODE": None,
            "SSH_CONNECTION": None,
            "SSH_TTY": None,
            "ADAM_TUI_CONFIG": os.devnull,
        }
        super().__init__(command, *size, local | dict(env))

    def take(self, seconds: float, most: int = 65536) -> bytes:
        """What can be read within so many seconds at once; empty when nothing came."""
        if not select.select([self.fd], [], [], max(seconds, 0))[0]:
            return b""
        try:
            data = os.read(self.fd, most)
        except OSError:
            return b""
        self.came += len(data)
        self.answer(data)
        return data

    def drain(self, seconds: float) -> bytes:
        """All that comes in so many seconds."""
        got, end = [], time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            got.append(self.take(left))
        return b"".join(got)

    def seconds_until(self, mark: bytes, limit: float = 20.0) -> float:
        """From exec until `mark` was read; TimeoutError when it does not come."""
        got = b""
        while mark not in got:
            if time.perf_counter() - self.born > limit:
                raise TimeoutError(f"{mark!r} did not come")
            got = got[-len(mark) :] + self.take(0.2)
        return time.perf_counter() - self.born

    def settle(self) -> bytes:
        """Read until nothing has come for a while."""
        got = b""
        while data := self.take(QUIET):
            got += data
        return got

    def key(self, key: str) -> tuple[float, bytes]:
        """Press a key while nothing moves: the seconds to the first byte of the answer, and what came in `ANSWERED`."""
        began = time.perf_counter()
        os.write(self.fd, KEYS.get(key, key).encode())
        first = self.take(5.0)
        return time.perf_counter() - began, first + self.drain(ANSWERED)

    def processor(self) -> float:
        """Seconds of processor time so far, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Bytes resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE


def app(*flags: str, size: tuple[int, int] = SIZE) -> Wire:
    """`adam-tui` as installed."""
    return Wire((*COMMAND, *flags), size=size)


def bare() -> Wire:
    """The least that Textual can do: an app that shows one label, and another text in it when a key is pressed."""
    return Wire((sys.executable, "-c", BARE))
