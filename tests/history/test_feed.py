"""Following run directories: what is there, what is new, what is asked, in small pieces."""

import os
import time
from types import SimpleNamespace

import numpy as np
import pytest
from made_runs import lock

from adam_tui.history import feed as feeds
from adam_tui.history import loss_curve as curves
from adam_tui.history.feed import Feed
from adam_tui.runs import control, recipes
from adam_tui.runs.device_names import device_key, device_lock
from adam_tui.runs.protocol import Started
from adam_tui.runs.status import Status


def poll_all(feed, ids):
    while feed.poll(ids)[1]:
        pass


def test_a_missing_directory_holds_no_runs(tmp_path):
    feed = Feed(tmp_path / "none")
    assert feed.views() == ()
    assert feed.poll([]) == (set(), False)


def test_views_list_runs_newest_first_with_their_states(tmp_path, made_run):
    old = made_run("momentum").start().train(2).end("stopped")
    new = made_run("adam").start()
    views = Feed(tmp_path).views()
    assert [view.id for view in views] == [new.id, old.id]
    assert [view.state for view in views] == ["running", "stopped"]
    assert views[1].spec.optimizer == "momentum"


def test_a_followed_run_is_reported_as_changed_only_when_it_grew(tmp_path, made_run):
    made = made_run().start().train(1)
    feed = Feed(tmp_path)
    feed.views()
    assert feed.poll([made.id]) == ({made.id}, False)
    assert feed.poll([made.id]) == (set(), False)
    made.steps([0.5, 0.25])
    assert feed.poll([made.id]) == ({made.id}, False)
    history = feed.histories[made.id]
    assert len(history.curve) == 12
    assert history.curve.last() == 0.25


def test_a_run_that_is_not_followed_has_its_epochs_without_losses(tmp_path, made_run):
    made = made_run().start().train(3).end("stopped")
    feed = Feed(tmp_path)
    feed.views()
    poll_all(feed, [])
    history = feed.histories[made.id]
    assert history.best.epoch == 3
    assert len(history.curve) == 0
    poll_all(feed, [made.id])
    assert len(feed.histories[made.id].curve) == 30


def test_losses_of_runs_followed_long_ago_are_dropped(tmp_path, made_run, monkeypatch):
    monkeypatch.setattr(feeds, "MAX_WHOLE", 2)
    runs = [made_run().start().train(3) for _ in range(4)]
    feed = Feed(tmp_path)
    feed.views()
    for made in runs:
        poll_all(feed, [made.id])
    assert [len(feed.histories[made.id].curve) for made in runs] == [0, 0, 30, 30]
    runs[0].steps([0.5] * 10).epoch(4, 0.97)
    poll_all(feed, [runs[3].id])
    assert feed.histories[runs[0].id].best.epoch == 4, "but what else they tell is known"
    poll_all(feed, [made.id for made in runs])
    assert [len(feed.histories[made.id].curve) for made in runs] == [40, 30, 30, 30]


def test_old_steps_are_read_again_when_zoomed_into(tmp_path, made_run, monkeypatch):
    monkeypatch.setattr(curves, "RECENT", 64)
    monkeypatch.setattr(curves, "MARGIN", 16)
    made, rng = made_run().start(), np.random.default_rng(0)
    losses = rng.random(6000).astype(np.float32)
    for first in range(0, 5000, 50):
        made.steps(losses[first : first + 50].tolist())
    made.step = 4000  # killed: the process that continues from its checkpoint writes the rest again
    made.emit(Started(made.time, 4000, made.id, made.run.spec(), "cpu", "float32", 62346, 10, "2.9.0"))
    for first in range(4000, 6000, 50):
        losses[first : first + 50] += 1
        made.steps(losses[first : first + 50].tolist())
    feed = Feed(tmp_path)
    feed.views()
    poll_all(feed, [made.id])
    curve = feed.histories[made.id].curve
    for first, last in ((1, 10), (3990, 4010), (4990, 5010), (700, 3000)):
        assert curve.losses(first, last) is None
        feed.zoomed = {made.id: [curve.missing_steps(first, last, 0.0)]}
        assert feed.poll([made.id])[0] == {made.id}
        assert curve.losses(first, last).tolist() == losses[first - 1 : last].tolist()
    assert feed.poll([made.id]) == (set(), False)


def test_new_and_deleted_runs_change_the_views(tmp_path, made_run):
    first = made_run().start().end("stopped")
    feed = Feed(tmp_path)
    assert len(feed.views()) == 1
    second = made_run("momentum").start()
    assert [view.id for view in feed.views()] == [second.id, first.id]
    feed.delete(first.id)
    assert [view.id for view in feed.views()] == [second.id]
    assert first.id not in feed.histories


def test_a_directory_that_gets_its_spec_a_moment_later_becomes_a_view(tmp_path, made_run):
    feed = Feed(tmp_path)
    (tmp_path / "adam-0000").mkdir()
    assert feed.views() == ()
    spec = made_run().run.path / "spec.json"
    (tmp_path / "adam-0000" / "spec.json").write_text(spec.read_text())
    assert len(feed.views()) == 2


def test_an_ended_run_that_another_program_resumes_becomes_active(tmp_path, made_run):
    clock = [0.0]
    made = made_run().start().end("stopped")
    feed = Feed(tmp_path, clock=lambda: clock[0])
    assert feed.views()[0].state == "stopped"
    made.become("running")
    clock[0] = 5.0
    assert feed.views()[0].state == "running"


def test_a_long_run_is_read_in_pieces(tmp_path, made_run):
    made = made_run().start()
    for _ in range(60):
        made.steps([0.123456789] * 5000)
    ticks = iter(range(10_000))
    feed = Feed(tmp_path, clock=lambda: float(next(ticks)))  # every look at the clock finds the time used up
    feed.views()
    _, more = feed.poll([made.id])
    assert more
    assert 0 < len(feed.histories[made.id].curve) < 300_000
    poll_all(feed, [made.id])
    assert len(feed.histories[made.id].curve) == 300_000


def test_polling_many_ended_runs_is_cheap(tmp_path, made_run):
    for _ in range(30):
        made_run().start().train(1).end("stopped")
    feed = Feed(tmp_path)
    ids = [view.id for view in feed.views()][:8]
    poll_all(feed, ids)
    feed.views()
    began = time.perf_counter()
    for _ in range(20):
        feed.views()
        assert feed.poll(ids) == (set(), False)
    assert (time.perf_counter() - began) / 20 < 0.02


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists the open files so")
def test_no_file_stays_open_after_a_poll(tmp_path, made_run, monkeypatch):
    monkeypatch.setattr(curves, "RECENT", 64)
    runs = [made_run().start().train(20) for _ in range(5)]
    runs[0].evaluate()
    feed = Feed(tmp_path)
    before = os.listdir("/proc/self/fd")
    for made in runs * 3:
        feed.views()
        poll_all(feed, [made.id])
        feed.zoomed = {made.id: [(1, 20)]}
        made.steps([0.5] * 10)
        poll_all(feed, [made.id])
        feed.evaluation(made.id)
        feed.log(made.id, 3)
        feed.command(made.id, "pause")
    assert os.listdir("/proc/self/fd") == before


def test_orders_reach_the_run(tmp_path, made_run):
    made = made_run().start()
    feed = Feed(tmp_path)
    feed.views()
    feed.command(made.id, "pause")
    assert '"pause"' in made.orders()
    with pytest.raises(ValueError, match="stop it first"):
        feed.delete(made.id)


def test_starting_a_run_creates_a_directory_and_a_process(tmp_path, monkeypatch):
    started = []

    def start(run, **how):
        started.append(run)
        run.write_status(Status("starting"))
        return type("Process", (), {"poll": lambda self: None})()

    monkeypatch.setattr(control, "start_worker", start)
    feed = Feed(tmp_path)
    assert feed.views() == ()
    id = feed.start(recipes.make_spec("lion", {}))
    assert [run.id for run in started] == [id]
    assert [view.id for view in feed.views()] == [id]


def test_a_process_is_kept_ready_while_no_run_holds_the_device(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(feeds.Spare, "keep", lambda self, at: used.append(at))
    feed = Feed(tmp_path)
    feed.keep_spare(1.0)
    path = device_lock(tmp_path, device_key("auto"))
    path.touch()
    held = lock(SimpleNamespace(metrics=path))
    feed.keep_spare(2.0)
    os.close(held)
    feed.keep_spare(3.0)
    assert used == [1.0, 3.0]


def test_the_end_of_the_log_is_readable_by_id(tmp_path, made_run):
    made = made_run().start()
    (made.run.path / "worker.log").write_text("one\ntwo\nthree\n")
    feed = Feed(tmp_path)
    feed.views()
    assert feed.log(made.id, 2) == "two\nthree"
    assert feed.log("nobody", 2) == ""


def test_a_run_whose_files_are_replaced_by_copies_has_its_elapsed_time_once(tmp_path, made_run):
    made = made_run().start().train(3)
    feed = Feed(tmp_path)
    feed.views()
    poll_all(feed, [made.id])
    history = feed.histories[made.id]
    worked = history.work_seconds
    for _ in range(9):
        copy = made.run.path / "copy"
        copy.write_bytes(made.run.metrics.read_bytes())
        copy.replace(made.run.metrics)
        poll_all(feed, [made.id])
    assert feed.histories[made.id] is history
    assert (history.work_seconds, len(history.curve)) == (worked, 30)


def test_a_run_whose_file_gets_other_content_begins_a_new_history(tmp_path, made_run):
    made, other = made_run().start().train(3), made_run(began=5000.0).start().train(1)
    feed = Feed(tmp_path)
    feed.views()
    poll_all(feed, [made.id])
    copy = made.run.path / "copy"
    copy.write_bytes(other.run.metrics.read_bytes())
    copy.replace(made.run.metrics)
    poll_all(feed, [made.id, other.id])
    histories = [feed.histories[run.id] for run in (made, other)]
    assert len({(history.work_seconds, len(history.curve), len(history.epochs)) for history in histories}) == 1
