"""The effects of the sweep screen: what `update` asks for outside the state, one frozen value for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adam_tui.engine.presets import Preset
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.request import Request
from adam_tui.sweeps.sweep import On
from adam_tui.ui.actions import Signal
from adam_tui.ui.effects import SharedEffect
from adam_tui.ui.sweep.events import Event


class Refresh(Signal):
    """Read the sweep that is selected now."""


@dataclass(frozen=True)
class AskPlan:
    """Open the form for a new sweep with these texts; `reason` explains them."""

    request: Request
    reason: str = ""


@dataclass(frozen=True)
class StartSweep:
    """Plan a sweep, start its process and select it."""

    plan: Plan
    slots: int
    name: str
    place: tuple[On, str] = ("local", "")


@dataclass(frozen=True)
class SendOrder:
    """Order the processes of a sweep to pause or stop."""

    sweep: str
    order: str


@dataclass(frozen=True)
class ResumeSweep:
    """Let a paused sweep go on, or start a process for one that has none."""

    sweep: str


@dataclass(frozen=True)
class RetrySweep:
    """Train the failed trials of a sweep again."""

    sweep: str


@dataclass(frozen=True)
class DeleteSweep:
    """Remove a sweep with all its runs."""

    sweep: str


@dataclass(frozen=True)
class OpenRun:
    """Open the run in this directory in the training mode."""

    path: Path


@dataclass(frozen=True)
class OpenPreset:
    """Show a scenario in the playground."""

    preset: Preset


@dataclass(frozen=True)
class ShowLog:
    """Open a window with the output of a sweep's processes."""

    sweep: str


Effect = (
    SharedEffect[Event]
    | Refresh
    | AskPlan
    | StartSweep
    | SendOrder
    | ResumeSweep
    | RetrySweep
    | DeleteSweep
    | OpenRun
    | OpenPreset
    | ShowLog
)
