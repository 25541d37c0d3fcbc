"""The base of the application: a Textual app whose screen goes through a `Painter`, and which ends cleanly on an error.

All that the program needs of Textual's private names for an app is here; tests/terminal/test_textual_private_names.py
lists them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual.app import App, ScreenStackError
from textual.events import Event, Key, Paste
from textual.filter import LineFilter
from textual.notifications import Notify
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import WorkerFailed

from adam_tui.terminal.environment import is_remote, may_have_more_colors, terminal_depth
from adam_tui.terminal.event_loop import loop_factory
from adam_tui.terminal.fallback import Fallback
from adam_tui.terminal.fallback_filter import FallbackFilter
from adam_tui.terminal.flow_control import RECHECK, FlowControl
from adam_tui.terminal.painter import Painter
from adam_tui.terminal.queries import Answers
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sextants import named_by_answers
from adam_tui.terminal.type_ahead import TypeAhead

if TYPE_CHECKING:
    from adam_tui.terminal.taken_terminal import TakenTerminal

TITLE_SECONDS = 1.0  # between two titles at least


@runtime_checkable
class TitledDriver(Protocol):
    """A driver whose terminal may have a title."""

    def show_title(self, title: str) -> None:
        """Show a title of the window, until the terminal is given back."""


class TerminalApp(App[None]):
    """An app on a terminal that this package drives. `taken` is a terminal that shows a first picture already.

    `ascii` is for fonts without braille and blocks. With another driver (on Windows, in a browser, in a test)
    Textual itself writes the screen.

    An error ends the app with `failure` set, the terminal restored and nothing printed: the caller reports it.
    """

    def __init__(self, taken: TakenTerminal | None = None, *, ascii: bool = False) -> None:
        self.taken = taken
        self.failure: BaseException | None = None
        self.painter: Painter | None = None
        self._resend: Timer | None = None
        self._title_timer: Timer | None = None
        self.depth = terminal_depth(os.environ)
        self.fallback = Fallback.of_terminal(ascii=ascii)
        self._fallback_filter = FallbackFilter(self.fallback)
        if os.name != "posix" or "TEXTUAL_DRIVER" in os.environ:
            super().__init__()
        else:
            from adam_tui.terminal.driver import TerminalDriver

            buffer = taken.buffer if taken is not None else ScreenBuffer(0, 0, self.depth)
            self.painter = Painter(buffer, FlowControl() if is_remote(os.environ) else None)
            super().__init__(driver_class=TerminalDriver)
        self._type_ahead = TypeAhead(self, super().on_event)

    def run(self, **settings: Any) -> None:
        """Run the app until it exits, on a loop that shows when it is idle (`event_loop`)."""
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self.run_async(**settings))

    # Keys.

    async def on_event(self, event: Event) -> None:
        """Handle keys and pastes one after the other (`type_ahead`); of a paste only one line of printable text."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            if isinstance(event, Paste):
                event.text = "".join(filter(str.isprintable, " ".join(event.text.split())))
            await self._type_ahead.put(event)
        else:
            await super().on_event(event)

    @property
    def keys_with_alt(self) -> Collection[str]:
        """The characters that are keys of their own with alt: in a text field those that move by a word.

        With any other, an escape before the character is the escape key. An app with keys of its own adds them.
        """
        try:
            return "bf" if self.focused is not None and self.focused.check_consume_key("b", "b") else ""
        except ScreenStackError:  # no screen yet, or no longer
            return ""

    # Notifications.

    def on_notify(self, event: Notify) -> None:
        """Remove an equal notification that is still shown: the new one takes its place, for its whole time."""
        new = event.notification
        for each in list(self._notifications):
            if (each.title, each.message, each.severity) == (new.title, new.message, new.severity):
                self._unnotify(each, refresh=False)

    # The screen.

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return Textual's filters, and the one for a terminal that lacks characters."""
        filters = super().get_line_filters()
        return [*filters, self._fallback_filter] if self._fallback_filter.enabled else filters

    @property
    def is_behind(self) -> bool:
        """Whether a remote terminal has not been sent everything yet: no time for more frames."""
        return self.painter is not None and self.painter.behind

    @property
    def is_batching(self) -> bool:
        """Whether Textual holds back its updates: it paints the first screen twice, and drops the first painting."""
        return self._batch_count > 0

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Paint an update of the screen that Textual has composed."""
        if isinstance(self._driver, TitledDriver) and self._title_timer is None and self._running:
            self._title_timer = self.set_timer(TITLE_SECONDS, self._show_title)
        if self.painter is None or self.is_headless or not isinstance(renderable, CompositorUpdate):
            super()._display(screen, renderable)
            return
        if self._running and not self._closed and not self.is_batching:
            try:
                self.painter.put(renderable, screen.outer_size)
            except Exception as error:
                self._handle_exception(error)
            else:
                self.send()
        self.post_display_hook()

    def send(self) -> None:
        """Send the cells that the terminal does not show yet, or as many as there is room for."""
        if self.painter is None or self._driver is None or not self._running or self.is_batching:
            return
        position = self.screen.outer_size.clamp_offset(self.cursor_position)
        # Textual puts the hidden cursor where text is typed: input methods open their window there.
        piece = self.painter.next_piece((position.y, position.x) if self.cursor_position else None)
        if piece:
            self._driver.write(f"{SYNC_START}{piece}{SYNC_END}" if self._sync_available else piece)
        if self.painter.behind and self._resend is None:
            self._resend = self.set_timer(RECHECK, self._send_again)

    def _send_again(self) -> None:
        self._resend = None
        self.send()

    @property
    def window_title(self) -> str:
        """The title that the window should have. An app with more to show overrides this."""
        return self.title

    def _show_title(self) -> None:
        """Show the title. The screen changes before this, so a still screen writes nothing."""
        self._title_timer = None
        if self._running and not self._closed and not self.is_behind and isinstance(self._driver, TitledDriver):
            self._driver.show_title(self.window_title)

    def repaint(self) -> None:
        """Send the whole screen: another program may have written on it."""
        if self.painter is not None:
            self.painter.buffer.forget()
            self.send()

    def cell_aspect_measured(self, aspect: float) -> None:
        """Draw round circles with cells of this height divided by their width. An app with pictures overrides this."""

    def terminal_answered(self, answers: Answers) -> None:
        """Use the abilities that the terminal has by its answers."""
        # Every terminal that is known to draw sextants has 24-bit colours. VTE and konsole do not answer for them.
        named = named_by_answers(answers.version, answers.device) and may_have_more_colors(os.environ)
        if (answers.truecolor or named) and self.depth != "truecolor":
            self.depth = "truecolor"
            if self.painter is not None:
                self.painter.buffer.depth = self.depth
                self.painter.buffer.forget()
            self.fallback = replace(self.fallback, few_colors=False)
            self.redraw()
            self.screen.refresh()  # one update, which sends every cell once

    def redraw(self) -> None:
        """Draw all pictures again, for a terminal with other abilities. An app with pictures overrides this."""

    # Errors.

    def _handle_exception(self, error: Exception) -> None:
        """End the app on an error. Textual would print pages of traceback; the caller writes them to a file instead.

        Errors during shutdown are ignored: some parts may not exist yet, or no longer.
        """
        ending, status = self._exit, self._return_code
        super()._handle_exception(error)
        self._exit_renderables.clear()
        if ending:
            self._return_code = status
        else:
            self.failure = self.failure or (error.error if isinstance(error, WorkerFailed) else error)
