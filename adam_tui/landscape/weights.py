"""The recorded weights of a run as an array, mapped from weights.bin; `runs.weights_file` describes the file."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.runs.run import Run
from adam_tui.runs.weights_file import HEADER, WeightsFile

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WeightPath:
    """The path of one run: the recorded steps (T,) and the weights (T, P) after each, mapped.

    `left_out` counts the records at the end of a run that diverged: from the first weight on that is not finite.
    """

    name: str
    steps: NDArray[np.int64]
    weights: Weights
    left_out: int = 0


def read(run: Run) -> WeightPath:
    """The finite weights that a run has recorded so far. Raises ValueError with one line when there are none."""
    try:
        file = WeightsFile(run.weights)
    except OSError as error:
        raise ValueError(f"cannot read {run.weights}: {error.strerror}") from None
    if not file.steps:
        raise ValueError(f"{run.id} has kept no weights: train it with --weights 64")
    record = np.dtype([("step", "<i8"), ("weights", "<f4", (file.count,))])
    weights = np.memmap(run.weights, record, "r", HEADER.size, (len(file.steps),))["weights"]
    count = next((number for number, each in enumerate(weights) if not np.isfinite(each).all()), len(weights))
    if not count:
        raise ValueError(f"{run.id} has recorded no finite weights")
    return WeightPath(run.id, np.array(file.steps[:count], np.int64), weights[:count], len(weights) - count)


def checksums(recorded: WeightPath) -> list[int]:
    """The checksums of the weights of all recorded steps: a millisecond for each four of them."""
    return [zlib.crc32(np.ascontiguousarray(weights).tobytes()) for weights in recorded.weights]


def fingerprint(steps: NDArray[np.int64], sums: list[int]) -> int:
    """One checksum of a path: of its steps (T,) and the checksums of their weights."""
    return zlib.crc32(np.array([steps.tolist(), sums], "<i8").tobytes())


def check_same_network(paths: list[WeightPath]) -> None:
    """Raise ValueError with one line for runs whose networks have different numbers of weights."""
    first = paths[0]
    for path in paths[1:]:
        if path.weights.shape[1] != first.weights.shape[1]:
            ours, theirs = (f"{each.weights.shape[1]:,}" for each in (first, path))
            raise ValueError(f"{first.name} and {path.name} are different networks, of {ours} and {theirs} weights")
