"""On terminals of all kinds the bowl, the path and its head can be told apart."""

import re

import pytest
from pty_terminal import COMMAND, Terminal

PLOT = [(y, x) for y in range(3, 24) for x in range(8, 48)]
BRAILLE = re.compile("[\u2801-\u28ff]")


def opened(env, *flags):
    terminal = Terminal((*COMMAND, *flags), width=100, height=30, env=env)
    try:
        terminal.until(lambda: "400" in terminal.text() and " 0/400" not in terminal.text())
        terminal.read(0.3)
        terminal.press("space")
        terminal.read(0.3)
    except BaseException:
        terminal.__exit__()
        raise
    return terminal


@pytest.mark.parametrize(
    ("env", "least"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": None}, 3),
        ({"NO_COLOR": "1"}, 5),
        ({"TERM": "screen-256color", "COLORTERM": None}, 3),
        ({"TERM": "tmux-256color", "COLORTERM": None}, 3),
        ({"LANG": "C", "LC_ALL": "C"}, 5),
    ],
)
def test_colours_or_greys_tell_the_bands_apart_and_glyphs_the_path(env, least):
    with opened(env) as t:
        cells = [t.screen.buffer[y][x] for y, x in PLOT]
        assert len({cell.bg for cell in cells}) >= least
        assert any(BRAILLE.match(cell.data) for cell in cells), "a path"
        assert [cell.data for cell in cells].count("●") == 1, "its head"
        if "NO_COLOR" in env:
            assert all(color[0:2] == color[2:4] == color[4:6] for color in t.colours() - {"default"}), "greys"


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "xterm", "COLORTERM": None},
        {"TERM": "linux", "COLORTERM": None, "NO_COLOR": "1"},
        {"TEXTUAL_COLOR_SYSTEM": "standard"},
    ],
)
def test_with_sixteen_colours_shades_tell_the_bands_apart(env):
    with opened(env) as t:
        cells = [t.screen.buffer[y][x] for y, x in PLOT]
        shades = [cell for cell in cells if cell.data in "░▒▓"]
        assert {cell.data for cell in shades} == set("░▒▓")
        assert all(cell.fg != cell.bg for cell in shades)
        assert any(BRAILLE.match(cell.data) for cell in cells)
        [head] = [cell for cell in cells if cell.data == "●"]
        assert head.fg != head.bg


def test_ascii_is_ascii_everywhere_and_no_mouse_asks_for_none():
    with opened({}, "--ascii", "--no-mouse") as t:
        assert t.text().isascii(), [c for c in t.text() if not c.isascii()]
        plot = "".join(t.screen.buffer[y][x].data for y, x in PLOT)
        assert len(set(plot) & set(".:-=%&@")) >= 5
        assert "o" in plot
        assert "*" in plot
        t.press("?")
        t.until("Play or pause")
        assert t.text().isascii()
        t.press("escape")
        t.until(lambda: "Play or pause" not in t.text())
        t.press("3")
        t.until("Start here")
        assert t.text().isascii()
        assert b"\x1b[?1000h" not in t.raw
