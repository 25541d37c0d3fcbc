"""What can happen to the playground: one frozen value a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adam_tui.ui.playground.state import Switch

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.ui.caption import Finale


class Signal:
    """An event that says nothing but that it happened. Not a dataclass: those take longest of all to import."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@dataclass(frozen=True)
class Tick:
    """Time passed while playing."""

    seconds: float


class TogglePlay(Signal):
    """Play or pause; at the end, play from the start."""


class Restart(Signal):
    """Rewind and play."""


@dataclass(frozen=True)
class StepBy:
    """Go some steps forward or back, and pause there."""

    steps: int


@dataclass(frozen=True)
class Seek:
    """Go to a step (the last one when it is beyond), and pause there."""

    step: int


@dataclass(frozen=True)
class ChangeSpeed:
    """Play faster or slower by so many notches."""

    notches: int


@dataclass(frozen=True)
class SetSteps:
    """Race for so many steps."""

    steps: int


@dataclass(frozen=True)
class CycleOptimizer:
    """Give the chosen lane the next optimizer, or the previous one."""

    by: int


class AddLane(Signal):
    """Add a lane with an optimizer that does not race yet, and choose it."""


class RemoveLane(Signal):
    """Take the chosen lane out; the last one stays."""


@dataclass(frozen=True)
class SelectLane:
    """Choose the next lane, or the previous one."""

    by: int


class DuplicateLane(Signal):
    """Add a copy of the chosen lane, and choose it."""


class LineUp(Signal):
    """Race all optimizers, each at its defaults with a learning rate that suits the surface."""


class CycleSchedule(Signal):
    """Give the chosen lane's learning rate the next schedule."""


class CycleWarmup(Signal):
    """Let the chosen lane's learning rate rise over the next longer share of the race, or at once."""


class CycleNoise(Signal):
    """Add the next stronger noise to every gradient, or none."""


class Reseed(Signal):
    """Draw the noise anew."""


@dataclass(frozen=True)
class SetFunction:
    """Race on f(x, y), a text that is known to be one."""

    text: str


@dataclass(frozen=True)
class Open:
    """Show one of several named scenarios from its first step, with its sentence as a caption.

    With a finale there is one stop more, which leaves the playground as it is.
    """

    presets: tuple[Preset, ...]
    at: int = 0
    finale: Finale | None = None


class NextPreset(Signal):
    """Show the next of the stops that were opened together; after the last one the first."""


class CloseCaption(Signal):
    """Take the caption away; the scenario stays."""


@dataclass(frozen=True)
class Used:
    """An action of the table was used: what proposed to try it is done."""

    action: str


class EndHints(Signal):
    """Propose nothing any more."""


class ToggleFork(Signal):
    """Let a turned knob fork the path at the shown step, or replay it from its start."""


class Undo(Signal):
    """Take the last change of the scenario back."""


class Redo(Signal):
    """Make it again."""


@dataclass(frozen=True)
class CycleSurface:
    """Show the next built-in surface, or the previous one."""

    by: int


@dataclass(frozen=True)
class Arrow:
    """An arrow key: moves the crosshair while a start is placed, else chooses (up, down) or turns a knob."""

    dx: int
    dy: int
    coarse: bool = False


@dataclass(frozen=True)
class SetKnob:
    """Give the chosen knob an exact value; the knob must accept it."""

    value: float


class ResetKnob(Signal):
    """Give the chosen knob torch.optim's default."""


class Place(Signal):
    """Begin to place the start with a crosshair."""


class CancelPlace(Signal):
    """Put the crosshair away."""


@dataclass(frozen=True)
class SetStart:
    """Let all lanes start from here, and play."""

    x: float
    y: float


@dataclass(frozen=True)
class Zoom:
    """Look closer (notches > 0) or from further away, about the crosshair or the middle."""

    notches: int


@dataclass(frozen=True)
class Pan:
    """Move the window, in notches to the right and up."""

    right: int
    up: int


class ResetView(Signal):
    """Look at the surface's own bounds again."""


class CycleFill(Signal):
    """Filled bands, lines too, lines only."""


@dataclass(frozen=True)
class Toggle:
    """Turn one of the switches of the display: log_loss, inspector or vectors."""

    what: Switch


Event = (
    Tick
    | TogglePlay
    | Restart
    | StepBy
    | Seek
    | ChangeSpeed
    | SetSteps
    | CycleOptimizer
    | AddLane
    | RemoveLane
    | SelectLane
    | DuplicateLane
    | LineUp
    | CycleSchedule
    | CycleWarmup
    | CycleNoise
    | Reseed
    | SetFunction
    | Open
    | NextPreset
    | CloseCaption
    | Used
    | EndHints
    | ToggleFork
    | Undo
    | Redo
    | CycleSurface
    | Arrow
    | SetKnob
    | ResetKnob
    | Place
    | CancelPlace
    | SetStart
    | Zoom
    | Pan
    | ResetView
    | CycleFill
    | Toggle
)
