"""The caption below a picture: the sentence of a preset, or the task at the tour's last stop."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content

from adam_tui.draw.cells import text_width

CAPTION_PADDING = 2  # columns beside a caption, as adam.tcss has them


class Finale(NamedTuple):
    """The stop after the last of several scenarios, in the training mode."""

    title: str
    sentence: str


def caption(place: str, title: str, sentence: str, keys: str, columns: int) -> Content:
    """Return a caption: the place in the tour, the title, the sentence, and the keys that lead on.

    `keys` are pairs of key and word with " · " between them. The lines are broken here, for a width of `columns`:
    Textual would break a line between a key and its word too.
    """
    pairs = keys.replace(" · ", " ·\n").split("\n")
    parts: list[tuple[str, str]] = []
    used = 0
    for units, gap, style in (
        ((place, *title.split(" ")), "", "bold $accent"),
        (sentence.split(" "), "  ", ""),
        (pairs, "  ", "$text-muted"),
    ):
        for unit in units:
            width = text_width(unit)
            used += len(gap) + width
            if parts and used > columns:
                gap, used = "\n", width
            parts.append((gap + unit, style))
            gap = " "
    return Content.assemble(*parts)
