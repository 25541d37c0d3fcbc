"""What the playground becomes: `update(state, event)`, a pure function of two values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from adam_tui.engine.lane import Lane
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import MAX_STEPS, Scenario, suggested_lane, suggested_lanes
from adam_tui.engine.schedules import KINDS, Schedule
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import plotted_surface, start_of
from adam_tui.ui.playground.events import (
    AddLane,
    Arrow,
    CancelPlace,
    ChangeSpeed,
    CloseCaption,
    CycleFill,
    CycleNoise,
    CycleOptimizer,
    CycleSchedule,
    CycleSurface,
    CycleWarmup,
    DuplicateLane,
    EndHints,
    Event,
    LineUp,
    NextPreset,
    Open,
    Pan,
    Place,
    Redo,
    RemoveLane,
    Reseed,
    ResetKnob,
    ResetView,
    Restart,
    Seek,
    SelectLane,
    SetFunction,
    SetKnob,
    SetStart,
    SetSteps,
    StepBy,
    Tick,
    Toggle,
    ToggleFork,
    TogglePlay,
    Undo,
    Used,
    Zoom,
)
from adam_tui.ui.playground.hints import without
from adam_tui.ui.playground.state import FILLS, SPEEDS, PlaygroundState, Switch, Window

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.ui.caption import Finale

T = TypeVar("T")
ZOOM = 0.7
# The closest and the widest look, as shares of the surface's own bounds: beyond it floats or the eye give out.
ZOOM_LIMITS = (1e-9, 1e3)
FINEST = 1e-11  # the width of a window as a share of its distance from 0: finer, and two columns would be one float
PAN = 0.15  # of the window
CROSSHAIR_STEP = 1 / 40  # of the window
CROSSHAIR_COARSE = 1 / 8
# The optimizers that `a` offers one after the other: those that teach most beside the ones already racing come first.
ADD_ORDER = ("momentum", "rmsprop", "sgd", "adam", "adamw", "nadam", "adagrad", "lion")
NOISE_LEVELS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # standard deviations
WARMUP_SHARES = (0.0, 0.05, 0.1, 0.2)  # of the race
UNDO_STEPS = 200
LANES_BY_HAND = 8  # as many as `a` adds: more colours are hard to tell apart


def update(state: PlaygroundState, event: Event) -> PlaygroundState:
    """What the playground becomes when `event` happens; a change of the scenario can be undone."""
    after = _happened(state, event)
    if after.scenario == state.scenario or isinstance(event, Undo | Redo):
        return after
    return replace(after, past=(*state.past, state.scenario)[-UNDO_STEPS:], future=())


def _happened(state: PlaygroundState, event: Event) -> PlaygroundState:
    match event:
        case Tick(seconds):
            return _played(state, seconds)
        case TogglePlay():
            clock = 0.0 if state.at_end and not state.playing else state.clock
            return replace(state, playing=not state.playing, clock=clock)
        case Restart():
            return replace(state, clock=0.0, playing=True)
        case StepBy(steps):
            return _sought(state, state.step + steps)
        case Seek(step):
            return _sought(state, step)
        case ChangeSpeed(notches):
            return replace(state, speed=min(max(state.speed + notches, 0), len(SPEEDS) - 1))
        case SetSteps(steps):
            steps = min(max(steps, 1), MAX_STEPS)
            return replace(state, scenario=replace(state.scenario, steps=steps), clock=min(state.clock, float(steps)))
        case CycleOptimizer(by):
            name = _next(tuple(OPTIMIZERS), state.chosen_lane.optimizer, by)
            lane = replace(suggested_lane(name, state.surface), schedule=state.chosen_lane.schedule)
            return _with_lane(state, lane)
        case AddLane():
            return _lane_added(state)
        case RemoveLane():
            return _lane_removed(state)
        case SelectLane(by):
            return _lanes(state, state.scenario.lanes, (state.lane + by) % len(state.scenario.lanes))
        case DuplicateLane():
            lanes = state.scenario.lanes
            return _lanes(state, (*lanes, state.chosen_lane), len(lanes)) if len(lanes) < LANES_BY_HAND else state
        case LineUp():
            lanes = suggested_lanes(tuple(OPTIMIZERS), state.surface)
            names = [lane.optimizer for lane in lanes]
            return _lanes(state, lanes, names.index(state.chosen_lane.optimizer), ghosts=())
        case CycleSchedule():
            return _with_lane(state, replace(state.chosen_lane, schedule=_next_schedule(state)))
        case CycleWarmup():
            return _with_lane(state, replace(state.chosen_lane, schedule=_next_warmup(state)))
        case CycleNoise():
            return replace(state, scenario=replace(state.scenario, noise=_louder(state.scenario.noise)))
        case Reseed():
            return replace(state, scenario=replace(state.scenario, seed=state.scenario.seed + 1))
        case SetFunction(text):
            return _on_surface(state, replace(state.scenario, function=text, start=None))
        case Open(presets, at, finale):
            return _opened(state, presets, at, finale)
        case NextPreset():
            return _opened(state, state.tour, (state.stop + 1) % state.stops, state.finale) if state.tour else state
        case CloseCaption():
            return replace(state, tour=(), stop=0, finale=None)
        case Used(action):
            # While a start is placed the arrows and enter mean something else.
            return state if state.crosshair is not None else replace(state, hints=without(state.hints, action))
        case EndHints():
            return replace(state, hints=())
        case ToggleFork():
            return replace(state, fork=not state.fork)
        case Undo():
            return _undone(state)
        case Redo():
            return _redone(state)
        case CycleSurface(by):
            return _other_surface(state, by)
        case Arrow():
            return _arrow(state, event)
        case SetKnob(value):
            return _turned(state, value)
        case ResetKnob():
            return _turned(state, state.chosen_knob.default)
        case Place():
            here = state.looked_at.clamped(start_of(state.scenario))
            return replace(state, crosshair=here, playing=False)
        case CancelPlace():
            return replace(state, crosshair=None)
        case SetStart(x, y):
            scenario = replace(state.scenario, start=(x, y))
            return replace(state, scenario=scenario, crosshair=None, clock=0.0, playing=True)
        case Zoom(notches):
            return _zoomed(state, ZOOM**notches)
        case Pan(right, up):
            return _looking(state, state.looked_at.panned(right * PAN, up * PAN))
        case ResetView():
            return replace(_looking(state, Window(*state.surface.bounds)), window=None)
        case CycleFill():
            return replace(state, fill=_next(FILLS, state.fill, 1))
        case Toggle(what):
            return _toggled(state, what)


def _toggled(state: PlaygroundState, what: Switch) -> PlaygroundState:
    match what:
        case "log_loss":
            return replace(state, log_loss=not state.log_loss)
        case "inspector":
            return replace(state, inspector=not state.inspector)
        case "vectors":
            return replace(state, vectors=not state.vectors)


def _next(choices: tuple[T, ...], current: T, by: int) -> T:
    place = choices.index(current) if current in choices else -1 if by > 0 else 0
    return choices[(place + by) % len(choices)]


def _opened(state: PlaygroundState, presets: tuple[Preset, ...], at: int, finale: Finale | None) -> PlaygroundState:
    if at == len(presets):
        return replace(state, tour=presets, stop=at, finale=finale)
    preset = presets[at]
    return PlaygroundState(
        preset.scenario,
        playing=True,
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


def _played(state: PlaygroundState, seconds: float) -> PlaygroundState:
    if not state.playing:
        return state
    clock = min(state.clock + seconds * SPEEDS[state.speed], float(state.scenario.steps))
    if state.pause_at is not None and state.clock < state.pause_at <= clock:
        return replace(state, clock=float(state.pause_at), playing=False, pause_at=None)
    return replace(state, clock=clock, playing=clock < state.scenario.steps)


def _sought(state: PlaygroundState, step: int) -> PlaygroundState:
    return replace(state, clock=float(min(max(step, 0), state.scenario.steps)), playing=False)


def _with_lane(state: PlaygroundState, lane: Lane, ghost: Lane | None = None) -> PlaygroundState:
    """Exchange the chosen lane; the chosen knob stays the one of the same name where there is one."""
    name = state.chosen_knob.name
    names = [knob.name for knob in lane.rule.knobs]
    knob = names.index(name) if name in names else 0
    ghosts = tuple(ghost if i == state.lane else state.ghost(i) for i in range(len(state.scenario.lanes)))
    return replace(state, scenario=state.scenario.with_lane(state.lane, lane), knob=knob, ghosts=ghosts)


def _turned(state: PlaygroundState, value: float) -> PlaygroundState:
    """Give the chosen knob a value: from the start on, or from the shown step on with the path so far as a ghost."""
    lane, name = state.chosen_lane, state.chosen_knob.name
    if not state.fork or state.step == 0:
        steady = replace(lane, changes=tuple(change for change in lane.changes if change.name != name))
        return _with_lane(state, steady.replaced(name, value))
    again = any(change.step == state.step for change in lane.changes)
    return _with_lane(state, lane.forked(state.step, name, value), state.ghost(state.lane) if again else lane)


def _lanes(
    state: PlaygroundState, lanes: tuple[Lane, ...], chosen: int, ghosts: tuple[Lane | None, ...] | None = None
) -> PlaygroundState:
    """Race other lanes, and choose one of them."""
    knob = min(state.knob, len(lanes[chosen].rule.knobs) - 1)
    kept = state.ghosts if ghosts is None else ghosts
    return replace(state, scenario=replace(state.scenario, lanes=lanes), lane=chosen, knob=knob, ghosts=kept)


def _lane_added(state: PlaygroundState) -> PlaygroundState:
    lanes = state.scenario.lanes
    if len(lanes) >= LANES_BY_HAND:
        return state
    racing = {lane.optimizer for lane in lanes}
    name = next((n for n in (*ADD_ORDER, *OPTIMIZERS) if n not in racing), state.chosen_lane.optimizer)
    return _lanes(state, (*lanes, suggested_lane(name, state.surface)), len(lanes))


def _lane_removed(state: PlaygroundState) -> PlaygroundState:
    lanes = state.scenario.lanes
    if len(lanes) == 1:
        return state
    kept = [i for i in range(len(lanes)) if i != state.lane]
    ghosts = tuple(state.ghost(i) for i in kept)
    return _lanes(state, tuple(lanes[i] for i in kept), min(state.lane, len(kept) - 1), ghosts)


def _other_surface(state: PlaygroundState, by: int) -> PlaygroundState:
    """The next built-in surface, from its own start."""
    name = _next(tuple(SURFACES), "" if state.scenario.function is not None else state.scenario.surface, by)
    return _on_surface(state, replace(state.scenario, surface=name, function=None, start=None))


def _on_surface(state: PlaygroundState, scenario: Scenario) -> PlaygroundState:
    """Race on another surface; lanes that had the suggested learning rate get the one for the new surface."""
    before, after = state.surface, plotted_surface(scenario)
    lanes = tuple(
        lane.replaced("lr", suggested_lane(lane.optimizer, after)["lr"])
        if lane["lr"] == suggested_lane(lane.optimizer, before)["lr"]
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


def _next_schedule(state: PlaygroundState) -> Schedule:
    """The next kind, with parameters that show over the race: four falls by half, or down to a hundredth."""
    schedule, steps = state.chosen_lane.schedule, state.scenario.steps
    kind = _next(KINDS, schedule.kind, 1)
    if kind == "step":
        return Schedule(kind, schedule.warmup, gamma=0.5, every=max(steps // 5, 1))
    if kind == "exponential":
        return Schedule(kind, schedule.warmup, gamma=round(0.01 ** (1 / steps), 6))
    return Schedule(kind, schedule.warmup)


def _next_warmup(state: PlaygroundState) -> Schedule:
    schedule, steps = state.chosen_lane.schedule, state.scenario.steps
    lengths = sorted({round(share * steps) for share in WARMUP_SHARES})
    longer = next((length for length in lengths if length > schedule.warmup), 0)
    return replace(schedule, warmup=longer)


def _louder(noise: float) -> float:
    return next((level for level in NOISE_LEVELS if level > noise), 0.0)


def _undone(state: PlaygroundState) -> PlaygroundState:
    if not state.past:
        return state
    *past, scenario = state.past
    return replace(_at(state, scenario), past=tuple(past), future=(state.scenario, *state.future))


def _redone(state: PlaygroundState) -> PlaygroundState:
    if not state.future:
        return state
    scenario, *future = state.future
    return replace(_at(state, scenario), past=(*state.past, state.scenario), future=tuple(future))


def _at(state: PlaygroundState, scenario: Scenario) -> PlaygroundState:
    """The state with another scenario, everything else as far as it still makes sense."""
    elsewhere = (scenario.surface, scenario.function) != (state.scenario.surface, state.scenario.function)
    lane = min(state.lane, len(scenario.lanes) - 1)
    return replace(
        state,
        scenario=scenario,
        lane=lane,
        knob=min(state.knob, len(scenario.lanes[lane].rule.knobs) - 1),
        clock=min(state.clock, float(scenario.steps)),
        window=None if elsewhere else state.window,
        ghosts=(),
        crosshair=None,
    )


def _arrow(state: PlaygroundState, event: Arrow) -> PlaygroundState:
    if state.crosshair is not None:
        share = CROSSHAIR_COARSE if event.coarse else CROSSHAIR_STEP
        width, height = state.looked_at.size
        x, y = state.crosshair
        moved = (x + event.dx * share * width, y + event.dy * share * height)
        return replace(state, crosshair=state.looked_at.clamped(moved))
    if event.dy:
        knobs = len(state.chosen_lane.rule.knobs)
        return replace(state, knob=(state.knob - event.dy) % knobs)
    knob = state.chosen_knob
    return _turned(state, knob.turn(state.value(knob), event.dx, coarse=event.coarse))


def _zoomed(state: PlaygroundState, factor: float) -> PlaygroundState:
    return _looking(state, state.looked_at.zoomed(factor, state.crosshair))


def _looking(state: PlaygroundState, window: Window) -> PlaygroundState:
    """Look at another part of the plane, with the crosshair in it; not where floats or the eye would give out."""
    near, far = (limit * state.surface.width for limit in ZOOM_LIMITS)
    width, away = window.size[0], max(map(abs, window.bounds))
    if not (near < width < far and away < 2 * far and width > away * FINEST):
        return state
    return replace(state, window=window, crosshair=state.crosshair and window.clamped(state.crosshair))
