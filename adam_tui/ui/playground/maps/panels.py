"""The panels of an open map on the playground's screen: their arrangement, their pictures, clicks, and the computation.

Loaded with the first map, not at start-up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from textual.containers import Horizontal
from textual.geometry import Offset, Size

from adam_tui.draw import heat_map
from adam_tui.draw.cells import Cells
from adam_tui.draw.heat_map import Ink
from adam_tui.terminal.cell_view import CellView
from adam_tui.terminal.event_loop import idle_of
from adam_tui.terminal.fallback import Fallback
from adam_tui.ui.layout import side_size
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import view as pictures
from adam_tui.ui.playground.maps import view
from adam_tui.ui.playground.maps.cells import axes
from adam_tui.ui.playground.maps.computation import MapRequest, MapThread, request_of
from adam_tui.ui.playground.maps.state import MapGrid, MapState
from adam_tui.ui.playground.maps.still import scale_of
from adam_tui.ui.playground.paths import Paths, paths_so_far
from adam_tui.ui.playground.state import PlaygroundState

if TYPE_CHECKING:
    from adam_tui.ui.playground.effects import Effect

    Screen = ModeScreen[PlaygroundState, e.Event, Effect, e.EventContext]

BESIDE = (100, 30)  # columns and rows of the terminal from which a map and the contour are shown side by side
FRAME = 2  # rows and columns of a panel's border


class _Places(NamedTuple):
    """Where the panels are. `over`: the map lies over the contour; `corner`: the terminal is small.

    `columns` and `rows` are the sizes of the grid's two columns and two rows.
    """

    over: bool
    corner: bool
    columns: str
    rows: str


class MapPanels:
    """Shows the open map of the playground's screen.

    `draw` draws panels again, by their names.
    """

    def __init__(
        self,
        screen: Screen,
        views: Mapping[str, CellView],
        draw: Callable[[Iterable[str]], None],
    ) -> None:
        self._screen, self._views, self._draw_panels = screen, views, draw
        self._thread = MapThread(self._report, idle_of(asyncio.get_running_loop()))
        self._arranged: _Places | None = None

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

    @property
    def hides_the_side(self) -> bool:
        """True while the map's panels take the place of those on the right side."""
        return self._arranged is not None and (self._arranged.corner or not self._arranged.over)

    def stop(self) -> None:
        """Stop the computation."""
        self._thread.want(None, self._start)

    def close(self) -> None:
        """Stop the computation for good."""
        self._thread.close()

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
            place = heat_map.frame(*size, scale_of(axes(self._screen.state, shown)[1]))
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
        if size is None:
            size = self._content_size("contour") if shown.kind == "starts" else self._map_size(shown)
        if not size.area:
            return None
        back = None
        if shown.kind == "starts":
            back = pictures.backdrop_of(screen.state, *size, screen.host.palette)
        return view.grid_of(screen.state, shown, size.width, size.height, self._ink(shown), back)

    def _map_size(self, shown: MapState) -> Size:
        """The size of the map's panel; before its first layout, the size that this will give.

        The first cells are then computed while the panels are laid out.
        """
        if size := self._content_size("map"):
            return size
        body, places = self._screen.query_one("#body").size, self._places(shown)
        if not body.area:
            return Size(0, 0)
        columns, rows = (
            _first_fraction(text, whole) for text, whole in ((places.columns, body.width), (places.rows, body.height))
        )
        return Size(columns if places.corner else body.width - columns, body.height if places.corner else rows) - (
            FRAME,
            FRAME,
        )

    def _content_size(self, panel: str) -> Size:
        view = self._views[panel]
        return view.content_region.size if view.is_mounted and view.is_attached and view.display else Size(0, 0)

    def _ink(self, shown: MapState) -> Ink:
        """How this terminal shows the map. Without colours, a start is the letter of its rest point."""
        fallback: Fallback | None = getattr(self._screen.app, "fallback", None)
        if fallback and (fallback.ascii or fallback.console):
            return "ascii"
        if fallback and fallback.few_colors:
            return "shades"
        return "shades" if shown.kind == "starts" and os.environ.get("NO_COLOR") else "blocks"

    def _arrange(self, shown: MapState | None) -> None:
        """Give the panels their places and titles.

        The places are set directly, because a class of the screen would make Textual match every rule again: 20 ms.
        """
        screen = self._screen
        places = None if shown is None else self._places(shown)
        if shown is not None and places is not None:
            # Of a grid's two columns the readings are in the second one, and in a small terminal the map in the first.
            first = _first_fraction(places.columns, screen.app.size.width)
            second = screen.app.size.width - first
            if shown.kind != "starts":
                width = first if places.corner else second
                self._views["map"].entitle(view.title(screen.state, shown, width), view.subtitle(screen.state, shown))
            self._views["map-info"].entitle(view.info_title(shown, second))
        if places == self._arranged:
            return
        self._arranged = places
        body, side, contour = screen.query_one("#body", Horizontal), screen.query_one("#side"), self._views["contour"]
        body.styles.layout = "horizontal" if places is None else "grid"
        self._views["map"].styles.display = "block" if places is not None and not places.over else "none"
        self._views["map-info"].styles.display = "none" if places is None else "block"
        side.styles.display = "block" if places is None or (places.over and not places.corner) else "none"
        side.styles.width = None if places is None else "1fr"
        # A grid is filled in the order of the children: in a small terminal the map takes the contour's place.
        first = places is not None and places.corner and not places.over
        if first != (body.children[0] is self._views["map"]):
            if first:
                body.move_child(self._views["map"], before=contour)
            else:
                body.move_child(self._views["map"], after=contour)
        if places is None:
            return
        body.styles.grid_size_columns = body.styles.grid_size_rows = 2
        body.styles.grid_columns, body.styles.grid_rows = places.columns, places.rows
        self._views["map"].styles.row_span = 2 if first else 1
        contour.styles.row_span = 1 if first else 2
        self._views["map-info"].styles.row_span = 2 if places.over and places.corner else 1

    def _places(self, shown: MapState) -> _Places:
        """The places of the panels: beside the contour, in its place with the contour in a corner, or over it."""
        columns, rows = self._screen.app.size
        side, _ = side_size(columns, rows, hinted=False)
        over, corner = shown.kind == "starts", columns < BESIDE[0] or rows < BESIDE[1]
        most = rows // 2 if shown.kind == "rates" else rows * 2 // 3
        high = min(view.info_rows(self._screen.state, shown) + FRAME, most)
        if over:
            return _Places(over, corner, f"1fr {side}", f"{high} 1fr")
        if corner:
            return _Places(over, corner, f"1fr {side}", "1fr 1fr")
        return _Places(over, corner, "1fr 1fr", f"1fr {high}")

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


def _first_fraction(sizes: str, whole: int) -> int:
    """The cells of the first of two columns or rows, "1fr 1fr" or "1fr" and a number."""
    return whole // 2 if sizes == "1fr 1fr" else max(whole - int(sizes.split()[1]), 0)
