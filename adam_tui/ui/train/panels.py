"""The panels of the training screen, and which of them show what: no more is drawn than may look different now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from adam_tui.ui.train.state import TrainState

FRAMED = ("loss", "accuracy", "runs", "knobs", "now", "extra", "strip", "table")
PANELS = (*FRAMED, "line", "progress")
CURVES = ("loss", "accuracy", "runs", "extra", "strip", "line")
# What is to be drawn when losses, or predictions for the samples, are all that is new.
OF_LOSSES, OF_SAMPLES = ("loss", "runs"), ("strip", "line")
NUMBERS = ("now", "progress", "table")
TOLD = ("runs", "knobs", "now", "progress", "table")
# The panels that show something of a part of the state; all of them where nothing is said. What a run at work says of
# itself every second needs no new curves: those come with its losses.
SHOWN_IN: Mapping[str, Sequence[str]] = {
    "runs": TOLD,
    "slots": TOLD,
    "pending": TOLD,
    **dict.fromkeys(("knob", "optimizer", "tuned", "run_values", "rest"), ("knobs", "loss")),
    "cursor": ("loss", "accuracy", "now", "progress"),
    "smoothing": ("loss", "now", "progress"),
    **dict.fromkeys(("zoom", "recent", "axis"), ("loss", "accuracy", "extra", "now", "progress")),
    "log": ("loss", "extra"),
    "view": ("strip", "extra"),
    **dict.fromkeys(("sort", "rising", "search"), ("table",)),
}


def touched(before: TrainState, after: TrainState) -> Iterable[str]:
    """The panels that what has changed is seen in."""
    if [(run.id, run.state) for run in before.runs] != [(run.id, run.state) for run in after.runs]:
        return PANELS
    changed = [field.name for field in fields(after) if getattr(before, field.name) != getattr(after, field.name)]
    panels = {panel for name in changed for panel in SHOWN_IN.get(name, PANELS)}
    return [panel for panel in PANELS if panel in panels]
