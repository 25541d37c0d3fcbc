"""Runs written by hand, and the app in the training mode on them."""

import pytest
from run_fixtures import made_run, no_process  # noqa: F401

from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.train import screen as train_screen


@pytest.fixture
def training_app(tmp_path, monkeypatch):
    """The app in the training mode, on the runs in `tmp_path`, which it polls all the time."""
    for name in ("POLL_RUNNING", "POLL_RUNNING_LONGEST", "POLL_IDLE"):
        monkeypatch.setattr(train_screen, name, 0.05)
    monkeypatch.setattr(train_screen, "SECONDS_PER_DRAWING", 0.0)
    return AdamApp(PlaygroundState(), mode="train", runs=tmp_path)
