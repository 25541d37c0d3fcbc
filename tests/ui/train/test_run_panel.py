"""The panels about the selected run: figures, notes, the values under the cursor, the progress line."""

import math
from dataclasses import replace

import numpy as np
import pytest
from training_pilot import after, joined, trained, with_histories

from adam_tui.draw.palette import DARK
from adam_tui.history import loss_curve as curves
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Diverged, RunSpec
from adam_tui.ui.actions import key_names
from adam_tui.ui.train import events as e
from adam_tui.ui.train import loss_chart, run_panel
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.state import TrainState

KEYS = key_names(ACTIONS)


def progress(state, histories, width=110, now=9.0, **more):
    return joined(run_panel.draw_progress(state, histories, now, width, DARK, **more))


def notes(state, histories, log=""):
    return [text for text, _ in run_panel.notes(state, histories, log, DARK, KEYS)]


# Figures and notes.


def test_the_figures_of_a_run():
    state, histories = with_histories(a=trained(250, [0.9, 0.9794]))
    lines = run_panel.notes(state, histories, "", DARK, KEYS)
    text = joined(run_panel.draw_figures(state, histories, lines, 65.0, 41, 5, DARK))
    for figure in ("97.94% @ 2", "250/5,000", "0.0500", "cpu (2 threads) · bfloat16", "elapsed        1:05"):
        assert figure in text


def test_the_time_of_a_lost_run_stands_still():
    state, histories = with_histories("lost", "the process is gone", a=trained(250))
    assert "elapsed        0:02" in joined(run_panel.draw_figures(state, histories, [], 5000.0, 41, 5, DARK))


def test_a_failure_shows_its_reason_and_the_end_of_the_log():
    state, histories = with_histories("failed", "no cuda here", a=RunHistory())
    log = "Traceback\nValueError: no cuda here"
    assert notes(state, histories, log) == ["failed: no cuda here", "Traceback"], "the reason is not repeated"


def test_the_settings_that_distinguish_a_run_are_among_the_notes():
    spec = RunSpec(hyperparameters={"lr": 0.01}, epochs=50, limit=6000)
    runs = (RunView("a", spec, 1.0, "stopped"), RunView("b", RunSpec(), 0.0, "stopped"))
    state = after(TrainState(), e.ListRuns(runs))
    assert "differs: lr=0.01 limit=6000" in notes(state, {})
    assert "differs: lr=5e-4" in notes(after(state, e.SelectRun("b")), {})


def test_a_diverged_run_shows_the_step():
    history = trained(100, losses=np.array([2.3 * 10 ** (i / 10) for i in range(99)] + [math.nan]))
    history.fold([Diverged(1.0, 100)])
    state, histories = with_histories("failed", "diverged at step 100: the loss is not finite", a=history)
    assert "diverged at step 100" in notes(state, histories)[0]
    assert "diverged at step 100" in progress(state, histories)


def test_a_paused_run_shows_the_key_that_resumes_it():
    state, histories = with_histories("paused", a=trained(100))
    assert notes(state, histories)[0] == "paused · space resumes"


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("asked to end at once, without a checkpoint", "killed by you · u continues"),
        ("SIGTERM", "stopped: SIGTERM · u continues"),
        (
            "its directory was moved to /somewhere/else",
            "u continues · stopped: its directory was moved to /somewhere/else",
        ),
    ],
)
def test_a_stopped_run_keeps_the_key_that_continues_it_in_the_smallest_panel(reason, note):
    state, histories = with_histories("stopped", reason, a=trained(100))
    state = replace(state, runs=(replace(state.runs[0], resumable=True),))
    lines = run_panel.notes(state, histories, "", DARK, KEYS)
    assert lines[0][0] == note
    assert "u continues" in joined(run_panel.draw_figures(state, histories, lines, 9.0, 30, 5, DARK))


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("starting", "loading torch and the data…"),
        ("running", "loading torch and the data…"),
        ("queued", "queued, number 1 in line"),
        ("paused", "paused before the first step"),
        ("stopped", "no step was taken"),
    ],
)
def test_a_run_without_a_step_shows_why(state, text):
    assert run_panel.no_step_text(with_histories(state, a=RunHistory())[0]) == text


def test_the_progress_line_of_a_run_that_is_paused_while_it_loads_says_so():
    assert "a: paused before the first step" in progress(*with_histories("paused", a=RunHistory()))


def test_a_run_that_is_stopped_while_it_loads_keeps_its_time():
    state, histories = with_histories("starting", a=RunHistory())
    assert "elapsed        0:07" in joined(run_panel.draw_figures(state, histories, [], 7.0, 41, 5, DARK))
    state, histories = with_histories("stopped", "asked to stop", a=trained(0))
    state = replace(state, runs=(replace(state.runs[0], ended=7.0),))
    assert "stopped after 0:07" in progress(state, histories, now=99.0)
    assert "elapsed        0:07" in joined(run_panel.draw_figures(state, histories, [], 99.0, 41, 5, DARK))


# The values under the cursor.


def test_the_line_of_the_cursors_values_leaves_out_the_places_that_have_no_room():
    state, histories = with_histories(a=trained(300, [0.9, 0.95]))
    state = after(state, e.SetCursor(250))
    wide, narrow = (progress(state, histories, width, averaged=100) for width in (100, 60))
    assert "step 250 · epoch 2.50 · 0:02 · raw" in wide
    assert "step 250 · raw" in narrow
    assert "95.00%" in narrow


def test_the_cursor_shows_the_mean_around_a_step_until_the_loss_is_read_again(monkeypatch):
    monkeypatch.setattr(curves, "RECENT", 64)
    state, histories = with_histories(a=trained(1000, losses=np.linspace(2.0, 1.0, 1000)))
    state = after(state, e.SetCursor(101))
    [row] = run_panel.cursor_readings(state, histories, 1, DARK)
    assert row.raw == row.mean == "≈1.900"
    assert loss_chart.steps_to_reread(state, histories, 70)["a"][0][0] <= 101
    histories["a"].curve.add_reread(1, np.linspace(2.0, 1.0, 1000, dtype=np.float32)[:200])
    [row] = run_panel.cursor_readings(state, histories, 1, DARK)
    assert row.raw == "1.8999"


# The progress line.


def test_progress_shows_epoch_batch_and_the_time_left():
    state, histories = with_histories(a=trained(250, [0.9, 0.95]))
    text = progress(state, histories, now=2.5)
    assert " epoch  3/50 " in text, "the number keeps its columns"
    assert " 50/100 " in text
    assert "run " in text
    assert " 5% " in text
    assert "ETA  0:47" in text, "4,750 steps at 100/s, and no time for tests"
    assert "6,400/s" in text


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("starting", "", "loading torch"),
        ("failed", "no cuda here", "failed: no cuda here"),
        ("lost", "the process is gone", "lost: the process is gone"),
        ("stopped", "asked to stop", "stopped"),
        ("finished", "", "finished after 0:01"),
    ],
)
def test_the_progress_line_shows_the_state_of_a_run(state, reason, words):
    shown, histories = with_histories(state, reason, a=trained(100))
    assert words in progress(shown, histories)


def test_a_paused_run_has_no_expected_end():
    text = progress(*with_histories("paused", a=trained(100)))
    assert "paused" in text
    assert "ETA" not in text
