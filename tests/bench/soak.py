"""Four hours in a few minutes: `python tests/bench/soak.py [--minutes 6]`. Exit status 1 if anything grows.

Several runs train on a simulated clock, end, are deleted, and others begin. A person who never rests presses a key ten
times a second: most of the time to go from one mode to another, else what can be pressed there; the playground plays.
Between the quarters everything rests for a moment and is counted: memory, open files, threads.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.fast_run import FastRun
from bench.wire import Wire, app
from pty_terminal import KEYS

HOURS, QUARTERS = 4.0, 4
MOST_GROWTH = 20e6  # bytes, from the end of the first quarter on, when all that is made once is there
KEYS_A_SECOND = 10.0
WRITES_A_SECOND = 4.0
OPTIMIZERS = ("adam", "momentum", "lion", "adagrad")  # of the runs that run at the same time
# In each mode: the key that goes there, and what is pressed in it. Nothing starts, stops or leaves anything.
MODES = {
    "1": (" ", ".", ">", "a", "x", "o", "s", "right", "left", "z", "0", "l", "v", "i", "r", "]", "?", "escape"),
    "2": ("[", "]", "a", "A", "l", "w", "m", "i", "left", "z", "Z", ",", "0", "g", "v", "V", "\t", "s", "?", "escape"),
    "3": ("down", "up", "right", "left", " ", "home", "end", "escape"),
}
SWITCHES = 0.5  # the share of keys that go to another mode


@dataclass(frozen=True, slots=True)
class Count:
    """What one look at the app's process has found, and what has happened by then."""

    hours: float
    switches: int
    keys: int
    steps: int
    memory: int
    files: int
    threads: int

    def __str__(self) -> str:
        """A line of the table."""
        text = f"{self.hours:>6.1f}{self.switches:>10,}{self.keys:>8,}{self.steps:>13,}"
        return f"{text}{self.memory / 1e6:>9.1f}{self.files:>7}{self.threads:>9}"


HEADING = f"{'hours':>6}{'switches':>10}{'keys':>8}{'steps':>13}{'MB':>9}{'files':>7}{'threads':>9}"


class Soak:
    """The app on a terminal, runs that train beside it, and the person at the keys."""

    def __init__(self, runs: Path, terminal: Wire, seconds: float) -> None:
        self._runs, self._terminal = runs, terminal
        self._pace = HOURS * 3600 / seconds  # simulated seconds a second
        self._chance = random.Random(0)
        self._mode = "2"
        self._ended: list[FastRun] = []
        self._switches = self._keys = self._steps = 0
        self._at_work = [self._begin(name) for name in OPTIMIZERS]
        self._hours = 0.0

    def _begin(self, optimizer: str) -> FastRun:
        return FastRun(self._runs, ago=3600.0, optimizer=optimizer)

    def go_on(self, seconds: float) -> None:
        """Let everything happen for so many seconds."""
        end, next_write, trained = time.monotonic() + seconds, 0.0, time.monotonic()
        while (now := time.monotonic()) < end:
            if now >= next_write:
                next_write = now + 1 / WRITES_A_SECOND
                self._train((now - trained) * self._pace)
                trained = now
            self._press()
            self._terminal.drain(1 / KEYS_A_SECOND)

    def _train(self, seconds: float) -> None:
        before = sum(run.step for run in self._at_work)
        for run in self._at_work:
            run.advance(seconds)
        self._hours += seconds / 3600
        self._steps += sum(run.step for run in self._at_work) - before

    def _press(self) -> None:
        self._keys += 1
        if self._chance.random() < SWITCHES:
            self._switches += 1
            self._mode = key = self._chance.choice([mode for mode in MODES if mode != self._mode])
        else:
            key = self._chance.choice(MODES[self._mode])
        os.write(self._terminal.fd, KEYS.get(key, key).encode())
        if key == "?":  # a window, which takes no other keys
            self._terminal.drain(1 / KEYS_A_SECOND)
            os.write(self._terminal.fd, KEYS["escape"].encode())
            self._terminal.drain(1 / KEYS_A_SECOND)

    def change_runs(self) -> None:
        """One run ends and another begins; of those that ended before the oldest is deleted."""
        over = self._at_work.pop(0)
        over.end("stopped", "asked to stop")
        self._at_work.append(self._begin(over.run.spec().optimizer))
        self._ended.append(over)
        if len(self._ended) > 2:
            shutil.rmtree(self._ended.pop(0).run.path)

    def count(self) -> Count:
        """Look at the process while it shows the training screen and nothing happens."""
        self._mode = "2"
        os.write(self._terminal.fd, b"2")
        self._terminal.drain(4)
        process = Path(f"/proc/{self._terminal.pid}")
        threads = next(line for line in (process / "status").read_text().splitlines() if line.startswith("Threads:"))
        return Count(
            self._hours,
            self._switches,
            self._keys,
            self._steps,
            self._terminal.memory(),
            len(list((process / "fd").iterdir())),
            int(threads.split()[1]),
        )


def what_grew(counts: list[Count]) -> list[str]:
    """What has grown, in words; the first count is from before anything happened, the second one counts."""
    settled, last = counts[1], counts[-1]
    grown = {
        f"memory by {(last.memory - settled.memory) / 1e6:.1f} MB": last.memory - settled.memory > MOST_GROWTH,
        f"files from {settled.files} to {last.files}": last.files > settled.files,
        f"threads from {settled.threads} to {last.threads}": last.threads > settled.threads,
    }
    return [what for what, is_so in grown.items() if is_so]


def soak(minutes: float) -> list[Count]:
    """Print the table as it comes."""
    seconds = 60 * minutes
    with tempfile.TemporaryDirectory() as folder, app("--mode", "train", "--runs", folder) as terminal:
        terminal.drain(2)
        everything = Soak(Path(folder), terminal, seconds)
        counts = []
        print(HEADING)
        for quarter in range(QUARTERS + 1):
            if quarter:
                everything.go_on(seconds / QUARTERS)
            counts.append(everything.count())
            print(counts[-1], flush=True)
            everything.change_runs()
        return counts


def main() -> int:
    """1 if anything grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0)
    grown = what_grew(soak(parser.parse_args().minutes))
    print(f"grown: {', '.join(grown)}" if grown else "nothing has grown")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
