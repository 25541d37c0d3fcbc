"""The loss landscape: its points beside a plain loop that sets the weights and evaluates, its start and its memory.

`python tests/bench/landscape_speed.py` prints the figures as JSON. `report` runs it in a process of its own, so that
the memory is that of the landscape alone.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from adam_tui.landscape import directory
from adam_tui.runs.directory import create
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.weights_file import KEPT, WeightsFile
from adam_tui.training import data, device_setup, landscape_loss, landscape_worker, model
from adam_tui.training.weights_log import flat_weights

IMAGES, ROUNDS = 1000, 9
FIRST = 9, 9  # the points of the first picture


def peak() -> float:
    """The most memory that this process has held, in bytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def first_picture(runs: Path) -> dict[str, float]:
    """Seconds from the start of the computation to 81 points and the path, torch being loaded; memory above torch."""
    torch.randn(200, 200) @ torch.randn(200, 200)
    before = peak()
    run = create(RunSpec(), runs)
    file = WeightsFile(run.weights)
    weights = flat_weights(model.build(torch.device("cpu"))).numpy()
    seconds = []
    for step in range(KEPT):
        walked = weights + np.random.default_rng(step).normal(size=weights.shape).astype("<f4") * 0.01 * step
        began = time.perf_counter()
        file.append(step, walked.tobytes())
        seconds.append(time.perf_counter() - began)
    asked, _ = directory.request([run], "pca", *FIRST, 1.0, IMAGES, 0)
    landscape = directory.Landscape.create(run, asked)
    points_at: list[float] = []
    append = landscape_worker._append

    def timed(*given: object) -> None:
        append(*given)  # type: ignore[arg-type]
        points_at.append(time.perf_counter())

    landscape_worker._append = timed
    began = time.perf_counter()
    landscape_worker.compute(landscape)
    return {"first": points_at[FIRST[0] * FIRST[1] - 1] - began, "memory": peak() - before, "record": median(seconds)}


@torch.no_grad()
def points() -> dict[str, float]:
    """Seconds of a point, ours and the plain loop's, in turns; `…_core` are those of processor time on one thread.

    On a busy machine the threads wait for each other, so that only the processor time is a fair ratio.
    """
    images, labels, mean, deviation = landscape_loss.load_images("mnist", None)
    index = landscape_loss.spread(IMAGES, len(images))
    digits, truth = data.normalise(images[index], mean, deviation, torch.device("cpu"), torch.float32), labels[index]
    network = model.build(torch.device("cpu"))
    weights, ours = flat_weights(network), landscape_loss.LossAt(digits, truth)

    def plain(at: torch.Tensor) -> float:
        torch.nn.utils.vector_to_parameters(at, network.parameters())
        return functional.cross_entropy(network(digits), truth).item()

    seconds: dict[str, list[float]] = {}
    for clock, ending, threads in (
        (time.process_time, "_core", 1),
        (time.perf_counter, "", torch.get_num_threads()),
    ):
        torch.set_num_threads(threads)
        for _ in range(ROUNDS):
            for name, function in (("ours", ours), ("plain", plain)):
                began = clock()
                function(weights)
                seconds.setdefault(name + ending, []).append(clock() - began)
    return {name: median(each) for name, each in seconds.items()}


if __name__ == "__main__":
    device_setup.tune_process(torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(first_picture(Path(folder)) | points()))
