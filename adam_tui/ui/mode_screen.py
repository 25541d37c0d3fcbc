"""The base of every mode: the top line, the footer, the table of actions, and one way from a key to the screen.

A key names an `Action`; its event goes to the mode's pure `update`, which returns the next state and the effects; the
screen shows the state and carries the effects out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

from adam_tui.ui.actions import MODES, SHARED_ACTIONS, Action, FooterKey, KeyGroup, key_names, with_keys_named
from adam_tui.ui.host import Host
from adam_tui.ui.keymap import with_keys
from adam_tui.ui.layout import MIN_HEIGHT, MIN_WIDTH
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine

State = TypeVar("State")
Event = TypeVar("Event")
Effect = TypeVar("Effect")
View = TypeVar("View")


class ModeScreen(Screen[None], Generic[State, Event, Effect, View]):
    """A mode of the program.

    A subclass names its `MODE` and its `ACTIONS`, composes its `body`, and supplies the four parts of its cycle: the
    reactive `state`, whose watcher shows it; `update_state`; `view`; and `carry_out`.
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
        """The top line, the body, the footer, and the word on a tiny terminal."""
        width = self.app.size.width
        # Textual sets it with the first resize only: the first layout would be thrown away.
        fitting = [name for least, name in self.HORIZONTAL_BREAKPOINTS or () if width >= least]
        self.add_class(*fitting[-1:])
        modes = [(self.key_names[f"mode_{name}"], name, title) for _, name, title in MODES]
        yield TabsLine(modes, self.MODE)
        yield from self.body()
        yield KeyLine(self._footer())
        yield Static(id="too-small")

    def body(self) -> Iterable[Widget]:
        """What lies between the top line and the footer."""
        return ()

    def keys_of_now(self) -> KeyGroup | None:
        """The keys of what one is at, such as placing a start, with marks; None while nothing else is going on."""
        return None

    def footer_keys(self) -> Sequence[FooterKey]:
        """The footer: every action that has a rank."""
        return [
            FooterKey(f"{{{action.name}}}", action.short, action.name, action.footer)
            for action in (*self.ACTIONS, *SHARED_ACTIONS)
            if action.footer
        ]

    def refresh_footer(self) -> None:
        """Show the keys that matter now."""
        self.query_one(KeyLine).show(self._footer())

    @property
    def actions(self) -> tuple[Action[Any, Any], ...]:
        """All that can be done here, with the keys as they are set."""
        return with_keys((*self.ACTIONS, *SHARED_ACTIONS), self.host.keys)

    @cached_property
    def key_names(self) -> Mapping[str, str]:
        """What the key of each action here is called: every text that names a key takes it from here."""
        return key_names(self.actions)

    def named(self, text: str) -> str:
        """A text with the keys in the places of its marks."""
        return with_keys_named(text, self.key_names)

    @property
    def host(self) -> Host:
        """The application, as a mode sees it."""
        return cast(Host, self.app)

    def _footer(self) -> list[FooterKey]:
        return [replace(key, keys=self.named(key.keys)) for key in self.footer_keys()]

    def on_mount(self) -> None:
        """Follow the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())

    def redraw(self) -> None:
        """Draw everything anew, in the colours of another theme; a subclass with pictures has its own."""

    def action_perform(self, name: str) -> None:
        """Perform an action by its name; a name of another mode is ignored (a second quick click may carry one)."""
        shared = next((action for action in SHARED_ACTIONS if action.name == name), None)
        own = next((action for action in self.ACTIONS if action.name == name), None)
        if shared is not None:
            assert not callable(shared.event)
            self.host.carry_out(shared.event)
        elif own is not None:
            self.perform(own)

    def perform(self, action: Action[Event, View]) -> None:
        """Dispatch the action's event. A function in its place first makes the event from the view of the moment."""
        if action.event is None:  # TRANSITION: until each mode's table is typed
            effect = self.effect(action.name)
            if effect is not None:
                effect()
            return
        self.dispatch(action.event(self.view()) if callable(action.event) else action.event)

    def effect(self, name: str) -> Callable[[], None] | None:
        """TRANSITION: the function of an action without an event."""
        return getattr(self, f"do_{name}", None)

    def dispatch(self, event: Event) -> None:
        """Update the state, which its watcher shows, then carry out the effects in their order."""
        self.state, effects = self.update_state(event)
        for effect in effects:
            self.carry_out(effect)

    def update_state(self, event: Event) -> tuple[State, Sequence[Effect]]:
        """Return the next state and the effects: the mode's pure `update(state, event)`."""
        raise NotImplementedError

    def view(self) -> View:
        """Return the data beside the state that events may depend on: widths, the time, file contents."""
        raise NotImplementedError

    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect: open a window, write a file, start a process."""
        raise NotImplementedError

    def dismiss(self, result: None = None) -> AwaitComplete:
        """A mode is left for another one, never closed: of two quick clicks on a window's answer this is the second."""
        return AwaitComplete()

    def on_resize(self, event: Resize) -> None:
        """Below the smallest usable size, say which size is needed instead of drawing a ruin."""
        small = event.size.width < MIN_WIDTH or event.size.height < MIN_HEIGHT
        self.set_class(small, "-too-small")
        if small:
            self.query_one("#too-small", Static).update(
                f"adam-tui needs {MIN_WIDTH}×{MIN_HEIGHT} cells\n"
                f"this terminal has {event.size.width}×{event.size.height}"
            )


AnyMode = ModeScreen[Any, Any, Any, Any]  # for code that works with each of the modes: help, palette, application
