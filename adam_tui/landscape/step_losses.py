"""losses-PART-N.bin in a run's directory: the true losses of its recorded steps, on N images of a part of the data.

They depend on no plane. So every landscape of the run shares them, and so do those in which its path is a second one.
A record (`RECORD`) has the checksum of its weights: after a resume, a step may have other ones.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adam_tui.landscape.directory import Request
from adam_tui.landscape.weights import WeightPath, checksums
from adam_tui.runs import files
from adam_tui.runs.run import Run

RECORD = np.dtype([("step", "<i8"), ("checksum", "<u8"), ("loss", "<f8"), ("accuracy", "<f8")])
MOST_RECORDS = 1 << 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepLosses:
    """The file of one run."""

    path: Path

    @classmethod
    def of(cls, run: Run, request: Request) -> StepLosses:
        """The file of a run for the images of a request."""
        return cls(run.path / f"losses-{request.part}-{request.images}.bin")

    def read(self, recorded: WeightPath, sums: Sequence[int] | None = None) -> tuple[Floats, Floats]:
        """The losses and accuracies (T,) of the recorded steps; nan where they are not computed. Raises OSError.

        `sums` are the checksums of the steps, if they are known already.
        """
        values = np.full((2, len(recorded.steps)), np.nan)
        try:
            content = files.read_regular(self.path, MOST_RECORDS * RECORD.itemsize)
        except FileNotFoundError:
            return values[0], values[1]
        records = np.frombuffer(content, RECORD, len(content) // RECORD.itemsize)
        known = {
            key: n for n, key in enumerate(zip(records["step"].tolist(), records["checksum"].tolist(), strict=True))
        }
        for number, key in enumerate(zip(recorded.steps.tolist(), sums or checksums(recorded), strict=True)):
            if key in known:
                values[:, number] = records[known[key]]["loss"], records[known[key]]["accuracy"]
        return values[0], values[1]

    def append(self, step: int, sum: int, loss: float, accuracy: float) -> None:
        """Append a record. Raises OSError."""
        descriptor = files.open_private(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // RECORD.itemsize * RECORD.itemsize)
            content = np.array([(step, sum, loss, accuracy)], RECORD).tobytes()
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        finally:
            os.close(descriptor)
