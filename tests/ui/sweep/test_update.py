"""The sweep screen's logic: an event in, the next state and effects out."""

import pytest
from made_sweeps import MadeSweep

from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.sweeps.journal import TrialEnded
from adam_tui.ui.effects import Choose, Notify, Pick
from adam_tui.ui.sweep import effects
from adam_tui.ui.sweep import events as e
from adam_tui.ui.sweep.state import SweepState
from adam_tui.ui.sweep.update import update


def state_of(tmp_path, *events):
    feed = SweepFeed(tmp_path)
    ids = feed.ids()
    return after(SweepState(), e.ShowSweep(ids, feed.view(ids[0])), *events)


def after(state, *events):
    for event in events:
        state, _ = update(state, event)
    return state


@pytest.fixture
def state(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", lr="1e-4..1", trials=5, seeds=2).finish()
    return state_of(tmp_path)


def test_the_newest_sweep_is_shown_and_the_best_cell_is_chosen(state):
    assert state.selected == "sweep-made"
    assert state.chosen is None
    assert state.setting is state.view.best
    assert (state.setting.optimizer, state.setting.values["lr"]) == ("adam", 1e-3)


def test_the_same_state_of_the_files_changes_nothing(state):
    assert after(state, e.ShowSweep(state.ids, state.view)) is state


def test_arrows_walk_the_grid_and_stop_at_its_edges(state):
    moved = after(state, e.Walk(1, 0), e.Walk(0, -1))
    assert (moved.setting.optimizer, moved.setting.values["lr"]) == ("sgd", 1e-2)
    assert after(moved, e.Walk(0, -1)).chosen == moved.chosen
    assert after(moved, *[e.Walk(-1, 0)] * 9).setting.values["lr"] == 1e-4
    assert after(moved, e.ChooseBest()).setting is state.view.best


def test_walking_to_a_row_without_that_column_takes_the_nearest(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", lr=None, trials=3, seeds=1).finish()
    state = state_of(tmp_path)
    lowest = after(state, *[e.Walk(0, 1)] * 3, *[e.Walk(-1, 0)] * 9)
    assert lowest.setting.optimizer == "adam"
    below = after(lowest, e.Walk(0, -1))
    assert (below.setting.optimizer, below.setting.values["lr"]) == (
        "sgd",
        min(each.values["lr"] for each in state.view.settings if each.optimizer == "sgd"),
    )


def test_another_knob_on_an_axis_keeps_the_chosen_setting(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", lr="1e-3..1e-1", settings={"batch_size": "32,64"}, trials=3).finish()
    state = state_of(tmp_path, e.Walk(1, 0))
    turned = after(state, e.CycleAxis("y"))
    assert turned.axes == ("lr", "batch_size")
    assert state.setting in turned.settings
    assert after(turned, e.CycleAxis("x")).axes == ("optimizer", "batch_size")


def test_the_quantities_follow_one_another(state):
    names = [after(state, *[e.CycleQuantity(1)] * n).quantity for n in range(5)]
    assert names == ["validation_loss", "validation_accuracy", "epochs", "seconds", "validation_loss"]
    assert update(state, e.CycleQuantity(-1))[1] == (effects.Refresh(),)


def test_other_sweeps_are_shown_by_keys(tmp_path):
    MadeSweep(tmp_path, "a", trials=2, seeds=1)
    MadeSweep(tmp_path, "b", trials=2, seeds=1)
    state = state_of(tmp_path)
    assert state.selected == "sweep-b"
    other, wanted = update(state, e.MoveSelection(1))
    assert (other.selected, other.view, wanted) == ("sweep-a", None, (effects.Refresh(),))
    assert after(other, e.MoveSelection(1)).selected == "sweep-b"
    gone = after(state, e.ShowSweep(("sweep-a",), None))
    assert gone.selected == "sweep-a"


def effects_of(state, event):
    return update(state, event)[1]


def test_without_a_sweep_keys_say_how_to_begin():
    for event in (e.PauseOrResume(), e.AskStop(), e.OpenRun(), e.Widen(), e.OpenLog(), e.AskSweep(())):
        (notice,) = effects_of(SweepState(), event)
        assert notice == Notify("there is no sweep yet", keys=": {start} plans one")
    (form,) = effects_of(SweepState(), e.AskPlan())
    assert form.request.lr == "1e-4..1"


def test_the_form_begins_with_the_sweep_that_is_shown(state):
    (form,) = effects_of(state, e.AskPlan())
    assert (form.request.optimizers, form.request.trials, form.request.seeds) == ("adam,sgd", "5", "2")


def test_a_finished_sweep_is_not_paused_stopped_or_continued(state):
    for event in (e.PauseOrResume(), e.AskStop(), e.ContinueSweep()):
        assert isinstance(effects_of(state, event)[0], Notify)
    assert isinstance(effects_of(state, e.AskDelete())[0], Choose)


def test_a_running_sweep_is_paused_and_stopped(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    made.claim(made.trials[0])
    state = state_of(tmp_path)
    assert effects_of(state, e.PauseOrResume()) == (effects.SendOrder(made.id, "pause"),)
    (question,) = effects_of(state, e.AskStop())
    assert [(keys, question.event(value)) for keys, value, _ in question.answers] == [("y,s", e.StopSweep(made.id))]
    assert effects_of(state, e.StopSweep(made.id)) == (effects.SendOrder(made.id, "stop"),)
    (refusal,) = effects_of(state, e.AskDelete())
    assert "running" in refusal.message
    made.sweep.command("pause")
    assert effects_of(state_of(tmp_path), e.PauseOrResume()) == (effects.ResumeSweep(made.id),)


def test_a_stopped_sweep_is_continued(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    assert effects_of(state_of(tmp_path), e.ContinueSweep()) == (effects.ResumeSweep(made.id),)


def test_the_runs_of_a_cell_are_listed_and_a_single_one_opens(state, tmp_path):
    (listed,) = effects_of(state, e.OpenRun())
    assert isinstance(listed, Pick)
    assert next(title for _, title, _ in listed.items).startswith("adam-0004  seed 0  finished  loss 0.0")
    assert effects_of(state, listed.event("adam-0004")) == effects_of(state, e.ShowRun("adam-0004"))
    assert effects_of(state, e.ShowRun("adam-0004")) == (effects.OpenRun(state.view.path / "adam-0004"),)
    made = MadeSweep(tmp_path, "one", "adam", trials=3, seeds=1)
    assert effects_of(state_of(tmp_path), e.OpenRun()) == (Notify("no run of this cell has begun"),)
    made.finish()
    assert effects_of(state_of(tmp_path), e.OpenRun()) == (effects.OpenRun(made.path / "adam-0000"),)


def test_a_setting_opens_in_the_playground(state):
    (opened,) = effects_of(state, e.TrySetting())
    (lane,) = opened.preset.scenario.lanes
    assert (lane.optimizer, lane["lr"]) == ("adam", 1e-3)
    assert opened.preset.title == "Adam lr 0.001"


def test_an_optimizer_that_the_playground_lacks_is_refused(tmp_path, monkeypatch):
    MadeSweep(tmp_path, "m", "muon", lr="1e-3,1e-2", trials=2, seeds=1).finish()
    state = state_of(tmp_path)
    monkeypatch.delitem(OPTIMIZERS, "muon")
    (notice,) = effects_of(state, e.TrySetting())
    assert notice.severity == "warning"
    assert "muon" in notice.message


@pytest.mark.parametrize(
    ("lr", "best", "range_"),
    [("1e-3..1e-1", "highest", "0.1..3"), ("1..10", "lowest", "0.03..1"), ("1e-1,3e-1,1", "", "")],
)
def test_the_range_is_widened_beyond_the_edge_that_was_best(tmp_path, lr, best, range_):
    MadeSweep(tmp_path, "edge", "sgd", lr=lr, trials=3, seeds=2).finish()
    state = state_of(tmp_path)
    wanted = effects_of(state, e.Widen())
    if not range_:
        assert wanted == (Notify("no best value lies at the edge of its range"),)
        return
    (form,) = wanted
    assert (form.request.optimizers, form.request.lr, form.request.seeds) == ("sgd", range_, "2")
    assert form.reason.startswith(f"SGD was best at the {best} lr that was tried, ")
    assert form.request.plan().optimizers == ("sgd",)


def test_the_chosen_cell_decides_which_range_is_widened(tmp_path):
    MadeSweep(tmp_path, "edges", "adam,sgd", lr="1e-3..1e-1", trials=3, seeds=1).finish()
    state = state_of(tmp_path)
    assert effects_of(state, e.Widen())[0].request.optimizers == "adam"
    chosen = after(state, e.Walk(0, -1), e.Walk(1, 0), e.Walk(1, 0))
    assert effects_of(chosen, e.Widen())[0].request.optimizers == "sgd"


def test_failed_trials_are_repeated(state, tmp_path):
    assert effects_of(state, e.Retry()) == (Notify("no trial has failed"),)
    made = MadeSweep(tmp_path, "f", "adam", trials=2, seeds=1)
    made.journal.record(made.started(made.trials[0]), made.ended(made.trials[0], "failed", 1, "no space left"))
    assert TrialEnded.name == "ended"
    assert effects_of(state_of(tmp_path), e.Retry()) == (effects.RetrySweep("sweep-f"),)


def test_an_axis_without_another_knob_stays_and_says_so(tmp_path):
    MadeSweep(tmp_path, "one", "adam", trials=3, seeds=1).finish()
    state = state_of(tmp_path)
    assert update(state, e.CycleAxis("x")) == (state, (Notify("the sweep varies nothing else"),))
