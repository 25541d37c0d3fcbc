"""Exclusive locks on open files: a lock ends when its file is closed or its process dies.

`flock` on Linux and macOS; on Windows the lock of one byte beyond the file's end. Standard library only.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

# On Windows a locked byte cannot be read by others, so the locked one is a byte that none of our files reaches.
LOCKED_BYTE = 0x7FFF_FFF0
RETRY_SECONDS = 0.01
# After a process is killed, one of its threads may hold the lock for a moment longer.
RELEASE_SECONDS = 1.0


def lock(descriptor: int, timeout: float = 0.0) -> bool:
    """Lock an open file; False when another process still has the lock after `timeout` seconds.

    Raises OSError on a file system without locks, and for a descriptor of -1, as of a file that could not be opened.
    """
    if descriptor < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    end = time.monotonic() + timeout
    while not _try_lock(descriptor):
        if time.monotonic() >= end:
            return False
        time.sleep(RETRY_SECONDS)
    return True


def lock_shared(descriptor: int) -> None:
    """Take a lock that others can share, and wait for that; Windows has none. Raises OSError as `lock` does."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_SH)


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool | None:
    """Whether a process holds the lock of a file; None for an unreadable file or a file system without locks.

    The test takes a shared lock for a moment, where the system has such locks, so that tests do not see each other.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            locked = not _try_lock(descriptor)
            if not locked:
                unlock(descriptor)
            return locked
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def unlock(descriptor: int) -> None:
    """Release a lock without closing the file."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
