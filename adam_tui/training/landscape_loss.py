"""The loss of the network at many weights, on the same images: fast, in float32, without a gradient.

Measured with 1,000 images on one thread of a busy machine, beside a plain loop that sets the weights and evaluates:
0.47 to 0.50 of its processor time (`tests/bench/landscape_speed.py`). More than half of that is the second convolution,
at 200 billion operations a second. Winograd's algorithm needs fewer and took 1.5 times as long, because it moves more
memory; one product for the first layer of four points saved a hundredth only, and so did smaller products.

As in `fast.manual_backward`, the first convolution with its pooling is one product of matrices: the windows of 6×6
pixels are laid out once, and a pooled cell is the largest of four sums. A chunk of images goes through all layers while
it is in the CPU's caches.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from adam_tui.training import data
from adam_tui.training.model import PARAMETERS

NETWORK_CHUNK = 250  # images of a network of the user, as in a test
CHUNK = 20  # images: 50 are no faster and take 10 MB more, 10 a sixth slower
MOST_LAID_OUT = 800  # images whose windows are kept, 17 MB; those of others are laid out again for every point
WINDOW = 36  # pixels that a pooled cell of the first layer sees; a one follows them, whose weight is the bias
ROW = WINDOW + 1


class Loss(NamedTuple):
    """The mean loss over the images, and the share of them that is classified correctly."""

    loss: float
    accuracy: float


class LossAt:
    """The function from weights (62,346,) to the mean loss on images (n, 1, 28, 28) in float32 with labels (n,).

    It computes on the device of the images, and takes the weights there.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        count = len(images)
        self._images, self._labels = images.contiguous(), labels
        device = images.device
        self._chunks = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
        self._laid_out = min(count, MOST_LAID_OUT)
        others = CHUNK if count > MOST_LAID_OUT else 0
        self._windows = torch.ones(self._laid_out + others, 12, 12, ROW, device=device)
        for start, end in self._chunks:
            if end <= self._laid_out:
                self._lay_out(start, end, self._windows[start:end])
        # The weights of a point, in the layout of the products. One buffer each, for all points.
        self._first = torch.zeros(4 * 32, ROW, device=device)
        rows = 32 * ROW
        self._four_filters = self._first.as_strided((2, 2, 32, 5, 5), (2 * rows + 1, rows + 6, ROW, 1, 6))
        self._four_biases = self._first.as_strided((4, 32), (rows, ROW), WINDOW)
        self._second = torch.empty(64, 32, 5, 5, device=device).to(memory_format=torch.channels_last)
        self._matrix = torch.empty(10, 4, 4, 64, device=device)
        self._pairs = torch.empty(CHUNK, 8, 4, 64, device=device)  # of the pixels of the second layer
        self._features = torch.empty(CHUNK, 4, 4, 64, device=device)
        self._scores = torch.empty(count, 10, device=device)
        self._sums = torch.empty(CHUNK * 144, 4 * 32, device=device)
        self._upper, self._lower = torch.empty(2, CHUNK * 144, 32, device=device)

    @torch.inference_mode()
    def __call__(self, weights: Tensor) -> Loss:
        """The loss at weights (62,346,) in float32, in the order of the network's tensors."""
        if weights.shape != (PARAMETERS,):
            raise ValueError(f"the network has {PARAMETERS:,} weights, not {len(weights):,}")
        weights = weights.to(self._first.device)
        filters, bias, filters2, bias2, matrix, bias3 = torch.split(weights, [800, 32, 51_200, 64, 10_240, 10])
        self._four_filters.copy_(filters.view(32, 5, 5).expand(2, 2, -1, -1, -1))
        self._four_biases.copy_(bias.expand(4, -1))
        self._second.copy_(filters2.view(64, 32, 5, 5))
        self._matrix.copy_(matrix.view(10, 64, 4, 4).permute(0, 2, 3, 1))
        last = self._matrix.view(10, 1024).t()
        for start, end in self._chunks:
            count = end - start
            second = torch.conv2d(self._hidden(start, end), self._second, bias2).permute(0, 2, 3, 1)
            pairs = torch.maximum(second[:, :, 0::2], second[:, :, 1::2], out=self._pairs[:count])
            features = torch.maximum(pairs[:, 0::2], pairs[:, 1::2], out=self._features[:count]).relu_()
            torch.addmm(bias3, features.view(count, 1024), last, out=self._scores[start:end])
        loss = functional.cross_entropy(self._scores, self._labels).item()
        return Loss(loss, (self._scores.argmax(1) == self._labels).float().mean().item())

    def _hidden(self, start: int, end: int) -> Tensor:
        """The first layer's output (n, 32, 12, 12) for some images, in channels_last order."""
        count = (end - start) * 144
        first, second, third, fourth = (
            torch.mm(self._rows(start, end), self._first.t(), out=self._sums[:count]).view(count, 4, 32).unbind(1)
        )
        upper, lower = self._upper[:count], self._lower[:count]
        torch.maximum(first, second, out=upper)
        torch.maximum(third, fourth, out=lower)
        torch.maximum(upper, lower, out=upper)
        hidden: Tensor = upper.relu_().view(end - start, 12, 12, 32).permute(0, 3, 1, 2)
        return hidden

    def _rows(self, start: int, end: int) -> Tensor:
        """The windows of some images with a one appended, (144 n, 37)."""
        if end <= self._laid_out:
            return self._windows[start:end].view(-1, ROW)
        windows = self._windows[self._laid_out :][: end - start]
        self._lay_out(start, end, windows)
        return windows.view(-1, ROW)

    def _lay_out(self, start: int, end: int, windows: Tensor) -> None:
        """Write the windows of some images (n, 12, 12, 37); pixel (y, x) of a window has number 6·x + y."""
        n, offset = end - start, self._images.storage_offset() + start * 784
        strips = self._images.as_strided((n, 12, 6, 28), (784, 56, 28, 1), offset)
        strips = strips.transpose(2, 3).contiguous()  # (n, 12, 28, 6): 6 neighbouring columns are a window
        windows[..., :WINDOW] = strips.as_strided((12 * n, 12, WINDOW), (168, 12, 1)).view(n, 12, 12, WINDOW)


class NetworkLoss:
    """The same function for a network of the user, which computes as it was written: in evaluation mode, on chunks."""

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor) -> None:
        self._network, self._images, self._labels = network, images, labels
        self._weights = list(network.parameters())
        self._count = sum(weight.numel() for weight in self._weights)

    @torch.no_grad()
    def __call__(self, weights: Tensor) -> Loss:
        """The loss at weights (P,) in float32, in the order of the network's tensors."""
        if weights.shape != (self._count,):
            raise ValueError(f"the network has {self._count:,} weights, not {len(weights):,}")
        start = 0
        for weight in self._weights:
            weight.copy_(weights[start : start + weight.numel()].view_as(weight))
            start += weight.numel()
        scores = torch.cat([self._network(chunk).float() for chunk in torch.split(self._images, NETWORK_CHUNK)])
        loss = functional.cross_entropy(scores, self._labels).item()
        return Loss(loss, (scores.argmax(1) == self._labels).float().mean().item())


def spread(count: int, total: int) -> Tensor:
    """The indices (count,) of images that are spread evenly over a file of `total`."""
    return (2 * torch.arange(count) + 1) * total // (2 * count)


def load_images(
    name: str, folder: str | None, part: str = "test", limit: int = 0, validation: int = 0
) -> tuple[Tensor, Tensor, float, float]:
    """The images (n, 28, 28) uint8 of a part, labels (n,), and the mean and deviation that the runs normalised with.

    The training part has the images that a run with this `limit` and `validation` is trained on. Raises ValueError as
    `data.read` does.
    """
    if name == "mnist" and part == "test":
        return *data.read_test(name, folder), data.MEAN, data.DEVIATION
    if name == "mnist":
        train = data.read_training(name, folder)
        return *data.trained_on(train, limit, validation), data.MEAN, data.DEVIATION
    train, test = data.read(name, folder, lambda text: None)
    mean, deviation = data.mean_and_deviation(train[0])
    images, labels = test if part == "test" else data.trained_on(train, limit, validation)
    return images, labels, mean, deviation


def loss_on(
    images: Tensor,
    labels: Tensor,
    mean: float,
    deviation: float,
    device: torch.device,
    network: nn.Module | None = None,
) -> LossAt | NetworkLoss:
    """The loss as a function of the weights on images (n, 28, 28) uint8; it is computed on the device.

    `network` is one of the user, None for the article's.
    """
    normalised = data.normalise(images, mean, deviation, device, torch.float32)
    if network is None:
        return LossAt(normalised, labels.to(device))
    return NetworkLoss(network, normalised, labels.to(device))
