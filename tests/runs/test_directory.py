import contextlib
import errno
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import append, status

from adam_tui.runs import directory, system
from adam_tui.runs.directory import Follower, Run
from adam_tui.runs.protocol import Epoch, Paused, RunSpec, Started, Steps, to_line
from adam_tui.training.journal import Journal


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# Where and what a run is.


def test_the_runs_are_where_the_flag_says_then_the_environment_then_the_users_data(monkeypatch, tmp_path):
    monkeypatch.setenv("ADAM_TUI_RUNS", str(tmp_path / "env"))
    assert directory.runs_directory(tmp_path / "flag") == tmp_path / "flag"
    assert directory.runs_directory() == tmp_path / "env"
    monkeypatch.delenv("ADAM_TUI_RUNS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert directory.runs_directory().name == "runs"
    assert directory.runs_directory().parent.name == "adam-tui"
    assert directory.runs_directory("~/x") == Path.home() / "x"


def test_only_the_user_may_look_into_a_run_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        run = directory.create(RunSpec(), tmp_path / "deep" / "runs")
    finally:
        os.umask(before)
    assert mode(run.path) == mode(run.path.parent) == 0o700


def test_a_new_run_keeps_what_was_asked_and_is_starting(run):
    spec = RunSpec(optimizer="lion", hyperparameters={"lr": 0.25}, limit=3)
    other = directory.create(spec, run.path.parent)
    assert other.spec() == spec
    assert other.id.startswith("lion-")
    assert other.status().state == "starting"
    assert abs(other.started - time.time()) < 60


@contextlib.contextmanager
def without_rights():
    """Root may read everything: for a moment this process is nobody's."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def test_a_run_that_somebody_else_keeps_to_himself_is_passed_over():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        theirs, mine = (directory.create(RunSpec(), Path(folder)) for _ in range(2))
        os.chmod(theirs.path, 0)
        mine.path.chmod(0o755)
        for path in mine.path.iterdir():
            path.chmod(0o644)
        with without_rights():
            assert [run.id for run in directory.list_runs(Path(folder))] == [mine.id]
            assert directory.broken_runs(Path(folder)) == []
            assert not theirs.can_resume()
            assert theirs.log_tail(3) == ""
            assert theirs.epochs() == []


def test_ids_are_never_given_twice(tmp_path, monkeypatch):
    tokens = iter(["0001", "0001", "0002"])
    monkeypatch.setattr(directory.secrets, "token_hex", lambda size: next(tokens))
    assert [directory.create(RunSpec(), tmp_path).id for _ in range(2)] == ["adam-0001", "adam-0002"]


def test_runs_are_listed_newest_first_and_what_is_broken_or_no_run_is_left_out(tmp_path, monkeypatch):
    made = []
    for created in (100.0, 300.0, 200.0):
        monkeypatch.setattr(directory.time, "time", lambda now=created: now)
        made.append(directory.create(RunSpec(), tmp_path))
    monkeypatch.undo()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no run")
    for name, text in {"torn": '{"hyper', "list": "[]", "no-lr": '{"hyperparameters": {}}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.json").write_text(text)
    assert [run.id for run in directory.list_runs(tmp_path)] == [made[1].id, made[2].id, made[0].id]
    assert directory.list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_its_id_or_an_unambiguous_beginning(tmp_path, monkeypatch):
    tokens = iter(["00aa", "00ab", "00"])
    monkeypatch.setattr(directory.secrets, "token_hex", lambda size: next(tokens))
    for _ in range(3):
        directory.create(RunSpec(), tmp_path)
    assert directory.find(tmp_path, "adam-00aa").id == "adam-00aa"
    assert directory.find(tmp_path, "adam-00ab").id == "adam-00ab"
    assert directory.find(tmp_path, "adam-00").id == "adam-00"  # exact, though others begin so
    for text, message in {"adam-0": "fits 3 runs", "sgd": "no run 'sgd'", "": "no run", "../x": "no run"}.items():
        with pytest.raises(ValueError, match=message):
            directory.find(tmp_path, text)


def test_a_reader_never_sees_half_a_file(run):
    script = (
        "import sys; from pathlib import Path; from adam_tui.runs.system import write_atomically\n"
        "for i in range(400): write_atomically(Path(sys.argv[1]), f'{i % 10}' * 100_000)"
    )
    path = run.path / "status.json"
    system.write_atomically(path, "x" * 100_000)
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)])
    seen = set()
    while writer.poll() is None:
        text = path.read_text()
        assert len(text) == 100_000
        assert len(set(text)) == 1
        seen.add(text[0])
    assert len(seen) > 1


# What is told and asked.


def test_orders_are_appended_one_a_line(run):
    run.command("stop")
    run.command("set", name="lr", value=0.1)
    orders = [json.loads(line) for line in (run.path / "control.jsonl").read_text().splitlines()]
    assert [order.pop("time") > 0 for order in orders] == [True, True]
    assert orders == [{"command": "stop"}, {"command": "set", "name": "lr", "value": 0.1}]


def test_a_follower_gives_each_event_once_and_waits_for_the_end_of_a_torn_line(run):
    follower = Follower(run)
    assert follower.poll() == []
    first, second = Steps(1.0, 2, (0.5, 0.25)), Paused(2.0, 2)
    append(run, to_line(first) + to_line(second)[:9])
    assert follower.poll() == [first]
    assert follower.poll() == []
    append(run, to_line(second)[9:])
    assert follower.poll() == [second]
    assert follower.poll() == []


@given(st.lists(st.integers(1, 40), min_size=1))
def test_a_file_that_grows_in_any_pieces_gives_the_same_events(tmp_path_factory, sizes):
    run = Run(tmp_path_factory.mktemp("run"))
    told = [Steps(float(i), i, (i / 3,) * i) for i in range(12)]
    rest, follower, events = "".join(map(to_line, told)), Follower(run), []
    for size in itertools.cycle(sizes):
        append(run, rest[:size])
        rest = rest[size:]
        events += follower.poll()
        if not rest:
            break
    assert events == told


def test_a_quiet_file_is_not_even_opened(run, monkeypatch):
    append(run, to_line(Paused(1.0, 1)) + '{"torn')
    follower = Follower(run)
    assert len(follower.poll()) == 1

    def refuse(*arguments, **options):
        raise AssertionError("opened for nothing")

    monkeypatch.setattr("builtins.open", refuse)
    assert follower.poll() == []


def test_a_long_file_comes_in_pieces_that_keep_a_screen_responsive(run, monkeypatch):
    monkeypatch.setattr(directory, "POLL_BYTES", 200)
    told = [Steps(1.0, i, (0.5,) * 4) for i in range(20)] + [
        Steps(1.0, 21, (0.5,) * 500)
    ]  # the last is longer than 200
    append(run, "".join(map(to_line, told)) + "{")
    follower = Follower(run)
    pieces = []
    while events := follower.poll():
        pieces.append(events)
    assert [event for piece in pieces for event in piece] == told
    assert len(pieces) > 5


def test_a_follower_survives_a_file_that_shrinks_or_goes(run):
    follower = Follower(run)
    path = run.path / "metrics.jsonl"
    append(run, to_line(Paused(1.0, 1)) * 3)
    assert len(follower.poll()) == 3
    path.write_text(to_line(Paused(2.0, 2)))
    assert follower.poll() == [Paused(2.0, 2)]
    path.unlink()
    assert follower.poll() == []
    append(run, to_line(Paused(3.0, 3)))
    assert follower.poll() == [Paused(3.0, 3)]


def test_a_follower_can_pass_over_the_past(run):
    append(run, to_line(Paused(1.0, 1)))
    follower = Follower(run)
    follower.skip()
    append(run, to_line(Paused(2.0, 2)))
    assert follower.poll() == [Paused(2.0, 2)]


def test_epochs_that_a_continued_run_repeats_count_once(run):
    def epoch(number, step, accuracy):
        return to_line(Epoch(1.0, step, number, 0.1, 0.1, accuracy, 1.0, 1.0))

    def start(step):
        return to_line(Started(1.0, step, "x", RunSpec(), "cpu", "float32", 1, 10, "2"))

    append(run, start(0) + epoch(1, 10, 0.91) + epoch(2, 20, 0.92) + '{"event":"epoch","ti\n' + start(10))
    assert [told.test_accuracy for told in run.epochs()] == [0.91]
    append(run, epoch(2, 20, 0.95))
    assert [told.test_accuracy for told in run.epochs()] == [0.91, 0.95]


def test_the_end_of_the_log_is_there_to_read(run):
    assert run.log_tail(2) == ""
    (run.path / "worker.log").write_bytes(b"\xff" * 5000 + b"\none\ntwo\nthree\n")
    assert run.log_tail(2) == "two\nthree"


def test_the_last_error_is_the_last_traceback_or_message(run):
    log = run.path / "worker.log"
    assert run.error_tail() == ""
    log.write_text(
        "Traceback (most recent call last):\n  old\nKeyError\nTraceback (most recent call last):\n  new\nOSError\n"
    )
    assert run.error_tail() == "Traceback (most recent call last):\n  new\nOSError"
    log.write_text("".join(f"line {i}\n" for i in range(99)))
    assert run.error_tail(2) == "line 97\nline 98"


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
def test_only_what_has_ended_early_and_left_a_checkpoint_is_resumed(run, state, has_checkpoint, refusal):
    run.write_status(status(state))
    if has_checkpoint:
        run.checkpoint.touch()
    assert run.can_resume() == (refusal is None)
    if refusal is None:
        directory.check_resume(run)
    else:
        with pytest.raises(ValueError, match=refusal):
            directory.resume(run)


def test_a_run_that_waits_for_its_turn_is_alive_and_not_deleted(run):
    run.write_status(status("queued"))
    assert run.status().alive
    with pytest.raises(ValueError, match="still running"):
        run.delete()


def test_a_run_that_only_looks_lost_is_not_deleted(run, monkeypatch):
    monkeypatch.setattr(system, "PATIENCE", 0.0)
    run.write_status(status(host="elsewhere", heartbeat=0.0))
    with Journal(Run(run.path)):  # a file system that shows what happens elsewhere an hour late
        run.write_status(status(host="elsewhere", heartbeat=0.0))
        os.utime(run.path / "metrics.jsonl", (0.0, 0.0))
        assert Run(run.path).status().state == "lost"
        with pytest.raises(ValueError, match="still running"):
            Run(run.path).delete()
    run.write_status(status(host="elsewhere", heartbeat=0.0))
    Run(run.path).delete()


def test_of_a_link_only_the_link_is_deleted_and_what_it_is_is_said(run, tmp_path):
    (tmp_path / "linked").symlink_to(run.path)
    linked = Run(tmp_path / "linked")
    assert (linked.target, run.target) == (str(run.path), "")
    linked.delete()
    assert run.path.exists()
    assert not linked.path.is_symlink()


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


def test_a_process_that_has_ended_leaves_no_zombie_though_nobody_looks(run):
    (run.path / "metrics.jsonl").touch()
    with directory.held(run):  # so it ends soon
        pid = directory.start_worker(run).pid
        assert gone_without_a_zombie(pid)


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_run_that_cannot_be_written_down_leaves_no_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "write_atomically", full_disk)
    with pytest.raises(OSError, match="No space left on device"):
        directory.create(RunSpec(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_cannot_be_written_down_is_ended_at_once(run, monkeypatch):
    started, popen = [], subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(directory.subprocess, "Popen", start)
    monkeypatch.setattr(Run, "write_status", full_disk)
    with pytest.raises(OSError, match="No space left on device"):
        directory.start_worker(run)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_a_run_at_work_is_not_deleted(run):
    run.write_status(status())
    with pytest.raises(ValueError, match="still running"):
        run.delete()
    run.write_status(status("stopped"))
    run.delete()
    assert not run.path.exists()


def test_a_run_at_work_is_not_started_twice(run):
    run.write_status(status())
    with pytest.raises(ValueError, match="running already"):
        directory.start_worker(run)


def test_watching_needs_nothing_but_the_standard_library(fresh_modules):
    loaded = set(fresh_modules("import adam_tui.runs.directory, adam_tui.training.journal"))
    assert not {"torch", "numpy", "platformdirs", "click", "textual"} & loaded
