"""The caption below a picture: the sentence of a preset, or the task at the tour's last stop."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content


class Finale(NamedTuple):
    """The stop after the last of several scenarios, in the training mode."""

    title: str
    sentence: str


def caption(place: str, title: str, sentence: str, keys: str) -> Content:
    """Return a caption: the place in the tour, the title, the sentence, and the keys that lead on."""
    return Content.assemble((f"{place} {title}", "bold $accent"), f"  {sentence}", (f"  {keys}", "$text-muted"))
