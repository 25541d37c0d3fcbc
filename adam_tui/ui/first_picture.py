"""The contour before the app: painted as soon as it is drawn, while Textual is still being loaded.

It is the app's own first picture, in its place and its colours, and the app goes on with the `ScreenBuffer` that it was
painted with: so the app sends the rest of its screen, and not the contour again. Keys are neither echoed nor lost from
then on; the app reads them when it is there. However it ends before that, the terminal is as it was.

Nothing of Textual may be imported here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from adam_tui.draw.palette import Palette
from adam_tui.terminal.ansi import plain
from adam_tui.terminal.environment import (
    ENDING_SIGNALS,
    HIDE_CURSOR,
    OTHER_SCREEN,
    OWN_SCREEN,
    SHOW_CURSOR,
    is_console,
    is_remote,
    terminal_depth,
)
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sgr import RESET
from adam_tui.terminal.taken_terminal import TakenTerminal
from adam_tui.ui.config import Config
from adam_tui.ui.layout import MIN_HEIGHT, MIN_WIDTH, contour_region
from adam_tui.ui.playground.hints import hint
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.view import contour
from adam_tui.ui.theme_names import builtin_palette, configured_theme, plot_palette_name, with_plot_colors


@contextlib.contextmanager
def first_picture(state: PlaygroundState, config: Config, mode: str, *, ascii: bool) -> Iterator[TakenTerminal | None]:
    """Show the contour of the state, and give back the terminal in the end if the app has not; None if it cannot be.

    It cannot be where the app's colours are known to Textual only (its own themes, NO_COLOR), nor is it far away, where
    all is sent piece by piece.
    """
    palette = _palette(config, os.environ) if mode == "playground" else None
    width, height = shutil.get_terminal_size()
    if palette is None or width < MIN_WIDTH or height < MIN_HEIGHT:
        yield None
        return
    memory = ScreenBuffer(width, height, terminal_depth(os.environ))
    row, column, columns, rows = contour_region(width, height, hinted=bool(hint(state)[0]))
    try:
        cells = contour(state, columns, rows, palette)
    except Exception:  # a bug that the app will meet too, and it has a log for it
        yield None
        return
    few_colors, console = memory.depth == "16", is_console(os.environ)
    if ascii or few_colors or console:
        cells = plain(cells, ascii=ascii, few_colors=few_colors, console=console)
    memory.put_cells(row, column, cells)
    with _taken(memory) as taken:
        yield taken


def _palette(config: Config, environ: Mapping[str, str]) -> Palette | None:
    if os.name != "posix" or "TEXTUAL_DRIVER" in environ or "NO_COLOR" in environ or is_remote(environ):
        return None
    theme = configured_theme(config)
    own = builtin_palette(theme)
    return own and with_plot_colors(own, plot_palette_name(config, theme, terminal_depth(environ)))


@contextlib.contextmanager
def _taken(memory: ScreenBuffer) -> Iterator[TakenTerminal]:
    """Show what the memory has, in a terminal that echoes nothing, until the end of the block."""
    import termios

    assert sys.platform != "win32"  # where there is no first picture
    assert sys.__stdin__ is not None
    assert sys.__stdout__ is not None
    keys, out = sys.__stdin__.fileno(), sys.__stdout__
    taken = TakenTerminal(memory, termios.tcgetattr(keys))

    def give_back() -> None:
        with contextlib.suppress(OSError, termios.error):  # it may be gone
            os.write(out.fileno(), f"{RESET}{OWN_SCREEN}{SHOW_CURSOR}".encode())  # `out` may be writing just now
            termios.tcsetattr(keys, termios.TCSANOW, taken.attributes)
        taken.holder = "nobody"

    def end(number: int, frame: object) -> None:
        status = ENDING_SIGNALS[signal.Signals(number).name]
        if taken.holder == "app":
            sys.exit(status)  # by way of all that gives it back
        # Not by an exception: out of an import it may come as another one.
        give_back()
        os._exit(status)

    before = {name: signal.signal(getattr(signal, name), end) for name in ENDING_SIGNALS}
    try:
        os.set_blocking(out.fileno(), True)  # left impatient by another program, it might lose the rest
        termios.tcsetattr(keys, termios.TCSANOW, _without_echo(termios.tcgetattr(keys)))
        out.write(OTHER_SCREEN + HIDE_CURSOR + memory.changes())
        out.flush()
        yield taken
    finally:
        if taken.holder != "nobody":
            give_back()
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _without_echo(attributes: list[Any]) -> list[Any]:
    """The terminal's settings as the app wants them, but that ctrl+c still ends us."""
    import termios

    assert sys.platform != "win32"
    iflag, oflag, cflag, lflag, *speeds, characters = attributes
    iflag &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    characters[termios.VMIN] = 1
    characters[termios.VSUSP] = characters[termios.VQUIT] = b"\0"
    return [iflag, oflag, cflag, lflag, *speeds, characters]
