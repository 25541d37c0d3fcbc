"""From the playground's state to pictures: which numbers go where. Pure functions; the screen only shows the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import panels
from adam_tui.draw.cells import Cells, Color, columns, stacked
from adam_tui.draw.chart import ChartStyle, Series, chart
from adam_tui.draw.palette import Palette
from adam_tui.draw.scene import Arrow, Backdrop, PathView, backdrop, compose
from adam_tui.engine.schedules import CONSTANT
from adam_tui.engine.stability import describe_stability, stability
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import Trajectory, start_of, surface_of, trajectories
from adam_tui.ui.playground.state import SPEEDS, Fill, PlaygroundState

Floats = NDArray[np.float64]
FRAME = 2  # rows of a panel's border
LOSS_ROWS = 5  # the least that a loss curve needs
SMALLEST_TABLE = 3  # rows of the lanes or knobs when there is no room for all
MIN_PLOT_ROWS = 6
DIRECTION_LENGTH = 0.15  # of the path's extent: how long a vector is drawn that shows a direction only
SPARK = 12  # columns of the schedule's curve
# Losses are drawn down to this share of the first one: below it a curve says nothing but "zero".
LOSS_FLOOR = 1e-16


@dataclass(frozen=True, slots=True)
class SideHeights:
    """Rows of the panels on the right, frames included; 0 is hidden."""

    lanes: int
    knobs: int
    inspector: int
    loss: int


def side_heights(rows: int, width: int, state: PlaygroundState) -> SideHeights:
    """Share `rows` among the panels, `width` columns inside their frames.

    Tables are whole where they fit, the loss curve gets what is left, and the inspector is the first to go.
    """
    rule = state.chosen_lane.rule
    lanes = len(state.scenario.lanes) + 1 + FRAME
    knobs = len(rule.knobs) + len(_notes(state, width)) + FRAME
    least_loss = LOSS_ROWS + FRAME
    spare = rows - lanes - knobs - least_loss
    if spare < 0:
        cut = min(-spare, max(knobs - SMALLEST_TABLE - FRAME, 0))
        knobs, spare = knobs - cut, spare + cut
    if spare < 0:
        cut = min(-spare, max(lanes - SMALLEST_TABLE - FRAME - 1, 0))
        lanes, spare = lanes - cut, spare + cut
    inspector = 0
    terms = len(_terms(state, 1))
    if state.inspector and spare >= 1 + terms + FRAME:
        inspector = min(1 + terms + len(rule.rule) + FRAME, spare)
    return SideHeights(lanes, knobs, inspector, max(rows - lanes - knobs - inspector, 0))


def backdrop_of(state: PlaygroundState, width: int, height: int, palette: Palette) -> Backdrop:
    """The contour without the paths: the expensive part, kept until what it shows changes."""
    scenario = state.scenario
    name = "" if scenario.function is not None else scenario.surface
    return _backdrop(name, scenario.function, state.looked_at.bounds, width, height, palette, state.fill)


@lru_cache(maxsize=16)
def _backdrop(
    name: str,
    function: str | None,
    bounds: tuple[float, float, float, float],
    width: int,
    height: int,
    palette: Palette,
    fill: Fill,
) -> Backdrop:
    plot = surface_of(name, function)
    return backdrop(plot.f, bounds, width, height, palette, fill=fill, minima=plot.minima, center_in_cell=True)


def contour(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """The contour with every lane's path up to the step, ghosts, heads, start, crosshair and vectors."""
    paths = trajectories(state.scenario)
    views = []
    for i, path in enumerate(paths):
        color, marker = palette.lane(i)
        if (left := state.ghost(i)) is not None:
            [old] = trajectories(replace(state.scenario, lanes=(left,)))
            views.append(PathView(old.positions, color, marker, min(state.step, old.last), ghost=True))
        views.append(PathView(path.positions, color, marker, min(state.step, path.last), selected=i == state.lane))
    arrows = _vectors(paths[state.lane], state.step, palette) if state.vectors else ()
    return compose(backdrop_of(state, width, height, palette), views, start_of(state.scenario), state.crosshair, arrows)


def _vectors(path: Trajectory, step: int, palette: Palette) -> Sequence[Arrow]:
    """At the lane's point: downhill (−∇f) and the momentum as directions, and the update that the next step makes."""
    here = min(step, path.last)
    origin = path.positions[here]
    known = path.positions[np.isfinite(path.positions).all(axis=1)]
    length = max(float(np.ptp(known, axis=0).max()), 1e-9) * DIRECTION_LENGTH
    colors = vector_colors(palette)
    found = []
    for name in ("m", "b"):  # what the rules call their averaged gradient
        if name in path.terms and here > 0:
            found += _direction(origin, -path.terms[name][here], length, colors["m"])
    found += _direction(origin, -path.gradients[here], length, colors["−∇f"])
    if here < path.last:
        found.append(Arrow(origin, path.positions[here + 1], colors["Δ"]))
    return found


def vector_colors(palette: Palette) -> dict[str, Color]:
    """The vectors that `v` shows, each with its colour."""
    return {"−∇f": palette.foreground, "m": palette.states["running"], "Δ": palette.accent}


def _direction(origin: Floats, vector: Floats, length: float, color: Color) -> list[Arrow]:
    norm = float(np.hypot(*vector))
    return [Arrow(origin, origin + vector / norm * length, color)] if np.isfinite(norm) and norm > 0 else []


def lanes(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """The table of lanes at the step, ranked by their loss."""
    paths = trajectories(state.scenario)
    losses = [float(path.losses[min(state.step, path.last)]) for path in paths]
    order = sorted(range(len(paths)), key=lambda i: (not np.isfinite(losses[i]), losses[i]))
    rows = []
    for i, (name, path) in enumerate(zip(state.scenario.labels(), paths, strict=True)):
        color, marker = palette.lane(i)
        rows.append(
            panels.LaneRow(
                marker,
                color,
                name,
                losses[i],
                path.gradient_norm(state.step),
                path.state(state.step),
                rank=order.index(i) + 1,
                distance=path.distance(state.step, state.surface.minima),
                since=path.since(state.step),
            )
        )
    return panels.lanes(rows, state.lane, width, height, palette)


def knobs(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """The knobs of the chosen lane at the step, and below them what is to be said of its learning rate."""
    table = [(knob, state.value(knob)) for knob in state.chosen_lane.rule.knobs]
    said = _notes(state, width)
    room = min(len(table), height)
    below = said[: height - room]
    color, _ = palette.lane(state.lane)
    drawn = panels.knobs(table, state.knob, color, width, room, palette)
    # While it plays there may be a sentence less to say than there is room for: the gap is at the end.
    rest = Cells.blank(width, height - room - len(below), palette.foreground, palette.background)
    return stacked((drawn, panels.notes(below, width, palette), rest))


def _notes(state: PlaygroundState, width: int) -> list[tuple[str, bool]]:
    """Curvature and the bound on lr at the lane's point, the schedule and the noise; True marks a warning."""
    lane, scenario = state.chosen_lane, state.scenario
    path = trajectories(scenario)[state.lane]
    point = path.positions[min(state.step, path.last)]
    found = stability(state.surface, lane, point, lane.values_for(min(state.step + 1, scenario.steps), scenario.steps))
    said = [
        (line, found.exceeded and i < 2)
        for i, line in enumerate(describe_stability(found, lane))
        if columns(line) <= width  # a sentence cut short says nothing
    ]
    if lane.schedule != CONSTANT:
        factors = [lane.schedule.factor(t, scenario.steps) for t in range(1, scenario.steps + 1)]
        said.append((f"{panels.sparkline(factors, SPARK)} lr {lane.schedule.describe()}", False))
    if scenario.noise:
        said.append((f"gradient noise σ {scenario.noise:g} · seed {scenario.seed}", False))
    return said


def inspector(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """The numbers that made the chosen lane's step, and its rule."""
    path = trajectories(state.scenario)[state.lane]
    return panels.arithmetic(
        _terms(state, min(state.step, path.last)), state.chosen_lane.rule.rule, width, height, palette
    )


def _terms(state: PlaygroundState, step: int) -> dict[str, tuple[float, float]]:
    path = trajectories(state.scenario)[state.lane]
    return {name: (float(v[step, 0]), float(v[step, 1])) for name, v in path.terms.items() if step < len(v)}


def loss_title(state: PlaygroundState) -> str:
    """What the loss panel is called: a surface whose lowest value is not 0 shows the distance from it when log."""
    if not _log(state):
        return "Loss"
    return "Loss − minimum (log)" if _floor(state.surface) else "Loss (log)"


def loss(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """The loss of every lane up to the step, on axes that do not move while it plays."""
    paths = trajectories(state.scenario)
    log = _log(state)
    floor = _floor(state.surface) if log else 0.0
    curves = [path.losses - (floor or 0.0) for path in paths]
    known = np.concatenate(curves)
    known = known[np.isfinite(known) & ((known > 0) | (not log))]
    if log and len(known):
        known = known[known > known.max() * LOSS_FLOOR]
    limits = (float(known.min()), float(known.max())) if len(known) else None
    order = [i for i in range(len(paths)) if i != state.lane] + [state.lane]
    series = [
        Series(
            x=np.arange(min(state.step, paths[i].last) + 1, dtype=np.float64),
            y=curves[i][: state.step + 1],
            color=palette.lane(i)[0],
            bold=i == state.lane,
        )
        for i in order
    ]
    return chart(
        series, width, height, chart_style(palette), log_y=log, y_limits=limits, x_limits=(0.0, state.scenario.steps)
    )


def chart_style(palette: Palette) -> ChartStyle:
    """The palette's colours for a chart."""
    return ChartStyle(background=palette.background, foreground=palette.foreground, faint=palette.axis)


def _floor(plot: Surface) -> float | None:
    """The lowest value of a surface where it is known."""
    if not plot.minima:
        return None
    value = float(np.min(plot.f(np.array(plot.minima))))
    return 0.0 if abs(value) < 1e-12 else value


def _log(state: PlaygroundState) -> bool:
    """True when a log axis is asked for and the losses allow it: all above 0, or above a known lowest value."""
    if not state.log_loss:
        return False
    if _floor(state.surface) is not None:
        return True
    return not any((path.losses <= 0).any() for path in trajectories(state.scenario))


def timeline(state: PlaygroundState, width: int, palette: Palette) -> Cells:
    """The row under everything: the step, with a mark where a lane converged or diverged."""
    color, _ = palette.lane(state.lane)
    marks: list[tuple[int, str, Color]] = [(change.step, "◆", color) for change in state.chosen_lane.changes]
    for path in trajectories(state.scenario):
        if path.converged_at is not None:
            marks.append((path.converged_at, "✓", palette.states["converged"]))
        if path.diverged_at is not None:
            marks.append((path.diverged_at, "✕", palette.states["diverged"]))
    note = f"{SPEEDS[state.speed]:>3}/s{' fork' if state.fork else ''}"
    return panels.timeline(state.step, state.scenario.steps, state.playing, note, marks, width, palette)


def still(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """One picture without an app: the contour, and below it the table of lanes."""
    rows = len(state.scenario.lanes) + 1
    title = Cells.blank(width, 1, palette.foreground, palette.background)
    surface = state.surface
    name = surface.name if surface.name in surface.title else f"{surface.name}  {surface.title}"
    title.put(0, 1, f"{name} · step {state.step}", palette.foreground, bold=True)
    plot = contour(state, width, max(height - rows - 1, MIN_PLOT_ROWS), palette)
    return stacked((title, plot, lanes(state, width, rows, palette)))
