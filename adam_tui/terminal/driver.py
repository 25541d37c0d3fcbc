"""Textual's driver for a terminal of ours: far away, taken over from an early picture, or gone."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import IO, TYPE_CHECKING, Any

from textual.events import CursorPosition

from adam_tui.terminal.environment import OTHER_SCREEN
from adam_tui.terminal.posix_driver import PosixDriver
from adam_tui.terminal.sgr import RESET

if TYPE_CHECKING:
    from textual.message import Message

    from adam_tui.terminal.painted_app import PaintedApp

ANSWERS_WAITED_FOR = 1.0  # seconds when it ends: an answer that came later would be typed into the shell


class TerminalFile:
    """The terminal's file: what is written to a terminal that is gone is lost, and nothing waits for it.

    Textual's writing thread would end with the first error, and the app then hang on its full queue when it ends.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write it."""
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what is left."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class TerminalDriver(PosixDriver):
    """Listens for the answers to the painter's questions, and takes over a terminal that shows a picture already."""

    def __init__(self, app: PaintedApp, **settings: Any) -> None:
        super().__init__(app, **settings)
        assert app.painter is not None
        assert sys.__stdout__ is not None
        self._painter, self._line = app.painter, app.painter.line
        # stdout, which the command line has seen to be a terminal; Textual's own choice, stderr, may be a file.
        self._file = TerminalFile(sys.__stdout__)  # type: ignore[assignment]
        self._taken = app.taken
        self._started = False

    def start_application_mode(self) -> None:
        """Take the terminal, for the first time or again."""
        super().start_application_mode()
        if self._taken is not None:
            self.attrs_before = self._taken.attributes  # not those that the early picture has set
            self._taken.holder = "app"
        if self._started:
            self._painter.memory.forget()
        self._started = True
        self._repaint_when_resized()
        if self._line is not None:
            self.write(self._painter.question())  # the answer, with nothing before it, tells how far away it is

    def stop_application_mode(self) -> None:
        """Give it back, once it has no more to say."""
        self._wait_for_answers()
        self.write(RESET)
        super().stop_application_mode()
        if self._taken is not None:
            self._taken.holder = "nobody"

    def write(self, data: str) -> None:
        """Write data, but for the order that would clear an early picture."""
        if data != OTHER_SCREEN or self._started or self._taken is None:
            super().write(data)

    def process_message(self, message: Message) -> None:
        """Called in the thread that reads: answers are the line's, all else is the app's."""
        if isinstance(message, CursorPosition) and self._line is not None:
            self._line.answered()
            if self._painter.behind:
                self._loop.call_soon_threadsafe(self._app.send)  # type: ignore[attr-defined]
        else:
            super().process_message(message)

    def _repaint_when_resized(self) -> None:
        """Paint all anew when the terminal had another size for a moment: what it shows then is anybody's guess."""
        assert sys.platform != "win32"  # where Textual has another driver
        resized = signal.getsignal(signal.SIGWINCH)

        def handler(number: int, frame: Any) -> None:
            if callable(resized):
                resized(number, frame)
            memory = self._painter.memory
            if self._get_terminal_size() == (memory.width, memory.height):
                self._loop.call_soon_threadsafe(self._app.repaint)  # type: ignore[attr-defined]

        signal.signal(signal.SIGWINCH, handler)

    def _wait_for_answers(self) -> None:
        end = time.monotonic() + ANSWERS_WAITED_FOR
        while self._line is not None and self._line.unanswered and time.monotonic() < end and not self.in_a_hurry:
            time.sleep(0.01)
