"""Textual's driver for an app in a browser, which ends with the server that started the app.

`adam-tui serve` names it in TEXTUAL_DRIVER. Textual alone keeps an app running whose server was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver as TextualWebDriver


class WebDriver(TextualWebDriver):
    """Quits the app at the end of its input, and drops output that nobody reads any more."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._loop = asyncio.get_running_loop()
        self._write = self._write_all  # type: ignore[assignment]  # Textual writes once and ignores the count

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
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                asyncio.run_coroutine_threadsafe(self._app._post_message(messages.ExitApp()), self._loop)
