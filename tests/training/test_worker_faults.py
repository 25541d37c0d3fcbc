"""The real training process on a full disk, under any umask, and without an open port."""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from adam_tui.runs import control, export, status
from adam_tui.runs.protocol import Ended, RunSpec, from_line
from adam_tui.training.device_queue import DeviceQueue
from adam_tui.training.journal import Journal

PATIENCE = 60.0
CPU = RunSpec(device="cpu")
STOPPED_SECONDS = 2.5  # longer than the training of the epoch


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


# A directory that is away.


def last_end(run):
    return [event for event in run.follow().poll() if isinstance(event, Ended)][-1]


def checkpoint_step(run):
    return torch.load(run.checkpoint, weights_only=True)["progress"]["step"]


def recorded_steps(run):
    return [step for step, _ in export.losses(run)]


def test_a_runs_directory_that_is_away_for_a_moment_does_not_end_the_training_and_slurms_usr1_does(worker):
    run, process = worker
    until(lambda: len(run.epochs()) >= 1, "it never trains")
    away = run.path.parent.with_name("away")
    for _ in range(4):
        run.path.parent.rename(away)
        time.sleep(0.3)
        away.rename(run.path.parent)
        time.sleep(0.1)
    step = run.status().step
    until(lambda: run.status().step > step, "it does not train on")
    process.send_signal(signal.SIGUSR1)  # which Slurm sends before the end of a job
    assert process.wait(PATIENCE) == 0
    assert (run.status().state, run.status().reason, last_end(run).reason) == ("stopped", *["SIGUSR1"] * 2)
    assert checkpoint_step(run) == run.status().step
    assert recorded_steps(run) == list(range(1, run.status().step + 1))


def respect_permissions():
    """Give up root's right to ignore the permissions of files, in the process that is about to start."""
    drop, rights = 24, (1, 2)  # PR_CAPBSET_DROP; CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    for right in rights if os.geteuid() == 0 else ():
        ctypes.CDLL(None).prctl(drop, right)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities")
def test_a_directory_without_permissions_for_a_moment_does_not_end_the_training(new_run, few_digits):
    run = new_run("sgd", epochs=100_000, limit=0, data_dir=few_digits)
    command = [sys.executable, "-m", "adam_tui.training.worker", str(run.path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=respect_permissions)
    try:
        until(lambda: len(run.epochs()) >= 1, "it never trains")
        for folder in (run.path, run.path.parent):
            folder.chmod(0)
            time.sleep(0.5)
            folder.chmod(0o700)
            step = len(recorded_steps(run))
            until(lambda step=step: len(recorded_steps(run)) > step, "it does not train on")
        assert process.poll() is None
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert (run.status().state, run.status().reason, last_end(run).reason) == ("stopped", *["SIGTERM"] * 2)
        assert checkpoint_step(run) == run.status().step
    finally:
        process.kill()
        process.wait()


# Signals.


def test_the_seconds_for_which_the_process_was_stopped_are_a_pause_and_no_work(new_run, few_digits):
    run = new_run("sgd", epochs=3, limit=0, data_dir=few_digits)
    process = control.start_worker(run)
    try:
        until(lambda: len(run.epochs()) >= 1, "it never trains")
        process.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    before, with_stop, _ = run.epochs()
    assert with_stop.seconds < with_stop.time - before.time - STOPPED_SECONDS + 0.1
    assert with_stop.samples_per_second > 2000 / with_stop.seconds
    events = run.follow().poll()
    [stop] = [event for event in events if event.name == "pause"]
    [go] = [event for event in events if event.name == "resume"]
    assert go.time - stop.time == pytest.approx(STOPPED_SECONDS, abs=0.7)
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert recorded_steps(run) == list(range(1, run.status().step + 1))


def test_a_stopped_process_in_the_queue_does_not_block_those_behind_it(new_run, monkeypatch):
    monkeypatch.setattr(status, "SILENT_SECONDS", 1.5)
    holder, stopped, last = (new_run("sgd") for _ in range(3))
    process = None
    try:
        with Journal(holder) as journal, DeviceQueue(journal, CPU) as place:
            assert place.wait() is None
            process = control.start_worker(stopped)
            until(lambda: stopped.status().state == "queued", "it never waits")
            process.send_signal(signal.SIGSTOP)
        with Journal(last) as journal, DeviceQueue(journal, CPU) as place:
            assert not place._acquire(), "its turn comes after that of the stopped one"
            assert place.wait() is None
            process.send_signal(signal.SIGCONT)
            until(lambda: f"waits for {last.id}" in stopped.status().reason, "it does not wait again")
    finally:
        if process is not None:
            process.kill()
            process.wait()


# A directory that others can write to.


@pytest.mark.parametrize("kind", ["link", "dangling link", "directory", "hard link"])
def test_a_planted_lock_file_is_neither_written_nor_followed_and_no_run_waits(new_run, kind, tmp_path, capsys):
    run = new_run("sgd")
    target = tmp_path / "target"
    lock = run.path.parent / f".{socket.gethostname()}-cpu.lock"
    if kind != "dangling link":
        target.write_text("precious")
    if kind == "directory":
        lock.mkdir()
    elif kind == "hard link":
        os.link(target, lock)
    else:
        lock.symlink_to(target)
    with Journal(run) as journal, DeviceQueue(journal, CPU) as place:
        assert place.wait() is None
        assert run.status().state == "starting"
    assert f"without a queue: {lock}" in capsys.readouterr().err
    assert target.read_text() == "precious" if kind != "dangling link" else not target.exists()
