"""One run as a screen shows it: what was asked, and what its status and its events say now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adam_tui.engine.knobs import Knob
from adam_tui.runs.protocol import ENDED, RunSpec

LOST = "lost"  # rundir's word for a process that is gone without an end
QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as its directory tells. `state` is a `protocol.State` or lost.

    `settings` are the hyperparameters as they are now: those of the spec with what was set on the way. `ended` is in
    seconds since 1970, None while a process is at work. `device` is what it waits for or holds, since `came`. Memory
    is in bytes, a share of the machine in percent; None where nobody knows.
    """

    id: str
    spec: RunSpec
    created: float
    state: str
    reason: str = ""
    epoch: int = 0
    step: int = 0
    settings: Mapping[str, float] = field(default_factory=dict)
    ended: float | None = None
    resumable: bool = False
    device: str = ""
    came: float = 0.0
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    silent: bool = False  # its process is there and does not beat

    @property
    def alive(self) -> bool:
        """Whether a process is at work on it, or waits for its turn."""
        return self.state not in ENDED and self.state != LOST

    @property
    def tunable(self) -> bool:
        """Whether its hyperparameters can be changed now: a run that waits for its turn hears no such order."""
        return self.alive and self.state != QUEUED

    def setting(self, knob: Knob) -> float:
        """What a hyperparameter is now."""
        return self.settings.get(knob.name, self.spec.hyperparameters.get(knob.name, knob.default))
