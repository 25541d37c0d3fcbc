"""The order of the runs that wait for a device."""

import os
import socket
import sys
import threading
import time

import pytest

from adam_tui.runs import file_lock
from adam_tui.runs.device_names import device_key
from adam_tui.runs.device_use import used_by_sweep
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.status import Status
from adam_tui.training.device_queue import DeviceQueue
from adam_tui.training.journal import Journal

CPU = RunSpec(device="cpu")


@pytest.mark.parametrize(
    ("device", "visible", "key"),
    [
        ("cpu", None, "cpu"),
        ("mps", None, "mps"),
        ("cuda", None, "cuda-0"),
        ("cuda:3", None, "cuda-3"),
        ("cuda", "5,7", "cuda-5"),
        ("cuda:1", "5,7", "cuda-7"),
        ("cuda", "MIG-a/b", "cuda-MIG-a-b"),
        ("auto", "", "cpu"),
        ("auto", "-1", "cpu"),
    ],
)
def test_a_device_has_one_name_on_a_host(device, visible, key, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    if device == "auto" and sys.platform == "darwin":
        pytest.skip("auto is Apple's GPU here")
    assert device_key(device) == key


def arrive(run, at, state="queued", pid=None, host=None, device="cpu"):
    """Write the status of a process that was started at this time."""
    now = time.time()
    run.write_status(Status(state, pid or os.getpid(), host or socket.gethostname(), now, device=device, came=at))


@pytest.fixture
def two(new_run):
    """A run of this process that was started at 200.0, and a run of another process."""
    mine, other = new_run(), new_run()
    arrive(mine, 200.0, "starting")
    return mine, other


def is_next(run):
    with Journal(run) as journal, DeviceQueue(journal, CPU) as place:
        return place._acquire()


def test_the_run_that_was_started_first_is_next_and_others_do_not_matter(two, hold):
    mine, other = two
    hold(other)
    for state in ("queued", "starting"):
        arrive(other, 100.0, state)
        assert not is_next(mine), state
    for ignored in (
        {"at": 300.0},
        {"at": 100.0, "device": "cuda-0"},
        {"at": 100.0, "host": "elsewhere"},
        {"at": 100.0, "state": "running"},  # it does not wait
        {"at": 100.0, "state": "stopped"},
    ):
        arrive(other, **ignored)
        assert is_next(mine), ignored
    arrive(other, 100.0)
    hold.release(other)
    assert is_next(mine), "the other one's process is gone"


def test_one_run_holds_the_device_and_the_waiting_ones_show_its_name(two):
    mine, other = two
    arrive(other, 100.0, "starting")
    with Journal(other) as holder, DeviceQueue(holder, CPU) as held:
        assert held.wait() is None
        ended = []
        with Journal(mine) as journal, DeviceQueue(journal, CPU) as place:
            waiting = threading.Thread(target=lambda: ended.append(place.wait()))
            waiting.start()
            deadline = time.time() + 20
            while mine.status().state != "queued" and time.time() < deadline:
                time.sleep(0.01)
            assert (mine.status().state, mine.status().reason) == ("queued", f"waits for {other.id} on cpu")
            assert not ended
            mine.command("set", name="lr", value=0.5)
            mine.command("stop")
            waiting.join(20)
            assert ended == [("stopped", "asked to stop")]


def test_commands_that_do_not_stop_are_deferred_until_the_training(new_run):
    run = new_run()
    with Journal(run) as journal:
        run.command("set", name="lr", value=0.5)
        run.command("pause")
        assert journal.stop_command() is None
        assert journal.stop_command() is None
        assert [order["command"] for order in journal.new_commands()] == ["set", "pause"]
        assert journal.new_commands() == []


def test_without_file_locks_no_run_waits(two, monkeypatch):
    def refuse(descriptor):
        raise OSError("no locks available")

    with Journal(two[0]) as journal, DeviceQueue(journal, CPU) as place:
        monkeypatch.setattr(file_lock, "lock", refuse)
        assert place.wait() is None


def test_a_link_to_itself_among_the_runs_keeps_no_run_waiting(new_run):
    run = new_run()
    (run.path.parent / "self").symlink_to("self")
    with Journal(run) as journal, DeviceQueue(journal, CPU) as queue:
        assert queue._acquire()


def test_a_run_waits_for_the_sweep_on_its_device_where_it_shall_and_others_pass_it(new_run, hold):
    patient, other = new_run(after_sweeps=True), new_run()
    arrive(patient, 100.0)
    arrive(other, 200.0)
    ended = []
    with Journal(patient) as journal, DeviceQueue(journal, patient.spec()) as place:
        waiting = threading.Thread(target=lambda: ended.append(place.wait()))
        with used_by_sweep(patient.path.parent / "sweep-grid", "cpu"):
            waiting.start()
            deadline = time.time() + 20
            while patient.status().state != "queued" and time.time() < deadline:
                time.sleep(0.01)
            assert patient.status().reason == "waits for sweep-grid on cpu"
            assert is_next(other), "it does not wait for the sweep"
            assert not ended
        waiting.join(20)
        assert ended == [None]
        assert not is_next(other)
