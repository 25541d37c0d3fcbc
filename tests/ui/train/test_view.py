"""The panels without a module of their own, and the top line."""

import pytest
from training_pilot import SPEC, after, joined, trained, with_histories

from adam_tui.draw.palette import DARK
from adam_tui.draw.run_panels import NAME
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Layers
from adam_tui.ui.actions import key_names
from adam_tui.ui.train import events as e
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.state import TrainState

TITLE_COLUMNS = 30  # of a title at the side of a terminal of 80 columns


@pytest.mark.parametrize(
    ("width", "text"),
    [(120, "● a running · 1/50 · 95.00%"), (80, "● a ▶ 1/50 95.00%"), (60, "● ▶ 1/50")],
)
def test_the_top_line_shows_the_run_as_the_width_allows(width, text):
    state, histories = with_histories("running", a=trained(150, [0.95]))
    assert train_view.status_line(state, histories, 9.0, width, DARK) == text
    assert train_view.status_line(TrainState(), {}, 9.0, width, DARK) == ""


def test_the_top_line_prefers_a_running_run():
    runs = (RunView("old", SPEC, 0.0, "stopped"), RunView("busy", SPEC, 0.0, "paused"))
    state = after(TrainState(), e.ListRuns(runs), e.SelectRun("old"))
    assert "busy paused" in train_view.status_line(state, {}, 9.0, 120, DARK)
    queued = (RunView("first", SPEC, 0.0, "queued"), RunView("next", SPEC, 0.0, "queued"))
    state = after(TrainState(), e.ListRuns((*queued, *runs)), e.SelectRun("next"))
    assert "busy paused" in train_view.status_line(state, {}, 9.0, 120, DARK), "it is what the queued one waits for"
    state = after(TrainState(), e.ListRuns(queued), e.SelectRun("next"))
    assert "next queued" in train_view.status_line(state, {}, 9.0, 120, DARK)


def test_the_top_line_shows_when_a_running_run_ends_while_another_one_is_selected():
    histories = {"old": trained(100, [0.9]), "busy": trained(150, [0.95])}
    runs = (RunView("old", SPEC, 0.0, "stopped"), RunView("busy", SPEC, 0.0, "running"))
    state = after(TrainState(), e.ListRuns(runs), e.SelectRun("old"))
    line = train_view.status_line(state, histories, 1.5, 120, DARK)
    assert line.endswith("busy running · 1/50 · 95.00% · ETA 0:48")
    assert train_view.status_line(state, histories, 1.5, 80, DARK).endswith("busy ▶ 1/50 ETA 0:48")
    long = (RunView("sweep-grid/adam-0007", SPEC, 0.0, "running"),)
    named = after(TrainState(), e.ListRuns(long))
    histories = {"sweep-grid/adam-0007": trained(150, [0.95])}
    line = train_view.status_line(named, histories, 9.0, 80, DARK)
    assert line == "● sweep-grid/adam-0007 ▶ 1/50", "the accuracy has no room beside the modes"
    assert "ETA" not in train_view.status_line(after(state, e.SelectRun("busy")), histories, 1.5, 120, DARK)


def test_the_corner_announces_the_gradients_until_the_first_epoch_has_them():
    state, histories = with_histories(a=trained(50))
    snapshot = train_view.Snapshot(state, histories, None, [], 9.0, 40, DARK, key_names(ACTIONS))
    assert train_view.corner_title(state, histories) == "Gradients and updates"
    assert "After the first epoch" in joined(train_view.draw("corner", snapshot, 60, 8))
    rows = train_view.corner_rows(state, histories)
    histories["a"].fold([Layers(1.0, 50, ("w",) * 6, (0.1,) * 6, (1e-3,) * 6)])
    assert train_view.corner_title(state, histories) == "Gradients and updates"
    assert train_view.corner_rows(state, histories) == rows, "the panel keeps its height"
    ended, histories = with_histories("stopped", a=trained(50))
    assert train_view.corner_title(ended, histories) == "Test loss"


@pytest.mark.parametrize("state", ["running", "queued", "stopped"])
def test_the_titles_at_the_side_fit_a_terminal_of_80_columns(state):
    name = "n" * NAME
    history = trained(150, [0.95])
    history.fold([Layers(2.0, 150, ("linear.weight",), (0.1,), (1e-3,))])
    shown, histories = with_histories(state, **{name: history})
    shown = after(shown, e.Toggle("live"))
    snapshot = train_view.Snapshot(shown, histories, None, [], 9.0, 40, DARK, key_names(ACTIONS))
    titles = train_view.titles(snapshot)
    assert name in titles["knobs"][0]
    assert titles["corner"][0] == "Gradients and updates"
    assert max(len(text) for panel in ("knobs", "corner") for text in titles[panel]) <= TITLE_COLUMNS
