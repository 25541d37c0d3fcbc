"""The training screen as a value: the settings of the next run, the runs that there are, and how they are shown.

`update` makes the next state from an event; `view` draws it. The losses of the runs are not part of it: they grow by
megabytes and are in the feed's histories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from adam_tui.draw.palette import MARKERS
from adam_tui.engine.knobs import Knob
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.runs.protocol import QUEUED, RunSpec
from adam_tui.runs.recipes import RUN_KNOBS, TRAINING_OPTIMIZERS, Recipe, class_recipe, make_spec, recipe_of
from adam_tui.ui.caption import Finale
from adam_tui.ui.train.landscape.state import LandscapeState
from adam_tui.ui.train.pending_settings import PendingSettings

Row = RunView | SweepSummary  # of the lists of runs
Axis = Literal["steps", "epochs", "time"]
ModelView = Literal["digits", "mistakes", "confusion", "filters", "layers"]

AXES: tuple[Axis, ...] = ("steps", "epochs", "time")
VIEWS: tuple[ModelView, ...] = ("digits", "mistakes", "confusion", "filters", "layers")
DEFAULT_OPTIMIZER = "adam"  # the article's
# Steps that the bright curve is averaged over; 1 shows the losses as they are.
SPANS = (1, 10, 30, 100, 300, 1000)
DEFAULT_SPAN = SPANS.index(100)
QUICK_IMAGES = 6000  # a tenth of MNIST: the first test comes ten times as soon
# Adagrad reads it before its first step only: a running run has no such knob.
BEFORE_THE_FIRST_STEP = "initial_accumulator_value"
# Curves at a time: one of each colour, and when the user picks more of them, one more of each, dashed.
COLORS = len(MARKERS)
MOST_DRAWN = 2 * COLORS


@dataclass(frozen=True, slots=True)
class TrainState:
    """Everything that the training screen shows, apart from the histories of the runs.

    The next run: `tuned` holds, for each optimizer, the hyperparameters that are not at their defaults; `run_values`
    the batch size, epochs and seed; `rest` the other fields of RunSpec that differ from their defaults. `knob` is the
    index of the chosen knob. With `live` the arrow keys turn the selected run's knobs; `pending` holds the settings
    that were changed this way and that the run has not confirmed yet.

    `classes` holds, for each optimizer that is a class of the user, the fields of RunSpec about it.

    The runs: `runs` are newest first, as are the `sweeps` beside them, which are one row of the lists each; `slots` is
    the index of the colour and marker of each run, by id. `selected` is the id of a run or of a sweep. With `overlay`
    the newest runs are drawn beside the selected one; `picked` holds the runs that were taken in (True) or out (False)
    by key.

    The display: `smoothing` is an index into SPANS, `zoom` the part of the x axis that is shown, in the axis' units,
    `cursor` the step whose values are read. `sort` is the column of the wide table, `search` the words that its runs
    must have, `matches` the ids of those runs in the order of the table. `finale` is the tour's last stop while it is
    shown, after its place in the tour. `landscape` is in the place of the curves while it is open.
    """

    optimizer: str = DEFAULT_OPTIMIZER
    tuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    run_values: Mapping[str, float] = field(default_factory=lambda: {k: v.default for k, v in RUN_KNOBS.items()})
    rest: Mapping[str, object] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    knob: int = 0
    live: bool = False
    pending: PendingSettings = field(default_factory=PendingSettings)
    runs: tuple[RunView, ...] = ()
    sweeps: tuple[SweepSummary, ...] = ()
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
    view: ModelView = "digits"
    table: bool = False
    sort: str = "started"
    ascending: bool = False
    search: str = ""
    matches: tuple[str, ...] | None = None
    finale: tuple[str, Finale] | None = None
    landscape: LandscapeState | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the lists: runs and sweeps, newest first."""
        if not self.sweeps:
            return self.runs
        return tuple(sorted((*self.runs, *self.sweeps), key=lambda row: -row.created))  # stable: runs stay in order

    @property
    def run(self) -> RunView | None:
        """The selected run; None without one, and while a sweep is selected."""
        return next((run for run in self.runs if run.id == self.selected), None)

    @property
    def sweep(self) -> SweepSummary | None:
        """The selected sweep."""
        return next((sweep for sweep in self.sweeps if sweep.id == self.selected), None)

    @property
    def hides_selection(self) -> bool:
        """Whether the filter of the wide table hides the selected row."""
        return self.table and self.matches is not None and self.selected not in self.matches

    @property
    def visible_run(self) -> RunView | None:
        """The selected run, unless the wide table hides it: the run that keys act on."""
        return None if self.hides_selection else self.run

    @property
    def visible_sweep(self) -> SweepSummary | None:
        """The selected sweep, unless the wide table hides it: the sweep that keys act on."""
        return None if self.hides_selection else self.sweep

    @property
    def selected_index(self) -> int:
        """The index of the selected row in the list; −1 without one."""
        return next((i for i, row in enumerate(self.rows) if row.id == self.selected), -1)

    @property
    def tuned_run(self) -> RunView | None:
        """The run whose knobs the arrow keys turn; None while they turn the next run's."""
        run = self.run if self.live else None
        return run if run is not None and not tuning_problem(run) else None

    @property
    def recipe(self) -> Recipe:
        """The optimizer whose knobs are shown."""
        run = self.tuned_run
        if run is not None:
            return recipe_of(run.spec)
        if self.optimizer in self.classes:
            return class_recipe(self.optimizer, self.classes[self.optimizer]["signature"])
        return TRAINING_OPTIMIZERS[self.optimizer]

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """The knobs that are shown: the optimizer's hyperparameters, then those of a run that has not begun."""
        if self.tuned_run is not None:
            fixed = {each.name for each in self.tuned_run.spec.signature if each.fixed} | {BEFORE_THE_FIRST_STEP}
            return tuple(knob for knob in self.recipe.knobs if knob.name not in fixed)
        return (*self.recipe.knobs, *RUN_KNOBS.values())

    @property
    def chosen_knob(self) -> Knob:
        """The knob that the arrow keys turn."""
        return self.knobs[min(self.knob, len(self.knobs) - 1)]

    def value(self, knob: Knob) -> float:
        """The value of a knob, of the next run or of the selected one."""
        run = self.tuned_run
        if run is not None:
            return self.pending.values.get(run.id, {}).get(knob.name, run.setting(knob))
        if knob.name in RUN_KNOBS:
            return self.run_values[knob.name]
        return self.tuned.get(self.optimizer, {}).get(knob.name, knob.default)

    def initial_value(self, knob: Knob) -> float:
        """The value that backspace restores: the default, or the value that the selected run began with."""
        run = self.tuned_run
        return knob.default if run is None else run.spec.hyperparameters.get(knob.name, knob.default)

    def spec(self) -> RunSpec:
        """The settings of the next run."""
        rest = {**self.rest, **self.classes.get(self.optimizer, {})}
        code = {**self._code(self.rest), **self._code(self.classes.get(self.optimizer, {}))}
        rest |= {"code": code} if code else {}
        return make_spec(self.optimizer, self.tuned.get(self.optimizer, {}), **self.run_values, **rest)

    @staticmethod
    def _code(fields: Mapping[str, Any]) -> Mapping[str, str]:
        code: Mapping[str, str] = fields.get("code", {})
        return code

    @property
    def span(self) -> int:
        """Steps that the bright curve is averaged over."""
        return SPANS[self.smoothing]

    @property
    def drawn(self) -> tuple[RunView, ...]:
        """The runs whose curves are shown: the selected one first; with the overlay the picked and the newest ones.

        No two of them have the same colour.
        """
        selected = self.run
        if selected is None:
            return ()
        slots, drawn = {self.slots[selected.id]}, [selected]
        picked = [run for run in self.runs if self.picked.get(run.id)]
        newest = [run for run in self.runs if run.id not in self.picked]
        for run in (*picked, *newest) if self.overlay else ():
            if self.slots[run.id] not in slots:
                slots.add(self.slots[run.id])
                drawn.append(run)
        return tuple(drawn)

    def pick_sign(self, run: RunView) -> str:
        """How a key took a run into the overlay (+) or out of it (−)."""
        return " " if run.id not in self.picked else "+" if self.picked[run.id] else "−"

    def queue_place(self, run: RunView) -> int:
        """A queued run's place in the queue for its device, from 1; 0 for a run that is not queued."""
        if run.state != QUEUED:
            return 0
        queued = (other for other in self.runs if other.state == QUEUED and other.device == run.device)
        return 1 + sum((other.came, other.id) < (run.came, run.id) for other in queued)


def tuning_problem(run: RunView) -> str:
    """The reason why no knob can show this run's settings, as of a run of a newer version; "" if all can."""
    if not run.spec.signature and run.spec.optimizer not in TRAINING_OPTIMIZERS:
        return f"no optimizer {run.spec.optimizer!r}"
    try:
        recipe = recipe_of(run.spec)
        for knob in recipe.knobs:
            knob.check(run.setting(knob))
    except ValueError as error:
        return str(error)
    return ""


def with_knob(state: TrainState, name: str) -> TrainState:
    """The state with the knob of that name chosen, or the first knob if there is no such knob."""
    return replace(state, knob=next((i for i, knob in enumerate(state.knobs) if knob.name == name), 0))
