"""Keys that arrive faster than they are handled: each waits for the one before it, then goes to the current focus.

Textual gives a key to the widget that has the focus when the key arrives. Of `F x ^ 4 enter`, sent at once over a slow
line or by `tmux send-keys`, the playground would get all: the window for the formula does not exist yet.
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

# A key bubbles from the focus to the app, which runs its binding. The messages that this causes, such as an entered
# value, bubble the same way once more.
ROUNDS = 2
PATIENCE = 1.0  # seconds, after which keys no longer wait for one whose handling was not seen to end
YES = "y"  # the answer to a question
REPEAT = 0.7  # seconds to the first repetition of a key that is held down; the usual delay is 0.25 to 0.66


class TypeAhead:
    """The queue of an app's keys and pastes. `forward` hands one of them to Textual."""

    def __init__(self, app: App[Any], forward: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._forward = app, forward
        self._waiting: deque[Event] = deque()
        self._since: float | None = None  # when the key that is being handled was forwarded
        self._handled: tuple[str, int] | None = None  # the key that is being handled, and the screens before it
        self._answered, self._answered_at = False, 0.0  # whether a yes closed a window, and when the last key came

    async def put(self, event: Event) -> None:
        """Forward the event, or keep it until the one before it is handled."""
        self._waiting.append(event)
        if self._since is None or time.monotonic() - self._since > PATIENCE:
            await self._next()

    async def _next(self) -> None:
        self._since = time.monotonic() if self._waiting else None
        if self._waiting:
            event = self._waiting.popleft()
            focus = self._app.focused or self._app.screen
            if self._repeats_answer(event):
                self._handled = None
            else:
                self._handled = (getattr(event, "key", ""), len(self._app.screen_stack))
                await self._forward(event)
            self._follow(focus, focus, ROUNDS)

    def _repeats_answer(self, event: Event) -> bool:
        """Whether the event repeats the yes that has answered a question.

        While it is held down it must not be a key of the mode below the question.
        """
        now = time.monotonic()
        self._answered = self._answered and getattr(event, "key", "") == YES and now - self._answered_at < REPEAT
        self._answered_at = now
        return self._answered and not self._app.screen.is_modal

    def _follow(self, start: MessagePump, node: MessagePump, rounds: int) -> None:
        """Follow the event through the queues from `node` up to the app; after the last round take the next event."""
        while node is not self._app and not node.call_later(self._follow_parent, start, node, rounds):
            node = self._parent_of(node)  # it closes, so it has nothing left to handle
        if node is self._app:
            again = rounds > 1
            self._app.call_later(self._follow, start, start, rounds - 1) if again else self._wait_for_screen()

    def _follow_parent(self, start: MessagePump, node: MessagePump, rounds: int) -> None:
        self._follow(start, self._parent_of(node), rounds)

    def _parent_of(self, node: MessagePump) -> MessagePump:
        return node._parent or self._app

    def _wait_for_screen(self) -> None:
        """Wait for the screen on top, which may be new: its first event gives the focus to one of its widgets."""
        if self._handled is not None and self._handled[0] == YES and len(self._app.screen_stack) < self._handled[1]:
            self._answered = True
        if not self._app.screen.call_later(self._app.call_later, self._next):
            self._app.call_later(self._next)
