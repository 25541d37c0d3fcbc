"""`adam-tui train` and `adam-tui runs`: runs are started, shown, steered and kept without the app."""

import csv
import io
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch
from command_line import PLAIN, program, run
from made_runs import MadeRun
from pty_terminal import COMMAND, Terminal

from adam_tui.cli import runs
from adam_tui.runs.directory import create, list_runs
from adam_tui.runs.recipes import make_spec
from adam_tui.runs.run import Run
from adam_tui.runs.status import Status


class TestTrain:
    def test_a_short_training_prints_its_events_as_json_lines(self, tmp_path):
        flags = ("--optimizer", "adam:beta1=0.95", "--lr", "1e-3", "--batch-size", "128", "--epochs", "1")
        rest = ("--limit", "256", "--seed", "3", "--device", "cpu", "--format", "jsonl", "--runs", str(tmp_path))
        done = program("train", *flags, *rest, "--name", "first try", "--tag", "a", "--tag", "b")
        assert (done.returncode, done.stderr) == (0, "")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert [events[0]["event"], events[-1]["event"]] == ["start", "end"]
        assert events[-1]["state"] == "finished"
        spec = events[0]["spec"]
        assert (spec["optimizer"], spec["batch_size"], spec["epochs"], spec["limit"]) == ("adam", 128, 1, 256)
        assert (spec["seed"], spec["device"]) == (3, "cpu")
        assert (spec["hyperparameters"]["lr"], spec["hyperparameters"]["beta1"]) == (1e-3, 0.95)
        [epoch] = [event for event in events if event["event"] == "epoch"]
        assert 0 < epoch["test_accuracy"] < 1
        [made] = list_runs(tmp_path)
        assert str(made.label()) == "first try #a #b"
        assert (made.path / "metrics.jsonl").read_text() == done.stdout

    def test_a_training_that_fails_has_exit_status_1(self, tmp_path):
        if torch.cuda.device_count() > 99:
            pytest.skip("there is such a device")
        done = program("train", "--device", "cuda:99", "--epochs", "1", "--limit", "64", "--runs", str(tmp_path))
        assert done.returncode == 1
        assert "failed" in done.stderr
        assert "Traceback" not in done.stderr


class TestRuns:
    @pytest.fixture
    def made(self, tmp_path):
        made = create(make_spec("adam", {"lr": 1e-3}, epochs=3), tmp_path)
        made.write_status(Status("finished", 1, "host", 0.0, 1407, 3, "3 epochs done"))
        return made

    def test_without_runs_it_prints_that_there_are_none(self, tmp_path):
        assert run("runs", "--runs", str(tmp_path)).output == "no runs yet\n"
        missing = tmp_path / "missing"
        assert run("runs", ADAM_TUI_RUNS=str(missing)).output == "no runs yet\n"
        for words in (("runs", "--runs", str(missing)), ("--runs", str(missing), "runs", "list")):
            result = run(*words)
            assert result.exit_code == 2
            assert result.stderr == f"adam-tui: --runs: the directory {missing} does not exist\n"
        for words in (("runs", "show", "x"), ("runs", "rm", "x"), ("runs", "attach", "x")):
            assert run(*words, "--runs", str(missing)).stderr.endswith(f"the directory {missing} does not exist\n")
        assert "the path is empty" in run("runs", "list", "--runs", "").stderr

    def test_runs_alone_lists_them_wherever_the_directory_is_named(self, made, tmp_path):
        where = ("--runs", str(tmp_path))
        lists = [
            run("runs", ADAM_TUI_RUNS=str(tmp_path)),
            run("runs", *where),
            run(*where, "runs"),
            run("runs", "list", *where),
            run("runs", *where, "list"),
            run(*where, "runs", "list", ADAM_TUI_RUNS="/nowhere"),
        ]
        assert len({result.output for result in lists}) == 1
        header, row = lists[0].output.splitlines()
        assert header.split()[:3] == ["id", "state", "optimizer"]
        assert row.split()[:4] == [made.id, "finished", "adam", "0.001"]

    def test_the_list_shows_the_limit_of_the_images(self, made, tmp_path):
        create(make_spec("lion", {}, limit=1000), tmp_path)
        header, *rows = run("runs", "--runs", str(tmp_path)).output.splitlines()
        column = header.index("limit")
        assert sorted(row[column : column + 5].strip() for row in rows) == ["1,000", "–"]

    def test_the_list_as_json_holds_the_whole_specification_and_the_broken_runs(self, made, tmp_path):
        (create(make_spec("lion", {}), tmp_path).path / "spec.json").write_text("{")
        whole, broken = json.loads(run("runs", "list", "--format", "json", "--runs", str(tmp_path)).output)
        assert (whole["id"], whole["state"], whole["reason"]) == (made.id, "finished", "3 epochs done")
        assert (whole["step"], whole["epoch"], whole["best_test_accuracy"]) == (1407, 0, None)
        assert whole["spec"] == made.spec().to_json()
        assert whole["path"] == str(made.path)
        assert (broken["state"], "is not JSON" in broken["reason"]) == ("broken", True)
        (tmp_path / "empty").mkdir()
        assert run("runs", "list", "--format", "json", "--runs", str(tmp_path / "empty")).output == "[]\n"

    def test_a_run_is_renamed_and_tagged_and_found_by_its_name(self, made, tmp_path):
        where = ("--runs", str(tmp_path))
        assert run("runs", "rename", made.id, "long  warm-up", *where).output == f"{made.id} is named “long warm-up”\n"
        assert run("runs", "tag", made.id, "a", "#b", *where).output == f"{made.id}: #a #b\n"
        assert run("runs", "tag", "long warm-up", "a", "--remove", *where).output == f"{made.id}: #b\n"
        header, row = run("runs", *where).output.splitlines()
        assert row[header.index("name") :] == "long warm-up #b"
        [listed] = json.loads(run("runs", "list", "--format", "json", *where).output)
        assert (listed["id"], listed["name"], listed["tags"]) == (made.id, "long warm-up", ["b"])
        exported = json.loads(run("runs", "export", "long warm-up", "--format", "json", *where).output)
        assert (exported["name"], exported["tags"]) == ("long warm-up", ["b"])
        assert run("runs", "show", made.id, *where).output.splitlines()[1] == "long warm-up #b"
        assert "“long warm-up”" in run("runs", "rm", made.id, *where).stderr
        assert run("runs", "tag", made.id, "c", "--remove", *where).stderr == f"adam-tui: {made.id} has no tag 'c'\n"
        assert run("runs", "tag", made.id, "--remove", *where).output == f"{made.id}: no tags\n"
        assert run("runs", "rename", made.id, "", *where).output == f"{made.id} has no name\n"
        assert not (made.path / "label.json").exists()
        assert run("runs", "rename", made.id, "x" * 61, *where).exit_code == 2

    def test_an_export_as_json_has_an_array_for_each_column(self, tmp_path):
        made = MadeRun(tmp_path).start().steps([2.5, math.nan]).epoch(1, 0.9).end("finished")
        exported = ("runs", "export", made.id, "--format", "json", "--runs", str(tmp_path))
        steps = json.loads(run(*exported).output, parse_constant=pytest.fail)
        assert (steps["run"], steps["spec"]) == (made.id, made.run.spec().to_json())
        assert (steps["step"], steps["loss"]) == ([1, 2], [2.5, None])
        epochs = json.loads(run(*exported, "--what", "epochs").output)
        assert (epochs["epoch"], epochs["step"], epochs["test_accuracy"]) == ([1], [2], [0.9])
        empty = json.loads(run(*exported[:2], MadeRun(tmp_path, "sgd").id, *exported[3:]).output)
        assert (empty["step"], empty["loss"]) == ([], [])

    def test_one_run_is_shown_by_the_beginning_of_its_id(self, made, tmp_path):
        output = run("runs", "show", made.id[:6], "--runs", str(tmp_path)).output
        assert output.startswith(f"{made.id} finished: 3 epochs done\n")
        assert "lr=0.001, beta1=0.9, beta2=0.999" in output
        assert "step 1,407, epoch 3 of 3" in output
        assert str(made.path) in output

    def test_a_run_that_has_ended_is_deleted_and_not_stopped(self, made, tmp_path):
        result = run("runs", "stop", made.id, "--runs", str(tmp_path))
        assert (result.exit_code, result.stderr) == (2, f"adam-tui: {made.id} is not running: it is finished\n")
        assert run("runs", "rm", made.id, "--yes", "--runs", str(tmp_path)).output == f"{made.id} is deleted\n"
        assert not made.path.exists()

    def test_without_a_terminal_a_run_is_deleted_only_with_yes(self, made, tmp_path):
        result = run("runs", "rm", made.id[:5], "--runs", str(tmp_path), input="y\n")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            f"adam-tui: Delete {made.id} (finished, adam at lr 0.001, 0 of 3 epochs)? "
            "There is no terminal to ask on: add --yes\n"
        )
        assert made.path.exists()

    def test_on_a_terminal_the_question_names_the_run_in_full(self, made, tmp_path):
        command = (*COMMAND, "runs", "rm", made.id[:5], "--runs", str(tmp_path))
        for answer, end in (("\r", "nothing is deleted"), ("n\r", "nothing is deleted"), ("y\r", "is deleted")):
            assert made.path.exists()
            with Terminal(command) as terminal:
                terminal.until(f"Delete {made.id} (finished, adam at lr 0.001, 0 of 3 epochs)? [y/N]")
                terminal.press(answer)
                terminal.until(end)
                assert terminal.wait() == 0
        assert not made.path.exists()

    def test_the_beginning_of_several_ids_deletes_none(self, made, tmp_path):
        create(make_spec("adam", {}), tmp_path).write_status(Status("finished", 1, "host", 0.0))
        result = run("runs", "rm", "adam", "--yes", "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert "'adam' fits 2 runs: " in result.stderr
        assert len(list_runs(tmp_path)) == 2

    def test_of_a_link_only_the_link_is_removed(self, made, tmp_path):
        link = tmp_path / "link"
        link.symlink_to(made.path)
        assert f"Remove the link link to {made.path}?" in run("runs", "rm", "link", "--runs", str(tmp_path)).stderr
        result = run("runs", "rm", "link", "--yes", "--runs", str(tmp_path))
        assert result.output == f"link was a link to {made.path}: the link is removed\n"
        assert made.path.exists()

    def test_a_running_run_is_asked_to_stop_and_not_deleted(self, tmp_path, monkeypatch):
        monkeypatch.setattr(runs, "ANSWER_SECONDS", 0.1)
        made = create(make_spec("adam", {}), tmp_path)  # just made: its process is still to come
        result = run("runs", "rm", made.id, "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert "still running" in result.stderr
        assert run("runs", "stop", made.id, "--runs", str(tmp_path)).output == (
            f"{made.id} was asked to stop; it has not answered yet\n"
        )
        [order] = (Run(made.path).path / "control.jsonl").read_text().splitlines()
        assert json.loads(order)["command"] == "stop"

    def test_each_command_is_written_where_the_process_reads_it(self, tmp_path, hold, monkeypatch):
        monkeypatch.setattr(runs, "ANSWER_SECONDS", 0.1)
        made = create(make_spec("adam", {}), tmp_path)
        where = ("--runs", str(tmp_path))
        for words in (("pause",), ("set", "lr=1e-3,beta1=0.5"), ("stop", "--now"), ("stop",)):
            result = run("runs", words[0], made.id, *words[1:], *where)
            assert (result.exit_code, result.stderr) == (0, "")
        hold(made).write_status(Status("paused", os.getpid(), socket.gethostname(), time.time()))
        assert run("runs", "resume", made.id, *where).output.startswith(f"{made.id} was asked to resume")
        orders = [json.loads(line) for line in (made.path / "control.jsonl").read_text().splitlines()]
        assert [order["command"] for order in orders] == ["pause", "set", "set", "kill", "stop", "resume"]
        assert [(order["name"], order["value"]) for order in orders[1:3]] == [("lr", 1e-3), ("beta1", 0.5)]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("set", "lr=-1"), "lr must be"),
            (("set", "rho=1"), "adam has no 'rho'"),
            (("resume",), "is starting already"),
        ],
    )
    def test_an_impossible_command_is_refused_before_it_is_written(self, tmp_path, words, message):
        made = create(make_spec("adam", {}), tmp_path)
        result = run("runs", words[0], made.id, *words[1:], "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert message in result.stderr
        assert not (made.path / "control.jsonl").exists()

    def test_a_run_that_has_ended_takes_no_commands_and_a_finished_run_is_not_resumed(self, made, tmp_path):
        for words in (("pause",), ("set", "lr=1"), ("stop", "--now")):
            result = run("runs", words[0], made.id, *words[1:], "--runs", str(tmp_path))
            assert (result.exit_code, result.stderr) == (2, f"adam-tui: {made.id} is not running: it is finished\n")
        result = run("runs", "resume", made.id, "--runs", str(tmp_path))
        assert (result.exit_code, result.stderr) == (
            2,
            f"adam-tui: {made.id} is finished: there is nothing left to train\n",
        )

    def test_tensorboard_must_be_installed_where_it_is_asked_for(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "tensorboard", None)
        result = run("train", "--tensorboard", "--runs", str(tmp_path))
        assert result.exit_code == 2
        assert result.stderr.startswith("adam-tui: tensorboard is not installed")
        assert list(tmp_path.iterdir()) == []


def until(condition, patience=60.0):
    """Wait for a change that another process makes; the value of the condition."""
    deadline = time.time() + patience
    while not (found := condition()) and time.time() < deadline:
        time.sleep(0.05)
    return found


def test_a_run_under_nohup_outlives_a_hangup_ends_on_sigterm_and_is_resumed_watched_and_exported(tmp_path):
    where = ("--runs", str(tmp_path))
    flags = ("--limit", "640", "--epochs", "100000", "--device", "cpu", "--format", "jsonl")
    with open(tmp_path / "out", "w") as out:
        command = ["nohup", sys.executable, "-m", "adam_tui", "train", *flags, *where]
        training = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env=PLAIN)
    try:
        [made] = until(lambda: list_runs(tmp_path))
        assert until(lambda: "steps" in (tmp_path / "out").read_text())
        training.send_signal(signal.SIGHUP)
        os.kill(made.status().pid, signal.SIGHUP)
        seen = made.status().step
        assert until(lambda: made.status().step > seen)
        training.terminate()  # as Slurm does; the command passes it on to its worker
        assert training.wait(60) == 0
        assert f"{made.id} stopped: SIGTERM" in training.stderr.read()
        assert made.checkpoint.exists()
        first = made.status().step
        assert (tmp_path / "out").read_text() == (made.path / "metrics.jsonl").read_text()

        done = program("runs", "resume", made.id, *where)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{made.id} continues in the background, process {made.status().pid}")
        watching = subprocess.Popen(
            [sys.executable, "-m", "adam_tui", "runs", "attach", made.id, *where],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=PLAIN,
        )
        assert until(lambda: made.status().state == "running" and made.status().step > first)
        run("runs", "stop", made.id, *where)
        out, err = watching.communicate(timeout=60)
        assert watching.returncode == 0
        assert f"{made.id} starts on cpu" in out
        assert f"{made.id} continues at step {first} on cpu" in out
        assert err == f"{made.id} stopped: asked to stop\n"
    finally:
        training.kill()
        training.wait()
        training.stderr.close()
        if made.status().alive:
            os.kill(made.status().pid, signal.SIGKILL)
    last = made.status().step
    steps = list(csv.DictReader(io.StringIO(run("runs", "export", made.id, *where).output)))
    assert [int(row["step"]) for row in steps] == list(range(1, last + 1))
    rows = csv.DictReader(io.StringIO(run("runs", "export", made.id, "--what", "epochs", *where).output))
    assert [int(row["epoch"]) for row in rows] == list(range(1, last // 10 + 1))


def test_attach_on_a_terminal_opens_the_app_with_that_run_selected(tmp_path):
    older, newer = (create(make_spec("adam", {}, seed=seed), tmp_path) for seed in (1, 2))
    for made in (older, newer):
        made.write_status(Status("stopped", 1, "host", time.time(), reason="asked to stop"))
    with Terminal((*COMMAND, "runs", "attach", older.id, "--runs", str(tmp_path))) as terminal:
        terminal.until(lambda: any("▸" in line and older.id in line for line in terminal.text().splitlines()))
        terminal.press("q")
        assert terminal.wait() == 0
    with Terminal((*COMMAND, "runs", "attach", older.id, "--format", "text", "--runs", str(tmp_path))) as terminal:
        terminal.until("ended without a report")  # no process wrote its end
        assert terminal.wait() == 1
