"""Private and atomic file access: how the files of a run are opened, read, replaced and cleaned up.

Every file is created with mode 0600, independent of the umask, and nothing is written through a link or into another
user's file: other users may be able to write to the directory. Standard library only. Linux is tested for real; macOS
and Windows from their documentation, with stand-ins for their calls.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from io import BufferedReader
from pathlib import Path

from adam_tui.runs import processes

# The errors of a full disk, of a quota and of a process limit.
NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
# Windows refuses to replace a file while another process has it open; our readers keep files open for a moment only.
REPLACE_TRIES, REPLACE_PAUSE = 50, 0.01
ABANDONED_SECONDS = 3600.0  # age of a part that no process of another host can still be writing


def make_private_folder(folder: Path) -> None:
    """Create a directory and its missing parents with mode 0700."""
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        if not folder.is_dir():
            raise


def open_private(path: Path, flags: int) -> int:
    """`os.open` that creates files with mode 0600 and never blocks on a FIFO.

    For writing, it raises OSError for a symbolic link, for anything but a regular file, and for a file that belongs
    neither to this user nor to the owner of its directory.
    """
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not flags & (os.O_WRONLY | os.O_RDWR):
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link", str(path)) from None
        raise
    try:
        _check_own_file(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_lock_file(path: Path) -> int:
    """Open a file whose lock matters, or create it. Raises OSError for a planted one, which stands for another file."""
    descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EMLINK, "it is a second name of another file", str(path))
    return descriptor


def _check_own_file(descriptor: int, path: Path) -> None:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    # On some network file systems every file seems to belong to the same strange user: that of the directory, too.
    if hasattr(os, "geteuid") and info.st_uid not in (os.geteuid(), os.stat(path.parent).st_uid):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))


def is_own_link(path: Path) -> bool:
    """Whether this is a symbolic link that this user made. Windows, where links have no such owner, counts them all."""
    try:
        info = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(info.st_mode) and (not hasattr(os, "geteuid") or info.st_uid == os.geteuid())


def open_folder(path: Path) -> int:
    """A descriptor of a directory for `current_path`; -1 where the system has none."""
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return -1


def current_path(descriptor: int) -> Path | None:
    """Where an open directory is now, also after a rename; None when it was deleted or the place is unknown."""
    try:
        if sys.platform == "darwin":
            import fcntl

            name = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0").decode()
        else:
            name = os.readlink(f"/proc/self/fd/{descriptor}")
        return Path(name) if os.path.samestat(os.stat(name), os.fstat(descriptor)) else None
    except (OSError, ValueError):
        return None


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading. Raises OSError, also for a directory, a FIFO or a device."""
    descriptor = open_private(path, os.O_RDONLY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return open(descriptor, "rb")


def read_regular(path: Path, max_bytes: int) -> bytes:
    """The content of a file. Raises OSError as `open_regular` does, and for a file of more than `max_bytes`."""
    descriptor = open_private(path, os.O_RDONLY)
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        if info.st_size > max_bytes:
            raise OSError(errno.EFBIG, "it is too large", str(path))
        pieces = []
        while piece := os.read(descriptor, max_bytes):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def end_torn_line(descriptor: int) -> None:
    """Append a newline to a file of lines that a killed process left in the middle of one."""
    size = os.fstat(descriptor).st_size
    if size:
        os.lseek(descriptor, size - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            os.write(descriptor, b"\n")


def replace(source: Path, target: Path) -> None:
    """`os.replace`; on Windows, where it fails while another process reads the target, it retries for 0.5 s."""
    if sys.platform == "win32":
        for _ in range(REPLACE_TRIES):
            with contextlib.suppress(PermissionError):
                os.replace(source, target)
                return
            time.sleep(REPLACE_PAUSE)
    os.replace(source, target)


def part_path(path: Path) -> Path:
    """A new name beside a file, for its content until it is moved into place; `remove_orphaned_parts` knows the form.

    The name cannot be predicted, so nobody can put a link in its place.
    """
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.{os.getpid()}.part")


def write_atomically(path: Path, content: str | bytes, *, durable: bool = False, older: Path | None = None) -> None:
    """Replace a file in one move: a reader sees the old content or the new one, never a mixture.

    With `durable` the content is on the disk before the move. With `older` the replaced file keeps that name. Raises
    OSError that names `path`; the files are then as they were before.
    """
    part = part_path(path)
    try:
        with open(open_private(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if older is not None:
            _link_as(path, older)
        replace(part, path)
    except OSError as error:
        error.filename = str(path)  # the error of a full disk has no file name
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_new(path: Path, content: str, *, durable: bool = False) -> None:
    """Create a file with this content, with `durable` on the disk.

    Raises FileExistsError where there is one, other OSError where that fails.
    """
    with open(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(content.encode())
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _link_as(path: Path, older: Path) -> None:
    """Give a file the second name `older`, in place of the file that has it."""
    part = part_path(older)
    with contextlib.suppress(FileNotFoundError):  # there is no file yet
        try:
            os.link(path, part)
        except OSError:  # no hard links on this file system: for a moment only the older name exists
            replace(path, older)
        else:
            replace(part, older)
            part.unlink(missing_ok=True)  # POSIX' rename keeps both names when they are of one file


def overwrite(path: Path, content: str) -> None:
    """Write text over a file of about the same size, padded with spaces, in one write: a full disk allows that."""
    descriptor = open_private(path, os.O_WRONLY)
    try:
        os.write(descriptor, content.encode().ljust(os.fstat(descriptor).st_size))
    finally:
        os.close(descriptor)


def remove_orphaned_parts(folder: Path) -> None:
    """Remove the half-written files of processes of this host that have ended."""
    with contextlib.suppress(OSError):
        for part in folder.glob(".*.part"):
            pid = part.name.split(".")[-2]
            if not (pid.isdecimal() and processes.is_running(int(pid))):
                part.unlink(missing_ok=True)


def remove_old_parts(folder: Path) -> None:
    """Remove half-written files that are an hour old, from a folder that processes of several hosts may share."""
    with contextlib.suppress(OSError):
        for part in folder.glob(".*.part"):
            if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
                part.unlink(missing_ok=True)
