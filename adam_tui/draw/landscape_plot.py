"""The loss landscape of a network: the playground's contour, with the steps of real paths as dots.

A dot's colour is its step's own loss on the scale of the contour, in a cell of the path's colour. Where the plane shows
the truth, dot and contour around it have the same colour. A hollow dot is of a step that lies far off the plane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import contour, contour_plot, plot_axes
from adam_tui.draw.cells import Cells, stack
from adam_tui.draw.contour_plot import PathView
from adam_tui.draw.palette import Palette, band_colors
from adam_tui.draw.viewport import CELL_ASPECT

DOT, HOLLOW = "●", "○"
FILL: Literal["filled"] = "filled"
FEWEST_ROWS = 4  # of the plot itself

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A path on the plane: places (T, 2), losses (T,) with nan where they are unknown, and which steps are hollow."""

    name: str
    places: Floats
    losses: Floats
    hollow: NDArray[np.bool_]


def landscape(
    value_at: contour.Function,
    bounds: tuple[float, float, float, float],
    tracks: Sequence[Track],
    width: int,
    height: int,
    palette: Palette,
    selected: int | None = None,
) -> Cells:
    """Draw the plane with its axes on `width` × `height` cells; the steps up to number `selected` only, if given.

    `value_at` maps points (…, 2) to losses (…), nan where none is computed. A path's first step is the farthest back,
    its last one carries the path's marker.
    """
    back = contour_plot.backdrop(value_at, bounds, width, height, palette, FILL)
    views = []
    for number, track in enumerate(tracks):
        color, marker = palette.lane(number)
        last = len(track.places) - 1 if selected is None else min(selected, len(track.places) - 1)
        views.append(PathView(track.places, color, marker, last, selected=not number))
    cells = contour_plot.compose(back, views)
    colors = band_colors(palette, len(back.levels) + 1)
    heads = {back.viewport.to_cell(view.positions[view.step]) for view in views}
    top, left = back.plot_offset
    for track, view in zip(tracks, views, strict=True):
        bands = contour.bands(track.losses, back.levels)
        for step in range(view.step):
            place = back.viewport.to_cell(track.places[step])
            if place is None or place in heads or bands[step] < 0:
                continue
            r, g, b = colors[bands[step]].tolist()
            glyph = HOLLOW if track.hollow[step] else DOT
            cells.put(top + place[0], left + place[1], glyph, (r, g, b), bg=view.color, bold=True)
    return cells


def still(
    value_at: contour.Function,
    bounds: tuple[float, float, float, float],
    tracks: Sequence[Track],
    title: str,
    caption: Sequence[str],
    width: int,
    height: int,
    palette: Palette,
) -> Cells:
    """The landscape with its title above, the names of the paths and the caption below."""
    legend = Cells.blank(width, 1, palette.foreground, palette.background)
    column = 1
    for number, track in enumerate(tracks):
        color, marker = palette.lane(number)
        if column + len(track.name) + 2 > width:
            break
        legend.put(0, column, f"{marker} {track.name}", color, bold=True)
        column += len(track.name) + 5
    below = [line for text in caption for line in wrapped(text, width - 2)]
    a_min, a_max, b_min, b_max = bounds
    # No higher than the plane is at this width: beyond it there is no loss to show.
    fitting = math.ceil((width - plot_axes.LEFT_MARGIN) * (b_max - b_min) / (a_max - a_min) / CELL_ASPECT)
    fitting += plot_axes.BOTTOM_MARGIN + (width >= plot_axes.SCALE_FROM[0] and height >= plot_axes.SCALE_FROM[1])
    rows = max(min(height - 2 - len(below), fitting), FEWEST_ROWS)
    plot = landscape(value_at, bounds, tracks, width, rows, palette)
    return stack((_line(title, width, palette, bold=True), plot, legend, *(_line(t, width, palette) for t in below)))


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters, broken between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _line(text: str, width: int, palette: Palette, *, bold: bool = False) -> Cells:
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    cells.put(0, 1, text if len(text) <= width - 2 else f"{text[: max(width - 3, 0)]}…", palette.foreground, bold=bold)
    return cells
