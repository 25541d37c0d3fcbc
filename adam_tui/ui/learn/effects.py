"""The effects of Learn: what `update` asks for outside the state, one frozen value for each kind."""

from __future__ import annotations

from dataclasses import dataclass

from adam_tui.engine.presets import Preset
from adam_tui.ui.caption import Finale
from adam_tui.ui.effects import SharedEffect
from adam_tui.ui.learn.events import Event


@dataclass(frozen=True)
class ScrollBy:
    """Scroll the page by some lines."""

    lines: int


@dataclass(frozen=True)
class ScrollTo:
    """Scroll to the top of the page, or to its end."""

    end: bool


@dataclass(frozen=True)
class OpenPresets:
    """Show one of several presets in the playground, or the finale after them."""

    presets: tuple[Preset, ...]
    stop: int
    finale: Finale | None


Effect = SharedEffect[Event] | ScrollBy | ScrollTo | OpenPresets
