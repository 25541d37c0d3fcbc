"""Pictures and text for a terminal with few characters or few colours: ASCII, the Linux console, shades of grey.

A likeness of a character is added here. No Textual: the first picture and `adam-tui plot` use this as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.blocks import PARTS, SEXTANTS
from adam_tui.draw.cells import CODE_POINT, Cells
from adam_tui.terminal.colors import LUMA, MIDDLE_GREY
from adam_tui.terminal.environment import drops_marks, encodes_blocks, is_console, terminal_depth
from adam_tui.terminal.formulas import TRANSCRIBED, needs_transcription, transcribe, transcribe_text

SPACE = ord(" ")
BLOCKS = {ord(character): sum(filled) / len(filled) for character, filled in PARTS.items() if character != " "}  # ink
SHADES, ASCII_SHADES = " ░▒▓", " .:-=%&@"  # without the likenesses of markers and paths, * + # o x
FLAT = 1.0  # levels of luminance (of 255): a picture whose extremes differ by less has no shades
ASCII_GLYPHS = str.maketrans(
    {
        **dict.fromkeys("".join(SEXTANTS).strip(), "#"),
        **dict.fromkeys("│┊┆┤├‖┃", "|"),
        **dict.fromkeys("─┬┴╌━−–—╶╴", "-"),
        "╱": "/",
        **dict.fromkeys("└┘┌┐┼╰╯╭╮✛⊕", "+"),
        **dict.fromkeys("●◉•∘", "o"),
        **dict.fromkeys("○◯", "O"),
        **dict.fromkeys("✕×✖", "x"),
        **dict(zip("◆◇✚✦✘", "DdPYX", strict=True)),  # no marker is like another's, a path or a minimum
        **dict.fromkeys("▲△▴", "^"),
        **dict.fromkeys("▼▽▾", "v"),
        **dict.fromkeys("■□▦", "#"),
        **dict.fromkeys("★☆", "*"),
        **dict.fromkeys("▸▶→", ">"),
        **dict.fromkeys("◀←◂", "<"),
        **{chr(c): "*" for c in range(0x2801, 0x2900)},
        "·": ".",
        **dict(zip("αβδεζησρλθμγ∇Δ", "abdeznsrlOmyVd", strict=True)),
        **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True)),
        **dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)),
        **dict.fromkeys("▁▂▃", "_"),
        **dict.fromkeys("▄▅▆", "="),
        **dict.fromkeys("▇█░▒▓", "#"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        "↑": "^",
        "↓": "v",
        "▀": "-",
        **dict.fromkeys("▘▝", "'"),
        **dict.fromkeys("▖▗", "."),
        **dict.fromkeys("▌▐", "|"),
        **dict.fromkeys("▚▞▛▜▙▟", "#"),
        **dict(zip("ᵗᵀₜκτψπΣḡéè½⇧⋯", "tTtktypSgeeHS~", strict=True)),
        "…": "~",
        "√": "v",
        "≤": "<",
        "≥": ">",
        "≈": "~",
        "±": "~",
        "✓": "v",
        "∞": "8",
        "\u2800": " ",
    }
)
# The characters that the Linux console's fonts share, beside ASCII: no braille, hardly any symbol.
CONSOLE = frozenset("─│┌┐└┘├┤┬┴┼═║▀▄█▌▐░▒▓←↑→↓•◆" + "".join(map(chr, range(0xA1, 0x100))))
CONSOLE_GLYPHS = str.maketrans("╭╮╰╯━┃‖●", "┌┐└┘═║║•")


def to_ascii(character: str) -> str:
    """Return the likeness of a cell's character, without its combining mark, or a question mark."""
    return character[0].translate(ASCII_GLYPHS).encode("ascii", "replace").decode()


def to_console(character: str) -> str:
    """Return the character itself where the Linux console has it, else its likeness."""
    likeness = character[0].translate(CONSOLE_GLYPHS)
    return likeness if likeness in CONSOLE else to_ascii(character)


@dataclass(frozen=True, slots=True)
class Fallback:
    """A terminal's limits, and pictures and characters within them.

    `ascii`: every character is ASCII. `console`: each is one that the Linux console has. `few_colors`: the terminal has
    sixteen colours or none, so the bands of a contour are shades and not colours. `unmarked`: combining marks are not
    drawn, such as the hat of m̂.
    """

    ascii: bool = False
    few_colors: bool = False
    console: bool = False
    unmarked: bool = False

    @classmethod
    def of_terminal(cls, *, ascii: bool) -> Fallback:
        """Return the limits of this program's terminal; `ascii` adds that its font has ASCII only.

        A locale that is not UTF-8 limits the terminal to ASCII as well, for stdout has its encoding.
        """
        stdout = sys.__stdout__
        return cls(
            ascii=ascii or (stdout is not None and not encodes_blocks(stdout.encoding)),
            few_colors=terminal_depth(os.environ) == "16",
            console=is_console(os.environ),
            unmarked=drops_marks(os.environ),
        )

    @property
    def limits_characters(self) -> bool:
        """Whether some characters need a likeness."""
        return self.ascii or self.console or self.unmarked

    def __bool__(self) -> bool:
        """Whether the terminal has any of the limits."""
        return self.few_colors or self.limits_characters

    def character(self, character: str) -> str:
        """Return a cell's character as this terminal shows it."""
        if self.ascii:
            return to_ascii(character)
        return to_console(character) if self.console else character

    def line(self, cells: Sequence[str]) -> list[tuple[str, int]]:
        """Return a line, given as one string a cell, within the limits: each character with the cell of its style."""
        if not self.limits_characters:
            return [(character, index) for index, character in enumerate(cells)]
        if needs_transcription("".join(cells)):
            placed = transcribe(cells, self._has)
        else:
            placed = [(character, index) for index, character in enumerate(cells)]
        return [(self.character(character), index) for character, index in placed]

    def text(self, text: str) -> str:
        """Return a text to be wrapped, with its formulas as this terminal can show them: they may be longer then.

        Single characters are left: `line` replaces them by likenesses of the same width.
        """
        return transcribe_text(text, self._has) if self.limits_characters else text

    def _has(self, character: str) -> bool:
        return character.isascii() or not (self.ascii or (self.console and character not in CONSOLE))

    def picture(self, cells: Cells) -> Cells:
        """Return the picture within the limits.

        With `few_colors` the bands of a contour, which would fall onto one colour or two, become shades of grey on
        black, or on white where the picture is light.
        """
        if not self:
            return cells
        light = self.few_colors and bool((cells.bg @ LUMA).mean() > MIDDLE_GREY)
        ramp = ASCII_SHADES if self.ascii else SHADES
        shaded = self.ascii or self.few_colors
        glyph = shade_blocks(cells, ramp[::-1] if light else ramp) if shaded else cells.glyph
        if self.few_colors:
            cells = _in_greys(cells, glyph, ramp, light=light)
        if not self.limits_characters:
            return replace(cells, glyph=glyph)
        cells = transcribe_rows(replace(cells, glyph=glyph), self._has)
        known, place = np.unique(cells.glyph, return_inverse=True)
        codes = [ord(self.character(chr(code & CODE_POINT))) for code in known.tolist()]
        return replace(cells, glyph=np.array(codes, np.uint32)[place].reshape(glyph.shape))


def transcribe_rows(cells: Cells, is_shown: Callable[[str], bool]) -> Cells:
    """Return the picture with the formulas in its rows transcribed."""
    marked = (cells.glyph > CODE_POINT) | np.isin(cells.glyph, [ord(character) for character in TRANSCRIBED])
    rows = np.flatnonzero(marked.any(axis=1)).tolist()
    if not rows:
        return cells
    cells = cells.copy()
    for row in rows:
        characters, sources = zip(*transcribe(cells.characters(row), is_shown), strict=True)
        cells.glyph[row] = list(map(ord, characters))
        for array in (cells.fg, cells.bg, cells.bold):
            array[row] = array[row, list(sources)]
    return cells


def _in_greys(cells: Cells, glyph: NDArray[np.uint32], ramp: str, *, light: bool) -> Cells:
    """Return the picture with its bands, whose shades `glyph` has already, in grey on black or on white."""
    area = glyph != cells.glyph
    area |= np.isin(cells.glyph, list(BLOCKS))
    area |= np.isin(_packed(cells.bg), _packed(cells.bg[area]))
    # Paths and markers between the bands are on a band's colour too, or on a mixture. Inverse text keeps its ground.
    between = np.zeros_like(area)
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        between[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    inverse = (cells.fg @ LUMA > cells.bg @ LUMA) == light
    area |= between & ~inverse
    fg, bg = cells.fg.copy(), cells.bg.copy()
    shade = area & (np.isin(glyph, list(map(ord, ramp))) & ((glyph != cells.glyph) | (glyph == SPACE)))
    fg[shade] = MIDDLE_GREY
    bg[area] = 255 if light else 0
    return replace(cells, fg=fg, bg=bg)


def shade_blocks(cells: Cells, ramp: str) -> NDArray[np.uint32]:
    """Return the glyphs with blocks, and blanks in their colours, replaced by the ramp from dark to bright."""
    glyph = cells.glyph.copy()
    blocks = np.isin(glyph, list(BLOCKS))
    fg, bg = _packed(cells.fg), _packed(cells.bg)
    # A cell of one colour may have been drawn as a blank: it belongs to the picture if its colour does.
    blanks = (glyph == SPACE) & np.isin(bg, np.concatenate([fg[blocks], bg[blocks]]))
    area = blocks | blanks
    if not area.any():
        return glyph
    ink = np.zeros(glyph.shape)  # the share of the cell that has the foreground's colour
    for code in set(glyph[blocks].tolist()):
        ink[glyph == code] = BLOCKS[code]
    brightness = ink * (cells.fg @ LUMA) + (1 - ink) * (cells.bg @ LUMA)
    darkest, brightest = brightness[area].min(), brightness[area].max()
    share = (brightness[area] - darkest) / max(FLAT, brightest - darkest)
    codes = np.array(list(map(ord, ramp)), np.uint32)
    glyph[area] = codes[np.minimum((share * len(ramp)).astype(np.int64), len(ramp) - 1)]
    return glyph


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.asarray(rgb.astype(np.int64) @ np.array([65536, 256, 1]))
