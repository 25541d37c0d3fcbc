"""Cells as an SVG picture: crisp at any size, and the same wherever it is opened.

Backgrounds, blocks, braille and frames are drawn as shapes, because fonts disagree about them and leave gaps. Only
text is text, each word pinned to its columns, so that no font can shift it. Shapes of one colour are one path, which
keeps a screen of 120×40 well below 300 kB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import CODE_POINT, Cells

# Pixels. Most monospace fonts are 0.6 em wide: 9 of 15. A cell is two squares high, as a terminal's nearly is.
CELL_WIDTH, CELL_HEIGHT = 9, 18
FONT_SIZE, BASELINE = 15, 13.5  # the baseline from the cell's top
FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
# Where a frame's lines cross, and how wide they are: whole pixels, neither blurred.
MIDDLE_X, MIDDLE_Y = 4.5, 8.5
THIN, HEAVY = 1, 3
# A braille dot stands in the middle of a 4.5 pixel square; half of that is the unit that makes its place whole.
DOT_UNIT, DOT_WIDTH = CELL_WIDTH / 4, 1.4

BRAILLE, BRAILLE_LAST = 0x2800, 0x28FF
UPPER, LOWER, FULL = map(ord, "▀▄█")
LETTERS_END = 0x0530  # Latin, Greek, Cyrillic: in every monospace font, a cell wide. Other signs may be wider.
UNPRINTABLE = "\ufffd"

# The places of a braille cell's dots by its bits, in units from the cell's corner (Unicode, Braille Patterns).
DOTS = ((1, 1), (1, 3), (1, 5), (3, 1), (3, 3), (3, 5), (1, 7), (3, 7))
# Where a frame's lines lead from the middle: left, right, up, down.
ARMS = {
    **{
        "─": "lr",
        "│": "ud",
        "┌": "rd",
        "┐": "ld",
        "└": "ru",
        "┘": "lu",
        "├": "rud",
        "┤": "lud",
        "┬": "lrd",
        "┴": "lru",
    },
    **{"┼": "lrud", "╴": "l", "╶": "r", "╵": "u", "╷": "d"},
}
HEAVY_ARMS = {"━": "lr", "┃": "ud", "╸": "l", "╺": "r", "╹": "u", "╻": "d"}
ROUND = {"╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu"}
DASHES = {"╌": ("h", 2), "┄": ("h", 3), "┈": ("h", 4), "╎": ("v", 2), "┆": ("v", 3), "┊": ("v", 4)}
# The filled part of a cell: left, top, right, bottom in eighths.
BLOCKS = {
    **{chr(0x2580 + i): (0, 8 - i, 8, 8) for i in range(1, 8) if i != 4},  # ▁▂▃▅▆▇
    **{chr(0x2590 - i): (0, 0, i, 8) for i in range(1, 8)},  # ▏▎▍▌▋▊▉
    **{"▐": (4, 0, 8, 8), "▔": (0, 0, 8, 1), "▕": (7, 0, 8, 8)},
}


@dataclass
class _Layer:
    """Shapes that share their style: pieces of a path by colour."""

    style: str
    paths: dict[int, list[str]] = field(default_factory=dict)
    paint: str = "fill"

    def add(self, color: int, piece: str) -> None:
        self.paths.setdefault(color, []).append(piece)

    def lines(self) -> Iterator[str]:
        if self.paths:
            yield f"<g {self.style}>"
            for color, pieces in self.paths.items():
                yield f'<path {self.paint}="{_hex(color)}" d="{"".join(pieces)}"/>'
            yield "</g>"


def to_svg(cells: Cells, title: str = "") -> str:
    """The picture as one SVG document, with nothing outside it needed; `title` is what a screen reader says."""
    width, height = cells.width * CELL_WIDTH, cells.height * CELL_HEIGHT
    fg, bg = _packed(cells.fg), _packed(cells.bg)
    ground, squares = _backgrounds(cells.glyph, fg, bg)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="{FONTS}" font-size="{FONT_SIZE}">',
        *([f"<title>{_text(title)}</title>"] if title else []),
        f'<rect width="{width}" height="{height}" fill="{_hex(ground)}"/>',
    ]
    for layer in (squares, *_shapes(cells.glyph, fg)):
        lines += layer.lines()
    lines += [*_texts(cells, fg), "</svg>", ""]
    return "\n".join(lines)


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.asarray(rgb.astype(np.int64) @ np.array([65536, 256, 1]))


def _hex(color: int) -> str:
    return f"#{color:06x}"


def _text(text: str) -> str:
    """Text as XML takes it: control characters and half characters are not allowed in any form."""
    legal = (
        c if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) not in (0xFFFE, 0xFFFF) else UNPRINTABLE
        for c in text
    )
    return escape("".join(legal))


# ---- shapes ----


def _backgrounds(glyph: NDArray[np.uint32], fg: NDArray[np.int64], bg: NDArray[np.int64]) -> tuple[int, _Layer]:
    """The commonest colour, and the squares (two a cell) that have another, merged into rectangles."""
    rows, columns = glyph.shape
    squares = np.empty((rows, 2, columns), np.int64)
    squares[:, 0] = np.where((glyph == UPPER) | (glyph == FULL), fg, bg)
    squares[:, 1] = np.where((glyph == LOWER) | (glyph == FULL), fg, bg)
    colors, counts = np.unique(squares, return_counts=True)
    ground = int(colors[counts.argmax()]) if len(colors) else 0
    layer = _Layer(f'transform="scale({CELL_WIDTH})" shape-rendering="crispEdges"')
    open_runs: dict[tuple[int, int, int], int] = {}  # first and last column, colour: the row where it began
    for y, row in enumerate([*squares.reshape(2 * rows, columns), None]):
        runs = [] if row is None else _runs(row)
        here = {run: open_runs.pop(run, y) for run in runs if run[2] != ground}
        for (start, stop, color), top in open_runs.items():
            layer.add(color, f"M{start} {top}h{stop - start}v{y - top}h{start - stop}z")
        open_runs = here
    return ground, layer


def _runs(row: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Where one colour stands beside itself: first column, column after the last, colour."""
    edges = np.flatnonzero(np.diff(row)) + 1
    starts = [0, *edges.tolist()]
    return [(a, b, int(row[a])) for a, b in zip(starts, [*starts[1:], len(row)], strict=True)] if len(row) else []


def _shapes(glyph: NDArray[np.uint32], fg: NDArray[np.int64]) -> tuple[_Layer, ...]:
    """Parts of cells, lines and dots."""
    blocks = _Layer('shape-rendering="crispEdges"')
    thin = _Layer(f'fill="none" stroke-width="{THIN}"', paint="stroke")
    heavy = _Layer(f'fill="none" stroke-width="{HEAVY}"', paint="stroke")
    dots = _Layer(
        f'fill="none" transform="scale({DOT_UNIT})" stroke-width="{DOT_WIDTH}" stroke-linecap="round"', paint="stroke"
    )
    for row, column in np.argwhere(_is_shape(glyph)).tolist():
        code, color = int(glyph[row, column]), int(fg[row, column])
        character, x, y = chr(code), column * CELL_WIDTH, row * CELL_HEIGHT
        if BRAILLE <= code <= BRAILLE_LAST:
            places = (place for bit, place in enumerate(DOTS) if code >> bit & 1)
            dots.add(color, "".join(f"M{4 * column + dx} {8 * row + dy}h0" for dx, dy in places))
        elif character in BLOCKS:
            size = (CELL_WIDTH, CELL_HEIGHT) * 2
            left, top, right, bottom = (part * whole / 8 for part, whole in zip(BLOCKS[character], size, strict=True))
            blocks.add(color, f"M{x + left:g} {y + top:g}h{right - left:g}v{bottom - top:g}h{left - right:g}z")
        elif character in HEAVY_ARMS:
            heavy.add(color, _arms(HEAVY_ARMS[character], x, y))
        elif character in DASHES:
            thin.add(color, _dashes(*DASHES[character], x, y))
        elif character in ROUND:
            (ax, ay), (bx, by) = (_end(arm, x, y) for arm in ROUND[character])
            middle = f"{x + MIDDLE_X:g} {y + MIDDLE_Y:g}"
            thin.add(color, f"M{ax:g} {ay:g}Q{middle} {bx:g} {by:g}")
        else:
            thin.add(color, _arms(ARMS[character], x, y))
    return blocks, thin, heavy, dots


SHAPES = np.array(sorted(map(ord, (*ARMS, *HEAVY_ARMS, *ROUND, *DASHES, *BLOCKS))), np.uint32)


def _is_shape(glyph: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.isin(glyph, SHAPES) | ((glyph > BRAILLE) & (glyph <= BRAILLE_LAST))


def _end(arm: str, x: float, y: float) -> tuple[float, float]:
    """Where an arm meets the edge of the cell at (x, y)."""
    return {
        "l": (x, y + MIDDLE_Y),
        "r": (x + CELL_WIDTH, y + MIDDLE_Y),
        "u": (x + MIDDLE_X, y),
        "d": (x + MIDDLE_X, y + CELL_HEIGHT),
    }[arm]


def _arms(arms: str, x: float, y: float) -> str:
    """Lines from the middle of the cell at (x, y) to its edges; a straight pair is one line."""
    pieces = []
    for pair in ("lr", "ud"):
        if set(pair) <= set(arms):
            (ax, ay), (bx, by) = _end(pair[0], x, y), _end(pair[1], x, y)
            pieces.append(f"M{ax:g} {ay:g}L{bx:g} {by:g}")
            arms = arms.replace(pair[0], "").replace(pair[1], "")
    if len(arms) == 2:  # a corner, without a notch where its lines meet
        (ax, ay), (bx, by) = _end(arms[0], x, y), _end(arms[1], x, y)
        return f"M{ax:g} {ay:g}L{x + MIDDLE_X:g} {y + MIDDLE_Y:g}L{bx:g} {by:g}"
    for arm in arms:
        bx, by = _end(arm, x, y)
        pieces.append(f"M{x + MIDDLE_X:g} {y + MIDDLE_Y:g}L{bx:g} {by:g}")
    return "".join(pieces)


def _dashes(direction: str, count: int, x: float, y: float) -> str:
    """A line across the cell at (x, y), as long as `count` dashes and as many gaps."""
    size = CELL_WIDTH if direction == "h" else CELL_HEIGHT
    dash = size / count / 2
    at = [(i + 0.25) * size / count for i in range(count)]
    if direction == "h":
        return "".join(f"M{x + a:g} {y + MIDDLE_Y:g}h{dash:g}" for a in at)
    return "".join(f"M{x + MIDDLE_X:g} {y + a:g}v{dash:g}" for a in at)


# ---- text ----


def _texts(cells: Cells, fg: NDArray[np.int64]) -> Iterator[str]:
    """The words, by colour and weight; and the signs, each in the middle of its cell."""
    drawn = _is_shape(cells.glyph) | np.isin(cells.glyph, (ord(" "), UPPER, LOWER, FULL, BRAILLE))
    styles: dict[tuple[int, bool], list[str]] = {}
    for row in np.flatnonzero(~drawn.all(axis=1)).tolist():
        y = row * CELL_HEIGHT + BASELINE
        for (color, bold), start, stop in _words(cells, fg, drawn, row):
            text, middle = _text(cells.text(row, start, stop)), ""
            x: float = start * CELL_WIDTH
            if stop - start > 1:
                middle = f' textLength="{(stop - start) * CELL_WIDTH}" lengthAdjust="spacingAndGlyphs"'
            elif int(cells.glyph[row, start]) & CODE_POINT >= LETTERS_END:
                x, middle = x + CELL_WIDTH / 2, ' text-anchor="middle"'
            styles.setdefault((color, bold), []).append(f'<text x="{x:g}" y="{y:g}"{middle}>{text}</text>')
    for (color, bold), texts in styles.items():
        weight = ' font-weight="bold"' if bold else ""
        yield f'<g fill="{_hex(color)}"{weight}>'
        yield from texts
        yield "</g>"


def _words(
    cells: Cells, fg: NDArray[np.int64], drawn: NDArray[np.bool_], row: int
) -> Iterator[tuple[tuple[int, bool], int, int]]:
    """Style, first column and column after the last of each word or sign of a row."""
    kinds = zip(drawn[row].tolist(), fg[row].tolist(), cells.bold[row].tolist(), cells.glyph[row].tolist(), strict=True)
    # A sign is a group of its own: its column makes it unlike its neighbours.
    keys = [
        None if shape else (color, bold, -1 if glyph & CODE_POINT < LETTERS_END else i)
        for i, (shape, color, bold, glyph) in enumerate(kinds)
    ]
    column = 0
    for key, group in groupby(keys):
        stop = column + len(list(group))
        if key is not None:
            yield key[:2], column, stop
        column = stop
