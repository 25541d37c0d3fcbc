"""The colours of the pictures: a muted surface, bright paths, and the arithmetic that keeps them apart.

A path must be the most salient thing on the screen. So the surface's bands stay dark on a dark theme and pale on a
light one, the lowest loss nearest to the background, and every lane colour keeps a contrast of 3:1 (WCAG 2.2, the
bound for graphical objects) against every band. Lane and state colours are exact xterm-256 entries, so a terminal
without true colour shows them as they are meant.

Bands are spaced in OKLab (Björn Ottosson, 2020, https://bottosson.github.io/posts/oklab), where equal distances look
equally large: their lightness changes by the same amount from each to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adam_tui.draw.cells import Color

# One marker a lane, told apart by outline: all are one cell wide, and none has an emoji form.
MARKERS = "●◆▲■✚▼✦✘"

LANE_CONTRAST = 3.0

# linear sRGB -> cone responses, and their cube roots -> lightness, green-red, blue-yellow (Ottosson).
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LMS = np.linalg.inv(_TO_LMS)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class Palette:
    """All colours of one look.

    `stops` are the surface's colours from the lowest loss to the highest; `lanes` belong to `MARKERS` one by one;
    `states` has running, converged and diverged; `iso` is mixed into a band to draw a line on it.
    """

    name: str
    dark: bool
    background: Color
    foreground: Color
    faint: Color
    accent: Color
    border: Color
    axis: Color
    iso: Color
    stops: tuple[Color, ...]
    lanes: tuple[Color, ...]
    states: Mapping[str, Color] = field(hash=False)  # a mapping has no hash; the rest tells palettes apart

    def lane(self, index: int) -> tuple[Color, str]:
        """Colour and marker of a lane; after the last colour they begin again, with the markers shifted by one."""
        turn, place = divmod(index, len(self.lanes))
        return self.lanes[place], MARKERS[(place + turn) % len(MARKERS)]

    def bands(self, n: int) -> NDArray[np.uint8]:
        """The (n, 3) colours of `n` bands, lowest loss first; see `band_colors`."""
        return band_colors(self, n)


def linear(color: ArrayLike) -> NDArray[np.float64]:
    """SRGB 0 to 255, (..., 3), to linear light 0 to 1 (IEC 61966-2-1)."""
    c = np.asarray(color, np.float64) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def to_oklab(color: ArrayLike) -> NDArray[np.float64]:
    """SRGB 0 to 255, (..., 3), to OKLab: lightness 0 to 1, green-red, blue-yellow."""
    return np.asarray(np.cbrt(linear(color) @ _TO_LMS.T) @ _TO_LAB.T)


def from_oklab(lab: ArrayLike) -> NDArray[np.uint8]:
    """OKLab, (..., 3), to the nearest sRGB bytes; what no screen can show is clipped."""
    light = np.clip((np.asarray(lab, np.float64) @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)


def luminance(color: ArrayLike) -> NDArray[np.float64]:
    """Relative luminance (WCAG 2.2) of sRGB colours (..., 3), 0 for black to 1 for white."""
    return np.asarray(linear(color) @ _LUMINANCE)


def contrast(a: Color, b: Color) -> float:
    """The WCAG 2.2 contrast ratio of two colours: 1 (the same) to 21 (black and white)."""
    low, high = sorted((float(luminance(a)), float(luminance(b))))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=64)
def _band_colors(stops: tuple[Color, ...], n: int) -> NDArray[np.uint8]:
    lab = to_oklab(np.array(stops))
    place = np.linspace(0.0, 1.0, n) if n > 1 else np.zeros(n)
    known = np.linspace(0.0, 1.0, len(stops))
    tints = [np.interp(place, known, lab[:, i]) for i in (1, 2)]
    # Lightness is a straight line of its own: the stops between the ends give only the tint.
    lightness = lab[0, 0] + place * (lab[-1, 0] - lab[0, 0])
    colors = from_oklab(np.stack([lightness, *tints], axis=-1))
    colors.flags.writeable = False
    return colors


def band_colors(palette: Palette, n: int) -> NDArray[np.uint8]:
    """The (n, 3) sRGB colours of `n` bands, lowest loss first, evenly spaced in OKLab lightness. Read-only."""
    return _band_colors(palette.stops, n)


# Told apart by people who see red, green or blue badly too: in each simulation (Machado et al. 2009) any two of the
# first six differ by a CIEDE2000 of 10 at least, any two of all by 9.5. Found by a search of all xterm colours that
# keep LANE_CONTRAST; the first one is the accent.
_DARK_LANES: tuple[Color, ...] = (
    (255, 215, 95),  # 221 gold
    (135, 175, 255),  # 111 blue
    (255, 135, 135),  # 210 salmon
    (0, 215, 175),  # 43 teal
    (255, 255, 255),  # 231 white
    (215, 255, 175),  # 193 pale green
    (215, 175, 215),  # 182 plum
    (175, 175, 0),  # 142 olive
)
_LIGHT_LANES: tuple[Color, ...] = (
    (0, 95, 215),  # 26 blue
    (215, 0, 0),  # 160 red
    (18, 18, 18),  # 233 ink
    (0, 95, 95),  # 23 petrol
    (95, 0, 175),  # 55 violet
    (175, 0, 95),  # 125 crimson
    (95, 0, 0),  # 52 maroon
    (95, 95, 135),  # 60 slate
)
_DARK_STATES = MappingProxyType(
    {"running": (135, 215, 255), "converged": (95, 215, 135), "diverged": (255, 95, 95)}  # 117, 78, 203
)
_LIGHT_STATES = MappingProxyType(
    {"running": (0, 95, 175), "converged": (0, 95, 0), "diverged": (175, 0, 0)}  # 25, 22, 124
)


def _dark(name: str, stops: tuple[Color, ...]) -> Palette:
    return Palette(
        name=name,
        dark=True,
        background=(10, 12, 20),
        foreground=(212, 215, 224),
        faint=(128, 134, 150),
        accent=(255, 215, 95),
        border=(48, 53, 70),
        axis=(110, 117, 135),
        iso=(190, 214, 226),
        stops=stops,
        lanes=_DARK_LANES,
        states=_DARK_STATES,
    )


DARK = _dark("dark", ((12, 13, 32), (22, 35, 72), (26, 60, 88), (36, 96, 98)))
LIGHT = Palette(
    name="light",
    dark=False,
    background=(250, 250, 248),
    foreground=(38, 42, 54),
    faint=(106, 112, 126),
    accent=(0, 95, 215),
    border=(196, 200, 208),
    axis=(110, 116, 130),
    iso=(60, 84, 110),
    stops=((252, 252, 250), (222, 236, 248), (186, 216, 232), (160, 202, 200)),
    lanes=_LIGHT_LANES,
    states=_LIGHT_STATES,
)
MAGMA = _dark("magma", ((14, 10, 28), (42, 18, 74), (88, 28, 92), (132, 44, 84)))
GREY = _dark("grey", ((18, 18, 20), (84, 86, 90)))

PALETTES: Mapping[str, Palette] = MappingProxyType({p.name: p for p in (DARK, LIGHT, MAGMA, GREY)})
