"""The terminal according to its environment variables."""

import time

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
        ({"TERM": "alacritty"}, "truecolor"),
        ({"TERM": "foot"}, "truecolor"),
        ({"TERM": "st-256color"}, "truecolor"),
        ({"TERM": "rxvt-unicode-256color", "COLORTERM": "rxvt-xpm"}, "256"),  # its 24-bit colours run into each other
        ({"TERM": "foot-extra"}, "truecolor"),
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "xterm-ghostty"}, "truecolor"),
        ({"TERM": "wezterm"}, "truecolor"),
        ({"TERM": "konsole-direct"}, "truecolor"),
        ({"TERM": "screen", "STY": "1.pts-0.host", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "screen.xterm-kitty", "STY": "1.pts-0.host", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "screen", "STY": "1.pts-0.host", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, "truecolor"),
        ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "tmux-256color", "COLORTERM": "truecolor", "TMUX": "/nowhere/socket,1,0"}, "256"),
        ({"TERM": "xterm-kitty", "TMUX": "/nowhere/socket,1,0"}, "truecolor"),
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


@pytest.mark.parametrize(
    ("clients", "depth"),
    [
        ("256,RGB,title", "truecolor"),
        ("bpaste,title", "256"),
        ("256,RGB\\n256,title", "256"),
        ("", "256"),
    ],
)
def test_tmux_is_asked_for_the_colours_of_all_its_clients(tmp_path, monkeypatch, clients, depth):
    tmux = tmp_path / "tmux"
    tmux.write_text(
        f"#!/bin/sh\n[ \"$*\" = '-S {tmp_path}/s list-clients -F #{{client_termfeatures}} -t %3' ] || exit 1\n"
    )
    with tmux.open("a") as file:
        file.write(f"printf '{clients}'\n")
    tmux.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    environ = {"TERM": "tmux-256color", "COLORTERM": "truecolor", "TMUX": f"{tmp_path}/s,1,0", "TMUX_PANE": "%3"}
    assert terminal_depth(environ) == depth


def test_a_tmux_that_does_not_answer_does_not_delay_the_start(tmp_path, monkeypatch):
    tmux = tmp_path / "tmux"
    tmux.write_text("#!/bin/sh\nexec sleep 30\n")
    tmux.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    started = time.monotonic()
    assert terminal_depth({"TERM": "tmux-256color", "TMUX": f"{tmp_path}/t,1,0"}) == "256"
    assert time.monotonic() - started < 10
