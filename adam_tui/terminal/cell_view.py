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
from adam_tui.terminal.plain_terminal import PlainTerminal
from adam_tui.terminal.sanitize import sanitize
from adam_tui.terminal.sgr import looks


class CellView(Widget):
    """Shows one `Cells` at a time, top left; call `show` with the next one.

    With `draw` it asks for its picture itself when it is about to be painted in a size that it has none for: then the
    first frame, and the first after a resize, is whole.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CellView { overflow: hidden; width: 1fr; height: 1fr; }
    """

    class Resized(Message):
        """The view has a new size, and its owner should draw for it."""

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
        """Tell the owner."""
        if self.size != self._known_size:
            self._known_size = self.size
            self.post_message(self.Resized(self))

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Put these words into the frame, as they stand: text alone would be taken for markup."""
        if (title, subtitle) != self._titles:
            self._titles = title, subtitle
            self.border_title, self.border_subtitle = Content(sanitize(title)), Content(sanitize(subtitle))

    @property
    def cells(self) -> Cells | None:
        """What is shown now."""
        return self._sheet.cells

    def show(self, cells: Cells) -> None:
        """Show `cells` and repaint what differs from what was shown before."""
        changed = self._sheet.hold(self._fitted(cells))
        if changed is None:
            self._sheet.refresh()
            return
        rows = np.flatnonzero(changed.any(axis=1))
        if len(rows):
            first = changed[rows].argmax(axis=1)
            last = changed.shape[1] - changed[rows, ::-1].argmax(axis=1)
            spans = zip(rows.tolist(), first.tolist(), last.tolist(), strict=True)
            self._sheet.refresh(*(Region(a, y, b - a, 1) for y, a, b in spans))

    def draw_for(self, size: Size) -> None:
        """Hold a picture of this size, if there is somebody who draws it."""
        if self._draw is not None and (self.cells is None or (self.cells.width, self.cells.height) != size):
            self._sheet.hold(self._fitted(self._draw(size)))

    def _fitted(self, cells: Cells) -> Cells:
        """The picture as the terminal can show it; see `PlainTerminal`."""
        terminal = getattr(self.app, "terminal", None)
        return cells if terminal is None else terminal.fitted(cells)


class CellSheet(Widget):
    """The inside of a `CellView`: it has no border, padding or style, so its rows need none of Textual's work."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CellSheet { width: 1fr; height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.cells: Cells | None = None
        self._looks: NDArray[np.int64] = np.empty((0, 0), np.int64)
        self._strips: list[CellStrip | None] = []  # those that were asked for since they changed

    def hold(self, cells: Cells) -> NDArray[np.bool_] | None:
        """Hold a picture; where it differs from the one before, (H, W), or None if that had another size."""
        before, before_looks = self.cells, self._looks
        self.cells, self._looks = cells, looks(cells)
        if before is None or before.glyph.shape != cells.glyph.shape:
            self._strips = [None] * cells.height
            return None
        changed: NDArray[np.bool_] = (before.glyph != cells.glyph) | (before_looks != self._looks)
        for row in np.flatnonzero(changed.any(axis=1)).tolist():
            self._strips[row] = None
        return changed

    def strip(self, row: int, width: int) -> Strip:
        """The cells of a row, filled up to the width where the picture is smaller."""
        cells = self.cells
        if cells is None or row >= cells.height:
            return Strip.blank(width, self.rich_style)
        kept = self._strips[row]
        if kept is None:
            kept = CellStrip(Row(cells.characters(row), self._looks[row].tolist()), 0, cells.width)
            self._strips[row] = kept
        return kept if cells.width == width else kept.adjust_cell_length(width, self.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows."""
        if self.app._batch_count:  # Textual paints the first screen twice, and throws this one away
            return [Strip.blank(crop.width)] * crop.height
        assert isinstance(self.parent, CellView)
        size = self.size
        self.parent.draw_for(size)
        strips = [self.strip(y, size.width) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            if not isinstance(line_filter, ANSIToTruecolor | PlainTerminal):
                # The first is for the terminal's own colours, which no picture has; the other one is done.
                strips = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in strips]
        if crop.column_span != (0, size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
