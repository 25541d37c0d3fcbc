"""Textual's driver for an app in a browser, which ends with the server that started the app.

`adam-tui serve` names it in TEXTUAL_DRIVER. Textual alone keeps an app running whose server was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, cast

from textual.drivers.web_driver import WebDriver as TextualWebDriver

from adam_tui.terminal.environment import CELL_ASPECTS
from adam_tui.terminal.window_title import WindowTitle

if TYPE_CHECKING:
    from adam_tui.terminal.terminal_app import TerminalApp


class WebDriver(TextualWebDriver):
    """Quits the app when the server asks for it or has gone, and drops output that nobody reads any more."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._loop = asyncio.get_running_loop()
        self._title = WindowTitle(has_title=True)
        self._write = self._write_all  # type: ignore[assignment]  # Textual writes once and ignores the count

    def show_title(self, title: str) -> None:
        """Show a title of the page."""
        if text := self._title.change(title):
            self.write(text)

    def _write_all(self, data: bytes) -> int:
        """Write all of it, or nothing where the server has gone."""
        left = memoryview(data)
        with contextlib.suppress(OSError):
            while left:
                left = left[os.write(self.fileno, left) :]
        return len(data)

    def run_input_thread(self) -> None:
        """Read input until it ends or the app quits; at its end the app quits too."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._quit()

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Handle a message of the server that is not input."""
        if packet_type == "quit":
            self._quit()
        elif packet_type == "cell_aspect":
            self._measured(payload["aspect"])
        else:
            super().on_meta(packet_type, payload)

    def _measured(self, aspect: object) -> None:
        """Draw round circles with the page's cells. An aspect that no font has is ignored, as from a terminal."""
        if isinstance(aspect, float) and CELL_ASPECTS[0] <= aspect <= CELL_ASPECTS[1]:
            app = cast("TerminalApp", self._app)
            self._loop.call_soon_threadsafe(app.cell_aspect_measured, aspect)

    def _quit(self) -> None:
        """Quit as `q` does. Textual's ExitApp would not mark the app as exiting, and an app that still starts fails."""
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._app.exit)
