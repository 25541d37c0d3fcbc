"""Small data sets in torchvision's layout, generated or of real digits, and the archives that a server would send."""

import gzip
import hashlib
import io
import struct
import zipfile

import numpy as np

from adam_tui.training import unpacking

FOLDERS = {"fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "emnist-digits": "EMNIST"}


def idx(array):
    """An IDX file of bytes, as LeCun's page describes it."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def pictures(count, seed=0):
    """Images (count, 28, 28) with a bright bar in row 2 + 2·label on noise, and their labels (count,)."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = random.integers(0, 60, (count, 28, 28))
    for image, label in zip(images, labels, strict=True):
        image[2 + 2 * label : 4 + 2 * label, 4:24] = 250
    return images, labels


def files(name, train=200, test=50):
    """The file names of a data set and their bytes."""
    names = ("emnist-digits-train", "emnist-digits-test") if name == "emnist-digits" else ("train", "t10k")
    contents = {}
    for part, count in zip(names, (train, test), strict=True):
        images, labels = pictures(count, seed=count)
        if name == "emnist-digits":  # mirrored along the diagonal, as NIST keeps them
            images = images.transpose(0, 2, 1)
        contents[f"{part}-images-idx3-ubyte"] = idx(images)
        contents[f"{part}-labels-idx1-ubyte"] = idx(labels)
    return contents


def lay_out(root, name, **sizes):
    """Write a data set under `root` as torchvision unpacks it."""
    raw = root / FOLDERS[name] / "raw"
    raw.mkdir(parents=True)
    for file, content in files(name, **sizes).items():
        (raw / file).write_bytes(content)
    return root


def lay_out_digits(root, train, test):
    """Write the first of MNIST's digits under `root`."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    with unpacking.unpacked() as whole:
        for part, count in (("train", train), ("t10k", test)):
            for name, shape in ((f"{part}-images-idx3-ubyte", (28, 28)), (f"{part}-labels-idx1-ubyte", ())):
                content = np.fromfile(whole / "MNIST" / "raw" / name, np.uint8, offset=8 + 4 * len(shape))
                (raw / name).write_bytes(idx(content.reshape(-1, *shape)[:count]))
    return root


def packed(name):
    """The files of a server by name: gzip files, or EMNIST's zip of them."""
    zipped = {f"{file}.gz": gzip.compress(content, mtime=0) for file, content in files(name).items()}
    if name != "emnist-digits":
        return zipped
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for file, content in zipped.items():
            archive.writestr(f"gzip/{file}", content)
        archive.writestr("gzip/emnist-letters-train-images-idx3-ubyte.gz", b"not wanted")
    return {"gzip.zip": whole.getvalue()}


def md5(content):
    return hashlib.md5(content).hexdigest()
