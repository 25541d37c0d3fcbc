"""Processes of this host by number: whether one runs, when it started, what it holds, how to end it, how to detach one.

A number is given to another process after the first one ends, and containers count from 1 again. A process is
therefore identified by its number and its "birth": the time of its start, and on Linux the PID namespace. Standard
library only; Linux is tested for real, macOS and Windows with stand-ins.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STILL_ACTIVE, QUERY_LIMITED_INFORMATION, INVALID_PARAMETER = 259, 0x1000, 87  # winbase.h, winnt.h, winerror.h
KILL_SECONDS = 1.0  # how long a killed process may take to disappear
PS_SECONDS = 5.0


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this program with this Python.

    The current folder is no place for imports (-P): a file random.py there would replace Python's own.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def is_running(pid: int, birth: str = "") -> bool:
    """Whether a process with this number runs, in this PID namespace of this host; a zombie does not run.

    With `birth`, from the function of that name, a later process with the same number does not count, as far as that
    can be determined without starting a program.
    """
    if not 0 < pid < 1 << 31 or not is_of_this_namespace(birth):  # 0 and below are process groups
        return False
    if sys.platform == "win32":
        known_birth = _windows_birth(pid)
    else:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        known_birth = _linux_birth(pid) if sys.platform == "linux" else ""
    return known_birth is not None and (not birth or not known_birth or _same(birth, known_birth))


def birth(pid: int) -> str:
    """When a process of this namespace started, as the system writes it; "" when that cannot be determined."""
    if sys.platform == "win32":
        return _windows_birth(pid) or ""
    if sys.platform == "linux":
        return _linux_birth(pid) or ""
    return _ps(pid, "lstart")


def _ps(pid: int, column: str) -> str:
    """One column of ps, which POSIX has where it has no call; "" when there is no such process."""
    command = ["ps", "-ww", "-o", f"{column}=", "-p", str(pid)]
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}  # the same text in every terminal
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        result = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=PS_SECONDS, check=False
        )
        return result.stdout.strip()
    return ""


def _same(birth: str, other: str) -> bool:
    """Whether two births are of one process; earlier versions wrote them without the namespace."""
    (start, _, namespace), (other_start, _, other_namespace) = birth.partition("@"), other.partition("@")
    return start == other_start and (not namespace or not other_namespace or namespace == other_namespace)


def is_of_this_namespace(birth: str) -> bool:
    """Whether a number with this birth belongs to the processes that this one sees, as far as the birth shows it."""
    return birth.partition("@")[2] in ("", _namespace())


@functools.cache
def _namespace() -> str:
    """Boot and PID namespace of this process on Linux; "" elsewhere, and where they are hidden."""
    if sys.platform != "linux":
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except (OSError, ValueError):
        return ""


def command_line(pid: int) -> list[str] | None:
    """The arguments of a process; None where the system does not show them, or not yet, just after its start.

    On macOS an argument with spaces is split at them.
    """
    if sys.platform == "win32":
        return None
    if sys.platform == "linux":
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")[:-1] or None
        except OSError:
            return None
    return _ps(pid, "args").split() or None


def holds_lock(pid: int, path: Path) -> bool | None:
    """Whether a process holds a lock on a file; None where the system does not show it."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError):
        file = os.stat(path)
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{number}"), file):
                    information = Path(f"/proc/{pid}/fdinfo/{number}").read_text("ascii", "replace")
                    if "\nlock:" in information:
                        return True
        return False
    return None


def kill(pid: int, expected_birth: str) -> None:
    """Kill a process and wait until it is gone.

    Raises ValueError with one line when its birth is not `expected_birth`, or when it does not disappear.
    """
    if not (expected_birth and is_running(pid, expected_birth) and _same(birth(pid), expected_birth)):
        raise ValueError(f"process {pid} may be another one by now")
    try:
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)  # on Windows this is TerminateProcess
        else:
            os.kill(pid, signal.SIGKILL)
    except PermissionError:
        raise ValueError(f"process {pid} belongs to another user") from None
    except ProcessLookupError:
        return
    end = time.monotonic() + KILL_SECONDS
    while is_running(pid, expected_birth):
        if time.monotonic() > end:
            raise ValueError(f"process {pid} was killed but does not end: it waits for a disk or a network")
        time.sleep(0.01)


def detached_options() -> dict[str, Any]:
    """Popen's options for a process that outlives this one and its terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def _linux_birth(pid: int) -> str | None:
    """From /proc, in clock ticks since the boot, and the namespace: None for a zombie, "" for a hidden process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in "ZX" else f"{fields[19]}@{_namespace()}"  # fields 3 and 22 of proc(5)


def _windows_birth(pid: int) -> str | None:
    """None when there is no such process, "" when its owner hides it."""
    import ctypes
    from ctypes import wintypes

    # mypy checks for Linux, where ctypes has neither WinDLL nor get_last_error.
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
