"""Loss and gradients of `model.build`'s network on a CPU, written out: a fifth faster than autograd.

A change of the network must be repeated here. The check at the start of a run and the tests compare with autograd.
Three things make the difference:
- The first convolution and its pooling are one product of matrices. A pooled cell is the largest of four sums over
  5×5 pixels, which lie in one window of 6×6. So each window is a row, and the matrix holds the filters four times,
  once for each place in the window. No array of 24×24 and no index of a maximum is ever written.
- bfloat16 numbers that are only compared, selected or copied are treated as integers: torch handles those at the speed
  of memory, and bfloat16 by way of float32.
- One call casts all weights, and the gradients are written into fixed arrays: few calls, each over many
  numbers. After a convolution the CPU's caches hold no Python code, so a call costs about 5 µs, more than in a loop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# torch's own backward steps, called as autograd would call them.
_convolution_backward = torch.ops.aten.convolution_backward.default
_pool_backward = torch.ops.aten.max_pool2d_with_indices_backward.default
_relu_backward = torch.ops.aten.threshold_backward.default
_relu_backward_into = torch.ops.aten.threshold_backward.grad_input

WINDOW = 36  # pixels that a pooled cell of the first layer sees; a one follows them, whose weight is the bias
ROW = WINDOW + 1


class ManualBackward:
    """A function of a batch's images (n, 1, 28, 28) in `precision` and labels (n,), which returns the mean loss.

    The loss is a scalar in float32. The gradients are then in the weights' `grad`, float32 like the weights. The
    network must be `model.build`'s.
    """

    def __init__(self, network: nn.Sequential, precision: torch.dtype) -> None:
        self._weights = list(network.parameters())
        self._gradients = [torch.zeros_like(weight) for weight in self._weights]
        first, *others = self._gradients
        self._targets = [first.view(-1), *others]  # in the shapes that one call fills
        self._targets[4] = self._targets[4].view(10, 64, 4, 4)
        # bfloat16 is compared as integers: of two numbers that are not negative, the larger one has the larger bits.
        # The order of negative ones does not matter, because ReLU follows. float32 is fast without this.
        self._compared_type = torch.int16 if precision == torch.bfloat16 else precision
        self._batches: dict[int, _Batch] = {}

        # The weights in `precision`, in the layout of the products; one call a step fills views of them.
        filters, bias, filters2, bias2, matrix, bias3 = (weight.detach() for weight in self._weights)
        self._filters = torch.zeros(4 * 32, ROW, 1, 1, dtype=precision)
        self._filters2 = torch.empty_like(filters2, dtype=precision, memory_format=torch.channels_last)
        self._bias2, self._bias3 = (torch.empty_like(each, dtype=precision) for each in (bias2, bias3))
        self._matrix = torch.empty(10, 1024, dtype=precision)  # its columns in the order of channels_last
        four_filters, four_biases = _four_places(self._filters)
        numbers = _four_places(torch.arange(self._filters.numel()))
        self._four_numbers = torch.cat([numbers[0].reshape(4, 800), numbers[1]], 1).flatten()
        self._cast_to = [
            *(four_filters, four_biases, self._filters2, self._bias2),
            *(_channels_first(self._matrix), self._bias3),
        ]
        self._cast_from = [
            *(filters.view(32, 5, 5).expand(2, 2, -1, -1, -1), bias.expand(4, -1), filters2, bias2),
            *(matrix.view(10, 64, 4, 4), bias3),
        ]

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean loss over the batch; every weight's `grad` holds its gradient."""
        n = len(images)
        batch = self._batches.get(n)
        if batch is None:
            batch = self._batches[n] = _Batch(n, images.dtype, self._compared_type)
        torch._foreach_copy_(self._cast_to, self._cast_from)

        # Forward.
        windows = batch.windows_of(images)
        sums = _channels_last(torch.conv2d(windows, self._filters))  # (n, 4 places × 32, 12, 12)
        places = sums.as_strided((n * 144, 4, 32), (128, 32, 1)).view(self._compared_type).unbind(1)
        hidden = batch.largest_of(places)
        sums2 = torch.conv2d(hidden, self._filters2, self._bias2)  # (n, 64, 8, 8)
        pooled, where = functional.max_pool2d_with_indices(sums2, [2, 2])
        features = _channels_last(pooled).relu_().as_strided((n, 1024), (1024, 1))
        scores = torch.addmm(self._bias3, features, self._matrix.t())
        logs = scores.log_softmax(1, torch.float32)
        loss = functional.nll_loss(logs, labels)

        # Backward. d… is the gradient of the loss by …
        d_scores = torch.add(batch.minus_truth[labels], logs.exp_(), alpha=1 / n)
        d_bias3 = d_scores.sum(0)
        d_scores = d_scores.to(images.dtype)
        d_matrix = d_scores.t() @ features
        d_pooled = _relu_backward(d_scores @ self._matrix, features, 0)
        d_pooled = d_pooled.as_strided((n, 64, 4, 4), (1024, 1, 256, 64))
        d_sums2 = _pool_backward(d_pooled, sums2, [2, 2], [2, 2], [0, 0], [1, 1], False, where)
        d_hidden, d_filters2, d_bias2 = _weights_backward(d_sums2, hidden, self._filters2, [64], [True, True, True])
        batch.pass_back(_channels_last(d_hidden), places)  # `sums` now holds the gradients of the sums
        _, d_filters, _ = _weights_backward(sums, windows, self._filters, None, [False, True, False])
        d_first = d_filters.view(-1).index_select(0, self._four_numbers).view(4, 832).sum(0, dtype=torch.float32)
        torch._foreach_copy_(
            self._targets,
            [d_first[:800], d_first[800:], d_filters2, d_bias2, _channels_first(d_matrix), d_bias3],
        )
        for weight, gradient in zip(self._weights, self._gradients, strict=True):
            weight.grad = gradient
        return loss


class _Batch:
    """The buffers for batches of n images, reused at every step, so that views of them are made once."""

    def __init__(self, n: int, dtype: torch.dtype, compared_type: torch.dtype) -> None:
        self.minus_truth = torch.eye(10) / -n  # the part of the scores' gradient that depends on the label
        # strips[n, row, x] are the 6 pixels in column x that a pooled row sees; 6 neighbouring strips are a window.
        self._strips = torch.empty(n, 12, 28, 6, dtype=dtype)
        self._windows_in_strips = self._strips.as_strided((n, 12, 12, WINDOW), (12 * 168, 168, 12, 1))
        windows = torch.ones(n, 12, 12, ROW, dtype=dtype)
        self._windows, self._pixels = windows.permute(0, 3, 1, 2), windows[..., :WINDOW]
        self._upper, self._lower, self._largest, self._gradient = (
            torch.empty(n * 144, 32, dtype=dtype).view(compared_type) for _ in range(4)
        )
        self._hidden = self._largest.view(dtype)
        self._d_hidden = self._gradient.view(dtype)
        self._as_image = self._hidden.view(n, 12, 12, 32).permute(0, 3, 1, 2)

    def windows_of(self, images: Tensor) -> Tensor:
        """The window of every pooled cell with a one appended, (n, 37, 12, 12); pixel (y, x) has number 6·x + y."""
        strips = images.as_strided((len(images), 12, 6, 28), (784, 56, 28, 1))
        self._strips.transpose(2, 3).copy_(strips)
        self._pixels.copy_(self._windows_in_strips)
        return self._windows

    def largest_of(self, places: tuple[Tensor, ...]) -> Tensor:
        """The largest of the sums at four places, if it is positive: the first layer's output (n, 32, 12, 12)."""
        first, second, third, fourth = places
        torch.maximum(first, second, out=self._upper)
        torch.maximum(third, fourth, out=self._lower)
        torch.maximum(self._upper, self._lower, out=self._largest)
        self._hidden.relu_()
        return self._as_image

    def pass_back(self, d_hidden: Tensor, places: tuple[Tensor, ...]) -> None:
        """Pass the gradient to the place of the largest sum, the first among equals; the other places get 0.

        The gradients overwrite each place's sums. A selection is a product by 0 or 1, and the second of two places
        gets the rest of the first: exact for integers too.
        """
        first, second, third, fourth = places
        upper, lower, gradient = self._upper, self._lower, self._gradient
        _relu_backward_into(d_hidden.as_strided((len(upper), 32), (32, 1)), self._hidden, 0, grad_input=self._d_hidden)
        first.eq_(upper)
        third.eq_(lower)
        upper.eq_(self._largest).mul_(gradient)
        torch.sub(gradient, upper, out=lower)
        first.mul_(upper)
        torch.sub(upper, first, out=second)
        third.mul_(lower)
        torch.sub(lower, third, out=fourth)


def _four_places(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Views of a matrix (4 × 32 rows, `ROW`): filters (2, 2, 32, 5, 5) at each place of the window, biases (4, 32)."""
    rows = 32 * ROW
    filters = matrix.as_strided((2, 2, 32, 5, 5), (2 * rows + 1, rows + 6, ROW, 1, 6))
    return filters, matrix.as_strided((4, 32), (rows, ROW), WINDOW)


def _channels_last(images: Tensor) -> Tensor:
    """The images in channels_last order: themselves when oneDNN computed them, else a copy."""
    return images.contiguous(memory_format=torch.channels_last)


def _channels_first(matrix: Tensor) -> Tensor:
    """A view (10, 64, 4, 4) of the last layer's weights (10, 1024) in the order of channels_last."""
    return matrix.view(10, 4, 4, 64).permute(0, 3, 1, 2)


def _weights_backward(
    gradient: Tensor, images: Tensor, filters: Tensor, bias: list[int] | None, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """A convolution's gradients by its images, filters and bias, as far as `wanted`."""
    gradients: tuple[Tensor, Tensor, Tensor] = _convolution_backward(
        gradient, images, filters, bias, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted
    )
    return gradients
