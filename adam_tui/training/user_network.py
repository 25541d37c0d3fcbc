"""A network of the user: a function without arguments that returns a module from (n, 1, 28, 28) to scores (n, 10)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adam_tui.engine.class_reference import ClassReference
from adam_tui.training import user_code
from adam_tui.training.user_code import UserCodeError

PROBED = 2  # images that a new network is tried with


def build(reference: ClassReference, device: torch.device) -> nn.Module:
    """A new network, tried with two images. Raises UserCodeError with one line.

    torch's global generator draws the weights. The trial draws nothing from it and changes no buffer.
    """
    function = user_code.find(reference)
    name = f"{reference.label} in {user_code.place(reference)}"
    if not callable(function):
        raise UserCodeError(f"{name} is no function: it is a {type(function).__name__}")
    network = user_code.call(reference, function)
    if not isinstance(network, nn.Module):
        raise UserCodeError(f"{name} returned a {type(network).__name__}, no torch.nn.Module")
    network = user_code.call(reference, lambda: network.to(device))
    images = torch.zeros(PROBED, 1, 28, 28, device=device)
    network.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        scores = user_code.call(reference, lambda: network(images))
    network.train()
    if not isinstance(scores, Tensor):
        raise UserCodeError(f"the network of {name} returned a {type(scores).__name__}, no tensor of shape (n, 10)")
    if scores.shape != (PROBED, 10):
        shape = ", ".join(["n" if size == PROBED and not i else str(size) for i, size in enumerate(scores.shape)])
        raise UserCodeError(f"the network of {name} returned scores of shape ({shape}), not (n, 10)")
    if not any(weight.requires_grad for weight in network.parameters()):
        raise UserCodeError(f"the network of {name} has no weights to train")
    if any(weight.is_complex() for weight in network.parameters()):
        raise UserCodeError(f"the network of {name} has complex weights")
    built: nn.Module = network
    return built


def first_filters(network: nn.Module) -> Tensor | None:
    """The weight (F, 1, k, k) of the first convolution, if it takes grey images and is square; else None."""
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.weight.shape[1] != 1 or first.weight.shape[2] != first.weight.shape[3]:
        return None
    return first.weight


def running_statistics(network: nn.Module) -> str:
    """The name of a layer that keeps running statistics, which are no weights; "" for a network without one."""
    for module in network.modules():
        if getattr(module, "track_running_stats", False) and getattr(module, "running_mean", None) is not None:
            return type(module).__name__
    return ""
