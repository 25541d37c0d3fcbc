"""The training process on real digits: commands, signals, kills, continuations, and the queue for a device."""

import itertools
import os
import signal
import time

import numpy as np
import pytest
import torch
from torchvision_files import lay_out

from adam_tui.runs import control, export
from adam_tui.runs.protocol import Steps, from_line
from adam_tui.training import trainer
from adam_tui.training.journal import Journal

PATIENCE = 60.0  # a busy machine needs long to import torch


class Watch:
    """Follows a run event by event."""

    def __init__(self, run):
        self.follower, self.pending, self.seen = run.follow(), [], []

    def until(self, name, count=1):
        """The event of that name, the `count`th from here on."""
        deadline = time.time() + PATIENCE
        while time.time() < deadline:
            while self.pending:
                event = self.pending.pop(0)
                self.seen.append(event.name)
                count -= event.name == name
                if not count:
                    return event
            self.pending = self.follower.poll()
            time.sleep(0.02)
        raise AssertionError(f"no {name} after {PATIENCE} s: {self.seen}")


def wait_for(state, run):
    deadline = time.time() + PATIENCE
    while run.status().state != state and time.time() < deadline:
        time.sleep(0.02)
    return run.status().state


def wait_for_a_heartbeat(run):
    """Wait until the process has worked for a second more, as its heartbeat shows."""
    before, deadline = run.status().heartbeat, time.time() + PATIENCE
    while run.status().heartbeat == before:
        assert time.time() < deadline, "no heartbeat"
        time.sleep(0.02)


@pytest.fixture
def start():
    """Start or continue runs; processes that are left at the end are killed."""
    processes = []

    def begin(run, how=control.start_worker):
        processes.append(how(run))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def test_a_run_in_its_own_process_carries_out_commands_and_continues_after_a_kill(new_run, start, few_digits):
    run = new_run("sgd", epochs=100_000, limit=0, data_dir=few_digits)
    worker = start(run)
    watch = Watch(run)
    assert run.status().state == "starting"
    assert run.status().pid == worker.pid
    assert os.getsid(worker.pid) == worker.pid  # closing this terminal does not reach it
    watch.until("steps", 3)
    assert wait_for("running", run) == "running"
    with pytest.raises(ValueError, match="running already"):
        start(run)
    with pytest.raises(ValueError, match="is running already"):
        start(run, control.resume)

    run.command("pause")
    paused = watch.until("pause")
    assert wait_for("paused", run) == "paused"
    wait_for_a_heartbeat(run)
    assert watch.pending + watch.follower.poll() == []

    run.command("set", name="lr", value=0.05)
    change = watch.until("set")
    assert (change.parameter, change.value, change.step) == ("lr", 0.05, paused.step)
    run.command("resume")
    assert watch.until("resume").step == paused.step
    assert watch.until("steps").step > paused.step

    os.kill(worker.pid, signal.SIGHUP)
    watch.until("epoch", 2)
    with np.load(run.evaluation, allow_pickle=False) as held:
        assert held["confusion"].sum() == 500
    status = run.status()
    assert 0 < status.cpu_percent <= 100
    assert status.memory_bytes is None or status.memory_bytes > 100e6  # it holds torch and the digits
    os.kill(worker.pid, signal.SIGTERM)
    end = watch.until("end")
    assert worker.wait(PATIENCE) == 0
    assert (end.state, end.reason) == ("stopped", "SIGTERM")
    assert run.status().state == "stopped"
    assert run.checkpoint.exists()
    assert run.log_tail(9) == run.error_tail() == ""

    run.command("stop")  # no process reads it, and the next one must not
    worker = start(run, control.resume)
    assert watch.until("start").step == end.step
    assert watch.until("steps", 2).step > end.step
    worker.kill()
    worker.wait(PATIENCE)
    assert (run.status().state, run.status().reason) == ("lost", "the process is gone")
    assert run.status().step >= end.step
    assert run.can_resume()
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    reported = [event for event in map(from_line, lines) if isinstance(event, Steps)]
    for before, after in itertools.pairwise(reported):
        assert after.step == before.step + len(after.losses)  # no loss is missing and none comes twice


def same(value, other):
    """Whether two structures of tensors are equal in every bit, apart from measured seconds."""
    if isinstance(value, torch.Tensor):
        return torch.equal(value, other)
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value.keys() - {"seconds"})
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(same, value, other))
    return value == other


def test_a_run_that_was_stopped_killed_and_resumed_equals_an_undisturbed_one(new_run, start, few_digits):
    asked = {"limit": 0, "epochs": 5, "queue": False, "data_dir": few_digits}
    whole, parted = new_run("adam", **asked), new_run("adam", **asked)
    with Journal(whole) as journal:  # in this process: the kind of process makes no difference
        assert trainer.train(journal)[0] == "finished"
    worker, watch = start(parted), Watch(parted)
    watch.until("steps")
    parted.command("stop")
    stopped = watch.until("end").step
    assert 0 < stopped < 5 * 63
    assert worker.wait(PATIENCE) == 0
    worker = start(parted, control.resume)
    watch.until("checkpoint")
    watch.until("steps")
    worker.kill()
    worker.wait(PATIENCE)
    assert parted.status().state == "lost"
    start(parted, control.resume)
    assert watch.until("end").state == "finished"
    assert list(export.losses(parted)) == list(export.losses(whole))
    epochs = [
        [(epoch.train_loss, epoch.test_loss, epoch.test_accuracy) for epoch in run.epochs()] for run in (whole, parted)
    ]
    assert epochs[0] == epochs[1]
    assert same(*(torch.load(run.checkpoint, weights_only=True) for run in (whole, parted)))


def test_runs_wait_for_their_device_in_the_order_of_their_start(new_run, start, tmp_path, few_digits):
    fashion = lay_out(tmp_path / "server", "fashion-mnist")
    long = {"epochs": 100_000, "limit": 0}
    first = new_run("sgd", data="fashion-mnist", data_dir=str(fashion), **long)
    second, third = (new_run(name, data_dir=few_digits, **long) for name in ("adam", "lion"))
    holder = start(first)
    assert wait_for("running", first) == "running"
    waiting = [start(run) for run in (second, third)]
    for run in (second, third):
        assert wait_for("queued", run) == "queued"
        assert run.status().reason == f"waits for {first.id} on cpu"
        assert not run.can_resume()

    third.command("stop")
    assert waiting[1].wait(PATIENCE) == 0
    assert (third.status().state, third.status().reason) == ("stopped", "asked to stop")
    assert Watch(third).until("end").step == 0
    assert not third.checkpoint.exists()

    second.command("set", name="lr", value=0.25)
    wait_for_a_heartbeat(second)
    status = second.status()
    assert status.state == "queued"
    assert status.memory_bytes is None or status.memory_bytes < 60e6  # no torch yet
    assert Watch(first).until("epoch").test_accuracy > 0.05
    holder.kill()  # a crash frees the device
    holder.wait()
    watch = Watch(second)
    assert watch.until("start").step == 0
    change = watch.until("set")
    assert (change.step, change.parameter, change.value) == (0, "lr", 0.25)
    waiting[0].send_signal(signal.SIGTERM)
    assert watch.until("end").reason == "SIGTERM"


def test_a_torch_that_cannot_be_loaded_is_reported(new_run, monkeypatch, tmp_path, start):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = new_run()
    assert start(run).wait(PATIENCE) == 1
    assert run.status().state == "failed"
    assert run.status().reason == "cannot load the training: no torch on this machine"
    assert run.error_tail().startswith("Traceback")
    assert run.error_tail().endswith("ImportError: no torch on this machine")
    with pytest.raises(ValueError, match="has no checkpoint"):
        control.resume(run)
