"""The effects that every mode may ask for: a dialog, a notification, text for the clipboard.

An effect is a frozen value that a mode's `update` returns. A mode adds effects of its own, and its code that carries
effects out hands these here to `carry_out`. The answer of a dialog comes back as an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from textual.app import App

Event = TypeVar("Event")
Event_contra = TypeVar("Event_contra", contravariant=True)
# Functions are left out of comparisons: two effects are equal when the user sees the same.


@dataclass(frozen=True)
class AskText(Generic[Event]):
    """Ask for one line of text.

    `parse` makes the event from the text. It raises ValueError with one line, which the dialog shows while the user
    types. With `cancel`, the event of every valid text follows at once while the user types, and Esc ends with the
    event `cancel`. `preview` makes another event for the text that is not complete yet. `aside`: the window leaves
    the left part of the screen free. `complete` returns the texts that the key tab may complete a text to.
    """

    title: str
    value: str
    hint: str
    parse: Callable[[str], Event] = field(compare=False)
    cancel: Event | None = None
    preview: Callable[[str], Event] | None = field(default=None, compare=False)
    aside: bool = False
    complete: Callable[[str], Sequence[str]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Choose(Generic[Event]):
    """Ask a question; each answer is given as (keys, value, label). `event` takes the value.

    The keys are Textual's names, joined by commas. `cautious`: the answers lose something, so enter alone cancels.
    """

    title: str
    text: str
    answers: tuple[tuple[str, str, str], ...]
    event: Callable[[str], Event] = field(compare=False)
    cautious: bool = False


@dataclass(frozen=True)
class Pick(Generic[Event]):
    """Let the user pick from a list of (value, title, detail). `event` takes the value."""

    title: str
    items: tuple[tuple[str, str, str], ...]
    selected: str
    event: Callable[[str], Event] = field(compare=False)


@dataclass(frozen=True)
class PickGrouped(Generic[Event]):
    """Let the user pick from a list in groups, (heading, ((value, title, detail, words to find it by), …)).

    `preview` makes an event of each highlighted value. The event `cancel` ends the preview; `event` takes the value.
    """

    title: str
    groups: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...]
    selected: str
    event: Callable[[str], Event] = field(compare=False)
    preview: Callable[[str], Event] = field(compare=False)
    cancel: Event


@dataclass(frozen=True)
class CopyText:
    """Copy text to the clipboard, through the terminal (OSC 52)."""

    text: str


@dataclass(frozen=True)
class ShowText:
    """Show text in a window that scrolls."""

    title: str
    text: str


@dataclass(frozen=True)
class Notify:
    """Show a notification. `keys` is a text with marks for keys, which follows the message."""

    message: str
    title: str = ""
    severity: Literal["information", "warning", "error"] = "information"
    keys: str = ""


SharedEffect = AskText[Event] | Choose[Event] | Pick[Event] | PickGrouped[Event] | CopyText | ShowText | Notify


class EventScreen(Protocol[Event_contra]):
    """A screen on which effects are carried out, and which receives the events of the answers."""

    @property
    def app(self) -> App[object]:
        """The application that shows the screen."""

    def dispatch(self, event: Event_contra) -> None:
        """Update the state with an event."""

    def named(self, text: str) -> str:
        """Return a text with the names of the keys in the places of its marks."""


def carry_out(effect: SharedEffect[Event], screen: EventScreen[Event]) -> None:
    """Carry out an effect."""
    from adam_tui.ui import dialogs  # not needed before the first dialog

    def answer(event: Callable[[str], Event]) -> Callable[[str | None], None]:
        return lambda value: None if value is None else screen.dispatch(event(value))

    match effect:
        case AskText(title, value, hint, parse, cancel, preview, aside, complete):
            follow = answer(preview or parse) if cancel is not None else None
            window = dialogs.AskText(title, value, hint, parse, follow, aside=aside, complete=complete)

            def close(text: str | None) -> None:
                event = parse(text) if text is not None else cancel
                if event is not None:
                    screen.dispatch(event)

            screen.app.push_screen(window, close)
        case Choose(title, text, answers, event, cautious):
            screen.app.push_screen(dialogs.Choose(title, text, answers, cautious=cautious), answer(event))
        case Pick(title, items, selected, event):
            screen.app.push_screen(dialogs.Pick(title, items, selected), answer(event))
        case PickGrouped(title, groups, selected, event, preview, end):
            from adam_tui.ui.grouped_list import Item
            from adam_tui.ui.grouped_list import PickGrouped as Window

            def take(value: str | None) -> None:
                screen.dispatch(end)
                if value is not None:
                    screen.dispatch(event(value))

            listed = [(heading, [Item(*line) for line in lines]) for heading, lines in groups]
            screen.app.push_screen(Window(title, listed, selected, answer(preview)), take)
        case CopyText(text):
            screen.app.copy_to_clipboard(text)
        case ShowText(title, text):
            screen.app.push_screen(dialogs.ShowText(title, text, from_end=False))
        case Notify(message, title, severity, keys):
            screen.app.notify(message + screen.named(keys), title=title, severity=severity)
