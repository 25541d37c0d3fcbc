"""Lanes of one optimizer are named by the settings in which they differ."""

from adam_tui.engine.lane import Lane
from adam_tui.engine.scenario import Scenario
from adam_tui.ui.playground.lane_names import lane_names


def names(*flags):
    return [name.names for name in lane_names(Scenario(lanes=tuple(map(Lane.parse, flags))))]


def test_lanes_of_different_optimizers_keep_their_labels():
    assert names("adam", "sgd") == [("adam",), ("sgd",)]


def test_twins_show_the_settings_that_differ_and_no_others():
    assert names("sgd:lr=0.039", "adam", "sgd:lr=0.041") == [
        ("sgd lr 0.039", "sgd lr 0.039", "lr 0.039", "sgd"),
        ("adam",),
        ("sgd lr 0.041", "sgd lr 0.041", "lr 0.041", "sgd-2"),
    ]
    assert names("adam:lr=1,bias_correction=0", "adam:lr=1")[0][:2] == ("adam bias_correction off", "adam m̂ v̂ off")


def test_a_schedule_and_a_fork_are_settings_too():
    assert [each[0] for each in names("lion:lr=0.1", "lion:lr=0.1,schedule=cosine")] == [
        *("lion constant", "lion cosine to 0")
    ]
    assert names("sgd:lr=0.1", "sgd:lr=0.1,lr@50=0.01")[1][0] == "sgd lr 0.1→0.01, changed at 50"


def test_equal_twins_keep_their_numbers():
    assert names("sgd:lr=1", "sgd:lr=1") == [("sgd",), ("sgd-2",)]
    assert [each[0] for each in names("sgd:lr=1", "sgd:lr=1", "sgd:lr=2")] == ["sgd lr 1", "sgd-2 lr 1", "sgd lr 2"]
