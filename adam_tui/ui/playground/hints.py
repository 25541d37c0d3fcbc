"""Hints for a new user: one line at a time, until the user has tried each hint or closed them all.

The state holds the hints that are left. The settings remember across sessions which hints were tried.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from adam_tui.ui.playground.state import PlaygroundState


class Hint(NamedTuple):
    """A hint. `text` has marks for keys, and {knob} for the hyperparameter that the arrows change.

    `tried_by` are the actions that complete the hint.
    """

    text: str
    tried_by: tuple[str, ...]


# In the order in which they are shown. A hint has at most 60 columns: 80 columns then hold CLOSE too.
HINTS: Mapping[str, Hint] = {
    "turn": Hint(
        "{turn_up} turns {knob} up: the whole path changes at once",
        ("turn_up", "turn_down", "turn_up_coarse", "turn_down_coarse", "type_value", "default"),
    ),
    "optimizer": Hint(
        "{choose_optimizer} lists the optimizers and shows the path of each",
        ("choose_optimizer", "step_optimizer"),
    ),
    "race": Hint(
        "{add_lane} adds a second optimizer to race from the same start", ("add_lane", "duplicate_lane", "line_up")
    ),
    "surface": Hint(
        "{next_surface} shows the next surface: a ravine, then a curved valley",
        ("next_surface", "previous_surface", "function"),
    ),
    "maps": Hint(
        "{settings_map} maps every learning rate and decay rate at once", ("settings_map", "starts_map", "rates_map")
    ),
    "scenes": Hint("{gallery} opens scenarios that each show one effect", ("gallery", "next_exhibit")),
    "learn": Hint("{mode_learn} Learn explains the picture, {help} lists all keys", ("mode_learn", "help")),
}
CLOSE = "{cancel} no more hints"
PLACING = "{turn_down}{knob_up}{knob_down}{turn_up} move the start, {type_value} starts from it, {cancel} cancels"
MAPPING = "{turn_down}{knob_up}{knob_down}{turn_up} show a cell's path, {type_value} takes it, {cancel} closes the map"


def untried(tried: Collection[str]) -> tuple[str, ...]:
    """The hints that have not been tried, in their order."""
    return tuple(name for name in HINTS if name not in tried)


def remaining(hints: tuple[str, ...], action: str) -> tuple[str, ...]:
    """The hints that are left after an action was used."""
    return tuple(name for name in hints if action not in HINTS[name].tried_by)


def hint(state: PlaygroundState) -> tuple[str, str]:
    """The hint to show and, for the right end of its line, how to close hints; with marks for keys, "" for nothing."""
    if not state.hints:
        return "", ""
    if state.crosshair is not None:
        return PLACING, ""
    if state.map is not None:
        return MAPPING, ""
    name = state.chosen_knob.name if state.chosen_knob is not None else ""
    return HINTS[state.hints[0]].text.replace("{knob}", "the learning rate" if name == "lr" else name), CLOSE
