"""A row of cells is encoded in few bytes, and a terminal shows the same cells."""

import itertools
import re
from pathlib import Path

import numpy as np
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seen_blocks import part_colors

import adam_tui
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
    pack_style,
    pack_styles,
    same_cell,
    unpack_style,
)

A, B, C = 0x010203, 0x040506, 0xFFFFFF
cells = st.lists(
    st.tuples(
        st.sampled_from("▀▄▚▛▐🬀🬞🬻 a●"),
        st.builds(
            pack_style,
            st.sampled_from((A, B, C)),
            st.sampled_from((A, B, C)),
            st.sampled_from((0, BOLD, UNDERLINE, BOLD | ITALIC)),
        ),
    ),
    min_size=1,
    max_size=20,
)


def shown(text, width):
    """Each cell as a terminal shows it: the colours of its parts, or its character with its colours."""
    screen = pyte.Screen(width, 1)
    pyte.Stream(screen).feed(text)
    result = []
    for x in range(width):
        cell = screen.buffer[0][x]
        shape = part_colors(cell.data, cell.fg, cell.bg) or (cell.data, cell.fg, cell.bg, cell.bold, cell.italics)
        result.append((*shape, cell.underscore))
    return result


def expected(row):
    result = []
    for text, style in row:
        pen = unpack_style(style)
        fg, bg, attributes = f"{pen.fg:06x}", f"{pen.bg:06x}", pen.attributes
        shape = part_colors(text, fg, bg) or (text, fg, bg, bool(attributes & BOLD), bool(attributes & ITALIC))
        result.append((*shape, bool(attributes & UNDERLINE)))
    return result


def write(row, depth="truecolor", pen=None):
    return encode([text for text, _ in row], [style for _, style in row], depth, pen or Pen())


@given(cells)
def test_every_cell_looks_as_it_was_drawn(row):
    assert shown(write(row)[0], len(row)) == expected(row)


@given(cells, cells)
def test_a_row_continues_with_the_pen_of_the_row_before(before, row):
    first, pen = write(before)
    assert shown(first + write(row, pen=pen)[0], len(before) + len(row))[len(before) :] == expected(row)


def test_a_colour_is_written_when_it_changes_and_halves_are_turned_for_it():
    row = [("▀", pack_style(A, B)), ("▀", pack_style(B, A)), ("▀", pack_style(B, B))]
    assert write(row)[0] == "\x1b[38;2;1;2;3;48;2;4;5;6m▀▄ "


@given(st.lists(st.tuples(st.sampled_from((A, B, C)), st.sampled_from((A, B, C))), min_size=1, max_size=7))
def test_halves_are_drawn_in_the_shortest_of_all_encodings(halves):
    shortest = len(write([("▀", pack_style(upper, lower)) for upper, lower in halves])[0])
    for turns in itertools.product((False, True), repeat=len(halves)):
        pen, length = Pen(), 0
        for turn, (upper, lower) in zip(turns, halves, strict=True):
            fg, bg = (lower, upper) if turn else (upper, lower)
            if upper == lower:
                fg = pen.fg
            codes = [*(["fg"] if fg != pen.fg else []), *(["bg"] if bg != pen.bg else [])]
            digits = {A: 10, B: 10, C: 16}
            length += 1 + (2 + sum(digits[{"fg": fg, "bg": bg}[c]] + 1 for c in codes) if codes else 0)
            pen = Pen(fg, bg)
        assert shortest <= length


@pytest.mark.parametrize(("depth", "code"), [("truecolor", "38;2;255;0;0"), ("256", "38;5;196"), ("16", "91")])
def test_a_terminal_with_fewer_colours_gets_the_nearest(depth, code):
    assert f"[{code};" in write([("x", pack_style(0xFF0000, 0))], depth)[0]


def test_text_in_16_colours_never_has_the_colour_of_its_background():
    assert write([("x", pack_style(0x060606, 0))], "16")[0] == "\x1b[97;40mx"
    assert write([("x", pack_style(0x232323, 0x121212))], "16")[0] == "\x1b[90;40mx", "a frame behind a window"
    assert write([("x", pack_style(0xEEEEEE, 0xFFFFFF))], "16")[0] == "\x1b[37;107mx"
    assert write([("x", pack_style(0xFFFFFF, 0xB0B8C0))], "16")[0] == "\x1b[30;47mx", "a chosen tab behind a window"
    assert write([("x", pack_style(0xFAFAFA, 0xFFFFFF))], "16")[0] == "\x1b[30;107mx"


def test_a_foreground_in_16_colours_is_readable_on_its_background():
    red, teal = 0xAA0000, 0x008787
    assert write([("x", pack_style(red, 0))], "16")[0] == "\x1b[91;40mx", "dark red on black is not"
    assert write([("x", pack_style(red, 0xFFFFFF))], "16")[0] == "\x1b[31;107mx"
    assert write([("x", pack_style(teal, 0))], "16")[0] == "\x1b[36;40mx"
    assert write([("x", pack_style(teal, 0xFFFFFF))], "16")[0] == "\x1b[90;107mx"
    assert write([("x", pack_style(0x555555, 0))], "16")[0] == "\x1b[90;40mx", "a grey is meant to be faint"


def test_with_16_colours_black_on_a_colour_is_not_bold_because_it_would_be_grey():
    yellow = 0xFFD856
    assert write([("x", pack_style(0x121212, yellow, BOLD))], "16")[0] == "\x1b[30;103mx"
    assert write([("x", pack_style(0x121212, 0xFFFFFF, BOLD))], "16")[0] == "\x1b[1;30;107mx"
    assert write([("x", pack_style(0x121212, 0x665629, BOLD))], "16")[0] == "\x1b[30;100mx", "behind a window"
    assert write([("x", pack_style(0xFFFFFF, 0x0000AA, BOLD))], "16")[0] == "\x1b[1;97;44mx"
    assert write([("x", pack_style(0x121212, yellow, BOLD))], "256")[0].startswith("\x1b[1;")


def test_the_terminals_own_colours_keep_their_numbers():
    row = [
        ("a", pack_style(ENTRY | 1, DEFAULT)),
        ("b", pack_style(ENTRY | 200, DEFAULT)),
        ("c", pack_style(DEFAULT, ENTRY | 12)),
    ]
    assert write(row)[0] == "\x1b[31ma\x1b[38;5;200mb\x1b[39;104mc"


def test_attributes_are_cleared_when_they_end():
    plain, strong = pack_style(A, B), pack_style(A, B, BOLD)
    row = [("a", pack_style(A, B, BOLD | DIM)), ("b", strong), ("c", plain)]
    assert write(row, pen=Pen(A, B))[0] == "\x1b[1;2ma\x1b[22;1mb\x1b[22mc"


def test_a_blank_shows_its_background_and_its_underline_but_no_foreground():
    assert write([("a", pack_style(A, B, BOLD)), (" ", pack_style(C, B)), ("b", pack_style(A, B, BOLD))])[0].endswith(
        "ma b"
    )
    assert write([("a", pack_style(A, B)), (" ", pack_style(C, B, REVERSE))])[0].endswith("\x1b[7;38;2;255;255;255m ")
    assert same_cell(" ", pack_style(A, B), " ", pack_style(C, B, BOLD))
    assert not same_cell(" ", pack_style(A, B, REVERSE), " ", pack_style(C, B, REVERSE))
    assert not same_cell(" ", pack_style(A, B), " ", pack_style(A, B, UNDERLINE))
    assert not same_cell(" ", pack_style(A, B), " ", pack_style(A, B, REVERSE))
    assert not same_cell("a", pack_style(A, B), "a", pack_style(C, B))
    assert not same_cell("a", pack_style(A, B), None, pack_style(A, B))


def test_the_styles_of_a_picture():
    picture = Cells.blank(2, 1, (1, 2, 3), (4, 5, 6))
    picture.bold[0, 1] = True
    assert pack_styles(picture).tolist() == [[pack_style(A, B), pack_style(A, B, BOLD)]]
    assert pack_styles(picture).dtype == np.int64


def test_two_colours_of_one_entry_are_written_once():
    row = [("a", pack_style(0xD7D700, 0)), ("b", pack_style(0xD7D701, 1))]
    assert write(row, "256")[0] == "\x1b[38;5;184;48;5;16mab"


def test_sgr_is_written_in_one_module_only():
    escapes = re.compile(r"x1b\[[0-9;{}]*m|[34]8;[25];")
    modules = Path(adam_tui.__file__).parent.rglob("*.py")
    assert {path.name for path in modules if escapes.search(path.read_text("utf-8"))} == {"sgr.py"}
