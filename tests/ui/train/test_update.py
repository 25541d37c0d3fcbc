"""The logic of the training screen: settings of the next run, changed settings of a running one, the list of runs."""

from typing import get_args

import pytest
from training_pilot import after

from adam_tui.draw.palette import MARKERS
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.runs.protocol import Changed, RunSpec
from adam_tui.runs.recipes import DATA_SETS, TRAINING_OPTIMIZERS
from adam_tui.runs.run_label import Label
from adam_tui.ui.caption import Finale
from adam_tui.ui.effects import CopyText, Notify
from adam_tui.ui.train import effects
from adam_tui.ui.train import events as e
from adam_tui.ui.train import state as s
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.requests import NO_RUN
from adam_tui.ui.train.state import QUICK_IMAGES, TrainState
from adam_tui.ui.train.update import update


def listed(*ids, state="finished"):
    """Runs as they are listed: newest first."""
    return e.ListRuns(tuple(RunView(id, RunSpec(), float(i), state) for i, id in enumerate(ids)))


def with_run(state, spec=None, **more):
    """A training state with one run, which is selected."""
    return after(TrainState(), e.ListRuns((RunView("a", spec or RunSpec(), 0.0, state, **more),)))


def effects_of(state, event):
    return update(state, event)[1]


def answers_of(question):
    """The event of each answer, in their order."""
    return [question.event(value) for _, value, _ in question.answers]


# The settings of the next run.


def test_the_first_run_has_the_settings_of_the_article():
    spec = TrainState().spec()
    assert (spec.optimizer, spec.hyperparameters["lr"], spec.batch_size, spec.epochs) == ("adam", 5e-4, 64, 50)


def test_turned_and_typed_values_are_the_next_runs():
    state = after(TrainState(), e.TurnKnob(1), e.ChooseKnob(1), e.SetKnob(0.8))
    assert state.spec().hyperparameters["lr"] == 1e-3
    assert state.spec().hyperparameters["beta1"] == 0.8
    assert after(state, e.ResetKnob()).spec().hyperparameters["beta1"] == 0.9


def test_batch_size_epochs_and_seed_come_after_the_optimizers_knobs():
    names = [knob.name for knob in TrainState().knobs]
    assert names[-3:] == ["batch_size", "epochs", "seed"]
    state = after(TrainState(), e.ChooseKnob(-2), e.TurnKnob(-1))
    assert state.chosen_knob.name == "epochs"
    assert state.spec().epochs == 49


def test_after_the_last_knob_comes_the_first():
    state = TrainState()
    assert after(state, *[e.ChooseKnob(1)] * len(state.knobs)) == state


def test_every_optimizer_can_be_started_and_keeps_its_settings():
    state, names = after(TrainState(), e.SetKnob(0.123)), []
    for _ in TRAINING_OPTIMIZERS:
        state = after(state, e.CycleOptimizer(1))
        names.append(state.spec().optimizer)
    assert sorted(names) == sorted(TRAINING_OPTIMIZERS)
    assert state.spec().hyperparameters["lr"] == 0.123
    assert after(state, e.CycleOptimizer(1)).spec().hyperparameters["lr"] != 0.123


def test_the_chosen_knob_keeps_its_name_with_another_optimizer():
    state = after(TrainState(), e.ChooseKnob(-3))
    assert state.chosen_knob.name == "batch_size"
    assert after(state, e.CycleOptimizer(-1)).chosen_knob.name == "batch_size"


def test_the_next_run_can_adopt_the_settings_of_a_run():
    spec = RunSpec("lion", TRAINING_OPTIMIZERS["lion"].defaults() | {"lr": 0.003}, 32, 7, 5, limit=500, data="kmnist")
    state = after(TrainState(), e.TurnKnob(3), e.AdoptSettings(spec))
    assert state.spec() == spec
    assert after(state, e.CycleData(), e.CycleData()).spec().data == "mnist"


def test_after_the_last_data_set_comes_the_first():
    state, names = TrainState(), []
    for _ in DATA_SETS:
        state = after(state, e.CycleData())
        names.append(state.spec().data)
    assert sorted(names) == sorted(DATA_SETS)
    assert state.spec() == TrainState().spec()


def test_an_exact_value_is_asked_for_with_what_the_knob_allows():
    [question] = effects_of(TrainState(), e.TypeValue())
    assert (question.title, question.value) == ("Adam lr", "0.0005")
    assert after(TrainState(), question.parse("0.25")).spec().hyperparameters["lr"] == 0.25


# The list of runs.


def test_the_newest_running_run_is_selected_at_first():
    runs = (*listed("new").runs, *listed("busy", state="running").runs, *listed("old").runs)
    assert after(TrainState(), e.ListRuns(runs)).selected == "busy"
    assert after(TrainState(), listed("new", "old")).selected == "new"
    assert after(TrainState(), listed()).selected is None


def test_a_run_started_elsewhere_does_not_take_the_selection():
    state = after(TrainState(), listed("mine"), listed("theirs", "mine"))
    assert state.selected == "mine"


def test_the_selection_goes_round_the_list():
    state, order = after(TrainState(), listed("b", "a")), ("b", "a")
    assert after(state, e.MoveSelection(1, order)).selected == "a"
    assert after(state, e.MoveSelection(1, order), e.MoveSelection(1, order)).selected == "b"
    assert after(TrainState(), e.MoveSelection(1, ())).selected is None


def test_the_selection_stays_inside_the_wide_table():
    state, order = after(TrainState(), listed("c", "b", "a"), e.Toggle("table")), ("a", "c")
    assert after(state, e.MoveSelection(1, order)).selected == "c"
    assert after(state, e.MoveSelection(-1, order)).selected == "a"
    assert after(state, e.SelectRun("b"), e.MoveSelection(1, order)).selected == "a", "b is not in the table"


def test_after_a_deletion_the_neighbour_is_selected():
    state = after(TrainState(), listed("c", "b", "a"), e.SelectRun("b"), listed("c", "a"))
    assert state.selected == "a"
    assert after(state, listed("c")).selected == "c"
    assert after(state, listed()).selected is None


def test_the_same_runs_leave_the_state_as_it_is():
    state = after(TrainState(), listed("b", "a"))
    assert after(state, listed("b", "a")) is state


def test_a_run_keeps_its_colour_when_others_come_and_go():
    state = after(TrainState(), listed("b", "a"))
    later = after(state, listed("c", "b", "a"), listed("d", "c", "b"))
    assert later.slots["b"] == state.slots["b"]
    assert len(set(later.slots.values())) == 3


def test_the_newest_runs_differ_in_colour_and_only_those_are_drawn():
    ids = [f"r{i}" for i in range(20, 0, -1)]
    state = after(TrainState(), listed(*ids))
    newest = [state.slots[id] for id in ids[: len(MARKERS)]]
    assert len(set(newest)) == len(MARKERS)
    assert [run.id for run in state.drawn] == ids[: len(MARKERS)]


def test_the_selected_run_is_always_drawn_and_the_others_with_the_overlay():
    ids = [f"r{i}" for i in range(20, 0, -1)]
    state = after(TrainState(), listed(*ids), e.SelectRun("r1"))
    assert state.drawn[0].id == "r1"
    assert len({state.slots[run.id] for run in state.drawn}) == len(state.drawn)
    assert [run.id for run in after(state, e.Toggle("overlay")).drawn] == ["r1"]


def test_a_lost_run_is_not_alive():
    assert not listed("a", state="lost").runs[0].alive
    assert listed("a", state="paused").runs[0].alive


def test_queued_runs_are_served_in_the_order_in_which_they_came():
    def waiting(id, came, device="cpu"):
        return RunView(id, RunSpec(), 0.0, "queued", device=device, came=came)

    runs = (waiting("late", 9.0), waiting("early", 5.0), waiting("elsewhere", 1.0, "cuda-0"))
    state = after(TrainState(), e.ListRuns((*runs, *listed("busy", state="running").runs)))
    assert [state.queue_place(run) for run in state.runs] == [2, 1, 1, 0]
    assert state.selected == "busy", "a running run before those that wait"


# Starting, stopping and deleting runs.

NEED_A_RUN = (e.PauseOrResume(), e.AskStop(), e.ContinueRun(), e.AskRestart(), e.OpenLog(), e.AskDelete())


@pytest.mark.parametrize("event", NEED_A_RUN)
def test_a_key_that_needs_a_run_says_how_to_start_one(event):
    assert update(TrainState(), event) == (TrainState(), (NO_RUN,))


def test_a_start_takes_the_settings_that_are_shown():
    state = after(TrainState(), e.SetKnob(0.25))
    assert effects_of(state, e.StartNextRun()) == (effects.StartRun(state.spec()),)


def test_the_same_key_pauses_and_resumes():
    assert effects_of(with_run("running"), e.PauseOrResume()) == (effects.SendCommand("a", "pause"),)
    assert effects_of(with_run("paused"), e.PauseOrResume()) == (effects.SendCommand("a", "resume"),)


@pytest.mark.parametrize("event", [e.PauseOrResume(), e.AskStop()])
def test_a_run_that_is_over_cannot_be_paused_or_stopped(event):
    over = effects_of(with_run("failed", reason="diverged at step 7"), event)
    assert over == (Notify("a is over: diverged"),)
    resumable = effects_of(with_run("stopped", resumable=True), event)
    assert resumable == (Notify("a is over: stopped", keys=", {continue_run} continues it"),)


def test_a_stop_is_asked_for_and_either_answer_reaches_the_process():
    state = with_run("running")
    [question] = effects_of(state, e.AskStop())
    assert [effects_of(state, event) for event in answers_of(question)] == [
        (effects.SendCommand("a", "stop"),),
        (effects.KillRun("a"),),
    ]


def test_the_question_how_to_stop_names_the_settings_that_were_changed_on_the_way():
    changes = (Changed(0.0, 5, "lr", 0.1), Changed(0.0, 7, "weight_decay", 1e-6), Changed(0.0, 1200, "lr", 0.01))
    [question] = effects_of(with_run("running"), e.AskStop(changes))
    assert question.text.splitlines()[1:] == ["lr 0.01 (set at step 1,200)", "weight_decay 1e-06 (set at step 7)"]


def test_the_question_about_a_new_start_says_that_later_settings_are_left_out():
    spec = RunSpec(hyperparameters={"lr": 0.1, "weight_decay": 0.0})
    [question] = effects_of(with_run("running", spec, settings={"lr": 0.1, "weight_decay": 1e-6}), e.AskRestart())
    assert question.text.endswith("It starts with these first settings, without the later weight_decay 1e-06.")
    [question] = effects_of(with_run("running", spec, settings={"lr": 0.1, "weight_decay": 0.0}), e.AskRestart())
    assert "first settings" not in question.text


def test_the_question_about_a_silent_process_says_that_only_kill_reaches_it():
    [question] = effects_of(with_run("running", reason="no sign of life", silent=True), e.AskStop())
    assert "only kill can end it" in question.text


def test_a_run_is_deleted_after_a_question_and_never_while_it_runs():
    assert isinstance(effects_of(with_run("running"), e.AskDelete())[0], Notify)
    [question] = effects_of(with_run("stopped"), e.AskDelete())
    assert "gone for good" in question.text
    assert effects_of(with_run("stopped"), answers_of(question)[0]) == (effects.DeleteRun("a"),)
    [question] = effects_of(with_run("stopped"), e.AskDelete("/elsewhere"))
    assert "It is a link to /elsewhere" in question.text


def test_a_run_is_started_again_or_its_settings_are_adopted():
    spec = RunSpec("lion", TRAINING_OPTIMIZERS["lion"].defaults())
    state = with_run("stopped", spec)
    [question] = effects_of(state, e.AskRestart())
    start, adopt = answers_of(question)
    assert effects_of(state, start) == (effects.StartRun(spec),)
    assert after(state, adopt).spec() == spec
    assert after(state, start).spec() == spec, "the panel of the next run shows the settings of the newest one"


def test_a_quick_try_uses_few_images_until_the_key_is_pressed_again():
    state = after(TrainState(), e.QuickTry())
    assert state.spec().limit == QUICK_IMAGES
    assert f"{QUICK_IMAGES:,} images" in next(action.title for action in ACTIONS if action.name == "quick_try")
    assert after(state, e.QuickTry()).spec() == TrainState().spec()
    other = after(TrainState(), e.AdoptSettings(RunSpec(limit=100)), e.QuickTry())
    assert other.spec().limit == 0, "another number of images goes too"


def test_a_run_gets_a_name_and_tags():
    state = with_run("running", label=Label("old", ("a",)))
    [question] = effects_of(state, e.AskLabel())
    assert (question.title, question.value) == ("Name of a", "old #a")
    assert effects_of(state, question.parse("long warm-up #b")) == (
        effects.WriteLabel("a", Label("long warm-up", ("b",))),
    )
    assert question.parse("") == e.SetLabel("a", Label())
    with pytest.raises(ValueError, match="a tag is one word"):
        question.parse("#a;b")
    assert effects_of(TrainState(), e.AskLabel()) == effects_of(TrainState(), e.AskDelete()), "there is no run"


def test_the_copy_is_of_the_selected_run_or_of_the_next_one():
    spec = RunSpec("lion", TRAINING_OPTIMIZERS["lion"].defaults())
    for state, wanted in ((with_run("stopped", spec), spec), (TrainState(), TrainState().spec())):
        [question] = effects_of(state, e.AskCopy())
        assert answers_of(question) == [e.CopyRun(kind, wanted) for kind in ("command", "pytorch", "json")]
    copied, shown = effects_of(state, e.CopyRun("command", spec))
    assert copied == CopyText("adam-tui train --optimizer lion")
    assert (shown.title, shown.text) == ("Copied: command line", copied.text)


def test_a_lane_is_offered_with_its_own_rate_and_with_the_usual_one():
    own, usual = RunSpec(hyperparameters={"lr": 0.1}), RunSpec(hyperparameters={"lr": 5e-4})
    [question] = effects_of(TrainState(), e.OfferRun(own, usual, ("it differs",)))
    assert "· it differs" in question.text
    assert answers_of(question) == [e.StartRun(own), e.StartRun(usual), e.AdoptSettings(own)]
    [question] = effects_of(TrainState(), e.OfferRun(usual, usual, ()))
    assert answers_of(question) == [e.StartRun(usual), e.AdoptSettings(usual)]


# Hyperparameters of a running run.


def running(**settings):
    return with_run("running", settings=settings or {"lr": 5e-4})


def test_the_arrows_turn_the_next_runs_knobs_until_h_turns_this_runs():
    state = after(running(), e.TurnKnob(1))
    assert state.pending.values == {}
    state = after(state, e.Toggle("live"), e.TurnKnob(-1))
    assert state.pending.values == {"a": {"lr": 2e-4}}
    assert state.spec().hyperparameters["lr"] == 1e-3, "the next run keeps its own"
    assert after(state, e.Toggle("live")).value(state.chosen_knob) == 1e-3


def test_a_running_run_offers_only_what_can_still_be_changed():
    state = with_run("running", RunSpec("adagrad"))
    names = [knob.name for knob in after(state, e.Toggle("live")).knobs]
    assert "lr" in names
    assert not {"initial_accumulator_value", "batch_size", "epochs", "seed"} & set(names)


def test_a_change_is_sent_once_the_keys_rest():
    state, sent = update(after(running(), e.Toggle("live"), e.TurnKnob(-1)), e.TurnKnob(-1))
    assert sent == (effects.ScheduleSettings(),)
    state, sent = update(state, e.SendSettings())
    assert sent == (effects.SendCommand("a", "set", {"name": "lr", "value": 1e-4}),), "only the last value"
    assert effects_of(state, e.SendSettings()) == ()


def test_a_change_is_pending_until_the_run_reports_it():
    state = after(running(), e.Toggle("live"), e.SetKnob(2e-4))
    state = after(state, e.ListRuns((RunView("a", RunSpec(), 0.0, "running", settings={"lr": 2e-4}),)))
    assert state.pending.values == {}
    assert state.value(state.chosen_knob) == 2e-4


def test_turns_add_up_before_the_run_reports_them():
    state = after(running(), e.Toggle("live"), e.TurnKnob(-1), e.TurnKnob(-1))
    assert state.pending.values["a"]["lr"] == 1e-4


@pytest.mark.parametrize(
    ("word", "why"), [("stopped", "is over"), ("lost", "is over"), ("queued", "waits for its turn")]
)
def test_a_run_that_takes_no_settings_says_why(word, why):
    state = after(TrainState(), listed("a", state=word), e.Toggle("live"))
    for event in (e.TurnKnob(1), e.SetKnob(0.5), e.ResetKnob()):
        assert update(state, event) == (
            state,
            (Notify(f"a {why}", keys=": {live} tunes the next run instead"),),
        )


def test_backspace_gives_a_run_the_value_that_it_began_with():
    spec = RunSpec(hyperparameters={"lr": 0.01})
    state = after(with_run("running", spec, settings={"lr": 0.5}), e.Toggle("live"), e.ResetKnob())
    assert state.pending.values == {"a": {"lr": 0.01}}


def test_another_optimizer_is_the_next_runs():
    assert not after(running(), e.Toggle("live"), e.CycleOptimizer(1)).live


# The display.


@pytest.mark.parametrize("switch", ["overlay", "log", "recent"])
def test_switches_switch_there_and_back(switch):
    once = after(TrainState(), e.Toggle(switch))
    assert once != TrainState()
    assert after(once, e.Toggle(switch)) == TrainState()


def test_smoothing_goes_through_all_spans_and_begins_again():
    state, spans = TrainState(), []
    for _ in s.SPANS:
        state = after(state, e.CycleSmoothing())
        spans.append(state.span)
    assert sorted(spans) == sorted(s.SPANS)
    assert state == TrainState()


def test_a_run_leaves_the_overlay_and_comes_back():
    state = after(TrainState(), listed("c", "b", "a"), e.SelectRun("b"), e.PickRun(), e.SelectRun("c"))
    assert [run.id for run in state.drawn] == ["c", "a"]
    state = after(state, e.SelectRun("b"), e.PickRun(), e.SelectRun("c"))
    assert [run.id for run in state.drawn] == ["c", "b", "a"]


def test_any_old_run_can_be_picked_and_has_a_colour_of_its_own():
    ids = [f"r{i}" for i in range(20, 0, -1)]
    picks = (e.SelectRun("r1"), e.PickRun(), e.SelectRun("r2"), e.PickRun())
    state = after(TrainState(), listed(*ids), *picks, e.SelectRun("r9"))
    drawn = [run.id for run in state.drawn]
    assert drawn[0] == "r9"
    assert {"r1", "r2"} <= set(drawn)
    assert len({state.slots[id] for id in drawn}) == len(drawn)
    for id in ids:
        assert {"r1", "r2"} <= {run.id for run in after(state, e.SelectRun(id)).drawn}, "whichever run is selected"


def test_picks_of_deleted_runs_are_forgotten():
    state = after(TrainState(), listed("b", "a"), e.PickRun(), listed("a"))
    assert state.picked == {}


def test_another_axis_shows_all_of_it():
    state = after(TrainState(), e.SetZoom((1.0, 2.0)), e.CycleAxis())
    assert (state.axis, state.zoom) == ("epochs", None)
    assert after(state, e.CycleAxis(), e.CycleAxis()).axis == "steps"


def test_views_of_the_model_go_round_both_ways():
    state = TrainState()
    assert after(state, *[e.CycleView()] * len(s.VIEWS)) == state
    assert after(state, e.CycleView(), e.CycleView(-1)) == state


def test_a_column_is_sorted_best_first_and_then_the_other_way_round():
    state = after(TrainState(), e.SortBy("best"))
    assert (state.sort, state.ascending) == ("best", False)
    assert after(state, e.SortBy("best")).ascending
    assert after(state, e.SortBy("loss")).ascending, "the smallest loss first"


def test_the_wide_table_hides_the_knobs_from_their_keys():
    state = after(TrainState(), listed("a"), e.Toggle("table"))
    for event in (e.TurnKnob(1), e.ResetKnob(), e.ChooseKnob(1), e.CycleOptimizer(1), e.CycleData(), e.Toggle("live")):
        assert update(state, event) == (state, ())
    assert update(state, e.TypeValue()) == (after(state, e.Toggle("table")), ())


def test_the_wide_table_hides_the_model_from_its_keys():
    state = after(TrainState(), listed("a"), e.Toggle("table"))
    assert update(state, e.CycleView()) == update(state, e.CycleView(-1)) == (state, ())
    assert after(state, e.Toggle("table"), e.CycleView()).view == "mistakes"


TEXTS = (("c", "c adam lr=0.1"), ("b", "b sgd lr=0.1"), ("a", "a sgd lr=0.2"))


def filtered(*words, selected="c"):
    """Three runs, and the wide table after these words were typed one after the other."""
    state = after(TrainState(), listed("c", "b", "a"), e.SelectRun(selected))
    [question] = effects_of(state, e.AskSearch(TEXTS))
    return after(state, *map(question.parse, words))


def test_a_filter_opens_the_wide_table_and_selects_the_first_match():
    state = filtered("sgd")
    assert (state.table, state.search, state.matches, state.selected) == (True, "sgd", ("b", "a"), "b")
    assert filtered("sgd", selected="a").selected == "a", "a match stays selected"


def test_the_table_is_filtered_while_the_words_are_typed():
    assert filtered("s", "sg", "sgd", "sgd lr=0.2").matches == ("a",)
    assert filtered("sgd", "").matches is None


def test_a_cancelled_filter_restores_what_was_shown():
    state = after(TrainState(), listed("c", "b", "a"))
    [question] = effects_of(state, e.AskSearch(TEXTS))
    cancelled = after(state, question.parse("sgd"), question.cancel)
    assert (cancelled.table, cancelled.search, cancelled.matches) == (False, "", None)
    [question] = effects_of(filtered("sgd"), e.AskSearch(TEXTS))
    assert question.value == "sgd"
    assert after(filtered("sgd"), question.parse("adam"), question.cancel).matches == ("b", "a")


@pytest.mark.parametrize("event", [*NEED_A_RUN, e.AskCopy()])
def test_no_key_acts_on_a_run_that_the_filter_hides(event):
    state = filtered("nothing like it")
    assert state.selected == "c"
    assert effects_of(state, event) == (Notify("no run matches “nothing like it”", keys=": {close} shows all"),)
    assert after(state, e.PickRun()) == state


def test_a_selected_run_that_stops_matching_leaves_the_selection_to_the_first_match():
    state = filtered("sgd")
    later = after(state, e.ListRuns(state.runs, ("a",)))
    assert later.selected == "a"
    assert after(later, e.ListRuns(state.runs, ())).visible_run is None


def test_a_new_run_that_the_filter_hides_leaves_the_selection_where_it_is():
    state = filtered("sgd", selected="a")
    more = listed("d", "c", "b", "a").runs
    started = after(state, e.ListRuns(more, ("b", "a")), e.SelectRun("d"))
    assert started.selected == "a"
    assert after(started, e.ListRuns(more, ("b", "a"))).selected == "a", "at the next poll too"
    matching = after(state, e.ListRuns(more, ("d", "b", "a")), e.SelectRun("d"))
    assert matching.selected == "d"


def test_escape_closes_one_thing_at_a_time():
    finale = Finale("The network", "Press t")
    opened = (e.SelectRun("a"), e.ShowFinale("5/5", finale), e.CycleView(), e.Toggle("live"), e.SetZoom((1.0, 2.0)))
    state = after(TrainState(), listed("a"), *opened, e.SetCursor(3), e.Toggle("table"), e.Search("adam", ("a",)))
    closed = []
    for _ in range(7):
        before, state = state, after(state, e.Close())
        fields = ("search", "table", "cursor", "zoom", "live", "view", "finale")
        closed += [name for name in fields if getattr(before, name) != getattr(state, name)]
    assert closed == ["search", "table", "cursor", "zoom", "live", "view", "finale"]
    assert after(state, e.Close()) == state


@pytest.mark.parametrize(("module", "union"), [(e, e.Event), (effects, effects.Effect)])
def test_every_event_and_every_effect_is_in_its_union(module, union):
    classes = {each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__}
    assert classes <= set(get_args(union))


# Sweeps among the runs.

SWEEP = SweepSummary("sweep-a", 5.0, "stopped", trials=4, optimizers=("adam",), knobs=("lr",))


def test_runs_and_sweeps_are_one_list_newest_first_and_a_run_is_selected_at_first():
    runs = (RunView("new", RunSpec(), 9.0, "finished"), RunView("old", RunSpec(), 1.0, "finished"))
    state = after(TrainState(), e.ListRuns(runs, sweeps=(SWEEP,)))
    assert [row.id for row in state.rows] == ["new", "sweep-a", "old"]
    assert (state.selected, state.sweep) == ("new", None)
    state = after(state, e.MoveSelection(1, ("new", "sweep-a", "old")))
    assert (state.sweep, state.run, state.drawn) == (SWEEP, None, ())
    gone = after(state, e.ListRuns(runs))
    assert gone.selected == "old", "the neighbour of a sweep that is gone"
    assert after(TrainState(), e.ListRuns((), sweeps=(SWEEP,))).selected is None, "the start panel stays"


def test_enter_opens_a_selected_sweep_and_keys_of_runs_say_why_not():
    state = after(with_run("finished"), e.ListRuns((), sweeps=(SWEEP,)), e.SelectRun("sweep-a"))
    assert effects_of(state, e.TypeValue()) == (effects.OpenSweep("sweep-a"),)
    for event in (e.AskRestart(), e.AskLabel(), e.AskCopy(), e.PickRun(), e.SetCursor(3), e.CycleView()):
        [notice] = effects_of(state, event)
        assert notice.message == "sweep-a is a sweep", event
    assert effects_of(state, e.ContinueRun())[0].message == "sweep-a is stopped"
    assert answers_of(effects_of(state, e.AskDelete())[0]) == [e.DeleteSweep("sweep-a")]
    broken = after(state, e.ListRuns((), sweeps=(SweepSummary("sweep-a", state="broken", reason="no plan"),)))
    assert effects_of(broken, e.TypeValue())[0].message == "sweep-a cannot be opened: no plan"


def test_a_filter_hides_sweeps_from_the_keys():
    state = after(with_run("finished"), e.ListRuns(with_run("finished").runs, sweeps=(SWEEP,)), e.SelectRun("sweep-a"))
    state = after(state, e.Search("a", ("a",)))
    assert (state.table, state.selected) == (True, "a")
    assert after(state, e.SelectRun("sweep-a")).selected == "a"
