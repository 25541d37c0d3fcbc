"""MNIST's relatives: from a server of our own, from the user's folder, and without any network."""

import errno
import http.server
import os
import threading
import time

import numpy as np
import pytest
import torch
from torchvision.datasets import EMNIST
from torchvision_files import FOLDERS, files, idx, lay_out, md5, packed, pictures

from adam_tui.training import data, download, trainer
from adam_tui.training.download import KINDS
from adam_tui.training.journal import Journal

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAM_TUI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Server(http.server.ThreadingHTTPServer):
    """Sends `contents` by path; `asked` keeps the paths, `pause` is waited between pieces."""

    daemon_threads = True
    contents: dict = {}  # noqa: RUF012 - one a test
    pause = 0.0

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        if name not in self.server.contents:
            self.send_error(404)
            return
        content = self.server.contents[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            for start in range(0, len(content), 4096):
                self.wfile.write(content[start : start + 4096])
                time.sleep(self.server.pause)
        except OSError:  # the other side has left
            self.close_connection = True

    def log_message(self, *arguments):
        """Quiet."""


@pytest.fixture
def server(monkeypatch):
    """A server with all three data sets; torchvision's addresses and checksums say so."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.contents = {}
        for name, kind in KINDS.items():
            archives = packed(name)
            server.contents |= {f"{name}/{file}": content for file, content in archives.items()}
            if kind is EMNIST:
                monkeypatch.setattr(kind, "url", f"{server.url}{name}/gzip.zip")
                monkeypatch.setattr(kind, "md5", md5(archives["gzip.zip"]))
            else:
                monkeypatch.setattr(kind, "mirrors", [f"{server.url}gone/", f"{server.url}{name}/"])
                monkeypatch.setattr(kind, "resources", [(file, md5(content)) for file, content in archives.items()])
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", KINDS)
def test_a_data_set_is_fetched_once_checked_and_read_upright(name, server, cache):
    texts = []
    digits = data.load(CPU, name=name, progress=texts.append)
    images, labels = pictures(50, seed=50)
    assert digits.test_bytes.numpy().tolist() == images.tolist()
    assert digits.test_labels.tolist() == labels.tolist()
    assert digits.sample_labels == tuple(range(10))
    assert digits.train_images.shape == (200, 1, 28, 28)
    assert digits.train_images.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert digits.train_images.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)
    raw = cache / FOLDERS[name] / "raw"
    assert {path.name for path in raw.iterdir()} - {".lock", ".md5.json"} == set(files(name)), "nothing else is left"
    assert all(text.startswith(f"downloading {FOLDERS[name]}") for text in texts)
    assert any(text.endswith(" MB") for text in texts)

    server.asked.clear()
    data.load(CPU, name=name, limit=7)
    assert server.asked == []


@pytest.mark.parametrize("how", ["flipped", "cut off", "a FIFO"])
def test_what_is_damaged_in_the_cache_is_fetched_again_and_only_that(server, cache, how):
    whole = data.load(CPU, name="kmnist")
    path = cache / "KMNIST" / "raw" / "t10k-images-idx3-ubyte"
    content = path.read_bytes()
    server.asked.clear()
    if how == "a FIFO":
        path.unlink()
        os.mkfifo(path)
    else:
        path.write_bytes(
            {"flipped": content[:900] + bytes([content[900] ^ 1]) + content[901:], "cut off": content[:50]}[how]
        )
    again = data.load(CPU, name="kmnist")
    assert torch.equal(again.test_bytes, whole.test_bytes)
    assert set(server.asked) == {"gone/t10k-images-idx3-ubyte.gz", "kmnist/t10k-images-idx3-ubyte.gz"}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("noise", [b"", b"[]", b"\xff", b'{"t10k-images-idx3-ubyte": 3}', b"[" * 9999])
def test_checksums_that_cannot_be_read_are_no_reason_to_fail(cache, noise):
    data.load(CPU, name="kmnist")
    (cache / "KMNIST" / "raw" / ".md5.json").write_bytes(noise)
    data.load(CPU, name="kmnist")


def test_a_disk_without_room_for_the_data_is_said_in_one_line(server, cache, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.shutil, "copyfileobj", full)
    with pytest.raises(ValueError, match=r"cannot keep KMNIST in .*KMNIST/raw: No space left on device"):
        data.load(CPU, name="kmnist")
    assert [path.name for path in (cache / "KMNIST" / "raw").iterdir()] == [".lock"]


def test_what_a_killed_download_left_half_written_is_cleared_after_an_hour(server, cache):
    raw = cache / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, age in ((".archive.1.part", 3700), (".archive.2.part", 3500)):
        (raw / name).touch()
        os.utime(raw / name, (time.time() - age,) * 2)
    data.load(CPU, name="kmnist")
    assert {path.name for path in raw.glob("*.part")} == {".archive.2.part"}


def test_a_mirror_that_sends_something_else_is_passed_over_and_nothing_of_it_is_kept(server, cache):
    spoiled = {f"gone/{file}": content[:-1] + b"?" for file, content in packed("kmnist").items()}
    server.contents |= spoiled
    data.load(CPU, name="kmnist")
    assert set(spoiled) < set(server.asked)
    KINDS["kmnist"].mirrors.pop()
    (cache / "KMNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match=r"127.0.0.1 sent a damaged file") as caught:
        data.load(CPU, name="kmnist")
    assert "\n" not in str(caught.value)
    assert not (cache / "KMNIST" / "raw" / "train-labels-idx1-ubyte").exists()


@pytest.mark.usefixtures("cache")
def test_without_a_network_a_run_fails_at_once_and_says_what_can_be_done(new_run, server):
    server.shutdown()
    server.server_close()
    run = new_run(data="fashion-mnist")
    began = time.monotonic()
    with Journal(run) as journal:
        state, reason = trainer.train(journal)
    assert time.monotonic() - began < 5
    assert state == "failed"
    assert reason.startswith("cannot download FashionMNIST (127.0.0.1: Connection refused; ")
    assert "--data-dir DIR" in reason
    assert "\n" not in reason
    assert run.status().reason == reason


def test_a_server_that_falls_silent_is_given_up(server, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(server, "pause", 3.0)
    with pytest.raises(ValueError, match="timed out"):
        data.load(CPU, name="fashion-mnist")
    assert [path.name for path in (cache / "FashionMNIST" / "raw").iterdir()] == [".lock"]


def test_a_download_can_be_stopped_and_shows_how_far_it_is(new_run, server, cache, monkeypatch):
    monkeypatch.setattr(server, "pause", 0.05)
    monkeypatch.setattr(download, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(download, "PROGRESS_SECONDS", 0.02)
    run = new_run(data="fashion-mnist")
    reasons = []

    class Watched(Journal):
        def set_state(self, state, reason=""):
            super().set_state(state, reason)
            reasons.append((state, reason))
            if reason.endswith(" MB"):
                run.command("stop")

    with Watched(run) as journal:
        assert trainer.train(journal) == ("stopped", "asked to stop")
    assert ("starting", "downloading FashionMNIST from 127.0.0.1") in reasons
    assert any(reason.endswith("of 0.1 MB") for _, reason in reasons)
    assert [path.name for path in (cache / "FashionMNIST" / "raw").iterdir()] == [".lock"]


@pytest.mark.parametrize("name", KINDS)
def test_the_users_folder_is_read_as_it_is(name, tmp_path):
    root = lay_out(tmp_path, name)
    before = sorted(tmp_path.rglob("*"))
    digits = data.load(CPU, name=name, folder=str(root), limit=20)
    assert len(digits.train_images) == 20
    assert digits.test_bytes.numpy().tolist() == pictures(50, seed=50)[0].tolist()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda raw: raw.rename(raw.with_name("cooked")), "no Fashion-MNIST in"),
        (lambda raw: (raw / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03"), "is damaged"),
        (lambda raw: (raw / "t10k-images-idx3-ubyte").write_bytes(b""), "is damaged"),
        (
            lambda raw: (raw / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x02ab"),
            "50 images and 2 labels",
        ),
        (lambda raw: (raw / "train-labels-idx1-ubyte").write_bytes(idx(np.full(200, 10))), "labels are not 0 to 9"),
        (lambda raw: (raw / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((200, 27, 28)))), "n × 28 × 28 bytes"),
        (lambda raw: (raw / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((0, 28, 28)))), "is empty"),
        (lambda raw: (raw / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((9, 28, 28)))[:-1]), "is damaged"),
    ],
)
def test_a_folder_without_the_data_or_with_damaged_data_is_said_in_one_line(tmp_path, spoil, said):
    root = lay_out(tmp_path, "fashion-mnist")
    spoil(root / "FashionMNIST" / "raw")
    with pytest.raises(ValueError, match=said) as caught:
        data.load(CPU, name="fashion-mnist", folder=str(root))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="no folder"):
        data.load(CPU, folder=str(tmp_path / "nowhere"))
