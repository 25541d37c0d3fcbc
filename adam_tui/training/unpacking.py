"""MNIST without a network: unpacked once from the package, and checked.

The files are embedded as xz (9.2 MB) and unpacked into the user's cache in the layout of torchvision.datasets.MNIST.
Every start checks all of them (the MD5 of 55 MB takes 0.1 s), so a damaged cache never reaches the training.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from adam_tui.runs import files
from adam_tui.runs.user_paths import cache_directory

# MD5 of each unpacked file, as in data/mnist/README.md.
CHECKSUMS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@contextmanager
def unpacked() -> Iterator[Path]:
    """A folder that holds all of MNIST/raw/: the cache, or a temporary folder when the cache cannot be written."""
    problem = ""
    try:
        cache = cache_directory()
    except ValueError as error:  # no home directory
        problem = f"cannot keep MNIST ({error})"
    else:
        try:
            unpack(cache)
        except OSError as error:
            problem = f"cannot keep MNIST in {cache} ({error.strerror or error})"
    if not problem:
        yield cache
        return
    print(
        f"{problem}: unpacking it into a temporary folder; set ADAM_TUI_CACHE to a folder that can be written",
        file=sys.stderr,
        flush=True,
    )
    temporary = Path(tempfile.mkdtemp(prefix="adam-tui-"))
    try:
        unpack(temporary)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack(root: Path) -> None:
    """Complete MNIST/raw/ under `root`: missing and damaged files are unpacked again. Raises OSError.

    Each file appears in one move, so two processes may do this at once, and a reader never sees half a file.
    """
    raw = root / "MNIST" / "raw"
    files.remove_old_parts(raw)
    for name, checksum in CHECKSUMS.items():
        if not is_whole(raw / name, checksum):
            raw.mkdir(parents=True, exist_ok=True)
            _unpack_file(name, checksum, raw / name)


def is_whole(path: Path, checksum: str) -> bool:
    """Whether a file exists and has this MD5. Raises OSError when it cannot be read."""
    try:
        with files.open_regular(path) as file:
            return hashlib.file_digest(file, _md5).hexdigest() == checksum
    except FileNotFoundError:
        return False


def _unpack_file(name: str, checksum: str, target: Path) -> None:
    """Decompress one embedded file beside its place, check it and move it there."""
    source = resources.files("adam_tui") / "data" / "mnist" / f"{name}.xz"
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=target.parent)
    try:
        with open(descriptor, "wb") as file, source.open("rb") as packed, lzma.open(packed) as unpacked_file:
            shutil.copyfileobj(unpacked_file, file, 1 << 20)
        if not is_whole(Path(temporary), checksum):
            raise ValueError(f"{source} in the package is damaged: install adam-tui again")
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would keep others from a shared cache
        files.replace(Path(temporary), target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _md5() -> hashlib._Hash:
    """MD5 as a checksum only, which hosts that forbid it for security allow."""
    return hashlib.md5(usedforsecurity=False)
