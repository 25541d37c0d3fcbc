"""The logic of the maps: the next state of the playground for the events that mean something else while one is open."""

from __future__ import annotations

from dataclasses import replace

from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.maps.axes import Axis, axis_around, default_axis, knobs_for_axes
from adam_tui.engine.maps.outcomes import QUANTITIES, Quantity
from adam_tui.engine.rule import GROUPS, Group
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.maps.cells import (
    axes,
    cell_of,
    cursor_cell,
    cursor_scenario,
    rate_axis,
)
from adam_tui.ui.playground.maps.state import FIRST_QUANTITY, Kind, MapGrid, MapState
from adam_tui.ui.playground.state import PlaygroundState

FAR = 8  # cells of a coarse step of the cursor
ZOOM = 2.0


def open_map(state: PlaygroundState, kind: Kind) -> PlaygroundState:
    """Open a map; its key again shows the median of five seeds where there is noise, and then closes it.

    The race goes to its end, so that all panels show the path whose outcome is on the map.
    """
    shown = state.map
    if shown is None or shown.kind != kind:
        x = _rates_of_class(state) if kind == "settings" else None
        opened = MapState(kind, FIRST_QUANTITY[kind], x, clock=state.clock if shown is None else shown.clock)
        return replace(_at_end(state), map=opened, playing=False, crosshair=None)
    if state.scenario.noise and not shown.median:
        return replace(state, map=replace(shown, median=True))
    return _closed(state, shown)


def _at_end(state: PlaygroundState) -> PlaygroundState:
    return replace(state, clock=float(state.scenario.steps))


def _closed(state: PlaygroundState, shown: MapState) -> PlaygroundState:
    """The state without the map, at the step at which it was opened unless the race was played or moved meanwhile."""
    clock = min(shown.clock, state.clock) if state.at_end and not state.playing else state.clock
    return replace(state, map=None, clock=clock)


def _rates_of_class(state: PlaygroundState) -> Axis | None:
    """The learning rates around the lane's own one, for a class: none is known to suit the surface. Else None."""
    lane = state.chosen_lane
    knob = next((knob for knob in lane.rule.knobs if knob.name == "lr"), None)
    if not isinstance(lane.rule, ClassOptimizer) or knob is None or lane["lr"] <= 0:
        return None
    return axis_around(knob, lane["lr"])


def missing_knobs(state: PlaygroundState, kind: Kind) -> str:
    """Why there is no such map of the race: the line that names the class without the knobs for it; "" for none."""
    lanes = state.scenario.lanes if kind == "rates" else (state.chosen_lane,)
    for rule in (lane.rule for lane in lanes if isinstance(lane.rule, ClassOptimizer)):
        names = [knob.name for knob in rule.knobs if knob.scale != "flag"]
        if not rule.ready:
            return f"{rule.label} is not imported: no map of it"
        if kind == "rates" and "lr" not in names:
            return f"{rule.label} has no lr: no map of rates"
    if kind == "settings" and len(knobs_for_axes(state.chosen_lane)) < 2:
        return f"{state.chosen_lane.rule.label} has too few knobs for a map of settings"
    return ""


def next_state(state: PlaygroundState, shown: MapState, event: e.Event) -> PlaygroundState | None:
    """The next state for an event that the open map takes; None for any other event."""
    match event:
        case e.Cancel():
            return _closed(state, shown)
        case e.NextQuantity():
            return replace(state, map=replace(shown, quantity=_next_quantity(state, shown)))
        case e.Arrow():
            return _move(state, shown, event)
        case e.PointAt(column, row):
            cursor = (column, row) if shown.grid is not None else None
            return replace(state, map=replace(shown, cursor=cursor))
        case e.ResizeMap(grid):
            return replace(state, map=_resized(shown, grid))
        case e.NextAxisKnob(axis):
            return replace(state, map=_with_next_knob(state, shown, axis))
        case e.Zoom(notches) if shown.kind != "starts":
            return replace(state, map=_zoomed(state, shown, notches))
        case e.ResetView() if shown.kind != "starts":  # a map of starts lies over the contour, whose view changes
            return replace(state, map=replace(shown, x=None, y=None, cursor=None))
        case _:
            return None


def followed(before: PlaygroundState, after: PlaygroundState) -> PlaygroundState:
    """The state with axes and cursor that suit another lane, optimizer or surface; a race at its end stays there."""
    shown = after.map
    if shown is None or before.map is None or before.map.kind != shown.kind:
        return after
    if missing_knobs(after, shown.kind):
        return _closed(after, shown)
    if before.at_end and not after.playing:
        after = _at_end(after)
    surface = (before.scenario.surface, before.scenario.function) != (after.scenario.surface, after.scenario.function)
    of_lane = shown.kind != "rates"
    if surface or (of_lane and before.chosen_lane.optimizer != after.chosen_lane.optimizer):
        shown = replace(shown, x=None, y=None, cursor=None)
    elif of_lane and before.lane != after.lane:
        shown = replace(shown, cursor=None)
    if shown.quantity == "distance" and not after.surface.minima:
        shown = replace(shown, quantity=FIRST_QUANTITY[shown.kind])
    if shown.median and not after.scenario.noise:
        shown = replace(shown, median=False)
    return after if shown == after.map else replace(after, map=shown)


def zoom_center(state: PlaygroundState) -> tuple[float, float] | None:
    """The point of the plane about which a map of starts zooms; None elsewhere."""
    shown = state.map
    if shown is None or shown.kind != "starts" or shown.grid is None or shown.cursor is None:
        return None
    return shown.grid.start(*cursor_cell(state, shown, shown.grid))


def taken(state: PlaygroundState, shown: MapState) -> PlaygroundState:
    """The state with the cursor's cell as the lane's setting, or as the start. Without a cursor it stays."""
    scenario = cursor_scenario(state)
    if scenario is None:
        return state
    lane = scenario.lanes[0]
    if shown.kind != "starts":
        knobs = ("lr",) if shown.kind == "rates" else tuple(axis.knob.name for axis in axes(state, shown))
        lane = replace(lane, changes=tuple(change for change in lane.changes if change.name not in knobs))
    own = replace(state.scenario.with_lane(state.lane, lane), start=scenario.start)
    return replace(state, scenario=own, ghosts=(), map=replace(shown, cursor=None))


def _next_quantity(state: PlaygroundState, shown: MapState) -> Quantity:
    known = [each for each in QUANTITIES if each != "distance" or state.surface.minima]
    return known[(known.index(shown.quantity) + 1) % len(known)]


def _move(state: PlaygroundState, shown: MapState, event: e.Arrow) -> PlaygroundState:
    grid = shown.grid
    if grid is None:
        return state
    if shown.kind == "rates" and event.dy:
        lanes = len(state.scenario.lanes)
        return replace(state, lane=(state.lane - event.dy) % lanes, knob=0)
    column, row = cursor_cell(state, shown, grid)
    cells = FAR if event.coarse else 1
    column = min(max(column + event.dx * cells, 0), grid.columns - 1)
    row = min(max(row + event.dy * cells, 0), grid.rows - 1)
    return replace(state, map=replace(shown, cursor=(column, row)))


def _resized(shown: MapState, grid: MapGrid) -> MapState:
    """The map on another grid: the cursor keeps its place, or its point of the plane."""
    before, cursor = shown.grid, shown.cursor
    if before is None or cursor is None:
        return replace(shown, grid=grid)
    if shown.kind == "starts":
        x, y = before.start(*cursor)
        left, right, low, high = grid.bounds
        return replace(shown, grid=grid, cursor=cell_of(((x - left) / (right - left), (y - low) / (high - low)), grid))
    place = cursor[0] / max(before.columns - 1, 1), cursor[1] / max(before.rows - 1, 1)
    return replace(shown, grid=grid, cursor=cell_of(place, grid))


def _zoomed(state: PlaygroundState, shown: MapState, notches: int) -> MapState:
    """The axes zoomed about the cursor, which keeps its place."""
    grid = shown.grid
    if grid is None:
        return shown
    column, row = cursor_cell(state, shown, grid)
    across, up = column / max(grid.columns - 1, 1), row / max(grid.rows - 1, 1)
    if shown.kind == "rates":
        return replace(shown, x=rate_axis(state, shown).zoomed(across, ZOOM**notches))
    x, y = axes(state, shown)
    return replace(shown, x=x.zoomed(across, ZOOM**notches), y=y.zoomed(up, ZOOM**notches))


def _next_group(own: Group, shown: Group | None) -> Group | None:
    """The group after the shown one: the lane's own first, then the others, then the lanes (None)."""
    groups: list[Group | None] = [own, *(group for group in GROUPS if group != own), None]
    return groups[(groups.index(shown) + 1) % len(groups)]


def _with_next_knob(state: PlaygroundState, shown: MapState, axis: str) -> MapState:
    """The map with the next knob on one axis; of the learning rates, with the curves of a group or of the lanes."""
    if shown.kind == "rates":
        return replace(shown, group=_next_group(state.chosen_lane.rule.group, shown.group))
    if shown.kind == "starts":
        return shown
    x, y = axes(state, shown)
    own, other = (x, y) if axis == "x" else (y, x)
    knobs = [knob for knob in knobs_for_axes(state.chosen_lane) if knob != other.knob]
    chosen = default_axis(state.scenario, state.lane, knobs[(knobs.index(own.knob) + 1) % len(knobs)])
    return replace(shown, x=chosen, y=y, cursor=None) if axis == "x" else replace(shown, x=x, y=chosen, cursor=None)
