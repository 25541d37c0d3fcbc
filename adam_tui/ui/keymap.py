"""Keys that a person set in the settings: which can be used, and what the tables and the footer then show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from textual.keys import Keys, _character_to_key

from adam_tui.ui.actions import SHARED_ACTIONS, Action, key_names, shown

# What every mode has is not in the modes' own tables.
Tables = Mapping[str, Sequence[Action[Any, Any]]]
_NAMED = {key.value for key in Keys}


def checked(keys: Mapping[str, str], shared: Sequence[Action[Any, Any]]) -> tuple[dict[str, str], list[str]]:
    """The keys that can be used, by action, in Textual's long names; and one sentence for each that cannot."""
    if not keys:
        return {}, []
    own = tables()
    known = {action.name for table in (*own.values(), shared) for action in table}
    usable, problems = {}, []
    for name, given in keys.items():
        parts = [_character_to_key(key) if len(key) == 1 else key for key in map(str.strip, given.split(","))]
        parts = list(dict.fromkeys(parts))
        if name not in known:
            problems.append(f"keys: no action is called {name!r}")
        elif wrong := [key for key in parts if not _is_key(key)]:
            problems.append(f"keys: {name} = {given!r}: no key is called {wrong[0]!r}")
        else:
            usable[name] = ",".join(parts)
    for mode, table in own.items():
        actions = with_keys((*table, *shared), usable)
        often = Counter(key for action in actions for key in action.keys.split(","))
        for key in (key for key, count in often.items() if count > 1):
            names = [action.name for action in actions if key in action.keys.split(",")]
            problems.append(f"keys: in {mode}, {shown(key)} would be {' and '.join(names)}")
            for name in names:
                usable.pop(name, None)
    return usable, problems


def with_keys(actions: Iterable[Action[Any, Any]], keys: Mapping[str, str]) -> tuple[Action[Any, Any], ...]:
    """The table with the keys that were set."""
    return tuple(replace(action, keys=keys[action.name]) if action.name in keys else action for action in actions)


def all_key_names(keys: Mapping[str, str]) -> dict[str, str]:
    """The key of every action of every mode, for texts that speak of other modes than their own."""
    return key_names(with_keys((*(action for table in tables().values() for action in table), *SHARED_ACTIONS), keys))


def _is_key(key: str) -> bool:
    base = key.rsplit("+", 1)[-1]
    return key in _NAMED or base in _NAMED or len(base) == 1 or base.replace("_", "").isalpha()


def tables() -> dict[str, Sequence[Action[Any, Any]]]:
    """Each mode's own table, by the mode's title. Loads all of them."""
    from adam_tui.ui.learn.actions import ACTIONS as LEARN
    from adam_tui.ui.playground.actions import ACTIONS as PLAYGROUND
    from adam_tui.ui.train.actions import ACTIONS as TRAIN

    return {"Playground": PLAYGROUND, "Train": TRAIN, "Learn": LEARN}
