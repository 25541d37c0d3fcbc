"""The terminal shows the wanted cells in the end, and is sent no more than the difference."""

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seen_blocks import part_colors

from adam_tui.draw.cells import Cells
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sgr import BOLD, pack_style

WIDTH, HEIGHT = 12, 4
TEXT, BLANK = pack_style(0xD0D0D0, 0x101010), pack_style(0x101010, 0x101010)
HALVES = pack_style(0x00FF00, 0x404040)


class Emulator:
    """A terminal that shows what is sent to it."""

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.screen = pyte.Screen(width, height)
        self.screen.reset_mode(7)  # no line wrap, as in the app
        self._stream = pyte.Stream(self.screen)

    def send(self, text):
        self._stream.feed(text)

    def cell(self, row, column):
        """A cell as a user sees it: the colours of its parts, or its character, colours and weight."""
        cell = self.screen.buffer[row][column]
        return part_colors(cell.data, cell.fg, cell.bg) or (cell.data, cell.bg, cell.fg, cell.bold)

    def cells(self):
        return [[self.cell(row, column) for column in range(WIDTH)] for row in range(HEIGHT)]


updates = st.lists(
    st.tuples(
        st.integers(0, HEIGHT - 1),
        st.integers(0, WIDTH - 1),
        st.text(st.sampled_from(" ab▀▙●"), min_size=1, max_size=8),
        st.sampled_from((TEXT, BLANK, pack_style(0xFF0000, 0x101010, BOLD), HALVES)),
    ),
    max_size=6,
)


def put(buffer, update):
    for row, column, text, style in update:
        buffer.put(row, column, list(text), [style] * len(text))


def painted_whole(film):
    """The cells of a terminal that is sent the final picture at once."""
    buffer, terminal = ScreenBuffer(WIDTH, HEIGHT), Emulator()
    put(buffer, [(row, 0, " " * WIDTH, BLANK) for row in range(HEIGHT)])
    for update in film:
        put(buffer, update)
    buffer.forget()
    terminal.send(buffer.changes())
    return terminal.cells()


@settings(deadline=None)
@given(st.lists(updates, max_size=5), st.lists(st.integers(1, 200), min_size=1))
@example(film=[[(0, 0, "▀", HALVES)], [(0, 2, "▀", HALVES)]], limits=[1])
@example(film=[[(0, 0, "▀", TEXT)], [(0, 2, "▀", HALVES), (0, 4, "▀", TEXT)]], limits=[1])
def test_sent_in_pieces_the_terminal_shows_the_wanted_cells_in_the_end(film, limits):
    buffer, terminal = ScreenBuffer(WIDTH, HEIGHT), Emulator()
    put(buffer, [(row, 0, " " * WIDTH, BLANK) for row in range(HEIGHT)])
    for number, update in enumerate(film):
        put(buffer, update)
        terminal.send(buffer.changes(limits[number % len(limits)]))
    while buffer.behind:
        terminal.send(buffer.changes(limits[0]))
    assert terminal.cells() == painted_whole(film)
    assert buffer.changes() == ""


def test_what_is_there_already_is_not_sent_again():
    buffer = ScreenBuffer(WIDTH, HEIGHT)
    buffer.put(1, 2, list("abc"), [TEXT] * 3)
    assert buffer.changes() == "\x1b[2;3H\x1b[m\x1b[38;2;208;208;208;48;2;16;16;16mabc"
    buffer.put(1, 2, list("abc"), [TEXT] * 3)
    assert not buffer.behind
    assert buffer.changes() == ""
    buffer.put(1, 2, list("abd"), [TEXT] * 3)
    assert buffer.changes() == "\x1b[2;5Hd"


def test_a_short_gap_is_written_over_and_a_long_one_jumped():
    buffer = ScreenBuffer(WIDTH, HEIGHT)
    buffer.put(0, 0, list("a..b......c."), [TEXT] * WIDTH)
    buffer.changes()
    buffer.put(0, 0, list("A..B......C."), [TEXT] * WIDTH)
    assert buffer.changes() == "\x1b[1HA..B\x1b[6CC"


def test_a_row_begins_after_the_one_before():
    buffer = ScreenBuffer(3, 2)
    for row in range(2):
        buffer.put(row, 0, list("abc"), [TEXT] * 3)
    assert buffer.changes().endswith("abc\r\nabc")


def test_what_changed_last_is_sent_first_and_never_as_it_was_meanwhile():
    buffer = ScreenBuffer(WIDTH, HEIGHT)
    for row in range(HEIGHT):
        buffer.put(row, 0, list("old picture."), [TEXT] * WIDTH)
    assert "old picture." in buffer.changes(limit=1)
    buffer.put(3, 0, list("new"), [TEXT] * 3)
    assert buffer.changes(limit=1).endswith("new")
    rest = buffer.changes()
    assert rest.count("old picture.") == 2
    assert rest.endswith("\x1b[4;4H picture.")
    assert not buffer.behind


def test_after_another_program_wrote_everything_is_sent_again():
    buffer = ScreenBuffer(3, 1)
    buffer.put(0, 0, list("abc"), [TEXT] * 3)
    first = buffer.changes()
    buffer.forget()
    assert buffer.behind
    assert buffer.changes() == first


def test_another_size_begins_anew():
    buffer = ScreenBuffer(3, 1)
    buffer.put(0, 0, list("abc"), [TEXT] * 3)
    buffer.resize(2, 2)
    assert buffer.changes() == ""
    buffer.put(1, 0, list("abc"), [TEXT] * 3)
    assert buffer.changes().endswith("ab"), "what does not fit is left out"


@pytest.mark.parametrize("place", [(-1, 0), (HEIGHT, 0), (0, WIDTH)])
def test_what_lies_outside_is_left_out(place):
    buffer = ScreenBuffer(WIDTH, HEIGHT)
    buffer.put(*place, ["x"], [TEXT])
    assert not buffer.behind


def test_half_of_a_wide_character_is_never_written_alone():
    buffer, terminal = ScreenBuffer(WIDTH, 1), Emulator()
    buffer.put(0, 0, ["a", "字", "", "b"], [TEXT] * 4)
    terminal.send(buffer.changes())
    buffer.put(0, 2, ["x"], [TEXT])
    buffer.put(0, 1, [" "], [TEXT])
    terminal.send(buffer.changes())
    assert terminal.screen.display[0].startswith("a xb")
    buffer.put(0, 1, ["字", ""], [TEXT] * 2)
    terminal.send(buffer.changes())
    assert [terminal.screen.buffer[0][x].data for x in range(4)] == ["a", "字", "", "b"]


def test_after_a_combining_mark_the_cursor_is_put_in_its_place():
    buffer = ScreenBuffer(WIDTH, 1)
    buffer.put(0, 0, ["m̂"], [TEXT])
    buffer.changes()
    buffer.put(0, 1, ["b"], [TEXT])
    assert buffer.changes() == "\x1b[1;2Hb"


def test_the_cursor_is_left_where_it_is_wanted():
    buffer = ScreenBuffer(WIDTH, HEIGHT)
    buffer.put(0, 0, ["a"], [TEXT])
    assert buffer.changes(cursor=(2, 5)).endswith("a\x1b[3;6H")
    assert buffer.changes(cursor=(2, 5)) == ""


def test_a_picture_is_put_whole():
    buffer, terminal = ScreenBuffer(WIDTH, HEIGHT), Emulator()
    cells = Cells.blank(3, 2, (255, 255, 255), (0, 0, 64))
    cells.put(1, 0, "abc", (255, 0, 0))
    buffer.put_cells(1, 4, cells)
    terminal.send(buffer.changes())
    assert terminal.screen.display[2][4:7] == "abc"
    assert terminal.screen.buffer[1][4].bg == "000040"
