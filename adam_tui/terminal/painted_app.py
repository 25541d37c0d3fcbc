"""A Textual app whose updates of the screen go through a `Painter`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen
from textual.timer import Timer

from adam_tui.terminal.environment import is_remote, terminal_depth
from adam_tui.terminal.flow_control import RECHECK, Line
from adam_tui.terminal.painter import Painter
from adam_tui.terminal.screen_buffer import ScreenBuffer

if TYPE_CHECKING:
    from adam_tui.terminal.taken_terminal import TakenTerminal


class PaintedApp(App[None]):
    """`taken` is a terminal that shows a first picture already.

    Without a terminal of ours (on Windows, in a browser, in a test without one) all is as Textual has it.
    """

    def __init__(self, taken: TakenTerminal | None = None) -> None:
        self.taken = taken
        self.painter: Painter | None = None
        self._sending: Timer | None = None
        if os.name != "posix" or "TEXTUAL_DRIVER" in os.environ:
            super().__init__()
            return
        from adam_tui.terminal.driver import TerminalDriver

        memory = taken.memory if taken is not None else ScreenBuffer(0, 0, terminal_depth(os.environ))
        self.painter = Painter(memory, Line() if is_remote(os.environ) else None)
        super().__init__(driver_class=TerminalDriver)

    @property
    def is_behind(self) -> bool:
        """Whether the terminal, far away, does not show all yet: time for no more frames."""
        return self.painter is not None and self.painter.behind

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Textual has composed an update of the screen."""
        if self.painter is None or self.is_headless or not isinstance(renderable, CompositorUpdate):
            super()._display(screen, renderable)
            return
        if self._running and not self._closed and not self._batch_count:
            try:
                self.painter.take(renderable, screen.outer_size)
            except Exception as error:
                self._handle_exception(error)
            else:
                self.send()
        self.post_display_hook()

    def send(self) -> None:
        """Send what the terminal does not show yet, or as much of it as the line has room for."""
        if self.painter is None or self._driver is None or not self._running or self._batch_count:
            return
        at = self.screen.outer_size.clamp_offset(self.cursor_position)
        # Textual puts the cursor, which is not seen, where something is typed: input methods open their window there.
        piece = self.painter.piece((at.y, at.x) if self.cursor_position else None)
        if piece:
            self._driver.write(f"{SYNC_START}{piece}{SYNC_END}" if self._sync_available else piece)
        if self.painter.behind and self._sending is None:
            self._sending = self.set_timer(RECHECK, self._send_later)

    def _send_later(self) -> None:
        self._sending = None
        self.send()

    def repaint(self) -> None:
        """Send all of the screen: something else may have written on it."""
        if self.painter is not None:
            self.painter.memory.forget()
            self.send()
