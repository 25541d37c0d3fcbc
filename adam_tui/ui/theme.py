"""Textual's theme for each of the drawings' palettes, and the drawings' palette for each of Textual's themes.

With a theme of Textual's the pictures take its background, text, accent and frames. Bands, lanes and states stay the
drawings' own, because the promise of contrast rests on them; text is moved away from the background where a theme
leaves it hard to read.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from textual.color import Color as TextualColor
from textual.theme import Theme

from adam_tui.draw.cells import Color
from adam_tui.draw.palette import DARK, LIGHT, PALETTES, Palette, contrast
from adam_tui.ui.theme_names import PREFIX, own_palette, with_pictures

# WCAG 2.2: text, and what is not text but must be seen. The foreground has some in hand for the faint text below it.
READABLE, VISIBLE, COMFORTABLE = 4.5, 3.0, 6.0
STEPS_AWAY = 20  # from a colour to white or black
FAINT, AXIS, BORDER = 0.65, 0.5, 0.25  # how much of the foreground is in them
NO_LINE = "none"  # under what a click does something with: the keys' words and the contents would all be underlined
PANEL = 0.28  # how much of the border: a ground that is seen to be another, with text on it that is read as well


def themes() -> list[Theme]:
    """One theme a palette."""
    return [_theme(palette) for palette in PALETTES.values()]


def palette_of(theme: Theme, pictures: str = "") -> Palette:
    """The palette that goes with a theme. `pictures` names the one that bands and lanes are of, where it suits.

    A dark palette suits dark themes only, a light one light ones; otherwise, and by default, it is the theme's own.
    """
    own = own_palette(theme.name)
    return with_pictures(own or (_plain(theme.dark) if theme.ansi else _adapted(_colors(theme), theme.dark)), pictures)


def css_variables(palette: Palette) -> dict[str, str]:
    """The style sheet's colours that are the palette's own, and those that a theme may leave hard to read."""
    return {
        "frame": _hex(palette.border),
        "faint": _hex(palette.faint),
        "text-muted": _hex(palette.faint),
        "foreground": _hex(palette.foreground),
        "accent": _hex(palette.accent),
        "panel": _hex(_mixed(palette.border, palette.background, PANEL)),
        "link-color": _hex(palette.foreground),
        "link-style": NO_LINE,
    }


def _plain(dark: bool) -> Palette:
    """For a theme of the terminal's own colours, which cannot be asked for."""
    return DARK if dark else LIGHT


def _colors(theme: Theme) -> tuple[Color, Color, Color]:
    """Background, foreground and accent."""
    found = theme.to_color_system().generate()
    background, foreground, accent = (
        TextualColor.parse(found[name]).rgb for name in ("background", "foreground", "accent")
    )
    return background, foreground, accent


@lru_cache(maxsize=64)
def _adapted(colors: tuple[Color, Color, Color], dark: bool) -> Palette:
    background, foreground, accent = colors
    base = _plain(dark)
    foreground = _away(foreground, background, COMFORTABLE)
    faint = _away(_mixed(foreground, background, FAINT), background, READABLE)
    return replace(
        base,
        background=background,
        foreground=foreground,
        faint=faint,
        accent=_away(accent, background, READABLE),
        border=_mixed(foreground, background, BORDER),
        axis=_away(_mixed(foreground, background, AXIS), background, VISIBLE),
        lanes=tuple(_away(color, background, VISIBLE) for color in base.lanes),
        states={name: _away(color, background, READABLE) for name, color in base.states.items()},
    )


def _away(color: Color, background: Color, ratio: float) -> Color:
    """The colour, or the nearest on its way to white or black that has the contrast with the background."""
    white, black = (255, 255, 255), (0, 0, 0)
    end = white if contrast(white, background) > contrast(black, background) else black
    mixtures = (_mixed(end, color, step / STEPS_AWAY) for step in range(STEPS_AWAY + 1))
    return next((mixture for mixture in mixtures if contrast(mixture, background) >= ratio), end)


def _mixed(color: Color, other: Color, share: float) -> Color:
    r, g, b = (round(share * a + (1 - share) * b) for a, b in zip(color, other, strict=True))
    return r, g, b


def _theme(palette: Palette) -> Theme:
    return Theme(
        name=PREFIX + palette.name,
        primary=_hex(palette.accent),
        secondary=_hex(palette.faint),
        accent=_hex(palette.accent),
        foreground=_hex(palette.foreground),
        background=_hex(palette.background),
        surface=_hex(palette.background),
        panel=_hex(_mixed(palette.border, palette.background, PANEL)),
        success=_hex(palette.states["converged"]),
        warning=_hex(palette.accent),
        error=_hex(palette.states["diverged"]),
        dark=palette.dark,
        variables=css_variables(palette),
    )


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
