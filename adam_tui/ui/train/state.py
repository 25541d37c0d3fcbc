"""The training screen as a value: what is chosen for the next run, which runs there are, and what is shown of them.

The screen turns keys into events (`events`), `update` makes the next state of them, and `picture` draws it. What the
runs have told is not in here: it grows by megabytes and is only drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from adam_tui.draw.palette import MARKERS
from adam_tui.engine.knobs import Knob
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import QUEUED, RunSpec
from adam_tui.runs.recipes import RUN_KNOBS, TRAINING_OPTIMIZERS, Recipe, make_spec
from adam_tui.ui.caption import Finale
from adam_tui.ui.train.pending_settings import PendingSettings

Axis = Literal["steps", "epochs", "time"]
View = Literal["digits", "mistakes", "confusion", "filters", "layers"]

AXES: tuple[Axis, ...] = ("steps", "epochs", "time")
VIEWS: tuple[View, ...] = ("digits", "mistakes", "confusion", "filters", "layers")
DEFAULT_OPTIMIZER = "adam"  # the article's
# Steps that the bright curve is averaged over; 1 shows the losses as they are.
SPANS = (1, 10, 30, 100, 300, 1000)
DEFAULT_SPAN = SPANS.index(100)
# Adagrad reads it before its first step, never again: a run at work has no such knob.
BEFORE_THE_FIRST_STEP = "initial_accumulator_value"
MOST_DRAWN = len(MARKERS)  # curves at a time: more could not be told apart


@dataclass(frozen=True, slots=True)
class TrainState:
    """Everything the training screen shows, apart from what the runs have told.

    `tuned` holds, for each optimizer, the values that are not its defaults; `run_values` the batch size, epochs and
    seed, `rest` what else the next run's RunSpec is to hold. With `live` the arrow keys turn the selected run instead
    of the next one; `pending` holds the settings that were changed this way and that the run has not confirmed yet.

    `runs` are newest first; `slots` gives each its colour and marker. With `overlay` the newest runs are drawn beside
    the selected one, but for those that `picked` says in or out of it. `zoom` is the part of the x axis that is shown,
    in the axis' units, `cursor` the step whose values are read. `finale` is the tour's last stop while it is shown,
    after its place in the tour.
    """

    optimizer: str = DEFAULT_OPTIMIZER
    tuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    run_values: Mapping[str, float] = field(default_factory=lambda: {k: v.default for k, v in RUN_KNOBS.items()})
    rest: Mapping[str, object] = field(default_factory=dict)
    knob: int = 0
    live: bool = False
    pending: PendingSettings = field(default_factory=PendingSettings)
    runs: tuple[RunView, ...] = ()
    slots: Mapping[str, int] = field(default_factory=dict)
    selected: str | None = None
    overlay: bool = True
    picked: Mapping[str, bool] = field(default_factory=dict)
    log: bool = True
    recent: bool = False
    smoothing: int = DEFAULT_SPAN
    axis: Axis = "steps"
    zoom: tuple[float, float] | None = None
    cursor: int | None = None
    view: View = "digits"
    table: bool = False
    sort: str = "started"
    rising: bool = False
    search: str = ""
    finale: tuple[str, Finale] | None = None

    @property
    def tuning(self) -> RunView | None:
        """The run whose hyperparameters the arrow keys turn; None when they turn the next one's."""
        return self.run if self.live else None

    @property
    def recipe(self) -> Recipe:
        """The optimizer whose knobs are shown."""
        run = self.tuning
        known = run.spec.optimizer if run is not None else self.optimizer
        return TRAINING_OPTIMIZERS.get(known) or TRAINING_OPTIMIZERS[self.optimizer]

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What can be turned: the optimizer's hyperparameters, then those of a run that has not begun."""
        if self.tuning is not None:
            return tuple(knob for knob in self.recipe.knobs if knob.name != BEFORE_THE_FIRST_STEP)
        return (*self.recipe.knobs, *RUN_KNOBS.values())

    @property
    def chosen_knob(self) -> Knob:
        """The one that the arrow keys turn."""
        return self.knobs[min(self.knob, len(self.knobs) - 1)]

    def value(self, knob: Knob) -> float:
        """A knob's value for the next run, or for the one at work."""
        run = self.tuning
        if run is not None:
            return self.pending.values.get(run.id, {}).get(knob.name, run.setting(knob))
        if knob.name in RUN_KNOBS:
            return self.run_values[knob.name]
        return self.tuned.get(self.optimizer, {}).get(knob.name, knob.default)

    def usual(self, knob: Knob) -> float:
        """What backspace brings back: the default, or what the run at work began with."""
        run = self.tuning
        return knob.default if run is None else run.spec.hyperparameters.get(knob.name, knob.default)

    def spec(self) -> RunSpec:
        """What `t` would start."""
        return make_spec(self.optimizer, self.tuned.get(self.optimizer, {}), **self.run_values, **self.rest)

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
        """The runs whose curves are shown: the selected one first; with the overlay the picked and the newest ones.

        No two of them have one colour.
        """
        chosen = self.run
        if chosen is None:
            return ()
        taken, kept = {self.slots[chosen.id]}, [chosen]
        picked = [run for run in self.runs if self.picked.get(run.id)]
        newest = [run for run in self.runs if run.id not in self.picked]
        for run in (*picked, *newest) if self.overlay else ():
            if self.slots[run.id] not in taken:
                taken.add(self.slots[run.id])
                kept.append(run)
        return tuple(kept)

    def pin(self, run: RunView) -> str:
        """Whether a person took a run into the overlay (+) or out of it (−)."""
        return " " if run.id not in self.picked else "+" if self.picked[run.id] else "−"

    def in_line(self, run: RunView) -> int:
        """A queued run's place in the line for its device, from 1; 0 for a run that does not wait."""
        if run.state != QUEUED:
            return 0
        waiting = (other for other in self.runs if other.state == QUEUED and other.device == run.device)
        return 1 + sum((other.came, other.id) < (run.came, run.id) for other in waiting)


def with_knob(state: TrainState, name: str) -> TrainState:
    """The knob of that name chosen, where there is one; else the first."""
    return replace(state, knob=next((i for i, knob in enumerate(state.knobs) if knob.name == name), 0))
