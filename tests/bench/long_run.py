"""Long runs on a real terminal: `python tests/bench/long_run.py [opening] [day]`, both without one.

`opening` opens runs of a million steps and of a day, and scrolls and zooms them; `day` watches a run whose day passes
in a minute. The directories are written as a training process writes them (see `fast_run`), 290 MB for a day.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.fast_run import FastRun
from bench.wire import Wire, app

MILLION, DAY = 1_000_000, 86_400.0
SHOWN = b"Train"  # in the first picture's top line
AT_REST = 1.2  # seconds without a byte: an ended run is drawn whole
KEYS_OF_A_READER = (
    "z",
    "z",
    "z",
    ",",
    ",",
    ".",
    "i",
    *["left"] * 8,
    "home",
    "end",
    "z",
    "z",
    "Z",
    "0",
    "g",
    "w",
    "m",
    "l",
)
WARM = 1800.0  # simulated seconds of the run before its day begins
SLICE = 300.0  # and those that are written at once
QUARTERS = 4


def opening(steps: int = MILLION) -> dict[str, float]:
    """An ended run: seconds from the first picture to the whole curve, and of the keys that look at its parts.

    "work" are the processor's seconds up to the whole curve, which another program on the same cores does not change;
    "memory" and "bytes", those of the run, are in megabytes.
    """
    with tempfile.TemporaryDirectory() as runs:
        run = FastRun(Path(runs))
        run.train(steps)
        run.end()
        with app("--mode", "train", "--runs", runs) as terminal:
            shown = terminal.seconds_until(SHOWN)
            whole, work = shown, 0.0
            while terminal.take(AT_REST):
                whole, work = time.perf_counter() - terminal.born, terminal.processor()
            waited = sorted(_answer(terminal, key) for key in KEYS_OF_A_READER)
            return {
                "shown": shown,
                "whole": whole - shown,
                "work": work,
                "key": quantiles(waited, n=20)[-1],
                "slowest": waited[-1],
                "memory": terminal.memory() / 1e6,
                "bytes": (run.run.path / "metrics.jsonl").stat().st_size / 1e6,
            }


def day(seconds: float = DAY) -> Iterator[tuple[float, float]]:
    """A running run is watched for a day: simulated hours and bytes resident, at the start and after each quarter."""
    with tempfile.TemporaryDirectory() as runs:
        run = FastRun(Path(runs))
        run.advance(WARM)
        with app("--mode", "train", "--runs", runs) as terminal:
            terminal.drain(3)
            for key in (*KEYS_OF_A_READER, "escape", "0", "v", "V", "2"):  # what is made once is there
                _answer(terminal, key)
            terminal.drain(3)
            yield 0.0, terminal.memory()
            for quarter in range(1, QUARTERS + 1):
                for _ in range(round(seconds / SLICE / QUARTERS)):
                    run.advance(SLICE)
                    terminal.drain(0.02)
                terminal.drain(3)
                yield seconds / 3600 * quarter / QUARTERS, terminal.memory()


def growth(seconds: float = DAY) -> float:
    """Bytes by which the app has grown in a simulated day."""
    sizes = [size for _, size in day(seconds)]
    return sizes[-1] - sizes[0]


def _answer(terminal: Wire, key: str) -> float:
    """Seconds to the first byte of a key's answer."""
    waited, _ = terminal.key(key)
    terminal.settle()
    return waited


def main(asked: list[str]) -> int:
    """Print what was asked for; 2 for something that there is not."""
    if wrong := set(asked) - {"opening", "day"}:
        print(f"there is no {wrong.pop()!r}; there are opening, day", file=sys.stderr)
        return 2
    if not asked or "opening" in asked:
        for steps in (MILLION, int(200 * DAY)):
            text = (
                "{bytes:.0f} MB: shown after {shown:.2f} s, whole {whole:.2f} s later ({work:.2f} s of a core in all); "
            )
            text += "keys p95 {key:.3f} s, longest {slowest:.3f} s; {memory:.0f} MB resident"
            print(f"{steps:>12,} steps, {text.format(**opening(steps))}", flush=True)
    if not asked or "day" in asked:
        for hours, memory in day():
            print(f"{hours:>12.0f} hours watched: {memory / 1e6:.1f} MB resident", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
