"""The x axis of the charts: steps, epochs or seconds of work, its limits, the zoom, and the cursor's position.

The limits move in jumps, not with every step: a chart that is rescaled four times a second can neither be read nor sent
over a slow line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.curves import DOTS_ACROSS
from adam_tui.engine.numbers import round_up
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.ui.train.state import Axis, TrainState

Floats = NDArray[np.float64]
Histories = Mapping[str, RunHistory]  # by the id of the run
Limits = tuple[float, float]
Drawn = Sequence[tuple[RunView, RunHistory]]  # the selected run first

# The right edge of the axis while a run grows: it jumps by a half or so when the curve reaches it.
EDGES = (1, 1.5, 2.5, 4, 6)
LEAST_STEPS, LEAST_SECONDS = 150, 10.0
RECENT_EPOCHS = 2  # of losses; the accuracy, one point an epoch, shows more
RECENT_JUMPS = 8  # jumps in which the recent window moves by its own width
ZOOM = 2.0  # times closer with each key
FEWEST_STEPS = 10.0  # that the zoom shows
# Seconds from which an axis of time is in minutes, and in hours.
MINUTES_FROM, HOURS_FROM = 300.0, 5 * 3600.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit of an x axis. It converts between steps of a run and positions on the axis."""

    axis: Axis
    unit: str
    seconds: float = 1.0  # in a unit of time

    def positions(self, history: RunHistory, steps: Floats) -> Floats:
        """The positions of these steps (N,) of a run."""
        match self.axis:
            case "steps":
                return steps
            case "epochs":
                return np.asarray(steps / (history.steps_per_epoch or 1))
            case "time":
                return np.asarray(history.clock.seconds(steps) / self.seconds)

    def position(self, history: RunHistory, step: float) -> float:
        """The position of one step."""
        return float(self.positions(history, np.array([step], np.float64))[0])

    def steps(self, history: RunHistory, position: float) -> float:
        """The number of steps that a run had taken at a position."""
        match self.axis:
            case "steps":
                return position
            case "epochs":
                return position * (history.steps_per_epoch or 1)
            case "time":
                return float(history.clock.step(position * self.seconds))

    def nearest_step(self, history: RunHistory, position: float) -> int:
        """The step of a run nearest to a position."""
        return round(self.steps(history, position))


@dataclass(frozen=True, slots=True)
class StepRange:
    """Steps of a run, `first` to `last`, that a chart shows, and how many of them lie between two dots of a curve."""

    first: int
    last: int
    steps_per_dot: float


@dataclass(frozen=True, slots=True)
class XAxis:
    """The x axis of the loss chart: the runs that are drawn, the unit, the limits, and the columns of the curves."""

    drawn: Drawn
    scale: Scale
    limits: Limits
    columns: int

    @property
    def selected(self) -> RunHistory | None:
        """The history of the selected run; None while it has no curve."""
        history = self.drawn[0][1] if self.drawn else None
        return history if history is not None and len(history.curve) else None

    def visible(self, history: RunHistory) -> StepRange:
        """The steps of a run within the limits, with some neighbours on either side."""
        end = self.scale.position(history, len(history.curve))
        low, high = max(self.limits[0], 0.0), min(self.limits[1], end)
        first, last = self.scale.steps(history, low), self.scale.steps(history, high)
        width = self.limits[1] - self.limits[0]
        dots = DOTS_ACROSS * self.columns * max(high - low, 0.0) / width if width > 0 else 0.0
        steps_per_dot = max(last - first, 0.0) / dots if dots > 0 else 0.0
        margin = math.ceil(2 * steps_per_dot) + 1
        return StepRange(max(round(first) - margin, 1), min(round(last) + margin, len(history.curve)), steps_per_dot)

    def cursor_step(self, state: TrainState, run: RunView, history: RunHistory) -> int:
        """The step of a drawn run at the cursor's position, which is a step of the selected run."""
        if state.cursor is None or run.id == self.drawn[0][0].id:
            return state.cursor or 0
        return self.scale.nearest_step(history, self.scale.position(self.drawn[0][1], state.cursor))


def x_axis(state: TrainState, histories: Histories, columns: int) -> XAxis:
    """The x axis of the loss chart whose curves have so many columns."""
    drawn = drawn_histories(state, histories)
    scale = x_scale(state, drawn)
    return XAxis(drawn, scale, x_limits(state, drawn, scale), columns)


def drawn_histories(state: TrainState, histories: Histories) -> Drawn:
    """The runs whose curves are shown, with their histories, the selected one first."""
    return [(run, histories[run.id]) for run in state.drawn if run.id in histories]


def x_scale(state: TrainState, drawn: Drawn) -> Scale:
    """The unit of the chosen axis; of time, the unit that suits the longest run."""
    if state.axis != "time":
        return Scale(state.axis, state.axis)
    longest = max((_end(history, Scale("time", "")) for _, history in drawn), default=0.0)
    if longest < MINUTES_FROM:
        return Scale("time", "seconds")
    return Scale("time", "minutes", 60.0) if longest < HOURS_FROM else Scale("time", "hours", 3600.0)


def x_limits(state: TrainState, drawn: Drawn, scale: Scale) -> Limits:
    """The part of the axis that is shown: the zoom, the last epochs of the selected run, or all."""
    if state.zoom is not None:
        return state.zoom
    history = drawn[0][1] if drawn else None
    span = RECENT_EPOCHS * (history.steps_per_epoch or LEAST_STEPS) if history else 0
    if state.recent and history and len(history.curve) > span:
        jump = max(span / RECENT_JUMPS, 1.0)
        edge = math.ceil(len(history.curve) / jump) * jump
        return scale.position(history, edge - span), scale.position(history, edge)
    return 0.0, max((_right_edge(run, history, scale) for run, history in drawn), default=0.0) or LEAST_STEPS


def whole_limits(state: TrainState, axis: XAxis) -> Limits:
    """The limits of the whole axis, without zoom."""
    return x_limits(replace(state, zoom=None, recent=False), axis.drawn, axis.scale)


def _end(history: RunHistory, scale: Scale) -> float:
    return scale.position(history, max(history.step, len(history.curve)))


def _right_edge(run: RunView, history: RunHistory, scale: Scale) -> float:
    """The right edge for one run: the last step of an ended run, some way ahead of the last step of a running one."""
    end = _end(history, scale)
    if not run.alive:
        return end
    if scale.axis == "time":
        return next_edge(max(end, LEAST_SECONDS / scale.seconds))
    steps = next_edge(max(history.step, len(history.curve), LEAST_STEPS))
    return scale.position(history, min(steps, history.total_steps or steps))


def next_edge(value: float) -> float:
    """The next edge at or beyond a value."""
    return float(round_up(value, EDGES))


def zoomed(axis: XAxis, notches: int, step: int, whole: Limits) -> Limits | None:
    """Closer limits (notches > 0) or wider ones, around a step of the selected run or else around their middle.

    None when they would be the whole axis.
    """
    low, high = axis.limits
    history = axis.selected
    if history is None:
        return None
    position = axis.scale.position(history, step)
    centre = position if low <= position <= high else (low + high) / 2
    least = abs(axis.scale.position(history, FEWEST_STEPS) - axis.scale.position(history, 0)) or FEWEST_STEPS
    width = max((high - low) / ZOOM**notches, least)
    if width >= whole[1] - whole[0]:
        return None
    start = centre - (centre - low) / (high - low) * width
    return _inside((start, start + width), whole)


def panned(limits: Limits, share: float, whole: Limits) -> Limits:
    """The limits moved by a share of their width, inside the whole axis."""
    by = (limits[1] - limits[0]) * share
    return _inside((limits[0] + by, limits[1] + by), whole)


def _inside(limits: Limits, whole: Limits) -> Limits:
    shift = max(whole[0] - limits[0], 0.0) + min(whole[1] - limits[1], 0.0)
    return limits[0] + shift, limits[1] + shift


def moved_cursor(axis: XAxis, step: int, cells: int) -> int:
    """The step of the selected run so many cells to the right of `step`: at least one step on, inside the curve."""
    history = axis.selected
    if history is None:
        return step
    width = axis.limits[1] - axis.limits[0]
    position = axis.scale.position(history, step) + cells * width / max(axis.columns - 1, 1)
    moved = axis.scale.nearest_step(history, position)
    if moved == step:
        moved += 1 if cells > 0 else -1
    return min(max(moved, 1), max(len(history.curve), 1))
