"""The installed program on a real pseudo-terminal, its screen read through pyte."""

import os
import signal

import pytest
from pty_terminal import COMMAND, Terminal


def test_the_first_screen_moves_and_quits_with_the_terminal_restored():
    with Terminal() as t:
        t.until("x² + y²")
        t.until(lambda: "▀" in t.text())
        t.until("adam")
        t.until(lambda: " 20/400" in t.text() or ("/400" in t.text() and " 0/400" not in t.text()))
        assert len(t.colours()) > 8, "bands"
        t.press("q")
        assert t.wait() == 0
        assert b"\x1b[?1049l" in t.raw, "the other screen buffer is left"
        assert b"\x1b[?25h" in t.raw, "the cursor is back"


def test_a_still_screen_writes_nothing():
    with Terminal() as t:
        t.until("/400")
        t.press("space")
        t.read(0.5)
        t.until(lambda: t.read(0.5) == 0)
        assert t.read(2) == 0


def test_keys_change_what_is_seen():
    with Terminal() as t:
        t.until("x² + y²")
        t.press("s")
        t.until("ravine")
        t.press("o")
        t.until("AMSGrad")
        t.press("right")
        t.press("?")
        t.until("Play or pause")
        t.press("escape")
        t.until(lambda: "Play or pause" not in t.text())


def test_a_resized_terminal_is_filled_again():
    with Terminal(width=80, height=24) as t:
        t.until("x² + y²")
        t.resize(120, 40)
        t.until(lambda: "╯" in t.screen.display[37] and "step" in t.screen.display[38])
        t.resize(40, 12)
        t.until("60×18")


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_signals_end_it(name):
    with Terminal() as t:
        t.until("x² + y²")
        os.kill(t.pid, getattr(signal, name))
        t.wait()


def test_a_lost_connection_ends_it():
    with Terminal() as t:
        t.until("x² + y²")
        t.hang_up()
        t.wait()


def test_the_flags_decide_what_it_opens_with():
    with Terminal(
        (*COMMAND, "--surface", "himmelblau", "--lane", "adam:lr=0.3", "--lane", "lion", "--steps", "77")
    ) as t:
        t.until("himmelblau")
        t.until("lion")
        t.until("/77")
        t.until("0.3")


def test_a_key_that_is_held_down_turns_page_after_page_to_the_last():
    with Terminal((*COMMAND, "--mode", "learn")) as t:
        t.until("A tour in ten stops")
        t.press(*["right"] * 32)
        t.until("29/29")
        t.until("ln(10)")
        t.press("q")
        assert t.wait() == 0
