"""Export of an open map, by the functions of `adam-tui map` and `adam-tui basins`, and the command line that makes it.

The cells are those on the screen; a map that is still computed is computed to its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adam_tui.draw.cells import stack
from adam_tui.draw.palette import Palette
from adam_tui.draw.svg import to_svg
from adam_tui.engine import map_export
from adam_tui.engine.maps.cells import SettingsMap
from adam_tui.engine.numbers import format_number
from adam_tui.ui.playground.maps.cells import axes, curves
from adam_tui.ui.playground.maps.computation import MapRequest, computations, request_of
from adam_tui.ui.playground.maps.state import MapState
from adam_tui.ui.playground.maps.still import QUANTITY_TITLES, caption, still, titled
from adam_tui.ui.playground.state import PlaygroundState

CHART_SIZE = (100, 30)  # columns and rows of the curves of the learning rates


def command(state: PlaygroundState) -> list[str]:
    """The arguments of the command whose CSV has the cells of an open map of settings or of starts."""
    shown, request = _open(state)
    scenario = replace(state.scenario, lanes=(state.chosen_lane,))
    if shown.kind == "starts":
        left, right, low, high = map(format_number, request.grid.bounds)
        name, x, y = "basins", f"{left}..{right}", f"{low}..{high}"
        scenario = replace(scenario, start=None)
    else:
        name, (x, y) = "map", (axis.text() for axis in axes(state, shown))
    flags = [f"--x={x}", f"--y={y}", "--size", f"{request.grid.columns}x{request.grid.rows}"]
    seeds = ["--seeds", str(len(request.seeds))] if len(request.seeds) > 1 else []
    return ["adam-tui", name, *scenario.to_flags(), *flags, *seeds]


def csv(state: PlaygroundState) -> Iterable[str]:
    """The outcomes of an open map as CSV: those of `adam-tui map` or `basins`, or a row for each point of a curve."""
    shown, request = _open(state)
    if shown.kind == "rates":
        parts = [each for each in computations(request) if isinstance(each, SettingsMap)]
        return map_export.curves_to_csv(list(zip(curves(state, shown).labels(), parts, strict=True)))
    [computed] = computations(request)
    return map_export.to_csv(computed)


def svg(state: PlaygroundState, palette: Palette) -> Iterable[str]:
    """The picture of an open map, with the quantity that it shows."""
    shown, request = _open(state)
    if shown.kind == "rates":
        return [_curves(state, shown, request, palette)]
    [computed] = computations(request)
    return [to_svg(still(computed, palette, name=shown.quantity), caption(computed, shown.quantity))]


def file_stem(state: PlaygroundState) -> str:
    """The name of an exported map, without suffix: adam-tui-rosenbrock-map-of-settings."""
    shown, _ = _open(state)
    name = state.scenario.surface if state.scenario.function is None else "function"
    return f"adam-tui-{name}-map-of-{shown.kind}"


def _open(state: PlaygroundState) -> tuple[MapState, MapRequest]:
    """The open map and its request. Raises ValueError without one."""
    shown = state.map
    if shown is None or shown.grid is None:
        raise ValueError("no map is open")
    return shown, request_of(state, shown, shown.grid)


def _curves(state: PlaygroundState, shown: MapState, request: MapRequest, palette: Palette) -> str:
    from adam_tui.ui.playground.maps.view import curve_table, rates_chart

    for each in computations(request):
        each.finish()
    width, height = CHART_SIZE
    title = f"{QUANTITY_TITLES[shown.quantity]} by learning rate: {state.surface.title}, {state.scenario.steps:,} steps"
    title = title[0].upper() + title[1:]
    parts = (
        titled(title, width, palette),
        rates_chart(state, shown, request, (width, height), palette),
        curve_table(state, shown, request, width, palette),
    )
    return to_svg(stack(parts), title)
