"""The memory that a new process can use: that of the host, and that of the control groups of this process on Linux.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

# The files of a memory limit, what of it is in use, and the part of that which is a cache of files and can be dropped.
VERSION_2 = ("memory.max", "memory.current", "inactive_file")
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that are free, or that the system can free at once; None where that cannot be determined.

    `root` is the directory that holds proc and sys.
    """
    known = [host] if (host := _of_the_host(root)) is not None else []
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines():
            _, _, names_and_path = line.partition(":")
            controllers, _, path = names_and_path.partition(":")
            if not controllers:
                known += _of_groups(root / "sys/fs/cgroup", path, VERSION_2)
            elif "memory" in controllers.split(","):
                known += _of_groups(root / "sys/fs/cgroup/memory", path, VERSION_1)
    return min(known, default=None)


def _of_the_host(root: Path) -> int | None:
    """The available memory of the host: Linux' own estimate, elsewhere the pages that nobody uses."""
    with contextlib.suppress(OSError):
        if kilobytes := re.search(
            r"^MemAvailable: +(\d+) kB", (root / "proc/meminfo").read_text("ascii", "replace"), re.M
        ):
            return int(kilobytes[1]) * 1024
    with contextlib.suppress(AttributeError, OSError, ValueError):  # macOS and Windows have no such number
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_groups(mount: Path, path: str, names: tuple[str, str, str]) -> list[int]:
    """The free memory of a control group and of each one around it, as far as they have limits."""
    limit, usage, cache = names
    free = []
    own = mount / path.lstrip("/")
    for folder in (own, *own.parents):
        if not folder.is_relative_to(mount):
            break
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            used = int((folder / usage).read_text("ascii"))
            most = int((folder / limit).read_text("ascii"))
            cached = re.search(rf"^{cache} (\d+)", (folder / "memory.stat").read_text("ascii"), re.M)
            free.append(max(most - used + (int(cached[1]) if cached else 0), 0))
    return free
