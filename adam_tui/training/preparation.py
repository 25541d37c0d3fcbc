"""The state of a training process before its run begins: threads and priority, the digits, torch's kernels.

A process that trains many runs keeps them from one run to the next; a spare process makes them ready before its run is
known. A run's numbers do not depend on it: the seed draws everything that is random.
"""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from adam_tui.runs.recipes import make_spec
from adam_tui.training import data, device_setup, model, optim
from adam_tui.training.data import Digits
from adam_tui.training.fast.gradients import Proved, fastest_gradients

REHEARSED_STEPS = 3  # from the third step on, all take the same time


class Preparation:
    """The state of the process that its runs share; `proved` is that of `fastest_gradients`."""

    def __init__(self) -> None:
        self.proved: Proved = set()
        self._digits: tuple[tuple[object, ...], Digits] | None = None
        self._is_tuned = False

    def tune(self, device: torch.device) -> None:
        """Set threads and priority, once for the process."""
        if not self._is_tuned:
            self._is_tuned = True
            device_setup.tune_process(device)

    def load(self, *key: Any) -> Digits:
        """The digits, from memory where the run before used the same; `key` is as for `data.load`."""
        same = (*key[:5], *key[6:])  # without the function that shows the progress
        if self._digits is None or self._digits[0] != same:
            self._digits = None  # frees the memory first
            self._digits = same, data.load(*key)
        return self._digits[1]

    def rehearse(self) -> None:
        """Load the digits and take a few steps, so that a run with the default settings begins at once.

        Only where such a run trains on the CPU: a process that waits must hold no memory of a GPU. Raises ValueError
        when the data is not available.
        """
        spec = make_spec("adam", {})
        device = device_setup.device_of(spec)
        if device.type != "cpu":
            return
        self.tune(device)
        precision = device_setup.precision_of(spec, device)
        digits = self.load(
            device, precision, spec.limit, spec.data, spec.data_dir, lambda progress: None, spec.validation
        )
        network = model.build(device)
        optimizer = optim.build(spec.optimizer, network, spec.hyperparameters, fast=True)

        def autograd(images: Tensor, labels: Tensor) -> Tensor:
            loss = functional.cross_entropy(model.scores(network, images, precision), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's has no annotations
            return loss.detach()

        batch = digits.batch(torch.arange(spec.batch_size))
        gradients = fastest_gradients(autograd, network, *batch, self.proved)
        for _ in range(REHEARSED_STEPS):
            gradients(*batch).item()
            optimizer.step()
        with torch.no_grad():
            model.scores(network, digits.sample_images, precision).softmax(1).max(1)
        torch.save(optimizer.state_dict(), io.BytesIO())
