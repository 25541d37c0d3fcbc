"""Themes: a Textual theme for each palette of the drawings, and a palette for each theme of Textual.

With one of Textual's themes the drawings use its background, text, accent and border colours. Bands, lanes and states
keep their own colours, because their contrast is tested. Text colours with too little contrast are moved away from
the background.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from textual.color import Color as TextualColor
from textual.theme import Theme

from adam_tui.draw.cells import Color
from adam_tui.draw.color import GRAPHICS_CONTRAST, TEXT_CONTRAST, contrast
from adam_tui.draw.palette import DARK, LIGHT, PALETTES, Palette
from adam_tui.ui.theme_names import PREFIX, builtin_palette, with_plot_colors

# More than TEXT_CONTRAST, because faint text is mixed from the foreground.
FOREGROUND_CONTRAST = 6.0
CONTRAST_STEPS = 20  # from a colour to white or black
FAINT, AXIS, BORDER = 0.65, 0.5, 0.25  # how much foreground these colours contain; the rest is background
NO_UNDERLINE = "none"  # for links: otherwise all key hints and tables of contents would be underlined
PANEL = 0.28  # how much border colour a panel contains: a visibly different ground on which text stays readable


def themes() -> list[Theme]:
    """The program's own themes, one for each palette."""
    return [_theme(palette) for palette in PALETTES.values()]


def palette_for(theme: Theme, plot_palette: str = "") -> Palette:
    """The palette that belongs to a theme. `plot_palette` names another one for bands and lanes.

    That name is ignored if one is dark and the other light.
    """
    palette = builtin_palette(theme.name)
    if palette is None:
        # The colours of an ANSI theme are the terminal's, which are unknown.
        palette = _base_palette(theme.dark) if theme.ansi else _adapt_palette(_theme_colors(theme), theme.dark)
    return with_plot_colors(palette, plot_palette)


def describe(theme: Theme) -> str:
    """A theme in two or three words, for a list of themes."""
    shade = "dark" if theme.dark else "light"
    return f"{shade}, with the terminal's own colours" if theme.ansi else shade


def css_variables(palette: Palette) -> dict[str, str]:
    """The variables of the style sheet that come from the palette instead of the theme."""
    return {
        "frame": _hex(palette.border),
        "faint": _hex(palette.faint),
        "text-muted": _hex(palette.faint),
        "foreground": _hex(palette.foreground),
        "accent": _hex(palette.accent),
        "panel": _hex(_mix(palette.border, palette.background, PANEL)),
        "link-color": _hex(palette.foreground),
        "link-style": NO_UNDERLINE,
    }


def _base_palette(dark: bool) -> Palette:
    return DARK if dark else LIGHT


def _theme_colors(theme: Theme) -> tuple[Color, Color, Color]:
    """Background, foreground and accent."""
    generated = theme.to_color_system().generate()
    background, foreground, accent = (
        TextualColor.parse(generated[name]).rgb for name in ("background", "foreground", "accent")
    )
    return background, foreground, accent


@lru_cache(maxsize=64)
def _adapt_palette(colors: tuple[Color, Color, Color], dark: bool) -> Palette:
    """The base palette with these colours, moved apart until all contrasts suffice."""
    background, foreground, accent = colors
    base = _base_palette(dark)
    foreground = _with_contrast(foreground, background, FOREGROUND_CONTRAST)
    faint = _with_contrast(_mix(foreground, background, FAINT), background, TEXT_CONTRAST)
    return replace(
        base,
        background=background,
        foreground=foreground,
        faint=faint,
        accent=_with_contrast(accent, background, TEXT_CONTRAST),
        border=_mix(foreground, background, BORDER),
        axis=_with_contrast(_mix(foreground, background, AXIS), background, GRAPHICS_CONTRAST),
        lanes=tuple(_with_contrast(color, background, GRAPHICS_CONTRAST) for color in base.lanes),
        states={name: _with_contrast(color, background, TEXT_CONTRAST) for name, color in base.states.items()},
    )


def _with_contrast(color: Color, background: Color, ratio: float) -> Color:
    """The colour, mixed with white or black until its contrast with the background is at least `ratio`."""
    white, black = (255, 255, 255), (0, 0, 0)
    end = white if contrast(white, background) > contrast(black, background) else black
    mixtures = (_mix(end, color, step / CONTRAST_STEPS) for step in range(CONTRAST_STEPS + 1))
    return next((mixture for mixture in mixtures if contrast(mixture, background) >= ratio), end)


def _mix(color: Color, other: Color, share: float) -> Color:
    """Mix two colours in sRGB: `share` 1 gives `color`, 0 gives `other`."""
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
        panel=_hex(_mix(palette.border, palette.background, PANEL)),
        success=_hex(palette.states["converged"]),
        warning=_hex(palette.accent),
        error=_hex(palette.states["diverged"]),
        dark=palette.dark,
        variables=css_variables(palette),
    )


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
