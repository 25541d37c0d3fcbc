"""What runs at work are told of the knobs that were turned."""

import pytest

from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.ui.train.pending_settings import PendingSettings


@pytest.fixture
def turned():
    return PendingSettings()


def at_work(lr=0.1, state="running"):
    return [RunView("run", RunSpec(), 0.0, state, settings={"lr": lr})]


def test_of_many_turns_the_last_is_told_and_only_once(turned):
    assert turned.note({}, {"run": {"lr": 0.2}})
    assert turned.note({"run": {"lr": 0.2}}, {"run": {"lr": 0.5}})
    assert turned.take(at_work()) == [("run", "lr", 0.5)]
    assert turned.take(at_work()) == []


def test_what_the_run_has_taken_is_nothing_to_tell(turned):
    assert not turned.note({"run": {"lr": 0.2}}, {"run": {"lr": 0.2}})
    assert not turned.note({"run": {"lr": 0.2}}, {})


def test_what_is_turned_back_before_it_was_told_is_not_told(turned):
    turned.note({}, {"run": {"lr": 0.2}})
    turned.note({"run": {"lr": 0.2}}, {"run": {"lr": 0.1}})
    assert turned.take(at_work()) == []


def test_what_is_turned_back_after_it_was_told_is_told_though_the_run_has_not_got_there_yet(turned):
    turned.note({}, {"run": {"lr": 0.2}})
    turned.take(at_work())
    turned.note({"run": {"lr": 0.2}}, {"run": {"lr": 0.1}})
    assert turned.take(at_work()) == [("run", "lr", 0.1)]


def test_a_run_that_is_over_or_gone_is_told_nothing(turned):
    for runs in (at_work(state="finished"), []):
        turned.note({}, {"run": {"lr": 0.2}})
        assert turned.take(runs) == []
    assert turned.take(at_work()) == [], "nor later"
