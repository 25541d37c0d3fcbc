"""Where Linux, macOS and Windows differ: processes, locks, how a file is replaced. Standard library only.

Only Linux has been seen working. What is said here of the others is from their documentation, and tried with stand-ins
for their modules; that is why those are imported where they are used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import time
from io import BufferedReader
from pathlib import Path
from typing import Any

# What a system says when there is no room: a full disk, a quota, a limit of the process.
NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
# Windows' locks keep readers out, so there a byte is locked that no file of ours ever reaches.
LOCKED_BYTE = 0x7FFF_FFF0
# Windows refuses to replace a file while somebody has it open; ours are open for a moment only.
REPLACE_TRIES, REPLACE_PAUSE = 50, 0.01
STILL_ACTIVE, QUERY_LIMITED_INFORMATION, INVALID_PARAMETER = 259, 0x1000, 87  # winbase.h, winnt.h, winerror.h
OLD_SECONDS = 3600.0
PATIENCE = 1.0  # seconds that a killed process gets to be gone, and its locks


# Files.


def lock(descriptor: int, patience: float = 0.0) -> bool:
    """Lock a file until it is closed or the process dies; False while another process has it.

    `patience` is how long to wait for it, in seconds: of a process that was killed, a thread may still have it for a
    moment when the process itself is seen to be gone. OSError on a file system that has no locks.
    """
    end = time.monotonic() + patience
    while not _lock_at_once(descriptor):
        if time.monotonic() >= end:
            return False
        time.sleep(0.01)
    return True


def _lock_at_once(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        here = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(descriptor, here, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give up a lock before the file is closed."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)


def make_private(folder: Path) -> None:
    """Make a directory and those above it, as far as they are missing; their owner's alone, whatever the umask."""
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        if not folder.is_dir():
            raise


def open_private(path: Path, flags: int) -> int:
    """`os.open` of a file that, if it is made now, is its owner's alone. Never waits, as a FIFO in its place would."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0), 0o600)


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading. OSError as it comes, and for a directory, a FIFO, a device."""
    descriptor = open_private(path, os.O_RDONLY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return open(descriptor, "rb")


def read_regular(path: Path, most: int) -> bytes:
    """What is in a file of at most so many bytes. OSError as `open_regular`, and for a larger one."""
    descriptor = open_private(path, os.O_RDONLY)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        if about.st_size > most:
            raise OSError(errno.EFBIG, "it is too large", str(path))
        pieces = []
        while piece := os.read(descriptor, most):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def end_torn_line(descriptor: int) -> None:
    """Let a file of lines end with a whole one: who was killed in mid-line must not spoil the next."""
    size = os.fstat(descriptor).st_size
    if size:
        os.lseek(descriptor, size - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            os.write(descriptor, b"\n")


def replace(source: Path, target: Path) -> None:
    """`os.replace`, which on Windows fails while somebody reads the target: there it is tried for half a second."""
    if sys.platform == "win32":
        for _ in range(REPLACE_TRIES):
            with contextlib.suppress(PermissionError):
                os.replace(source, target)
                return
            time.sleep(REPLACE_PAUSE)
    os.replace(source, target)


def part_of(path: Path) -> Path:
    """Where this process writes a file before it is moved into its place; `clear_parts` knows the name."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def write_atomically(path: Path, content: str | bytes, *, durable: bool = False, older: Path | None = None) -> None:
    """Write a file so that whoever reads it sees the old content or the new one, whole; its owner's alone.

    A `durable` one is on the disk before it takes the old one's place; what was there before is then called `older`,
    where that is given. OSError as it comes; everything is as before then.
    """
    part = part_of(path)
    try:
        with open(open_private(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if older is not None:
            _keep_as(path, older)
        replace(part, path)
    except OSError as error:
        error.filename = str(path)  # a full disk does not say which
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def clear_old(folder: Path) -> None:
    """Remove what was left half written an hour ago, in a folder that processes of several hosts may share."""
    with contextlib.suppress(OSError):
        for part in folder.glob(".*.part"):
            if time.time() - part.stat().st_mtime > OLD_SECONDS:
                part.unlink(missing_ok=True)


def _keep_as(path: Path, older: Path) -> None:
    """Give a file the name `older` too, instead of the file that has it."""
    part = part_of(older)
    with contextlib.suppress(FileNotFoundError):  # nothing to keep
        try:
            os.link(path, part)
        except OSError:  # no hard links there: for a moment, only the older name is left
            replace(path, older)
        else:
            replace(part, older)
            part.unlink(missing_ok=True)  # two names of one file: POSIX' rename leaves both


def write_over(path: Path, content: str) -> None:
    """Write text over a file of about the same size: a full disk has room for that. One write, padded with spaces."""
    descriptor = open_private(path, os.O_WRONLY)
    try:
        os.write(descriptor, content.encode().ljust(os.fstat(descriptor).st_size))
    finally:
        os.close(descriptor)


def clear_parts(folder: Path) -> None:
    """Remove what processes that are gone left half written."""
    with contextlib.suppress(OSError):
        for part in folder.glob(".*.part"):
            pid = part.name.split(".")[-2]
            if not (pid.isdecimal() and process_runs(int(pid))):
                part.unlink(missing_ok=True)


# Processes.


def apart() -> dict[str, Any]:
    """Popen's options for a process that outlives the terminal of the one that starts it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def process_runs(pid: int, born: str = "") -> bool:
    """Whether there is a process of this number on this host; a zombie is none.

    With `born`, as `process_born` told it, another process that got the number later is not taken for it, where that
    can be seen without starting a program.
    """
    if not 0 < pid < 1 << 31:  # 0 and below are groups
        return False
    if sys.platform == "win32":
        found = _windows_birth(pid)
    else:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        found = _linux_birth(pid) if sys.platform == "linux" else ""
    return found is not None and found in ("", born or found)


def process_born(pid: int) -> str:
    """When the process of this number began, in the system's own words; "" when that cannot be known."""
    if sys.platform == "win32":
        return _windows_birth(pid) or ""
    if sys.platform == "linux":
        return _linux_birth(pid) or ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]  # POSIX has no call for it
    same = os.environ | {"LC_ALL": "C", "TZ": "UTC"}  # words for whoever asks
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, env=same, timeout=5).stdout.strip()
    return ""


def kill(pid: int, born: str) -> None:
    """End a process by force and wait until it is gone.

    ValueError with one line when it is not surely the process that was born then, or does not go.
    """
    if not (born and process_runs(pid, born) and process_born(pid) == born):
        raise ValueError(f"process {pid} may be another one by now")
    try:
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)  # there it is by force
        else:
            os.kill(pid, signal.SIGKILL)
    except PermissionError:
        raise ValueError(f"process {pid} is somebody else's") from None
    except ProcessLookupError:
        return
    end = time.monotonic() + PATIENCE
    while process_runs(pid, born):
        if time.monotonic() > end:
            raise ValueError(f"process {pid} was killed but does not go: it waits for a disk or a network")
        time.sleep(0.01)


def _linux_birth(pid: int) -> str | None:
    """From /proc: None for a zombie, "" where /proc does not show it."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if told[0] in "ZX" else told[19]  # field 22 of proc(5), in ticks since the start of the system


def _windows_birth(pid: int) -> str | None:
    """None when there is no such process; "" when it does not show itself to us."""
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    kernel.OpenProcess.restype = wintypes.HANDLE
    handle = kernel.OpenProcess(QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        return None if ctypes.get_last_error() == INVALID_PARAMETER else ""  # type: ignore[attr-defined, unused-ignore]
    handle = wintypes.HANDLE(handle)
    try:
        status, times = wintypes.DWORD(), [wintypes.FILETIME() for _ in range(4)]
        if kernel.GetExitCodeProcess(handle, ctypes.byref(status)) and status.value != STILL_ACTIVE:
            return None
        if not kernel.GetProcessTimes(handle, *map(ctypes.byref, times)):
            return ""
        return str(times[0].dwHighDateTime << 32 | times[0].dwLowDateTime)
    finally:
        kernel.CloseHandle(handle)
