"""Textual's theme for each of the drawings' palettes, so that frames and dialogs have the pictures' colours."""

from __future__ import annotations

from textual.theme import Theme

from adam_tui.draw.cells import Color
from adam_tui.draw.palette import DARK, LIGHT, PALETTES, Palette

PREFIX = "adam-"
DEFAULT_THEME = PREFIX + DARK.name


def themes() -> list[Theme]:
    """One theme a palette."""
    return [_theme(palette) for palette in PALETTES.values()]


def palette_of(theme: Theme) -> Palette:
    """The palette that goes with a theme: its own, or for one of Textual's the dark or the light one."""
    own = PALETTES.get(theme.name.removeprefix(PREFIX))
    return own or (DARK if theme.dark else LIGHT)


def _theme(palette: Palette) -> Theme:
    panel = tuple(round(0.72 * b + 0.28 * r) for b, r in zip(palette.background, palette.border, strict=True))
    return Theme(
        name=PREFIX + palette.name,
        primary=_hex(palette.accent),
        secondary=_hex(palette.faint),
        accent=_hex(palette.accent),
        foreground=_hex(palette.foreground),
        background=_hex(palette.background),
        surface=_hex(palette.background),
        panel=_hex(panel),  # type: ignore[arg-type]
        success=_hex(palette.states["converged"]),
        warning=_hex(palette.accent),
        error=_hex(palette.states["diverged"]),
        dark=palette.dark,
        variables={"frame": _hex(palette.border), "faint": _hex(palette.faint), "text-muted": _hex(palette.faint)},
    )


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
