"""A plane through the space of all weights: how it is chosen, and where a path lies on it and off it.

Three kinds, after Li et al., "Visualizing the loss landscape of neural nets" (2018): `pca` has the directions in which
a path varies most, `random` two random ones with the norms of the weights' filters, `points` goes through three given
points. Both directions are always orthogonal. `pca` and `points` have directions of length 1, so a and b are distances.

A plane shows two dimensions of many. Therefore a path has its distance from the plane beside its place on it, and the
share of a path that its plane explains stands beside the share that a random walk's would explain: much, too
(Antognini and Sohl-Dickstein, "PCA of high dimensional random walks", 2018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.landscape.weights import WeightPath

KINDS = ("pca", "random", "points")
FEWEST = 3  # records that span a plane
BLOCK = 8192  # weights that are converted to float64 at once: 4 MB of 64 records
FLAT = 1e-12  # the second direction's share of the first, below which three points lie on a line
OFF_PLANE = 0.5  # a step is off the plane when its distance is more than this share of its distance from the origin

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The points origin + a·u + b·v: `origin` (P,) and `directions` (2, P), orthogonal, in float64."""

    kind: str
    origin: Floats
    directions: Floats

    def at(self, a: float, b: float) -> Floats:
        """The weights (P,) of a point of the plane."""
        return np.asarray(self.origin + a * self.directions[0] + b * self.directions[1])

    @property
    def norms(self) -> Floats:
        """The lengths (2,) of the directions."""
        return np.asarray(np.sqrt((self.directions**2).sum(1)))


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A path seen from a plane, step by step: `steps`, `places` (T, 2) on the plane and distances (T,).

    `off_plane` is the distance from the plane, `from_origin` the distance from the plane's origin, both in the space of
    all weights.
    """

    name: str
    steps: NDArray[np.int64]
    places: Floats
    off_plane: Floats
    from_origin: Floats

    @property
    def hollow(self) -> NDArray[np.bool_]:
        """Whether each step (T,) is so far off the plane that its place on it says little."""
        return np.asarray(self.off_plane > OFF_PLANE * self.from_origin)


def pca(path: WeightPath) -> Plane:
    """The plane through the last weights along the path's two principal components.

    They come from the T×T Gram matrix, so nothing of P×P numbers is needed. The sign of a direction is such that the
    path starts on its positive side. Raises ValueError with one line for a path of too few different weights.
    """
    centred = _centred(path, len(path.steps))
    values, vectors = np.linalg.eigh(gram(path.weights, centred))
    check_path(path, enough=len(values) >= FEWEST and bool(values[-2] > FLAT * values[-1]))
    chosen = vectors[:, [-1, -2]].T  # (2, T)
    directions = _combined(path.weights, chosen - chosen.mean(1, keepdims=True))
    directions /= np.sqrt((directions**2).sum(1, keepdims=True))
    directions[1] -= (directions[1] @ directions[0]) * directions[0]  # what rounding left
    directions[1] /= math.sqrt(float(directions[1] @ directions[1]))
    origin = path.weights[-1].astype(np.float64)
    start = directions @ (path.weights[0].astype(np.float64) - origin)
    return Plane("pca", origin, directions * np.where(start < 0, -1.0, 1.0)[:, None])


def check_path(path: WeightPath, enough: bool = True) -> None:
    """Raise ValueError with one line for a path of too few recorded steps, or if it has not `enough` that differ."""
    count = len(path.steps)
    if count < FEWEST or not enough:
        until = " before its weights were no longer finite" if path.left_out else ""
        raise ValueError(f"{path.name} has recorded {count} steps{until}; a plane needs {FEWEST} whose weights differ")


def random(path: WeightPath, shapes: Sequence[tuple[int, ...]], seed: int) -> Plane:
    """The plane through the last weights along two random directions, normalised filter by filter.

    A filter is a row of a weight tensor of two or more dimensions; each direction has the norm of the weights there.
    Biases (one dimension) are left alone. `shapes` are those of the tensors, in their order. The directions are
    orthogonal within every filter.
    """
    origin = path.weights[-1].astype(np.float64)
    generator = np.random.default_rng(seed)
    directions = np.zeros((2, len(origin)))
    for start, end, rows in filters(shapes):
        if not rows:
            continue
        weights = origin[start:end].reshape(rows, -1)
        u, v = generator.standard_normal((2, *weights.shape))
        v -= (v * u).sum(1, keepdims=True) / (u * u).sum(1, keepdims=True) * u
        size = np.sqrt((weights**2).sum(1, keepdims=True))
        for target, direction in zip(directions, (u, v), strict=True):
            target[start:end] = (direction * (size / np.sqrt((direction**2).sum(1, keepdims=True)))).ravel()
    return Plane("random", origin, directions)


def filters(shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, int, int]]:
    """Where each tensor begins and ends in the flat weights, and its number of filters: 0 for biases."""
    ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
    return [
        (end - math.prod(shape), end, shape[0] if len(shape) > 1 else 0)
        for end, shape in zip(ends, shapes, strict=True)
    ]


def points(paths: Sequence[WeightPath]) -> Plane:
    """The plane through the common start and the ends of two runs, or through the ends of three runs.

    Raises ValueError with one line for another number of runs, for two runs that start differently, and for three
    points on a line.
    """
    if len(paths) == 2:
        first, second = paths
        if not np.array_equal(first.weights[0], second.weights[0]):
            raise ValueError(f"{first.name} and {second.name} start from different weights: name a third run")
        chosen = [first.weights[0], first.weights[-1], second.weights[-1]]
    elif len(paths) == 3:
        chosen = [path.weights[-1] for path in paths]
    else:
        raise ValueError(f"a plane through points needs two or three runs, not {len(paths)}")
    origin, one, two = (each.astype(np.float64) for each in chosen)
    u, v = one - origin, two - origin
    length = math.sqrt(float(u @ u))
    if length:
        u /= length
        v -= (v @ u) * u
        v -= (v @ u) * u  # once more: the first time leaves a rounding error
    height = math.sqrt(float(v @ v))
    if height <= FLAT * max(length, math.sqrt(float((two - origin) @ (two - origin)))) or not length:
        raise ValueError(f"the weights of {', '.join(path.name for path in paths)} lie on a line")
    return Plane("points", origin, np.stack([u, v / height]))


def project(plane: Plane, path: WeightPath) -> Projection:
    """Where the steps of a path lie on the plane, and how far off it."""
    sizes = (plane.directions**2).sum(1)
    places, off, far = [], [], []
    for weights in path.weights:
        away = weights.astype(np.float64) - plane.origin
        place = plane.directions @ away / sizes
        places.append(place)
        rest = away - place @ plane.directions
        off.append(math.sqrt(float(rest @ rest)))
        far.append(math.sqrt(float(away @ away)))
    return Projection(path.name, path.steps, np.array(places), np.array(off), np.array(far))


def explained(plane: Plane, path: WeightPath, seen: Projection | None = None) -> tuple[float, float]:
    """The shares of the path's variance along the two directions; 0 for a path of one point.

    `seen` is its projection, if that is known already.
    """
    total = float(np.trace(gram(path.weights, _centred(path, len(path.steps)))))
    if total <= 0:
        return 0.0, 0.0
    places = (seen or project(plane, path)).places * plane.norms
    first, second = (((places - places.mean(0)) ** 2).sum(0) / total).tolist()
    return first, second


def random_walk_shares(steps: NDArray[np.int64]) -> tuple[float, float]:
    """The shares that the first two components of a random walk explain, recorded at these steps.

    In a space of many dimensions they do not depend on chance. Evenly spaced, they are 61% and 15%; records that are
    ever wider apart give the first component more.
    """
    times = steps.astype(np.float64)
    walk = np.minimum(times[:, None], times)  # the covariance of a random walk at two times
    walk = walk - walk.mean(0) - walk.mean(1)[:, None] + walk.mean()
    values = np.linalg.eigvalsh(walk)
    total = float(values.sum())
    if len(values) < 2 or total <= 0:
        return 0.0, 0.0
    return float(values[-1]) / total, float(values[-2]) / total


def gram(weights: NDArray[np.float32], centre: Floats) -> Floats:
    """The inner products (T, T) of the weights (T, P) minus `centre` (P,), in float64, block by block."""
    total = np.zeros((len(weights), len(weights)))
    for start in range(0, weights.shape[1], BLOCK):
        block = weights[:, start : start + BLOCK].astype(np.float64) - centre[start : start + BLOCK]
        total += block @ block.T
    return total


def _centred(path: WeightPath, count: int) -> Floats:
    return np.asarray(_combined(path.weights, np.full((1, count), 1 / count))[0])


def _combined(weights: NDArray[np.float32], shares: Floats) -> Floats:
    """Sums (N, P) of the weights (T, P), weighted by `shares` (N, T)."""
    parts: list[Floats] = [
        shares @ weights[:, start : start + BLOCK].astype(np.float64) for start in range(0, weights.shape[1], BLOCK)
    ]
    return np.asarray(np.concatenate(parts, axis=1))
