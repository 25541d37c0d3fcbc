"""The ten test digits that the training screen shows with the model's predictions, read without torch.

They are the first test image of each class, 0 to 9, in Yann LeCun's order. The last of them, the 8, is image 61, so
only 49 kB of the 7.8 MB are decompressed: 2 ms.
"""

from __future__ import annotations

import functools
import lzma
import math
import struct
from importlib import resources

import numpy as np
from numpy.typing import NDArray

# The first test image of each class; image 8, a 5, is a famously hard one.
INDICES = (3, 2, 1, 18, 4, 8, 11, 0, 61, 7)


@functools.cache
def sample_images() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (10, 28, 28), 0 black to 255 white, and their labels (10,); both read-only."""
    first = max(INDICES) + 1
    indices = list(INDICES)
    images = _first_items("t10k-images-idx3-ubyte", first)[indices]
    labels = _first_items("t10k-labels-idx1-ubyte", first)[indices]
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def _first_items(name: str, count: int) -> NDArray[np.uint8]:
    """The first `count` items of an embedded IDX file of bytes (http://yann.lecun.com/exdb/mnist)."""
    with (
        (resources.files("adam_tui") / "data" / "mnist" / f"{name}.xz").open("rb") as packed,
        lzma.open(packed) as file,
    ):
        dimensions = struct.unpack(">HBB", file.read(4))[2]  # 0, the type (8: unsigned byte), the number of dimensions
        shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))[1:]
        return np.frombuffer(file.read(count * math.prod(shape)), np.uint8).reshape(count, *shape)
