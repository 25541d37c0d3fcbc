"""A sweep on a real Ray cluster of a head and three nodes, with a killed node and a killed bridge."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from sweep_training import states

from adam_tui.runs import directory, export
from adam_tui.sweeps.journal import JournalReader, TrialEnded, TrialStarted
from adam_tui.sweeps.ray_executor import BRIDGE
from adam_tui.sweeps.sweep import Sweep
from adam_tui.training import trainer
from adam_tui.training.journal import Journal

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
NODES = 3
DEADLINE = 240.0  # seconds, for a step that takes a few on a quiet machine


@pytest.fixture
def cluster():
    script = Path(__file__).parents[1] / "ray_cluster.py"
    process = subprocess.Popen(
        [sys.executable, script, str(NODES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield process
        process.stdin.close()
        process.wait()


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def events(sweep, kind):
    return [event for event in JournalReader(sweep.path).new_events() if isinstance(event, kind)]


def node_of(runner):
    """The beginning of the node's id in a runner's name, ray0-1a2b3c4d-…"""
    return re.fullmatch(r"ray\d+-([0-9a-f]{8})-.*", runner)[1]


def epochs_of(sweep, number):
    return len(sweep.run(sweep.record().trials[number].run).epochs())


def advanced(sweep):
    """The trials in progress that have a checkpoint of a finished epoch here."""
    busy = [n for n, each in sweep.record().trials.items() if each.state == "running"]
    return [n for n in busy if epochs_of(sweep, n) >= 2 and sweep.run(sweep.record().trials[n].run).has_checkpoint]


def bridges(sweep):
    """The process ids of the bridges of a sweep."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if BRIDGE.encode() in command and str(sweep.path).encode() in command:
            found.append(int(folder.name))
    return found


def numbers(run):
    """All that must be the same on every host."""
    epochs = [(each.train_loss, each.validation_loss, each.validation_accuracy) for each in run.epochs()]
    return list(export.losses(run)), epochs, run.epochs()[-1].test_accuracy


def train_here(spec, runs):
    """Train a run in this process, with one thread as on the nodes."""
    run, threads = directory.create(spec, runs), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with Journal(run) as journal:
            assert trainer.train(journal)[0] == "finished"
    finally:
        torch.set_num_threads(threads)
    return run


def test_a_killed_node_and_a_killed_bridge_lose_no_trial_and_change_no_loss(cluster, few_digits, tmp_path):
    address, nodes = json.loads(cluster.stdout.readline()).values()
    flags = ["--data-dir", few_digits, "--lr", "1e-3,1e-2,2e-2,5e-3", "--limit", "640", "--validation", "100"]
    flags += ["--epochs", "15", "--device", "cpu", "--precision", "float32", "--name", "x", "--address", address]
    sweep = Sweep(tmp_path / "sweep-x")
    command = [sys.executable, "-m", "adam_tui", "sweep", *flags, "--runs", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (sweep.path / "trials.jsonl").exists())

    # The node of a trial is killed, half-way.
    victim = wait_for(lambda: advanced(sweep))[0]
    node = node_of(sweep.record().trials[victim].runner)
    status = sweep.run(sweep.record().trials[victim].run).status()
    assert status.state == "running"
    assert status.host.endswith(f"Ray node {node}")
    cluster.stdin.write(next(each for each in nodes if each.startswith(node)) + "\n")
    cluster.stdin.flush()
    [lost] = wait_for(lambda: [each for each in events(sweep, TrialEnded) if each.state == "lost"])
    assert lost.trial == victim
    assert lost.reason.startswith(f"node {node} was lost")

    # The bridge is killed while others train; another one takes its place, and all trials end.
    [bridge] = bridges(sweep)
    os.kill(bridge, signal.SIGKILL)
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, said
    assert "the bridge to Ray ended (signal 9): another process takes its place" in said
    assert bridges(sweep) == []
    assert not sweep.living()

    trials = sweep.record().trials
    assert states(sweep) == ["finished"] * 4
    ends, starts = events(sweep, TrialEnded), events(sweep, TrialStarted)
    assert sorted(each.trial for each in ends if each.state == "finished") == [0, 1, 2, 3]
    assert {each.run for each in trials.values()} == {f"adam-{n:04}" for n in range(4)}
    assert not list(sweep.path.rglob("checkpoint*"))
    assert {node_of(each.runner) for each in starts} <= {each[:8] for each in nodes}
    again = next(each for each in starts if each.trial == victim and each.attempt == 2)
    assert again.epoch >= 1  # from the last checkpoint that had arrived
    assert node_of(again.runner) != node
    other = next(number for number in trials if number != victim)
    for number in (victim, other):
        run = sweep.run(trials[number].run)
        assert numbers(train_here(run.spec(), tmp_path / "here")) == numbers(run)
