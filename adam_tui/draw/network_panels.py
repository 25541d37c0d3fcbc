"""Panels about a trained network as cells: its confusion matrix, its first filters, the update size of its layers.

Change here how these views look. A number or a word repeats the meaning of every shade, so that nothing is lost
without colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.color import TEXT_CONTRAST, contrast, from_oklab, mix_oklab, to_oklab
from adam_tui.draw.digits import UPPER_HALF
from adam_tui.draw.elements import format_scientific, wrap
from adam_tui.draw.palette import Palette

NO_COUNT = "·"
WIDE_CELL, NARROW_CELL = 5, 4  # columns of a count
SHARE = 7  # columns of " 100.0%"
LIST_FROM = 20  # free columns beside the matrix from which the most frequent confusions are listed there
MOST_LISTED = 20
DEEPEST = 0.75  # how much of the state's colour the strongest shade contains
# Shades grow with the square root of the count: of 1, 10 and 40 errors, 10 must be visible too.
SHADE_POWER = 0.5
# A healthy step moves a weight by about 1e-3 of its size (Karpathy, CS231n "Neural networks part 3",
# https://cs231n.github.io/neural-networks-3/#ratio). A ratio ten times larger or smaller gets a label.
HEALTHY_RATIO, RATIO_TOLERANCE = 1e-3, 10.0
LARGEST_PIXEL = 4
NORM, RATIO, RATIO_LABEL = 7, 7, 12  # columns of "1.2e-03", "1.2e-03", "not updating"
# The most negative and the most positive filter weight: the hues of these colours at a low and a high lightness.
COOL, WARM = (95, 135, 215), (255, 215, 95)
ZERO_LIGHTNESS, LOWEST_LIGHTNESS, HIGHEST_LIGHTNESS = 0.55, 0.18, 0.97


def confusion_matrix(counts: NDArray[np.int64], width: int, height: int, palette: Palette) -> Cells:
    """Draw the matrix of labels (rows) and predictions (columns), with the most frequent confusions beside or below.

    counts: (C, C). Right answers are tinted like a good end, wrong ones like a bad one, stronger for larger counts.
    The last column is the share of each label that is recognized.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    size = len(counts)
    cell = WIDE_CELL if width >= 2 + size * WIDE_CELL + SHARE else NARROW_CELL
    shares_at = 2 + size * cell
    shares = width >= shares_at + SHARE
    for j in range(size):
        cells.put(0, 2 + j * cell, f"{j:>{cell - 1}}", palette.faint)
    if shares:
        cells.put(0, shares_at, f"{'recall':>{SHARE}}", palette.faint)
    wrong = counts * ~np.eye(size, dtype=bool)
    most = max(int(wrong.max(initial=0)), 1)
    for i in range(min(size, height - 1)):
        total = max(int(counts[i].sum()), 1)
        cells.put(i + 1, 0, str(i), palette.faint)
        for j in range(size):
            count = int(counts[i, j])
            tint = palette.states["converged" if i == j else "diverged"]
            strength = count / total if i == j else (count / most) ** SHADE_POWER
            shade = mix_oklab(palette.background, tint, DEEPEST * strength) if count else palette.background
            text = NO_COUNT if not count else str(count) if len(str(count)) < cell else f"{count // 1000}k"
            ink = _readable_ink(shade, palette) if count else palette.border
            cells.put(i + 1, 2 + j * cell, f"{text:>{cell - 1}} ", ink, bg=shade, bold=i != j and count > 0)
        if shares:
            cells.put(i + 1, shares_at, f"{counts[i, i] / total:>{SHARE}.1%}", palette.foreground)
    matrix_width = shares_at + (SHARE if shares else 0)
    confusions = _most_frequent(wrong)
    summary = f"{int(wrong.sum()):,} wrong of {int(counts.sum()):,}"
    if width - matrix_width >= LIST_FROM:
        left = matrix_width + 3
        cells.put(0, left, summary, palette.foreground)
        for row, (label, prediction, count) in enumerate(confusions[: height - 2], start=2):
            cells.put(row, left, f"{label} → {prediction}", palette.foreground)
            cells.put(row, left + 6, f"{count:>4} ×", palette.states["diverged"], bold=True)
    elif height > size + 2:
        listed = ", ".join(f"{label} → {prediction} {count} ×" for label, prediction, count in confusions)
        for row, line in enumerate(wrap(f"{summary}: {listed}", width)[: height - size - 2], start=size + 2):
            cells.put(row, 0, line, palette.foreground)
    return cells


def _most_frequent(wrong: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """(label, prediction, count) of the confused pairs, the most frequent first."""
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_LISTED].tolist()
    pairs = ((*divmod(index, len(wrong)), int(wrong.flat[index])) for index in order)
    return [pair for pair in pairs if pair[2]]


def _readable_ink(shade: Color, palette: Palette) -> Color:
    """The foreground if it is readable on the shade; otherwise the better one of foreground and background."""
    of_foreground = contrast(palette.foreground, shade)
    if of_foreground >= TEXT_CONTRAST or of_foreground >= contrast(palette.background, shade):
        return palette.foreground
    return palette.background


@dataclass(frozen=True, slots=True)
class FilterGrid:
    """A layout of filters: `pixel` columns for each weight, `columns` × `rows` filters, `gap` rows of cells between.

    `height` is the number of rows of cells in all.
    """

    pixel: int
    columns: int
    rows: int
    gap: int
    height: int


def filter_grid(count: int, side: int, width: int, height: int) -> FilterGrid | None:
    """The layout with the largest pixels in which `count` filters of side × side weights fit, or None."""
    for pixel, gap in (*((pixel, 1) for pixel in range(LARGEST_PIXEL, 0, -1)), (1, 0)):
        filter_rows = -(-side * pixel // 2)
        columns = min((width + 2) // (side * pixel + 2), count)
        if columns < 1:
            continue
        rows = -(-count // columns)
        needed = rows * (filter_rows + gap) - gap
        if needed <= height:
            return FilterGrid(pixel, -(-count // rows), rows, gap, needed)
    return None


def filter_pictures(weights: NDArray[np.float64], width: int, height: int, palette: Palette) -> Cells:
    """Draw filters (F, h, w) as pictures: dark is negative, bright positive, on one scale for all.

    The pixels are half blocks, two in each cell: every weight has its own colour, and finer blocks would show no more.
    If not all filters fit, none is drawn.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    side = weights.shape[1] if weights.ndim == 3 and len(weights) else 0
    grid = filter_grid(len(weights), side, width, height) if side else None
    if grid is None:
        return cells
    span = side * grid.pixel
    margin = max((width - grid.columns * (span + 2) + 2) // 2, 0)
    largest = float(np.abs(weights).max()) or 1.0
    colors = _diverging_colors(np.nan_to_num(weights / largest))
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


def _diverging_colors(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours (..., 3) for −1 to 1: lightness rises throughout, cool hues below zero, warm ones above."""
    cool, warm = to_oklab(COOL), to_oklab(WARM)
    zero = np.array([ZERO_LIGHTNESS, 0.0, 0.0])
    lowest = np.array([LOWEST_LIGHTNESS, cool[1] / 2, cool[2] / 2])
    highest = np.array([HIGHEST_LIGHTNESS, *warm[1:] / 2])
    ends = np.where(values[..., None] < 0, lowest, highest)
    return from_oklab(zero + np.abs(values)[..., None] * (ends - zero))


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One weight tensor in one epoch: its gradient norm ‖g‖, the ratio ‖Δw‖/‖w‖ of a step, its curve's marker."""

    name: str
    gradient_norm: float
    update_ratio: float
    marker: str
    color: Color


def ratio_label(ratio: float) -> str:
    """Judge an update/weight ratio: "fine" within a factor of ten of the rule of thumb."""
    if not math.isfinite(ratio):
        return "diverges"
    if ratio > RATIO_TOLERANCE * HEALTHY_RATIO:
        return "large"
    if ratio == 0:
        return "not updating"
    return "small" if ratio < HEALTHY_RATIO / RATIO_TOLERANCE else "fine"


def layer_table(rows: Sequence[LayerRow], width: int, height: int, palette: Palette) -> Cells:
    """Draw name, ‖g‖, ‖Δw‖/‖w‖ and its label for each tensor; narrow tables omit ‖g‖."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    names = max([len("tensor"), *(len(row.name) for row in rows)])
    norms = width >= 2 + names + 1 + NORM + 2 + RATIO + 2 + RATIO_LABEL
    norm_at = 2 + names + 2
    ratio_at = norm_at + (NORM + 2 if norms else 0)
    cells.put(0, 2, "tensor", palette.faint)
    if norms:
        cells.put(0, norm_at, f"{'‖g‖':>{NORM}}", palette.faint)
    cells.put(0, ratio_at, f"{'Δw/w':>{RATIO}}", palette.faint)
    for line, row in enumerate(rows[: height - 1], start=1):
        cells.put(line, 0, row.marker, row.color, bold=True)
        cells.put(line, 2, row.name, palette.foreground)
        if norms:
            cells.put(line, norm_at, format_scientific(row.gradient_norm, NORM), palette.foreground)
        label = ratio_label(row.update_ratio)
        fine = label == "fine"
        color = palette.states["converged"] if fine else palette.states["diverged"]
        cells.put(line, ratio_at, format_scientific(row.update_ratio, RATIO), palette.foreground, bold=not fine)
        cells.put(line, ratio_at + RATIO + 2, label, color, bold=not fine)
    return cells
