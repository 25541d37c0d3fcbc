"""A widget that shows `Cells` and sends only the cells that changed.

Textual repaints a changed span from the left edge of its widget, so a plot in one widget would send most of itself for
one moved dot. The view is therefore cut into tiles side by side: a changed cell then costs its own tile's row at most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.filter import ANSIToTruecolor
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from adam_tui.draw.cells import Cells
from adam_tui.plain import harmless
from adam_tui.ui.plain_terminal import PlainTerminal
from adam_tui.ui.widgets.cell_strip import CellStrip, Row

# Columns of a tile, where cells change one by one and often.
TILE = 24
_PACK = np.array((65536, 256, 1), np.int32)  # red, green, blue to one number


class CellView(Horizontal):
    """Shows one `Cells` at a time, top left; call `show` with the next one.

    With `draw` it asks for its picture itself when it is about to be painted in a size that it has none for: then the
    first frame, and the first after a resize, is whole. `tile` is the width of a tile; `columns` is how wide the view
    is expected to be (the screen, if nothing is said): each tile takes a millisecond to make.
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
        self,
        draw: Callable[[Size], Cells] | None = None,
        *,
        tile: int = TILE,
        columns: int | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._tile = tile
        self._columns = columns
        self._cells: Cells | None = None
        self._rows: dict[int, Row] = {}  # those that were asked for since they changed
        self._known_size = Size(0, 0)
        self._titles = ("", "")

    def compose(self) -> ComposeResult:
        """Enough tiles for as many columns as are expected; those outside the view are clipped away."""
        for left in range(0, self._columns or self.app.size.width, self._tile):
            yield CellTile(left, self._tile)

    def on_resize(self) -> None:
        """Tell the owner, and add tiles when the view has grown wider than was expected."""
        missing = range(len(self.children) * self._tile, self.size.width, self._tile)
        if missing:
            self.mount_all(CellTile(left, self._tile) for left in missing)
        if self.size != self._known_size:
            self._known_size = self.size
            self.post_message(self.Resized(self))

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Put these words into the frame, as they stand: text alone would be taken for markup."""
        if (title, subtitle) != self._titles:
            self._titles = title, subtitle
            self.border_title, self.border_subtitle = Content(harmless(title)), Content(harmless(subtitle))

    @property
    def cells(self) -> Cells | None:
        """What is shown now."""
        return self._cells

    def show(self, cells: Cells) -> None:
        """Show `cells` and repaint what differs from what was shown before."""
        cells = self._fitted(cells)
        before, self._cells = self._cells, cells
        if before is None or before.glyph.shape != cells.glyph.shape:
            self._rows.clear()
            for tile in self.children:
                tile.refresh()
            return
        changed = cells.changed(before)
        if not changed.any():
            return
        for row in np.flatnonzero(changed.any(axis=1)).tolist():
            self._rows.pop(row, None)
        for tile in self.query_children(CellTile):
            part = changed[:, tile.left : tile.left + self._tile]
            rows = np.flatnonzero(part.any(axis=1))
            if len(rows):
                last = part.shape[1] - part[rows, ::-1].argmax(axis=1)
                first = part[rows].argmax(axis=1)
                tile.refresh(
                    *(Region(int(a), int(y), int(b - a), 1) for y, a, b in zip(rows, first, last, strict=True))
                )

    def strip(self, left: int, width: int, row: int) -> Strip:
        """The cells of one tile's row."""
        cells = self._cells
        if self._draw is not None and (cells is None or (cells.width, cells.height) != self.size):
            self._rows.clear()
            cells = self._cells = self._fitted(self._draw(self.size))
        if cells is None or row >= cells.height or left >= cells.width:
            return Strip.blank(width, self.rich_style)
        stop = min(left + width, cells.width)
        strip = CellStrip(self._row(cells, row), left, stop)
        return strip if stop - left == width else strip.extend_cell_length(width, self.rich_style)

    def _fitted(self, cells: Cells) -> Cells:
        """The picture as the terminal can show it; see `PlainTerminal`."""
        terminal = getattr(self.app, "terminal", None)
        return cells if terminal is None else terminal.fitted(cells)

    def _row(self, cells: Cells, row: int) -> Row:
        kept = self._rows.get(row)
        if kept is None:
            fg, bg = (ground[row].astype(np.int32) @ _PACK for ground in (cells.fg, cells.bg))
            kept = self._rows[row] = Row(cells.characters(row), fg.tolist(), bg.tolist(), cells.bold[row].tolist())
        return kept


class CellTile(Widget):
    """One column of tiles of a `CellView`."""

    ALLOW_SELECT = False

    def __init__(self, left: int, width: int) -> None:
        super().__init__()
        self.left = left
        self.styles.width = width

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of this tile. A tile has no border, padding or style of its own, so it needs none of that work."""
        view = self.parent
        assert isinstance(view, CellView)
        if self.app._batch_count:  # Textual paints the first screen twice, and throws this one away
            return [Strip.blank(crop.width)] * crop.height
        strips = [view.strip(self.left, self.size.width, y) for y in crop.line_range]
        _, background = self.background_colors
        for line_filter in self.get_line_filters():
            if isinstance(line_filter, ANSIToTruecolor | PlainTerminal):
                continue  # the first is for the terminal's own colours, which no picture has; the other is done
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
