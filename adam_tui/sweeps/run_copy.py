"""A trial's run directory on a host with a file system of its own, and how its copy in the sweep is kept up to date.

The training process writes on its node. The copy asks for the bytes that it does not have, as pieces of a name, an
offset and bytes, and writes them: the files become the same byte for byte, however often a piece arrives. Orders go the
other way. Standard library only; nothing here knows how the pieces travel.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adam_tui.runs import file_lock, files
from adam_tui.runs.run import Run
from adam_tui.runs.user_code import COPIES

APPENDED = ("metrics.jsonl", "worker.log")  # these files only grow
REPLACED = ("evaluation.npz", "status.json")  # these are replaced in one move
CHECKPOINT, CONTROL = "checkpoint.pt", "control.jsonl"
# A node continues a trial from these files.
SENT = ("spec.json", "metrics.jsonl", CHECKPOINT, "checkpoint.old.pt", CONTROL, "status.json", "worker.log", *COPIES)
MAX_FILE = 1 << 30  # bytes; a larger file is damaged
MAX_PIECE = 1 << 23  # bytes of a growing file in one answer


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file from `offset` on; with a `version` they are the whole file, which replaces the one before."""

    name: str
    offset: int
    content: bytes = field(repr=False)
    version: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Known:
    """The part of a run's files that the copy has: the sizes of those that grow, the versions of the others."""

    sizes: Mapping[str, int]
    versions: Mapping[str, tuple[int, int]]


def read_pieces(folder: Path, known: Known, *, with_checkpoint: bool) -> tuple[list[Piece], bool]:
    """The pieces of a run's files that a copy does not have, in the order in which it writes them.

    The second value is true where more bytes are left for the next time. A checkpoint comes with all the events before
    it: it is read first and is the last but one to be written. Raises OSError.
    """
    checkpoint = _replaced(folder, CHECKPOINT, known) if with_checkpoint else []
    status = _replaced(folder, "status.json", known)
    grown = [_appended(folder, name, known.sizes.get(name, 0)) for name in APPENDED]
    pieces = [piece for piece in grown if piece.content]
    if any(len(piece.content) == MAX_PIECE for piece in pieces):
        return pieces, True
    return [*pieces, *_replaced(folder, "evaluation.npz", known), *checkpoint, *status], False


def _replaced(folder: Path, name: str, known: Known) -> list[Piece]:
    try:
        with files.open_regular(folder / name) as file:
            info = os.fstat(file.fileno())
            version = info.st_mtime_ns, info.st_ino
            return [] if version == known.versions.get(name) else [Piece(name, 0, file.read(), version)]
    except FileNotFoundError:
        return []


def _appended(folder: Path, name: str, offset: int) -> Piece:
    try:
        with files.open_regular(folder / name) as file:
            file.seek(offset)
            return Piece(name, offset, file.read(MAX_PIECE))
    except FileNotFoundError:
        return Piece(name, offset, b"")


class RunCopy:
    """The copy of a run in the directory of its sweep, for one attempt of the trial.

    It holds the lock of the run as a training process does. Raises ValueError when another process trains the run,
    OSError when its directory cannot be written.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._versions: dict[str, tuple[int, int]] = {}
        self._files: dict[str, int] = {}
        try:
            for name in APPENDED:
                self._files[name] = files.open_private(run.path / name, os.O_RDWR | os.O_CREAT)
            try:
                is_free = file_lock.lock(self._files["metrics.jsonl"], file_lock.RELEASE_SECONDS)
            except OSError:  # a file system without locks
                is_free = True
            if not is_free:
                raise ValueError(f"another process is training {run.id}")
        except BaseException:
            self.close()
            raise
        files.remove_orphaned_parts(run.path)
        self.control = self._read(CONTROL)

    def close(self) -> None:
        """Close the files and free the run."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def sent(self) -> dict[str, bytes]:
        """The files that a node continues from, by name. Raises OSError."""
        return {name: content for name in SENT if (content := self._read(name))} | {CONTROL: self.control}

    def _read(self, name: str) -> bytes:
        try:
            return files.read_regular(self.run.path / name, MAX_FILE)
        except FileNotFoundError:
            return b""

    def known(self) -> Known:
        """The part that the copy has."""
        return Known({name: os.fstat(each).st_size for name, each in self._files.items()}, dict(self._versions))

    def new_orders(self) -> Piece:
        """The bytes of control.jsonl since the last call. Raises OSError."""
        offset = len(self.control)
        piece = _appended(self.run.path, CONTROL, offset)
        self.control += piece.content
        return piece

    def write(self, pieces: list[Piece]) -> None:
        """Write pieces; one that is here already changes nothing.

        Raises ValueError for a piece that leaves a gap or has an unknown name, OSError.
        """
        for piece in pieces:
            if piece.name in self._files:
                append(self._files[piece.name], piece)
            elif piece.name in (CHECKPOINT, *REPLACED):
                self._replace(piece)
            else:
                raise ValueError(f"{piece.name!r} is no file of a run")

    def _replace(self, piece: Piece) -> None:
        if self._versions.get(piece.name) == piece.version:
            return
        is_checkpoint = piece.name == CHECKPOINT
        if is_checkpoint:  # its events reach the disk first
            os.fsync(self._files["metrics.jsonl"])
        older = self.run.older_checkpoint if is_checkpoint else None
        files.write_atomically(self.run.path / piece.name, piece.content, durable=is_checkpoint, older=older)
        self._versions[piece.name] = piece.version


def append(descriptor: int, piece: Piece) -> None:
    """Write those bytes of a piece that lie beyond the end of a file. Raises ValueError for a gap, OSError."""
    size = os.fstat(descriptor).st_size
    if piece.offset > size:
        raise ValueError(f"{piece.name} has {size} bytes, and the next piece begins at {piece.offset}")
    content = memoryview(piece.content)[size - piece.offset :]
    os.lseek(descriptor, 0, os.SEEK_END)
    while content:
        content = content[os.write(descriptor, content) :]
