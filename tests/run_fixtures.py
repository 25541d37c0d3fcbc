"""Fixtures of runs: written by the tests, or trained on real digits."""

import dataclasses
import os
import subprocess
import sys

import pytest
from made_runs import MadeRun, lock
from torchvision_files import lay_out_digits

from adam_tui.runs import control, directory, recipes
from adam_tui.runs.protocol import RunSpec


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache for the tests, unpacked once for all processes of pytest-xdist; the training processes inherit it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAM_TUI_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def loaded():
    return {}


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory):
    """A folder for --data-dir with 2,000 real training digits and 500 test digits: a whole epoch in half a second."""
    return str(lay_out_digits(tmp_path_factory.mktemp("digits"), 2000, 500))


@pytest.fixture
def quick_digits(monkeypatch, loaded):
    """The real digits, loaded once, with 500 test images, for tests that do not check the accuracy."""
    from adam_tui.training import data

    load = data.load

    def quick(device, dtype, limit=0, name="mnist", folder=None, progress=None, validation=0):
        if name != "mnist" or folder:
            return load(device, dtype, limit, name, folder, progress, validation)
        key = (device, dtype, limit, validation)
        if key not in loaded:
            digits = load(device, dtype, limit, validation=validation)
            few = {name: getattr(digits, name)[:500] for name in ("test_images", "test_labels", "test_bytes")}
            loaded[key] = dataclasses.replace(digits, **few)
        return loaded[key]

    monkeypatch.setattr(data, "load", quick)


@pytest.fixture
def run(tmp_path):
    """A new run without a process."""
    return directory.create(RunSpec(), tmp_path / "runs")


@pytest.fixture
def locked(run):
    """The run's process, as far as files show it: this test holds the lock, and nothing was written yet."""
    descriptor = lock(run)
    os.utime(run.metrics, (0.0, 0.0))
    yield
    os.close(descriptor)


@pytest.fixture
def hold():
    """Lock runs as their processes do: `hold(run)`, and `hold.release(run)` before the end of the test."""
    held = {}

    def hold(run):
        held[run.path] = lock(run)
        return run

    hold.release = lambda run: os.close(held.pop(run.path))
    yield hold
    for descriptor in held.values():
        os.close(descriptor)


@pytest.fixture
def new_run(tmp_path):
    """Create a run of a few steps on real digits: 8 batches of 32 an epoch."""

    def make(optimizer="adam", values=None, **rest):
        settings = {"batch_size": 32, "epochs": 2, "limit": 250, "device": "cpu", "precision": "float32"}
        return directory.create(recipes.make_spec(optimizer, values or {}, **settings | rest), tmp_path / "runs")

    return make


@pytest.fixture
def fresh_modules():
    """The modules that a new interpreter has loaded after some code."""

    def run(code):
        script = f"{code}\nimport sys; print(*sys.modules)"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    return run


@pytest.fixture
def made_run(tmp_path):
    """Create a `MadeRun` in `tmp_path`; an active one keeps its lock to the end of the test."""
    made = []

    def make(*names, **values):
        made.append(MadeRun(tmp_path, *names, **values))
        return made[-1]

    yield make
    for each in made:
        each.release()


@pytest.fixture
def no_process(monkeypatch):
    """Starting a run creates its directory without a process."""
    monkeypatch.setattr(control, "start_worker", lambda run, **how: type("Process", (), {"poll": lambda self: None})())
