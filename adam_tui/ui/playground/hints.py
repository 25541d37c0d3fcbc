"""What a newcomer may try next: one line at a time, until each was tried once or all were put away.

Which of them are left is in the state; the screen remembers across starts what was tried.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from adam_tui.ui.playground.state import PlaygroundState


class Hint(NamedTuple):
    """A text with marks for the keys and {knob} for what the arrows turn; the actions after which it has been tried."""

    text: str
    tried_by: tuple[str, ...]


# In this order; 60 columns with the keys as they come, so that it fits 80 columns beside the way out.
HINTS: Mapping[str, Hint] = {
    "turn": Hint(
        "{turn_up} turns {knob} up: the whole path changes at once",
        ("turn_up", "turn_down", "turn_up_coarse", "turn_down_coarse", "type_value", "default"),
    ),
    "optimizer": Hint("{next_optimizer} tries the next optimizer", ("next_optimizer", "previous_optimizer")),
    "race": Hint("{add_lane} lets a second one race from the same start", ("add_lane", "duplicate_lane", "line_up")),
    "surface": Hint(
        "{next_surface} shows the next surface: a ravine, then a curved valley",
        ("next_surface", "previous_surface", "function"),
    ),
    "scenes": Hint("{gallery} opens scenes that each show one effect", ("gallery", "next_exhibit")),
    "learn": Hint("{mode_learn} Learn explains what you see, {help} lists all keys", ("mode_learn", "help")),
}
WAY_OUT = "{cancel} no more hints"
PLACING = "{turn_down}{knob_up}{knob_down}{turn_up} move the start, {type_value} begins there, {cancel} leaves it"


def untried(tried: Collection[str]) -> tuple[str, ...]:
    """The hints that are left, in their order."""
    return tuple(name for name in HINTS if name not in tried)


def without(hints: tuple[str, ...], action: str) -> tuple[str, ...]:
    """The hints that are left once an action was used."""
    return tuple(name for name in hints if action not in HINTS[name].tried_by)


def hint(state: PlaygroundState) -> tuple[str, str]:
    """The line for the state and, for its right end, how to be rid of it; with marks for the keys, "" for nothing."""
    if not state.hints:
        return "", ""
    if state.crosshair is not None:
        return PLACING, ""
    name = state.chosen_knob.name
    return HINTS[state.hints[0]].text.replace("{knob}", "the learning rate" if name == "lr" else name), WAY_OUT
