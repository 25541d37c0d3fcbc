"""The network: the article's small CNN for MNIST, 62,346 parameters. `fast.manual_backward` repeats its layers.

Two 5×5 convolutions, each halved by pooling, and one linear layer, after LeCun et al., "Gradient-based learning
applied to document recognition" (1998), with ReLU and maxima instead of its tanh and means.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PARAMETERS = 62_346


def build(device: torch.device, order: torch.memory_format = torch.channels_last) -> nn.Sequential:
    """A new network: images (n, 1, 28, 28) to scores (n, 10). torch's global generator draws the weights.

    Pooling comes before ReLU. The maximum of a window and a rising function may change places, so the function is the
    same as in the usual order, and ReLU has a quarter of the work. channels_last is oneDNN's and cuDNN's own order: no
    copies around each convolution. Together with data in one tensor they doubled the speed on 2 cores. `order` is the
    order of the weights in memory.
    """
    # Drawn on the CPU, so that a seed means the same weights on every device.
    network = nn.Sequential(
        nn.Conv2d(1, 32, 5),  # (n, 32, 24, 24)
        nn.MaxPool2d(2),  # (n, 32, 12, 12)
        nn.ReLU(),
        nn.Conv2d(32, 64, 5),  # (n, 64, 8, 8)
        nn.MaxPool2d(2),  # (n, 64, 4, 4)
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 10),
    )
    return network.to(device, memory_format=order)  # type: ignore[call-overload, no-any-return]  # not in torch's types


def scores(network: nn.Module, images: Tensor, precision: torch.dtype, device: str = "") -> Tensor:
    """The network's scores (n, 10) in float32, computed in this precision; `device` is the type of that of the run."""
    with torch.autocast(device or images.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        result: Tensor = network(images)
    return result.float()
