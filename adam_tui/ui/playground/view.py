"""The pictures of the playground: pure functions from the state, a size and a palette to cells.

The module chooses which numbers are drawn; `draw` knows how. `paths` are the paths to draw, as far as they are
computed; without them, a function computes the whole paths first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import compress
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import elements
from adam_tui.draw import playground_panels as panels
from adam_tui.draw.blocks import Blocks
from adam_tui.draw.cells import Cells, Color, stack, text_width
from adam_tui.draw.chart import Series, chart
from adam_tui.draw.color import to_oklab
from adam_tui.draw.contour_plot import Arrow, Backdrop, PathView, backdrop, compose, repaint
from adam_tui.draw.palette import Palette
from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.lane import Lane
from adam_tui.engine.scenario import surface_of
from adam_tui.engine.schedules import CONSTANT
from adam_tui.engine.stability import describe_stability, stability
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import Trajectory, start_of
from adam_tui.ui.playground.lane_names import lane_names
from adam_tui.ui.playground.paths import Paths, whole_paths
from adam_tui.ui.playground.state import SPEEDS, Fill, PlaygroundState

Floats = NDArray[np.float64]
FRAME = 2  # rows of a panel's border
LOSS_ROWS = 5  # the fewest rows that show a loss curve
# Where rows are short: the rows of a table of lanes and of a loss curve that stay as long as all knobs are shown, and
# those of every panel that stay in the end.
SHORT_TABLE, SMALLEST_LOSS, SMALLEST_TABLE = 6, 3, 3
MIN_PLOT_ROWS = 6
DIRECTION_LENGTH = 0.15  # length of a vector that shows only a direction, as a share of the visible part's size
POINT_NUMBER = 9  # columns of a number at the crosshair: "-1.23e-10"
UNLIKE = 0.14  # the distance in OKLab of two colours that are not mistaken for each other
# The names of the averaged gradient: in the rules, and in the states of PyTorch's classes.
AVERAGES = ("m", "b", "exp_avg", "momentum_buffer")
CURSOR = "┼"  # of an open map: the head of its cell's path, and its mark beside the map
SCHEDULE_COLUMNS = 12  # of the schedule's curve
SCHEDULE_SAMPLES = 2000  # steps of a long race that the curve is drawn from
# The log axis ends at this share of the largest loss: smaller losses are rounding errors around zero.
LOSS_FLOOR = 1e-16
LOSS_SAMPLES = 2000  # of a long path that set the axis while it is computed


class SideHeights(NamedTuple):
    """Rows of the panels on the right, frames included. A panel with 0 rows is hidden."""

    lanes: int
    knobs: int
    inspector: int
    loss: int


def side_heights(rows: int, width: int, state: PlaygroundState, paths: Paths | None = None) -> SideHeights:
    """Share `rows` among the panels, whose frames hold `width` columns.

    The loss curve gets the rows that are left; the more lanes it shows, the more rows it gets before the rule below the
    arithmetic. Where rows are short, the inspector goes first, then the notes; then the panels shrink in turns.
    """
    path = (paths or whole_paths(state)).lanes[state.lane]
    rule = state.chosen_lane.rule
    lanes, knobs, notes = len(state.scenario.lanes), len(rule.knobs), len(_notes(state, path, width))
    loss = LOSS_ROWS
    frames = 3 * FRAME + 1  # of these three panels, and the head of the table of lanes
    missing = frames + lanes + knobs + notes + loss - rows
    notes, missing = _shrink(notes, 0, missing)
    for fewest_lanes, fewest_rows, fewest_knobs in ((SHORT_TABLE, SMALLEST_LOSS, knobs), (SMALLEST_TABLE,) * 3):
        lanes, missing = _shrink(lanes, fewest_lanes, missing)
        loss, missing = _shrink(loss, fewest_rows, missing)
        knobs, missing = _shrink(knobs, fewest_knobs, missing)
    spare = max(-missing, 0)
    inspector = 0
    terms = 1 + len(_terms(path, 1)) + FRAME
    if state.inspector and spare >= terms:
        inspector = min(terms + len(rule.rule), max(spare - len(state.scenario.lanes), terms))
    lanes, knobs = lanes + 1 + FRAME, knobs + notes + FRAME
    return SideHeights(lanes, knobs, inspector, max(rows - lanes - knobs - inspector, 0))


def _shrink(rows: int, fewest: int, missing: int) -> tuple[int, int]:
    """Take up to `missing` rows from a panel of `rows`, not below `fewest`; return its rows, and the missing ones."""
    cut = min(max(missing, 0), max(rows - fewest, 0))
    return rows - cut, missing - cut


def hidden_knobs(state: PlaygroundState, heights: SideHeights) -> int:
    """The number of the chosen lane's knobs that have no row in their panel."""
    return max(len(state.chosen_lane.rule.knobs) - (heights.knobs - FRAME), 0)


def backdrop_of(state: PlaygroundState, width: int, height: int, palette: Palette) -> Backdrop:
    """The contour without the paths. This is the expensive part, so it is cached."""
    scenario = state.scenario
    name = "" if scenario.function is not None else scenario.surface
    return _backdrop(
        name,
        scenario.function,
        state.visible.bounds,
        width,
        height,
        palette,
        state.fill,
        state.cell_aspect,
        state.blocks,
    )


@lru_cache(maxsize=16)
def _backdrop(
    name: str,
    function: str | None,
    bounds: tuple[float, float, float, float],
    width: int,
    height: int,
    palette: Palette,
    fill: Fill,
    cell_aspect: float,
    blocks: Blocks,
) -> Backdrop:
    plot = surface_of(name, function)
    return backdrop(
        plot.f,
        bounds,
        width,
        height,
        palette,
        fill=fill,
        minima=plot.minima,
        center_in_cell=True,
        cell_aspect=cell_aspect,
        blocks=blocks,
    )


def contour(
    state: PlaygroundState,
    width: int,
    height: int,
    palette: Palette,
    paths: Paths | None = None,
    limit: int | None = None,
    starts: Cells | None = None,
    *,
    dimmed: bool = True,
) -> Cells:
    """Draw the contour with the lanes' paths up to the step, ghosts, heads, start, crosshair and vectors.

    `starts` is a map of starts in place of the bands. With `dimmed` the lanes that are not chosen are dimmer. `limit`
    is the largest number of positions to rasterize for this picture; see `rasterize`.
    """
    paths = paths or whole_paths(state)
    arrows = _vectors(state, paths.lanes[state.lane], vector_colors(state, palette)) if state.vectors else ()
    back = backdrop_of(state, width, height, palette)
    if starts is not None:
        back = repaint(back, starts)
    x, y = start_of(state.scenario) if paths.cursor is None else paths.cursor.positions[0].tolist()
    views = _path_views(state, paths, palette, dimmed=dimmed)
    return compose(back, views, (x, y), state.crosshair, arrows, limit=limit)


def rasterize(state: PlaygroundState, width: int, height: int, palette: Palette, paths: Paths, limit: int) -> bool:
    """Rasterize at most `limit` further positions for `contour`, and return whether it can draw the paths in full."""
    return backdrop_of(state, width, height, palette).rasterize(_path_views(state, paths, palette), limit)


def _path_views(state: PlaygroundState, paths: Paths, palette: Palette, *, dimmed: bool = True) -> list[PathView]:
    """The paths up to the step; faintly their whole ghosts, and while a fork is made, the rest of the forked path.

    With `dimmed` the paths of the lanes that are not chosen are dimmer.
    """
    if state.map is not None:
        return _map_paths(state, paths, palette)
    views = []
    for i, (path, ghost) in enumerate(zip(paths.lanes, paths.ghosts, strict=True)):
        if state.solo and i != state.lane:
            continue
        color, marker = palette.lane(i)
        view = PathView(path.positions, color, marker, min(state.step, path.last), dashed=_dashed(i, palette))
        if ghost is not None:
            views.append(PathView(ghost.positions, palette.foreground, marker, ghost.last, ghost=True))
            if _shows_rest(state):
                views.append(PathView(path.positions, color, marker, path.last, ghost=True))
        views.append(replace(view, selected=i == state.lane, dimmed=dimmed and i != state.lane))
    return views


def _map_paths(state: PlaygroundState, paths: Paths, palette: Palette) -> list[PathView]:
    """The lane's own path, and above it that of the cell at a map's cursor.

    Beside the cursor's path, in the colour of text, the lane's own is dashed and dimmed.
    """

    def step(path: Trajectory) -> int:
        return min(state.step, path.last)

    own, cursor = paths.lanes[state.lane], paths.cursor
    color, marker = palette.lane(state.lane)
    if cursor is None:
        return [PathView(own.positions, color, marker, step(own), selected=True)]
    return [
        PathView(own.positions, color, marker, step(own), dimmed=True, dashed=True),
        PathView(cursor.positions, palette.foreground, CURSOR, step(cursor), selected=True),
    ]


def _shows_rest(state: PlaygroundState) -> bool:
    """Whether forked paths are shown beyond the step: while a fork is made, so that a turned knob shows its effect."""
    return state.fork and not state.playing


def _vectors(state: PlaygroundState, path: Trajectory, colors: Mapping[str, Color]) -> Sequence[Arrow]:
    """The vectors at the lane's point: −∇f and the momentum as directions, and the next step's update in full."""
    step = min(state.step, path.last)
    origin = path.positions[step]
    length = min(state.visible.size) * DIRECTION_LENGTH
    arrows = []
    for name in AVERAGES:
        if name in path.terms and step > 0:
            arrows += _direction(origin, -path.terms[name][step], length, colors["m"])
    arrows += _direction(origin, -path.gradients[step], length, colors["−∇f"])
    if step < path.last:
        arrows.append(Arrow(origin, path.positions[step + 1], colors["Δ"]))
    return arrows


def vector_colors(state: PlaygroundState, palette: Palette) -> dict[str, Color]:
    """The colour of each vector, by its label: two lane colours that no lane of the race has, if there are such.

    They are never the chosen lane's, whose path the vectors cover, nor like the foreground, which the slope has.
    """
    racing = {palette.lane(i)[0] for i in range(len(state.scenario.lanes))}
    chosen, _ = palette.lane(state.lane)
    distance = np.linalg.norm(to_oklab(palette.lanes) - to_oklab(palette.foreground), axis=1)
    usable = [c for c, far in zip(palette.lanes, distance, strict=True) if c != chosen and far > UNLIKE]
    m, update, *_ = sorted(usable, key=racing.__contains__)
    return {"−∇f": palette.foreground, "m": m, "Δ": update}


def _direction(origin: Floats, vector: Floats, length: float, color: Color) -> list[Arrow]:
    norm = float(np.hypot(*vector))
    return [Arrow(origin, origin + vector / norm * length, color)] if np.isfinite(norm) and norm > 0 else []


def lanes(state: PlaygroundState, width: int, height: int, palette: Palette, paths: Paths | None = None) -> Cells:
    """Draw the table of lanes at the step, with their ranks by loss."""
    paths = paths or whole_paths(state)
    losses = [float(path.losses[min(state.step, path.last)]) for path in paths.lanes]
    counted = any(path.evaluations is not None for path in paths.lanes)
    notes = [_lane_note(lane, path, state.step) for lane, path in zip(state.scenario.lanes, paths.lanes, strict=True)]
    known = [not note and path.state(state.step) != "computing" for path, note in zip(paths.lanes, notes, strict=True)]
    rows = []
    for i, (name, path) in enumerate(zip(lane_names(state.scenario), paths.lanes, strict=True)):
        color, marker = palette.lane(i)
        rows.append(
            panels.LaneRow(
                marker,
                color,
                name.names,
                losses[i],
                path.gradient_norm(state.step),
                path.state(state.step),
                rank=_rank(losses[i], list(compress(losses, known))) if known[i] else None,
                distance=path.distance(state.step, state.surface.minima),
                since=path.since(state.step),
                ended=state.at_end,
                note=notes[i],
                evaluations=sum(path.evaluations_at(state.step)) if counted else None,
            )
        )
    return panels.lane_table(rows, state.lane, width, height, palette)


def _lane_note(lane: Lane, path: Trajectory, step: int) -> str:
    """Why the lane of a class has no numbers at a step: it is not imported yet, or its code failed."""
    if path.failure is not None and path.state(step) == "failed":
        return path.failure
    rule = lane.rule
    return "importing the class" if isinstance(rule, ClassOptimizer) and rule.status == "loading" else ""


def _rank(loss: float, losses: Sequence[float]) -> int:
    """The place of a loss, from 1. Equal losses share a place; losses that are not finite come last."""
    if not np.isfinite(loss):
        return 1 + sum(map(bool, np.isfinite(losses)))
    return 1 + sum(other < loss for other in losses)


def knobs(state: PlaygroundState, width: int, height: int, palette: Palette, paths: Paths | None = None) -> Cells:
    """Draw the chosen lane's hyperparameters at the step, and below them the notes on its learning rate."""
    path = (paths or whole_paths(state)).lanes[state.lane]
    table = [(knob, state.value(knob)) for knob in state.chosen_lane.rule.knobs]
    rows = min(len(table), height)
    notes = _notes(state, path, width)[: height - rows]
    color, _ = palette.lane(state.lane)
    drawn = panels.knob_table(table, state.knob, color, width, rows, palette)
    # While the race plays, the number of notes may fall below the panel's height: the empty rows are at the end.
    rest = Cells.blank(width, height - rows - len(notes), palette.foreground, palette.background)
    return stack((drawn, elements.notes(notes, width, palette), rest))


def _notes(state: PlaygroundState, path: Trajectory, width: int) -> list[tuple[str, bool]]:
    """Notes on curvature, the bound on lr, the schedule and the noise, as (text, whether it is a warning)."""
    lane, scenario = state.chosen_lane, state.scenario
    point = path.positions[min(state.step, path.last)]
    values = lane.values_for(min(state.step + 1, scenario.steps), scenario.steps)
    at_point = stability(state.surface, lane, point, values)
    notes = [
        (line, at_point.exceeded and i < 2)
        for i, line in enumerate(describe_stability(at_point, lane, width))
        if text_width(line) <= width  # a sentence is shown whole or not at all
    ]
    if lane.texts:
        notes.append((" · ".join(f"{name} {text}" for name, text in lane.texts), False))
    if path.failure is not None:
        notes = [(line, True) for line in wrap(path.failure, width)] + notes
    if lane.schedule != CONSTANT:
        every = max(scenario.steps // SCHEDULE_SAMPLES, 1)
        factors = [lane.schedule.factor(t, scenario.steps) for t in range(1, scenario.steps + 1, every)]
        notes.append((f"{elements.sparkline(factors, SCHEDULE_COLUMNS)} lr {lane.schedule.describe()}", False))
    if scenario.noise:
        notes.append((f"gradient noise σ {scenario.noise:g} · seed {scenario.seed}", False))
    if path.evaluations is not None:
        counts = zip(path.evaluations_at(state.step), ("losses", "gradients", "Hessians"), strict=True)
        notes.append((f"so far {', '.join(f'{count} {name}' for count, name in counts if count) or 'nothing'}", False))
    return notes


def inspector(state: PlaygroundState, width: int, height: int, palette: Palette, paths: Paths | None = None) -> Cells:
    """Draw the terms of the chosen lane's step, and its rule."""
    path = (paths or whole_paths(state)).lanes[state.lane]
    terms = _terms(path, min(state.step, path.last))
    return panels.step_arithmetic(terms, state.chosen_lane.rule.rule, width, height, palette)


def _terms(path: Trajectory, step: int) -> dict[str, tuple[float, float] | None]:
    """The terms of a step of a path. At the start only the gradient is known; the others are None."""
    if step == 0:
        x, y = path.gradients[0].tolist()
        return {name: (x, y) if name == "g" else None for name in path.terms}
    return {name: (float(v[step, 0]), float(v[step, 1])) for name, v in path.terms.items() if step < len(v)}


def loss_title(state: PlaygroundState, paths: Paths | None = None) -> str:
    """The title of the loss panel. A log axis shows the loss less the surface's minimum, if that is known and not 0."""
    if not _log_axis(state, paths or whole_paths(state)):
        return "Loss"
    return "Loss − minimum (log)" if _minimum(state.surface) else "Loss (log)"


def loss(state: PlaygroundState, width: int, height: int, palette: Palette, paths: Paths | None = None) -> Cells:
    """Draw every lane's loss up to the step, on axes that stay the same while the race plays.

    Of a loss that swings, the line is the upper edge: the swings of several lanes would fill the chart. The chosen
    lane's swings are dots below it. The loss before a fork is a faint line.
    """
    paths = paths or whole_paths(state)
    log = _log_axis(state, paths)
    minimum = (_minimum(state.surface) or 0.0) if log else 0.0
    others = [] if state.solo else [i for i in range(len(paths.lanes)) if i != state.lane]
    series = []
    for i in (*others, state.lane):
        x, y = _curve(paths.lanes[i], minimum, state.step)
        ghost = paths.ghosts[i]
        if ghost is not None:
            series.append(Series(*_curve(ghost, minimum), color=palette.faint, faint=True, envelope=True))
            if _shows_rest(state):
                rest = palette.dimmed(palette.lane(i)[0])
                series.append(Series(*_curve(paths.lanes[i], minimum), color=rest, faint=True, envelope=True))
        color, dashed, chosen = palette.lane(i)[0], _dashed(i, palette), i == state.lane
        if chosen:  # its swings, below the lines
            series.append(Series(x=x, y=y, color=palette.dimmed(color), faint=True, scatter=True))
        line = color if chosen else palette.dimmed(color)
        series.append(Series(x=x, y=y, color=line, bold=chosen, envelope=True, dashed=dashed, takes_turns=chosen))
    steps = state.scenario.steps
    every = 1 if paths.complete else max(steps // LOSS_SAMPLES, 1)
    limits = _loss_limits(paths.lanes, minimum, log, every)
    return chart(series, width, height, palette, log_y=log, y_limits=limits, x_limits=(0.0, steps))


def _curve(path: Trajectory, minimum: float, last: int | None = None) -> tuple[Floats, Floats]:
    """The steps of a path up to the `last` one, and their losses less the minimum."""
    losses = path.losses if last is None else path.losses[: last + 1]
    return np.arange(len(losses), dtype=np.float64), losses - minimum if minimum else losses


def _dashed(lane: int, palette: Palette) -> bool:
    """Whether a lane's lines are dashed: an earlier lane has the same colour."""
    return lane >= len(palette.lanes)


@lru_cache(maxsize=1)
def _loss_limits(paths: tuple[Trajectory, ...], minimum: float, log: bool, every: int) -> tuple[float, float] | None:
    """The smallest and the largest of every so many losses, less `minimum`. 10 ms for a million losses."""
    losses = np.concatenate([path.losses[::every] for path in paths]) - minimum
    losses = losses[np.isfinite(losses) & ((losses > 0) | (not log))]
    if log and len(losses):
        losses = losses[losses > losses.max() * LOSS_FLOOR]
    return (float(losses.min()), float(losses.max())) if len(losses) else None


def _minimum(plot: Surface) -> float | None:
    """The surface's lowest value, or None where it is not known."""
    if not plot.minima:
        return None
    value = float(np.min(plot.f(np.array(plot.minima))))
    return 0.0 if abs(value) < 1e-12 else value


def _log_axis(state: PlaygroundState, paths: Paths) -> bool:
    """True when the user wants a log axis and all losses are above 0 or above a known minimum."""
    return state.log_loss and (_minimum(state.surface) is not None or _all_positive(paths.lanes))


@lru_cache(maxsize=1)
def _all_positive(paths: tuple[Trajectory, ...]) -> bool:
    return not any((path.losses <= 0).any() for path in paths)


def timeline(state: PlaygroundState, width: int, palette: Palette, paths: Paths | None = None) -> Cells:
    """Draw the bottom row: the step, with a mark in a lane's colour where it changed, converged or diverged."""
    paths = paths or whole_paths(state)
    color, _ = palette.lane(state.lane)
    marks: list[tuple[int, str, Color]] = [(change.step, "◆", color) for change in state.chosen_lane.changes]
    lanes = range(len(paths.lanes))
    for i in (*(i for i in lanes if i != state.lane), state.lane):  # the chosen lane's marks lie above the others
        path, (lane_color, _) = paths.lanes[i], palette.lane(i)
        if path.converged_at is not None:
            marks.append((path.converged_at, "✓", lane_color))
        if path.diverged_at is not None:
            marks.append((path.diverged_at, "✕", lane_color))
    note = f"{SPEEDS[state.speed]:>3}/s{' fork' if state.fork else ''}"
    if not paths.complete:
        note += f" · computing {int(100 * paths.share)}%"
    return panels.timeline(state.step, state.scenario.steps, state.playing, note, marks, width, palette)


def still(state: PlaygroundState, width: int, height: int, palette: Palette) -> Cells:
    """Draw one picture for use without the app: a title, the contour, and below it the table of lanes."""
    rows = len(state.scenario.lanes) + 1
    title = Cells.blank(width, 1, palette.foreground, palette.background)
    title.put(0, 1, f"{surface_title(state.surface)} · step {state.step}", palette.foreground, bold=True)
    plot = contour(state, width, max(height - rows - 1, MIN_PLOT_ROWS), palette, dimmed=False)
    return stack((title, plot, lanes(state, width, rows, palette)))


def surface_title(surface: Surface) -> str:
    """The surface's name and formula."""
    return surface.name if surface.name in surface.title else f"{surface.name}  {surface.title}"


def values_at(surface: Surface, point: tuple[float, float]) -> str:
    """The coordinates of a point and its loss, in columns that do not jump while it moves."""
    with np.errstate(all="ignore"):
        value = float(surface.f(np.array(point)))
    numbers = (elements.format_significant(number, POINT_NUMBER, 4) for number in (*point, value))
    return "  ".join(f"{name} {number}" for name, number in zip(("x", "y", "loss"), numbers, strict=True))


# The panels of the right side.
DRAW: Mapping[str, Callable[[PlaygroundState, int, int, Palette, Paths | None], Cells]] = {
    "lanes": lanes,
    "knobs": knobs,
    "inspector": inspector,
    "loss": loss,
}
