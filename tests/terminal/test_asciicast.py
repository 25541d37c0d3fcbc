"""A recording, played on an emulated terminal, shows each picture to the last cell; and writes no more than it must."""

import json
import unicodedata

import numpy as np
import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_blocks import part_colors

from adam_tui.draw.cells import Cells
from adam_tui.terminal.asciicast import asciicast

INK, PAPER, RED, BLUE = (212, 215, 224), (10, 12, 20), (255, 0, 0), (0, 0, 255)


def page(width=6, height=3):
    return Cells.blank(width, height, INK, PAPER)


def written(width, height, *texts):
    cells = page(width, height)
    for row, text in enumerate(texts):
        cells.put(row, 0, text, INK)
    return cells


def cast(frames, width=6, height=3, title=""):
    header, *events = (json.loads(line) for line in asciicast(frames, width, height, title))
    return header, events


def screen_after(events, until=float("inf"), width=6, height=3):
    screen = pyte.Screen(width, height)
    stream = pyte.Stream(screen)
    for seconds, kind, text in events:
        assert kind == "o"
        if seconds <= until:
            stream.feed(text)
    return screen


def assert_shows(screen, cells):
    for row in range(cells.height):
        for column in range(cells.width):
            at, character = screen.buffer[row][column], cells.text(row, column, column + 1)
            fg, bg = bytes(cells.fg[row, column]).hex(), bytes(cells.bg[row, column]).hex()
            wanted = seen(unicodedata.normalize("NFC", character), fg, bg, cells.bold[row, column])
            assert seen(at.data, at.fg, at.bg, at.bold) == wanted, (row, column)


def seen(text, fg, bg, bold):
    """A cell as a user sees it: the colours of its parts, or its character, colours and weight."""
    return part_colors(text, fg, bg) or (text, fg, bg, bold)


colors = st.sampled_from([INK, PAPER, RED, BLUE])


@st.composite
def films(draw):
    """Pictures that each differ from the one before in a few places, in no place, or in all."""
    width, height = draw(st.integers(1, 14)), draw(st.integers(1, 4))
    cells, frames = page(width, height), []
    for second in range(draw(st.integers(1, 5))):
        cells = cells.copy()
        for _ in range(draw(st.sampled_from([0, 1, 3, width * height]))):
            row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            text = draw(st.sampled_from([" ", "x", "▀", "▙", "⣿", "●", "m̂", "é", "ab", "  ", "step 12"]))
            cells.put(row, column, text, draw(colors), bg=draw(st.none() | colors), bold=draw(st.booleans()))
        frames.append((second / 4, cells))
    return frames, width, height


@settings(deadline=None, max_examples=120)
@given(films())
def test_at_every_moment_the_screen_shows_the_picture_of_that_moment(film):
    frames, width, height = film
    _, events = cast(frames, width, height)
    for seconds, cells in frames:
        assert_shows(screen_after(events, seconds, width, height), cells)
    assert_shows(screen_after(events, width=width, height=height), frames[-1][1])


def test_it_begins_with_a_clean_screen_wherever_it_is_played():
    _, events = cast([(0.0, written(6, 3, "abc"))])
    screen = pyte.Screen(6, 3)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[1;31;44mleft over from before\r\n" * 4)
    for _, _, text in events:
        stream.feed(text)
    assert_shows(screen, written(6, 3, "abc"))
    assert not screen.cursor.hidden
    assert screen.cursor.attrs.bold is False


def test_a_full_last_line_does_not_scroll():
    cells = written(6, 3, "111111", "222222", "333333")
    _, events = cast([(0.0, cells)])
    assert screen_after(events).display == ["111111", "222222", "333333"]


def test_the_header_says_what_a_player_needs():
    header, _ = cast([(0.0, page())], title="a race · α")
    assert header == {"version": 2, "width": 6, "height": 3, "env": {"TERM": "xterm-256color"}, "title": "a race · α"}
    assert "title" not in cast([(0.0, page())])[0]


def test_only_what_changed_is_written():
    before, after = written(40, 3, "", "step 12 of 400", "loss"), written(40, 3, "", "step 13 of 400", "loss")
    _, events = cast([(0.0, before), (0.5, after)], 40, 3)
    assert events[1] == [0.5, "o", "\x1b[2;7H3"]
    far = after.copy()
    far.put(1, 0, "S", INK)
    far.put(1, 30, "x", RED, bold=True)
    assert cast([(0.0, after), (1.0, far)], 40, 3)[1][1][2] == "\x1b[2HS\x1b[29C\x1b[1;38;2;255;0;0mx"


def test_a_short_gap_is_written_over_and_not_jumped():
    before, after = written(20, 1, "a...b"), written(20, 1, "A...B")
    assert cast([(0.0, before), (1.0, after)], 20, 1)[1][1][2] == "\x1b[1HA...B"


def test_a_picture_that_changes_nothing_costs_nothing_but_the_end_keeps_its_time():
    same = written(6, 3, "abc")
    _, events = cast([(0.0, same), (0.5, same.copy()), (2.25, same)])
    assert [seconds for seconds, *_ in events] == [0.0, 2.25]


def test_times_are_written_to_the_microsecond():
    _, events = cast([(0.0, page()), (1 / 3, written(6, 3, "x"))])
    assert [seconds for seconds, *_ in events] == [0.0, 0.333333, 0.333333]


def test_the_same_pictures_give_the_same_file():
    def film():
        return [(i / 7, written(6, 3, f"{i}")) for i in range(5)]

    assert list(asciicast(film(), 6, 3, "t")) == list(asciicast(film(), 6, 3, "t"))


def test_every_line_is_one_line_of_json():
    lines = list(asciicast([(0.0, written(6, 3, 'a"\\b')), (1.0, page())], 6, 3))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert [type(json.loads(line)) for line in lines] == [dict, list, list, list]


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="7×3 in a recording of 6×3"):
        list(asciicast([(0.0, page(7, 3))], 6, 3))


def test_a_recording_of_nothing_is_only_a_header():
    assert len(list(asciicast([], 6, 3))) == 1


def test_pictures_are_taken_one_by_one():
    """A long recording is written while it is drawn: never are all its pictures in memory."""
    drawn = []

    def frames():
        for i in range(100):
            drawn.append(i)
            yield float(i), written(6, 3, str(i))

    lines = asciicast(frames(), 6, 3)
    next(lines), next(lines)
    assert len(drawn) <= 2
    assert np.array_equal(drawn, range(len(drawn)))
