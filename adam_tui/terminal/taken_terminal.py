"""A terminal that shows the first picture already, handed from the program's start to the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from adam_tui.terminal.screen_buffer import ScreenBuffer

Holder = Literal["picture", "app", "nobody"]


@dataclass(eq=False)
class TakenTerminal:
    """A terminal that shows the first picture, and who has to give it back: while the app holds it, the app.

    `attributes` are its settings from before (termios).
    """

    memory: ScreenBuffer
    attributes: list[Any]
    holder: Holder = "picture"
