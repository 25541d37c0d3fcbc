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


def test_before_the_first_run_there_are_digits_and_one_line_on_how_to_start():
    cells = train_view.draw_start(TrainState(), "t", 72, 34, DARK)
    assert "t trains a network with Adam, lr 0.0005, 50 epochs" in joined(cells)
    labels = [line.split() for line in cells.lines() if line.strip() and "▀" not in line]
    assert [word for line in labels[:2] for word in line] == [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    ("width", "text"),
    [(120, "● a running · 1/50 · 95.00%"), (80, "● a ▶ 1/50 95.00%"), (60, "● ▶ 1/50")],
)
def test_the_top_line_shows_the_run_as_the_width_allows(width, text):
    state, histories = with_histories("running", a=trained(150, [0.95]))
    assert train_view.status_line(state, histories, width, DARK) == text
    assert train_view.status_line(TrainState(), {}, width, DARK) == ""


def test_the_top_line_prefers_a_running_run():
    runs = (RunView("old", SPEC, 0.0, "stopped"), RunView("busy", SPEC, 0.0, "paused"))
    state = after(TrainState(), e.ListRuns(runs), e.SelectRun("old"))
    assert "busy paused" in train_view.status_line(state, {}, 120, DARK)


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
