"""How the program leaves the terminal: the sequences that restore it, and the signals that end the program.

No Textual: the first picture needs this before Textual is loaded.
"""

from __future__ import annotations

from adam_tui.terminal.sgr import RESET

ALTERNATE_SCREEN, NORMAL_SCREEN = "\x1b[?1049h", "\x1b[?1049l"  # xterm's private modes (DECSET)
# Sent before the normal screen: GNU screen and the Linux console have no other one, so the picture would stay there.
CLEAR = "\x1b[H\x1b[2J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

# The text of Textual's `stop_application_mode`: no reports of mouse, pastes, focus and sizes, line wrap, plain keys,
# the normal screen with its cursor.
RESTORED = f"{RESET}\x1b[?1000;1003;1015;1006;2004;1004;2048l\x1b[?7h\x1b[<u{CLEAR}{NORMAL_SCREEN}{SHOW_CURSOR}"

# Signals that end the program with the terminal restored, and the exit status that a shell reports for each. SIGINT
# and SIGQUIT come from other programs: in the app ctrl+c and ctrl+\\ are keys.
ENDING_SIGNALS = {"SIGHUP": 128 + 1, "SIGINT": 128 + 2, "SIGQUIT": 128 + 3, "SIGTERM": 128 + 15}
