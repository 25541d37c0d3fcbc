import json
import time

import pytest

from adam_tui.training.journal import Journal
from adam_tui.training.protocol import Paused, from_line


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


def test_one_process_at_a_time_trains_a_run(new_run):
    run = new_run()
    with Journal(run), pytest.raises(ValueError, match="another process is training"):
        Journal(run)
    with Journal(run):  # the lock goes with its holder
        pass


def test_a_line_torn_by_a_killed_process_does_not_spoil_the_next_one(new_run):
    run = new_run()
    (run.path / "metrics.jsonl").write_text('{"event":"pause","time":1.0,"step":1}\n{"event":"pau')
    with Journal(run) as journal:
        journal.tell(Paused(2.0, 2))
    assert [from_line(line) for line in lines(run)] == [Paused(1.0, 1), None, Paused(2.0, 2)]


def test_orders_are_obeyed_once_in_order_and_nonsense_is_passed_over(new_run, capsys):
    run = new_run()
    with Journal(run) as journal:
        assert journal.orders() == []
        run.command("set", name="lr", value=1.0)
        with open(run.path / "control.jsonl", "a") as file:
            file.write('nonsense\n[1]\n{"no": "command"}\n{"command": "pause"}\n{"command": "st')
        journal.ask("stop", reason="SIGTERM")
        orders = journal.orders()
        assert [order["command"] for order in orders] == ["stop", "set", "pause"]
        assert (orders[0]["reason"], orders[1]["name"], orders[1]["value"]) == ("SIGTERM", "lr", 1.0)
        with open(run.path / "control.jsonl", "a") as file:
            file.write('op"}\n')
        time.sleep(0.06)
        assert journal.orders() == [{"command": "stop"}]
    assert capsys.readouterr().err.count("not an order") == 3
    with Journal(run) as journal:  # a process that continues the run does not obey them again
        assert journal.orders() == []


def test_orders_that_come_after_the_end_are_for_nobody(new_run):
    run = new_run()
    with Journal(run) as journal:
        run.command("stop")
        journal.become("finished", "done")
    with Journal(run) as journal:
        assert journal.orders() == []
    assert json.loads((run.path / "status.json").read_text())["control"] > 0


def test_looking_for_orders_costs_no_more_than_a_clock(new_run, monkeypatch):
    run = new_run()
    looks = []
    with Journal(run) as journal:
        monkeypatch.setattr(journal, "_read_control", lambda: looks.append(1) or [])
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            journal.orders()
    assert 1 <= len(looks) <= 5


def test_a_process_whose_directory_is_deleted_ends(new_run):
    run = new_run()
    with Journal(run) as journal:
        for path in run.path.iterdir():
            path.unlink()
        run.path.rmdir()
        assert journal.orders() == [{"command": "kill"}]
