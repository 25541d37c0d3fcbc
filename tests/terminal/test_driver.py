"""What is written to a terminal that is gone is lost with it, and what the environment says of a terminal is read."""

import io

import pytest

from adam_tui.terminal.driver import TerminalFile
from adam_tui.terminal.environment import is_remote, terminal_depth


class Gone(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is gone")

    def flush(self):
        raise OSError("the terminal is gone")


def test_a_terminal_that_is_gone_takes_everything():
    file = TerminalFile(Gone())
    assert file.write("abc") == 3
    file.flush()


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
