"""Run directories written by the tests in the way of a training process, ended or running."""

import os
import socket
import time

import numpy as np

from adam_tui.runs import directory, file_lock, recipes
from adam_tui.runs.protocol import ENDED, Diverged, Ended, Epoch, Sample, Started, Steps, to_line
from adam_tui.runs.status import Status

STEPS_PER_EPOCH = 10


def status(state="running", **values):
    """A status as a process writes it; by default of this process, now."""
    return Status(state, **{"pid": os.getpid(), "host": socket.gethostname(), "heartbeat": time.time()} | values)


def append(run, text):
    """Append text to metrics.jsonl; a test may append a line in pieces."""
    with open(run.path / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write(text)


def lock(run):
    """Lock the run as its process does; returns the descriptor that holds the lock."""
    descriptor = os.open(run.metrics, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    assert file_lock.lock(descriptor, file_lock.RELEASE_SECONDS)
    return descriptor


class MadeRun:
    """A run whose process is this test: `emit` and `become` write the files as the process does."""

    def __init__(self, runs, optimizer="adam", epochs=5, began=1000.0, **values):
        self.run = directory.create(recipes.make_spec(optimizer, values, epochs=epochs), runs)
        self.id = self.run.id
        self.time, self.step = began, 0
        self._lock = -1

    def emit(self, *events):
        append(self.run, "".join(map(to_line, events)))

    def start(self):
        self.emit(Started(self.time, 0, self.id, self.run.spec(), "cpu (2 threads)", "bfloat16", 62346, 10, "2.9.0"))
        self.become("running")
        return self

    def steps(self, losses, seconds=1.0):
        self.time += seconds
        self.step += len(losses)
        self.emit(Steps(self.time, self.step, tuple(losses)))
        return self

    def epoch(self, number, accuracy, test_loss=0.05):
        self.time += 0.5
        self.emit(Epoch(self.time, self.step, number, 0.1, test_loss, accuracy, 1.5, 640.0))
        self.become("running", epoch=number)
        return self

    def sample(self, predictions, confidence=0.987):
        self.emit(Sample(self.time, self.step, tuple(range(10)), tuple(predictions), (confidence,) * 10))
        return self

    def train(self, epochs, accuracy=0.9):
        """Whole epochs of ten steps, each a little more accurate."""
        for number in range(1, epochs + 1):
            self.steps([2.3 / (self.step + i + 1) for i in range(STEPS_PER_EPOCH)])
            self.epoch(number, accuracy + number / 100)
        return self

    def diverge(self):
        self.emit(Diverged(self.time, self.step))
        return self.end("failed", f"diverged at step {self.step}: the loss is not finite")

    def end(self, state, reason="asked to stop"):
        self.emit(Ended(self.time, self.step, state, reason))
        self.become(state, reason)
        return self

    def become(self, state, reason="", epoch=0):
        """Write the state; an active run's file is locked, as by its process."""
        if state in ENDED:
            self.release()
        elif self._lock < 0:
            self._lock = lock(self.run)
        self.run.write_status(status(state, step=self.step, epoch=epoch, reason=reason))

    def release(self):
        """Release the lock, as the death of the process does."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    __del__ = release

    def evaluate(self, mistakes=12):
        """Write an evaluation: twelve times a 4 is predicted as a 9."""
        confusion = np.diag(np.full(10, 980))
        confusion[4, 9] = mistakes
        rng = np.random.default_rng(0)
        np.savez(
            self.run.path / "evaluation.npz",
            epoch=2,
            confusion=confusion,
            worst_images=rng.integers(0, 255, (mistakes, 28, 28)).astype(np.uint8),
            worst_indices=np.arange(mistakes),
            worst_labels=np.full(mistakes, 4),
            worst_predictions=np.full(mistakes, 9),
            worst_confidences=np.full(mistakes, 0.98, np.float32),
            filters=rng.normal(size=(32, 5, 5)).astype(np.float32),
            sample_images=np.zeros((10, 28, 28), np.uint8),
            sample_labels=np.arange(10),
        )

    def orders(self):
        path = self.run.path / "control.jsonl"
        return path.read_text() if path.exists() else ""
