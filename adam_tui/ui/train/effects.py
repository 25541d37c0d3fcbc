"""The effects of the training screen: what `update` asks for outside the state, one frozen value for each kind.

Loaded with the first effect, not at start-up. `carry_out` carries them out. Questions, texts and notifications are the
shared effects of every mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.run_label import Label
from adam_tui.ui.actions import Signal
from adam_tui.ui.effects import SharedEffect
from adam_tui.ui.train.events import Event


@dataclass(frozen=True)
class StartRun:
    """Start a run in a process of its own and select it.

    While a sweep trains on its device, ask first, unless the user was `asked` already.
    """

    spec: RunSpec
    asked: bool = False


@dataclass(frozen=True)
class CheckCode:
    """Try code of the user in a process of its own; `CodeChecked` follows, or a notification with the error.

    `optimizer` and `network` are references, "" for none; `settings` are names and texts.
    """

    optimizer: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    network: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SendCommand:
    """Send a command to a run's process: pause, resume, stop, or set with `name` and `value`."""

    run: str
    command: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class KillRun:
    """Send the command kill to a run's process, and end the process by a signal if it does not obey."""

    run: str


@dataclass(frozen=True)
class ContinueRun:
    """Start a process that continues an ended run from its checkpoint.

    `trusted` means that the user consents to the code in its directory.
    """

    run: str
    trusted: bool = False


@dataclass(frozen=True)
class DeleteRun:
    """Delete a run's directory."""

    run: str


@dataclass(frozen=True)
class WriteLabel:
    """Replace a run's name and tags."""

    run: str
    label: Label


@dataclass(frozen=True)
class ShowLog:
    """Open a window with the end of a run's worker.log."""

    run: str


@dataclass(frozen=True)
class OpenSweep:
    """Show a sweep in the sweep mode."""

    sweep: str


@dataclass(frozen=True)
class OrderSweep:
    """Order the processes of a sweep to pause, resume or stop."""

    sweep: str
    order: str


@dataclass(frozen=True)
class DeleteSweep:
    """Remove a sweep with all its runs."""

    sweep: str


class ScheduleSettings(Signal):
    """Dispatch `SendSettings` once no setting was changed for a moment."""


Effect = (
    SharedEffect[Event]
    | StartRun
    | CheckCode
    | SendCommand
    | KillRun
    | ContinueRun
    | DeleteRun
    | WriteLabel
    | ShowLog
    | OpenSweep
    | OrderSweep
    | DeleteSweep
    | ScheduleSettings
)
