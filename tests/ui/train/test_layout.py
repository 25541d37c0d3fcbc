"""The rows of the panels in every terminal, and the panels that a change redraws."""

from dataclasses import replace

import pytest
from training_pilot import SPEC, after

from adam_tui.history.run_view import RunView
from adam_tui.ui.train import events as e
from adam_tui.ui.train.layout import FIXED_ROWS, FRAME, PANELS, changed_panels, layout
from adam_tui.ui.train.state import VIEWS, TrainState


def with_runs(count):
    return after(TrainState(), e.ListRuns(tuple(RunView(f"r{i}", SPEC, 0.0, "stopped") for i in range(count))))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("runs", [0, 1, 3, 30])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_layout_fills_every_terminal_and_overflows_none(width, runs, view):
    state = replace(with_runs(runs), view=view)
    for height in range(18, 61):
        rows = layout(state, 2, 7, lambda columns, most: min(11, most), width, height)
        body = height - FIXED_ROWS - rows.model - rows.digits
        assert rows.body == body
        assert rows.runs + rows.knobs + rows.figures + rows.corner <= body
        if view != "digits" and runs and height < 30:
            assert body == 0, "the view of the model has the screen for itself"
            continue
        assert rows.loss >= 8
        assert rows.knobs >= 4
        assert (rows.runs >= 3) == (runs > 0)
        assert rows.runs <= runs + 1 + FRAME
        assert rows.corner == 0 or rows.corner >= 5
        if height >= 24 and runs and view == "digits":
            assert min(rows.accuracy, rows.figures) >= 5
            assert rows.model + rows.digits >= 1
        if height >= 40 and runs and view == "digits":
            assert min(rows.model, rows.accuracy) >= 8
            assert rows.figures >= 8
            assert rows.runs + rows.knobs + rows.figures + rows.corner == body, "no empty corner"


@pytest.mark.parametrize("runs", [1, 3, 30])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_wide_table_leaves_room_for_curves_where_there_is_some(width, runs):
    state = after(with_runs(runs), e.Toggle("table"))
    for height in range(18, 61):
        rows = layout(state, 2, 7, lambda columns, most: most, width, height)
        assert rows.table + rows.body == height - FIXED_ROWS
        assert rows.body == 0 or rows.loss >= 8
        assert rows.figures + rows.corner <= rows.body
        assert rows.runs == rows.knobs == rows.model == 0


def test_a_change_redraws_only_the_panels_that_show_it():
    state = with_runs(2)
    assert list(changed_panels(state, state)) == []
    assert list(changed_panels(state, after(state, e.Toggle("log")))) == ["loss", "corner"]
    assert list(changed_panels(state, after(state, e.SelectRun("r1")))) == list(PANELS)
