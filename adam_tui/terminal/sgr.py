"""A row of cells in the words of a terminal (SGR, ECMA-48 8.3.117), encode with as few bytes as it can be.

A *look* is one number for how a cell looks: ink in its lowest 26 bits, paper in the 26 above, attributes above those. A
colour is 0xRRGGBB, or one of the terminal's own: `DEFAULT`, or `ENTRY` plus the number of an entry of its palette.

A colour is written only when it changes. Two different halves can be drawn as ▀ or, with ink and paper exchanged, as ▄:
which is shorter depends on what comes later in the row. Both spellings are carried along for as long as they differ, so
the shortest is found and not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells
from adam_tui.draw.color import GRAPHICS_CONTRAST, contrast
from adam_tui.terminal.ansi import ANSI_16, BLACK, LUMINANCE, MIDDLE_GREY, WHITE, Depth, sgr, to_ansi16, to_xterm256

COLOR_BITS = 26
COLOR = (1 << COLOR_BITS) - 1
ENTRY, DEFAULT = 1 << 24, 1 << 25
BOLD, DIM, ITALIC, UNDERLINE, BLINK, REVERSE, STRIKE = (1 << bit for bit in range(7))
# How each is put on, how it is taken off, and whether it is seen on a blank (reversed, a blank has the ink's colour).
_ATTRIBUTES = (
    (BOLD, "1", "22", False),
    (DIM, "2", "22", False),
    (ITALIC, "3", "23", False),
    (UNDERLINE, "4", "24", True),
    (BLINK, "5", "25", False),
    (REVERSE, "7", "27", True),
    (STRIKE, "9", "29", True),
)
_SEEN_ON_A_BLANK = sum(bit for bit, _, _, seen in _ATTRIBUTES if seen)
UPPER, LOWER, SPACE = "▀", "▄", " "
HALVES = (UPPER, LOWER)
RESET = "\x1b[m"


class Pen(NamedTuple):
    """What the terminal writes with: colours and attributes, as in a look."""

    ink: int = DEFAULT
    paper: int = DEFAULT
    attributes: int = 0


def look(ink: int, paper: int, attributes: int = 0) -> int:
    """The look of these."""
    return ink | paper << COLOR_BITS | attributes << 2 * COLOR_BITS


def looks(cells: Cells) -> NDArray[np.int64]:
    """The look of every cell, (H, W)."""
    pack = np.array((65536, 256, 1), np.int64)
    ink, paper = cells.fg @ pack, cells.bg @ pack
    return np.asarray(ink | paper << COLOR_BITS | cells.bold.astype(np.int64) << 2 * COLOR_BITS)


def parts(look: int) -> Pen:
    """Ink, paper and attributes of a look."""
    return Pen(look & COLOR, look >> COLOR_BITS & COLOR, look >> 2 * COLOR_BITS)


def same_cell(text: str, look: int, other_text: str | None, other_look: int) -> bool:
    """Whether two cells are seen as the same: the ink of a blank is not."""
    if text != other_text:
        return False
    if look == other_look or text != SPACE:
        return look == other_look
    paper_and_more = COLOR | _SEEN_ON_A_BLANK << COLOR_BITS
    return not ((look ^ other_look) >> COLOR_BITS & paper_and_more or look >> 2 * COLOR_BITS & REVERSE)


def encode(text: Sequence[str], looks: Sequence[int], depth: Depth, pen: Pen) -> tuple[str, Pen]:
    """The cells in a row from where the cursor is, by a terminal that now writes with `pen`; and the pen after it."""
    ways = [("", pen)]
    first, end = 0, len(text)
    while first < end:
        seen, glyph = looks[first], text[first]
        stop = first + 1
        if glyph in HALVES:
            while stop < end and looks[stop] == seen and text[stop] == glyph:
                stop += 1
            ways = _halves(ways, glyph, stop - first, seen, depth)
        else:
            while stop < end and looks[stop] == seen and text[stop] not in HALVES:
                stop += 1
            word, wanted = "".join(text[first:stop]), parts(seen)
            blank = not word.strip(SPACE) and not wanted.attributes & REVERSE
            ways = [_written(way, word, wanted, depth, blank=blank) for way in ways]
            if len(ways) > 1 and ways[0][1] == ways[1][1]:
                ways = [min(ways, key=_length)]
        first = stop
    return min(ways, key=_length)


def _length(way: tuple[str, Pen]) -> int:
    return len(way[0])


def _halves(ways: list[tuple[str, Pen]], glyph: str, count: int, seen: int, depth: Depth) -> list[tuple[str, Pen]]:
    """Each way on with ▀ and with ▄; of those that end with the same pen, the shorter."""
    ink, paper, attributes = parts(seen)
    if ink == paper:
        return [_written(way, SPACE * count, Pen(ink, paper, attributes), depth, blank=True) for way in ways]
    other = LOWER if glyph == UPPER else UPPER
    found = []
    for sign, pen in ((glyph, Pen(ink, paper, attributes)), (other, Pen(paper, ink, attributes))):
        found.append(min((_written(way, sign * count, pen, depth, blank=False) for way in ways), key=_length))
    return found


def _written(way: tuple[str, Pen], word: str, wanted: Pen, depth: Depth, *, blank: bool) -> tuple[str, Pen]:
    so_far, pen = way
    if blank:  # its ink is not seen, nor most attributes
        differs = (wanted.attributes ^ pen.attributes) & _SEEN_ON_A_BLANK
        wanted = Pen(pen.ink, wanted.paper, wanted.attributes if differs else pen.attributes)
    if wanted == pen:
        return so_far + word, pen
    return f"{so_far}{turned(pen, wanted, depth)}{word}", wanted


@lru_cache(maxsize=16384)
def turned(pen: Pen, wanted: Pen, depth: Depth) -> str:
    """The escape that turns one pen into another."""
    codes = _attribute_codes(pen.attributes, wanted.attributes) if pen.attributes != wanted.attributes else []
    # In few colours text may fall onto its paper: the ink then depends on the paper too.
    ink, was = (_color_code(each.ink, 38, depth, each.paper) for each in (wanted, pen))
    if wanted.ink != pen.ink or ink != was:
        codes.append(ink)
    if wanted.paper != pen.paper:
        codes.append(_color_code(wanted.paper, 48, depth))
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def _attribute_codes(now: int, wanted: int) -> list[str]:
    codes = []
    for bit, _, off, _ in _ATTRIBUTES:
        if now & bit and not wanted & bit and off not in codes:
            codes.append(off)
    if "22" in codes:  # takes off both
        now &= ~(BOLD | DIM)
    return codes + [on for bit, on, _, _ in _ATTRIBUTES if wanted & bit and not now & bit]


@lru_cache(maxsize=16384)
def _color_code(color: int, ground: int, depth: Depth, paper: int = DEFAULT) -> str:
    """The SGR parameters of a colour; `ground` is 38 for ink and 48 for paper. Ink on a paper never looks like it."""
    if color & DEFAULT:
        return str(ground + 1)
    if color & ENTRY:
        entry = color & 255
        return sgr(entry, ground, "256" if entry > WHITE else "16")
    if depth == "truecolor":
        return sgr(color, ground, depth)
    if depth == "256":
        return sgr(int(to_xterm256(_rgb(color))), ground, depth)
    if paper & (DEFAULT | ENTRY):
        return sgr(int(to_ansi16(_rgb(color))), ground, depth)
    return sgr(_seen_on(color, paper), ground, depth)


def _seen_on(ink: int, paper: int) -> int:
    """The nearest of the sixteen to a colour; where it has less than 3:1, its bright twin, or the next nearest."""
    on, distances = int(to_ansi16(_rgb(paper))), ((_rgb(ink).astype(float) - ANSI_16) ** 2).sum(axis=1)
    first, *others = distances.argsort().tolist()
    if first == on:  # text must never vanish
        return BLACK if _rgb(paper) @ LUMINANCE > MIDDLE_GREY else WHITE
    if np.ptp(ANSI_16[first]) == 0:  # a grey is meant to be faint
        return int(first)
    return next((entry for entry in (first, first ^ 8, *others) if _contrast_16(entry, on) >= GRAPHICS_CONTRAST), WHITE)


@lru_cache(maxsize=256)
def _contrast_16(a: int, b: int) -> float:
    first, second = (tuple(ANSI_16[entry].tolist()) for entry in (a, b))
    return contrast(first, second)


def _rgb(color: int) -> NDArray[np.uint8]:
    return np.array((color >> 16, color >> 8 & 255, color & 255), np.uint8)
