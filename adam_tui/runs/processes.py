"""Processes of this host by number: whether one runs, when it started, how to end it, how to detach one.

A number is given to another process after the first one ends. A process is therefore identified by its number and the
time of its start, its "birth". Standard library only; Linux is tested for real, macOS and Windows with stand-ins.
"""

from __future__ import annotations

import contextlib
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


def is_running(pid: int, birth: str = "") -> bool:
    """Whether a process with this number runs on this host; a zombie does not run.

    With `birth`, from the function of that name, a later process with the same number does not count, as far as that
    can be determined without starting a program.
    """
    if not 0 < pid < 1 << 31:  # 0 and below are process groups
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
    return known_birth is not None and known_birth in ("", birth or known_birth)


def birth(pid: int) -> str:
    """When a process started, as the system writes it; "" when that cannot be determined."""
    if sys.platform == "win32":
        return _windows_birth(pid) or ""
    if sys.platform == "linux":
        return _linux_birth(pid) or ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]  # POSIX has no call for it
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}  # the same text in every terminal
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        result = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=PS_SECONDS, check=False
        )
        return result.stdout.strip()
    return ""


def kill(pid: int, expected_birth: str) -> None:
    """Kill a process and wait until it is gone.

    Raises ValueError with one line when its birth is not `expected_birth`, or when it does not disappear.
    """
    if not (expected_birth and is_running(pid, expected_birth) and birth(pid) == expected_birth):
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
    """From /proc, in clock ticks since the system's start: None for a zombie, "" when /proc hides the process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in "ZX" else fields[19]  # fields 3 and 22 of proc(5)


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
