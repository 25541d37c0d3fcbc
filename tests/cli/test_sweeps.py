"""`adam-tui sweep` and `adam-tui sweeps`: planned, trained, shown, continued, exported and deleted without the app."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import PLAIN, program, run
from pty_terminal import COMMAND, Terminal
from sweep_training import Training

from adam_tui.sweeps.claims import Claims
from adam_tui.sweeps.sweep import Sweep, find, list_sweeps
from adam_tui.sweeps.work import Worker

SMALL = ("--limit", "640", "--validation", "100", "--epochs", "1", "--device", "cpu", "--precision", "float32")


def call(tmp_path, *arguments):
    return run(*arguments, "--runs", str(tmp_path))


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A finished sweep of four trials of adam and four of sgd."""
    from adam_tui.cli import sweep_progress

    monkeypatch.setattr(sweep_progress, "follow", lambda sweep, *rest: Worker(sweep, Training()).work() and 0)
    flags = ("--optimizer", "adam,sgd", "--lr", "1e-3,1e-2,1e-1,10", "--name", "a")
    assert call(tmp_path, "sweep", *flags).exit_code == 0
    return find(tmp_path, "a")


@pytest.fixture
def followed(monkeypatch):
    """The sweeps that would be trained: (sweep, slots, place, format)."""
    from adam_tui.cli import sweep_progress

    sweeps = []
    monkeypatch.setattr(sweep_progress, "follow", lambda *given: sweeps.append(given[:4]) or 0)
    return sweeps


class TestPlanning:
    def test_the_flags_make_the_plan(self, tmp_path, followed):
        flags = ("--optimizer", "adam,sgd", "--lr", "1e-4..1e-1", "--set", "beta1=0.8..0.99", "--trials", "9")
        rest = ("--seeds", "2", "--epochs", "9", "--limit", "6400", "--batch-size", "32", "--halving", "--seed", "7")
        result = call(tmp_path, "sweep", *flags, *rest, "--slots", "3", "--name", "x", "--format", "jsonl")
        assert result.exit_code == 0, result.output
        [(sweep, slots, place, form)] = followed
        plan = Sweep(sweep.path).plan()
        assert (sweep.id, slots, place, form) == ("sweep-x", 3, ("local", ""), "jsonl")
        assert (plan.optimizers, plan.trials, plan.seeds, plan.sampler) == (("adam", "sgd"), 9, (7, 8), "quasi")
        assert (plan.epochs, plan.rungs, plan.limit, plan.batch_size) == (9, (1, 3, 9), 6400, 32)
        assert (plan.validation, plan.seed) == (5000, 7)
        assert plan.space["adam"].keys() == {"lr", "beta1"}
        assert plan.space["sgd"].keys() == {"lr"}

    def test_lists_alone_are_a_grid(self, tmp_path, followed):
        assert call(tmp_path, "sweep", "--lr", "1e-3,1e-2", "--set", "batch_size=32,64").exit_code == 0
        sweep = followed[0][0]
        assert sweep.plan().sampler == "grid"
        assert len(sweep.record().trials) == 4

    def test_optuna_chooses_the_settings_where_it_is_installed(self, tmp_path, followed, monkeypatch):
        assert call(tmp_path, "sweep", "--sampler", "tpe", "--trials", "20", "--name", "t").exit_code == 0
        record = followed[0][0].record()
        assert (len(record.trials), record.count, record.is_over) == (5, 20, False)
        shown = call(tmp_path, "sweeps", "show", "t").stdout
        assert "20 trials: 5 planned, 15 to be decided" in shown
        dry = call(tmp_path, "sweep", "--sampler", "tpe", "--trials", "20", "--dry-run").stdout
        assert dry.startswith("20 trials of 3 epochs")
        monkeypatch.setattr("adam_tui.sweeps.tpe.importlib.util.find_spec", lambda name: None)
        for command in (("sweep", "--sampler", "tpe"), ("sweeps", "resume", "t")):
            refused = call(tmp_path, *command)
            assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
            assert "Optuna is not installed: pip install 'adam-tui[tpe]'" in refused.stderr
        assert len(followed) == 1

    def test_a_sweep_on_ray_fills_the_cluster_and_is_resumed_there(self, tmp_path, followed, monkeypatch):
        monkeypatch.setattr("adam_tui.sweeps.ray_executor.check_ray", lambda address: None)
        assert call(tmp_path, "sweep", "--address", "a:1", "--name", "r").exit_code == 0
        assert call(tmp_path, "sweeps", "resume", "r").exit_code == 0
        assert call(tmp_path, "sweeps", "resume", "r", "--address", "b:2", "--slots", "5").exit_code == 0
        assert call(tmp_path, "sweeps", "resume", "r", "--on", "local", "--slots", "1").exit_code == 0
        places = [(slots, place) for _, slots, place, _ in followed]
        assert places == [(0, ("ray", "a:1"))] * 2 + [(5, ("ray", "b:2")), (1, ("local", ""))]
        dry = call(tmp_path, "sweep", "--on", "ray", "--dry-run").stdout
        assert dry.startswith("8 trials of 3 epochs\n")

    def test_a_dry_run_refuses_a_name_in_use(self, tmp_path, followed):
        assert call(tmp_path, "sweep", "--name", "n").exit_code == 0
        refused = call(tmp_path, "sweep", "--name", "n", "--dry-run")
        assert (refused.exit_code, refused.stderr) == (2, "adam-tui: there is a sweep 'sweep-n' already\n")

    def test_a_dry_run_shows_the_size_and_creates_nothing(self, tmp_path):
        flags = ("--optimizer", "adam,sgd", "--lr", "1e-4..1e-1", "--trials", "27", "--epochs", "9", "--halving")
        result = call(tmp_path, "sweep", *flags, "--slots", "2", "--dry-run")
        assert result.stdout.splitlines() == [
            "54 trials of 9 epochs on 2 slots, decisions after epoch 1, 3",
            "108,360 steps, about 23:47 at 5,000 images/s (assumed: nothing was measured here)",
            "about 87 MB of disk",
            "adam: 27 trials, lr 0.0001..0.1",
            "sgd: 27 trials, lr 0.0001..0.1",
        ]
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (("--optimizer", "adm"), "no optimizer 'adm': did you mean adam?"),
            (("--optimizer", "adam,adam"), "--optimizer: one is named twice"),
            (("--lr", "1..0.1"), "lr: a range rises"),
            (("--set", "beta1"), "--set: 'beta1' is not a setting: write beta1=0.8..0.99"),
            (("--set", "beta1=0.9", "--set", "beta1=0.8"), "--set: beta1 is given twice"),
            (("--set", "beta1=0.9..2"), "beta1 must be"),
            (("--trials", "0"), "at least one trial"),
            (("--seeds", "0"), "--seeds must be at least 1"),
            (("--epochs", "0"), "epochs must be at least 1"),
            (("--limit", "0"), "--limit must be at least 1"),
            (("--slots", "0"), "--slots must be at least 1"),
            (("--validation", "0"), "holds out at least one"),
            (("--sampler", "magic"), "'magic' is not one of"),
            (("--halving", "--trials", "2"), "halving needs 3 epochs and 3 settings of each optimizer, at least"),
            (("--halving", "--epochs", "2"), "halving needs 3 epochs and 3 settings of each optimizer, at least"),
            (("--sampler", "tpe", "--halving", "--trials", "9"), "tpe learns from whole trials: leave halving out"),
            (("--batch-size", "0"), "batch_size must be at least 1"),
            (("--device", "tpu"), "device must be"),
            (("--data", "minst"), "no data set 'minst'"),
            (("--data-dir", "/nowhere"), "no folder"),
            (("--name", "a/b"), "a name has letters"),
        ],
    )
    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_a_usage_error_is_one_line(self, tmp_path, followed, flags, message, dry):
        result = call(tmp_path, "sweep", *flags, *dry)
        if dry and flags[0] == "--name":
            return  # no name is needed
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
        assert followed == list(tmp_path.iterdir()) == []


class TestSweeps:
    def test_no_sweeps_and_unknown_ones_are_one_line(self, tmp_path):
        assert call(tmp_path, "sweeps").stdout == call(tmp_path, "sweeps", "list").stdout == "no sweeps yet\n"
        for command in ("show", "resume", "retry", "stop", "pause", "export", "rm"):
            result = call(tmp_path, "sweeps", command, "x")
            assert (result.exit_code, result.stderr) == (2, f"adam-tui: no sweep 'x' in {tmp_path}\n")
        result = run("sweeps", "work", str(tmp_path))
        assert result.exit_code == 2
        assert "cannot read" in result.stderr

    def test_a_finished_sweep_is_listed_shown_and_exported(self, tmp_path, finished):
        [_, row] = call(tmp_path, "sweeps").stdout.splitlines()
        assert row.split()[:6] == ["sweep-a", "finished", "adam,sgd", "8", "8", "0"]
        shown = call(tmp_path, "sweeps", "show", "a").stdout
        assert shown.splitlines()[:2] == ["sweep-a is finished", "8 trials: 6 finished, 2 diverged"]
        assert "adam: best lr=0.01" in shown
        rows = list(csv.DictReader(io.StringIO(call(tmp_path, "sweeps", "export", "a", "--format", "csv").stdout)))
        assert [row["run"] for row in rows[:2]] == ["adam-0000", "sgd-0001"]
        assert [row["lr"] for row in rows[::2]] == ["0.001", "0.01", "0.1", "10.0"]

    def test_the_runs_of_a_sweep_are_one_row_among_the_runs(self, tmp_path, finished):
        heading, row = call(tmp_path, "runs", "list").stdout.splitlines()
        assert heading.split() == ["id", "state", "optimizers", "trials", "ended", "failed", "best", "planned"]
        assert row.split()[:6] == ["sweep-a", "finished", "adam,sgd", "8", "8", "0"]
        assert call(tmp_path, "runs", "list", "--format", "json").stdout == "[]\n"

    def test_a_trial_is_shown_as_any_run(self, tmp_path, finished):
        shown = call(tmp_path, "runs", "show", "sweep-a/adam-0002").stdout
        assert shown.startswith("adam-0002 finished")
        assert "epoch 3/3  train 0.5000  validation" in shown

    def test_nothing_is_left_to_train(self, tmp_path, finished, followed):
        for command, message in (("resume", "nothing left to train"), ("retry", "no failed trials")):
            result = call(tmp_path, "sweeps", command, "a")
            assert (result.exit_code, followed) == (2, [])
            assert message in result.stderr
        assert "nothing left" in run("sweeps", "work", str(finished.path)).stderr

    def test_a_stopped_sweep_is_continued_and_failed_trials_are_repeated(self, tmp_path, finished, followed):
        sweep = followed_sweep(tmp_path, followed)
        sweep.command("stop")
        assert "was stopped: continue it with" in run("sweeps", "work", str(sweep.path)).stderr
        assert call(tmp_path, "sweeps", "resume", "b", "--slots", "2").exit_code == 0
        assert followed[-1][1:3] == (2, ("local", ""))
        assert followed[-1][0].id == "sweep-b"
        assert sweep.order() == "run"
        Worker(sweep, Training(lambda leg: ("failed", "x") if leg.trial.number == 1 else None)).work()
        assert call(tmp_path, "sweeps", "retry", "b").exit_code == 0
        assert len(followed) == 3
        assert [each.state for each in sweep.record().trials.values()] == ["finished", "planned"]

    def test_a_running_sweep_is_paused_resumed_and_stopped_and_not_started_twice(self, tmp_path, followed):
        sweep = followed_sweep(tmp_path, followed)
        assert "is not running" in call(tmp_path, "sweeps", "stop", "b").stderr
        claim = Claims(sweep.path, "slot0").take(0, 1)
        assert "is running already: add slots with" in call(tmp_path, "sweeps", "resume", "b").stderr
        assert "is still running: stop it first" in call(tmp_path, "sweeps", "rm", "b", "--yes").stderr
        assert call(tmp_path, "sweeps", "pause", "b").stdout == "sweep-b was asked to pause\n"
        assert call(tmp_path, "sweeps").stdout.splitlines()[1].split()[1] == "paused"
        assert f"slot0 on {claim.host} trains trial 0" in call(tmp_path, "sweeps", "show", "b").stdout
        assert call(tmp_path, "sweeps", "resume", "b").stdout == "sweep-b goes on\n"
        assert sweep.order() == "run"
        assert call(tmp_path, "sweeps", "stop", "b").stdout == "sweep-b was asked to stop\n"
        assert sweep.order() == "stop"
        assert len(followed) == 1

    def test_a_sweep_is_deleted_after_a_question(self, tmp_path, finished):
        refused = call(tmp_path, "sweeps", "rm", "a")
        assert refused.exit_code == 2
        assert "Delete sweep-a (8 trials: 6 finished, 2 diverged)?" in refused.stderr
        assert call(tmp_path, "sweeps", "rm", "a", "--yes").stdout == "sweep-a is deleted\n"
        assert list_sweeps(tmp_path) == []

    def test_a_dry_run_refuses_the_name_that_the_sweep_would_refuse(self, tmp_path):
        result = call(tmp_path, "sweep", "--dry-run", "--name", "a b")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "unlike 'a b'" in result.stderr


def followed_sweep(tmp_path, followed):
    """A planned sweep of two trials, sweep-b."""
    assert call(tmp_path, "sweep", "--lr", "1e-3,1e-2", "--name", "b").exit_code == 0
    return followed[-1][0]


class TestTraining:
    """The whole program on real digits."""

    def test_the_events_are_json_lines_and_the_table_is_shown_later(self, tmp_path, few_digits):
        flags = ("--lr", "1e-3,1e-2", "--data-dir", few_digits, "--slots", "1", "--name", "a", "--format", "jsonl")
        done = program("sweep", *flags, *SMALL, "--runs", str(tmp_path))
        assert done.returncode == 0, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert [event["event"] for event in events] == ["planned"] * 2 + ["started", "ended"] * 2
        assert [event["state"] for event in events if event["event"] == "ended"] == ["finished"] * 2
        assert "2 trials on 1 slot," in done.stderr
        assert "adam: best lr=" in call(tmp_path, "sweeps", "show", "a").stdout

    def test_ctrl_c_stops_it_with_checkpoints(self, tmp_path, few_digits):
        flags = ("--lr", "1e-3,1e-2", "--data-dir", few_digits, "--slots", "1", "--name", "a", "--runs", str(tmp_path))
        long = [*SMALL, *flags]
        long[long.index("--epochs") + 1] = "5000"
        with Terminal([*COMMAND, "sweep", *long]) as terminal:
            terminal.until("0/2 trials", 30)
            sweep, deadline = find(tmp_path, "a"), time.monotonic() + 60
            while not sweep.run("adam-0000").has_checkpoint and time.monotonic() < deadline:
                terminal.read(0.05)
            terminal.press("\x03")
            terminal.until("is stopped; continue it: adam-tui sweeps resume sweep-a", 30)
            assert terminal.wait() == 0
        assert not sweep.living()
        assert [each.state for each in sweep.record().trials.values()] == ["planned", "planned"]
        assert sweep.run("adam-0000").has_checkpoint


def test_a_worker_by_hand_gives_its_trial_back_and_the_sweep_goes_on(tmp_path, few_digits, followed):
    flags = ("--lr", "1e-3,1e-2", "--data-dir", few_digits, "--name", "a")
    long = list(SMALL)
    long[long.index("--epochs") + 1] = "5000"
    call(tmp_path, "sweep", *flags, *long)
    sweep = followed[0][0]
    command = [sys.executable, "-m", "adam_tui", "sweeps", "work", str(sweep.path), "--slots", "1"]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PLAIN)
    deadline = time.monotonic() + 60
    while not sweep.run("adam-0000").has_checkpoint and time.monotonic() < deadline:
        time.sleep(0.05)
    [claim] = sweep.living().values()
    assert claim.runner.startswith("slot0-")
    os.kill(worker.pid, signal.SIGTERM)
    _, errors = worker.communicate(timeout=60)
    assert (worker.returncode, errors) == (0, "sweep-a: 1 more slot\n")
    assert sweep.order() == "run", "other slots go on"
    assert not sweep.living()
    assert [each.state for each in sweep.record().trials.values()] == ["planned", "planned"]
    run = sweep.run("adam-0000")
    assert run.has_checkpoint
    assert (run.status().state, run.status().reason) == ("stopped", "the sweep was stopped")
