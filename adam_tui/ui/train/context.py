"""The data beside the state that the events of some keys need: widths, the clock, the runs' histories.

They are read here, when the key is pressed, and put into the event, so that `update` reads none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adam_tui.ui.train import axes, table
from adam_tui.ui.train import events as e
from adam_tui.ui.train.axes import Histories, XAxis
from adam_tui.ui.train.landscape.cursor import ZOOM, OnPlane
from adam_tui.ui.train.state import TrainState

CURSOR_CELLS, CURSOR_CELLS_COARSE = 1, 10  # that the cursor moves with an arrow, without and with shift
PAN = 0.25  # of the part of the axis that is shown


@dataclass(frozen=True, slots=True)
class EventContext:
    """The data behind the screen: state, histories of the runs, the time in seconds since 1970, sizes in cells.

    `width` are the columns of the terminal, `plot_columns` those of the loss chart's curves. `read_link` returns the
    path that a run's directory links to, or "". `on_plane` returns the places of an open landscape.
    """

    state: TrainState
    histories: Histories
    now: float
    width: int
    plot_columns: int
    read_link: Callable[[str], str]
    on_plane: Callable[[], OnPlane | None] = lambda: None

    @property
    def _x_axis(self) -> XAxis:
        return axes.x_axis(self.state, self.histories, self.plot_columns)

    @property
    def _last_step(self) -> int:
        """The last step of the selected run's curve, 0 without one."""
        history = self.histories.get(self.state.selected or "")
        return len(history.curve) if history is not None else 0

    def move_selection(self, by: int) -> e.Event:
        """Select the row above or below, in the order of the list or of the wide table that is shown."""
        if self.state.table:
            return e.MoveSelection(by, tuple(row.id for row in table.listed(self.state, self.histories, self.now)))
        return e.MoveSelection(by, tuple(row.id for row in self.state.rows))

    @property
    def _on_landscape(self) -> bool:
        """Whether the keys of the curves are those of the landscape in their place."""
        return self.state.landscape is not None and not self.state.table

    def _move_on_landscape(self, move: Callable[[OnPlane], e.Event]) -> e.Event:
        """The event of a key on the plane; before there is one, the landscape stays as it is."""
        on_plane = self.on_plane()
        shown = self.state.landscape
        return move(on_plane) if shown and on_plane else e.ShowPart(shown.view if shown else None)

    def choose(self, by: int) -> e.Event:
        """Choose the knob above or below; in the wide table the run; on a landscape move the cursor or the view."""
        if self._on_landscape:
            return self._move_on_landscape(lambda plane: plane.moved(0, -by, coarse=False))
        return self.move_selection(by) if self.state.table else e.ChooseKnob(by)

    def turn(self, notches: int, *, coarse: bool = False) -> e.Event:
        """Turn the chosen knob; move the cursor while it is shown."""
        if self._on_landscape:
            return self._move_on_landscape(lambda plane: plane.moved(notches, 0, coarse=coarse))
        if self.state.cursor is None or self.state.table:
            return e.TurnKnob(notches, coarse)
        cells = notches * (CURSOR_CELLS_COARSE if coarse else CURSOR_CELLS)
        return e.SetCursor(axes.moved_cursor(self._x_axis, self.state.cursor, cells))

    def toggle_cursor(self) -> e.Event:
        """Show the cursor at the last step of the selected run, or hide it."""
        if self._on_landscape:
            hidden = e.PointAt(None)
            return self._move_on_landscape(lambda plane: plane.at_record(-1) if plane.place is None else hidden)
        return e.SetCursor(self._last_step or None if self.state.cursor is None else None)

    def cursor_to_start(self) -> e.Event:
        """Show the cursor at the first step; on a landscape at the first recorded one, before training."""
        return self._move_on_landscape(lambda plane: plane.at_record(0)) if self._on_landscape else e.SetCursor(1)

    def cursor_to_end(self) -> e.Event:
        """Show the cursor at the last step of the selected run, which may not have a history yet."""
        if self._on_landscape:
            return self._move_on_landscape(lambda plane: plane.at_record(-1))
        known = self.state.selected in self.histories
        return e.SetCursor(max(self._last_step, 1) if known else self.state.cursor)

    def zoom(self, notches: int) -> e.Event:
        """Zoom in or out around the cursor, or around the end of the curve; on a landscape around its middle."""
        if self._on_landscape:
            return self._move_on_landscape(lambda plane: plane.zoomed(ZOOM**notches))
        axis = self._x_axis
        if axis.selected is None:
            return e.SetZoom(self.state.zoom)
        step = self.state.cursor if self.state.cursor is not None else len(axis.selected.curve)
        return e.SetZoom(axes.zoomed(axis, notches, step, axes.whole_limits(self.state, axis)))

    def zoom_plane(self, notches: int) -> e.Event:
        """Zoom into the landscape, or out of it; the curves stay as they are."""
        return self._move_on_landscape(lambda plane: plane.zoomed(ZOOM**notches))

    def pan(self, direction: int) -> e.Event:
        """Show an earlier (−1) or a later (1) part of the curves while they are zoomed; on a landscape, a step."""
        if self._on_landscape:
            return self._move_on_landscape(lambda plane: plane.walked(direction))
        axis = self._x_axis
        if axis.selected is None or self.state.zoom is None:
            return e.SetZoom(self.state.zoom)
        return e.SetZoom(axes.panned(axis.limits, direction * PAN, axes.whole_limits(self.state, axis)))

    def reset_view(self) -> e.Event:
        """Show the whole curves, or the whole plane."""
        return e.ShowPart(None) if self._on_landscape else e.SetZoom(None)

    def overlay(self) -> e.Event:
        """Add the run to the overlay, or remove it; on a landscape draw the overlaid runs' paths, or not."""
        return e.TogglePaths() if self._on_landscape else e.PickRun()

    def sort_by_next_column(self) -> e.Event:
        """Sort the wide table by the next column that is shown in this width."""
        return e.SortBy(table.next_column(self.state, 1, self.width))

    def ask_search(self) -> e.Event:
        """Ask for the words that the runs in the wide table must have."""
        return e.AskSearch(table.searchable(self.state, self.histories, self.now))

    def ask_stop(self) -> e.Event:
        """Ask how to stop the selected run; the question names the hyperparameters that were changed on the way."""
        history = self.histories.get(self.state.selected or "")
        return e.AskStop(tuple(history.changes) if history is not None else ())

    def ask_delete(self) -> e.Event:
        """Ask whether to delete the selected run; a link is named as one in the question."""
        return e.AskDelete(self.read_link(self.state.selected) if self.state.selected is not None else "")
