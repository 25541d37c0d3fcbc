"""The time to a test accuracy of 99.0%: our training beside the article's loop, seed by seed.

`python tests/bench/time_to_accuracy.py [SEED …]` prints every run as it ends, then the medians as JSON. Both train the
same network with Adam at 5e-4 in batches of 64, ours with automatic precision, each in a process of its own with all
cores, in turns. Both are tested after every epoch on all test images; the first epoch with 99.0% ends a run.

- `training` counts from the first step, with the data loaded, and leaves out the tests.
- `whole` counts from the start of the process, `import torch` and the tests included; the article's loop is
  tested in the fastest way, on tensors that are loaded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from adam_tui.runs import control, directory
from adam_tui.runs.protocol import Ended, Epoch
from adam_tui.runs.recipes import make_spec

GOAL = 0.99
MAX_EPOCHS = 15
SEEDS = (0, 1, 2)
IMAGES = 60_000
Result = dict[str, float]  # training and whole seconds, epochs


def ours(seed: int) -> Result:
    """A run of the worker, as `adam-tui train` starts it, until its metrics reach the goal."""
    with tempfile.TemporaryDirectory() as runs:
        run = directory.create(make_spec("adam", {}, epochs=MAX_EPOCHS, seed=seed, queue=False), Path(runs))
        began = time.perf_counter()
        worker = control.start_worker(run, detached=False)
        follower, training = run.follow(), 0.0
        try:
            while True:
                for event in follower.poll():
                    if isinstance(event, Epoch):
                        training += IMAGES / event.samples_per_second
                        if event.test_accuracy >= GOAL:
                            whole = time.perf_counter() - began
                            return {"training": training, "whole": whole, "epochs": event.epoch}
                    if isinstance(event, Ended):
                        raise RuntimeError(f"seed {seed}: below the goal after {MAX_EPOCHS} epochs")
                time.sleep(0.02)
        finally:
            worker.kill()
            worker.wait()


def articles(seed: int) -> Result:
    """The article's loop, in a process of its own."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--article", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: Result = json.loads(done.stdout)
    return result | {"whole": time.perf_counter() - began}


def article_loop_to_the_goal(seed: int) -> Result:
    """The article's loop in this process."""
    import torch
    from bench import article_loop

    from adam_tui.training import data, unpacking

    torch.manual_seed(seed)
    digits, training = data.load(torch.device("cpu")), 0.0
    with unpacking.unpacked() as root:
        network = article_loop.network()
        loop = article_loop.steps(str(root), network)
        for epoch in range(1, MAX_EPOCHS + 1):
            began, images = time.perf_counter(), 0
            while images < IMAGES:
                images += next(loop)
            training += time.perf_counter() - began
            with torch.no_grad():
                predictions = torch.cat([network(chunk).argmax(1) for chunk in data.split(digits.test_images, 250)])
            if (predictions == digits.test_labels).sum().item() >= GOAL * len(predictions):
                return {"training": training, "epochs": epoch}
    raise RuntimeError(f"seed {seed}: below the goal after {MAX_EPOCHS} epochs")


def measured(seeds: tuple[int, ...] = SEEDS) -> dict[str, Result]:
    """Medians over the seeds, ours and the article's."""
    results: dict[str, list[Result]] = {"ours": [], "article": []}
    for seed in seeds:
        for name, train in (("ours", ours), ("article", articles)):
            results[name].append(train(seed))
            line = ", ".join(f"{key} {value:.1f}" for key, value in results[name][-1].items())
            print(f"seed {seed}, {name}: {line}", file=sys.stderr, flush=True)
    return {
        name: {key: median(run[key] for run in runs) for key in ("training", "whole", "epochs")}
        for name, runs in results.items()
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--article"]:
        print(json.dumps(article_loop_to_the_goal(int(sys.argv[2]))))
    else:
        print(json.dumps(measured(tuple(map(int, sys.argv[1:])) or SEEDS)))
