import hashlib
import lzma
import threading
from importlib import resources

import pytest
import torch
import torchvision

from adam_tui.history import samples
from adam_tui.training import data, unpacking

FILES = {
    "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_embedded_file_is_the_original_byte_for_byte(name):
    packed = (resources.files("adam_tui") / "data" / "mnist" / f"{name}.xz").read_bytes()
    whole = lzma.decompress(packed)
    assert (len(whole), hashlib.md5(whole).hexdigest()) == FILES[name]


def test_all_of_mnist_is_on_the_device_normalised_once():
    digits = data.load(torch.device("cpu"))
    assert digits.train_images.shape == (60_000, 1, 28, 28)
    assert digits.test_images.shape == (10_000, 1, 28, 28)
    assert digits.train_images.mean().item() == pytest.approx(0.0, abs=1e-3)
    assert digits.train_images.std().item() == pytest.approx(1.0, abs=1e-3)
    assert digits.train_labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert digits.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_screen_draws_the_very_digits_that_the_worker_judges():
    digits = data.load(torch.device("cpu"), limit=100)
    images, labels = samples.sample_images()
    assert images.shape == (10, 28, 28)
    assert labels.tolist() == list(digits.sample_labels) == list(range(10))
    shown = (digits.sample_images[:, 0] * data.DEVIATION + data.MEAN) * 255
    assert shown.round().to(torch.uint8).numpy().tolist() == images.tolist()
    assert len(digits.train_images) == len(digits.train_labels) == 100


def test_the_files_are_read_as_torchvision_reads_them():
    ours = data.read("mnist", None, print)
    with unpacking.unpacked() as root:
        theirs = [torchvision.datasets.MNIST(root, train=train) for train in (True, False)]
    for (images, labels), one in zip(ours, theirs, strict=True):
        assert torch.equal(images, one.data)
        assert torch.equal(labels, one.targets)


def test_a_run_on_mnist_starts_without_torchvision_which_takes_as_long_to_load_as_torch(fresh_modules):
    loaded = fresh_modules("import torch; from adam_tui.training import data, trainer; data.load(torch.device('cpu'))")
    assert "torch" in loaded
    assert "torchvision" not in loaded


def test_the_screen_needs_no_torch_for_them(fresh_modules):
    assert "torch" not in fresh_modules("from adam_tui.history.samples import sample_images; sample_images()")


def test_a_damaged_cache_is_repaired(tmp_path):
    unpacking.unpack(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    untouched = (raw / "train-images-idx3-ubyte").stat().st_mtime_ns
    images, labels = raw / "t10k-images-idx3-ubyte", raw / "t10k-labels-idx1-ubyte"
    spoiled = bytearray(images.read_bytes())
    spoiled[5000] ^= 1  # the same size
    images.write_bytes(spoiled)
    labels.write_bytes(labels.read_bytes()[:100])
    (raw / "train-labels-idx1-ubyte").unlink()

    unpacking.unpack(tmp_path)

    assert {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in raw.iterdir()} == {
        name: checksum for name, (_, checksum) in FILES.items()
    }
    assert (raw / "train-images-idx3-ubyte").stat().st_mtime_ns == untouched


def test_a_cache_that_cannot_be_written_is_said_in_one_line_and_a_temporary_folder_serves(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ADAM_TUI_CACHE", str(tmp_path / "file" / "cache"))
    with unpacking.unpacked() as root:
        assert (root / "MNIST" / "raw" / "train-images-idx3-ubyte").stat().st_size == 47_040_016
    assert not root.exists()
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert str(tmp_path / "file" / "cache") in message
    assert "temporary folder" in message


def test_two_processes_may_unpack_at_once(tmp_path):
    # Threads stand for the processes: each file is made beside its place and moved there, so neither sees a half.
    workers = [threading.Thread(target=unpacking.unpack, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    raw = tmp_path / "MNIST" / "raw"
    assert {path.name: path.stat().st_size for path in raw.iterdir()} == {
        name: size for name, (size, _) in FILES.items()
    }


def test_a_damaged_package_is_told_apart_from_a_damaged_cache(tmp_path, monkeypatch):
    monkeypatch.setitem(unpacking.CHECKSUMS, "t10k-labels-idx1-ubyte", "0" * 32)
    with pytest.raises(ValueError, match="install adam-tui again"):
        unpacking.unpack(tmp_path)


def test_the_same_training_images_are_held_out_whatever_the_limit(few_digits):
    cpu = torch.device("cpu")
    whole = data.load(cpu, folder=few_digits)
    held = list(range(2, 2000, 5))  # 400 of 2,000, from the whole file
    others = [i for i in range(2000) if i not in held]
    for limit, kept in ((0, 1600), (100, 100), (1900, 1600)):
        digits = data.load(cpu, limit=limit, folder=few_digits, validation=400)
        assert torch.equal(digits.train_images, whole.train_images[others[:kept]])
        assert torch.equal(digits.train_labels, whole.train_labels[others[:kept]])
        assert torch.equal(digits.validation_images, whole.train_images[held])
        assert torch.equal(digits.validation_labels, whole.train_labels[held])
    assert len(whole.validation_images) == 0
    with pytest.raises(ValueError, match="2,000 images cannot be held out"):
        data.load(cpu, folder=few_digits, validation=2000)
