"""The real training process on a full disk, under any umask, and without an open port."""

import contextlib
import os
import resource
import stat
import sys
import time
from pathlib import Path

import pytest

from adam_tui.runs import control, export
from adam_tui.runs.protocol import from_line

PATIENCE = 60.0


def until(true, what):
    deadline = time.time() + PATIENCE
    while not true():
        assert time.time() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def worker(new_run, few_digits):
    """A running process that was started under a umask that forbids nothing."""
    run = new_run("sgd", epochs=100_000, limit=0, data_dir=few_digits)
    before = os.umask(0)
    try:
        process = control.start_worker(run)
    finally:
        os.umask(before)
    yield run, process
    process.kill()
    process.wait()


def listening_sockets(pid):
    """The listening sockets of a process."""
    listening = set()
    for table in ("tcp", "tcp6"):
        rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        listening |= {f"socket:[{row.split()[9]}]" for row in rows if row.split()[3] == "0A"}
    opened = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            opened.add(os.readlink(path))
    return opened & listening


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process, and /proc")
def test_on_a_full_disk_it_trains_on_reports_it_and_records_everything_once_there_is_room(worker):
    run, process = worker
    until(lambda: len(run.epochs()) >= 2, "it never trains")
    there = [path for path in run.path.iterdir() if path.suffix != ".part"]  # those come and go while we look
    assert {stat.S_IMODE(path.stat().st_mode) for path in there} == {0o600}
    assert listening_sockets(process.pid) == set()

    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, most))  # as long as status.json, no longer
    until(
        lambda: "waits to be written" in run.status().reason and "checkpoint" in run.status().reason,
        "it is not reported",
    )
    assert run.status().reason.startswith("File too large: ")
    recorded, reached = len(run.epochs()), run.status().epoch
    until(lambda: run.status().epoch > reached + 1, "it does not train on")
    assert run.status().label == "running"
    assert len(run.epochs()) == recorded

    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
    until(lambda: run.status().reason == "", "it is still reported")
    run.command("stop")
    assert process.wait(PATIENCE) == 0
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert all(from_line(line) is not None for line in lines)
    assert [step for step, _ in export.losses(run)] == list(range(1, run.status().step + 1))
    assert len(run.epochs()) == run.status().epoch > reached + 1
    assert "File too large" in run.log_tail(9)
