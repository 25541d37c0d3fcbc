"""The rest points at which the converged cells of a map end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.maps.outcomes import CONVERGED, Integers, Outcomes
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import Array

# Ends this near to a listed minimum, as a share of the plot, count as it; a gradient of TOLERANCE is nearer.
AT_A_MINIMUM = 1e-3
# Newton's method moves an end to the rest point beside it, at most by this share of the plot.
POLISHED = 1e-2
NEWTON_STEPS = 30
# A Hessian whose eigenvalues differ by more than this belongs to a valley or a flat place, not to one point.
LEVEL = 1e-5
# Cells whose ends are compared at once.
BAND = 1 << 16
# Ends on ground without a single rest point are one place while they are less than this share of the plot apart.
FLAT_GROUND = 0.05


def rest_points(outcomes: Outcomes, surface: Surface) -> tuple[Integers, Array]:
    """Where the converged cells end: a number for each cell (rows, columns), −1 for the others, and the points (k, 2).

    The listed minima come first, in their order, whether a cell ends there or not. Then come the other rest points by
    their distance from the nearest listed minimum, or by their loss where none is listed. Connected ground that is
    flat everywhere counts as one.
    """
    numbers = np.full(outcomes.states.shape, -1, dtype=np.int32)
    listed = np.array(surface.minima, dtype=np.float64).reshape(-1, 2)
    x_min, x_max, y_min, y_max = surface.bounds
    size = max(x_max - x_min, y_max - y_min)
    with np.errstate(all="ignore"):
        # In bands of rows: a map of millions of cells needs little memory beside its outcomes.
        height = max(BAND // outcomes.states.shape[1], 1)
        bands = [np.s_[first : first + height] for first in range(0, len(numbers), height)]
        squares, firsts = [], []
        for band in bands:
            ends = outcomes.ends[band][outcomes.states[band] == CONVERGED]
            occupied, first = np.unique(_squares(ends, size * AT_A_MINIMUM), return_index=True)
            squares.append(occupied)
            firsts.append(ends[first])
        occupied, first = np.unique(np.concatenate(squares), return_index=True)
        own, points = _numbered(np.concatenate(firsts)[first], listed, surface, size)
        for band in bands:
            cells = outcomes.states[band] == CONVERGED
            square = _squares(outcomes.ends[band][cells], size * AT_A_MINIMUM)
            numbers[band][cells] = own[np.searchsorted(occupied, square)]
    return numbers, points


def _numbered(ends: Array, listed: Array, surface: Surface, size: float) -> tuple[NDArray[np.intp], Array]:
    """The number of the rest point of each end (n, 2), and the rest points (k, 2), see `rest_points`."""
    if not len(ends):
        return np.empty(0, dtype=np.intp), listed
    polished, isolated = _polish(ends, surface, size)
    number = _nearest(ends, listed, size * AT_A_MINIMUM)
    number = np.where(number < 0, _nearest(polished, listed, size * AT_A_MINIMUM), number)
    others: list[Array] = []
    for points, cells, distance in (
        (polished, np.flatnonzero((number < 0) & isolated), size * AT_A_MINIMUM),
        (ends, np.flatnonzero((number < 0) & ~isolated), size * FLAT_GROUND),
    ):
        cluster = _linked(points[cells], distance)
        number[cells] = len(listed) + len(others) + cluster
        others += [points[cells][int((cluster == k).argmax())] for k in range(cluster.max(initial=-1) + 1)]
    order = sorted(range(len(others)), key=lambda k: _order(others[k], listed, surface))
    renumbered = np.concatenate([np.arange(len(listed)), len(listed) + np.argsort(np.array(order, dtype=np.intp))])
    return renumbered[number], np.concatenate([listed, np.array([others[k] for k in order]).reshape(-1, 2)])


def _squares(points: Array, width: float) -> NDArray[np.complex128]:
    """The square of this width in which each of the points (n, 2) lies, as one number (n,) that can be sorted."""
    squares: NDArray[np.complex128] = np.round(points[:, 0] / width) + 1j * np.round(points[:, 1] / width)
    return squares


def _nearest(points: Array, listed: Array, within: float) -> NDArray[np.intp]:
    """The index of the listed point nearest to each of the points, −1 where none is that near."""
    if not len(listed):
        return np.full(len(points), -1)
    distances = np.hypot(*np.moveaxis(points[:, np.newaxis] - listed, -1, 0))
    index = distances.argmin(axis=1)
    return np.where(distances[np.arange(len(points)), index] <= within, index, -1)


def _polish(points: Array, surface: Surface, size: float) -> tuple[Array, NDArray[np.bool_]]:
    """Move points by Newton's method to the rest points beside them, and whether there is one to which each moved."""
    at, step = points.copy(), np.full_like(points, np.inf)
    level = np.ones(len(points), dtype=bool)
    for _ in range(NEWTON_STEPS):
        g, h = surface.gradient(at), surface.hessian(at)
        xx, xy, yy = h[:, 0, 0], h[:, 0, 1], h[:, 1, 1]
        det = xx * yy - xy * xy
        level = ~(np.abs(det) > LEVEL * np.square(h).sum(axis=(1, 2)))
        step = np.stack([xy * g[:, 1] - yy * g[:, 0], xy * g[:, 0] - xx * g[:, 1]], axis=-1) / det[:, np.newaxis]
        step[level | ~np.isfinite(step).all(axis=1)] = np.nan
        moves = np.isfinite(step).all(axis=1)
        at[moves] += step[moves]
        if not (np.abs(step[moves]) > 1e-12 * size).any():
            break
    moved = np.hypot(*(at - points).T)
    isolated = ~level & (np.abs(step).max(axis=1) < 1e-9 * size) & (moved < POLISHED * size)
    at[np.abs(at) < 1e-12 * size] = 0.0
    return np.where(isolated[:, np.newaxis], at, points), isolated


def _linked(points: Array, distance: float) -> NDArray[np.intp]:
    """A number for each of the points (n, 2): equal for those in one square of this width, or in squares that touch."""
    occupied, member = np.unique(_squares(points, distance), return_inverse=True)
    squares = {(square.real, square.imag): i for i, square in enumerate(occupied.tolist())}
    cluster, count = np.full(len(occupied), -1), 0
    for square, index in squares.items():
        if cluster[index] >= 0:
            continue
        waiting = [square]
        while waiting:
            x, y = waiting.pop()
            here = squares.get((x, y))
            if here is not None and cluster[here] < 0:
                cluster[here] = count
                waiting += [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        count += 1
    return cluster[member]


def _order(point: Array, listed: Array, surface: Surface) -> tuple[float, float, float]:
    """The key by which rest points are numbered."""
    first = float(np.hypot(*(listed - point).T).min() if len(listed) else surface.f(point))
    return round(first, 9), float(point[0]), float(point[1])
