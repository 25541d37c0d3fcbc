"""The nearest colours of a terminal that has 256 or 16, as arrays and one by one.

Palettes of terminals change here. Which terminal has how many colours is decided in `environment`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.color import GRAPHICS_CONTRAST, contrast

Bytes = NDArray[np.uint8]

# xterm's 6 × 6 × 6 cube (entries 16 to 231) and its greys (232 to 255): ctlseqs, "256 colors", and 256colres.pl.
CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
CUBE_BORDERS = (CUBE_LEVELS[1:] + CUBE_LEVELS[:-1]) / 2
FIRST_CUBE, FIRST_GREY, GREYS, DARKEST_GREY, GREY_STEP = 16, 232, 24, 8, 10
# The first sixteen as the VGA had them. Each terminal has its own; few have a darker grey for the ninth. So a colour
# nearer to it than to white may be faint, and text in a middle grey stays readable.
ANSI_16 = np.array(
    [
        *((0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170)),
        *((170, 170, 170), (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255)),
        *((255, 85, 255), (85, 255, 255), (255, 255, 255)),
    ]
)
BLACK, LIGHT_GREY, DARK_GREY, WHITE, BRIGHT = 0, 7, 8, 15, 8  # entries; an entry below 8 plus BRIGHT is its bright twin
FAINTEST = 8  # levels of luminance (of 255): text that differs less from its background would vanish
LEAST_CONTRAST = 2.5  # of black or white; some terminals have a light grey that is nearly white
FAINT_ON = {BLACK: DARK_GREY, WHITE: LIGHT_GREY}  # the grey that is faint on black or white
MIDDLE_GREY = 127  # as near to black as to white
LUMA = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709, of the encoded values: how bright a colour is, quickly


def to_xterm256(rgb: Bytes) -> Bytes:
    """Return the nearest of xterm's colour cube and greys: (..., 3) sRGB to (...) entries from 16 to 255."""
    color = np.asarray(rgb, np.float64)
    level = np.searchsorted(CUBE_BORDERS, color)
    grey = np.clip(np.rint((color.mean(axis=-1) - DARKEST_GREY) / GREY_STEP), 0, GREYS - 1)
    to_cube = ((CUBE_LEVELS[level] - color) ** 2).sum(axis=-1)
    to_grey = ((DARKEST_GREY + GREY_STEP * grey[..., None] - color) ** 2).sum(axis=-1)
    entry = np.where(to_grey < to_cube, FIRST_GREY + grey, FIRST_CUBE + level @ np.array([36, 6, 1]))
    return np.asarray(entry, np.uint8)


def to_ansi16(rgb: Bytes) -> Bytes:
    """Return the nearest of the sixteen named colours: (..., 3) sRGB to (...) entries from 0 to 15."""
    distance = ((np.asarray(rgb, np.float64)[..., None, :] - ANSI_16) ** 2).sum(axis=-1)
    return np.asarray(distance.argmin(axis=-1), np.uint8)


def readable_ansi16(rgb: Bytes, background: Bytes) -> int:
    """Return the nearest of the sixteen that can be read on a background colour, itself shown as the nearest.

    Where the nearest has a contrast below 3:1, it is the bright twin, or else the next nearest. A grey may be faint.
    """
    behind = int(to_ansi16(background))
    first, *others = ((rgb.astype(float) - ANSI_16) ** 2).sum(axis=1).argsort().tolist()
    if first == behind:  # text must never vanish; a frame behind a window stays fainter than the window's
        if abs(rgb @ LUMA - background @ LUMA) >= FAINTEST and behind in FAINT_ON:
            return FAINT_ON[behind]
        return BLACK if background @ LUMA > MIDDLE_GREY else WHITE
    if np.ptp(ANSI_16[first]) == 0:  # a grey is meant to be faint
        vanishes = first in (BLACK, WHITE) and _contrast_16(first, behind) < LEAST_CONTRAST
        return BLACK + WHITE - first if vanishes else int(first)
    candidates = (first, first ^ BRIGHT, *others)
    return next((entry for entry in candidates if _contrast_16(entry, behind) >= GRAPHICS_CONTRAST), WHITE)


@lru_cache(maxsize=256)
def _contrast_16(a: int, b: int) -> float:
    first, second = (tuple(ANSI_16[entry].tolist()) for entry in (a, b))
    return contrast(first, second)
