"""What the machine does for a training process: its share of the processor, its memory, its GPU.

Read once a second by the heartbeat, next to the training and not within it. Standard library only; a GPU is read
through nvidia-ml-py where that package is installed. Whatever cannot be known is None and never an error.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any


class ResourceUsage:
    """The figures of this process, since the last reading."""

    def __init__(self) -> None:
        self._clock, self._worked = time.monotonic(), time.process_time()
        self._gpu: Any = None  # NVML's handle

    def watch_gpu(self, uuid: str) -> None:
        """Read this NVIDIA GPU too, by its UUID with or without "GPU-" before it; without NVML nothing changes."""
        try:
            import pynvml  # the package nvidia-ml-py

            pynvml.nvmlInit()
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            self._gpu = pynvml.nvmlDeviceGetHandleByUUID(name)
        except Exception:  # not installed, no driver, no permission: NVML has an error for each
            self._gpu = None

    def read(self) -> dict[str, float | int | None]:
        """Values for the fields of `rundir.Status` by the same names: percents 0 to 100, bytes."""
        return {"cpu_percent": self._cpu(), "memory_bytes": _resident_bytes()} | self._read_gpu()

    def _cpu(self) -> float | None:
        clock, worked = time.monotonic(), time.process_time()
        passed, spent = clock - self._clock, worked - self._worked
        if passed < 0.01:  # nothing to divide by
            return None
        self._clock, self._worked = clock, worked
        return round(min(max(100 * spent / passed / cores(), 0.0), 100.0), 1)

    def _read_gpu(self) -> dict[str, float | int | None]:
        figures: dict[str, float | int | None] = {"gpu_percent": None, "gpu_memory_bytes": None}
        if self._gpu is not None:
            import pynvml

            try:
                figures["gpu_memory_bytes"] = int(pynvml.nvmlDeviceGetMemoryInfo(self._gpu).used)
                # A part of a GPU (MIG) has memory of its own, but no utilisation.
                figures["gpu_percent"] = float(pynvml.nvmlDeviceGetUtilizationRates(self._gpu).gpu)
            except pynvml.NVMLError:
                pass
        return figures


def cores() -> int:
    """The processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _resident_bytes() -> int | None:
    """The memory of this process; Linux only."""
    if sys.platform != "linux":
        return None
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
