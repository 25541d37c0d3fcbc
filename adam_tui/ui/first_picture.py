"""The contour before the app: painted as soon as it is drawn, while Textual is still being loaded.

It has the place and the colours of the app's first picture. The app takes over its `ScreenBuffer`, so it sends only the
rest of its screen. No Textual may be imported here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from adam_tui.draw.palette import Palette
from adam_tui.terminal.environment import is_remote, terminal_depth, terminal_size
from adam_tui.terminal.fallback import Fallback
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.taken_terminal import TakenTerminal, take_terminal
from adam_tui.ui.config import Config
from adam_tui.ui.layout import MIN_HEIGHT, MIN_WIDTH, contour_region
from adam_tui.ui.playground.hints import hint
from adam_tui.ui.playground.paths import POSITIONS_AT_ONCE, compute_at_once, paths_so_far
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.view import contour
from adam_tui.ui.theme_names import builtin_palette, configured_theme, plot_palette_name, with_plot_colors


@contextlib.contextmanager
def first_picture(state: PlaygroundState, config: Config, mode: str, *, ascii: bool) -> Iterator[TakenTerminal | None]:
    """Show the contour of the state, and restore the terminal at the end if the app has not.

    There is no first picture (None) where only Textual knows the app's colours (Textual's themes, NO_COLOR), none of
    a map, and none on a remote terminal, where everything is sent in pieces.
    """
    palette = _palette(config, os.environ) if mode == "playground" and state.map is None else None
    width, height = terminal_size()
    if palette is None or width < MIN_WIDTH or height < MIN_HEIGHT:
        yield None
        return
    buffer = ScreenBuffer(width, height, terminal_depth(os.environ))
    row, column, columns, rows = contour_region(width, height, hinted=bool(hint(state)[0]))
    try:
        compute_at_once(state)
        cells = contour(state, columns, rows, palette, paths_so_far(state), limit=POSITIONS_AT_ONCE)
    except Exception:  # the app will raise the same error, and writes it to a file
        yield None
        return
    buffer.put_cells(row, column, Fallback.of_terminal(ascii=ascii).picture(cells))
    with take_terminal(buffer) as taken:
        yield taken


def _palette(config: Config, environ: Mapping[str, str]) -> Palette | None:
    if os.name != "posix" or "TEXTUAL_DRIVER" in environ or "NO_COLOR" in environ or is_remote(environ):
        return None
    theme = configured_theme(config)
    own = builtin_palette(theme)
    return own and with_plot_colors(own, plot_palette_name(config, theme, terminal_depth(environ)))
