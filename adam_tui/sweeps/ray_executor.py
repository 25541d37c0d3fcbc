"""Slots on a Ray cluster: one process, the bridge, that has them all. This process never imports Ray.

Standard library only.
"""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from adam_tui.runs import files, processes

BRIDGE = "adam_tui.training.ray_bridge"  # the module that is the bridge's process
LOG = "ray.log"  # in the sweep's directory: the bridge's output, and Ray's
MESSAGE, ERROR = "adam-tui: ", "adam-tui ends: "  # begin a line of the log that is for people
CHECK_SECONDS = 5.0
ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^\s/:\[\]]+):(?P<port>\d{1,5})")
# Ray's usage report needs a network, and its warnings are about later versions.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def check_ray(address: str) -> None:
    """Raise ValueError with one line when Ray is not installed, or nothing answers at the address.

    An address is HOST:PORT or auto; "" leaves it to Ray.
    """
    place = check_address(address)
    if place is None:
        return
    try:
        socket.create_connection(place, CHECK_SECONDS).close()
    except OSError as error:
        raise ValueError(f"cannot reach Ray at {address}: {error.strerror or error}") from None


def check_address(address: str) -> tuple[str, int] | None:
    """Host and port of an address, None where it is left to Ray. Raises ValueError as `check_ray`, at once."""
    if importlib.util.find_spec("ray") is None:
        raise ValueError("Ray is not installed: pip install 'adam-tui[ray]'")
    if address in ("", "auto"):
        return None
    match = ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) >= 1 << 16:
        raise ValueError(f"the address {address!r} is not HOST:PORT or auto")
    return match["host"].strip("[]"), int(match["port"])


def check_device(device: str) -> None:
    """Raise ValueError with one line for the number of a GPU: Ray gives each slot one GPU, which it sees as cuda:0."""
    if device.startswith("cuda:") and device != "cuda:0":
        raise ValueError(f"device {device} names no GPU of a Ray cluster, where each slot has its own: use cuda")


class RayExecutor:
    """The slots of a sweep on a Ray cluster as one slot of the supervisor: the bridge, with its output in ray.log.

    It outlives this process, as the slots of `LocalExecutor` do. `slots` of 0 fills the cluster.
    """

    def __init__(self, sweep: Path, slots: int, address: str = "") -> None:
        self._sweep, self._slots, self._address = sweep.absolute(), slots, address
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self._sweep / LOG
        self._read = 0  # bytes of the log

    def start(self, slot: int) -> None:
        """Start the bridge. Raises OSError."""
        command = processes.module_command(BRIDGE, "--slots", str(self._slots))
        if self._address:
            command += ["--address", self._address]
        log = files.open_private(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            self._read = max(self._read, os.fstat(log).st_size)
            self._process = subprocess.Popen(
                [*command, str(self._sweep)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT | os.environ,
                **processes.detached_options(),
            )
        finally:
            os.close(log)

    def exit_status(self, slot: int) -> int | None:
        """The exit status of the bridge; None while it runs."""
        return None if self._process is None else self._process.poll()

    def stop(self, slot: int) -> None:
        """Let the bridge give its trials back, with checkpoints, and end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self, slot: int) -> None:
        """End the bridge at once; Ray ends its actors."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def title(self, slot: int) -> str:
        """The bridge's name for people."""
        return "the bridge to Ray"

    def messages(self) -> list[str]:
        """The lines for people since the last call."""
        try:
            with files.open_regular(self._log) as file:
                file.seek(self._read)
                content = file.read(1 << 20)
        except OSError:
            return []
        lines, newline, _ = content.rpartition(b"\n")
        self._read += len(lines + newline)
        return [line.removeprefix(MESSAGE) for line in _lines(lines) if line.startswith(MESSAGE)]

    def log_tail(self, slot: int) -> str:
        """The reason that the bridge gave for its end, or the last line of the log."""
        try:
            lines = _lines(files.read_regular(self._log, 1 << 26))
        except OSError:
            return ""
        reasons = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
        return reasons[-1] if reasons else next((line for line in reversed(lines) if line.strip()), "")


def cores_a_slot(processors: Sequence[float], slots: int) -> int:
    """The most cores a slot, where so many slots fit on nodes with these numbers of cores; 1 at least."""
    cores = 1
    while sum(int(count // (cores + 1)) for count in processors) >= slots:
        cores += 1
    return cores


def gpu_share(gpus: float, slots: int) -> float:
    """The share of a GPU that each slot needs: 1 over the number of slots a GPU."""
    return 1.0 / max(-(-slots // max(int(gpus), 1)), 1)


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").split("\n")
