"""A run that trains on a simulated clock: its directory as a training process writes it, an hour in a second.

It records the losses four times a simulated second, ten sample digits every 1.5 seconds, and at the end of each epoch
the test, the layers and a checkpoint, all as events of the protocol.
"""

from __future__ import annotations

import os
import random
import socket
import time
from pathlib import Path

from adam_tui.runs import directory, file_lock, recipes
from adam_tui.runs.protocol import ENDED, Checkpointed, Ended, Epoch, Event, Layers, Sample, Started, Steps, to_line
from adam_tui.runs.status import Status

REPORT_SECONDS, SAMPLE_SECONDS = 0.25, 1.5  # as in the trainer
STEPS_PER_EPOCH = 938
NAMES = tuple(f"{layer}.{kind}" for layer in ("conv1", "conv2", "linear") for kind in ("weight", "bias"))
POOL = 20_000  # losses that are drawn once and used in turn


class FastRun:
    """A run of `epochs` epochs at `pace` steps a second, which `advance` continues.

    It began `ago` seconds before now. Its process is this one.
    """

    def __init__(
        self, runs: Path, pace: float = 200.0, epochs: int = 50_000, ago: float = 86_400.0, optimizer: str = "adam"
    ) -> None:
        self.run = directory.create(recipes.make_spec(optimizer, {}, epochs=epochs), runs)
        self.step, self.epoch = 0, 0
        self._lock = -1
        self._pace, self._epochs = pace, epochs
        self._time = time.time() - ago
        self._due = 0.0  # steps that are due, as a fraction too
        self._next_sample = 0.0
        self._random = random.Random(optimizer)
        noise = self._random.gammavariate
        self._pool = [float(f"{noise(2.0, 0.02):.9g}") for _ in range(POOL)]
        spec = self.run.spec()
        self.emit(
            Started(self._time, 0, self.run.id, spec, "cpu (2 threads)", "bfloat16", 62_346, STEPS_PER_EPOCH, "2.9.0")
        )
        self.set_state("running")

    def emit(self, *events: Event) -> None:
        """Append events."""
        with open(self.run.path / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write("".join(map(to_line, events)))

    def set_state(self, state: str, reason: str = "") -> None:
        """Write the state as the heartbeat of a process does."""
        if state in ENDED:
            os.close(self._lock)
        elif self._lock < 0:
            self._lock = os.open(self.run.metrics, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            file_lock.lock(self._lock)
        usage = {
            "cpu_percent": self._random.uniform(85.0, 96.0),
            "memory_bytes": self._random.randint(690, 700) * 10**6,
        }
        self.run.write_status(
            Status(state, os.getpid(), socket.gethostname(), time.time(), self.step, self.epoch, reason, **usage)
        )

    def advance(self, seconds: float) -> None:
        """Train for so many simulated seconds; after the last epoch only the heartbeat continues."""
        events: list[Event] = []
        for _ in range(round(seconds / REPORT_SECONDS)):
            self._time += REPORT_SECONDS
            self._due += self._pace * REPORT_SECONDS
            while (count := min(int(self._due), self._left())) > 0:
                self._due -= count
                events += self._train(count)
            if self.step and self._time >= self._next_sample:
                events.append(self._sample())
        self.emit(*events)
        self.set_state("running")

    def train(self, steps: int) -> None:
        """Train up to a step."""
        while self.step < steps:
            self.advance(min(600.0, max((steps - self.step) / self._pace, REPORT_SECONDS)))

    def end(self, state: str = "finished", reason: str = "") -> None:
        """The process ends."""
        self.emit(Ended(self._time, self.step, state, reason))
        self.set_state(state, reason)

    def _left(self) -> int:
        """The number of steps to the end of the epoch."""
        return (self.epoch + 1) * STEPS_PER_EPOCH - self.step if self.epoch < self._epochs else 0

    def _train(self, count: int) -> list[Event]:
        self.step += count
        start = self._random.randrange(POOL - count)
        first = max(2.3 - 0.01 * self.step, 0.0)
        losses = self._pool[start : start + count]
        events: list[Event] = [
            Steps(self._time, self.step, tuple(first + loss for loss in losses) if first else tuple(losses))
        ]
        if self._left() == 0:
            self.epoch += 1
            accuracy = 0.99 - 0.01 / self.epoch + self._random.uniform(0, 0.002)
            seconds = STEPS_PER_EPOCH / self._pace
            result = (self.epoch, 0.03, 0.03, accuracy, seconds + 0.2, 64 * STEPS_PER_EPOCH / seconds)
            ratios = [tuple(self._random.uniform(1e-4, 1e-2) for _ in NAMES) for _ in range(2)]
            events += [
                Epoch(self._time, self.step, *result),
                Layers(self._time, self.step, NAMES, *ratios),
                self._sample(),
                Checkpointed(self._time, self.step, str(self.run.checkpoint)),
            ]
        return events

    def _sample(self) -> Sample:
        self._next_sample = self._time + SAMPLE_SECONDS
        digits = tuple(range(10))
        return Sample(self._time, self.step, digits, digits, tuple(self._random.uniform(0.5, 1.0) for _ in digits))
