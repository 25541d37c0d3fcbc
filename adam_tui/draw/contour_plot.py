"""The contour plot: a backdrop with the surface and the axes, and the paths, markers and arrows above it.

`backdrop` evaluates the surface, fills its bands and draws the axes: some milliseconds, once for each view. `compose`
draws paths, markers and arrows over a copy of it: well under a millisecond for each path, once for each frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adam_tui.draw import braille, contour, plot_axes
from adam_tui.draw.blocks import Blocks
from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette, band_colors
from adam_tui.draw.path import LARGEST, PathRaster, limit_size
from adam_tui.draw.viewport import CELL_ASPECT, Viewport

Fill = Literal["filled", "lines", "both"]
START = "○"
MINIMUM = "✛"
# The marker of a path whose end is outside the plot, by the side on which it is.
OUTSIDE = {"left": "◂", "right": "▸", "top": "▴", "bottom": "▾"}
# How much of the lane's colour is in its ghost's, and in a dimmed path's; the rest is the band behind it.
GHOST_SHARE, DIMMED_SHARE = 0.55, 0.7
# How much of the palette's `iso` is in the colour of a level line; the rest is its band.
LINE_ON_BAND, LINE_ALONE = 0.16, 0.42
LEVELS = (6, 10)  # fewer show no shape; more differ too little to be visible as rings
SEXTANT_ROWS = 3  # of a cell's parts
PIXELS_PER_LEVEL = 4.5  # along the shorter side
NOISY = 0.5  # if a larger share of neighbouring pixels differ, fewer levels show more
RASTERS_KEPT = 36  # 16 lanes with a ghost each, and some more
STEPS_AHEAD = 4096  # paths are rasterized in multiples of so many steps, and not a few in every frame
NEWEST_DOTS = 24  # of every path, drawn over what is older: about ten cells behind its head
SELECTED_SHARE = 0.5  # of the cells in which several paths pass
HEADS = "→↗↑↖←↙↓↘"  # of arrows, by eighths of a turn from the right


@dataclass(frozen=True, eq=False)
class PathView:
    """One lane's path, positions (T + 1, 2), drawn up to `step`. A ghost is drawn faint and without a head.

    A `dimmed` path is nearer to the surface's colours than a selected one; its head keeps the lane's colour.

    The positions must not be changed in place, because their dots are cached from frame to frame. A path may grow: a
    longer slice of the same memory continues it.
    """

    positions: NDArray[np.float64]
    color: Color
    marker: str
    step: int
    selected: bool = False
    ghost: bool = False
    dimmed: bool = False
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class Arrow:
    """A vector from `origin` to `tip`, both (2,) in the surface's coordinates."""

    origin: ArrayLike
    tip: ArrayLike
    color: Color


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The static part of a picture for one view: the surface, its minima and the axes.

    `cells` is the whole rectangle, `plot_offset` the (row, column) of the plot's top left cell in it, `viewport` the
    part of the plane that the plot shows. `minima` are the cells of the plot, (row, column), that contain a minimum.
    """

    viewport: Viewport
    cells: Cells
    plot_offset: tuple[int, int]
    levels: NDArray[np.float64]
    palette: Palette
    minima: tuple[tuple[int, int], ...]
    _quadrants: NDArray[np.uint8]  # (H, W, 4, 3): the colours of the cells' quadrants
    _rasters: dict[tuple[object, ...], tuple[NDArray[np.float64], PathRaster]] = field(default_factory=dict)

    def point(self, row: int, column: int) -> tuple[float, float] | None:
        """The point in the middle of a cell of the whole rectangle, None outside the plot. For the mouse."""
        r, c = row - self.plot_offset[0], column - self.plot_offset[1]
        inside = 0 <= r < self.viewport.height and 0 <= c < self.viewport.width
        return self.viewport.from_cell(r, c) if inside else None

    def raster(self, path: PathView, limit: int | None = None) -> PathRaster:
        """The path's dots in this view up to its step, cached for the `RASTERS_KEPT` paths used last.

        `limit` is the largest number of positions to rasterize now; the raster may then end before the step.
        """
        # The key is the array's memory, because a lane's slice of a trajectory is a new object in every frame.
        # The array is cached beside its dots, so that no other array can occupy its memory.
        positions = path.positions
        interface = positions.__array_interface__
        key = (interface["data"][0], positions.strides, interface["typestr"])
        _, raster = self._rasters.pop(key, None) or (None, PathRaster(self.viewport))
        count = min(len(positions), (path.step // STEPS_AHEAD + 1) * STEPS_AHEAD)
        raster.extend(positions, count if limit is None else min(count, raster.end + 1 + limit))
        if len(self._rasters) >= RASTERS_KEPT:
            del self._rasters[next(iter(self._rasters))]
        self._rasters[key] = positions, raster  # last in the order of use
        return raster

    def rasterize(self, paths: Sequence[PathView], limit: int) -> bool:
        """Rasterize at most `limit` further positions of the paths, and return whether all are up to their steps."""
        for path in paths:
            before = self.raster(path, 0).end
            raster = self.raster(path, limit)
            limit -= raster.end - before
            if not raster.ended and raster.end < min(path.step, len(path.positions) - 1):
                return False
        return True


def backdrop(
    f: contour.Function,
    view: tuple[float, float, float, float] | Viewport,
    width: int,
    height: int,
    palette: Palette,
    fill: Fill = "filled",
    minima: ArrayLike = (),
    axes: bool = True,
    center_in_cell: bool = False,
    cell_aspect: float = CELL_ASPECT,
    blocks: Blocks = "quadrants",
) -> Backdrop:
    """Draw the surface `f` (points (..., 2) to values (...)) on `width` × `height` cells, axes included.

    A large plot with axes has a scale of colours in its last row.

    `view` is the region that must be visible, as (x_min, x_max, y_min, y_max) or as a viewport that was zoomed or
    panned; the plot widens it until circles are round. `minima` are points (M, 2) to mark. `center_in_cell`
    and `cell_aspect` as in `Viewport.fit`. `blocks` are the blocks that the edges of the bands are drawn with.
    """
    viewport, offset, scale = plot_area(view, width, height, axes, center_in_cell, cell_aspect)
    values = contour.sample(f, viewport)
    levels, bands = _bands(values, viewport)
    if blocks == "halves":
        squares = contour.bands(contour.square_pixels(values), levels)
        bands = contour.smooth_edges(squares, widest=1).repeat(2, axis=1)
    plot = contour.fill(bands, palette, len(levels) + 1)
    quadrants = contour.quadrant_colors(plot)  # under dots and markers, also of a plot in sextants
    band = _mean(quadrants)
    if fill == "lines":
        plot.glyph[plot.glyph != ord(contour.HOLE)] = ord(" ")
        plot.bg[:] = palette.background
        quadrants[:] = palette.background
    elif blocks == "sextants":
        bands = contour.bands(contour.sample(f, viewport, SEXTANT_ROWS), levels)
        plot = contour.fill(contour.smooth_edges(bands, widest=1), palette, len(levels) + 1, SEXTANT_ROWS)
    if fill != "filled":
        color = _blend(band, palette.iso, LINE_ALONE if fill == "lines" else LINE_ON_BAND)
        _draw_lines(plot, contour.iso_lines(values, levels, viewport), color, _mean(quadrants))
    cells = Cells.blank(width, height, palette.faint, palette.background)
    rows, columns = _region(viewport, offset)
    for name in ("glyph", "fg", "bg", "bold"):
        getattr(cells, name)[rows, columns] = getattr(plot, name)
    if offset != (0, 0):
        plot_axes.draw_axes(cells, viewport, offset, palette)
    if scale:
        plot_axes.draw_scale(cells, height - 1, offset[1], levels, band_colors(palette, len(levels) + 1), palette)
    places = (viewport.to_cell(point) for point in np.asarray(minima, np.float64).reshape(-1, 2))
    result = Backdrop(
        viewport=viewport,
        cells=cells,
        plot_offset=offset,
        levels=levels,
        palette=palette,
        minima=tuple(place for place in places if place is not None),
        _quadrants=quadrants,
    )
    _mark_minima(result, cells)
    return result


def plot_area(
    view: tuple[float, float, float, float] | Viewport,
    width: int,
    height: int,
    axes: bool = True,
    center_in_cell: bool = False,
    cell_aspect: float = CELL_ASPECT,
) -> tuple[Viewport, tuple[int, int], bool]:
    """The part of the plane that `backdrop` shows, the (row, column) of its top left cell, and whether it has a scale.

    It costs no evaluation of the surface.
    """
    fit = partial(
        Viewport.fit,
        view.bounds if isinstance(view, Viewport) else view,
        cell_aspect=cell_aspect,
        center_in_cell=center_in_cell,
    )
    scale = axes and width >= plot_axes.SCALE_FROM[0] and height >= plot_axes.SCALE_FROM[1]
    return (*_layout(fit, width, height - scale, axes), scale)


def repaint(back: Backdrop, picture: Cells) -> Backdrop:
    """The backdrop with a picture of the plot's size in place of the bands; its level lines stay, the scale does not.

    The picture consists of blanks, half blocks and single characters.
    """
    cells, quadrants = back.cells.copy(), contour.quadrant_colors(picture)
    rows, columns = _region(back.viewport, back.plot_offset)
    old = cells.glyph[rows, columns]
    lines = (old > braille.BLANK) & (old <= braille.BLANK + 0xFF)
    behind = _mean(quadrants)
    for name in ("glyph", "fg", "bg", "bold"):
        part, new = getattr(cells, name)[rows, columns], getattr(picture, name)
        part[~lines] = new[~lines]
    cells.bg[rows, columns][lines] = behind[lines]
    cells.fg[rows, columns][lines] = _blend(behind[lines], back.palette.iso, LINE_ALONE)
    below = rows.stop + plot_axes.BOTTOM_MARGIN  # the scale shows the colours of the bands
    cells.glyph[below:], cells.bg[below:] = ord(" "), back.palette.background
    result = replace(back, cells=cells, _quadrants=quadrants)
    _mark_minima(result, cells)
    return result


def compose(
    backdrop: Backdrop,
    paths: Sequence[PathView],
    start: tuple[float, float] | None = None,
    crosshair: tuple[float, float] | None = None,
    arrows: Sequence[Arrow] = (),
    limit: int | None = None,
) -> Cells:
    """Draw one frame: the backdrop, then ghosts, paths, arrows, minima, start, heads and crosshair on top.

    A cell shows the dots of one lane. Where several pass, they take turns along the way, the selected one most often;
    the newest part of each lane lies above the older parts of all.

    `limit` is the largest number of positions to rasterize for this frame; the other ones are left out (see
    `Backdrop.rasterize`).
    """
    if limit is not None:
        backdrop.rasterize(paths, limit)
        limit = 0
    cells = backdrop.cells.copy()
    ordered = sorted(paths, key=lambda path: (not path.ghost, path.selected))
    for ghost in (True, False):
        _draw_paths(cells, backdrop, [path for path in ordered if path.ghost == ghost], ghost, limit)
    for arrow in arrows:
        _draw_arrow(cells, backdrop, arrow)
    _mark_minima(backdrop, cells)
    if start is not None and (place := backdrop.viewport.to_cell(start)) is not None:
        _put_marker(cells, backdrop, place, START, backdrop.palette.foreground, bold=True)
    for path in ordered:
        if not path.ghost:
            _draw_head(cells, backdrop, path, limit)
    if crosshair is not None:
        _draw_crosshair(cells, backdrop, crosshair)
    return cells


def _layout(
    fit: Callable[[int, int], Viewport], width: int, height: int, axes: bool
) -> tuple[Viewport, tuple[int, int]]:
    """The view, fitted to the cells that the axes leave, and the (row, column) of the plot's top left cell."""
    if not axes or width < plot_axes.SMALLEST[0] or height < plot_axes.SMALLEST[1]:
        return fit(width, height), (0, 0)
    left, most = plot_axes.LEFT_MARGIN, width // 2
    while True:  # A longer label narrows the plot, which may change the labels again. A few rounds are enough.
        viewport = fit(width - left, height - plot_axes.BOTTOM_MARGIN)
        needed = min(plot_axes.margin(plot_axes.y_ticks(viewport)), most)
        if needed <= left:
            return viewport, (0, left)
        left = needed


def _bands(values: NDArray[np.float64], viewport: Viewport) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The levels and the bands of the pixels: as many levels as fit, fewer if the bands look like noise."""
    shorter = min(viewport.width, 2 * viewport.height)
    count = int(min(max(shorter / PIXELS_PER_LEVEL, LEVELS[0]), LEVELS[1]))
    squares = contour.square_pixels(values)
    while True:
        levels = contour.choose_levels(squares, count)
        bands = contour.smooth_edges(contour.bands(values, levels))
        if count == LEVELS[0] or contour.noisiness(bands[:, 0::2]) <= NOISY:
            return levels, bands
        count -= 1


def _region(viewport: Viewport, offset: tuple[int, int]) -> tuple[slice, slice]:
    return slice(offset[0], offset[0] + viewport.height), slice(offset[1], offset[1] + viewport.width)


def _mean(quadrants: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean colour (..., 3) of the quadrants (..., 4, 3) of cells."""
    return np.asarray((quadrants.sum(axis=-2, dtype=np.uint16) + 2) // 4, np.uint8)


def _blend(a: NDArray[np.uint8], color: Color, share: float) -> NDArray[np.uint8]:
    return np.rint((1 - share) * a + share * np.array(color)).astype(np.uint8)


def _draw_lines(plot: Cells, mask: NDArray[np.bool_], color: NDArray[np.uint8], behind: NDArray[np.uint8]) -> None:
    bits = braille.pack(mask)
    drawn = bits != 0
    plot.glyph[drawn], plot.fg[drawn], plot.bg[drawn] = braille.glyphs(bits[drawn]), color[drawn], behind[drawn]


def _put_marker(
    cells: Cells, backdrop: Backdrop, place: tuple[int, int], glyph: str, color: Color, *, bold: bool = False
) -> None:
    """Write one glyph into a cell of the plot; the background is the mean colour of the surface there."""
    row, column = backdrop.plot_offset[0] + place[0], backdrop.plot_offset[1] + place[1]
    r, g, b = _mean(backdrop._quadrants[place]).tolist()
    cells.put(row, column, glyph, color, bg=(r, g, b), bold=bold)


def _mark_minima(backdrop: Backdrop, cells: Cells) -> None:
    for place in backdrop.minima:
        _put_marker(cells, backdrop, place, MINIMUM, backdrop.palette.foreground, bold=True)


def _draw_paths(cells: Cells, backdrop: Backdrop, paths: Sequence[PathView], ghost: bool, limit: int | None) -> None:
    if not paths:
        return
    shape = backdrop.viewport.height, backdrop.viewport.width
    bits, color = np.zeros(shape, np.uint8), np.empty((*shape, 3), np.uint8)
    share = np.ones(shape)
    best, newest = np.zeros((2, *shape), np.int16)  # the highest claim to each cell, and what the newest cells add
    for place, path in enumerate(paths):
        raster, step = backdrop.raster(path, limit), min(path.step, len(path.positions) - 1)
        rows, columns, dots = raster.upto(step, dashed=path.dashed)
        if len(paths) > 1:
            newest[:] = 0
            newest.ravel()[raster.newest(step, NEWEST_DOTS)] = len(paths)
            claim = (_claims(*shape, place, len(paths), path.selected) + newest)[rows, columns]
            wins = claim >= best[rows, columns]
            rows, columns, dots = rows[wins], columns[wins], dots[wins]
            best[rows, columns] = claim[wins]
        bits[rows, columns], color[rows, columns] = dots, path.color
        share[rows, columns] = GHOST_SHARE if path.ghost else DIMMED_SHARE if path.dimmed else 1.0
    _overlay_dots(cells, backdrop, bits, color, share)


@lru_cache(maxsize=64)
def _claims(height: int, width: int, place: int, count: int, selected: bool) -> NDArray[np.int16]:
    """The claims (H, W), 0 to `count`, of the path at `place` among `count` paths to the cells.

    The selected path claims SELECTED_SHARE of the dashes most of all, and the others least of all; there the other
    paths take turns. A dash is a square of two columns and one row. Its number, 0 to 1, is quasi-random in both
    directions (Roberts's R2 sequence), so that paths take turns along every direction, and in the same way each time.
    """
    number = (np.arange(width) // 2 * 0.7548776662466927 + np.arange(height)[:, None] * 0.5698402909980532) % 1.0
    if selected:
        return np.where(number < SELECTED_SHARE, count, 0).astype(np.int16)
    others = max(count - 1, 1)
    turn = np.floor((number - SELECTED_SHARE) / (1 - SELECTED_SHARE) * others)
    return (1 + (place + turn) % others).astype(np.int16)


def _overlay_dots(
    cells: Cells,
    backdrop: Backdrop,
    bits: NDArray[np.uint8],
    color: NDArray[np.uint8],
    share: NDArray[np.float64] | None = None,
) -> None:
    """Draw dots over the plot. The background of a cell is the band of the quadrant that holds most of its dots.

    `share`, (H, W), is the share of `color` in the dots of each cell; the rest is the background. None: all of it.
    """
    rows, columns = np.nonzero(bits)
    dots = bits[rows, columns]
    weights, quadrants = braille.quadrant_weights(dots), backdrop._quadrants[rows, columns]
    behind = np.rint((weights[..., None] * quadrants).sum(axis=1)).astype(np.uint8)
    fg = color[rows, columns]
    if share is not None:
        ink = share[rows, columns][:, None]
        fg = np.rint(ink * fg + (1 - ink) * behind).astype(np.uint8)
    at = rows + backdrop.plot_offset[0], columns + backdrop.plot_offset[1]
    cells.glyph[at] = braille.glyphs(dots)
    cells.fg[at], cells.bg[at], cells.bold[at] = fg, behind, False


def _draw_arrow(cells: Cells, backdrop: Backdrop, arrow: Arrow) -> None:
    """Draw a shaft of dots and a head, a glyph in the cell of the tip. An arrow within one cell shows nothing."""
    viewport, ends = backdrop.viewport, np.array([arrow.origin, arrow.tip], np.float64)
    if not np.isfinite(ends).all():
        return
    origin, tip = viewport.to_dots(limit_size(ends))
    _, row, column = braille.lines(origin[None], tip[None], 2 * viewport.width, 4 * viewport.height)
    mask = np.zeros((4 * viewport.height, 2 * viewport.width), np.bool_)
    mask[row, column] = True
    bits = braille.pack(mask)  # replaces the dots of a path in the same cells, so that the arrow stays visible
    color = np.broadcast_to(np.array(arrow.color, np.uint8), (*bits.shape, 3))
    _overlay_dots(cells, backdrop, bits, color)
    place = viewport.to_cell(arrow.tip)
    if place is not None and place != viewport.to_cell(arrow.origin):
        across, down = tip - origin
        eighth = round(np.arctan2(-down, across) / (np.pi / 4)) % len(HEADS)
        _put_marker(cells, backdrop, place, HEADS[eighth], arrow.color, bold=True)


def _draw_head(cells: Cells, backdrop: Backdrop, path: PathView, limit: int | None) -> None:
    viewport, raster = backdrop.viewport, backdrop.raster(path, limit)
    step = min(path.step, len(path.positions) - 1, raster.end if raster.ended else path.step)
    if step < 0 or not np.isfinite(path.positions[step]).all():
        return
    place = viewport.to_cell(path.positions[step])
    if place is not None:
        _put_marker(cells, backdrop, place, path.marker, path.color, bold=True)
        return
    size = np.array([2 * viewport.width, 4 * viewport.height])
    dots = viewport.to_dots(np.clip(path.positions[step], -LARGEST, LARGEST))
    excess = np.maximum(-dots, dots - size)  # the distance from the plot, across and down
    side = ("left" if dots[0] < 0 else "right") if excess[0] >= excess[1] else ("top" if dots[1] < 0 else "bottom")
    column, row = np.clip(dots, 0, size - 1).astype(int) // (2, 4)
    _put_marker(cells, backdrop, (int(row), int(column)), OUTSIDE[side], path.color, bold=True)


def _draw_crosshair(cells: Cells, backdrop: Backdrop, point: tuple[float, float]) -> None:
    place = backdrop.viewport.to_cell(point)
    if place is None:
        return
    row, column = place
    arms = [(0, -2, "─"), (0, -1, "─"), (0, 1, "─"), (0, 2, "─"), (-1, 0, "│"), (1, 0, "│"), (0, 0, "┼")]
    for down, right, glyph in arms:
        r, c = row + down, column + right
        if 0 <= r < backdrop.viewport.height and 0 <= c < backdrop.viewport.width:
            _put_marker(cells, backdrop, (r, c), glyph, backdrop.palette.accent, bold=True)
