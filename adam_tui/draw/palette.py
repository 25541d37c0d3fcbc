"""The four palettes of the drawings: muted colours for the surface, bright ones for the paths.

Add or change a palette here; the tests check its contrasts. A path must be the most salient thing on the screen.
Therefore the bands of the surface are dark on a dark theme and pale on a light one, the lowest loss is nearest to the
background, and every lane colour keeps a contrast of 3:1 (WCAG 2.2, the bound for graphical objects) against every
band. Lane and state colours are exact xterm-256 entries: a terminal without true colour shows them unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Color
from adam_tui.draw.color import from_oklab, mix_oklab, to_oklab

# One marker for each lane. They differ in outline, are one cell wide, and have no emoji form.
MARKERS = "●◆▲■✚▼✦✘"
# The share of the colour in a dimmed one, on a dark and on a light background: it keeps a contrast of 3:1.
DIMMED_ON_DARK, DIMMED_ON_LIGHT = 0.6, 0.75


@dataclass(frozen=True)
class Palette:
    """All colours of the drawings.

    `stops` are the colours of the surface from the lowest loss to the highest. `lanes` correspond to `MARKERS`.
    The keys of `states` are running, converged and diverged. A level line is drawn in its band's colour, mixed with
    `iso`. `axis` is the colour of axis lines, `border` that of frames.
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
    states: Mapping[str, Color] = field(hash=False)  # a mapping has no hash; the other fields suffice

    def dimmed(self, color: Color) -> Color:
        """The colour of a curve that is not the selected one: nearer to the background, but still visible."""
        return mix_oklab(self.background, color, DIMMED_ON_DARK if self.dark else DIMMED_ON_LIGHT)

    def lane(self, index: int) -> tuple[Color, str]:
        """Colour and marker of a lane. After the last colour both start again, with the markers shifted by one."""
        return self.lanes[index % len(self.lanes)], marker(index)


def marker(index: int) -> str:
    """The marker of a lane: after the last one they start again, shifted by one, so that colour and marker differ."""
    cycle, place = divmod(index, len(MARKERS))
    return MARKERS[(place + cycle) % len(MARKERS)]


@lru_cache(maxsize=64)
def _band_colors(stops: tuple[Color, ...], n: int) -> NDArray[np.uint8]:
    lab = to_oklab(np.array(stops))
    place = np.linspace(0.0, 1.0, n) if n > 1 else np.zeros(n)
    stop_places = np.linspace(0.0, 1.0, len(stops))
    tints = [np.interp(place, stop_places, lab[:, i]) for i in (1, 2)]
    # Lightness rises in equal steps from the first stop to the last; the stops between give only the tint.
    lightness = lab[0, 0] + place * (lab[-1, 0] - lab[0, 0])
    colors = from_oklab(np.stack([lightness, *tints], axis=-1))
    colors.flags.writeable = False
    return colors


def band_colors(palette: Palette, n: int) -> NDArray[np.uint8]:
    """The sRGB colours (n, 3) of `n` bands, lowest loss first, evenly spaced in OKLab lightness. Read-only."""
    return _band_colors(palette.stops, n)


# These colours stay distinct in simulations of the three kinds of colour blindness (Machado et al. 2009): the CIEDE2000
# difference of any two is at least 9.5, and at least 10 among the first six. They come from a search over all xterm
# colours that keep GRAPHICS_CONTRAST against the bands. The first one is the accent.
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
