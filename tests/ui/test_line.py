"""Frames are dropped while the line is behind, and only then."""

import io

import pytest

from adam_tui.ui.line import BUFFER, LOST, QUESTION, SLACK, Line, TerminalFile, is_remote


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def line(now):
    return Line(clock=lambda: now[0])


def test_a_line_of_which_nothing_is_known_is_never_behind(line, now):
    for _ in range(50):
        line.sent()
        now[0] += 0.05
        assert not line.behind()


def test_a_terminal_that_answers_late_gets_no_frame_until_it_has(line, now):
    asked = []
    line.ask = asked.append
    line.answered()  # Textual's own question
    line.sent()
    now[0] += 0.01
    line.answered()  # the line's usual delay
    line.sent()
    now[0] += 0.01 + SLACK * 0.9
    assert not line.behind()
    now[0] += SLACK
    assert line.behind()
    line.answered()
    assert not line.behind()
    assert asked == [QUESTION] * 2


def test_a_far_but_quick_terminal_is_not_behind(line, now):
    line.answered()
    sent_at = []
    for _ in range(40):  # 200 ms away: four questions are always under way
        line.sent()
        sent_at.append(now[0])
        now[0] += 0.05
        if sent_at[0] <= now[0] - 0.2:
            sent_at.pop(0)
            line.answered()
        assert not line.behind()


def test_a_lost_answer_is_given_up(line, now):
    line.answered()
    line.sent()
    now[0] += LOST + 1
    assert not line.behind()


def test_a_silent_terminal_is_judged_by_the_writes_that_waited(line, now):
    line.wrote(2000, 0.1)  # 20 kB/s, and the buffer is full
    assert line.behind()
    now[0] += BUFFER / 20_000 - SLACK * 0.9
    assert not line.behind()
    line.wrote(2000, 0.0)
    assert line.behind()
    now[0] += 0.1
    assert not line.behind()


class Gone(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is gone")

    flush = write


@pytest.mark.parametrize("timed", [False, True])
def test_a_terminal_that_is_gone_takes_everything(line, timed):
    file = TerminalFile(Gone(), line if timed else None)
    assert file.write("abc") == 3


def test_ssh_is_told_by_its_variables():
    assert is_remote({"SSH_TTY": "/dev/pts/1"})
    assert is_remote({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"})
    assert not is_remote({"SSH_AUTH_SOCK": "/tmp/agent"})
