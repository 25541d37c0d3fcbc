"""Following metrics.jsonl while a process appends to it: new lines once each, in pieces that keep a screen responsive.

A reader never writes and never locks. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from io import BufferedReader
from pathlib import Path

from adam_tui.runs import files
from adam_tui.runs.protocol import Event, from_line

# Most bytes that one poll returns: about 30 ms of parsing, so that a long run opens without a pause. A longer line
# is no event and is skipped; `steps` lines have about 60 kB on the fastest machines.
POLL_BYTES = 1 << 20
SKIP_BYTES = 16 << 20  # most bytes of such a line that one poll skips: about 10 ms
# The bytes at the start of the file and before the offset that must be the same in a file that replaces it. Losses and
# times make them different in every two runs.
HEAD_BYTES, TAIL_BYTES = 1 << 10, 1 << 12
# A program that copies a file in place first makes it shorter; so long a reader waits for the rest.
COPY_SECONDS = 2.0


class Follower:
    """Reads a growing file of lines; each line is returned once. A poll without news costs one stat.

    A last line without its newline is returned when it is complete. A file that is replaced by a copy, as rsync and
    Syncthing do, is read on from the same place. A file with other content is read from its start, and `restarts`
    counts that. While the file is missing, polls return nothing.
    """

    def __init__(self, path: Path) -> None:
        self.restarts = 0
        self._path = path
        self._inode = -1
        self._offset = 0  # of the first byte that was not returned yet
        self._size = 0  # the file's size at the last poll; a torn line may lie between `_offset` and it
        self._head = b""  # the first bytes of the file, as far as they were returned
        self._tail = b""  # the last bytes before `_offset`
        self._skipping = False  # whether `_offset` is within a line that is too long
        self._short_since: float | None = None  # when the file first was shorter than what was returned

    @property
    def offset(self) -> int:
        """The number of bytes of the file that were returned or skipped."""
        return self._offset

    def poll(self) -> list[Event]:
        """The new events, oldest first, of at most 1 MiB: call it again until `poll_lines` returns none."""
        return [event for line in self.poll_lines() if (event := from_line(line)) is not None]

    def poll_lines(self) -> list[str]:
        """The new lines without their newlines, torn lines of a killed process included."""
        return [line.decode("utf-8", "replace") for line in self.poll_bytes()[1]]

    def poll_bytes(self) -> tuple[int, list[bytes]]:
        """The file offset of the first new line, and the new lines in bytes.

        An empty line stands for a piece of a line that is too long, so that only an empty list means that there is
        nothing new.
        """
        try:
            info = os.stat(self._path)
        except OSError:
            info = None
        if info is None or not stat.S_ISREG(info.st_mode):
            self._inode = -1  # a file that appears later is another one, even with the same inode number
            return self._offset, []
        if info.st_ino == self._inode and info.st_size == self._size:
            return self._offset, []
        try:
            with files.open_regular(self._path) as file:
                if not self._continues(file, info.st_size):
                    return self._offset, []
                self._inode = info.st_ino
                return self._read(file)
        except OSError:
            return self._offset, []

    def _continues(self, file: BufferedReader, size: int) -> bool:
        """Prepare to read on: from the same place if the content before it is the same, else from the start.

        False while the file may be a copy that is not complete yet.
        """
        if self._offset == 0:
            return True
        head = file.read(len(self._head))
        if size < self._offset and head == self._head[:size]:
            now = time.monotonic()
            self._short_since = now if self._short_since is None else self._short_since
            if now - self._short_since < COPY_SECONDS:
                return False
        elif head == self._head:
            file.seek(self._offset - len(self._tail))
            if file.read(len(self._tail)) == self._tail:
                self._short_since = None
                return True
        self.restarts += 1
        self._offset, self._head, self._tail, self._skipping, self._short_since = 0, b"", b"", False, None
        return True

    def _read(self, file: BufferedReader) -> tuple[int, list[bytes]]:
        """Read one chunk of lines from the offset on, or skip a piece of a line that is too long."""
        first = self._offset
        file.seek(first)
        chunk = file.read(POLL_BYTES)
        if self._skipping or (len(chunk) == POLL_BYTES and b"\n" not in chunk):
            return first, self._skip(file, chunk)
        complete = chunk.rfind(b"\n") + 1
        # A whole chunk may not be all there is: then the next poll reads on at once, else when the file has grown.
        self._size = first + (len(chunk) if len(chunk) < POLL_BYTES else complete)
        self._advance(chunk[:complete])
        return first, chunk[:complete].split(b"\n")[:-1]

    def _skip(self, file: BufferedReader, chunk: bytes) -> list[bytes]:
        """Skip to the end of the present line, at most `SKIP_BYTES`; an empty line if anything was skipped."""
        skipped = 0
        while chunk:
            end = chunk.find(b"\n") + 1
            self._skipping = not end
            skipped += end or len(chunk)
            self._advance(chunk[:end] if end else chunk)
            if end or skipped >= SKIP_BYTES:
                break
            chunk = file.read(POLL_BYTES)
        self._size = self._offset
        return [b""] if skipped else []

    def _advance(self, data: bytes) -> None:
        """Count bytes as returned, and remember those by which a copy is recognized."""
        self._offset += len(data)
        self._head += data[: HEAD_BYTES - len(self._head)]
        self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]

    def skip(self) -> None:
        """Pass over the present content: later polls return only lines that are appended from now on."""
        with contextlib.suppress(OSError), files.open_regular(self._path) as file:
            info = os.fstat(file.fileno())
            self._head = file.read(min(HEAD_BYTES, info.st_size))
            file.seek(max(info.st_size - TAIL_BYTES, 0))
            self._tail = file.read(min(TAIL_BYTES, info.st_size))
            self._inode, self._offset, self._size = info.st_ino, info.st_size, info.st_size

    def read_again(self, offset: int, size: int) -> list[bytes]:
        """The complete lines within `size` bytes from `offset`, where a line begins; empty when there are none."""
        try:
            with files.open_regular(self._path) as file:
                file.seek(offset)
                return file.read(max(size, 0)).split(b"\n")[:-1]
        except OSError:
            return []
