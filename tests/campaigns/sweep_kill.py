"""Kills the processes of a sweep at random moments and compares what is left with an undisturbed sweep.

    python tests/campaigns/sweep_kill.py --times 100 [--seed 0]

A sweep with successive halving trains on two slots of the real program on the real digits. SIGKILL hits one of the slot
runners or the sweep process at a random moment, again and again; after the sweep process was killed another one
continues the sweep, while the slots that are left train on. In the end every trial must have one end that counts, with
the same losses, numbers and decisions as in the undisturbed sweep, bit for bit, and no checkpoint may be left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchvision_files import lay_out_digits

from adam_tui.runs import export
from adam_tui.runs.run import Run
from adam_tui.sweeps.executor import RUNNER
from adam_tui.sweeps.plan import Plan, make_space, rungs_of
from adam_tui.sweeps.sweep import Sweep, create

SLOTS = 2
MOST = 12.0  # seconds between two kills
PROGRAM = [sys.executable, "-m", "adam_tui", "sweeps"]


def plan(data: str, trials: int) -> Plan:
    """Trials of 9 epochs of 30 steps, in three rungs."""
    space = make_space({"adam": {}, "sgd": {}}, "1e-3..1e-1", {})
    settings = {"limit": 1920, "validation": 60, "device": "cpu", "precision": "float32", "data_dir": data}
    return Plan(space, trials=trials, epochs=9, rungs=rungs_of(9, trials, halving=True), **settings)


def slot_processes(sweep: Sweep) -> list[int]:
    """The ids of the slot runners of a sweep."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if RUNNER.encode() in command and str(sweep.path).encode() in command:
                pids.append(int(folder.name))
    return pids


def start(sweep: Sweep, *, new: bool) -> subprocess.Popen[bytes]:
    """The sweep process: `sweeps resume`, or `sweeps work` while slots of the one before are left."""
    command = ["work", str(sweep.path)] if not new else ["resume", sweep.id, "--runs", str(sweep.path.parent)]
    slots = SLOTS - len(slot_processes(sweep))
    return subprocess.Popen(
        [*PROGRAM, *command, "--slots", str(max(slots, 1))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def outcome(sweep: Sweep) -> dict[str, object]:
    """All that must be the same in two sweeps of the same plan."""
    record = sweep.record()
    trials = {}
    for number, each in record.trials.items():
        run: Run = sweep.run(each.run)
        epochs = [(e.train_loss, e.validation_loss, e.validation_accuracy, str(e.test_loss)) for e in run.epochs()]
        trials[number] = (each.state, each.epoch, list(export.losses(run)), epochs)
    decisions = {(each.optimizer, each.epoch): (each.promoted, each.settings, each.losses) for each in record.decisions}
    return {"trials": trials, "decisions": decisions}


def campaign(times: int, chance: random.Random, trials: int) -> tuple[int, list[str], dict[str, int]]:
    """Kill so often; the number of sweeps, the differences from an undisturbed one, and the kills by kind."""
    kills = {"slot": 0, "sweep": 0}
    problems: list[str] = []
    sweeps = 0
    with tempfile.TemporaryDirectory(prefix="adam-tui-sweep-") as folder:
        data = str(lay_out_digits(Path(folder) / "digits", 2000, 200))
        runs = Path(folder) / "runs"
        calm = create(plan(data, trials), runs, "calm")
        assert start(calm, new=True).wait() == 0
        expected = outcome(calm)
        while sum(kills.values()) < times:
            sweeps += 1
            sweep = create(plan(data, trials), runs, f"killed-{sweeps}")
            supervisor = start(sweep, new=True)
            while not sweep.record().is_over:
                time.sleep(chance.uniform(0.0, MOST))
                kind = "sweep" if chance.random() < 0.3 else "slot"
                if sum(kills.values()) < times:
                    pids = [supervisor.pid] if kind == "sweep" else slot_processes(sweep)
                    if supervisor.poll() is None and pids:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(chance.choice(pids), signal.SIGKILL)
                            kills[kind] += 1
                            print(f"{sum(kills.values())}: {kind}", flush=True)
                if kind == "sweep":
                    time.sleep(0.1)
                if supervisor.poll() is not None and not sweep.record().is_over:
                    supervisor = start(sweep, new=not sweep.living())
            supervisor.wait()
            end = time.monotonic() + 30
            while slot_processes(sweep) and time.monotonic() < end:
                time.sleep(0.1)
            if outcome(sweep) != expected:
                problems.append(f"{sweep.id}: its results differ")
            if left := [str(path) for path in sweep.path.rglob("checkpoint*")]:
                problems.append(f"{sweep.id}: {left}")
            if living := sweep.living():
                problems.append(f"{sweep.id}: {living}")
            folders = sorted(path.name for path in sweep.path.iterdir() if path.is_dir() and path.name != "claims")
            if folders != sorted(each.run for each in sweep.record().trials.values()):
                problems.append(f"{sweep.id}: {folders}")
    return sweeps, problems, kills


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--trials", type=int, default=9, help="settings of each of two optimizers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # One thread: the same sums, however busy the machine is.
    os.environ |= {"OMP_NUM_THREADS": "1", "ADAM_TUI_CONFIG": os.devnull}
    count, differences, by_kind = campaign(options.times, random.Random(options.seed), options.trials)
    print(f"{by_kind} killed in {count} sweeps; differences from an undisturbed one: {differences or 'none'}")
    sys.exit(bool(differences))
