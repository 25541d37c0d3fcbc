"""What a person at the other end of the wire feels: the start, frames, keys, a slow line, a run in training."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, median, quantiles, stdev

from bench.engine_speed import RACE
from bench.wire import CELLS, FRAME, SEXTANT, SIZE, TICKS, Wire, app, bare
from pty_terminal import COMMAND, KEYS, Terminal

from adam_tui.draw.blocks import Blocks
from adam_tui.draw.heat_map import RUNNING, class_colors
from adam_tui.draw.palette import DARK
from adam_tui.engine.surfaces import SURFACES
from adam_tui.runs import control, directory
from adam_tui.runs.recipes import make_spec

FIVE_LANES = ("--surface", "rosenbrock", "--steps", "2000", *(f"--lane={name}" for name in RACE))
TURNS = 40  # with the app and without
SLOW = 20_000  # bytes a second of the slow line
SLICE = 0.01  # seconds between its reads
IN_THE_MIDDLE = 5000  # bytes of the start that have come when the first key is pressed
# The background of the best cells of a class; nothing but a map has this colour.
FIRST_CELLS = "48;2;{};{};{}m".format(*class_colors(DARK)[RUNNING, -1]).encode()
FIRST_STEP = re.compile(r"step +[1-9][\d,]*/")  # the figures of a run whose first losses are there
ROW_OF_TIME = -2  # the row of the screen that holds the step and the speed


def start(rounds: int = 9) -> dict[str, float]:
    """Seconds from exec, medians of runs in turns: to the first contour cells, and to the answer to a key then pressed.

    Beside them those of a bare app: to its label, and to the label's new text when a key is pressed.
    """
    found: dict[str, list[float]] = {"contour": [], "answer": [], "label": [], "label's answer": []}
    for _ in range(rounds):
        with bare() as terminal:
            found["label"].append(terminal.seconds_until(b"bare-label"))
            os.write(terminal.fd, b"s")
            found["label's answer"].append(terminal.seconds_until(b"bare-answer"))
        with app() as terminal:
            found["contour"].append(terminal.seconds_until(CELLS))
            os.write(terminal.fd, b"s")
            found["answer"].append(terminal.seconds_until(b"ravine"))
    return {name: median(seconds) for name, seconds in found.items()}


def sent_at_the_start(size: tuple[int, int] = SIZE) -> int:
    """Bytes until nothing comes any more, of a race that begins where it ends: next to no frames are among them."""
    with app("--start", "0,0", "--steps", "1", size=size) as terminal:
        terminal.seconds_until(CELLS)
        terminal.drain(2)
        terminal.settle()
        return terminal.came


def race(seconds: float = 10.0) -> dict[str, float]:
    """A race of five lanes: bytes and screens a second, share of a core, bytes resident."""
    with app(*FIVE_LANES) as terminal:
        terminal.seconds_until(CELLS)
        terminal.drain(2)
        before = terminal.processor()
        sent = terminal.drain(seconds)
        return {
            "bytes a frame": len(sent) / max(sent.count(FRAME), 1),
            "frames a second": sent.count(FRAME) / seconds,
            "core": (terminal.processor() - before) / seconds,
            "memory": terminal.memory(),
        }


def still(seconds: float = 10.0) -> tuple[int, float]:
    """Bytes and share of a core while nothing moves."""
    with app() as terminal:
        _paused(terminal)
        terminal.drain(1.5)  # the window's title follows the last frame within a second
        before = terminal.processor()
        sent = terminal.drain(seconds)
        return len(sent), (terminal.processor() - before) / seconds


def answers() -> dict[str, float]:
    """Bytes of the answer to one key, in the state that the app opens with; of several presses the median."""
    found = {}
    with app() as terminal:
        _paused(terminal)
        for name, key, times in (("step", ".", 9), ("notch", "right", 3)):
            found[name] = median(len(terminal.key(key)[1]) for _ in range(times))
    return found


def surfaces(size: tuple[int, int] = SIZE, blocks: Blocks = "quadrants") -> dict[str, tuple[int, int]]:
    """For each built-in surface the bytes with which it takes the place of the one before, and those of what follows.

    A new surface plays at once: what follows are the frames of 0.3 s, all updates after the largest one.
    """
    found = {}
    with app("--blocks", blocks, size=size) as terminal:
        _paused(terminal, SEXTANT if blocks == "sextants" else CELLS)
        for name in [*SURFACES][1:] + [*SURFACES][:1]:
            updates = terminal.key("s")[1].split(FRAME)
            answer = 1 + max(range(len(updates)), key=lambda i: len(updates[i]))
            found[name] = len(FRAME.join(updates[:answer])), len(FRAME.join(updates[answer:]))
            terminal.key(" ")
            terminal.settle()
    return found


def keys(count: int = 60) -> float:
    """The 95th percentile of the seconds from a key to the first byte of its answer, while nothing else moves."""
    chance = random.Random(0)
    with app() as terminal:
        _paused(terminal)
        waited = []
        for _ in range(count):
            key = chance.choice([".", ",", "right", "left", "O", "]", "a", "x", "l", "down"])
            began = time.perf_counter()
            os.write(terminal.fd, KEYS.get(key, key).encode())
            if terminal.take(1.0):  # x with one lane changes nothing
                waited.append(time.perf_counter() - began)
            terminal.drain(chance.uniform(0.15, 0.3))
        return quantiles(waited, n=20)[-1]


def maps(moves: int = 20) -> dict[str, float]:
    """Figures of a settings map of Adam in Rosenbrock's valley, 500 steps.

    Seconds from its key to the first of its cells; the 95th percentile of the seconds from an arrow key to the first
    byte of its answer, and the median of its bytes; those of the first arrow, with which the cursor appears; the same
    while the map is computed; and the bytes of memory that three maps take.
    """
    chance = random.Random(0)
    flags = ("--surface", "rosenbrock", "--lane", "adam:lr=0.02")
    with app(*flags, "--steps", "500") as terminal:
        _paused(terminal)
        memory = terminal.memory()
        first = []
        for _ in range(5):
            began = time.perf_counter()
            os.write(terminal.fd, b"h")
            got = b""
            while FIRST_CELLS not in got:
                got += terminal.take(1.0)
            first.append(time.perf_counter() - began)
            terminal.settle()
            for key in (b"h", b"d"):  # another schedule: the next map is computed anew
                os.write(terminal.fd, key)
                terminal.settle()
        os.write(terminal.fd, b"h")
        terminal.settle()
        answers = [terminal.key(chance.choice(["right", "left", "up", "down"])) for _ in range(moves)]
        for key in ("b", "t", "h"):
            os.write(terminal.fd, key.encode())
            terminal.drain(2)
        grown = terminal.memory() - memory
    with app(*flags, "--steps", "20000") as terminal:
        _paused(terminal)
        os.write(terminal.fd, b"h")
        terminal.drain(0.5)
        busy = []
        for _ in range(moves):
            terminal.take(0.0)
            began = time.perf_counter()
            os.write(terminal.fd, b"\t")
            while FRAME not in terminal.take(1.0):
                pass
            busy.append(time.perf_counter() - began)
            terminal.drain(chance.uniform(0.05, 0.1))
    return {
        "first cells": median(first),
        "move": quantiles([seconds for seconds, _ in answers], n=20)[-1],
        "bytes": median(len(data) for _, data in answers),
        "first bytes": len(answers[0][1]),
        "busy": quantiles(busy, n=20)[-1],
        "memory": grown,
    }


class SlowLine(Terminal):
    """A terminal at the other end of SSH whose bytes are read at `SLOW`, from the first one on."""

    def __init__(self, command: Sequence[str], answers: bool) -> None:
        self._answers, self._allowed = answers, 0.0
        self.born = time.perf_counter()
        super().__init__(command, env={"SSH_CONNECTION": "a 1 b 2", "PYTHONDONTWRITEBYTECODE": None})
        os.set_blocking(self.fd, False)

    def answer(self, data: bytes) -> None:
        """Answer its questions, or none."""
        if self._answers:
            super().answer(data)

    def read_on(self) -> None:
        """Read what the line carries in one slice of time."""
        began = time.perf_counter()
        self._allowed = min(self._allowed + SLOW * SLICE, SLOW * SLICE * 2)
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.fd, int(self._allowed))
            self._allowed -= len(data)
            self.show(data)
        time.sleep(max(SLICE - (time.perf_counter() - began), 0))

    def read_for(self, seconds: float) -> None:
        """Read for so long."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.read_on()

    def seconds_until(self, text: str, limit: float = 20.0) -> float:
        """Read until the text is in the row of time; the seconds that this took."""
        began = time.perf_counter()
        while text not in self.screen.display[ROW_OF_TIME]:
            if time.perf_counter() - began > limit:
                return limit
            self.read_on()
        return time.perf_counter() - began


def slow_line(presses: int = 12, answers: bool = True) -> dict[str, float]:
    """Five lanes race over a line of 20 kB/s: seconds until the screen can be read, and the longest wait of a key then.

    `early` is the wait of a key that is pressed in the middle of the start: all that is seen of its answer then is the
    8 of 80/s. Later keys are pressed one after the other as soon as the screen can be read, then one a second.
    """
    with SlowLine((*COMMAND, *FIVE_LANES), answers) as terminal:
        while len(terminal.raw) < IN_THE_MIDDLE:
            terminal.read_on()
        os.write(terminal.fd, b"+")
        early = terminal.seconds_until("8")
        terminal.seconds_until("/s")
        readable = time.perf_counter() - terminal.born
        waits, speeds = [], ("40/s", "80/s")
        for press in range(presses):
            os.write(terminal.fd, b"-+"[press % 2 : press % 2 + 1])
            waits.append(terminal.seconds_until(speeds[press % 2]))
            terminal.read_for(0.1 if press < presses // 2 else 1.0)
        return {"early": early, "readable": readable, "wait": max(waits)}


def in_training(turns: int = TURNS, seconds: float = 2.0) -> dict[str, float]:
    """A run with the app watching it: bytes a second, p95 of a key, and the run's speed with the app and without.

    The run's speed wanders by more than the app takes. So one app watches and is stopped (SIGSTOP) in short turns, and
    "speed" is the mean of the turns' ratios, each to the mean of the turns without it before and after; "error" is its
    standard error. "work" is the same ratio of images in a second of the run's processor time, and "work error" its
    error: other programs on the cores disturb it less. "core" is the app's share of a core while it watches.
    """
    with tempfile.TemporaryDirectory() as runs, _training(runs) as images:
        time.sleep(8)
        with app("--mode", "train", "--runs", runs) as terminal:
            terminal.drain(4)
            alone, sent, core = [_alone(terminal, images, seconds)], 0, 0.0
            watched: list[tuple[float, float]] = []
            for _ in range(turns):
                terminal.drain(0.5)  # it catches up
                before, came = terminal.processor(), terminal.came
                watched.append(images.speed(seconds, terminal.drain))
                core += (terminal.processor() - before) / (turns * seconds)
                sent += terminal.came - came
                alone.append(_alone(terminal, images, seconds))
        waited = keys(40)
    speed, work = (
        [2 * each[kind] / (alone[turn][kind] + alone[turn + 1][kind]) for turn, each in enumerate(watched)]
        for kind in (0, 1)
    )
    return {
        "bytes a second": sent / (turns * seconds),
        "key": waited,
        "speed": mean(speed),
        "error": stdev(speed) / math.sqrt(turns),
        "work": mean(work),
        "work error": stdev(work) / math.sqrt(turns),
        "core": core,
    }


def first_losses(rounds: int = 5) -> dict[str, float]:
    """From `t` to the figures of the first step on the screen: medians, "warm" with a spare process and "cold" without.

    The two take turns.
    """
    waits: dict[str, list[float]] = {"warm": [], "cold": []}
    for _ in range(rounds):
        for kind, seconds in waits.items():
            seconds.append(_first_loss(warm=kind == "warm"))
    return {kind: median(seconds) for kind, seconds in waits.items()}


def _first_loss(*, warm: bool) -> float:
    """Seconds from the key to the first loss on the screen, in an app that has just been opened."""
    local = {"ADAM_TUI_SPARE": "1" if warm else "0", "ADAM_TUI_CONFIG": os.devnull}
    with (
        tempfile.TemporaryDirectory() as runs,
        Terminal((*COMMAND, "--mode", "train", "--runs", runs), env=local) as app,
    ):
        app.until("t trains a network")
        app.read(2.0)
        end, before = time.monotonic() + 60, -1.0
        while warm and (now := _spare_seconds(app.pid)) != before:  # until it has loaded everything, and waits
            if time.monotonic() > end:
                raise TimeoutError("the spare process does not wait")
            before = now or -1.0
            app.read(1.5)
        began = time.perf_counter()
        os.write(app.fd, b"t")
        while not FIRST_STEP.search(app.text()):
            app.read(0.01)
            if time.perf_counter() - began > 60:
                raise TimeoutError("no loss came")
        seconds = time.perf_counter() - began
        for run in directory.list_runs(Path(runs)):
            control.kill(run, run.status())
        return seconds


def _spare_seconds(app: int) -> float | None:
    """The processor time of the app's spare process; None without one."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == app and b"--spare" in (path.parent / "cmdline").read_bytes():
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def _alone(terminal: Wire, images: _Images, seconds: float) -> tuple[float, float]:
    """Images a second while the app does nothing at all."""
    os.kill(terminal.pid, signal.SIGSTOP)
    try:
        return images.speed(seconds, time.sleep)
    finally:
        os.kill(terminal.pid, signal.SIGCONT)


class _Images:
    """Counts a run's images by its metrics, and by the times in them: they come a few times a second only."""

    def __init__(self, runs: str, process: int) -> None:
        self._runs, self._process = Path(runs), process

    def processor(self) -> float:
        """Seconds of processor time of the run's process so far."""
        fields = Path(f"/proc/{self._process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def progress(self) -> tuple[float, int]:
        """The time of the last record of steps, and the images so far."""
        files = list(self._runs.glob("*/metrics.jsonl"))
        lines = files[0].read_bytes().splitlines() if files else []
        steps = [json.loads(line) for line in lines[-9:-1] if line.startswith(b'{"event":"steps"')]
        return (steps[-1]["time"], 64 * steps[-1]["step"]) if steps else (0.0, 0)

    def speed(self, seconds: float, spend: Callable[[float], object]) -> tuple[float, float]:
        """Images a second over the next seconds, which are spent in slices, and a second of the run's processor time.

        It begins and ends with a new record of steps, which comes a few times a second.
        """
        began, first, used = self._next_record(spend)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            spend(0.1)
        now, last, spent = self._next_record(spend)
        return (last - first) / (now - began), (last - first) / max(spent - used, 1 / TICKS)

    def _next_record(self, spend: Callable[[float], object]) -> tuple[float, int, float]:
        """The time of the next record of steps, the images until then, and the processor time when it came."""
        before = self.progress()[1]
        while (record := self.progress())[1] == before:
            spend(0.02)
        return *record, self.processor()


@contextlib.contextmanager
def _training(runs: str) -> Iterator[_Images]:
    """A run with the defaults, in a session of its own as the app starts it."""
    run = directory.create(make_spec("adam", {}, epochs=500, queue=False), Path(runs))
    process = control.start_worker(run)
    try:
        images = _Images(runs, process.pid)
        while not images.progress()[1]:
            time.sleep(0.5)
        yield images
    finally:
        process.terminate()
        process.wait(30)


def _paused(terminal: Wire, cells: bytes = CELLS) -> None:
    """Past the first second, and nothing moves."""
    terminal.seconds_until(cells)
    terminal.drain(1.5)
    os.write(terminal.fd, b" ")
    terminal.settle()
