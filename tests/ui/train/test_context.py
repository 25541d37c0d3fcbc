"""The events that depend on what the training screen shows: the order of the runs, the x axis, the width."""

import pytest
from training_pilot import after

from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Changed, RunSpec, Started, Steps
from adam_tui.ui.train import events as e
from adam_tui.ui.train.context import EventContext
from adam_tui.ui.train.state import TrainState


def history_of(steps):
    history = RunHistory()
    history.fold([Started(0.0, 0, "r", RunSpec(), "cpu", "float32", 62346, 100, "2.9.0")])
    for last in range(100, steps + 1, 100):
        history.fold([Steps(last * 0.1, last, (1.0,) * 100)])
    return history


def shown(*events, steps=1000, columns=101, width=120, link=""):
    """What is shown of two ended runs after these events; the selected one has so many steps."""
    runs = (RunView("b", RunSpec(), 2.0, "stopped"), RunView("a", RunSpec(), 1.0, "stopped"))
    state = after(TrainState(), e.ListRuns(runs), *events)
    histories = {"b": history_of(steps)} if steps else {}
    return EventContext(state, histories, 3.0, width, columns, lambda id: link)


def test_the_question_how_to_stop_gets_the_changes_of_the_selected_run():
    context = shown()
    assert context.ask_stop() == e.AskStop()
    change = Changed(101.0, 900, "lr", 0.1)
    context.histories["b"].fold([change])
    assert context.ask_stop() == e.AskStop((change,))
    assert shown(steps=0).ask_stop() == e.AskStop()


def test_the_selection_moves_in_the_order_that_is_shown():
    assert shown().move_selection(1) == e.MoveSelection(1, ("b", "a"))
    table = shown(e.Toggle("table"), e.SortBy("name"))
    assert table.move_selection(1) == e.MoveSelection(1, ("a", "b"))
    assert shown(e.Search("nothing like it")).move_selection(1).order == ()
    assert [id for id, _ in shown().ask_search().texts] == ["b", "a"]


def test_the_vertical_arrows_choose_a_knob_and_in_the_wide_table_a_run():
    assert shown().choose(1) == e.ChooseKnob(1)
    assert shown(e.Toggle("table")).choose(1) == e.MoveSelection(1, ("b", "a"))


def test_the_horizontal_arrows_turn_a_knob_and_move_the_cursor_while_it_is_shown():
    assert shown().turn(-1, coarse=True) == e.TurnKnob(-1, coarse=True)
    assert shown(e.SetCursor(500)).turn(1) == e.SetCursor(510), "ten steps a column"
    assert shown(e.SetCursor(500)).turn(-1, coarse=True) == e.SetCursor(400)
    assert shown(e.SetCursor(1)).turn(-1) == e.SetCursor(1), "not before the first step"


def test_the_cursor_appears_at_the_last_step_and_disappears():
    assert shown().toggle_cursor() == e.SetCursor(1000)
    assert shown(e.SetCursor(5)).toggle_cursor() == e.SetCursor(None)
    assert shown(steps=0).toggle_cursor() == e.SetCursor(None), "without a curve there is nothing to read"
    assert shown(e.SetCursor(5)).cursor_to_end() == e.SetCursor(1000)


def test_the_zoom_is_around_the_cursor_and_else_at_the_end():
    assert shown(e.SetCursor(200)).zoom(1).limits == pytest.approx((100, 600))
    assert shown().zoom(1).limits == pytest.approx((500, 1000))
    assert shown(e.SetZoom((500.0, 1000.0))).zoom(-1) == e.SetZoom(None)


def test_only_a_zoomed_curve_is_panned():
    assert shown(e.SetZoom((400.0, 600.0))).pan(1).limits == pytest.approx((450, 650))
    assert shown().pan(1) == e.SetZoom(None)


def test_without_a_curve_the_zoom_stays():
    there = shown(e.SetZoom((1.0, 2.0)), steps=0)
    assert there.zoom(1) == there.pan(1) == e.SetZoom((1.0, 2.0))


def test_the_next_column_is_one_that_the_width_shows():
    assert shown(e.SortBy("duration"), width=80).sort_by_next_column() == e.SortBy("name")
    assert shown(e.SortBy("duration"), width=200).sort_by_next_column() == e.SortBy("started")


def test_the_question_before_a_deletion_knows_the_links_target():
    assert shown(link="/elsewhere").ask_delete() == e.AskDelete("/elsewhere")
