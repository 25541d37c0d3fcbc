"""On terminals of all kinds the bowl, the path and its head can be told apart, and faults leave the terminal whole."""

import os
import re
import signal
import sys

import pytest
from pty_terminal import COMMAND, Terminal

PLOT = [(y, x) for y in range(3, 24) for x in range(8, 48)]
BRAILLE = re.compile("[\u2801-\u28ff]")
BUG = """
import sys
from adam_tui.cli import main
from adam_tui.ui.playground.screen import PlaygroundScreen

def broken(self, name):
    raise ValueError("a bug [red]in\\x1b[31m red")

PlaygroundScreen.action_perform = broken
main(prog_name="adam-tui")
"""


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


def test_stopped_it_gives_the_terminal_back_and_continued_it_paints_again():
    with opened({}) as t:
        seen = t.text()
        os.kill(t.pid, signal.SIGTSTP)
        t.until(lambda: os.waitpid(t.pid, os.WUNTRACED | os.WNOHANG)[0] == t.pid)
        t.read(0.2)
        assert t.raw.rfind(b"\x1b[?1049l") > t.raw.rfind(b"\x1b[?1049h")
        t.screen.reset()
        os.kill(t.pid, signal.SIGCONT)
        t.until(lambda: t.text() == seen)
        t.press("q")
        assert t.wait() == 0


def test_an_interrupt_from_elsewhere_restores_the_terminal():
    with opened({}) as t:
        os.kill(t.pid, signal.SIGINT)
        assert t.wait(3) == 130
        assert b"\x1b[?1049l" in t.raw
        assert b"Traceback" not in t.raw


def test_a_bug_restores_the_terminal_and_names_a_log(tmp_path):
    script = tmp_path / "bug.py"
    script.write_text(BUG)
    env = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with Terminal((sys.executable, str(script)), width=100, height=30, env=env) as t:
        t.until("x² + y²")
        t.press("i")
        assert t.wait() == 1
        t.read(0.2)
    after = t.raw[t.raw.rindex(b"\x1b[?1049l") :].decode()
    said = after[after.index("adam-tui: ") :]
    assert "ValueError: a bug [red]in?[31m red; see " in said
    assert said.count("\n") == 1
    [log] = tmp_path.rglob("adam-tui.log")
    assert str(log) in said
    assert "in broken" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
