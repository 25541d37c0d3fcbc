"""What is written to the terminal arrives, is timed, or is lost with it."""

import io

import pytest

from adam_tui.ui.line import CHUNK, Line
from adam_tui.ui.terminal import is_remote, terminal_depth
from adam_tui.ui.terminal_driver import TerminalFile


class Gone(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is gone")

    def flush(self):
        raise OSError("the terminal is gone")


@pytest.mark.parametrize("line", [None, Line()], ids=["near", "far"])
def test_a_terminal_that_is_gone_takes_everything(line):
    file = TerminalFile(Gone(), line)
    assert file.write("abc") == 3
    file.flush()


def test_over_a_line_it_is_written_in_chunks_and_each_is_timed():
    told, line, written = [], Line(), io.StringIO()
    line.wrote = lambda count, seconds: told.append(count)
    text = "▀" * (CHUNK + 10)
    TerminalFile(written, line).write(text)
    assert written.getvalue() == text
    assert told == [3 * CHUNK, 30]


def test_ssh_is_told_by_its_variables():
    assert is_remote({"SSH_TTY": "/dev/pts/1"})
    assert is_remote({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"})
    assert not is_remote({"SSH_AUTH_SOCK": "/tmp/agent"})


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "truecolor"),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "standard"}, "16"),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "auto"}, "256"),
        ({"TERM": "xterm-kitty"}, "256"),
        ({"TERM": "linux"}, "16"),
        ({}, "16"),
    ],
)
def test_the_colours_that_a_terminal_knows(environ, depth):
    assert terminal_depth(environ) == depth
