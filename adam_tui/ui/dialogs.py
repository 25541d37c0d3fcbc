"""The windows over a mode: a value to type, a question to answer, a list to pick from, a text to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap
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
from adam_tui.ui.actions import shown
from adam_tui.ui.layout import NARROW

PICK_WIDTH = 72  # columns of a list, as in adam.tcss
AROUND_TEXT, AROUND_LIST = 4, 5  # columns of frame and padding; rows of frame, gap and a margin
CANCEL = "cancel"  # the value of the answer that cancels
# Keys beside the arrows: of every list, of one without answers on letters, and of a text that scrolls.
MOVES = (
    Binding("tab", "move('cursor_down')", "Next", show=False),
    Binding("shift+tab", "move('cursor_up')", "Previous", show=False),
)
LETTER_MOVES = (
    Binding("j", "move('cursor_down')", "Next", show=False),
    Binding("k", "move('cursor_up')", "Previous", show=False),
)
SCROLLS = (
    Binding("j", "scroll('down')", "Down", show=False),
    Binding("k", "scroll('up')", "Up", show=False),
)


class Window(ModalScreen[ScreenResultType], Generic[ScreenResultType]):
    """A window that closes once: the second half of a double click must not close the screen below."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result, unless the window is closed already."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_move(self, move: str) -> None:
        """Highlight another line of the list, by the name of a move such as cursor_down."""
        getattr(self.query_one(OptionList), f"action_{move}")()

    def action_scroll(self, direction: str) -> None:
        """Scroll a text by a line, "up" or "down"."""
        getattr(self.query_one(VerticalScroll), f"action_scroll_{direction}")()


class AskText(Window[str | None]):
    """Ask for one line of text; the result is None when cancelled. `check` raises ValueError for invalid text.

    `preview` gets every valid text while the user types. `aside` puts the window beside the plot, or at the bottom of
    a narrow terminal, and leaves the screen bright. `complete` returns the texts that tab may complete a text to.
    """

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("tab", "complete", "Complete", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        value: str,
        hint: str,
        check: Callable[[str], object],
        preview: Callable[[str], None] | None = None,
        *,
        aside: bool = False,
        complete: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(classes="-aside" if aside else None)
        self._complete = complete
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
            completes = self._complete is not None
            frame.border_subtitle = f"enter set · {'tab complete · ' if completes else ''}esc cancel"
            yield Input(value=self._value, select_on_focus=not completes)
            yield Label(self._hint, classes="hint", markup=False)

    def action_complete(self) -> None:
        """Complete the text as far as all its completions agree, and list them where they differ."""
        if self._complete is None:
            return
        entry = self.query_one(Input)
        if not (texts := list(self._complete(entry.value))):
            self.app.bell()
            return
        first, last = min(texts), max(texts)
        same = next((i for i, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first))
        common = first[:same]
        if common != entry.value:
            entry.value = common
        entry.cursor_position = len(entry.value)
        if len(texts) > 1:
            # After the message for the changed text, which has its own hint.
            names = "  ".join(sanitize(text[common.rfind("/") + 1 :]) for text in texts)
            self.call_after_refresh(self.query_one(".hint", Label).update, names)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the error in the text so far."""
        hint = self.query_one(".hint", Label)
        try:
            self._check(event.value)
        except ValueError as error:
            if self._complete is not None and event.value == self._value:
                return  # a beginning to complete
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
    """Ask a question with a line for each answer: (keys, value, words); the result is None when cancelled.

    The arrows choose, enter takes the highlighted answer, and each answer has keys of its own. A last line cancels.
    With `cautious` that line is highlighted first: the other answers lose something.
    """

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel", show=False), *MOVES]

    def __init__(
        self, title: str, text: str, answers: Sequence[tuple[str, str, str]], *, cautious: bool = False
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        question = any("y" in keys.split(",") for keys, _, _ in answers)
        self._answers = (*answers, ("n,escape", CANCEL, "no") if question else ("escape", CANCEL, "cancel"))
        self._cautious = cautious

    def compose(self) -> ComposeResult:
        """Yield the text, and the list of the answers."""
        names = [shown(keys) for keys, _, _ in self._answers]
        width = max(map(len, names))
        with Vertical(classes="dialog choose") as frame:
            frame.border_title = Content(sanitize(self._title))
            frame.border_subtitle = "↑↓ choose · enter take · esc cancel"
            if self._text:
                yield Label(sanitize(self._text), markup=False)
            yield OptionList(
                *(
                    Option(Content.assemble((f"{name:>{width}}", "bold $accent"), "  ", words), id=value)
                    for name, (_, value, words) in zip(names, self._answers, strict=True)
                )
            )

    def on_mount(self) -> None:
        """Highlight the answer that enter takes."""
        options = self.query_one(OptionList)
        options.highlighted = len(self._answers) - 1 if self._cautious else 0
        options.focus()

    def on_key(self, event: Key) -> None:
        """Close with the answer of the key."""
        for keys, value, _ in self._answers:
            if event.key in keys.split(","):
                event.stop()
                self._take(value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with the highlighted answer."""
        self._take(event.option_id or CANCEL)

    def _take(self, value: str) -> None:
        self.dismiss(None if value == CANCEL else value)


class ShowText(Window[None]):
    """Show a text: a log from its end, or copied text from its beginning."""

    BINDINGS = [
        *(Binding(key, "dismiss(None)", "Close", show=False) for key in ("escape", "q", "enter")),
        *SCROLLS,
    ]

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

    The detail of the highlighted item is shown below the list. `preview` gets the value of each highlighted item; the
    window is then at the right, and the screen stays bright. `take` is the verb of the key enter.
    """

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel", show=False), *MOVES, *LETTER_MOVES]

    def __init__(
        self,
        title: str,
        items: Sequence[tuple[str, str, str]],
        chosen: str = "",
        preview: Callable[[str], None] | None = None,
        *,
        take: str = "open",
    ) -> None:
        super().__init__(classes="-aside" if preview is not None else None)
        self._title = title
        self._items = tuple(items)
        self._chosen = chosen
        self._preview = preview
        self._take = take

    def compose(self) -> ComposeResult:
        """Yield the list, and a line for the detail."""
        with Vertical(classes="dialog pick") as frame:
            frame.border_title = Content(sanitize(self._title))
            frame.border_subtitle = f"↑↓ choose · enter {self._take} · esc cancel"
            yield OptionList(*(Option(Content(title), id=value) for value, title, _ in self._items))
            yield Label("", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Highlight the item that was chosen last."""
        options = self.query_one(OptionList)
        values = [value for value, _, _ in self._items]
        options.highlighted = values.index(self._chosen) if self._chosen in values else 0
        options.focus()

    def on_resize(self) -> None:
        """Give the details the rows of the longest one, so that the window keeps its height, and the list the rest."""
        columns, rows = self.app.size
        width = max(min(PICK_WIDTH, columns * 9 // 10) - AROUND_TEXT, 1)
        lines = max(sum(len(wrap(line, width)) for line in detail.split("\n")) for _, _, detail in self._items)
        self.query_one(".hint").styles.height = lines
        self.query_one(OptionList).styles.max_height = max(rows - AROUND_LIST - lines, 1)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show its detail, and its preview."""
        value, _, detail = self._items[event.option_index]
        self.query_one(".hint", Label).update(detail)
        if self._preview is not None and self.is_active:
            self._preview(value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with its value."""
        self.dismiss(event.option_id)
