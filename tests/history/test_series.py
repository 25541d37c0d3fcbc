"""What grows with a run: when it was where, and its epochs; bounded, and exact at its end."""

import math

import numpy as np
import pytest

from adam_tui.history.series import MAX_MOMENTS, Epochs, GrowableArray, WorkClock
from adam_tui.runs.protocol import Epoch


def test_an_array_grows_at_its_end_and_is_cut_at_both():
    growing = GrowableArray(np.float64)
    for first in range(0, 1000, 10):
        growing.extend(np.arange(first, first + 10.0))
    growing.cut(500)
    growing.forget(490)
    assert growing.values.tolist() == list(range(490, 500))


def test_a_table_grows_by_columns():
    table = GrowableArray(np.float64, 2)
    for i in range(100):
        table.extend(np.array([[i], [-i]]))
    assert table.values[:, [0, 99]].tolist() == [[0, 99], [0, -99]]


def test_a_clock_of_any_length_stays_small_and_keeps_its_newest_moment():
    clock, rng = WorkClock(), np.random.default_rng(0)
    seconds = np.cumsum(rng.uniform(0.2, 0.3, size=345_600))  # a day, four moments a second
    steps = np.arange(50.0, 50 * len(seconds) + 1, 50)
    for first in range(0, len(steps), 997):
        clock.tick(steps[first : first + 997], seconds[first : first + 997])
    assert len(clock._moments) <= MAX_MOMENTS
    assert clock.seconds(steps[-1:]).tolist() == seconds[-1:].tolist()
    assert np.abs(clock.seconds(steps) - seconds).max() < seconds[-1] / 2000, "less than a dot on any screen"
    assert abs(clock.step(seconds[100_000]) - steps[100_000]) < steps[-1] / 2000
    clock.cut(int(steps[1000]))
    clock.tick(steps[1001:1003], seconds[1001:1003])
    assert clock.seconds(steps[1002:1003]).tolist() == seconds[1002:1003].tolist()


def test_a_clock_adds_no_moment_twice():
    clock = WorkClock()
    clock.tick(np.array([10.0, 20.0]), np.array([1.0, 2.0]))
    clock.tick(np.array([15.0, 20.0, 30.0]), np.array([9.0, 9.0, 3.0]))
    assert clock.seconds(np.array([15.0, 30.0])).tolist() == [1.5, 3.0]


def epoch_of(number, accuracy=0.9, step=None):
    return Epoch(0.0, 10 * number if step is None else step, number, 0.2, 1 / number, accuracy, 7.0, 128.0)


def test_epochs_are_found_by_number_and_by_step():
    epochs = Epochs()
    for number in (1, 2, 3):
        epochs.add(epoch_of(number, 0.9 + number / 100))
    assert (epochs[-1].epoch, epochs[0].loss, epochs.best.epoch) == (3, 1.0, 3)
    assert [epochs.at(step).epoch for step in (10, 19, 20, 99)] == [1, 1, 2, 3]
    assert epochs.at(9) is None


@pytest.mark.parametrize("again", [lambda epochs: epochs.cut(15), lambda epochs: epochs.add(epoch_of(2, 0.5))])
def test_a_repeated_epoch_replaces_the_first_and_later_ones(again):
    epochs = Epochs()
    for number, accuracy in ((1, 0.9), (2, 0.95), (3, 0.99)):
        epochs.add(epoch_of(number, accuracy))
    again(epochs)
    assert epochs.best.epoch == 1
    assert len(epochs) == epochs[-1].epoch <= 2


def test_an_accuracy_that_is_nan_is_never_the_best():
    epochs = Epochs()
    epochs.add(epoch_of(1, math.nan))
    assert epochs.best is None
    epochs.add(epoch_of(2, 0.1))
    epochs.add(epoch_of(3, math.nan))
    assert epochs.best.epoch == 2
    epochs.cut(10)
    assert epochs.best is None
