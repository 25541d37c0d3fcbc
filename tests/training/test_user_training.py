"""Training with an optimizer class and a network of the user, in this process, on a few real digits."""

import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from adam_tui.engine.class_reference import ClassReference
from adam_tui.runs import control, directory, recipes, user_code
from adam_tui.runs.protocol import Steps
from adam_tui.runs.run import Run
from adam_tui.training import code_check, trainer, user_network
from adam_tui.training.journal import Journal
from adam_tui.training.user_code import UserCodeError

pytestmark = pytest.mark.usefixtures("quick_digits")

MINE = '''\
import torch

class Counting(torch.optim.Optimizer):
    """Keeps its momentum and its count in attributes, and noise in its steps."""

    def __init__(self, params, lr=0.1, betas=(0.9, 0.99), power=1.0):
        super().__init__(params, {"lr": lr, "betas": betas})
        self.count = 0
        self.momenta = []
        self.power = power

    @torch.no_grad()
    def step(self, closure=None):
        self.count += 1
        for group in self.param_groups:
            for i, weight in enumerate(group["params"]):
                if len(self.momenta) <= i:
                    self.momenta.append(torch.zeros_like(weight))
                self.momenta[i].mul_(group["betas"][0]).add_(weight.grad)
                noise = 1 + 0.1 * torch.rand(1).item()
                weight.sub_(self.momenta[i], alpha=group["lr"] * noise / self.count ** self.power)

class Late(torch.optim.SGD):
    def step(self, closure=None):
        state = self.state["all"]
        state["count"] = state.get("count", 0) + 1
        if state["count"] > 5:
            raise RuntimeError("five are enough")
        return super().step()

class Moments:
    pass

class Unsaved(torch.optim.SGD):
    def step(self, closure=None):
        super().step()
        self.state[self.param_groups[0]["params"][0]]["moments"] = Moments()

class Curved(torch.optim.Optimizer):
    """Needs gradients that can be differentiated again."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    def step(self):
        for group in self.param_groups:
            gradients = [weight.grad for weight in group["params"]]
            squared = sum((g * g).sum() for g in gradients)
            torch.autograd.grad(squared, group["params"])
            with torch.no_grad():
                for weight, gradient in zip(group["params"], gradients):
                    weight.sub_(gradient, alpha=group["lr"])

class Failing(torch.optim.Optimizer):
    """Fails at its first gradient, and does nothing without one."""

    def __init__(self, params):
        super().__init__(params, {})

    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    raise SystemError("always")

class Averaged(torch.optim.Optimizer):
    """Trains one point and evaluates at another one, as schedule-free optimizers do."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr, "train_mode": False})

    def _go(self, weights, sign):
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.mul_(weights if sign > 0 else 1 / weights)

    def train(self):
        if not self.param_groups[0]["train_mode"]:
            self._go(1.1, 1)
            self.param_groups[0]["train_mode"] = True

    def eval(self):
        if self.param_groups[0]["train_mode"]:
            self._go(1.1, -1)
            self.param_groups[0]["train_mode"] = False

    @torch.no_grad()
    def step(self, closure=None):
        if not self.param_groups[0]["train_mode"]:
            raise RuntimeError("not in train mode")
        for group in self.param_groups:
            for weight in group["params"]:
                weight.sub_(weight.grad, alpha=group["lr"])
'''

NET = """\
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(6), nn.Dropout(0.5),
                         nn.Flatten(), nn.Linear(64, 10))

class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out, self.unused = nn.Linear(784, 16), nn.Linear(16, 10), nn.Linear(2, 2)

    def forward(self, images):
        return self.out(self.hidden(images.view(len(images), -1)).relu())

def wrong():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 3))

def nothing():
    return 3
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """mine.py and net.py; and the check of code runs in this process, where torch is loaded already."""

    def reply(request):
        try:
            return code_check.check(request)
        except ValueError as error:
            return {"error": str(error)}

    monkeypatch.setattr(user_code, "_reply", reply)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.fixture
def make(files):
    """Create a run of 16 steps with a class, its settings, and a network."""

    def make(name="", network="", settings=(), **changes):
        optimizer = named(files / "mine.py", name) if name else None
        checked = user_code.check_code(
            optimizer, settings, named(files / "net.py", network) if network else None, "cpu"
        )
        fields = {"batch_size": 32, "epochs": 2, "limit": 250, "device": "cpu", "precision": "float32", "weights": 4}
        spec = recipes.make_spec(checked.optimizer or "adam", checked.values, **fields | dict(checked.rest) | changes)
        return directory.create(spec, files / "runs")

    return make


def named(file, name):
    return ClassReference.parse(name) if "." in name else ClassReference(str(file), None, name)


def train(run, commands=None):
    """Train a run; `commands` maps a number of steps of this process to the command that comes after them."""
    calls = iter(range(10**9))

    class Steered(Journal):
        def new_commands(self):
            return [each] if (each := (commands or {}).get(next(calls))) else []

    with Steered(run) as journal:
        return trainer.train(journal)


def losses(run):
    from adam_tui.runs.export import losses

    return [loss for _, loss in losses(run)]


STOP = {"command": "stop"}


def test_torchs_adam_as_a_class_trains_with_the_losses_of_our_adam(make, new_run):
    ours = new_run(values={"lr": 1e-3})
    fused, plain = make("torch.optim.Adam", settings=[("fused", "on")]), make("torch.optim.Adam")
    for run in (ours, fused, plain):
        assert train(run)[0] == "finished"
    assert losses(fused) == losses(ours)  # with torch's fused kernel, as ours, in every bit
    np.testing.assert_allclose(losses(plain), losses(ours), rtol=1e-5)
    assert (fused.id.split("-")[0], fused.spec().optimizer) == ("Adam", "torch.optim.Adam")


def test_a_resumed_run_goes_on_bit_for_bit_with_the_code_that_it_began_with(make, files):
    whole, parts = make("Counting"), make("Counting")
    train(whole)
    train(parts, {5: STOP})
    assert len(losses(parts)) == 5
    (files / "mine.py").write_text("raise SystemError\n")
    assert train(parts)[0] == "finished"
    assert losses(parts) == losses(whole)
    assert (parts.path / "optimizer.py").read_text() == MINE


def test_a_class_that_needs_a_closure_gets_one_and_each_step_has_one_loss(make, new_run):
    lbfgs, adam = make("torch.optim.LBFGS", settings=[("lr", "0.1"), ("max_iter", "3")]), new_run()
    assert train(lbfgs)[0] == train(adam)[0] == "finished"
    assert len(losses(lbfgs)) == 16
    assert losses(lbfgs)[0] == losses(adam)[0]
    assert losses(lbfgs)[-1] < losses(lbfgs)[0] / 2
    assert lbfgs.spec().calls == ("closure",)


def test_a_class_that_differentiates_again_gets_gradients_with_their_graph(make):
    run = make("Curved")
    assert run.spec().calls == ("graph",)
    assert train(run)[0] == "finished"
    assert losses(run)[-1] < losses(run)[0]


def test_evaluations_and_checkpoints_do_not_change_a_class_with_modes(make, monkeypatch):
    rare, parts = make("Averaged"), make("Averaged")
    assert rare.spec().calls == ("modes",)
    train(rare)
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "SAMPLE_SECONDS", -1.0)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    train(parts, {5: STOP})
    train(parts)
    assert losses(parts) == losses(rare)
    state = torch.load(parts.checkpoint, weights_only=True)
    for name, weight in zip(state["model"], state["trained_weights"], strict=True):  # the model evaluates
        torch.testing.assert_close(state["model"][name] * 1.1, weight)


def test_a_state_that_no_checkpoint_can_hold_is_reported_and_refuses_to_continue(make, files):
    checked = user_code.check_code(named(files / "mine.py", "Unsaved"), (), None, "cpu")
    assert checked.warning == (
        "no checkpoint can hold the state of Unsaved: it holds Moments objects; such a run cannot be continued"
    )
    run = make("Unsaved")
    train(run, {9: STOP})
    state, reason = train(run)
    assert state == "failed"
    assert "it lacks the state of Unsaved, which no checkpoint can hold" in reason


def test_a_step_that_always_fails_is_found_before_a_run_is_made(make):
    with pytest.raises(ValueError, match=r"mine\.py, line \d+: SystemError: always"):
        make("Failing")


def test_an_error_in_a_step_ends_the_run_with_the_file_and_the_line(make):
    run = make("Late")
    assert train(run) == ("failed", "mine.py, line 28: RuntimeError: five are enough")
    assert len(losses(run)) == 5


def test_settings_of_a_class_change_while_it_trains(make):
    settings = [{"command": "set", "name": name, "value": 0.5} for name in ("lr", "beta1", "power")]
    run = make("Counting", settings=[("betas", "(0.8,0.99)")])
    before = dict(run.spec().hyperparameters)
    assert before == {"lr": 0.1, "beta1": 0.8, "beta2": 0.99, "power": 1.0}
    train(run, dict(enumerate(settings, 3)))
    changes = [(event.parameter, event.value) for event in run.follow().poll() if event.name == "set"]
    assert changes == [("lr", 0.5), ("beta1", 0.5)]  # the constructor alone reads the power
    group = torch.load(run.checkpoint, weights_only=True)["optimizer"]["torch"]["param_groups"][0]
    assert (group["lr"], group["betas"]) == (0.5, (0.5, 0.99))


def test_a_network_of_the_user_trains_with_dropout_and_is_tested_without(make, files):
    whole, parts = make(network="build"), make(network="build")
    train(whole)
    train(parts, {5: STOP})
    (files / "net.py").unlink()
    train(parts)
    assert losses(parts) == losses(whole)
    with np.load(whole.evaluation) as held:
        assert held["filters"].shape == (4, 3, 3)
    layers = next(event for event in whole.follow().poll() if event.name == "layers")
    assert layers.names[:4] == ("0.weight", "0.bias", "1.weight", "1.bias")
    assert whole.epochs()[-1].test_accuracy == parts.epochs()[-1].test_accuracy


def test_a_network_without_a_convolution_has_no_filters_and_may_have_idle_weights(make):
    with pytest.raises(ValueError, match=r"mine\.py, line 19: TypeError: .* not NoneType"):
        make("Counting", "Perceptron")  # the idle weights have no gradient, and this class expects one everywhere
    run = make(network="Perceptron")
    assert train(run)[0] == "finished"
    with np.load(run.evaluation) as held:
        assert held["filters"].shape == (0, 1, 1)
    assert run.spec().network.endswith("net.py::Perceptron")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("wrong", "the network of wrong in net.py returned scores of shape (n, 3), not (n, 10)"),
        ("nothing", "nothing in net.py returned a int, no torch.nn.Module"),
        ("nn", "nn in net.py is no function: it is a module"),
    ],
)
def test_a_network_that_cannot_be_trained(files, name, problem):
    with pytest.raises(UserCodeError) as error:
        user_network.build(named(files / "net.py", name), torch.device("cpu"))
    assert str(error.value) == problem


def test_a_run_that_came_from_elsewhere_is_executed_only_after_consent(make, files, monkeypatch):
    run = make("Counting")
    train(run, {5: STOP})
    control.check_trust(run)
    shutil.copytree(run.path, files / "runs" / "copy")
    control.check_trust(Run(files / "runs" / "copy"))  # the code is the same
    (files / "runs" / "copy" / "optimizer.py").write_text(MINE + "\n")
    monkeypatch.setattr(control.subprocess, "Popen", None)  # no process may start
    with pytest.raises(
        user_code.UntrustedError, match=r"copy runs code that you have not named, /.*/copy/optimizer\.py"
    ):
        control.resume(Run(files / "runs" / "copy"))
    control.trust(Run(files / "runs" / "copy"))
    control.check_trust(Run(files / "runs" / "copy"))
    package = dataclasses.replace(run.spec(), optimizer="some_package.Class", code={})
    assert user_code.untrusted(package, run.path) == ["the package some_package"]
    assert user_code.untrusted(dataclasses.replace(package, optimizer="torch.optim.Adam"), run.path) == []


def test_code_that_never_returns_ends_its_process_with_the_place(tmp_path):
    (tmp_path / "endless.py").write_text("def go():\n    while True:\n        pass\n")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\nimport endless\n"
        "from adam_tui.training.time_limit import time_limit\n"
        "with time_limit(0.2, lambda place: print(place, flush=True)): endless.go()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "endless.py, line 3\n") or done.stdout == "endless.py, line 2\n"


def test_losses_are_recorded_for_every_step(make):
    run = make("Counting")
    train(run)
    assert sum(len(event.losses) for event in run.follow().poll() if isinstance(event, Steps)) == 16
