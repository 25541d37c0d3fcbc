"""The worker as a process of its own, on real digits: it is steered, signalled, killed and continued."""

import itertools
import os
import signal
import time

import pytest

from adam_tui.training import rundir
from adam_tui.training.protocol import Steps, from_line
from adam_tui.training.rundir import Follower

PATIENCE = 60.0  # a busy machine needs long to import torch


class Watch:
    """Follows a run until something is seen."""

    def __init__(self, run):
        self.follower, self.events = Follower(run), []

    def until(self, name, count=1):
        """The event of that name, the `count`th from now."""
        deadline = time.time() + PATIENCE
        while time.time() < deadline:
            for event in self.follower.poll():
                self.events.append(event)
                if event.name == name:
                    count -= 1
            if count <= 0:
                return next(event for event in reversed(self.events) if event.name == name)
            time.sleep(0.02)
        raise AssertionError(f"no {name} after {PATIENCE} s: {[event.name for event in self.events]}")


def wait_for(state, run):
    deadline = time.time() + PATIENCE
    while run.status().state != state and time.time() < deadline:
        time.sleep(0.02)
    return run.status().state


def test_a_run_lives_in_a_process_of_its_own_and_obeys_until_it_is_killed_and_continues(new_run):
    run = new_run("sgd", epochs=100_000, limit=2000)
    worker = rundir.start_worker(run)
    watch = Watch(run)
    try:
        assert run.status().state == "starting"
        assert run.status().pid == worker.pid
        assert os.getsid(worker.pid) == worker.pid  # closing this terminal does not reach it
        watch.until("steps", 3)
        assert wait_for("running", run) == "running"
        with pytest.raises(ValueError, match="running already"):
            rundir.start_worker(run)

        run.command("pause")
        paused = watch.until("pause")
        assert wait_for("paused", run) == "paused"
        time.sleep(0.5)
        assert [event.name for event in watch.follower.poll()] == []

        run.command("set", name="lr", value=0.05)
        change = watch.until("set")
        assert (change.parameter, change.value, change.step) == ("lr", 0.05, paused.step)
        run.command("resume")
        assert watch.until("resume").step == paused.step
        assert watch.until("steps").step > paused.step

        os.kill(worker.pid, signal.SIGHUP)
        watch.until("steps", 3)
        os.kill(worker.pid, signal.SIGTERM)
        end = watch.until("end")
        assert worker.wait(PATIENCE) == 0
        assert (end.state, end.reason) == ("stopped", "SIGTERM")
        assert run.status().state == "stopped"
        assert run.checkpoint.exists()
        assert run.log_tail(9) == ""

        run.command("stop")  # nobody is there: not for the next process
        worker = rundir.start_worker(run)
        start = watch.until("start")
        assert start.step == end.step
        assert watch.until("steps", 2).step > end.step
        worker.kill()
        worker.wait(PATIENCE)
        assert run.status().state == "lost"
        assert run.status().step >= end.step
    finally:
        worker.kill()
        worker.wait()
    steps = [event for event in map(from_line, (run.path / "metrics.jsonl").read_text().splitlines()) if event]
    reported = [event for event in steps if isinstance(event, Steps)]
    for before, after in itertools.pairwise(reported):
        assert after.step == before.step + len(after.losses)  # no loss is missing and none is told twice


def test_a_torch_that_cannot_be_loaded_is_said(new_run, monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = new_run()
    worker = rundir.start_worker(run)
    assert worker.wait(PATIENCE) == 1
    assert run.status().state == "failed"
    assert run.status().reason == "cannot load the training: no torch on this machine"
    assert run.error_tail().startswith("Traceback")
    assert run.error_tail().endswith("ImportError: no torch on this machine")
