import contextlib
import errno
import fcntl
import functools
import io
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from adam_tui.runs import file_lock, files
from adam_tui.runs.protocol import Ended, Paused, Resumed, Steps, from_line, to_line
from adam_tui.runs.run import Run
from adam_tui.training import journal as journal_module
from adam_tui.training.journal import COMMAND_SECONDS, Journal, log


def lines(run):
    return (run.path / "metrics.jsonl").read_text().splitlines()


def test_the_process_beats_while_it_is_busy(new_run, monkeypatch):
    monkeypatch.setattr("adam_tui.training.journal.HEARTBEAT_SECONDS", 0.02)
    run = new_run()
    with Journal(run) as journal:
        first = run.status()
        journal.step, journal.epoch = 5, 1
        deadline = time.time() + 20
        while (now := run.status()).step != 5 and time.time() < deadline:
            time.sleep(0.01)
    assert (now.state, now.step, now.epoch) == ("starting", 5, 1)
    assert now.heartbeat > first.heartbeat


def test_one_process_at_a_time_trains_a_run(new_run, monkeypatch):
    monkeypatch.setattr(file_lock, "RELEASE_SECONDS", 0.0)
    run = new_run()
    with Journal(run), pytest.raises(ValueError, match="another process is training"):
        Journal(run)
    with Journal(run):  # the lock goes with its holder
        pass


def test_a_line_torn_by_a_killed_process_does_not_spoil_the_next_one(new_run):
    run = new_run()
    (run.path / "metrics.jsonl").write_text('{"event":"pause","time":1.0,"step":1}\n{"event":"pau')
    with Journal(run) as journal:
        journal.record(Paused(2.0, 2))
    assert [from_line(line) for line in lines(run)] == [Paused(1.0, 1), None, Paused(2.0, 2)]


def test_commands_are_read_once_in_order_and_invalid_lines_are_skipped(new_run, capsys, monkeypatch):
    run = new_run()
    with Journal(run) as journal:
        assert journal.new_commands() == []
        run.command("set", name="lr", value=1.0)
        with open(run.path / "control.jsonl", "a") as file:
            file.write('nonsense\n[1]\n{"no": "command"}\n{"command": "pause"}\n{"command": "st')
        journal.add_command("stop", reason="SIGTERM")
        commands = journal.new_commands()
        assert [order["command"] for order in commands] == ["stop", "set", "pause"]
        assert (commands[0]["reason"], commands[1]["name"], commands[1]["value"]) == ("SIGTERM", "lr", 1.0)
        with open(run.path / "control.jsonl", "a") as file:
            file.write('op"}\n')
        later = time.monotonic() + COMMAND_SECONDS
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: later)
            assert journal.new_commands() == [{"command": "stop"}]
    assert capsys.readouterr().err.count("not a command") == 3
    with Journal(run) as journal:  # a process that continues the run does not obey them again
        assert journal.new_commands() == []


def test_commands_after_the_end_are_not_left_for_the_next_process(new_run):
    run = new_run()
    with Journal(run) as journal:
        run.command("stop")
        journal.set_state("finished", "done")
    with Journal(run) as journal:
        assert journal.new_commands() == []
    assert json.loads((run.path / "status.json").read_text())["control"] > 0


def test_reading_commands_costs_no_more_than_a_clock_between_two_reads(new_run, monkeypatch):
    run = new_run()
    reads = []
    with Journal(run) as journal:
        monkeypatch.setattr(journal, "_read_control", lambda: reads.append(1) or [])
        began = time.monotonic()
        for read in (0, 0.3, 0.9, 1.0, 1.5, 1.9, 2.1):
            with monkeypatch.context() as patch:
                patch.setattr(time, "monotonic", lambda read=read: began + read * COMMAND_SECONDS)
                journal.new_commands()
    assert len(reads) == 3


def test_a_process_whose_directory_is_deleted_ends(new_run, monkeypatch):
    monkeypatch.setattr(journal_module, "GONE_SECONDS", 0.0)
    run = new_run()
    with Journal(run) as journal:
        for path in run.path.iterdir():
            path.unlink()
        run.path.rmdir()
        assert journal.new_commands() == [{"command": "kill", "reason": "its directory was deleted"}]


# A disk that takes no more.


@pytest.fixture
def disk(monkeypatch):
    """A disk that can be full: `disk.room` is how many bytes it still takes, None for as many as come."""
    write = os.write

    class Disk:
        def __init__(self):
            self.room, self.files = None, set()

        def write(self, descriptor, data):
            if self.room is None or os.fstat(descriptor).st_ino not in self.files:
                return write(descriptor, data)
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = write(descriptor, bytes(data)[: self.room])
            self.room -= taken
            return taken

    found = Disk()
    monkeypatch.setattr(os, "write", found.write)
    return found


def fill(disk, run, room=0):
    disk.files.add(os.stat(run.path / "metrics.jsonl").st_ino)
    disk.room = room


def test_events_that_a_full_disk_refuses_are_reported_kept_and_written_in_order_once_there_is_room(
    new_run, disk, monkeypatch
):
    monkeypatch.setattr("adam_tui.training.journal.HEARTBEAT_SECONDS", 0.02)
    run, heard = new_run(), []
    with Journal(run) as journal:
        journal.listeners.append(heard.append)
        journal.record(Paused(1.0, 1))
        fill(disk, run, room=20)  # a part of a line fits
        for number in range(2, 1000):
            journal.record(Paused(1.0, number))
        assert len(lines(run)) == 2
        journal.set_state("running")
        assert run.reported_status().reason == "No space left on device: metrics.jsonl waits to be written"
        disk.room = None
        deadline = time.time() + 20
        while run.reported_status().reason and time.time() < deadline:  # the next beat tries again
            time.sleep(0.01)
        journal.record(Paused(1.0, 1000))
    assert [from_line(line) for line in lines(run)] == [Paused(1.0, number) for number in range(1, 1001)]
    assert len(heard) == 1000


def test_a_run_that_ends_on_a_full_disk_reports_it_where_there_is_room(new_run, disk, capsys):
    run = new_run()
    with Journal(run) as journal:
        fill(disk, run)
        journal.end("finished", "epoch 2 of 2 done")
    assert run.status().state == "finished"
    assert run.status().reason == "epoch 2 of 2 done; the last events could not be written"
    assert "finished: epoch 2 of 2 done" in capsys.readouterr().err


def test_a_disk_that_stays_full_costs_bounded_memory_and_lost_events_are_reported(new_run, disk, monkeypatch):
    monkeypatch.setattr("adam_tui.training.journal.MAX_UNWRITTEN_BYTES", 200)
    run = new_run()
    with Journal(run) as journal:
        fill(disk, run)
        for number in range(1, 100):
            journal.step = number
            journal.record(Paused(1.0, number))
        journal.set_state("running")
        assert "events from step 6 on could not be kept" in run.reported_status().reason
        disk.room = None
        journal.record(Paused(1.0, 100))
    assert [from_line(line) for line in lines(run)] == [Paused(1.0, number) for number in (1, 2, 3, 4, 5, 100)]


def test_a_status_is_written_to_a_full_disk_and_so_are_heartbeats(new_run, monkeypatch):
    run = new_run()
    with Journal(run) as journal:

        def full(path, content, **options):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(files, "write_atomically", full)
        before = run.reported_status()
        journal.step = 7
        journal.set_state("running", "a reason that is longer than there was before " * 9)
        assert run.reported_status().step == 7
        assert run.reported_status().heartbeat > before.heartbeat
        journal.set_state("running", "short")
        assert run.reported_status().reason == "short"


def test_a_log_on_a_full_disk_ends_nothing(monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    log("no room")


def test_a_listener_that_fails_is_removed_and_the_run_continues(new_run):
    run, heard = new_run(), []

    def failing(event):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(run) as journal:
        journal.listeners += [failing, heard.append]
        journal.record(Paused(1.0, 1))
        journal.record(Paused(1.0, 2))
        journal.set_state("running")
        assert run.reported_status().reason == "No space left on device: TensorBoard gets no more"
    assert [event.step for event in heard] == [1, 2]


def test_each_cause_is_shown_once(new_run):
    run = new_run()
    with Journal(run) as journal:
        full = OSError(errno.ENOSPC, "No space left on device")
        journal.report_problem("checkpoint", "the last checkpoint is of step 5", full)
        journal.report_problem("lost", "something is lost")
        journal.report_problem("evaluation", "evaluation.npz is of an earlier epoch", full)
        journal.set_state("running")
        assert run.reported_status().reason == (
            "No space left on device: the last checkpoint is of step 5, evaluation.npz is of an earlier epoch;"
            " something is lost"
        )
        journal.clear_problem("checkpoint")
        journal.clear_problem("evaluation")
        journal.clear_problem("lost")
        journal.set_state("running")
        assert run.reported_status().reason == ""


# Commands.

WRITER = """
import sys
from adam_tui.runs.run import Run
run = Run(sys.argv[1])
for number in range(int(sys.argv[3])):
    run.command("set", name=sys.argv[2], value=number)
"""


def test_thousands_of_commands_of_two_terminals_are_each_read_once_and_in_order(new_run, capsys):
    run, many = new_run(), 3000
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(run.path), name, str(many)]) for name in ("one", "two")
    ]
    heard = {"one": [], "two": []}
    with Journal(run) as journal:
        deadline = time.time() + 60
        while sum(map(len, heard.values())) < 2 * many and time.time() < deadline:
            for order in journal.new_commands():
                heard[order["name"]].append(order["value"])
        for writer in writers:
            assert writer.wait() == 0
        assert journal.new_commands() == []
    assert heard == {"one": list(range(many)), "two": list(range(many))}
    assert capsys.readouterr().err == ""


def test_a_command_after_a_torn_line_is_read(new_run, capsys):
    run = new_run()
    (run.path / "control.jsonl").write_text('{"command": "pau')  # its writer was killed, or the disk was full
    with Journal(run) as journal:
        reached = run.command("stop")
        assert [order["command"] for order in journal.new_commands()] == ["stop"]
        assert run.reported_status().control == reached
    assert "not a command" in capsys.readouterr().err


def test_a_command_that_was_cut_off_is_an_error_for_its_sender(new_run, disk):
    run = new_run()
    (run.path / "control.jsonl").touch()
    disk.files.add(os.stat(run.path / "control.jsonl").st_ino)
    disk.room = 10
    with pytest.raises(OSError, match="No space left on device"):
        run.command("stop")


def test_commands_that_come_too_late_are_logged(new_run, capsys):
    run = new_run()
    with Journal(run) as journal:
        run.command("pause")
        journal.end("finished", "done")
        journal.log_ignored([{"command": "resume"}])
    assert capsys.readouterr().err.splitlines() == [
        f"the run was already ending: the command {command!r} came too late" for command in ("pause", "resume")
    ]


@pytest.mark.parametrize(
    "noise", [b"\0" * 300, b"\xff\xfe\n" * 5, b"[" * 100_000 + b"\n", b"x" * 3_000_000, b"\n\n\n", b'{"command": 3}\n']
)
def test_no_noise_in_the_file_of_commands_hides_the_next_one(new_run, noise):
    run = new_run()
    (run.path / "control.jsonl").write_bytes(noise)
    heard = []
    with Journal(run) as journal:
        run.command("pause")
        for _ in range(10):
            heard += journal.new_commands()
            journal._next_read = 0.0
    assert [order["command"] for order in heard] == ["pause"]


def test_an_emptied_file_of_commands_is_read_from_its_start(new_run):
    run = new_run()
    with Journal(run) as journal:
        run.command("set", name="lr", value=0.123456789)
        assert len(journal.new_commands()) == 1
        (run.path / "control.jsonl").write_bytes(b"")
        run.command("stop")
        journal._next_read = 0.0
        assert [order["command"] for order in journal.new_commands()] == ["stop"]


# The lock.


def test_half_written_files_of_a_killed_process_are_removed_by_the_next(new_run):
    run = new_run()
    (run.path / f".checkpoint.pt.{2**22 + 7}.part").write_bytes(b"half")
    with Journal(run):
        assert not list(run.path.glob("*.part"))


def test_a_lock_that_a_dying_process_still_holds_is_waited_for(new_run):
    run = new_run()
    (run.path / "metrics.jsonl").touch()
    holding = contextlib.ExitStack()
    holding.enter_context(run.locked_metrics())
    threading.Timer(0.2, holding.close).start()
    with Journal(run):
        pass


# A directory that is away, and a process that was stopped.


def test_commands_that_cannot_be_read_for_a_moment_are_read_later_and_the_problem_is_logged_once(
    new_run, monkeypatch, capsys
):
    run = new_run()
    run.command("pause")
    opened = os.stat

    def refuse(failure, path, *arguments, **options):
        if str(path).startswith(str(run.path)):
            raise OSError(failure, os.strerror(failure), str(path))
        return opened(path, *arguments, **options)

    with Journal(run) as journal:
        for failure in (errno.EACCES, errno.EIO, errno.ESTALE):
            with monkeypatch.context() as patch:
                patch.setattr(os, "stat", functools.partial(refuse, failure))
                for _ in range(3):
                    journal._next_read = 0.0
                    assert journal.new_commands() == []
        journal._next_read = 0.0
        assert [command["command"] for command in journal.new_commands()] == ["pause"]
        journal.set_state("running")
        assert run.reported_status().reason == ""
    log_lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in log_lines] == ["commands cannot be read"] * 3


def test_a_directory_that_is_away_for_a_moment_ends_nothing_and_one_that_was_moved_is_followed(new_run, monkeypatch):
    run = new_run()
    moved = run.path.with_name("moved")
    with Journal(run) as journal:
        run.path.rename(moved)
        assert journal.new_commands() == []
        moved.rename(run.path)
        run.command("pause")
        journal._next_read = 0.0
        assert [command["command"] for command in journal.new_commands()] == ["pause"]
        run.path.rename(moved)
        monkeypatch.setattr(journal_module, "GONE_SECONDS", 0.0)
        journal._next_read = 0.0
        reason = f"its directory was moved to {moved}"
        assert journal.new_commands() == [{"command": "stop", "reason": reason}]
        journal.end("stopped", reason)
    assert (Run(moved).status().state, Run(moved).status().reason) == ("stopped", reason)
    assert lines(Run(moved))[-1] == to_line(Ended(journal._last_time, 0, "stopped", reason)).rstrip()
    assert not run.path.exists()


def test_the_end_is_written_when_the_directory_comes_back(new_run):
    run = new_run()
    away = run.path.with_name("away")
    with Journal(run) as journal:
        run.path.rename(away)
        threading.Timer(0.3, away.rename, [run.path]).start()
        journal.end("finished", "done")
    assert (run.status().state, run.status().reason) == ("finished", "done")


def test_an_open_file_that_a_network_forgot_is_opened_again(new_run, monkeypatch):
    run = new_run()
    write = os.write
    with Journal(run) as journal:
        forgotten = os.fstat(journal._metrics).st_ino
        stale = [True]

        def refuse(descriptor, data):
            if stale and os.fstat(descriptor).st_ino == forgotten:
                stale.clear()
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return write(descriptor, data)

        fcntl.flock(journal._metrics, fcntl.LOCK_UN)  # as the server does
        monkeypatch.setattr(os, "write", refuse)
        journal.record(Paused(1.0, 1))
        journal.record(Paused(2.0, 2))
    assert [from_line(line) for line in lines(run)] == [Paused(1.0, 1), Paused(2.0, 2)]


def test_a_stop_of_the_process_is_recorded_as_a_pause_unless_the_run_was_paused(new_run):
    run = new_run()
    with Journal(run) as journal:
        journal.set_state("running")
        journal.record(Paused(90.0, 1))
        journal._checked_at -= 6.0
        journal.continue_after_stop()
        assert journal.take_stopped_seconds() == pytest.approx(6.0, abs=0.5)
        assert journal.take_stopped_seconds() == 0.0
        journal.record(Steps(100.0, 2, (0.5,)))
        journal.set_state("paused")
        journal._checked_at -= 6.0
        journal.continue_after_stop()
        journal.record(Resumed(110.0, 2))
    events = [from_line(line) for line in lines(run)]
    stop, go = events[1:3]
    assert (stop, go) == (Paused(stop.time, 0), Resumed(100.0, 0))
    assert stop.time == pytest.approx(94.0, abs=0.5)
    assert events[3:] == [Steps(100.0, 2, (0.5,)), Resumed(110.0, 2)]


def test_a_failure_after_a_move_of_the_directory_names_the_move_first(new_run):
    run = new_run()
    moved = Run(run.path.with_name("moved"))
    with Journal(run) as journal:
        run.path.rename(moved.path)
        journal.end("failed", "cannot read spec.json")
    assert moved.status().state == "failed"
    assert moved.status().reason == f"its directory was moved to {moved.path}: cannot read spec.json"


def test_the_log_of_a_deleted_run_names_the_deletion_and_no_command(new_run, capsys):
    run = new_run()
    with Journal(run) as journal:
        journal.log_ignored([{"command": "kill", "reason": "its directory was deleted"}])
        journal.log_ignored([{"command": "stop", "reason": "its directory was moved to /elsewhere"}])
    assert capsys.readouterr().err == "its directory was deleted\n"
