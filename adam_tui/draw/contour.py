"""The surface as bands of equal loss: where to cut, which band each pixel is in, and the lines between.

A surface's values may span six decades (goldstein-price) or be a narrow valley in a high plain (rosenbrock). Evenly
spaced levels would show a blank there, and logarithmic ones would spoil a plain bowl. So a surface is measured by the
bowl that has the same area below every value: see `choose_levels`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import braille
from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import Palette, band_colors
from adam_tui.draw.viewport import Viewport

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Floats = NDArray[np.float64]

# The share of the area, lowest values first, whose heights tell the power by which the surface rises. The lowest
# few pixels only tell where the grid happens to lie, and the highest may be a spike.
FIT_FROM, FIT_TO = 0.01, 0.985
EXPONENT = (1.0, 12.0)  # even levels at least; at most so steep that 1e300 still leaves a lowest band
HOLE = "╱"


def sample(f: Function, viewport: Viewport) -> Floats:
    """The values (2 H, W) of `f` at the half-block pixels' centres, row 0 at the top; not finite is nan.

    `f` takes points (..., 2) and returns (...).
    """
    x, y = viewport.pixel_centers()
    points = np.empty((len(y), len(x), 2))
    points[..., 0] = x
    points[..., 1] = y[:, None]
    with np.errstate(all="ignore"):
        values = np.array(np.broadcast_to(np.asarray(f(points), np.float64), points.shape[:2]))
    values[~np.isfinite(values)] = np.nan
    return values


def choose_levels(values: Floats, n: int = 16) -> Floats:
    """At most `n` increasing levels that suit the surface in `values` (rows, columns), square pixels.

    None if it is flat or has no value at all. Sort the pixels by value, and beside them by their distance from the
    picture's middle: that is the radius r that a bowl's ring around the same area has. The height above the lowest
    value rises about like r^e; e is fitted, 2 for a bowl, 4 for a straight valley. Then height^(1/e) is even where
    the surface is like that, and keeps flat parts flat; r itself gives every part the bands that its area deserves.
    The levels cut the mean of both evenly: a bowl's rings are equally wide, a thin valley or a basin below high walls
    is seen.
    """
    v = np.sort(values[np.isfinite(values)], axis=None)
    if len(v) < 2 or v[0] == v[-1] or n < 1:
        return np.empty(0)
    scale = max(abs(v[0]), abs(v[-1]))  # differences of values near 1e308 would overflow
    height = v / scale - v[0] / scale
    radius = _radii(values.shape, len(v))
    last = int(FIT_TO * (len(v) - 1))
    if not height[last]:
        last = len(v) - 1  # flat but for a few pixels
    v, height, radius = v[: last + 1], height[: last + 1], radius[: last + 1]
    even = (height / height[last]) ** (1 / _exponent(radius, height)) * radius[last]
    place = (even + radius) / 2
    levels = np.interp(np.linspace(place[0], place[last], n + 2)[1:-1], place, v)
    # Not np.unique, which loads numpy.ma: 16 ms before the first picture.
    rising = np.append(True, levels[1:] > levels[:-1])
    return np.asarray(levels[rising & (levels > v[0]) & (levels <= v[-1])])


def _exponent(radius: Floats, height: Floats) -> float:
    """The e of height ~ radius^e, by least squares of their logarithms, held within `EXPONENT`."""
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
    # half a pixel at least: an odd picture's middle has no distance, nor its logarithm
    return np.asarray(np.maximum(np.interp(share, np.arange(len(radius)), radius), 0.5) / max(radius[-1], 0.5))


def bands(values: Floats, levels: Floats) -> NDArray[np.int64]:
    """The band of each pixel: how many levels are at or below its value; −1 where there is no value."""
    return np.where(np.isnan(values), -1, np.searchsorted(levels, values, side="right"))


def calmed(bands: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bands without the bumps of one pixel that edges have where a level just reaches the middle of a pixel.

    A bump stands on three pixels of its own band, and its other three sides are of one other band. So basins of a few
    pixels, lines one pixel wide and what has no value stay.
    """
    if min(bands.shape) < 2:
        return bands
    calm, around = bands.copy(), np.pad(bands, 1, mode="edge")
    for turns in range(4):
        here, turned = np.rot90(around, turns), np.rot90(calm, turns)  # views: the second is written to
        own, other = here[1:-1, 1:-1], here[:-2, 1:-1]
        foot = (here[2:, :-2] == own) & (here[2:, 1:-1] == own) & (here[2:, 2:] == own)
        bump = foot & (other != own) & (here[1:-1, :-2] == other) & (here[1:-1, 2:] == other)
        np.copyto(turned, other, where=bump & (own >= 0) & (other >= 0))
    return calm


def unrest(bands: NDArray[np.int64]) -> float:
    """The share of pixels whose right-hand neighbour is in another band: near 1 is noise."""
    return float((bands[:, 1:] != bands[:, :-1]).mean()) if bands.shape[1] > 1 else 0.0


def fill(bands: NDArray[np.int64], palette: Palette, count: int | None = None) -> Cells:
    """Paint bands (2 H, W), two pixels a cell: "▀", or a space where both are equal.

    `count` is the number of bands among which the colours are shared out, by default up to the highest here. Holes
    (−1) show the background, hatched where the whole cell is one.
    """
    hole = bands < 0
    if count is None:
        count = int(bands.max(initial=0)) + 1
    color = band_colors(palette, count)[np.maximum(bands, 0)]
    color[hole] = palette.background
    top, low = color[0::2], color[1::2]
    same = (top == low).all(axis=2)
    glyph = np.where(same, ord(" "), ord("▀")).astype(np.uint32)
    fg, empty = top.copy(), hole[0::2] & hole[1::2]
    glyph[empty], fg[empty] = ord(HOLE), palette.border
    return Cells(glyph, fg, low.copy(), np.zeros(glyph.shape, np.bool_))


def iso_lines(values: Floats, levels: Floats, viewport: Viewport) -> NDArray[np.bool_]:
    """The lines of equal value as a dot mask (4 H, 2 W), open where a value is missing.

    Found in the pixel grid by contourpy (marching squares), whose corners are the pixels' centres.
    """
    columns, rows = 2 * viewport.width, 4 * viewport.height
    mask = np.zeros((rows, columns), np.bool_)
    if not len(levels) or min(values.shape) < 2 or np.isnan(values).all():
        return mask
    from contourpy import LineType, contour_generator  # here, so that filled pictures do not pay for it

    # Divided by their size: the interpolation between two values near 1e308 would overflow.
    scale = max(float(np.nanmax(np.abs(values))), np.finfo(float).tiny)
    # pixel i's centre is 2 i + 1 dots from the left; its row likewise from the top
    x, y = np.arange(values.shape[1]) * 2.0 + 1.0, np.arange(values.shape[0]) * 2.0 + 1.0
    found = contour_generator(
        x, y, np.ma.masked_invalid(values / scale), name="serial", line_type=LineType.ChunkCombinedNan
    )
    starts, ends = [], []
    for level in levels:
        points = found.lines(level / scale)[0][0]
        if points is not None:
            starts.append(points[:-1])
            ends.append(points[1:])
    if starts:
        _, row, column = braille.lines(np.concatenate(starts), np.concatenate(ends), columns, rows)
        mask[row, column] = True
    return mask
