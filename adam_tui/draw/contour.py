"""The surface as bands of equal loss: choosing the levels, filling the bands, and finding the level lines.

The values of a surface may span six decades (goldstein-price) or form a narrow valley in a high plain (rosenbrock).
Evenly spaced levels would show an empty picture there, and logarithmic ones would spoil a simple bowl. `choose_levels`
therefore compares the surface with the bowl that has the same area below every value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import braille
from adam_tui.draw.blocks import QUADRANTS, SEXTANTS
from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import Palette, band_colors
from adam_tui.draw.viewport import Viewport

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Floats = NDArray[np.float64]

# The power by which the surface rises is fitted to this share of its area, lowest values first. The lowest few pixels
# depend on the position of the grid, and the highest may be a spike.
FIT_FROM, FIT_TO = 0.01, 0.985
EXPONENT = (1.0, 12.0)  # from even levels to levels so steep that 1e300 still leaves a lowest band
HOLE = "╱"


class _BlockSet:
    """The blocks that `fill` uses, of those that divide a cell into 2 × `rows` parts.

    They are the blank, and all blocks that fill the upper left part, except the full block, which a blank replaces. All
    other blocks are complements of these. `filled` are the parts that each one fills, (N, 2 × rows), `codes` their code
    points, (N,), and `place` the index of a block in both by the sum of its parts, which count 1, 2, 4 and so on.
    """

    def __init__(self, blocks: Mapping[str, tuple[bool, ...]]) -> None:
        used = {block: filled for block, filled in blocks.items() if block == " " or (filled[0] and block != "█")}
        self.filled, self.codes = np.array(list(used.values())), np.array(list(map(ord, used)), np.uint32)
        self.counts = 1 << np.arange(self.filled.shape[1])
        self.place = np.zeros(1 << len(self.counts), np.int64)
        self.place[self.filled @ self.counts] = np.arange(len(self.filled))


_BLOCK_SETS = {2: _BlockSet(QUADRANTS), 3: _BlockSet(SEXTANTS)}  # by the rows of parts in a cell


def sample(f: Function, viewport: Viewport, rows: int = 2) -> Floats:
    """Evaluate `f` at the centres of the pixels, 2 × `rows` in each cell: values (rows H, 2 W), row 0 at the top.

    `f` takes points (..., 2) and returns (...). Values that are not finite become nan.
    """
    x, y = viewport.pixel_centers(rows)
    points = np.empty((len(y), len(x), 2))
    points[..., 0] = x
    points[..., 1] = y[:, None]
    with np.errstate(all="ignore"):
        values = np.array(np.broadcast_to(np.asarray(f(points), np.float64), points.shape[:2]))
    values[~np.isfinite(values)] = np.nan
    return values


def square_pixels(values: Floats) -> Floats:
    """The values (2 H, W) of square pixels: the means of neighbours among the quadrant pixels (2 H, 2 W)."""
    return np.asarray(values[:, 0::2] / 2 + values[:, 1::2] / 2)


def choose_levels(values: Floats, n: int = 16) -> Floats:
    """Choose at most `n` increasing levels that suit `values` (rows, columns), sampled on square pixels.

    The result is empty for a surface that is flat or has no finite value. Sort the pixels by value, and separately by
    their distance from the middle of the picture: the k-th distance is the radius r of the bowl's ring that encloses
    k pixels. The height above the lowest value rises about like r^e; the fitted e is 2 for a bowl and 4 for a straight
    valley. height^(1/e) rises evenly on such a surface and keeps flat parts flat; r gives every part bands according
    to its area. The levels divide the mean of both evenly: the rings of a bowl are equally wide, and a thin valley or
    a basin below high walls is visible.
    """
    v = np.sort(values[np.isfinite(values)], axis=None)
    if len(v) < 2 or v[0] == v[-1] or n < 1:
        return np.empty(0)
    scale = max(abs(v[0]), abs(v[-1]))  # the difference of two values near 1e308 would overflow
    height = v / scale - v[0] / scale
    radius = _radii(values.shape, len(v))
    last = int(FIT_TO * (len(v) - 1))
    if not height[last]:
        last = len(v) - 1  # flat except for a few pixels
    v, height, radius = v[: last + 1], height[: last + 1], radius[: last + 1]
    even = (height / height[last]) ** (1 / _exponent(radius, height)) * radius[last]
    place = (even + radius) / 2
    levels = np.interp(np.linspace(place[0], place[last], n + 2)[1:-1], place, v)
    # np.unique would load numpy.ma: 16 ms before the first picture.
    rising = np.append(True, levels[1:] > levels[:-1])
    return np.asarray(levels[rising & (levels > v[0]) & (levels <= v[-1])])


def _exponent(radius: Floats, height: Floats) -> float:
    """Fit e in height ~ radius^e by least squares of the logarithms, limited to the range `EXPONENT`."""
    first = int(FIT_FROM * len(height))
    risen = height[first:] > 0
    x, y = np.log(radius[first:][risen]), np.log(height[first:][risen])
    spread = x - x.mean() if len(x) else x
    weight = float(spread @ spread)
    slope = float(spread @ y) / weight if weight > 0 else 1.0
    return min(max(slope, EXPONENT[0]), EXPONENT[1])


def _radii(shape: tuple[int, ...], count: int) -> Floats:
    """The sorted distances of the pixels from the middle, as shares of the largest, resampled to `count`."""
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in shape)
    radius = np.sort(np.hypot(rows[:, None], columns), axis=None)
    share = (np.arange(count) + 0.5) / count * len(radius) - 0.5
    # At least half a pixel: the middle pixel of an odd picture has distance 0, and so no logarithm.
    return np.asarray(np.maximum(np.interp(share, np.arange(len(radius)), radius), 0.5) / max(radius[-1], 0.5))


def bands(values: Floats, levels: Floats) -> NDArray[np.int64]:
    """The band of each pixel: the number of levels at or below its value; −1 for nan."""
    return np.where(np.isnan(values), -1, np.searchsorted(levels, values, side="right"))


def smooth_edges(bands: NDArray[np.int64], widest: int = 2) -> NDArray[np.int64]:
    """Remove bumps of a square pixel, which appear on an edge where a level barely reaches the centre of a pixel.

    A bump has pixels of its own band on one side, one more at either end, and one other band on the other three sides.
    It is one pixel high, or up to `widest` pixels wide: two, because quadrant pixels are half as wide as they are high.
    Thus basins of a few pixels, thin lines and holes stay.
    """
    if min(bands.shape) < 4:
        return bands
    smooth, padded = bands.copy(), np.pad(bands, 1, mode="edge")
    for turns in range(4):
        rotated, target = np.rot90(padded, turns), np.rot90(smooth, turns)  # views: the second is written to
        for width in range(1, widest + 1) if turns % 2 == 0 else (1,):
            _flatten_bumps(rotated, target, width)
    return smooth


def _flatten_bumps(padded: NDArray[np.int64], target: NDArray[np.int64], width: int) -> None:
    """Give bumps of `width` pixels that stick out upwards the band above them. `padded` has a border of one pixel."""
    rows, columns = target.shape
    first = columns - width + 1  # the number of places where a bump may begin

    def pixels(down: int, right: int) -> NDArray[np.int64]:
        return padded[1 + down : 1 + down + rows, 1 + right : 1 + right + first]

    own, above = pixels(0, 0), pixels(-1, 0)
    bump = (above != own) & (own >= 0) & (above >= 0) & (pixels(0, -1) == above) & (pixels(0, width) == above)
    for right in range(-1, width + 1):
        bump &= pixels(1, right) == own
    for right in range(1, width):
        bump &= (pixels(0, right) == own) & (pixels(-1, right) == above)
    for right in range(width):
        part = target[:, right : right + first]
        np.copyto(part, above, where=bump)


def noisiness(bands: NDArray[np.int64]) -> float:
    """The share of pixels whose right-hand neighbour is in another band; near 1 for noise."""
    return float((bands[:, 1:] != bands[:, :-1]).mean()) if bands.shape[1] > 1 else 0.0


def fill(bands: NDArray[np.int64], palette: Palette, count: int | None = None, rows: int = 2) -> Cells:
    """Paint bands (rows H, 2 W), the 2 × `rows` parts of each cell: a block such as "▛", or a space if all are equal.

    A cell has two colours. Where its parts lie in more than two bands, the lower bands share one colour, that of their
    mean, and the higher bands the other one. The foreground is the colour of the upper left part. `count` is the number
    of bands that share the palette's range of colours, by default up to the highest in `bands`. Holes (−1) show the
    background; a cell that is a hole entirely is hatched.
    """
    if count is None:
        count = int(bands.max(initial=0)) + 1
    blocks = _BLOCK_SETS[rows]
    height, width = bands.shape[0] // rows, bands.shape[1] // 2
    parts = bands.reshape(height, rows, width, 2).swapaxes(1, 2).reshape(height, width, 2 * rows)
    low, high = parts.min(axis=2), parts.max(axis=2)
    with_hole = low < 0
    # Twice the middle between the lowest and the highest band; of a cell with a hole, between the hole and the rest.
    middle = np.where(with_hole, -1, low + high)
    upper = 2 * parts > middle[..., None]
    first = upper[..., :1] == upper  # the parts with the colour of the upper left one
    color = np.concatenate([band_colors(palette, count), np.array([palette.background], np.uint8)])  # -1 is a hole
    fg, bg = color[_mean_band(parts, first)], color[_mean_band(parts, ~first)]
    glyph = blocks.codes[blocks.place[first @ blocks.counts]]
    same = first.all(axis=2)
    bg[same] = fg[same]
    empty = high < 0
    glyph[empty], fg[empty] = ord(HOLE), palette.border
    return Cells(glyph, fg, bg, np.zeros(glyph.shape, np.bool_))


def quadrant_colors(cells: Cells) -> NDArray[np.uint8]:
    """The colours (H, W, 4, 3) of the quadrants of cells that `fill` painted; those of a hole are the background."""
    blocks = _BLOCK_SETS[2]
    inked = blocks.filled[(cells.glyph[..., None] == blocks.codes).argmax(axis=2)]  # a hole is like a blank, the first
    return np.where(inked[..., None], cells.fg[..., None, :], cells.bg[..., None, :])


def _mean_band(parts: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The mean band (H, W) of the chosen parts, (H, W, N) each, rounded; 0 where none is chosen."""
    total, number = (parts * chosen).sum(axis=2), np.maximum(chosen.sum(axis=2), 1)
    return np.asarray((2 * total + number) // (2 * number))


def iso_lines(values: Floats, levels: Floats, viewport: Viewport) -> NDArray[np.bool_]:
    """The level lines as a dot mask (4 H, 2 W); they end at pixels without a value.

    contourpy finds them by marching squares on the grid of pixel centres.
    """
    columns, rows = 2 * viewport.width, 4 * viewport.height
    mask = np.zeros((rows, columns), np.bool_)
    if not len(levels) or min(values.shape) < 2 or np.isnan(values).all():
        return mask
    from contourpy import LineType, contour_generator  # imported here: filled pictures do not need it

    # Divided by the largest: the interpolation between two values near 1e308 would overflow.
    scale = max(float(np.nanmax(np.abs(values))), np.finfo(float).tiny)
    # A quadrant pixel is one dot wide and two dots high.
    x, y = np.arange(values.shape[1]) + 0.5, np.arange(values.shape[0]) * 2.0 + 1.0
    generator = contour_generator(
        x, y, np.ma.masked_invalid(values / scale), name="serial", line_type=LineType.ChunkCombinedNan
    )
    starts, ends = [], []
    for level in levels:
        points = generator.lines(level / scale)[0][0]
        if points is not None:
            starts.append(points[:-1])
            ends.append(points[1:])
    if starts:
        _, row, column = braille.lines(np.concatenate(starts), np.concatenate(ends), columns, rows)
        mask[row, column] = True
    return mask
