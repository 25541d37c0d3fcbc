"""Textual's filter for terminals whose font lacks characters: all text beside the pictures goes through it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from adam_tui.terminal.fallback import Fallback


class FallbackFilter(LineFilter):
    """Replaces the characters that the terminal lacks. `CellView` fits its pictures itself."""

    def __init__(self, fallback: Fallback) -> None:
        super().__init__(enabled=fallback.limits_characters)
        self._fallback = fallback

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in characters that the terminal has, each as wide as before."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        cells: list[str] = []
        owners: list[int] = []  # the segment of each cell
        for owner, (text, _, control) in enumerate(segments):
            for character in text if not control else "":
                width = cell_len(character)
                if width == 0 and cells:
                    cells[-1] += character
                cells += [character] * width
                owners += [owner] * width
        texts = [""] * len(segments)
        for character, index in self._fallback.line(cells):
            texts[owners[index]] += character
        return [
            segment if segment.control else Segment(text, segment.style)
            for segment, text in zip(segments, texts, strict=True)
        ]
