"""The picture of a finished map, for `map` and `basins` in the formats svg and text: title, map with axes, legend."""

from __future__ import annotations

import math

import numpy as np

from adam_tui.draw import heat_map
from adam_tui.draw.cells import Cells, stack
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
    stability_line,
)

WIDEST_LABELS = 12
MARGIN = 1


def caption(drawn: SettingsMap | StartsMap) -> str:
    """One line: what the map shows, of which lane, on which surface."""
    scenario, surface = drawn.scenario, drawn.surface
    lane = f"{scenario.lanes[drawn.lane].optimizer} on {surface.title}, {scenario.steps:,} steps"
    if isinstance(drawn, StartsMap):
        return f"Where {lane} end"
    return f"Loss after {lane}"


def still(drawn: SettingsMap, palette: Palette, ink: Ink = "blocks") -> Cells:
    """Draw the map, two of its rows in a row of the picture, or one where a cell is a character."""
    outcomes = drawn.finish()
    values = quantity(outcomes, "loss", drawn.surface)
    picture = _settings(drawn, outcomes, values, palette, ink)
    parts = heat_map.legend_parts(outcomes.states, values)
    legend = heat_map.legend(parts, picture.width, palette, ink=ink)
    title = Cells.blank(picture.width, 1, palette.foreground, palette.background)
    title.put(0, 0, caption(drawn)[: picture.width], palette.foreground, bold=True)
    return stack((title, picture, legend))


def _ranked(outcomes: Outcomes, values: np.ndarray) -> np.ndarray:
    """The rank of each cell in its class; of the diverged cells the latest is the best."""
    return heat_map.ranks_in_class(outcomes.states, np.where(outcomes.states == DIVERGED, -outcomes.steps, values))


def _settings(drawn: SettingsMap, outcomes: Outcomes, values: np.ndarray, palette: Palette, ink: Ink) -> Cells:
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
