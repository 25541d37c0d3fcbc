"""Cells as text for any terminal: in its number of colours, or in plain characters where it has none.

For what is printed once (`adam-tui plot`, an export); the app's own screen goes through Textual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import CODE_POINT, Cells

Depth = Literal["truecolor", "256", "16", "none"]
Bytes = NDArray[np.uint8]

RESET = "\x1b[0m"
SPACE = ord(" ")
HALF_BLOCKS = tuple(map(ord, "▀▄█"))

# xterm's 6 × 6 × 6 cube (entries 16 to 231) and its greys (232 to 255): ctlseqs, "256 colors", and 256colres.pl.
CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
CUBE_BORDERS = (CUBE_LEVELS[1:] + CUBE_LEVELS[:-1]) / 2
FIRST_CUBE, FIRST_GREY, GREYS, DARKEST_GREY, GREY_STEP = 16, 232, 24, 8, 10
# The first sixteen as the VGA had them. Every terminal shows its own, few a darker grey for the ninth: so what is
# nearer to it than to white is meant to be faint, and text in a middle grey is not.
ANSI_16 = np.array(
    [
        *((0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170)),
        *((170, 170, 170), (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255)),
        *((255, 85, 255), (85, 255, 255), (255, 255, 255)),
    ]
)
BLACK, WHITE = 0, 15
MIDDLE_GREY = 127  # the sixteen colours' own, as near to black as to white
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709
SHADES, ASCII_SHADES = " ░▒▓", " .:-=%&@"  # without the likenesses of markers and paths, * + # o x
FLAT = 1.0  # levels of luminance (of 255): a picture with less than this between its extremes has no shades to show
ASCII_GLYPHS = str.maketrans(
    {
        **dict.fromkeys("│┊┆┤├‖┃", "|"),
        **dict.fromkeys("─┬┴╌━−–—╶╴", "-"),
        **dict.fromkeys("└┘┌┐┼╰╯╭╮✛⊕", "+"),
        **dict.fromkeys("●◉•∘", "o"),
        **dict.fromkeys("○◯", "O"),
        **dict.fromkeys("✕×✖", "x"),
        **dict(zip("◆◇✚✦✘", "DDPYX", strict=True)),  # no lane's marker is like another's, a path or a minimum
        **dict.fromkeys("▲△▴", "^"),
        **dict.fromkeys("▼▽▾", "v"),
        **dict.fromkeys("■□", "#"),
        **dict.fromkeys("★☆", "*"),
        **dict.fromkeys("▸▶→", ">"),
        **dict.fromkeys("◀←◂", "<"),
        **{chr(c): "*" for c in range(0x2801, 0x2900)},
        "·": ".",
        **dict(zip("αβεησρλθμγ∇Δ", "abensrlOmyVd", strict=True)),
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
        **dict(zip("ᵗᵀₜκτψπΣḡéè½⇧⋯", "tTtktypSgeeHS~", strict=True)),
        "…": "~",
        "√": "v",
        "≤": "<",
        "≥": ">",
        "≈": "~",
        "✓": "v",
        "∞": "8",
        "\u2800": " ",
    }
)


# What the Linux console's fonts have in common beside ASCII: no braille, of the signs next to none.
CONSOLE = frozenset("─│┌┐└┘├┤┬┴┼═║▀▄█▌▐░▒▓←↑→↓•◆" + "".join(map(chr, range(0xA1, 0x100))))
CONSOLE_GLYPHS = str.maketrans("╭╮╰╯━┃‖●", "┌┐└┘═║║•")


def color_depth(environ: Mapping[str, str], isatty: bool) -> Depth:
    """The colours that the output takes: none off a terminal, with NO_COLOR (no-color.org), or with TERM=dumb."""
    if not isatty or environ.get("NO_COLOR") or environ.get("TERM", "") in ("", "dumb"):
        return "none"
    return terminal_depth(environ)


def terminal_depth(environ: Mapping[str, str]) -> Depth:
    """The colours that the terminal knows, whether they are wanted or not."""
    term = environ.get("TERM", "").lower()
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return "truecolor"
    return "256" if "256color" in term or term.endswith("-kitty") else "16"


def to_xterm256(rgb: Bytes) -> Bytes:
    """The nearest of xterm's colour cube and greys: (..., 3) sRGB to (...) entries from 16 to 255."""
    color = np.asarray(rgb, np.float64)
    level = np.searchsorted(CUBE_BORDERS, color)
    grey = np.clip(np.rint((color.mean(axis=-1) - DARKEST_GREY) / GREY_STEP), 0, GREYS - 1)
    to_cube = ((CUBE_LEVELS[level] - color) ** 2).sum(axis=-1)
    to_grey = ((DARKEST_GREY + GREY_STEP * grey[..., None] - color) ** 2).sum(axis=-1)
    entry = np.where(to_grey < to_cube, FIRST_GREY + grey, FIRST_CUBE + level @ np.array([36, 6, 1]))
    return np.asarray(entry, np.uint8)


def to_ansi16(rgb: Bytes) -> Bytes:
    """The nearest of the sixteen named colours: (..., 3) sRGB to (...) entries from 0 to 15."""
    distance = ((np.asarray(rgb, np.float64)[..., None, :] - ANSI_16) ** 2).sum(axis=-1)
    return np.asarray(distance.argmin(axis=-1), np.uint8)


def to_ansi(cells: Cells, depth: Depth, *, ascii: bool = False) -> str:
    """The picture as lines joined by newlines, with colours of that depth.

    An escape stands only where the style changes, and a reset at each line's end. Without colours, half blocks
    become shades by their luminance. With `ascii` every character is ASCII, at any depth; what has no likeness
    is a question mark.
    """
    glyph = cells.glyph
    if depth == "none" or ascii:
        glyph = _shaded(cells, ASCII_SHADES if ascii else SHADES)
    drawn = replace(cells, glyph=glyph)
    lines = [drawn.characters(row) for row in range(drawn.height)]
    if ascii:
        lines = [list(map(to_ascii, line)) for line in lines]
    if depth == "none":
        return "\n".join(map("".join, lines))
    fg, bg = _color_codes(cells, glyph, depth)
    return "\n".join(
        _styled(line, fg[row].tolist(), bg[row].tolist(), cells.bold[row].tolist(), depth)
        for row, line in enumerate(lines)
    )


def to_ascii(character: str) -> str:
    """The likeness of a cell's character; without its combining mark."""
    return character[0].translate(ASCII_GLYPHS).encode("ascii", "replace").decode()


def to_console(character: str) -> str:
    """The character itself where the Linux console has it, else its likeness there."""
    likeness = character[0].translate(CONSOLE_GLYPHS)
    return likeness if likeness in CONSOLE else to_ascii(character)


def plain(cells: Cells, *, ascii: bool, few_colors: bool, console: bool = False) -> Cells:
    """The picture for a terminal that lacks something: the same cells, with other glyphs.

    With `ascii` every glyph is ASCII, as in `to_ansi`; with `console` each is one that the Linux console has. With
    `few_colors` (sixteen, or none) the bands of a contour, which would fall onto one colour or two, are shades of grey
    on black, or on white where the picture is light.
    """
    light_paper = few_colors and bool((cells.bg @ LUMINANCE).mean() > 127)
    ramp = ASCII_SHADES if ascii else SHADES
    glyph = _shaded(cells, ramp[::-1] if light_paper else ramp) if ascii or few_colors else cells.glyph
    if few_colors:
        area = glyph != cells.glyph
        area |= np.isin(cells.glyph, HALF_BLOCKS)
        area |= np.isin(_packed(cells.bg), _packed(cells.bg[area]))
        fg, bg = cells.fg.copy(), cells.bg.copy()
        shade = area & (np.isin(glyph, list(map(ord, ramp))) & ((glyph != cells.glyph) | (glyph == SPACE)))
        fg[shade] = MIDDLE_GREY
        bg[area] = 255 if light_paper else 0
        cells = replace(cells, fg=fg, bg=bg)
    if ascii or console:
        likeness = to_ascii if ascii else to_console
        known, place = np.unique(glyph, return_inverse=True)
        codes = [ord(likeness(chr(code & CODE_POINT))) for code in known.tolist()]
        glyph = np.array(codes, np.uint32)[place].reshape(glyph.shape)
    return replace(cells, glyph=glyph)


def _shaded(cells: Cells, ramp: str) -> NDArray[np.uint32]:
    """The glyphs, with half blocks, and blanks in their colours, replaced by the ramp from dark to bright."""
    glyph = cells.glyph.copy()
    halves = np.isin(glyph, HALF_BLOCKS)
    fg, bg = _packed(cells.fg), _packed(cells.bg)
    # Two equal halves may have been drawn as a blank: it belongs to the picture if its colour does.
    blanks = (glyph == SPACE) & np.isin(bg, np.concatenate([fg[halves], bg[halves]]))
    area = halves | blanks
    if not area.any():
        return glyph
    ink = np.where(glyph == ord("█"), 1.0, np.where(glyph == SPACE, 0.0, 0.5))  # share of the cell in fg
    light = ink * (cells.fg @ LUMINANCE) + (1 - ink) * (cells.bg @ LUMINANCE)
    darkest, brightest = light[area].min(), light[area].max()
    share = (light[area] - darkest) / max(FLAT, brightest - darkest)
    codes = np.array(list(map(ord, ramp)), np.uint32)
    glyph[area] = codes[np.minimum((share * len(ramp)).astype(np.int64), len(ramp) - 1)]
    return glyph


def _packed(rgb: Bytes) -> NDArray[np.int64]:
    return np.asarray(rgb.astype(np.int64) @ np.array([65536, 256, 1]))


def _color_codes(cells: Cells, glyph: NDArray[np.uint32], depth: Depth) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Foreground and background as one number a cell: 0xRRGGBB, or the entry of the palette."""
    if depth == "truecolor":
        return _packed(cells.fg), _packed(cells.bg)
    if depth == "256":
        return to_xterm256(cells.fg).astype(np.int64), to_xterm256(cells.bg).astype(np.int64)
    fg, bg = to_ansi16(cells.fg).astype(np.int64), to_ansi16(cells.bg).astype(np.int64)
    # With so few colours a glyph may fall onto its background, and text must never vanish.
    hidden = (fg == bg) & ~np.isin(glyph, (SPACE, *HALF_BLOCKS))
    fg[hidden] = np.where(cells.bg[hidden] @ LUMINANCE > 127, BLACK, WHITE)
    return fg, bg


def _styled(line: list[str], fg: list[int], bg: list[int], bold: list[bool], depth: Depth) -> str:
    """One line with escapes. The foreground of a blank is not seen, so it changes nothing."""
    pieces: list[str] = []
    now_fg, now_bg, now_bold = -1, -1, False
    for character, f, b, strong in zip(line, fg, bg, bold, strict=True):
        codes: list[str] = []
        if character != " ":
            if strong != now_bold:
                codes.append("1" if strong else "22")
                now_bold = strong
            if f != now_fg:
                codes.append(sgr(f, 38, depth))
                now_fg = f
        if b != now_bg:
            codes.append(sgr(b, 48, depth))
            now_bg = b
        if codes:
            pieces.append(f"\x1b[{';'.join(codes)}m")
        pieces.append(character)
    return "".join(pieces) + (RESET if pieces else "")


def sgr(color: int, ground: int, depth: Depth) -> str:
    """The SGR parameters of a colour (ECMA-48); `ground` is 38 for the foreground, 48 for the background."""
    if depth == "truecolor":
        return f"{ground};2;{color >> 16};{color >> 8 & 255};{color & 255}"
    if depth == "256":
        return f"{ground};5;{color}"
    # 30 to 37 and 40 to 47, the bright ones at 90 and 100.
    return str(ground - 8 + color if color < 8 else ground + 52 + color - 8)
