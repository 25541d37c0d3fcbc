"""The charts with one point an epoch: where their axes begin and end."""

import numpy as np
import pytest
from training_pilot import after, columns_of, joined, trained, with_histories

from adam_tui.draw.palette import DARK
from adam_tui.runs.protocol import Epoch
from adam_tui.ui.train import epoch_charts
from adam_tui.ui.train import events as e


def accuracy(state, histories):
    return epoch_charts.draw_accuracy(state, histories, 70, 14, DARK)


@pytest.mark.parametrize(("epochs", "labels"), [(4, ["0", "5"]), (23, ["14", "24"]), (383, ["374", "384"])])
def test_the_recent_accuracies_are_those_of_the_last_ten_epochs(epochs, labels):
    state, histories = with_histories(a=trained(0, [0.9] * epochs))
    cells = accuracy(after(state, e.Toggle("recent")), histories)
    shown = cells.lines()[-1].split()
    assert [shown[0], shown[-1]] == labels
    assert len(columns_of(cells, DARK.lanes[state.slots["a"]])) > 10


@pytest.mark.parametrize(("accuracies", "low"), [([0.1, 0.11], "0%"), ([0.973, 0.983], "97%"), ([0.91, 0.94], "90%")])
def test_the_accuracy_axis_begins_below_the_accuracies(accuracies, low):
    state, histories = with_histories(a=trained(200, accuracies))
    assert any(line.startswith(f"{low:>5}") for line in accuracy(state, histories).lines())


def test_a_run_that_learns_nothing_does_not_squeeze_the_others():
    state, histories = with_histories(a=trained(200, [0.97, 0.98]), b=trained(200, [0.098, 0.098]))
    text = joined(accuracy(state, histories))
    assert " 97%" in text
    assert "off scale ↓ ● b" in text


def test_in_the_first_epoch_the_probability_of_the_right_digit_is_drawn():
    state, histories = with_histories(a=trained(50, losses=np.full(50, -np.log(0.25))))
    assert epoch_charts.accuracy_title(state, histories) == "Right digit's probability in training"
    assert "follows after epoch 1" in epoch_charts.best_text(state, histories)
    cells = accuracy(state, histories)
    lines = cells.lines()
    rows = [row for row, line in enumerate(lines) if "●" in line]
    labels = {line[:5].strip(): row for row, line in enumerate(lines)}
    assert labels["0%"] > rows[0] > labels["50%"], "25%"
    assert len(columns_of(cells, DARK.lanes[0])) > 25, "half of the epoch"
    histories["a"].fold([Epoch(1.0, 100, 1, 0.1, 0.05, 0.9, 1.0, 6400.0)])
    assert epoch_charts.accuracy_title(state, histories) == "Test accuracy over epochs"
    state, histories = with_histories(a=trained(50), b=trained(100, [0.9]))
    assert epoch_charts.accuracy_title(state, histories) == "Test accuracy over epochs", "of the other run"
    assert epoch_charts.best_text(state, histories) == "a: first test after epoch 1"


@pytest.mark.parametrize(("accuracy_now", "height"), [(0.9776, 6), (0.9776, 8), (0.95, 8), (0.99, 22)])
def test_an_accuracy_below_100_is_below_the_row_of_100(accuracy_now, height):
    state, histories = with_histories(a=trained(200, [0.6, accuracy_now]))
    lines = epoch_charts.draw_accuracy(state, histories, 70, height, DARK).lines()
    assert lines[0].startswith(" 100%")
    assert "●" not in lines[0]
    assert "●" in lines[1] + lines[2]


def test_before_the_first_step_the_charts_say_when_the_curves_appear():
    state, histories = with_histories(a=trained(0))
    assert "after the first epoch" in joined(accuracy(state, histories))
    assert "after the first epoch" in joined(epoch_charts.draw_loss(state, histories, 70, 10, DARK))
