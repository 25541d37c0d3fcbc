"""The fastest way on this device to the loss and its gradients that gives what autograd gives here.

On a CPU they are written out (`byhand`). On a CUDA device autograd's work can be recorded once and replayed; until that
has been measured on one, only where ADAM_TUI_CUDA_GRAPH=1 asks for it. Both lean on how torch is made within, so each
must first give autograd's answer to a batch; if it does not, autograd does the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from adam_tui.training.fast import manual_backward
from adam_tui.training.journal import note

# A batch's images and labels to its mean loss, a scalar; the gradients are then in the weights' `grad`.
Gradients = Callable[[Tensor, Tensor], Tensor]
# Carry out a function once and give back what carries it out again, in the same memory.
Recorder = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]

PROBE = 64  # images that show whether the CPU's way is right, whatever the batch
# How far a gradient may be from autograd's, as a share of its length: more than ten times what rounding did in 120
# trials of 1 to 64 images (2.3e-6, 3.5e-3). A wrong one is off by its whole length.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}


def fastest(by_autograd: Gradients, network: nn.Sequential, images: Tensor, labels: Tensor) -> Gradients:
    """The way for batches like this one, a full batch, on its device and in its type; `by_autograd` where in doubt.

    The weights stay as they are and have no `grad` afterwards. torch's random numbers are left alone.
    """
    ways: dict[str, Callable[[], Gradients]] = {
        "cpu": lambda: manual_backward.Gradients(network, images.dtype),
        "cuda": lambda: Replayed(by_autograd, network, images, labels, record),
    }
    if os.environ.get("ADAM_TUI_CUDA_GRAPH") != "1":
        del ways["cuda"]
    if images.device.type not in ways:
        return by_autograd
    if images.device.type == "cpu":
        images, labels = images[:PROBE], labels[:PROBE]
    try:
        way = ways[images.device.type]()
        fault = _fault(way, by_autograd, network, images, labels)
    except Exception as error:  # what torch raises for a missing or changed part of it may be anything
        fault = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    for weight in network.parameters():
        weight.grad = None
    if fault:
        note(f"gradients are computed by autograd, for the faster way does not work here: {fault}")
        return by_autograd
    return way


def _fault(way: Gradients, by_autograd: Gradients, network: nn.Sequential, images: Tensor, labels: Tensor) -> str:
    """What is wrong with a way, in words; nothing when its loss and gradients are autograd's."""
    found = []
    for each in (by_autograd, way):
        loss = each(images, labels)
        gradients = [weight.grad for weight in network.parameters()]
        found.append([tensor.detach().clone() for tensor in (loss, *gradients) if tensor is not None])
    for number, (truth, other) in enumerate(zip(*found, strict=True)):
        distance = ((other - truth).norm() / truth.norm()).item()
        if not distance <= TOLERANCE[images.dtype] and not torch.equal(other, truth):
            what = f"the gradient of tensor {number}" if number else "the loss"
            return f"{what} is off by {distance:.2g} of its size"
    return ""


class Replayed:
    """Autograd's loss and gradients by a recording of its work on one batch: a GPU then waits for no Python.

    Batches of another size, as an epoch's last one, are computed anew.
    """

    def __init__(
        self, by_autograd: Gradients, network: nn.Sequential, images: Tensor, labels: Tensor, record: Recorder
    ) -> None:
        self._by_autograd = by_autograd
        self._weights = list(network.parameters())
        # The recording reads its batch here and leaves its gradients there.
        self._images, self._labels = images.clone(), labels.clone()
        self._replay = record(lambda: by_autograd(self._images, self._labels))
        self._gradients = [weight.grad for weight in self._weights]

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean loss over the batch; every weight's gradient is where the optimizer looks for it."""
        if images.shape != self._images.shape:
            return self._by_autograd(images, labels)
        self._images.copy_(images)
        self._labels.copy_(labels)
        loss = self._replay().clone()  # the next replay writes over it
        for weight, gradient in zip(self._weights, self._gradients, strict=True):
            weight.grad = gradient  # autograd, in between, had others
        return loss


def record(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A CUDA graph of the work, by torch's recipe: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):  # cuDNN tries its algorithms, the allocator finds its blocks
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay
