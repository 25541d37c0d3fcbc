"""The cells of an open map: its axes, the cells of the lane's setting and of the cursor, and a cell as a scenario."""

from __future__ import annotations

from dataclasses import replace

from adam_tui.engine.maps.axes import Axis, default_axes, default_axis, knobs_for_axes
from adam_tui.engine.optimizers import names_of
from adam_tui.engine.scenario import Scenario, suggested_lanes
from adam_tui.engine.trajectory import start_of
from adam_tui.ui.playground.maps.state import MapGrid, MapState
from adam_tui.ui.playground.state import PlaygroundState


def axes(state: PlaygroundState, shown: MapState) -> tuple[Axis, Axis]:
    """The axes of a map of settings. A chosen axis stays as long as the lane has its knob."""
    x, y = default_axes(state.scenario, state.lane)
    knobs = state.chosen_lane.rule.knobs
    if shown.x is not None and shown.x.knob in knobs:
        x = shown.x
    if shown.y is not None and shown.y.knob in knobs:
        y = shown.y
    if x.knob == y.knob:
        other = next(knob for knob in knobs_for_axes(state.chosen_lane) if knob != x.knob)
        y = default_axis(state.scenario, state.lane, other)
    return x, y


def rate_axis(state: PlaygroundState, shown: MapState) -> Axis:
    """The axis of the learning rates: it contains the lane's own axis, and those of all curves."""
    if shown.x is not None and shown.x.knob.name == "lr":
        return shown.x
    scenario = curves(state, shown)
    each = [default_axes(scenario, i)[0] for i in range(len(scenario.lanes))]
    own = default_axes(state.scenario, state.lane)[0]
    return Axis(own.knob, min(axis.low for axis in (*each, own)), max(axis.high for axis in (*each, own)))


def curves(state: PlaygroundState, shown: MapState) -> Scenario:
    """The scenario whose lanes are the curves of the learning rates: that of the race, or of a group of optimizers."""
    if shown.group is None:
        return state.scenario
    return replace(state.scenario, lanes=suggested_lanes(names_of(shown.group), state.surface))


def own_place(state: PlaygroundState, shown: MapState) -> tuple[float, float]:
    """The place of the lane's own setting on the map: 0 for the first column and row to 1 for the last."""
    lane = state.chosen_lane
    match shown.kind:
        case "settings":
            x, y = axes(state, shown)
            return x.fraction(lane[x.knob.name]), y.fraction(lane[y.knob.name])
        case "rates":
            x = rate_axis(state, shown)
            return x.fraction(lane["lr"]), 0.0
        case "starts":
            left, right, low, high = shown.grid.bounds if shown.grid else state.visible.bounds
            at_x, at_y = start_of(state.scenario)
            return (at_x - left) / (right - left), (at_y - low) / (high - low)


def cell_of(place: tuple[float, float], grid: MapGrid) -> tuple[int, int]:
    """The (column, row) nearest to a place."""
    sizes = grid.columns, grid.rows
    column, row = (min(max(round(share * (n - 1)), 0), n - 1) for share, n in zip(place, sizes, strict=True))
    return column, row


def cursor_cell(state: PlaygroundState, shown: MapState, grid: MapGrid) -> tuple[int, int]:
    """The cell of the cursor; without one, the cell nearest to the lane's own setting."""
    if shown.cursor is None:
        return cell_of(own_place(state, shown), grid)
    column, row = shown.cursor
    return min(column, grid.columns - 1), min(row, grid.rows - 1)


def cell_scenario(state: PlaygroundState, shown: MapState, grid: MapGrid, cell: tuple[int, int]) -> Scenario:
    """The scenario of one cell alone: the lane with its settings, from its start."""
    column, row = cell
    lane, scenario = state.chosen_lane, state.scenario
    if shown.kind == "starts":
        return replace(scenario, lanes=(lane,), start=grid.start(column, row))
    if shown.kind == "rates":
        lane = lane.replaced("lr", rate_axis(state, shown).at(column / max(grid.columns - 1, 1)))
    else:
        for axis, index, count in zip(axes(state, shown), cell, (grid.columns, grid.rows), strict=True):
            lane = lane.replaced(axis.knob.name, axis.at(index / max(count - 1, 1)))
    return replace(scenario, lanes=(lane,))


def cursor_scenario(state: PlaygroundState) -> Scenario | None:
    """The scenario of the cursor's cell; None without a map or a cursor, which is then the lane's own setting."""
    shown = state.map
    if shown is None or shown.cursor is None or shown.grid is None:
        return None
    return cell_scenario(state, shown, shown.grid, cursor_cell(state, shown, shown.grid))
