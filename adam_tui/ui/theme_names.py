"""The names of the program's own themes, and the palette that belongs to each. Needs no Textual.

The first picture is drawn before Textual is imported, and takes its colours from here. Themes themselves are built in
theme.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adam_tui.draw.palette import DARK, GREY, PALETTES, Palette
from adam_tui.terminal.environment import Depth
from adam_tui.ui.config import Config

PREFIX = "adam-"
DEFAULT_THEME = PREFIX + DARK.name


def in_order(names: Iterable[str]) -> list[str]:
    """The names of themes, the program's own ones first."""
    return sorted(names, key=lambda name: (not name.startswith(PREFIX), name))


def configured_theme(config: Config) -> str:
    """The name of the theme in the settings; a setting of a palette alone chooses that palette's theme."""
    return config.theme or (PREFIX + config.palette if config.palette else DEFAULT_THEME)


def builtin_palette(theme: str) -> Palette | None:
    """The palette of one of the program's own themes, None for other themes."""
    return PALETTES.get(theme.removeprefix(PREFIX)) if theme.startswith(PREFIX) else None


def plot_palette_name(config: Config, theme: str, depth: Depth) -> str:
    """The name of the palette for bands and lanes; empty for the theme's own.

    With 256 colours the default is grey: they contain few dark blues, but a dark grey for nearly every band.
    """
    return config.palette or (GREY.name if depth == "256" and theme == DEFAULT_THEME else "")


def with_plot_colors(palette: Palette, name: str) -> Palette:
    """The palette with the bands and lanes of the palette `name`, unless one is dark and the other light."""
    plot = PALETTES.get(name)
    if plot is None or plot.dark != palette.dark:
        return palette
    return replace(palette, name=f"{palette.name}-{plot.name}", iso=plot.iso, stops=plot.stops, lanes=plot.lanes)
