"""Tables of a page as one widget each: columns aligned, numbers to the right, only the last column's text wrapped.

Textual's own has a widget for every cell and a box around it. A page of a dozen rows then takes a fifth of a second to
lay out, and half of its height are lines; here both are a fraction.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

GAP = 2  # columns between two columns
NARROWEST = 16  # what is left for the last column at least


class Table(MarkdownBlock):
    """A table of the page's Markdown."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._cells: list[list[Content]] = []
        self._to_the_right: list[bool] = []

    def compose(self) -> ComposeResult:
        """No widgets: the blocks that Markdown made of the cells are read and dropped."""
        cells = [block for block in _inside(self) if block._token.type in ("th_open", "td_open")]
        columns = sum(block._token.type == "th_open" for block in cells)
        self._to_the_right = ["right" in str(block._token.attrs.get("style", "")) for block in cells[:columns]]
        self._cells = [[block._content for block in cells[i : i + columns]] for i in range(0, len(cells), columns)]
        self._blocks.clear()
        return iter(())

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are at this width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines, the header in grey."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        widths = [max(row[column].cell_length for row in self._cells) for column in range(len(self._cells[0]))]
        before = sum(widths[:-1]) + GAP * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - before, NARROWEST))
        lines: list[Content] = []
        for number, row in enumerate(self._cells):
            head = Content(" " * GAP).join(map(self._aligned, row[:-1], widths, self._to_the_right))
            for i, part in enumerate(row[-1].wrap(widths[-1])):
                last = self._aligned(part.rstrip(), widths[-1], self._to_the_right[-1])
                line = (head if i == 0 else Content(" " * head.cell_length)) + Content(" " * GAP) + last
                lines.append(line if number else line.stylize("$text-muted"))
        return lines

    @staticmethod
    def _aligned(cell: Content, width: int, to_the_right: bool) -> Content:
        space = width - cell.cell_length
        return cell.pad_left(space) if to_the_right else cell.pad_right(space)


def _inside(block: MarkdownBlock) -> Iterator[MarkdownBlock]:
    """Every block within a block, in order."""
    for each in block._blocks:
        yield each
        yield from _inside(each)


class PageMarkdown(Markdown):
    """Markdown with these tables."""

    BLOCKS = {**Markdown.BLOCKS, "table_open": Table}
