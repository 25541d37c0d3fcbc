"""The sweep screen as a value: which sweep is shown, which cell of its grid is chosen, which quantity is drawn.

`update` makes the next state from an event; `view` draws it. The curves are in the feed's histories.
"""

from __future__ import annotations

from dataclasses import dataclass

from adam_tui.history.sweep_view import SweepView
from adam_tui.sweeps.results import Setting
from adam_tui.ui.sweep.grid import QUANTITIES, Quantity, SweepGrid, make_grid, usual_axes


@dataclass(frozen=True, slots=True)
class SweepState:
    """Everything that the sweep screen shows, apart from the curves.

    `ids` are the sweeps, newest first; `selected` is the id of the one shown, and `view` its state now. `x` and `y` are
    the axes of its grid, "" for the usual ones. `chosen` is the (row, column) of the chosen cell; None follows the best
    setting.
    """

    ids: tuple[str, ...] = ()
    selected: str | None = None
    view: SweepView | None = None
    quantity: Quantity = QUANTITIES[0]
    x: str = ""
    y: str = ""
    chosen: tuple[int, int] | None = None

    @property
    def axes(self) -> tuple[str, str]:
        """The axes of the grid, as names."""
        if self.view is None:
            return "", ""
        x, y = usual_axes(self.view)
        return self.x or x, self.y or y

    @property
    def grid(self) -> SweepGrid | None:
        """The grid; None without a sweep."""
        return make_grid(self.view, *self.axes) if self.view is not None else None

    def cell(self, grid: SweepGrid) -> tuple[int, int]:
        """The chosen cell: that of the best setting until the user chooses one."""
        rows, columns = grid.shape
        if self.chosen is not None:
            return min(self.chosen[0], rows - 1), min(self.chosen[1], columns - 1)
        best = grid.place(self.view.best) if self.view is not None else None
        return best or (rows - 1, 0)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings of the chosen cell, the best first."""
        grid = self.grid
        return grid.cells.get(self.cell(grid), ()) if grid is not None else ()

    @property
    def setting(self) -> Setting | None:
        """The setting that stands for the chosen cell."""
        return next(iter(self.settings), None)
