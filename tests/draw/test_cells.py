"""A cell holds one character, combining marks included; text outside the rectangle is ignored."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.cells import Cells, stack, text_width

INK, PAPER, RED = (200, 200, 200), (10, 10, 20), (255, 0, 0)


@pytest.fixture
def cells():
    return Cells.blank(6, 2, INK, PAPER)


def test_a_blank_is_spaces_of_one_colour(cells):
    assert cells.lines() == ["      ", "      "]
    assert (cells.width, cells.height) == (6, 2)
    assert (cells.fg == INK).all()
    assert (cells.bg == PAPER).all()
    assert not cells.bold.any()
    assert cells.glyph.dtype == np.uint32
    assert cells.fg.dtype == cells.bg.dtype == np.uint8


def test_put_writes_to_the_right_in_its_own_style(cells):
    cells.put(1, 2, "ab", RED, bg=(1, 2, 3), bold=True)
    assert cells.lines() == ["      ", "  ab  "]
    assert cells.fg[1].tolist() == [list(INK)] * 2 + [list(RED)] * 2 + [list(INK)] * 2
    assert cells.bg[1].tolist() == [list(PAPER)] * 2 + [[1, 2, 3]] * 2 + [list(PAPER)] * 2
    assert cells.bold[1].tolist() == [False, False, True, True, False, False]
    assert not cells.bold[0].any()


def test_put_keeps_the_background_unless_told(cells):
    cells.put(0, 0, "a", RED, bg=(1, 2, 3), bold=True)
    cells.put(0, 0, "b", INK)
    assert cells.bg[0, 0].tolist() == [1, 2, 3]
    assert not cells.bold[0, 0]


@pytest.mark.parametrize(
    ("row", "column", "text", "lines"),
    [
        (0, 4, "abcd", ["    ab", "      "]),
        (1, -2, "abcd", ["      ", "cd    "]),
        (0, -9, "abcd", ["      ", "      "]),
        (0, 9, "abcd", ["      ", "      "]),
        (2, 0, "abcd", ["      ", "      "]),
        (-1, 0, "abcd", ["      ", "      "]),
        (0, -1, "12345678", ["234567", "      "]),
        (0, 0, "", ["      ", "      "]),
    ],
)
def test_what_falls_outside_is_left_out(cells, row, column, text, lines):
    cells.put(row, column, text, RED)
    assert cells.lines() == lines


def test_a_combining_mark_shares_the_cell_of_its_letter(cells):
    cells.put(0, 0, "m̂ v̂|", RED)
    assert cells.lines()[0] == "m̂ v̂|  "
    assert text_width("m̂ v̂|") == 4
    assert cells.text(0, 2, 4) == "v̂|"
    assert cells.text(0, 0, 1) == "m̂"


def test_a_letter_replaces_a_letter_with_its_mark(cells):
    cells.put(0, 0, "m̂", RED)
    cells.put(0, 0, "m", RED)
    assert cells.text(0) == "m     "


@given(st.text(st.characters(exclude_categories=["Mn", "Me"]), max_size=12))
def test_any_text_comes_back_a_cell_a_character_and_what_fits_no_cell_as_a_question_mark(text):
    row = Cells.blank(12, 1, INK, PAPER)
    row.put(0, 0, text, RED)
    fits = [each.isprintable() and unicodedata.east_asian_width(each) not in "WF" for each in text]
    shown = "".join(each if fitting else "?" for each, fitting in zip(text, fits, strict=True))
    assert row.lines() == [shown + " " * (12 - len(text))]
    assert text_width(text) == len(text)


@pytest.mark.parametrize("sent", ["\x1b[2J", "\x9b2J", "\u202e", "\u200b", "\ufeff", "\ud800", "\t", "漢", "\u20dd"])
def test_nothing_that_would_steer_the_terminal_or_shift_a_row_gets_into_a_picture(cells, sent):
    cells.put(0, 0, f"a{sent[0]}b", RED)
    assert cells.text(0) == "a?b   "


@given(st.lists(st.tuples(st.sampled_from("abmvgE"), st.sampled_from(["", "\u0302", "\u0304", "\u036f", "\u0300"]))))
def test_any_marked_letters_come_back_a_cell_each(letters):
    text = "".join(map("".join, letters))
    row = Cells.blank(max(len(letters), 1), 1, INK, PAPER)
    row.put(0, 0, text, RED)
    assert text_width(text) == len(letters)
    assert row.text(0, 0, len(letters)) == text


def test_a_copy_is_drawn_on_alone(cells):
    copy = cells.copy()
    copy.put(0, 0, "x", RED, bg=RED, bold=True)
    assert cells.lines() == ["      ", "      "]
    assert (cells.fg == INK).all()
    assert (cells.bg == PAPER).all()
    assert not cells.bold.any()


@pytest.mark.parametrize("change", ["glyph", "mark", "fg", "bg", "bold"])
def test_every_kind_of_change_is_seen_and_only_where_it_is(cells, change):
    cells.put(1, 3, "m", INK)
    other = cells.copy()
    match change:
        case "glyph":
            other.put(1, 3, "n", INK)
        case "mark":
            other.put(1, 3, "m̂", INK)
        case "fg":
            other.fg[1, 3, 2] += 1
        case "bg":
            other.bg[1, 3, 0] += 1
        case "bold":
            other.bold[1, 3] = True
    assert np.argwhere(other.changed(cells)).tolist() == [[1, 3]]
    assert not cells.changed(cells.copy()).any()


def test_pictures_are_stacked_from_top_to_bottom(cells):
    below = Cells.blank(6, 1, RED, INK)
    below.put(0, 0, "below", RED, bold=True)
    both = stack([cells, below])
    assert both.lines() == ["      ", "      ", "below "]
    assert both.fg[2, 0].tolist() == list(RED)
    assert both.bg[2, 5].tolist() == list(INK)
    assert both.bold[2].tolist() == [True] * 5 + [False]


def test_pictures_of_other_widths_are_not_stacked(cells):
    with pytest.raises(ValueError, match="dimension"):
        stack([cells, Cells.blank(5, 1, INK, PAPER)])


def test_a_picture_without_room_is_empty():
    for width, height in ((0, 0), (0, 3), (4, 0)):
        empty = Cells.blank(width, height, INK, PAPER)
        empty.put(0, 0, "abc", RED)
        assert empty.lines() == [""] * height
