"""A widget that shows `Cells` and repaints only the cells that changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.content import Content
from textual.filter import ANSIToTruecolor
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from adam_tui.draw.cells import Cells
from adam_tui.terminal.cell_strip import CellStrip, Row
from adam_tui.terminal.fallback import Fallback
from adam_tui.terminal.fallback_filter import FallbackFilter
from adam_tui.terminal.sanitize import sanitize
from adam_tui.terminal.sgr import pack_styles


class CellView(Widget):
    """Shows one `Cells` at a time, top left; call `show` with the next one.

    `draw` makes a picture of a given size. The view calls it when it is about to be painted without a picture of its
    size, so that the first frame, and the first after a resize, is complete.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CellView { overflow: hidden; width: 1fr; height: 1fr; }
    """

    class Resized(Message):
        """Sent when the view has a new size, so that its owner draws for it."""

        def __init__(self, view: CellView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> CellView:
            """The view, for `@on(CellView.Resized, "#id")`."""
            return self.view

    def __init__(
        self, draw: Callable[[Size], Cells] | None = None, *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._sheet = CellSheet()
        self._known_size = Size(0, 0)
        self._titles = ("", "")

    def compose(self) -> ComposeResult:
        """The sheet inside the frame."""
        yield self._sheet

    def on_resize(self) -> None:
        """Post `Resized`."""
        if self.size != self._known_size:
            self._known_size = self.size
            self.post_message(self.Resized(self))

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Put title and subtitle into the frame, literally: Textual would parse plain text as markup."""
        if (title, subtitle) != self._titles:
            self._titles = title, subtitle
            self.border_title, self.border_subtitle = Content(sanitize(title)), Content(sanitize(subtitle))

    @property
    def cells(self) -> Cells | None:
        """The picture that is shown now."""
        return self._sheet.cells

    def show(self, cells: Cells) -> None:
        """Show `cells` and repaint those that differ from the picture before."""
        changed = self._sheet.hold(self._within_limits(cells))
        if changed is None:
            self._sheet.refresh()
            return
        rows = np.flatnonzero(changed.any(axis=1))
        if len(rows):
            first = changed[rows].argmax(axis=1)
            last = changed.shape[1] - changed[rows, ::-1].argmax(axis=1)
            spans = zip(rows.tolist(), first.tolist(), last.tolist(), strict=True)
            self._sheet.refresh(*(Region(a, y, b - a, 1) for y, a, b in spans))

    def forget(self) -> None:
        """Drop the picture, which was not drawn again while it was hidden: it is drawn when it is shown next."""
        self._sheet.cells = None

    def draw_for(self, size: Size) -> None:
        """Draw a picture of this size, unless there is one or no `draw`."""
        if self._draw is not None and (self.cells is None or (self.cells.width, self.cells.height) != size):
            self._sheet.hold(self._within_limits(self._draw(size)))

    def _within_limits(self, cells: Cells) -> Cells:
        """Return the picture as the terminal can show it."""
        fallback: Fallback | None = getattr(self.app, "fallback", None)
        return fallback.picture(cells) if fallback else cells


class CellSheet(Widget):
    """The inside of a `CellView`, without border, padding and style, so that Textual need not process its rows."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CellSheet { width: 1fr; height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.cells: Cells | None = None
        self._cell_styles: NDArray[np.int64] = np.empty((0, 0), np.int64)
        self._strips: list[CellStrip | None] = []  # made on demand, dropped when their row changes

    def hold(self, cells: Cells) -> NDArray[np.bool_] | None:
        """Take a picture; return where it differs from the one before, (H, W), or None if that had another size."""
        before, styles_before = self.cells, self._cell_styles
        self.cells, self._cell_styles = cells, pack_styles(cells)
        if before is None or before.glyph.shape != cells.glyph.shape:
            self._strips = [None] * cells.height
            return None
        changed: NDArray[np.bool_] = (before.glyph != cells.glyph) | (styles_before != self._cell_styles)
        for row in np.flatnonzero(changed.any(axis=1)).tolist():
            self._strips[row] = None
        return changed

    def strip(self, row: int, width: int) -> Strip:
        """Return the cells of a row, filled up to the width where the picture is narrower."""
        cells = self.cells
        if cells is None or row >= cells.height:
            return Strip.blank(width, self.rich_style)
        kept = self._strips[row]
        if kept is None:
            kept = CellStrip(Row(cells.characters(row), self._cell_styles[row].tolist()), 0, cells.width)
            self._strips[row] = kept
        return kept if cells.width == width else kept.adjust_cell_length(width, self.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of the region."""
        if getattr(self.app, "is_batching", False):  # this painting is dropped
            return [Strip.blank(crop.width)] * crop.height
        assert isinstance(self.parent, CellView)
        size = self.size
        self.parent.draw_for(size)
        strips = [self.strip(y, size.width) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            if not isinstance(line_filter, ANSIToTruecolor | FallbackFilter):
                # The first is for the terminal's own colours, which no picture has; the second was applied in `show`.
                strips = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in strips]
        if crop.column_span != (0, size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
