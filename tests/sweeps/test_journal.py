import errno
import json
import math
import os
import random
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.sweeps.journal import (
    EVENTS,
    Decided,
    JournalReader,
    Planned,
    Retried,
    SweepFold,
    SweepJournal,
    TrialEnded,
    TrialStarted,
    from_line,
    to_line,
)

floats, counts, words = st.floats(), st.integers(0, 10**6), st.text(max_size=9)
times = st.floats(0, 3e10)
numbers = st.lists(floats, max_size=4).map(tuple)
several = st.lists(counts, max_size=4).map(tuple)
events = st.one_of(
    st.builds(Planned, times, counts, words, words, words, counts, counts, st.dictionaries(words, floats, max_size=3)),
    st.builds(TrialStarted, times, counts, counts, several, words, words, counts),
    st.builds(TrialEnded, times, counts, counts, words, words, words, counts, *[floats] * 6, numbers),
    st.builds(Decided, times, words, counts, counts, several, numbers),
    st.builds(Retried, times, several, several),
)


def planned(trial, setting=None, optimizer="adam", seed=0):
    setting = trial if setting is None else setting
    return Planned(1.0, trial, f"id{trial}", f"{optimizer}-{trial:04}", optimizer, setting, seed, {"lr": 0.1})


def started(trial, attempt, lost=(), time=2.0, run=None, epoch=0):
    return TrialStarted(time, trial, attempt, lost, run or f"adam-{trial:04}", f"slot-{attempt}", epoch)


def ended(trial, attempt, state="finished", loss=0.5, time=3.0, epoch=1, run=None):
    numbers = (0.4, loss, 0.9, math.nan, math.nan, 7.0)
    return TrialEnded(time, trial, attempt, run or f"adam-{trial:04}", state, "", epoch, *numbers)


def fold(events):
    return SweepFold().add(events)


def state_of(*events):
    return fold([planned(0), *events]).trials[0]


@given(events)
def test_every_event_survives_its_line(event):
    line = to_line(event)
    assert line.count("\n") == 1
    assert repr(from_line(line.encode())) == repr(event)


@given(events, st.data())
def test_a_torn_line_is_no_event(event, data):
    line = to_line(event).rstrip("\n").encode()
    assert from_line(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@given(st.text() | st.sampled_from(["[]", "1", '{"event":[]}', '{"event":"retried","time":1,"trials":[-1]}']))
def test_any_other_line_is_no_event_and_no_error(line):
    assert from_line(line.encode("utf-8", "replace")) is None


def test_the_names_of_the_events_are_a_contract():
    assert " ".join(EVENTS) == "planned started ended decided retried"
    assert json.loads(to_line(ended(7, 2, loss=math.inf)))["validation_loss"] == "inf"


def test_the_journals_of_all_processes_are_read_in_the_order_of_time(tmp_path):
    reader = JournalReader(tmp_path)
    assert reader.new_events() == []
    SweepJournal(tmp_path, "").record(planned(0), planned(1))
    SweepJournal(tmp_path, "b").record(started(0, 1, time=5.0))
    assert reader.new_events() == [planned(0), planned(1), started(0, 1, time=5.0)]
    SweepJournal(tmp_path, "a").record(started(1, 1, time=4.0))
    with open(tmp_path / "trials-b.jsonl", "a") as file:
        file.write('{"event":"ended","ti')  # killed in the middle of a line
    assert reader.new_events() == [started(1, 1, time=4.0)]
    SweepJournal(tmp_path, "b").record(started(0, 2, time=6.0))
    (tmp_path / "trials-x.txt").write_text(to_line(planned(9)))
    assert reader.new_events() == [started(0, 2, time=6.0)]
    assert reader.new_events() == []
    times = [event.time for event in JournalReader(tmp_path).new_events()]
    assert times == [1.0, 1.0, 4.0, 5.0, 6.0]


def test_an_end_of_an_earlier_version_has_no_accuracies():
    line = json.loads(to_line(replace(ended(1, 1), accuracies=(0.9,))))
    assert line.pop("accuracies") == [0.9]
    assert repr(from_line(json.dumps(line).encode())) == repr(ended(1, 1))


def test_an_end_is_seen_at_once_and_another_thread_waits_for_the_disk(tmp_path, monkeypatch):
    slow, synced = threading.Event(), threading.Event()
    monkeypatch.setattr(os, "fsync", lambda descriptor: slow.wait(10))
    journal = SweepJournal(tmp_path, "a")
    journal.record(ended(1, 1), then=synced.set)
    assert repr(JournalReader(tmp_path).new_events()) == repr([ended(1, 1)])
    assert not synced.is_set()
    slow.set()
    assert synced.wait(10)


def test_an_error_of_the_disk_is_raised_by_the_next_event(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    journal = SweepJournal(tmp_path, "a")
    journal.record(ended(1, 1), then=lambda: pytest.fail("the end is not on the disk"))
    for thread in threading.enumerate():
        if thread.name == "syncs":
            thread.join()
    with pytest.raises(OSError, match="No space left"):
        journal.record(started(1, 2))


def test_a_journal_that_appears_later_is_found_although_the_directory_is_listed_once(tmp_path, monkeypatch):
    SweepJournal(tmp_path, "").record(planned(0))
    reader = JournalReader(tmp_path)
    assert len(reader.new_events()) == 1
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)
    lists = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: lists.append(path) or listdir(path))
    assert reader.new_events() == []
    assert lists == [], "nothing has changed"
    SweepJournal(tmp_path, "late").record(started(0, 1))
    assert reader.new_events() == [started(0, 1)]
    assert reader.sizes() == [(path.name, path.stat().st_size) for path in sorted(tmp_path.iterdir())]


def test_events_that_arrive_one_by_one_in_any_order_give_the_same_state():
    history = [*map(planned, range(3)), *(started(n, 1) for n in range(3)), *(ended(n, 1, "waiting") for n in range(3))]
    history += [Decided(9.0, "adam", 1, 1, (2, 0, 1), (0.1, 0.2, 0.3)), started(2, 2, epoch=1), ended(2, 2, epoch=3)]
    expected = fold(history)
    for _ in range(20):
        random.shuffle(history)
        one_by_one = SweepFold()
        for event in history:
            one_by_one.add([event])
        assert repr(sorted(one_by_one.record.trials.items())) == repr(sorted(expected.trials.items()))
        assert one_by_one.record.decisions == expected.decisions


def test_a_trial_goes_from_planned_to_its_end():
    assert state_of().state == "planned"
    assert (state_of(started(0, 1)).state, state_of(started(0, 1)).attempt) == ("running", 1)
    for state in ("finished", "diverged", "failed", "stopped", "planned", "waiting"):
        assert state_of(started(0, 1), ended(0, 1, state)).state == state
    assert state_of(started(0, 1), ended(0, 1, "of a newer version")).state == "failed"


def test_the_late_end_of_an_attempt_that_was_replaced_does_not_count():
    late = [started(0, 1), started(0, 2, lost=(1,), run="adam-0000-2"), ended(0, 1, loss=9.0, time=9.0)]
    assert (state_of(*late).state, state_of(*late).run) == ("running", "adam-0000-2")
    done = state_of(*late, ended(0, 2, loss=0.25, run="adam-0000-2"))
    assert (done.state, done.loss, done.run) == ("finished", 0.25, "adam-0000-2")


def test_the_order_of_attempts_is_that_of_their_numbers_whatever_the_clocks_of_the_hosts_show():
    history = [started(0, 1, time=50.0), ended(0, 1, "planned", time=51.0), started(0, 2, time=3.0)]
    history += [ended(0, 2, time=4.0)]
    for _ in range(10):
        random.shuffle(history)
        assert state_of(*history).state == "finished"


def test_a_retried_trial_begins_again_and_its_later_end_counts():
    failed = [started(0, 1), ended(0, 1, "failed"), Retried(4.0, (0,), (1,))]
    again = state_of(*failed)
    assert (again.state, again.fresh, again.epoch) == ("planned", True, 0)
    assert state_of(*failed, started(0, 2), ended(0, 2)).state == "finished"
    assert state_of(*failed, started(0, 2), ended(0, 2, "failed")).state == "failed"


def test_attempts_that_are_lost_without_a_new_epoch_are_counted():
    lost = [started(0, n, lost=tuple(range(1, n))) for n in (1, 2, 3)]
    assert state_of(*lost).lost == 2
    assert state_of(*lost, started(0, 4, lost=(1, 2, 3), epoch=1)).lost == 0


def test_a_decision_ends_the_waiting_trials_that_are_not_among_the_best():
    waiting = [event for n in (0, 1, 2) for event in (started(n, 1), ended(n, 1, "waiting"))]
    decision = Decided(9.0, "adam", 1, 1, (2, 0, 1), (0.1, 0.2, 0.3))
    other = Decided(9.5, "adam", 1, 1, (0, 1, 2), (0.1, 0.2, 0.3))  # of a process that is late
    for events in ([decision], [decision, decision, other]):
        record = fold([*map(planned, range(3)), *waiting, *events])
        assert [record.trials[n].state for n in range(3)] == ["cut", "cut", "planned"]
        assert record.decisions == [decision]
    assert not record.is_over


@pytest.mark.parametrize("state", ["diverged", "failed", "stopped"])
def test_a_trial_without_a_finite_loss_counts_as_the_worst(state):
    assert state_of(started(0, 1), ended(0, 1, state, loss=0.1)).loss == math.inf
    assert state_of(started(0, 1), ended(0, 1, "finished", loss=math.nan)).loss == math.inf
