"""The logic of the playground: `update(state, event)` returns the next state and the effects. It is pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from adam_tui.engine.lane import Lane
from adam_tui.engine.optimizers import OPTIMIZERS, names_of
from adam_tui.engine.scenario import MAX_STEPS, Scenario, suggested_lane, suggested_lanes
from adam_tui.engine.schedules import KINDS, Schedule
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import plotted_surface, start_of
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.hints import HINTS, remaining
from adam_tui.ui.playground.state import FILLS, SPEEDS, PlaygroundState, Snapshot, Switch, Window

if TYPE_CHECKING:
    from adam_tui.engine.presets import MapKind, Preset
    from adam_tui.ui.caption import Finale
    from adam_tui.ui.playground.effects import Effect
    from adam_tui.ui.playground.maps.state import MapState

T = TypeVar("T")
ZOOM = 0.7
# The smallest and the largest window, as shares of the width of the surface's own bounds: beyond these limits floats
# lose their precision, or nothing can be recognised.
ZOOM_LIMITS = (1e-9, 1e3)
FINEST = 1e-11  # the smallest width of a window as a share of its distance from 0: below it, columns share one float
PAN = 0.15  # of the window
CROSSHAIR_STEP = 1 / 40  # of the window
CROSSHAIR_COARSE = 1 / 8
# The optimizers that `a` adds, in this order: first those that teach most beside the ones in the race.
ADD_ORDER = ("momentum", "rmsprop", "sgd", "adam", "adamw", "nadam", "adagrad", "lion")
SAME_ASPECT = 0.01
NOISE_LEVELS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # standard deviations
WARMUP_SHARES = (0.0, 0.05, 0.1, 0.2)  # of the race
UNDO_STEPS = 200
# The actions that move the cursor of an open map or take its cell, and turn a knob otherwise.
CURSOR_KEYS = {f"{name}{coarse}" for name in ("turn_down", "turn_up") for coarse in ("", "_coarse")} | {"type_value"}
# The events whose change of the scenario cannot be undone: it is no change of the user's.
UNRECORDED = (e.Undo, e.Redo, e.PreviewFunction, e.PreviewOptimizer, e.EndPreview, e.ClassesChanged)
LANES_BY_HAND = 8  # the most that `a` adds: more colours are hard to distinguish


def update(state: PlaygroundState, event: e.Event) -> tuple[PlaygroundState, tuple[Effect, ...]]:
    """Return the next state and the effects. Each change of the scenario can be undone."""
    if isinstance(event, e.Confirm) and state.crosshair is not None:
        event = e.SetStart(*state.crosshair)
    if isinstance(event, e.Confirm) and state.map is not None:
        return _taken(state, state.map)
    if isinstance(event, e.Request):
        from adam_tui.ui.playground.requests import effects_of  # not needed at start-up

        return state, effects_of(state, event)
    if isinstance(event, e.OpenMap) and (reason := _no_map(state, event)):
        from adam_tui.ui.effects import Notify

        return state, (Notify(reason, severity="warning"),)
    # A formula replaces the race before it, and not the previews while it was typed.
    before = state.before_preview or state if isinstance(event, e.SetFunction) else state
    after = _next_state(before, event)
    if after.map is not None and (after.scenario, after.lane) != (before.scenario, before.lane):
        from adam_tui.ui.playground.maps.update import followed

        after = followed(before, after)
    if after.scenario != before.scenario and not isinstance(event, UNRECORDED):
        after = replace(after, past=(*before.past, before.snapshot)[-UNDO_STEPS:], future=())
    return after, _effects(state, after, event)


def _effects(before: PlaygroundState, after: PlaygroundState, event: e.Change) -> tuple[Effect, ...]:
    """The effects of a change of the state."""
    if isinstance(event, e.SetClass | e.ClassesChanged | e.AllowClass):
        from adam_tui.ui.playground.class_effects import class_effects  # not needed without a class

        return class_effects(before, after, event)
    if isinstance(event, e.Open | e.NextPreset) and after.finale is not None and after.preset is None:
        from adam_tui.ui.playground.effects import ShowFinale

        return (ShowFinale(f"{after.stop + 1}/{after.stops}", after.finale),)
    if len(after.hints) < len(before.hints):
        from adam_tui.ui.playground.effects import HINTS_CLOSED, RememberHints

        remember = RememberHints(frozenset(before.hints) - frozenset(after.hints))
        return (remember, HINTS_CLOSED) if isinstance(event, e.Cancel) else (remember,)
    return ()


def _taken(state: PlaygroundState, shown: MapState) -> tuple[PlaygroundState, tuple[Effect, ...]]:
    """Take the cell at the map's cursor into the lane, which can be undone."""
    from adam_tui.ui.playground.maps.update import taken

    after = taken(state, shown)
    if after.scenario != state.scenario:
        after = replace(after, past=(*state.past, state.snapshot)[-UNDO_STEPS:], future=())
    return after, ()


def _next_state(state: PlaygroundState, event: e.Change) -> PlaygroundState:
    if state.map is not None and state.crosshair is None:
        from adam_tui.ui.playground.maps.update import next_state  # not needed at start-up

        if (after := next_state(state, state.map, event)) is not None:
            return after
    match event:
        case e.Tick(seconds):
            return _advance(state, seconds)
        case e.TogglePlay():
            clock = 0.0 if state.at_end and not state.playing else state.clock
            return replace(state, playing=not state.playing, clock=clock)
        case e.Restart():
            return replace(state, clock=0.0, playing=True)
        case e.StepBy(steps):
            return _seek(state, state.step + steps)
        case e.Seek(step):
            return _seek(state, step)
        case e.ChangeSpeed(notches):
            return replace(state, speed=min(max(state.speed + notches, 0), len(SPEEDS) - 1))
        case e.SetSteps(steps):
            steps = min(max(steps, 1), MAX_STEPS)
            return replace(state, scenario=replace(state.scenario, steps=steps), clock=min(state.clock, float(steps)))
        case e.ToggleFork():
            return replace(state, fork=not state.fork)
        case e.CycleOptimizer(by):
            return _set_optimizer(state, _next(tuple(OPTIMIZERS), state.chosen_lane.optimizer, by))
        case e.SetOptimizer(name):
            return _set_optimizer(state, name)
        case e.PreviewOptimizer(name):
            return _preview_optimizer(state.before_preview or state, name)
        case e.AddLane():
            return _add_lane(state)
        case e.RemoveLane():
            return _remove_lane(state)
        case e.SelectLane(by):
            return _set_lanes(state, state.scenario.lanes, (state.lane + by) % len(state.scenario.lanes))
        case e.DuplicateLane():
            lanes = state.scenario.lanes
            return _set_lanes(state, (*lanes, state.chosen_lane), len(lanes)) if len(lanes) < LANES_BY_HAND else state
        case e.LineUp(group):
            lanes = suggested_lanes(names_of(group), state.surface)
            names = [lane.optimizer for lane in lanes]
            own = state.chosen_lane.optimizer
            return _set_lanes(state, lanes, names.index(own) if own in names else 0, ghosts=())
        case e.SetClass(text):
            return _replace_lane(state, Lane.parse(text))
        case e.ClassesChanged():
            return _reread(state)
        case e.AllowClass():
            return state
        case e.Arrow():
            return _arrow(state, event)
        case e.Cancel():
            return _cancel(state)
        case e.SetKnob(value):
            return _set_knob(state, value)
        case e.ResetKnob():
            return state if state.chosen_knob is None else _set_knob(state, state.chosen_knob.default)
        case e.CycleSchedule():
            return _replace_lane(state, replace(state.chosen_lane, schedule=_next_schedule(state)))
        case e.CycleWarmup():
            return _replace_lane(state, replace(state.chosen_lane, schedule=_next_warmup(state)))
        case e.CycleNoise():
            return replace(state, scenario=replace(state.scenario, noise=_next_noise(state.scenario.noise)))
        case e.Reseed():
            return replace(state, scenario=replace(state.scenario, seed=state.scenario.seed + 1))
        case e.CycleSurface(by):
            return _cycle_surface(state, by)
        case e.SetFunction(text):
            return _set_surface(state, replace(state.scenario, function=text, start=None))
        case e.PreviewFunction(text):
            return _preview(state.before_preview or state, text)
        case e.EndPreview():
            return state.before_preview or state
        case e.Place():
            return replace(state, crosshair=state.visible.clamped(start_of(state.scenario)), playing=False)
        case e.SetStart(x, y):
            return _set_start(state, (x, y))
        case e.RandomStart(across, up):
            return _set_start(state, state.visible.at(across, up))
        case e.Zoom(notches):
            return _set_window(state, state.visible.zoomed(ZOOM**notches, state.crosshair or _cursor_point(state)))
        case e.Pan(right, up):
            return _set_window(state, state.visible.panned(right * PAN, up * PAN))
        case e.ResetView():
            return replace(_set_window(state, Window(*state.surface.bounds)), window=None)
        case e.SetCellAspect(aspect):
            # A smaller difference is invisible: pixels are whole, and some terminals count their border.
            other = abs(aspect / state.cell_aspect - 1) > SAME_ASPECT
            return replace(state, cell_aspect=aspect) if other else state
        case e.SetBlocks(blocks):
            return replace(state, blocks=blocks)
        case e.CycleFill():
            return replace(state, fill=_next(FILLS, state.fill, 1))
        case e.Toggle(switch):
            return _toggle(state, switch)
        case e.OpenMap(kind):
            return _open_map(state, kind)
        case e.NextQuantity() | e.NextAxisKnob() | e.PointAt() | e.ResizeMap():
            return state  # without an open map
        case e.Open(presets, at, finale):
            return _open(state, presets, at, finale)
        case e.NextPreset():
            return _open_next(state)
        case e.Undo():
            return _undo(state)
        case e.Redo():
            return _redo(state)
        case e.ShowHints():
            return replace(_close_caption(state), hints=tuple(HINTS))
        case e.ActionUsed(name):
            # While a start is placed or a map is open, the arrows and enter have another meaning.
            moved = state.crosshair is not None or (state.map is not None and name in CURSOR_KEYS)
            return state if moved else replace(state, hints=remaining(state.hints, name))


def _toggle(state: PlaygroundState, switch: Switch) -> PlaygroundState:
    match switch:
        case "log_loss":
            return replace(state, log_loss=not state.log_loss)
        case "inspector":
            return replace(state, inspector=not state.inspector)
        case "vectors":
            return replace(state, vectors=not state.vectors)
        case "solo":
            return replace(state, solo=not state.solo)


def _next(choices: tuple[T, ...], current: T, by: int) -> T:
    place = choices.index(current) if current in choices else -1 if by > 0 else 0
    return choices[(place + by) % len(choices)]


def _cancel(state: PlaygroundState) -> PlaygroundState:
    if state.crosshair is not None:
        return replace(state, crosshair=None)
    return _close_caption(state) if state.preset is not None else replace(state, hints=())


def _close_caption(state: PlaygroundState) -> PlaygroundState:
    """Close the caption of a preset. Undo shows no closed caption again."""
    past, future = (tuple(map(_without_caption, each)) for each in (state.past, state.future))
    return replace(state, tour=(), stop=0, finale=None, past=past, future=future)


def _without_caption(snapshot: Snapshot) -> Snapshot:
    return Snapshot(snapshot.scenario, (), 0, None)


def _set_start(state: PlaygroundState, start: tuple[float, float]) -> PlaygroundState:
    return replace(state, scenario=replace(state.scenario, start=start), crosshair=None, clock=0.0, playing=True)


def _open_next(state: PlaygroundState) -> PlaygroundState:
    if state.tour:
        return _open(state, state.tour, (state.stop + 1) % state.stops, state.finale)
    from adam_tui.engine.presets import PRESETS  # not needed at start-up

    return _open(state, tuple(PRESETS.values()), 0, None)


def _open(state: PlaygroundState, presets: tuple[Preset, ...], at: int, finale: Finale | None) -> PlaygroundState:
    if at == len(presets):
        return replace(state, tour=presets, stop=at, finale=finale)
    preset = presets[at]
    opened = PlaygroundState(
        preset.scenario,
        playing=True,
        cell_aspect=state.cell_aspect,
        blocks=state.blocks,
        speed=state.speed,
        fill=state.fill,
        inspector=state.inspector,
        tour=presets,
        stop=at,
        finale=finale,
        pause_at=preset.pause_at,
        hints=state.hints,
        past=state.past,
    )
    return opened if preset.map is None else _open_map(opened, preset.map)


def _no_map(state: PlaygroundState, event: e.OpenMap) -> str:
    """Why a map cannot be opened, "" where it can."""
    from adam_tui.ui.playground.maps.update import missing_knobs  # not needed at start-up

    return missing_knobs(state, event.kind)


def _open_map(state: PlaygroundState, kind: MapKind) -> PlaygroundState:
    from adam_tui.ui.playground.maps.update import open_map  # not needed at start-up

    return open_map(state, kind)


def _advance(state: PlaygroundState, seconds: float) -> PlaygroundState:
    if not state.playing:
        return state
    clock = min(state.clock + seconds * SPEEDS[state.speed], float(state.scenario.steps))
    if state.pause_at is not None and state.clock < state.pause_at <= clock:
        return replace(state, clock=float(state.pause_at), playing=False, pause_at=None)
    return replace(state, clock=clock, playing=clock < state.scenario.steps)


def _seek(state: PlaygroundState, step: int) -> PlaygroundState:
    return replace(state, clock=float(min(max(step, 0), state.scenario.steps)), playing=False)


def _replace_lane(state: PlaygroundState, lane: Lane, ghost: Lane | None = None) -> PlaygroundState:
    """Replace the chosen lane. The chosen knob stays the one of the same name, if the new lane has it."""
    name = state.chosen_knob.name if state.chosen_knob is not None else ""
    names = [knob.name for knob in lane.rule.knobs]
    knob = names.index(name) if name in names else 0
    ghosts = tuple(ghost if i == state.lane else state.ghost(i) for i in range(len(state.scenario.lanes)))
    return replace(state, scenario=state.scenario.with_lane(state.lane, lane), knob=knob, ghosts=ghosts)


def _set_optimizer(state: PlaygroundState, name: str) -> PlaygroundState:
    """Give the chosen lane another optimizer; the schedule of its learning rate stays."""
    if name == state.chosen_lane.optimizer:
        return state
    lane = replace(suggested_lane(name, state.surface), schedule=state.chosen_lane.schedule)
    return _replace_lane(state, lane)


def _preview_optimizer(before: PlaygroundState, name: str) -> PlaygroundState:
    """The whole path of the optimizer, and the state to return to. A map stays: it would be computed anew."""
    shown = _set_optimizer(before, name)
    if before.map is not None or shown is before:
        return before
    return replace(shown, clock=float(shown.scenario.steps), playing=False, before_preview=before)


def _set_knob(state: PlaygroundState, value: float) -> PlaygroundState:
    """Set the chosen knob from the start on; in fork mode from the shown step on, with the old path as a ghost."""
    lane, knob = state.chosen_lane, state.chosen_knob
    if knob is None or lane.unread:  # the knobs of a class are known once it is imported
        return state
    name = knob.name
    if not state.fork or state.step == 0:
        without_changes = replace(lane, changes=tuple(change for change in lane.changes if change.name != name))
        return _replace_lane(state, without_changes.replaced(name, value))
    same_fork = any(change.step == state.step for change in lane.changes)
    ghost = state.ghost(state.lane) if same_fork else lane
    return _replace_lane(state, lane.forked(state.step, name, value), ghost)


def _set_lanes(
    state: PlaygroundState, lanes: tuple[Lane, ...], chosen: int, ghosts: tuple[Lane | None, ...] | None = None
) -> PlaygroundState:
    """Replace all lanes, and choose one of them. `ghosts` None keeps the ghosts."""
    knob = max(min(state.knob, len(lanes[chosen].rule.knobs) - 1), 0)
    ghosts = state.ghosts if ghosts is None else ghosts
    return replace(state, scenario=replace(state.scenario, lanes=lanes), lane=chosen, knob=knob, ghosts=ghosts)


def _reread(state: PlaygroundState) -> PlaygroundState:
    """The lanes of classes with the knobs that these have now."""
    from adam_tui.ui.playground.class_effects import unasked  # not needed without a class

    lanes = tuple(lane.reread()[0] for lane in state.scenario.lanes)
    ghosts = tuple(ghost and ghost.reread()[0] for ghost in state.ghosts)
    if state.before_preview is not None:
        state = replace(state, before_preview=_reread(state.before_preview))
    if asked := unasked(state):
        state = replace(state, asked=state.asked | set(asked))
    return state if lanes == state.scenario.lanes else _set_lanes(state, lanes, state.lane, ghosts)


def _add_lane(state: PlaygroundState) -> PlaygroundState:
    lanes = state.scenario.lanes
    if len(lanes) >= LANES_BY_HAND:
        return state
    racing = {lane.optimizer for lane in lanes}
    name = next((n for n in (*ADD_ORDER, *OPTIMIZERS) if n not in racing), state.chosen_lane.optimizer)
    return _set_lanes(state, (*lanes, suggested_lane(name, state.surface)), len(lanes))


def _remove_lane(state: PlaygroundState) -> PlaygroundState:
    lanes = state.scenario.lanes
    if len(lanes) == 1:
        return state
    kept = [i for i in range(len(lanes)) if i != state.lane]
    ghosts = tuple(state.ghost(i) for i in kept)
    return _set_lanes(state, tuple(lanes[i] for i in kept), min(state.lane, len(kept) - 1), ghosts)


def _cycle_surface(state: PlaygroundState, by: int) -> PlaygroundState:
    """Show the next built-in surface, with its own start."""
    name = _next(tuple(SURFACES), "" if state.scenario.function is not None else state.scenario.surface, by)
    return _set_surface(state, replace(state.scenario, surface=name, function=None, start=None))


def _set_surface(state: PlaygroundState, scenario: Scenario) -> PlaygroundState:
    """Race on another surface. A lane with the suggested learning rate gets the one for the new surface."""
    before, after = state.surface, plotted_surface(scenario)
    lanes = tuple(
        lane.replaced("lr", suggested_lane(lane.optimizer, after)["lr"])
        if lane.optimizer in OPTIMIZERS and lane["lr"] == suggested_lane(lane.optimizer, before)["lr"]
        else lane
        for lane in scenario.lanes
    )
    scenario = replace(scenario, lanes=lanes)
    return replace(
        state,
        scenario=scenario,
        window=None,
        crosshair=None,
        ghosts=(),
        tour=(),
        stop=0,
        finale=None,
        clock=0.0,
        playing=True,
    )


def _preview(before: PlaygroundState, text: str) -> PlaygroundState:
    """The whole paths on the function, and the state to return to."""
    shown = _set_surface(before, replace(before.scenario, function=text, start=None))
    return replace(shown, clock=float(shown.scenario.steps), playing=False, before_preview=before)


def _next_schedule(state: PlaygroundState) -> Schedule:
    """The next kind, with parameters that suit the race: half the rate four times, or down to a hundredth."""
    schedule, steps = state.chosen_lane.schedule, state.scenario.steps
    kind = _next(KINDS, schedule.kind, 1)
    if kind == "step":
        return Schedule(kind, schedule.warmup, every=max(steps // 5, 1))
    return Schedule(kind, schedule.warmup)


def _next_warmup(state: PlaygroundState) -> Schedule:
    schedule, steps = state.chosen_lane.schedule, state.scenario.steps
    lengths = sorted({round(share * steps) for share in WARMUP_SHARES})
    longer = next((length for length in lengths if length > schedule.warmup), 0)
    return replace(schedule, warmup=longer)


def _next_noise(noise: float) -> float:
    return next((level for level in NOISE_LEVELS if level > noise), 0.0)


def _undo(state: PlaygroundState) -> PlaygroundState:
    if not state.past:
        return state
    *past, snapshot = state.past
    return replace(_restore(state, snapshot), past=tuple(past), future=(state.snapshot, *state.future))


def _redo(state: PlaygroundState) -> PlaygroundState:
    if not state.future:
        return state
    snapshot, *future = state.future
    return replace(_restore(state, snapshot), past=(*state.past, state.snapshot), future=tuple(future))


def _restore(state: PlaygroundState, snapshot: Snapshot) -> PlaygroundState:
    """The state with another scenario and its caption. Everything else stays as far as the scenario allows.

    Into or out of a preset, the race plays from its start, as when the preset was opened.
    """
    lanes = tuple(lane.reread()[0] for lane in snapshot.scenario.lanes)  # a class may have changed since
    scenario = replace(snapshot.scenario, lanes=lanes)
    other_surface = (scenario.surface, scenario.function) != (state.scenario.surface, state.scenario.function)
    lane = min(state.lane, len(scenario.lanes) - 1)
    after = replace(
        state,
        scenario=scenario,
        lane=lane,
        knob=max(min(state.knob, len(scenario.lanes[lane].rule.knobs) - 1), 0),
        clock=min(state.clock, float(scenario.steps)),
        window=None if other_surface else state.window,
        ghosts=(),
        crosshair=None,
        tour=snapshot.tour,
        stop=snapshot.stop,
        finale=snapshot.finale,
    )
    if after.preset == state.preset:
        return after
    pause_at = after.preset.pause_at if after.preset is not None else None
    return replace(after, clock=0.0, playing=True, window=None, pause_at=pause_at)


def _arrow(state: PlaygroundState, event: e.Arrow) -> PlaygroundState:
    if state.crosshair is not None:
        share = CROSSHAIR_COARSE if event.coarse else CROSSHAIR_STEP
        width, height = state.visible.size
        x, y = state.crosshair
        moved = (x + event.dx * share * width, y + event.dy * share * height)
        return replace(state, crosshair=state.visible.clamped(moved))
    if event.dy:
        knobs = len(state.chosen_lane.rule.knobs)
        return replace(state, knob=(state.knob - event.dy) % max(knobs, 1))
    knob = state.chosen_knob
    if knob is None:
        return state
    return _set_knob(state, knob.turn(state.value(knob), event.dx, coarse=event.coarse))


def _cursor_point(state: PlaygroundState) -> tuple[float, float] | None:
    """The start at the cursor of a map of starts, or None."""
    if state.map is None:
        return None
    from adam_tui.ui.playground.maps.update import zoom_center

    return zoom_center(state)


def _set_window(state: PlaygroundState, window: Window) -> PlaygroundState:
    """Show another part of the plane, with the crosshair inside; nothing changes beyond ZOOM_LIMITS and FINEST."""
    smallest, largest = (limit * state.surface.width for limit in ZOOM_LIMITS)
    width, distance = window.size[0], max(map(abs, window.bounds))
    if not (smallest < width < largest and distance < 2 * largest and width > distance * FINEST):
        return state
    return replace(state, window=window, crosshair=state.crosshair and window.clamped(state.crosshair))
