"""The installed program on a real pseudo-terminal, its screen read through pyte."""

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


def test_the_flags_decide_what_it_opens_with():
    with Terminal(
        (*COMMAND, "--surface", "himmelblau", "--lane", "adam:lr=0.3", "--lane", "lion", "--steps", "77")
    ) as t:
        t.until("himmelblau")
        t.until("lion")
        t.until("/77")
        t.until("0.3")
