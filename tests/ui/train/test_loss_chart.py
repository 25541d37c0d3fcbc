"""The chart of the losses: its curves, limits, marks and legend."""

import math
from dataclasses import replace

import numpy as np
import pytest
from training_pilot import SPEC, after, columns_of, joined, trained, with_histories

from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.history.run_history import RunHistory
from adam_tui.runs.protocol import Changed, Diverged, Epoch, Started, Steps
from adam_tui.ui.train import events as e
from adam_tui.ui.train import loss_chart
from adam_tui.ui.train.state import COLORS


def drawn(state, histories, palette=DARK):
    return loss_chart.draw(state, histories, 70, 20, palette, "")


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_the_loss_is_drawn_raw_and_averaged_with_the_test_loss(palette):
    state, histories = with_histories(a=trained(300, [0.9, 0.95]))
    cells = drawn(state, histories, palette)
    assert len(columns_of(cells, palette.lanes[0])) > 30, "the average, in the run's colour"
    assert len(columns_of(cells, loss_chart.faded(palette.lanes[0], palette))) > 10, "the raw losses, faint"
    assert joined(cells).count(loss_chart.TEST_MARKER) == 2
    plain = drawn(replace(state, smoothing=0), histories, palette)
    assert not len(columns_of(plain, loss_chart.faded(palette.lanes[0], palette))), "every step bright, none faint"


def test_other_runs_are_drawn_with_the_overlay_only():
    state, histories = with_histories(a=trained(300), b=trained(200, losses=np.full(200, 1.0)))
    other = DARK.lanes[state.slots["b"]]
    assert len(columns_of(drawn(state, histories), other))
    assert not len(columns_of(drawn(after(state, e.Toggle("overlay")), histories), other))


def test_the_chart_stands_still_while_the_curve_grows():
    history = trained(650)
    state, histories = with_histories(a=history)
    before = drawn(state, histories)
    history.fold([Steps(6.6, 660, (0.1,) * 10)])
    changed = drawn(state, histories).changed(before)
    assert 0 < changed.sum() < 30, "a few cells, at the end of the curve"


def test_an_ended_run_takes_the_whole_width():
    state, histories = with_histories("finished", a=trained(160))
    assert columns_of(drawn(state, histories), DARK.lanes[0]).max() == 69


def test_the_recent_window_shows_the_last_epochs_only():
    state, histories = with_histories(a=trained(1000))
    recent = after(state, e.Toggle("recent"))
    assert "last 2 epochs" in loss_chart.title(recent, histories)
    labels = drawn(recent, histories).lines()[-1]
    assert "800" in labels
    assert "500" not in labels


def test_where_a_dot_stands_for_many_steps_the_average_is_over_more_and_the_legend_says_so():
    state, histories = with_histories("finished", a=trained(40_000))
    assert loss_chart.legend(state, histories, 70) == "dots single steps · line mean of 1,000"
    zoomed = after(state, e.SetZoom((1000.0, 1100.0)))
    assert loss_chart.legend(zoomed, histories, 70) == "faint every step · line mean of 100"
    assert loss_chart.legend(zoomed, histories, 30) == "mean of 100", "in little room"
    ink = drawn(state, histories)
    line = (ink.fg == DARK.lanes[state.slots["a"]]).all(axis=2) & (ink.glyph > 0x2800) & (ink.glyph <= 0x28FF)
    assert line[:, 10:].sum(axis=0).mean() < 1.5, "a calm line, though the losses are noisy"


def test_single_steps_are_dots_that_stay_while_the_curve_grows_and_peaks_are_among_them():
    losses = np.full(3000, 0.1)
    losses[1234] = 5.0
    state, histories = with_histories(a=trained(2000, losses=losses))
    faint = loss_chart.faded(DARK.lanes[state.slots["a"]], DARK)
    before = drawn(state, histories)
    peaks = (before.fg == faint).all(axis=2) & (before.glyph != ord(" "))
    assert np.flatnonzero(peaks.any(axis=1))[0] <= 1
    histories["a"].fold([Steps(21.0, 2025, (0.1,) * 25)])
    assert not drawn(state, histories).changed(before)[:, :40].any()


def test_the_test_losses_are_markers_which_leave_the_training_line_to_be_seen_between_them():
    few, many = (with_histories("finished", a=trained(100 * epochs, [0.9] * epochs)) for epochs in (5, 29))
    assert joined(drawn(*few)).count(loss_chart.TEST_MARKER) == 5
    cells = drawn(*many)
    columns = np.flatnonzero((cells.glyph == ord(loss_chart.TEST_MARKER)).any(axis=0))
    assert len(columns) == 15, "those of the even epochs, and of the newest"
    assert np.diff(columns)[:-1].min() >= loss_chart.COLUMNS_A_TEST
    assert len(columns_of(cells, DARK.lanes[0])) > 40, "the training line"


def test_unselected_curves_are_dimmer_and_the_ninth_is_dashed():
    histories = {f"r{i}": trained(300, losses=np.full(300, 0.02 * 2**i)) for i in range(9)}
    state, _ = with_histories("finished", **histories)
    assert len(state.drawn) == COLORS, "one of each colour"
    for id in histories:  # every run by key, but those that are in the overlay already
        state = after(state, e.SelectRun(id), e.PickRun())
        state = state if state.picked[id] else after(state, e.PickRun())
    assert sorted(state.slots.values()) == list(range(9))
    state = after(state, e.SelectRun(next(id for id, slot in state.slots.items() if slot == 0)))
    cells = drawn(state, histories)
    assert len(columns_of(cells, DARK.lanes[0])) > 60, "the selected one, whole"
    assert len(columns_of(cells, DARK.dimmed(DARK.lanes[1]))) > 60
    assert 45 < len(columns_of(cells, DARK.dimmed(DARK.lanes[0]))) < 50, "three of four columns"
    assert DARK.lane(8) == (DARK.lanes[0], "◆")


def test_the_names_of_the_runs_stand_together_in_an_empty_corner():
    for losses, rows in ((np.geomspace(2.0, 0.01, 300), [0, 1]), (np.full(300, 2.0), [16, 17])):
        state, histories = with_histories("finished", a=trained(300, losses=losses), b=trained(300, losses=losses))
        lines = drawn(state, histories).lines()
        assert [row for row, line in enumerate(lines) if {"a", "b"} & set(line)] == rows


def test_the_end_of_a_diverged_run_is_marked():
    losses = np.array([2.3 * 10 ** (i / 10) for i in range(99)] + [math.nan])
    history = trained(100, losses=losses)
    history.fold([Diverged(1.0, 100)])
    state, histories = with_histories("failed", "diverged at step 100: the loss is not finite", a=history)
    assert "✕" in drawn(state, histories).lines()[0]


def test_a_run_that_diverged_after_five_steps_shows_where_its_loss_went():
    history = trained(6, losses=np.array([2.3, 50.0, 5e4, 1e12, 1e25, math.nan]))
    history.fold([Diverged(1.0, 6)])
    lines = drawn(*with_histories("failed", "diverged at step 6", a=history)).lines()
    assert lines[0].startswith((" 1e25┤", " 1e24┤"))
    assert any(line.startswith("  1e1┤") for line in lines)
    curve = [row for row, line in enumerate(lines[:-2]) if any("⠀" < glyph <= "⣿" for glyph in line)]
    assert set(range(1, 15)) <= set(curve), "from the lower edge to the upper one"


def test_a_curve_above_the_chart_is_named():
    high = np.full(300, 300.0)
    high[0] = 2.3
    state, histories = with_histories("finished", a=trained(300), b=trained(300, losses=high))
    assert "off scale ↑ ● b" in joined(drawn(state, histories))
    alone = joined(drawn(after(state, e.SelectRun("b"), e.Toggle("overlay")), histories))
    assert "off scale" not in alone, "alone it has the chart for itself"


def test_a_diverging_run_does_not_squeeze_the_others():
    losses = np.array([2.3 * 10 ** (i / 4) for i in range(100)])
    state, histories = with_histories(a=trained(300), b=trained(100, losses=losses))
    assert not any("e2" in line[:7] or "100" in line[:7] for line in drawn(state, histories).lines())


def test_a_changed_learning_rate_is_marked():
    history = trained(100)
    history.fold([Changed(1.0, 50, "lr", 2e-4)])
    state, histories = with_histories(a=history)
    assert "lr 5e-4→2e-4" in joined(drawn(state, histories))


def test_a_run_that_took_no_time_can_be_drawn_over_time():
    history = RunHistory()
    history.fold([Started(5.0, 0, "r", SPEC, "cpu", "float32", 62346, 100, "2.9.0"), Steps(5.0, 500, (1.0,) * 500)])
    history.fold([Epoch(5.0, 100, 1, 0.1, 0.05, 0.9, 1.0, 6400.0)])
    for alive in ("running", "stopped"):
        state, histories = with_histories(alive, a=history)
        for event in (e.CycleAxis(), e.CycleAxis(), e.Toggle("recent"), e.SetCursor(3)):
            state = after(state, event)
            assert drawn(state, histories).width == 70
            assert loss_chart.steps_to_reread(state, histories, 70) == {}
