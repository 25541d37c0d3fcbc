"""Whole runs on real digits with and without the shortcuts of fast/, each in a process of its own."""

import numpy as np
import pytest

from adam_tui.runs import control, export
from adam_tui.training import trainer
from adam_tui.training.journal import Journal

# Largest difference between manual gradients and autograd's after 24 steps, as a share of the loss. Rounding: 2e-7 when
# it was measured, 1e-5 on a machine with other work.
ROUNDING = 5e-5


@pytest.fixture
def train(new_run, few_digits, monkeypatch):
    """Train a run of 24 steps in a process of its own, with ADAM_TUI_FAST at this value."""

    def train(fast):
        monkeypatch.setenv("ADAM_TUI_FAST", fast)
        run = new_run(epochs=3, queue=False, data_dir=few_digits)
        assert control.start_worker(run, detached=False).wait(120) == 0, run.log_tail(9)
        assert run.status().state == "finished"
        assert run.log_tail(9) == ""
        return run

    return train


def losses(run):
    return [loss for _, loss in export.losses(run)]


def epochs(run):
    return [(epoch.train_loss, epoch.test_loss, epoch.test_accuracy) for epoch in run.epochs()]


def test_a_run_with_the_shortcuts_has_the_losses_of_one_without(train, new_run, few_digits, monkeypatch):
    fast, plain = train("1"), train("0")
    assert len(losses(fast)) == 24
    np.testing.assert_allclose(losses(fast), losses(plain), rtol=ROUNDING)
    assert losses(fast) != losses(plain), "the shortcut was not used"
    np.testing.assert_allclose(epochs(fast), epochs(plain), rtol=ROUNDING)

    # The optimizers alone change nothing: with autograd's gradients the runs agree in every bit.
    monkeypatch.setenv("ADAM_TUI_FAST", "1")
    monkeypatch.setattr(trainer, "fastest_gradients", lambda autograd, *rest: autograd)
    unwrapped = new_run(epochs=3, data_dir=few_digits)
    with Journal(unwrapped) as journal:
        assert trainer.train(journal)[0] == "finished"
    assert losses(unwrapped) == losses(plain)
    assert epochs(unwrapped) == epochs(plain)
