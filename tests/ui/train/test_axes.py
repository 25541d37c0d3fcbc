"""The x axis of the charts: steps, epochs and time; limits, zoom and cursor in each of them."""

from dataclasses import replace

import numpy as np
import pytest
from training_pilot import after

from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Paused, Resumed, RunSpec, Started, Steps
from adam_tui.ui.train import axes
from adam_tui.ui.train import events as e
from adam_tui.ui.train.axes import Scale, XAxis
from adam_tui.ui.train.state import TrainState

SPEC = RunSpec(epochs=4)


def history_of(steps, seconds_a_step=0.5, per_epoch=100):
    history = RunHistory()
    history.fold([Started(0.0, 0, "r", SPEC, "cpu", "float32", 62346, per_epoch, "2.9.0")])
    for last in range(10, steps + 1, 10):
        history.fold([Steps(last * seconds_a_step, last, (1.0,) * 10)])
    return history


def state_of(history, state="stopped", **more):
    listed = after(TrainState(), e.ListRuns((RunView("a", SPEC, 0.0, state),)))
    return replace(listed, **more), {"a": history}


def axis_of(steps, limits, columns=51):
    """An axis of steps, on which a run of so many steps is drawn between these limits."""
    return XAxis([(RunView("a", SPEC, 0.0, "stopped"), history_of(steps))], Scale("steps", "steps"), limits, columns)


@pytest.mark.parametrize(
    ("scale", "position"),
    [(Scale("steps", "steps"), 150), (Scale("epochs", "epochs"), 1.5), (Scale("time", "minutes", 60.0), 1.25)],
)
def test_a_step_has_one_position_and_a_position_one_step(scale, position):
    history = history_of(200)
    assert scale.position(history, 150) == pytest.approx(position)
    assert scale.nearest_step(history, position) == 150


def test_time_after_the_last_step_continues_at_the_same_pace():
    assert Scale("time", "seconds").position(history_of(200), 400) == pytest.approx(200.0)


def test_pauses_take_no_time_on_the_axis():
    history = history_of(100)
    history.fold([Paused(51.0, 100), Resumed(951.0, 100), Steps(956.0, 110, (1.0,) * 10)])
    assert Scale("time", "seconds").position(history, 110) == pytest.approx(56.0)


@pytest.mark.parametrize(("steps", "unit"), [(200, "seconds"), (2000, "minutes"), (50_000, "hours")])
def test_time_is_in_the_unit_that_suits_the_run(steps, unit):
    history = RunHistory()
    history.fold([Started(0.0, 0, "r", SPEC, "cpu", "float32", 62346, 100, "2.9.0")])
    history.fold(Steps(last * 0.5, last, (1.0,) * 100) for last in range(100, steps + 1, 100))
    axis = axes.x_axis(*state_of(history, axis="time"), 70)
    assert axis.scale.unit == unit
    assert axis.limits[1] == pytest.approx(steps * 0.5 / axis.scale.seconds)


def test_while_a_run_grows_the_edge_stands_still_and_then_jumps():
    edges = []
    history = RunHistory()
    history.fold([Started(0.0, 0, "r", RunSpec(epochs=1000), "cpu", "float32", 62346, 100, "2.9.0")])
    state, histories = state_of(history, "running")
    for last in range(10, 3000, 10):
        history.fold([Steps(last / 10, last, (1.0,) * 10)])
        edges.append(axes.x_axis(state, histories, 70).limits[1])
    assert edges == sorted(edges)
    assert len(set(edges)) < 10, "a rescaled chart costs thousands of bytes"


def test_the_zoom_holds_the_step_under_the_cursor_and_ends_with_the_whole_axis():
    whole = (0.0, 800.0)
    closer = axes.zoomed(axis_of(800, whole), 1, 200, whole)
    assert closer == (100.0, 500.0)
    assert (200.0 - closer[0]) / (closer[1] - closer[0]) == pytest.approx(200 / 800)
    assert axes.zoomed(axis_of(800, closer), -1, 200, whole) is None
    for _ in range(20):
        closer = axes.zoomed(axis_of(800, closer), 1, 200, whole)
    assert closer[1] - closer[0] == pytest.approx(axes.FEWEST_STEPS)


@pytest.mark.parametrize(("share", "limits"), [(0.25, (200.0, 600.0)), (-1.0, (0.0, 400.0)), (9.0, (400.0, 800.0))])
def test_panning_stays_inside_the_whole_axis(share, limits):
    assert axes.panned((100.0, 500.0), share, (0.0, 800.0)) == limits


def test_the_cursor_moves_by_cells_but_always_by_a_step():
    whole, close = axis_of(200, (0.0, 200.0)), axis_of(200, (95.0, 105.0), 101)
    assert axes.moved_cursor(whole, 100, 1) == 104
    assert axes.moved_cursor(whole, 100, -10) == 60
    assert axes.moved_cursor(close, 100, 1) == 101
    assert axes.moved_cursor(close, 100, -1) == 99
    assert axes.moved_cursor(whole, 198, 10) == 200
    assert axes.moved_cursor(whole, 2, -10) == 1


def test_edges_are_round_and_never_below_the_value():
    for value in np.geomspace(150, 1e7, 50):
        assert value <= axes.next_edge(value) <= 1.7 * value
