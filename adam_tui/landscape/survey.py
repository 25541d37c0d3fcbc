"""The plane of a request, its area, and where the paths lie: computed in a tenth of a second, without torch."""

from __future__ import annotations

import numpy as np

from adam_tui.landscape import plane
from adam_tui.landscape.directory import Request, Survey
from adam_tui.landscape.grid import Grid, bounds_around
from adam_tui.landscape.plane import Plane
from adam_tui.landscape.weights import WeightPath, checksums, fingerprint

# Of the network's tensors, in the order of the weights.
SHAPES = ((32, 1, 5, 5), (32,), (64, 32, 5, 5), (64,), (10, 1024), (10,))
PARAMETERS = 62_346
RANDOM_AREA = 1.0  # a random plane reaches so many norms of the filters to each side, and around the path


def survey_of(request: Request, paths: list[WeightPath]) -> Survey:
    """The plane of a request, its area, and the paths on it. Raises ValueError with one line."""
    chosen = choose_plane(request, paths)
    projections = tuple(plane.project(chosen, path) for path in paths)
    if request.area is not None:
        bounds = request.area
    else:
        places = np.concatenate([np.zeros((1, 2)), *(each.places for each in projections)])
        if request.kind == "random":
            places = np.concatenate([places, [[-RANDOM_AREA] * 2, [RANDOM_AREA] * 2]])
        bounds = bounds_around(places, request.aspect)
    return Survey(
        chosen,
        Grid(bounds, request.columns, request.rows),
        projections,
        plane.explained(chosen, paths[0], projections[0]),
        plane.random_walk_shares(paths[0].steps),
    )


def choose_plane(request: Request, paths: list[WeightPath]) -> Plane:
    """The plane of a request. Raises ValueError with one line."""
    if request.kind == "pca":
        return plane.pca(paths[0])
    if request.kind == "random":
        if paths[0].weights.shape[1] != PARAMETERS:
            raise ValueError(
                f"{paths[0].name} is another network: it has {paths[0].weights.shape[1]:,} weights, and a random plane "
                "needs the shapes of the article's layers; the main plane (pca) does not"
            )
        return plane.random(paths[0], SHAPES, request.seed)
    return plane.points(paths)


def requested(path: WeightPath, request: Request, number: int) -> WeightPath:
    """The path of the request's run `number` up to its last step there: a running run may have recorded more since.

    Raises ValueError with one line when the run no longer holds these weights.
    """
    last = request.recorded[number][0]
    count = int(np.searchsorted(path.steps, last, side="right"))
    if not count or path.steps[count - 1] != last:
        raise ValueError(f"{path.name} no longer holds the weights of step {last:,}")
    kept = WeightPath(path.name, path.steps[:count], path.weights[:count])
    if request.weights and fingerprint(kept.steps, checksums(kept)) != request.weights[number]:
        raise ValueError(f"{path.name} has recorded other weights since this landscape was begun: begin another one")
    return kept
