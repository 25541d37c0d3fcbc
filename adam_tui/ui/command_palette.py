"""Every action by its words, with its key, and every theme: type a few letters, enter does it."""

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

from adam_tui.ui.actions import MODES, SHARED_ACTIONS, ShowMode, key_names
from adam_tui.ui.dialogs import Window
from adam_tui.ui.keymap import tables, with_keys
from adam_tui.ui.mode_screen import AnyMode
from adam_tui.ui.search import Entry, highlights, ranked
from adam_tui.ui.synonyms import SYNONYMS, THEMES
from adam_tui.ui.theme_names import PREFIX

WIDEST, MARGIN = 84, 8  # columns of the window, and of the screen beside it
AROUND = 6  # rows beside those of the list: a margin, the frame, the line to type in, a gap
NOTHING = "nothing is called so; try a word such as noise, theme, export, undo"


def entries(screen: AnyMode, themes: Iterable[str], choose_theme: Callable[[str], None]) -> list[Entry]:
    """The actions of the mode that is shown, the shared ones, and those of the other modes; then the themes."""

    def do(name: str) -> Callable[[], None]:
        return partial(screen.action_perform, name)

    found = [
        Entry(action.title, action.shown_keys, action.group, SYNONYMS.get(action.name, ""), do(action.name))
        for action in screen.actions
    ]
    names = sorted(themes, key=lambda name: (not name.startswith(PREFIX), name))
    found += [Entry(f"Theme: {name}", "", "remembered", THEMES, partial(choose_theme, name)) for name in names]
    modes = key_names(with_keys(SHARED_ACTIONS, screen.host.keys))
    for (_, mode, title), table in zip(MODES, tables().values(), strict=True):
        if mode != screen.MODE:
            found += [
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
    return found


class CommandPalette(Window[Entry | None]):
    """Type what to do, choose one of what is found."""

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        *(
            Binding(key, f"move('{way}')", "Choose", show=False, priority=True)
            for key, way in (
                ("up", "cursor_up"),
                ("down", "cursor_down"),
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
        self._found: list[Entry] = []

    def compose(self) -> ComposeResult:
        """A line to type in, and what is found."""
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
        """Choose the first one."""
        self.query_one(OptionList).highlighted = 0

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(self._find(text))
        options.highlighted = 0 if self._found else None
        options.styles.height = self._rows
        self.query_one(".hint").display = not self._found

    def _find(self, text: str) -> list[Option]:
        # What another mode does is only shown to those who ask for it.
        self._found = [entry for entry in ranked(text, self._all) if entry.here or text.strip()]
        return [Option(_line(entry, text, self._width)) for entry in self._found]

    @property
    def _rows(self) -> int:
        """Rows of the list."""
        return min(len(self._found), max(self.app.size.height - AROUND, 1))

    @property
    def _width(self) -> int:
        """Columns of a line: those of the window less its frame, its padding, a gap and the scroll bar."""
        return min(WIDEST, self.app.size.width - MARGIN) - 6

    def on_resize(self) -> None:
        """Lines of another width."""
        if self.app.size != self._laid_out:
            self._laid_out = self.app.size
            self.query_one(".palette").styles.width = min(WIDEST, self.app.size.width - MARGIN)
            self._show(self.query_one(Input).value)

    def action_move(self, way: str) -> None:
        """Choose another one without leaving the line."""
        getattr(self.query_one(OptionList), f"action_{way}")()

    @on(Input.Submitted)
    def _entered(self) -> None:
        chosen = self.query_one(OptionList).highlighted
        if chosen is None:
            self.app.bell()
        else:
            self.dismiss(self._found[chosen])

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])


def _line(entry: Entry, text: str, width: int) -> Content:
    """One entry: its title with the typed beginnings underlined, its purpose, its key at the right end."""
    title = Content(entry.title)
    for start, end in highlights(text, entry.title) if text.strip() else ():
        title = title.stylize("underline", start, end)
    room = width - len(entry.key) - 2
    title = title.truncate(room, ellipsis=True)
    group = entry.group if title.cell_length + len(entry.group) + 2 <= room else ""
    gap = " " * (width - title.cell_length - len(group) - len(entry.key) - 2)
    return Content.assemble(title, gap, (group, "$text-muted"), "  ", (entry.key, "bold $accent"))
