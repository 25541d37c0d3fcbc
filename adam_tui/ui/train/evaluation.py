"""What the last evaluation of a run left to look at: evaluation.npz, read without trust.

The training process replaces the file after each evaluation. A file that is damaged, or of another shape than it
should have, counts as none: there is another one an epoch later.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES = 10


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """The test after one epoch.

    confusion: (10, 10) counts, [label, prediction]; images: (N, 28, 28) uint8, the mistakes with the highest
    confidence first, with their labels, predictions and confidences (N,); filters: (F, h, w) of the first layer;
    sample_images: (S, 28, 28) uint8, those of the `sample` events, with their labels (S,).
    """

    epoch: int
    confusion: NDArray[np.int64]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidences: NDArray[np.float64]
    filters: NDArray[np.float64]
    sample_images: NDArray[np.uint8]
    sample_labels: NDArray[np.int64]


def read_evaluation(path: Path) -> Evaluation | None:
    """The evaluation in a file; None when there is none that can be read. About 1 ms."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:  # np.load alone leaks a bad one
            found = Evaluation(
                int(file["epoch"]),
                _array(file["confusion"], np.int64, (CLASSES, CLASSES)),
                _array(file["worst_images"], np.uint8, (-1, 28, 28)),
                _array(file["worst_labels"], np.int64, (-1,)),
                _array(file["worst_predictions"], np.int64, (-1,)),
                _array(file["worst_confidences"], np.float64, (-1,)),
                _array(file["filters"], np.float64, (-1, -1, -1)),
                _array(file["sample_images"], np.uint8, (-1, 28, 28)),
                _array(file["sample_labels"], np.int64, (-1,)),
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    mistakes = {len(found.images), len(found.labels), len(found.predictions), len(found.confidences)}
    return found if len(mistakes) == 1 else None


def _array(values: NDArray[Any], kind: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """The values in this type; ValueError when they do not have this shape, −1 for any length."""
    if values.ndim != len(shape) or any(
        wanted not in (-1, size) for wanted, size in zip(shape, values.shape, strict=True)
    ):
        raise ValueError(f"an array of shape {shape} is needed, not {values.shape}")
    return values.astype(kind)
