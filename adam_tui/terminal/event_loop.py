"""An event loop that shows when it has nothing to do, so that a thread can compute in those moments only.

Python runs one thread at a time. numpy lets another one run at each of its calls, and the first gets its turn back
after up to 5 ms. A screen that draws with numpy beside a thread that computes with it so takes ten times as long.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import threading
from collections.abc import Callable


class IdleSelector(selectors.DefaultSelector):
    """A selector whose `idle` is set while it waits for input, for a timer or for another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = threading.Event()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, and be idle meanwhile. A timeout of 0 is no wait: the loop has more to do."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        self.idle.set()
        try:
            return super().select(timeout)
        finally:
            self.idle.clear()


class IdleLoop(asyncio.SelectorEventLoop):
    """An event loop with an `idle` that is set while it waits."""

    def __init__(self) -> None:
        selector = IdleSelector()
        super().__init__(selector)
        self.idle = selector.idle


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The factory of the app's loop; None is asyncio's own, which Windows needs for processes and pipes."""
    return IdleLoop if os.name == "posix" else None


def idle_of(loop: asyncio.AbstractEventLoop) -> threading.Event:
    """The `idle` of a loop; of a loop without one an event that is always set."""
    if isinstance(loop, IdleLoop):
        return loop.idle
    always = threading.Event()
    always.set()
    return always
