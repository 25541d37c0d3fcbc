"""Fetches MNIST's relatives into the cache: torchvision's addresses, checksums and layout, with progress and an end.

torchvision's own download waits for a silent server for ever, cannot be stopped and unpacks all 1.7 GB of EMNIST. Here
a server gets ten seconds, every mirror one try, and only the files that are read are unpacked.
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

SILENCE_SECONDS = 10.0  # a server that says nothing for so long is given up
TELL_SECONDS = 0.25
PIECE = 1 << 18
CHECKSUMS, MOST_CHECKSUMS = ".md5.json", 1 << 16  # what the files had when they were unpacked; bytes
KINDS: dict[str, type[MNIST]] = {"fashion-mnist": FashionMNIST, "kmnist": KMNIST, "emnist-digits": EMNIST}
PARTS = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to fetch: where from (one mirror after the other), its MD5, and what it holds: (member, file's name).

    Members are gzip files within a zip file, or "" for a gzip file that is the archive itself.
    """

    urls: tuple[str, ...]
    md5: str
    holds: tuple[tuple[str, str], ...]


def archives(kind: type[MNIST]) -> list[Archive]:
    """What torchvision says about a data set."""
    if kind is EMNIST:
        names = [f"emnist-digits-{part}-ubyte" for part in PARTS]
        return [Archive((EMNIST.url,), EMNIST.md5, tuple((f"gzip/{name}.gz", name) for name in names))]
    return [
        Archive(tuple(mirror + name for mirror in kind.mirrors), md5, (("", name.removesuffix(".gz")),))
        for name, md5 in kind.resources
    ]


def ensure(name: str, root: Path, progress: Callable[[str], None]) -> None:
    """Bring the files of a data set of `KINDS` under `root`, those that are not there yet; each appears whole.

    ValueError with one line when that cannot be done; what `progress` raises passes through.
    """
    kind = KINDS[name]
    raw = root / kind.__name__ / "raw"
    try:
        if _missing(kind, raw):
            raw.mkdir(parents=True, exist_ok=True)
            with _alone(raw, progress):
                for archive in _missing(kind, raw):  # another run may have fetched them meanwhile
                    _fetch(archive, kind.__name__, raw, progress)
    except OSError as error:
        raise ValueError(f"cannot keep {kind.__name__} in {raw}: {error.strerror or error}") from None


def _missing(kind: type[MNIST], raw: Path) -> list[Archive]:
    """The archives of which a file is not there, or is no longer as it was when it was unpacked."""
    known = _checksums(raw)

    def is_there(name: str) -> bool:
        path = raw / name
        return os.path.isfile(path) and (name not in known or unpacking.is_whole(path, known[name]))

    return [archive for archive in archives(kind) if not all(is_there(name) for _, name in archive.holds)]


def _checksums(raw: Path) -> dict[str, str]:
    """The MD5 of each file that was unpacked here; nothing for files that somebody else put here."""
    try:
        told = parse_json(files.read_regular(raw / CHECKSUMS, MOST_CHECKSUMS))
    except (OSError, ValueError):
        return {}
    return {name: md5 for name, md5 in told.items() if isinstance(md5, str)} if isinstance(told, dict) else {}


@contextlib.contextmanager
def _alone(raw: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Two runs that want the same data fetch it once."""
    with open(raw / ".lock", "w") as lock:
        while True:
            try:
                if file_lock.lock(lock.fileno()):
                    break
            except OSError:  # no locks here: at worst both fetch it, each file still appears whole
                break
            progress("waiting for another run's download")
            time.sleep(TELL_SECONDS)
        yield


def _fetch(archive: Archive, title: str, raw: Path, progress: Callable[[str], None]) -> None:
    """One archive from the first mirror that has it, checked, unpacked."""
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
    """A mirror does not answer, or breaks off."""


def _receive(url: str, target: Path, title: str, progress: Callable[[str], None]) -> str:
    """Write what is at `url` to `target`; its MD5."""
    md5 = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(url, headers={"User-Agent": "adam-tui"})
    received, told = 0, 0.0
    progress(f"downloading {title} from {urlsplit(url).hostname}")
    with open(target, "wb") as file, contextlib.ExitStack() as stack:
        try:
            answer = stack.enter_context(urllib.request.urlopen(request, timeout=SILENCE_SECONDS))
            total = int(answer.headers.get("Content-Length") or 0)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _UnreachableError(_reason(error)) from None
        while True:
            try:
                piece = answer.read(PIECE)
            except (OSError, http.client.HTTPException) as error:
                raise _UnreachableError(_reason(error)) from None
            if not piece:
                return md5.hexdigest()
            file.write(piece)
            md5.update(piece)
            received += len(piece)
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                of = f" of {total / 1e6:.1f}" if total else ""
                progress(f"downloading {title}: {Path(urlsplit(url).path).name}, {received / 1e6:.1f}{of} MB")


def _reason(error: BaseException) -> str:
    """In words; urllib wraps the true reason."""
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _unpack(archive: Archive, packed: Path, raw: Path) -> None:
    """Decompress what the archive holds, each file beside its place and then moved there."""
    for member, name in archive.holds:
        temporary = files.part_path(raw / name)
        try:
            with contextlib.ExitStack() as stack:
                source: IO[bytes] = stack.enter_context(open(packed, "rb"))
                if member:
                    source = stack.enter_context(stack.enter_context(zipfile.ZipFile(source)).open(member))
                whole = stack.enter_context(gzip.open(source))
                shutil.copyfileobj(whole, stack.enter_context(open(temporary, "wb")), 1 << 20)
            files.replace(temporary, raw / name)
            with open(raw / name, "rb") as unpacked:
                md5 = hashlib.file_digest(unpacked, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            files.write_atomically(raw / CHECKSUMS, json.dumps(_checksums(raw) | {name: md5}))
        finally:
            temporary.unlink(missing_ok=True)
