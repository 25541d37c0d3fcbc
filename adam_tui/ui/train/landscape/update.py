"""The logic of the landscape: the next state of the training screen for its events, and why a plane cannot be shown."""

from __future__ import annotations

from dataclasses import replace

from adam_tui.ui.train import events as e
from adam_tui.ui.train.landscape.state import KINDS, LandscapeState
from adam_tui.ui.train.state import TrainState

FEWEST, MOST = 2, 3  # runs of a plane through points
FIRST_STEP = 1  # of a curve: the weights before it have no loss there


def opened(state: TrainState) -> TrainState:
    """The landscape of the selected run in the place of its curves, or the curves again."""
    if state.landscape is not None or state.run is None:
        return replace(state, landscape=None)
    return replace(state, landscape=LandscapeState(state.run.id), table=False)


def next_state(state: TrainState, shown: LandscapeState, event: e.LandscapeEvent) -> TrainState:
    """The next state for an event of the open landscape."""
    match event:
        case e.NextPlane():
            return replace(state, landscape=_next_plane(state, shown), cursor=None)
        case e.RefreshPlane():
            seed = shown.seed + (shown.kind == "random")
            return replace(state, landscape=_anew(shown, seed=seed, version=shown.version + 1), cursor=None)
        case e.TogglePaths():
            return replace(state, landscape=replace(shown, others=not shown.others, view=None))
        case e.ShowPart(view):
            return replace(state, landscape=replace(shown, view=view))
        case e.PointAt(place, step, view):
            cursor = None if step is None else max(step, FIRST_STEP)
            moved = replace(shown, place=place, step=step, view=shown.view if view is None else view)
            return replace(state, landscape=moved, cursor=cursor)


def _next_plane(state: TrainState, shown: LandscapeState) -> LandscapeState:
    kind = KINDS[(KINDS.index(shown.kind) + 1) % len(KINDS)]
    if kind == "points":
        through = runs_of_points(state)
        if not FEWEST <= len(through) <= MOST:
            return _anew(shown, kind=KINDS[0], version=shown.version + 1)
        return _anew(shown, kind=kind, through=through)
    return _anew(shown, kind=kind, version=shown.version + 1)


def _anew(shown: LandscapeState, **changes: object) -> LandscapeState:
    return replace(shown, **({"view": None, "place": None, "step": None, "through": ()} | changes))  # type: ignore[arg-type]


def runs_of_points(state: TrainState) -> tuple[str, ...]:
    """The runs whose weights a plane contains: the selected one with those picked by key, else those overlaid."""
    drawn = [run.id for run in state.drawn]
    picked = [id for id in drawn if id == state.selected or state.picked.get(id)]
    return tuple(picked if FEWEST <= len(picked) <= MOST else drawn)


def points_problem(state: TrainState, shown: LandscapeState) -> str:
    """Why the plane through points is left out; "" when it is not."""
    if KINDS[(KINDS.index(shown.kind) + 1) % len(KINDS)] != "points":
        return ""
    count = len(runs_of_points(state))
    if FEWEST <= count <= MOST:
        return ""
    few = "only one is drawn" if count < FEWEST else f"{count} are overlaid"
    return f"a plane through points needs two or three runs, and {few}"


def followed(state: TrainState) -> TrainState:
    """The state with the landscape of another run once that is selected; without any once there is no run."""
    shown = state.landscape
    if shown is None or shown.run == state.selected:
        return state
    if state.run is None:
        return replace(state, landscape=None)
    kind = shown.kind if shown.kind != "points" else KINDS[0]
    return replace(
        state, landscape=LandscapeState(state.run.id, kind, seed=shown.seed, others=shown.others), cursor=None
    )
