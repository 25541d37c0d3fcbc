"""The windows over a mode: a value to type, a question to answer, a list to pick from, a text to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from adam_tui.terminal.sanitize import sanitize
from adam_tui.ui.layout import NARROW


class Window(ModalScreen[ScreenResultType], Generic[ScreenResultType]):
    """A window that closes once: the second half of a double click must not close the screen below."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result, unless the window is closed already."""
        return super().dismiss(result) if self.is_active else AwaitComplete()


class AskText(Window[str | None]):
    """Ask for one line of text; the result is None when cancelled. `check` raises ValueError for invalid text.

    `preview` gets every valid text while the user types. `aside` puts the window beside the plot, or at the bottom of
    a narrow terminal, and leaves the screen bright.
    """

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(
        self,
        title: str,
        value: str,
        hint: str,
        check: Callable[[str], object],
        preview: Callable[[str], None] | None = None,
        *,
        aside: bool = False,
    ) -> None:
        super().__init__(classes="-aside" if aside else None)
        self._title = title
        self._value = value
        self._hint = hint
        self._check = check
        self._preview = preview

    def compose(self) -> ComposeResult:
        """Yield a frame with the input and a line for the hint or the error."""
        self.set_class(self.app.size.width < NARROW, "-below")
        with Vertical(classes="dialog") as frame:
            frame.border_title = Content(sanitize(self._title))
            frame.border_subtitle = "enter set · esc cancel"
            yield Input(value=self._value, select_on_focus=True)
            yield Label(self._hint, classes="hint", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the error in the text so far."""
        hint = self.query_one(".hint", Label)
        try:
            self._check(event.value)
        except ValueError as error:
            column = getattr(error, "column", None)  # some errors know their place in the text
            caret = "" if column is None else " " * column + "^\n"
            hint.update(caret + str(error))
            hint.add_class("wrong")
        else:
            hint.update(self._hint)
            hint.remove_class("wrong")
            if self._preview is not None and self.is_active:
                self._preview(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with the text if it is valid."""
        try:
            self._check(event.value)
        except ValueError:
            self.app.bell()
            return
        self.dismiss(event.value)


class Choose(Window[str | None]):
    """Ask a question with a key for each answer: (key, value, words); the result is None when cancelled."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, title: str, text: str, answers: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = tuple(answers)

    def compose(self) -> ComposeResult:
        """Yield the text, and a line for each answer."""
        with Vertical(classes="dialog") as frame:
            frame.border_title = Content(sanitize(self._title))
            yield Label(sanitize(self._text), markup=False)
            for key, value, words in (*self._answers, ("esc", "", "cancel")):
                action = f"screen.dismiss('{value}')" if value else "screen.dismiss(None)"
                yield Label(
                    Content.from_markup(
                        f"[@click={action}] [b $accent]$key[/]  $words[/]", key=f"{key:>5}", words=words
                    )
                )

    def on_key(self, event: Key) -> None:
        """Close with the answer of the key."""
        for key, value, _ in self._answers:
            if event.key == key:
                event.stop()
                self.dismiss(value)


class ShowText(Window[None]):
    """Show a text: a log from its end, or copied text from its beginning."""

    BINDINGS = [Binding(key, "dismiss(None)", "Close", show=False) for key in ("escape", "q", "enter")]

    def __init__(self, title: str, text: str, *, from_end: bool = True) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._from_end = from_end

    def compose(self) -> ComposeResult:
        """Yield the text in a frame that scrolls."""
        with VerticalScroll(classes="dialog text") as frame:
            frame.border_title = Content(sanitize(self._title))
            frame.border_subtitle = "↑↓ scroll · esc close"
            yield Static(Content(sanitize(self._text)))

    def on_mount(self) -> None:
        """Scroll to the end if wanted, and let the arrow keys scroll."""
        frame = self.query_one(VerticalScroll)
        frame.focus()
        if self._from_end:
            frame.scroll_end(animate=False)


class Pick(Window[str | None]):
    """Pick an item of a list: (value, title, detail); the result is None when cancelled.

    The detail of the highlighted item is shown below the list.
    """

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, title: str, items: Sequence[tuple[str, str, str]], chosen: str = "") -> None:
        super().__init__()
        self._title = title
        self._items = tuple(items)
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """Yield the list, and a line for the detail."""
        with Vertical(classes="dialog pick") as frame:
            frame.border_title = Content(sanitize(self._title))
            frame.border_subtitle = "↑↓ choose · enter open · esc cancel"
            yield OptionList(*(Option(Content(title), id=value) for value, title, _ in self._items))
            yield Label("", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Highlight the item that was chosen last."""
        options = self.query_one(OptionList)
        values = [value for value, _, _ in self._items]
        options.highlighted = values.index(self._chosen) if self._chosen in values else 0
        options.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show its detail."""
        self.query_one(".hint", Label).update(self._items[event.option_index][2])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with its value."""
        self.dismiss(event.option_id)
