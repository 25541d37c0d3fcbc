"""Attacks runs from outside, as other programs, other users and accidents do, while a process trains them.

    python tests/campaigns/attack.py [--times 20] [--minutes 30] [--only copy --only forge] [--real]

Each round makes a runs directory, starts a training process (with --real the real one, else a stand-in that only keeps
the files, which takes a fifth of the time) and lets one attack happen. An attack knows what must be left as it was:
the process trains on, no other process gets a signal, no file outside the directory changes, every command ends with
one line, and the screen shows the right numbers. A failure is printed with its traceback and its seed.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from click.testing import CliRunner
from damage import INSTEAD, STRANGE, strange_values

from adam_tui.cli.app import main
from adam_tui.history.feed import Feed
from adam_tui.runs import control, directory, files, processes, recipes
from adam_tui.runs.protocol import Epoch, Steps, to_line
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status, status_text

MAX_SECONDS = 600.0  # of a round, on a busy machine too
START_SECONDS = 180.0
STAND_IN = """
import sys, time
from adam_tui.runs.run import Run
from adam_tui.training.journal import Journal
with Journal(Run(sys.argv[1])) as journal:
    journal.set_state(sys.argv[2])
    while journal.stop_command() is None:
        time.sleep(0.02)
    journal.end("stopped", "asked to stop")
"""
COMMANDS = (
    ("list",),
    ("show", "{id}"),
    ("export", "{id}"),
    ("export", "{id}", "--what", "epochs"),
    ("pause", "{id}"),
    ("resume", "{id}"),
    ("set", "{id}", "lr=0.1"),
    ("stop", "{id}"),
    ("stop", "{id}", "--now"),
    ("rm", "{id}", "--yes"),
)


class Place:
    """A runs directory with helpers for attacks; what it starts ends with it."""

    def __init__(self, folder: Path, chance: random.Random, *, real: bool) -> None:
        self.folder, self.chance, self.real = folder, chance, real
        self.runs = folder / "runs"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def create(self, optimizer: str = "adam", **values: object) -> Run:
        """A new run without a process."""
        few = {"device": "cpu", "precision": "float32", "epochs": 1000, "limit": 2000, "queue": False} | values
        return directory.create(recipes.make_spec(optimizer, {}, **few), self.runs)

    def train(self, state: str = "running") -> tuple[Run, int]:
        """A run that a process trains, and the number of the process."""
        run = self.create()
        if self.real and state == "running":
            process = control.start_worker(run, detached=False)
        else:
            process = self.start([sys.executable, "-c", STAND_IN, str(run.path), state])
        self._stack.callback(_end, process)
        _wait_until(lambda: run.status().state == state, f"{run.id} is not {state}")
        return run, process.pid

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        """A process that ends with the round, after the system knows its arguments."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(_end, process)
        _wait_until(lambda: processes.command_line(process.pid) is not None, "it does not start")
        return process

    def command(self, *words: str) -> str:
        """Run a command; returns its output. It ends with one line on stderr at most."""
        runner = CliRunner(env={"ADAM_TUI_RUNS": str(self.runs), "ADAM_TUI_CONFIG": os.devnull})
        result = runner.invoke(main, ["runs", *words], prog_name="adam-tui")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code in (0, 1, 2), (words, result.exit_code)
        assert result.stderr.count("\n") <= 1, (words, result.stderr)
        return result.stdout + result.stderr

    def try_commands(self, id: str) -> None:
        """Every command, on a run that may be anything."""
        for words in self.chance.sample(COMMANDS, len(COMMANDS)):
            self.command(*(word.format(id=id) for word in words))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait_until(condition: Callable[[], object], problem: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end, problem
        time.sleep(0.02)


def _assert_trains(run: Run, pid: int) -> None:
    """The process lives, and its heartbeat goes on."""
    before = run.reported_status()
    assert processes.is_running(pid), "its process is gone"
    _wait_until(lambda: run.reported_status() not in (None, before), "its heartbeat stands still")
    assert run.status().state in ("running", "queued"), run.status()


# The attacks.


def copy(place: Place) -> None:
    """Copy a run while it trains, and try to end the copy."""
    run, pid = place.train()
    copied = Run(shutil.copytree(run.path, run.path.with_name("a-copy"), copy_function=shutil.copyfile))
    assert copied.status().state == "lost", copied.status()
    feed = Feed(place.runs)
    states = {view.id: view.state for view in feed.views()}
    assert states == {run.id: "running", copied.id: "lost"}, states
    feed.kill(copied.id, copied.reported_status())
    place.try_commands(copied.id)
    _assert_trains(run, pid)


def copy_queued(place: Place) -> None:
    """Copy a queued run so that the copy sorts earlier; it must not count as waiting, and be deletable."""
    run, pid = place.train("queued")
    copied = Run(shutil.copytree(run.path, run.path.with_name("a-copy")))
    assert not copied.status().alive, copied.status()
    place.command("rm", copied.id, "--yes")
    assert not copied.path.exists()
    _assert_trains(run, pid)


def rename(place: Place) -> None:
    """Rename a run while it trains: it is still active, cannot be deleted or started, and can be killed."""
    run, pid = place.train()
    renamed = Run(run.path.rename(run.path.with_name("renamed")))
    assert renamed.status().alive, renamed.status()
    assert "still running" in place.command("rm", "renamed", "--yes")
    assert "already" in place.command("resume", "renamed")
    assert processes.is_running(pid)
    renamed.path.rename(run.path)


def forge(place: Place) -> None:
    """Let a status name another process of the user's: a sleeping one, one that looks similar, this program."""
    run, pid = place.train()
    original = run.path / "status.json"
    script = [sys.executable, "-c", "import time; time.sleep(1000)"]
    victims = [
        place.start(script),
        place.start([*script, str(run.path)]),
        place.start([*script, control.WORKER, str(run.metrics)]),
    ]
    other, _ = place.train()
    numbers = [*(victim.pid for victim in victims), os.getpid(), other.reported_status().pid]
    forged = place.create()
    for number in numbers:
        report = Status("running", number, os.uname().nodename, time.time(), born=processes.birth(number))
        files.write_atomically(forged.path / "status.json", status_text(report))
        assert not forged.status().alive, forged.status()
        place.command("stop", "--now", forged.id)
        Feed(place.runs).kill(forged.id, report)
        with contextlib.suppress(ValueError):
            files.write_atomically(original, status_text(report))
            control.kill(run, report)
        _wait_until(lambda: getattr(run.reported_status(), "pid", 0) == pid, "its process writes no status")
    assert all(victim.poll() is None for victim in victims), "a process that trains nothing was killed"
    _assert_trains(other, other.reported_status().pid)
    _assert_trains(run, pid)


def plant(place: Place) -> None:
    """Put links, directories and pipes where files of a run and of the directory are written."""
    precious = place.folder / "precious"
    precious.write_text("precious")
    place.runs.mkdir()
    host = os.uname().nodename
    for name in (f".{host}-cpu.lock", ".lock"):
        (place.runs / name).symlink_to(precious if place.chance.random() < 0.5 else place.folder / "new")
    run, pid = place.train()
    names = ["control.jsonl", "worker.log", "checkpoint.pt", "checkpoint.old.pt", "evaluation.npz", "status.json"]
    for name in names:
        path = run.path / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with contextlib.suppress(FileExistsError):
            path.symlink_to(precious)
    place.try_commands(run.id)
    time.sleep(1.5)  # more than a heartbeat
    assert precious.read_text() == "precious"
    assert not (place.folder / "new").exists()
    assert not pid or processes.is_running(pid) or not run.status().alive


def replace(place: Place) -> None:
    """Replace the metrics by longer copies, as rsync and Syncthing do; every event is read once."""
    run = place.create()
    lines = [to_line(Steps(1e9 + step, 10 * step, (1.0 / step,) * 10)) for step in range(1, 300)]
    run.metrics.write_text("".join(lines[:10]))
    feed, follower, steps = Feed(place.runs), run.follow(), []
    feed.views()
    for end in sorted(place.chance.sample(range(10, len(lines)), 30)):
        if place.chance.random() < 0.7:
            part = run.path / "part"
            part.write_text("".join(lines[:end]))
            part.replace(run.metrics)
        else:
            run.metrics.write_text("".join(lines[:end]))
        while events := follower.poll():
            steps += [event.step for event in events]
        feed.poll([run.id])
    assert steps == [10 * step for step in range(1, len(steps) + 1)]
    history = feed.histories[run.id]
    assert len(history.curve) == steps[-1]
    assert abs(history.work_seconds - (len(steps) - 1)) < 1.5, history.work_seconds


def rewrite(place: Place) -> None:
    """Rewrite the metrics with another JSON writer: spaces, another order, other ends of lines."""
    run = place.create()
    events = [Steps(1e9 + n, 10 * n, (1.0,) * 10) for n in range(1, 9)] + [
        Epoch(1e9 + 9, 80, 1, 1.0, 1.0, 0.5, 9.0, 100.0)
    ]
    run.metrics.write_text("".join(map(to_line, events)))
    before = place.command("export", run.id), place.command("export", run.id, "--what", "epochs")
    rows = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    order = [lambda row: dict(sorted(row.items())), lambda row: dict(reversed(row.items()))]
    text = "\r\n".join(json.dumps(place.chance.choice(order)(row), indent=None) for row in rows)
    run.metrics.write_text(text + "\r\n")
    assert (place.command("export", run.id), place.command("export", run.id, "--what", "epochs")) == before
    assert "1/" in place.command("list")


def flood(place: Place) -> None:
    """A line of 200 MB: no command and no poll may wait for it, or hold it in memory."""
    run = place.create()
    with run.metrics.open("wb") as file:
        file.write(to_line(Steps(1e9, 1, (1.0,))).encode() + b'{"event":"steps","losses":[')
        for _ in range(200):
            file.write(b"1.5," * (1 << 18))
        file.write(b"\n" + to_line(Steps(1e9 + 1, 2, (0.5,))).encode())
    began = time.process_time()
    place.command("list")
    feed = Feed(place.runs)
    feed.views()
    while feed.poll([run.id])[1]:
        pass
    assert len(feed.histories[run.id].curve) == 2
    assert time.process_time() - began < 6.0, "it takes long"


def strange(place: Place) -> None:
    """Valid JSON with strange values in every file of a run."""
    run, _ = place.train()
    other = place.create("sgd")
    for name in ("metrics.jsonl", "spec.json", "status.json", "control.jsonl"):
        source = run.path / name
        if source.exists():
            (other.path / name).write_bytes(strange_values(place.chance, source.read_bytes()))
    body = json.loads((run.path / "spec.json").read_text())
    body[place.chance.choice(list(body))] = place.chance.choice(STRANGE)
    (place.create().path / "spec.json").write_text(json.dumps(body))
    place.try_commands(other.id)
    feed = Feed(place.runs)
    for view in feed.views():
        while feed.poll([view.id])[1]:
            pass
        feed.log(view.id, 3)
        feed.evaluation(view.id)
    feed.problems()


def instead(place: Place) -> None:
    """Directories, pipes, devices, loops and nothing in the place of a run's files."""
    run = place.create()
    for name in ("metrics.jsonl", "spec.json", "status.json", "control.jsonl", "worker.log", "evaluation.npz"):
        path = run.path / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        place.chance.choice(INSTEAD)(path)
    place.try_commands(run.id)
    feed = Feed(place.runs)
    feed.views()
    feed.poll([run.id])
    feed.problems()


def contain(place: Place) -> None:
    """A process in a container with this host's name: it is active, takes orders, and is not started twice."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return  # this user cannot make one
    run = place.create()
    process = place.start([*unshare, "--kill-child", sys.executable, "-c", STAND_IN, str(run.path), "running"])
    _wait_until(lambda: run.status().state == "running", f"{run.id} is not running")
    assert not run.reported_status().is_local
    run.checkpoint.touch()
    assert "already" in place.command("resume", run.id)
    with contextlib.suppress(ValueError):
        control.kill(run, run.reported_status())
    assert process.poll() is None
    assert "still running" in place.command("rm", run.id, "--yes")
    place.command("stop", run.id)
    _wait_until(lambda: run.status().state == "stopped", f"{run.id} does not stop")


ATTACKS = {
    attack.__name__: attack
    for attack in (copy, copy_queued, rename, forge, plant, replace, rewrite, flood, strange, instead, contain)
}


def rounds(
    names: list[str], times: int, seed: int, minutes: float = 1e9, *, real: bool = False
) -> Iterator[tuple[str, int, bool]]:
    """Run the attacks in turn: name, seed and whether it held, after each."""
    end = time.monotonic() + 60 * minutes
    for number in range(times * len(names)):
        if time.monotonic() > end:
            return
        name, own = names[number % len(names)], seed + number
        held = True
        faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)
        with tempfile.TemporaryDirectory(prefix="adam-tui-attack-") as folder:
            try:
                with Place(Path(folder), random.Random(own), real=real) as place:
                    ATTACKS[name](place)
            except Exception:
                held = False
                print(f"{name}, seed {own}:", file=sys.stderr)
                traceback.print_exc(limit=-4)
        faulthandler.cancel_dump_traceback_later()
        yield name, own, held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="rounds of each attack")
    parser.add_argument("--minutes", type=float, default=1e9, help="no longer than that")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(ATTACKS), help="only these attacks")
    parser.add_argument("--real", action="store_true", help="real training processes, which load torch")
    given = parser.parse_args()
    failures: dict[str, int] = {}
    counts: dict[str, int] = {}
    for attack, _, held in rounds(given.only or list(ATTACKS), given.times, given.seed, given.minutes, real=given.real):
        counts[attack] = counts.get(attack, 0) + 1
        failures[attack] = failures.get(attack, 0) + (not held)
    print(f"{sum(failures.values())} failures", {name: f"{failures[name]} of {counts[name]}" for name in counts})
    sys.exit(bool(sum(failures.values())))
