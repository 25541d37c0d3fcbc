"""The state of the playground: everything the screen shows that does not follow from something else.

`events` lists what can happen, `update` computes the next state, and `view` turns a state into cells. The paths are
not part of the state: they follow from `state.scenario`, so scrubbing, replay, undo and export need no extra code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from adam_tui.draw.blocks import Blocks
from adam_tui.draw.viewport import CELL_ASPECT
from adam_tui.engine.knobs import Knob
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import plotted_surface

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.ui.caption import Finale
    from adam_tui.ui.playground.maps.state import MapState


Fill = Literal["filled", "lines", "both"]
Switch = Literal["log_loss", "inspector", "vectors", "solo"]
FILLS: tuple[Fill, ...] = ("filled", "both", "lines")
# Steps a second. At the slowest speed the arithmetic can be followed; the fastest plays 400 steps in half a second.
SPEEDS = (1, 2, 5, 10, 20, 40, 80, 160, 320, 800)
DEFAULT_SPEED = SPEEDS.index(40)


@dataclass(frozen=True, slots=True)
class Window:
    """The visible part of the plane, in the surface's units."""

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

    def zoomed(self, factor: float, about: tuple[float, float] | None = None) -> Window:
        """The window scaled about a point, which keeps its place in it; about the middle without one."""
        x, y = about or self.center
        return Window(
            x + (self.x_min - x) * factor,
            x + (self.x_max - x) * factor,
            y + (self.y_min - y) * factor,
            y + (self.y_max - y) * factor,
        )

    def panned(self, dx: float, dy: float) -> Window:
        """The window moved by shares of its size."""
        w, h = self.size
        return Window(self.x_min + dx * w, self.x_max + dx * w, self.y_min + dy * h, self.y_max + dy * h)

    def clamped(self, point: tuple[float, float]) -> tuple[float, float]:
        """The nearest point inside the window."""
        x, y = point
        return min(max(x, self.x_min), self.x_max), min(max(y, self.y_min), self.y_max)

    def at(self, across: float, up: float) -> tuple[float, float]:
        """The point at shares of the window's width and height, counted from its lower left corner."""
        w, h = self.size
        return self.x_min + across * w, self.y_min + up * h


class Snapshot(NamedTuple):
    """The part of the state that undo and redo restore: a scenario, and the stop of the tour whose caption it had."""

    scenario: Scenario
    tour: tuple[Preset, ...]
    stop: int
    finale: Finale | None


@dataclass(frozen=True, slots=True)
class PlaygroundState:
    """Everything the playground shows.

    scenario: the race; `lane` and `knob` are the indices of the chosen lane and of its chosen hyperparameter.
    clock: the time played, in steps; its whole part is the step shown.
    speed: an index into SPEEDS.
    window: the visible part of the plane; None shows the surface's own bounds.
    cell_aspect: the height of a cell of the screen divided by its width, with which circles are round.
    blocks: the blocks with which the screen shows the edges of the bands.
    crosshair: the point under the crosshair while a start is being placed, else None.
    solo: the contour and the loss curve show the chosen lane alone.
    fork: a changed knob changes the path from the shown step on. `ghosts` holds for each lane the lane before its
    last fork, or None.
    tour, stop: presets that were opened together, and the index of the shown one. `finale` is the stop after them.
    pause_at: the step at which playing pauses once, for the shown preset.
    hints: the names of the hints that have not been tried; the first one is shown.
    map: the open map, or None.
    asked: the classes whose import the user was asked for.
    past, future: the snapshots for undo and redo.
    before_preview: the state to return to while a formula is typed and its race is shown, else None.
    """

    scenario: Scenario = field(default_factory=Scenario)
    lane: int = 0
    knob: int = 0
    clock: float = 0.0
    playing: bool = False
    speed: int = DEFAULT_SPEED
    window: Window | None = None
    cell_aspect: float = CELL_ASPECT
    blocks: Blocks = "quadrants"
    fill: Fill = "filled"
    log_loss: bool = True
    inspector: bool = True
    vectors: bool = False
    solo: bool = False
    crosshair: tuple[float, float] | None = None
    fork: bool = False
    ghosts: tuple[Lane | None, ...] = ()
    tour: tuple[Preset, ...] = ()
    stop: int = 0
    finale: Finale | None = None
    pause_at: int | None = None
    hints: tuple[str, ...] = ()
    map: MapState | None = None
    asked: frozenset[str] = frozenset()
    past: tuple[Snapshot, ...] = ()
    future: tuple[Snapshot, ...] = ()
    before_preview: PlaygroundState | None = None

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
        """The lane whose hyperparameters the keys change."""
        return self.scenario.lanes[self.lane]

    @property
    def chosen_knob(self) -> Knob | None:
        """The hyperparameter that the arrow keys change; None for a class without any."""
        knobs = self.chosen_lane.rule.knobs
        return knobs[min(self.knob, len(knobs) - 1)] if knobs else None

    @property
    def surface(self) -> Surface:
        """The surface of the race."""
        return plotted_surface(self.scenario)

    @property
    def visible(self) -> Window:
        """The visible part of the plane: the window, or the surface's own bounds."""
        return self.window or Window(*self.surface.bounds)

    @property
    def preset(self) -> Preset | None:
        """The preset whose caption is shown."""
        return self.tour[self.stop] if self.stop < len(self.tour) else None

    @property
    def snapshot(self) -> Snapshot:
        """The part of the state that undo restores."""
        return Snapshot(self.scenario, self.tour, self.stop, self.finale)

    @property
    def stops(self) -> int:
        """The number of stops of the tour."""
        return len(self.tour) + (self.finale is not None)

    def value(self, knob: Knob) -> float:
        """The chosen lane's value of a knob at the shown step."""
        return self.chosen_lane.value_at(knob.name, self.step)

    def ghost(self, lane: int) -> Lane | None:
        """The lane from which this one was forked, or None."""
        return self.ghosts[lane] if lane < len(self.ghosts) else None
