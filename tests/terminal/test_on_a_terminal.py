"""The installed program on a real pseudo-terminal, its screen read through pyte."""

import re
import time

from pty_terminal import COMMAND, Terminal

from adam_tui.ui.learn.pages import pages


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
        t.until(lambda: t.read(1.2) == 0)  # the title follows within a second
        assert b"/400 \xc2\xb7 Playground \xc2\xb7 adam-tui\x1b\\" in t.raw
        assert t.read(2) == 0


def test_a_lost_connection_leaves_a_keyboard_that_a_shell_can_use():
    with Terminal() as t:
        t.until("/400")
        assert set(re.findall(rb"\x1b\[>\d+u", t.raw)) == {b"\x1b[>1u"}, "letters stay letters"
        t.press("\x1b[112;5u")
        t.until("esc cancel")  # ctrl+p, as kitty sends it
        t.press("\x1b[27u")
        t.until(lambda: "esc cancel" not in t.text())


def test_keys_change_what_is_seen():
    with Terminal() as t:
        t.until("x² + y²")
        t.press("s")
        t.until("ravine")
        t.press("O")
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


def test_what_another_program_wrote_is_painted_over_when_asked_and_after_a_resize_and_back():
    with Terminal(width=100, height=30) as t:
        t.until("/400")
        t.press("space", "end")
        t.until("400/400")
        t.until(lambda: t.read(1.0) == 0)  # on a busy machine the charts come late
        seen = t.text()
        t.screen.reset()
        t.press("\x0c")
        t.until(lambda: t.text() == seen)
        t.screen.reset()
        t.resize(101, 30)
        t.resize(100, 30)
        t.until(lambda: t.text() == seen)


class FarAway(Terminal):
    """A terminal whose answers take a while, as over SSH."""

    def __init__(self, command):
        super().__init__(command, env={"SSH_CONNECTION": "a 1 b 2"})
        self.late = []

    def answer(self, data):
        self.late.append((time.monotonic() + 0.15, data))

    def read(self, seconds):
        came, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            came += super().read(0.02)
            while self.late and self.late[0][0] < time.monotonic():
                super().answer(self.late.pop(0)[1])
        return came


def test_far_away_it_is_the_same_and_no_answer_is_left_for_the_shell():
    with FarAway(("sh", "-c", f"{COMMAND[0]}; sleep 0.4; echo done")) as t:
        t.until("x² + y²")
        t.until("Loss")
        t.press("s")
        t.until("ravine")
        t.until(lambda: b"\x1b[6n" in t.raw[-400:])
        t.press("q")
        t.until(lambda: b"done" in t.raw)
        assert t.raw.count(b"\x1b[6n") > 3
        assert b"1R" not in t.raw.rpartition(b"\x1b[?1049l")[2]


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
        last = len(pages())
        t.press(*["right"] * (last + 3))
        t.until(f"{last}/{last}")
        t.until("Its loss is a surface")
        t.press("q")
        assert t.wait() == 0


def test_the_size_is_the_terminals_and_not_that_of_exported_variables():
    def fills():
        rows = t.screen.display
        return rows[0].startswith(" adam-tui") and rows[1].endswith("╮") and "╯" in rows[-3] and "step" in rows[-2]

    with Terminal(width=100, height=30, env={"COLUMNS": "160", "LINES": "50"}) as t:
        t.until(fills)
        t.resize(120, 40)
        t.until(fills)
