"""What a person at the other end of the wire feels: the start, frames, keys, a slow line, a run in training."""

from __future__ import annotations

import contextlib
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from bench.engine_speed import RACE
from bench.wire import CELLS, FRAME, Wire, app, bare
from pty_terminal import COMMAND, KEYS, UNKNOWN, Terminal

from adam_tui.training import rundir
from adam_tui.training.recipes import make_spec

FPS = 20
FIVE_LANES = ("--surface", "rosenbrock", "--steps", "2000", *(f"--lane={name}" for name in RACE))
SLOW = 20_000  # bytes a second of the slow line
SLICE = 0.01  # seconds between its reads
SETTLED = 14.0  # seconds after which the start, four paintings of the screen, has gone over the slow line


class SlowLine(Terminal):
    """A terminal whose bytes are read by the measurement itself."""

    def show(self, data: bytes) -> None:
        """Draw what was read."""
        self._stream.feed(UNKNOWN.sub(b"", data))


def start(rounds: int = 9) -> tuple[float, float]:
    """Seconds from exec to the first contour cells, and to the label of a bare app; medians of runs in turns."""
    ours, least = [], []
    for _ in range(rounds):
        with bare() as terminal:
            least.append(terminal.seconds_until(b"bare-label"))
        with app() as terminal:
            ours.append(terminal.seconds_until(CELLS))
    return median(ours), median(least)


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
        surfaces = []
        for _ in range(6):
            surfaces.append(len(terminal.key("s")[1]))
            terminal.key(" ")
            terminal.settle()
        found["surface"], found["largest surface"] = median(surfaces), max(surfaces)
    return found


def keys(count: int = 60) -> float:
    """The 95th percentile of the seconds from a key to the first byte of its answer, while nothing else moves."""
    chance = random.Random(0)
    with app() as terminal:
        _paused(terminal)
        waited = []
        for _ in range(count):
            key = chance.choice([".", ",", "right", "left", "o", "]", "a", "x", "l", "down"])
            began = time.perf_counter()
            os.write(terminal.fd, KEYS.get(key, key).encode())
            if terminal.take(1.0):  # x with one lane changes nothing
                waited.append(time.perf_counter() - began)
            terminal.drain(chance.uniform(0.15, 0.3))
        return quantiles(waited, n=20)[-1]


def slow_line(presses: int = 8, answers: bool = True) -> float:
    """The longest wait in seconds for a key's effect to be read on a line of 20 kB/s over which five lanes race."""
    with SlowLine(
        (*COMMAND, *FIVE_LANES), env={"SSH_CONNECTION": "a 1 b 2", "PYTHONDONTWRITEBYTECODE": None}
    ) as terminal:
        allowed = 0.0

        def read_slowly() -> None:
            nonlocal allowed
            began = time.perf_counter()
            allowed = min(allowed + SLOW * SLICE, SLOW * SLICE * 2)
            os.set_blocking(terminal.fd, False)
            with contextlib.suppress(BlockingIOError):
                data = os.read(terminal.fd, int(allowed))
                allowed -= len(data)
                if answers and b"\x1b[?2026$p" in data:
                    os.write(terminal.fd, b"\x1b[?2026;2$y")
                terminal.show(data)
            time.sleep(max(SLICE - (time.perf_counter() - began), 0))

        def read_until(text: str, limit: float) -> float:
            began = time.perf_counter()
            while text not in terminal.text().splitlines()[-2]:
                if time.perf_counter() - began > limit:
                    return limit
                read_slowly()
            return time.perf_counter() - began

        read_until("/s", 20)
        end = time.perf_counter() + SETTLED
        while time.perf_counter() < end:
            read_slowly()
        waits, speeds = [], ("80/s", "40/s")
        for press in range(presses):
            os.write(terminal.fd, b"+-"[press % 2 : press % 2 + 1])
            waits.append(read_until(speeds[press % 2], 10))
            end = time.perf_counter() + 1
            while time.perf_counter() < end:
                read_slowly()
        return max(waits)


def in_training(seconds: float = 20.0) -> dict[str, float]:
    """A run with the app watching it: bytes a second, p95 of a key, and the run's speed with the app and without."""
    with tempfile.TemporaryDirectory() as runs, _training(runs) as images:
        images(8)
        alone = images(seconds)
        with app("--mode", "train", "--runs", runs) as terminal:
            terminal.drain(4)
            sent = 0
            began, first = time.perf_counter(), images.count()
            while time.perf_counter() - began < seconds:
                sent += len(terminal.take(0.1))
            watched = (images.count() - first) / (time.perf_counter() - began)
        again = images(seconds)
        waited = keys(40)
    return {
        "bytes a second": sent / seconds,
        "key": waited,
        "speed": watched / ((alone + again) / 2),
    }


class _Images:
    """Counts a run's images by its metrics."""

    def __init__(self, runs: str) -> None:
        self._runs = Path(runs)

    def count(self) -> int:
        """Images so far, by the last step that was told."""
        files = list(self._runs.glob("*/metrics.jsonl"))
        lines = files[0].read_bytes().splitlines() if files else []
        return max((64 * json.loads(line)["step"] for line in lines[-5:-1]), default=0)

    def __call__(self, seconds: float) -> float:
        """Images a second over the next seconds."""
        began, first = time.perf_counter(), self.count()
        time.sleep(seconds)
        return (self.count() - first) / max(time.perf_counter() - began, 1e-9)


@contextlib.contextmanager
def _training(runs: str) -> Iterator[_Images]:
    """A run with the defaults, in a session of its own as the app starts it."""
    run = rundir.create(make_spec("adam", {}, epochs=500, queue=False), Path(runs))
    process = rundir.start_worker(run)
    try:
        images = _Images(runs)
        while not images.count():
            time.sleep(0.5)
        yield images
    finally:
        process.terminate()
        process.wait(30)


def _paused(terminal: Wire) -> None:
    """Past the first second, and nothing moves."""
    terminal.seconds_until(CELLS)
    terminal.drain(1.5)
    os.write(terminal.fd, b" ")
    terminal.settle()
