"""Looking at a trained network in terminal cells: its confusions, its first filters, how far its weights move.

Shades only repeat what a number or a word says beside them, so nothing is lost without colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.digits import UPPER_HALF
from adam_tui.draw.palette import Palette, contrast, from_oklab, to_oklab
from adam_tui.draw.panels import number
from adam_tui.draw.training_panels import wrapped

NO_COUNT = "·"
WIDE_CELL, NARROW_CELL = 5, 4  # columns of a count
LIST_FROM = 20  # columns beside the matrix from which the worst confusions are listed
MOST_LISTED = 20
DEEPEST = 0.75  # the strongest shade's share of the colour that it is mixed from
# Shades grow with the square root: between 1 mistake and 40, ten should be seen.
SHADE_POWER = 0.5
READABLE = 4.5  # WCAG 2.2, text on its background
# About 1e-3 of its size is how far a weight should move in a step (Karpathy, CS231n "Neural networks part 3",
# https://cs231n.github.io/neural-networks-3/#ratio); a factor of ten either way is worth a word.
HEALTHY_RATIO, FAR = 1e-3, 10.0
LARGEST_PIXEL = 4
NORM, RATIO = 7, 7  # columns of "1.2e-03"


def confusion(counts: NDArray[np.int64], width: int, height: int, palette: Palette) -> Cells:
    """The matrix of labels (rows) and predictions (columns) as a heat map, and the worst confusions beside it.

    counts: (10, 10). Right answers are tinted like a good end, wrong ones like a bad one, stronger where more are.
    The last column is the share of each label that is found.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    size = len(counts)
    share_width = 7
    cell = WIDE_CELL if width >= 2 + size * WIDE_CELL + share_width else NARROW_CELL
    shares = width >= 2 + size * cell + share_width
    grid = 2 + size * cell + (share_width if shares else 0)
    for j in range(size):
        cells.put(0, 2 + j * cell, f"{j:>{cell - 1}}", palette.faint)
    if shares:
        cells.put(0, 2 + size * cell, f"{'found':>{share_width}}", palette.faint)
    wrong = counts * ~np.eye(size, dtype=bool)
    most = max(int(wrong.max(initial=0)), 1)
    for i in range(min(size, height - 1)):
        total = max(int(counts[i].sum()), 1)
        cells.put(i + 1, 0, str(i), palette.faint)
        for j in range(size):
            count = int(counts[i, j])
            tint = palette.states["converged" if i == j else "diverged"]
            strength = count / total if i == j else (count / most) ** SHADE_POWER
            shade = _mixed(palette.background, tint, DEEPEST * strength) if count else palette.background
            text = NO_COUNT if not count else str(count) if len(str(count)) < cell else f"{count // 1000}k"
            ink = _ink(shade, palette) if count else palette.border
            cells.put(i + 1, 2 + j * cell, f"{text:>{cell - 1}} ", ink, bg=shade, bold=i != j and count > 0)
        if shares:
            cells.put(i + 1, 2 + size * cell, f"{counts[i, i] / total:>{share_width}.1%}", palette.foreground)
    if width - grid >= LIST_FROM:
        _write_worst(cells, wrong, int(counts.sum()), grid + 3, palette)
    elif height > size + 2:
        told = [f"{label} → {prediction} {count} ×" for label, prediction, count in _worst(wrong)]
        text = f"{int(wrong.sum()):,} wrong of {int(counts.sum()):,}: {', '.join(told)}"
        for row, line in enumerate(wrapped(text, width)[: height - size - 2], start=size + 2):
            cells.put(row, 0, line, palette.foreground)
    return cells


def _worst(wrong: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Label, prediction and count of the pairs that are confused, most often first."""
    order = np.argsort(-wrong, axis=None, kind="stable").tolist()
    found = ((*divmod(index, len(wrong)), int(wrong.flat[index])) for index in order)
    return [each for each in found if each[2]][:MOST_LISTED]


def _write_worst(cells: Cells, wrong: NDArray[np.int64], total: int, left: int, palette: Palette) -> None:
    """The pairs that are confused most often, as "4 → 9  12 times"."""
    cells.put(0, left, f"{int(wrong.sum()):,} wrong of {total:,}", palette.foreground)
    for row, (label, prediction, count) in enumerate(_worst(wrong)[: cells.height - 2], start=2):
        cells.put(row, left, f"{label} → {prediction}", palette.foreground)
        cells.put(row, left + 6, f"{count:>4} ×", palette.states["diverged"], bold=True)


def _mixed(a: Color, b: Color, share: float) -> Color:
    red, green, blue = from_oklab((1 - share) * to_oklab(a) + share * to_oklab(b)).tolist()
    return red, green, blue


def _ink(shade: Color, palette: Palette) -> Color:
    """The foreground where it can be read on the shade, else the background."""
    on_it = contrast(palette.foreground, shade)
    return (
        palette.foreground if on_it >= READABLE or on_it >= contrast(palette.background, shade) else palette.background
    )


@dataclass(frozen=True, slots=True)
class FilterGrid:
    """How filters are laid out: `pixel` columns a weight, so many filters a row, in so many rows of cells each."""

    pixel: int
    columns: int
    rows: int
    gap: int  # rows of cells between them
    height: int


def filter_grid(count: int, side: int, width: int, height: int) -> FilterGrid | None:
    """The largest pixels with which `count` filters of side × side weights fit; None when the smallest do not."""
    for pixel, gap in (*((pixel, 1) for pixel in range(LARGEST_PIXEL, 0, -1)), (1, 0)):
        tall = -(-side * pixel // 2)
        columns = min((width + 2) // (side * pixel + 2), count)
        if columns < 1:
            continue
        rows = -(-count // columns)
        if rows * (tall + gap) - gap <= height:
            return FilterGrid(pixel, -(-count // rows), rows, gap, rows * (tall + gap) - gap)
    return None


def filters(weights: NDArray[np.float64], width: int, height: int, palette: Palette) -> Cells:
    """The filters (F, h, w) as pictures: dark is negative, bright is positive, on one scale for all.

    In half blocks: one cell holds two pixels, one above the other. Where not all fit, none is shown.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    side = weights.shape[1] if weights.ndim == 3 and len(weights) else 0
    grid = filter_grid(len(weights), side, width, height) if side else None
    if grid is None:
        return cells
    span = side * grid.pixel
    margin = max((width - grid.columns * (span + 2) + 2) // 2, 0)
    largest = float(np.abs(weights).max()) or 1.0
    colors = _signed(np.nan_to_num(weights / largest), palette)
    for index, picture in enumerate(colors):
        row, column = divmod(index, grid.columns)
        top, left = row * (-(-span // 2) + grid.gap), margin + column * (span + 2)
        large = picture.repeat(grid.pixel, axis=0).repeat(grid.pixel, axis=1)
        if len(large) % 2:
            below = np.broadcast_to(np.array(palette.background, np.uint8), (1, span, 3))
            large = np.concatenate([large, below])
        area = np.s_[top : top + len(large) // 2, left : left + span]
        cells.glyph[area] = UPPER_HALF
        cells.fg[area], cells.bg[area] = large[0::2], large[1::2]
    return cells


def _signed(values: NDArray[np.float64], palette: Palette) -> NDArray[np.uint8]:
    """Colours (..., 3) for −1 to 1, lightness rising all the way, cool below zero and warm above."""
    cool, warm = to_oklab((95, 135, 215)), to_oklab((255, 215, 95))
    grey = np.array([0.55, 0.0, 0.0])
    ends = np.where(values[..., None] < 0, np.array([0.18, cool[1] / 2, cool[2] / 2]), np.array([0.97, *warm[1:] / 2]))
    return from_oklab(grey + np.abs(values)[..., None] * (ends - grey))


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A tensor of weights in one epoch: ‖g‖ of its gradient, ‖Δw‖/‖w‖ of a step, and its curve's look."""

    name: str
    gradient_norm: float
    update_ratio: float
    marker: str
    color: Color


def ratio_word(ratio: float) -> str:
    """What is to be said of an update/weight ratio: nothing within a factor of ten of the rule of thumb."""
    if not math.isfinite(ratio):
        return "diverges"
    if ratio > FAR * HEALTHY_RATIO:
        return "large"
    if ratio == 0:
        return "stands"
    return "small" if ratio < HEALTHY_RATIO / FAR else "fine"


def layers(rows: Sequence[LayerRow], width: int, height: int, palette: Palette) -> Cells:
    """Name, ‖g‖, ‖Δw‖/‖w‖ and a word for each tensor; narrow tables leave ‖g‖ out."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    names = max([len("tensor"), *(len(row.name) for row in rows)])
    word = 8
    norms = width >= 2 + names + 1 + NORM + 2 + RATIO + 2 + word
    at_norm = 2 + names + 2
    at_ratio = at_norm + (NORM + 2 if norms else 0)
    cells.put(0, 2, "tensor", palette.faint)
    if norms:
        cells.put(0, at_norm, f"{'‖g‖':>{NORM}}", palette.faint)
    cells.put(0, at_ratio, f"{'Δw/w':>{RATIO}}", palette.faint)
    for line, row in enumerate(rows[: height - 1], start=1):
        cells.put(line, 0, row.marker, row.color, bold=True)
        cells.put(line, 2, row.name, palette.foreground)
        if norms:
            cells.put(line, at_norm, number(row.gradient_norm, NORM), palette.foreground)
        told = ratio_word(row.update_ratio)
        fine = told == "fine"
        color = palette.states["converged"] if fine else palette.states["diverged"]
        cells.put(line, at_ratio, number(row.update_ratio, RATIO), palette.foreground, bold=not fine)
        cells.put(line, at_ratio + RATIO + 2, told, color, bold=not fine)
    return cells
