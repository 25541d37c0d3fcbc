"""A picture as lines of text for any terminal: in its number of colours, or in plain characters where it has none.

This is for pictures that are printed once (`adam-tui plot`); the app's screen goes through `painter`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adam_tui.draw.cells import Cells
from adam_tui.terminal.colors import BLACK, LUMA, MIDDLE_GREY, WHITE, to_ansi16, to_xterm256
from adam_tui.terminal.environment import Depth
from adam_tui.terminal.fallback import ASCII_SHADES, BLOCKS, SHADES, shade_blocks, to_ascii, transcribe_rows
from adam_tui.terminal.sgr import (
    ENTRY,
    RESET,
    SPACE,
    Pen,
    pack_style,
    pack_styles,
    pen_for_blank,
    transition,
    unpack_style,
)


def to_ansi(cells: Cells, depth: Depth, *, ascii: bool = False) -> str:
    """Return the picture as lines joined by newlines, with colours of that depth.

    Escapes are written only where the style changes, and a reset ends each line. Without colours, half blocks become
    shades by their luminance. With `ascii` every character is ASCII, at any depth; a character without a likeness is a
    question mark.
    """
    drawn = transcribe_rows(cells, str.isascii) if ascii else cells
    if depth == "none" or ascii:
        drawn = replace(drawn, glyph=shade_blocks(drawn, ASCII_SHADES if ascii else SHADES))
    lines = [drawn.characters(row) for row in range(drawn.height)]
    if ascii:
        lines = [list(map(to_ascii, line)) for line in lines]
    if depth == "none":
        return "\n".join(map("".join, lines))
    styles = _styles(drawn, depth)
    return "\n".join(_styled(line, row, depth) for line, row in zip(lines, styles, strict=True))


def _styles(cells: Cells, depth: Depth) -> list[list[int]]:
    """Return the style of every cell, in the colours of that depth."""
    if depth == "truecolor":
        styles: list[list[int]] = pack_styles(cells).tolist()
        return styles
    nearest = to_xterm256 if depth == "256" else to_ansi16
    fg, bg = nearest(cells.fg), nearest(cells.bg)
    if depth == "16":  # a character may fall onto its background, and text must never vanish
        hidden = (fg == bg) & ~np.isin(cells.glyph, (ord(SPACE), *BLOCKS))
        fg[hidden] = np.where(cells.bg[hidden] @ LUMA > MIDDLE_GREY, BLACK, WHITE)
    rows = zip(fg.tolist(), bg.tolist(), cells.bold.tolist(), strict=True)
    return [[pack_style(ENTRY | f, ENTRY | b, bold) for f, b, bold in zip(*row, strict=True)] for row in rows]


def _styled(line: list[str], styles: list[int], depth: Depth) -> str:
    """Return one line with escapes. Unlike `encode` it keeps every character: a line may be searched or copied."""
    pieces: list[str] = []
    pen = Pen()
    for character, style in zip(line, styles, strict=True):
        wanted = unpack_style(style)
        if character == SPACE:
            wanted = pen_for_blank(wanted, pen)
        if wanted != pen:
            pieces.append(transition(pen, wanted, depth))
            pen = wanted
        pieces.append(character)
    return "".join(pieces) + (RESET if pieces else "")
