"""A slot on a node, without a cluster: the copy of its run, and how another node goes on."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest
import torch

from adam_tui.engine.class_signature import Parameter
from adam_tui.runs import directory, export, processes, user_code
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.run_copy import RunCopy
from adam_tui.sweeps.space import Values
from adam_tui.sweeps.sweep import create
from adam_tui.sweeps.work import Worker
from adam_tui.training.node_slot import NodeSlot

STOP = ("stop", {"reason": "enough"})
EPOCHS = 4


@pytest.fixture(autouse=True)
def like_a_node(tmp_path, monkeypatch):
    """One thread, because threads that wait for each other are slow on a busy machine; files in the test's folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def trial(tmp_path, few_digits):
    """A trial of 10 steps an epoch in a sweep of this name, with its run."""

    def make(name):
        settings = {"sampler": "grid", "limit": 640, "validation": 100, "device": "cpu", "precision": "float32"}
        space = plans.make_space({"adam": {}}, "1e-3", {})
        plan = Plan(space, epochs=EPOCHS, rungs=(EPOCHS,), data_dir=few_digits, **settings)
        sweep = create(plan, tmp_path / "runs", name)
        planned = sweep.trial(sweep.record().trials[0].planned)
        run = sweep.run(planned.run)
        run.path.mkdir()
        directory.write_spec(planned.spec, run.path)
        return planned, run

    return make


def test_a_new_slot_removes_the_files_of_killed_ones_and_no_others(tmp_path):
    def slot_of(pid, birth):
        folder = tmp_path / f"adam-tui-node-{pid}-x{len(birth)}"
        folder.mkdir()
        if birth:
            (folder / "owner").write_text(birth)
        return folder

    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    dead = slot_of(killed.pid, processes.birth(killed.pid))
    killed.kill()
    killed.wait()
    mine = processes.birth(os.getpid())
    reused = slot_of(os.getpid(), "1@" + mine.partition("@")[2])
    kept = [slot_of(os.getpid(), mine), slot_of(4000000, ""), slot_of(4000001, "5@another namespace")]
    slot = NodeSlot()
    assert [dead.exists(), reused.exists(), *(folder.exists() for folder in kept)] == [False, False, True, True, True]
    slot.close()
    left = {path.name for path in tmp_path.glob("adam-tui-node-*")}
    assert left == {folder.name for folder in kept}, "a slot that is closed leaves nothing"


def train(slot, trial, run, until, commands=(), checkpoint_seconds=1e9, seen=None):
    """Train a leg as the bridge does; its end."""
    copy = RunCopy(run)
    try:
        slot.start((0, id(copy)), trial, run.id, until, copy.sent())
        commands = list(commands)
        while True:
            now = commands if seen is None or seen(run) else []
            report = slot.poll(copy.known(), now, copy.new_orders(), 0.05, checkpoint_seconds)
            commands = [each for each in commands if each not in now]
            copy.write(report.pieces)
            if report.end and not report.more:
                return report.end
    finally:
        copy.close()


def test_the_copy_is_the_run_of_the_node_byte_for_byte(trial):
    slot = NodeSlot()
    slot.host = "host, node 7"
    planned, run = trial("a")
    assert train(slot, planned, run, EPOCHS) == ("finished", "epoch 4 of 4 done")
    names = {"spec.json", "metrics.jsonl", "worker.log", "evaluation.npz", "status.json"}
    assert names <= {path.name for path in run.path.iterdir()}
    for name in names:
        assert (run.path / name).read_bytes() == (slot._run.path / name).read_bytes()
    assert run.status().host == "host, node 7"


def test_another_node_continues_a_stopped_leg_and_the_losses_are_the_same(trial):
    planned, whole = trial("whole")
    assert train(NodeSlot(), planned, whole, EPOCHS)[0] == "finished"
    planned, parted = trial("parted")
    assert train(NodeSlot(), planned, parted, 2) == ("waiting", "")
    assert parted.has_checkpoint
    assert train(NodeSlot(), planned, parted, EPOCHS, [STOP]) == ("stopped", "enough")  # before its first step
    assert train(NodeSlot(), planned, parted, EPOCHS)[0] == "finished"
    assert list(export.losses(parted)) == list(export.losses(whole))
    assert parted.epochs()[-1].test_accuracy == whole.epochs()[-1].test_accuracy


def test_checkpoints_come_while_a_leg_runs_and_an_order_of_the_run_reaches_the_node(trial):
    planned, run = trial("b")

    def stop_with_a_checkpoint(run):
        if run.has_checkpoint:
            run.command("stop")
        return False

    end = train(NodeSlot(), planned, run, EPOCHS, seen=stop_with_a_checkpoint, checkpoint_seconds=0.0)
    assert end == ("stopped", "asked to stop")
    assert run.older_checkpoint.exists()


def test_a_call_that_arrives_twice_starts_a_leg_once_and_an_error_ends_the_leg_alone(trial):
    slot = NodeSlot()
    planned, run = trial("c")
    copy = RunCopy(run)
    slot.start((0, 1), planned, run.id, 1, copy.sent())
    folder = slot._run
    slot.start((0, 1), planned, run.id, 1, copy.sent())
    assert slot._run is folder
    while not (report := slot.poll(copy.known(), [], copy.new_orders(), 5.0, 0.0)).end:
        pass
    assert report.end == ("waiting", "")
    slot.start((0, 2), planned, run.id, 1, {"metrics.jsonl": b""})  # without its specification
    while not (report := slot.poll(copy.known(), [], copy.new_orders(), 5.0, 0.0)).end:
        pass
    assert report.end[0] == "failed"
    copy.close()


def test_the_file_of_a_users_class_travels_to_the_node(few_digits, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    text = "import torch\n\nclass Mine(torch.optim.SGD):\n    pass\n"
    key, reference = user_code.remember(text.encode()), "/home/me/mine.py::Mine"
    classes = {reference: plans.UserClass((Parameter("lr", "float", 0.05),), {"optimizer.py": key})}
    settings = {"limit": 640, "validation": 100, "device": "cpu", "precision": "float32", "data_dir": few_digits}
    plan = Plan({reference: {"lr": Values((0.05,))}}, trials=1, epochs=1, rungs=(1,), classes=classes, **settings)
    sweep = create(plan, tmp_path / "runs", "mine")
    shutil.rmtree(tmp_path / "data")  # the sweep's directory has it
    worker = Worker(sweep, lambda leg: ("stopped", ""))
    record = sweep.record().trials[0]
    run = worker._prepare(sweep.trial(record.planned), record, None)
    assert (run.path / "optimizer.py").read_text() == text
    slot = NodeSlot()
    assert train(slot, sweep.trial(record.planned), run, 1) == ("finished", "epoch 1 of 1 done")
    assert (slot._run.path / "optimizer.py").read_text() == text
    with pytest.raises(user_code.UntrustedError, match=r"sweep-mine runs code that you have not named, Mine"):
        sweep.check_trust()
    sweep.trust()
    sweep.check_trust()
