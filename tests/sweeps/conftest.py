"""Sweeps for the tests of this folder."""

import pytest
from run_fixtures import *  # noqa: F403
from sweep_training import Training

from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.sweep import create
from adam_tui.sweeps.work import Worker


@pytest.fixture
def new_sweep(tmp_path):
    """Plan a sweep in `tmp_path`: `new_sweep(trials=4, optimizers="adam,sgd", lr="1e-4..1e-1")`."""

    def make(optimizers="adam", lr="1e-4..1e-1", settings=None, name="", halving=False, **rest):
        space = plans.make_space({each: {} for each in optimizers.split(",")}, lr, settings or {})
        values = {"epochs": 3, "trials": 4, "device": "cpu", "precision": "float32"} | rest
        count = len(plans.settings_of(Plan(space, trials=values["trials"]), next(iter(space))))
        rungs = plans.rungs_of(values["epochs"], count, halving=halving)
        return create(Plan(space, rungs=rungs, **values), tmp_path / "runs", name)

    return make


@pytest.fixture
def work():
    """Work on a sweep with the stand-in until it is over; the stand-in."""

    def run(sweep, before=lambda leg: None):
        training = Training(before)
        Worker(sweep, training).work()
        return training

    return run
