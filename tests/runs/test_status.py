"""What a run's state is: what its process wrote last, or what can be made of its silence."""

import os
import socket
import subprocess
import sys
import time

import pytest
from made_runs import append, status

from adam_tui.runs import directory, system
from adam_tui.runs import status as judging
from adam_tui.runs.directory import Run
from adam_tui.runs.protocol import Checkpointed, Ended, RunSpec, Steps, to_line


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_status_is_what_the_process_wrote_last(run):
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


def test_a_process_that_is_there_and_does_not_beat_is_silent_and_not_lost(run):
    for state in ("starting", "queued", "running", "paused"):
        run.write_status(status(state, heartbeat=time.time() - 1000))
        found = Run(run.path).status()
        assert (found.state, found.word, found.alive) == (state, "silent", True)
        assert found.reason == "no sign of life for 1000 s"
    for state, seconds in (("running", judging.SILENT_SECONDS), ("starting", judging.LOADING_SECONDS)):
        for more, word in ((-2, state), (2, "silent")):
            run.write_status(status(state, heartbeat=time.time() - seconds - more))
            assert Run(run.path).status().word == word


def test_a_process_that_cannot_beat_but_tells_its_losses_is_not_silent(run):
    run.write_status(status(heartbeat=time.time() - 1000))
    append(run, to_line(Steps(1.0, 1, (0.5,))))
    assert run.status().word == "running"


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_who_looks_once_with_a_clock_of_his_own_sees_a_process_of_this_host_at_work_or_silent_as_it_is(run, jump):
    heartbeat = time.time() + jump
    run.write_status(status(heartbeat=heartbeat, ticks=time.monotonic() - 3.0))
    assert Run(run.path).status().word == "running"
    if jump < 0:  # a heartbeat of tomorrow is first believed
        run.write_status(status(heartbeat=heartbeat, ticks=time.monotonic() - 100.0))
        assert Run(run.path).status().reason == "no sign of life for 100 s"


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere"])
def test_a_clock_that_is_set_declares_nobody_lost_for_good(run, monkeypatch, jump, host):
    now, steady = [1e9], [500.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])

    def pass_on(seconds, *, beats):
        for _ in range(int(seconds)):
            now[0], steady[0] = now[0] + 1, steady[0] + 1
            if beats:
                run.write_status(status(host=host, heartbeat=now[0]))
            word = run.status().word
        return word

    assert pass_on(5, beats=True) == "running"
    now[0] += jump
    assert run.status().word == "running", "who has seen it beat knows better"
    assert pass_on(3, beats=True) == "running"
    assert Run(run.path).status().word == "running", "and so does, with the next beat, who looks for the first time"
    # What no longer beats is said to, as soon as with a steady clock.
    dead = "silent" if host == socket.gethostname() else "lost"
    assert pass_on(judging.STALE_SECONDS + 1, beats=False) == dead


def test_a_run_of_a_host_with_another_clock_is_alive_after_one_beat(run):
    for behind in (-7200.0, 7200.0):
        run.write_status(status(host="elsewhere", heartbeat=time.time() - behind))
        watcher = Run(run.path)
        watcher.status()
        run.write_status(status(host="elsewhere", heartbeat=time.time() - behind + 1))
        assert watcher.status().state == "running"


def test_a_run_that_was_created_in_the_future_and_never_spoke_is_lost(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        tomorrow = time.time() + 86_400
        patch.setattr(directory.time, "time", lambda: tomorrow)
        run = directory.create(RunSpec(), tmp_path)
    assert (run.status().state, run.status().reason) == ("lost", directory.NEVER)


def test_another_process_that_got_the_number_is_not_taken_for_the_runs(run):
    run.write_status(status(born=system.process_born(os.getpid())))
    assert run.status().state == "running"
    run.write_status(status(born="12"))
    assert (run.status().state, run.status().reason) == ("lost", "the process is gone")


def test_a_process_that_never_spoke_is_lost_after_a_while(run, monkeypatch):
    later = time.time() + judging.STALE_SECONDS + 1
    monkeypatch.setattr(directory.time, "time", lambda: later)
    assert run.status().state == "lost"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"pid": 1}', '{"state": "running", "pid": "1"}', "[" * 100_000])
def test_of_a_damaged_status_what_the_process_told_last_is_believed(run, text):
    (run.path / "status.json").write_text(text)
    assert (run.status().state, run.status().reason) == ("lost", "status.json is damaged")
    append(run, to_line(Ended(5.0, 7, "finished", "all done")))
    assert (run.status().state, run.status().reason, run.status().step) == ("finished", "all done", 7)


def test_of_a_missing_status_too_once_the_process_has_told_anything(run):
    assert run.status().state == "starting"
    append(run, to_line(Checkpointed(4.0, 7, "checkpoint.pt")))
    assert (run.status().state, run.status().reason, run.status().step) == ("lost", "status.json is missing", 7)
    append(run, to_line(Ended(5.0, 7, "stopped", "asked to stop")))
    assert (run.status().state, run.status().reason) == ("stopped", "asked to stop")
