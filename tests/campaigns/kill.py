"""Kills the training process at random moments, in front of the real app, and counts what is lost.

    python tests/campaigns/kill.py --times 50 [--kind short --kind all --kind one] [--slow-disk]

Each round: the run trains (the real program on the real digits, in a process of its own) and the app shows it on a
pseudo-terminal. SIGKILL hits the process at a random moment. Then are measured: how long until the app says that the
run is lost; whether `adam-tui runs list` says so; whether every line of metrics.jsonl can be read; which processes are
left. `u` in the app continues the run; what is lost are the steps, and the seconds, since the checkpoint that it takes
up. In the end every run is let finish, and its losses, accuracies and weights are compared, bit for bit, with those of
a run of the same settings that nobody touched.

With --slow-disk every call that replaces a file takes its time, so that many a kill hits a checkpoint half written.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from pty_terminal import Terminal

from adam_tui.runs import control, directory, export, recipes
from adam_tui.runs.protocol import Checkpointed, Started, Steps, from_line

PATIENCE = 900.0  # a busy machine needs long to finish
LOST = "lost: the process is gone"
APP = [sys.executable, "-m", "adam_tui"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A sort of run; it is killed so many seconds after its first losses, or after its start, at most."""

    name: str
    spec: dict
    share: float  # of all the kills
    most: float


# Few images with epochs of less than a second; all of them; batches of one, with an epoch of more than 30 seconds.
KINDS = [
    Kind("short", {"limit": 2000, "batch_size": 32, "epochs": 20}, 0.6, 2.0),
    Kind("all", {"batch_size": 64, "epochs": 1}, 0.34, 15.0),
    Kind("one", {"batch_size": 1, "epochs": 1, "limit": 40_000}, 0.06, 45.0),
]


@dataclasses.dataclass
class Round:
    """What one kill did. Seconds, and steps."""

    kind: str
    state: str  # when it was killed
    seen: float  # until the app said it
    steps: int = 0
    seconds: float = 0.0
    torn: int = 0  # lines of metrics.jsonl that cannot be read
    left: int = 0  # processes of the run, zombies too, after the kill
    resumed: bool = True


def events(run):
    """All events, and the number of lines that are none."""
    path = run.path / "metrics.jsonl"
    lines = path.read_bytes().decode().splitlines() if path.exists() else []
    told = [from_line(line) for line in lines]
    return [event for event in told if event is not None], told.count(None)


def processes(run):
    """The numbers of the processes that work on the run, and of the zombies among all processes of this program."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(run.path).encode() in command or (state == "Z" and int(folder.name) in EVER):
            found.append(int(folder.name))
    return found


EVER: set[int] = set()  # every process that was started


def wait_for(condition, what, terminal):
    """Wait until it comes true; whatever the app writes meanwhile is read."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        terminal.read(0.02)


def select(terminal, run):
    """Choose the run in the app; the keys go round."""

    def chosen():
        return any("▸" in line and run.id in line for line in terminal.screen.display)

    while not chosen():
        terminal.press("[")
        terminal.read(0.2)


def told_by(run, before):
    """What this process told since there were so many starts: nothing, or from its own start on."""
    known = events(run)[0]
    starts = [i for i, event in enumerate(known) if isinstance(event, Started)]
    return known[starts[-1] :] if len(starts) > before else []


def kill(run, terminal, kind, starts, chance):
    """One round: the kill, what is seen of it, and what is lost. `starts` were told before this process."""
    terminal.until(lambda: LOST not in terminal.text(), 20)
    if chance.random() < 0.15:  # while it loads torch, the data, the checkpoint
        terminal.read(chance.uniform(0.0, 3.0))
    else:
        wait_for(lambda: any(isinstance(event, Steps) for event in told_by(run, starts)), "it never trains", terminal)
        terminal.read(chance.uniform(0.0, kind.most))
    status = run.reported_status()
    if not status.alive:
        return None  # it has finished meanwhile
    os.kill(status.pid, signal.SIGKILL)
    began, clock = time.monotonic(), time.time()
    terminal.until(LOST, 20)
    result = Round(kind.name, status.state, time.monotonic() - began)
    listed = subprocess.run([*APP, "runs", "list", "--runs", str(run.path.parent)], capture_output=True, text=True)
    row = next(line for line in listed.stdout.splitlines() if line.startswith(run.id))
    assert row.split()[1] == "lost", row
    result.torn = events(run)[1]
    end = time.monotonic() + 2
    while (left := processes(run)) and time.monotonic() < end:  # the app clears its zombie away
        terminal.read(0.1)
    result.left = len(left)
    if not run.can_resume():  # it was still loading: nothing was done yet
        result.resumed = False
        return result
    saved = torch.load(run.checkpoint, weights_only=True)["progress"]["step"]
    told = told_by(run, starts)
    if told:
        result.steps = max(event.step for event in told) - saved
        kept = [event.time for event in told if isinstance(event, Checkpointed) and event.step == saved]
        result.seconds = max(clock - (kept[-1] if kept else told[0].time), 0.0)
    terminal.press("u")
    wait_for(
        lambda: run.reported_status().alive and run.reported_status().pid != status.pid, "it is not continued", terminal
    )
    EVER.add(run.reported_status().pid)
    return result


def compare(run, other):
    """The names of what differs between two runs that finished."""
    differences = []
    if list(export.losses(run)) != list(export.losses(other)):
        differences.append("losses")
    told = [[(e.train_loss, e.test_loss, e.test_accuracy) for e in each.epochs()] for each in (run, other)]
    if told[0] != told[1]:
        differences.append("epochs")
    ends = [torch.load(each.checkpoint, weights_only=True) for each in (run, other)]
    weights = zip(ends[0]["model"].values(), ends[1]["model"].values(), strict=True)
    if not all(torch.equal(one, another) for one, another in weights):
        differences.append("weights")
    return differences


@contextlib.contextmanager
def ended_at_last(folder):
    """Leave nothing behind, however it ends."""
    try:
        yield
    finally:
        for run in directory.list_runs(folder):
            status = run.status()
            if status.alive and status.pid:
                os.kill(status.pid, signal.SIGKILL)
        shutil.rmtree(folder)


# What Python runs first in every process.
SLOW_DISK = """
import os, time
for name in ("fsync", "link", "replace", "unlink"):
    def slow(*arguments, call=getattr(os, name), **options):
        time.sleep(0.05)
        result = call(*arguments, **options)
        time.sleep(0.05)
        return result
    setattr(os, name, slow)
"""


def campaign(kind, times, chance):
    """The rounds of one kind, and for each of its runs what in the end differs from one that nobody touched."""
    folder = Path(tempfile.mkdtemp(prefix="adam-tui-kill-"))
    spec = recipes.make_spec("adam", {}, **kind.spec, device="cpu", precision="float32", queue=False)
    rounds, killed = [], []
    untouched = directory.create(spec, folder)
    with ended_at_last(folder), Terminal([*APP, "--mode", "train", "--runs", str(folder)]) as terminal:

        def finished(run):
            assert run.status().state in ("starting", "running", "finished"), run.status()
            return run.status().state == "finished"

        while len(rounds) < times:
            if not killed or killed[-1].status().state == "finished":
                killed.append(directory.create(spec, folder))
                EVER.add(control.start_worker(killed[-1]).pid)
                terminal.until(killed[-1].id, 20)
                select(terminal, killed[-1])
            run = killed[-1]
            starts = sum(isinstance(event, Started) for event in events(run)[0])
            result = kill(run, terminal, kind, starts, chance)
            if result is None:
                continue
            rounds.append(result)
            print(dataclasses.astuple(result), flush=True)
            if not result.resumed:
                killed.pop().delete()
        for run in killed:
            wait_for(partial(finished, run), "it is not finished", terminal)
        control.start_worker(untouched)
        wait_for(partial(finished, untouched), "it is not finished", terminal)
        found = [compare(run, untouched) for run in killed]
        terminal.press("q")
        terminal.wait()
    return rounds, found


def table(rounds):
    """In words and columns."""
    lines = [f"{'':16}{'kills':>6}{'seen after':>22}{'steps lost':>22}{'seconds lost':>22}{'torn':>6}{'left':>6}"]
    for name in [*dict.fromkeys(each.kind for each in rounds), "all"]:
        some = [each for each in rounds if name in (each.kind, "all")]

        def most(values, form):
            return f"{form.format(statistics.median(values))}, at most {form.format(max(values))}"

        lines.append(
            f"{name:16}{len(some):>6}{most([e.seen for e in some], '{:.2f}'):>22}"
            f"{most([e.steps for e in some], '{:.0f}'):>22}{most([e.seconds for e in some], '{:.1f}'):>22}"
            f"{max(e.torn for e in some):>6}{max(e.left for e in some):>6}"
        )
    unresumed = [each for each in rounds if not each.resumed]
    lines.append(f"{len(unresumed)} of them were still loading, with nothing done yet")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--kind", choices=[kind.name for kind in KINDS], action="append", help="only some of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slow-disk", action="store_true")
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "ADAM_TUI_CONFIG": os.devnull}  # the same sums, however busy the machine is
    if asked.slow_disk:
        first = tempfile.TemporaryDirectory(prefix="adam-tui-kill-")  # gone when this program ends
        Path(first.name, "sitecustomize.py").write_text(SLOW_DISK)
        os.environ["PYTHONPATH"] = os.pathsep.join([first.name, os.environ.get("PYTHONPATH", "")])
    every = []
    for kind in KINDS:
        if not asked.kind or kind.name in asked.kind:
            done, found = campaign(kind, round(asked.times * kind.share), random.Random(asked.seed))
            every += done
            print(f"{kind.name}: {len(found)} runs finished; they differ from one that nobody touched in {found}")
    print(table(every))
