"""The window's title names what is shown, and the title from before comes back."""

import pytest

from adam_tui.terminal.window_title import LONGEST, POP, PUSH, WindowTitle, has_title


def test_a_title_is_written_once_and_the_one_from_before_restored_once():
    title = WindowTitle(True)
    assert title.restore() == ""
    assert title.change("bowl 1/400") == f"{PUSH}\x1b]2;bowl 1/400\x1b\\"
    assert title.change("bowl 1/400") == ""
    assert title.change("bowl 2/400") == "\x1b]2;bowl 2/400\x1b\\"
    assert title.restore() == POP
    assert title.restore() == ""
    assert title.change("bowl 2/400").startswith(PUSH), "after a suspension it is shown again"


def test_a_title_controls_nothing_and_is_short():
    written = WindowTitle(True).change("a\x1b]2;b\x07c\nd\x9c" + "e" * 200)
    assert written == f"{PUSH}\x1b]2;a?]2;b?c?d?{'e' * (LONGEST - 11)}\x1b\\"


def test_a_terminal_without_title_gets_nothing():
    title = WindowTitle(False)
    assert title.change("bowl") + title.restore() == ""


@pytest.mark.parametrize(
    ("environ", "has"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux,1,0"}, True),
        ({"TERM": "screen-256color", "STY": "1.pts"}, False),
        ({"TERM": "xterm", "STY": "1.pts"}, False),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "rxvt-unicode-256color"}, False),
        ({"TERM": "st-256color"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "vt220"}, False),
        ({}, False),
    ],
)
def test_only_terminals_that_restore_a_title_get_one(environ, has):
    assert has_title(environ) == has
