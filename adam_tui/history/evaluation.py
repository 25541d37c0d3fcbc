"""The pictures of a run's last evaluation: evaluation.npz, with every array checked.

The training process replaces the file after each evaluation. A file that is damaged or has wrong shapes is ignored:
the next epoch writes another one.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adam_tui.runs import files
from adam_tui.runs.protocol import CLASSES as CLASSES

MAX_BYTES = 16 << 20  # of a file, packed or not: a run's file has 60 kB
MAX_IMAGES = 1 << 40
MAX_WEIGHT = 1e300  # of a diverged network: the other pictures are still shown


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """The pictures of the test after one epoch.

    confusion: (10, 10) counts, [label, prediction]; images: (N, 28, 28) uint8, the mistakes by falling
    confidence, with their labels, predictions and confidences (N,); filters: (F, h, w) of the first layer;
    sample_images: (S, 28, 28) uint8, those of the `Sample` events, with their labels (S,).
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
    """The evaluation in a file; None when it is missing or damaged. Takes about 1 ms."""
    try:
        packed = files.read_regular(path, MAX_BYTES)
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            if sum(each.file_size for each in file.infolist()) > MAX_BYTES or file.testzip() is not None:
                return None
        with warnings.catch_warnings(), np.load(io.BytesIO(packed), allow_pickle=False) as file:
            warnings.simplefilter("error")  # numpy warns of an odd header, which would print over the screen
            evaluation = Evaluation(
                int(file["epoch"]),
                _array(file["confusion"], np.int64, (CLASSES, CLASSES), 0, MAX_IMAGES),
                _array(file["worst_images"], np.uint8, (-1, 28, 28), 0, 255),
                _array(file["worst_labels"], np.int64, (-1,), 0, CLASSES - 1),
                _array(file["worst_predictions"], np.int64, (-1,), 0, CLASSES - 1),
                _array(file["worst_confidences"], np.float64, (-1,), 0.0, 1.0),
                _array(file["filters"], np.float64, (-1, -1, -1), -MAX_WEIGHT, MAX_WEIGHT),
                _array(file["sample_images"], np.uint8, (-1, 28, 28), 0, 255),
                _array(file["sample_labels"], np.int64, (-1,), 0, CLASSES - 1),
            )
    except Exception:  # zipfile, zlib, struct and numpy each raise their own errors for a damaged file
        return None
    counts = {len(evaluation.labels), len(evaluation.predictions), len(evaluation.confidences)}
    return evaluation if counts == {len(evaluation.images)} else None


def _array(
    values: NDArray[Any], kind: type[np.generic], shape: tuple[int, ...], low: float, high: float
) -> NDArray[Any]:
    """The values in this type. Raises ValueError for another shape (−1 is any length) or values out of bounds."""
    if values.ndim != len(shape) or any(
        wanted not in (-1, size) for wanted, size in zip(shape, values.shape, strict=True)
    ):
        raise ValueError(f"an array of shape {shape} is needed, not {values.shape}")
    if values.size and not (low <= float(values.min()) and float(values.max()) <= high):
        raise ValueError(f"values from {low} to {high} are needed")
    return values.astype(kind)
