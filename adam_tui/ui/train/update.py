"""The logic of the training screen: `update(state, event)` is the next state, and touches nothing outside.

Runs come and go on the disk; the screen tells the state which there are (`RunsSeen`), and starts, stops, tunes and
deletes them itself, because those are effects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import replace

from adam_tui.draw.palette import MARKERS
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import QUEUED, RunSpec
from adam_tui.runs.recipes import DATA_SETS, RUN_KNOBS, TRAINING_OPTIMIZERS
from adam_tui.ui.train import events as e
from adam_tui.ui.train.state import MOST_DRAWN, SPANS, VIEWS, TrainState, with_knob

# Columns of the table whose best value is the least one; all others begin with the greatest.
BEST_LEAST = {"name", "state", "settings", "loss", "duration"}


def update(state: TrainState, event: e.Event) -> TrainState:
    """What the training screen becomes when `event` happens."""
    match event:
        case e.CycleOptimizer(by):
            return _with_optimizer(state, by)
        case e.CycleData():
            return _with_data(state)
        case e.ChooseKnob(by):
            return replace(state, knob=(min(state.knob, len(state.knobs) - 1) + by) % len(state.knobs))
        case e.Turn(notches, coarse):
            return _set(state, state.chosen_knob.turn(state.value(state.chosen_knob), notches, coarse=coarse))
        case e.SetKnob(value):
            return _set(state, value)
        case e.ResetKnob():
            return _set(state, state.usual(state.chosen_knob))
        case e.Teach(place, finale):
            return replace(state, lesson=(place, finale) if finale else None)
        case e.Adopt(spec):
            return _adopted(state, spec)
        case e.SelectRun(by):
            return _selected(state, state.runs[(state.place + by) % len(state.runs)].id) if state.runs else state
        case e.Select(id):
            return _selected(state, id) if any(run.id == id for run in state.runs) else state
        case e.RunsSeen(runs):
            return _with_runs(state, runs)
        case e.PickRun():
            return _picked(state)
        case e.Toggle(what):
            return _toggled(state, what)
        case e.CycleSmoothing():
            return replace(state, smoothing=(state.smoothing + 1) % len(SPANS))
        case e.ShowAxis(axis):
            return replace(state, axis=axis, zoom=None)
        case e.Look(at):
            return replace(state, zoom=at)
        case e.PutCursor(step):
            return replace(state, cursor=step)
        case e.CycleView(by):
            return replace(state, view=VIEWS[(VIEWS.index(state.view) + by) % len(VIEWS)])
        case e.SortBy(column):
            rising = not state.rising if column == state.sort else column in BEST_LEAST
            return replace(state, sort=column, rising=rising)
        case e.Search(words):
            return replace(state, search=words.strip())


def _toggled(state: TrainState, what: e.Switch) -> TrainState:
    match what:
        case "overlay":
            return replace(state, overlay=not state.overlay)
        case "log":
            return replace(state, log=not state.log)
        case "recent":
            return replace(state, recent=not state.recent, zoom=None)
        case "live":
            if state.run is None:
                return state
            return with_knob(replace(state, live=not state.live), state.chosen_knob.name)
        case "table":
            return replace(state, table=not state.table) if state.runs or state.table else state
        case "rising":
            return replace(state, rising=not state.rising)


def _with_optimizer(state: TrainState, by: int) -> TrainState:
    """The chosen knob stays the one of the same name where there is one; the next run's are shown."""
    names = tuple(TRAINING_OPTIMIZERS)
    knob = state.chosen_knob.name
    after = replace(state, live=False, optimizer=names[(names.index(state.optimizer) + by) % len(names)])
    return with_knob(after, knob)


def _with_data(state: TrainState) -> TrainState:
    """The folder of one data set does not hold the next one."""
    names = tuple(DATA_SETS)
    now = state.rest.get("data", names[0])
    data = names[(names.index(now) + 1) % len(names)]
    rest = {name: value for name, value in state.rest.items() if name not in ("data", "data_dir")}
    return replace(state, live=False, rest=rest if data == names[0] else {**rest, "data": data})


def _set(state: TrainState, value: float) -> TrainState:
    knob, run = state.chosen_knob, state.tuning
    if run is not None:
        if not run.tunable:
            return state
        asked = {**state.asked.get(run.id, {}), knob.name: value}
        return replace(state, asked={**state.asked, run.id: asked})
    if knob.name in RUN_KNOBS:
        return replace(state, run_values={**state.run_values, knob.name: value})
    own = {name: v for name, v in state.tuned.get(state.optimizer, {}).items() if name != knob.name}
    if value != knob.default:
        own[knob.name] = value
    return replace(state, tuned={**state.tuned, state.optimizer: own})


def _adopted(state: TrainState, spec: RunSpec) -> TrainState:
    """Only what has no knob and is not as always goes into `rest`."""
    recipe = TRAINING_OPTIMIZERS.get(spec.optimizer)
    if recipe is None:
        return state
    usual = recipe.defaults()
    own = {name: v for name, v in spec.hyperparameters.items() if name in usual and v != usual[name]}
    known = {"optimizer", "hyperparameters", *RUN_KNOBS}
    others = (field for field in dataclasses.fields(spec) if field.name not in known)
    return replace(
        state,
        live=False,
        knob=0,
        optimizer=spec.optimizer,
        tuned={**state.tuned, spec.optimizer: own},
        run_values={name: float(getattr(spec, name)) for name in RUN_KNOBS},
        rest={f.name: getattr(spec, f.name) for f in others if getattr(spec, f.name) != f.default},
    )


def _selected(state: TrainState, id: str) -> TrainState:
    """A run that is selected while one of the picked has its colour gets another one."""
    after = replace(state, selected=id)
    picked = {run for run, inside in state.picked.items() if inside and run != id}
    if state.slots[id] in {state.slots[run] for run in picked}:
        after = replace(after, slots={**state.slots, id: _free(state.slots[run] for run in picked)})
    return with_knob(after, state.chosen_knob.name) if state.live else after


def _picked(state: TrainState) -> TrainState:
    """The selected run goes out of the overlay when it would be drawn beside another one, else it comes in."""
    run = state.run
    if run is None:
        return state
    inside = state.picked.get(run.id, run.id in (other.id for other in _beside(state)))
    picked = {**state.picked, run.id: not inside}
    if inside:
        return replace(state, picked=picked)
    others = {id: state.slots[id] for id, inside in state.picked.items() if inside and id != run.id}
    if len(others) >= MOST_DRAWN - 1:
        return state
    slots = dict(state.slots)
    if slots[run.id] in others.values():
        slots[run.id] = _free(others.values())
    return replace(state, picked=picked, slots=slots, overlay=True)


def _beside(state: TrainState) -> tuple[RunView, ...]:
    """The runs that are drawn when some other run is selected."""
    newest: list[RunView] = []
    for run in state.runs:
        if all(state.slots[run.id] != state.slots[other.id] for other in newest):
            newest.append(run)
    return tuple(newest) if state.overlay else ()


def _free(taken: Iterable[int]) -> int:
    known = set(taken)
    return next((slot for slot in range(len(MARKERS)) if slot not in known), 0)


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
            first = sorted(runs, key=lambda run: (not run.alive, run.state == QUEUED))  # stable: the newest of each
            selected = first[0].id if runs else None
        else:
            selected = runs[min(state.place, len(runs) - 1)].id if runs else None
    asked = {}
    for run in runs:
        waiting = {k: v for k, v in state.asked.get(run.id, {}).items() if run.alive and run.settings.get(k) != v}
        if waiting:
            asked[run.id] = waiting
    after = replace(
        state,
        runs=runs,
        slots=slots,
        selected=selected,
        asked=asked,
        picked={id: inside for id, inside in state.picked.items() if id in slots},
        table=state.table and bool(runs),
        live=state.live and bool(runs),
        cursor=state.cursor if runs else None,
    )
    return state if after == state else after
