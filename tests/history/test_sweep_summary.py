"""Sweeps as lines beside the runs."""

import math
import os

from made_sweeps import MadeSweep

from adam_tui.history.feed import Feed
from adam_tui.history.sweep_summary import SweepSummaries


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_summary_counts_trials_and_names_the_best_setting(tmp_path):
    made = MadeSweep(tmp_path, "grid", "adam,sgd", trials=3, seeds=2)
    failed = made.trials[-1]
    made.finish(*made.trials[:4])
    made.journal.record(made.started(failed), made.ended(failed, "failed", 1, "no space left"))
    summaries = SweepSummaries(tmp_path, Clock())
    [unread] = summaries.of([made.id])
    assert (unread.id, unread.state, unread.trials, unread.created > 0) == (made.id, "", 0, True)
    assert math.isnan(unread.loss)
    assert not summaries.refresh([made.id])
    [known] = summaries.of([made.id])
    assert (known.state, known.trials, known.ended, known.failed) == ("stopped", 12, 5, 1)
    assert (known.optimizers, known.knobs, known.seeds, known.epochs) == (("adam", "sgd"), ("lr",), 2, 3)
    assert (known.best[0].title, round(known.loss, 4), known.share < 0.5) == ("Adam · lr 0.0001", 0.1455, True)


def test_a_sweep_at_rest_is_not_read_again_and_one_that_goes_on_is(tmp_path, monkeypatch):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    clock = Clock()
    summaries = SweepSummaries(tmp_path, clock)
    summaries.refresh([made.id])
    before = summaries.of([made.id])
    for path in (made.path, made.sweep.control):
        if path.exists():
            os.utime(path)
    clock.now += 2
    claims, claim = made.claim(made.trials[0])
    summaries.refresh([made.id])
    assert summaries.of([made.id])[0].state == "running"
    made.journal.record(made.ended(made.trials[0]))
    claims.remove(claim)
    clock.now += 1
    summaries.refresh([made.id])
    [between] = summaries.of([made.id])
    assert (between.state, between.ended) == ("running", 1), "it may be between two trials"
    clock.now += 2
    summaries.refresh([made.id])
    [rests] = summaries.of([made.id])
    assert rests.state == "stopped"
    reads = []
    monkeypatch.setattr("adam_tui.history.sweep_summary.summarize", lambda sweep: reads.append(sweep))
    clock.now += 2
    summaries.refresh([made.id])
    assert (reads, summaries.of([made.id])[0]) == ([], rests)
    assert before[0].ended == 0


def test_one_call_reads_one_new_sweep_so_that_no_key_waits(tmp_path):
    names = [MadeSweep(tmp_path, name, trials=2, seeds=1).id for name in ("a", "b")]
    summaries = SweepSummaries(tmp_path, Clock())
    assert summaries.refresh(names), "one is left"
    assert [each.trials for each in summaries.of(names)] == [4, 0]
    assert not summaries.refresh(names)
    assert [each.trials for each in summaries.of(names)] == [4, 4]


def test_an_unreadable_sweep_is_named_with_the_reason(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    (made.path / "sweep.json").write_text("{")
    summaries = SweepSummaries(tmp_path, Clock())
    summaries.refresh([made.id])
    [broken] = summaries.of([made.id])
    assert (broken.state, "is not JSON" in broken.reason) == ("broken", True)


def test_a_feed_orders_and_deletes_sweeps(tmp_path):
    made = MadeSweep(tmp_path, trials=2, seeds=1)
    feed = Feed(tmp_path)
    feed.views()
    feed.command_sweep(made.id, "pause")
    assert made.sweep.order() == "pause"
    feed.delete_sweep(made.id)
    feed.views()
    assert feed.sweeps == ()
