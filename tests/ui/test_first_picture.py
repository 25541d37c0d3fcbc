"""The contour is there before Textual is, stays as it is, and whatever happens then the terminal comes back whole."""

import os
import signal
import sys
import termios

import pyte
import pytest
from pty_terminal import COMMAND, UNKNOWN, Terminal

from adam_tui.ui.config import Config
from adam_tui.ui.first_picture import first_picture
from adam_tui.ui.layout import contour_region
from adam_tui.ui.playground.state import PlaygroundState

APP_BEGINS = b"\x1b[?1004h"  # the first that Textual's driver sends where there is no mouse
# It begins where it ends, at a minimum of the bowl: its contour never changes.
STILL = ("--steps", "1", "--no-mouse")
BOWL = ("--start", "0,0")
# Runs the command line; what `at_import` does happens when the app would be imported, after the first picture.
HELD = """
import importlib.abc, sys, time
from adam_tui.cli.app import main

class Hold(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "adam_tui.ui.app":
            {at_import}

sys.meta_path.insert(0, Hold())
main(prog_name="adam-tui")
"""


def contours(size, pieces):
    """The contour's cells on a terminal of that size after each piece that was sent; the ink of a blank is not seen."""
    screen = pyte.Screen(*size)
    stream = pyte.ByteStream(screen)
    row, column, width, height = contour_region(*size, hinted=False)
    for piece in pieces:
        stream.feed(piece)
        cells = (screen.buffer[y][x] for y in range(row, row + height) for x in range(column, column + width))
        yield [(cell.data, cell.bg, cell.data != " " and cell.fg, cell.bold) for cell in cells]


def held(tmp_path, at_import, **how):
    script = tmp_path / "held.py"
    script.write_text(HELD.format(at_import=at_import))
    return Terminal((sys.executable, str(script)), width=100, height=30, **how)


@pytest.mark.parametrize(
    ("size", "env", "flags", "settings"),
    [
        ((120, 40), {}, BOWL, ""),
        ((80, 24), {}, BOWL, 'theme = "adam-light"'),
        ((200, 55), {"COLORTERM": None}, ("--surface", "himmelblau", "--start", "3,2"), ""),
        ((100, 30), {"TERM": "xterm", "COLORTERM": None}, BOWL, ""),
        ((60, 18), {}, (*BOWL, "--ascii"), 'palette = "magma"'),
    ],
    ids=["dark", "light", "256 colours", "16 colours", "ascii in magma"],
)
def test_the_first_picture_is_the_apps_own_and_is_sent_once(tmp_path, size, env, flags, settings):
    config = tmp_path / "config.toml"
    config.write_text(settings)
    command = (*COMMAND, *STILL, *flags)
    with Terminal(command, *size, env={**env, "ADAM_TUI_CONFIG": str(config)}) as t:
        t.until(lambda: " play " in t.text())
        t.read(0.5)
    first, _, rest = t.raw.partition(APP_BEGINS)
    rest = UNKNOWN.sub(b"", rest)
    pieces = [rest[i : i + 300] for i in range(0, len(rest), 300)]
    before, *after = contours(size, [UNKNOWN.sub(b"", first), *pieces])
    assert len({cell[:2] for cell in before}) > 8, "a picture"
    assert all(seen == before for seen in after), "which never flickers"
    assert b"\x1b[?1049h" in first
    assert b"\x1b[?1049h" not in rest
    if "▀".encode() in first:
        assert "▀".encode() not in rest
        assert "▄".encode() not in rest


def test_keys_pressed_at_the_first_picture_are_answered_and_not_echoed():
    with Terminal() as t:
        t.until(lambda: "▀" in t.text())
        assert APP_BEGINS not in t.raw
        assert not termios.tcgetattr(t.fd)[3] & termios.ECHO
        os.write(t.fd, b"ss\r")
        t.until("rosenbrock")
        assert b"ss" not in t.raw.partition(APP_BEGINS)[0].replace(b"loss", b"")  # the title of the scale


@pytest.mark.parametrize("end", ["q", "ctrl+c", "SIGTERM", "SIGHUP", "a bug"])
def test_however_it_ends_the_terminal_is_as_it_was(tmp_path, end):
    at_import = {"q": "pass", "a bug": "raise RuntimeError('a bug')"}.get(end, "time.sleep(30)")
    with held(tmp_path, at_import) as t:
        before = termios.tcgetattr(t.fd)
        if end == "q":
            t.until("Lanes")
            os.write(t.fd, b"q")
        elif end != "a bug":
            t.until(lambda: "▀" in t.text())
            assert termios.tcgetattr(t.fd) != before
            if end == "ctrl+c":
                os.write(t.fd, b"\x03")
            else:
                os.kill(t.pid, getattr(signal, end))
        assert t.wait() == {"q": 0, "a bug": 1, "ctrl+c": 130, "SIGTERM": 143, "SIGHUP": 129}[end]
        t.read(0.2)
        assert termios.tcgetattr(t.fd) == before
        assert t.raw.count(b"\x1b[?1049h") == t.raw.count(b"\x1b[?1049l") == 1
        assert t.raw.rindex(b"\x1b[?25h") > t.raw.rindex(b"\x1b[?25l")
        assert t.raw.rindex(b"\x1b[m") > t.raw.rindex("▀".encode())
        assert (b"RuntimeError" in t.raw) == (end == "a bug")


def test_while_it_is_stopped_the_shell_has_its_echo_back():
    with Terminal() as t:
        before = termios.tcgetattr(t.fd)
        t.until("Lanes")
        os.kill(t.pid, signal.SIGTSTP)
        t.until(lambda: os.waitpid(t.pid, os.WUNTRACED | os.WNOHANG)[0] == t.pid)
        assert termios.tcgetattr(t.fd) == before


def test_a_bug_in_the_picture_is_left_to_the_app_and_its_log(monkeypatch):
    monkeypatch.setattr("adam_tui.ui.first_picture.contour", lambda *_: 1 / 0)
    with first_picture(PlaygroundState(), Config(), "playground", ascii=False) as taken:
        assert taken is None


@pytest.mark.parametrize(
    ("env", "config", "mode", "size"),
    [
        ({"SSH_CONNECTION": "a 1 b 2"}, Config(), "playground", (100, 30)),
        ({"NO_COLOR": "1"}, Config(), "playground", (100, 30)),
        ({"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}, Config(), "playground", (100, 30)),
        ({}, Config(theme="nord"), "playground", (100, 30)),
        ({}, Config(), "learn", (100, 30)),
        ({}, Config(), "playground", (59, 18)),
    ],
    ids=["far away", "no colour", "a browser", "a theme of Textual's", "another mode", "too small"],
)
def test_where_the_app_may_show_something_else_there_is_none(monkeypatch, env, config, mode, size):
    for name, value in {"COLUMNS": str(size[0]), "LINES": str(size[1]), **env}.items():
        monkeypatch.setenv(name, value)
    with first_picture(PlaygroundState(), config, mode, ascii=False) as taken:
        assert taken is None
