"""Starting, resuming and killing the training process of a run."""

import dataclasses
import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from made_runs import append, status

from adam_tui.runs import control
from adam_tui.runs.protocol import from_line
from adam_tui.runs.run import Run


@pytest.mark.parametrize(
    ("state", "has_checkpoint", "refusal"),
    [
        ("stopped", True, None),
        ("failed", True, None),
        ("stopped", False, "no checkpoint"),
        ("finished", True, "nothing left to train"),
        ("running", True, "is running already"),
        ("queued", True, "is queued already"),
    ],
)
def test_only_a_run_that_ended_early_with_a_checkpoint_can_be_resumed(run, state, has_checkpoint, refusal):
    run.write_status(status(state))
    if has_checkpoint:
        run.checkpoint.touch()
    assert run.can_resume() == (refusal is None)
    if refusal is None:
        control.check_resume(run)
    else:
        with pytest.raises(ValueError, match=refusal):
            control.resume(run)


def gone_without_a_zombie(pid):
    """Whether nobody has this number any more, soon."""
    deadline = time.time() + 60
    while time.time() < deadline:
        try:
            os.kill(pid, 0)  # a zombie still has it
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_process_that_ended_leaves_no_zombie(run):
    (run.path / "metrics.jsonl").touch()
    with run.locked_metrics():  # so it ends soon
        pid = control.start_worker(run).pid
        assert gone_without_a_zombie(pid)


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_process_is_killed_at_once_when_its_status_cannot_be_written(run, monkeypatch):
    started, popen = [], subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(control.subprocess, "Popen", start)
    monkeypatch.setattr(Run, "write_status", full_disk)
    with pytest.raises(OSError, match="No space left on device"):
        control.start_worker(run)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_an_active_run_is_not_started_twice(run):
    run.write_status(status())
    with pytest.raises(ValueError, match="running already"):
        control.start_worker(run)


STAND_IN = """
import sys, time
from adam_tui.training.journal import Journal
from adam_tui.runs.run import Run
with Journal(Run(sys.argv[1])) as journal:
    journal.step = 5
    journal.set_state("running")
    time.sleep(1000)
"""


@pytest.fixture
def deaf(run):
    """A process of the run that sends heartbeats and obeys no command; its output is a pipe."""
    process = subprocess.Popen([sys.executable, "-c", STAND_IN, str(run.path)])
    deadline = time.time() + 20
    while run.status().step != 5 and time.time() < deadline:
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def test_a_process_that_hangs_is_killed_and_its_run_gets_an_end(run, deaf):
    os.kill(deaf.pid, signal.SIGSTOP)
    append(run, '{"torn')
    reached, asked = run.command("stop"), run.reported_status()
    control.kill(run, asked)
    assert deaf.wait(20) == -signal.SIGKILL
    found = run.status()
    assert (found.state, found.reason, found.step) == ("stopped", control.KILLED, 5)
    assert found.control == reached, "what it was asked is not for the next process"
    last = (run.path / "metrics.jsonl").read_text().splitlines()[-1]
    assert from_line(last).reason == control.KILLED
    control.kill(run, asked)  # nothing is left to do
    assert run.status() == found


def test_a_process_that_may_be_another_one_is_not_killed(run, deaf):
    mine = run.reported_status()
    run.write_status(dataclasses.replace(mine, born=""))
    with pytest.raises(ValueError, match=f"{run.id} cannot be killed: process {deaf.pid} may be another one by now"):
        control.kill(run, run.reported_status())
    run.write_status(dataclasses.replace(mine, host="elsewhere"))
    with pytest.raises(ValueError, match=f"runs on elsewhere: end process {deaf.pid} there"):
        control.kill(run, run.reported_status())
    assert deaf.poll() is None


def test_a_process_that_resumed_the_run_after_the_request_is_not_killed(run, deaf):
    control.kill(run, dataclasses.replace(run.reported_status(), pid=deaf.pid - 1))
    control.kill(run, dataclasses.replace(run.reported_status(), born="12"))
    assert deaf.poll() is None
