"""Kills the processes of a sweep at random moments and compares what is left with an undisturbed sweep.

    python tests/campaigns/sweep_kill.py --times 100 [--seed 0] [--on local|ray]

A sweep with successive halving trains on two slots of the real program on the real digits, while the app shows it on a
terminal. SIGKILL hits a slot runner, the sweep process or the app at a random moment, again and again; on Ray, where
the cluster has two nodes, the bridge, all processes of a node, the sweep process or the app. After the sweep process
was killed another one continues the sweep, started by hand or by a key of the app, while the slots that are left train
on; a killed node is followed by a new one. In the end every trial must have one end that counts at each of its rungs,
with the same losses, numbers and decisions as in the undisturbed sweep, bit for bit, and no checkpoint may be left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pty_terminal import Terminal
from torchvision_files import lay_out_digits

from adam_tui.runs import export
from adam_tui.runs.run import Run
from adam_tui.sweeps.executor import RUNNER
from adam_tui.sweeps.journal import ENDED, JournalReader, TrialEnded, TrialStarted
from adam_tui.sweeps.plan import Plan, make_space, rungs_of
from adam_tui.sweeps.ray_executor import BRIDGE
from adam_tui.sweeps.sweep import Sweep, create

SLOTS = 2
MOST = {"local": 4.0, "ray": 12.0}  # seconds between two kills
# How often each kind is killed.
WEIGHTS = {
    "local": {"slot": 6, "sweep": 3, "ui": 2},
    "ray": {"bridge": 3, "raylet": 3, "sweep": 2, "ui": 1},
}
PATIENCE = 60.0  # seconds for processes to appear, or to end
BY_THE_APP = 0.4  # of the continued sweeps
ADAM_TUI = [sys.executable, "-m", "adam_tui"]


def plan(data: str, trials: int) -> Plan:
    """Trials of 3 epochs of 6 steps, in two rungs."""
    space = make_space({"adam": {}, "sgd": {}}, "1e-3..1e-1", {})
    settings = {"limit": 384, "validation": 60, "device": "cpu", "precision": "float32", "data_dir": data}
    return Plan(space, trials=trials, epochs=3, rungs=rungs_of(3, trials, halving=True), **settings)


def processes_with(*words: str) -> list[int]:
    """The ids of the processes whose command line has all of these arguments."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if all(word.encode() in command for word in words):
                pids.append(int(folder.name))
    return pids


class Nodes:
    """A Ray cluster of SLOTS nodes in a process of its own."""

    def __init__(self) -> None:
        script = Path(__file__).parents[1] / "ray_cluster.py"
        self.process = subprocess.Popen(
            [sys.executable, script, str(SLOTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        first = self._line()
        self.address, self.nodes = first["address"], first["nodes"]

    def _line(self) -> dict:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)

    def kill(self, chance: random.Random) -> None:
        """Kill a node; another one takes its place."""
        node = self.nodes.pop(chance.randrange(len(self.nodes)))
        self._send(node)
        self._send("new")
        self.nodes += self._line()["nodes"]

    def close(self) -> None:
        """End the cluster."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Rig:
    """A sweep with its processes, and the app that shows it."""

    def __init__(self, sweep: Sweep, nodes: Nodes | None, chance: random.Random) -> None:
        self.sweep, self.nodes, self.chance = sweep, nodes, chance
        self.started: list[subprocess.Popen[bytes]] = []
        self.app = self._open_app()
        self._start()

    def _open_app(self) -> Terminal:
        return Terminal([*ADAM_TUI, "--mode", "sweep", "--runs", str(self.sweep.path.parent)], 100, 30)

    def of_kind(self, kind: str) -> list[int]:
        """The processes of a kind."""
        path, id = str(self.sweep.path), self.sweep.id
        match kind:
            case "slot":
                return processes_with(RUNNER, path)
            case "bridge":
                return processes_with(BRIDGE, path)
            case "ui":
                return [self.app.pid]
            case _:
                return processes_with("sweeps", "resume", id) + processes_with("sweeps", "work", path)

    def kill(self, kind: str) -> bool:
        """Kill one process of a kind; False where there is none."""
        if kind == "raylet":
            assert self.nodes is not None
            self.nodes.kill(self.chance)
            return True
        pids = self.of_kind(kind)
        if not pids:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.chance.choice(pids), signal.SIGKILL)
        return True

    def wait(self, seconds: float) -> None:
        """Let all of them work; the app's output is read, so that it does not wait."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.app.read(min(left, 0.1)):
                time.sleep(min(left, 0.05))

    def mend(self) -> None:
        """Start again what was killed and does not come back by itself."""
        for process in self.started:
            process.poll()  # no zombies
        if not Path(f"/proc/{self.app.pid}/cmdline").read_bytes():
            self.app.__exit__()
            self.app = self._open_app()
        if self.sweep.record().is_over or self.of_kind("sweep") or self.of_kind("bridge"):
            return
        is_free = not self.sweep.living()
        if self.nodes is None or is_free:
            if is_free and self.chance.random() < BY_THE_APP:
                os.write(self.app.fd, b"u")
                self._until(lambda: bool(self.of_kind("sweep")) or self.sweep.record().is_over)
            if not self.of_kind("sweep"):
                self._start()

    def _start(self) -> None:
        """The sweep process: `sweeps resume`, or `sweeps work` while slots of the one before are left."""
        slots = SLOTS - len(self.of_kind("slot"))
        command = ["resume", self.sweep.id, "--runs", str(self.sweep.path.parent), "--slots", str(SLOTS)]
        if self.nodes is not None:
            command += ["--on", "ray", "--address", self.nodes.address]
        elif self.sweep.living():
            command = ["work", str(self.sweep.path), "--slots", str(max(slots, 1))]
        command = [*ADAM_TUI, "sweeps", *command]
        self.started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _until(self, condition) -> None:
        end = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < end:
            self.wait(0.2)

    def close(self) -> list[int]:
        """End the app, and wait for the processes of the sweep; those that did not end."""
        self._until(lambda: not any(map(self.of_kind, ("slot", "bridge", "sweep"))))
        self.app.__exit__()
        for process in self.started:
            process.poll()
        return [pid for kind in ("slot", "bridge", "sweep") for pid in self.of_kind(kind)]


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


def repeated(sweep: Sweep) -> list[tuple[int, int]]:
    """The (trial, epoch) with more than one end that counts."""
    events = JournalReader(sweep.path).new_events()
    void = {(e.trial, attempt) for e in events if isinstance(e, TrialStarted) for attempt in e.lost}
    counting = (e for e in events if isinstance(e, TrialEnded) and (e.state in ENDED or e.state == "waiting"))
    counts = Counter((e.trial, e.epoch) for e in counting if (e.trial, e.attempt) not in void)
    return [at for at, count in counts.items() if count > 1]


def problems_of(sweep: Sweep, expected: dict[str, object], left: list[int]) -> list[str]:
    """The differences of a finished sweep from the undisturbed one."""
    problems = []
    own = outcome(sweep)
    for part in ("trials", "decisions"):
        wanted: dict = expected[part]  # type: ignore[assignment]
        got: dict = own[part]  # type: ignore[assignment]
        problems += [
            f"{sweep.id}: {part} {key} differs" for key in wanted.keys() | got if wanted.get(key) != got.get(key)
        ]
    problems += [f"{sweep.id}: trial {trial} has ended twice at epoch {epoch}" for trial, epoch in repeated(sweep)]
    problems += [f"{sweep.id}: {path.name} is left" for path in sweep.path.rglob("checkpoint*")]
    problems += [f"{sweep.id}: the claim {claim.file} is left" for claim in sweep.living().values()]
    problems += [f"{sweep.id}: process {pid} is left" for pid in left]
    folders = {path.name for path in sweep.path.iterdir() if path.is_dir() and path.name != "claims"}
    strange = folders ^ {each.run for each in sweep.record().trials.values()}
    return problems + [f"{sweep.id}: the directory {name}" for name in strange]


def campaign(times: int, chance: random.Random, trials: int, on: str) -> tuple[int, list[str], Counter[str]]:
    """Kill so often; the number of sweeps, the differences from an undisturbed one, and the kills by kind."""
    kills: Counter[str] = Counter()
    problems: list[str] = []
    sweeps = 0
    with tempfile.TemporaryDirectory(prefix="adam-tui-sweep-") as folder, contextlib.ExitStack() as stack:
        nodes = Nodes() if on == "ray" else None
        if nodes is not None:
            stack.callback(nodes.close)
        data = str(lay_out_digits(Path(folder) / "digits", 2000, 200))
        calm = create(plan(data, trials), Path(folder) / "calm", "calm")
        command = ["sweeps", "resume", calm.id, "--runs", str(calm.path.parent), "--slots", str(SLOTS)]
        subprocess.run([*ADAM_TUI, *command], stdout=subprocess.DEVNULL, check=True)
        expected = outcome(calm)
        while kills.total() < times:
            sweeps += 1
            place = ("ray", nodes.address) if nodes is not None else ("local", "")
            sweep = create(plan(data, trials), Path(folder) / f"runs-{sweeps}", f"killed-{sweeps}", *place)
            rig = Rig(sweep, nodes, chance)
            while not sweep.record().is_over:
                rig.wait(chance.uniform(0.0, MOST[on]))
                [kind] = chance.choices([*WEIGHTS[on]], [*WEIGHTS[on].values()])
                if kills.total() < times and not sweep.record().is_over and rig.kill(kind):
                    kills[kind] += 1
                    print(f"{kills.total()}: {kind}", flush=True)
                rig.wait(0.2)
                rig.mend()
            found = problems_of(sweep, expected, rig.close())
            problems += found
            print(f"{sweep.id} is over: {found or 'as the undisturbed one'}", flush=True)
    return sweeps, problems, kills


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--trials", type=int, default=9, help="settings of each of two optimizers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", choices=[*WEIGHTS], default="local")
    options = parser.parse_args()
    # One thread: the same sums, however busy the machine is.
    os.environ |= {"OMP_NUM_THREADS": "1", "ADAM_TUI_CONFIG": os.devnull}
    count, differences, by_kind = campaign(options.times, random.Random(options.seed), options.trials, options.on)
    print(f"{dict(by_kind)} killed in {count} sweeps; differences from an undisturbed one: {differences or 'none'}")
    sys.exit(bool(differences))
