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
from adam_tui.draw.contour_plot import Backdrop, PathView
from adam_tui.draw.palette import Palette, band_colors
from adam_tui.draw.viewport import CELL_ASPECT

DOT, HOLLOW = "●", "○"
FILL: Literal["filled"] = "filled"
FEWEST_ROWS = 4  # of the plot itself

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A path on the plane: places (T, 2), losses (T,) with nan where they are unknown, and which steps are hollow.

    It is drawn up to the step number `last`, by default its last one. `slot` is the number of its colour and marker;
    `selected` paths lie above the others.
    """

    name: str
    places: Floats
    losses: Floats
    hollow: NDArray[np.bool_]
    slot: int = 0
    last: int | None = None
    selected: bool = True

    @property
    def head(self) -> int:
        """The number of the step at which the path ends in the picture."""
        end = len(self.places) - 1
        return end if self.last is None else min(self.last, end)


def landscape(
    value_at: contour.Function,
    bounds: tuple[float, float, float, float],
    tracks: Sequence[Track],
    width: int,
    height: int,
    palette: Palette,
) -> Cells:
    """Draw the plane with its axes and the paths on `width` × `height` cells.

    `value_at` maps points (…, 2) to losses (…), nan where none is computed.
    """
    return with_tracks(contour_plot.backdrop(value_at, bounds, width, height, palette, FILL), tracks)


def with_tracks(back: Backdrop, tracks: Sequence[Track], crosshair: tuple[float, float] | None = None) -> Cells:
    """The plane with the paths on it. A path's first step is the farthest back, its last one is the path's marker."""
    palette = back.palette
    views = [
        PathView(
            track.places, *palette.lane(track.slot), track.head, selected=track.selected, dimmed=not track.selected
        )
        for track in tracks
    ]
    cells = contour_plot.compose(back, views, crosshair=crosshair)
    colors = band_colors(palette, len(back.levels) + 1)
    taken = {back.viewport.to_cell(view.positions[view.step]) for view in views}
    taken |= {back.viewport.to_cell(crosshair)} if crosshair is not None else set()
    top, left = back.plot_offset
    for track, view in zip(tracks, views, strict=True):
        bands = contour.bands(track.losses, back.levels)
        for step in range(view.step):
            place = back.viewport.to_cell(track.places[step])
            if place is None or place in taken or bands[step] < 0:
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
    for track in tracks:
        color, marker = palette.lane(track.slot)
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
