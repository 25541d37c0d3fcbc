"""The training screen's logic: knobs of the next run, the list of runs, what is drawn."""

import pytest

from adam_tui.draw.palette import MARKERS
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import DATA_SETS, TRAINING_OPTIMIZERS
from adam_tui.ui.train import events as e
from adam_tui.ui.train import state as s
from adam_tui.ui.train.state import TrainState
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


# Hyperparameters of a run at work.


def at_work(**settings):
    run = RunView("busy", RunSpec(), 0.0, "running", settings=settings or {"lr": 5e-4})
    return update(TrainState(), e.RunsSeen((run,)))


def test_the_arrows_turn_the_next_run_until_they_are_told_to_turn_this_one():
    state = after(at_work(), e.Turn(1))
    assert state.asked == {}
    state = after(state, e.Toggle("live"), e.Turn(-1))
    assert state.asked == {"busy": {"lr": 2e-4}}
    assert state.spec().hyperparameters["lr"] == 1e-3, "the next run keeps its own"
    assert after(state, e.Toggle("live")).value(state.chosen_knob) == 1e-3


def test_a_run_at_work_offers_only_what_can_still_be_changed():
    state = update(TrainState(), e.RunsSeen((RunView("a", RunSpec("adagrad"), 0.0, "running"),)))
    names = [knob.name for knob in after(state, e.Toggle("live")).knobs]
    assert "lr" in names
    assert not {"initial_accumulator_value", "batch_size", "epochs", "seed"} & set(names)


def test_what_was_asked_is_forgotten_once_it_is_told():
    state = after(at_work(), e.Toggle("live"), e.SetKnob(2e-4))
    told = RunView("busy", RunSpec(), 0.0, "running", settings={"lr": 2e-4})
    state = after(state, e.RunsSeen((told,)))
    assert state.asked == {}
    assert state.value(state.chosen_knob) == 2e-4


def test_turns_add_up_before_the_run_has_told():
    state = after(at_work(), e.Toggle("live"), e.Turn(-1), e.Turn(-1))
    assert state.asked["busy"]["lr"] == 1e-4


@pytest.mark.parametrize("word", ["stopped", "lost", "queued"])
def test_a_run_that_does_not_listen_cannot_be_tuned(word):
    state = after(TrainState(), seen("a", state=word), e.Toggle("live"))
    assert after(state, e.Turn(1)) == state


def test_backspace_gives_a_run_what_it_began_with():
    spec = RunSpec(hyperparameters={"lr": 0.01})
    run = RunView("a", spec, 0.0, "running", settings={"lr": 0.5})
    state = after(TrainState(), e.RunsSeen((run,)), e.Toggle("live"), e.ResetKnob())
    assert state.asked == {"a": {"lr": 0.01}}


def test_another_optimizer_is_the_next_runs():
    assert not after(at_work(), e.Toggle("live"), e.CycleOptimizer(1)).live


# The overlay, run by run.


def test_a_run_leaves_the_overlay_and_comes_back():
    state = after(TrainState(), seen("c", "b", "a"), e.Select("b"), e.PickRun(), e.Select("c"))
    assert [run.id for run in state.drawn] == ["c", "a"]
    state = after(state, e.Select("b"), e.PickRun(), e.Select("c"))
    assert [run.id for run in state.drawn] == ["c", "b", "a"]


def test_any_old_run_can_be_picked_and_has_a_colour_of_its_own():
    ids = [f"r{i}" for i in range(20, 0, -1)]
    state = after(TrainState(), seen(*ids), e.Select("r1"), e.PickRun(), e.Select("r2"), e.PickRun(), e.Select("r9"))
    drawn = [run.id for run in state.drawn]
    assert drawn[0] == "r9"
    assert {"r1", "r2"} <= set(drawn)
    assert len({state.slots[id] for id in drawn}) == len(drawn)
    for id in ids:
        assert {"r1", "r2"} <= {run.id for run in after(state, e.Select(id)).drawn}, "whichever run is selected"


def test_picks_of_deleted_runs_are_forgotten():
    state = after(TrainState(), seen("b", "a"), e.PickRun(), seen("a"))
    assert state.picked == {}


# What is looked at.


def test_the_settings_of_a_run_can_be_taken_for_the_next_one():
    spec = RunSpec("lion", TRAINING_OPTIMIZERS["lion"].defaults() | {"lr": 0.003}, 32, 7, 5, limit=500, data="kmnist")
    state = after(TrainState(), e.Turn(3), e.Adopt(spec))
    assert state.spec() == spec
    assert after(state, e.CycleData(), e.CycleData()).spec().data == "mnist"


def test_data_sets_go_round():
    state, names = TrainState(), []
    for _ in DATA_SETS:
        state = after(state, e.CycleData())
        names.append(state.spec().data)
    assert sorted(names) == sorted(DATA_SETS)
    assert state.spec() == TrainState().spec()


def test_another_axis_shows_all_of_it():
    state = after(TrainState(), e.Look((1.0, 2.0)), e.ShowAxis("time"))
    assert (state.axis, state.zoom) == ("time", None)


def test_views_of_the_model_go_round_both_ways():
    state = TrainState()
    assert after(state, *[e.CycleView()] * len(s.VIEWS)) == state
    assert after(state, e.CycleView(), e.CycleView(-1)) == state


def test_a_column_is_sorted_best_first_and_then_the_other_way_round():
    state = after(TrainState(), e.SortBy("best"))
    assert (state.sort, state.rising) == ("best", False)
    assert after(state, e.SortBy("best")).rising
    assert after(state, e.SortBy("loss")).rising, "the smallest loss first"


def test_the_line_for_a_device_is_first_come_first_served():
    def waiting(id, came, device="cpu"):
        return RunView(id, RunSpec(), 0.0, "queued", device=device, came=came)

    runs = (waiting("late", 9.0), waiting("early", 5.0), waiting("elsewhere", 1.0, "cuda-0"))
    state = after(TrainState(), e.RunsSeen((*runs, *seen("busy", state="running").runs)))
    assert [state.in_line(run) for run in state.runs] == [2, 1, 1, 0]
    assert state.selected == "busy", "a run at work before those that wait"
