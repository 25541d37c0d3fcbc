"""The program's side of a spare process, with stand-ins that load no torch."""

import os
import signal
import time

import pytest
from made_runs import lock

from adam_tui.runs import control, spare
from adam_tui.runs.device_names import device_lock
from adam_tui.runs.free_memory import free_memory

# A process that becomes the run's where its script says so.
STAND_IN = """
import json, os, sys, time
from adam_tui.runs.run import Run
from adam_tui.runs.status import parse_status
{begin}
os.write(1, b"ready\\n")
order = json.loads(sys.stdin.readline())
{end}
time.sleep(60)
"""
TAKES = 'Run(order["run"]).write_status(parse_status(order["status"])); os.write(1, b"taken\\n")'


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Start a spare whose process runs a script, and wait until it is ready where it can be."""
    monkeypatch.setenv(spare.VARIABLE, "1")
    monkeypatch.setattr(spare, "free_memory", lambda: 1 << 40)
    monkeypatch.setattr(spare, "ACCEPT_SECONDS", 0.2)
    monkeypatch.setattr(spare, "WORKER", "stand_in")
    monkeypatch.setattr(control, "WORKER", "no_such_module")  # a new process ends at once
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.getcwd()}:{os.environ.get('PYTHONPATH', '')}")
    started = []

    def start(end=TAKES, begin=""):
        (tmp_path / "stand_in.py").write_text(STAND_IN.format(begin=begin, end=end))
        started.append(spare.Spare())
        started[-1].keep(time.monotonic())
        deadline = time.monotonic() + 30
        while not begin and not started[-1].is_ready:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return started[-1]

    yield start
    for each in started:
        each.end()


def test_a_run_goes_to_the_process_that_waits_and_the_program_has_none_then(run, stand_in):
    waiting = stand_in()
    number = waiting.pid
    run.command("stop")  # an order from before the start
    process = control.start_worker(run, spare=waiting)
    assert process.pid == number
    assert waiting.pid is None
    status = run.reported_status()
    assert (status.state, status.device) == ("starting", "cpu")
    assert status.control == (run.path / "control.jsonl").stat().st_size
    assert abs(status.came - time.time()) < 30
    process.kill()


@pytest.mark.parametrize("fate", ["killed", "stopped", "mute", "not ready", "another directory", "another environment"])
def test_without_a_spare_that_answers_a_new_process_starts_and_no_other_is_left(
    run, stand_in, fate, monkeypatch, tmp_path
):
    waiting = stand_in("" if fate == "mute" else TAKES, "time.sleep(60)" if fate == "not ready" else "")
    number = waiting.pid
    if fate == "killed":
        os.kill(number, signal.SIGKILL)
    if fate == "stopped":
        os.kill(number, signal.SIGSTOP)
    if fate == "another directory":
        monkeypatch.chdir(tmp_path)
    if fate == "another environment":
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    process = control.start_worker(run, spare=waiting)
    assert process.pid != number
    assert run.reported_status().pid == process.pid
    assert waiting.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_run_that_has_to_wait_for_its_device_leaves_the_spare_alone(run, stand_in):
    waiting = stand_in()
    path = device_lock(run.path.parent, "cpu")
    path.touch()
    held = lock(type("File", (), {"metrics": path}))
    assert control.start_worker(run, spare=waiting).pid != waiting.pid
    assert waiting.is_ready
    os.close(held)


def test_a_spare_is_started_for_a_user_who_is_there_and_where_memory_is_free(stand_in, monkeypatch):
    waiting, now = spare.Spare(), time.monotonic()
    waiting.keep(now - spare.UNUSED_SECONDS - 1)
    assert waiting.pid is None
    for free in (None, spare.FREE_BYTES + spare.OWN_BYTES - 1):
        monkeypatch.setattr(spare, "free_memory", lambda free=free: free)
        waiting.keep(now)
        assert waiting.pid is None
    monkeypatch.setattr(spare, "free_memory", lambda: 1 << 40)
    monkeypatch.setenv(spare.VARIABLE, "0")
    waiting.keep(now)
    assert waiting.pid is None
    monkeypatch.setenv(spare.VARIABLE, "1")
    waiting = stand_in()
    number = waiting.pid
    waiting.keep(now)
    assert waiting.pid == number
    os.kill(number, signal.SIGKILL)
    while waiting.pid is not None:
        time.sleep(0.01)
    waiting.keep(now)
    assert waiting.pid is None, "the next one would fail in the same way"
    monkeypatch.setattr(spare, "RETRY_SECONDS", 0.0)
    waiting.keep(now)
    assert waiting.pid not in (None, number)


def test_the_free_memory_is_the_least_of_the_host_and_of_every_control_group(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    assert free_memory(tmp_path / "nothing") is None or free_memory(tmp_path / "nothing") > 0
    write(proc__meminfo="MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert free_memory(tmp_path) == 8000 * 1024
    groups = tmp_path / "sys/fs/cgroup"
    write(proc__self__cgroup="4:cpuset,memory:/jobs/one\n0::/user\n")
    assert free_memory(tmp_path) == 8000 * 1024
    for folder, limit, usage, cache in [
        ("memory/jobs/one", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ("user", "memory.max", "memory.current", "inactive_file"),
    ]:
        (groups / folder).mkdir(parents=True)
        (groups / folder / usage).write_text("6000000\n")
        (groups / folder / limit).write_text("7000000\n" if folder == "user" else "9000000\n")
        (groups / folder / "memory.stat").write_text(f"anon 3\n{cache} 500000\n")
    assert free_memory(tmp_path) == 1_500_000
    (groups / "user/memory.max").write_text("max\n")
    assert free_memory(tmp_path) == 3_500_000
    (groups / "memory/jobs/memory.limit_in_bytes").write_text("1000\n")  # the group around it
    (groups / "memory/jobs/memory.usage_in_bytes").write_text("900\n")
    (groups / "memory/jobs/memory.stat").write_text("")
    assert free_memory(tmp_path) == 100
