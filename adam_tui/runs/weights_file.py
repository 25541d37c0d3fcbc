"""weights.bin: the weights of a run at up to so many of its steps, the path that a loss landscape shows.

A header of 16 bytes (`MAGIC`, and the number of weights as a little-endian int64), then records in the order of steps:
the step as a little-endian int64, and all weights as little-endian float32, tensor by tensor in the network's order.
Step 0 is the start. Records are appended; a process that is killed may leave a part of one, which readers ignore and
the next process removes. Standard library only: the training process has the numbers from torch, a reader from numpy.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import struct
from pathlib import Path

from adam_tui.runs import files

MAGIC = b"weights1"
HEADER = struct.Struct("<8sq")
STEP = struct.Struct("<q")
FLOAT_BYTES = 4
NAME = "weights.bin"
KEPT = 64  # records of a run by default: 16 MB of a network of 62,346 weights
MOST = 4096
MAX_WEIGHTS = 1 << 28  # a header with more is damaged


def planned_steps(last: int, most: int) -> list[int]:
    """At most `most` steps from 0 to `last`, evenly spread on a log scale: 0, 1, 2, 3, … and ever wider apart."""
    if most < 1 or last < 0:
        return []
    if last < most:
        return list(range(last + 1))
    if most == 1:
        return [last]
    # Steps near 1 coincide when they are rounded, so more are planned until as many as allowed differ.
    low, high = most - 1, 64 * most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(_rounded(last, middle)) < most else (low, middle - 1)
    return sorted({0, *_rounded(last, low)})


def _rounded(last: int, count: int) -> set[int]:
    return {round(last ** (k / (count - 1))) for k in range(count)} if count > 1 else {last}


def thinned(steps: list[int], most: int) -> list[int]:
    """At most `most` of increasing steps, the first and the last among them; the closest on a log scale go first."""
    kept = list(steps)
    while len(kept) > max(most, 2):
        gaps = [math.log((kept[i + 1] + 1) / (kept[i - 1] + 1)) for i in range(1, len(kept) - 1)]
        del kept[1 + gaps.index(min(gaps))]
    return kept


class WeightsFile:
    """The file of one run with its whole records. Raises OSError when it cannot be read, ValueError when it is damaged.

    `steps` are the steps of the records, increasing; `count` is the number of weights, 0 for a file that is missing or
    still empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.steps: list[int] = []
        try:
            with files.open_regular(path) as file:
                header = file.read(HEADER.size)
                if len(header) == HEADER.size:
                    self._read(file.fileno(), header)
        except FileNotFoundError:
            pass

    def _read(self, descriptor: int, header: bytes) -> None:
        magic, self.count = HEADER.unpack(header)
        if magic != MAGIC or not 0 < self.count <= MAX_WEIGHTS:
            raise ValueError(f"{self.path} does not hold weights")
        records = (os.fstat(descriptor).st_size - HEADER.size) // self.record_bytes
        for number in range(min(records, MOST)):
            os.lseek(descriptor, self.offset(number), os.SEEK_SET)
            (step,) = STEP.unpack(os.read(descriptor, STEP.size))
            if step < 0 or (self.steps and step <= self.steps[-1]):  # a hole that a crash of the machine left
                return
            self.steps.append(step)

    @property
    def record_bytes(self) -> int:
        """The bytes of one record."""
        return STEP.size + FLOAT_BYTES * self.count

    def offset(self, number: int) -> int:
        """Where the record `number` begins, in bytes from the start of the file."""
        return HEADER.size + number * self.record_bytes

    def cut(self, step: int) -> None:
        """Remove the records of later steps, and a part of a record that a killed process left. Raises OSError."""
        if not self.path.exists():
            return
        self.steps = [each for each in self.steps if each <= step]
        size = self.offset(len(self.steps)) if self.count else 0
        descriptor = files.open_private(self.path, os.O_RDWR)
        try:
            if os.fstat(descriptor).st_size > size:
                os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)

    def append(self, step: int, weights: bytes) -> None:
        """Append the record of a later step than the last. After an error the file is as it was.

        Raises OSError, and ValueError for a file of another network, with another number of weights.
        """
        header = b""
        if self.count and len(weights) != FLOAT_BYTES * self.count:
            raise ValueError(f"{self.path} holds {self.count:,} weights, not {len(weights) // FLOAT_BYTES:,}")
        if not self.count:
            self.count = len(weights) // FLOAT_BYTES
            header = HEADER.pack(MAGIC, self.count)
        end = self.offset(len(self.steps))
        record = header + STEP.pack(step) + weights
        descriptor = files.open_private(self.path, os.O_RDWR | os.O_CREAT)
        try:
            os.lseek(descriptor, end - len(header), os.SEEK_SET)
            if os.write(descriptor, record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end - len(header))
            if header:
                self.count = 0
            raise
        finally:
            os.close(descriptor)
        self.steps.append(step)

    def thin(self, most: int) -> None:
        """Leave out records until at most `most` are left, and replace the file in one move. Raises OSError."""
        kept = set(thinned(self.steps, most))
        if len(kept) == len(self.steps):
            return
        with files.open_regular(self.path) as file:
            content = file.read(self.offset(len(self.steps)))
        places = [number for number, step in enumerate(self.steps) if step in kept]
        parts = [content[: HEADER.size], *(content[self.offset(n) : self.offset(n + 1)] for n in places)]
        files.write_atomically(self.path, b"".join(parts))
        self.steps = sorted(kept)
