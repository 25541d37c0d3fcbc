"""What the curves are drawn over: steps, epochs or seconds of work, from where to where, and where the cursor stands.

Limits move in jumps, not with every step: a chart that is rescaled four times a second can neither be read nor sent
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
Histories = Mapping[str, RunHistory]
Limits = tuple[float, float]
Drawn = Sequence[tuple[RunView, RunHistory]]

# Where the right edge stands while a run grows: it moves when the curve reaches it, by a half or so.
EDGES = (1, 1.5, 2.5, 4, 6)
LEAST_STEPS, LEAST_SECONDS = 150, 10.0
RECENT_EPOCHS = 2  # of losses; the accuracy, one point an epoch, shows more
RECENT_JUMPS = 8  # jumps in which the recent window moves by its own width
ZOOM = 2.0  # times closer, a key
CLOSEST = 10.0  # steps that are shown at least
# Seconds from which an axis of time is in minutes, and in hours.
MINUTES_FROM, HOURS_FROM = 300.0, 5 * 3600.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The x axis of a chart: its unit in words, and how to get there from steps. All limits are in its units."""

    axis: Axis
    unit: str
    seconds: float = 1.0  # of a unit of time

    def of(self, history: RunHistory, steps: Floats) -> Floats:
        """Where these steps (N,) of a run stand on the axis."""
        match self.axis:
            case "steps":
                return steps
            case "epochs":
                return np.asarray(steps / (history.steps_per_epoch or 1))
            case "time":
                return np.asarray(history.clock.seconds(steps) / self.seconds)

    def at(self, history: RunHistory, step: float) -> float:
        """Where one step stands."""
        return float(self.of(history, np.array([step], np.float64))[0])

    def steps(self, history: RunHistory, x: float) -> float:
        """How many steps a run had taken at a place on the axis."""
        match self.axis:
            case "steps":
                return x
            case "epochs":
                return x * (history.steps_per_epoch or 1)
            case "time":
                return float(history.clock.step(x * self.seconds))

    def step(self, history: RunHistory, x: float) -> int:
        """The step of a run nearest to a place on the axis."""
        return round(self.steps(history, x))


@dataclass(frozen=True, slots=True)
class XAxis:
    """The x axis of the loss chart as it is drawn: of which run, in which units, from where to where."""

    history: RunHistory
    scale: Scale
    limits: Limits
    whole: Limits
    columns: int


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a run that is within an axis' limits: its steps, and how many lie between two dots of the chart."""

    first: int
    last: int
    closest: float


def part_of(history: RunHistory, scale: Scale, shown: Limits, columns: int) -> Part:
    """The steps of a run that are drawn in so many columns, with a neighbour on either side."""
    end = scale.at(history, len(history.curve))
    low, high = max(shown[0], 0.0), min(shown[1], end)
    first, last = scale.steps(history, low), scale.steps(history, high)
    width = shown[1] - shown[0]
    dots = DOTS_ACROSS * columns * max(high - low, 0.0) / width if width > 0 else 0.0
    closest = max(last - first, 0.0) / dots if dots > 0 else 0.0
    around = math.ceil(2 * closest) + 1
    return Part(max(round(first) - around, 1), min(round(last) + around, len(history.curve)), closest)


def drawn_histories(state: TrainState, histories: Histories) -> list[tuple[RunView, RunHistory]]:
    """The runs whose curves are shown with what they told, the selected one first."""
    return [(run, histories[run.id]) for run in state.drawn if run.id in histories]


def scale_of(state: TrainState, drawn: Drawn) -> Scale:
    """The axis that was chosen; time in the unit that suits the longest run."""
    if state.axis != "time":
        return Scale(state.axis, state.axis)
    longest = max((_last(history, Scale("time", "")) for _, history in drawn), default=0.0)
    if longest < MINUTES_FROM:
        return Scale("time", "seconds")
    return Scale("time", "minutes", 60.0) if longest < HOURS_FROM else Scale("time", "hours", 3600.0)


def limits(state: TrainState, drawn: Drawn, scale: Scale) -> Limits:
    """The part of the axis that is shown: zoomed, the last epochs of the selected run, or all."""
    if state.zoom is not None:
        return state.zoom
    history = drawn[0][1] if drawn else None
    span = RECENT_EPOCHS * (history.steps_per_epoch or LEAST_STEPS) if history else 0
    if state.recent and history and len(history.curve) > span:
        jump = max(span / RECENT_JUMPS, 1.0)
        edge = math.ceil(len(history.curve) / jump) * jump
        return scale.at(history, edge - span), scale.at(history, edge)
    return 0.0, max((_edge(run, history, scale) for run, history in drawn), default=0.0) or LEAST_STEPS


def x_axis(state: TrainState, histories: Histories, columns: int) -> XAxis | None:
    """The x axis of the loss chart in so many columns, in the units of the selected run; None while it has no curve."""
    drawn = drawn_histories(state, histories)
    if not drawn or not len(drawn[0][1].curve):
        return None
    scale = scale_of(state, drawn)
    whole = limits(replace(state, zoom=None, recent=False), drawn, scale)
    return XAxis(drawn[0][1], scale, limits(state, drawn, scale), whole, columns)


def _last(history: RunHistory, scale: Scale) -> float:
    return scale.at(history, max(history.step, len(history.curve)))


def _edge(run: RunView, history: RunHistory, scale: Scale) -> float:
    """Where one run's curve may end: at its last step when it is over, else some way ahead of it."""
    last = _last(history, scale)
    if not run.alive:
        return last
    if scale.axis == "time":
        return ahead(max(last, LEAST_SECONDS / scale.seconds))
    steps = ahead(max(history.step, len(history.curve), LEAST_STEPS))
    return scale.at(history, min(steps, history.total_steps or steps))


def cursor_step(state: TrainState, drawn: Drawn, run: RunView, history: RunHistory, scale: Scale) -> int:
    """The step of a drawn run that the cursor reads: its own where the cursor stands on the axis."""
    if state.cursor is None or run.id == drawn[0][0].id:
        return state.cursor or 0
    return scale.step(history, scale.at(drawn[0][1], state.cursor))


def ahead(value: float) -> float:
    """The next edge at or beyond a value."""
    return float(round_up(value, EDGES))


def zoomed(shown: Limits, notches: int, at: float | None, whole: Limits, closest: float) -> Limits | None:
    """The limits closer (notches > 0) or further away about `at`, or their middle; None when that is the whole."""
    low, high = shown
    centre = (low + high) / 2 if at is None or not low <= at <= high else at
    width = max((high - low) / ZOOM**notches, closest)
    if width >= whole[1] - whole[0]:
        return None
    start = centre - (centre - low) / (high - low) * width
    return _within((start, start + width), whole)


def panned(shown: Limits, share: float, whole: Limits) -> Limits:
    """The limits moved by a share of their width, not beyond the whole."""
    by = (shown[1] - shown[0]) * share
    return _within((shown[0] + by, shown[1] + by), whole)


def _within(shown: Limits, whole: Limits) -> Limits:
    shift = max(whole[0] - shown[0], 0.0) + min(whole[1] - shown[1], 0.0)
    return shown[0] + shift, shown[1] + shift


def moved(scale: Scale, history: RunHistory, step: int, cells: int, shown: Limits, columns: int) -> int:
    """The step that the cursor comes to when it goes so many cells to the right: one at least, none beyond the end."""
    x = scale.at(history, step) + cells * (shown[1] - shown[0]) / max(columns - 1, 1)
    there = scale.step(history, x)
    if there == step:
        there += 1 if cells > 0 else -1
    return min(max(there, 1), max(len(history.curve), 1))
