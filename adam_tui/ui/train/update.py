"""The logic of the training screen: `update(state, event)` returns the next state and the effects, and is pure.

The state holds no run: `ListRuns` brings what the runs directory holds, and the effects start, stop and delete runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.runs.protocol import QUEUED, RunSpec
from adam_tui.runs.recipes import DATA_SETS, RUN_KNOBS, TRAINING_OPTIMIZERS, check_spec, recipe_of
from adam_tui.runs.user_code import NETWORK_FILE, OPTIMIZER_FILE
from adam_tui.ui.train import events as e
from adam_tui.ui.train.landscape.update import followed, next_state, opened, points_problem
from adam_tui.ui.train.pending_settings import Setting
from adam_tui.ui.train.state import (
    AXES,
    COLORS,
    MOST_DRAWN,
    QUICK_IMAGES,
    SPANS,
    VIEWS,
    TrainState,
    tuning_problem,
    with_knob,
)

if TYPE_CHECKING:
    from adam_tui.ui.train.effects import Effect

    Update = tuple[TrainState, tuple[Effect, ...]]

# Columns of the wide table whose best value is the least one; all others begin with the greatest.
BEST_LEAST = {"name", "state", "settings", "loss", "duration"}
# The wide table hides the hyperparameters and the model, so their keys do nothing there.
HIDDEN_BY_THE_TABLE = (e.TurnKnob, e.ResetKnob, e.ChooseKnob, e.CycleOptimizer, e.CycleData, e.QuickTry, e.CycleView)
# These need the curves or the model of one run, which a selected sweep does not show.
OF_A_RUN = (e.PickRun, e.SetCursor, e.CycleView)


def update(state: TrainState, event: e.Event) -> Update:
    """Return the next state and the effects."""
    if state.table and (isinstance(event, HIDDEN_BY_THE_TABLE) or event == e.Toggle("live")):
        return state, ()
    if state.table and isinstance(event, e.TypeValue) and state.visible_sweep is None:
        return replace(state, table=False), ()
    if state.visible_sweep is not None and (isinstance(event, OF_A_RUN) or event == e.Toggle("live")):
        from adam_tui.ui.train.requests import is_a_sweep

        return state, (is_a_sweep(state.visible_sweep),)
    if event == e.Toggle("live") and state.run is not None and (problem := tuning_problem(state.run)):
        return _refuse_tuning(replace(state, live=False), f"{state.run.id} cannot be tuned: {problem}")
    if isinstance(event, e.Request):
        from adam_tui.ui.train.requests import effects_of  # not needed at start-up

        shown = _adopted(state, event.spec) if isinstance(event, e.StartRun) else state
        return shown, effects_of(state, event)
    if isinstance(event, e.SettingEvent):
        return _after_setting(state, event)
    if isinstance(event, e.OpenLandscape) and state.visible_run is None:
        from adam_tui.ui.train.requests import is_a_sweep, no_run

        sweep = state.visible_sweep
        return state, (is_a_sweep(sweep) if sweep is not None else no_run(state),)
    after = _next_state(state, event)
    if isinstance(event, e.SelectRun) and after.hides_selection:
        return state, ()  # the filter of the wide table hides that run
    return followed(_with_visible_selection(after)), _remarks(state, event)


def _remarks(state: TrainState, event: e.Change) -> tuple[Effect, ...]:
    """A notification of a plane that cannot be shown and is left out."""
    if state.landscape is None or not isinstance(event, e.NextPlane):
        return ()
    if not (problem := points_problem(state, state.landscape)):
        return ()
    from adam_tui.ui.effects import Notify

    return (Notify(problem, severity="warning", keys=": {close}, then {overlay} adds or removes one"),)


# Hyperparameters, of the next run or of the selected one.


def _after_setting(state: TrainState, event: e.SettingEvent) -> Update:
    knob = state.chosen_knob
    match event:
        case e.TurnKnob(notches, coarse):
            return _with_value(state, knob.turn(state.value(knob), notches, coarse=coarse))
        case e.SetKnob(value):
            return _with_value(state, value)
        case e.ResetKnob():
            return _with_value(state, state.initial_value(knob))
        case e.SendSettings():
            return _with_settings_sent(state)
        case _:
            assert_never(event)


def _with_value(state: TrainState, value: float) -> Update:
    """The chosen knob with another value, of the next run or of the selected one."""
    run = state.tuned_run
    return _with_live_value(state, run, value) if run is not None else (_with_next_value(state, value), ())


def _with_next_value(state: TrainState, value: float) -> TrainState:
    name = state.chosen_knob.name
    if name in RUN_KNOBS:
        return replace(state, run_values={**state.run_values, name: value})
    own = {other: v for other, v in state.tuned.get(state.optimizer, {}).items() if other != name}
    if value != state.recipe.knob(name).default:
        own[name] = value
    return replace(state, tuned={**state.tuned, state.optimizer: own})


# The effects are not imported at start-up.


def _with_live_value(state: TrainState, run: RunView, value: float) -> Update:
    """The chosen knob of the selected run with another value, which is sent to its process a moment later."""
    from adam_tui.ui.train.effects import ScheduleSettings

    if not run.tunable:
        word = "waits for its turn" if run.alive else "is over"
        return _refuse_tuning(state, f"{run.id} {word}", keys=": {live} tunes the next run instead")
    pending = state.pending.with_setting(Setting(run.id, state.chosen_knob.name, value))
    return (state, ()) if pending is state.pending else (replace(state, pending=pending), (ScheduleSettings(),))


def _with_settings_sent(state: TrainState) -> Update:
    from adam_tui.ui.train.effects import SendCommand

    settings = state.pending.due(state.runs)
    commands = tuple(SendCommand(id, "set", {"name": name, "value": value}) for id, name, value in settings)
    return replace(state, pending=state.pending.all_sent(settings)), commands


def _refuse_tuning(state: TrainState, message: str, keys: str = "") -> Update:
    from adam_tui.ui.effects import Notify

    return state, (Notify(message, keys=keys),)


# The runs, the display, and the settings of the next run as a whole.


def _next_state(state: TrainState, event: e.Change) -> TrainState:
    match event:
        case e.ListRuns(runs, matches, sweeps):
            return _with_runs(state, runs, matches, sweeps)
        case e.SelectRun(id):
            return _selected(state, id)
        case e.MoveSelection(by, order):
            return _with_neighbour_selected(state, by, order)
        case e.AdoptSettings(spec):
            return _adopted(state, spec)
        case e.AdoptNetwork(network, code):
            rest = {name: value for name, value in state.rest.items() if name not in ("network", "code")}
            return replace(state, rest={**rest, "network": network, "code": code} if network else rest)
        case e.CycleOptimizer(by):
            return _with_optimizer(state, by)
        case e.CycleData():
            return _with_data(state)
        case e.QuickTry():
            return _with_quick_try(state)
        case e.ChooseKnob(by):
            return replace(state, knob=(min(state.knob, len(state.knobs) - 1) + by) % len(state.knobs))
        case e.Toggle(switch):
            return _toggled(state, switch)
        case e.PickRun():
            return _picked(state)
        case e.CycleSmoothing():
            return replace(state, smoothing=(state.smoothing + 1) % len(SPANS))
        case e.CycleAxis():
            return replace(state, axis=AXES[(AXES.index(state.axis) + 1) % len(AXES)], zoom=None)
        case e.SetZoom(limits):
            return replace(state, zoom=limits)
        case e.SetCursor(step):
            return replace(state, cursor=step)
        case e.CycleView(by):
            return replace(state, view=VIEWS[(VIEWS.index(state.view) + by) % len(VIEWS)])
        case e.SortBy(column):
            ascending = not state.ascending if column == state.sort else column in BEST_LEAST
            return replace(state, sort=column, ascending=ascending)
        case e.Search(words, matches, table):
            words = words.strip()
            return replace(state, search=words, matches=matches if words else None, table=table and bool(state.rows))
        case e.ShowFinale(place, finale):
            return replace(state, finale=(place, finale))
        case e.Close():
            return _closed(state)
        case e.OpenLandscape():
            return opened(state)
        case e.NextPlane() | e.RefreshPlane() | e.TogglePaths() | e.ShowPart() | e.PointAt():
            return next_state(state, state.landscape, event) if state.landscape is not None else state
        case _:
            assert_never(event)


def _toggled(state: TrainState, switch: e.Switch) -> TrainState:
    match switch:
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
            return replace(state, table=not state.table) if state.rows or state.table else state
        case "ascending":
            return replace(state, ascending=not state.ascending)
        case _:
            assert_never(switch)


def _closed(state: TrainState) -> TrainState:
    """Close what was opened last; a search in the wide table before the table."""
    if state.table:
        return replace(state, search="", matches=None) if state.search else replace(state, table=False)
    if state.landscape is not None and state.landscape.place is not None:
        return replace(state, landscape=replace(state.landscape, place=None, step=None), cursor=None)
    if state.cursor is not None:
        return replace(state, cursor=None)
    if state.landscape is not None:
        return replace(state, landscape=None)
    if state.zoom is not None:
        return replace(state, zoom=None)
    if state.live:
        return _toggled(state, "live")
    if state.finale is not None and state.view == VIEWS[0]:
        return replace(state, finale=None)
    return replace(state, view=VIEWS[0])


def _with_optimizer(state: TrainState, by: int) -> TrainState:
    """Another optimizer for the next run; the chosen knob stays the one of the same name where there is one."""
    names = (*TRAINING_OPTIMIZERS, *state.classes)
    knob = state.chosen_knob.name
    after = replace(state, live=False, optimizer=names[(names.index(state.optimizer) + by) % len(names)])
    return with_knob(after, knob)


def _with_data(state: TrainState) -> TrainState:
    """The next data set; the folder of the one before does not hold it."""
    names = tuple(DATA_SETS)
    now = state.rest.get("data", names[0])
    data = names[(names.index(now) + 1) % len(names)]
    rest = {name: value for name, value in state.rest.items() if name not in ("data", "data_dir")}
    return replace(state, live=False, rest=rest if data == names[0] else {**rest, "data": data})


def _with_quick_try(state: TrainState) -> TrainState:
    """Few images for the next run, or all of them where a number is set."""
    rest = {name: value for name, value in state.rest.items() if name != "limit"}
    return replace(state, live=False, rest=rest if "limit" in state.rest else {**rest, "limit": QUICK_IMAGES})


def _adopted(state: TrainState, spec: RunSpec) -> TrainState:
    """These settings for the next run; `rest` holds those without a knob that are not at their defaults."""
    try:
        spec = check_spec(spec)
    except ValueError:  # of a newer version; a question about such a run offers no answer that leads here
        return state
    if spec.sweep:  # the next run does not belong to it
        spec = replace(spec, sweep="", trial="", queue=True)
    spec = replace(spec, after_sweeps=False)  # the next run asks again
    usual, usual_spec = recipe_of(spec).defaults(), RunSpec()
    own = {name: v for name, v in spec.hyperparameters.items() if name in usual and v != usual[name]}
    known = {"optimizer", "hyperparameters", *RUN_KNOBS, "signature", "arguments", "calls"}
    others = [field for field in dataclasses.fields(spec) if field.name not in known]
    classes = dict(state.classes)
    if spec.signature:
        of_class = {"signature": spec.signature, "arguments": spec.arguments, "calls": spec.calls}
        own |= {name: v for name, v in spec.hyperparameters.items() if name not in usual}  # numbers without a scale
        classes[spec.optimizer] = of_class | {"code": _of_file(spec, OPTIMIZER_FILE)}
    spec = replace(spec, code=_of_file(spec, NETWORK_FILE))
    return replace(
        state,
        live=False,
        knob=0,
        optimizer=spec.optimizer,
        tuned={**state.tuned, spec.optimizer: own},
        run_values={name: float(getattr(spec, name)) for name in RUN_KNOBS},
        rest={f.name: getattr(spec, f.name) for f in others if getattr(spec, f.name) != getattr(usual_spec, f.name)},
        classes=classes,
    )


def _of_file(spec: RunSpec, name: str) -> dict[str, str]:
    """The digest of one of the user's files, by the name of its copy."""
    return {each: digest for each, digest in spec.code.items() if each == name}


def _with_neighbour_selected(state: TrainState, by: int, order: tuple[str, ...]) -> TrainState:
    """The state with the row `by` places below the selected one in `order` selected.

    The list of runs goes round; the wide table ends. From a row that is not shown it goes to the first one.
    """
    if not order:
        return state
    if not state.table and state.selected in order:
        return _selected(state, order[(order.index(state.selected) + by) % len(order)])
    at = order.index(state.selected) + by if state.selected in order else 0
    return _selected(state, order[min(max(at, 0), len(order) - 1)])


def _selected(state: TrainState, id: str) -> TrainState:
    """Another run or sweep selected; while a picked run has the run's colour it gets another one."""
    if any(sweep.id == id for sweep in state.sweeps):
        return replace(state, selected=id, live=False, cursor=None)
    if id not in state.slots:
        return state
    after = replace(state, selected=id)
    picked = {run for run, inside in state.picked.items() if inside and run != id}
    if state.slots[id] in {state.slots[run] for run in picked}:
        after = replace(after, slots={**state.slots, id: _free_slot(state.slots[run] for run in picked)})
    return with_knob(after, state.chosen_knob.name) if state.live else after


def _picked(state: TrainState) -> TrainState:
    """The selected run goes out of the overlay when it would be drawn beside another one, else it comes in."""
    run = state.visible_run
    if run is None:
        return state
    inside = state.picked.get(run.id, run.id in (other.id for other in _newest_apart(state)))
    picked = {**state.picked, run.id: not inside}
    if inside:
        return replace(state, picked=picked)
    others = {id: state.slots[id] for id, inside in state.picked.items() if inside and id != run.id}
    if len(others) >= MOST_DRAWN - 1:
        return state
    slots = dict(state.slots)
    if slots[run.id] in others.values():
        slots[run.id] = _free_slot(others.values())
    return replace(state, picked=picked, slots=slots, overlay=True)


def _newest_apart(state: TrainState) -> tuple[RunView, ...]:
    """The newest run of each colour: those that the overlay draws beside a selected run."""
    newest: list[RunView] = []
    for run in state.runs:
        if all(state.slots[run.id] != state.slots[other.id] for other in newest):
            newest.append(run)
    return tuple(newest) if state.overlay else ()


def _free_slot(taken: Iterable[int]) -> int:
    known = set(taken)
    return next((slot for slot in range(MOST_DRAWN) if slot not in known), 0)


def _with_visible_selection(state: TrainState) -> TrainState:
    """The first match selected where the wide table hides the selected row, or none is selected."""
    if not state.matches or (not state.hides_selection and (state.run is not None or state.sweep is not None)):
        return state
    known = {row.id for row in state.rows}
    return _selected(state, next((id for id in state.matches if id in known), ""))


def _with_runs(
    state: TrainState, runs: tuple[RunView, ...], matches: tuple[str, ...] | None, sweeps: tuple[SweepSummary, ...]
) -> TrainState:
    """The state with the runs and the sweeps that are there now.

    Each new run gets a colour that the newest ones before it do not have. The first time, the newest running run is
    selected, or the newest; of a selected row that is gone, its neighbour. An unchanged state stays the same object.
    """
    slots = {run.id: state.slots[run.id] for run in runs if run.id in state.slots}
    newest: list[int] = []  # slots of the runs so far, oldest first
    for run in reversed(runs):
        if run.id not in slots:
            recent = newest[-COLORS + 1 :]
            slots[run.id] = next(slot for slot in range(COLORS) if slot not in recent)
        newest.append(slots[run.id])
    listed = replace(state, runs=runs, sweeps=sweeps)
    selected, rows = state.selected, listed.rows
    if selected not in {row.id for row in rows}:
        if selected is None:
            first = sorted(runs, key=lambda run: (not run.alive, run.state == QUEUED))  # stable: the newest of each
            selected = first[0].id if runs else None
        else:
            selected = rows[max(min(state.selected_index, len(rows) - 1), 0)].id if rows else None
    after = replace(
        listed,
        slots=slots,
        selected=selected,
        matches=matches if state.search else None,
        pending=state.pending.unconfirmed(runs),
        picked={id: inside for id, inside in state.picked.items() if id in slots},
        table=state.table and bool(rows),
        live=state.live and bool(runs),
        cursor=state.cursor if runs else None,
    )
    return state if after == state else after
