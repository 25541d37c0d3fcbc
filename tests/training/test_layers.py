import itertools

import pytest
import torch
from torch import nn

from adam_tui.training import model
from adam_tui.training.layers import STEPS_MEASURED, LayerWatch

NAMES = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "linear.weight", "linear.bias")


def test_norms_and_ratios_are_the_means_of_the_steps_that_were_measured():
    torch.manual_seed(0)
    network = model.build(torch.device("cpu"))
    watch = LayerWatch(network)
    weights = list(network.parameters())
    wanted = []
    for lr in (0.1, 0.3):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        watch.before_step()
        # Plain descent: the move is lr·g.
        wanted.append(
            [(weight.grad.norm().item(), lr * (weight.grad.norm() / weight.norm()).item()) for weight in weights]
        )
        with torch.no_grad():
            for weight in weights:
                weight -= lr * weight.grad
        watch.after_step()
    layers = watch.summary(8)
    assert layers.names == NAMES
    assert layers.gradient_norm == pytest.approx(torch.tensor(wanted)[:, :, 0].mean(0).tolist(), rel=1e-5)
    assert layers.update_ratio == pytest.approx(torch.tensor(wanted)[:, :, 1].mean(0).tolist(), rel=1e-5)
    assert watch.summary(9) is None


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5, 8, 938])
def test_a_few_steps_an_epoch_are_measured_spread_evenly_and_the_last_one_too(batches):
    watch = LayerWatch(nn.Sequential())
    measured = [batch for batch in range(batches) if watch.wants(batch, batches)]
    assert len(measured) == min(batches, STEPS_MEASURED)
    assert measured[-1] == batches - 1
    gaps = {after - before for before, after in itertools.pairwise(measured)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_weights_of_zero_that_stay_have_the_ratio_zero():
    network = nn.Sequential(nn.Linear(2, 2))
    for weight in network.parameters():
        nn.init.zeros_(weight)
        weight.grad = torch.zeros_like(weight)
    watch = LayerWatch(network)
    watch.before_step()
    watch.after_step()
    assert watch.summary(1).update_ratio == (0.0, 0.0)
