"""Textual's driver for a `TerminalApp`: takes over a terminal with its first picture, passes answers to the painter."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from textual.app import App
from textual.events import CursorPosition

from adam_tui.terminal.cell_size import QUESTION, CellSizeAnswers
from adam_tui.terminal.environment import cell_aspect, is_console
from adam_tui.terminal.posix_driver import PosixDriver
from adam_tui.terminal.queries import Answers, Queries, questions_for
from adam_tui.terminal.restore import ALTERNATE_SCREEN
from adam_tui.terminal.sgr import RESET
from adam_tui.terminal.window_title import WindowTitle, has_title

if TYPE_CHECKING:
    from textual.message import Message

    from adam_tui.terminal.painter import Painter
    from adam_tui.terminal.taken_terminal import TakenTerminal

ANSWER_SECONDS = 1.0  # waited for at the end: a later answer would be typed into the shell


class PaintedApp(Protocol):
    """The application as its driver needs it (`TerminalApp`)."""

    painter: Painter | None
    taken: TakenTerminal | None

    @property
    def keys_with_alt(self) -> Collection[str]:
        """The characters that are keys of their own with alt."""

    def send(self) -> None:
        """Send the cells that the terminal does not show yet."""

    def repaint(self) -> None:
        """Send the whole screen."""

    def cell_aspect_measured(self, aspect: float) -> None:
        """Draw round circles with cells of this height divided by their width."""

    def terminal_answered(self, answers: Answers) -> None:
        """Use the abilities that the terminal has by its answers."""


class TerminalFile:
    """The terminal's file. Text for a lost terminal is dropped, and nothing waits for it.

    Textual's writing thread would end with the first error, and the app then hang on its full queue at the end.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write the text."""
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Write out the buffered text."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:  # IO has many more attributes, which are the file's
        return getattr(self._file, name)


class TerminalDriver(PosixDriver):
    """The driver of a terminal that a `Painter` paints."""

    def __init__(self, app: App[Any], **settings: Any) -> None:  # Textual passes its own settings
        super().__init__(app, **settings)
        self._painted_app = cast(PaintedApp, app)
        assert self._painted_app.painter is not None
        assert sys.__stdout__ is not None
        self._painter = self._painted_app.painter
        # stdout, which the command line has checked to be a terminal; Textual's own choice, stderr, may be a file.
        self._file = cast(Any, TerminalFile(sys.__stdout__))  # Textual declares a TextIO and calls these methods
        self._taken = self._painted_app.taken
        self._started = False
        self._cell_sizes, self._cell_size_asked = CellSizeAnswers(), False
        self._queries = Queries()
        self._title = WindowTitle(has_title(os.environ))

    def start_application_mode(self) -> None:
        """Take the terminal, for the first time or again."""
        super().start_application_mode()
        if self._taken is not None:
            self.attrs_before = self._taken.attributes  # not those that the first picture has set
            self._taken.holder = "app"
        if self._started:
            self._painter.buffer.forget()
        else:
            self._ask()
        self._started = True
        self._follow_resizes()
        self._cell_size_asked = False
        self._measure_cells()
        if self._painter.flow is not None:
            self.write(self._painter.question())  # its answer, with nothing before it, measures the round trip

    def stop_application_mode(self) -> None:
        """Give the terminal back, once its answers have arrived."""
        self._wait_for_answers()
        self.write(self._title.restore() + RESET)
        super().stop_application_mode()
        if self._taken is not None:
            self._taken.holder = "nobody"

    def show_title(self, title: str) -> None:
        """Show a title of the window, until the terminal is given back."""
        if text := self._title.change(title):
            self.write(text)

    def write(self, data: str) -> None:
        """Write the text, except for the sequence that would clear a first picture."""
        if data != ALTERNATE_SCREEN or self._started or self._taken is None:
            super().write(data)

    def process_message(self, message: Message) -> None:
        """Pass answers to the flow control, other messages to the app. The reading thread calls this."""
        flow = self._painter.flow
        if isinstance(message, CursorPosition) and flow is not None:
            flow.answered()
            if self._painter.behind:
                self._loop.call_soon_threadsafe(self._painted_app.send)
        else:
            super().process_message(message)

    def without_answers(self, text: str) -> str:
        """Return the input without the terminal's answers to our questions. The reading thread calls this."""
        text, answers = self._queries.take(text)
        if answers is not None:
            self._loop.call_soon_threadsafe(self._painted_app.terminal_answered, answers)
        text, aspect = self._cell_sizes.take(text, *self._get_terminal_size())
        if aspect is not None:
            self._cell_size_asked = False
            self._loop.call_soon_threadsafe(self._painted_app.cell_aspect_measured, aspect)
        return text

    def keys_with_alt(self) -> Collection[str]:
        """Return the characters that the app uses with alt. The reading thread calls this."""
        return self._painted_app.keys_with_alt

    def _ask(self) -> None:
        """Ask for the abilities that the environment does not name."""
        if text := self._queries.ask(questions_for(os.environ)):
            self.write(text)
            self._painter.buffer.pen_was_reset()

    def _measure_cells(self) -> None:
        """Report the shape of the cells, or ask for it. A terminal that does not answer is not asked again."""
        aspect = cell_aspect()
        if aspect is not None:
            self._painted_app.cell_aspect_measured(aspect)
        elif not self._cell_size_asked and not is_console(os.environ):
            self._cell_size_asked = True
            self.write(QUESTION)

    def _follow_resizes(self) -> None:
        """Measure the cells again at a resize, because another font may be the reason.

        Repaint everything when the terminal had another size for a moment: what it shows then is unknown.
        """
        assert sys.platform != "win32"  # where Textual has another driver
        previous = signal.getsignal(signal.SIGWINCH)

        def follow(number: int, frame: Any) -> None:
            if callable(previous):
                previous(number, frame)
            self._measure_cells()
            buffer = self._painter.buffer
            if self._get_terminal_size() == (buffer.width, buffer.height):
                self._painted_app.repaint()

        def handler(number: int, frame: Any) -> None:
            # The loop reads the size. A second signal can interrupt this handler: its newer size would be reported
            # before the older one, and the older one would stay.
            self._loop.call_soon_threadsafe(follow, number, None)

        signal.signal(signal.SIGWINCH, handler)

    def _wait_for_answers(self) -> None:
        end = time.monotonic() + ANSWER_SECONDS
        while self._has_unanswered and time.monotonic() < end and not self.ends_at_once:
            time.sleep(0.01)

    @property
    def _has_unanswered(self) -> bool:
        flow = self._painter.flow
        return self._queries.unanswered or (flow is not None and flow.unanswered)
