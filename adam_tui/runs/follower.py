"""Following metrics.jsonl while a process appends to it: new lines once each, in pieces that keep a screen responsive.

A reader never writes and never locks. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from adam_tui.runs.protocol import Event, from_line

# Most bytes that one poll reads: about 30 ms of parsing, so that a long run opens without a pause.
POLL_BYTES = 1 << 20


class Follower:
    """Reads a growing file of lines; each line is returned once. A poll without news costs one stat.

    A last line without its newline is returned when it is complete. A file that shrinks or is replaced, which no
    training process does, is read again from its start. While the file is missing, polls return nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = -1
        self._offset = 0  # of the first byte that was not returned yet
        self._size = 0  # the file's size at the last poll; a torn line may lie between `_offset` and it

    @property
    def offset(self) -> int:
        """The number of bytes that were returned."""
        return self._offset

    def poll(self) -> list[Event]:
        """The new events, oldest first, of at most 1 MiB: call it again until it returns none."""
        return [event for line in self.poll_lines() if (event := from_line(line)) is not None]

    def poll_lines(self) -> list[str]:
        """The new lines without their newlines, torn lines of a killed process included."""
        return [line.decode("utf-8", "replace") for line in self.poll_bytes()[1]]

    def poll_bytes(self) -> tuple[int, list[bytes]]:
        """The file offset of the first new line, and the new lines in bytes."""
        try:
            info = os.stat(self._path)
        except OSError:
            self._inode = -1  # a file that appears later is another one, even with the same inode number
            return self._offset, []
        if info.st_ino != self._inode or info.st_size < self._size:
            self._inode, self._offset, self._size = info.st_ino, 0, 0
        if info.st_size == self._size:
            return self._offset, []
        chunk = b""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                while b"\n" not in chunk and (more := file.read(POLL_BYTES)):
                    chunk += more
        except OSError:
            return self._offset, []
        first, complete = self._offset, chunk.rfind(b"\n") + 1
        # A whole chunk may not be all there is: then the next poll reads on at once, else when the file has grown.
        self._size = self._offset + (len(chunk) if len(chunk) < POLL_BYTES else complete)
        self._offset += complete
        return first, chunk[:complete].split(b"\n")[:-1]

    def skip(self) -> None:
        """Pass over the present content: later polls return only lines that are appended from now on."""
        with contextlib.suppress(OSError):
            info = os.stat(self._path)
            self._inode, self._offset, self._size = info.st_ino, info.st_size, info.st_size

    def read_again(self, offset: int, size: int) -> list[bytes]:
        """The complete lines within `size` bytes from `offset`, where a line begins; empty when there are none."""
        try:
            with open(self._path, "rb") as file:
                file.seek(offset)
                return file.read(max(size, 0)).split(b"\n")[:-1]
        except OSError:
            return []
