"""A row of cells is a strip of Textual's, cut and cropped without becoming segments."""

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from textual.strip import Strip

from adam_tui.terminal.cell_strip import CellStrip, Row
from adam_tui.terminal.sgr import BOLD, pack_style

TEXT = "a▀ b●▄ c"
ROW = Row(list(TEXT), [pack_style(0x010203 * (i % 3), 0x040506 * (i // 4)) for i in range(len(TEXT))])
columns = st.integers(0, len(TEXT))


@given(columns, columns)
def test_a_part_is_rendered_as_if_it_stood_alone(first, length):
    part = CellStrip(ROW, 0, len(TEXT)).crop(first, first + length)
    alone = Row(ROW.text[first : first + length], ROW.styles[first : first + length])
    console = Console(color_system="truecolor")
    assert isinstance(part, CellStrip)
    assert part.cell_length == len(alone.text)
    assert part.render(console) == CellStrip(alone, 0, len(alone.text)).render(console)


@given(columns)
def test_a_cut_strip_is_all_of_it(cut):
    parts = CellStrip(ROW, 0, len(TEXT)).divide([cut, len(TEXT)])
    assert all(isinstance(part, CellStrip) for part in parts)
    assert sum(part.cell_length for part in parts) == len(TEXT)
    assert "".join(part.text for part in parts) == TEXT


def test_where_no_painter_paints_it_is_rendered_for_the_consoles_colours():
    strip = CellStrip(Row(["x"], [pack_style(0xFF0000, 0)]), 0, 1)
    assert strip.render(Console(color_system="truecolor")) == "\x1b[38;2;255;0;0;48;2;0;0;0mx\x1b[m"
    assert "38;5;196" in strip.render(Console(color_system="256"))
    assert "91;40" in strip.render(Console(color_system="standard"))


def test_whatever_else_a_strip_can_do_it_still_can():
    styles = [pack_style(1, 2), pack_style(1, 2), pack_style(3, 2, BOLD)]
    strip = CellStrip(Row(list("abc"), styles), 0, 3)
    assert Strip.join([strip, Strip([Segment("d")])]).text == "abcd"
    assert [(segment.text, segment.style.bold) for segment in strip] == [("ab", None), ("c", True)]
    assert strip.extend_cell_length(5).cell_length == 5
