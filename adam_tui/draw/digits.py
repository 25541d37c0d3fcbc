"""Pictures of MNIST digits as cells: two square pixels in each cell, and the network's guesses below.

A digit must stay recognizable at 10 × 10 pixels. Therefore the empty border is cropped, pixels are averaged by area,
and the contrast that averaging takes from thin strokes is restored. The pixels of a smaller picture are halved across:
its cells are quadrants in the two colours that are nearest. Sextants would show hardly more, because six pixels in two
colours lose the greys of a stroke's edge. Sizes and captions may be changed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.blocks import QUADRANTS
from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette

Images = NDArray[np.uint8] | NDArray[np.float64]
Floats = NDArray[np.float64]

UPPER_HALF = ord("▀")
# The code point of each block by the sum of its quadrants, which count 1, 2, 4 and 8.
_BLOCKS = np.zeros(16, np.uint32)
for _block, _filled in QUADRANTS.items():
    _BLOCKS[sum(quadrant << place for place, quadrant in enumerate(_filled))] = ord(_block)
_BLOCKS[15] = UPPER_HALF  # a cell of one colour, which is in its background too: it belongs to a picture
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
    if not pictures:
        return cells
    pixels = np.zeros((2 * rows, 2 * side * len(pictures)))
    pixels[:side] = np.concatenate(pictures, axis=1)
    glyph, front, behind = _two_values(pixels)
    drawn = np.flatnonzero(np.arange(cells.width) % (side + gap) < side)
    cells.glyph[:, drawn] = glyph
    cells.fg[:, drawn], cells.bg[:, drawn] = _colors(front, palette), _colors(behind, palette)
    return cells


def _two_values(pixels: Floats) -> tuple[NDArray[np.uint32], Floats, Floats]:
    """The blocks (H, W) of quadrant pixels (2 H, 2 W), and the values in front and behind that come nearest to them.

    The four pixels of a cell are divided into low and high ones with the least squared error. Those of the part with
    the upper left pixel are in front.
    """
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    quadrants = pixels.reshape(height, 2, width, 2).swapaxes(1, 2).reshape(height, width, 4)
    ordered = np.sort(quadrants, axis=2)
    sums, low = ordered.cumsum(axis=2), np.array([1, 2, 3])  # how many pixels are low
    # The squared error is least where this is largest (Otsu 1979).
    between = sums[..., :3] ** 2 / low + (sums[..., 3:] - sums[..., :3]) ** 2 / (4 - low)
    high = quadrants >= np.take_along_axis(ordered, 1 + between.argmax(axis=2)[..., None], axis=2)
    first = high == high[..., :1]
    front, behind = ((quadrants * part).sum(axis=2) / np.maximum(part.sum(axis=2), 1) for part in (first, ~first))
    return _BLOCKS[first @ [1, 2, 4, 8]], front, np.where(first.all(axis=2), front, behind)


def _to_unit(images: Images) -> Floats:
    """Scale pixels to the range 0 to 1."""
    if images.dtype == np.uint8:
        return images / 255
    return np.clip(np.nan_to_num(images.astype(np.float64)), 0, 1)


def _resize(image: Floats, side: int) -> Floats:
    """Average the cropped image over side × 2 side equal areas and stretch its contrast."""
    if side == FULL_SIDE == image.shape[0]:
        return image.repeat(2, axis=1)
    image = _crop(image)
    picture = _area_weights(len(image), side) @ image @ _area_weights(len(image), 2 * side).T
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


def _area_weights(size: int, parts: int) -> Floats:
    """Weights (parts, size): row i averages the pixels that the i-th of `parts` equal intervals covers."""
    edges = np.linspace(0, size, parts + 1)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.asarray(np.clip(overlap, 0, None) * (parts / size))


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
