"""Pictures of MNIST digits as cells: half blocks, two square pixels in each cell, and the network's guesses below.

A digit must stay recognizable at 10 × 10 pixels. Therefore the empty border is cropped, pixels are averaged by area,
and the contrast that averaging takes from thin strokes is restored. Sizes and captions may be changed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette

Images = NDArray[np.uint8] | NDArray[np.float64]
Floats = NDArray[np.float64]

UPPER_HALF = ord("▀")
# MNIST fits every digit into a box of 20 × 20 and pads it to 28 × 28 (README of the data set).
FULL_SIDE, BOX_SIDE = 28, 20
# Pixels across a digit. Sides between 20 and 28 would need enlarging; below 10 a 5 and an 8 look alike.
SIDES = (FULL_SIDE, 20, 18, 16, 14, 12, 10)
WIDEST_GAP = 2  # columns between two pictures
# The strongest stroke of a picture is drawn in full colour, unless it is weaker than this: an almost empty picture.
FAINTEST_STROKE = 0.25
GAMMA = 0.8  # below 1, grey edges of a stroke come nearer to its full colour
RIGHT, WRONG = " ", "✗"
WIDE_CAPTION_FROM = 12  # sides from which the caption's arrow has spaces around it


def digits(images: Images, side: int, palette: Palette, *, gap: int = 1) -> Cells:
    """Draw images side by side, each `side` columns wide and (side + 1) // 2 rows high, `gap` columns apart.

    images: (N, 28, 28), uint8 or floats from 0 to 1, bright strokes on dark paper as in MNIST.
    """
    pictures = [_resize(image, side) for image in _to_unit(images)]
    rows = (side + 1) // 2
    cells = Cells.blank(max(0, len(pictures) * (side + gap) - gap), rows, palette.foreground, palette.background)
    for i, picture in enumerate(pictures):
        colors = np.broadcast_to(np.array(palette.background, np.uint8), (2 * rows, side, 3)).copy()
        colors[:side] = _colors(picture, palette)
        columns = slice(i * (side + gap), i * (side + gap) + side)
        cells.glyph[:, columns] = UPPER_HALF
        cells.fg[:, columns] = colors[0::2]
        cells.bg[:, columns] = colors[1::2]
    return cells


def _to_unit(images: Images) -> Floats:
    """Scale pixels to the range 0 to 1."""
    if images.dtype == np.uint8:
        return images / 255
    return np.clip(np.nan_to_num(images.astype(np.float64)), 0, 1)


def _resize(image: Floats, side: int) -> Floats:
    """Average the cropped image over side × side equal areas and stretch its contrast."""
    if side == FULL_SIDE == image.shape[0]:
        return image
    image = _crop(image)
    weights = _area_weights(image.shape[0], side)
    picture = weights @ image @ weights.T
    strongest = float(picture.max())
    return (picture / strongest) ** GAMMA if strongest > FAINTEST_STROKE else picture


def _crop(image: Floats) -> Floats:
    """The square of at least 20 × 20 pixels around the middle of all strokes."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    if not len(rows):
        return image
    side = max(BOX_SIDE, int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    top, left = (_window_start(used, side, size) for used, size in ((rows, image.shape[0]), (columns, image.shape[1])))
    return image[top : top + side, left : left + side]


def _window_start(used: NDArray[np.int64], side: int, size: int) -> int:
    """The start of a window of `side` pixels, centred on the used ones, within 0 to `size`."""
    middle = (int(used[0]) + int(used[-1]) + 1) / 2
    return min(max(0, round(middle - side / 2)), max(0, size - side))


def _area_weights(size: int, side: int) -> Floats:
    """Weights (side, size): row i averages the pixels that the i-th of `side` equal intervals covers."""
    edges = np.linspace(0, size, side + 1)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.asarray(np.clip(overlap, 0, None) * (side / size))


def _colors(values: Floats, palette: Palette) -> NDArray[np.uint8]:
    """Colours between the background, for 0, and the foreground, for 1."""
    ink, paper = np.array(palette.foreground, np.float64), np.array(palette.background, np.float64)
    return np.rint(paper + values[..., None] * (ink - paper)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Guess:
    """The label of a digit and the network's prediction, None before the first evaluation."""

    label: int
    prediction: int | None = None
    confidence: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the prediction is the label."""
        return self.prediction == self.label

    @property
    def wrong(self) -> bool:
        """Whether there is a prediction and it is not the label."""
        return self.prediction is not None and not self.right


@dataclass(frozen=True, slots=True)
class DigitGrid:
    """A layout of pictures: `side` pixels each, `columns` × `rows` of them, `gap` columns apart."""

    side: int
    columns: int
    rows: int
    gap: int

    @property
    def width(self) -> int:
        """Columns of cells."""
        return self.columns * (self.side + self.gap) - self.gap

    @property
    def height(self) -> int:
        """Rows of cells: each row of pictures has a caption, and an empty line separates two rows."""
        return self.rows * ((self.side + 1) // 2 + 1) + (self.rows - 1)


def digit_grid(count: int, width: int, height: int, *, rows: int = 1) -> DigitGrid | None:
    """The layout with the largest pictures for which `count` of them fit into `rows` rows.

    If even the smallest pictures are too wide, the layout holds fewer of them. None if not one fits.
    """
    columns = -(-count // rows)
    for side in SIDES:
        fitting = min(columns, (width + 1) // (side + 1))
        grid = DigitGrid(side, fitting, rows, 1)
        if grid.height <= height and (fitting == columns or (side == min(SIDES) and fitting > 0)):
            gap = min(WIDEST_GAP, (width - fitting * side) // (fitting - 1)) if fitting > 1 else 1
            return DigitGrid(side, fitting, rows, gap)
    return None


def sample_digits(
    images: NDArray[np.uint8], guesses: Sequence[Guess], grid: DigitGrid, width: int, height: int, palette: Palette
) -> Cells:
    """Draw the pictures with "label → prediction confidence" below each; ✗ marks a wrong one. images: (N, 28, 28)."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    picture_rows = (grid.side + 1) // 2
    margin = max((width - grid.width) // 2, 0)
    for row in range(grid.rows):
        part = slice(row * grid.columns, (row + 1) * grid.columns)
        strip = digits(images[part], grid.side, palette, gap=grid.gap)
        top = row * (picture_rows + 2)
        area = np.s_[top : top + strip.height, margin : margin + strip.width]
        if cells.glyph[area].shape != strip.glyph.shape:
            break
        cells.glyph[area], cells.fg[area], cells.bg[area] = strip.glyph, strip.fg, strip.bg
        for i, guess in enumerate(guesses[part]):
            text = caption(guess, wide=grid.side >= WIDE_CAPTION_FROM)
            left = margin + i * (grid.side + grid.gap) + (grid.side - len(text)) // 2
            cells.put(top + picture_rows, left, text, _guess_color(guess, palette), bold=guess.wrong)
    return cells


def caption(guess: Guess, *, wide: bool) -> str:
    """Ten columns or eight: "7 → 7  99%", "4→9✗ 52%"; only the label before there is a prediction.

    The confidence is truncated, not rounded: 99.9% is not shown as 100%.
    """
    if guess.prediction is None:
        return str(guess.label)
    arrow = " → " if wide else "→"
    mark = RIGHT if guess.right else WRONG
    return f"{guess.label}{arrow}{guess.prediction}{mark}{int(guess.confidence * 100):>3}%"


def digit_line(guesses: Sequence[Guess], width: int, palette: Palette) -> Cells:
    """Draw the guesses as one row of text, "0→0 1→1 2→7✗", for terminals without room for pictures."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    cells.put(0, 0, " digits", palette.faint)
    left = 9
    for guess in guesses:
        unknown = guess.prediction is None
        text = str(guess.label) if unknown else f"{guess.label}→{guess.prediction}{WRONG * guess.wrong}"
        if left + len(text) < width:
            cells.put(0, left, text, _guess_color(guess, palette), bold=guess.wrong)
        left += 6
    return cells


def _guess_color(guess: Guess, palette: Palette) -> Color:
    if guess.prediction is None:
        return palette.faint
    return palette.states["converged" if guess.right else "diverged"]
