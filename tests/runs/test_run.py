"""One run as its files: what is read of it, which orders it gets, when it may be deleted."""

import json
import os
import time

import pytest
from made_runs import append, lock, status

from adam_tui.runs import directory, export, report
from adam_tui.runs.protocol import Epoch, RunSpec, Started, to_line
from adam_tui.runs.run import Run
from adam_tui.training.journal import Journal


def test_a_new_run_holds_its_spec_and_is_starting(run):
    spec = RunSpec(optimizer="lion", hyperparameters={"lr": 0.25}, limit=3)
    other = directory.create(spec, run.path.parent)
    assert other.spec() == spec
    assert other.id.startswith("lion-")
    assert other.status().state == "starting"
    assert abs(other.created - time.time()) < 60


def test_each_order_is_appended_as_a_line(run):
    run.command("stop")
    run.command("set", name="lr", value=0.1)
    orders = [json.loads(line) for line in (run.path / "control.jsonl").read_text().splitlines()]
    assert [order.pop("time") > 0 for order in orders] == [True, True]
    assert orders == [{"command": "stop"}, {"command": "set", "name": "lr", "value": 0.1}]


def test_epochs_that_a_continued_run_repeats_count_once(run):
    def epoch(number, step, accuracy):
        return to_line(Epoch(1.0, step, number, 0.1, 0.1, accuracy, 1.0, 1.0))

    def start(step):
        return to_line(Started(1.0, step, "x", RunSpec(), "cpu", "float32", 1, 10, "2"))

    append(run, start(0) + epoch(1, 10, 0.91) + epoch(2, 20, 0.92) + '{"event":"epoch","ti\n' + start(10))
    assert [epoch.test_accuracy for epoch in run.epochs()] == [0.91]
    append(run, epoch(2, 20, 0.95))
    assert [epoch.test_accuracy for epoch in run.epochs()] == [0.91, 0.95]


def test_the_last_lines_of_the_log_are_readable(run):
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


def test_a_queued_run_is_alive_and_cannot_be_deleted(run, locked):
    run.write_status(status("queued"))
    assert run.status().alive
    with pytest.raises(ValueError, match="still running"):
        run.delete()


def test_a_run_whose_file_is_locked_cannot_be_deleted_though_it_has_ended(run):
    with Journal(Run(run.path)):
        run.write_status(status("stopped"))
        with pytest.raises(ValueError, match="still running"):
            Run(run.path).delete()
    Run(run.path).delete()


def test_deleting_a_link_removes_only_the_link(run, tmp_path):
    (tmp_path / "linked").symlink_to(run.path)
    linked = Run(tmp_path / "linked")
    assert (linked.link_target, run.link_target) == (str(run.path), "")
    linked.delete()
    assert run.path.exists()
    assert not linked.path.is_symlink()


def test_an_active_run_cannot_be_deleted(run):
    descriptor = lock(run)
    run.write_status(status())
    with pytest.raises(ValueError, match="still running"):
        run.delete()
    os.close(descriptor)
    run.write_status(status("stopped"))
    run.delete()
    assert not run.path.exists()


def test_watching_a_run_imports_only_the_standard_library(fresh_modules):
    loaded = set(fresh_modules("import adam_tui.runs.directory, adam_tui.training.journal"))
    assert not {"torch", "numpy", "platformdirs", "click", "textual"} & loaded


def rewritten(line):
    """The line as another JSON writer writes it: spaces, another order of keys, other escapes."""
    return json.dumps(dict(sorted(json.loads(line).items(), reverse=True)), ensure_ascii=True, indent=None) + "\r\n"


def test_a_file_that_another_json_writer_rewrote_reads_the_same_everywhere(made_run):
    made = made_run(epochs=5).start().train(3).end("stopped")
    before = made.run.epochs(), list(export.losses(made.run)), report.table([made.run]), report.describe(made.run)
    lines = made.run.metrics.read_text().splitlines()
    made.run.metrics.write_text("".join(map(rewritten, lines)))
    after = made.run.epochs(), list(export.losses(made.run)), report.table([made.run]), report.describe(made.run)
    assert after == before
    assert len(after[0]) == 3
    (made.run.path / "spec.json").unlink()
    assert made.run.spec().optimizer == "adam", "the specification is in the first event"
    (made.run.path / "status.json").unlink()
    assert made.run.status().state == "stopped"
