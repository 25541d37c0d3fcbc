"""Textual's driver for a terminal, hardened against signals, lost terminals, blocked terminals and invalid input.

Textual's own driver leaves the terminal as it is on a signal, reads for ever from a lost one, waits for ever for a
blocked one, ends at the first bytes that are not UTF-8, starts its threads again at every SIGCONT, and asks kitty's
keyboard protocol for more than the shell after a lost connection could be used with.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import selectors
import signal
import termios
import threading
from codecs import getincrementaldecoder
from collections.abc import Collection
from functools import partial
from typing import Any

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key

from adam_tui.terminal.environment import terminal_size
from adam_tui.terminal.escape_key import ESCAPE, EscapeKeys
from adam_tui.terminal.restore import CLEAR, ENDING_SIGNALS, NORMAL_SCREEN, RESTORED

PATIENCE = 0.3  # seconds that the last pictures may take at the end
CHECK = 0.05  # seconds between two checks whether the terminal accepts them
READ_BYTES = 4096
READ_SECONDS = 0.1  # between two checks whether to stop reading

# Kitty's keyboard protocol, pushed by Textual with some flags: all keys as sequences, with their text. If they stay
# after a lost connection, the shell receives sequences for letters. The program needs the first only, with which
# letters stay letters: escape, and keys with ctrl or alt, become sequences.
PUSH_KEYBOARD = re.compile(r"\x1b\[>\d+u")
DISAMBIGUATE = "\x1b[>1u"


class PosixDriver(LinuxDriver):
    """A driver that ends with the terminal, or with a signal, and restores the terminal."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # Textual's
        super().__init__(*arguments, **settings)
        self._size = self._size or self._get_terminal_size()
        self._restored: threading.Event | None = None  # set once the terminal has been given back
        self._ends_at_once = self._discarded = self._closes = False
        self._suspended = False
        if threading.current_thread() is threading.main_thread():
            for name, status in ENDING_SIGNALS.items():
                signal.signal(getattr(signal, name), partial(self._end_on_signal, status))
            signal.signal(signal.SIGTSTP, lambda *_: self._loop.call_soon_threadsafe(self._suspend))
            signal.signal(signal.SIGCONT, lambda *_: self._loop.call_soon_threadsafe(self._continue))

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return the size that the terminal has. Textual's method prefers COLUMNS and LINES."""
        return terminal_size()

    # Ending.

    def _end_on_signal(self, status: int, *_: Any) -> None:
        """End the app. The main thread, in which this runs, may be blocked by the terminal, and the loop with it."""
        self._stop_waiting()
        self._end(status)

    def _end(self, status: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(partial(self._app.exit, return_code=status))

    @property
    def ends_at_once(self) -> bool:
        """Whether the app ends now, without waiting for anything."""
        return self._ends_at_once

    def _stop_waiting(self) -> None:
        """Make sure that a blocked terminal does not delay the exit."""
        if self._restored is not None and not self._ends_at_once:
            self._ends_at_once = True
            threading.Thread(target=self._unblock, args=(self._restored,), daemon=True).start()

    def _unblock(self, restored: threading.Event) -> None:
        """Discard the output whenever the writing thread is blocked at two checks in a row."""
        done, blocked_before = restored.wait(PATIENCE), False
        while not done:
            writer = self._writer_thread
            blocked = writer is not None and (self._closes or writer._queue.qsize() > 0)
            if blocked_before and blocked:
                self._discard_output()
            blocked_before = blocked
            done = restored.wait(CHECK)

    @property
    def _output(self) -> int:
        assert self._file is not None
        return self._file.fileno()

    def _discard_output(self) -> None:
        """Drop the text on its way to the terminal, so that the writing thread continues."""
        self._discarded = True
        with contextlib.suppress(termios.error):
            termios.tcflush(self._output, termios.TCOFLUSH)
            for order in (termios.TCOOFF, termios.TCOON):  # on Linux the thread waits for TCOON, not for a flush
                termios.tcflow(self._output, order)
        assert self._writer_thread is not None
        waiting = self._writer_thread._queue
        ends = False
        with contextlib.suppress(queue.Empty):
            while True:
                ends |= waiting.get_nowait() is None
        if ends:
            waiting.put(None)

    def start_application_mode(self) -> None:
        """Take the terminal, which another program may have left in non-blocking mode."""
        self._restored = threading.Event()
        self._ends_at_once = self._closes = self._discarded = False
        for descriptor in (self.fileno, self._output):
            os.set_blocking(descriptor, True)
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's is not annotated

    def write(self, data: str) -> None:
        """Write the text, with what a lost connection or GNU screen needs in place of two of Textual's sequences."""
        if data == NORMAL_SCREEN:
            data = CLEAR + NORMAL_SCREEN
        super().write(PUSH_KEYBOARD.sub(DISAMBIGUATE, data) if data.endswith("u") else data)

    def close(self) -> None:
        """Write the rest of the output, or after it was discarded the text that restores the terminal."""
        self._closes = True
        self._stop_waiting()
        super().close()
        if self._restored is not None:
            self._restored.set()
        if self._discarded:
            with contextlib.suppress(OSError):
                os.write(self._output, RESTORED.encode())

    # Suspended by the shell, and continued.

    def _suspend(self) -> None:
        self._suspended = True
        self._sigtstp_application()  # returns when the app is continued

    def _continue(self) -> None:
        """Continue. After a SIGSTOP the state of the terminal is unknown: it is restored and set up again."""
        if not self._suspended:
            self.suspend_application_mode()
            self._must_signal_resume = True
        self._suspended = False
        self._sigcont_application()

    # Reading.

    def without_answers(self, text: str) -> str:
        """Return the input without answers that Textual would read as keys: a driver that asks overrides this."""
        return text

    def keys_with_alt(self) -> Collection[str]:
        """Return the characters that are keys of their own with alt. The reading thread calls this."""
        return ()

    def run_input_thread(self) -> None:
        """Read the input until the terminal is lost. Input that is not UTF-8 or not parseable is skipped."""
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
        escapes = EscapeKeys(constants.ESCAPE_DELAY)

        def handle(parts: list[str]) -> None:
            for part in parts:
                for message in [Key("escape", ESCAPE)] if part == ESCAPE else parser.feed(part):
                    self.process_message(message)

        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                left = escapes.seconds_left
                try:
                    if selector.select(READ_SECONDS if left is None else min(left, READ_SECONDS)):
                        data = os.read(self.fileno, READ_BYTES)
                        if not data:
                            break
                        text = self.without_answers(escapes.take_kept() + decode(data))
                        handle(escapes.split(text, self.keys_with_alt()))
                    handle(escapes.decided())
                    for message in parser.tick():
                        self.process_message(message)
                except BlockingIOError:
                    continue
                except OSError:
                    break
                except ValueError:
                    parser = XTermParser(self._debug)
            else:
                return
        self._end(ENDING_SIGNALS["SIGHUP"])
