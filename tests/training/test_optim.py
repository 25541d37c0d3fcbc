import io

import numpy as np
import pytest
import torch
from torch import nn

from adam_tui.engine.optimizers import OPTIMIZERS, expand
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.training import model, optim

# Away from every default, so that a lost knob shows.
UNUSUAL = {
    "lr": 0.03,
    "beta1": 0.8,
    "beta2": 0.95,
    "eps": 1e-3,
    "weight_decay": 0.07,
    "momentum": 0.6,
    "dampening": 0.2,
    "lr_decay": 0.1,
    "initial_accumulator_value": 0.3,
    "rho": 0.7,
    "alpha": 0.8,
    "centered": 1.0,
    "momentum_decay": 0.02,
    "decoupled_weight_decay": 1.0,
    "nesterov": 0.0,
    "ns_steps": 3.0,
    "lambd": 0.01,
    "t0": 5.0,
    "eta_minus": 0.4,
    "eta_plus": 1.3,
    "step_min": 1e-4,
    "step_max": 0.1,
    "beta2_decay": -0.6,
    "eps2": 0.5,
    "d": 1.1,
}


def unusual(name):
    return {knob.name: UNUSUAL[knob.name] for knob in TRAINING_OPTIMIZERS[name].knobs}


# torch keeps NAdam's product of momenta and ASGD's rate in float32, whatever the weights are.
TOLERANCE = {"nadam": 1e-7, "asgd": 1e-6}
# Those that training has. Its Muon scales each step to the size of AdamW's, the engine's does not.
COMPARED = [name for name in OPTIMIZERS if name in TRAINING_OPTIMIZERS and name != "muon"]


class Points(nn.Module):
    """Weights that are points, as the engine has them: each is one parameter of two entries."""

    def __init__(self, x):
        super().__init__()
        self.points = nn.ParameterList([nn.Parameter(torch.tensor(point)) for point in x.reshape(-1, 2)])

    def set_gradient(self, gradient):
        for point, slope in zip(self.points, gradient.reshape(-1, 2), strict=True):
            point.grad = torch.tensor(slope)

    def values(self):
        return np.stack([point.detach().numpy() for point in self.points])


def paths(name, hyper, changed=None, steps=30):
    """The same gradients through ours and the engine's; at half way `changed` takes effect."""
    rule = OPTIMIZERS[name]
    corrected = {"bias_correction": 1.0} if name == "adam" else {}  # torch always does
    random = np.random.default_rng(5)
    x = random.normal(size=(3, 2))
    network = Points(x)
    optimizer = optim.build(name, network, hyper)
    state = rule.init(x, expand(hyper | corrected))
    for step in range(steps):
        if changed and step == steps // 2:
            hyper = hyper | changed
            for key, value in changed.items():
                optim.set_hyperparameter(optimizer, key, value)
        gradient = x + random.normal(size=x.shape)
        network.set_gradient(gradient)
        optimizer.step()
        delta, state, _ = rule.update(gradient, state, x, expand(hyper | corrected))
        x = x + delta
    return network.values(), x


def assert_same(name, ours, engines):
    tolerance = TOLERANCE.get(name, 1e-12)
    np.testing.assert_allclose(ours, engines, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", COMPARED)
def test_an_optimizer_means_the_same_in_training_as_in_the_playground(name):
    ours, engines = paths(name, unusual(name))
    assert_same(name, ours, engines)


@pytest.mark.parametrize("name", COMPARED)
def test_a_hyperparameter_that_changes_while_training_acts_from_the_next_step(name):
    changed = {"lr": 0.2, "weight_decay": 0.5, "beta1": 0.3, "eta_plus": 1.1, "step_max": 0.05, "eps2": 0.1}
    acts_at_first = OPTIMIZERS[name].initial
    changed = {key: value for key, value in changed.items() if key in unusual(name) and key not in acts_at_first}
    before, _ = paths(name, unusual(name))
    ours, engines = paths(name, unusual(name), changed)
    assert_same(name, ours, engines)
    assert not np.allclose(before, ours, rtol=1e-3)


@pytest.mark.parametrize("later", [{"momentum": 0.9}, {"centered": 1.0}, {"momentum": 0.9, "centered": 1.0}])
def test_rmsprop_can_be_given_momentum_and_a_centre_while_training(later):
    without = unusual("rmsprop") | {"momentum": 0.0, "centered": 0.0}
    before, _ = paths("rmsprop", without)
    after, _ = paths("rmsprop", without, later)
    assert np.isfinite(after).all()
    assert not np.allclose(before, after, rtol=1e-3)


def test_a_hyperparameter_that_cannot_change_is_refused():
    optimizer = optim.build("adagrad", Points(np.ones(2)), unusual("adagrad"))
    with pytest.raises(ValueError, match="before the first step only"):
        optim.set_hyperparameter(optimizer, "initial_accumulator_value", 1.0)
    with pytest.raises(ValueError, match="has no beta1"):
        optim.set_hyperparameter(optimizer, "beta1", 0.5)


def test_rprops_lr_is_the_length_of_its_first_step_and_cannot_change_later():
    network = Points(np.ones(2))
    optimizer = optim.build("rprop", network, unusual("rprop"))
    optim.set_hyperparameter(optimizer, "lr", 0.05)
    network.set_gradient(np.array([1.0, -1.0]))
    optimizer.step()
    assert network.values().tolist() == [[0.95, 1.05]]
    with pytest.raises(ValueError, match="lr acts before the first step only"):
        optim.set_hyperparameter(optimizer, "lr", 0.1)


@pytest.mark.parametrize("name", TRAINING_OPTIMIZERS)
def test_every_optimizer_trains_the_network_and_continues_from_its_saved_state_bit_for_bit(name):
    torch.manual_seed(3)
    images, labels = torch.randn(32, 1, 28, 28), torch.randint(0, 10, (32,))
    defaults = TRAINING_OPTIMIZERS[name].defaults()
    defaults["lr"] /= 10  # small steps on one batch go down, whatever the rule

    def steps(network, optimizer, count):
        losses = []
        for _ in range(count):
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    network = model.build(torch.device("cpu"))
    optimizer = optim.build(name, network, defaults)
    first = steps(network, optimizer, 4)
    assert first[-1] < first[0]
    saved = io.BytesIO()
    torch.save([network.state_dict(), optimizer.state_dict()], saved)
    saved.seek(0)
    weights, state = torch.load(saved, weights_only=True)
    again = model.build(torch.device("cpu"))
    continued = optim.build(name, again, defaults)
    again.load_state_dict(weights)
    continued.load_state_dict(state)
    assert steps(again, continued, 4) == steps(network, optimizer, 4)
    if name == "rprop":  # its steps do not depend on lr
        return
    optim.set_hyperparameter(continued, "lr", 0.0)  # also after the state was loaded
    optim.set_hyperparameter(continued, "weight_decay", 0.0)
    if name == "asgd":  # its rate of each step is computed in the step before
        steps(again, continued, 1)
    before = [weight.clone() for weight in again.parameters()]
    steps(again, continued, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, again.parameters(), strict=True))


def test_muon_moves_filters_as_torchs_muon_moves_their_matrix_and_biases_as_adamw():
    torch.manual_seed(4)
    network = model.build(torch.device("cpu"))
    hyper = TRAINING_OPTIMIZERS["muon"].defaults() | {"lr": 0.01, "ns_steps": 4.0}
    optimizer = optim.build("muon", network, hyper)
    twins = [weight.detach().clone().contiguous() for weight in network.parameters()]
    matrices = [twin.flatten(1) if twin.ndim > 1 else twin for twin in twins]
    muon = torch.optim.Muon(
        [m for m in matrices if m.ndim == 2], lr=0.01, ns_steps=4, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW([m for m in matrices if m.ndim == 1], lr=0.01, weight_decay=0.1)
    for _ in range(3):
        for weight, matrix in zip(network.parameters(), matrices, strict=True):
            weight.grad = torch.randn_like(weight)
            matrix.grad = weight.grad.contiguous().flatten(1) if weight.ndim > 1 else weight.grad.clone()
        optimizer.step()
        muon.step()
        adamw.step()
    for weight, matrix in zip(network.parameters(), matrices, strict=True):
        # Newton-Schulz runs in bfloat16, and the order of its sums differs with the order of the columns: each
        # entry of a step is about 0.2·lr, so 3 steps agree to some percent of that.
        tolerance = 5e-4 if weight.ndim > 1 else 1e-7
        torch.testing.assert_close(weight.detach().reshape(matrix.shape), matrix, rtol=0.0, atol=tolerance)
