"""Textual's driver for a terminal, through all that may happen to one.

Textual alone leaves the terminal as it is on a signal, reads for ever from one that is gone, waits for ever for one
that takes nothing more, ends with the first bytes that are not UTF-8, and starts its threads anew with every SIGCONT.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import signal
import termios
import threading
from codecs import getincrementaldecoder
from functools import partial
from typing import Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from adam_tui.terminal.environment import ENDING_SIGNALS, OWN_SCREEN, SHOW_CURSOR
from adam_tui.terminal.sgr import RESET

# What `stop_application_mode` writes, for a terminal that did not take it: mouse, pastes and focus are not reported any
# more, lines are wrapped, keys are plain, the shell's screen and the cursor are back.
RESTORED = f"{RESET}\x1b[?1000;1003;1015;1006;2004;1004;2048l\x1b[?7h\x1b[<u{OWN_SCREEN}{SHOW_CURSOR}"
PATIENCE = 0.3  # seconds that the last pictures may take when it ends
GLANCE = 0.05  # seconds between two looks at whether the terminal takes them
READ_BYTES = 4096
ANOTHER_LOOK = 0.1  # seconds between two looks at whether to stop reading


class PosixDriver(LinuxDriver):
    """Ends with the terminal, or with a signal, and leaves it as it was."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._left: threading.Event | None = None  # set once the terminal has been given back
        self._hurrying = self._thrown_away = False
        self._suspended = False
        if threading.current_thread() is threading.main_thread():
            for name, status in ENDING_SIGNALS.items():
                signal.signal(getattr(signal, name), partial(self._signalled, status))
            signal.signal(signal.SIGTSTP, lambda *_: self._loop.call_soon_threadsafe(self._suspend))
            signal.signal(signal.SIGCONT, lambda *_: self._loop.call_soon_threadsafe(self._continue))

    # Ending.

    def _signalled(self, status: int, *_: Any) -> None:
        """In the main thread, which may be waiting for the terminal just now: so the loop alone would not hear it."""
        self._hurry()
        self._end(status)

    def _end(self, status: int) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(partial(self._app.exit, return_code=status))

    @property
    def in_a_hurry(self) -> bool:
        """Whether it ends now, and nothing is to be waited for."""
        return self._hurrying

    def _hurry(self) -> None:
        """See to it that a terminal which takes nothing more holds nobody up."""
        if self._left is not None and not self._hurrying:
            self._hurrying = True
            threading.Thread(target=self._make_way, args=(self._left,), daemon=True).start()

    def _make_way(self, left: threading.Event) -> None:
        waited, before = left.wait(PATIENCE), False
        while not waited:
            writer = self._writer_thread
            held_up = writer is not None and (self._closing or writer._queue.qsize() > 0)
            if before and held_up:
                self._throw_away()
            before = held_up
            waited = left.wait(GLANCE)

    @property
    def _output(self) -> int:
        assert self._file is not None
        return self._file.fileno()

    def _throw_away(self) -> None:
        """Forget what is on its way to the terminal, so that the thread that writes goes on."""
        self._thrown_away = True
        with contextlib.suppress(termios.error):
            termios.tcflush(self._output, termios.TCOFLUSH)
            for order in (termios.TCOOFF, termios.TCOON):  # the thread waits for the second (on Linux, not for a flush)
                termios.tcflow(self._output, order)
        assert self._writer_thread is not None
        waiting = self._writer_thread._queue
        last = False
        with contextlib.suppress(queue.Empty):
            while True:
                last |= waiting.get_nowait() is None
        if last:
            waiting.put(None)

    def start_application_mode(self) -> None:
        """Take the terminal, which may have been left in another program's way of writing."""
        self._left = threading.Event()
        self._hurrying = self._closing = self._thrown_away = False
        for descriptor in (self.fileno, self._output):
            os.set_blocking(descriptor, True)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Write the last of it, or what matters most of it."""
        self._closing = True
        self._hurry()
        super().close()
        if self._left is not None:
            self._left.set()
        if self._thrown_away:
            with contextlib.suppress(OSError):
                os.write(self._output, RESTORED.encode())

    # Stopped by the shell, and continued.

    def _suspend(self) -> None:
        self._suspended = True
        self._sigtstp_application()  # returns when it is continued

    def _continue(self) -> None:
        """After a SIGSTOP nobody knows what the terminal is like: it is given back and taken anew."""
        if not self._suspended:
            self.suspend_application_mode()
            self._must_signal_resume = True
        self._suspended = False
        self._sigcont_application()

    # Reading.

    def run_input_thread(self) -> None:
        """Textual's, for what is no UTF-8, for what its parser cannot bear, and until the terminal is gone."""
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                try:
                    if selector.select(ANOTHER_LOOK):
                        data = os.read(self.fileno, READ_BYTES)
                        if not data:
                            break
                        if text := decode(data):
                            for message in parser.feed(text):
                                self.process_message(message)
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
