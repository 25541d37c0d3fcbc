"""Devices without torch: the name under which runs queue for one, and how two runs share the cores of a CPU.

Standard library only.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path

# OpenMP (libgomp) reads this when torch is loaded. Its threads spin while they wait for each other, by default for
# milliseconds, even when another process needs the core: two runs at once on 2 cores then did 290 images/s each, with
# this setting 2,150. A single run keeps its speed (14,300 and 13,700); without any spinning it would lose 40%.
SHARED_CORES = {"GOMP_SPINCOUNT": "5000"}


def device_key(device: str) -> str:
    """The device that a RunSpec's `device` means on this host, as part of a file name: cpu, mps, cuda-0.

    A guess without torch, good enough for a queue: auto means CUDA if the NVIDIA driver shows a GPU. With
    CUDA_VISIBLE_DEVICES, as Slurm sets it, cuda:0 is the first device of that list.
    """
    visible = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    if device == "auto":
        hidden = "CUDA_VISIBLE_DEVICES" in os.environ and (not visible or visible[0].startswith("-"))
        if not hidden and any(Path("/dev").glob("nvidia[0-9]*")):
            device = "cuda"
        else:
            device = "mps" if (sys.platform, platform.machine()) == ("darwin", "arm64") else "cpu"
    if not device.startswith("cuda"):
        return device
    index = int(device.partition(":")[2] or 0)
    name = visible[index] if index < len(visible) else str(index)
    return "cuda-" + "".join(letter if letter.isalnum() else "-" for letter in name)


def device_lock(runs: Path, key: str) -> Path:
    """The file whose lock a run holds while it trains on a device of this host; `key` is from `device_key`."""
    host = Path(socket.gethostname().replace("/", "-")).name or "host"  # without what a file name cannot hold
    return runs / f".{host}-{key}.lock"


def cores() -> int:
    """The processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
