"""The pictures of the maps: the map itself or its curves, the readings beside it, and the starts over the contour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import elements, heat_map, map_panels
from adam_tui.draw.cells import Cells, stack
from adam_tui.draw.chart import Mark as ChartMark
from adam_tui.draw.chart import Series, chart
from adam_tui.draw.chart_axis import Axis as ChartAxis
from adam_tui.draw.chart_axis import Tick as ChartTick
from adam_tui.draw.contour_plot import Backdrop
from adam_tui.draw.heat_map import Cursor, Grid, Ink, Mark
from adam_tui.draw.map_panels import CurveRow, OutcomeRow
from adam_tui.draw.palette import DARK, Palette
from adam_tui.engine.knobs import Knob
from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.borders import stability_line
from adam_tui.engine.maps.outcomes import (
    CONVERGED,
    DIVERGED,
    NOT_COMPUTED,
    RUNNING,
    Outcomes,
    Quantity,
    best,
    ordering,
    quantity,
)
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.rule import GROUPS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.stability import BOUNDED
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import Trajectory, start_of
from adam_tui.ui.playground.maps import computation
from adam_tui.ui.playground.maps.cells import axes, cell_scenario, cursor_cell, curves, own_place, rate_axis
from adam_tui.ui.playground.maps.computation import MapRequest
from adam_tui.ui.playground.maps.state import MapGrid, MapState
from adam_tui.ui.playground.maps.still import (
    BEST,
    HEADERS,
    QUANTITY_TITLES,
    basin_table,
    largest_basin,
    legend_parts,
    scale_of,
    short_text,
    value_text,
)
from adam_tui.ui.playground.paths import Paths
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.view import CURSOR

Floats = NDArray[np.float64]
Key = TypeVar("Key")
Kept = TypeVar("Kept")
KEPT_READINGS, KEPT_BASINS = 24, 4
STATES = {RUNNING: "running", CONVERGED: "converged", DIVERGED: "diverged"}
TITLE_MARGIN = 6  # columns of a frame beside its title
SHORT_QUANTITIES: dict[Quantity, str] = {
    "loss": "last loss",
    "steps": "steps to converge",
    "distance": "distance",
}
FEWEST_BASINS = 4
CHART_LABELS = 7  # columns that the chart's axis of values takes
TICK_COLUMNS = 9  # of a label on the axis of learning rates
# The axis of losses spans at most these multiples of the loss at the start.
LOSS_FLOOR, LOSS_CEILING = 1e-16, 100.0
CHAOTIC = 0.2  # the share of sampled border cells from which the caption calls the border chaotic


class Reading(NamedTuple):
    """Outcomes with the numbers that are shown: a quantity, the ranks within the classes, and the best cell.

    `ordered` are the numbers by which the ranks are made, see `maps.ordering`.
    """

    outcomes: Outcomes
    values: Floats
    ordered: Floats
    ranks: Floats
    best: tuple[int, int] | None


def reading(request: MapRequest, name: Quantity, part: int = 0) -> Reading:
    """The reading of a computation of a request: the last one, until there are more outcomes."""
    outcomes, key = computation.outcomes(request, part), (request, name, part)
    kept = _READINGS.get(key)
    if kept is None or kept.outcomes is not outcomes:
        kept = _reading(outcomes, name, computation.computations(request)[part].surface)
        _keep(_READINGS, key, kept, KEPT_READINGS)
    return kept


def _reading(outcomes: Outcomes, name: Quantity, surface: Surface) -> Reading:
    values = quantity(outcomes, name, surface)
    ordered = ordering(outcomes, name, surface)
    ranks = heat_map.ranks_in_class(outcomes.states, ordered)
    return Reading(outcomes, values, ordered, ranks, best(outcomes, name, surface))


class Basins(NamedTuple):
    """The rest points (k, 2) of a map of starts, and the number of each start's, (rows, columns), −1 without one."""

    outcomes: Outcomes
    numbers: NDArray[np.int32]
    points: Floats


def basins(request: MapRequest) -> Basins:
    """The basins of a map of starts: the last ones, until there are more outcomes."""
    [computed], outcomes = computation.computations(request), computation.outcomes(request, 0)
    kept = _BASINS.get(request)
    if kept is None or kept.outcomes is not outcomes:
        kept = Basins(outcomes, *rest_points(outcomes, computed.surface))
        _keep(_BASINS, request, kept, KEPT_BASINS)
    return kept


def _keep(kept: dict[Key, Kept], key: Key, value: Kept, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]


_READINGS: dict[tuple[MapRequest, Quantity, int], Reading] = {}
_BASINS: dict[MapRequest, Basins] = {}


# ---- the map ----


def grid_of(
    state: PlaygroundState, shown: MapState, width: int, height: int, ink: Ink, back: Backdrop | None
) -> MapGrid:
    """The cells of the map in a panel of this size; those of a map of starts are the pixels of the contour `back`."""
    if shown.kind == "settings":
        place = heat_map.frame(width, height, scale_of(axes(state, shown)[1]))
        rows, columns = place.grid_size(ink)
        return MapGrid(columns, rows)
    if shown.kind == "rates":
        return MapGrid(max(2 * (width - CHART_LABELS), 2), 1)
    assert back is not None
    view = back.viewport
    rows, columns = view.height * (2 if ink == "blocks" else 1), view.width
    wide, high = (view.x_max - view.x_min) / columns, (view.y_max - view.y_min) / rows
    bounds = (view.x_min + wide / 2, view.x_max - wide / 2, view.y_min + high / 2, view.y_max - high / 2)
    return MapGrid(columns, rows, bounds)


def title(state: PlaygroundState, shown: MapState, width: int) -> str:
    """The title of the map's panel, which has `width` columns with its frame."""
    if shown.kind == "rates":
        return _with_quantity("Learning rates", shown, width)
    x, y = axes(state, shown)
    return _with_quantity(f"{y.knob.name} by {x.knob.name}", shown, width)


def _with_quantity(subject: str, shown: MapState, width: int) -> str:
    """A title with the quantity; in a short form where the long one would be cut."""
    long, short = (f"{subject}: {names[shown.quantity]}" for names in (QUANTITY_TITLES, SHORT_QUANTITIES))
    return long if len(long) <= width - TITLE_MARGIN else short


def subtitle(state: PlaygroundState, shown: MapState) -> str:
    """The meaning of the marks on the map."""
    if shown.kind == "rates":
        return "" if shown.group is None else f"group: {GROUPS[shown.group]}"
    marks = [f"{DARK.lane(state.lane)[1]} lane", f"{BEST} best"]
    x, y = axes(state, shown)
    if state.chosen_lane.optimizer in BOUNDED and "lr" in (x.knob.name, y.knob.name):
        marks.append("⣀⠤⠒ stable up to here")
    return " · ".join(marks)


def map_panel(
    state: PlaygroundState, shown: MapState, request: MapRequest, size: tuple[int, int], palette: Palette, ink: Ink
) -> Cells:
    """Draw a map of settings, or the curves of the learning rates."""
    if shown.kind == "rates":
        return rates_chart(state, shown, request, size, palette)
    x, y = axes(state, shown)
    read = reading(request, shown.quantity)
    rows, columns = read.outcomes.states.shape
    marks = []
    for i, lane in enumerate(state.scenario.lanes):
        if i != state.lane and lane.optimizer == state.chosen_lane.optimizer:
            marks.append(Mark(x.fraction(lane[x.knob.name]), y.fraction(lane[y.knob.name]), palette.lane(i)[1]))
    if read.best is not None:
        marks.append(Mark(read.best[1] / max(columns - 1, 1), read.best[0] / max(rows - 1, 1), BEST))
    marks.append(Mark(*own_place(state, shown), palette.lane(state.lane)[1]))
    line = [(x.fraction(a), y.fraction(b)) for a, b in _stability(request.scenario, x, y, _minimum(state, read))]
    cursor = None
    if shown.cursor is not None:
        column, row = cursor_cell(state, shown, request.grid)
        texts = (value_text(axis, index / max(n - 1, 1)) for axis, index, n in ((x, column, columns), (y, row, rows)))
        cursor = Cursor(row, column, *texts)
    return heat_map.heat_map(
        Grid(read.outcomes.states, read.ranks),
        *size,
        palette,
        scale_of(x),
        scale_of(y),
        marks=marks,
        line=line,
        cursor=cursor,
        ink=ink,
    )


def _minimum(state: PlaygroundState, read: Reading) -> tuple[float, float] | None:
    """The point whose curvature gives the bound: None for the nearest listed minimum, else where the best cell ends."""
    if state.surface.minima or read.best is None or read.outcomes.states[read.best] != CONVERGED:
        return None
    x, y = read.outcomes.ends[read.best].tolist()
    return x, y


@lru_cache(maxsize=4)
def _stability(
    scenario: Scenario, x: Axis, y: Axis, point: tuple[float, float] | None
) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in stability_line(scenario, 0, x, y, point))


def rates_chart(
    state: PlaygroundState, shown: MapState, request: MapRequest, size: tuple[int, int], palette: Palette
) -> Cells:
    """Draw the curves of the learning rates."""
    axis = rate_axis(state, shown)
    lanes = curves(state, shown).lanes
    log_y = shown.quantity != "steps"
    xs = np.log10(axis.values(request.grid.columns))
    series = []
    chosen = -1 if shown.group is not None else state.lane
    order = [i for i in range(len(lanes)) if i != chosen] + ([chosen] if chosen >= 0 else [])
    for i in order:
        read = reading(request, shown.quantity, i)
        values = np.where(read.outcomes.states[0] == DIVERGED, np.inf, read.values[0])
        if (read.outcomes.states[0] == NOT_COMPUTED).all():
            continue
        series.append(Series(x=xs, y=values, color=palette.lane(i)[0], bold=i == chosen))
    ticks = next(
        (ticks for ticks in reversed(scale_of(axis).choices) if len(ticks) * TICK_COLUMNS <= size[0] - CHART_LABELS),
        (),
    )
    low, high = float(xs[0]), float(xs[-1])
    x_axis = ChartAxis(low, high, ticks=tuple(ChartTick(low + t.place * (high - low), t.label) for t in ticks))
    marks = (
        [ChartMark(math.log10(state.chosen_lane["lr"]), palette.lane(state.lane)[1], palette.faint)]
        if state.chosen_lane["lr"] > 0
        else []
    )
    if shown.cursor is not None:
        at = cursor_cell(state, shown, request.grid)[0]
        marks.append(ChartMark(float(xs[at]), value_text(axis, at / max(len(xs) - 1, 1)), palette.accent))
    limits = _loss_limits(state, series) if shown.quantity == "loss" else None
    return chart(series, *size, palette, log_y=log_y, y_limits=limits, x_axis=x_axis, marks=marks)


def _loss_limits(state: PlaygroundState, series: Sequence[Series]) -> tuple[float, float] | None:
    """The losses that are worth the chart's rows: around that of the start, and not rounding errors around zero."""
    result = np.concatenate([one.y[np.isfinite(one.y) & (one.y > 0)] for one in series]) if series else np.empty(0)
    at_start = abs(float(state.surface.f(np.array(start_of(state.scenario)))))
    if not len(result) or not (np.isfinite(at_start) and at_start > 0):
        return None
    low = max(float(result.min()), at_start * LOSS_FLOOR)
    high = min(float(result.max()), at_start * LOSS_CEILING)
    return (low, high) if low < high else None


# ---- the readings beside it ----


def info_title(shown: MapState, width: int) -> str:
    """The title of the panel with the readings, which has `width` columns with its frame."""
    if shown.kind == "starts":
        return _with_quantity("Basins", shown, width)
    return {"settings": "Outcomes", "rates": "Curves"}[shown.kind]


def info(
    state: PlaygroundState,
    shown: MapState,
    request: MapRequest,
    size: tuple[int, int],
    palette: Palette,
    ink: Ink,
    paths: Paths,
) -> Cells:
    """Draw the readings: the values at the cursor, the classes with their shares, and a caption."""
    width, height = size
    caption = [(part, False) for line in _caption(shown, request) for part in elements.wrap(line, width)]
    if shown.kind == "rates":
        parts = [curve_table(state, shown, request, width, palette, height - len(caption))]
    else:
        parts = [
            _table(state, shown, request, width, palette, ink, paths),
            _legend(shown, request, width, palette, ink),
        ]
        if shown.kind == "starts":
            others = sum(part.height for part in parts) + len(caption)
            parts.insert(1, _basin_table(request, width, palette, ink, max(height - others - 1, FEWEST_BASINS)))
    drawn = stack((*parts, elements.notes(caption, width, palette)))
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    rows = min(height, drawn.height)
    for name in ("glyph", "fg", "bg", "bold"):
        getattr(cells, name)[:rows] = getattr(drawn, name)[:rows]
    return cells


def info_rows(state: PlaygroundState, shown: MapState) -> int:
    """The rows that the readings need in full width."""
    match shown.kind:
        case "rates":
            return len(curves(state, shown).lanes) + 2
        case "starts":
            return 3 + 1 + max(len(state.surface.minima), FEWEST_BASINS) + 3 + 1
        case "settings":
            return 4 + 3 + 1


def _legend(shown: MapState, request: MapRequest, width: int, palette: Palette, ink: Ink) -> Cells:
    """The classes with their shares and ramps; the ramp of starts that converged has the largest basin's colour."""
    read = reading(request, shown.quantity)
    basin = None
    if shown.kind == "starts":
        numbers = basins(request).numbers
        basin = largest_basin(numbers)
    parts = legend_parts(read.outcomes, read.ordered, shown.quantity)
    return heat_map.legend(parts, width, palette, ink=ink, basin=basin)


def _caption(shown: MapState, request: MapRequest) -> list[str]:
    lines = []
    if shown.median:
        lines.append("median of five seeds of the noise")
    states = reading(request, shown.quantity).outcomes.states
    if shown.quantity == "steps" and shown.kind == "settings" and not (states == CONVERGED).any():
        lines.append(f"no cell converged: {BEST} has the lowest loss")
    if not computation.is_complete(request):
        lines.append(f"computing {100 * computation.share(request):.0f}%")
    elif (chaotic := computation.chaotic_share(request)) is not None and chaotic >= CHAOTIC:
        lines.append(f"chaotic: at {100 * chaotic:.0f}% of the borders the last digit of the start decides")
    return lines


def _table(
    state: PlaygroundState, shown: MapState, request: MapRequest, width: int, palette: Palette, ink: Ink, paths: Paths
) -> Cells:
    read = reading(request, shown.quantity)
    color, marker = palette.lane(state.lane)
    rows = [_row(state, shown, marker, "lane", state, paths.lanes[state.lane], color)]
    if read.best is not None and shown.kind == "settings":
        row, column = read.best
        rows.append(_best_row(state, shown, read, (column, row), request.grid, palette))
    if paths.cursor is not None:
        cell = cursor_cell(state, shown, request.grid)
        rows.append(_row(state, shown, CURSOR, "cursor", cell, paths.cursor, palette.foreground, request.grid))
    knobs = () if shown.kind == "starts" else tuple(axis.knob for axis in axes(state, shown))
    wide = width >= map_panels.NAMED
    names = tuple(knob.name if wide or knob.name == "lr" else knob.symbol for knob in knobs) or ("x", "y")
    whole = shown.quantity == "steps"
    table = map_panels.outcome_table(rows, (*names, HEADERS[shown.quantity]), width, palette, whole=whole)
    if len(rows) < 3 and shown.kind == "settings":
        table = stack((table, Cells.blank(width, 3 - len(rows), palette.foreground, palette.background)))
    return table


def _row(
    state: PlaygroundState,
    shown: MapState,
    mark: str,
    name: str,
    cell: tuple[int, int] | PlaygroundState,
    path: Trajectory,
    color: tuple[int, int, int],
    grid: MapGrid | None = None,
) -> OutcomeRow:
    """The row of the lane itself or of the cursor's cell, from its own path."""
    scenario = state.scenario
    if isinstance(cell, tuple):
        assert grid is not None
        scenario = cell_scenario(state, shown, grid, cell)
    last = path.last
    number = {
        "loss": float(path.losses[last]),
        "steps": float(path.converged_at) if path.converged_at is not None else math.nan,
        "distance": path.distance(last, state.surface.minima),
    }[shown.quantity]
    if path.diverged_at is not None:
        number = math.nan
    lane = scenario.lanes[state.lane if cell is state else 0]
    if shown.kind == "starts":
        texts = tuple(f"{value:.3g}".replace("-", "−") for value in map(float, path.positions[0]))
    elif cell is state:
        texts = tuple(_own_text(axis.knob, lane[axis.knob.name]) for axis in axes(state, shown))
    else:
        assert grid is not None
        assert isinstance(cell, tuple)
        counts = (grid.columns, grid.rows)
        texts = tuple(
            value_text(axis, index / max(n - 1, 1))
            for axis, index, n in zip(axes(state, shown), cell, counts, strict=True)
        )
    return OutcomeRow(mark, name, texts, number, path.state(last), path.since(last), color)


def _own_text(knob: Knob, value: float) -> str:
    """A value of the lane with all its digits, or where a column is too narrow for them, with three."""
    text = knob.format(value)
    return text if len(text) <= map_panels.NARROW_NUMBER else short_text(knob, value)


def _best_row(
    state: PlaygroundState, shown: MapState, read: Reading, cell: tuple[int, int], grid: MapGrid, palette: Palette
) -> OutcomeRow:
    column, row = cell
    x, y = axes(state, shown)
    texts = value_text(x, column / max(grid.columns - 1, 1)), value_text(y, row / max(grid.rows - 1, 1))
    kind, since = int(read.outcomes.states[row, column]), int(read.outcomes.steps[row, column])
    return OutcomeRow(
        BEST,
        "best",
        texts,
        float(read.values[row, column]),
        STATES.get(kind, ""),
        since if since >= 0 else None,
        palette.foreground,
    )


def _basin_table(request: MapRequest, width: int, palette: Palette, ink: Ink, most: int) -> Cells:
    """At most so many of the rest points that starts end at, by their shares."""
    result = basins(request)
    [computed] = computation.computations(request)
    return basin_table(computed.surface, result.numbers, result.points, width, palette, ink, most)


def curve_table(
    state: PlaygroundState,
    shown: MapState,
    request: MapRequest,
    width: int,
    palette: Palette,
    height: int | None = None,
) -> Cells:
    """Draw a row for each curve of the learning rates, within `height` rows if it is given."""
    scenario, axis = curves(state, shown), rate_axis(state, shown)
    count = request.grid.columns
    column = cursor_cell(state, shown, request.grid)[0]
    rows = []
    for i, name in enumerate(scenario.labels()):
        read = reading(request, shown.quantity, i)
        states, values = read.outcomes.states[0], read.values[0]
        color, marker = palette.lane(i)
        best_at = read.best[1] if read.best is not None else None
        after = np.flatnonzero(states[best_at:] == DIVERGED) if best_at is not None else np.empty(0, np.int64)
        rows.append(
            CurveRow(
                marker,
                color,
                name,
                float(values[column]),
                STATES.get(int(states[column]), ""),
                float(values[best_at]) if best_at is not None else math.nan,
                value_text(axis, best_at / max(count - 1, 1)) if best_at is not None else "–",
                value_text(axis, (best_at + int(after[0])) / max(count - 1, 1))
                if best_at is not None and len(after)
                else "–",
            )
        )
    selected = -1 if shown.group is not None else state.lane
    return map_panels.curve_table(rows, selected, width, palette, whole=shown.quantity == "steps", height=height)


# ---- the starts over the contour ----


def starts_picture(shown: MapState, request: MapRequest, palette: Palette, ink: Ink) -> Cells:
    """The starts in place of the contour's bands, of the size of its plot."""
    if computation.is_complete(request):
        return _finished_starts(request, shown.quantity, palette, ink)
    return _starts(request, shown.quantity, palette, ink)


@lru_cache(maxsize=4)
def _finished_starts(request: MapRequest, name: Quantity, palette: Palette, ink: Ink) -> Cells:
    return _starts(request, name, palette, ink)


def _starts(request: MapRequest, name: Quantity, palette: Palette, ink: Ink) -> Cells:
    read = reading(request, name)
    grid = Grid(read.outcomes.states, read.ranks)
    return heat_map.basins(grid, basins(request).numbers, palette, letters=ink != "blocks")
