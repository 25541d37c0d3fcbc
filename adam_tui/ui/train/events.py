"""What can happen on the training screen: an event a key, a value each. `update` says what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.ui.caption import Finale
from adam_tui.ui.train.state import Axis

Switch = Literal["overlay", "log", "recent", "live", "table", "rising"]


@dataclass(frozen=True, slots=True)
class CycleOptimizer:
    """Choose the next optimizer, or the previous one; each keeps what was set."""

    by: int


@dataclass(frozen=True, slots=True)
class CycleData:
    """Let the next run learn another data set."""


@dataclass(frozen=True, slots=True)
class ChooseKnob:
    """Choose the knob below (1) or above (−1)."""

    by: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn the chosen knob, of the next run or of the one at work."""

    notches: int
    coarse: bool = False


@dataclass(frozen=True, slots=True)
class SetKnob:
    """Give the chosen knob an exact value; the knob must accept it."""

    value: float


@dataclass(frozen=True, slots=True)
class ResetKnob:
    """Give the chosen knob its default; of a run at work, what it began with."""


@dataclass(frozen=True, slots=True)
class Teach:
    """Say what is to be done here at the tour's last stop; say nothing any more."""

    place: str = ""
    finale: Finale | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Let the next run have these settings."""

    spec: RunSpec


@dataclass(frozen=True, slots=True)
class SelectRun:
    """Select the next run in the table, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class Select:
    """Select a run by its id, when there is one."""

    id: str


@dataclass(frozen=True, slots=True)
class RunsSeen:
    """The runs that there are now, newest first."""

    runs: tuple[RunView, ...]


@dataclass(frozen=True, slots=True)
class PickRun:
    """Take the selected run into the overlay, or out of it."""


@dataclass(frozen=True, slots=True)
class Toggle:
    """Turn one of the switches of the display."""

    what: Switch


@dataclass(frozen=True, slots=True)
class CycleSmoothing:
    """Average over more steps; after the most, over none."""


@dataclass(frozen=True, slots=True)
class ShowAxis:
    """Draw the curves over steps, epochs or time; the zoom goes."""

    axis: Axis


@dataclass(frozen=True, slots=True)
class Look:
    """Show this part of the x axis, in its units; None is all of it."""

    at: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class PutCursor:
    """Read the values at a step; None puts the cursor away."""

    step: int | None


@dataclass(frozen=True, slots=True)
class CycleView:
    """Look at the model in the next way."""

    by: int = 1


@dataclass(frozen=True, slots=True)
class SortBy:
    """Sort the table of runs by this column; by the one it is sorted by already: the other way round."""

    column: str


@dataclass(frozen=True, slots=True)
class Search:
    """Keep only the runs in the table that hold all these words."""

    words: str


Event = (
    CycleOptimizer
    | CycleData
    | ChooseKnob
    | Turn
    | SetKnob
    | ResetKnob
    | Adopt
    | SelectRun
    | Select
    | RunsSeen
    | PickRun
    | Toggle
    | CycleSmoothing
    | ShowAxis
    | Look
    | PutCursor
    | CycleView
    | SortBy
    | Search
)
