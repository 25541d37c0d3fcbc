"""The helper process from outside: it ends when it has nothing to do, and tells why when it does not start."""

import os
import time
from pathlib import Path

import pytest

import adam_tui
from adam_tui.classes import process
from adam_tui.classes.process import Helper, Limits

# A process without torch: it says that it is ready, and reads its input; or it ends at once.
STUB = """
import sys
from adam_tui.classes.wire import encode, read

if sys.argv[2] == "7.0":
    sys.exit(7)
sys.stdout.buffer.write(encode({"kind": "ready"}))
sys.stdout.buffer.flush()
while (message := read(sys.stdin.buffer)) is not None:
    if message[0]["kind"] == "echo":
        for kind in ("begin", "end"):
            sys.stdout.buffer.write(encode({"kind": kind, "id": message[0]["id"]}, message[1]))
        sys.stdout.buffer.flush()
"""


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Make a helper whose process is the stub."""
    (tmp_path / "stub_of_worker.py").write_text(STUB)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(adam_tui.__file__).parents[1])]))
    monkeypatch.setattr(process, "WORKER", "stub_of_worker")
    monkeypatch.setattr(process, "GRACE", 0.2)
    made = []

    def make(**limits):
        made.append(Helper(Limits(**limits)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def answers(helper, kind="echo"):
    """Send a request; the list that its answers go to."""
    received = []
    helper.request({"kind": kind}, {}, lambda header, arrays: received.append(header))
    return received


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_starts_with_a_request_and_ends_a_while_after_the_last_one(helper):
    own = helper(idle=0.3)
    assert own.pid is None
    first = answers(own)
    pid = own.pid
    until(lambda: first)
    assert first[0]["kind"] == "end"
    until(lambda: own.pid is None)
    second = answers(own)
    until(lambda: second)
    assert own.pid not in (None, pid)


def test_a_process_that_gives_no_answer_is_ended_with_the_request_it_works_on(helper):
    own = helper(step=0.2)
    silent = answers(own, "silence")
    until(lambda: silent)
    assert silent[0]["message"] == "no end within 0.2 s: the process was ended"


def test_a_process_that_does_not_start_says_so(helper):
    received = answers(helper(step=7.0))
    until(lambda: received)
    assert received == [{"kind": "error", "message": "the process ended itself, with status 7"}]
