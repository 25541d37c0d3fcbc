"""Cells in the language of terminals: SGR (ECMA-48 8.3.117), encoded with as few bytes as possible.

This is the only place that writes SGR. A *style* is one number that packs the colours and attributes of a cell: its
lowest 26 bits are the foreground, the 26 above it the background, the bits above those the attributes. A colour is
0xRRGGBB, or one of the terminal's own: `DEFAULT`, or `ENTRY` plus the number of an entry of its palette.

A colour is written only when it changes. A block such as ▀ can also be drawn as its complement ▄ with foreground and
background swapped: which is shorter depends on the rest of the row. `encode` carries both encodings along for as long
as they differ, so it finds the shortest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.blocks import COMPLEMENT
from adam_tui.draw.cells import Cells
from adam_tui.terminal.colors import BLACK, LIGHT_GREY, WHITE, readable_ansi16, to_ansi16, to_xterm256
from adam_tui.terminal.environment import Depth

COLOR_BITS = 26
COLOR = (1 << COLOR_BITS) - 1
ENTRY, DEFAULT = 1 << 24, 1 << 25
BOLD, DIM, ITALIC, UNDERLINE, BLINK, REVERSE, STRIKE = (1 << bit for bit in range(7))
# Attribute, code that sets it, code that clears it, and whether it shows on a blank (reversed, a blank shows its
# foreground).
_ATTRIBUTES = (
    (BOLD, "1", "22", False),
    (DIM, "2", "22", False),
    (ITALIC, "3", "23", False),
    (UNDERLINE, "4", "24", True),
    (BLINK, "5", "25", False),
    (REVERSE, "7", "27", True),
    (STRIKE, "9", "29", True),
)
_SHOWN_ON_BLANK = sum(bit for bit, _, _, shown in _ATTRIBUTES if shown)
_FOREGROUND, _BACKGROUND = 38, 48  # the first parameter of a colour
SPACE = " "
RESET = "\x1b[m"


class Pen(NamedTuple):
    """The colours and attributes that the terminal writes with, as in a style."""

    fg: int = DEFAULT
    bg: int = DEFAULT
    attributes: int = 0


Encoding = tuple[str, Pen]  # text, and the terminal's pen after it


def pack_style(fg: int, bg: int, attributes: int = 0) -> int:
    """Return the style of these colours and attributes."""
    return fg | bg << COLOR_BITS | attributes << 2 * COLOR_BITS


def pack_styles(cells: Cells) -> NDArray[np.int64]:
    """Return the style of every cell, (H, W)."""
    pack = np.array((65536, 256, 1), np.int64)
    fg, bg = cells.fg @ pack, cells.bg @ pack
    return np.asarray(fg | bg << COLOR_BITS | cells.bold.astype(np.int64) << 2 * COLOR_BITS)


@lru_cache(maxsize=16384)
def unpack_style(style: int) -> Pen:
    """Return foreground, background and attributes of a style."""
    return Pen(style & COLOR, style >> COLOR_BITS & COLOR, style >> 2 * COLOR_BITS)


def same_cell(text: str, style: int, other_text: str | None, other_style: int) -> bool:
    """Return whether two cells look the same; the foreground of a blank does not show."""
    if text != other_text:
        return False
    if style == other_style or text != SPACE:
        return style == other_style
    compared = COLOR | _SHOWN_ON_BLANK << COLOR_BITS
    return not ((style ^ other_style) >> COLOR_BITS & compared or style >> 2 * COLOR_BITS & REVERSE)


def encode(text: Sequence[str], styles: Sequence[int], depth: Depth, pen: Pen) -> Encoding:
    """Encode cells from the cursor to the right, for a terminal that now writes with `pen`; return its pen as well."""
    candidates = [("", pen)]
    first, end = 0, len(text)
    while first < end:
        style, glyph = styles[first], text[first]
        shown = _readable_bold(style) if depth == "16" else style
        stop = first + 1
        if glyph in COMPLEMENT:
            while stop < end and styles[stop] == style and text[stop] == glyph:
                stop += 1
            candidates = _append_blocks(candidates, glyph, stop - first, shown, depth)
        else:
            while stop < end and styles[stop] == style and text[stop] not in COMPLEMENT:
                stop += 1
            word, wanted = "".join(text[first:stop]), unpack_style(shown)
            blank = not word.strip(SPACE) and not wanted.attributes & REVERSE
            candidates = [_append(each, word, wanted, depth, blank=blank) for each in candidates]
            if len(candidates) > 1 and candidates[0][1] == candidates[1][1]:
                candidates = [min(candidates, key=_length)]
        first = stop
    return min(candidates, key=_length)


@lru_cache(maxsize=16384)
def _readable_bold(style: int) -> int:
    """Return the style, not bold where that would turn black into a grey that is hard to read on the background.

    Terminals with 16 colours show a bold dark colour as its bright twin; the twin of black is a dark grey.
    """
    fg, bg, attributes = unpack_style(style)
    if not attributes & BOLD or (fg | bg) & (DEFAULT | ENTRY) or to_ansi16(_rgb(bg)) in (LIGHT_GREY, WHITE):
        return style
    black = readable_ansi16(_rgb(fg), _rgb(bg)) == BLACK
    return pack_style(fg, bg, attributes & ~BOLD) if black else style


def _length(encoding: Encoding) -> int:
    return len(encoding[0])


def _append_blocks(candidates: list[Encoding], glyph: str, count: int, style: int, depth: Depth) -> list[Encoding]:
    """Continue each candidate with a block and with its complement; of those with the same pen, keep the shorter."""
    fg, bg, attributes = unpack_style(style)
    if fg == bg:
        return [_append(each, SPACE * count, Pen(fg, bg, attributes), depth, blank=True) for each in candidates]
    other = COMPLEMENT[glyph]
    return [
        min((_append(each, block * count, pen, depth, blank=False) for each in candidates), key=_length)
        for block, pen in ((glyph, Pen(fg, bg, attributes)), (other, Pen(bg, fg, attributes)))
    ]


def _append(encoding: Encoding, word: str, wanted: Pen, depth: Depth, *, blank: bool) -> Encoding:
    text, pen = encoding
    if blank:
        wanted = pen_for_blank(wanted, pen)
    if wanted == pen:
        return text + word, pen
    return f"{text}{transition(pen, wanted, depth)}{word}", wanted


def pen_for_blank(wanted: Pen, pen: Pen) -> Pen:
    """Return `pen` with only those changes towards `wanted` that show on a blank."""
    differs = (wanted.attributes ^ pen.attributes) & _SHOWN_ON_BLANK
    return Pen(pen.fg, wanted.bg, wanted.attributes if differs else pen.attributes)


@lru_cache(maxsize=16384)
def transition(pen: Pen, wanted: Pen, depth: Depth) -> str:
    """Return the escape sequence that changes one pen into another; empty where both look the same."""
    codes = _attribute_codes(pen.attributes, wanted.attributes) if pen.attributes != wanted.attributes else []
    # Codes are compared, not colours: with 256 colours two may be the same entry, and with 16 the entry of the
    # foreground depends on the background too.
    for ground in (_FOREGROUND, _BACKGROUND):
        code, before = (_color_code(each, ground, depth) for each in (wanted, pen))
        if code != before:
            codes.append(code)
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def _attribute_codes(now: int, wanted: int) -> list[str]:
    codes = []
    for bit, _, off, _ in _ATTRIBUTES:
        if now & bit and not wanted & bit and off not in codes:
            codes.append(off)
    if "22" in codes:  # clears both
        now &= ~(BOLD | DIM)
    return codes + [on for bit, on, _, _ in _ATTRIBUTES if wanted & bit and not now & bit]


def _color_code(pen: Pen, ground: int, depth: Depth) -> str:
    """Return the SGR parameters of a pen's foreground or background."""
    if ground == _BACKGROUND:
        return _code(pen.bg, ground, depth)
    return _code(pen.fg, ground, depth, pen.bg if depth == "16" else DEFAULT)


@lru_cache(maxsize=16384)
def _code(color: int, ground: int, depth: Depth, behind: int = DEFAULT) -> str:
    """Return the SGR parameters of a colour. With 16 colours a foreground is one that is readable on `behind`."""
    if color & DEFAULT:
        return str(ground + 1)
    if color & ENTRY:
        entry = color & 255
        return _entry_code(entry, ground, "256" if entry > WHITE else "16")
    if depth == "truecolor":
        return f"{ground};2;{color >> 16};{color >> 8 & 255};{color & 255}"
    if depth == "256":
        return _entry_code(int(to_xterm256(_rgb(color))), ground, depth)
    if behind & (DEFAULT | ENTRY):
        return _entry_code(int(to_ansi16(_rgb(color))), ground, depth)
    return _entry_code(readable_ansi16(_rgb(color), _rgb(behind)), ground, depth)


def _entry_code(entry: int, ground: int, depth: Depth) -> str:
    """Return the SGR parameters of an entry of the palette: 30 to 37 and 40 to 47, the bright ones at 90 and 100."""
    if depth == "256":
        return f"{ground};5;{entry}"
    return str(ground - 8 + entry if entry < 8 else ground + 52 + entry - 8)


def _rgb(color: int) -> NDArray[np.uint8]:
    return np.array((color >> 16, color >> 8 & 255, color & 255), np.uint8)
