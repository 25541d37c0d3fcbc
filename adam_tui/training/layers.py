"""Gradient norm and update-to-weight ratio of each weight tensor, measured on a few steps of an epoch.

They show whether the learning rate is right before the loss does (a ratio near 1e-3 is healthy). The results stay on
the device until the epoch is over, and other steps pay nothing.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from adam_tui.runs.protocol import Layers

STEPS_MEASURED = 4  # an epoch, evenly spread, the last one among them


class LayerWatch:
    """Measures a few steps of each epoch. `measured` is part of the checkpoint."""

    def __init__(self, network: nn.Module) -> None:
        kinds = {"conv": nn.Conv2d, "linear": nn.Linear}
        self.names: list[str] = []
        self._weights: list[nn.Parameter] = []
        for title, kind in kinds.items():
            layers = [layer for layer in network.children() if isinstance(layer, kind)]
            for number, layer in enumerate(layers, 1):
                for name, weight in layer.named_parameters():
                    self.names.append(f"{title}{number if len(layers) > 1 else ''}.{name}")  # conv2.bias
                    self._weights.append(weight)
        named = list(network.named_parameters())
        if len(named) != len(self._weights):  # a network of the user with other layers: torch's names
            self.names, self._weights = [name for name, _ in named], [weight for _, weight in named]
        self.measured: list[Tensor] = []  # (2, tensors): gradient norms and ratios of one step
        self._before: list[Tensor] | None = None

    def wants(self, batch: int, batches: int) -> bool:
        """Whether to measure the step number `batch` (from 0) of an epoch."""
        return (batch + 1) * STEPS_MEASURED // batches > batch * STEPS_MEASURED // batches

    def before_step(self) -> None:
        """Copy the weights: 250 kB."""
        self._before = [weight.detach().clone() for weight in self._weights]

    @torch.no_grad()
    def after_step(self) -> None:
        """Measure the step; nothing is fetched from the device."""
        if self._before is None:
            return
        # A weight of a user's network that takes no part has no gradient.
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in self._weights]
        moves = [weight - before for weight, before in zip(self._weights, self._before, strict=True)]
        norms, moved, sizes = (
            torch.stack(torch._foreach_norm(tensors)).float() for tensors in (gradients, moves, self._before)
        )
        # A tensor of zeros has ratio 0 if it does not move, and no meaningful ratio if it does.
        self.measured.append(torch.stack([norms, moved / sizes.clamp_min(torch.finfo(torch.float32).tiny)]))
        self._before = None

    def summary(self, step: int) -> Layers | None:
        """The means since the last call, None when nothing was measured."""
        if not self.measured:
            return None
        norms, ratios = torch.stack(self.measured).mean(0).tolist()
        self.measured = []
        return Layers(time.time(), step, tuple(self.names), *(tuple(map(_short, each)) for each in (norms, ratios)))


def _short(value: float) -> float:
    """Six digits: these are means of a few noisy steps."""
    return float(f"{value:.6g}")
