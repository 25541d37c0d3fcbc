"""What the training screen says and draws of runs, as pictures and words."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_pilot import after

from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.history import loss_curve as curves
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Changed, Diverged, Epoch, RunSpec, Sample, Started, Steps
from adam_tui.training import model
from adam_tui.ui.actions import key_names
from adam_tui.ui.train import charts
from adam_tui.ui.train import events as e
from adam_tui.ui.train import labels as train_labels
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.layout import FIXED_ROWS, FRAME, layout
from adam_tui.ui.train.state import VIEWS, TrainState

SPEC = RunSpec(epochs=50)
PER_EPOCH = 100
KEYS = key_names(ACTIONS)


def trained(steps, accuracies=(), spec=SPEC, losses=None):
    """A history of so many steps, a second each hundred, and an epoch's end for each accuracy."""
    history = RunHistory()
    if losses is None:
        losses = 2.3 / (1 + np.arange(steps) / 20) * np.random.default_rng(0).uniform(0.5, 1.5, steps)
    history.fold([Started(0.0, 0, "r", spec, "cpu (2 threads)", "bfloat16", 62346, PER_EPOCH, "2.9.0")])
    for first in range(0, steps, 25):
        piece = losses[first : first + 25]
        history.fold([Steps((first + len(piece)) / 100, first + len(piece), tuple(piece))])
    for number, accuracy in enumerate(accuracies, start=1):
        history.fold([Epoch(number * 1.0, PER_EPOCH * number, number, 0.1, 0.05, accuracy, 1.0, 6400.0)])
    return history


def screen_of(state="running", reason="", **histories):
    """A state with these runs, the first one selected, and their histories."""
    views = tuple(RunView(id, SPEC, 0.0, state, reason) for id in histories)
    return after(TrainState(), e.ListRuns(views)), histories


def joined(cells):
    return "\n".join(cells.lines())


def columns_of(cells, color):
    """The columns in which something of that colour is drawn."""
    inked = (cells.glyph != ord(" ")) & (cells.fg == color).all(axis=2)
    return np.flatnonzero(inked.any(axis=0))


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_the_loss_is_drawn_raw_and_averaged_with_the_test_loss(palette):
    state, histories = screen_of(a=trained(300, [0.9, 0.95]))
    cells = charts.loss(state, histories, 70, 20, palette, "")
    assert len(columns_of(cells, palette.lanes[0])) > 30, "the average, in the run's colour"
    assert len(columns_of(cells, charts.faded(palette.lanes[0], palette))) > 10, "the raw losses, faint"
    assert joined(cells).count(charts.TEST_MARKER) == 2
    plain = charts.loss(replace(state, smoothing=0), histories, 70, 20, palette, "")
    assert not len(columns_of(plain, charts.faded(palette.lanes[0], palette))), "every step bright, none faint"


def test_other_runs_are_drawn_with_the_overlay_only():
    state, histories = screen_of(a=trained(300), b=trained(200, losses=np.full(200, 1.0)))
    other = DARK.lanes[state.slots["b"]]
    assert len(columns_of(charts.loss(state, histories, 70, 20, DARK, ""), other))
    alone = after(state, e.Toggle("overlay"))
    assert not len(columns_of(charts.loss(alone, histories, 70, 20, DARK, ""), other))


def test_the_chart_stands_still_while_the_curve_grows():
    history = trained(650)
    state, histories = screen_of(a=history)
    before = charts.loss(state, histories, 70, 20, DARK, "")
    history.fold([Steps(6.6, 660, (0.1,) * 10)])
    changed = charts.loss(state, histories, 70, 20, DARK, "").changed(before)
    assert 0 < changed.sum() < 30, "a few cells, at the end of the curve"


def test_an_ended_run_takes_the_whole_width():
    state, histories = screen_of("finished", a=trained(160))
    ink = columns_of(charts.loss(state, histories, 70, 20, DARK, ""), DARK.lanes[0])
    assert ink.max() == 69


def test_the_recent_window_shows_the_last_epochs_only():
    state, histories = screen_of(a=trained(1000))
    recent = after(state, e.Toggle("recent"))
    assert "last 2 epochs" in charts.loss_title(recent, histories)
    labels = charts.loss(recent, histories, 70, 20, DARK, "").lines()[-1]
    assert "800" in labels
    assert "500" not in labels


@pytest.mark.parametrize(("epochs", "labels"), [(4, ["0", "5"]), (23, ["14", "24"]), (383, ["374", "384"])])
def test_the_recent_accuracies_are_those_of_the_last_ten_epochs(epochs, labels):
    history = trained(0, [0.9] * epochs)
    state, histories = screen_of(a=history)
    cells = charts.accuracy(after(state, e.Toggle("recent")), histories, 70, 14, DARK)
    told = cells.lines()[-1].split()
    assert [told[0], told[-1]] == labels
    assert len(columns_of(cells, DARK.lanes[state.slots["a"]])) > 10


def test_where_a_dot_stands_for_many_steps_the_average_is_over_more_and_says_so():
    state, histories = screen_of("finished", a=trained(40_000))
    assert charts.loss_legend(state, histories, 70) == "dots single steps · line mean of 1,000"
    zoomed = after(state, e.SetZoom((1000.0, 1100.0)))
    assert charts.loss_legend(zoomed, histories, 70) == "faint every step · line mean of 100"
    assert charts.loss_legend(zoomed, histories, 30) == "mean of 100", "in little room"
    ink = charts.loss(state, histories, 70, 20, DARK, "")
    line = (ink.fg == DARK.lanes[state.slots["a"]]).all(axis=2) & (ink.glyph > 0x2800) & (ink.glyph <= 0x28FF)
    assert line[:, 10:].sum(axis=0).mean() < 1.5, "a calm line, though the losses are noisy"


def test_single_steps_are_dots_that_stay_while_the_curve_grows_and_their_peaks_are_among_them():
    losses = np.full(3000, 0.1)
    losses[1234] = 5.0
    state, histories = screen_of(a=trained(2000, losses=losses))
    faint = charts.faded(DARK.lanes[state.slots["a"]], DARK)
    before = charts.loss(state, histories, 70, 20, DARK, "")
    peaks = (before.fg == faint).all(axis=2) & (before.glyph != ord(" "))
    assert np.flatnonzero(peaks.any(axis=1))[0] <= 1
    histories["a"].fold([Steps(21.0, 2025, (0.1,) * 25)])
    assert not charts.loss(state, histories, 70, 20, DARK, "").changed(before)[:, :40].any()


def test_of_many_epochs_the_test_losses_are_a_line_with_a_marker_at_the_newest():
    few, many = (screen_of("finished", a=trained(100 * epochs, [0.9] * epochs)) for epochs in (5, 29))
    assert joined(charts.loss(*few, 70, 20, DARK, "")).count(charts.TEST_MARKER) == 5
    cells = charts.loss(*many, 70, 20, DARK, "")
    assert joined(cells).count(charts.TEST_MARKER) == 1
    assert len(columns_of(cells, DARK.faint)) > 50


def test_the_names_of_the_runs_stand_together_in_a_corner_that_is_empty():
    for losses, rows in ((np.geomspace(2.0, 0.01, 300), [0, 1]), (np.full(300, 2.0), [16, 17])):
        state, histories = screen_of("finished", a=trained(300, losses=losses), b=trained(300, losses=losses))
        lines = charts.loss(state, histories, 70, 20, DARK, "").lines()
        assert [row for row, line in enumerate(lines) if {"a", "b"} & set(line)] == rows


def test_the_line_of_what_the_cursor_reads_leaves_out_of_its_place_what_has_no_room():
    state, histories = screen_of(a=trained(300, [0.9, 0.95]))
    state = after(state, e.SetCursor(250))
    wide, narrow = (joined(train_view.progress(state, histories, 9.0, width, DARK, span=100)) for width in (100, 60))
    assert "step 250 · epoch 2.50 · 0:02 · raw" in wide
    assert "step 250 · raw" in narrow
    assert "95.00%" in narrow


def test_the_cursor_says_so_while_it_knows_no_more_than_the_mean_around_a_step(monkeypatch):
    monkeypatch.setattr(curves, "RECENT", 64)
    state, histories = screen_of(a=trained(1000, losses=np.linspace(2.0, 1.0, 1000)))
    state = after(state, e.SetCursor(101))
    [row] = train_view.reading_rows(state, histories, 1, DARK)
    assert row.raw == row.mean == "≈1.900"
    assert charts.closer_looks(state, histories, 70)["a"][0][0] <= 101
    histories["a"].curve.add_reread(1, np.linspace(2.0, 1.0, 1000, dtype=np.float32)[:200])
    [row] = train_view.reading_rows(state, histories, 1, DARK)
    assert row.raw == "1.8999"


def test_a_diverged_run_is_drawn_to_its_end_and_marked():
    losses = np.array([2.3 * 10 ** (i / 10) for i in range(99)] + [math.nan])
    history = trained(100, losses=losses)
    history.fold([Diverged(1.0, 100)])
    state, histories = screen_of("failed", "diverged at step 100: the loss is not finite", a=history)
    cells = charts.loss(state, histories, 70, 20, DARK, "")
    assert "✕" in cells.lines()[0]
    assert train_labels.state_word(state.runs[0], history) == "diverged"
    assert "diverged at step 100" in train_view.notes(state, histories, "", DARK, KEYS)[0][0]
    assert "diverged at step 100" in joined(train_view.progress(state, histories, 9.0, 100, DARK))


def test_a_diverging_run_does_not_squeeze_the_others():
    losses = np.array([2.3 * 10 ** (i / 4) for i in range(100)])
    state, histories = screen_of(a=trained(300), b=trained(100, losses=losses))
    top = charts.loss(state, histories, 70, 20, DARK, "").lines()
    assert not any("e2" in line[:7] or "100" in line[:7] for line in top)


def test_a_changed_learning_rate_is_marked():
    history = trained(100)
    history.fold([Changed(1.0, 50, "lr", 2e-4)])
    state, histories = screen_of(a=history)
    assert "lr 5e-4→2e-4" in joined(charts.loss(state, histories, 70, 20, DARK, ""))


@pytest.mark.parametrize(("accuracies", "low"), [([0.1, 0.11], "0%"), ([0.973, 0.983], "97%"), ([0.91, 0.94], "90%")])
def test_the_accuracy_axis_begins_below_what_is_reached(accuracies, low):
    state, histories = screen_of(a=trained(200, accuracies))
    assert any(line.startswith(f"{low:>5}") for line in charts.accuracy(state, histories, 70, 14, DARK).lines())


def test_a_run_that_learns_nothing_does_not_squeeze_the_others():
    state, histories = screen_of(a=trained(200, [0.97, 0.98]), b=trained(200, [0.098, 0.098]))
    assert " 97%" in joined(charts.accuracy(state, histories, 70, 14, DARK))


def test_before_the_first_epoch_the_accuracy_says_when_it_comes():
    state, histories = screen_of(a=trained(50))
    assert "after each epoch" in joined(charts.accuracy(state, histories, 70, 10, DARK))


def test_the_figures_of_a_run():
    state, histories = screen_of(a=trained(250, [0.9, 0.9794]))
    about = train_view.notes(state, histories, "", DARK, KEYS)
    told = joined(train_view.now(state, histories, about, 65.0, 41, 5, DARK))
    assert "97.94% @ 2" in told
    assert "250/5,000" in told
    assert "0.0500" in told
    assert "cpu (2 threads) · bfloat16" in told
    assert "elapsed        1:05" in told


def test_progress_tells_epoch_batch_and_the_time_left():
    state, histories = screen_of(a=trained(250, [0.9, 0.95]))
    told = joined(train_view.progress(state, histories, 2.5, 110, DARK))
    assert " epoch  3/50 " in told, "the number keeps its columns"
    assert " 50/100 " in told
    assert "run " in told
    assert " 5% " in told
    assert "ETA  0:47" in told, "4,750 steps at 100/s, less nothing: tests take no time here"
    assert "6,400/s" in told


def test_the_time_of_a_lost_run_stands_still():
    state, histories = screen_of("lost", "the process is gone", a=trained(250))
    assert "elapsed        0:02" in joined(train_view.now(state, histories, [], 5000.0, 41, 5, DARK))


def test_a_run_in_no_time_at_all_can_be_drawn_over_time():
    history = RunHistory()
    history.fold([Started(5.0, 0, "r", SPEC, "cpu", "float32", 62346, 100, "2.9.0"), Steps(5.0, 500, (1.0,) * 500)])
    history.fold([Epoch(5.0, 100, 1, 0.1, 0.05, 0.9, 1.0, 6400.0)])
    for alive in ("running", "stopped"):
        state, histories = screen_of(alive, a=history)
        for event in (e.CycleAxis(), e.CycleAxis(), e.Toggle("recent"), e.SetCursor(3)):
            state = after(state, event)
            assert charts.loss(state, histories, 70, 20, DARK, "").width == 70
            assert charts.closer_looks(state, histories, 70) == {}


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
def test_the_progress_line_says_how_a_run_stands(state, reason, words):
    there, histories = screen_of(state, reason, a=trained(100))
    assert words in joined(train_view.progress(there, histories, 9.0, 110, DARK))


def test_a_failure_shows_its_reason_and_the_end_of_the_log():
    state, histories = screen_of("failed", "no cuda here", a=RunHistory())
    about = train_view.notes(state, histories, "Traceback\nValueError: no cuda here", DARK, KEYS)
    assert [text for text, _ in about] == ["failed: no cuda here", "Traceback"], "the reason is not said twice"


def test_a_paused_run_promises_no_end():
    state, histories = screen_of("paused", a=trained(100))
    told = joined(train_view.progress(state, histories, 9.0, 110, DARK))
    assert "paused" in told
    assert "ETA" not in told


def test_digits_tell_what_the_network_takes_them_for():
    history = trained(50)
    state, histories = screen_of(a=history)
    assert all(guess.prediction is None for guess in train_view.guesses(state, histories))
    history.fold([Sample(1.0, 50, tuple(range(10)), (0, 1, 2, 3, 4, 6, 6, 7, 8, 9), (0.75,) * 10)])
    told = joined(train_view.strip(state, histories, None, 116, 6, DARK))
    assert "4→4  75%" in told
    assert "5→6✗ 75%" in told
    assert "5→6✗" in joined(train_view.line(state, histories, 76, DARK))


def test_before_the_first_run_there_are_digits_and_one_line_on_what_to_do():
    cells = train_view.gallery(TrainState(), "t", 72, 34, DARK)
    assert "t trains a network with Adam, lr 0.0005, 50 epochs" in joined(cells)
    labels = [line.split() for line in cells.lines() if line.strip() and "▀" not in line]
    assert [word for line in labels[:2] for word in line] == [str(digit) for digit in range(10)]


def test_the_network_is_described_as_it_is():
    network, shapes = model.build(torch.device("cpu")), []
    out = torch.zeros(1, 1, 28, 28)
    for layer in network:
        out = layer(out)
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ReLU | torch.nn.Linear):  # pooling and ReLU are one line
            shapes.append(out.shape[1:])
    said = [re.findall(r"\d+", line.split("  ", 1)[1]) for line in train_view.NETWORK[1:-1]]
    assert [list(map(int, numbers)) for numbers in said] == [list(shape) for shape in shapes]
    assert train_view.NETWORK[-1].startswith(f"{sum(weight.numel() for weight in network.parameters()):,} weights")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("runs", [0, 1, 3, 30])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_layout_fills_every_terminal_and_overflows_none(width, runs, view):
    state = after(TrainState(), e.ListRuns(tuple(RunView(f"r{i}", SPEC, 0.0, "stopped") for i in range(runs))))
    state = replace(state, view=view)
    for height in range(18, 61):
        rows = layout(state, 2, 7, lambda columns, most: min(11, most), width, height)
        body = height - FIXED_ROWS - rows.strip - rows.line
        assert rows.body == body
        assert rows.runs + rows.knobs + rows.now + rows.extra <= body
        if view != "digits" and runs and height < 30:
            assert body == 0, "the view of the model has the screen for itself"
            continue
        assert rows.loss >= 8
        assert rows.knobs >= 4
        assert (rows.runs >= 3) == (runs > 0)
        assert rows.runs <= runs + 1 + FRAME
        assert rows.extra == 0 or rows.extra >= 5
        if height >= 24 and runs and view == "digits":
            assert min(rows.accuracy, rows.now) >= 5
            assert rows.strip + rows.line >= 1
        if height >= 40 and runs and view == "digits":
            assert min(rows.strip, rows.accuracy) >= 8
            assert rows.now >= 8
            assert rows.runs + rows.knobs + rows.now + rows.extra == body, "no empty corner"


@pytest.mark.parametrize("runs", [1, 3, 30])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_wide_table_leaves_room_for_curves_where_there_is_some(width, runs):
    state = after(TrainState(), e.ListRuns(tuple(RunView(f"r{i}", SPEC, 0.0, "stopped") for i in range(runs))))
    for height in range(18, 61):
        rows = layout(after(state, e.Toggle("table")), 2, 7, lambda columns, most: most, width, height)
        assert rows.table + rows.body == height - FIXED_ROWS
        assert rows.body == 0 or rows.loss >= 8
        assert rows.now + rows.extra <= rows.body
        assert rows.runs == rows.knobs == rows.strip == 0


@pytest.mark.parametrize(
    ("width", "told"),
    [(120, "● a running · 1/50 · 95.00%"), (80, "● a ▶ 1/50 95.00%"), (60, "● ▶ 1/50")],
)
def test_the_top_line_tells_the_run_in_what_room_there_is(width, told):
    state, histories = screen_of("running", a=trained(150, [0.95]))
    assert train_view.status_line(state, histories, width, DARK) == told
    assert train_view.status_line(TrainState(), {}, width, DARK) == ""


def test_the_top_line_prefers_a_run_at_work():
    views = (RunView("old", SPEC, 0.0, "stopped"), RunView("busy", SPEC, 0.0, "paused"))
    state = after(TrainState(), e.ListRuns(views), e.SelectRun("old"))
    assert "busy paused" in train_view.status_line(state, {}, 120, DARK)


@pytest.mark.parametrize(("value", "text"), [(12_412.0, "12,400"), (95.2, "95"), (None, "–"), (0.0, "–")])
def test_speeds(value, text):
    assert train_labels.speed(value) == text


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
    assert train_labels.loss_text(value) == text
    assert len(text) <= 8


def test_a_question_about_a_run_names_what_is_special_about_it():
    spec = RunSpec("adam", {"lr": 0.01, "beta1": 0.8, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}, seed=3)
    assert train_labels.spec_line(spec) == "adam lr=0.01 beta1=0.8 · batch 64 · 50 epochs · seed 3"
