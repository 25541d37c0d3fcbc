"""How many bytes may be sent to a remote terminal, so that the response to a key never waits behind a picture.

Over SSH written bytes lie in buffers that a program cannot inspect: 20 kB in a pty, megabytes in a connection. So each
piece of a picture ends with a question for the cursor's position, which every terminal answers, and the age of the
answers shows how long the response to a key would wait. Cells that exceed the room wait in the `ScreenBuffer`, where a
newer picture replaces them: pictures are dropped, keys are not.

A terminal that answers nothing is treated as a slow one, and gets `PACE` bytes a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

QUESTION = "\x1b[6n"  # device status report (ECMA-48 DSR) of the cursor's position
PATIENCE = 0.08  # seconds that the response to a key may wait behind other bytes
CALM = 0.03  # seconds of waiting below which the line can take more
SLOWEST = 0.5  # seconds: an answer takes longer only behind other bytes
ALONE = 512  # bytes: the answer behind a piece so small, alone on the line, measures the round trip
LOST = 10.0  # seconds after which an answer is given up
FIRST = 4096  # bytes sent before the line is measured: 0.2 s of a line of 20 kB a second
LEAST, MOST = 1024, 1 << 20  # bytes in flight, at least and at most
PACE = 16_000.0  # bytes a second for a terminal that answers nothing
RECHECK = 0.02  # seconds until the room is checked again when no answer arrives


class _Question(NamedTuple):
    time: float
    sent: int  # bytes sent up to the question
    acknowledged: int  # bytes acknowledged by then


class FlowControl:
    """The window of bytes in flight to one terminal.

    Two threads use it: the app's asks for room and sends, the reading one reports the answers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._questions: deque[_Question] = deque()
        self._sent = self._acknowledged = 0  # bytes
        self._answers = False  # whether the terminal answers
        self._round_trip = SLOWEST
        self._window, self._changed_at = FIRST, 0  # bytes allowed in flight; bytes sent when that last changed
        self._queued, self._queued_at = 0.0, clock()  # bytes not yet sent at `PACE`, and when that was counted

    @property
    def unanswered(self) -> bool:
        """Whether answers are still to come."""
        return self._answers and bool(self._questions)

    def room(self) -> int:
        """Return the bytes that may be sent now; 0 or less when enough are in flight."""
        now = self._clock()
        if self._questions and now - self._questions[0].time > LOST:
            self._questions.clear()
            self._answers = False
        if self._answers:  # in halves, so that an answer arrives while bytes are still in flight
            return min(self._window - (self._sent - self._acknowledged), max(self._window // 2, LEAST))
        allowed = FIRST if self._sent < LEAST else PACE * PATIENCE
        return int(allowed - self._still_queued(now))

    def sent(self, count: int) -> None:
        """Record that `count` bytes were sent, with a question at their end."""
        now = self._clock()
        self._queued, self._queued_at = self._still_queued(now) + count, now
        self._sent += count
        self._questions.append(_Question(now, self._sent, self._acknowledged))

    def answered(self) -> None:
        """Record that the terminal has answered the oldest question."""
        try:
            question = self._questions.popleft()
        except IndexError:  # given up, or never sent
            return
        self._answers, self._acknowledged = True, question.sent
        delay, in_flight = self._clock() - question.time, question.sent - question.acknowledged
        self._round_trip = delay if in_flight <= ALONE else min(self._round_trip, delay)
        waited = delay - self._round_trip
        if question.sent <= self._changed_at:  # sent before the window last changed: no new information
            return
        if waited > PATIENCE:  # the line itself takes the time, so its rate is known
            self._window = max(int(in_flight / delay * (self._round_trip + PATIENCE)), LEAST)
        elif waited < CALM and in_flight > self._window // 4:
            self._window = min(2 * self._window, MOST)
        else:
            return
        self._changed_at = self._sent

    def _still_queued(self, now: float) -> float:
        return max(self._queued - PACE * (now - self._queued_at), 0.0)
