"""From a lane of the playground to a training run, with a remark on every difference."""

import pytest

from adam_tui.engine.lane import Change, Lane
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.schedules import Schedule
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.ui.train.lane_to_run import spec_for, usual_lr


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name in TRAINING_OPTIMIZERS])
def test_every_lane_can_be_trained_with_its_own_values(name):
    lane = Lane.of(name)
    spec, remarks = spec_for(lane)
    assert spec.optimizer == name
    assert spec.hyperparameters == {key: value for key, value in lane.values if key != "bias_correction"}
    assert any("noisy" in remark for remark in remarks)


def test_a_learning_rate_of_the_toy_is_compared_with_the_networks():
    remarks = spec_for(Lane.of("adam", {"lr": 0.1}))[1]
    assert "lr 0.1 is 200 × the 0.0005 that trains the network well" in remarks[0]
    remarks = spec_for(Lane.of("sgd", {"lr": 0.01}))[1]
    assert "lr 0.01 is 10 × smaller than the 0.1" in remarks[0]
    assert not any("trains the network well" in remark for remark in spec_for(Lane.of("adam", {"lr": 5e-4}))[1])


def test_a_learning_rate_of_zero_is_remarked_on():
    assert "lr 0 is below the 0.0005" in spec_for(Lane.of("adam", {"lr": 0.0}))[1][0]


def test_settings_without_a_counterpart_in_training_are_remarked_on():
    lane = Lane.of(
        "adam", {"lr": 5e-4, "bias_correction": 0.0}, Schedule("cosine"), [Change(10, "lr", 0.2), Change(20, "lr", 0.1)]
    )
    spec, remarks = spec_for(lane)
    assert "bias_correction" not in spec.hyperparameters
    assert spec.hyperparameters["lr"] == 5e-4, "the value that the lane begins with"
    text = " | ".join(remarks)
    assert "bias_correction is on" in text
    assert "schedule is left out" in text
    assert "(lr) are left out" in text


def test_the_usual_learning_rate_changes_nothing_else():
    spec, _ = spec_for(Lane.of("adam", {"lr": 0.1, "beta1": 0.5}))
    assert usual_lr(spec).hyperparameters == {**spec.hyperparameters, "lr": 5e-4}
