"""The terminal comes to show what it should, and is sent no more than the difference."""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.draw.cells import Cells
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.terminal.sgr import BOLD, look

WIDTH, HEIGHT = 12, 4
INK, PAPER = look(0xD0D0D0, 0x101010), look(0x101010, 0x101010)


class Emulator:
    """A terminal that shows what is sent to it."""

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.screen = pyte.Screen(width, height)
        self.screen.reset_mode(7)  # no line wrap, as in the app
        self._stream = pyte.Stream(self.screen)

    def send(self, text):
        self._stream.feed(text)

    def cell(self, row, column):
        cell = self.screen.buffer[row][column]
        return cell.data, cell.bg, cell.data.isspace() or (cell.fg, cell.bold)

    def cells(self):
        return [[self.cell(row, column) for column in range(WIDTH)] for row in range(HEIGHT)]


updates = st.lists(
    st.tuples(
        st.integers(0, HEIGHT - 1),
        st.integers(0, WIDTH - 1),
        st.text(st.sampled_from(" ab▀●"), min_size=1, max_size=8),
        st.sampled_from((INK, PAPER, look(0xFF0000, 0x101010, BOLD), look(0x00FF00, 0x404040))),
    ),
    max_size=6,
)


def put(memory, update):
    for row, column, text, seen in update:
        memory.put(row, column, list(text), [seen] * len(text))


def painted_whole(film):
    """What a terminal shows that is sent everything from nothing."""
    memory, terminal = ScreenBuffer(WIDTH, HEIGHT), Emulator()
    put(memory, [(row, 0, " " * WIDTH, PAPER) for row in range(HEIGHT)])
    for update in film:
        put(memory, update)
    memory.forget()
    terminal.send(memory.changes())
    return terminal.cells()


@settings(deadline=None)
@given(st.lists(updates, max_size=5), st.lists(st.integers(1, 200), min_size=1))
def test_piece_by_piece_it_comes_to_show_what_it_should(film, limits):
    memory, terminal = ScreenBuffer(WIDTH, HEIGHT), Emulator()
    put(memory, [(row, 0, " " * WIDTH, PAPER) for row in range(HEIGHT)])
    for number, update in enumerate(film):
        put(memory, update)
        terminal.send(memory.changes(limits[number % len(limits)]))
    while memory.behind:
        terminal.send(memory.changes(limits[0]))
    assert terminal.cells() == painted_whole(film)
    assert memory.changes() == ""


def test_what_is_there_already_is_not_sent_again():
    memory = ScreenBuffer(WIDTH, HEIGHT)
    memory.put(1, 2, list("abc"), [INK] * 3)
    assert memory.changes() == "\x1b[2;3H\x1b[m\x1b[38;2;208;208;208;48;2;16;16;16mabc"
    memory.put(1, 2, list("abc"), [INK] * 3)
    assert not memory.behind
    assert memory.changes() == ""
    memory.put(1, 2, list("abd"), [INK] * 3)
    assert memory.changes() == "\x1b[2;5Hd"


def test_a_short_gap_is_written_over_and_a_long_one_jumped():
    memory = ScreenBuffer(WIDTH, HEIGHT)
    memory.put(0, 0, list("a..b......c."), [INK] * WIDTH)
    memory.changes()
    memory.put(0, 0, list("A..B......C."), [INK] * WIDTH)
    assert memory.changes() == "\x1b[1HA..B\x1b[6CC"


def test_a_row_begins_after_the_one_before():
    memory = ScreenBuffer(3, 2)
    for row in range(2):
        memory.put(row, 0, list("abc"), [INK] * 3)
    assert memory.changes().endswith("abc\r\nabc")


def test_what_changed_last_is_sent_first_and_never_as_it_was_meanwhile():
    memory = ScreenBuffer(WIDTH, HEIGHT)
    for row in range(HEIGHT):
        memory.put(row, 0, list("old picture."), [INK] * WIDTH)
    assert "old picture." in memory.changes(limit=1)
    memory.put(3, 0, list("new"), [INK] * 3)
    assert memory.changes(limit=1).endswith("new")
    rest = memory.changes()
    assert rest.count("old picture.") == 2
    assert rest.endswith("\x1b[4;4H picture.")
    assert not memory.behind


def test_after_another_program_wrote_everything_is_sent_again():
    memory = ScreenBuffer(3, 1)
    memory.put(0, 0, list("abc"), [INK] * 3)
    first = memory.changes()
    memory.forget()
    assert memory.behind
    assert memory.changes() == first


def test_another_size_begins_anew():
    memory = ScreenBuffer(3, 1)
    memory.put(0, 0, list("abc"), [INK] * 3)
    memory.resize(2, 2)
    assert memory.changes() == ""
    memory.put(1, 0, list("abc"), [INK] * 3)
    assert memory.changes().endswith("ab"), "what does not fit is left out"


@pytest.mark.parametrize("place", [(-1, 0), (HEIGHT, 0), (0, WIDTH)])
def test_what_lies_outside_is_left_out(place):
    memory = ScreenBuffer(WIDTH, HEIGHT)
    memory.put(*place, ["x"], [INK])
    assert not memory.behind


def test_half_of_a_wide_character_is_never_written_alone():
    memory, terminal = ScreenBuffer(WIDTH, 1), Emulator()
    memory.put(0, 0, ["a", "字", "", "b"], [INK] * 4)
    terminal.send(memory.changes())
    memory.put(0, 2, ["x"], [INK])
    memory.put(0, 1, [" "], [INK])
    terminal.send(memory.changes())
    assert terminal.screen.display[0].startswith("a xb")
    memory.put(0, 1, ["字", ""], [INK] * 2)
    terminal.send(memory.changes())
    assert [terminal.screen.buffer[0][x].data for x in range(4)] == ["a", "字", "", "b"]


def test_after_a_combining_mark_the_cursor_is_put_in_its_place():
    memory = ScreenBuffer(WIDTH, 1)
    memory.put(0, 0, ["m̂"], [INK])
    memory.changes()
    memory.put(0, 1, ["b"], [INK])
    assert memory.changes() == "\x1b[1;2Hb"


def test_the_cursor_is_left_where_it_is_wanted():
    memory = ScreenBuffer(WIDTH, HEIGHT)
    memory.put(0, 0, ["a"], [INK])
    assert memory.changes(cursor=(2, 5)).endswith("a\x1b[3;6H")
    assert memory.changes(cursor=(2, 5)) == ""


def test_a_picture_is_put_whole():
    memory, terminal = ScreenBuffer(WIDTH, HEIGHT), Emulator()
    cells = Cells.blank(3, 2, (255, 255, 255), (0, 0, 64))
    cells.put(1, 0, "abc", (255, 0, 0))
    memory.put_cells(1, 4, cells)
    terminal.send(memory.changes())
    assert terminal.screen.display[2][4:7] == "abc"
    assert terminal.cell(1, 4)[1] == "000040"
