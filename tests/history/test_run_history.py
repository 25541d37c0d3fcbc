"""The history of a run: its numbers and times, also after a resume and with damaged records."""

import copy
import functools
import json
import math
import operator

import numpy as np
import pytest
from damage import STRANGE

from adam_tui.history.metrics_reader import LossBlock, parse_lines
from adam_tui.history.run_history import RunHistory
from adam_tui.runs.protocol import (
    Changed,
    Diverged,
    Ended,
    Epoch,
    Layers,
    Paused,
    Resumed,
    RunSpec,
    Sample,
    Started,
    Steps,
    to_line,
)

SPEC = RunSpec(epochs=4, batch_size=64)


def started(time=0.0, step=0):
    return Started(time, step, "adam-7f3a", SPEC, "cpu", "float32", 62346, 10, "2.9.0")


def epoch(number, time, accuracy=0.9):
    return Epoch(time, 10 * number, number, 0.2, 0.1, accuracy, seconds=7.0, samples_per_second=128.0)


def folded(*events):
    history = RunHistory()
    history.fold(events)
    return history


def test_losses_are_numbered_by_their_steps():
    history = folded(started(), Steps(1.0, 2, (2.3, 2.2)), Steps(2.0, 3, (2.1,)))
    assert history.step == 3
    assert history.curve.losses(1, 3).tolist() == pytest.approx([2.3, 2.2, 2.1])


def test_the_best_epoch_is_the_first_with_the_best_accuracy():
    history = folded(started(), epoch(1, 1.0, 0.97), epoch(2, 2.0, 0.98), epoch(3, 3.0, 0.98))
    assert history.best.epoch == 2
    assert folded(started()).best is None
    assert folded(started(), epoch(1, 1.0, math.nan)).best is None


def test_elapsed_time_excludes_pauses():
    history = folded(started(100.0), Steps(110.0, 5, (1.0,) * 5), Paused(112.0, 5))
    assert history.elapsed(now=500.0) == 12.0
    history.fold([Resumed(500.0, 5), Steps(503.0, 6, (1.0,))])
    assert history.elapsed(now=504.0) == 16.0
    history.fold([Ended(505.0, 6, "stopped", "")])
    assert history.elapsed(now=900.0) == 17.0


def test_the_time_between_two_processes_is_not_work():
    history = folded(started(0.0), Steps(10.0, 5, (1.0,) * 5), Ended(10.0, 5, "stopped", ""))
    history.fold([started(1000.0, step=5), Steps(1010.0, 10, (1.0,) * 5)])
    assert history.elapsed(now=1010.0) == 20.0
    assert history.end is None


def test_the_time_after_a_lost_process_is_not_work():
    history = folded(started(0.0), Steps(10.0, 5, (1.0,) * 5))
    history.fold([started(1000.0, step=5), Steps(1010.0, 10, (1.0,) * 5)])
    assert history.elapsed(now=1010.0) == 20.0


def test_losses_that_were_left_out_do_not_change_the_speed():
    history = RunHistory(whole=False)
    history.fold([started(), Steps(5.0, 50, (1.0,) * 50), epoch(5, 99.9), Steps(100.0, 1000, (1.0,) * 10)])
    assert history.steps_per_second is None, "950 steps have no record, and their time is unknown"
    history.fold([Steps(101.0, 1010, (1.0,) * 10)])
    assert history.steps_per_second == 10


def test_a_resumed_run_forgets_the_steps_that_it_repeats():
    history = folded(
        started(),
        Steps(1.0, 10, tuple(range(10))),
        epoch(1, 2.0),
        Changed(2.5, 12, "lr", 0.1),
        Steps(3.0, 20, (9.0,) * 10),
        epoch(2, 4.0),
        Steps(5.0, 23, (8.0,) * 3),
        started(60.0, step=10),
    )
    assert len(history.curve) == history.step == 10
    assert history.epochs.numbers.tolist() == [1]
    assert history.changes == []
    history.fold([Steps(61.0, 12, (7.0, 7.0))])
    assert history.curve.losses(1, 12).tolist() == [*range(10), 7, 7]


def test_the_time_left_counts_steps_and_the_tests_after_each_epoch():
    # Ten steps of 64 images an epoch at 128 images/s take 5 s; the epoch took 7, so a test takes 2.
    history = folded(started(), Steps(2.5, 5, (1.0,) * 5), Steps(5.0, 10, (1.0,) * 5), epoch(1, 7.0))
    assert history.samples_per_second == 128.0
    assert history.seconds_left(now=7.0) == pytest.approx(30 / 2 + 3 * 2)
    assert history.seconds_left(now=8.0) == pytest.approx(30 / 2 + 3 * 2 - 1)


def test_the_speed_is_recent_and_of_training_alone():
    history = folded(started(), *(Steps(float(t), t, (1.0,)) for t in range(1, 10)), epoch(1, 60.0))
    assert history.steps_per_second == pytest.approx(1.0), "the minute of testing is no part of it"
    history.fold(Steps(60.0 + t, 9 + 4 * t, (1.0,) * 4) for t in range(1, 13))
    assert history.steps_per_second == pytest.approx(4.0), "the slow beginning is forgotten"


def test_the_time_left_is_unknown_before_the_speed_is():
    assert folded(started()).seconds_left(now=1.0) is None
    assert folded().seconds_left(now=1.0) is None
    ended = folded(started(), Steps(1.0, 5, (1.0,) * 5), Ended(2.0, 5, "stopped", ""))
    assert ended.seconds_left(now=2.0) is None


def test_the_step_of_a_divergence_is_known():
    history = folded(started(), Steps(1.0, 3, (2.0, 1e30, math.nan)), Diverged(1.0, 3))
    assert history.diverged_at == 3
    assert math.isnan(history.curve.last())


@pytest.mark.parametrize(
    "line", [Steps(1.0, 10**15, (1.0,)), Steps(1.0, 0, (1.0,)), Steps(1.0, 5, ()), Steps(math.nan, 1, (1.0,))]
)
def test_a_damaged_line_changes_nothing(line):
    history = folded(started(), line)
    assert len(history.curve) == history.step == 0
    assert history.elapsed(1.0) == 1.0


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_clock_that_is_set_by_a_day_changes_neither_elapsed_time_nor_speed_nor_time_left(jump, at_once):
    steady, set_ = folded(started()), folded(started())
    times = np.arange(1.0, 31.0)
    jumped = times + np.where(times > 10, jump, 0.0)
    if at_once:
        for history, stamps in ((steady, times), (set_, jumped)):
            history.fold([LossBlock(stamps, 4 * times, np.ones(120))])
    else:
        for t, moved in zip(times, jumped, strict=True):
            steady.fold([Steps(t, int(4 * t), (1.0,) * 4)])
            set_.fold([Steps(moved, int(4 * t), (1.0,) * 4)])
    now = 30.5
    assert steady.elapsed(now) == 30.5
    assert set_.elapsed(now + jump) == pytest.approx(29.5)  # the second of the jump is not known
    assert set_.steps_per_second == steady.steps_per_second == 4.0
    assert set_.seconds_left(now + jump) == steady.seconds_left(now)
    for wrong in (now, now + 2 * jump):  # who watches has another clock
        assert set_.elapsed(wrong) == pytest.approx(29.0)
        assert set_.seconds_left(wrong) == steady.seconds_left(30.0)


def test_the_clock_converts_between_steps_and_seconds():
    history = folded(started(), Steps(10.0, 10, (1.0,) * 10), Paused(10.0, 10), Resumed(100.0, 10))
    history.fold([Steps(120.0, 20, (1.0,) * 10)])
    np.testing.assert_allclose(history.clock.seconds(np.array([5.0, 10.0, 15.0, 20.0])), [5, 10, 20, 30])
    assert history.clock.step(20.0) == 15
    assert folded().clock.step(3.0) == 0


def test_a_history_without_losses_has_all_other_numbers():
    history = RunHistory(whole=False)
    history.fold([started(), Steps(1.0, 10, (9.0, *(0.5,) * 9)), epoch(1, 2.0, 0.97)])
    assert len(history.curve) == 0
    assert (history.step, history.last_loss, history.best.accuracy) == (10, 0.5, 0.97)


def test_settings_follow_the_changes():
    history = folded(started(), Changed(1.0, 3, "lr", 0.1), Changed(2.0, 5, "lr", 0.2), Changed(3.0, 6, "beta1", 0.5))
    assert history.settings(SPEC) == {"lr": 0.2, "beta1": 0.5}


def test_a_setting_survives_any_number_of_other_changes():
    changes = [Changed(1.0, step, "lr", step / 1000) for step in range(3000)]
    history = folded(started(), Changed(0.5, 0, "beta1", 0.5), *changes)
    assert len(history.changes) <= 1000
    assert history.settings(SPEC) == {"lr": 2.999, "beta1": 0.5}


def test_layers_of_a_few_hundred_epochs_are_kept_of_any_number():
    history = folded(started())
    history.fold(Layers(float(i), i, ("conv1.weight",), (0.5,), (1e-3,)) for i in range(1, 5001))
    assert 100 < len(history.layers) <= 256
    steps = [record.step for record in history.layers]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (1, 5000)


def test_a_resumed_run_forgets_the_layers_of_later_epochs():
    def layers(step):
        return Layers(0.0, step, ("conv1.weight",), (0.5,), (1e-3,))

    history = folded(started(), layers(10), layers(20), started(60.0, step=10))
    assert [record.step for record in history.layers] == [10]


def test_the_epoch_at_a_step_is_the_last_that_had_ended():
    history = folded(started(), epoch(1, 1.0), epoch(2, 2.0))
    assert history.epochs.at(9) is None
    assert history.epochs.at(10).epoch == history.epochs.at(19).epoch == 1
    assert history.epochs.at(500).epoch == 2


def every_strange_value(line):
    """The line with each of its values, at every depth, replaced by strange ones."""
    data = json.loads(line)

    def places(value, path=()):
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            yield (*path, key)
            yield from places(value[key], (*path, key))

    for *path, key in places(data):
        for strange in STRANGE:
            changed = copy.deepcopy(data)
            parent = functools.reduce(operator.getitem, path, changed)
            parent[key] = strange
            yield json.dumps(changed, separators=(",", ":"))


GOOD = [
    started(100.0),
    Steps(101.0, 10, (1.0,) * 10),
    epoch(1, 102.0),
    Layers(102.0, 10, ("conv1.weight",), (0.5,), (1e-3,)),
    Sample(102.0, 10, (0, 1), (0, 2), (0.5, 0.75)),
    Changed(103.0, 10, "lr", 0.1),
    Paused(104.0, 10),
    Resumed(105.0, 10),
    Steps(106.0, 20, (0.5,) * 10),
    Diverged(106.0, 20),
    Ended(107.0, 20, "stopped", "asked to stop"),
]


@pytest.mark.parametrize("number", range(len(GOOD)))
@pytest.mark.parametrize("whole", [True, False])
def test_valid_json_with_wrong_values_never_breaks_a_history(number, whole):
    lines = [to_line(event).rstrip("\n") for event in GOOD]
    for strange in every_strange_value(lines[number]):
        changed = [*lines[:number], strange, *lines[number + 1 :]]
        history = RunHistory(whole=whole)
        history.fold(parse_lines([line.encode("utf-8", "surrogatepass") for line in changed]))
        assert 0 <= history.step <= 1_000_020
        assert 0 <= history.elapsed(107.0) < 1e4, strange
        assert history.seconds_left(107.0) is None or history.seconds_left(107.0) >= 0
        assert history.samples_per_second is None or history.samples_per_second >= 0
        assert history.steps_per_epoch is None or history.steps_per_epoch >= 1
        steps = np.arange(1.0, len(history.curve) + 1)
        assert np.isfinite(history.clock.seconds(steps)).all()
        history.curve.averaged(10, 1, len(history.curve), 0.5)
        assert history.epochs.at(20) is None or history.epochs.at(20).epoch >= 1
        assert history.total_steps is None or history.total_steps >= 1
