"""Heat maps: a grid of outcomes as cells, with axes, marks, a line and a legend.

The class of an outcome gives the colour: converged, running, diverged, or not computed. Within a class the rank of the
outcome gives the lightness, so a picture has contrast on every surface, and the legend names the quantity by which a
class is ranked and the values at the ends of its ramp. Diverged cells are hatched: that is visible without colour too.

Two rows of the grid share a row of the screen, as half blocks. A pair of diverged cells is hatched; one of them alone
has the mean colour of the hatching. Where a terminal has few colours or characters, one cell of the grid is one
character: those of the classes differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adam_tui.draw import braille
from adam_tui.draw.cells import Cells, Color, text_width
from adam_tui.draw.color import contrast, from_oklab, mix_oklab
from adam_tui.draw.palette import Palette
from adam_tui.engine.knobs import Knob
from adam_tui.engine.numbers import round_values

Floats = NDArray[np.float64]
Classes = NDArray[np.int8]
# How the grid is painted: two cells in a row of the screen, or one character a cell, in shades or in ASCII.
Ink = Literal["blocks", "shades", "ascii"]

NOT_COMPUTED, RUNNING, CONVERGED, DIVERGED = -1, 0, 1, 2
NAMES = {CONVERGED: "converged", RUNNING: "running", DIVERGED: "diverged"}
HATCH = "╱"
UPPER_HALF = "▀"
# The characters of a class where there is one for each cell, from the worst rank to the best.
CHARACTERS = {
    "shades": {RUNNING: "·:+░", CONVERGED: "▒▓", DIVERGED: HATCH},
    "ascii": {RUNNING: ".:-", CONVERGED: "=%@", DIVERGED: "/"},
}
UNSETTLED_DOTS = ".:-="  # of a start that is still running, in place of the letter of a rest point
LEVELS = 16  # of a ramp: neighbours then often share a colour, which a slow line is spared

# The ramps in OKLCH, from the worst rank to the best: lightness, chroma, hue in degrees. The lightness rises over both,
# with a gap between the classes; on a light theme it falls. The best cells are farthest from the background.
_DARK_RAMPS = {RUNNING: ((0.23, 0.09, 305), (0.63, 0.11, 240)), CONVERGED: ((0.70, 0.12, 170), (0.94, 0.17, 108))}
_LIGHT_RAMPS = {RUNNING: ((0.93, 0.03, 305), (0.66, 0.10, 255)), CONVERGED: ((0.61, 0.12, 168), (0.30, 0.075, 160))}
_DARK_HATCH, _LIGHT_HATCH = (0.50, 0.12, 25), (0.66, 0.13, 25)
HATCH_INK = 0.25  # the share of a cell that its hatching covers

# The ends of a basin's ramp in OKLCH: lightness and chroma of a slow and of a fast start. The lanes' colours keep their
# contrast on both.
_DARK_BASIN, _LIGHT_BASIN = ((0.235, 0.035), (0.43, 0.10)), ((0.965, 0.015), (0.86, 0.07))
# The hues of the basins, in degrees, the nearest listed minimum first: each is far from those before it.
BASIN_HUES = (195, 300, 130, 25, 250, 90, 340, 165)
BASIN_LETTERS = 26
# The lightness in OKLCH of a start that is still running, from the worst rank to the best: grey, as it has no basin.
_DARK_UNSETTLED, _LIGHT_UNSETTLED = (0.20, 0.41), (0.97, 0.86)

NARROW = 36  # columns below which a legend has two rows for each class
SMALLEST = 20, 6  # columns and rows in all: a smaller picture has no axes
TICK_GAP = 2  # free columns between two labels
ROWS_BETWEEN = 2  # from one label of the y axis to the next
DECADE_STRIDES = (1, 2, 3, 5, 10, 20, 50, 100)
ARMS = ((0, -2, "─"), (0, -1, "─"), (0, 1, "─"), (0, 2, "─"), (-1, 0, "│"), (1, 0, "│"))  # of the cursor's cross
RAMP_COLUMNS = (6, 24)  # of a ramp in the legend: the fewest and the most


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Outcomes on a grid (rows, columns); row 0 has the lowest y, column 0 the lowest x.

    classes: NOT_COMPUTED, RUNNING, CONVERGED or DIVERGED. ranks: 0 for the best of the class to 1 for the worst, see
    `ranks_in_class`. words: a short text for each cell, row by row, shown where a cell of the grid has room for it.
    """

    classes: Classes
    ranks: Floats
    words: Sequence[Sequence[str]] = ()


class Tick(NamedTuple):
    """A label at a place of an axis: 0 for its first cell, 1 for its last."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis: its name, and its ticks as several choices, from few to many. The drawing takes the most that fit."""

    name: str
    choices: tuple[tuple[Tick, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A glyph at a place of the map, x and y from 0 for the first cell to 1 for the last. Its ink is legible there."""

    x: float
    y: float
    glyph: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """The chosen cell of the grid, and the texts of its values for the axes.

    A `boxed` one has a frame around the whole cell in the place of a cross: for large cells with words.
    """

    row: int
    column: int
    x_label: str = ""
    y_label: str = ""
    boxed: bool = field(default=False, kw_only=True)


class LegendPart(NamedTuple):
    """One class of the legend: its share of the cells, and the values at the best, middle and worst rank.

    name: that of the quantity by which the class is ranked. whole: its values are whole numbers.
    """

    kind: int
    share: float
    values: tuple[float, ...] = ()
    name: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The place of the map in its picture: its first column, and its size in cells of the screen."""

    left: int
    columns: int
    rows: int
    axes: bool

    def grid_size(self, ink: Ink = "blocks") -> tuple[int, int]:
        """The (rows, columns) of the grid that fills the map exactly."""
        return self.rows * (2 if ink == "blocks" else 1), self.columns

    def grid_cell(self, row: int, column: int, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """The (row, column) of a grid of this shape at a cell of the picture; None beside the map. For the mouse."""
        rows, columns = shape
        column -= self.left
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return None
        return rows - 1 - row * rows // self.rows, column * columns // self.columns


def ranks_in_class(classes: Classes, values: Floats) -> Floats:
    """The rank of each cell among those of its class: 0 for the lowest value, 1 for the highest.

    Equal values share their mean rank. A value that is not finite counts as the highest.
    """
    ranks = np.zeros(classes.shape)
    for kind in (RUNNING, CONVERGED, DIVERGED):
        at = classes == kind
        own = np.where(np.isfinite(values[at]), values[at], np.inf)
        ordered = np.sort(own)
        between = np.searchsorted(ordered, own, "left") + np.searchsorted(ordered, own, "right") - 1
        ranks[at] = between / 2 / max(len(own) - 1, 1)
    return ranks


def legend_parts(
    classes: Classes, values: Floats, names: Mapping[int, str] | None = None, whole: Collection[str] = ()
) -> list[LegendPart]:
    """The classes that are in a grid, each with the values at the ends and in the middle of its ramp.

    `names` are the quantities by which the classes are ranked, `whole` those of them with whole numbers.
    """
    names = names or {}
    computed = max(int((classes != NOT_COMPUTED).sum()), 1)
    parts = []
    for kind in (CONVERGED, RUNNING, DIVERGED):
        at = classes == kind
        if not at.any():
            continue
        own = np.sort(values[at][np.isfinite(values[at])])
        shown = (own[0], own[(len(own) - 1) // 2], own[-1]) if len(own) and kind != DIVERGED else ()
        name = names.get(kind, "") if len(shown) else ""
        parts.append(LegendPart(kind, float(at.sum()) / computed, tuple(map(float, shown)), name, name in whole))
    return parts


def knob_scale(knob: Knob, low: float, high: float, fraction: Callable[[float], float]) -> Scale:
    """The axis of a knob from `low` to `high`; `fraction` gives the place of a value, 0 to 1, on the knob's own scale.

    Ticks are powers of ten, or 1, 2, 5 times such a power, of the value or, for a decay rate β, of its distance from 1.
    A range without two of them has evenly spaced round values.
    """
    for candidates in (_round_choices(knob, low, high), _even_choices(low, high, whole=knob.scale == "integer")):
        choices: list[tuple[Tick, ...]] = []
        for values in candidates:
            ticks = tuple(Tick(fraction(value), knob.format(value)) for value in values if low <= value <= high)
            if len(ticks) > (len(choices[-1]) if choices else 1):
                choices.append(ticks)
        if choices:
            return Scale(knob.symbol, tuple(choices))
    return Scale(knob.symbol)


def number_scale(name: str, low: float, high: float) -> Scale:
    """An even axis from `low` to `high`."""
    ticks = (
        tuple(Tick((value - low) / (high - low), f"{value:g}") for value in values)
        for values in _even_choices(low, high)
    )
    return Scale(name, tuple(choice for choice in ticks if len(choice) > 1))


def category_scale(name: str, labels: Sequence[str]) -> Scale:
    """An axis with one label for each cell."""
    last = max(len(labels) - 1, 1)
    return Scale(name, (tuple(Tick(i / last, label) for i, label in enumerate(labels)),))


def frame(width: int, height: int, y: Scale) -> Frame:
    """The place of a map in width × height cells, beside the labels of its y axis and above those of its x axis."""
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return Frame(0, max(width, 1), max(height, 1), axes=False)
    ticks = _fitting_rows(y, height - 1)
    left = min(max([text_width(y.name), 4, *(len(tick.label) for tick in ticks)]) + 1, width // 3)
    return Frame(left, width - left, height - 1, axes=True)


def heat_map(
    grid: Grid,
    width: int,
    height: int,
    palette: Palette,
    x: Scale,
    y: Scale,
    *,
    marks: Sequence[Mark] = (),
    line: ArrayLike = (),
    cursor: Cursor | None = None,
    ink: Ink = "blocks",
) -> Cells:
    """Draw the grid on width × height cells, axes included.

    `line` is a curve (N, 2) of places as in `Mark`; it breaks at values that are not finite. Marks lie above the line,
    the cursor above both. A grid of another size than `Frame.grid_size` is enlarged or thinned, without interpolation.
    """
    place = frame(width, height, y)
    cells = Cells.blank(width, height, palette.faint, palette.background)
    plot = _paint(grid, place, palette, ink)
    _write_words(plot, grid)
    _draw_line(plot, np.asarray(line, np.float64).reshape(-1, 2), grid.classes.shape)
    for mark in marks:
        if 0 <= mark.x <= 1 and 0 <= mark.y <= 1:
            column, half = _position(mark.x, mark.y, plot, grid.classes.shape)
            _put(plot, int(half) // 2, int(column), mark.glyph)
    if cursor is not None:
        draw = _draw_box if cursor.boxed else _draw_cursor
        draw(plot, cursor, grid.classes.shape, ink)
    region = np.s_[: place.rows, place.left : place.left + place.columns]
    for name in ("glyph", "fg", "bg", "bold"):
        getattr(cells, name)[region] = getattr(plot, name)
    if place.axes:
        _draw_axes(cells, place, grid.classes.shape, x, y, cursor, palette)
    return cells


def basins(grid: Grid, numbers: ArrayLike, palette: Palette, *, letters: bool = False) -> Cells:
    """Draw starts, without axes: the hue is the rest point they end at, the lightness their rank in `grid`.

    `numbers` (rows, columns) are those of the rest points, −1 for starts that did not converge: these are grey, or
    hatched where they diverged. Two rows of the grid share a row of the picture, unless `letters`: for a terminal with
    few colours each start is then the letter of its rest point, a capital in the better half of the ranks.
    """
    kinds, numbers = grid.classes[::-1], np.asarray(numbers)[::-1]
    hues = basin_colors(palette)
    levels = levels_of(grid.ranks[::-1])
    colors = hues[numbers % len(hues), levels]
    running = kinds == RUNNING
    colors[running] = unsettled_colors(palette)[levels[running]]
    for kind in (DIVERGED, NOT_COMPUTED):
        colors[kinds == kind] = class_colors(palette)[kind, 0]
    if letters:
        cells = Cells.blank(kinds.shape[1], kinds.shape[0], palette.faint, palette.background)
        settled, hatched = kinds == CONVERGED, kinds == DIVERGED
        small = np.array([ord(basin_letter(number)) for number in range(BASIN_LETTERS)], np.uint32)
        capital = np.where(levels[settled] >= LEVELS // 2, ord("a") - ord("A"), 0)
        cells.glyph[settled] = small[numbers[settled] % BASIN_LETTERS] - capital
        dots = np.array(list(map(ord, UNSETTLED_DOTS)), np.uint32)
        cells.glyph[running] = dots[levels[running] * len(dots) // LEVELS]
        cells.glyph[hatched] = ord(HATCH)
    else:
        cells = Cells.blank(kinds.shape[1], kinds.shape[0] // 2, palette.foreground, palette.background)
        cells.fg[:], cells.bg[:] = colors[0::2], colors[1::2]
        cells.glyph[(cells.fg != cells.bg).any(axis=2)] = ord(UPPER_HALF)
        hatched = (kinds[0::2] == DIVERGED) & (kinds[1::2] == DIVERGED)
        cells.glyph[hatched], cells.bg[hatched] = ord(HATCH), palette.background
    cells.fg[hatched] = hatch_color(palette)
    return cells


def basin_letter(number: int) -> str:
    """The letter of a rest point: a for the first listed minimum."""
    return chr(ord("a") + number % BASIN_LETTERS)


def legend(
    parts: Sequence[LegendPart], width: int, palette: Palette, *, ink: Ink = "blocks", basin: int | None = None
) -> Cells:
    """Draw a row for each class: its name, its share, its quantity, and its ramp from the best rank to the worst.

    The ramp is between the values at its ends. A middle value is in the middle of the ramp, where there is room. Below
    NARROW columns the ramp is in a row of its own. `basin` is the rest point whose colour a legend of `basins` shows.
    """
    narrow = width < NARROW
    rows = [1 + (narrow and part.kind != DIVERGED) for part in parts]
    cells = Cells.blank(width, sum(rows), palette.foreground, palette.background)
    names = max((len(NAMES[part.kind]) for part in parts), default=0)
    row = 0
    for part, height in zip(parts, rows, strict=True):
        cells.put(row, 0, f"{NAMES[part.kind]:<{names}} {percent(part.share):>4}", palette.foreground)
        below = height == 2
        start = names + 7
        cells.put(row, start, part.name, palette.faint)
        if part.name:
            start += max(len(part.name) for part in parts) + 1
        _draw_ramp(cells, row + below, 1 if below else start, part, palette, ink, basin)
        row += height
    return cells


@lru_cache(maxsize=16)
def class_colors(palette: Palette) -> NDArray[np.uint8]:
    """The colours (4, LEVELS, 3) of RUNNING, CONVERGED, DIVERGED and, last, NOT_COMPUTED; level 0 is the worst rank.

    Of diverged cells it is the mean colour of the hatching.
    """
    ramps = _DARK_RAMPS if palette.dark else _LIGHT_RAMPS
    colors = np.empty((4, LEVELS, 3), np.uint8)
    for kind, (worst, best) in ramps.items():
        lightness, chroma, hue = np.linspace(worst, best, LEVELS).T
        colors[kind] = _oklch(lightness, chroma, hue)
    colors[DIVERGED] = mix_oklab(palette.background, hatch_color(palette), HATCH_INK)
    colors[NOT_COMPUTED] = palette.background
    colors.flags.writeable = False
    return colors


@lru_cache(maxsize=16)
def hatch_color(palette: Palette) -> Color:
    """The colour of the lines of the hatching."""
    lightness, chroma, hue = _DARK_HATCH if palette.dark else _LIGHT_HATCH
    red, green, blue = _oklch(np.array(lightness), np.array(chroma), np.array(hue)).tolist()
    return red, green, blue


@lru_cache(maxsize=16)
def basin_colors(palette: Palette) -> NDArray[np.uint8]:
    """The colours (basins, LEVELS, 3) of starts by the rest point they end at; level 0 is the slowest."""
    (slow, pale), (fast, strong) = _DARK_BASIN if palette.dark else _LIGHT_BASIN
    hues = np.array(BASIN_HUES, np.float64)[:, None]
    colors = _oklch(np.linspace(slow, fast, LEVELS), np.linspace(pale, strong, LEVELS), hues)
    colors.flags.writeable = False
    return colors


@lru_cache(maxsize=16)
def unsettled_colors(palette: Palette) -> NDArray[np.uint8]:
    """The colours (LEVELS, 3) of starts that are still running at their last step; level 0 is the worst rank."""
    lightness = np.linspace(*(_DARK_UNSETTLED if palette.dark else _LIGHT_UNSETTLED), LEVELS)
    colors = _oklch(lightness, np.array(0.0), np.array(0.0))
    colors.flags.writeable = False
    return colors


def levels_of(ranks: Floats) -> NDArray[np.int64]:
    """The level of a ramp, LEVELS − 1 for the best rank 0 down to 0 for the worst rank 1."""
    return np.asarray(np.clip((1 - ranks) * LEVELS, 0, LEVELS - 1), np.int64)


def _oklch(lightness: Floats, chroma: Floats, hue: Floats) -> NDArray[np.uint8]:
    angle = np.radians(hue)
    return from_oklab(np.stack(np.broadcast_arrays(lightness, chroma * np.cos(angle), chroma * np.sin(angle)), axis=-1))


def _paint(grid: Grid, place: Frame, palette: Palette, ink: Ink) -> Cells:
    """The grid without axes, marks and words."""
    rows, columns = grid.classes.shape
    pixel_rows = place.rows * (2 if ink == "blocks" else 1)
    source = np.ix_(
        rows - 1 - np.arange(pixel_rows) * rows // pixel_rows, np.arange(place.columns) * columns // place.columns
    )
    kinds, levels = grid.classes[source], levels_of(grid.ranks[source])
    colors = class_colors(palette)[kinds, levels]
    cells = Cells.blank(place.columns, place.rows, palette.foreground, palette.background)
    if ink == "blocks":
        cells.fg[:], cells.bg[:] = colors[0::2], colors[1::2]
        cells.glyph[(cells.fg != cells.bg).any(axis=2)] = ord(UPPER_HALF)
        hatched = (kinds[0::2] == DIVERGED) & (kinds[1::2] == DIVERGED)
        cells.glyph[hatched], cells.bg[hatched] = ord(HATCH), palette.background
    else:
        for kind, characters in CHARACTERS[ink].items():
            at = kinds == kind
            codes = np.array(list(map(ord, characters)), np.uint32)
            cells.glyph[at] = codes[levels[at] * len(codes) // LEVELS]
        cells.fg[:] = colors
        hatched = kinds == DIVERGED
        if ink == "shades":  # on sixteen colours a ramp would fall onto unrelated ones
            for kind, name in ((RUNNING, "running"), (CONVERGED, "converged")):
                cells.fg[kinds == kind] = palette.states[name]
    cells.fg[hatched] = palette.states["diverged"] if ink == "shades" else hatch_color(palette)
    return cells


def _write_words(plot: Cells, grid: Grid) -> None:
    """Write the words of the grid into the middle of their cells."""
    rows, columns = grid.classes.shape
    if not grid.words or plot.height < rows:
        return
    for r, words in enumerate(grid.words):
        middle = _row_of(r / max(rows - 1, 1), plot.height, rows)  # beside its label
        for c, word in enumerate(words):
            left, right = -(-c * plot.width // columns), -(-(c + 1) * plot.width // columns)
            if word and text_width(word) <= right - left:
                start = left + (right - left - text_width(word)) // 2
                for i, character in enumerate(word):
                    _put(plot, middle, start + i, character)


def _put(plot: Cells, row: int, column: int, glyph: str) -> None:
    """Write a glyph whose ink is legible on the cell, which takes the mean colour of its halves."""
    if not (0 <= row < plot.height and 0 <= column < plot.width):
        return
    behind = _behind(plot, row, column)
    plot.put(row, column, glyph, _legible(behind), bg=behind, bold=True)


def _behind(plot: Cells, row: int, column: int) -> Color:
    halves = plot.bg[row, column].astype(np.int64)
    if plot.glyph[row, column] == ord(UPPER_HALF):
        halves = (halves + plot.fg[row, column] + 1) // 2
    red, green, blue = halves.tolist()
    return red, green, blue


@lru_cache(maxsize=1024)
def _legible(behind: Color) -> Color:
    """Black or white, whichever has more contrast."""
    return max(((255, 255, 255), (0, 0, 0)), key=lambda ink: contrast(ink, behind))


def _position(x: float, y: float, plot: Cells, shape: tuple[int, ...]) -> tuple[float, float]:
    """The column and the half row, from the plot's upper left corner, of a place of the map."""
    rows, columns = shape
    column = (x * (columns - 1) + 0.5) / columns * plot.width
    half = (1 - (y * (rows - 1) + 0.5) / rows) * 2 * plot.height
    return min(column, plot.width - 1e-9), min(half, 2 * plot.height - 1e-9)


def _draw_line(plot: Cells, line: Floats, shape: tuple[int, ...]) -> None:
    if len(line) < 2:
        return
    rows, columns = shape
    dots = np.stack(
        [
            (line[:, 0] * (columns - 1) + 0.5) / columns * 2 * plot.width,
            (1 - (line[:, 1] * (rows - 1) + 0.5) / rows) * 4 * plot.height,
        ],
        axis=1,
    )
    _, row, column = braille.lines(dots[:-1], dots[1:], 2 * plot.width, 4 * plot.height)
    mask = np.zeros((4 * plot.height, 2 * plot.width), np.bool_)
    mask[row, column] = True
    bits = braille.pack(mask)
    for r, c in zip(*np.nonzero(bits), strict=True):
        _put(plot, int(r), int(c), chr(braille.BLANK | int(bits[r, c])))


def _draw_cursor(plot: Cells, cursor: Cursor, shape: tuple[int, ...], ink: Ink) -> None:
    """Draw a cross whose middle fills the cursor's own cell, half a cell of the screen."""
    rows, columns = shape
    x, y = cursor.column / max(columns - 1, 1), cursor.row / max(rows - 1, 1)
    column, half = (int(value) for value in _position(x, y, plot, shape))
    row = half // 2
    for down, right, glyph in ARMS:
        _put(plot, row + down, column + right, glyph)
    if ink != "blocks":
        _put(plot, row, column, "┼")
        return
    upper, lower = _halves(plot, row, column)
    own = _legible(lower if half % 2 else upper)
    top, bottom = (upper, own) if half % 2 else (own, lower)
    plot.put(row, column, UPPER_HALF, top, bg=bottom)


def _draw_box(plot: Cells, cursor: Cursor, shape: tuple[int, ...], ink: Ink) -> None:
    """Draw a frame along the inside of the cursor's cell; brackets where it has fewer than three rows."""
    rows, columns = shape
    top, bottom = (rows - 1 - cursor.row) * plot.height // rows, (rows - cursor.row) * plot.height // rows - 1
    left = -(-cursor.column * plot.width // columns)
    right = -(-(cursor.column + 1) * plot.width // columns) - 1
    if right - left < 2 or bottom < top:
        _draw_cursor(plot, cursor, shape, ink)
        return
    if bottom - top < 2:
        for row in range(top, bottom + 1):
            _put(plot, row, left, "[")
            _put(plot, row, right, "]")
        return
    for column in range(left, right + 1):
        _put(plot, top, column, "┌" if column == left else "┐" if column == right else "─")
        _put(plot, bottom, column, "└" if column == left else "┘" if column == right else "─")
    for row in range(top + 1, bottom):
        _put(plot, row, left, "│")
        _put(plot, row, right, "│")


def _halves(plot: Cells, row: int, column: int) -> tuple[Color, Color]:
    lower = tuple(plot.bg[row, column].tolist())
    upper = tuple(plot.fg[row, column].tolist()) if plot.glyph[row, column] == ord(UPPER_HALF) else lower
    return upper, lower


def _draw_axes(
    cells: Cells, place: Frame, shape: tuple[int, ...], x: Scale, y: Scale, cursor: Cursor | None, palette: Palette
) -> None:
    """Draw names, ticks and the cursor's values. A value of the cursor replaces the labels that it would touch."""
    rows, columns = shape
    _draw_y_axis(cells, place, rows, y, cursor, palette)
    names = (cells.width - text_width(x.name), cells.width)
    taken = []
    if cursor is not None and cursor.x_label:
        column = _column_of(cursor.column / max(columns - 1, 1), place, columns)
        span = _label_span(column, cursor.x_label, cells.width)
        cells.put(place.rows, span[0], cursor.x_label, palette.accent, bold=True)
        taken.append(span)
    if x.name and not any(_touch(names, other) for other in taken):
        cells.put(place.rows, names[0], x.name, palette.foreground, bold=True)
        taken.append(names)
    for tick in _fitting_columns(x, place, columns):
        span = _label_span(_column_of(tick.place, place, columns), tick.label, cells.width)
        if not any(_touch(span, other) for other in taken):
            cells.put(place.rows, span[0], tick.label, palette.faint)


def _draw_y_axis(cells: Cells, place: Frame, rows: int, y: Scale, cursor: Cursor | None, palette: Palette) -> None:
    end = place.left - 1
    labels = {0: (y.name, palette.foreground)} if y.name else {}
    for tick in _fitting_rows(y, place.rows, rows):
        labels.setdefault(_row_of(tick.place, place.rows, rows), (tick.label, palette.faint))
    if cursor is not None and cursor.y_label:
        labels[_row_of(cursor.row / max(rows - 1, 1), place.rows, rows)] = cursor.y_label, palette.accent
    for row, (label, color) in labels.items():
        if text_width(label) <= end:  # part of a number would be wrong
            cells.put(row, end - text_width(label), label, color, bold=color != palette.faint)
            if label != y.name:
                cells.put(row, end, "╶", palette.axis if color == palette.faint else color)


def _row_of(place: float, plot_rows: int, rows: int) -> int:
    return min(int((1 - (place * (rows - 1) + 0.5) / rows) * plot_rows), plot_rows - 1)


def _column_of(place: float, frame: Frame, columns: int) -> int:
    return frame.left + min(int((place * (columns - 1) + 0.5) / columns * frame.columns), frame.columns - 1)


def _label_span(column: int, label: str, width: int) -> tuple[int, int]:
    start = min(max(column - (len(label) - 1) // 2, 0), width - len(label))
    return start, start + len(label)


def _touch(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] + 1 and b[0] < a[1] + 1


def _fitting_columns(scale: Scale, frame: Frame, columns: int) -> tuple[Tick, ...]:
    """The most ticks whose labels keep TICK_GAP columns between them."""
    for ticks in reversed(scale.choices):
        spans = [
            _label_span(_column_of(tick.place, frame, columns), tick.label, frame.left + frame.columns)
            for tick in ticks
        ]
        spans.sort()
        if all(a[1] + TICK_GAP <= b[0] for a, b in pairwise(spans)):
            return ticks
    return scale.choices[0] if scale.choices else ()


def _fitting_rows(scale: Scale, plot_rows: int, rows: int | None = None) -> tuple[Tick, ...]:
    """The most ticks whose labels are ROWS_BETWEEN rows apart."""
    for ticks in reversed(scale.choices):
        places = sorted(_row_of(tick.place, plot_rows, rows or 2 * plot_rows) for tick in ticks)
        if all(b - a >= ROWS_BETWEEN for a, b in pairwise(places)):
            return ticks
    return scale.choices[0] if scale.choices else ()


def _round_choices(knob: Knob, low: float, high: float) -> list[list[float]]:
    """Powers of ten with wider and wider gaps, narrowest last, then 1, 2, 5 × powers of ten; for β of 1 − β."""
    if knob.scale not in ("log", "log_off", "beta"):
        return []
    beta = knob.scale == "beta"
    near, far = (1 - high, 1 - low) if beta else (low, high)
    if not far > 0:
        return []
    first = int(np.floor(np.log10(max(near, far * 1e-12, 1e-300))))
    last = int(np.floor(np.log10(far) + 1e-9))
    powers = range(first, last + 1)
    choices = [[float(f"1e{power}") for power in powers if power % stride == 0] for stride in reversed(DECADE_STRIDES)]
    choices.append([float(f"{mantissa}e{power}") for power in powers for mantissa in (1, 2, 5)])
    return [[float(f"{1 - value:.12g}") for value in values] for values in choices] if beta else choices


def _even_choices(low: float, high: float, *, whole: bool = False) -> list[list[float]]:
    """Multiples of 1, 2, 5 × powers of ten, from few to many."""
    if not (np.isfinite(high - low) and high > low):
        return []
    choices = []
    for step in round_values((high - low) / 40):
        if float(step) > high - low:
            break
        if whole and step != int(step):
            continue
        first, last = int(np.ceil(low / float(step) - 1e-9)), int(np.floor(high / float(step) + 1e-9))
        choices.append([float(step * k) for k in range(first, last + 1)])
    return choices[::-1]


def _draw_ramp(
    cells: Cells, row: int, start: int, part: LegendPart, palette: Palette, ink: Ink, basin: int | None
) -> None:
    texts = [str(round(value)) if part.whole else _short(value) for value in part.values]
    if part.kind == DIVERGED or not texts:
        glyph = CHARACTERS["ascii" if ink == "ascii" else "shades"][DIVERGED] if part.kind == DIVERGED else " "
        length = min(RAMP_COLUMNS[0], cells.width - start)
        color = hatch_color(palette) if part.kind == DIVERGED else palette.faint
        cells.put(row, start, glyph * length, color)
        return
    if texts[0] == texts[-1]:
        texts = texts[:1]
    middle = texts[1] if len(texts) == 3 else ""
    ends = len(texts[0]) + 1 + (len(texts[-1]) + 1 if len(texts) > 1 else 0)
    room = cells.width - start - ends
    if middle and room < 2 * RAMP_COLUMNS[0] + len(middle) + 2:
        middle = ""
    length = min(room - (len(middle) + 2 if middle else 0), RAMP_COLUMNS[1])
    length -= length % 2 if middle else 0
    if length < 2:
        return
    column = start
    cells.put(row, column, texts[0], palette.foreground)
    column += len(texts[0]) + 1
    pieces = (length // 2, length - length // 2) if middle else (length,)
    drawn = 0
    for i, piece in enumerate(pieces):
        if i:
            cells.put(row, column + 1, middle, palette.foreground)
            column += len(middle) + 2
        for _ in range(piece):
            _draw_sample(cells, row, column, part.kind, drawn / max(length - 1, 1), palette, ink, basin)
            column, drawn = column + 1, drawn + 1
    if len(texts) > 1:
        cells.put(row, column + 1, texts[-1], palette.foreground)


def _draw_sample(
    cells: Cells, row: int, column: int, kind: int, rank: float, palette: Palette, ink: Ink, basin: int | None
) -> None:
    level = int(levels_of(np.array(rank)))
    ramp = class_colors(palette)[kind]
    characters = "" if ink == "blocks" else CHARACTERS[ink][kind]
    if basin is not None:
        hues = basin_colors(palette)
        ramp = unsettled_colors(palette) if kind == RUNNING else hues[basin % len(hues)]
        letter = basin_letter(basin)
        characters = UNSETTLED_DOTS if kind == RUNNING else letter + letter.upper()
    color: Color = tuple(ramp[level].tolist())
    if ink == "blocks":
        cells.put(row, column, " ", palette.foreground, bg=color)
        return
    if basin is not None:
        color = palette.faint
    elif ink == "shades":
        color = palette.states["converged" if kind == CONVERGED else "running"]
    cells.put(row, column, characters[level * len(characters) // LEVELS], color)


def _short(value: float) -> str:
    """Two digits: 0.5, 12, 3e-9, 1.5e5."""
    mantissa, exponent, power = f"{value:.2g}".partition("e")
    return f"{mantissa}e{int(power)}" if exponent else mantissa


def percent(share: float) -> str:
    """A share in at most four columns: 42%, <1%."""
    return "<1%" if 0 < share < 0.005 else f"{100 * share:.0f}%"
