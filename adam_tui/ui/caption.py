"""The words at the foot of a picture: what a named scenario shows, or what is to be done at the tour's last stop."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content


class Finale(NamedTuple):
    """The stop after the last of several scenarios, in the training mode."""

    title: str
    sentence: str


def caption(place: str, title: str, sentence: str, keys: str) -> Content:
    """Where one is, what it is called, what it says, and which keys lead on."""
    return Content.assemble((f"{place} {title}", "bold $accent"), f"  {sentence}", (f"  {keys}", "$text-muted"))
