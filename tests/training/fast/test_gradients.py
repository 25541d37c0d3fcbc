"""Which function computes the gradients, what a recording replays, and that no step waits for the device."""

import functools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from adam_tui.history import samples
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.training import data, model, optim, trainer
from adam_tui.training.fast import gradients, manual_backward


@functools.cache
def digits():
    """The ten sample digits, normalised as in training."""
    images, labels = samples.sample_images()
    floats = (torch.from_numpy(images.copy()).unsqueeze(1) / 255 - data.MEAN) / data.DEVIATION
    return floats, torch.tensor([int(label) for label in labels])


def network():
    torch.manual_seed(0)
    return model.build(torch.device("cpu"))


def autograd_of(trained, precision=torch.float32, optimizer="adam"):
    """The trainer's own, of a training that consists of little else."""
    training = object.__new__(trainer.Training)
    training.network, training.device, training.precision = trained, torch.device("cpu"), precision
    training.optimizer = optim.build(optimizer, trained, TRAINING_OPTIMIZERS[optimizer].defaults())
    return training.autograd


def chosen(trained, precision=torch.float32):
    images, labels = digits()
    autograd = autograd_of(trained, precision)
    return gradients.fastest_gradients(autograd, trained, images.to(precision), labels), autograd


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_on_a_cpu_the_gradients_are_written_out_and_to_choose_so_leaves_no_trace(precision):
    trained = network()
    weights = [weight.clone() for weight in trained.parameters()]
    random = torch.get_rng_state()
    way, _ = chosen(trained, precision)
    assert isinstance(way, manual_backward.ManualBackward)
    assert torch.equal(torch.get_rng_state(), random)
    for weight, before in zip(trained.parameters(), weights, strict=True):
        assert torch.equal(weight, before)
        assert weight.grad is None


def missing(*arguments):
    raise AttributeError("'_OpNamespace' 'aten' object has no attribute")


def changed(a, b):
    raise TypeError("expected 2 positional arguments")


@pytest.mark.parametrize("name", ["_convolution_backward", "_pool_backward", "_relu_backward", "_relu_backward_into"])
@pytest.mark.parametrize("fault", [missing, changed])
def test_autograd_takes_over_where_torch_lacks_a_part_or_has_it_otherwise(name, fault, monkeypatch, capsys):
    monkeypatch.setattr(manual_backward, name, fault)
    trained = network()
    way, autograd = chosen(trained)
    assert way is autograd
    assert "autograd computes the gradients" in capsys.readouterr().err
    assert all(weight.grad is None for weight in trained.parameters())


def test_autograd_takes_over_where_a_gradient_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(manual_backward, "_pool_backward", lambda gradient, images, *rest: torch.zeros_like(images))
    way, autograd = chosen(network())
    assert way is autograd
    assert "is off by 1 of its size" in capsys.readouterr().err


class FakeGraph:
    """Records work as a CUDA graph does: a replay reads and writes the recording's own memory, and makes no new one."""

    def __init__(self, weights):
        self.weights, self.calls = weights, []

    def record(self, work):
        self.calls.append("record")
        loss = work()
        left = [weight.grad for weight in self.weights]

        def replay():
            self.calls.append("replay")
            held = [weight.grad for weight in self.weights]
            loss.copy_(work())
            for target, weight, before in zip(left, self.weights, held, strict=True):
                target.copy_(weight.grad)
                weight.grad = before  # Python's names are no part of a graph
            return loss

        return replay


def test_a_recording_is_replayed_for_full_batches_and_gives_their_own_loss_and_gradients():
    trained, twin = network(), network()
    images, labels = digits()
    graph = FakeGraph(list(trained.parameters()))
    autograd = autograd_of(trained)
    eager = []

    def watched(images, labels):
        eager.append(len(images))
        return autograd(images, labels)

    way = gradients.ReplayedGradients(watched, trained, images[:4], labels[:4], graph.record)
    optimizers = [optim.build("adam", each, {"lr": 1e-3}) for each in (trained, twin)]
    losses, truth = [], []
    for some in (slice(0, 4), slice(4, 8), slice(8, 10), slice(2, 6), slice(6, 10)):  # 2 are an epoch's last ones
        losses.append(way(images[some], labels[some]))
        truth.append(autograd_of(twin)(images[some], labels[some]))
        for optimizer in optimizers:
            optimizer.step()
    assert graph.calls == ["record", "replay", "replay", "replay", "replay"]
    assert eager == [4, 4, 4, 2, 4, 4]
    assert torch.stack(losses).tolist() == torch.stack(truth).tolist()  # no replay overwrote one
    for weight, other in zip(trained.parameters(), twin.parameters(), strict=True):
        assert torch.equal(weight, other)


# torch keeps ASGD's rate on the device and fetches it in each step, and Adafactor fetches the norms of the weights.
FETCHING = {"asgd", "adafactor"}


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", sorted(TRAINING_OPTIMIZERS.keys() - FETCHING))
def test_a_step_asks_no_device_for_a_number(name, precision):
    """Of a meta tensor nothing can be fetched: `.item()`, `bool()`, `.tolist()` and `.cpu()` of one raise."""
    trained = model.build(torch.device("meta"))
    autograd = autograd_of(trained, precision)
    optimizer = optim.build(name, trained, TRAINING_OPTIMIZERS[name].defaults())
    images, labels = (tensor.to("meta") for tensor in digits())
    for _ in range(3):
        assert autograd(images, labels).is_meta
        optimizer.step()


class Fetches(TorchDispatchMode):
    """Counts the numbers that are fetched from tensors one by one."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function._schema.name == "aten::_local_scalar_dense"
        return function(*args, **(kwargs or {}))


def test_a_number_that_is_fetched_is_counted():
    with Fetches() as fetches:
        torch.ones(1).item()
        bool(torch.ones(1) > 0)
    assert fetches.count == 2


# torch counts the steps of these in a tensor on the CPU, wherever the weights are: the test above would fail else.
COUNTED = {"adagrad", "adamax", "nadam", "radam"}


@pytest.mark.parametrize("name", sorted(TRAINING_OPTIMIZERS.keys() - COUNTED - FETCHING))
def test_fused_kernels_and_the_gradients_by_hand_fetch_no_number_either(name):
    trained = network()
    by_hand = manual_backward.ManualBackward(trained, torch.float32)
    optimizer = optim.build(name, trained, TRAINING_OPTIMIZERS[name].defaults())
    with Fetches() as fetches:
        for _ in range(3):
            by_hand(*digits())
            optimizer.step()
    assert fetches.count == 0
