"""The playground as a value: what it shows, what can happen to it, and what it becomes.

`update(state, event)` is the whole logic of the playground and touches nothing outside. The screen turns keys into
events, keeps the newest state, and draws it. What the paths look like is not in the state: it follows from
`state.scenario` alone, so scrubbing, replay and export need no code of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from adam_tui.engine.knobs import Knob
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import MAX_LANES, MAX_STEPS, Lane, Scenario, suggested_lane, surface_names
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import plotted_surface, start_of

T = TypeVar("T")
Fill = Literal["filled", "lines", "both"]
Switch = Literal["log_loss", "inspector", "vectors"]
FILLS: tuple[Fill, ...] = ("filled", "both", "lines")
# Steps a second. The slowest lets one follow the arithmetic, the fastest crosses 400 steps in half a second.
SPEEDS = (1, 2, 5, 10, 20, 40, 80, 160, 320, 800)
DEFAULT_SPEED = SPEEDS.index(40)
TEN_STEPS = 10
ZOOM = 0.7
# The closest and the widest look, as shares of the surface's own bounds: beyond it floats or the eye give out.
ZOOM_LIMITS = (1e-9, 1e3)
PAN = 0.15  # of the window
CROSSHAIR_STEP = 1 / 40  # of the window
CROSSHAIR_COARSE = 1 / 8
# The optimizers that `a` offers one after the other: those that teach most beside the ones already racing come first.
ADD_ORDER = ("momentum", "rmsprop", "sgd", "adam", "adamw", "nadam", "adagrad", "lion")


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the plane that is looked at, in the surface's units."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, x_max, y_min, y_max)."""
        return self.x_min, self.x_max, self.y_min, self.y_max

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.x_max - self.x_min, self.y_max - self.y_min

    @property
    def center(self) -> tuple[float, float]:
        """The middle."""
        return (self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2

    def zoomed(self, factor: float) -> Window:
        """The window scaled about its middle."""
        (x, y), (w, h) = self.center, self.size
        w, h = w * factor / 2, h * factor / 2
        return Window(x - w, x + w, y - h, y + h)

    def panned(self, dx: float, dy: float) -> Window:
        """The window moved by shares of its size."""
        w, h = self.size
        return Window(self.x_min + dx * w, self.x_max + dx * w, self.y_min + dy * h, self.y_max + dy * h)

    def clamped(self, point: tuple[float, float]) -> tuple[float, float]:
        """The nearest point inside."""
        x, y = point
        return min(max(x, self.x_min), self.x_max), min(max(y, self.y_min), self.y_max)


@dataclass(frozen=True, slots=True)
class PlaygroundState:
    """Everything the playground shows. `clock` is a place in time, in steps; its whole part is the step shown.

    `window` None is the surface's own bounds; `crosshair` is a point while a start is being placed.
    """

    scenario: Scenario = field(default_factory=Scenario)
    lane: int = 0
    knob: int = 0
    clock: float = 0.0
    playing: bool = False
    speed: int = DEFAULT_SPEED
    window: Window | None = None
    fill: Fill = "filled"
    log_loss: bool = True
    inspector: bool = True
    vectors: bool = False
    crosshair: tuple[float, float] | None = None

    @property
    def step(self) -> int:
        """The step that is shown."""
        return min(int(self.clock), self.scenario.steps)

    @property
    def at_end(self) -> bool:
        """True at the last step."""
        return self.clock >= self.scenario.steps

    @property
    def chosen_lane(self) -> Lane:
        """The lane whose knobs are turned."""
        return self.scenario.lanes[self.lane]

    @property
    def chosen_knob(self) -> Knob:
        """The knob that the arrow keys turn."""
        return self.chosen_lane.rule.knobs[self.knob]

    @property
    def surface(self) -> Surface:
        """The surface under the lanes."""
        return plotted_surface(self.scenario)

    @property
    def looked_at(self) -> Window:
        """The window, whether chosen or the surface's own."""
        return self.window or Window(*self.surface.bounds)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed while playing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TogglePlay:
    """Play or pause; at the end, play from the start."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Rewind and play."""


@dataclass(frozen=True, slots=True)
class StepBy:
    """Go some steps forward or back, and pause there."""

    steps: int


@dataclass(frozen=True, slots=True)
class Seek:
    """Go to a step (the last one when it is beyond), and pause there."""

    step: int


@dataclass(frozen=True, slots=True)
class ChangeSpeed:
    """Play faster or slower by so many notches."""

    notches: int


@dataclass(frozen=True, slots=True)
class SetSteps:
    """Race for so many steps."""

    steps: int


@dataclass(frozen=True, slots=True)
class CycleOptimizer:
    """Give the chosen lane the next optimizer, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class AddLane:
    """Add a lane with an optimizer that does not race yet, and choose it."""


@dataclass(frozen=True, slots=True)
class RemoveLane:
    """Take the chosen lane out; the last one stays."""


@dataclass(frozen=True, slots=True)
class SelectLane:
    """Choose the next lane, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class CycleSurface:
    """Show the next built-in surface, or the previous one."""

    by: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow key: moves the crosshair while a start is placed, else chooses (up, down) or turns a knob."""

    dx: int
    dy: int
    coarse: bool = False


@dataclass(frozen=True, slots=True)
class SetKnob:
    """Give the chosen knob an exact value; the knob must accept it."""

    value: float


@dataclass(frozen=True, slots=True)
class ResetKnob:
    """Give the chosen knob torch.optim's default."""


@dataclass(frozen=True, slots=True)
class Place:
    """Begin to place the start with a crosshair."""


@dataclass(frozen=True, slots=True)
class CancelPlace:
    """Put the crosshair away."""


@dataclass(frozen=True, slots=True)
class SetStart:
    """Let all lanes start from here, and play."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Zoom:
    """Look closer (notches > 0) or from further away, about the crosshair or the middle."""

    notches: int


@dataclass(frozen=True, slots=True)
class Pan:
    """Move the window, in notches to the right and up."""

    right: int
    up: int


@dataclass(frozen=True, slots=True)
class ResetView:
    """Look at the surface's own bounds again."""


@dataclass(frozen=True, slots=True)
class CycleFill:
    """Filled bands, lines too, lines only."""


@dataclass(frozen=True, slots=True)
class Toggle:
    """Turn one of the switches of the display: log_loss, inspector or vectors."""

    what: Switch


Event = (
    Tick
    | TogglePlay
    | Restart
    | StepBy
    | Seek
    | ChangeSpeed
    | SetSteps
    | CycleOptimizer
    | AddLane
    | RemoveLane
    | SelectLane
    | CycleSurface
    | Arrow
    | SetKnob
    | ResetKnob
    | Place
    | CancelPlace
    | SetStart
    | Zoom
    | Pan
    | ResetView
    | CycleFill
    | Toggle
)


def update(state: PlaygroundState, event: Event) -> PlaygroundState:
    """What the playground becomes when `event` happens."""
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
            return _with_lane(state, suggested_lane(name, state.surface))
        case AddLane():
            return _lane_added(state)
        case RemoveLane():
            return _lane_removed(state)
        case SelectLane(by):
            return _selected(state, (state.lane + by) % len(state.scenario.lanes))
        case CycleSurface(by):
            return _other_surface(state, by)
        case Arrow():
            return _arrow(state, event)
        case SetKnob(value):
            return _with_lane(state, state.chosen_lane.replaced(state.chosen_knob.name, value))
        case ResetKnob():
            return _with_lane(state, state.chosen_lane.replaced(state.chosen_knob.name, state.chosen_knob.default))
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
            return replace(state, window=state.looked_at.panned(right * PAN, up * PAN))
        case ResetView():
            return replace(state, window=None)
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


def _played(state: PlaygroundState, seconds: float) -> PlaygroundState:
    if not state.playing:
        return state
    clock = min(state.clock + seconds * SPEEDS[state.speed], float(state.scenario.steps))
    return replace(state, clock=clock, playing=clock < state.scenario.steps)


def _sought(state: PlaygroundState, step: int) -> PlaygroundState:
    return replace(state, clock=float(min(max(step, 0), state.scenario.steps)), playing=False)


def _with_lane(state: PlaygroundState, lane: Lane) -> PlaygroundState:
    """Exchange the chosen lane; the chosen knob stays the one of the same name where there is one."""
    name = state.chosen_knob.name
    names = [knob.name for knob in lane.rule.knobs]
    knob = names.index(name) if name in names else 0
    return replace(state, scenario=state.scenario.with_lane(state.lane, lane), knob=knob)


def _selected(state: PlaygroundState, lane: int) -> PlaygroundState:
    knobs = len(state.scenario.lanes[lane].rule.knobs)
    return replace(state, lane=lane, knob=min(state.knob, knobs - 1))


def _lane_added(state: PlaygroundState) -> PlaygroundState:
    lanes = state.scenario.lanes
    if len(lanes) >= MAX_LANES:
        return state
    racing = {lane.optimizer for lane in lanes}
    name = next((n for n in (*ADD_ORDER, *OPTIMIZERS) if n not in racing), state.chosen_lane.optimizer)
    scenario = replace(state.scenario, lanes=(*lanes, suggested_lane(name, state.surface)))
    return _selected(replace(state, scenario=scenario), len(lanes))


def _lane_removed(state: PlaygroundState) -> PlaygroundState:
    lanes = state.scenario.lanes
    if len(lanes) == 1:
        return state
    kept = (*lanes[: state.lane], *lanes[state.lane + 1 :])
    return _selected(replace(state, scenario=replace(state.scenario, lanes=kept)), min(state.lane, len(kept) - 1))


def _other_surface(state: PlaygroundState, by: int) -> PlaygroundState:
    """The next surface, from its own start; lanes at the suggested learning rate get that of the new surface."""
    before = state.surface
    name = _next(surface_names(), "" if state.scenario.function is not None else state.scenario.surface, by)
    bare = replace(state.scenario, surface=name, function=None, start=None)
    after = plotted_surface(bare)
    lanes = tuple(
        lane.replaced("lr", suggested_lane(lane.optimizer, after)["lr"])
        if lane["lr"] == suggested_lane(lane.optimizer, before)["lr"]
        else lane
        for lane in bare.lanes
    )
    return replace(state, scenario=replace(bare, lanes=lanes), window=None, crosshair=None, clock=0.0, playing=True)


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
    value = knob.turn(state.chosen_lane[knob.name], event.dx, coarse=event.coarse)
    return _with_lane(state, state.chosen_lane.replaced(knob.name, value))


def _zoomed(state: PlaygroundState, factor: float) -> PlaygroundState:
    window = state.looked_at.zoomed(factor)
    share = window.size[0] / state.surface.width
    return replace(state, window=window) if ZOOM_LIMITS[0] < share < ZOOM_LIMITS[1] else state
