"""Pictures of MNIST digits in half blocks: one cell holds two square pixels, one above the other.

They must stay recognizable in a strip below a chart, 10 × 10 pixels each. So the empty border goes first, then pixels
are averaged by area, and the contrast that averaging takes from thin strokes is put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color

Image = NDArray[np.uint8] | NDArray[np.float64]
Floats = NDArray[np.float64]

UPPER_HALF = ord("▀")
# MNIST fits every digit into a box of 20 × 20 and then pads it to 28 × 28 (README of the data set).
FULL_SIDE, BOX_SIDE = 28, 20
# Pixels across a digit. Between 20 and 28 it would have to be blown up; below 10 a 5 and an 8 look alike.
SIDES = (FULL_SIDE, 20, 18, 16, 14, 12, 10)
SMALLER_SIDES = (8, 6, 4, 2)  # only where there is no room for a single larger digit
WIDEST_GAP = 2
# The strongest stroke of a picture becomes full ink, unless it is weaker than this: then there is hardly a digit.
FAINTEST_STROKE = 0.25
GAMMA = 0.8  # below 1: grey edges of a stroke come nearer to its ink


@dataclass(frozen=True)
class DigitStyle:
    """The colours of strokes, of the paper under them, and of the gaps between pictures."""

    ink: Color = (240, 240, 240)
    paper: Color = (0, 0, 0)
    background: Color = (0, 0, 0)


def digits(images: Image, side: int, style: DigitStyle, *, gap: int = 1) -> Cells:
    """The images side by side, each `side` columns wide and (side + 1) // 2 rows high, `gap` columns apart.

    images: (N, 28, 28), uint8 or floats from 0 to 1, strokes bright as in MNIST.
    """
    pictures = [_shrunk(image, side) for image in _shares(images)]
    rows = (side + 1) // 2
    cells = Cells.blank(max(0, len(pictures) * (side + gap) - gap), rows, style.ink, style.background)
    for i, picture in enumerate(pictures):
        colors = np.broadcast_to(np.array(style.background, np.uint8), (2 * rows, side, 3)).copy()
        colors[:side] = _tinted(picture, style)
        columns = slice(i * (side + gap), i * (side + gap) + side)
        cells.glyph[:, columns] = UPPER_HALF
        cells.fg[:, columns] = colors[0::2]
        cells.bg[:, columns] = colors[1::2]
    return cells


def digit_strip(images: Image, width: int, height: int, style: DigitStyle) -> tuple[Cells, tuple[int, ...]]:
    """As many of the images as fit into width × height cells, and the left column of each.

    The pictures are as large as they can be with all of them in one row; where not all fit at 10 columns, the
    first ones are shown. Text of the caller may stand under each column.
    """
    strip = Cells.blank(max(0, width), max(0, height), style.ink, style.background)
    sizes = [s for s in (*SIDES, *SMALLER_SIDES) if s <= min(width, 2 * height)]
    if not sizes or not len(images):
        return strip, ()
    readable = [s for s in sizes if s in SIDES] or sizes[:1]
    side = next((s for s in readable if len(images) * (s + 1) - 1 <= width), readable[-1])
    count = min(len(images), (width + 1) // (side + 1))
    gap = 1 if count == 1 else min(WIDEST_GAP, (width - count * side) // (count - 1))
    drawn = digits(images[:count], side, style, gap=gap)
    area = np.s_[: drawn.height, : drawn.width]
    strip.glyph[area], strip.fg[area], strip.bg[area] = drawn.glyph, drawn.fg, drawn.bg
    return strip, tuple(i * (side + gap) for i in range(count))


def _shares(images: Image) -> Floats:
    """The images as ink shares from 0 to 1."""
    if images.dtype == np.uint8:
        return images / 255
    return np.clip(np.nan_to_num(images.astype(np.float64)), 0, 1)


def _shrunk(image: Floats, side: int) -> Floats:
    """(side, side) averages over equal areas of the image without its border, contrast stretched."""
    if side == FULL_SIDE == image.shape[0]:
        return image
    image = _boxed(image)
    weights = _area_weights(image.shape[0], side)
    picture = weights @ image @ weights.T
    strongest = float(picture.max())
    return (picture / strongest) ** GAMMA if strongest > FAINTEST_STROKE else picture


def _boxed(image: Floats) -> Floats:
    """The square of at least 20 × 20 pixels around the middle of all ink."""
    tops, lefts = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    if not len(tops):
        return image
    side = max(BOX_SIDE, int(np.ptp(tops)) + 1, int(np.ptp(lefts)) + 1)
    top, left = (_window_start(ends, side, size) for ends, size in ((tops, image.shape[0]), (lefts, image.shape[1])))
    return image[top : top + side, left : left + side]


def _window_start(inked: Sequence[int] | NDArray[np.int64], side: int, size: int) -> int:
    """Where a window of `side` pixels begins that has the ink in its middle and stays within `size` pixels."""
    middle = (int(inked[0]) + int(inked[-1]) + 1) / 2
    return min(max(0, round(middle - side / 2)), max(0, size - side))


def _area_weights(size: int, side: int) -> Floats:
    """(side, size) weights: row i averages the pixels that the i-th of `side` equal stretches covers."""
    edges = np.linspace(0, size, side + 1)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.asarray(np.clip(overlap, 0, None) * (side / size))


def _tinted(shares: Floats, style: DigitStyle) -> NDArray[np.uint8]:
    """Colours between paper and ink."""
    ink, paper = np.array(style.ink, np.float64), np.array(style.paper, np.float64)
    return np.rint(paper + shares[..., None] * (ink - paper)).astype(np.uint8)
