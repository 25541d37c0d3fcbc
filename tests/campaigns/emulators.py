"""The campaign of real terminals: `python tests/campaigns/emulators.py [NAME ...]`.

Starts each terminal that is installed at 120×40 cells on a screen without a monitor (Xvfb), plays a race to a fixed
step in it, photographs it, and compares the pixels with the cells that the app sent: the bands' colours, their edges,
seams between blocks, the dots of paths, markers, and the hats of the formulas. Prints the table of README.md, and
keeps a picture of each terminal in --pictures.

Debian packages: xvfb, xdotool, imagemagick, weston (foot needs Wayland), dbus (gnome-terminal), and the terminals.
The pictures deserve a look: whether a marker is round, or a letter ugly, is not compared.
"""

import argparse
import asyncio
import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import mode

import numpy as np
import pyte
from PIL import Image
from pyte.graphics import FG_BG_256

sys.path.insert(0, str(Path(__file__).parents[1]))

from chromium import browse, installed
from pty_terminal import UNKNOWN
from web_serving import Served

from adam_tui.draw.blocks import PARTS, QUADRANTS

COLUMNS, ROWS = 120, 40
TITLE = "Playground · adam-tui"
TITLE_SECONDS = 1.5  # until the title follows the screen
SCREEN = "1920x1200x24"
STEP = "60"
RACE = ("--lane", "adam:lr=0.1", "--lane", "momentum:lr=0.02,momentum=0.9", "--lane", "sgd:lr=0.05")
KEYS = ("space", "g", *STEP, "Return")
READY, SHOWN = r"\? keys", rf"\b{STEP}/"  # on the screen before the keys, and after them
PATIENCE = 40.0
MARK = (255, 0, 255)  # colour 201 of 256: the first and the last cell are filled with it before the app starts
PLOT = (slice(2, ROWS - 6), slice(8, 68))  # rows and columns that are the contour's
BRAILLE = range(0x2801, 0x2900)
DOTS = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1))  # row and column of each bit of a braille cell
SHADES = "░▒▓"
MARKERS = "●◆▲■▼★○✛"
ALIKE = 3  # of 255: how far a channel may be off in a colour that is right
HAT = 200  # the ink of a hat at least: the sum over its pixels and channels
OFF_CENTER = 0.25  # of a cell: how far a font may set its dots from where they belong; dots are so far apart
DCS = re.compile(rb"\x1b[P_].*?\x1b\\", re.DOTALL)  # pyte does not know them

XTERM = ("xterm", "-geometry", f"{COLUMNS}x{ROWS}", "-fa", "DejaVu Sans Mono", "-fs", "11", "-e")
# Each is followed by the program that is started in the terminal.
X = {
    "xterm": XTERM,
    "xterm, 256 colours": XTERM,
    "xterm, 16 colours": XTERM,
    "xterm, bitmap font": ("xterm", "-geometry", f"{COLUMNS}x{ROWS}", "-e"),
    "urxvt": ("urxvt", "-geometry", f"{COLUMNS}x{ROWS}", "-e"),
    "st": ("st", "-g", f"{COLUMNS}x{ROWS}", "-e"),
    "kitty": (
        *("kitty", "--config", "NONE", "-o", "remember_window_size=no", "-o", f"initial_window_width={COLUMNS}c"),
        *("-o", f"initial_window_height={ROWS}c", "-o", "update_check_interval=0"),
    ),
    "alacritty": (
        *("alacritty", "-o", f"window.dimensions.columns={COLUMNS}", "-o", f"window.dimensions.lines={ROWS}", "-e"),
    ),
    "xfce4-terminal (VTE)": ("xfce4-terminal", "--disable-server", f"--geometry={COLUMNS}x{ROWS}", "-x"),
    "gnome-terminal (VTE)": (
        *("dbus-run-session", "--", "gnome-terminal", "--wait", f"--geometry={COLUMNS}x{ROWS}", "--"),
    ),
    "konsole": ("konsole", "-p", f"TerminalColumns={COLUMNS}", "-p", f"TerminalRows={ROWS}", "-e"),
}
WAYLAND = {"foot": ("foot", "-W", f"{COLUMNS}x{ROWS}")}
SETTINGS = {  # of the app
    "xterm, 256 colours": {"TEXTUAL_COLOR_SYSTEM": "256"},
    "xterm, 16 colours": {"TEXTUAL_COLOR_SYSTEM": "standard"},
}
PROGRAMS = {"gnome-terminal (VTE)": "gnome-terminal"}  # that have to be installed, where it is not the first word
BROWSER = "Chromium"
BROWSER_CELL = 9, 18  # pixels, of the font that the page brings along

START = r"""
printf '\033[?25l'
while [ ! -e go ]; do
    stty size > size
    printf '\033[2J\033[H\033[48;5;201m \033[0m\033[999;999H\033[48;5;201m \033[0m\033[H'
    sleep 0.3
done
printf '\033[2J\033[H\033[?25h'
touch started
exec script -q -e -f -O log -c '{command}'
"""


# --- the cells that the app sent --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """The cells of a log of the app's output."""

    screen: pyte.Screen

    @classmethod
    def of(cls, log, columns=COLUMNS, rows=ROWS):
        """Read a log."""
        screen = pyte.Screen(columns, rows)
        pyte.ByteStream(screen).feed(UNKNOWN.sub(b"", DCS.sub(b"", log)))
        return cls(screen)

    @property
    def depth(self):
        """The depth of the contour's colours."""
        colors = {cell.bg for _, _, cell in self.plot()}
        return "16" if not any(map(rgb, colors)) else "256" if colors <= set(FG_BG_256) else "24-bit"

    @property
    def text(self):
        """The screen as text."""
        return "\n".join(self.screen.display)

    def plot(self):
        """Each cell of the contour, with its row and column."""
        for row in range(self.screen.lines)[PLOT[0]]:
            for column in range(self.screen.columns)[PLOT[1]]:
                yield row, column, self.screen.buffer[row][column]


def blocks_of(sent):
    """The finest blocks in the contour."""
    seen = {cell.data for _, _, cell in sent.plot()}
    if any(block not in QUADRANTS for block in seen & PARTS.keys()):
        return "sextants"
    return "quadrants" if seen & set("▗▖▝▐▞▟▘▚▌▙▜▛") else "halves" if seen & set("▀▄") else "none"


# --- the pixels that the terminal shows -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A picture of the terminal, and the box of its cells in pixels."""

    pixels: np.ndarray
    left: int
    top: int
    wide: float  # of one cell
    high: float

    def cell(self, row, column):
        """The pixels of a cell."""
        top, left = round(self.top + row * self.high), round(self.left + column * self.wide)
        return self.pixels[
            top : round(self.top + (row + 1) * self.high), left : round(self.left + (column + 1) * self.wide)
        ]


def marked_box(pixels):
    """The box around the pixels of the mark as left, top, right, bottom; None without it."""
    rows, columns = np.nonzero((pixels == MARK).all(axis=2))
    if not len(rows):
        return None
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def rgb(name):
    """A colour of pyte as red, green, blue; None for the terminal's own."""
    return tuple(bytes.fromhex(name)) if re.fullmatch(r"[0-9a-f]{6}", name) else None


def near(pixel, color):
    """Whether it is the colour."""
    return int(np.abs(pixel.astype(int) - color).max()) <= ALIKE


def inked(pixels, fg, bg):
    """How much of each pixel is inked: 1 where it has the colour of the ink, 0 where it has that of the ground."""
    way = np.subtract(fg, bg).astype(float)
    return (((pixels.astype(float) - bg) @ way) / max(way @ way, 1)).clip(0, 1)


class Comparison:
    """How many cells of each kind are right."""

    def __init__(self, sent, shown, title):
        self.sent, self.shown, self.title = sent, shown, title
        self.right, self.all = Counter(), Counter()
        self.own = self._own_colors()
        self._shades = {}  # the mean of the first cell of each shade
        for row, column, cell in sent.plot():
            pixels = shown.cell(row, column)
            if cell.data in SHADES:
                self._shade(pixels, (cell.data, cell.fg, cell.bg))
                continue
            fg, bg = self.color(cell.fg), self.color(cell.bg)
            if cell.reverse:
                fg, bg = bg, fg
            if fg is None or bg is None:
                continue
            if cell.data in PARTS:
                self._block(pixels, PARTS[cell.data], fg, bg)
            elif ord(cell.data[0]) in BRAILLE:
                self._dots(pixels, ord(cell.data[0]) - 0x2800, fg, bg)
            elif cell.data[0] in MARKERS:
                self._marker(pixels, fg, bg)

    def _own_colors(self):
        """The terminal's own colours by name, each as most blank cells with it show it."""
        seen = defaultdict(list)
        for row, column, cell in self.sent.plot():
            if cell.data == " " and not cell.reverse:
                pixels = self.shown.cell(row, column)
                seen[cell.bg].append(tuple(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].tolist()))
        return {name: mode(colors) for name, colors in seen.items()}

    def color(self, name):
        """A colour that the app sent."""
        return rgb(name) or self.own.get(name)

    def _count(self, kind, right):
        self.all[kind] += 1
        self.right[kind] += bool(right)

    def _shade(self, pixels, kind):
        """Compare the mean with that of the first cell of its kind, and with those of all other kinds."""
        mean = float(pixels.mean())
        alike = {each for each, other in self._shades.items() if abs(other - mean) <= ALIKE}
        self._count("bands", alike <= {kind} and abs(self._shades.setdefault(kind, mean) - mean) <= ALIKE)

    def _block(self, pixels, parts, fg, bg):
        """Compare the middle of each part, and its outermost pixels, where a seam shows first."""
        high, wide = pixels.shape[:2]
        rows, edge = len(parts) // 2, fg != bg and len(set(parts)) > 1
        for index, inked in enumerate(parts):
            row, column = divmod(index, 2)
            y, x = int((row + 0.5) * high / rows), int((column + 0.5) * wide / 2)
            right = near(pixels[y, x], fg if inked else bg)
            self._count("edges" if edge else "bands", right)
            outer = [pixels[y, -column], pixels[0, x]][: 2 if row == 0 else 1] + [pixels[-1, x]] * (row == rows - 1)
            if right:
                self._count("seamless", all(near(pixel, fg if inked else bg) for pixel in outer))

    def _dots(self, pixels, bits, fg, bg):
        """Compare the middle of the ink with that of the dots, and a corner, which a box around it would reach."""
        ink = inked(pixels, fg, bg)
        dots = [(row + 0.5, column + 0.5) for bit, (row, column) in enumerate(DOTS) if bits >> bit & 1]
        middle = np.mean(dots, axis=0) / (4, 2)
        rows, columns = (np.arange(length) + 0.5 for length in ink.shape)
        seen = np.array((ink.sum(axis=1) @ rows, ink.sum(axis=0) @ columns)) / max(ink.sum(), 1e-9) / ink.shape
        self._count("path", ink.mean() > 0.005 * len(dots) and np.abs(seen - middle).max() < OFF_CENTER)
        self._count("ground", near(pixels[0, 0], bg))

    def _marker(self, pixels, fg, bg):
        high, wide = pixels.shape[:2]
        inner = pixels[high // 4 : high - high // 4, wide // 8 : wide - wide // 8]
        self._count("markers", inked(inner, fg, bg).mean() > 0.1)
        self._count("ground", near(pixels[0, 0], bg))

    def percent(self, kind):
        """The part of the cells that is right, as text."""
        return f"{100 * self.right[kind] / self.all[kind]:.0f}%" if self.all[kind] else "–"

    def hats(self):
        """How the terminal shows m̂: by the ink above the letter, compared with that above a plain m."""
        places = {
            cell.data: (row, column)
            for row, line in self.sent.screen.buffer.items()
            for column, cell in line.items()
            if cell.data in ("m", "m\u0302") and column > 70
        }
        if "m\u0302" not in places:
            return "m^" if "m^" in self.sent.text else "none"
        inks = {}
        for data, (row, column) in places.items():
            pixels = self.shown.cell(row, column).astype(int)
            upper = pixels[: pixels.shape[0] // 3]
            inks[data] = int(np.abs(upper - upper[0, 0]).sum())
        return "drawn" if inks["m\u0302"] > inks.get("m", 0) + HAT else "missing"

    def row(self, name):
        """A row of the table."""
        cell = f"{self.shown.wide:.4g}×{self.shown.high:.4g}"
        kinds = ("bands", "edges", "seamless", "path", "markers", "ground")
        return (name, cell, self.sent.depth, blocks_of(self.sent), *map(self.percent, kinds), self.hats(), self.title)


HEADER = (
    *(
        "terminal",
        "cell",
        "colours",
        "blocks",
        "bands",
        "edges",
        "seamless",
        "paths",
        "markers",
        "ground",
        "hats",
        "title",
    ),
)


# --- terminals --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(command, **settings):
    """A program that is ended afterwards."""
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True, **settings)
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)


@contextlib.contextmanager
def x_screen():
    """A screen without a monitor; its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    with running(command, pass_fds=[writing]):
        os.close(writing)
        with open(reading) as names:
            yield f":{names.readline().strip()}"


def until(condition, name):
    """Wait until a condition holds; its value. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(name)
        time.sleep(0.1)
    return value


def photograph(environment):
    """The screen as pixels."""
    command = ["import", "-silent", "-window", "root", "-depth", "8", "ppm:-"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return np.asarray(Image.open(io.BytesIO(done.stdout)))


def still(environment):
    """The screen as pixels, once two photographs in a row are equal."""
    last = photograph(environment)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.4)
        now = photograph(environment)
        if np.array_equal(now, last):
            return now
        last = now
    raise TimeoutError("the picture never rests")


def clean_environment(folder, display):
    """The variables of a new session of a user: each terminal adds its own."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in os.environ}
    (folder / "config.toml").write_text("hints = false\n")
    (folder / "run").mkdir(mode=0o700)
    return kept | {
        **{"HOME": str(folder), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "DISPLAY": display, "SHELL": "/bin/sh"},
        **{"XDG_RUNTIME_DIR": str(folder / "run"), "ADAM_TUI_CONFIG": str(folder / "config.toml")},
        **{"ADAM_TUI_RUNS": str(folder / "runs"), "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "xcb"},
        # Without a bus of its own a terminal starts one, with services that outlive it.
        **{"DBUS_SESSION_BUS_ADDRESS": "disabled:", "GTK_USE_PORTAL": "0", "GIO_USE_VFS": "local"},
        **{"WINIT_X11_SCALE_FACTOR": "1", "NO_AT_BRIDGE": "1"},
    }


def play(folder, environment):
    """Play the session in a terminal that is on the screen; the comparison."""

    def press(*keys):
        subprocess.run(["xdotool", "key", "--delay", "80", *keys], env=environment, check=True)

    def marked():
        boxes = []
        for _ in range(2):
            boxes.append(marked_box(photograph(environment)))
            time.sleep(0.35)
        size = (folder / "size").read_text().split() if (folder / "size").exists() else []
        box = boxes[0]
        right_size = size == [str(ROWS), str(COLUMNS)]
        return box if box and boxes[1] == box and box[2] - box[0] > 400 and right_size else None

    def sent():
        log = (folder / "log").read_bytes() if (folder / "log").exists() else b""
        return Sent.of(log.partition(b"\n")[2])  # the first line is script's

    left, top, right, bottom = until(marked, "the window with its marks")
    middle = (str((left + right) // 2), str((top + bottom) // 2))
    subprocess.run(["xdotool", "mousemove", *middle, "click", "1", "mousemove", "1", "1"], env=environment, check=True)
    (folder / "go").touch()
    until(lambda: re.search(READY, sent().text), "the first picture")
    time.sleep(1)
    press(*KEYS)
    until(lambda: re.search(SHOWN, sent().text), f"step {STEP}")
    pixels = still(environment)
    time.sleep(TITLE_SECONDS)
    search = subprocess.run(["xdotool", "search", "--name", TITLE], env=environment, capture_output=True)
    title = "–" if "WAYLAND_DISPLAY" in environment else "shown" if search.stdout else "none"
    shown = Shown(pixels, left, top, (right - left) / COLUMNS, (bottom - top) / ROWS)
    result = Comparison(sent(), shown, title)
    press("q")
    margin = 40
    return result, pixels[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin]


def visit(name, folder):
    """Start one terminal and play the session in it; the comparison and its picture."""
    if name == BROWSER:
        return asyncio.run(visit_browser(folder))
    command = f"{sys.executable} -m adam_tui {' '.join(RACE)}"
    (folder / "start.sh").write_text(START.replace("{command}", command))
    with x_screen() as display, contextlib.ExitStack() as stack:
        environment = clean_environment(folder, display) | SETTINGS.get(name, {})
        program = (*(X | WAYLAND)[name], "sh", str(folder / "start.sh"))
        if name in WAYLAND:
            socket = "wayland-campaign"
            weston = ["weston", "--backend=x11-backend.so", "--width=1800", "--height=1100", f"--socket={socket}"]
            stack.enter_context(running([*weston, "--idle-time=0"], env=environment))
            until((folder / "run" / socket).exists, "weston")
            environment["WAYLAND_DISPLAY"] = socket
        terminal = stack.enter_context(running(program, env=environment, cwd=folder))
        seen = play(folder, environment)
        with contextlib.suppress(subprocess.TimeoutExpired):
            terminal.wait(3)  # it ends with the app, and the services of its desktop with it
        return seen


async def visit_browser(folder):
    """Open the served page and play the session in it; the comparison and its picture."""
    os.environ["ADAM_TUI_CONFIG"] = clean_environment(folder, "")["ADAM_TUI_CONFIG"]
    served = Served(folder / "runs", *RACE)
    wide, high = BROWSER_CELL

    async def until_shown(page, pattern):
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, Sent.of(page.received).text):
            if time.monotonic() > end:
                raise TimeoutError(pattern)
            await page.value("0")  # receives what has come
            await asyncio.sleep(0.1)

    try:
        async with browse(folder / "browser") as page:
            size = {"width": COLUMNS * wide, "height": ROWS * high}
            await page.do("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)
            await page.open(served.address)
            await until_shown(page, READY)
            await asyncio.sleep(1)
            for key in KEYS:
                await page.press({"space": " ", "Return": "\r"}.get(key, key))
                await asyncio.sleep(0.1)
            await until_shown(page, SHOWN)
            await asyncio.sleep(TITLE_SECONDS)
            pixels = np.asarray(Image.open(io.BytesIO(await page.screenshot())).convert("RGB"))
            title = "shown" if re.search(TITLE, await page.value("document.title")) else "none"
            return Comparison(Sent.of(page.received), Shown(pixels, 0, 0, wide, high), title), pixels
    finally:
        served.close()


def is_installed(name):
    """Whether a terminal can be started, and all that it needs here."""
    if name == BROWSER:
        return installed() is not None
    programs = {PROGRAMS.get(name), (X | WAYLAND)[name][0], "weston" if name in WAYLAND else None} - {None}
    return all(map(shutil.which, programs))


def table(rows):
    """The table in Markdown."""
    lines = [HEADER, (":--",) * len(HEADER), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    """Visit the terminals, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*X, *WAYLAND, BROWSER]
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}; all of them by default")
    parser.add_argument("--pictures", type=Path, default=Path(tempfile.gettempdir()) / "emulators", metavar="FOLDER")
    given = parser.parse_args()
    given.pictures.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in given.names or names:
        if not is_installed(name):
            print(f"{name}: not installed", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                comparison, picture = (
                    asyncio.run(visit_browser(Path(folder))) if name == BROWSER else visit(name, Path(folder))
                )
            except (TimeoutError, subprocess.SubprocessError) as error:
                print(f"{name}: never seen: {error}", file=sys.stderr)
                continue
        Image.fromarray(picture).save(given.pictures / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.png")
        rows.append(comparison.row(name))
        print(rows[-1], file=sys.stderr)
    print(table(rows))


if __name__ == "__main__":
    main()
