"""The events of the playground: everything that can happen to its state, one frozen value for each kind.

Data that an event needs from outside the state, such as a random number, is put into the event when it is made. The
answers of dialogs come back as events too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from adam_tui.draw.blocks import Blocks
from adam_tui.ui.actions import Signal
from adam_tui.ui.playground.state import Switch

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.engine.rule import Group
    from adam_tui.ui.caption import Finale
    from adam_tui.ui.playground.maps.state import Kind, MapGrid


class EventContext(NamedTuple):
    """Data outside the state that the events of keys need. `random` holds two uniform random numbers in [0, 1)."""

    random: tuple[float, float]


# Time


@dataclass(frozen=True)
class Tick:
    """Time passed while the race plays."""

    seconds: float


class TogglePlay(Signal):
    """Play or pause. At the last step, play from the start."""


class Restart(Signal):
    """Rewind and play."""


@dataclass(frozen=True)
class StepBy:
    """Pause, and go some steps forward or back."""

    steps: int


@dataclass(frozen=True)
class Seek:
    """Pause, and go to a step, at most the last one."""

    step: int


class AskStep(Signal):
    """Ask for the step to go to."""


@dataclass(frozen=True)
class ChangeSpeed:
    """Play faster or slower by some notches of SPEEDS."""

    notches: int


@dataclass(frozen=True)
class SetSteps:
    """Set the number of steps of the race."""

    steps: int


class AskSteps(Signal):
    """Ask for the number of steps."""


class ToggleFork(Signal):
    """Switch between changes that fork the path at the shown step and changes that count from its start."""


# Lanes


@dataclass(frozen=True)
class CycleOptimizer:
    """Give the chosen lane the next or the previous optimizer."""

    by: int


class AddLane(Signal):
    """Add a lane with an optimizer that is not in the race, and choose it."""


class RemoveLane(Signal):
    """Remove the chosen lane, unless it is the last one."""


@dataclass(frozen=True)
class SelectLane:
    """Choose the next or the previous lane."""

    by: int


class DuplicateLane(Signal):
    """Add a copy of the chosen lane, and choose it."""


class ChooseOptimizer(Signal):
    """Let the user choose an optimizer for the lane from a list of all."""


@dataclass(frozen=True)
class SetOptimizer:
    """Give the chosen lane an optimizer, by its name."""

    name: str


@dataclass(frozen=True)
class PreviewOptimizer:
    """Show the whole path of an optimizer in the chosen lane, while the user moves through the list."""

    name: str


class ChooseGroup(Signal):
    """Let the user choose a group of optimizers to race."""


@dataclass(frozen=True)
class LineUp:
    """Race the optimizers of a group with their defaults and a learning rate that suits the surface."""

    group: Group


class AskClass(Signal):
    """Ask for an optimizer of the user's own: a class in a file or a package."""


@dataclass(frozen=True)
class SetClass:
    """Give the chosen lane a class, as the flag that names it, and import it: the user has named it."""

    text: str


class ClassesChanged(Signal):
    """A class was imported, or its file has changed; or the screen shows classes that nobody was asked for."""


@dataclass(frozen=True)
class AllowClass:
    """The user agrees to the import of a class that a file asks for."""

    name: str


# Hyperparameters


@dataclass(frozen=True)
class Arrow:
    """An arrow key. It moves the crosshair while a start is placed, or the cursor of an open map.

    Else up and down choose a knob, left and right change it.
    """

    dx: int
    dy: int
    coarse: bool = False


class Confirm(Signal):
    """The enter key. It starts from the crosshair while a start is placed, or takes the map's cell into the lane.

    Else it asks for the knob's value.
    """


class Cancel(Signal):
    """The escape key. It closes the crosshair, else the map, else the caption, else the hints."""


@dataclass(frozen=True)
class SetKnob:
    """Set the chosen knob to a value in its range."""

    value: float


class ResetKnob(Signal):
    """Set the chosen knob to torch.optim's default."""


class CycleSchedule(Signal):
    """Give the chosen lane's learning rate the next schedule."""


class CycleWarmup(Signal):
    """Give the chosen lane the next longer warm-up, or none."""


class CycleNoise(Signal):
    """Add the next stronger noise to every gradient, or none."""


class Reseed(Signal):
    """Draw new noise, with the next seed."""


# Surface and start


@dataclass(frozen=True)
class CycleSurface:
    """Show the next or the previous built-in surface."""

    by: int


@dataclass(frozen=True)
class SetFunction:
    """Race on f(x, y), given as a valid formula."""

    text: str


@dataclass(frozen=True)
class PreviewFunction:
    """Show f(x, y), given as a valid formula, and whole paths on it, while the user types."""

    text: str


class EndPreview(Signal):
    """Show the race again that was there before a formula or an optimizer was previewed."""


class AskFunction(Signal):
    """Ask for a formula."""


class Place(Signal):
    """Show the crosshair, to place the start."""


@dataclass(frozen=True)
class SetStart:
    """Set the start of all lanes, and play."""

    x: float
    y: float


class AskStart(Signal):
    """Ask for the start."""


@dataclass(frozen=True)
class RandomStart:
    """Start from a random point of the window, given as shares in [0, 1) of its width and height."""

    across: float
    up: float


# View


@dataclass(frozen=True)
class Zoom:
    """Zoom in (notches > 0) or out, about the crosshair or the middle."""

    notches: int


@dataclass(frozen=True)
class Pan:
    """Move the window some notches to the right and up."""

    right: int
    up: int


class ResetView(Signal):
    """Show the surface's own bounds."""


@dataclass(frozen=True)
class SetCellAspect:
    """Draw for cells of this height divided by their width: the terminal has another font."""

    aspect: float


@dataclass(frozen=True, slots=True)
class SetBlocks:
    """Draw the edges of the bands with these blocks: the terminal has named itself."""

    blocks: Blocks


class CycleFill(Signal):
    """Show filled bands, bands with lines, or lines only."""


@dataclass(frozen=True)
class Toggle:
    """Turn log_loss, inspector, vectors or solo on or off."""

    switch: Switch


# Maps


@dataclass(frozen=True)
class OpenMap:
    """Open a map of the chosen lane; for the open one, show the median of five seeds, then close it."""

    kind: Kind


class NextQuantity(Signal):
    """Show the next quantity on the open map."""


@dataclass(frozen=True)
class NextAxisKnob:
    """Put the next knob on the x or the y axis of the open map."""

    axis: Literal["x", "y"]


@dataclass(frozen=True)
class PointAt:
    """Move the cursor of the open map to a cell."""

    column: int
    row: int


@dataclass(frozen=True)
class ResizeMap:
    """The open map has these cells on the screen now."""

    grid: MapGrid


# Scenarios, undo, export


@dataclass(frozen=True)
class Open:
    """Show one of several presets from its first step, with its sentence as a caption.

    A finale is one stop more, at index len(presets); it leaves the playground as it is.
    """

    presets: tuple[Preset, ...]
    at: int = 0
    finale: Finale | None = None


class ChoosePreset(Signal):
    """Let the user pick one of all presets."""


class NextPreset(Signal):
    """Show the next stop of the tour, after the last one the first; without a tour, the first of all presets."""


class Undo(Signal):
    """Undo the last change of the scenario."""


class Redo(Signal):
    """Redo the last change that was undone."""


class ChooseCopy(Signal):
    """Let the user choose a format to copy the race in."""


@dataclass(frozen=True)
class Copy:
    """Copy the race in one of `export.COPIES`."""

    kind: str


class ChooseExport(Signal):
    """Let the user choose a format to export."""


@dataclass(frozen=True)
class Export:
    """Export in one of `export.EXPORTS`, or the whole screen."""

    kind: str


class Train(Signal):
    """Train the network with the chosen lane's optimizer."""


class ShowHints(Signal):
    """Show the hints for a new user again, in place of a caption."""


@dataclass(frozen=True)
class ActionUsed:
    """The user used an action of the table; a hint that proposed it is done."""

    name: str


# Events that leave the state as it is, and ask for an effect.
Request = (
    AskStep
    | AskSteps
    | Confirm  # without a crosshair or a map's cursor
    | AskFunction
    | AskStart
    | ChoosePreset
    | ChooseCopy
    | Copy
    | ChooseExport
    | Export
    | Train
    | AskClass
    | ChooseOptimizer
    | ChooseGroup
)
AboutClasses = SetClass | ClassesChanged | AllowClass
# Events that change the state.
Change = (
    Tick
    | TogglePlay
    | Restart
    | StepBy
    | Seek
    | ChangeSpeed
    | SetSteps
    | ToggleFork
    | CycleOptimizer
    | AddLane
    | RemoveLane
    | SelectLane
    | DuplicateLane
    | LineUp
    | SetOptimizer
    | PreviewOptimizer
    | SetClass
    | ClassesChanged
    | AllowClass
    | Arrow
    | Cancel
    | SetKnob
    | ResetKnob
    | CycleSchedule
    | CycleWarmup
    | CycleNoise
    | Reseed
    | CycleSurface
    | SetFunction
    | PreviewFunction
    | EndPreview
    | Place
    | SetStart
    | RandomStart
    | Zoom
    | Pan
    | ResetView
    | SetCellAspect
    | SetBlocks
    | CycleFill
    | Toggle
    | OpenMap
    | NextQuantity
    | NextAxisKnob
    | PointAt
    | ResizeMap
    | Open
    | NextPreset
    | Undo
    | Redo
    | ShowHints
    | ActionUsed
)
Event = Change | Request
