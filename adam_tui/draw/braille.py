"""Braille dots, 2 × 4 in each cell: packing them into glyphs, clipping line segments, and rasterizing them.

All line drawing of the plots and charts passes through here. A picture of dots is a bool array (4 H, 2 W), row 0 at
the top. The dots of a cell are one byte, in the order of Unicode's braille patterns (U+2800 to U+28FF): 1, 2, 4 down
the left column, 8, 16, 32 down the right one, and 64, 128 in the lowest row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLANK = 0x2800
# The bit of the dot in row 0..3 and column 0..1 of its cell.
DOT_BITS = np.array([[1, 8], [2, 16], [4, 32], [64, 128]], np.uint8)
# If both ends of a segment are farther away than this, rounding hides where it crosses the rectangle: it is dropped.
FAR = 1e12
# The dots of each quadrant of a cell: upper left, upper right, lower left, lower right.
_QUADRANTS = (1 | 2, 8 | 16, 4 | 64, 32 | 128)

Dots = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]


def pack(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack a dot mask (4 H, 2 W) into one byte for each cell, (H, W)."""
    height, width = mask.shape[0] // 4, mask.shape[1] // 2
    blocks = mask.reshape(height, 4, width, 2)
    return np.asarray((blocks * DOT_BITS[:, None, :]).sum(axis=(1, 3)), np.uint8)


def unpack(bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Unpack bytes (H, W) into a dot mask (4 H, 2 W)."""
    height, width = bits.shape
    blocks = (bits[:, None, :, None] & DOT_BITS[:, None, :]) != 0
    return np.asarray(blocks.reshape(4 * height, 2 * width))


def glyphs(bits: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The braille code points, uint32, of the bytes of cells."""
    return np.asarray(bits, np.uint32) | np.uint32(BLANK)


def quadrant_weights(bits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The weights (..., 4) of a cell's quadrants: those with the most dots share 1 equally, the others have 0."""
    return _QUADRANT_WEIGHTS[bits]


def _weigh_quadrants() -> NDArray[np.float64]:
    counts = np.array([[(byte & quadrant).bit_count() for quadrant in _QUADRANTS] for byte in range(256)])
    heaviest = counts == counts.max(axis=1, keepdims=True)
    return np.asarray(heaviest / heaviest.sum(axis=1, keepdims=True))


_QUADRANT_WEIGHTS = _weigh_quadrants()


def clip(
    start: NDArray[np.float64], end: NDArray[np.float64], columns: float, rows: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Clip segments `start`–`end`, each (N, 2) as (column, row), to the rectangle 0..columns × 0..rows.

    Returns the clipped starts and ends, (N, 2) each, and which segments cross the rectangle, (N,) bool (Liang & Barsky
    1984). Ends inside the rectangle are returned unchanged. Coordinates may be as large as floats go; a segment with
    a nan or an infinity counts as outside.
    """
    limit = np.array([columns, rows], np.float64)
    finite = np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1)
    reach = [np.abs(points).max(axis=1, initial=0.0) for points in (start, end)]
    # Measure from the nearer end: a far one would cost the digits of the crossing.
    swap = (reach[0] > reach[1])[:, None]
    near, far = np.where(swap, end, start), np.where(swap, start, end)
    with np.errstate(all="ignore"):
        delta = far - near
        # where the line enters and leaves the slabs 0..columns and 0..rows, as shares of the segment
        at_low, at_high = -near / delta, (limit - near) / delta
        level = delta == 0  # parallel to the slab: entirely inside or entirely outside
        within = (near >= 0) & (near <= limit)
        enter = np.where(level, np.where(within, 0.0, np.inf), np.minimum(at_low, at_high)).max(axis=1, initial=0.0)
        leave = np.where(level, np.where(within, 1.0, -np.inf), np.maximum(at_low, at_high)).min(axis=1, initial=1.0)
        first = np.where((enter > 0)[:, None], near + enter[:, None] * delta, near)
        last = np.where((leave < 1)[:, None], near + leave[:, None] * delta, far)
    kept = finite & (enter <= leave) & (np.minimum(*reach) < FAR)
    first, last = np.clip(first, 0.0, limit), np.clip(last, 0.0, limit)
    return np.where(swap, last, first), np.where(swap, first, last), kept


def lines(start: NDArray[np.float64], end: NDArray[np.float64], columns: int, rows: int) -> Dots:
    """Rasterize segments (N, 2), as (column, row), on a grid of `columns` × `rows` dots.

    Returns (segment, row, column), each (M,). The segments are clipped first. The dots of each come in order from
    start to end, both included: one for each step along the longer side, rounded across it (Bresenham 1965).
    """
    first, last, kept = clip(start, end, columns, rows)
    segment = np.flatnonzero(kept)
    top = np.array([columns - 1, rows - 1])
    # 32 bits suffice for twice the square of any screen's dots, and divide twice as fast as 64
    a = np.minimum(first[segment].astype(np.int32), top).astype(
        np.int32
    )  # truncation is the floor here: no value is negative
    delta = np.minimum(last[segment].astype(np.int32), top).astype(np.int32) - a
    length = np.abs(delta).max(axis=1, initial=0)
    count = length + 1
    along = np.arange(count.sum(), dtype=np.int32) - np.repeat((np.cumsum(count) - count).astype(np.int32), count)
    span = np.repeat(np.maximum(length, 1), count)

    def dots(axis: int) -> NDArray[np.int32]:
        # a + round(delta * along / span), in integers
        across = (np.repeat(2 * delta[:, axis], count) * along + span) // (2 * span)
        return np.asarray(np.repeat(a[:, axis], count) + across, np.int32)

    return np.repeat(segment, count), dots(1), dots(0)
