"""What a terminal with few colours, or a font with few characters, is shown instead."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from adam_tui.draw.cells import Cells
from adam_tui.terminal.ansi import plain, to_ascii, to_console


class PlainTerminal(LineFilter):
    """Fits pictures to the terminal, and, as a filter of Textual's, all other text.

    `ascii`: every character is ASCII. `console`: each is one that the Linux console has. `few_colors`: bands are told
    apart by shades, not by colours.
    """

    def __init__(self, *, ascii: bool, few_colors: bool, console: bool = False) -> None:
        super().__init__(enabled=ascii or console)
        self.ascii, self.few_colors, self.console = ascii, few_colors, console

    def fitted(self, cells: Cells) -> Cells:
        """The picture as this terminal can show it."""
        return plain(cells, ascii=self.ascii, few_colors=self.few_colors, console=self.console)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in characters that it has, each as wide as before."""
        return [Segment(self._spelled(text), style, control) for text, style, control in segments]

    def _spelled(self, text: str) -> str:
        if text.isascii():
            return text
        likeness = to_ascii if self.ascii else to_console
        return "".join(likeness(character) * cell_len(character) for character in text)
