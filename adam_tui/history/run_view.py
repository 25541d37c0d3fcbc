"""One run as a screen shows it: its specification, and its state and settings now. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adam_tui.engine.knobs import Knob
from adam_tui.runs.protocol import INACTIVE, QUEUED, RunSpec
from adam_tui.runs.run_label import NO_LABEL, Label


@dataclass(frozen=True, slots=True)
class RunView:
    """A snapshot of one run. `state` is a `protocol.State` or `LOST`.

    `settings` are the current hyperparameters: those of the specification with later changes. `ended` is in seconds
    since 1970, None while a process is active. `device` is the device that the run waits for or holds, `came` the
    time when its process was started. Memory is in bytes, a share of the machine in percent, None where unknown.
    `silent`: the process exists but sends no heartbeat. `label` holds the user's name and tags.
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
    silent: bool = False
    label: Label = NO_LABEL

    @property
    def title(self) -> str:
        """The user's name for the run, or its id: also where panels cannot draw the name."""
        return self.label.drawn_name or self.id

    @property
    def alive(self) -> bool:
        """Whether a process trains it or waits for its device."""
        return self.state not in INACTIVE

    @property
    def tunable(self) -> bool:
        """Whether its hyperparameters can change now: a queued process does not obey such orders."""
        return self.alive and self.state != QUEUED

    def setting(self, knob: Knob) -> float:
        """The current value of a hyperparameter."""
        return self.settings.get(knob.name, self.spec.hyperparameters.get(knob.name, knob.default))
