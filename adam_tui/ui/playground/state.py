"""The playground as a value: everything it shows, and nothing that follows from it.

The screen turns keys into events (`events`), `update` makes the next state of them, and `picture` draws it. What the
paths look like is not in the state: it follows from `state.scenario` alone, so scrubbing, replay, undo and export need
no code of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from adam_tui.engine.knobs import Knob
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import plotted_surface

if TYPE_CHECKING:
    from adam_tui.engine.presets import Preset
    from adam_tui.ui.caption import Finale


Fill = Literal["filled", "lines", "both"]
Switch = Literal["log_loss", "inspector", "vectors"]
FILLS: tuple[Fill, ...] = ("filled", "both", "lines")
# Steps a second. The slowest lets one follow the arithmetic, the fastest crosses 400 steps in half a second.
SPEEDS = (1, 2, 5, 10, 20, 40, 80, 160, 320, 800)
DEFAULT_SPEED = SPEEDS.index(40)


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
        """The nearest point inside."""
        x, y = point
        return min(max(x, self.x_min), self.x_max), min(max(y, self.y_min), self.y_max)


@dataclass(frozen=True, slots=True)
class PlaygroundState:
    """Everything the playground shows. `clock` is a place in time, in steps; its whole part is the step shown.

    `window` None is the surface's own bounds; `crosshair` is a point while a start is being placed. With `fork` a
    turned knob changes the path from the shown step on, and `ghosts` keeps for each lane the one it left, or None.
    `tour` are named scenarios that were opened together, `stop` the one shown, and `pause_at` where to pause for it;
    where there is a `finale`, it is the stop after them.
    `hints` are the names of those that are left, the first one shown. `past` and `future` are for undo and redo.
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
    fork: bool = False
    ghosts: tuple[Lane | None, ...] = ()
    tour: tuple[Preset, ...] = ()
    stop: int = 0
    finale: Finale | None = None
    pause_at: int | None = None
    hints: tuple[str, ...] = ()
    past: tuple[Scenario, ...] = ()
    future: tuple[Scenario, ...] = ()

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

    @property
    def preset(self) -> Preset | None:
        """The named scenario that was opened last, while its caption is shown."""
        return self.tour[self.stop] if self.stop < len(self.tour) else None

    @property
    def stops(self) -> int:
        """How many stops the tour has."""
        return len(self.tour) + (self.finale is not None)

    def value(self, knob: Knob) -> float:
        """The chosen lane's value of a knob at the shown step."""
        return self.chosen_lane.value_at(knob.name, self.step)

    def ghost(self, lane: int) -> Lane | None:
        """The lane that this one was forked from, if it was."""
        return self.ghosts[lane] if lane < len(self.ghosts) else None
