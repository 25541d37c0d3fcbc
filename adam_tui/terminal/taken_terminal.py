"""A terminal taken before Textual is loaded: it shows the first picture, and the app takes it over.

Keys are neither echoed nor lost from then on; the app reads them when it starts. However the program ends before that,
the terminal is restored. No Textual may be imported here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from adam_tui.terminal.restore import ALTERNATE_SCREEN, CLEAR, ENDING_SIGNALS, HIDE_CURSOR, NORMAL_SCREEN, SHOW_CURSOR
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sgr import RESET

Holder = Literal["picture", "app", "nobody"]


@dataclass(eq=False)
class TakenTerminal:
    """A terminal that shows the first picture; its holder has to restore it.

    `attributes` are its settings from before (termios: a list of numbers and lists).
    """

    buffer: ScreenBuffer
    attributes: list[Any]
    holder: Holder = "picture"


@contextlib.contextmanager
def take_terminal(buffer: ScreenBuffer) -> Iterator[TakenTerminal]:
    """Show the buffer's cells on a terminal that echoes nothing; restore the terminal at the end if the app has not."""
    import termios

    assert sys.platform != "win32"  # where there is no first picture
    assert sys.__stdin__ is not None
    assert sys.__stdout__ is not None
    keys, out = sys.__stdin__.fileno(), sys.__stdout__
    taken = TakenTerminal(buffer, termios.tcgetattr(keys))

    def restore() -> None:
        with contextlib.suppress(OSError, termios.error):  # the terminal may be lost
            os.write(
                out.fileno(), f"{RESET}{CLEAR}{NORMAL_SCREEN}{SHOW_CURSOR}".encode()
            )  # `out` may be writing just now
            termios.tcsetattr(keys, termios.TCSANOW, taken.attributes)
        taken.holder = "nobody"

    def end(number: int, frame: object) -> None:
        status = ENDING_SIGNALS[signal.Signals(number).name]
        if taken.holder == "app":
            sys.exit(status)  # the app restores the terminal on its way out
        # No exception: an import might turn it into another one.
        restore()
        os._exit(status)

    before = {name: signal.signal(getattr(signal, name), end) for name in ENDING_SIGNALS}
    try:
        os.set_blocking(out.fileno(), True)  # another program may have left it non-blocking, which loses output
        termios.tcsetattr(keys, termios.TCSANOW, _without_echo(termios.tcgetattr(keys)))
        out.write(ALTERNATE_SCREEN + HIDE_CURSOR + buffer.changes())
        out.flush()
        yield taken
    finally:
        if taken.holder != "nobody":
            restore()
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _without_echo(attributes: list[Any]) -> list[Any]:
    """Return the terminal's settings as the app wants them, except that ctrl+c still interrupts."""
    import termios

    assert sys.platform != "win32"
    iflag, oflag, cflag, lflag, *speeds, characters = attributes
    iflag &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    characters[termios.VMIN] = 1
    characters[termios.VSUSP] = characters[termios.VQUIT] = b"\0"
    return [iflag, oflag, cflag, lflag, *speeds, characters]
