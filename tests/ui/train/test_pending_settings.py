"""Changed settings on their way to running runs: which are sent, and when."""

from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.ui.train.pending_settings import PendingSettings, Setting


def running(lr=0.1, state="running"):
    return [RunView("run", RunSpec(), 0.0, state, settings={"lr": lr})]


def changed(*values, pending=None):
    pending = pending or PendingSettings()
    for value in values:
        pending = pending.with_setting(Setting("run", "lr", value))
    return pending


def sent(pending, runs):
    """What is sent, and what is pending afterwards."""
    due = pending.due(runs)
    return [setting.value for setting in due], pending.all_sent(due)


def test_of_many_changes_the_last_one_is_sent_and_only_once():
    values, pending = sent(changed(0.2, 0.5), running())
    assert values == [0.5]
    assert sent(pending, running())[0] == []


def test_a_value_that_is_pending_already_changes_nothing():
    pending = changed(0.2)
    assert changed(0.2, pending=pending) is pending


def test_a_value_that_was_turned_back_in_time_is_not_sent():
    assert sent(changed(0.2, 0.1), running())[0] == []


def test_a_value_that_was_turned_back_after_it_was_sent_is_sent_too():
    pending = sent(changed(0.2), running())[1]
    assert sent(changed(0.1, pending=pending), running())[0] == [0.1], "the run has not reported 0.2 yet"


def test_a_run_that_is_over_or_gone_gets_no_settings():
    for runs in (running(state="finished"), []):
        values, pending = sent(changed(0.2), runs)
        assert values == []
        assert sent(pending, running())[0] == [], "nor later"


def test_a_value_is_unconfirmed_until_the_run_reports_it():
    assert changed(0.2).unconfirmed(running()).values == {"run": {"lr": 0.2}}
    assert changed(0.2).unconfirmed(running(0.2)).values == {}
    assert changed(0.2).unconfirmed(running(state="finished")).values == {}
