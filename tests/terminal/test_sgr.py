"""A row of cells is encode with few bytes and looks the same."""

import itertools

import numpy as np
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.cells import Cells
from adam_tui.terminal.sgr import (
    BOLD,
    DEFAULT,
    DIM,
    ENTRY,
    ITALIC,
    REVERSE,
    UNDERLINE,
    Pen,
    encode,
    look,
    looks,
    parts,
    same_cell,
)

A, B, C = 0x010203, 0x040506, 0xFFFFFF
cells = st.lists(
    st.tuples(
        st.sampled_from("▀▄ a●"),
        st.builds(
            look,
            st.sampled_from((A, B, C)),
            st.sampled_from((A, B, C)),
            st.sampled_from((0, BOLD, UNDERLINE, BOLD | ITALIC)),
        ),
    ),
    min_size=1,
    max_size=20,
)


def seen(text, width):
    """What each cell looks like: the colours of its halves, or its character with its colours."""
    screen = pyte.Screen(width, 1)
    pyte.Stream(screen).feed(text)
    found = []
    for x in range(width):
        cell = screen.buffer[0][x]
        halves = {"▀": (cell.fg, cell.bg), "▄": (cell.bg, cell.fg), " ": (cell.bg, cell.bg)}
        shape = halves.get(cell.data) or (cell.data, cell.fg, cell.bg, cell.bold, cell.italics)
        found.append((*shape, cell.underscore))
    return found


def wanted(found):
    expected = []
    for text, seen_as in found:
        ink, paper, attributes = parts(seen_as)
        fg, bg = f"{ink:06x}", f"{paper:06x}"
        halves = {"▀": (fg, bg), "▄": (bg, fg), " ": (bg, bg)}
        shape = halves.get(text) or (text, fg, bg, bool(attributes & BOLD), bool(attributes & ITALIC))
        expected.append((*shape, bool(attributes & UNDERLINE)))
    return expected


def write(found, depth="truecolor", pen=None):
    return encode([text for text, _ in found], [seen_as for _, seen_as in found], depth, pen or Pen())


@given(cells)
def test_every_cell_looks_as_it_was_drawn(found):
    assert seen(write(found)[0], len(found)) == wanted(found)


@given(cells, cells)
def test_a_row_goes_on_with_the_pen_of_the_one_before(before, found):
    first, pen = write(before)
    assert seen(first + write(found, pen=pen)[0], len(before) + len(found))[len(before) :] == wanted(found)


def test_a_colour_is_written_when_it_changes_and_halves_are_turned_for_it():
    row = [("▀", look(A, B)), ("▀", look(B, A)), ("▀", look(B, B))]
    assert write(row)[0] == "\x1b[38;2;1;2;3;48;2;4;5;6m▀▄ "


@given(st.lists(st.tuples(st.sampled_from((A, B, C)), st.sampled_from((A, B, C))), min_size=1, max_size=7))
def test_of_all_ways_to_draw_the_halves_the_shortest_is_found(halves):
    found = len(write([("▀", look(upper, lower)) for upper, lower in halves])[0])
    for turns in itertools.product((False, True), repeat=len(halves)):
        pen, length = Pen(), 0
        for turn, (upper, lower) in zip(turns, halves, strict=True):
            # one cell alone cannot be turned, so this writes exactly what it is told
            ink, paper = (lower, upper) if turn else (upper, lower)
            if upper == lower:
                ink = pen.ink
            codes = [*(["ink"] if ink != pen.ink else []), *(["paper"] if paper != pen.paper else [])]
            digits = {A: 10, B: 10, C: 16}
            length += 1 + (2 + sum(digits[{"ink": ink, "paper": paper}[c]] + 1 for c in codes) if codes else 0)
            pen = Pen(ink, paper)
        assert found <= length


@pytest.mark.parametrize(("depth", "code"), [("truecolor", "38;2;255;0;0"), ("256", "38;5;196"), ("16", "91")])
def test_a_terminal_with_fewer_colours_gets_the_nearest(depth, code):
    assert f"[{code};" in write([("x", look(0xFF0000, 0))], depth)[0]


def test_text_never_falls_onto_its_paper_in_16_colours():
    assert write([("x", look(0x0A0A0A, 0))], "16")[0] == "\x1b[97;40mx"
    assert write([("x", look(0xFAFAFA, 0xFFFFFF))], "16")[0] == "\x1b[30;107mx"


def test_a_colour_in_16_is_one_that_is_seen_on_its_paper():
    red, teal = 0xAA0000, 0x008787
    assert write([("x", look(red, 0))], "16")[0] == "\x1b[91;40mx", "dark red on black is not"
    assert write([("x", look(red, 0xFFFFFF))], "16")[0] == "\x1b[31;107mx"
    assert write([("x", look(teal, 0))], "16")[0] == "\x1b[36;40mx"
    assert write([("x", look(teal, 0xFFFFFF))], "16")[0] == "\x1b[90;107mx"
    assert write([("x", look(0x555555, 0))], "16")[0] == "\x1b[90;40mx", "a grey is meant to be faint"


def test_the_terminals_own_colours_keep_their_names():
    row = [("a", look(ENTRY | 1, DEFAULT)), ("b", look(ENTRY | 200, DEFAULT)), ("c", look(DEFAULT, ENTRY | 12))]
    assert write(row)[0] == "\x1b[31ma\x1b[38;5;200mb\x1b[39;104mc"


def test_attributes_go_when_they_are_not_wanted_any_more():
    plain, strong = look(A, B), look(A, B, BOLD)
    row = [("a", look(A, B, BOLD | DIM)), ("b", strong), ("c", plain)]
    assert write(row, pen=Pen(A, B))[0] == "\x1b[1;2ma\x1b[22;1mb\x1b[22mc"


def test_a_blank_shows_its_paper_and_a_line_but_no_ink():
    assert write([("a", look(A, B, BOLD)), (" ", look(C, B)), ("b", look(A, B, BOLD))])[0].endswith("ma b")
    assert write([("a", look(A, B)), (" ", look(C, B, REVERSE))])[0].endswith("\x1b[7;38;2;255;255;255m ")
    assert same_cell(" ", look(A, B), " ", look(C, B, BOLD))
    assert not same_cell(" ", look(A, B, REVERSE), " ", look(C, B, REVERSE))
    assert not same_cell(" ", look(A, B), " ", look(A, B, UNDERLINE))
    assert not same_cell(" ", look(A, B), " ", look(A, B, REVERSE))
    assert not same_cell("a", look(A, B), "a", look(C, B))
    assert not same_cell("a", look(A, B), None, look(A, B))


def test_a_pictures_looks():
    picture = Cells.blank(2, 1, (1, 2, 3), (4, 5, 6))
    picture.bold[0, 1] = True
    assert looks(picture).tolist() == [[look(A, B), look(A, B, BOLD)]]
    assert looks(picture).dtype == np.int64
