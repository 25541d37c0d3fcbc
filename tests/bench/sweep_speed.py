"""The time of a slot of a sweep that is not training: between two trials, and of 50 short trials together.

`python tests/bench/sweep_speed.py` prints the figures as JSON. Each slot is a real slot runner on the real digits.
`python tests/bench/sweep_speed.py --slots` compares two slots of one thread with one slot of two threads, in turns of a
few short trials: by the time, which other programs disturb, and by the seconds of a processor for the same work.
`python tests/bench/sweep_speed.py --ray` measures one slot on a Ray cluster that it starts on this host, and one slot
without Ray beside it. `python tests/bench/sweep_speed.py --open` measures the app on a sweep of 1,000 recorded trials,
in turns with an empty directory: the seconds and the processor's seconds to its picture, and the bytes that it sends
while the sweep rests and while two trials a second end.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, PIPE

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_sweeps import MadeSweep
from wire import Wire

from adam_tui.runs.protocol import Ended, Epoch, Started
from adam_tui.sweeps.executor import RUNNER, THREADS
from adam_tui.sweeps.plan import Plan, make_space
from adam_tui.sweeps.ray_executor import BRIDGE
from adam_tui.sweeps.sweep import Sweep, create

TRIALS, ROUNDS, TRIALS_A_ROUND = 50, 3, 4
RAY_TRIALS = 50
RECORDED, LATER = 1000, 21  # trials, and those that end while the app watches
WATCHED = 10.0  # seconds
IMAGES, FEW_IMAGES = 3200, 640  # 50 and 10 steps an epoch


def planned(runs: Path, trials: int, **values: int) -> Sweep:
    """A sweep of so many short trials of adam on the CPU."""
    plan = Plan(make_space({"adam": {}}, "1e-4..1e-2", {}), trials=trials, **{"epochs": 1, "rungs": (1,)} | values)
    return create(plan, runs)


def train(sweep: Sweep, slots: int, threads: int) -> float:
    """Train a sweep on so many slots; the seconds from the first step to the end of the last trial."""
    own = os.environ | {THREADS: str(threads)}
    runners = [subprocess.Popen([sys.executable, "-m", RUNNER, str(sweep.path)], env=own) for _ in range(slots)]
    assert [runner.wait() for runner in runners] == [0] * slots
    moments = [event.time for run in runs_of(sweep) for event in run.events(Started, Ended)]
    return max(moments) - min(moments)


def runs_of(sweep: Sweep) -> list:
    """The runs of a sweep, in the order in which they began."""
    runs = [sweep.run(each.run) for each in sweep.record().trials.values()]
    return sorted(runs, key=lambda run: next(iter(run.events(Started))).time)


def gaps(sweep: Sweep) -> list[float]:
    """The seconds from the end of each trial's last epoch to the start of the next one of the only slot."""
    runs = runs_of(sweep)
    begins = [next(iter(run.events(Started))).time for run in runs]
    ends = [[event.time for event in run.events(Epoch)][-1] for run in runs]
    return [begin - end for end, begin in zip(ends, begins[1:], strict=False)]


def measured() -> dict[str, float]:
    """The figures by name; seconds, ratios and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        sweep = planned(runs, TRIALS, limit=IMAGES)
        whole = train(sweep, 1, 1)
        busy = sum(epoch.seconds for run in runs_of(sweep) for epoch in run.epochs())
        between = sorted(gaps(sweep))
        sizes = [sum(path.stat().st_size for path in run.path.iterdir()) for run in runs_of(sweep)]
    return {
        "gap": median(between),
        "gap_p90": between[len(between) * 9 // 10],
        "share": busy / whole,
        "trial_bytes": max(sizes),
    }


def measured_slots(rounds: int = 6) -> dict[str, list[float]]:
    """One slot of two threads / two slots of one thread, each round: the time, and the processor's seconds."""
    ratios: dict[str, list[float]] = {"time": [], "processor": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            two = spent(planned(Path(folder), TRIALS_A_ROUND, limit=FEW_IMAGES), 2, 1)
            one = spent(planned(Path(folder), TRIALS_A_ROUND, limit=FEW_IMAGES), 1, 2)
            for name, a, b in zip(ratios, one, two, strict=True):
                ratios[name].append(round(a / b, 3))
    return ratios


def spent(sweep: Sweep, slots: int, threads: int) -> tuple[float, float]:
    """The seconds that a sweep takes from its first step on, and those of all processors in its processes."""
    own = os.environ | {THREADS: str(threads)}
    runners = [subprocess.Popen([sys.executable, "-m", RUNNER, str(sweep.path)], env=own) for _ in range(slots)]
    used: dict[int, list[float]] = {runner.pid: [] for runner in runners}
    while any(runner.poll() is None for runner in runners):
        begun = {int(each.runner.split("-")[1]) for each in sweep.record().trials.values() if each.runner}
        for pid in used.keys() & begun:
            with contextlib.suppress(OSError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                used[pid].append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
        time.sleep(0.05)
    moments = [event.time for run in runs_of(sweep) for event in run.events(Started, Ended)]
    return max(moments) - min(moments), sum(each[-1] - each[0] for each in used.values() if each)


def measured_on_ray() -> dict[str, float]:
    """The share and the gap of one slot on a node of a Ray cluster, and of a slot of this host."""
    script = Path(__file__).parents[1] / "ray_cluster.py"
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(
            [sys.executable, script, "1"], stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True
        ) as cluster:
            address = json.loads(cluster.stdout.readline())["address"]
            on_ray = planned(Path(folder), RAY_TRIALS, limit=IMAGES)
            command = [sys.executable, "-m", BRIDGE, "--address", address, "--slots", "1", str(on_ray.path)]
            assert subprocess.run(command, check=False).returncode == 0
        local = planned(Path(folder), RAY_TRIALS, limit=IMAGES)
        train(local, 1, 1)
        for name, sweep in (("ray", on_ray), ("local", local)):
            moments = [event.time for run in runs_of(sweep) for event in run.events(Started, Ended)]
            busy = sum(epoch.seconds for run in runs_of(sweep) for epoch in run.epochs())
            figures[f"{name}_gap"] = median(gaps(sweep))
            figures[f"{name}_share"] = busy / (max(moments) - min(moments))
    return figures


def measured_opening() -> dict[str, float]:
    """The figures of the app on a large sweep."""
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Path(folder) / "empty", Path(folder) / "full"
        empty.mkdir()
        made = MadeSweep(full, "big", "adam,sgd,momentum,lion", trials=50, seeds=5, epochs=9)
        made.finish(*made.trials[: RECORDED - LATER])
        for trial in made.trials[: RECORDED - LATER]:
            made.write_run(trial)
        for _ in range(ROUNDS):
            for name, runs, text in (("bare", empty, "plans and starts one"), ("full", full, f"{RECORDED - LATER}/")):
                with opened(runs) as app:
                    figures.setdefault(f"{name}_seconds", []).append(app.seconds_until(text.encode(), 60.0))
                    figures.setdefault(f"{name}_processor", []).append(app.processor())
        with opened(full) as app:
            app.drain(3.0)
            figures["bytes_at_rest"] = [len(app.drain(WATCHED)) / WATCHED]
            claims, claim = made.claim(made.trials[-1])
            came = 0
            for trial in made.trials[RECORDED - LATER : RECORDED - 1]:
                made.write_run(trial)
                made.finish(trial)
                came += len(app.drain(0.5))
            claims.remove(claim)
            figures["bytes_while_running"] = [2 * came / (LATER - 1)]
    return {name: round(median(values), 3) for name, values in figures.items()}


def opened(runs: Path) -> Wire:
    """The app on the sweeps of a directory."""
    return Wire([sys.executable, "-m", "adam_tui", "--mode", "sweep", "--runs", str(runs)])


if __name__ == "__main__":
    kinds = {"--ray": measured_on_ray, "--open": measured_opening, "--slots": measured_slots}
    print(json.dumps(kinds.get("".join(sys.argv[1:]), measured)()))
