"""The long campaign of faults in the terminal: `python tests/campaigns/terminal.py`.

Every ending signal and a lost terminal, in every mode, with every kind of window open, at many moments of the start,
while it plays and while a run trains: the time until the end, the exit status, the processor time, and whether the
terminal was restored. tests/terminal/test_terminal_faults.py has one case of each kind.
"""

import argparse
import collections
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pty_terminal import Terminal

COMMAND = (sys.executable, "-m", "adam_tui")
SIGNALS = ("SIGHUP", "SIGTERM", "SIGINT", "SIGQUIT")
LOST = "lost"
MODES = {"playground": "x² + y²", "train": "lr", "learn": "Start here"}
WINDOWS = {
    "playground": {"playing": "", "keys": "?", "palette": "\x10", "a formula": "F", "a pick": "m", "export": "e"},
    "train": {"nothing": "", "a value": "\r", "a search": "/", "copy": "c", "palette": "\x10"},
    "learn": {"a page": "", "contents": "\r", "keys": "?"},
}
ALLOWED = 1.0  # seconds until it has ended


class Result:
    """The results of the cases of one kind."""

    def __init__(self):
        self.cases, self.slowest, self.busiest = 0, 0.0, 0.0
        self.statuses, self.wrong = collections.Counter(), []

    def row(self, name):
        """A row of the table."""
        statuses = " ".join(f"{status}:{count}" for status, count in sorted(self.statuses.items(), key=str))
        return (
            f"{name:40} {self.cases:4} cases, ended within {self.slowest:5.2f} s, "
            f"{self.busiest:5.2f} s of a processor, status {statuses}"
            + "".join(f"\n    WRONG {each}" for each in self.wrong)
        )


def expected(fault):
    return 128 + getattr(signal, "SIGHUP" if fault == LOST else fault)


def inject(terminal, fault):
    """Inject it; return the exit status (None if none came), the seconds and the processor seconds until then."""
    before, began = terminal.processor_time(), time.monotonic()
    if fault == LOST:
        terminal.hang_up()
    else:
        os.kill(terminal.pid, getattr(signal, fault))
    try:
        status = terminal.wait(10)
    except AssertionError:
        return None, 99.0, 99.0
    return status, time.monotonic() - began, terminal.used - before


def try_fault(result, what, terminal, fault, settings, allowed_statuses=()):
    """Inject the fault, and record what is wrong afterwards."""
    status, took, used = inject(terminal, fault)
    result.cases += 1
    result.slowest, result.busiest = max(result.slowest, took), max(result.busiest, used)
    result.statuses[status] += 1
    wrong = []
    if status not in (expected(fault), *allowed_statuses):
        wrong.append(f"status {status}")
    if took > ALLOWED:
        wrong.append(f"{took:.2f} s")
    if terminal._open:
        terminal.read(0.05)
        if terminal.left_on():
            wrong.append(f"left on: {terminal.left_on()}")
        if terminal.settings() != settings:
            wrong.append("termios")
        if b"Traceback" in terminal.raw:
            wrong.append("a traceback")
    if wrong:
        result.wrong.append(f"{what}: {', '.join(wrong)}")


def in_windows(env):
    """Every fault in every mode, in every kind of window."""
    for mode, windows in WINDOWS.items():
        result = Result()
        for window, keys in windows.items():
            for fault in (*SIGNALS, LOST):
                with Terminal((*COMMAND, "--mode", mode), env=env) as terminal:
                    settings = terminal.settings()
                    terminal.until(MODES[mode])
                    terminal.read(0.5)
                    terminal.press(*keys)
                    try_fault(result, f"{fault} in {window}", terminal, fault, settings)
        yield f"{mode}, {len(windows)} windows", result


def in_the_start(env, every):
    """Every fault at later and later moments of the start; before the handlers are set, a signal kills the program."""
    for fault in ("SIGHUP", "SIGTERM", "SIGINT", LOST):
        result = Result()
        for after in range(0, 1500, every):
            with Terminal(COMMAND, env=env) as terminal:
                settings, end = terminal.settings(), time.monotonic() + after / 1000
                while (left := end - time.monotonic()) > 0:
                    terminal.read(left)
                untouched = b"\x1b[?1049h" not in terminal.raw
                killed = (-getattr(signal, "SIGHUP" if fault == LOST else fault), 1) if untouched else ()
                try_fault(result, f"after {after} ms", terminal, fault, settings, killed)
        yield f"{fault} in the start, every {every} ms", result


def blocked(env):
    """Every fault while nobody reads the terminal."""
    result = Result()
    for fault in (*SIGNALS, LOST) * 4:
        with Terminal(COMMAND, env=env) as terminal:
            settings = terminal.settings()
            terminal.until("x² + y²")
            busy, end = True, time.monotonic() + 30
            while busy and time.monotonic() < end:
                os.write(terminal.fd, b"ssAss")
                used = terminal.processor_time()
                time.sleep(0.4)
                busy = terminal.processor_time() > used
            began = time.monotonic()
            if fault == LOST:
                terminal.hang_up()
            else:
                os.kill(terminal.pid, getattr(signal, fault))
            ended = None
            while ended is None and time.monotonic() < began + 10:
                time.sleep(0.005)
                ended = os.waitid(os.P_PID, terminal.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            took = time.monotonic() - began
            result.cases += 1
            result.slowest = max(result.slowest, took)
            result.statuses[terminal.wait() if ended else "hung"] += 1
            terminal.read(0.1)
            if terminal._open and (terminal.left_on() or terminal.settings() != settings):
                result.wrong.append(f"{fault}: left on {terminal.left_on()}")
            if took > ALLOWED:
                result.wrong.append(f"{fault}: {took:.2f} s")
    yield "blocked terminal", result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=20, help="milliseconds between two moments of the start")
    asked = parser.parse_args()
    # The program inherits ignored signals (in the background, under nohup) until it sets its handlers.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # With a handler, a signal between fork and exec would be lost.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="adam-tui-terminal-") as folder:
        env = {"ADAM_TUI_CONFIG": f"{folder}/config.toml", "ADAM_TUI_RUNS": f"{folder}/runs", "HOME": folder}
        Path(folder, "config.toml").touch()
        for kind in (blocked(env), in_windows(env), in_the_start(env, asked.every)):
            for name, result in kind:
                print(result.row(name), flush=True)
                wrong += len(result.wrong)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
