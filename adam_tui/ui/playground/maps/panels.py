"""The panels of an open map on the playground's screen: their arrangement, their pictures, clicks, and the computation.

Loaded with the first map, not at start-up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.geometry import Offset, Size

from adam_tui.draw import heat_map
from adam_tui.draw.cells import Cells
from adam_tui.draw.heat_map import Ink
from adam_tui.terminal.cell_view import CellView
from adam_tui.terminal.fallback import Fallback
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import view as pictures
from adam_tui.ui.playground.maps import view
from adam_tui.ui.playground.maps.cells import axes
from adam_tui.ui.playground.maps.computation import MapRequest, MapThread, request_of
from adam_tui.ui.playground.maps.state import MapGrid, MapState
from adam_tui.ui.playground.paths import Paths, paths_so_far
from adam_tui.ui.playground.state import PlaygroundState

if TYPE_CHECKING:
    from adam_tui.ui.playground.effects import Effect

    Screen = ModeScreen[PlaygroundState, e.Event, Effect, e.EventContext]

BESIDE = (100, 30)  # columns and rows of the terminal from which a map and the contour are shown side by side
FRAME = 2  # rows and columns of a panel's border


class MapPanels:
    """Shows the open map of the playground's screen.

    `draw` draws panels again, by their names; `last_key` returns the time of the last key.
    """

    def __init__(
        self,
        screen: Screen,
        views: Mapping[str, CellView],
        draw: Callable[[Iterable[str]], None],
        last_key: Callable[[], float],
    ) -> None:
        self._screen, self._views, self._draw_panels = screen, views, draw
        self._thread = MapThread(self._report, last_key)

    def show(self) -> None:
        """Arrange the panels for the state, and compute its map; without a map, close the panels and stop."""
        shown = self._screen.state.map
        self._arrange(shown)
        if shown is None or not self._screen.is_active:
            self.stop()
            return
        grid = self._grid(shown)
        if grid is None:
            return
        if grid != shown.grid:
            self._screen.dispatch(e.ResizeMap(grid))  # comes back here
            return
        self._compute(request_of(self._screen.state, shown, grid))

    def stop(self) -> None:
        """Stop the computation."""
        self._thread.want(None, self._start)

    def cells(self, panel: str, size: Size, paths: Paths | None = None) -> Cells:
        """The picture of one of the map's panels."""
        state, palette = self._screen.state, self._screen.host.palette
        shown = state.map
        grid = None if shown is None else self._grid(shown, size if panel == "map" else None)
        if shown is None or grid is None:
            return Cells.blank(size.width, size.height, palette.foreground, palette.background)
        request = request_of(state, shown, grid)
        if panel == "map":
            self._compute(request)
            return view.map_panel(state, shown, request, (size.width, size.height), palette, self._ink(shown))
        paths = paths or paths_so_far(state)
        return view.info(state, shown, request, (size.width, size.height), palette, self._ink(shown), paths)

    def starts(self, size: Size) -> Cells | None:
        """The starts in place of the contour's bands; None unless their map is open."""
        shown = self._screen.state.map
        if shown is None or shown.kind != "starts":
            return None
        grid = self._grid(shown, size)
        assert grid is not None
        request = request_of(self._screen.state, shown, grid)
        return view.starts_picture(shown, request, self._screen.host.palette, self._ink(shown))

    def click(self, at: Offset) -> bool:
        """Move the cursor to the cell that was clicked; False where the click is for something else."""
        shown = self._screen.state.map
        if shown is None or shown.grid is None:
            return False
        panel = self._views["contour" if shown.kind == "starts" else "map"]
        if not panel.content_region.contains_point(at):
            return False
        offset = at - panel.content_region.offset
        if (cell := self._cell(shown, shown.grid, offset, panel.content_region.size)) is not None:
            self._screen.dispatch(e.PointAt(*cell))
        return True

    def _cell(self, shown: MapState, grid: MapGrid, offset: Offset, size: Size) -> tuple[int, int] | None:
        """The (column, row) of the map's grid at a cell of its panel."""
        if shown.kind == "settings":
            place = heat_map.frame(*size, view.scale_of(axes(self._screen.state, shown)[1]))
            result = place.grid_cell(offset.y, offset.x, (grid.rows, grid.columns))
            return None if result is None else (result[1], result[0])
        if shown.kind == "rates":
            column = 2 * (offset.x - view.CHART_LABELS)
            return (column, 0) if 0 <= column < grid.columns else None
        back = pictures.backdrop_of(self._screen.state, *size, self._screen.host.palette)
        row, column = offset.y - back.plot_offset[0], offset.x - back.plot_offset[1]
        if not (0 <= row < back.viewport.height and 0 <= column < back.viewport.width):
            return None
        return column, grid.rows - 1 - row * grid.rows // back.viewport.height

    def _grid(self, shown: MapState, size: Size | None = None) -> MapGrid | None:
        """The cells of the map in its panel; None before the first layout."""
        screen = self._screen
        of_contour = self._content_size("contour")
        size = size or (of_contour if shown.kind == "starts" else self._content_size("map"))
        if not size.area:
            return None
        back = None
        if shown.kind == "starts":
            back = pictures.backdrop_of(screen.state, *size, screen.host.palette)
        return view.grid_of(screen.state, shown, size.width, size.height, self._ink(shown), back)

    def _content_size(self, panel: str) -> Size:
        view = self._views[panel]
        return view.content_region.size if view.is_mounted and view.is_attached else Size(0, 0)

    def _ink(self, shown: MapState) -> Ink:
        """How this terminal shows the map. Without colours, a start is the letter of its rest point."""
        fallback: Fallback | None = getattr(self._screen.app, "fallback", None)
        if fallback and (fallback.ascii or fallback.console):
            return "ascii"
        if fallback and fallback.few_colors:
            return "shades"
        return "shades" if shown.kind == "starts" and os.environ.get("NO_COLOR") else "blocks"

    def _arrange(self, shown: MapState | None) -> None:
        screen = self._screen
        beside = shown is not None and shown.kind != "starts"
        columns, rows = screen.app.size
        corner = shown is not None and (columns < BESIDE[0] or rows < BESIDE[1])
        if (beside, corner) != (screen.has_class("-beside"), screen.has_class("-corner")):
            screen.set_class(beside, "-beside")
            screen.set_class(corner, "-corner")
            body, contour = screen.query_one("#body", Horizontal), self._views["contour"]
            # A grid is filled in the order of the children: in a small terminal the map takes the contour's place.
            if corner and beside:
                body.move_child(self._views["map"], before=contour)
            else:
                body.move_child(self._views["map"], after=contour)
        screen.set_class(shown is not None and not beside, "-over")
        if shown is None:
            return
        if shown.kind != "starts":
            self._views["map"].entitle(view.title(screen.state, shown), view.subtitle(screen.state, shown))
        self._views["map-info"].entitle(view.info_title(shown))
        high = min(view.info_rows(screen.state, shown) + FRAME, rows * 2 // 3)
        screen.query_one("#body").styles.grid_rows = "1fr 1fr" if corner else f"1fr {high}" if beside else f"{high} 1fr"

    def _compute(self, request: MapRequest) -> None:
        if self._screen.is_active:
            self._thread.want(request, self._start)

    def _start(self, run: object) -> None:
        self._screen.run_worker(run, thread=True, group="map")  # type: ignore[arg-type]

    def _report(self) -> None:
        """Called in the thread: draw the new cells in the screen's own."""
        self._screen.call_later(self._draw)

    def _draw(self) -> None:
        shown = self._screen.state.map
        if shown is not None:
            self._draw_panels(("contour" if shown.kind == "starts" else "map", "map-info"))
