"""The logic of the sweep screen: `update(state, event)` returns the next state and the effects. It is pure."""

from __future__ import annotations

from dataclasses import replace

from adam_tui.ui.effects import Notify
from adam_tui.ui.sweep import events as e
from adam_tui.ui.sweep.effects import Effect, Refresh
from adam_tui.ui.sweep.grid import QUANTITIES, next_axis
from adam_tui.ui.sweep.state import SweepState

ONLY_AXES = Notify("the sweep varies nothing else")
Result = tuple[SweepState, tuple[Effect, ...]]


def update(state: SweepState, event: e.Event) -> Result:
    """Return the next state and the effects."""
    match event:
        case e.ShowSweep():
            return _show(state, event), ()
        case e.SelectSweep(id):
            return _select(state, id)
        case e.MoveSelection(by):
            if len(state.ids) < 2:
                return state, ()
            at = state.ids.index(state.selected) if state.selected in state.ids else 0
            return _select(state, state.ids[(at + by) % len(state.ids)])
        case e.Walk(right, up):
            return _walk(state, right, up), ()
        case e.ChooseCell(row, column):
            return replace(state, chosen=(row, column)), ()
        case e.ChooseBest():
            return replace(state, chosen=None), ()
        case e.CycleQuantity(by):
            at = QUANTITIES.index(state.quantity) + by
            return replace(state, quantity=QUANTITIES[at % len(QUANTITIES)]), (Refresh(),)
        case e.CycleAxis(axis):
            turned = _turn_axis(state, axis)
            is_other = turned.axes != state.axes or state.view is None
            return (turned, ()) if is_other else (state, (ONLY_AXES,))
        case _:
            from adam_tui.ui.sweep.requests import effects_of  # not needed before the first of them

            return state, effects_of(state, event)


def _show(state: SweepState, event: e.ShowSweep) -> SweepState:
    """The sweeps as they are now. The newest is selected while none is."""
    view = event.view
    if event.ids == state.ids and view is state.view:
        return state
    selected = state.selected if state.selected in event.ids else next(iter(event.ids), None)
    if selected != state.selected:
        state = replace(state, x="", y="", chosen=None)
    return replace(state, ids=event.ids, selected=selected, view=view if view and view.id == selected else None)


def _select(state: SweepState, id: str) -> Result:
    if id not in state.ids or id == state.selected:
        return state, ()
    return replace(state, selected=id, view=None, x="", y="", chosen=None), (Refresh(),)


def _walk(state: SweepState, right: int, up: int) -> SweepState:
    """The next cell in this direction that holds a setting; in another row, the one nearest to the same column."""
    grid = state.grid
    if grid is None:
        return state
    row, column = state.cell(grid)
    ahead = [
        (abs(r - row), abs(c - column), r, c)
        for r, c in grid.cells
        if (r - row) * up > 0 or (r == row and (c - column) * right > 0)
    ]
    return replace(state, chosen=min(ahead)[2:]) if ahead else state


def _turn_axis(state: SweepState, axis: str) -> SweepState:
    """Another knob on an axis; the chosen setting stays chosen."""
    if state.view is None:
        return state
    x, y = state.axes
    setting = state.setting
    if axis == "x":
        x = next_axis(state.view, x, y)
    else:
        y = next_axis(state.view, y, x)
    turned = replace(state, x=x, y=y)
    grid = turned.grid
    return replace(turned, chosen=grid.place(setting) if grid is not None and state.chosen is not None else None)
