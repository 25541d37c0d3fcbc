"""The setup of the machine for a run: device, precision, number of threads, priority.

Everything here is decided once, before the data is loaded.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from pathlib import Path

import torch

from adam_tui.engine.numbers import count_noun
from adam_tui.runs.device_names import cores
from adam_tui.runs.protocol import RunSpec

MAX_THREADS = 16  # a batch of 64 small images splits no further; measured on 2 cores only, so cautious
# A run on the CPU lets the terminal's own process go first. Beside a run on both of 2 cores, 12 ms of work, as a screen
# takes, then ended after 12 to 16 ms, and after 16 to 20 ms without it. No more than 5, so that a run on a shared
# server still gets a quarter of a core that another process wants whole; 10 would leave it a tenth.
NICENESS = 5
AUTOGROUP = Path("/proc/self/autogroup")


def device_of(spec: RunSpec) -> torch.device:
    """The spec's device; auto takes CUDA, then Apple's GPU, then the CPU. Raises ValueError for a missing device."""
    if spec.device == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(name)
    device = torch.device(spec.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"no {spec.device} here: torch sees {torch.cuda.device_count()} CUDA devices")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("no mps here: torch sees no Apple GPU")
    return device


def precision_of(spec: RunSpec, device: torch.device) -> torch.dtype:
    """The type of the convolutions; weights, losses and the optimizer are always float32."""
    if spec.precision != "auto":
        return torch.bfloat16 if spec.precision == "bfloat16" else torch.float32
    if spec.network:  # a network of the user gets the float32 images that it was written for
        return torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _cpu_computes_bfloat16() else torch.float32


def _cpu_computes_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; emulated, it would be slower than float32. Linux on x86."""
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def name_of(device: torch.device) -> str:
    """The device and its model: "cuda:0 (NVIDIA H200)", "cpu (16 threads)"."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return (
        f"cpu ({count_noun(torch.get_num_threads(), 'thread')})"
        if device.type == "cpu"
        else f"{device} ({platform.machine()})"
    )


def tune_process(device: torch.device) -> None:
    """Set the threads and the priority of this process; once, before any work."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(cores(), MAX_THREADS))
    torch.backends.cudnn.benchmark = True
    # In a session of its own the process runs in the background.
    if sys.platform != "win32" and device.type == "cpu" and os.getsid(0) == os.getpid():
        _lower_priority()


def _lower_priority() -> None:
    """Lower the priority of this process, and on Linux of its session.

    With sched_autogroup_enabled, as nearly everywhere, Linux divides the cores among sessions, and the niceness of a
    process counts only within its session, which here is this process alone.
    """
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # another system
        try:
            AUTOGROUP.write_text(str(NICENESS))
        except BlockingIOError:  # the kernel takes one a tenth of a second, from all processes together
            time.sleep(0.15)
            AUTOGROUP.write_text(str(NICENESS))
