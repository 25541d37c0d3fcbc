"""Inside real tmux and GNU screen: the colours that come through, escape and the next key, the title, the end."""

import os
import re
import shutil
import time

import pytest
from pty_terminal import COMMAND, Terminal

ESCAPE_TIME = 0.1  # seconds between two keys that tmux, which waits half a second, sends as one
RGB = re.compile(rb"[34]8[;:]2[;:]")
PLAIN = {"TMUX": None, "TMUX_PANE": None, "STY": None, "LC_ALL": "C.UTF-8"}
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
needs_screen = pytest.mark.skipif(shutil.which("screen") is None, reason="needs GNU screen")


@pytest.fixture
def tmux(tmp_path):
    """The command that opens the program in a tmux whose client has the given features."""

    def command(*features):
        lines = ["set -g set-titles on", "set -g set-titles-string '#T'"]
        lines += [f"set -as terminal-features ',xterm-256color:{feature}'" for feature in features]
        (tmp_path / "tmux.conf").write_text("\n".join(lines) + "\n")
        script = f"{COMMAND[0]}; echo back; sleep 0.3"
        return ("tmux", "-S", str(tmp_path / "socket"), "-f", str(tmp_path / "tmux.conf"), "new-session", script)

    return command


@pytest.fixture
def screen(tmp_path):
    """The command that opens the program in GNU screen."""
    (tmp_path / "screenrc").write_text("startup_message off\n")
    script = f"{COMMAND[0]}; echo back; sleep 0.3"
    return ("screen", "-U", "-c", str(tmp_path / "screenrc"), "sh", "-c", script)


@needs_tmux
@pytest.mark.parametrize("features", [(), ("RGB",)])
def test_in_tmux_24_bits_are_used_where_its_terminal_has_them(tmux, features):
    with Terminal(tmux(*features), 100, 30, PLAIN) as t:
        t.until("/400")
        t.until(lambda: len(t.colours()) > 5)
        assert bool(RGB.search(t.raw)) == ("RGB" in features)
        t.until(lambda: bool(re.search(rb"\x1b\]0;bowl \d+/400 \xc2\xb7 Playground", t.raw)))
        t.press("?")
        t.until("Play or pause")
        os.write(t.fd, b"\x1b")
        time.sleep(ESCAPE_TIME)
        os.write(t.fd, b"q")
        t.until("back")
        t.wait()
        assert b"adam-tui" not in t.raw[t.raw.rindex(b"\x1b]0;") :], "the title from before is restored"


@needs_screen
def test_in_screen_the_colours_are_256_and_the_picture_goes_at_the_end(screen, tmp_path):
    (tmp_path / "sockets").mkdir(mode=0o700)
    with Terminal(screen, 100, 30, {**PLAIN, "SCREENDIR": str(tmp_path / "sockets")}) as t:
        t.until("/400")
        t.until(lambda: len(t.colours()) > 5)
        greys = [color for color in t.colours() if re.fullmatch(r"([0-9a-f]{2})\1\1", color)]
        assert len(greys) > 4, "of the 256 colours; of 24 bits screen would make others"
        t.press("q")
        t.until("back")
        assert t.text().split() == ["back"]
        assert b"adam-tui\x1b\\" not in t.raw, "screen could not restore a title"
