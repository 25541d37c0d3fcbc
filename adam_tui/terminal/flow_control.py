"""How much may be sent to a terminal that is far away, so that a key's answer never waits behind a picture.

Over SSH what is written lies in buffers that nobody can look into: 20 kB in a pty, megabytes in a connection. So behind
each piece of a picture the terminal is asked where its cursor is, which every terminal answers, and the age of the
answers tells how long a key's answer would wait. What has no room waits in the `ScreenBuffer`, where a newer picture
takes its place: pictures are dropped, keys are not.

A terminal that answers nothing is taken for a slow one, and gets `PACE` bytes a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

QUESTION = "\x1b[6n"  # device status report (ECMA-48 DSR): where is the cursor?
PATIENCE = 0.08  # seconds of bytes that may lie before a key's answer
CALM = 0.03  # seconds of them at which the line plainly takes more
SLOWEST = 0.5  # seconds: an answer takes longer only where something lies before it
ALONE = 512  # bytes: the answer behind a piece so small, alone on its way, tells how far away the terminal is
LOST = 10.0  # seconds after which no answer comes any more
FIRST = 4096  # bytes that are sent before anything is known of the line: 0.2 s of a line of 20 kB a second
LEAST, MOST = 1024, 1 << 20  # bytes on their way, at least and at most
PACE = 16_000.0  # bytes a second for a terminal that answers nothing
RECHECK = 0.02  # seconds until room is looked for again where no answer tells of it


class _Question(NamedTuple):
    when: float
    sent: int  # bytes until then
    taken: int  # bytes that answers had told of by then


class Line:
    """The line's state; one for an app.

    Two threads tell it things: the app's asks for room and sends, the other one hears the answers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: deque[_Question] = deque()
        self._sent = self._taken = 0  # bytes; the second up to the newest answer
        self._talks = False
        self._fastest = SLOWEST
        self._window, self._changed = FIRST, 0  # bytes that may be on their way; bytes sent when that was last changed
        self._ahead, self._since = 0.0, clock()  # bytes that lay before the next one by the pace, and when

    @property
    def unanswered(self) -> bool:
        """Whether answers are still on their way here."""
        return self._talks and bool(self._asked)

    def room(self) -> int:
        """How many bytes may be sent now; 0 or less when enough are on their way."""
        now = self._clock()
        if self._asked and now - self._asked[0].when > LOST:
            self._asked.clear()
            self._talks = False
        if self._talks:  # in halves: then an answer comes while there is still something on its way
            return min(self._window - (self._sent - self._taken), max(self._window // 2, LEAST))
        allowed = FIRST if self._sent < LEAST else PACE * PATIENCE
        return int(allowed - self._waiting(now))

    def sent(self, count: int) -> None:
        """So many bytes were handed over, with a question at their end."""
        now = self._clock()
        self._ahead, self._since = self._waiting(now) + count, now
        self._sent += count
        self._asked.append(_Question(now, self._sent, self._taken))

    def answered(self) -> None:
        """The terminal has answered the oldest question."""
        try:
            question = self._asked.popleft()
        except IndexError:  # given up, or never asked
            return
        self._talks, self._taken = True, question.sent
        delay, on_the_way = self._clock() - question.when, question.sent - question.taken
        self._fastest = delay if on_the_way <= ALONE else min(self._fastest, delay)
        waited = delay - self._fastest
        if question.sent <= self._changed:  # it was on its way before the window was last changed: nothing new
            return
        if waited > PATIENCE:  # the line itself is what takes the time: so this is how fast it is
            self._window = max(int(on_the_way / delay * (self._fastest + PATIENCE)), LEAST)
        elif waited < CALM and on_the_way > self._window // 4:
            self._window = min(2 * self._window, MOST)
        else:
            return
        self._changed = self._sent

    def _waiting(self, now: float) -> float:
        return max(self._ahead - PACE * (now - self._since), 0.0)
