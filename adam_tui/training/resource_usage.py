"""The resources that a training process uses: its share of the processor, its memory, its GPU.

The heartbeat reads them once a second, in a thread beside the training. Standard library only; a GPU is read through
nvidia-ml-py where that package is installed. A value that is not available is None, never an error.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from adam_tui.runs.device_names import cores


class ResourceUsage:
    """The usage of this process; the processor's share is that since the last reading."""

    def __init__(self) -> None:
        self._read_at, self._cpu_seconds = time.monotonic(), time.process_time()
        self._gpu: Any = None  # NVML's handle; pynvml has no types

    def watch_gpu(self, uuid: str) -> None:
        """Read this NVIDIA GPU too, by its UUID with or without "GPU-" before it. Without NVML nothing changes."""
        try:
            import pynvml  # the package nvidia-ml-py

            pynvml.nvmlInit()
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            self._gpu = pynvml.nvmlDeviceGetHandleByUUID(name)
        except Exception:  # not installed, no driver, no permission: NVML has an error for each
            self._gpu = None

    def read(self) -> dict[str, float | int | None]:
        """Values for the fields of `runs.status.Status` by the same names: percents 0 to 100, bytes."""
        return {"cpu_percent": self._cpu(), "memory_bytes": _resident_bytes()} | self._read_gpu()

    def _cpu(self) -> float | None:
        now, cpu_seconds = time.monotonic(), time.process_time()
        elapsed, used = now - self._read_at, cpu_seconds - self._cpu_seconds
        if elapsed < 0.01:  # too short for a ratio
            return None
        self._read_at, self._cpu_seconds = now, cpu_seconds
        return round(min(max(100 * used / elapsed / cores(), 0.0), 100.0), 1)

    def _read_gpu(self) -> dict[str, float | int | None]:
        usage: dict[str, float | int | None] = {"gpu_percent": None, "gpu_memory_bytes": None}
        if self._gpu is not None:
            import pynvml

            try:
                usage["gpu_memory_bytes"] = int(pynvml.nvmlDeviceGetMemoryInfo(self._gpu).used)
                # A MIG partition has memory of its own, but no utilisation.
                usage["gpu_percent"] = float(pynvml.nvmlDeviceGetUtilizationRates(self._gpu).gpu)
            except pynvml.NVMLError:
                pass
        return usage


def _resident_bytes() -> int | None:
    """The memory of this process; Linux only."""
    if sys.platform != "linux":
        return None
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
