"""Starting, resuming and killing the training process of a run."""

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from made_runs import append, lock, status

from adam_tui.runs import control, processes
from adam_tui.runs import status as judging
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
    descriptor = lock(run) if "already" in (refusal or "") else -1
    if has_checkpoint:
        run.checkpoint.touch()
    assert run.can_resume() == (refusal is None)
    if refusal is None:
        control.check_resume(run)
    else:
        with pytest.raises(ValueError, match=refusal):
            control.resume(run)
    if descriptor >= 0:
        os.close(descriptor)


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


def test_a_process_that_ended_leaves_no_zombie(run, monkeypatch):
    monkeypatch.setattr(control, "WORKER", "this")  # ends at once
    assert gone_without_a_zombie(control.start_worker(run).pid)


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


def test_an_active_run_is_not_started_twice(run, locked):
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


def test_a_locked_run_is_not_started_whatever_its_status_is(run, locked):
    run.checkpoint.touch()
    for reported in (status("stopped"), status(host="elsewhere", heartbeat=0.0)):
        run.write_status(reported)
        for begin in (control.start_worker, control.resume):
            with pytest.raises(ValueError, match="running already"):
                begin(run)
        assert run.reported_status() == reported


def shows_its_arguments(process):
    """Wait for the moment after a process's start at which the system knows its arguments."""
    deadline = time.time() + 20
    while processes.command_line(process.pid) is None and time.time() < deadline:
        time.sleep(0.01)


@pytest.fixture
def busy():
    """A process of the user's that has nothing to do with runs."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("words", [(), ("{run}",), ("adam_tui.training.worker", "{run}/spec.json")])
def test_a_status_that_names_another_process_does_not_get_it_killed(run, words):
    script = "import time; time.sleep(1000)"
    other = subprocess.Popen([sys.executable, "-c", script, *(word.format(run=run.path) for word in words)])
    try:
        shows_its_arguments(other)
        forged = status(pid=other.pid, born=processes.birth(other.pid))
        run.write_status(forged)
        assert run.status().state == "lost"
        control.kill(run, forged)
        descriptor = lock(run)  # by the run's real process, which is not the one of the status
        run.write_status(forged)
        with pytest.raises(ValueError, match=f"cannot be killed: process {other.pid} is not known to train it"):
            control.kill(run, forged)
        os.close(descriptor)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_this_program_is_never_killed_for_a_run(run, busy):
    forged = status(pid=os.getpid(), born=processes.birth(os.getpid()))
    run.write_status(forged)
    control.kill(run, forged)
    assert run.status().state == "lost"


def copy_of(run):
    """A copy as by cp -r, while a process trains the original."""
    return Run(shutil.copytree(run.path, run.path.with_name("a-copy")))


def test_a_copy_of_an_active_run_is_not_active_and_killing_it_kills_nothing(run, deaf):
    copied = copy_of(run)
    found = copied.status()
    assert (found.state, found.reason) == ("lost", judging.NOT_ITS_PROCESS)
    control.kill(copied, copied.reported_status())
    assert deaf.poll() is None
    assert run.status().state == "running"
    copied.delete()


def test_a_renamed_run_is_still_active(run, deaf):
    renamed = Run(run.path.rename(run.path.with_name("renamed")))
    assert renamed.status().state == "running"
    with pytest.raises(ValueError, match="still running"):
        renamed.delete()
    target = renamed.reported_status()
    control.kill(renamed, target)
    assert deaf.wait(20) == -signal.SIGKILL


def test_a_run_behind_a_link_is_active_and_can_be_killed(run, deaf, tmp_path):
    (tmp_path / "linked").symlink_to(run.path)
    linked = Run(tmp_path / "linked")
    assert linked.status().state == "running"
    control.kill(linked, linked.reported_status())
    assert deaf.wait(20) == -signal.SIGKILL


def test_a_process_that_has_not_locked_its_run_yet_is_starting(run):
    hanging = [sys.executable, "-c", "import time; time.sleep(1000)", control.WORKER, str(run.path)]
    process = subprocess.Popen(hanging)
    try:
        run.write_status(status("starting", pid=process.pid, born=processes.birth(process.pid)))
        shows_its_arguments(process)
        assert run.status().state == "starting"
        assert copy_of(run).status().state == "lost"
    finally:
        process.kill()
        process.wait()
