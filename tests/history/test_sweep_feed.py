"""The sweeps of a directory as the screen reads them."""

import math
from dataclasses import replace

import pytest
from made_sweeps import MadeSweep

from adam_tui.history.feed import Feed
from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.history.sweep_view import accuracy_with_error, figure
from adam_tui.runs import control
from adam_tui.runs.run import Run


def opened(runs):
    feed = SweepFeed(runs)
    return feed, feed.view(feed.ids()[0])


def test_sweeps_are_listed_newest_first_and_an_empty_directory_has_none(tmp_path):
    assert SweepFeed(tmp_path / "none").ids() == ()
    MadeSweep(tmp_path, "old", trials=2)
    MadeSweep(tmp_path, "new", trials=2)
    assert SweepFeed(tmp_path).ids() == ("sweep-new", "sweep-old")


def test_a_new_sweep_is_seen_at_the_next_poll(tmp_path):
    feed = SweepFeed(tmp_path)
    assert feed.ids() == ()
    MadeSweep(tmp_path, "late", trials=2)
    assert feed.ids() == ("sweep-late",)


def test_a_sweep_that_rests_stays_the_same_object_and_a_new_event_changes_it(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    feed, view = opened(tmp_path)
    assert (view.state, view.ended, view.best) == ("stopped", 0, None)
    assert feed.view(made.id) is view
    made.finish(made.trials[0])
    later = feed.view(made.id)
    assert later is not view
    assert (later.ended, later.best.optimizer) == (1, "adam")
    assert feed.view(made.id) is later


def test_a_torn_line_is_read_when_it_is_whole(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1).finish()
    path = made.path / "trials-test.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    feed, view = opened(tmp_path)
    assert view.ended == 3
    path.write_bytes(whole)
    assert feed.view(made.id).ended == 4


def test_a_slot_is_shown_with_its_trial_until_its_process_ends(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    claims, claim = made.claim(made.trials[1])
    now = [100.0]
    feed = SweepFeed(tmp_path, lambda: now[0])
    view = feed.view(feed.ids()[0])
    assert view.state == "running"
    assert [(slot.name, slot.trial, slot.state) for slot in view.slots] == [("slot0", 1, "starting")]
    made.sweep.command("pause")
    assert feed.view(made.id).state == "paused"
    claims.remove(claim)
    assert feed.view(made.id).state == "paused", "it may be between two trials"
    now[0] += 2
    assert feed.view(made.id).state == "stopped"


def test_the_figures_of_a_setting_are_medians_over_its_seeds(tmp_path):
    made = MadeSweep(tmp_path, "med", "adam", trials=3, seeds=3).finish()
    _, view = opened(tmp_path)
    setting = view.best
    losses = sorted(each.loss for each in setting.trials)
    assert figure(setting, "validation_loss", view) == losses[1]
    assert figure(setting, "seconds", view) == 36.0
    mean, error = accuracy_with_error(setting, view)
    assert 0.97 < mean < 1
    assert 0 < error < 0.001
    assert made.id == view.id


def test_the_epochs_to_the_goal_are_read_from_the_runs(tmp_path):
    made = MadeSweep(tmp_path, "goal", "adam", lr="1e-3,3e-2", trials=2, seeds=1).finish()
    for trial in made.trials:
        made.write_run(trial)
    feed, view = opened(tmp_path)
    assert math.isnan(figure(view.settings[0], "epochs", view))
    view = feed.view(made.id, reached=True)
    assert [figure(each, "epochs", view) for each in view.settings] == [1.0, math.inf]
    assert feed.view(made.id, reached=True) is view, "they are read once"


def test_the_epochs_to_the_goal_come_from_the_journal_alone_where_it_has_them(tmp_path, monkeypatch):
    made = MadeSweep(tmp_path, "goal", "adam", lr="1e-3,3e-2", trials=2, seeds=1)
    for trial, accuracies in zip(made.trials, [(0.97, 0.985, 0.99), (0.1, 0.1, 0.1)], strict=True):
        made.journal.record(made.started(trial), replace(made.ended(trial), accuracies=accuracies))
    monkeypatch.setattr(Run, "epochs", lambda self: pytest.fail("a run was opened"))
    feed = SweepFeed(tmp_path)
    view = feed.view(feed.ids()[0], reached=True)
    assert [figure(each, "epochs", view) for each in view.settings] == [2.0, math.inf]


def test_the_best_value_at_an_edge_is_named(tmp_path):
    MadeSweep(tmp_path, "edge", "sgd", lr="1e-4..1e-1", trials=5, seeds=1).finish()
    _, view = opened(tmp_path)
    setting, name, word = view.edges[0]
    assert (setting.values["lr"], name, word) == (0.1, "lr", "highest")


def test_the_curves_of_the_followed_runs_grow(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    run = made.write_run(made.trials[0], 1)
    feed, _ = opened(tmp_path)
    assert feed.follow([run.id])
    assert len(feed.histories[run.id].curve) == 30
    assert not feed.follow([run.id])
    made.write_run(made.trials[0], 2)
    assert feed.follow([run.id])
    assert len(feed.histories[run.id].curve) == 60


def test_work_is_started_and_ordered(tmp_path, launched):
    made = MadeSweep(tmp_path, "a", trials=2, seeds=1)
    feed, view = opened(tmp_path)
    feed.resume(made.id)
    assert launched == [(made.id, None)]
    assert feed.view(made.id).state == "starting"
    feed.resume(made.id)
    assert len(launched) == 1, "it is starting already"
    id = feed.start(view.plan, 2, "b")
    assert launched[-1] == ("sweep-b", 2)
    assert feed.ids()[0] == id
    with pytest.raises(ValueError, match="already"):
        feed.start(view.plan, 2, "b")


def test_failed_trials_begin_again(tmp_path, launched):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    made.finish(*made.trials[1:])
    made.journal.record(made.started(made.trials[0]), made.ended(made.trials[0], "failed", 1, "no space left"))
    feed, view = opened(tmp_path)
    assert view.failed == 1
    assert feed.retry(made.id) == 1
    assert feed.view(made.id).failed == 0
    assert launched == [(made.id, None)]


def test_a_finished_sweep_cannot_go_on_and_can_be_deleted(tmp_path, launched):
    made = MadeSweep(tmp_path, trials=2, seeds=1).finish()
    feed, view = opened(tmp_path)
    assert view.state == "finished"
    with pytest.raises(ValueError, match="nothing left"):
        feed.resume(made.id)
    (made.path / "slot-0.log").write_text("no cuda here\n")
    assert feed.log(made.id) == "slot-0.log\nno cuda here"
    feed.delete(made.id)
    assert feed.ids() == ()
    assert feed.view(made.id) is None


def test_an_unreadable_plan_hides_the_sweep(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    feed, _ = opened(tmp_path)
    (made.path / "sweep.json").write_text("{")
    assert SweepFeed(tmp_path).ids() == ()
    assert feed.view("sweep-gone") is None


def test_a_trial_that_is_shown_among_the_runs_is_left_to_its_sweep(tmp_path):
    made = MadeSweep(tmp_path, "grid", trials=2, seeds=1)
    run = made.write_run(made.trials[0])
    feed = Feed(tmp_path)
    id = feed.attach(run.path)
    assert [view.id for view in feed.views()] == [id] == ["sweep-grid/adam-0000"]
    assert [sweep.id for sweep in feed.sweeps] == ["sweep-grid"]
    assert feed.poll([id])[0] == {id}
    for refused in (feed.resume, feed.delete):
        with pytest.raises(ValueError, match="it is a trial of sweep-grid"):
            refused(id)
    made.sweep.delete()
    assert feed.views() == ()


def test_a_run_like_a_trial_belongs_to_no_sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "start_worker", lambda run, **how: None)
    made = MadeSweep(tmp_path, "grid", trials=2, seeds=1)
    feed = Feed(tmp_path)
    id = feed.start(made.trials[0].spec)
    spec = Run(tmp_path / id).spec()
    assert (spec.sweep, spec.trial, spec.validation) == ("", "", 5000)
