"""Markdown tables as one widget each: aligned columns; the last one wraps.

Textual's own table has a widget for every cell and a box around it. A page with a dozen rows then takes 0.2 s to lay
out, and half of its height is lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

from adam_tui.terminal.markdown_blocks import take_table

if TYPE_CHECKING:
    from markdown_it.token import Token

GAP = 2  # columns between two columns
NARROWEST = 16  # columns that the last column keeps at least


class Table(MarkdownBlock):
    """A table in the Markdown of a page."""

    def __init__(self, markdown: Markdown, token: Token, source_range: tuple[int, int] | None = None) -> None:
        super().__init__(markdown, token, source_range)
        self._cells: list[list[Content]] = []
        self._aligned_right: list[bool] = []

    def compose(self) -> ComposeResult:
        """Take the cells from the blocks that Markdown made for them: the table has no widgets."""
        self._aligned_right, self._cells = take_table(self)
        return iter(())

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines at this width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines, with the header in grey."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        widths = [max(row[column].cell_length for row in self._cells) for column in range(len(self._cells[0]))]
        before = sum(widths[:-1]) + GAP * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - before, NARROWEST))
        lines: list[Content] = []
        for number, row in enumerate(self._cells):
            head = Content(" " * GAP).join(map(self._pad, row[:-1], widths, self._aligned_right))
            for i, part in enumerate(row[-1].wrap(widths[-1])):
                last = self._pad(part.rstrip(), widths[-1], self._aligned_right[-1])
                line = (head if i == 0 else Content(" " * head.cell_length)) + Content(" " * GAP) + last
                lines.append(line if number else line.stylize("$text-muted"))
        return lines

    @staticmethod
    def _pad(cell: Content, width: int, align_right: bool) -> Content:
        space = width - cell.cell_length
        return cell.pad_left(space) if align_right else cell.pad_right(space)


class PageMarkdown(Markdown):
    """Markdown with tables of this module."""

    BLOCKS = {**Markdown.BLOCKS, "table_open": Table}
