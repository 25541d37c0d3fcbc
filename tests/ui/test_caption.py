"""Captions keep a key beside its word at every width."""

from itertools import pairwise

import pytest

from adam_tui.ui.caption import caption

KEYS = "M next · m all · 3 Learn · esc close"
PAIRS = ("M next", "m all", "3 Learn", "esc close")
SENTENCE = "A step goes straight against the slope; its length is lr times the steepness."


def lines(columns, keys=KEYS):
    return str(caption("1/10", "One step of gradient descent", SENTENCE, keys, columns)).split("\n")


@pytest.mark.parametrize("columns", range(20, 200))
def test_a_key_and_its_word_are_on_one_line(columns):
    shown = lines(columns)
    assert all(len(line) <= columns for line in shown)
    assert all(any(pair in line for line in shown) for pair in PAIRS)
    assert " ".join(" ".join(shown).split()) == f"1/10 One step of gradient descent {SENTENCE} {KEYS}"


def test_a_line_breaks_only_where_the_next_word_has_no_room():
    for columns in range(20, 200):
        shown = lines(columns)
        for line, following in pairwise(shown):
            first = next((pair for pair in PAIRS if following.startswith(pair)), following.split()[0])
            gap = 2 if first in ("A", "M next") else 1
            dot = 2 if first in PAIRS[:-1] else 0
            assert len(line) + gap + len(first) + dot > columns


def test_a_wide_caption_is_one_line_with_two_spaces_between_its_parts():
    assert lines(300) == [f"1/10 One step of gradient descent  {SENTENCE}  {KEYS}"]


def test_the_blanks_are_plain_spaces():
    assert set("".join(lines(40))) & {"\u00a0", "\u2800", "\t"} == set()


def test_a_legend_is_shown_where_it_needs_no_further_line():
    legend = [(("●", "red"), (" lr 1", "")), (("◆", "blue"), (" lr 2", ""))]
    for columns in range(20, 200):
        plain = lines(columns)
        shown = str(caption("1/10", "One step of gradient descent", SENTENCE, KEYS, columns, legend)).split("\n")
        assert len(shown) == len(plain)
        assert all(len(line) <= columns for line in shown)
        assert shown == plain or all(any(mark in line for line in shown) for mark in ("● lr 1", "◆ lr 2"))
    text = str(caption("1/10", "One", "Two.", KEYS, 100, legend))
    assert text == f"1/10 One  Two.  ● lr 1 ◆ lr 2  {KEYS}"
