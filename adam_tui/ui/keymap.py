"""The keys that the settings change: which of them can be used, and the tables of actions with them.

A rule for keys in the settings changes here; the tables themselves are in `actions` and in each mode's `actions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from textual.binding import Binding
from textual.keys import Keys

from adam_tui.ui.actions import SHARED_ACTIONS, Action, key_names, shown, with_keys

_NAMED = {key.value for key in Keys}


def check_keys(keys: Mapping[str, str], shared: Sequence[Action[Any, Any]]) -> tuple[dict[str, str], list[str]]:
    """Return the keys that can be used, by action, in Textual's long names; and one sentence for each that cannot."""
    if not keys:
        return {}, []
    own = tables()
    known = {action.name for table in (*own.values(), shared) for action in table}
    usable, problems = {}, []
    for name, given in keys.items():
        parts = list(dict.fromkeys(map(_long_name, given.split(","))))
        if name not in known:
            problems.append(f"keys: no action is called {name!r}")
        elif wrong := [key for key in parts if not _is_key(key)]:
            problems.append(f"keys: {name} = {given!r}: no key is called {wrong[0]!r}")
        else:
            usable[name] = ",".join(parts)
    for mode, table in own.items():
        actions = with_keys((*table, *shared), usable)
        uses = Counter(key for action in actions for key in action.keys.split(","))
        for key in (key for key, count in uses.items() if count > 1):
            names = [action.name for action in actions if key in action.keys.split(",")]
            problems.append(f"keys: in {mode}, {shown(key)} would be {' and '.join(names)}")
            for name in names:
                usable.pop(name, None)
    return usable, problems


def all_key_names(keys: Mapping[str, str]) -> dict[str, str]:
    """Return the first key of every action of every mode, for texts that name keys of other modes."""
    return key_names(with_keys((*(action for table in tables().values() for action in table), *SHARED_ACTIONS), keys))


def _long_name(key: str) -> str:
    """Return Textual's long name of a key: "semicolon" for ";"."""
    key = key.strip()
    return next(iter(Binding.make_bindings([(key, "")]))).key if key else key


def _is_key(key: str) -> bool:
    """Return whether Textual can report a key of this name."""
    base = key.rsplit("+", 1)[-1]
    return key in _NAMED or base in _NAMED or len(base) == 1 or base.replace("_", "").isalpha()


def tables() -> dict[str, Sequence[Action[Any, Any]]]:
    """Return each mode's own table, by the mode's title. This imports all of them."""
    from adam_tui.ui.learn.actions import ACTIONS as LEARN
    from adam_tui.ui.playground.actions import ACTIONS as PLAYGROUND
    from adam_tui.ui.sweep.actions import ACTIONS as SWEEP
    from adam_tui.ui.train.actions import ACTIONS as TRAIN

    return {"Playground": PLAYGROUND, "Train": TRAIN, "Learn": LEARN, "Sweep": SWEEP}
