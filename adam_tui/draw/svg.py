"""Cells as an SVG picture that is sharp at any size and looks the same in every viewer.

Backgrounds, blocks, braille and frames become shapes, because fonts draw them differently and leave gaps. Other
characters remain text, and every word has a fixed width, so that no font can shift it. Shapes of the same colour are
one path, which keeps a screen of 120×40 well below 300 kB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.blocks import PARTS
from adam_tui.draw.cells import CODE_POINT, Cells

# Pixels. Most monospace fonts are 0.6 em wide: 9 of 15. A cell is two squares high, about as in a terminal.
CELL_WIDTH, CELL_HEIGHT = 9, 18
FONT_SIZE, BASELINE = 15, 13.5  # the baseline is measured from the cell's top
FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
# The crossing of a frame's lines, and their widths: they cover whole pixels and so are not blurred.
MIDDLE_X, MIDDLE_Y = 4.5, 8.5
THIN, HEAVY = 1, 3
# A braille dot is in the middle of a 4.5 pixel square. In units of half a square its coordinates are integers.
DOT_UNIT, DOT_WIDTH = CELL_WIDTH / 4, 1.4

BRAILLE, BRAILLE_LAST = 0x2800, 0x28FF
LETTERS_END = 0x0530  # Latin, Greek, Cyrillic: one cell wide in every monospace font. Other signs may be wider.
UNPRINTABLE = "\ufffd"

# The positions of a braille cell's dots, by bit, in units from the cell's corner (Unicode, Braille Patterns).
DOTS = ((1, 1), (1, 3), (1, 5), (3, 1), (3, 3), (3, 5), (1, 7), (3, 7))
# The directions of a frame's lines from the middle of the cell: left, right, up, down.
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
# The filled part of a cell in eighths: left, top, right, bottom.
BLOCKS = {
    **{chr(0x2580 + i): (0, 8 - i, 8, 8) for i in range(1, 8) if i != 4},  # ▁▂▃▅▆▇
    **{chr(0x2590 - i): (0, 0, i, 8) for i in range(1, 8) if i != 4},  # ▏▎▍▋▊▉
    **{"▔": (0, 0, 8, 1), "▕": (7, 0, 8, 8)},
}


@dataclass
class _Layer:
    """Shapes of one style, as pieces of a path for each colour."""

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
    """Convert the picture to one self-contained SVG document; screen readers read the `title`."""
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
    """Escape text for XML, which allows no control characters and no lone surrogates."""
    legal = (
        c if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) not in (0xFFFE, 0xFFFF) else UNPRINTABLE
        for c in text
    )
    return escape("".join(legal))


# ---- shapes ----


def _backgrounds(glyph: NDArray[np.uint32], fg: NDArray[np.int64], bg: NDArray[np.int64]) -> tuple[int, _Layer]:
    """The most frequent colour, and the parts of blocks with other colours, merged into rectangles."""
    rows, columns = glyph.shape
    drawn = set(np.unique(glyph).tolist())
    blocks = {block: filled for block, filled in PARTS.items() if ord(block) in drawn}
    high = math.lcm(2, *(len(filled) // 2 for filled in blocks.values()))  # pixels down a cell: 2, with sextants 6
    parts = np.repeat(bg[..., None], 2 * high, axis=2).reshape(rows, columns, high, 2)
    for block, filled in blocks.items():
        here = glyph == ord(block)
        inked = np.repeat(np.reshape(filled, (-1, 2)), 2 * high // len(filled), axis=0)
        parts[here] = np.where(inked, fg[here][:, None, None], bg[here][:, None, None])
    pixels = parts.swapaxes(1, 2).reshape(high * rows, 2 * columns)
    colors, counts = np.unique(pixels, return_counts=True)
    ground = int(colors[counts.argmax()]) if len(colors) else 0
    layer = _Layer(f'transform="scale({CELL_WIDTH / 2:g} {CELL_HEIGHT / high:g})" shape-rendering="crispEdges"')
    open_runs: dict[tuple[int, int, int], int] = {}  # (first column, column after the last, colour): first row
    for y, row in enumerate([*pixels, None]):
        runs = [] if row is None else _runs(row)
        continued = {run: open_runs.pop(run, y) for run in runs if run[2] != ground}
        for (start, stop, color), top in open_runs.items():
            layer.add(color, f"M{start} {top}h{stop - start}v{y - top}h{start - stop}z")
        open_runs = continued
    return ground, layer


def _runs(row: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The runs of equal colour in a row: (first column, column after the last, colour)."""
    edges = np.flatnonzero(np.diff(row)) + 1
    starts = [0, *edges.tolist()]
    return [(a, b, int(row[a])) for a, b in zip(starts, [*starts[1:], len(row)], strict=True)] if len(row) else []


def _shapes(glyph: NDArray[np.uint32], fg: NDArray[np.int64]) -> tuple[_Layer, ...]:
    """The layers of blocks, thin lines, heavy lines and braille dots."""
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
    """The point where an arm meets the edge of the cell at (x, y)."""
    return {
        "l": (x, y + MIDDLE_Y),
        "r": (x + CELL_WIDTH, y + MIDDLE_Y),
        "u": (x + MIDDLE_X, y),
        "d": (x + MIDDLE_X, y + CELL_HEIGHT),
    }[arm]


def _arms(arms: str, x: float, y: float) -> str:
    """Lines from the middle of the cell at (x, y) to its edges; two opposite arms are one line."""
    pieces = []
    for pair in ("lr", "ud"):
        if set(pair) <= set(arms):
            (ax, ay), (bx, by) = _end(pair[0], x, y), _end(pair[1], x, y)
            pieces.append(f"M{ax:g} {ay:g}L{bx:g} {by:g}")
            arms = arms.replace(pair[0], "").replace(pair[1], "")
    if len(arms) == 2:  # a corner as one line, without a notch
        (ax, ay), (bx, by) = _end(arms[0], x, y), _end(arms[1], x, y)
        return f"M{ax:g} {ay:g}L{x + MIDDLE_X:g} {y + MIDDLE_Y:g}L{bx:g} {by:g}"
    for arm in arms:
        bx, by = _end(arm, x, y)
        pieces.append(f"M{x + MIDDLE_X:g} {y + MIDDLE_Y:g}L{bx:g} {by:g}")
    return "".join(pieces)


def _dashes(direction: str, count: int, x: float, y: float) -> str:
    """A dashed line across the cell at (x, y): `count` dashes and as many gaps of the same length."""
    size = CELL_WIDTH if direction == "h" else CELL_HEIGHT
    dash = size / count / 2
    starts = [(i + 0.25) * size / count for i in range(count)]
    if direction == "h":
        return "".join(f"M{x + a:g} {y + MIDDLE_Y:g}h{dash:g}" for a in starts)
    return "".join(f"M{x + MIDDLE_X:g} {y + a:g}v{dash:g}" for a in starts)


# ---- text ----


def _texts(cells: Cells, fg: NDArray[np.int64]) -> Iterator[str]:
    """The words and signs as text, grouped by colour and weight; each sign is centred in its cell."""
    drawn = _is_shape(cells.glyph) | np.isin(cells.glyph, (BRAILLE, *map(ord, PARTS)))
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
    """((colour, bold), first column, column after the last) of each word or sign in a row."""
    kinds = zip(drawn[row].tolist(), fg[row].tolist(), cells.bold[row].tolist(), cells.glyph[row].tolist(), strict=True)
    # Each sign is a group of its own: its column distinguishes its key from its neighbours'.
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
