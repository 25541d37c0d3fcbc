"""What can happen to the playground: one frozen value a kind."""

from __future__ import annotations

from dataclasses import dataclass

from adam_tui.engine.gallery import Exhibit
from adam_tui.ui.playground.state import Switch


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed while playing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TogglePlay:
    """Play or pause; at the end, play from the start."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Rewind and play."""


@dataclass(frozen=True, slots=True)
class StepBy:
    """Go some steps forward or back, and pause there."""

    steps: int


@dataclass(frozen=True, slots=True)
class Seek:
    """Go to a step (the last one when it is beyond), and pause there."""

    step: int


@dataclass(frozen=True, slots=True)
class ChangeSpeed:
    """Play faster or slower by so many notches."""

    notches: int


@dataclass(frozen=True, slots=True)
class SetSteps:
    """Race for so many steps."""

    steps: int


@dataclass(frozen=True, slots=True)
class CycleOptimizer:
    """Give the chosen lane the next optimizer, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class AddLane:
    """Add a lane with an optimizer that does not race yet, and choose it."""


@dataclass(frozen=True, slots=True)
class RemoveLane:
    """Take the chosen lane out; the last one stays."""


@dataclass(frozen=True, slots=True)
class SelectLane:
    """Choose the next lane, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class DuplicateLane:
    """Add a copy of the chosen lane, and choose it."""


@dataclass(frozen=True, slots=True)
class LineUp:
    """Race all optimizers, each at its defaults with a learning rate that suits the surface."""


@dataclass(frozen=True, slots=True)
class CycleSchedule:
    """Give the chosen lane's learning rate the next schedule."""


@dataclass(frozen=True, slots=True)
class CycleWarmup:
    """Let the chosen lane's learning rate rise over the next longer share of the race, or at once."""


@dataclass(frozen=True, slots=True)
class CycleNoise:
    """Add the next stronger noise to every gradient, or none."""


@dataclass(frozen=True, slots=True)
class Reseed:
    """Draw the noise anew."""


@dataclass(frozen=True, slots=True)
class SetFunction:
    """Race on f(x, y), a text that is known to be one."""

    text: str


@dataclass(frozen=True, slots=True)
class Open:
    """Show one of several named scenarios from its first step, with its sentence as a caption."""

    exhibits: tuple[Exhibit, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class NextExhibit:
    """Show the next of the named scenarios that were opened together; after the last one the first."""


@dataclass(frozen=True, slots=True)
class CloseCaption:
    """Take the caption away; the scenario stays."""


@dataclass(frozen=True, slots=True)
class ToggleFork:
    """Let a turned knob fork the path at the shown step, or replay it from its start."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take the last change of the scenario back."""


@dataclass(frozen=True, slots=True)
class Redo:
    """Make it again."""


@dataclass(frozen=True, slots=True)
class CycleSurface:
    """Show the next built-in surface, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow key: moves the crosshair while a start is placed, else chooses (up, down) or turns a knob."""

    dx: int
    dy: int
    coarse: bool = False


@dataclass(frozen=True, slots=True)
class SetKnob:
    """Give the chosen knob an exact value; the knob must accept it."""

    value: float


@dataclass(frozen=True, slots=True)
class ResetKnob:
    """Give the chosen knob torch.optim's default."""


@dataclass(frozen=True, slots=True)
class Place:
    """Begin to place the start with a crosshair."""


@dataclass(frozen=True, slots=True)
class CancelPlace:
    """Put the crosshair away."""


@dataclass(frozen=True, slots=True)
class SetStart:
    """Let all lanes start from here, and play."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Zoom:
    """Look closer (notches > 0) or from further away, about the crosshair or the middle."""

    notches: int


@dataclass(frozen=True, slots=True)
class Pan:
    """Move the window, in notches to the right and up."""

    right: int
    up: int


@dataclass(frozen=True, slots=True)
class ResetView:
    """Look at the surface's own bounds again."""


@dataclass(frozen=True, slots=True)
class CycleFill:
    """Filled bands, lines too, lines only."""


@dataclass(frozen=True, slots=True)
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
    | NextExhibit
    | CloseCaption
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
