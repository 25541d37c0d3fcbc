"""The picture of a finished map: title, map with axes, legend and the table of its rest points.

`adam-tui map`, `adam-tui basins` and the export of an open map draw it. The app's panels share its parts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import elements, heat_map, map_panels
from adam_tui.draw.cells import Cells, stack
from adam_tui.draw.contour_plot import MINIMUM
from adam_tui.draw.heat_map import Grid, Ink, LegendPart, Mark
from adam_tui.draw.map_panels import BasinRow
from adam_tui.draw.palette import Palette
from adam_tui.engine.knobs import Knob
from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.borders import stability_line
from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.maps.outcomes import CONVERGED, RUNNING, Outcomes, Quantity, best, ordering, quantity_of_class
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import Array

QUANTITY_TITLES: dict[Quantity, str] = {
    "loss": "loss of the last step",
    "steps": "steps until it converged",
    "distance": "distance to the nearest minimum",
}
HEADERS: dict[Quantity, str] = {"loss": "loss", "steps": "steps", "distance": "dist"}
BEST = "★"
MOST_BASINS = 12
WIDEST_LABELS = 12
SMALLEST_WIDTH = 64  # columns of the title and the legend


def caption(drawn: SettingsMap | StartsMap, name: Quantity | None = None) -> str:
    """One line: the quantity that the map shows, of which lane, on which surface."""
    scenario = drawn.scenario
    title = QUANTITY_TITLES[name or shown_first(drawn)]
    title = f"basins, {title}" if isinstance(drawn, StartsMap) else title
    lane = f"{scenario.lanes[drawn.lane].rule.label} on {drawn.surface.title}, {scenario.steps:,} steps"
    seeds = f", median of {len(drawn.seeds)} seeds" if len(drawn.seeds) > 1 else ""
    return f"{title[0].upper()}{title[1:]}: {lane}{seeds}"


def shown_first(drawn: SettingsMap | StartsMap) -> Quantity:
    """The quantity that a map shows unless another one is chosen."""
    return "loss" if isinstance(drawn, SettingsMap) else "steps"


def still(drawn: SettingsMap | StartsMap, palette: Palette, ink: Ink = "blocks", name: Quantity | None = None) -> Cells:
    """Draw the map, two of its rows in a row of the picture, or one where a cell is a character."""
    name = name or shown_first(drawn)
    outcomes = drawn.finish()
    ordered = ordering(outcomes, name, drawn.surface)
    grid = Grid(outcomes.states, heat_map.ranks_in_class(outcomes.states, ordered))
    basin, numbers, points = None, np.empty(0, np.int32), np.empty((0, 2))
    if isinstance(drawn, SettingsMap):
        picture = _settings(drawn, outcomes, grid, name, palette, ink)
    else:
        numbers, points = rest_points(outcomes, drawn.surface)
        basin = largest_basin(numbers)
        picture = _starts(drawn, grid, numbers, palette, ink)
    width = max(picture.width, SMALLEST_WIDTH)
    parts = [titled(caption(drawn, name), width, palette), _widened(picture, width, palette)]
    parts.append(heat_map.legend(legend_parts(outcomes, ordered, name), width, palette, ink=ink, basin=basin))
    if isinstance(drawn, SettingsMap):
        marks = elements.wrap(_marks(drawn, outcomes, name, palette), width)
        parts.append(elements.notes([(line, False) for line in marks], width, palette))
    else:
        parts.append(basin_table(drawn.surface, numbers, points, SMALLEST_WIDTH, palette, ink))
        parts[-1] = _widened(parts[-1], width, palette)
    return stack(parts)


def titled(text: str, width: int, palette: Palette) -> Cells:
    """A title in as many rows as it needs."""
    title = elements.notes([(line, False) for line in elements.wrap(text, width)], width, palette)
    title.fg[:], title.bold[:] = palette.foreground, True
    return title


def scale_of(axis: Axis) -> heat_map.Scale:
    """The axis of a knob as the drawing takes it."""
    return heat_map.knob_scale(axis.knob, axis.low, axis.high, axis.fraction)


def value_text(axis: Axis, place: float) -> str:
    """The value at a place of an axis, see `short_text`: its digits differ from those of its neighbours."""
    return short_text(axis.knob, axis.at(place))


def short_text(knob: Knob, value: float) -> str:
    """A value of a knob in three digits, for β of its distance from 1."""
    if knob.scale == "beta" and value > 0.5:
        distance = 1 - value
        digits = max(2 - math.floor(math.log10(distance)), 3) if distance > 0 else 6
        return f"{value:.{min(digits - 1, 7)}f}"
    return knob.format(float(f"{value:.3g}"))


def legend_parts(outcomes: Outcomes, ordered: Array, name: Quantity) -> list[LegendPart]:
    """The classes of a map that shows a quantity, with the values of `ordered` at the ends of their ramps."""
    names = {state: HEADERS[quantity_of_class(state, name)] for state in (CONVERGED, RUNNING)}
    return heat_map.legend_parts(outcomes.states, ordered, names, {HEADERS["steps"]})


def largest_basin(numbers: NDArray[np.int32]) -> int:
    """The rest point at which most starts end, from the number of each start's; 0 where none converged."""
    return int(np.bincount(numbers[numbers >= 0], minlength=1).argmax())


def basin_table(
    surface: Surface,
    numbers: NDArray[np.int32],
    points: Array,
    width: int,
    palette: Palette,
    ink: Ink,
    most: int = MOST_BASINS,
) -> Cells:
    """Draw a row for each rest point, by its share of the starts; `numbers` and `points` are those of `rest_points`.

    Of more than `most` rest points, the last row counts those with the smallest shares.
    """
    counts = np.bincount(numbers[numbers >= 0], minlength=len(points))
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    if not order:
        return elements.notes([("no start converged", False)], width, palette)
    others = order[most - 1 :] if len(order) > most else []
    order = order[: len(order) - len(others)]
    losses = surface.f(points) if len(points) else np.empty(0)
    hues = heat_map.basin_colors(palette)
    listed = len(surface.minima)
    rows = [
        BasinRow(
            tuple(hues[i % len(hues), -1].tolist()),
            heat_map.basin_letter(i),
            (float(points[i][0]), float(points[i][1])),
            float(losses[i]),
            counts[i] / numbers.size,
            i < listed,
        )
        for i in order
    ]
    rest = len(others), counts[others].sum() / numbers.size
    return map_panels.basin_table(rows, width, palette, letters=ink != "blocks", others=rest)


def _widened(picture: Cells, width: int, palette: Palette) -> Cells:
    """The picture with blank cells at its right, so that the title and the legend of a small map have room."""
    wide = Cells.blank(width, picture.height, palette.foreground, palette.background)
    for name in ("glyph", "fg", "bg", "bold"):
        getattr(wide, name)[:, : picture.width] = getattr(picture, name)
    return wide


def _settings(drawn: SettingsMap, outcomes: Outcomes, grid: Grid, name: Quantity, palette: Palette, ink: Ink) -> Cells:
    assert drawn.y is not None
    x, y = drawn.x, drawn.y
    lane = drawn.scenario.lanes[drawn.lane]
    rows, columns = outcomes.states.shape
    marks = []
    at = best(outcomes, name, drawn.surface)
    if at is not None:
        marks.append(Mark(at[1] / max(columns - 1, 1), at[0] / max(rows - 1, 1), BEST))
    marks.append(Mark(x.fraction(lane[x.knob.name]), y.fraction(lane[y.knob.name]), palette.lane(drawn.lane)[1]))
    line = [(x.fraction(a), y.fraction(b)) for a, b in stability_line(drawn.scenario, drawn.lane, x, y).tolist()]
    scales = scale_of(x), scale_of(y)
    height = math.ceil(rows / (2 if ink == "blocks" else 1)) + 1
    left = heat_map.frame(columns + WIDEST_LABELS, height, scales[1]).left
    return heat_map.heat_map(grid, left + columns, height, palette, *scales, marks=marks, line=line, ink=ink)


def _marks(drawn: SettingsMap, outcomes: Outcomes, name: Quantity, palette: Palette) -> str:
    """The meaning of the marks on a map of settings, with the settings of the best cell."""
    assert drawn.y is not None
    marks = []
    at = best(outcomes, name, drawn.surface)
    if at is not None:
        x, y = (
            f"{axis.knob.name} {value_text(axis, i / max(count - 1, 1))}"
            for axis, i, count in ((drawn.x, at[1], drawn.columns), (drawn.y, at[0], drawn.rows))
        )
        marks.append(f"{BEST} best: {x}, {y}")
    lane = drawn.scenario.lanes[drawn.lane]
    if all(0 <= axis.fraction(lane[axis.knob.name]) <= 1 for axis in (drawn.x, drawn.y)):
        marks.append(f"{palette.lane(drawn.lane)[1]} lane")
    if len(stability_line(drawn.scenario, drawn.lane, drawn.x, drawn.y)):
        marks.append("⣀⠤⠒ stable up to here")
    return " · ".join(marks)


def _starts(drawn: StartsMap, grid: Grid, numbers: NDArray[np.int32], palette: Palette, ink: Ink) -> Cells:
    """The basins without axes, the rest points that are listed minima marked."""
    if ink == "blocks" and len(numbers) % 2:  # two rows share a row of the picture
        above = Outcomes.empty(1, numbers.shape[1])
        ranks = np.concatenate([grid.ranks, np.zeros(above.states.shape)])
        grid = Grid(np.concatenate([grid.classes, above.states]), ranks)
        numbers = np.concatenate([numbers, above.steps])
    picture = heat_map.basins(grid, numbers, palette, letters=ink != "blocks")
    x_min, x_max = drawn.xs[[0, -1]].tolist()
    y_min, y_max = drawn.ys[[0, -1]].tolist()
    for x, y in drawn.surface.minima:
        column = round((x - x_min) / (x_max - x_min) * (picture.width - 1))
        row = round((y_max - y) / (y_max - y_min) * (picture.height - 1))
        if 0 <= column < picture.width and 0 <= row < picture.height:
            picture.put(row, column, MINIMUM, palette.foreground, bold=True)
    return picture
