"""The outcomes of the map that is shown, computed coarse to fine in a thread while keys stay quick.

A `MapRequest` names everything that the outcomes depend on; the settings that the map itself varies are not part of it,
so that taking a cell into the lane computes nothing again. Computations are cached by their request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.batch import never
from adam_tui.engine.maps.borders import BorderSample
from adam_tui.engine.maps.cells import SettingsMap, StartsMap, coarse, median_seeds
from adam_tui.engine.maps.outcomes import Outcomes
from adam_tui.engine.scenario import Scenario
from adam_tui.ui.playground.maps.cells import axes, curves, rate_axis
from adam_tui.ui.playground.maps.state import Kind, MapGrid, MapState
from adam_tui.ui.playground.state import PlaygroundState

Computation = SettingsMap | StartsMap
REFRESH = 0.1  # seconds between two pictures of a map that is computed
AT_ONCE = 0.015  # seconds of processor time in which the first cells of a map are computed before its first picture
BUSY = 0.1  # seconds for which the thread waits for an idle screen, before it computes a little beside a busy one
# The thread sleeps so long after each turn. Beside a thread that calls numpy, Python gives another one no turn at all:
# at the end of a call the first takes the interpreter back before the other has woken up.
TURN, SLEEP = 0.002, 0.0001
CACHED_REQUESTS = 4  # of 20,000 cells at 29 bytes each: half a megabyte


@dataclass(frozen=True, slots=True)
class MapRequest:
    """Everything that the outcomes of a map depend on."""

    kind: Kind
    scenario: Scenario
    x: Axis | None
    y: Axis | None
    grid: MapGrid
    seeds: tuple[int, ...]


def request_of(state: PlaygroundState, shown: MapState, grid: MapGrid) -> MapRequest:
    """The request for the map of a state on a grid."""
    scenario = state.scenario
    seeds = median_seeds(scenario) if shown.median else (scenario.seed,)
    if shown.kind == "rates":
        x = rate_axis(state, shown)
        varied = tuple(lane.replaced("lr", x.low) for lane in curves(state, shown).lanes)
        return MapRequest("rates", replace(scenario, lanes=varied), x, None, replace(grid, rows=1), seeds)
    lane = state.chosen_lane
    if shown.kind == "starts":
        only = replace(scenario, lanes=(lane,), start=None)
        return MapRequest("starts", only, None, None, grid, seeds)
    x, y = axes(state, shown)
    lane = lane.replaced(x.knob.name, x.low).replaced(y.knob.name, y.low)
    return MapRequest("settings", replace(scenario, lanes=(lane,)), x, y, replace(grid, bounds=(0, 1, 0, 1)), seeds)


@lru_cache(maxsize=CACHED_REQUESTS)
def computations(request: MapRequest) -> tuple[Computation, ...]:
    """The computations of a request, as far as they got: one, or one for each curve of the learning rates."""
    scenario, grid = request.scenario, request.grid
    if request.kind == "starts":
        xs, ys = grid.starts()
        return (StartsMap(scenario, 0, xs, ys, request.seeds),)
    assert request.x is not None
    return tuple(
        SettingsMap(scenario, lane, request.x, request.y, grid.columns, grid.rows, request.seeds)
        for lane in range(len(scenario.lanes))
    )


def is_complete(request: MapRequest) -> bool:
    """True when the whole map is computed."""
    return all(each.complete for each in computations(request))


def share(request: MapRequest) -> float:
    """The computed share of the map, 0 to 1."""
    parts = computations(request)
    return sum(each.share for each in parts) / len(parts)


def outcomes(request: MapRequest, part: int) -> Outcomes:
    """The outcomes of one computation, or those of its last report; its coarse cells stand for those around them."""
    computed = computations(request)[part]
    if computed.complete:
        return _whole(computed) if computed.thinned else computed.outcomes()
    reported = _REPORTED.get(request)
    return Outcomes.empty(computed.rows, computed.columns) if reported is None else reported[part]


def chaotic_share(request: MapRequest) -> float | None:
    """The share of sampled cells at borders whose outcome the last digit of the start decides; None if not known."""
    if not _has_sample(request):
        return None
    sample = _SAMPLES.get(request)
    return sample.changed / sample.sampled if sample is not None and sample.complete and sample.sampled else None


@lru_cache(maxsize=CACHED_REQUESTS)
def _whole(thinned: Computation) -> Outcomes:
    """The outcomes of a complete map of which some cells stand for the others."""
    return _filled(thinned.outcomes())


def _filled(result: Outcomes) -> Outcomes:
    place = coarse(result.states)
    return Outcomes(
        *(
            np.where(
                (place < 0).reshape(place.shape + (1,) * (part.ndim - 2)),
                part,
                part.reshape(-1, *part.shape[2:])[np.maximum(place, 0)],
            )
            for part in result
        )
    )


class MapThread:
    """Computes the wanted map in a thread, and reports when there is more of it to show.

    `report` is called in the thread, about ten times a second. `idle` is set while the screen has nothing to do: the
    thread computes then, and stops within a few steps for a key.
    """

    def __init__(self, report: Callable[[], object], idle: threading.Event) -> None:
        self._report, self._idle = report, idle
        self._wanted: MapRequest | None = None
        self._running = self._closed = False
        self._turn_ends = 0.0
        self._lock = threading.Lock()

    def want(self, request: MapRequest | None, start: Callable[[Callable[[], None]], object]) -> None:
        """Compute this map and no other one; None stops. `start` runs a function in a thread.

        The first cells of a short computation are there when this returns: they are in the first picture then.
        """
        if self._closed:
            return
        if request is not None and request != self._wanted:
            _compute_first_cells(request)
        with self._lock:
            if request != self._wanted:
                self._wanted = request
            if self._running or request is None or _is_sampled(request):
                return
            self._running = True
        start(self._run)

    def close(self) -> None:
        """Stop for good: the program ends only when its threads have ended."""
        with self._lock:
            self._wanted, self._closed = None, True

    def _run(self) -> None:
        shown = time.monotonic()
        started: MapRequest | None = None  # the request whose first cells are shown
        while True:
            with self._lock:
                request = self._wanted
                if request is None or _is_sampled(request):
                    self._running = False
                    return
            self._idle.wait(BUSY)
            _advance(request, self._interrupted)
            now = time.monotonic()
            first = started is not request and any_computed(request)
            if first or (started is request and now > shown + REFRESH) or _is_sampled(request):
                started = request
                report_outcomes(request)
                self._report()
                shown = time.monotonic()

    def _interrupted(self) -> bool:
        """Whether the screen has something to do; called after every few steps, and gives other threads their turn."""
        if time.monotonic() > self._turn_ends:
            time.sleep(SLEEP)
            self._turn_ends = time.monotonic() + TURN
        return not self._idle.is_set()


def report_outcomes(request: MapRequest) -> None:
    """Keep the outcomes so far for the pictures, which then need not wait for a piece that is being computed."""
    if is_complete(request):
        _REPORTED.pop(request, None)
        return
    _REPORTED[request] = tuple(_filled(each.outcomes()) for each in computations(request))
    for old in list(_REPORTED)[:-CACHED_REQUESTS]:
        del _REPORTED[old]


def _compute_first_cells(request: MapRequest) -> None:
    """Compute until there are cells to show, but no longer than `AT_ONCE`. A single cell of a class may take longer."""
    if any_computed(request) or any(each.thinned for each in computations(request)):
        return
    end = time.thread_time() + AT_ONCE
    while not any_computed(request) and time.thread_time() < end:
        _advance(request)
    report_outcomes(request)


def any_computed(request: MapRequest) -> bool:
    """True when there are cells to show."""
    return any((each.outcomes().states >= 0).any() for each in computations(request))


def _advance(request: MapRequest, interrupted: Callable[[], bool] = never) -> None:
    """Compute a piece of the map, or of the first unfinished curve; of a finished map, of the sample of its borders."""
    for each in computations(request):
        if not each.complete:
            each.advance(interrupted)
            return
    [computed] = computations(request)
    sample = _SAMPLES.get(request)
    if sample is None:
        sample = _SAMPLES[request] = BorderSample(computed)
        for old in list(_SAMPLES)[:-CACHED_REQUESTS]:
            del _SAMPLES[old]
    sample.advance(interrupted)


def _is_sampled(request: MapRequest) -> bool:
    """True when the map and the sample of its borders are computed."""
    sample = _SAMPLES.get(request)
    return is_complete(request) and (not _has_sample(request) or (sample is not None and sample.complete))


def _has_sample(request: MapRequest) -> bool:
    """Whether the borders of the finished map are sampled: not of curves, and not of a class, which takes too long."""
    return request.kind != "rates" and not computations(request)[0].thinned


_SAMPLES: dict[MapRequest, BorderSample] = {}
_REPORTED: dict[MapRequest, tuple[Outcomes, ...]] = {}
