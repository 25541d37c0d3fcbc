"""Where the slots of a sweep run: an executor starts them and knows which of them live. Here: processes of this host.

A slot is a number from 0 on. Another executor, for slots on other hosts, implements the same methods. Standard
library only.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from adam_tui.runs import files, processes
from adam_tui.runs.device_names import SHARED_CORES, cores, device_key

RUNNER = "adam_tui.training.slot_runner"  # the module that is a slot's process
THREADS, VISIBLE = "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"


class Executor(Protocol):
    """Starts and watches the slots of one sweep."""

    def start(self, slot: int) -> None:
        """Start a slot that does not run. Raises OSError."""

    def exit_status(self, slot: int) -> int | None:
        """The exit status of a slot that has ended; None while it runs."""

    def stop(self, slot: int) -> None:
        """Let a slot give its trial back, with a checkpoint, and end."""

    def kill(self, slot: int) -> None:
        """End a slot at once."""

    def log_tail(self, slot: int) -> str:
        """The last line that a slot wrote about its own problems; "" without one."""

    def title(self, slot: int) -> str:
        """A slot's name for people."""

    def messages(self) -> list[str]:
        """New lines for people from the slots."""


class LocalExecutor:
    """Slots as processes of this host, each in a session of its own, with their output in slot-<n>.log.

    They outlive this process: a sweep goes on when the process that started it is killed. `slots` is how many there
    are; they share the cores of a CPU, or the GPUs, evenly.
    """

    def __init__(self, sweep: Path, slots: int, device: str = "auto") -> None:
        self._sweep, self._slots, self._device = sweep.absolute(), slots, device
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, slot: int) -> None:
        """Start a slot. Raises OSError."""
        log = files.open_private(self._log(slot), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            self._processes[slot] = subprocess.Popen(
                processes.module_command(RUNNER, "--name", f"slot{slot}", str(self._sweep)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=slot_environment(slot, self._slots, self._device, os.environ),
                **processes.detached_options(),
            )
        finally:
            os.close(log)

    def exit_status(self, slot: int) -> int | None:
        """The exit status of a slot that has ended; None while it runs."""
        return self._processes[slot].poll()

    def stop(self, slot: int) -> None:
        """Let a slot give its trial back, with a checkpoint, and end."""
        self._processes[slot].terminate()

    def kill(self, slot: int) -> None:
        """End a slot at once."""
        self._processes[slot].kill()
        self._processes[slot].wait()

    def log_tail(self, slot: int) -> str:
        """The last line of the slot's log."""
        try:
            lines = files.read_regular(self._log(slot), 1 << 24).decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line for line in reversed(lines) if line.strip()), "")

    def title(self, slot: int) -> str:
        """A slot's name for people."""
        return f"slot {slot}"

    def messages(self) -> list[str]:
        """Nothing: processes of this host report by their logs."""
        return []

    def _log(self, slot: int) -> Path:
        return self._sweep / f"slot-{slot}.log"


def slot_environment(slot: int, slots: int, device: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment that gives a slot its share of this host: threads on a CPU, one of the GPUs.

    A number of threads that the user has set stays, and of GPUs only those that the user has left visible are used.
    """
    own = SHARED_CORES | dict(inherited)
    if device_key(device) == "cpu":
        own.setdefault(THREADS, str(max(cores() // slots, 1)))
    elif device == "auto" and (gpus := gpu_names(inherited)):
        own[VISIBLE] = gpus[slot % len(gpus)]
    return own


def default_slots(device: str) -> int:
    """The number of slots of a host: one a core, or one a GPU."""
    if device_key(device) == "cpu":
        return cores()
    return max(len(gpu_names(os.environ)), 1) if device == "auto" else 1


def gpu_names(environment: Mapping[str, str]) -> list[str]:
    """The NVIDIA GPUs that a process with this environment sees, as CUDA_VISIBLE_DEVICES names them."""
    if VISIBLE in environment:  # as Slurm sets it
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)
