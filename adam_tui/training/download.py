"""Downloads MNIST's relatives into the cache: torchvision's addresses, checksums and layout, with progress.

torchvision's own download waits for a silent server for ever, cannot be stopped and unpacks all 1.7 GB of EMNIST. Here
a server has a timeout of ten seconds, each mirror gets one try, and only the files that are read are unpacked.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from torchvision.datasets import EMNIST, KMNIST, MNIST, FashionMNIST

from adam_tui.runs import file_lock, files
from adam_tui.runs.protocol import parse_json
from adam_tui.training import unpacking

TIMEOUT_SECONDS = 10.0  # without a byte from the server
PROGRESS_SECONDS = 0.25
BLOCK_BYTES = 1 << 18
CHECKSUMS, MAX_CHECKSUMS_BYTES = ".md5.json", 1 << 16  # the MD5 of each file when it was unpacked
KINDS: dict[str, type[MNIST]] = {"fashion-mnist": FashionMNIST, "kmnist": KMNIST, "emnist-digits": EMNIST}
PARTS = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to download: its addresses (one a mirror), its MD5, and its contents as (member, file name).

    A member is a gzip file within a zip file, or "" when the archive itself is the gzip file.
    """

    urls: tuple[str, ...]
    md5: str
    contents: tuple[tuple[str, str], ...]


def archives(kind: type[MNIST]) -> list[Archive]:
    """A data set's archives, from torchvision's tables."""
    if kind is EMNIST:
        names = [f"emnist-digits-{part}-ubyte" for part in PARTS]
        return [Archive((EMNIST.url,), EMNIST.md5, tuple((f"gzip/{name}.gz", name) for name in names))]
    return [
        Archive(tuple(mirror + name for mirror in kind.mirrors), md5, (("", name.removesuffix(".gz")),))
        for name, md5 in kind.resources
    ]


def ensure(name: str, root: Path, progress: Callable[[str], None]) -> None:
    """Download the missing files of a data set of `KINDS` to a folder under `root`; each file appears whole.

    Raises ValueError with one line when that fails, and every exception of `progress`.
    """
    kind = KINDS[name]
    raw = root / kind.__name__ / "raw"
    try:
        if _missing(kind, raw):
            raw.mkdir(parents=True, exist_ok=True)
            with _download_lock(raw, progress):
                for archive in _missing(kind, raw):  # another run may have fetched them meanwhile
                    _fetch(archive, kind.__name__, raw, progress)
    except OSError as error:
        raise ValueError(f"cannot keep {kind.__name__} in {raw}: {error.strerror or error}") from None


def _missing(kind: type[MNIST], raw: Path) -> list[Archive]:
    """The archives with a file that is missing or has changed since it was unpacked."""
    known = _checksums(raw)

    def is_present(name: str) -> bool:
        path = raw / name
        return os.path.isfile(path) and (name not in known or unpacking.is_whole(path, known[name]))

    return [archive for archive in archives(kind) if not all(is_present(name) for _, name in archive.contents)]


def _checksums(raw: Path) -> dict[str, str]:
    """The MD5 of each file that was unpacked here; files from elsewhere have none."""
    try:
        checksums = parse_json(files.read_regular(raw / CHECKSUMS, MAX_CHECKSUMS_BYTES))
    except (OSError, ValueError):
        return {}
    if not isinstance(checksums, dict):
        return {}
    return {name: md5 for name, md5 in checksums.items() if isinstance(md5, str)}


@contextlib.contextmanager
def _download_lock(raw: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder's lock: two runs that need the same data download it once."""
    with open(files.open_private(raw / ".lock", os.O_RDWR | os.O_CREAT), "wb") as lock:
        while True:
            try:
                if file_lock.lock(lock.fileno()):
                    break
            except OSError:  # no locks here: at worst both download it, and each file still appears whole
                break
            progress("waiting for another run's download")
            time.sleep(PROGRESS_SECONDS)
        yield


def _fetch(archive: Archive, title: str, raw: Path, progress: Callable[[str], None]) -> None:
    """Download one archive from the first mirror that has it, check it and unpack it."""
    packed = files.part_path(raw / "archive")
    files.remove_old_parts(raw)
    failures = []
    try:
        for url in archive.urls:
            try:
                if _receive(url, packed, title, progress) != archive.md5:
                    failures.append(f"{urlsplit(url).hostname} sent a damaged file (its MD5 is wrong)")
                    continue
                _unpack(archive, packed, raw)
                return
            except _UnreachableError as error:
                failures.append(f"{urlsplit(url).hostname}: {error}")
        raise ValueError(
            f"cannot download {title} ({'; '.join(failures)}). Without a network, put torchvision's files into "
            f"DIR/{title}/raw and name DIR as the data's folder (--data-dir DIR)"
        )
    finally:
        packed.unlink(missing_ok=True)


class _UnreachableError(Exception):
    """A mirror does not answer, or closes the connection early."""


def _receive(url: str, target: Path, title: str, progress: Callable[[str], None]) -> str:
    """Write the content of `url` to `target`; its MD5."""
    md5 = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(url, headers={"User-Agent": "adam-tui"})
    received, shown_at = 0, 0.0
    progress(f"downloading {title} from {urlsplit(url).hostname}")
    with open(target, "wb") as file, contextlib.ExitStack() as stack:
        try:
            response = stack.enter_context(urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS))
            total = int(response.headers.get("Content-Length") or 0)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _UnreachableError(_reason(error)) from None
        while True:
            try:
                block = response.read(BLOCK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _UnreachableError(_reason(error)) from None
            if not block:
                return md5.hexdigest()
            file.write(block)
            md5.update(block)
            received += len(block)
            if time.monotonic() - shown_at >= PROGRESS_SECONDS:
                shown_at = time.monotonic()
                of = f" of {total / 1e6:.1f}" if total else ""
                progress(f"downloading {title}: {Path(urlsplit(url).path).name}, {received / 1e6:.1f}{of} MB")


def _reason(error: BaseException) -> str:
    """The error in words; urllib wraps the true reason."""
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _unpack(archive: Archive, packed: Path, raw: Path) -> None:
    """Decompress the archive's contents, each file beside its place and then moved there."""
    for member, name in archive.contents:
        temporary = files.part_path(raw / name)
        try:
            with contextlib.ExitStack() as stack:
                source: IO[bytes] = stack.enter_context(open(packed, "rb"))
                if member:
                    source = stack.enter_context(stack.enter_context(zipfile.ZipFile(source)).open(member))
                unzipped = stack.enter_context(gzip.open(source))
                shutil.copyfileobj(unzipped, stack.enter_context(open(temporary, "wb")), 1 << 20)
            files.replace(temporary, raw / name)
            with open(raw / name, "rb") as unpacked:
                md5 = hashlib.file_digest(unpacked, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            files.write_atomically(raw / CHECKSUMS, json.dumps(_checksums(raw) | {name: md5}))
        finally:
            temporary.unlink(missing_ok=True)
