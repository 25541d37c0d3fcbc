"""The events of the training screen: one for each thing that can happen, with the values that `update` needs for it.

An event is made when a key is pressed, a question is answered or the runs are listed. It carries all that it depends on
(steps, limits, the order of the runs), so that `update` reads no widget, no clock and no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.runs.protocol import Changed, RunSpec
from adam_tui.runs.run_label import Label
from adam_tui.runs.user_code import CheckedCode
from adam_tui.ui.actions import Signal
from adam_tui.ui.caption import Finale
from adam_tui.ui.train.landscape.state import Bounds, Place

Switch = Literal["overlay", "log", "recent", "live", "table", "ascending"]

# The runs themselves.


@dataclass(frozen=True)
class ListRuns:
    """The runs directory was read: these runs are there now, newest first.

    `matches` are the ids of those that match the search, in the order of the wide table; None without a search.
    `sweeps` are the sweeps beside them, newest first.
    """

    runs: tuple[RunView, ...]
    matches: tuple[str, ...] | None = None
    sweeps: tuple[SweepSummary, ...] = ()


@dataclass(frozen=True)
class SelectRun:
    """Select a run or a sweep by its id; an unknown id changes nothing."""

    id: str


@dataclass(frozen=True)
class MoveSelection:
    """Select the row `by` places below the selected one in `order`, the ids from top to bottom as they are shown."""

    by: int
    order: tuple[str, ...]


class StartNextRun(Signal):
    """Start a run with the settings that are shown for the next one."""


@dataclass(frozen=True)
class StartBesideSweep:
    """Start a run although a sweep trains on its device, or let it wait until the sweep has ended."""

    spec: RunSpec
    waits: bool


@dataclass(frozen=True)
class StartRun:
    """Start a run with these settings, and show them for the next one."""

    spec: RunSpec


@dataclass(frozen=True)
class AdoptSettings:
    """Show these settings for the next run."""

    spec: RunSpec


@dataclass(frozen=True)
class AdoptNetwork:
    """Take a network of the user for the next run, with the digest of its file; "" is the article's network."""

    network: str
    code: Mapping[str, str]


@dataclass(frozen=True)
class OfferRun:
    """Ask whether to start a run with a playground lane's optimizer; `remarks` say where the two differ."""

    spec: RunSpec
    usual: RunSpec
    remarks: tuple[str, ...]


class AskClass(Signal):
    """Ask for an optimizer class of the user."""


class AskNetwork(Signal):
    """Ask for a network of the user."""


@dataclass(frozen=True)
class CheckClass:
    """Try an optimizer class, `./mine.py::MyAdam:lr=0.1`, in a process of its own, then offer a run with it.

    `remarks` are lines for the offer.
    """

    text: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckNetwork:
    """Try a network, `./net.py::build`, in a process of its own, then take it for the next run."""

    text: str


@dataclass(frozen=True)
class CodeChecked:
    """A class of the user works: offer a run with it."""

    code: CheckedCode
    remarks: tuple[str, ...] = ()


class PauseOrResume(Signal):
    """Pause the selected run, or resume it when it is paused."""


@dataclass(frozen=True)
class AskStop:
    """Ask how to stop the selected run; `changes` are those of its hyperparameters since its start, oldest first."""

    changes: tuple[Changed, ...] = ()


@dataclass(frozen=True)
class StopRun:
    """Stop a run after its step, with a checkpoint."""

    id: str


@dataclass(frozen=True)
class KillRun:
    """End a run at once, without a checkpoint."""

    id: str


class ContinueRun(Signal):
    """Continue the selected run from its checkpoint."""


@dataclass(frozen=True)
class AskTrust:
    """Ask whether to execute the code of a run that this user has not named; `problem` says which."""

    run: str
    problem: str


@dataclass(frozen=True)
class TrustRun:
    """Consent to the code of a run, and continue it."""

    run: str


class AskRestart(Signal):
    """Ask whether to start a run with the selected run's settings, or to show them for the next one."""


class AskCopy(Signal):
    """Ask in which form to copy the selected run, or the next one while there are no runs."""


@dataclass(frozen=True)
class CopyRun:
    """Copy a run's settings in one of `export.COPIES`."""

    kind: str
    spec: RunSpec


class AskLabel(Signal):
    """Ask for the selected run's name and tags."""


@dataclass(frozen=True)
class SetLabel:
    """Give a run a name and tags."""

    id: str
    label: Label


class OpenLog(Signal):
    """Show the end of the selected run's worker.log."""


@dataclass(frozen=True)
class AskDelete:
    """Ask whether to delete the selected run; `link_target` is the path that its directory links to, or ""."""

    link_target: str = ""


@dataclass(frozen=True)
class DeleteRun:
    """Delete a run's directory."""

    id: str


# Hyperparameters, of the next run or, with `TrainState.live`, of the selected one.


@dataclass(frozen=True)
class CycleOptimizer:
    """Choose the next optimizer, or the previous one; each keeps the values that were set."""

    by: int


class QuickTry(Signal):
    """Let the next run use few images, or all again."""


class CycleData(Signal):
    """Choose the next data set for the next run."""


@dataclass(frozen=True)
class ChooseKnob:
    """Choose the knob below (1) or above (−1)."""

    by: int


@dataclass(frozen=True)
class TurnKnob:
    """Turn the chosen knob."""

    notches: int
    coarse: bool = False


@dataclass(frozen=True)
class SetKnob:
    """Give the chosen knob an exact value, which the knob must accept."""

    value: float


class ResetKnob(Signal):
    """Give the chosen knob its default, or in a running run the value that it began with."""


@dataclass(frozen=True)
class StopSweep:
    """Stop a sweep on all hosts, with checkpoints."""

    id: str


@dataclass(frozen=True)
class DeleteSweep:
    """Delete a sweep with all its runs."""

    id: str


class TypeValue(Signal):
    """Ask for the chosen knob's value; in the wide table show the selected run's curves; open a selected sweep."""


class SendSettings(Signal):
    """Send the settings that were changed to the running runs: the keys have rested for a moment."""


# The display.


@dataclass(frozen=True)
class Toggle:
    """Turn one of the switches of the display."""

    switch: Switch


class PickRun(Signal):
    """Take the selected run into the overlay, or out of it."""


class CycleSmoothing(Signal):
    """Average the losses over more steps; after the longest average, over none."""


class CycleAxis(Signal):
    """Draw the curves over steps, epochs or time; this ends the zoom."""


@dataclass(frozen=True)
class SetZoom:
    """Show this part of the x axis, in its units; None shows all of it."""

    limits: tuple[float, float] | None


@dataclass(frozen=True)
class SetCursor:
    """Read the values at a step; None hides the cursor."""

    step: int | None


@dataclass(frozen=True)
class CycleView:
    """Show the next view of the model, or the previous one."""

    by: int = 1


@dataclass(frozen=True)
class SortBy:
    """Sort the wide table by this column; if the table is sorted by it already, reverse the order."""

    column: str


@dataclass(frozen=True)
class AskSearch:
    """Ask for the words that the runs in the wide table must have.

    `texts` are the searchable texts of all runs, by id, in the order of the table.
    """

    texts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Search:
    """Keep only the runs in the wide table that have all these words, and show it.

    `matches` are the ids of those runs in the order of the table. Without `table`, the table closes.
    """

    words: str
    matches: tuple[str, ...] = ()
    table: bool = True


@dataclass(frozen=True)
class ShowFinale:
    """Show the tour's last stop, with its place in the tour."""

    place: str
    finale: Finale


class Close(Signal):
    """Close the uppermost of table, cursor, zoom, live settings, caption and view of the model."""


class NextPreset(Signal):
    """Say where scenarios are: the training mode has the last stop of the tour, and none follows."""


# The landscape, in the place of the curves.


class OpenLandscape(Signal):
    """Show the landscape around the selected run's weights, or its curves again."""


class NextPlane(Signal):
    """Show the next plane: along the path, a random one, through the weights of two or three runs."""


class RefreshPlane(Signal):
    """Take the plane anew: through the newest weights, or another random one."""


class TogglePaths(Signal):
    """Draw the paths of the overlaid runs on the plane too, or only the selected run's."""


@dataclass(frozen=True)
class ShowPart:
    """Show this part of the plane (a_min, a_max, b_min, b_max); None shows all of it."""

    view: Bounds | None


@dataclass(frozen=True)
class PointAt:
    """Put the cursor at a place (a, b) of the plane, and show this part of it; None hides it, and keeps the part.

    `step` is the recorded step of the selected run there, None beside its path.
    """

    place: Place | None
    step: int | None = None
    view: Bounds | None = None


SelectedRunRequest = PauseOrResume | AskStop | ContinueRun | AskRestart | AskLabel | OpenLog | AskDelete
# Events that ask for an effect. The state stays, but a new run's settings are shown for the next one, too. In the wide
# table, `TypeValue` closes the table instead.
Request = (
    StartNextRun
    | StartRun
    | StartBesideSweep
    | OfferRun
    | AskClass
    | AskNetwork
    | CheckClass
    | CheckNetwork
    | CodeChecked
    | AskTrust
    | TrustRun
    | StopRun
    | KillRun
    | DeleteRun
    | StopSweep
    | DeleteSweep
    | SetLabel
    | AskCopy
    | CopyRun
    | AskSearch
    | TypeValue
    | NextPreset
    | SelectedRunRequest
)
LandscapeEvent = NextPlane | RefreshPlane | TogglePaths | ShowPart | PointAt
# Events that change settings. Those of a running run are sent to its process, which is an effect.
SettingEvent = TurnKnob | SetKnob | ResetKnob | SendSettings
# Events that change the state and have no effects.
Change = (
    ListRuns
    | SelectRun
    | MoveSelection
    | AdoptSettings
    | AdoptNetwork
    | CycleOptimizer
    | CycleData
    | QuickTry
    | ChooseKnob
    | Toggle
    | PickRun
    | CycleSmoothing
    | CycleAxis
    | SetZoom
    | SetCursor
    | CycleView
    | SortBy
    | Search
    | ShowFinale
    | Close
    | OpenLandscape
    | LandscapeEvent
)
Event = Request | SettingEvent | Change
