"""The spare process on real digits, and its waiting without a run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adam_tui.runs import control, export, processes
from adam_tui.runs.free_memory import free_memory
from adam_tui.runs.spare import FREE_BYTES, OWN_BYTES
from adam_tui.training import spare, trainer
from adam_tui.training.journal import Journal

PATIENCE = 180.0  # of a process that lets all others go first, on a busy machine
SPARE = [sys.executable, "-m", "adam_tui.training.worker", "--spare"]

# A program that starts its run and continues it, each time with the spare that waits, and has the next spare ready.
PROGRAM = """
import sys, time
from adam_tui.runs import control
from adam_tui.runs.run import Run
from adam_tui.runs.spare import Spare
spare, run = Spare(), Run(sys.argv[1])
for begin in (control.start_worker, control.resume):
    spare.keep(time.monotonic())
    while not spare.is_ready:
        assert spare.pid
        time.sleep(0.02)
    waiting = spare.pid
    assert begin(run, spare=spare).pid == waiting
    spare.keep(time.monotonic())
    print(waiting, spare.pid, flush=True)
    sys.stdin.readline()
"""


def until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif((free_memory() or 0) < FREE_BYTES + 3 * OWN_BYTES, reason="no spare on so small a machine")
def test_a_run_that_a_spare_takes_over_is_like_any_run_and_outlives_the_program(new_run, few_digits, tmp_path):
    asked = {"limit": 0, "epochs": 2, "data_dir": few_digits}
    run, same = new_run(**asked), new_run(**asked)
    place = {"ADAM_TUI_SPARE": "1", "SOMETHING": "of this shell"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | place,
    )
    try:
        worker, next_worker = map(int, program.stdout.readline().split())
        until(lambda: b'"steps"' in run.metrics.read_bytes())
        run.command("pause")
        until(lambda: run.status().state == "paused")
        status = run.status()
        assert (status.pid, status.born, status.device) == (worker, processes.birth(worker), "cpu")
        assert run.owns_process(worker)
        assert not run.owns_process(next_worker)
        assert os.getsid(worker) == os.getpgid(worker) == worker
        assert os.readlink(f"/proc/{worker}/cwd") == str(tmp_path)
        assert b"SOMETHING=of this shell" in Path(f"/proc/{worker}/environ").read_bytes()
        for number in (1, 2):
            assert os.readlink(f"/proc/{worker}/fd/{number}") == str(run.path / "worker.log")
        with pytest.raises(ValueError, match="running already"):
            control.start_worker(run)
        run.command("stop")
        until(lambda: run.status().state == "stopped")
        until(lambda: not processes.is_running(worker))
        assert 0 < run.status().step < 2 * 63

        program.stdin.write("\n")
        program.stdin.flush()
        worker, unused = map(int, program.stdout.readline().split())
        assert worker == next_worker
        os.kill(worker, signal.SIGHUP)
        program.kill()
        until(lambda: run.status().state == "finished")
        until(lambda: not processes.is_running(unused))
    finally:
        program.kill()
        program.communicate()
    assert run.log_tail(9) == ""
    with Journal(same) as journal:
        assert trainer.train(journal)[0] == "finished"
    assert list(export.losses(run)) == list(export.losses(same))
    assert [epoch.test_loss for epoch in run.epochs()] == [epoch.test_loss for epoch in same.epochs()]


def test_a_spare_that_cannot_load_torch_ends_with_a_failure_and_without_a_word(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch on this machine')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(SPARE, **pipes) as process:
        assert (process.wait(PATIENCE), process.stdout.read(), process.stderr.read()) == (1, b"", b"")


def test_a_spare_ends_at_once_when_its_program_ends_while_it_loads():
    done = subprocess.run(SPARE, input="", capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def waiting(monkeypatch):
    """The write end of the pipe that a spare in this process reads."""
    end, own = os.pipe()
    monkeypatch.setattr(spare, "STDIN", end)
    monkeypatch.setattr(spare, "MEMORY_SECONDS", 0.02)
    monkeypatch.setattr(spare, "is_enough_memory", lambda least: least == FREE_BYTES)
    yield own
    for descriptor in (end, own):
        os.close(descriptor)


def test_a_spare_waits_for_one_line_and_signs_of_use_come_before_it(waiting):
    os.write(waiting, b"\n\n")
    os.write(waiting, b'{"run": "x"}\n')
    assert spare._next_order() == b'{"run": "x"}\n'


def test_a_spare_ends_when_it_is_unused_when_memory_is_short_and_when_the_program_has_ended(waiting, monkeypatch):
    monkeypatch.setattr(spare, "UNUSED_SECONDS", 0.1)
    assert spare._next_order() == b""
    monkeypatch.undo()
    monkeypatch.setattr(spare, "is_enough_memory", lambda least: False)
    assert spare._next_order() == b""
    monkeypatch.undo()
    closed, end = os.pipe()
    os.close(end)
    monkeypatch.setattr(spare, "STDIN", closed)
    monkeypatch.setattr(spare, "is_enough_memory", lambda least: True)
    assert spare._next_order() == b""
    os.close(closed)
