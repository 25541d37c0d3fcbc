"""The effects of the playground: what `update` asks for outside the state, one frozen value for each kind.

Loaded with the first effect, not at start-up. `carry_out` does what they ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from adam_tui.engine.lane import Lane
from adam_tui.ui.caption import Finale
from adam_tui.ui.effects import Notify, SharedEffect
from adam_tui.ui.playground.events import Event
from adam_tui.ui.playground.state import PlaygroundState


@dataclass(frozen=True)
class WriteExport:
    """Write one of `export.EXPORTS` or `export.MAP_EXPORTS`, or the whole screen, into the working directory."""

    kind: str
    state: PlaygroundState


@dataclass(frozen=True)
class CopyRace:
    """Copy the race in one of `export.COPIES`, or its map as `export.MAP_COPY`, and show the text."""

    kind: str
    state: PlaygroundState


@dataclass(frozen=True)
class ShowFinale:
    """Show the tour's last stop in the training mode. `place` is its number, such as "10/10"."""

    place: str
    finale: Finale


@dataclass(frozen=True)
class TrainLane:
    """Ask whether to train the network with a lane's optimizer."""

    lane: Lane


@dataclass(frozen=True)
class ImportClass:
    """Import a class that the user has named, in its own process."""

    name: str


@dataclass(frozen=True)
class RememberHints:
    """Never show these hints again, in later sessions either."""

    names: frozenset[str]


HINTS_CLOSED = Notify("no more hints", keys=": {hints} shows them again")
Effect = SharedEffect[Event] | WriteExport | CopyRace | ShowFinale | TrainLane | ImportClass | RememberHints
