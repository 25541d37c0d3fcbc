"""Who goes first: device by device, in the order of their coming."""

import os
import socket
import sys
import threading
import time

import pytest

from adam_tui.runs import file_lock, processes
from adam_tui.runs.device_names import device_key
from adam_tui.runs.status import Status
from adam_tui.training.device_queue import DeviceQueue
from adam_tui.training.journal import Journal


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


def come(run, at, state="queued", pid=None, host=None, device="cpu"):
    """Write what a process says that came at this time."""
    now = time.time()
    run.write_status(Status(state, pid or os.getpid(), host or socket.gethostname(), now, device=device, came=at))


@pytest.fixture
def two(new_run):
    """A run of this process that came at 200.0, and another that somebody else is at."""
    mine, other = new_run(), new_run()
    come(mine, 200.0, "starting")
    return mine, other


def goes_at_once(run):
    with Journal(run) as journal, DeviceQueue(journal, "cpu") as place:
        return place._take()


def test_who_came_earlier_goes_first_and_others_do_not_matter(two, monkeypatch):
    mine, other = two
    for state in ("queued", "starting"):
        come(other, 100.0, state)
        assert not goes_at_once(mine), state
    for ignored in (
        {"at": 300.0},
        {"at": 100.0, "device": "cuda-0"},
        {"at": 100.0, "host": "elsewhere"},
        {"at": 100.0, "state": "running"},  # beside the queue
        {"at": 100.0, "state": "stopped"},
    ):
        come(other, **ignored)
        assert goes_at_once(mine), ignored
    come(other, 100.0)
    monkeypatch.setattr(processes, "is_running", lambda pid, born: False)
    assert goes_at_once(mine), "the other one's process is gone"


def test_one_holds_the_device_until_it_lets_go_and_those_who_wait_say_for_whom(two):
    mine, other = two
    come(other, 100.0, "starting")
    with Journal(other) as holder, DeviceQueue(holder, "cpu") as held:
        assert held.wait() is None
        ended = []
        with Journal(mine) as journal, DeviceQueue(journal, "cpu") as place:
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


def test_orders_that_are_not_to_end_wait_for_the_training(new_run):
    run = new_run()
    with Journal(run) as journal:
        run.command("set", name="lr", value=0.5)
        run.command("pause")
        assert journal.told_to_end() is None
        assert journal.told_to_end() is None
        assert [order["command"] for order in journal.orders()] == ["set", "pause"]
        assert journal.orders() == []


def test_where_files_cannot_be_locked_nobody_waits(two, monkeypatch):
    def refuse(descriptor):
        raise OSError("no locks available")

    with Journal(two[0]) as journal, DeviceQueue(journal, "cpu") as place:
        monkeypatch.setattr(file_lock, "lock", refuse)
        assert place.wait() is None
