"""The training screen's logic: knobs of the next run, the list of runs, what is drawn."""

import pytest

from adam_tui.draw.palette import MARKERS
from adam_tui.training.protocol import RunSpec
from adam_tui.training.recipes import TRAINING_OPTIMIZERS
from adam_tui.ui.train import events as e
from adam_tui.ui.train import state as s
from adam_tui.ui.train.state import RunView, TrainState
from adam_tui.ui.train.update import update


def after(state, *events):
    for event in events:
        state = update(state, event)
    return state


def seen(*ids, state="finished"):
    """Runs as listed: newest first."""
    return e.RunsSeen(tuple(RunView(id, RunSpec(), float(i), state) for i, id in enumerate(ids)))


def test_the_first_run_would_be_the_articles():
    spec = TrainState().spec()
    assert (spec.optimizer, spec.hyperparameters["lr"], spec.batch_size, spec.epochs) == ("adam", 5e-4, 64, 50)


def test_turned_and_typed_knobs_go_into_the_next_run():
    state = after(TrainState(), e.Turn(1), e.ChooseKnob(1), e.SetKnob(0.8))
    assert state.spec().hyperparameters["lr"] == 1e-3
    assert state.spec().hyperparameters["beta1"] == 0.8
    assert after(state, e.ResetKnob()).spec().hyperparameters["beta1"] == 0.9


def test_the_run_has_knobs_too_after_the_optimizers():
    names = [knob.name for knob in TrainState().knobs]
    assert names[-3:] == ["batch_size", "epochs", "seed"]
    state = after(TrainState(), e.ChooseKnob(-2), e.Turn(-1))
    assert state.chosen_knob.name == "epochs"
    assert state.spec().epochs == 49


def test_choosing_knobs_goes_round():
    state = TrainState()
    assert after(state, *[e.ChooseKnob(1)] * len(state.knobs)) == state


def test_every_optimizer_can_be_started_and_keeps_what_was_set():
    state, names = after(TrainState(), e.SetKnob(0.123)), []
    for _ in TRAINING_OPTIMIZERS:
        state = update(state, e.CycleOptimizer(1))
        names.append(state.spec().optimizer)
    assert sorted(names) == sorted(TRAINING_OPTIMIZERS)
    assert state.spec().hyperparameters["lr"] == 0.123
    assert after(state, e.CycleOptimizer(1)).spec().hyperparameters["lr"] != 0.123


def test_the_chosen_knob_stays_where_the_next_optimizer_has_it():
    state = after(TrainState(), e.ChooseKnob(-3))
    assert state.chosen_knob.name == "batch_size"
    assert after(state, e.CycleOptimizer(-1)).chosen_knob.name == "batch_size"


def test_the_newest_run_at_work_is_selected_at_first():
    runs = (*seen("new").runs, *seen("busy", state="running").runs, *seen("old").runs)
    assert update(TrainState(), e.RunsSeen(runs)).selected == "busy"
    assert update(TrainState(), seen("new", "old")).selected == "new"
    assert update(TrainState(), seen()).selected is None


def test_a_run_that_somebody_starts_elsewhere_does_not_take_the_selection():
    state = after(TrainState(), seen("mine"), seen("theirs", "mine"))
    assert state.selected == "mine"
    assert after(state, e.SelectRun(-1)).selected == "theirs"
    assert after(state, e.SelectRun(-1), e.SelectRun(-1)).selected == "mine"


def test_after_a_deletion_the_neighbour_is_selected():
    state = after(TrainState(), seen("c", "b", "a"), e.Select("b"), seen("c", "a"))
    assert state.selected == "a"
    assert after(state, seen("c")).selected == "c"
    assert after(state, seen()).selected is None


def test_nothing_changes_when_nothing_is_new():
    state = after(TrainState(), seen("b", "a"))
    assert after(state, seen("b", "a")) is state


def test_a_run_keeps_its_colour_whatever_comes_and_goes():
    state = after(TrainState(), seen("b", "a"))
    later = after(state, seen("c", "b", "a"), seen("d", "c", "b"))
    assert later.slots["b"] == state.slots["b"]
    assert len(set(later.slots.values())) == 3


def test_the_newest_runs_differ_in_colour_and_only_those_are_drawn():
    ids = [f"r{i}" for i in range(20, 0, -1)]
    state = after(TrainState(), seen(*ids))
    newest = [state.slots[id] for id in ids[: len(MARKERS)]]
    assert len(set(newest)) == len(MARKERS)
    assert [run.id for run in state.drawn] == ids[: len(MARKERS)]


def test_the_selected_run_is_always_drawn_and_the_others_with_the_overlay():
    ids = [f"r{i}" for i in range(20, 0, -1)]
    state = after(TrainState(), seen(*ids), e.Select("r1"))
    assert state.drawn[0].id == "r1"
    assert len({state.slots[run.id] for run in state.drawn}) == len(state.drawn)
    assert [run.id for run in after(state, e.Toggle("overlay")).drawn] == ["r1"]


@pytest.mark.parametrize("what", ["overlay", "log", "recent"])
def test_switches_switch_there_and_back(what):
    once = after(TrainState(), e.Toggle(what))
    assert once != TrainState()
    assert after(once, e.Toggle(what)) == TrainState()


def test_smoothing_goes_through_all_spans_and_begins_again():
    state, spans = TrainState(), []
    for _ in s.SPANS:
        state = update(state, e.CycleSmoothing())
        spans.append(state.span)
    assert sorted(spans) == sorted(s.SPANS)
    assert state == TrainState()


def test_a_lost_run_is_not_alive():
    assert not seen("a", state="lost").runs[0].alive
    assert seen("a", state="paused").runs[0].alive
