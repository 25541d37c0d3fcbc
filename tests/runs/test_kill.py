"""Ending by force a process that does not answer, and no other one."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest
from made_runs import append

from adam_tui.runs import kill
from adam_tui.runs.protocol import from_line

STAND_IN = """
import sys, time
from adam_tui.training.journal import Journal
from adam_tui.runs.directory import Run
with Journal(Run(sys.argv[1])) as journal:
    journal.step = 5
    journal.set_state("running")
    time.sleep(1000)
"""


@pytest.fixture
def deaf(run):
    """A process at work on the run that beats and obeys nothing; its output is a pipe."""
    process = subprocess.Popen([sys.executable, "-c", STAND_IN, str(run.path)])
    deadline = time.time() + 20
    while run.status().step != 5 and time.time() < deadline:
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def test_a_process_that_hangs_is_killed_and_its_run_is_stopped_and_says_so(run, deaf):
    os.kill(deaf.pid, signal.SIGSTOP)
    append(run, '{"torn')
    reached, asked = run.command("stop"), run.last_status()
    kill.kill(run, asked)
    assert deaf.wait(20) == -signal.SIGKILL
    found = run.status()
    assert (found.state, found.reason, found.step) == ("stopped", "killed, for it did not answer", 5)
    assert found.control == reached, "what it was asked is not for the next process"
    last = (run.path / "metrics.jsonl").read_text().splitlines()[-1]
    assert from_line(last).reason == "killed, for it did not answer"
    kill.kill(run, asked)  # nothing is left to do
    assert run.status() == found


def test_what_may_be_another_process_is_not_killed(run, deaf):
    mine = run.last_status()
    run.write_status(dataclasses.replace(mine, born=""))
    with pytest.raises(ValueError, match=f"{run.id} cannot be killed: process {deaf.pid} may be another one by now"):
        kill.kill(run, run.last_status())
    run.write_status(dataclasses.replace(mine, host="elsewhere"))
    with pytest.raises(ValueError, match=f"is at work on elsewhere: end process {deaf.pid} there"):
        kill.kill(run, run.last_status())
    assert deaf.poll() is None


def test_a_process_that_has_continued_the_run_since_is_not_killed_for_the_one_that_was_asked(run, deaf):
    kill.kill(run, dataclasses.replace(run.last_status(), pid=deaf.pid - 1))
    kill.kill(run, dataclasses.replace(run.last_status(), born="12"))
    assert deaf.poll() is None
