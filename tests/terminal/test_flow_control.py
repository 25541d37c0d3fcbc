"""No more is sent than the response to a key can wait for."""

import pytest

from adam_tui.terminal.flow_control import FIRST, LEAST, LOST, PACE, PATIENCE, FlowControl


class Wire:
    """A line of so many bytes a second to a terminal so many seconds away, both ways together."""

    def __init__(self, rate, away=0.0, answers=True):
        self.now = 100.0
        self.flow = FlowControl(clock=lambda: self.now)
        self.rate, self.away, self.answers = rate, away, answers
        self._free_at = self.now  # when all that was sent has gone over the line
        self._answers_at = []

    @property
    def ahead(self):
        """Seconds that a byte sent now would wait for those before it."""
        return max(self._free_at - self.now, 0.0)

    def send(self, count):
        self.flow.sent(count)
        self._free_at = max(self._free_at, self.now) + count / self.rate
        if self.answers:
            self._answers_at.append(self._free_at + self.away)

    def run(self, seconds, wanted):
        """Send as much of `wanted` bytes as there is room for; the most seconds of bytes that were on the line."""
        end, most, left = self.now + seconds, 0.0, wanted
        while self.now < end:
            while self._answers_at and self._answers_at[0] <= self.now:
                self._answers_at.pop(0)
                self.flow.answered()
            if left > 0 and (room := self.flow.room()) > 0:
                self.send(min(room, left))
                left -= min(room, left)
            most = max(most, self.ahead)
            self.now += 0.002
        self.left = left
        return most


@pytest.mark.parametrize("away", [0.001, 0.05, 0.2])
@pytest.mark.parametrize("rate", [10_000, 20_000, 100_000])
def test_on_a_slow_line_that_answers_a_key_never_waits_long_after_the_start(rate, away):
    wire = Wire(rate, away)
    wire.send(4)  # the driver's question
    assert wire.run(1.5, 10**9) <= max(FIRST / rate, 0.2) + 0.01, "before anything is known"
    assert wire.run(3, 10**9) <= max(LEAST / rate, PATIENCE) + 0.02, "and then"


def test_a_slow_line_is_used_to_four_fifths_at_least():
    wire = Wire(20_000, 0.02)
    wire.run(10, 10**9)
    assert 10**9 - wire.left > 0.8 * 10 * 20_000


@pytest.mark.parametrize("away", [0.001, 0.03, 0.2])
def test_on_a_quick_line_a_screen_is_there_after_a_few_ways_to_it(away):
    wire = Wire(10_000_000, away)
    wire.send(4)
    wire.run(1, 0)
    wire.run(2.1 * away + 0.02, 25_000)
    assert wire.left == 0


def test_frames_on_a_quick_line_are_never_held_back():
    wire = Wire(1_000_000, 0.2)
    for _ in range(100):
        wire.run(0.05, 600)
        assert wire.left == 0


@pytest.mark.parametrize("rate", [20_000, 1_000_000])
def test_a_terminal_that_answers_nothing_is_treated_as_a_slow_one(rate):
    wire = Wire(rate, answers=False)
    wire.send(4)
    wire.run(FIRST / PACE, 10**9)
    assert wire.run(5, 10**9) <= 2 * PATIENCE
    assert 10**9 - wire.left == pytest.approx(5 * PACE, rel=0.1)


def test_a_terminal_that_stops_answering_is_treated_as_a_slow_one():
    wire = Wire(10**6)
    wire.send(100)
    wire.run(0.1, 100)
    assert not wire.flow.unanswered
    wire.answers = False
    wire.send(10**7)
    assert wire.flow.room() <= 0
    assert wire.flow.unanswered
    wire.now += LOST + 1
    wire.flow.room()
    assert not wire.flow.unanswered
    wire.now += 10**7 / PACE
    assert wire.flow.room() > 0


def test_an_answer_without_a_question_is_ignored():
    flow = FlowControl()
    room = flow.room()
    flow.answered()
    assert flow.room() == room
