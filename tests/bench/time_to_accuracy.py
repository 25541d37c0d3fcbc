"""How long until 99.0% of the test images are read rightly: our training beside the article's loop, seed by seed.

`python tests/bench/time_to_accuracy.py [SEED …]` tells every run as it ends, then the medians as JSON. Both train the
same network with Adam at 5e-4 in batches of 64, ours with automatic precision, each in a process of its own with all
cores, in turns. Both are tested after every epoch on all test images; the first epoch with 99.0% ends a run.

- `training` counts from the first step, with the data loaded, and leaves out the tests.
- `whole` counts from the start of the process, `import torch` and the tests included; the loop's test is as quick as it
  can be, on tensors that are ready.
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
MOST_EPOCHS = 15
SEEDS = (0, 1, 2)
IMAGES = 60_000
Found = dict[str, float]  # training and whole seconds, epochs


def ours(seed: int) -> Found:
    """A run of the worker, as `adam-tui train` starts it, until its metrics tell the goal."""
    with tempfile.TemporaryDirectory() as runs:
        run = directory.create(make_spec("adam", {}, epochs=MOST_EPOCHS, seed=seed, queue=False), Path(runs))
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
                        raise RuntimeError(f"seed {seed}: not there after {MOST_EPOCHS} epochs")
                time.sleep(0.02)
        finally:
            worker.kill()
            worker.wait()


def articles(seed: int) -> Found:
    """The article's loop, in a process of its own."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--article", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: Found = json.loads(done.stdout)
    return found | {"whole": time.perf_counter() - began}


def article_loop_to_the_goal(seed: int) -> Found:
    """The article's loop in this process."""
    import torch
    from bench import article_loop

    from adam_tui.training import data, unpacking

    torch.manual_seed(seed)
    digits, training = data.load(torch.device("cpu")), 0.0
    with unpacking.unpacked() as root:
        network = article_loop.network()
        loop = article_loop.steps(str(root), network)
        for epoch in range(1, MOST_EPOCHS + 1):
            began, seen = time.perf_counter(), 0
            while seen < IMAGES:
                seen += next(loop)
            training += time.perf_counter() - began
            with torch.no_grad():
                answers = torch.cat([network(some).argmax(1) for some in data.parts(digits.test_images, 250)])
            if (answers == digits.test_labels).sum().item() >= GOAL * len(answers):
                return {"training": training, "epochs": epoch}
    raise RuntimeError(f"seed {seed}: not there after {MOST_EPOCHS} epochs")


def measured(seeds: tuple[int, ...] = SEEDS) -> dict[str, Found]:
    """Medians over the seeds of ours and of the article's."""
    found: dict[str, list[Found]] = {"ours": [], "article": []}
    for seed in seeds:
        for name, train in (("ours", ours), ("article", articles)):
            found[name].append(train(seed))
            told = ", ".join(f"{what} {value:.1f}" for what, value in found[name][-1].items())
            print(f"seed {seed}, {name}: {told}", file=sys.stderr, flush=True)
    return {
        name: {what: median(run[what] for run in runs) for what in ("training", "whole", "epochs")}
        for name, runs in found.items()
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--article"]:
        print(json.dumps(article_loop_to_the_goal(int(sys.argv[2]))))
    else:
        print(json.dumps(measured(tuple(map(int, sys.argv[1:])) or SEEDS)))
