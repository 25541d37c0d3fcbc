"""A window with a list in groups, and a line to type in: the typed words choose among the lines of all groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from adam_tui.terminal.sanitize import sanitize
from adam_tui.ui.dialogs import Window
from adam_tui.ui.layout import NARROW
from adam_tui.ui.search import Entry, ranked

WIDTH = 40  # columns of the window, as in adam.tcss
AROUND_TEXT, AROUND_LIST = 4, 6  # columns of frame and padding; rows of frame, line to type in, gap and a margin
LEAST_ROWS = 4  # of the list, before the details get their rows


class Item(NamedTuple):
    """A line of the list, and the text below the list while the line is highlighted. `words` also find it."""

    value: str
    title: str
    detail: str
    words: str = ""


class PickGrouped(Window[str | None]):
    """Pick an item of a list in groups, given as (heading, items); the result is its value, None when cancelled.

    Without a typed word all groups are shown under their headings, with words the items that match, the best first.
    `preview` gets the value of each highlighted item. The window is at the right, and the screen stays bright.
    """

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        *(
            Binding(key, f"move('{move}')", "Choose", show=False, priority=True)
            for key, move in (
                ("up", "cursor_up"),
                ("down", "cursor_down"),
                ("shift+tab", "cursor_up"),
                ("tab", "cursor_down"),
                ("pageup", "page_up"),
                ("pagedown", "page_down"),
            )
        ),
    ]

    def __init__(
        self,
        title: str,
        groups: Sequence[tuple[str, Sequence[Item]]],
        chosen: str,
        preview: Callable[[str], None],
    ) -> None:
        super().__init__(classes="-aside")
        self._title = title
        self._groups = tuple((heading, tuple(items)) for heading, items in groups)
        self._items = {item.value: item for _, items in self._groups for item in items}
        self._chosen = chosen
        self._preview = preview
        self._shown: list[str | None] = []  # the value of each line, None for a heading

    def compose(self) -> ComposeResult:
        """Yield the line to type in, the list and the details."""
        with Vertical(classes="dialog pick") as frame:
            frame.border_title = Content(sanitize(self._title))
            frame.border_subtitle = "↑↓ choose · enter take · esc cancel"
            yield Input(placeholder="type to find", select_on_focus=False)
            options = OptionList(*self._lines(""), compact=True)
            options.can_focus = False
            yield options
            yield Label("", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Highlight the chosen item."""
        self._highlight(self._chosen)

    def on_resize(self) -> None:
        """Give the details the rows of the longest one and the list the rest, so that the window keeps its height."""
        columns, rows = self.app.size
        self.set_class(columns < NARROW, "-narrow")
        width = max(min(WIDTH, columns) - AROUND_TEXT, 1)
        lines = max(len(wrap(item.detail, width)) for item in self._items.values())
        room = max(rows - AROUND_LIST - lines, LEAST_ROWS)
        self.query_one(OptionList).styles.height = min(len(self._items) + len(self._groups), room)
        self.query_one(".hint").styles.height = min(lines, max(rows - AROUND_LIST - LEAST_ROWS, 1))

    def _lines(self, text: str) -> list[Option]:
        """The lines for the typed text."""
        if not text.strip():
            self._shown = [value for _, items in self._groups for value in (None, *(item.value for item in items))]
            return [
                option
                for heading, items in self._groups
                for option in (
                    Option(Content.styled(heading, "$text-muted"), disabled=True),
                    *(Option(Content(f" {item.title}"), id=item.value) for item in items),
                )
            ]
        entries = [
            Entry(item.title, "", heading, f"{item.words} {item.detail}", lambda: None)
            for heading, items in self._groups
            for item in items
        ]
        by_entry = dict(zip(map(id, entries), self._items.values(), strict=True))
        items = [by_entry[id(entry)] for entry in ranked(text, entries)]
        self._shown = [item.value for item in items]
        return [Option(Content(f" {item.title}"), id=item.value) for item in items]

    def _highlight(self, value: str) -> None:
        """Highlight the line of a value, or the first one."""
        lines = [i for i, shown in enumerate(self._shown) if shown is not None]
        wanted = [i for i in lines if self._shown[i] == value] or lines[:1]
        self.query_one(OptionList).highlighted = wanted[0] if wanted else None

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(self._lines(event.value))
        self._highlight("" if event.value.strip() else self._chosen)
        if not self._shown:
            self.query_one(".hint", Label).update("nothing matches")

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the details of the item, and its preview."""
        if event.option_id is None:
            return
        self.query_one(".hint", Label).update(self._items[event.option_id].detail)
        if self.is_active:  # not for the line that is highlighted when the window opens
            self._preview(event.option_id)

    @on(Input.Submitted)
    def _entered(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        value = None if highlighted is None else self._shown[highlighted]
        if value is None:
            self.app.bell()
        else:
            self.dismiss(value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
