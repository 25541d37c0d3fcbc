"""The messages between this program and the process that imports classes: a JSON object and arrays of floats.

A message is the length of its header (4 bytes, big-endian), the header (JSON), and the arrays that the header lists
under "arrays" as [name, shape], in float64 of this machine's byte order. Both ends run on one machine.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Message = tuple[dict[str, Any], dict[str, Array]]
LENGTH = struct.Struct(">I")
LONGEST = 1 << 24  # bytes of a header; a longer one is no message
MOST_NUMBERS = 1 << 26  # of one message


def encode(header: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> bytes:
    """The bytes of a message."""
    parts = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in (arrays or {}).items()}
    shapes = [[name, list(array.shape)] for name, array in parts.items()]
    text = json.dumps({**header, "arrays": shapes}).encode()
    return b"".join([LENGTH.pack(len(text)), text, *(array.tobytes() for array in parts.values())])


def read(stream: BinaryIO) -> Message | None:
    """The next message; None at the end of the stream. Raises ValueError for other bytes, and OSError."""
    prefix = stream.read(LENGTH.size)
    if len(prefix) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(prefix)
    if length > LONGEST:
        raise ValueError("not a message")
    text = stream.read(length)
    if len(text) < length:
        return None
    header = json.loads(text)
    arrays = {}
    for name, shape in header.pop("arrays"):
        count = math.prod(shape)
        if not 0 <= count <= MOST_NUMBERS:
            raise ValueError("not a message")
        data = stream.read(8 * count)
        if len(data) < 8 * count:
            return None
        arrays[name] = np.frombuffer(data, dtype=np.float64).reshape(shape)
    return header, arrays
