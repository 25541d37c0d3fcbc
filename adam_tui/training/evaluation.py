"""The network's predictions for the test images: the numbers of an epoch, and evaluation.npz with its mistakes.

Readers of evaluation.npz depend on these arrays (N is 20, or the number of mistakes if there are fewer):
- confusion (10, 10) int64 [label, prediction]; filters (F, h, w) float32, the first convolution's weight; (0, 1, 1) for
  a network of the user that has no convolution over grey images
- worst_images (N, 28, 28) uint8, worst_indices, worst_labels, worst_predictions (N,) int64, worst_confidences (N,)
  float32: the most confident of the wrong predictions, in falling order
- sample_images (S, 28, 28) uint8, sample_labels (S,) int64: the images of the `sample` events
- epoch () int64: the number of finished epochs
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adam_tui.runs import files
from adam_tui.training.data import Digits

WORST = 20
MOST_FILTERS = 4096  # of a network of the user: the screen cannot draw more


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The predictions for all test images: mean `loss`, `accuracy` (0 to 1), predictions and confidences (n,)."""

    loss: float
    accuracy: float
    labels: Tensor
    predictions: Tensor
    confidences: Tensor  # of the prediction, 0 to 1

    def confusion(self) -> Tensor:
        """The confusion matrix (10, 10): how often a label (row) was predicted as a class (column)."""
        return torch.bincount(self.labels * 10 + self.predictions, minlength=100).reshape(10, 10)

    def worst(self) -> Tensor:
        """The indices of the most confident wrong predictions, at most 20, in falling order of confidence."""
        wrong = (self.predictions != self.labels).nonzero().flatten()
        # Stable: equal confidences stay in the order of the images.
        return wrong[self.confidences[wrong].argsort(descending=True, stable=True)][:WORST]


def evaluate(scores: Tensor, labels: Tensor) -> Evaluation:
    """From scores (n, 10) in float32 and labels (n,), on any device; the result is on the CPU."""
    best = scores.softmax(1).max(1)
    loss = functional.cross_entropy(scores, labels).item()
    labels, predictions = labels.cpu(), best.indices.cpu()
    accuracy = (predictions == labels).sum().item() / len(labels)
    return Evaluation(loss, accuracy, labels, predictions, best.values.cpu())


def write(path: Path, evaluation: Evaluation, digits: Digits, filters: Tensor | None, epoch: int) -> None:
    """Replace the file in one move. `filters` is the first convolution's weight, (F, 1, h, w), if there is one."""
    if filters is None or len(filters) > MOST_FILTERS:
        filters = torch.zeros(0, 1, 1, 1)
    worst = evaluation.worst()
    tensors = {
        "confusion": evaluation.confusion(),
        "worst_indices": worst,
        "worst_images": digits.test_bytes[worst],
        "worst_labels": evaluation.labels[worst],
        "worst_predictions": evaluation.predictions[worst],
        "worst_confidences": evaluation.confidences[worst],
        "filters": filters.detach().float().cpu().squeeze(1),
        "sample_images": digits.test_bytes[list(digits.sample_indices)],
        "sample_labels": torch.tensor(digits.sample_labels),
    }
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
    packed = io.BytesIO()
    np.savez(packed, epoch=np.int64(epoch), **arrays)
    files.write_atomically(path, packed.getvalue())
