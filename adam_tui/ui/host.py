"""The application as its modes see it: its colours, its keys, and the way to another mode.

`app.AdamApp` implements this protocol. The modes know only the protocol, so no mode imports the application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adam_tui.draw.blocks import Blocks
from adam_tui.draw.palette import Palette
from adam_tui.terminal.fallback import Fallback
from adam_tui.ui.actions import AppEvent

if TYPE_CHECKING:
    from adam_tui.engine.lane import Lane
    from adam_tui.engine.presets import Preset
    from adam_tui.ui.caption import Finale


class Host(Protocol):
    """The interface of the application for a mode.

    `keys` are the keys that the settings changed, by action. `fallback` are the limits of the terminal's characters.
    """

    keys: Mapping[str, str]
    fallback: Fallback

    @property
    def palette(self) -> Palette:
        """The colours of the drawings."""

    @property
    def plot_style(self) -> tuple[float, Blocks]:
        """The height of a cell divided by its width, and the blocks of the edges of bands, for contour plots."""

    @property
    def tour(self) -> tuple[tuple[Preset, ...], int]:
        """The presets that are open in the playground, and the index of the one shown."""

    def carry_out(self, event: AppEvent) -> None:
        """Carry out an action that every mode shares."""

    def open_presets(self, presets: Sequence[Preset], at: int = 0, finale: Finale | None = None) -> None:
        """Show one of several presets in the playground; the finale after the last one is in the training mode."""

    def show_finale(self, place: str, finale: Finale) -> None:
        """Show the tour's last stop in the training mode. `place` is its number, such as "10/10"."""

    def open_run(self, path: Path) -> None:
        """Show a run of a sweep in the training mode, beside the other runs."""

    def open_sweep(self, id: str) -> None:
        """Show a sweep in the sweep mode."""

    def train_lane(self, lane: Lane) -> None:
        """Offer to train the network with the optimizer of a lane of the playground."""
