"""The texts that the panels share: speeds, losses, settings, errors."""

import errno
import math

import pytest
from training_pilot import trained

from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.ui.train import labels


@pytest.mark.parametrize(("value", "text"), [(12_412.0, "12,400"), (95.2, "95"), (None, "–"), (0.0, "–")])
def test_speeds(value, text):
    assert labels.speed_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.03121, "0.0312"),
        (12.3, "12.3000"),
        (5.123e30, "5.12e+30"),
        (1e-5, "1.00e-05"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_losses_have_at_most_eight_columns(value, text):
    assert labels.loss_text(value) == text
    assert len(text) <= 8


@pytest.mark.parametrize(
    ("accuracies", "word"),
    [([0.098], "at chance"), ([0.97, 0.1135], "at chance"), ([0.3], "finished"), ([], "finished")],
)
def test_a_finished_run_that_guesses_is_at_chance(accuracies, word):
    run = RunView("a", RunSpec(), 0.0, "finished")
    assert labels.state_word(run, trained(10, accuracies)) == word


def test_the_settings_of_a_run_leave_out_the_defaults():
    spec = RunSpec("adam", {"lr": 0.01, "beta1": 0.8, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}, seed=3)
    assert labels.spec_text(spec) == "adam lr=0.01 beta1=0.8 · batch 64 · 50 epochs · seed 3"
    assert labels.settings_text(spec) == "adam lr=0.01 beta1=0.8 seed=3"


def test_an_error_of_the_system_has_no_number_and_no_long_path():
    assert labels.error_text(OSError(errno.EROFS, "Read-only file system", "/a/b/c")) == "Read-only file system (c)"
    assert labels.error_text(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert labels.error_text(ValueError("it is so")) == "it is so"
    assert labels.error_text(KeyError("adam-1")) == "it is gone"


def test_a_run_of_one_epoch_and_its_other_settings_are_written_as_a_person_writes_them():
    spec = RunSpec("adam", {"lr": 0.01}, epochs=1, limit=2000, data="kmnist")
    assert labels.spec_text(spec) == "adam lr=0.01 · batch 64 · 1 epoch · seed 0 · limit=2000 · data=kmnist"


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("asked to stop", "stopped by you"),
        ("asked to end at once, without a checkpoint", "killed by you"),
        ("SIGTERM", "stopped: SIGTERM"),
    ],
)
def test_a_stopped_run_shows_who_stopped_it(reason, text):
    assert labels.state_reason(RunView("a", RunSpec(), 0.0, "stopped", reason), None) == text


@pytest.mark.parametrize(
    ("steps", "state", "seconds"), [(0, "stopped", 7.0), (100, "stopped", 1.0), (0, "starting", 3.0)]
)
def test_the_time_of_a_run_that_took_no_step_is_the_time_since_it_was_created(steps, state, seconds):
    ended = 12.0 if state == "stopped" else None
    run = RunView("a", RunSpec(), 5.0, state, ended=ended)
    history = trained(steps) if ended else RunHistory()
    assert labels.elapsed_seconds(run, history, 8.0 if ended is None else 99.0) == seconds


def test_runs_are_distinguished_by_the_settings_that_differ():
    def run(id, optimizer="adam", lr=5e-4, **more):
        return RunView(id, RunSpec(optimizer, {"lr": lr, "beta1": 0.9}, **more), 0.0, "finished")

    assert labels.differences([run("a"), run("b")]) == {"a": "", "b": ""}
    assert labels.differences([run("a"), run("b", lr=0.01)]) == {"a": "lr=5e-4", "b": "lr=0.01"}
    assert labels.differences([run("a"), run("b", "sgd", lr=0.1)]) == {"a": "", "b": ""}, "the id has the optimizer"
    mixed = labels.differences([run("a", seed=1), run("b", "sgd", limit=6000), run("c", batch_size=128)])
    assert mixed == {"a": "batch=64 seed=1", "b": "batch=64 seed=0 limit=6000", "c": "batch=128 seed=0"}
