"""A run as a command line that starts the same run, and as a PyTorch script that trains the same network."""

import contextlib
import io
import json
import re
import shlex
from dataclasses import replace

import pytest
from click.testing import CliRunner
from torchvision_files import lay_out_digits

from adam_tui.cli import follow, runs
from adam_tui.engine.class_reference import ClassReference
from adam_tui.runs import directory, user_code
from adam_tui.runs.protocol import Epoch, RunSpec
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS, make_spec
from adam_tui.training import code_check
from adam_tui.training.journal import Journal
from adam_tui.training.trainer import train
from adam_tui.ui.train import export

UNUSUAL = make_spec(
    "adam",
    {"lr": 0.003, "beta1": 0.8, "eps": 1e-7},
    batch_size=32,
    epochs=7,
    seed=3,
    device="cpu",
    precision="bfloat16",
    limit=500,
    data="fashion-mnist",
    data_dir="/data/my sets",
)


def spec_of(text, monkeypatch, tmp_path):
    """The specification that `adam-tui train` makes of a command line."""
    asked = []
    monkeypatch.setattr(follow, "train", lambda spec, *rest, **more: asked.append(spec) or 0)
    words = shlex.split(text)
    assert words[:2] == ["adam-tui", "train"]
    result = CliRunner().invoke(runs.train, [*words[2:], "--runs", str(tmp_path)])
    assert asked, result.output
    return asked[0]


@pytest.mark.parametrize("optimizer", TRAINING_OPTIMIZERS)
def test_the_command_line_starts_the_same_run(optimizer, monkeypatch, tmp_path):
    spec = make_spec(optimizer, {"lr": 0.0123}, epochs=2)
    assert spec_of(export.command(spec), monkeypatch, tmp_path) == spec


def test_settings_that_differ_are_in_the_command_line_and_quoted(monkeypatch, tmp_path):
    (tmp_path / "my sets").mkdir()
    spec = replace(UNUSUAL, data_dir=str(tmp_path / "my sets"))
    text = export.command(spec)
    assert "my sets'" in text
    assert spec_of(text, monkeypatch, tmp_path) == spec


def test_defaults_are_left_out():
    assert export.command(make_spec("adam", {})) == "adam-tui train --optimizer adam"


def test_json_reads_back():
    assert RunSpec.from_json(json.loads(export.copy_text("json", UNUSUAL))) == UNUSUAL


@pytest.mark.parametrize("optimizer", TRAINING_OPTIMIZERS)
@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_every_optimizers_script_is_python(optimizer, precision):
    compile(export.to_pytorch(make_spec(optimizer, {}, precision=precision)), optimizer, "exec")


def script_accuracies(spec):
    """The accuracies that the script prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(export.to_pytorch(spec), "script", "exec"), {})
    return [float(share) for share in re.findall(r"accuracy ([\d.]+)%", printed.getvalue())]


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_the_script_reaches_the_same_accuracy_as_the_run(optimizer, tmp_path):
    digits = lay_out_digits(tmp_path / "data", 6000, 2000)
    asked = {"device": "cpu", "precision": "float32", "limit": 640, "data_dir": str(digits)}
    spec = make_spec(optimizer, {}, epochs=1, seed=5, validation=500 if optimizer == "muon" else 0, **asked)
    run = directory.create(spec, tmp_path / "runs")
    with Journal(run) as journal:
        assert train(journal)[0] == "finished"
    [epoch] = [event for event in run.follow().poll() if isinstance(event, Epoch)]
    *validated, tested = script_accuracies(spec)
    assert tested == pytest.approx(100 * epoch.test_accuracy, abs=0.35)
    assert tested > 50, "it learns"
    assert validated == ([pytest.approx(100 * epoch.validation_accuracy, abs=0.65)] if spec.validation else [])


MINE = """\
import torch
from torch import nn

class Closing(torch.optim.SGD):
    def step(self, closure):
        loss = closure()
        super().step()
        return loss

class Averaged(torch.optim.SGD):
    def __init__(self, params, lr=0.05, momentum=0.9):
        super().__init__(params, lr, momentum)
        self.shown = False

    def train(self):
        self.shown = False

    def eval(self):
        self.shown = True

    def step(self, closure=None):
        assert not self.shown
        super().step()

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Linear(30, 10))
"""


@pytest.mark.parametrize(
    ("name", "network", "calls", "settings"),
    [
        ("Closing", "build", ("closure",), [("lr", "0.05"), ("momentum", "0.9"), ("nesterov", "on")]),
        ("Averaged", "", ("modes",), []),
    ],
)
def test_the_script_of_a_users_class_reaches_the_accuracy_of_its_run(
    name, network, calls, settings, tmp_path, monkeypatch
):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.setattr(user_code, "_reply", code_check.check)  # in this process, where torch is loaded already
    digits = lay_out_digits(tmp_path / "data", 6000, 2000)
    named = [each and ClassReference(str(tmp_path / "mine.py"), None, each) for each in (name, network or None)]
    checked = user_code.check_code(named[0], settings, named[1], "cpu")
    asked = {"device": "cpu", "precision": "float32", "limit": 640, "data_dir": str(digits), "epochs": 2, "seed": 5}
    spec = make_spec(checked.optimizer, checked.values, **asked, **checked.rest)
    assert spec.calls == calls
    run = directory.create(spec, tmp_path / "runs")
    with Journal(run) as journal:
        assert train(journal)[0] == "finished"
    tested = [100 * epoch.test_accuracy for epoch in run.epochs()]
    assert script_accuracies(spec) == pytest.approx(tested, abs=0.35)
    assert tested[-1] > 60, "it learns"
    monkeypatch.chdir(tmp_path)
    assert spec_of(export.command(spec), monkeypatch, tmp_path) == spec
