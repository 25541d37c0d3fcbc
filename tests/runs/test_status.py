"""What a run's state is: what its process wrote last, or what can be made of its silence."""

import os
import socket
import subprocess
import sys
import time

import pytest
from made_runs import append, lock, status

from adam_tui.runs import directory, processes
from adam_tui.runs import status as judging
from adam_tui.runs.protocol import Checkpointed, Ended, RunSpec, Steps, to_line
from adam_tui.runs.run import Run


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_status_is_the_latest_report_of_the_process(run, locked):
    run.write_status(status("paused", step=7, epoch=1))
    assert (run.status().state, run.status().step, run.status().epoch) == ("paused", 7, 1)
    assert run.status().alive
    assert [path.name for path in run.path.iterdir() if "status" in path.name] == ["status.json"]


def test_a_process_that_is_gone_makes_a_run_lost(run, gone):
    run.write_status(status(pid=gone))
    assert run.status().state == "lost"
    assert not run.status().alive


def test_a_zombie_is_gone(run):
    process = subprocess.Popen([sys.executable, "-c", ""])
    run.write_status(status(pid=process.pid))
    deadline = time.time() + 20
    while run.status().state != "lost" and time.time() < deadline:
        time.sleep(0.02)
    assert run.status().state == "lost"
    process.wait()


def test_a_run_on_another_host_is_judged_by_its_heartbeat(run, gone):
    run.write_status(status(pid=gone, host="elsewhere"))
    assert run.status().state == "running"
    run.write_status(status(pid=gone, host="elsewhere", heartbeat=time.time() - judging.STALE_SECONDS - 1))
    found = Run(run.path).status()
    assert (found.state, found.reason) == ("lost", "no sign of life from elsewhere")


def test_a_run_that_ended_stays_ended(run, gone):
    run.write_status(status("finished", pid=gone, heartbeat=0.0))
    assert run.status().state == "finished"


def test_a_process_that_runs_without_heartbeats_is_silent_and_not_lost(run, locked):
    for state in ("starting", "queued", "running", "paused"):
        run.write_status(status(state, heartbeat=time.time() - 1000))
        found = Run(run.path).status()
        assert (found.state, found.label, found.alive) == (state, "silent", True)
        assert found.reason == "no sign of life for 1000 s"
    for state, seconds in (("running", judging.SILENT_SECONDS), ("starting", judging.LOADING_SECONDS)):
        for more, word in ((-2, state), (2, "silent")):
            run.write_status(status(state, heartbeat=time.time() - seconds - more))
            assert Run(run.path).status().label == word


def test_a_process_that_writes_losses_but_no_heartbeat_is_not_silent(run, locked):
    run.write_status(status(heartbeat=time.time() - 1000))
    append(run, to_line(Steps(1.0, 1, (0.5,))))
    assert run.status().label == "running"


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_a_single_look_with_a_wrong_clock_judges_a_local_process_correctly(run, locked, jump):
    heartbeat = time.time() + jump
    run.write_status(status(heartbeat=heartbeat, ticks=time.monotonic() - 3.0))
    assert Run(run.path).status().label == "running"
    if jump < 0:  # a heartbeat of tomorrow is first believed
        run.write_status(status(heartbeat=heartbeat, ticks=time.monotonic() - 100.0))
        assert Run(run.path).status().reason == "no sign of life for 100 s"


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere"])
def test_a_clock_that_is_set_makes_no_run_lost_for_good(run, locked, monkeypatch, jump, host):
    now, steady = [1e9], [500.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])

    def pass_on(seconds, *, beats):
        for _ in range(int(seconds)):
            now[0], steady[0] = now[0] + 1, steady[0] + 1
            if beats:
                run.write_status(status(host=host, heartbeat=now[0]))
            word = run.status().label
        return word

    assert pass_on(5, beats=True) == "running"
    now[0] += jump
    assert run.status().label == "running", "who has seen it beat knows better"
    assert pass_on(3, beats=True) == "running"
    assert Run(run.path).status().label == "running", "and so does, with the next beat, who looks for the first time"
    assert pass_on(judging.STALE_SECONDS + 1, beats=False) == "silent"


def test_a_run_on_a_host_with_another_clock_is_alive_after_one_beat(run):
    for behind in (-7200.0, 7200.0):
        run.write_status(status(host="elsewhere", heartbeat=time.time() - behind))
        watcher = Run(run.path)
        watcher.status()
        run.write_status(status(host="elsewhere", heartbeat=time.time() - behind + 1))
        assert watcher.status().state == "running"


def test_a_run_created_in_the_future_that_wrote_nothing_is_lost(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        tomorrow = time.time() + 86_400
        patch.setattr(directory.time, "time", lambda: tomorrow)
        run = directory.create(RunSpec(), tmp_path)
    assert (run.status().state, run.status().reason) == ("lost", judging.NEVER_STARTED)


def test_a_later_process_with_the_same_number_is_not_the_runs_process(run):
    descriptor = lock(run)
    run.write_status(status(born=processes.birth(os.getpid())))
    assert run.status().state == "running"
    os.close(descriptor)
    run.write_status(status(born="12"))
    assert (run.status().state, run.status().reason) == ("lost", "the process is gone")


def test_a_run_whose_process_wrote_nothing_is_lost_after_a_minute(run, monkeypatch):
    later = time.time() + judging.STALE_SECONDS + 1
    monkeypatch.setattr(directory.time, "time", lambda: later)
    assert run.status().state == "lost"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"pid": 1}', '{"state": "running", "pid": "1"}', "[" * 100_000])
def test_a_damaged_status_is_replaced_by_the_last_event(run, text):
    (run.path / "status.json").write_text(text)
    assert (run.status().state, run.status().reason) == ("lost", "status.json is damaged")
    append(run, to_line(Ended(5.0, 7, "finished", "all done")))
    assert (run.status().state, run.status().reason, run.status().step) == ("finished", "all done", 7)


def test_a_missing_status_is_replaced_by_the_last_event(run):
    assert run.status().state == "starting"
    append(run, to_line(Checkpointed(4.0, 7, "checkpoint.pt")))
    assert (run.status().state, run.status().reason, run.status().step) == ("lost", "status.json is missing", 7)
    append(run, to_line(Ended(5.0, 7, "stopped", "asked to stop")))
    assert (run.status().state, run.status().reason) == ("stopped", "asked to stop")
