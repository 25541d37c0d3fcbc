"""Keys that come faster than they are answered go one after the other to whoever has the keyboard by then.

Textual gives a key to the widget that has the focus when the key arrives. Of `F x ^ 4 enter`, sent at once over a slow
line or by `tmux send-keys`, the playground would get all: the window that the formula is meant for is not there yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.events import Event
    from textual.message_pump import MessagePump

# A key goes up from the focus to the app, which does what is bound to it; what this tells the widgets, that a value was
# entered, goes up the same way once more.
ROUNDS = 2
PATIENCE = 1.0  # seconds, after which keys are no longer held back for one whose end is not heard of


class TypeAhead:
    """`take` every key and paste of an app; `hand_on` is what Textual does with one."""

    def __init__(self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._waiting: deque[Event] = deque()
        self._since: float | None = None  # when the one that is under way was handed on

    async def take(self, event: Event) -> None:
        """Hand it on, or keep it until the one before it is done."""
        self._waiting.append(event)
        if self._since is None or time.monotonic() - self._since > PATIENCE:
            await self._next()

    async def _next(self) -> None:
        self._since = time.monotonic() if self._waiting else None
        if self._waiting:
            event = self._waiting.popleft()
            focus = self._app.focused or self._app.screen
            await self._hand_on(event)
            self._follow(focus, focus, ROUNDS)

    def _follow(self, start: MessagePump, node: MessagePump, rounds: int) -> None:
        """Go behind the event through the queues on its way up; at the top, once more, and on with the next."""
        while node is not self._app and not node.call_later(self._above, start, node, rounds):
            node = self._parent(node)  # it closes: what it had to do is done
        if node is self._app:
            again = rounds > 1
            self._app.call_later(self._follow, start, start, rounds - 1) if again else self._opened()

    def _above(self, start: MessagePump, node: MessagePump, rounds: int) -> None:
        self._follow(start, self._parent(node), rounds)

    def _parent(self, node: MessagePump) -> MessagePump:
        return node._parent or self._app

    def _opened(self) -> None:
        """Wait for a window that has been opened: with its first event it gives the focus to one of its widgets."""
        if not self._app.screen.call_later(self._app.call_later, self._next):
            self._app.call_later(self._next)
