"""The effects of the training screen: the values that `update` returns for what is to be done outside the state.

`carry_out` carries them out. A question holds the event of each of its answers, so that an answer comes back through
`update` like a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from adam_tui.runs.protocol import RunSpec
from adam_tui.ui.train.events import CopyKind, Event


@dataclass(frozen=True, slots=True)
class StartRun:
    """Start a run in a process of its own and select it."""

    spec: RunSpec


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Send a command to a run's process: pause, resume, stop, or set with `name` and `value`."""

    run: str
    command: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KillRun:
    """Send the command kill to a run's process, and end the process by a signal if it does not obey."""

    run: str


@dataclass(frozen=True, slots=True)
class ContinueRun:
    """Start a process that continues an ended run from its checkpoint."""

    run: str


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Delete a run's directory."""

    run: str


@dataclass(frozen=True, slots=True)
class ShowLog:
    """Open a window with the end of a run's worker.log."""

    run: str


@dataclass(frozen=True, slots=True)
class CopyRun:
    """Copy a run's settings to the clipboard and show the text."""

    kind: CopyKind
    spec: RunSpec


class Answer(NamedTuple):
    """One answer to a question: its key, its event, and its words."""

    key: str
    event: Event
    words: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Open a window with a question; the event of the chosen answer follows."""

    title: str
    text: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class AskText:
    """Open a window for one line of text, from which `event` makes the event that follows.

    `check` raises ValueError with one line for a text that is not accepted.
    """

    title: str
    text: str
    hint: str
    check: Callable[[str], object]
    event: Callable[[str], Event]


@dataclass(frozen=True, slots=True)
class Notify:
    """Show a notification: `text`, then `keys`, a text with marks for the names of keys."""

    text: str
    keys: str = ""
    severity: Literal["information", "warning", "error"] = "information"


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Dispatch `SendSettings` once no setting was changed for a moment."""


Effect = (
    StartRun
    | SendCommand
    | KillRun
    | ContinueRun
    | DeleteRun
    | ShowLog
    | CopyRun
    | Ask
    | AskText
    | Notify
    | ScheduleSettings
)
