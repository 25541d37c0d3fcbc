"""The base of every mode: the top line, the footer, the table of actions, and one way from a key to the screen.

A key names an `Action`; its event goes to the mode's pure `update`, which returns the next state and the effects; the
screen shows the state and carries the effects out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.events import Resize
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from adam_tui.ui.actions import (
    MODES,
    SHARED_ACTIONS,
    Action,
    FooterKey,
    KeyGroup,
    key_names,
    with_keys,
    with_keys_named,
)
from adam_tui.ui.host import Host
from adam_tui.ui.layout import MIN_HEIGHT, MIN_WIDTH
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine

State = TypeVar("State")
Event = TypeVar("Event")
Effect = TypeVar("Effect")
Context = TypeVar("Context")

WHILE_TOO_SMALL = ("quit", "repaint")  # the other actions would change a screen that is not shown


class ModeScreen(Screen[None], Generic[State, Event, Effect, Context]):
    """A mode of the program.

    A subclass names its `MODE` and its `ACTIONS`, composes its `body`, and supplies the four parts of its cycle: the
    reactive `state`, whose watcher shows it; `update_state`; `event_context`; and `carry_out`.
    """

    MODE: ClassVar[str] = ""
    ACTIONS: ClassVar[tuple[Action[Any, Any], ...]] = ()  # a class variable cannot name the type of the mode's events
    AUTO_FOCUS = ""
    ESCAPE_TO_MINIMIZE = False

    state: reactive[State]

    def __init_subclass__(cls) -> None:
        cls.BINDINGS = [action.binding() for action in cls.ACTIONS]
        super().__init_subclass__()

    def compose(self) -> ComposeResult:
        """Yield the top line, the body, the footer, and the message for a tiny terminal."""
        width = self.app.size.width
        # Textual sets the class with the first resize only, so the first layout would be discarded.
        reached = [name for least, name in self.HORIZONTAL_BREAKPOINTS or () if width >= least]
        self.add_class(*reached[-1:])
        modes = [(self.key_names[f"mode_{name}"], name, title) for _, name, title in MODES]
        yield TabsLine(modes, self.MODE)
        yield from self.body()
        yield KeyLine(self._footer())
        yield Static(id="too-small")

    def body(self) -> Iterable[Widget]:
        """Return the widgets between the top line and the footer."""
        return ()

    def window_title(self) -> str:
        """Return the title of the terminal's window without the program's name: the subject, then its progress."""
        return ""

    def current_keys(self) -> KeyGroup | None:
        """Return the keys of the current activity, such as placing a start, with marks; None outside of one."""
        return None

    def footer_keys(self) -> Sequence[FooterKey]:
        """Return the footer's keys: by default every action that has a rank."""
        return [
            FooterKey(f"{{{action.name}}}", action.short, action.name, action.footer)
            for action in (*self.ACTIONS, *SHARED_ACTIONS)
            if action.footer
        ]

    def refresh_footer(self) -> None:
        """Show the current `footer_keys`."""
        self.query_one(KeyLine).show(self._footer())

    @property
    def actions(self) -> tuple[Action[Any, Any], ...]:
        """All actions of this mode and the shared ones, with the keys from the settings."""
        return with_keys((*self.ACTIONS, *SHARED_ACTIONS), self.host.keys)

    @cached_property
    def key_names(self) -> Mapping[str, str]:
        """The name of each action's first key. Every text that names a key takes it from here."""
        return key_names(self.actions)

    def named(self, text: str) -> str:
        """Return a text with keys in the places of its marks: "{play} plays" becomes "space plays"."""
        return with_keys_named(text, self.key_names)

    @property
    def host(self) -> Host:
        """The application, as a mode sees it."""
        return cast(Host, self.app)

    @property
    def is_current_mode(self) -> bool:
        """Whether this is the mode on top of the others; windows may lie over it."""
        modes = [screen for screen in self.app.screen_stack if isinstance(screen, ModeScreen)]
        return modes[-1:] == [self]

    def _footer(self) -> list[FooterKey]:
        return [replace(key, keys=self.named(key.keys)) for key in self.footer_keys()]

    def on_mount(self) -> None:
        """Follow the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())

    def redraw(self) -> None:
        """Draw everything in the colours of a new theme. A mode with pictures overrides this."""

    def action_perform(self, name: str) -> None:
        """Perform the action of a key or a click. In a terminal that is too small, only some actions work."""
        if not self.has_class("-too-small") or name in WHILE_TOO_SMALL:
            self.perform_by_name(name)

    def perform_by_name(self, name: str) -> None:
        """Perform an action by its name; a name of another mode is ignored (a second quick click may carry one)."""
        shared = next((action for action in SHARED_ACTIONS if action.name == name), None)
        own = next((action for action in self.ACTIONS if action.name == name), None)
        if shared is not None:
            assert not callable(shared.event)
            self.host.carry_out(shared.event)
        elif own is not None:
            self.perform(own)

    def perform(self, action: Action[Event, Context]) -> None:
        """Dispatch the action's event; a function in its place makes the event from the event context."""
        self.dispatch(action.event(self.event_context()) if callable(action.event) else action.event)

    def dispatch(self, event: Event) -> None:
        """Update the state, which its watcher shows, then carry out the effects in their order."""
        self.state, effects = self.update_state(event)
        for effect in effects:
            self.carry_out(effect)

    @abstractmethod
    def update_state(self, event: Event) -> tuple[State, Sequence[Effect]]:
        """Return the next state and the effects: the mode's pure `update(state, event)`."""

    @abstractmethod
    def event_context(self) -> Context:
        """Return the data beside the state that events may depend on: widths, the time, file contents."""

    @abstractmethod
    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect: open a window, write a file, start a process."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Do nothing: a mode is never closed. The second half of a double click on a window's answer arrives here."""
        return AwaitComplete()

    def on_resize(self, event: Resize) -> None:
        """Show a message instead of the mode when the terminal is too small."""
        small = event.size.width < MIN_WIDTH or event.size.height < MIN_HEIGHT
        self.set_class(small, "-too-small")
        if small:
            self.query_one("#too-small", Static).update(
                f"adam-tui needs {MIN_WIDTH}×{MIN_HEIGHT} cells\n"
                f"this terminal has {event.size.width}×{event.size.height}"
            )


AnyMode = ModeScreen[Any, Any, Any, Any]  # for code that works with each of the modes: help, palette, application
