"""The terminal according to its environment variables."""

import pytest

from adam_tui.terminal.environment import color_depth, encodes_blocks, is_console, is_remote, terminal_depth


@pytest.mark.parametrize(
    ("environ", "isatty", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, True, "truecolor"),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, True, "truecolor"),
        ({"TERM": "xterm-direct"}, True, "truecolor"),
        ({"TERM": "screen-256color"}, True, "256"),
        ({"TERM": "linux"}, True, "16"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, True, "none"),
        ({}, True, "none"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, False, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, True, "256"),
    ],
)
def test_the_depth_of_printed_text(environ, isatty, depth):
    assert color_depth(environ, isatty) == depth


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
def test_the_depth_of_the_apps_screen(environ, depth):
    assert terminal_depth(environ) == depth


def test_a_remote_terminal_is_recognized_by_the_variables_of_ssh():
    assert is_remote({"SSH_TTY": "/dev/pts/1"})
    assert is_remote({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"})
    assert not is_remote({"SSH_AUTH_SOCK": "/tmp/agent"})


def test_the_linux_console_is_recognized_by_its_name():
    assert is_console({"TERM": "linux-16color"})
    assert not is_console({"TERM": "xterm"})


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_an_encoding_of_all_of_unicode_has_blocks(encoding):
    assert encodes_blocks(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "euc-jp", "koi8-r", "cp437", "no such encoding", "", None])
def test_an_encoding_without_blocks_or_braille_is_recognized(encoding):
    assert not encodes_blocks(encoding)
