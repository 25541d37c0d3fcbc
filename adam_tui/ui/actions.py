"""The actions of the program: each screen has one table, which its bindings, footer, help and palette all read.

An action carries the event of its key. The actions that every mode shares are here; those of one mode are in its
`actions.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from textual.binding import Binding

# The texts for keys without a sign of their own, or with a long name in Textual.
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
Context_contra = TypeVar("Context_contra", contravariant=True)


class Signal:
    """An event without fields. It is not a dataclass, because generating a dataclass takes 0.4 ms at start-up."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@dataclass(frozen=True, slots=True)
class Action(Generic[Event_co, Context_contra]):
    """An action of a user. `keys` are Textual's names, joined by commas; texts show the first.

    `event` goes to the mode's `update`. For an event that depends on widths, clocks or files it is a function, which
    makes the event from the mode's event context; see `ModeScreen.perform`. `group` is the purpose under which the help
    lists the action. `footer` ranks it for the footer (1 stays longest, 0 is never shown there) under the word `short`.
    """

    name: str
    keys: str
    title: str
    group: str
    event: Event_co | Callable[[Context_contra], Event_co]
    footer: int = 0
    short: str = ""

    @property
    def shown_keys(self) -> str:
        """The keys as texts show them: "space", ", .", "⇧→"."""
        return shown(self.keys)

    def binding(self) -> Binding:
        """Return the Textual binding. Its id lets the settings change its keys; Textual's footer is not used."""
        return Binding(self.keys, f"perform('{self.name}')", self.title, show=False, id=self.name)


def shown(keys: str) -> str:
    """Return Textual's names of keys, joined by commas, as texts show them."""
    return " ".join(_SHOWN.get(key) or _sign(key) for key in keys.split(","))


def with_keys(actions: Iterable[Action[Any, Any]], keys: Mapping[str, str]) -> tuple[Action[Any, Any], ...]:
    """Return the table with the keys from the settings."""
    return tuple(replace(action, keys=keys[action.name]) if action.name in keys else action for action in actions)


def key_names(actions: Iterable[Action[Any, Any]]) -> dict[str, str]:
    """Return the first key of each action as texts show it, by the action's name."""
    return {action.name: shown(action.keys.split(",")[0]) for action in actions}


def with_keys_named(text: str, names: Mapping[str, str]) -> str:
    """Return a text with keys in the places of its marks: "{play} plays" becomes "space plays".

    Adjacent marks, as {knob_up}{knob_down}, become adjacent signs, ↑↓, or words with a gap.
    """

    def keys(marks: re.Match[str]) -> str:
        shown_keys = [names[name] for name in _MARK.findall(marks[0])]
        return (" " if any(map(_WORD.search, shown_keys)) else "").join(shown_keys)

    return _MARKS.sub(keys, text)


def _sign(key: str) -> str:
    """Return the sign of a key that has its Unicode name in Textual, ; for semicolon; any other name unchanged."""
    try:
        sign = unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return key
    return sign if sign.isprintable() and sign != " " else key


@dataclass(frozen=True, slots=True)
class FooterKey:
    """An entry of the footer, for one action or several that belong together: ", ." step.

    `keys` is a text with marks, "{back} {forward}", which `with_keys_named` replaces. A click performs `action`.
    """

    keys: str
    word: str
    action: str
    rank: int


class KeyRow(NamedTuple):
    """A line of the help: keys, or a text with marks for them, and their meaning in words."""

    keys: str
    words: str


class KeyGroup(NamedTuple):
    """Keys that belong together in the help. `current`: they belong to the current activity, and come first."""

    title: str
    rows: tuple[KeyRow, ...]
    current: bool = False


def fitting(keys: list[FooterKey], width: int) -> list[FooterKey]:
    """Return the keys that fit `width` columns in the given order; the smallest ranks are kept."""
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
class ChooseTheme:
    """Open the list of themes, each of which is shown while it is highlighted."""


@dataclass(frozen=True, slots=True)
class Repaint:
    """Send the whole screen to the terminal again."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the program."""


AppEvent = ShowMode | ShowHelp | ShowPalette | ChooseTheme | Repaint | Quit

MODES: tuple[tuple[str, str, str], ...] = (  # key, name, title
    ("1", "playground", "Playground"),
    ("2", "train", "Train"),
    ("3", "learn", "Learn"),
    ("4", "sweep", "Sweep"),
)

SHARED_ACTIONS: tuple[Action[AppEvent, Any], ...] = (
    *(Action(f"mode_{name}", key, f"Go to {title}", "Everywhere", ShowMode(name)) for key, name, title in MODES),
    Action("help", "question_mark,f1", "Show the keys", "Everywhere", ShowHelp(), footer=2, short="keys"),
    Action("palette", "ctrl+p", "Search all actions", "Everywhere", ShowPalette()),
    Action("theme", "ctrl+t", "Themes: see each one and choose", "Everywhere", ChooseTheme()),
    Action("repaint", "ctrl+l", "Repaint the screen", "Everywhere", Repaint()),
    Action("quit", "q", "Quit; training runs continue", "Everywhere", Quit(), footer=9, short="quit"),
)
