"""Kills the training process at random moments while the real app shows it, and counts the losses.

    python tests/campaigns/kill.py --times 50 [--kind short --kind all --kind one] [--slow-disk]

Each round: the run trains (the real program on the real digits, in a process of its own) and the app shows it on a
pseudo-terminal. SIGKILL hits the process at a random moment. The round then measures the time until the app shows that
the run is lost. It checks that `adam-tui runs list` shows it, that every line of metrics.jsonl can be read, and that
no process is left. `u` in the app continues the run; the steps and seconds since its checkpoint are lost. In the end
every run finishes, and its losses, accuracies and weights are compared, bit for bit, with those of an undisturbed run
of the same settings.

With --slow-disk every call that replaces a file takes 0.1 s, so that many kills hit a half-written checkpoint.
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
    """A kind of run; it is killed at most `most` seconds after its first losses."""

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
    """The results of one kill, in seconds and steps."""

    kind: str
    state: str  # when it was killed
    seen: float  # until the app showed it
    steps: int = 0
    seconds: float = 0.0
    torn: int = 0  # lines of metrics.jsonl that cannot be read
    left: int = 0  # processes of the run, zombies too, after the kill
    resumed: bool = True


def events(run):
    """All events, and the number of lines that cannot be read."""
    path = run.path / "metrics.jsonl"
    lines = path.read_bytes().decode().splitlines() if path.exists() else []
    parsed = [from_line(line) for line in lines]
    return [event for event in parsed if event is not None], parsed.count(None)


def processes(run):
    """The ids of the processes that work on the run, and of the zombies among all processes of this program."""
    numbers = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(run.path).encode() in command or (state == "Z" and int(folder.name) in STARTED):
            numbers.append(int(folder.name))
    return numbers


STARTED: set[int] = set()  # the ids of all processes of this program


def wait_for(condition, message, terminal):
    """Wait until the condition is true, and read the output of the app meanwhile."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, message
        terminal.read(0.02)


def select(terminal, run):
    """Select the run in the app; the selection wraps around."""

    def chosen():
        return any("▸" in line and run.id in line for line in terminal.screen.display)

    while not chosen():
        terminal.press("[")
        terminal.read(0.2)


def events_after(run, before):
    """The events of the process whose start follows `before` earlier ones."""
    known = events(run)[0]
    starts = [i for i, event in enumerate(known) if isinstance(event, Started)]
    return known[starts[-1] :] if len(starts) > before else []


def kill(run, terminal, kind, starts, chance):
    """One round: the kill, its display and its losses. `starts` is the number of earlier starts."""
    terminal.until(lambda: LOST not in terminal.text(), 20)
    if chance.random() < 0.15:  # while the process loads torch, the data, the checkpoint
        terminal.read(chance.uniform(0.0, 3.0))
    else:
        wait_for(
            lambda: any(isinstance(event, Steps) for event in events_after(run, starts)), "it never trains", terminal
        )
        terminal.read(chance.uniform(0.0, kind.most))
    status = run.reported_status()
    if not status.alive:
        return None  # it finished meanwhile
    os.kill(status.pid, signal.SIGKILL)
    began, clock = time.monotonic(), time.time()
    terminal.until(LOST, 20)
    result = Round(kind.name, status.state, time.monotonic() - began)
    listed = subprocess.run([*APP, "runs", "list", "--runs", str(run.path.parent)], capture_output=True, text=True)
    row = next(line for line in listed.stdout.splitlines() if line.startswith(run.id))
    assert row.split()[1] == "lost", row
    result.torn = events(run)[1]
    end = time.monotonic() + 2
    while (left := processes(run)) and time.monotonic() < end:  # the app reaps the zombie
        terminal.read(0.1)
    result.left = len(left)
    if not run.can_resume():  # it was still loading: nothing is lost
        result.resumed = False
        return result
    saved = torch.load(run.checkpoint, weights_only=True)["progress"]["step"]
    recorded = events_after(run, starts)
    if recorded:
        result.steps = max(event.step for event in recorded) - saved
        times = [event.time for event in recorded if isinstance(event, Checkpointed) and event.step == saved]
        result.seconds = max(clock - (times[-1] if times else recorded[0].time), 0.0)
    terminal.press("u")
    wait_for(
        lambda: run.reported_status().alive and run.reported_status().pid != status.pid, "it is not continued", terminal
    )
    STARTED.add(run.reported_status().pid)
    return result


def compare(run, other):
    """The names of the differences between two finished runs."""
    differences = []
    if list(export.losses(run)) != list(export.losses(other)):
        differences.append("losses")
    epochs = [[(e.train_loss, e.test_loss, e.test_accuracy) for e in each.epochs()] for each in (run, other)]
    if epochs[0] != epochs[1]:
        differences.append("epochs")
    ends = [torch.load(each.checkpoint, weights_only=True) for each in (run, other)]
    weights = zip(ends[0]["model"].values(), ends[1]["model"].values(), strict=True)
    if not all(torch.equal(one, another) for one, another in weights):
        differences.append("weights")
    return differences


@contextlib.contextmanager
def cleared(folder):
    """Kill all runs and remove the folder at the end of the context."""
    try:
        yield
    finally:
        for run in directory.list_runs(folder):
            status = run.status()
            if status.alive and status.pid:
                os.kill(status.pid, signal.SIGKILL)
        shutil.rmtree(folder)


# A sitecustomize.py, which Python runs first in every process.
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
    """The rounds of one kind, and for each of its runs the differences from an undisturbed one."""
    folder = Path(tempfile.mkdtemp(prefix="adam-tui-kill-"))
    spec = recipes.make_spec("adam", {}, **kind.spec, device="cpu", precision="float32", queue=False)
    rounds, killed = [], []
    undisturbed = directory.create(spec, folder)
    with cleared(folder), Terminal([*APP, "--mode", "train", "--runs", str(folder)]) as terminal:

        def finished(run):
            assert run.status().state in ("starting", "running", "finished"), run.status()
            return run.status().state == "finished"

        while len(rounds) < times:
            if not killed or killed[-1].status().state == "finished":
                killed.append(directory.create(spec, folder))
                STARTED.add(control.start_worker(killed[-1]).pid)
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
        control.start_worker(undisturbed)
        wait_for(partial(finished, undisturbed), "it is not finished", terminal)
        differences = [compare(run, undisturbed) for run in killed]
        terminal.press("q")
        terminal.wait()
    return rounds, differences


def table(rounds):
    """The results as a table."""
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
    lines.append(f"{len(unresumed)} of them were still loading, before their first checkpoint")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument(
        "--kind", choices=[kind.name for kind in KINDS], action="append", help="only this kind; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slow-disk", action="store_true")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "ADAM_TUI_CONFIG": os.devnull}  # the same sums, however busy the machine is
    if options.slow_disk:
        first = tempfile.TemporaryDirectory(prefix="adam-tui-kill-")  # gone when this program ends
        Path(first.name, "sitecustomize.py").write_text(SLOW_DISK)
        os.environ["PYTHONPATH"] = os.pathsep.join([first.name, os.environ.get("PYTHONPATH", "")])
    every = []
    for kind in KINDS:
        if not options.kind or kind.name in options.kind:
            done, differences = campaign(kind, round(options.times * kind.share), random.Random(options.seed))
            every += done
            print(f"{kind.name}: {len(differences)} runs finished; differences from an undisturbed run: {differences}")
    print(table(every))
