"""Text for a lost terminal is dropped without an error."""

import io

from adam_tui.terminal.driver import TerminalFile


class Lost(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is lost")

    def flush(self):
        raise OSError("the terminal is lost")


def test_writing_to_a_lost_terminal_succeeds():
    file = TerminalFile(Lost())
    assert file.write("abc") == 3
    file.flush()
