"""Escape and the next key are two keys, however they arrive; sequences stay whole."""

import pytest

from adam_tui.terminal.escape_key import ESCAPE, EscapeKeys


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def keys(now):
    return EscapeKeys(0.1, lambda: now[0])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("q", ["q"]),
        ("\x1bq", [ESCAPE, "q"]),
        ("a\x1b?b\x1b\rc", ["a", ESCAPE, "?b", ESCAPE, "\rc"]),
        ("\x1b\x1bq", [ESCAPE, ESCAPE, "q"]),
        ("\x1b\x1b[A", [ESCAPE, "\x1b[A"]),
        ("\x1b[A\x1bOP\x1b[1;5C\x1b[27u", ["\x1b[A\x1bOP\x1b[1;5C\x1b[27u"]),
        ("\x1b\x7f", ["\x1b\x7f"]),  # deletes a word
        ("\x1b[200~a\x1bq\x1b[201~\x1bq", ["\x1b[200~a\x1bq\x1b[201~", ESCAPE, "q"]),
    ],
)
def test_the_input_is_divided_at_the_escape_key(keys, text, parts):
    assert keys.split(text) == parts
    assert keys.seconds_left is None


def test_a_key_with_alt_that_is_used_stays(keys):
    assert keys.split("\x1bb\x1bq", "b") == ["\x1bb", ESCAPE, "q"]


@pytest.mark.parametrize(("text", "parts"), [("\x1b", [ESCAPE]), ("\x1b[", [ESCAPE, "["]), ("\x1bO", [ESCAPE, "O"])])
def test_escape_alone_is_a_key_once_nothing_has_followed(keys, now, text, parts):
    assert keys.split("a" + text) == ["a"]
    assert keys.decided() == []
    assert keys.seconds_left == pytest.approx(0.1)
    now[0] = 0.2
    assert keys.decided() == parts
    assert keys.seconds_left is None
    assert keys.take_kept() == ""


@pytest.mark.parametrize("text", ["\x1b[A", "\x1bOP", "\x1b[1;5C"])
def test_a_sequence_that_arrives_in_pieces_is_whole(keys, text):
    for cut in (1, 2):
        first = keys.split(text[:cut])
        assert first + keys.split(keys.take_kept() + text[cut:]) == [text]
