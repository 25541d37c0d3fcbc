"""On terminals of all kinds the bowl, the path and its head, curves, the chosen row and headings can be told apart.

Looked at through pyte, cell by cell, with the colours that the terminal would show. What has to be seen on a band has a
contrast of 3:1 to it (WCAG 2.2, for what is not text), and no two bands that lie beside each other look alike.
"""

import math
import os
import re
import shutil
import statistics
import subprocess
import time

import pyte
import pytest
from made_runs import MadeRun
from pty_terminal import COMMAND, UNKNOWN, Terminal

from adam_tui.draw.color import contrast, luminance

WIDTH, HEIGHT = 100, 30
PLOT = [(y, x) for y in range(3, 24) for x in range(8, 48)]
MIDDLE = (13, 27)  # a cell near the minimum of the bowl
SEEN = 3.0  # contrast
FEW = 8  # cells that a band has at least
# The sixteen colours as the Linux console and most terminals have them, by pyte's names.
NAMED = dict(
    zip(
        ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white"),
        ("000000", "aa0000", "00aa00", "aa5500", "0000aa", "aa00aa", "00aaaa", "aaaaaa"),
        strict=True,
    )
)
BRIGHT = ("555555", "ff5555", "55ff55", "ffff55", "5555ff", "ff55ff", "55ffff", "ffffff")
NAMED |= dict(zip([f"bright{name}" for name in NAMED], BRIGHT, strict=True))
NAMED |= {"bfightmagenta": NAMED["brightmagenta"]}  # so spelled in pyte
# How much of a cell of one band is in its foreground; a half block may show two bands.
INK = {" ": 0.0, "░": 0.25, "▒": 0.5, "▓": 0.75, "█": 1.0}
INK |= {glyph: share / 8 for share, glyph in enumerate(" .:-=%&@")}
PATH = re.compile("[\u2801-\u28ff]")


class Kind:
    """A kind of terminal: its environment, the flags, and what its font has for a path and a head.

    A `twin` differs from another kind in how it is recognised only; its playground shows whether it was.
    """

    def __init__(self, env, *flags, bands=4, path=PATH, head="●", dark=True, twin=False):
        self.env = {"COLORTERM": None, **env}
        self.flags, self.bands, self.path, self.head = flags, bands, path, head
        self.dark, self.twin = dark, twin


ASCII = {"path": re.compile(r"\*"), "head": "o"}
KINDS = {
    "24 bits": Kind({"COLORTERM": "truecolor"}, bands=6),
    "256 colours": Kind({"TERM": "xterm-256color"}, bands=3),
    "tmux": Kind({"TERM": "tmux-256color"}, bands=3, twin=True),
    "screen, 256 colours": Kind({"TERM": "screen-256color"}, bands=3, twin=True),
    "screen": Kind({"TERM": "screen"}, twin=True),
    "16 colours": Kind({"TERM": "xterm"}),
    "vt100": Kind({"TERM": "vt100"}, twin=True),
    "Linux console": Kind({"TERM": "linux"}, path=re.compile(r"\*"), head="•"),
    "NO_COLOR": Kind({"NO_COLOR": "1", "TERM": "xterm-256color"}, bands=3),
    "16 colours, NO_COLOR": Kind({"NO_COLOR": "1", "TERM": "xterm"}),
    "ASCII": Kind({"COLORTERM": "truecolor"}, "--ascii", "--no-mouse", **ASCII),
    "ASCII, 16 colours": Kind({"TERM": "xterm"}, "--ascii", **ASCII),
    "a locale of ISO 8859-1": Kind({"COLORTERM": "truecolor", "PYTHONIOENCODING": "iso-8859-1"}, twin=True, **ASCII),
    "a locale of EUC-JP": Kind({"TERM": "xterm", "PYTHONIOENCODING": "euc-jp"}, twin=True, **ASCII),
    "LANG=C": Kind({"LANG": "C", "LC_ALL": "C", "COLORTERM": "truecolor"}, bands=6, twin=True),
    "light": Kind({"THEME": "adam-light", "COLORTERM": "truecolor"}, bands=6, dark=False),
    "light, 16 colours": Kind({"THEME": "adam-light", "TERM": "xterm"}, dark=False),
    "the terminal's own, dark": Kind({"THEME": "ansi-dark", "TERM": "xterm-256color"}, bands=3),
    "the terminal's own, light": Kind({"THEME": "ansi-light", "TERM": "xterm-256color"}, dark=False),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def terminal(kind, tmp_path):
    made = MadeRun(tmp_path / "runs").start().train(3)
    made.end("stopped")
    MadeRun(tmp_path / "runs", "lion").start().train(2).end("stopped")
    theme = kind.env.get("THEME")
    (tmp_path / "config.toml").write_text(f'theme = "{theme}"\n' if theme else "")
    env = {**kind.env, "ADAM_TUI_CONFIG": str(tmp_path / "config.toml"), "ADAM_TUI_RUNS": str(tmp_path / "runs")}
    with Terminal((*COMMAND, *kind.flags), width=WIDTH, height=HEIGHT, env=env) as t:
        yield t


def color(name, kind, ground):
    """The colour that a terminal shows for what pyte calls it; its own background and foreground by default."""
    if name == "default":
        return (0, 0, 0) if kind.dark == (ground == "bg") else (255, 255, 255)
    text = NAMED.get(name, name)
    return tuple(int(text[i : i + 2], 16) for i in (0, 2, 4))


class Look:
    """A cell as it is seen."""

    def __init__(self, cell, kind):
        self.text = cell.data
        fg, bg = (color(cell.fg, kind, "fg"), color(cell.bg, kind, "bg"))
        self.fg, self.bg = (bg, fg) if cell.reverse else (fg, bg)
        self.marked = cell.bold or cell.underscore or cell.reverse
        self.contrast = contrast(self.fg, self.bg)

    @property
    def light(self):
        """How bright the cell is as a whole, for one that shows a band."""
        ink = INK.get(self.text, 0.0)
        return ink * float(luminance(self.fg)) + (1 - ink) * float(luminance(self.bg))


def looks(terminal, kind, places):
    return [Look(terminal.screen.buffer[y][x], kind) for y, x in places]


def test_the_bowl_the_path_the_curves_the_chosen_row_and_headings_can_be_told_apart(kind, terminal):
    terminal.until(lambda: any(int(step) > 15 for step in re.findall(r"(\d+)/400", terminal.text())))
    terminal.press("space")
    terminal.read(0.2)
    bands_are_told_apart(terminal, kind)
    the_path_and_its_head_are_seen(terminal, kind)
    if kind.twin:
        return
    terminal.press("2")
    terminal.until("93.00%")
    terminal.until(lambda: sum(bool(kind.path.match(look.text)) for look in looks(terminal, kind, PLOT)) > 5)
    curves_are_seen(terminal, kind)
    the_chosen_row_is_marked(terminal, kind)
    terminal.press("3")
    terminal.until("Start here")
    headings_are_marked(terminal, kind)
    if kind.head == "o":
        terminal.press("?")
        terminal.until("A line down")
        assert terminal.text().isascii(), [c for c in terminal.text() if not c.isascii()]
    if "--no-mouse" in kind.flags:
        assert not re.search(rb"\x1b\[\?(9|100[0-35-6]|1015|1016)[;h]", terminal.raw), "no mouse is asked for"


def bands_are_told_apart(terminal, kind):
    """The bands lie around the minimum, from the darkest to the lightest, or on light paper the other way round."""
    distances = {}
    for (y, x), look in zip(PLOT, looks(terminal, kind, PLOT), strict=True):
        if look.text in INK:
            distances.setdefault(round(look.light, 6), []).append(math.hypot(x - MIDDLE[1], 2 * (y - MIDDLE[0])))
    bands = [(statistics.median(places), light) for light, places in distances.items() if len(places) >= FEW]
    lights = [light for _, light in sorted(bands)]
    assert len(lights) >= kind.bands, lights
    pairs = [(near, far) for i, near in enumerate(lights) for far in lights[i + 1 :]]
    in_order = sum((near < far) == kind.dark for near, far in pairs)
    assert in_order >= 0.95 * len(pairs), lights  # a character's ink is not exactly what it is taken for


def the_path_and_its_head_are_seen(terminal, kind):
    cells = looks(terminal, kind, PLOT)
    path = [look for look in cells if kind.path.match(look.text)]
    assert len(path) >= 5
    heads = [look for look in cells if look.text == kind.head and look.marked]
    assert len(heads) == 1, "its head, and only one"
    assert min(look.contrast for look in (*path, *heads)) >= SEEN


def curves_are_seen(terminal, kind):
    curve = [look for look in looks(terminal, kind, PLOT) if kind.path.match(look.text)]
    bright = [look for look in curve if look.contrast >= SEEN]
    assert len(bright) > len(curve) // 3, "the averages; single steps may be faint"


def the_chosen_row_is_marked(terminal, kind):
    rows = [y for y, line in enumerate(terminal.screen.display) if re.search(r"[▸>]\S+ ?(adam|lion)-", line)]
    assert len(rows) == 1, terminal.text()
    line = terminal.screen.display[rows[0]]
    at = re.search(r"(adam|lion)-", line).start()
    [name] = looks(terminal, kind, [(rows[0], at)])
    assert name.marked
    assert name.contrast >= 4.5


def headings_are_marked(terminal, kind):
    lines = enumerate(terminal.screen.display[1:], 1)
    at = next((y, len(line) - len(line.lstrip())) for y, line in lines if line.strip())
    [heading] = looks(terminal, kind, [at])
    assert heading.marked
    assert heading.contrast >= 4.5
    body = looks(terminal, kind, [(y, x) for y in range(6, 12) for x in range(8, 60)])
    letters = [look for look in body if look.text.isalpha()]
    assert letters
    assert sum(look.marked for look in letters) < len(letters) / 2, "the text is not marked"
    assert sum(look.contrast >= 4.5 for look in letters) > 0.9 * len(letters)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_inside_tmux_all_is_there_and_it_paints_again_when_attached(tmp_path):
    kind = Kind({}, bands=3)
    plain = {name: value for name, value in os.environ.items() if name not in ("COLORTERM", "COLUMNS", "LINES")}
    (tmp_path / "tmux.conf").write_text("set -g status off\n")
    tmux = ("tmux", "-L", f"adam-tui-{tmp_path.name}", "-f", str(tmp_path / "tmux.conf"))

    def ask(*arguments):
        return subprocess.run([*tmux, *arguments], capture_output=True, check=True, timeout=30, env=plain).stdout

    def shown():
        screen = pyte.Screen(WIDTH, HEIGHT)
        pyte.ByteStream(screen).feed(UNKNOWN.sub(b"", ask("capture-pane", "-e", "-p").replace(b"\n", b"\r\n").rstrip()))
        return screen

    def until(condition):
        end = time.monotonic() + 20
        while not condition("\n".join(shown().display)):
            assert time.monotonic() < end, "\n".join(shown().display)
            time.sleep(0.1)

    ask("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), COMMAND[0])
    try:
        until(lambda text: any(int(step) > 50 for step in re.findall(r"(\d+)/400", text)))
        ask("send-keys", "Space")
        until(lambda text: "‖" in text)
        inside = type("Inside", (), {"screen": shown(), "text": lambda self: ""})()
        bands_are_told_apart(inside, kind)
        the_path_and_its_head_are_seen(inside, kind)
        ask("send-keys", "F", "x^4 + y^4", "Enter")  # at once
        until(lambda text: "x^4 + y^4" in text)
        ask("resize-window", "-x", "80", "-y", "24")
        until(lambda text: "╯" in text.splitlines()[21])
        ask("send-keys", "q")
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, timeout=30)
