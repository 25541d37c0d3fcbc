"""The choice of the fastest way to a batch's loss and gradients that agrees with autograd on this machine.

On a CPU the gradients are written out (`manual_backward`). On a CUDA device autograd's work can be recorded once and
replayed; this was never measured on a GPU, so ADAM_TUI_CUDA_GRAPH=1 must ask for it. Both depend on torch's internals:
each is first compared with autograd on one batch, and autograd does the work where they differ.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from adam_tui.training.fast.manual_backward import ManualBackward
from adam_tui.training.journal import log

# Takes a batch's images and labels, returns its mean loss as a scalar and leaves the gradients in the weights' `grad`.
GradientFunction = Callable[[Tensor, Tensor], Tensor]
# Runs a function once and returns a function that repeats the work in the same memory.
Recorder = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]

PROBE_IMAGES = 64  # enough to compare the CPU's two ways, at any batch size
# The largest distance from autograd's gradient, as a share of its length: more than ten times the rounding in 120
# trials of 1 to 64 images (2.3e-6, 3.5e-3). A wrong gradient is off by its whole length.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}


# Devices and types whose faster way has agreed with autograd in this process, for one that trains many runs.
Proved = set[tuple[str, torch.dtype]]


def fastest_gradients(
    autograd: GradientFunction,
    network: nn.Sequential,
    images: Tensor,
    labels: Tensor,
    proved: Proved | None = None,
) -> GradientFunction:
    """The fastest function for batches like this full one, on its device and in its type; `autograd` where in doubt.

    The weights are unchanged and have no `grad` afterwards. torch's random numbers are left alone. A way that is in
    `proved` is not compared again; one that agrees is added.
    """
    known = (images.device.type, images.dtype)
    builders: dict[str, Callable[[], GradientFunction]] = {
        "cpu": lambda: ManualBackward(network, images.dtype),
        "cuda": lambda: ReplayedGradients(autograd, network, images, labels, record_cuda_graph),
    }
    if os.environ.get("ADAM_TUI_CUDA_GRAPH") != "1":
        del builders["cuda"]
    if images.device.type not in builders:
        return autograd
    if images.device.type == "cpu":
        images, labels = images[:PROBE_IMAGES], labels[:PROBE_IMAGES]
    try:
        candidate = builders[images.device.type]()
        if proved is not None and known in proved:
            return candidate
        difference = _difference(candidate, autograd, network, images, labels)
    except Exception as error:  # a part of torch that is missing or changed may raise anything
        difference = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    for weight in network.parameters():
        weight.grad = None
    if difference:
        log(f"autograd computes the gradients, because the faster way does not work here: {difference}")
        return autograd
    if proved is not None:
        proved.add(known)
    return candidate


def _difference(
    candidate: GradientFunction, autograd: GradientFunction, network: nn.Sequential, images: Tensor, labels: Tensor
) -> str:
    """The first result that differs from autograd's by more than rounding, in words; "" when all agree."""
    results = []
    for function in (autograd, candidate):
        loss = function(images, labels)
        gradients = [weight.grad for weight in network.parameters()]
        results.append([tensor.detach().clone() for tensor in (loss, *gradients) if tensor is not None])
    for number, (expected, result) in enumerate(zip(*results, strict=True)):
        distance = ((result - expected).norm() / expected.norm()).item()
        if not distance <= TOLERANCE[images.dtype] and not torch.equal(result, expected):
            name = f"the gradient of tensor {number}" if number else "the loss"
            return f"{name} is off by {distance:.2g} of its size"
    return ""


class ReplayedGradients:
    """Autograd's loss and gradients from a recording of its work on one batch: the GPU does not wait for Python.

    Batches of another size, such as the last one of an epoch, go through autograd.
    """

    def __init__(
        self, autograd: GradientFunction, network: nn.Sequential, images: Tensor, labels: Tensor, record: Recorder
    ) -> None:
        self._autograd = autograd
        self._weights = list(network.parameters())
        # The recording reads its batch from here and leaves its gradients there.
        self._images, self._labels = images.clone(), labels.clone()
        self._replay = record(lambda: autograd(self._images, self._labels))
        self._gradients = [weight.grad for weight in self._weights]

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean loss over the batch; every weight's `grad` holds its gradient."""
        if images.shape != self._images.shape:
            return self._autograd(images, labels)
        self._images.copy_(images)
        self._labels.copy_(labels)
        loss = self._replay().clone()  # the next replay overwrites it
        for weight, gradient in zip(self._weights, self._gradients, strict=True):
            weight.grad = gradient  # an autograd step in between has set others
        return loss


def record_cuda_graph(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A CUDA graph of the work, by torch's recipe: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs."""
    side_stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's has no annotations
    side_stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side_stream):
        for _ in range(3):  # cuDNN tries its algorithms, the allocator finds its blocks
            work()
    torch.cuda.current_stream().wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay
