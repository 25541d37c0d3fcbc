"""The data set on the device: read once and kept as four tensors, so that Python handles no single image.

MNIST comes with the package. Its drop-in relatives (`recipes.DATA_SETS`) are read from the user's folder, or from the
cache, which `download` fills when a data set is first used.

The files are torchvision's, and read as torchvision reads them (a test compares), but without importing it: that takes
as long as importing torch (1.9 s more on 2 cores), at the start of every run.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from adam_tui.runs.recipes import DATA_SETS
from adam_tui.runs.user_paths import cache_directory, expand_home
from adam_tui.training import unpacking

# Mean and standard deviation of MNIST's 60,000 training images' pixels, 0 to 1. Those of the others are computed.
MEAN, DEVIATION = 0.1307, 0.3081
CHUNK = 10_000  # images normalised at once: EMNIST's 240,000 as float32 are 750 MB, one copy is enough
SIDE = 28  # pixels
# torchvision's folder of each data set, and the beginnings of the names of its training and test files.
FOLDERS = {
    "mnist": ("MNIST", "train", "t10k"),
    "fashion-mnist": ("FashionMNIST", "train", "t10k"),
    "kmnist": ("KMNIST", "train", "t10k"),
    "emnist-digits": ("EMNIST", "emnist-digits-train", "emnist-digits-test"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """The data set on its device: images (n, 1, 28, 28) of mean 0 and deviation 1, labels (n,) int64."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    test_bytes: torch.Tensor  # (n, 28, 28) uint8 on the CPU, for the screen
    sample_indices: tuple[int, ...]  # the first test image of each class; for MNIST those of `history.samples`
    sample_images: torch.Tensor
    sample_labels: tuple[int, ...]
    validation_images: torch.Tensor  # held out of the training images; none in most runs
    validation_labels: torch.Tensor

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The training images and labels at `index` (n,), on the device."""
        return self.train_images.index_select(0, index), self.train_labels.index_select(0, index)


def load(
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    limit: int = 0,
    name: str = "mnist",
    folder: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
    validation: int = 0,
) -> Digits:
    """The data set `name` as tensors on `device`, all of it or its first `limit` training images.

    First `validation` training images are held out, which are never trained on. They are spread evenly over the file,
    because its parts are not equally hard.
    `folder` is the user's own, in torchvision's layout. A download passes its progress as text to `progress`, a few
    times a second; an exception of `progress` ends it. Raises ValueError with one line when the data is not available.
    """
    (train, train_labels), (test, test_labels) = read(name, folder, progress)
    mean, deviation = (MEAN, DEVIATION) if name == "mnist" else mean_and_deviation(train)
    held = _held_out(len(train), validation)
    kept, kept_labels = trained_on((train, train_labels), limit, validation)

    def normalised(images: torch.Tensor) -> torch.Tensor:
        return normalise(images, mean, deviation, device, dtype)

    test_images = normalised(test)
    chosen = _first_of_each_class(test_labels)
    return Digits(
        normalised(kept),
        kept_labels.to(device),
        test_images,
        test_labels.to(device),
        test,
        tuple(chosen),
        test_images[chosen],
        tuple(test_labels[chosen].tolist()),
        normalised(train[held]),
        train_labels[held].to(device),
    )


Half = tuple[torch.Tensor, torch.Tensor]  # images (n, 28, 28) uint8 and labels (n,) int64


def trained_on(train: Half, limit: int, validation: int) -> Half:
    """The training images of a run: without those that it holds out, all or the first `limit`.

    Raises ValueError with one line when it would hold out all of them.
    """
    images, labels = train
    held = _held_out(len(images), validation)
    if validation:
        is_kept = torch.ones(len(images), dtype=torch.bool)
        is_kept[held] = False
        images, labels = images[is_kept], labels[is_kept]
    keep = limit or len(images)
    return images[:keep], labels[:keep]


def _held_out(count: int, validation: int) -> torch.Tensor:
    """The indices (validation,) of the images that are held out of `count`."""
    if validation >= count:
        raise ValueError(f"{validation:,} images cannot be held out: there are {count:,} to train on")
    return (2 * torch.arange(validation) + 1) * count // max(2 * validation, 1)


def read(name: str, folder: str | None, progress: Callable[[str], None]) -> tuple[Half, Half]:
    """The training and the test part of a data set. Raises ValueError with one line for a missing or damaged file."""
    train, test = _read_parts(name, folder, progress, FOLDERS[name][1:])
    return train, test


def read_test(name: str, folder: str | None) -> Half:
    """The test part alone, which takes a sixth of the memory. Raises ValueError as `read` does."""
    [test] = _read_parts(name, folder, lambda text: None, FOLDERS[name][2:])
    return test


def read_training(name: str, folder: str | None) -> Half:
    """The training part alone. Raises ValueError as `read` does."""
    [train] = _read_parts(name, folder, lambda text: None, FOLDERS[name][1:2])
    return train


def _read_parts(
    name: str, folder: str | None, progress: Callable[[str], None], parts: tuple[str, ...]
) -> tuple[Half, ...]:
    title, subfolder = DATA_SETS[name].title, FOLDERS[name][0]
    with _root(name, folder, progress) as root:
        raw = root / subfolder / "raw"
        try:
            return tuple(_read_half(raw, part, name) for part in parts)
        except FileNotFoundError:
            raise ValueError(f"no {title} in {root}: {raw} does not hold its files") from None
        except (ValueError, OSError) as error:
            again = "" if folder or name == "mnist" else f"; without {raw} it is downloaded again"
            problem = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"{title} in {root} is damaged: {problem}{again}") from None


def _read_half(raw: Path, part: str, name: str) -> Half:
    images = _read_idx(raw / f"{part}-images-idx3-ubyte", SIDE, SIDE)
    labels = _read_idx(raw / f"{part}-labels-idx1-ubyte").long()
    if len(labels) != len(images):
        raise ValueError(f"it has {len(images)} images and {len(labels)} labels")
    if labels.max() > 9:
        raise ValueError("its labels are not 0 to 9")
    return _upright(images, name), labels


def _read_idx(path: Path, *shape: int) -> torch.Tensor:
    """The items (n, *shape) uint8 of a file in MNIST's own format, http://yann.lecun.com/exdb/mnist.

    The file starts with two zeros, the type (8: a byte), the number of dimensions and the dimensions, as big-endian
    integers of four bytes. Raises ValueError for a file of another type or shape.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    content = bytearray(path.read_bytes())  # writable, as torch requires
    header = struct.Struct(f">HBB{1 + len(shape)}I")
    fields = header.unpack_from(content) if len(content) >= header.size else (0,) * 4
    count = fields[3]
    if fields != (0, 8, 1 + len(shape), count, *shape) or len(content) != header.size + count * math.prod(shape):
        raise ValueError(f"{path.name} does not hold {' × '.join(map(str, ('n', *shape)))} bytes")
    if not count:
        raise ValueError(f"{path.name} is empty")
    return torch.frombuffer(content, dtype=torch.uint8, offset=header.size).view(count, *shape)


@contextlib.contextmanager
def _root(name: str, folder: str | None, progress: Callable[[str], None]) -> Iterator[Path]:
    """The folder to read from. The user's own folder is never written to, and nothing is downloaded beside it."""
    if folder is not None:
        root = expand_home(folder)
        if not root.is_dir():
            raise ValueError(f"no folder {root}")
        yield root
    elif name == "mnist":
        with unpacking.unpacked() as root:
            yield root
    else:
        from adam_tui.training import download  # imports torchvision, which has the addresses

        root = cache_directory()
        download.ensure(name, root, progress)
        yield root


def _upright(images: torch.Tensor, name: str) -> torch.Tensor:
    """EMNIST's files hold every image mirrored along its diagonal."""
    return images.transpose(1, 2).contiguous() if name == "emnist-digits" else images


def _first_of_each_class(labels: torch.Tensor) -> list[int]:
    """The index of the first label 0, of the first 1 and so on, without missing classes."""
    return [int(indices[0]) for digit in range(10) if len(indices := (labels == digit).nonzero())]


def mean_and_deviation(images: torch.Tensor) -> tuple[float, float]:
    """Of all pixels as 0 to 1, from the counts of the 256 values: exact, and without a copy as floats."""
    chunks = [torch.bincount(chunk.flatten(), minlength=256) for chunk in split(images, CHUNK)]
    counts = torch.stack(chunks).sum(0).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values / counts.sum()).item()
    deviation = (counts @ (values - mean) ** 2 / counts.sum()).sqrt().item()
    return mean, deviation or 1.0


def normalise(
    images: torch.Tensor, mean: float, deviation: float, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Bytes (n, 28, 28) to floats (n, 1, 28, 28); one channel, so channels_last costs nothing."""
    floats = torch.empty((len(images), 1, 28, 28), dtype=dtype, device=device).to(memory_format=torch.channels_last)
    for target, chunk in zip(split(floats, CHUNK), split(images, CHUNK), strict=True):
        target.copy_(chunk.to(device).unsqueeze(1).float().div_(255).sub_(mean).div_(deviation))
    return floats


def split(tensor: torch.Tensor, size: int) -> tuple[torch.Tensor, ...]:
    """Views of `size` rows each; the last one may be shorter."""
    return tensor.split(size)  # type: ignore[no-untyped-call, no-any-return]  # torch's has no annotations
