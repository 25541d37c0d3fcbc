"""`adam-tui train` without a screen: what it prints, how it ends, what Ctrl-C does."""

import dataclasses
import errno
import io
import os
import re
import shutil
import signal
import socket
import threading
import time

import pytest
from click.testing import CliRunner
from made_runs import status

from adam_tui.cli import follow as cli_follow
from adam_tui.cli.app import main
from adam_tui.runs import control, directory, files, recipes, report
from adam_tui.runs.device_use import used_by_sweep
from adam_tui.runs.protocol import ENDED, Ended, Epoch, RunSpec, Started, Steps, from_line, to_line
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status

SPEC = RunSpec(epochs=3, batch_size=64)
EPOCH = Epoch(8.0, 938, 1, 0.16786, 0.05169, 0.9838, 4.71, 14599.8)
EVENTS = [
    Started(1.0, 0, "adam-1", SPEC, "cpu (2 threads)", "bfloat16", 62_346, 938, "2.9"),
    Steps(2.0, 469, (2.0, 0.5)),
    EPOCH,
    Ended(9.0, 938, "finished", "epoch 3 of 3 done"),
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def interrupts():
    """Python's own answer to Ctrl-C: a shell that starts the tests in the background makes them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def follow_events(tmp_path, monkeypatch):
    """Follow a run whose worker is a stand-in that writes some events and exits."""

    def follow(events, stream, output_format="text", status=0, log="Traceback\nMemoryError: no room\n"):
        run = directory.create(SPEC, tmp_path / "runs")

        class Gone:
            def poll(self):
                return status

            wait = poll

            def kill(self):
                (run.path / "worker.log").write_text("killed")

        def start(run, detached):
            assert not detached  # Ctrl-C and the end of the terminal's session are for both
            (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)))
            (run.path / "worker.log").write_text(log)
            return Gone()

        monkeypatch.setattr(control, "start_worker", start)
        return cli_follow.follow(run, output_format, stream)

    return follow


def test_a_pipe_gets_one_plain_line_an_epoch(follow_events):
    stream = io.StringIO()
    assert follow_events(EVENTS, stream) == 0
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert "starts on cpu (2 threads) in bfloat16" in lines[0]
    assert lines[1] == "epoch 1/3  train 0.1679  test 0.0517, 98.38%  14,600 img/s, 4.7 s with test"
    assert "finished" in lines[2]
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_bar_below_the_same_lines_and_its_cursor_back(follow_events):
    stream = Terminal()
    assert follow_events(EVENTS, stream) == 0
    text = stream.getvalue()
    bar = next(part for part in re.split(r"\r|\n", text) if "16%" in part)
    assert "epoch 1/3  loss 0.5000  30,016 img/s  0:05 left" in bar  # 469 of 2,814 steps in one second
    assert len(re.sub(r"\x1b\[\??\d*[a-zA-Z]", "", bar)) <= 79
    assert cli_follow.epoch_line(EPOCH, 3) + "\n" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_the_bar_fits_a_terminal_of_any_width():
    figures = ("epoch 12/50", "loss 0.5000", "30,016 img/s", "1:02:05 left")
    whole = cli_follow.bar_line(0.1667, figures, 79)
    assert whole == "[##----------]   16%  epoch 12/50  loss 0.5000  30,016 img/s  1:02:05 left"
    assert cli_follow.bar_line(0.16, figures, 60) == "16%  epoch 12/50  loss 0.5000  30,016 img/s  1:02:05 left"
    assert cli_follow.bar_line(0.16, figures, 50) == "16%  epoch 12/50  loss 0.5000  1:02:05 left"
    assert cli_follow.bar_line(0.16, figures, 20) == "16%  1:02:05 left"
    for columns in range(100):
        assert len(cli_follow.bar_line(1.0, figures, columns)) <= columns
    assert cli_follow.bar_line(0.0, (), 79) == "[------------]    0%"


@pytest.mark.parametrize("columns", [40, 71])
def test_on_a_narrow_terminal_the_bar_stays_on_one_line(follow_events, monkeypatch, columns):
    monkeypatch.setattr(cli_follow.os, "get_terminal_size", lambda descriptor: os.terminal_size((columns, 24)))
    stream = Terminal()
    stream.fileno = lambda: 1
    assert (
        follow_events([EVENTS[0], *(Steps(1.0 + n, 100 * n, (0.5,) * 100) for n in range(1, 10)), EVENTS[-1]], stream)
        == 0
    )
    bars = [part for part in re.split(r"\r|\n", stream.getvalue()) if "left" in part]
    assert len(bars) == 9
    assert max(len(re.sub(r"\x1b\[\??\d*[a-zA-Z]", "", bar)) for bar in bars) < columns


def test_a_failed_run_prints_the_reason_and_fails(follow_events, capsys):
    assert follow_events([*EVENTS[:2], Ended(9.0, 5, "failed", "diverged at step 5")], io.StringIO()) == 1
    assert "failed: diverged at step 5" in capsys.readouterr().err


def test_a_worker_that_ends_without_a_report_fails_with_the_end_of_its_log(follow_events, capsys):
    assert follow_events(EVENTS[:2], io.StringIO()) == 1
    assert "MemoryError: no room" in capsys.readouterr().err


def test_a_worker_that_was_killed_fails_with_the_signal_and_its_likely_sender(follow_events, capsys):
    assert follow_events(EVENTS[:2], io.StringIO(), status=-9, log="") == 1
    message = capsys.readouterr().err
    assert "ended without a report (by signal 9)" in message
    assert "killed from outside, or by the system because memory ran out" in message


def test_where_no_command_can_be_written_ctrl_c_reaches_the_worker_by_signal(make_run):
    def read_only(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    run, signalled = make_run(EVENTS[:2], "running"), []
    run.command = read_only
    worker = type("Worker", (), {"terminate": lambda self: signalled.append("SIGTERM")})()
    with cli_follow.stop_on_interrupt(run, worker) as asked:
        signal.raise_signal(signal.SIGINT)
    assert asked == [signal.SIGINT]
    assert signalled == ["SIGTERM"]


def test_a_problem_is_shown_once_and_stays_above_the_bar(make_run, capsys):
    run = make_run(EVENTS[:2], "running", reason="No space left on device: metrics.jsonl waits to be written")
    for stream in (io.StringIO(), Terminal()):
        reporter = cli_follow.make_reporter(run, "text", stream)
        for _ in range(3):
            reporter.idle([])
        message = f"{run.id} running: No space left on device: metrics.jsonl waits to be written\n"
        assert capsys.readouterr().err == message


def test_the_bar_shows_the_same_pace_and_time_left_when_the_clock_is_set_by_a_day(follow_events):
    for jump in (86_400.0, -86_400.0):
        stream = Terminal()
        began = 1e9
        steps = [Steps(began + t + (jump if t > 5 else 0.0), 100 * t, (0.5,) * 100) for t in range(1, 11)]
        follow_events([dataclasses.replace(EVENTS[0], time=began), *steps, EVENTS[-1]], stream)
        bars = re.findall(r"epoch 2/3  loss 0.5000 +([\d,]+) img/s +([\d:]+) left", stream.getvalue())
        assert bars[-1] == ("6,400", "0:18")  # 1,814 steps at 100 a second


class CtrlC(io.StringIO):
    """Presses Ctrl-C so many times at the first losses."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def write(self, text):
        while self.times and isinstance(from_line(text), Steps):
            self.times -= 1
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


def test_json_lines_are_the_very_lines_of_a_real_run_and_ctrl_c_stops_it_with_a_checkpoint(tmp_path, capsys):
    before = signal.getsignal(signal.SIGINT)
    stream = CtrlC(1)
    assert cli_follow.train(recipes.make_spec("adam", {}, limit=640, epochs=100_000), tmp_path, "jsonl", stream) == 0
    (run,) = directory.list_runs(tmp_path)
    assert stream.getvalue() == (run.path / "metrics.jsonl").read_text()
    end = from_line(stream.getvalue().splitlines()[-1])
    assert (end.state, end.reason) == ("stopped", "SIGINT")
    assert run.checkpoint.exists()
    assert run.log_tail(9) == ""
    assert "stopped: SIGINT" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_run_that_loses_its_directory_ends_with_the_reason_of_its_own_files(tmp_path, few_digits, capsys, how):
    spec = recipes.make_spec("sgd", {}, epochs=100_000, limit=250, batch_size=32, device="cpu", data_dir=few_digits)
    lost = []

    class Reader(io.StringIO):
        def write(self, text):
            if "with test" in text and not lost:
                [run] = directory.list_runs(tmp_path / "runs")
                lost.append(run)
                run.path.rename(tmp_path / "elsewhere")
                if how == "deleted":
                    shutil.rmtree(tmp_path / "elsewhere")

    assert cli_follow.train(spec, tmp_path / "runs", "text", Reader()) == 0
    message = capsys.readouterr().err
    if how == "deleted":
        assert message == f"{lost[0].id} stopped: its directory was deleted\n"
    else:
        reason = f"its directory was moved to {tmp_path / 'elsewhere'}"
        assert message == f"{lost[0].id} stopped: {reason}\n"
        assert Run(tmp_path / "elsewhere").status().reason == reason


def test_a_run_is_watched_further_after_its_directory_was_away_for_a_moment(make_run, capsys):
    run, stream = make_run(EVENTS[:2], "running"), io.StringIO()
    away = run.path.with_name("away")

    def finish():
        run.path.rename(away)
        time.sleep(0.3)
        away.rename(run.path)
        with open(run.metrics, "a") as file:
            file.write("".join(map(to_line, EVENTS[2:])))
        run.write_status(status("finished"))

    threading.Timer(0.5, finish).start()
    assert cli_follow.watch(run, "text", stream) == 0
    assert "finished" in stream.getvalue()


def test_a_warning_of_slurm_stops_and_the_next_signal_does_not_kill(make_run):
    run, calls = make_run(EVENTS[:2], "running"), []
    run.command = lambda order, **values: calls.append((order, values["reason"]))
    worker = type("Worker", (), {"kill": lambda self: calls.append("killed")})()
    with cli_follow.stop_on_interrupt(run, worker):
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
            signal.raise_signal(number)
    assert calls == [("stop", "SIGUSR1"), ("stop", "SIGUSR1"), ("stop", "SIGTERM"), "killed"]


def test_a_second_ctrl_c_kills(follow_events, capsys):
    assert follow_events(EVENTS[:2], CtrlC(2), "jsonl") == 1
    assert "killed" in capsys.readouterr().err


@pytest.fixture
def make_run(tmp_path, hold):
    """A run with these events and this status; the test holds the lock of an active one."""

    def make(events, state="finished", **values):
        run = directory.create(SPEC, tmp_path / "runs")
        (run.path / "metrics.jsonl").write_text("".join(map(to_line, events)))
        run.write_status(Status(state, os.getpid(), socket.gethostname(), time.time(), **values))
        return run if state in ENDED else hold(run)

    return make


def test_a_run_of_another_process_is_printed_from_its_beginning_to_its_end(make_run, capsys):
    stopped = [Started(1.0, 0, "x", SPEC, "cpu", "float32", 1, 938, "2"), Ended(2.0, 5, "stopped", "asked to stop")]
    stream = io.StringIO()
    run = make_run([*stopped, *EVENTS])
    assert cli_follow.watch(run, "jsonl", stream) == 0
    assert stream.getvalue() == (run.path / "metrics.jsonl").read_text()
    stream = io.StringIO()
    assert cli_follow.watch(run, "text", stream) == 0
    assert stream.getvalue().splitlines()[-2:] == [
        cli_follow.epoch_line(EPOCH, 3),
        f"{run.id} finished: epoch 3 of 3 done",
    ]
    assert capsys.readouterr().err == ""


def test_watching_goes_on_until_the_run_ends_or_is_lost(make_run, hold, capsys):
    run = make_run(EVENTS[:2], "running")

    def go_on():
        with open(run.path / "metrics.jsonl", "a") as file:
            file.write(to_line(EPOCH))
        run.write_status(dataclasses.replace(run.status(), pid=0))  # no such process
        hold.release(run)

    later = threading.Timer(0.5, go_on)
    later.start()
    stream = io.StringIO()
    assert cli_follow.watch(run, "text", stream) == 1
    later.join()
    assert cli_follow.epoch_line(EPOCH, 3) in stream.getvalue()
    assert "ended without a report" in capsys.readouterr().err


def test_ctrl_c_ends_the_watching_only(make_run, capsys):
    run = make_run(EVENTS[:2], "running")
    assert cli_follow.watch(run, "jsonl", CtrlC(1)) == 130
    assert f"{run.id} continues without being watched" in capsys.readouterr().err
    assert not (run.path / "control.jsonl").exists()


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        ("queued", "waits for adam-1 on cpu", "queued: waits for adam-1 on cpu (--no-queue starts a run at once)\n"),
        ("queued", "waits for sweep-a on cpu", "queued: waits for sweep-a on cpu\n"),
        ("starting", "downloading KMNIST: a.gz, 1.0 of 9.0 MB", "starting: downloading KMNIST: a.gz, 1.0 of 9.0 MB\n"),
    ],
)
def test_the_reason_for_waiting_is_printed_once_and_updated_on_a_terminal(make_run, capsys, state, reason, message):
    run = make_run([], state, reason=reason)
    for stream in (io.StringIO(), Terminal()):
        reporter = cli_follow.make_reporter(run, "text", stream)
        for _ in range(3):
            reporter.idle([])
        reporter.close()
        if stream.isatty():
            assert stream.getvalue().count(reason) == 1
            assert stream.getvalue().endswith("\r\x1b[2K\x1b[?25h")
        else:
            assert stream.getvalue() == ""
            assert capsys.readouterr().err == f"{run.id} {message}"


def test_the_page_of_a_failed_run_shows_the_error_and_how_to_resume(make_run):
    run = make_run(EVENTS[:3], "failed", reason="no room", step=700, epoch=1)
    (run.path / "worker.log").write_text("older\nTraceback (most recent call last):\n  File x\nMemoryError: no room\n")
    run.checkpoint.touch()
    lines = report.describe(run).splitlines()
    assert lines[0] == f"{run.id} failed: no room"
    assert "step 700, epoch 1 of 3" in lines
    assert cli_follow.epoch_line(EPOCH, 3) in lines
    assert lines[-5:] == [
        "the end of worker.log:",
        "  Traceback (most recent call last):",
        "  File x".rjust(10),
        "  MemoryError: no room",
        f"continue it: adam-tui runs resume {run.id}",
    ]
    run = make_run(
        EVENTS[:3], "running", cpu_percent=49.7, memory_bytes=800 << 20, gpu_percent=87.0, gpu_memory_bytes=5 << 30
    )
    page = report.describe(run)
    assert "CPU 50%, memory 800 MiB, GPU 87%, GPU memory 5,120 MiB" in page
    assert "resume" not in page


def test_runs_are_listed_in_columns(tmp_path, hold, monkeypatch):
    monkeypatch.setattr(directory.secrets, "token_hex", lambda size: "00ff")
    run = directory.create(recipes.make_spec("nesterov", {"lr": 0.05}, epochs=3), tmp_path)
    run.write_status(status("running"))
    hold(run).metrics.write_text(to_line(EPOCH))
    heading, line = report.table([run]).splitlines()
    assert heading.split() == ["id", "state", "optimizer", "lr", "limit", "epochs", "best", "started"]
    assert line.split()[:7] == ["nesterov-00ff", "running", "nesterov", "0.05", "–", "1/3", "98.38%"]
    assert heading.index("lr") + 2 == line.index("0.05") + 4
    assert report.table([]) == "no runs yet"
    assert "broken" in report.table([Run(tmp_path)])


def test_a_run_whose_directory_was_moved_without_a_last_report_names_the_new_place(tmp_path, capsys):
    run = directory.create(recipes.make_spec("adam", {}), tmp_path / "runs")
    folder = files.open_folder(run.path)
    (tmp_path / "runs").rename(tmp_path / "moved")
    assert cli_follow._report_end(run, None, folder, 1) == 1
    place = tmp_path / "moved" / run.id
    assert capsys.readouterr().err == f"{run.id} stopped: the run's directory is gone: it was moved to {place}\n"


def stop(*arguments):
    raise InterruptedError


def test_a_run_beside_a_sweep_is_announced_as_slower_unless_it_waits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli_follow, "make_reporter", stop)
    with used_by_sweep(tmp_path / "sweep-grid", "cpu"):
        for waits in (True, False):
            spec = dataclasses.replace(SPEC, device="cpu", after_sweeps=waits)
            with pytest.raises(InterruptedError):
                cli_follow.train(spec, tmp_path, "text", io.StringIO())
    with pytest.raises(InterruptedError):
        cli_follow.train(dataclasses.replace(SPEC, device="cpu"), tmp_path, "text", io.StringIO())
    note = "sweep-grid trains on this device too: both are slower (--after-sweeps waits for it)"
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(note)
    result = CliRunner().invoke(main, ["train", "--no-queue", "--after-sweeps", "--runs", str(tmp_path / "new")])
    assert (result.exit_code, (tmp_path / "new").exists()) == (2, False)
