"""Whatever happens to the terminal, the app ends soon and quietly, and leaves the terminal as it was.

Every mode, window and moment is tried by `campaigns/terminal.py`; here each kind of fault is, once.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from pty_terminal import COMMAND, Terminal

from adam_tui.draw.blocks import COMPLEMENT

HUNG_UP, INTERRUPTED, QUIT, TERMINATED = 129, 130, 131, 143
SOON = 1.0  # seconds of a processor, which a busy loop would have used up long before `wait` gives up


def opened(*flags, keys=(), shows="x² + y²"):
    """The app on a terminal, with the settings that the terminal had before it."""
    terminal = Terminal((*COMMAND, *flags), width=100, height=30)
    terminal.before = terminal.settings()
    try:
        terminal.until(shows)
        terminal.read(0.3)
        terminal.press(*keys)
    except BaseException:
        terminal.__exit__()
        raise
    terminal.so_far = terminal.processor_time()
    return terminal


def given_back(terminal, status):
    """It ends with this status and next to no work, and the terminal is as it was."""
    assert terminal.wait() == status
    assert terminal.used - terminal.so_far < SOON
    terminal.read(0.05)
    assert terminal.left_on() == set()
    assert terminal.settings() == terminal.before
    assert b"Traceback" not in terminal.raw


@pytest.mark.parametrize(
    ("name", "status", "flags", "keys", "shows"),
    [
        ("SIGTERM", TERMINATED, (), (), "x² + y²"),
        ("SIGINT", INTERRUPTED, (), ("F",), "x² + y²"),
        ("SIGHUP", HUNG_UP, ("--mode", "train"), ("ctrl+p",), "lr"),
        ("SIGQUIT", QUIT, ("--mode", "learn"), ("enter",), "Start here"),
    ],
)
def test_a_signal_ends_it_and_gives_the_terminal_back(name, status, flags, keys, shows):
    with opened(*flags, keys=keys, shows=shows) as t:
        os.kill(t.pid, getattr(signal, name))
        given_back(t, status)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_in_the_middle_of_the_start_leaves_nothing_behind(name):
    with Terminal() as t:
        t.before = t.settings()
        t.until(lambda: b"\x1b[?1049h" in t.raw)  # from here on there is something to give back
        os.kill(t.pid, getattr(signal, name))
        t.so_far = t.processor_time()
        given_back(t, 128 + getattr(signal, name))


def test_an_interrupt_before_there_is_a_program_is_quiet(tmp_path):
    script = "import sys\nclass Slow:\n  def find_spec(self, name, *more):\n    if name == 'adam_tui.cli.app':\n"
    script += (
        "      raise KeyboardInterrupt\nsys.meta_path.insert(0, Slow())\nfrom adam_tui.__main__ import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


@pytest.mark.parametrize("keys", [(), ("m",)])
def test_a_lost_terminal_ends_it(keys):
    with opened(keys=keys) as t:
        t.hang_up()
        assert t.wait() == HUNG_UP
        assert t.used - t.so_far < SOON


def test_a_lost_terminal_ends_it_where_no_signal_tells_of_it():
    ours, theirs = pty.openpty()  # not its controlling terminal: no process on it gets SIGHUP
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    with subprocess.Popen(COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        seen = b""
        while b"adam" not in seen:
            assert select.select([ours], [], [], 15)[0]
            seen += os.read(ours, 65536)
        os.close(ours)
        assert process.wait(10) == HUNG_UP


def test_a_blocked_terminal_does_not_delay_the_exit():
    with opened() as t:
        busy, end = True, time.monotonic() + 30
        while busy:  # nobody reads, until it can only wait
            assert time.monotonic() < end, "it never waits"
            os.write(t.fd, b"ssAss")
            used = t.processor_time()
            time.sleep(0.4)
            busy = t.processor_time() > used
        os.kill(t.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            assert time.monotonic() < end, "it still waits"
            time.sleep(0.02)
        t.so_far = t.processor_time()
        given_back(t, TERMINATED)


def stop_and_continue(t, stop):
    stop()
    t.until(lambda: os.waitpid(t.pid, os.WUNTRACED | os.WNOHANG)[0] == t.pid)
    t.read(0.05)
    t.screen.reset()
    os.kill(t.pid, signal.SIGCONT)


def test_it_continues_after_a_stop_resizes_and_nonsense():
    with opened(keys=("space",)) as t:
        t.until("┤")  # the loss chart, which is loaded last
        t.until(lambda: t.read(0.5) == 0)
        threads, seen = t.threads(), t.text()
        stop_and_continue(t, lambda: t.press("\x1a"))  # ctrl+z
        t.until(lambda: t.text() == seen)
        assert {"mouse", "pastes", "focus", "other screen", "no cursor"} <= t.left_on()

        stop_and_continue(t, lambda: os.kill(t.pid, signal.SIGSTOP))  # which it cannot catch
        t.until(lambda: t.text() == seen)
        os.kill(t.pid, signal.SIGCONT)  # without having been stopped
        t.until(lambda: t.threads() == threads)
        assert {"mouse", "pastes", "focus", "other screen", "no cursor"} <= t.left_on()

        for i in range(200):
            t.resize(20 + i * 7 % 200, 5 + i % 60)
        t.resize(100, 30)
        t.until(lambda: "╯" in t.screen.display[27] and "step" in t.screen.display[28])

        nonsense = b"\xff\xfe\x80 \x1b[999999999A \x1b[\x1b[<;;M \x1b]52;c;? \x1b\\ \x1bP+q\x1b\\ \x1b[200~\x1b[201~"
        os.write(t.fd, nonsense)
        t.read(0.3)
        t.press("\x1b[27u", "?")
        t.until("Play or pause")
        t.press("q")
        t.until(lambda: "Play or pause" not in t.text())
        t.press("r")
        before = t.text()
        t.until(lambda: t.text() != before)  # it plays
        t.so_far = t.processor_time()
        t.press("q")
        given_back(t, 0)


def test_a_terminal_that_another_program_made_impatient_loses_nothing():
    script = "import fcntl, os, sys; fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_NONBLOCK)"
    script += f"; os.execv({COMMAND[0]!r}, {list(COMMAND)!r})"
    with Terminal((sys.executable, "-c", script), width=200, height=55) as t:
        time.sleep(1.0)  # more than a terminal holds has been written
        t.until("x² + y²")
        t.until(lambda: "╯" in t.screen.display[52] and "step" in t.screen.display[53])
        assert sum(not COMPLEMENT.keys().isdisjoint(line) for line in t.screen.display) > 40


BUG = """
import sys
from adam_tui.cli.app import main
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.widgets import key_line

def bug(*given, **more):
    raise ValueError("a bug in\\x1b[31m it")

{place}
main(args=["--mode", "playground"], prog_name="adam-tui")
"""
PLACES = {
    "a key": "PlaygroundScreen.action_perform = bug",
    "drawing": "key_line.fitting = bug",
    "mounting": "PlaygroundScreen.on_mount = bug",
    "a frame": "PlaygroundScreen._tick = bug",
    "a thread": "PlaygroundScreen._load_charts = bug",
    "a screen that is loaded": "sys.modules['adam_tui.ui.train.screen'] = None",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_bug_anywhere_gives_the_terminal_back_and_names_a_log(tmp_path, place):
    script = tmp_path / "bug.py"
    script.write_text(BUG.format(place=PLACES[place]))
    env = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with Terminal((sys.executable, str(script)), width=100, height=30, env=env) as t:
        before = t.settings()
        if place in ("a key", "a screen that is loaded"):
            t.until("x² + y²")
            t.press("2" if place != "a key" else "i")
        assert t.wait() == 1
        t.read(0.2)
        assert t.left_on() == set()
        assert t.settings() == before
    said = t.raw[t.raw.rindex(b"adam-tui: ") :].decode()
    assert "Error: " in said
    assert "; see " in said
    assert said.count("\n") == 1
    [log] = tmp_path.rglob("adam-tui.log")
    assert str(log) in said
    assert "Traceback" not in t.raw.decode(errors="replace")
    assert log.read_text().count("Traceback") >= 1
