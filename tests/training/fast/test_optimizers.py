"""The optimizers of fast/ beside torch's own: the same in every bit, and without torch's compiler."""

import io

import pytest
import torch
from torch import nn

from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.training import model, optim
from adam_tui.training.fast import optimizers


@pytest.mark.parametrize("name", ["adam", "amsgrad", "adamw"])
def test_adam_is_torchs_fused_adam_in_every_bit_whatever_is_changed_saved_and_loaded(name):
    torch.manual_seed(6)
    network, twin = (model.build(torch.device("cpu")) for _ in range(2))
    twin.load_state_dict(network.state_dict())
    values = TRAINING_OPTIMIZERS[name].defaults()
    ours, kind = optim.build(name, network, values), torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    torchs = kind(twin.parameters(), fused=True, amsgrad=name == "amsgrad")
    for key, value in values.items():
        optim.set_hyperparameter(torchs, key, value)
    for step in range(100):
        if step in (20, 60):
            for key, value in {"lr": 0.01 / step, "beta1": 0.5, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1}.items():
                optim.set_hyperparameter(ours, key, value)
                optim.set_hyperparameter(torchs, key, value)
        if step == 40:
            saved = io.BytesIO()
            torch.save(ours.state_dict(), saved)
            saved.seek(0)
            ours = optim.build(name, network, values)
            ours.load_state_dict(torch.load(saved, weights_only=True))
        for weight, other in zip(network.parameters(), twin.parameters(), strict=True):
            weight.grad = torch.randn_like(weight)
            other.grad = weight.grad.clone()
        ours.step()
        torchs.step()
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True)), step


TORCHS = ["SGD", "ASGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Muon"]
TORCHS += ["Adafactor"]


@pytest.mark.parametrize("name", TORCHS)
def test_an_unwrapped_optimizer_is_torchs_in_every_bit(name):
    kind = getattr(torch.optim, name)
    torch.manual_seed(8)
    start = torch.randn(3, 4)
    gradients = torch.randn(5, 3, 4)
    ends, names = [], []
    for each in (kind, optimizers.unwrapped(kind)):
        weight = nn.Parameter(start.clone())
        optimizer = each([weight], lr=0.1, weight_decay=0.1)
        for weight.grad in gradients.clone():
            optimizer.step()
        ends.append([weight.detach(), *optimizer.state[weight].values()])
        names.append(list(optimizer.state[weight]))
        assert not any(tensor.requires_grad for tensor in optimizer.state[weight].values() if torch.is_tensor(tensor))
    assert names[0] == names[1]
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(*ends, strict=True))


def test_no_optimizer_loads_torchs_compiler_which_takes_longer_than_the_rest_of_torch(fresh_modules):
    loaded = fresh_modules("""
import io, torch
from adam_tui.training import model, optim
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
for name, rule in TRAINING_OPTIMIZERS.items():
    network = model.build(torch.device("cpu"))
    optimizer = optim.build(name, network, rule.defaults())
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
""")
    assert "torch.optim" in loaded
    assert "torch._dynamo" not in loaded


@pytest.mark.parametrize("name", [*TORCHS, "Rprop"])
def test_every_optimizer_of_this_torch_can_be_unwrapped(name):
    kind = getattr(torch.optim, name)
    assert optimizers.unwrapped(kind) is not kind


def test_an_optimizer_with_an_unknown_wrapper_stays_as_it_is():
    def wrapper(self):
        return torch.optim.SGD.step(self)

    wrapper.__wrapped__ = torch.optim.SGD.step
    kind = type("SGD", (torch.optim.SGD,), {"step": wrapper})
    assert optimizers.unwrapped(kind) is kind


@pytest.mark.parametrize("fault", [None, lambda *tensors, **options: None])
def test_adam_leaves_its_step_to_torch_where_its_kernel_differs(fault, monkeypatch):
    weight = nn.Parameter(torch.ones(2))
    assert isinstance(optimizers.build(torch.optim.Adam, [weight], fused=True), optimizers.FusedAdam)
    optimizers.fused_kernel_matches.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(optimizers, "fused_adam_step", fault)
        adam = optimizers.build(torch.optim.Adam, [weight], lr=0.1, fused=True)
        assert not isinstance(adam, optimizers.FusedAdam)
        for _ in range(3):
            weight.grad = torch.ones_like(weight)
            adam.step()
        torch.testing.assert_close(weight.detach(), torch.full((2,), 0.7))
    optimizers.fused_kernel_matches.cache_clear()
