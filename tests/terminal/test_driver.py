"""Text for a lost terminal is dropped without an error, and the last of several sizes is the one that stays."""

import asyncio
import io
import os
import signal
from types import SimpleNamespace

import pytest

from adam_tui.terminal.driver import TerminalDriver, TerminalFile


class Lost(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is lost")

    def flush(self):
        raise OSError("the terminal is lost")


def test_writing_to_a_lost_terminal_succeeds():
    file = TerminalFile(Lost())
    assert file.write("abc") == 3
    file.flush()


@pytest.mark.skipif(not hasattr(signal, "SIGWINCH"), reason="the platform has no SIGWINCH")
async def test_a_resize_during_the_handler_of_another_is_reported_last():
    terminal, reported = SimpleNamespace(size=(101, 30)), []

    def textuals(number, frame):
        size = terminal.size
        if size == (101, 30):  # the terminal changes again, after its size was read and before it is reported
            terminal.size = (100, 30)
            os.kill(os.getpid(), signal.SIGWINCH)
        reported.append(size)

    driver = object.__new__(TerminalDriver)
    driver._loop = asyncio.get_running_loop()
    driver._painter = SimpleNamespace(buffer=SimpleNamespace(width=80, height=24))
    driver._measure_cells = lambda: None
    driver._get_terminal_size = lambda: terminal.size
    before = signal.signal(signal.SIGWINCH, textuals)
    try:
        driver._follow_resizes()
        os.kill(os.getpid(), signal.SIGWINCH)
        await asyncio.sleep(0.05)
    finally:
        signal.signal(signal.SIGWINCH, before)
    assert reported == [(101, 30), (100, 30)]
