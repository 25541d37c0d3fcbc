"""The help: the keys of a mode by purpose, in columns. The keys of the current activity come first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from textwrap import wrap
from typing import Any, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from adam_tui.ui.actions import MODES, Action, KeyGroup, KeyRow
from adam_tui.ui.dialogs import SCROLLS, Window
from adam_tui.ui.mode_screen import AnyMode

MOST_COLUMNS = 4
GAP, BETWEEN = 3, 2  # columns between two columns of keys, and between a key and its words
FEWEST_WORDS = 30  # columns that words need where there is more than one column of keys
AROUND, ABOVE = 6, 2  # columns and rows that the window's frame, padding and scroll bar take

# The keys of the windows that ask or list something. They are no actions: the settings do not change them.
WINDOWS = KeyGroup(
    "In windows and questions",
    (KeyRow("↑↓ tab enter", "Choose an answer and take it"), KeyRow("y n esc", "Yes, no, cancel")),
)


def by_purpose(actions: Iterable[Action[Any, Any]]) -> list[KeyGroup]:
    """Return the actions by their group, in order; titles that differ in one word share a line: "Zoom in / out"."""
    groups: dict[str, list[list[Action[Any, Any]]]] = {}
    for action in actions:
        rows = groups.setdefault(action.group, [])
        if rows and _differ_in(rows[-1][0].title, action.title) is not None and _same_place(rows[-1], action):
            rows[-1].append(action)
        else:
            rows.append([action])
    return [KeyGroup(name, tuple(map(_row, rows))) for name, rows in groups.items()]


def _differ_in(title: str, other: str) -> int | None:
    """Return the index of the one word in which two titles differ; None if they differ in none or more."""
    a, b = title.split(" "), other.split(" ")
    places = [i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    return places[0] if len(a) == len(b) > 1 and len(places) == 1 else None


def _same_place(row: Sequence[Action[Any, Any]], action: Action[Any, Any]) -> bool:
    """Return whether an action's title differs from all titles of a row in the same word."""
    return len({_differ_in(a.title, b.title) for a, b in combinations((*row, action), 2)}) == 1


def _row(actions: Sequence[Action[Any, Any]]) -> KeyRow:
    first = actions[0]
    several = any("," in action.keys for action in actions)
    keys = (" / " if several else " ").join(action.shown_keys for action in actions)
    if len(actions) == 1:
        return KeyRow(keys, first.title)
    words, at = first.title.split(" "), _differ_in(first.title, actions[1].title) or 0
    variants = [action.title.split(" ")[at] for action in actions]
    words[at] = " / ".join([variants[0], *(word.lower() if at == 0 else word for word in variants[1:])])
    return KeyRow(keys, " ".join(words))


class Column(NamedTuple):
    """Some of the groups, one below the other. `words` is the width at which the words of a key are wrapped."""

    groups: tuple[KeyGroup, ...]
    words: int

    @property
    def keys(self) -> int:
        """The width of the keys."""
        return max(len(row.keys) for group in self.groups for row in group.rows)

    def lines(self) -> list[tuple[KeyGroup | None, str, str]]:
        """Return each row: a group's title, or a key and words, or an empty row."""
        rows: list[tuple[KeyGroup | None, str, str]] = []
        for group in self.groups:
            rows += [(None, "", "")] * bool(rows) + [(group, "", "")]
            for row in group.rows:
                first, *rest = wrap(row.words, self.words)
                rows += [(None, row.keys, first), *((None, "", more) for more in rest)]
        return rows


def in_columns(groups: Sequence[KeyGroup], width: int, height: int) -> list[Column]:
    """Return the groups in their order, in as few columns as show all of them, or else in as many as fit."""
    columns: list[Column] = []
    for count in range(1, min(MOST_COLUMNS, len(groups)) + 1):
        words = (width - GAP * (count - 1)) // count - BETWEEN - Column(tuple(groups), 0).keys
        if words < FEWEST_WORDS and count > 1:
            break
        cuts = ((0, *between, len(groups)) for between in combinations(range(1, len(groups)), count - 1))
        layouts = ([Column(tuple(groups[a:b]), max(words, 1)) for a, b in pairwise(cut)] for cut in cuts)
        columns = min(layouts, key=_height)
        if _height(columns) <= height:
            break
    return columns


def _height(columns: Iterable[Column]) -> int:
    return max(len(column.lines()) for column in columns)


class Help(Window[None]):
    """The keys of a mode, in as many columns as the terminal has room for."""

    BINDINGS = [
        *(Binding(key, "dismiss(None)", "Close", show=False) for key in ("escape", "enter", "q")),
        *SCROLLS,
    ]

    def __init__(self, mode: AnyMode) -> None:
        super().__init__()
        self._title = f"Keys · {next(title for _, name, title in MODES if name == mode.MODE)}"
        self._groups = [*_current_keys(mode), *by_purpose(mode.actions)]
        self._more = mode.named("{palette} finds all by words")
        self._help_keys = next(action.keys for action in mode.actions if action.name == "help").split(",")

    def compose(self) -> ComposeResult:
        """Yield the columns in a frame that scrolls where it must."""
        self._laid_out = self.app.size
        statics = [Static() for _ in range(MOST_COLUMNS)]
        with VerticalScroll(classes="dialog help") as frame:
            frame.border_title = self._title
            self._lay_out(frame, statics)
            yield Horizontal(*statics)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def on_key(self, event: Key) -> None:
        """Close with the key that opened the help."""
        if event.key in self._help_keys:
            event.stop()
            self.dismiss()

    def on_resize(self) -> None:
        """Lay the groups out again after a change of the terminal's size."""
        if self.app.size != self._laid_out:
            self._laid_out = self.app.size
            self._lay_out(self.query_one(VerticalScroll), list(self.query(Static)))

    def _lay_out(self, frame: VerticalScroll, statics: Sequence[Static]) -> None:
        width, height = self._laid_out
        layouts = [
            in_columns(each, width - AROUND, height - ABOVE) for each in ([*self._groups, WINDOWS], self._groups)
        ]
        # The windows name their keys themselves: here they have a place where they make nothing scroll.
        columns = next((each for each in layouts if _height(each) <= height - ABOVE), layouts[0])
        for i, static in enumerate(statics):
            static.display = i < len(columns)
            static.styles.margin = (0, 0, 0, GAP if i else 0)
            if i < len(columns):
                static.update(_drawn(columns[i]))
        scroll = [] if _height(columns) <= height - ABOVE else ["↑↓ scroll"]
        frame.border_subtitle = " · ".join([*scroll, self._more, "esc close"])


def _current_keys(mode: AnyMode) -> list[KeyGroup]:
    group = mode.current_keys()
    if group is None:
        return []
    return [KeyGroup(group.title, tuple(KeyRow(mode.named(row.keys), row.words) for row in group.rows), current=True)]


def _drawn(column: Column) -> Content:
    keys, gap = column.keys, " " * BETWEEN
    return Content("\n").join(
        Content.styled(group.title, "bold $accent" if group.current else "$text-muted")
        if group
        else Content.assemble((f"{key:>{keys}}", "bold $accent"), gap, words)
        for group, key, words in column.lines()
    )
