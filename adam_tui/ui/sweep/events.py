"""The events of the sweep screen: one for each thing that can happen, with the values that `update` needs for it."""

from __future__ import annotations

from dataclasses import dataclass

from adam_tui.history.sweep_view import SweepView
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.sweep import On
from adam_tui.ui.actions import Signal


@dataclass(frozen=True)
class ShowSweep:
    """The files were read: these sweeps are there now, newest first, and this is the one shown."""

    ids: tuple[str, ...]
    view: SweepView | None


@dataclass(frozen=True)
class SelectSweep:
    """Show a sweep, by its id."""

    id: str


@dataclass(frozen=True)
class MoveSelection:
    """Show the sweep that is `by` places further down the list."""

    by: int


@dataclass(frozen=True)
class AskSweep:
    """Let the user pick from the sweeps: (id, title, detail)."""

    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Walk:
    """Choose the cell `right` columns to the right and `up` rows above."""

    right: int
    up: int


@dataclass(frozen=True)
class ChooseCell:
    """Choose a cell of the grid."""

    row: int
    column: int


class ChooseBest(Signal):
    """Choose the cell of the best setting, and follow it."""


@dataclass(frozen=True)
class CycleQuantity:
    """Draw the next quantity, or the previous one."""

    by: int


@dataclass(frozen=True)
class CycleAxis:
    """Put the next knob on an axis: x or y."""

    axis: str


class AskPlan(Signal):
    """Open the form for a new sweep."""


class Widen(Signal):
    """Open the form for a sweep beyond the edge at which the best value lies."""


@dataclass(frozen=True)
class StartSweep:
    """Plan a sweep and start its process."""

    plan: Plan
    slots: int
    name: str = ""
    place: tuple[On, str] = ("local", "")


class PauseOrResume(Signal):
    """Pause the sweep, or let a paused one go on."""


class ContinueSweep(Signal):
    """Start a process for a sweep that was stopped."""


class AskStop(Signal):
    """Ask whether to stop the sweep."""


@dataclass(frozen=True)
class StopSweep:
    """Stop a sweep on all hosts, with checkpoints."""

    id: str


class Retry(Signal):
    """Train the failed trials again."""


class AskDelete(Signal):
    """Ask whether to delete the sweep."""


@dataclass(frozen=True)
class DeleteSweep:
    """Delete a sweep with all its runs."""

    id: str


class OpenRun(Signal):
    """Open a run of the chosen cell in the training mode; ask which where there are several."""


@dataclass(frozen=True)
class ShowRun:
    """Open a run of the sweep in the training mode, by the name of its directory."""

    run: str


class TrySetting(Signal):
    """Open the chosen setting as a lane of the playground."""


class OpenLog(Signal):
    """Show the output of the sweep's processes."""


# Events that leave the state as it is, and ask for an effect.
Request = (
    AskSweep
    | AskPlan
    | Widen
    | StartSweep
    | PauseOrResume
    | ContinueSweep
    | AskStop
    | StopSweep
    | Retry
    | AskDelete
    | DeleteSweep
    | OpenRun
    | ShowRun
    | TrySetting
    | OpenLog
)
Change = ShowSweep | SelectSweep | MoveSelection | Walk | ChooseCell | ChooseBest | CycleQuantity | CycleAxis
Event = Request | Change
