"""Locks on open files; those of Windows with a stand-in."""

import errno
import os
import sys
import time

from adam_tui.runs import file_lock


def test_one_descriptor_has_the_lock_and_others_wait_until_the_timeout(tmp_path):
    with open(tmp_path / "file", "w") as one, open(tmp_path / "file", "w") as other:
        assert file_lock.lock(one.fileno())
        assert not file_lock.lock(other.fileno())
        began = time.monotonic()
        assert not file_lock.lock(other.fileno(), timeout=0.1)
        assert time.monotonic() - began >= 0.1
        file_lock.unlock(one.fileno())
        assert file_lock.lock(other.fileno())


class Msvcrt:
    """Windows' locks: a range of bytes from the file's position, which no other process may even read."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        self.locked = {}

    def locking(self, descriptor, how, count):
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        if how == self.LK_UNLCK:
            del self.locked[at]
        elif at in self.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.locked[at] = (descriptor, count)


def test_on_windows_a_byte_beyond_the_file_is_locked_and_the_position_is_kept(tmp_path, monkeypatch):
    fake = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(sys, "platform", "win32")
    (tmp_path / "file").write_text("0123456789")
    with open(tmp_path / "file", "r+") as one:
        os.lseek(one.fileno(), 3, os.SEEK_SET)
        assert file_lock.lock(one.fileno())
        assert not file_lock.lock(one.fileno())
        assert os.read(one.fileno(), 2) == b"34"
        assert list(fake.locked) == [file_lock.LOCKED_BYTE]
        assert 2**30 < file_lock.LOCKED_BYTE < 2**31  # beyond our files; the C library's offset has 31 bits
        file_lock.unlock(one.fileno())
        assert file_lock.lock(one.fileno())
