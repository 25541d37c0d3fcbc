"""The caption below a picture: the sentence of a preset, or the task at the tour's last stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

from adam_tui.draw.cells import text_width

CAPTION_PADDING = 2  # columns beside a caption, as adam.tcss has them


class Finale(NamedTuple):
    """The stop after the last of several scenarios, in the training mode."""

    title: str
    sentence: str


Unit = tuple[str, str]  # a text that stays on one line, and its style


def caption(
    place: str, title: str, sentence: str, keys: str, columns: int, legend: Sequence[Sequence[Unit]] = ()
) -> Content:
    """Return a caption: the place in the tour, the title, the sentence, and the keys that lead on.

    `keys` are pairs of key and word with " · " between them. The lines are broken here, for a width of `columns`:
    Textual would break a line between a key and its word too. `legend` are units of several texts each, for which
    there must be room in the lines of the others; it is left out otherwise.
    """
    head = [((word, "bold $accent"),) for word in (place, *title.split(" "))]
    words = [((word, ""),) for word in sentence.split(" ")]
    pairs = [((pair, "$text-muted"),) for pair in keys.replace(" · ", " ·\n").split("\n")]
    plain, rows = _lines((head, words, pairs), columns)
    if legend:
        named, rows_with_legend = _lines((head, words, legend, pairs), columns)
        if rows_with_legend == rows:
            return named
    return plain


def _lines(groups: Sequence[Sequence[Sequence[Unit]]], columns: int) -> tuple[Content, int]:
    """Lay out groups of units, two columns apart, in lines; return the text and the number of its lines."""
    parts: list[Unit] = []
    used, rows = 0, 1
    for group in groups:
        gap = "  " if parts else ""
        for unit in group:
            width = sum(text_width(text) for text, _ in unit)
            used += len(gap) + width
            if parts and used > columns:
                gap, used, rows = "\n", width, rows + 1
            parts += [(gap, ""), *unit]
            gap = " "
    return Content.assemble(*parts), rows
