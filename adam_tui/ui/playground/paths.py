"""The paths that a state shows, computed and rasterized in pieces so that no key waits for them.

The paths follow from the scenario, and the engine caches how far each is computed. So nothing here is state: a picture
shows the part that is there, and `advance` computes more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from adam_tui.engine.class_optimizers import CLASSES
from adam_tui.engine.trajectory import Computation, Trajectory, path_computations
from adam_tui.ui.playground.state import PlaygroundState

# The part of a race that is computed and rasterized with a key, in seconds of the thread's CPU time, which other
# programs do not use up. A short race, in steps of all lanes, is drawn in full at once. A long one cannot be, so its
# key is answered sooner.
SHORT_RACE = 2_500
COMPUTE_SHORT, COMPUTE_LONG = 0.03, 0.005
POSITIONS_AT_ONCE = 16_384
Clock = Callable[[], float]


class Paths(NamedTuple):
    """The path of each lane, and of each lane's ghost (None without one). `share` is the computed share of all steps.

    `cursor` is the path of the cell at the cursor of an open map, None without one.

    An incomplete path ends at the last computed step.
    """

    lanes: tuple[Trajectory, ...]
    ghosts: tuple[Trajectory | None, ...]
    share: float
    cursor: Trajectory | None = None

    @property
    def complete(self) -> bool:
        """True when all paths are computed to their ends."""
        return self.share == 1.0


def paths_so_far(state: PlaygroundState) -> Paths:
    """The part of the paths that is computed; at least the first steps."""
    lanes, ghosts, cursor = _computations(state)
    parts = _parts(state)
    unfinished = [part for part in parts if not part.complete]
    missing = max(sum(part.steps - part.step for part in unfinished), 1) if unfinished else 0
    return Paths(
        lanes=tuple(lane.trajectory() for lane in lanes),
        ghosts=tuple(None if ghost is None else ghost.trajectory() for ghost in ghosts),
        share=1.0 - missing / sum(part.steps for part in parts),
        cursor=None if cursor is None else cursor.trajectory(),
    )


def whole_paths(state: PlaygroundState) -> Paths:
    """The paths to their ends, however long that takes."""
    lanes, ghosts, cursor = _computations(state)
    return Paths(
        lanes=tuple(lane.finish() for lane in lanes),
        ghosts=tuple(None if ghost is None else ghost.finish() for ghost in ghosts),
        share=1.0,
        cursor=None if cursor is None else cursor.finish(),
    )


def compute_at_once(state: PlaygroundState) -> bool:
    """Compute what a key waits for, and return whether the paths are complete.

    The paths of classes come from another process: no key waits for them.
    """
    parts = _parts(state)
    if CLASSES:
        from adam_tui.classes.path import withdraw_others  # not needed without a class

        withdraw_others(parts)
    missing = sum(part.steps - part.step for part in parts if not part.complete)
    return advance(state, COMPUTE_SHORT if missing <= SHORT_RACE else COMPUTE_LONG)


def advance(state: PlaygroundState, seconds: float, clock: Clock = time.thread_time) -> bool:
    """Compute for about so many seconds, all lanes in step, and return whether the paths are complete."""
    end = clock() + seconds
    unfinished = [part for part in _parts(state) if not part.complete]
    here = [part for part in unfinished if not part.waiting]
    while here and clock() < end:
        part = min(here, key=_step)
        part.advance()
        if part.complete or part.waiting:
            here.remove(part)
    return all(part.complete for part in unfinished)


def is_waiting(state: PlaygroundState) -> bool:
    """True when only other processes have something left to compute."""
    unfinished = [part for part in _parts(state) if not part.complete]
    return bool(unfinished) and all(part.waiting for part in unfinished)


def _step(part: Computation) -> int:
    return part.step


def _parts(state: PlaygroundState) -> list[Computation]:
    lanes, ghosts, cursor = _computations(state)
    return [*filter(None, (cursor,)), *lanes, *filter(None, ghosts)]


def _computations(
    state: PlaygroundState,
) -> tuple[tuple[Computation, ...], tuple[Computation | None, ...], Computation | None]:
    """The computations of the lanes, of their ghosts, and of the cell at a map's cursor."""
    scenario = state.scenario
    ghosts = (state.ghost(i) for i in range(len(scenario.lanes)))
    return (
        path_computations(scenario),
        tuple(None if ghost is None else path_computations(replace(scenario, lanes=(ghost,)))[0] for ghost in ghosts),
        _cursor_computation(state),
    )


def _cursor_computation(state: PlaygroundState) -> Computation | None:
    if state.map is None:
        return None
    from adam_tui.ui.playground.maps.cells import cursor_scenario  # not needed at start-up

    scenario = cursor_scenario(state)
    return None if scenario is None else path_computations(scenario)[0]
