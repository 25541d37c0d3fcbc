"""The themes that are named after our palettes: what is known of them without Textual."""

from __future__ import annotations

from dataclasses import replace

from adam_tui.draw.palette import DARK, GREY, PALETTES, Palette
from adam_tui.terminal.environment import Depth
from adam_tui.ui.config import Config

PREFIX = "adam-"
DEFAULT_THEME = PREFIX + DARK.name


def wanted_theme(config: Config) -> str:
    """The name of the theme that the settings ask for; a palette alone is a theme too."""
    return config.theme or (PREFIX + config.palette if config.palette else DEFAULT_THEME)


def own_palette(theme: str) -> Palette | None:
    """The palette of a theme of ours."""
    return PALETTES.get(theme.removeprefix(PREFIX)) if theme.startswith(PREFIX) else None


def bands_of(config: Config, theme: str, depth: Depth) -> str:
    """The name of the palette whose bands and lanes are drawn; empty for the theme's own.

    Among 256 colours there is hardly a dark blue, but a dark grey for nearly every band.
    """
    return config.palette or (GREY.name if depth == "256" and theme == DEFAULT_THEME else "")


def with_pictures(frame: Palette, name: str) -> Palette:
    """The palette with the bands and lanes of the one of that name, where it suits: dark ones suit dark ones only."""
    drawn = PALETTES.get(name)
    if drawn is None or drawn.dark != frame.dark:
        return frame
    return replace(frame, name=f"{frame.name}-{drawn.name}", iso=drawn.iso, stops=drawn.stops, lanes=drawn.lanes)
