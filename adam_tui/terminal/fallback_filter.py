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
        return [Segment(self._replaced(text), style, control) for text, style, control in segments]

    def _replaced(self, text: str) -> str:
        if text.isascii():
            return text
        return "".join(self._fallback.character(character) * cell_len(character) for character in text)
