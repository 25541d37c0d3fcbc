"""The training screen as a value: what is chosen for the next run, which runs there are, and what is shown of them.

`update(state, event)` is the whole logic and touches nothing outside. Runs come and go on the disk; the screen tells
the state which there are (`RunsSeen`), and starts, stops and deletes them itself, because those are effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from adam_tui.draw.palette import MARKERS
from adam_tui.engine.knobs import Knob
from adam_tui.training.protocol import ENDED, RunSpec
from adam_tui.training.recipes import RUN_KNOBS, TRAINING_OPTIMIZERS, Recipe, make_spec

DEFAULT_OPTIMIZER = "adam"  # the article's
# Steps that the bright curve is averaged over; 1 shows the losses as they are.
SPANS = (1, 10, 30, 100, 300, 1000)
DEFAULT_SPAN = SPANS.index(100)
LOST = "lost"  # rundir's word for a process that is gone without an end


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as its directory tells. `state` is starting, running, paused, finished, stopped, failed or lost."""

    id: str
    spec: RunSpec
    created: float
    state: str
    reason: str = ""
    epoch: int = 0
    step: int = 0

    @property
    def alive(self) -> bool:
        """Whether a process is at work on it."""
        return self.state not in ENDED and self.state != LOST


@dataclass(frozen=True, slots=True)
class TrainState:
    """Everything the training screen shows, apart from what the runs have told.

    `tuned` holds, for each optimizer, the values that are not its defaults; `run_values` the batch size, epochs and
    seed. `runs` are newest first; `slots` gives each its colour and marker, which it keeps.
    """

    optimizer: str = DEFAULT_OPTIMIZER
    tuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    run_values: Mapping[str, float] = field(default_factory=lambda: {k: v.default for k, v in RUN_KNOBS.items()})
    knob: int = 0
    runs: tuple[RunView, ...] = ()
    slots: Mapping[str, int] = field(default_factory=dict)
    selected: str | None = None
    overlay: bool = True
    log: bool = True
    recent: bool = False
    smoothing: int = DEFAULT_SPAN

    @property
    def recipe(self) -> Recipe:
        """The optimizer of the next run."""
        return TRAINING_OPTIMIZERS[self.optimizer]

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What can be turned: the optimizer's hyperparameters, then those of the run."""
        return (*self.recipe.knobs, *RUN_KNOBS.values())

    @property
    def chosen_knob(self) -> Knob:
        """The one that the arrow keys turn."""
        return self.knobs[self.knob]

    def value(self, knob: Knob) -> float:
        """A knob's value for the next run."""
        if knob.name in RUN_KNOBS:
            return self.run_values[knob.name]
        return self.tuned.get(self.optimizer, {}).get(knob.name, knob.default)

    def spec(self) -> RunSpec:
        """What `t` would start."""
        return make_spec(self.optimizer, self.tuned.get(self.optimizer, {}), **self.run_values)

    @property
    def span(self) -> int:
        """Steps that the bright curve is averaged over."""
        return SPANS[self.smoothing]

    @property
    def place(self) -> int:
        """The selected run's place among the runs; 0 without one."""
        return next((i for i, run in enumerate(self.runs) if run.id == self.selected), 0)

    @property
    def run(self) -> RunView | None:
        """The selected run."""
        return next((run for run in self.runs if run.id == self.selected), None)

    @property
    def drawn(self) -> tuple[RunView, ...]:
        """The runs whose curves are shown: the selected one, and with the overlay the newest of each other colour."""
        chosen = self.run
        if chosen is None:
            return ()
        taken, kept = {self.slots[chosen.id]}, [chosen]
        for run in self.runs if self.overlay else ():
            if self.slots[run.id] not in taken:
                taken.add(self.slots[run.id])
                kept.append(run)
        return tuple(kept)


@dataclass(frozen=True, slots=True)
class CycleOptimizer:
    """Choose the next optimizer, or the previous one; each keeps what was set."""

    by: int


@dataclass(frozen=True, slots=True)
class ChooseKnob:
    """Choose the knob below (1) or above (−1)."""

    by: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn the chosen knob."""

    notches: int
    coarse: bool = False


@dataclass(frozen=True, slots=True)
class SetKnob:
    """Give the chosen knob an exact value; the knob must accept it."""

    value: float


@dataclass(frozen=True, slots=True)
class ResetKnob:
    """Give the chosen knob its default."""


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
class Toggle:
    """Turn one of the switches of the display."""

    what: Literal["overlay", "log", "recent"]


@dataclass(frozen=True, slots=True)
class CycleSmoothing:
    """Average over more steps; after the most, over none."""


Event = (
    CycleOptimizer | ChooseKnob | Turn | SetKnob | ResetKnob | SelectRun | Select | RunsSeen | Toggle | CycleSmoothing
)


def update(state: TrainState, event: Event) -> TrainState:
    """What the training screen becomes when `event` happens."""
    match event:
        case CycleOptimizer(by):
            return _with_optimizer(state, by)
        case ChooseKnob(by):
            return replace(state, knob=(state.knob + by) % len(state.knobs))
        case Turn(notches, coarse):
            return _set(state, state.chosen_knob.turn(state.value(state.chosen_knob), notches, coarse=coarse))
        case SetKnob(value):
            return _set(state, value)
        case ResetKnob():
            return _set(state, state.chosen_knob.default)
        case SelectRun(by):
            return replace(state, selected=state.runs[(state.place + by) % len(state.runs)].id) if state.runs else state
        case Select(id):
            return replace(state, selected=id) if any(run.id == id for run in state.runs) else state
        case RunsSeen(runs):
            return _with_runs(state, runs)
        case Toggle(what):
            return _toggled(state, what)
        case CycleSmoothing():
            return replace(state, smoothing=(state.smoothing + 1) % len(SPANS))


def _toggled(state: TrainState, what: Literal["overlay", "log", "recent"]) -> TrainState:
    match what:
        case "overlay":
            return replace(state, overlay=not state.overlay)
        case "log":
            return replace(state, log=not state.log)
        case "recent":
            return replace(state, recent=not state.recent)


def _with_optimizer(state: TrainState, by: int) -> TrainState:
    """The chosen knob stays the one of the same name where there is one."""
    names = tuple(TRAINING_OPTIMIZERS)
    knob = state.chosen_knob.name
    after = replace(state, optimizer=names[(names.index(state.optimizer) + by) % len(names)], knob=0)
    return replace(after, knob=next((i for i, k in enumerate(after.knobs) if k.name == knob), 0))


def _set(state: TrainState, value: float) -> TrainState:
    knob = state.chosen_knob
    if knob.name in RUN_KNOBS:
        return replace(state, run_values={**state.run_values, knob.name: value})
    own = {name: v for name, v in state.tuned.get(state.optimizer, {}).items() if name != knob.name}
    if value != knob.default:
        own[knob.name] = value
    return replace(state, tuned={**state.tuned, state.optimizer: own})


def _with_runs(state: TrainState, runs: tuple[RunView, ...]) -> TrainState:
    """Each new run gets a colour that the newest ones before it do not have; a selected run that is gone is replaced.

    At first the newest run is selected, or the newest that is at work.
    """
    slots = {run.id: state.slots[run.id] for run in runs if run.id in state.slots}
    newest: list[int] = []  # slots of the runs so far, oldest first
    for run in reversed(runs):
        if run.id not in slots:
            recent = newest[-len(MARKERS) + 1 :]
            slots[run.id] = next(slot for slot in range(len(MARKERS)) if slot not in recent)
        newest.append(slots[run.id])
    selected = state.selected
    if not any(run.id == selected for run in runs):
        if selected is None:
            selected = next((run.id for run in runs if run.alive), runs[0].id if runs else None)
        else:
            selected = runs[min(state.place, len(runs) - 1)].id if runs else None
    after = replace(state, runs=runs, slots=slots, selected=selected)
    return state if after == state else after
