"""A row of cells is written with few bytes and looks the same."""

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from textual.strip import Strip

from adam_tui.ui.widgets.cell_strip import CellStrip, Row, written

COLOURS = (0x102030, 0x405060, 0xFFFFFF)
cells = st.lists(
    st.tuples(st.sampled_from("▀▄ a●"), st.sampled_from(COLOURS), st.sampled_from(COLOURS), st.booleans()),
    min_size=1,
    max_size=20,
)


def row_of(found):
    return Row(*map(list, zip(*found, strict=True)))


def seen(text, width):
    """What each cell looks like: the colours of its halves, or its character with its colours."""
    screen = pyte.Screen(width, 1)
    pyte.Stream(screen).feed(text)
    looks = []
    for x in range(width):
        cell = screen.buffer[0][x]
        halves = {"▀": (cell.fg, cell.bg), "▄": (cell.bg, cell.fg), " ": (cell.bg, cell.bg)}
        looks.append(halves.get(cell.data, (cell.data, cell.fg, cell.bg, cell.bold)))
    return looks


def wanted(found):
    looks = []
    for text, fg, bg, bold in found:
        fg, bg = f"{fg:06x}", f"{bg:06x}"
        looks.append({"▀": (fg, bg), "▄": (bg, fg), " ": (bg, bg)}.get(text, (text, fg, bg, bold)))
    return looks


@given(cells)
def test_every_cell_looks_as_it_was_drawn(found):
    assert seen(written(row_of(found), 0, len(found), "truecolor"), len(found)) == wanted(found)


@given(cells, st.integers(0, 20), st.integers(0, 20))
def test_a_part_is_written_as_if_it_stood_alone(found, first, length):
    strip = CellStrip(row_of(found), 0, len(found)).crop(first, first + length)
    part = found[first : first + length]
    assert strip.cell_length == len(part)
    assert seen(strip.render(Console(color_system="truecolor")), max(len(part), 1))[: len(part)] == wanted(part)


@given(cells, st.integers(1, 20))
def test_a_cut_strip_is_all_of_it(found, cut):
    whole = CellStrip(row_of(found), 0, len(found))
    parts = whole.divide([min(cut, len(found)), len(found)])
    assert sum(part.cell_length for part in parts) == len(found)
    assert "".join(part.text for part in parts) == whole.text


def test_a_colour_is_written_when_it_changes_and_halves_are_turned_for_it():
    a, b = 0x010203, 0x040506
    row = Row(list("▀▀▀"), [a, b, b], [b, a, b], [False] * 3)
    assert written(row, 0, 3, "truecolor") == "\x1b[38;2;1;2;3;48;2;4;5;6m▀▄ \x1b[0m"


@pytest.mark.parametrize(("system", "code"), [("256", "38;5;196"), ("standard", "31")])
def test_a_terminal_with_fewer_colours_gets_the_nearest(system, code):
    assert code in written(Row(["x"], [0xFF0000], [0], [False]), 0, 1, system)


def test_whatever_else_a_strip_can_do_it_still_can():
    row = row_of([("a", 1, 2, False), ("b", 1, 2, False), ("c", 3, 2, False)])
    strip = CellStrip(row, 0, 3)
    assert Strip.join([strip, Strip([Segment("d")])]).text == "abcd"
    assert [segment.text for segment in strip] == ["ab", "c"]
    assert strip.extend_cell_length(5).cell_length == 5
