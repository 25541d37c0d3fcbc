"""The picture of a finished map, for `map` and `basins` in the formats svg and text: title, map with axes, legend."""

from __future__ import annotations

import math

import numpy as np

from adam_tui.draw import heat_map
from adam_tui.draw.cells import Cells, stack
from adam_tui.draw.contour_plot import MINIMUM
from adam_tui.draw.heat_map import Grid, Ink, Mark
from adam_tui.draw.palette import Palette
from adam_tui.engine.maps import (
    DIVERGED,
    Axis,
    Outcomes,
    SettingsMap,
    StartsMap,
    best,
    quantity,
    rest_points,
    stability_line,
)
from adam_tui.engine.trajectory import Array

WIDEST_LABELS = 12
SMALLEST_WIDTH = 64  # columns of the title and the legend


def caption(drawn: SettingsMap | StartsMap) -> str:
    """One line: what the map shows, of which lane, on which surface."""
    scenario, surface = drawn.scenario, drawn.surface
    lane = f"{scenario.lanes[drawn.lane].optimizer} on {surface.title}, {scenario.steps:,} steps"
    return f"{'Loss' if isinstance(drawn, SettingsMap) else 'Basins'} after {lane}"


def still(drawn: SettingsMap | StartsMap, palette: Palette, ink: Ink = "blocks") -> Cells:
    """Draw the map, two of its rows in a row of the picture, or one where a cell is a character."""
    outcomes = drawn.finish()
    values = quantity(outcomes, "loss" if isinstance(drawn, SettingsMap) else "steps", drawn.surface)
    if isinstance(drawn, SettingsMap):
        picture = _settings(drawn, outcomes, values, palette, ink)
    else:
        picture = _starts(drawn, outcomes, values, palette, ink)
    parts = heat_map.legend_parts(outcomes.states, values)
    width = max(picture.width, SMALLEST_WIDTH)
    legend = heat_map.legend(parts, width, palette, ink=ink, whole=isinstance(drawn, StartsMap))
    title = Cells.blank(width, 1, palette.foreground, palette.background)
    words = caption(drawn)
    words = words if len(words) <= width else f"{words[: width - 1]}…"
    title.put(0, 0, words, palette.foreground, bold=True)
    return stack((title, _widened(picture, width, palette), legend))


def _widened(picture: Cells, width: int, palette: Palette) -> Cells:
    """The picture with blank cells at its right, so that the title and the legend of a small map have room."""
    wide = Cells.blank(width, picture.height, palette.foreground, palette.background)
    for name in ("glyph", "fg", "bg", "bold"):
        getattr(wide, name)[:, : picture.width] = getattr(picture, name)
    return wide


def _ranked(outcomes: Outcomes, values: Array) -> Array:
    """The rank of each cell in its class; of the diverged cells the latest is the best."""
    return heat_map.ranks_in_class(outcomes.states, np.where(outcomes.states == DIVERGED, -outcomes.steps, values))


def _settings(drawn: SettingsMap, outcomes: Outcomes, values: Array, palette: Palette, ink: Ink) -> Cells:
    assert drawn.y is not None
    x, y = drawn.x, drawn.y
    lane = drawn.scenario.lanes[drawn.lane]
    rows, columns = outcomes.states.shape
    marks = []
    at = best(outcomes, "loss", drawn.surface)
    if at is not None:
        marks.append(Mark(at[1] / max(columns - 1, 1), at[0] / max(rows - 1, 1), "★"))
    marks.append(Mark(x.fraction(lane[x.knob.name]), y.fraction(lane[y.knob.name]), palette.lane(drawn.lane)[1]))
    line = [(x.fraction(a), y.fraction(b)) for a, b in stability_line(drawn.scenario, drawn.lane, x, y).tolist()]
    scales = _scale(x), _scale(y)
    height = math.ceil(rows / (2 if ink == "blocks" else 1)) + 1
    left = heat_map.frame(columns + WIDEST_LABELS, height, scales[1]).left
    return heat_map.heat_map(
        Grid(outcomes.states, _ranked(outcomes, values)),
        left + columns,
        height,
        palette,
        *scales,
        marks=marks,
        line=line,
        ink=ink,
    )


def _scale(axis: Axis) -> heat_map.Scale:
    return heat_map.knob_scale(axis.knob, axis.low, axis.high, axis.fraction)


def _starts(drawn: StartsMap, outcomes: Outcomes, values: Array, palette: Palette, ink: Ink) -> Cells:
    """The basins without axes, the rest points that are listed minima marked."""
    numbers, _ = rest_points(outcomes, drawn.surface)
    grid = Grid(outcomes.states, _ranked(outcomes, values))
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
