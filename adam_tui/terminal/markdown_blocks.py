"""The cells of a Markdown table, read from the blocks that Textual makes of the text.

Textual keeps a block's children, token and content in private attributes; only this module reads them.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content
from textual.widgets.markdown import MarkdownBlock


def take_table(block: MarkdownBlock) -> tuple[list[bool], list[list[Content]]]:
    """Return which columns are aligned right, and the rows of cells, the header first; the block loses its children."""
    cells = [each for each in _descendants(block) if each._token.type in ("th_open", "td_open")]
    columns = sum(each._token.type == "th_open" for each in cells)
    right = ["right" in str(each._token.attrs.get("style", "")) for each in cells[:columns]]
    rows = [[each._content for each in cells[i : i + columns]] for i in range(0, len(cells), columns)]
    block._blocks.clear()
    return right, rows


def _descendants(block: MarkdownBlock) -> Iterator[MarkdownBlock]:
    """Yield all blocks within a block, in order."""
    for child in block._blocks:
        yield child
        yield from _descendants(child)
