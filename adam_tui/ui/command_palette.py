"""The command palette: a search over every action and every theme. Enter performs the highlighted entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from adam_tui.ui.actions import MODES, SHARED_ACTIONS, ShowMode, key_names, with_keys
from adam_tui.ui.dialogs import Window
from adam_tui.ui.keymap import tables
from adam_tui.ui.mode_screen import AnyMode
from adam_tui.ui.search import Entry, highlights, ranked
from adam_tui.ui.synonyms import SYNONYMS, THEMES
from adam_tui.ui.theme_names import in_order

WIDEST, MARGIN = 84, 8  # columns of the window, and of the screen beside it
AROUND = 6  # rows beside those of the list: a margin, the frame, the line to type in, a gap
NOTHING = "no action matches; try a word such as noise, theme, export, undo"


def entries(screen: AnyMode, themes: Iterable[str], choose_theme: Callable[[str], None]) -> list[Entry]:
    """Return the actions of the current mode, the shared ones, the themes, then the actions of the other modes."""
    all_entries = [
        Entry(
            action.title,
            action.shown_keys,
            action.group,
            SYNONYMS.get(action.name, ""),
            partial(screen.action_perform, action.name),
        )
        for action in screen.actions
    ]
    names = in_order(themes)
    all_entries += [Entry(f"Theme: {name}", "", "remembered", THEMES, partial(choose_theme, name)) for name in names]
    modes = key_names(with_keys(SHARED_ACTIONS, screen.host.keys))
    for (_, mode, title), table in zip(MODES, tables().values(), strict=True):
        if mode != screen.MODE:
            all_entries += [
                Entry(
                    f"{title}: {action.title}",
                    f"{modes[f'mode_{mode}']} {action.shown_keys.split(' ')[0]}",
                    f"goes to {title}",
                    SYNONYMS.get(action.name, ""),
                    partial(screen.host.carry_out, ShowMode(mode)),
                    here=False,
                )
                for action in with_keys(table, screen.host.keys)
            ]
    return all_entries


class CommandPalette(Window[Entry | None]):
    """A line to type words in, and the list of entries that match them."""

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
                ("ctrl+home", "first"),
                ("ctrl+end", "last"),
            )
        ),
    ]

    def __init__(self, all_entries: Sequence[Entry]) -> None:
        super().__init__()
        self._all = tuple(all_entries)
        self._matches: list[Entry] = []

    def compose(self) -> ComposeResult:
        """Yield the input, the list, and the message for an empty list."""
        self._laid_out = self.app.size
        with Vertical(classes="dialog palette") as frame:
            frame.styles.width = min(WIDEST, self.app.size.width - MARGIN)
            frame.border_title = "Actions"
            frame.border_subtitle = "↑↓ choose · enter do it · esc cancel"
            yield Input(placeholder="what to do", select_on_focus=False)
            options = OptionList(*self._find(""), compact=True)
            options.can_focus = False
            options.styles.height = self._rows
            yield options
            nothing = Label(NOTHING, classes="hint", markup=False)
            nothing.display = False
            yield nothing

    def on_mount(self) -> None:
        """Highlight the first entry."""
        self.query_one(OptionList).highlighted = 0

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(self._find(text))
        options.highlighted = 0 if self._matches else None
        options.styles.height = self._rows
        self.query_one(".hint").display = not self._matches

    def _find(self, text: str) -> list[Option]:
        # Actions of another mode are only shown when words match them.
        self._matches = [entry for entry in ranked(text, self._all) if entry.here or text.strip()]
        return [Option(_line(entry, text, self._width)) for entry in self._matches]

    @property
    def _rows(self) -> int:
        """The height of the list."""
        return min(len(self._matches), max(self.app.size.height - AROUND, 1))

    @property
    def _width(self) -> int:
        """The width of a line: that of the window less its frame, its padding, a gap and the scroll bar."""
        return min(WIDEST, self.app.size.width - MARGIN) - 6

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        if self.app.size != self._laid_out:
            self._laid_out = self.app.size
            self.query_one(".palette").styles.width = min(WIDEST, self.app.size.width - MARGIN)
            self._show(self.query_one(Input).value)

    @on(Input.Submitted)
    def _entered(self) -> None:
        chosen = self.query_one(OptionList).highlighted
        if chosen is None:
            self.app.bell()
        else:
            self.dismiss(self._matches[chosen])

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._matches[event.option_index])


def _line(entry: Entry, text: str, width: int) -> Content:
    """Return an entry as a line: its title with the typed beginnings underlined, its group, its key at the right."""
    title = Content(entry.title)
    for start, end in highlights(text, entry.title) if text.strip() else ():
        title = title.stylize("underline", start, end)
    room = width - len(entry.key) - 2
    title = title.truncate(room, ellipsis=True)
    group = entry.group if title.cell_length + len(entry.group) + 2 <= room else ""
    gap = " " * (width - title.cell_length - len(group) - len(entry.key) - 2)
    return Content.assemble(title, gap, (group, "$text-muted"), "  ", (entry.key, "bold $accent"))
