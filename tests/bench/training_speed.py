"""Our training step beside the article's loop, in turns in one process, so that a busy machine slows both alike.

`python tests/bench/training_speed.py` prints images a second as JSON. `report` runs it in a process of its own, because
torch would take memory and cores from the other measurements.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench import article_loop

from adam_tui.runs import directory
from adam_tui.runs.protocol import RunSpec
from adam_tui.training import device_setup, trainer, unpacking
from adam_tui.training.journal import Journal

ROUNDS, STEPS, WARM_UP = 7, 30, 5


def ours(training: trainer.Training) -> Iterator[int]:
    """Our worker's steps, with the commands read between them and a report four times a second."""
    digits, reported = training.digits, time.perf_counter()
    while True:
        for index in torch.randperm(training.images).split(training.spec.batch_size):
            training.carry_out_commands()
            training.unreported.append(training.train_step(*digits.batch(index)))
            if time.perf_counter() - reported >= trainer.REPORT_SECONDS:
                torch.stack(training.unreported).tolist()
                training.unreported.clear()
                reported = time.perf_counter()
            yield len(index)


def measured() -> dict[str, float]:
    """Images a second of each loop, medians of rounds in turns, and the seconds of a test of 10,000 images."""
    with tempfile.TemporaryDirectory() as runs, unpacking.unpacked() as root:
        journals = [Journal(directory.create(RunSpec(precision=name), Path(runs))) for name in ("float32", "auto")]
        trainings = [trainer.Training(journal.run.spec(), journal) for journal in journals]
        loops = {
            "article": article_loop.steps(str(root), article_loop.network()),
            **{name: ours(training) for name, training in zip(("float32", "automatic"), trainings, strict=True)},
        }
        speeds: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(ROUNDS):
            for name, loop in loops.items():
                sum(itertools.islice(loop, WARM_UP))
                began = time.perf_counter()
                images = sum(itertools.islice(loop, STEPS))
                speeds[name].append(images / (time.perf_counter() - began))
        tests = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            trainings[1].test()
            tests.append(time.perf_counter() - began)
        return {name: median(values) for name, values in speeds.items()} | {"test_seconds": median(tests)}


if __name__ == "__main__":
    device_setup.tune_process(torch.device("cpu"))
    print(json.dumps(measured()))
