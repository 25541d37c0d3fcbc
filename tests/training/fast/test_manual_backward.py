"""Beside autograd, on real digits: their even ground makes equal sums, where the choice of a maximum matters."""

import math

import pytest
import torch
from torch.nn import functional

from adam_tui.history import samples
from adam_tui.training import data, model
from adam_tui.training.fast import manual_backward

NAMES = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "linear.weight", "linear.bias")
PRECISIONS = [torch.float32, torch.bfloat16]
# How much further from the truth than autograd's a gradient may be, in roundings: both add the same thousands of
# numbers, each in its own order, and which order is luckier depends on the processor.
ROUNDINGS = {torch.float32: 4, torch.bfloat16: 1}


def digits(n):
    """The first of the ten sample digits, each at another place, normalised as in training."""
    images, labels = samples.sample_images()
    moved = [torch.from_numpy(images[i % 10].copy()).roll((i // 10 - 3, i // 7 - 4), (0, 1)) for i in range(n)]
    floats = (torch.stack(moved).unsqueeze(1) / 255 - data.MEAN) / data.DEVIATION
    return floats, torch.tensor([int(labels[i % 10]) for i in range(n)])


def network(seed=0):
    torch.manual_seed(seed)
    return model.build(torch.device("cpu"))


def by_autograd(weights_of, images, labels, dtype):
    """Loss and gradients of a copy of the network; bfloat16 as autocast has it."""
    twin = network()
    twin.load_state_dict(weights_of.state_dict())
    twin.to(dtype if dtype == torch.float64 else torch.float32)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        scores = twin(images.to(dtype))
    loss = functional.cross_entropy(scores if dtype == torch.float64 else scores.float(), labels)
    loss.backward()
    return loss.item(), [weight.grad for weight in twin.parameters()]


def distances(gradients, truth):
    """How far each gradient is from the true one, as a share of its length."""
    return [((a.double() - b).norm() / b.norm()).item() for a, b in zip(gradients, truth, strict=True)]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_loss_and_gradients_are_as_near_to_the_true_ones_as_autograds(precision):
    trained = network()
    by_hand = manual_backward.ManualBackward(trained, precision)
    for n in (64, 1, 33, 64):  # an epoch's last batch is smaller
        images, labels = digits(n)
        true_loss, truth = by_autograd(trained, images, labels, torch.float64)
        plain_loss, plain = by_autograd(trained, images, labels, precision)
        loss = by_hand(images.to(precision), labels)
        assert (loss.shape, loss.dtype, loss.requires_grad) == ((), torch.float32, False)
        gradients = [weight.grad for weight in trained.parameters()]
        assert all(gradient.dtype == torch.float32 for gradient in gradients)
        rounding = ROUNDINGS[precision] * torch.finfo(precision).eps
        assert abs(loss.item() - true_loss) <= abs(plain_loss - true_loss) + 4e-7 * true_loss
        ours, theirs = distances(gradients, truth), distances(plain, truth)
        for name, our, their in zip(NAMES, ours, theirs, strict=True):
            assert our <= 1.1 * their + rounding, name


@pytest.mark.parametrize("precision", PRECISIONS)
def test_of_equal_sums_the_first_gets_the_gradient_as_with_torchs_pooling(precision):
    trained = network()
    with torch.no_grad():
        trained[0].weight.zero_()  # every sum is the bias, on whatever pixels
        trained[0].bias.fill_(0.5)
    images, labels = digits(20)
    _, plain = by_autograd(trained, images, labels, precision)
    manual_backward.ManualBackward(trained, precision)(images.to(precision), labels)
    torch.testing.assert_close(trained[0].weight.grad, plain[0], rtol=0.02, atol=plain[0].abs().max().item() / 100)
    assert plain[0].norm() > 0.1


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_layer_whose_sums_are_all_negative_or_zero_gets_no_gradient(precision):
    images, labels = digits(5)
    for bias in (-0.5, 0.0):
        trained = network()
        with torch.no_grad():
            trained[0].weight.zero_()
            trained[0].bias.fill_(bias)
        manual_backward.ManualBackward(trained, precision)(images.to(precision), labels)
        assert not trained[0].weight.grad.any()
        assert not trained[0].bias.grad.any()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("layer", [0, 3, 7])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_weight_that_is_not_finite_shows_in_the_loss(precision, layer, part):
    images, labels = digits(10)
    for value in (math.nan, -math.nan, math.inf, -math.inf):
        trained = network()
        with torch.no_grad():
            weight = getattr(trained[layer], part)
            weight[(3, *[0] * (weight.ndim - 1))] = value
        loss, _ = by_autograd(trained, images, labels, precision)
        ours = manual_backward.ManualBackward(trained, precision)(images.to(precision), labels).item()
        assert math.isfinite(ours) == math.isfinite(loss), value


@pytest.mark.parametrize("n", [1, 5, 16, 64])  # torch chooses another convolution by the number of images
def test_it_is_the_same_where_torch_has_no_onednn(n, monkeypatch):
    trained = network()
    images, labels = digits(n)
    _, truth = by_autograd(trained, images, labels, torch.float64)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    manual_backward.ManualBackward(trained, torch.float32)(images, labels)
    assert max(distances([weight.grad for weight in trained.parameters()], truth)) < 1e-5


def test_gradients_are_those_of_the_weights_at_hand_and_replace_the_last_ones():
    trained = network()
    by_hand = manual_backward.ManualBackward(trained, torch.float32)
    images, labels = digits(16)
    by_hand(images, labels)
    trained.load_state_dict(network(1).state_dict())  # as a resumed run does
    for weight in trained.parameters():
        weight.grad = None  # as an optimizer's zero_grad does
    by_hand(images, labels)
    _, truth = by_autograd(trained, images, labels, torch.float64)
    assert max(distances([weight.grad for weight in trained.parameters()], truth)) < 1e-5
