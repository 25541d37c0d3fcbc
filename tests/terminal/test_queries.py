"""A terminal is asked for its abilities once; its answers leave the input, improve the screen, and delay nothing."""

import os
import re

import pytest
from pty_terminal import COMMAND, Terminal

from adam_tui.terminal.queries import FENCE, PATIENCE, Answers, Queries, Question, questions_for

COLOR = "\x1bP1$r0;48:2::1:2:3m\x1b\\"
DONE = "\x1b[?62;4c"
QUESTION = Question.COLOR.value.encode()


def answers(*inputs, questions=(Question.COLOR,)):
    """What is left of the input, and the answers."""
    queries, left, found = Queries(), "", []
    queries.ask(questions)
    for text in inputs:
        rest, answer = queries.take(text)
        left += rest
        found += [answer] if answer is not None else []
    return left, found


@pytest.mark.parametrize(
    "answer",
    [
        COLOR,
        "\x1bP1$r48:2:1:2:3m\x1b\\",  # kitty
        "\x1bP1$r0;48:2::1:2:3m\x1b\\",  # xterm, foot
        "\x1bP1$r48;2;1;2;3m\x1b\\",
    ],
)
def test_a_terminal_that_returns_the_colour_has_24_bits(answer):
    assert answers(f"a{answer}b{DONE}c") == ("abc", [Answers(truecolor=True)])


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "\x1bP0$r\x1b\\",  # VTE
        "\x1bP1$r0m\x1b\\",
        "\x1bP1$r0;48;5;16m\x1b\\",  # mlterm
        "\x1bP0$r48:2::1:2:3m\x1b\\",
        "\x1bP1$r48:2::1:2:33m\x1b\\",
    ],
)
def test_only_a_positive_answer_counts(answer):
    assert answers(f"a{answer}b{DONE}c") == ("abc", [Answers()])


def test_version_and_device_are_read():
    text = f"\x1bP>|foot(1.13.1)\x1b\\\x1b[>1;11301;0c{DONE}"
    assert answers(text) == ("", [Answers(version="foot(1.13.1)", device=(1, 11301, 0))])


def test_answers_may_come_in_pieces():
    text = f"a{COLOR}b\x1bP>|kitty(0.26.5)\x1b\\\x1b[>1;4000;26c{DONE}c"
    for cut in range(len(text)):
        if text[:cut].endswith(("\x1b", "\x1bP", "\x1b[")):  # a key begins so as well
            continue
        left, found = answers(text[:cut], text[cut:])
        assert left == "abc"
        assert found == [Answers(truecolor=True, version="kitty(0.26.5)", device=(1, 4000, 26))]


def test_keys_like_answers_pass():
    keys = "\x1b[A\x1b[1;5C\x1bOP\x1bP\x1b[<0;3;4M\x1b"
    assert answers(keys) == (keys, [])
    assert answers(DONE, COLOR + DONE) == (COLOR + DONE, [Answers()]), "after the last answer nothing is taken"


def test_the_end_waits_for_answers_a_moment_only():
    now = [0.0]
    queries = Queries(lambda: now[0])
    assert not queries.unanswered
    assert queries.ask(()) == ""
    assert not queries.unanswered
    assert queries.ask([Question.COLOR]).endswith(FENCE)
    assert queries.unanswered
    now[0] = PATIENCE
    assert not queries.unanswered
    queries.ask([Question.COLOR])
    queries.take(DONE)
    assert not queries.unanswered


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        {"TERM": "xterm-direct"},
        {"TERM": "xterm", "NO_COLOR": "1"},
        {"TERM": "xterm", "TEXTUAL_COLOR_SYSTEM": "standard"},
        {"TERM": "linux"},
        {"TERM": "dumb"},
        {},
        {"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"},
        {"TERM": "screen-256color"},
        {"TERM": "xterm", "STY": "1.pts"},
        {"TERM": "tmux-256color"},
        {"TERM": "xterm-256color", "TMUX": "/tmp/tmux,1,0"},
    ],
)
def test_terminals_whose_colours_are_known_or_that_would_show_the_question_are_not_asked(environ):
    assert Question.COLOR not in questions_for(environ)


@pytest.mark.parametrize(
    "environ", [{"TERM": "xterm"}, {"TERM": "xterm-256color"}, {"TERM": "xterm", "SSH_TTY": "/dev/pts/1"}]
)
def test_other_terminals_are_asked(environ):
    assert Question.COLOR in questions_for(environ)


class Answering(Terminal):
    """A terminal that answers after its first picture, or only says that it has no answer."""

    def __init__(self, answer, **env):
        super().__init__((*COMMAND, "--seed", "1"), 80, 24, {"COLORTERM": None, "TERM": "xterm", **env})
        self.reply = (answer + DONE).encode()

    def answer(self, data):
        super().answer(data)
        if FENCE.encode() in data:
            os.write(self.fd, self.reply)


def rgb(raw):
    return re.findall(rb"[34]8;2;\d+;\d+;\d+", raw.replace(QUESTION, b""))


@pytest.mark.parametrize("env", [{}, {"SSH_CONNECTION": "a 1 b 2"}])
def test_a_terminal_that_keeps_24_bits_is_painted_with_them_and_quits_clean(env):
    with Answering(COLOR, **env) as t:
        t.until(lambda: len(t.colours()) > 10)
        t.until("/400")
        assert t.raw.count(QUESTION) == 1
        before = t.raw[: t.raw.index(QUESTION)]
        assert not rgb(before), "the first picture does not wait"
        t.press("q")
        assert t.wait() == 0
        assert "48:2" not in t.text()
        assert t.left_on() == set()


@pytest.mark.parametrize("answer", ["", "\x1bP0$r\x1b\\"])
def test_without_a_positive_answer_the_environment_decides(answer):
    with Answering(answer) as t:
        t.until(lambda: QUESTION in t.raw)
        t.press("?")
        t.until("Play or pause")  # the answer came before the key
        assert not rgb(t.raw)
