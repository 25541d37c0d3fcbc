"""The actions of the program: each screen has one table, which its bindings, footer, help and palette all read.

An action carries the event that its key means, so nothing is looked up by name. The actions that every mode shares
stand here; those of one mode in its own `actions.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from textual.binding import Binding

# How the keys that have no glyph of their own, or a long name in Textual, are shown.
_SHOWN = {
    "full_stop": ".",
    "comma": ",",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "equals_sign": "=",
    "slash": "/",
    "backslash": "\\",
    "at": "@",
    "underscore": "_",
    "minus": "-",
    "question_mark": "?",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
    "shift+up": "⇧↑",
    "shift+down": "⇧↓",
    "escape": "esc",
    "f1": "F1",
}
_MARK, _MARKS = re.compile(r"\{(\w+)\}"), re.compile(r"(?:\{\w+\})+")
_WORD = re.compile(r"\w\w")  # "tab" and "f2", but not "⇧←"


Event_co = TypeVar("Event_co", covariant=True)
View_contra = TypeVar("View_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Action(Generic[Event_co, View_contra]):
    """One thing that a user can do. `keys` are Textual's names, joined by commas; the first is the one shown.

    `event` goes to the screen's `update`. An event that depends on what the screen shows (a width, a clock, a file) is
    given as a function, which makes it from the screen's view of the moment; see `ModeScreen.perform`. `group` is the
    purpose under which the help lists the action. `footer` ranks it for the footer (1 is kept longest, 0 never shown
    there) under the word `short`.
    """

    name: str
    keys: str
    title: str
    group: str
    event: Event_co | Callable[[View_contra], Event_co]
    footer: int = 0
    short: str = ""

    @property
    def shown_keys(self) -> str:
        """The keys as a person reads them: "space", ", .", "⇧→"."""
        return shown(self.keys)

    def binding(self) -> Binding:
        """The Textual binding, by whose id its keys can be set anew; the footer is ours, so it is not shown there."""
        return Binding(self.keys, f"perform('{self.name}')", self.title, show=False, id=self.name)


def shown(keys: str) -> str:
    """Textual's names of keys, joined by commas, as a person reads them."""
    return " ".join(_SHOWN.get(key) or _sign(key) for key in keys.split(","))


def key_names(actions: Iterable[Action[Any, Any]]) -> dict[str, str]:
    """Each action's first key as a person reads it, by the action's name: whatever names a key in a text asks here."""
    return {action.name: shown(action.keys.split(",")[0]) for action in actions}


def with_keys_named(text: str, names: Mapping[str, str]) -> str:
    """A text with keys in the places of its marks: "{play} plays" becomes "space plays".

    Marks may stand close together, as {knob_up}{knob_down}: signs then stay so, ↑↓, and words get a gap.
    """

    def keys(marks: re.Match[str]) -> str:
        found = [names[name] for name in _MARK.findall(marks[0])]
        return (" " if any(map(_WORD.search, found)) else "").join(found)

    return _MARKS.sub(keys, text)


def _sign(key: str) -> str:
    """The sign of a key that Textual calls by its Unicode name, semicolon; any other name as it is."""
    try:
        sign = unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return key
    return sign if sign.isprintable() and sign != " " else key


@dataclass(frozen=True, slots=True)
class FooterKey:
    """What the footer shows for one or several actions that belong together: ", ." step.

    `keys` is a text with marks, "{back} {forward}", until `with_keys_named` has filled it.
    """

    keys: str
    word: str
    action: str
    rank: int


class KeyRow(NamedTuple):
    """A line of the help: keys, or a text with marks for them, and what they do."""

    keys: str
    words: str


class KeyGroup(NamedTuple):
    """Keys that belong together; `now` when they are those of what one is at, which then come first."""

    title: str
    rows: tuple[KeyRow, ...]
    now: bool = False


def fitting(keys: list[FooterKey], width: int) -> list[FooterKey]:
    """The footer's keys that fit `width` columns, the highest ranks (smallest numbers) first, in the given order."""
    kept: list[FooterKey] = []
    used = 1
    for key in sorted(keys, key=lambda k: k.rank):
        used += len(key.keys) + 1 + len(key.word) + 2
        if used - 1 > width:
            break
        kept.append(key)
    return [key for key in keys if key in kept]


# The events of the actions that every mode shares. The application carries them out.


@dataclass(frozen=True, slots=True)
class ShowMode:
    """Switch to a mode, by its name."""

    mode: str


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """Open the list of keys."""


@dataclass(frozen=True, slots=True)
class ShowPalette:
    """Open the search over all actions."""


@dataclass(frozen=True, slots=True)
class Repaint:
    """Send the whole screen to the terminal again."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the program."""


AppEvent = ShowMode | ShowHelp | ShowPalette | Repaint | Quit

MODES: tuple[tuple[str, str, str], ...] = (  # key, name, title
    ("1", "playground", "Playground"),
    ("2", "train", "Train"),
    ("3", "learn", "Learn"),
)

SHARED_ACTIONS: tuple[Action[AppEvent, Any], ...] = (
    *(Action(f"mode_{name}", key, f"Go to {title}", "Everywhere", ShowMode(name)) for key, name, title in MODES),
    Action("help", "question_mark,f1", "Show the keys", "Everywhere", ShowHelp(), footer=2, short="keys"),
    Action("palette", "ctrl+p", "Search all actions", "Everywhere", ShowPalette()),
    Action("repaint", "ctrl+l", "Paint the screen anew", "Everywhere", Repaint()),
    Action("quit", "q", "Quit; runs in training go on", "Everywhere", Quit(), footer=9, short="quit"),
)
