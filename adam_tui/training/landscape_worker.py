"""The process that computes a loss landscape: `python -m adam_tui.training.landscape_worker RUNDIR/landscape-ID`.

It reads request.json, writes plane.npz, and appends every computed loss to points.bin, coarse to fine. So a reader has
a picture at any time, a process that is killed loses one point, and the next one goes on. The weights of one point at a
time are in memory: a buffer in float64 for the sum, and one in float32 for the network.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from adam_tui.landscape import directory, plane
from adam_tui.landscape.directory import ALL, GRID, PATH, POINT, Landscape, Request, Survey
from adam_tui.landscape.grid import Grid, bounds_around
from adam_tui.landscape.plane import Floats, Plane
from adam_tui.landscape.process import BUSY
from adam_tui.landscape.weights import WeightPath, check_same_network, read
from adam_tui.runs import file_lock, files
from adam_tui.runs.protocol import RunSpec
from adam_tui.training import device_setup
from adam_tui.training.landscape_loss import SHAPES, Loss, load_images, loss_on, spread
from adam_tui.training.model import PARAMETERS

Measure = Callable[[torch.Tensor], Loss]
RANDOM_AREA = 1.0  # a random plane reaches so many norms of the filters to each side, and around the path

ALL_AT_ONCE = 200  # images: 4 MB of windows beside those of the chosen images


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the landscape is complete, 1 with one line on stderr when it cannot be computed."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m adam_tui.training.landscape_worker RUNDIR/landscape-ID", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, without a traceback: every point is written already
    landscape = Landscape(Path(arguments[0]).absolute())
    try:
        return compute(landscape)
    except (OSError, ValueError) as error:
        text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        print(text, file=sys.stderr)
        return 1


def compute(landscape: Landscape) -> int:
    """Compute the rest of a landscape. Raises OSError, and ValueError with one line."""
    request = landscape.request()
    runs = landscape.runs()
    paths = [_recorded(read(run), last) for run, (last, _) in zip(runs, request.recorded, strict=True)]
    check_same_network(paths)
    spec = runs[0].spec()
    device_setup.tune_process(torch.device("cpu"))
    descriptor = files.open_private(landscape.points_file, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            if not file_lock.lock(descriptor):
                print("another process computes this landscape", file=sys.stderr)
                return BUSY
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // POINT.itemsize * POINT.itemsize)
        survey = landscape.survey()
        measures = _Measures(spec, request.images)
        if survey is None:
            survey = survey_of(request, paths, measures.total)
            landscape.write_survey(survey)
        fill(landscape, survey, paths, measures.some, measures.all, descriptor)
    finally:
        os.close(descriptor)
    return 0


def _recorded(path: WeightPath, last: int) -> WeightPath:
    """The path up to the last step of the request: a running run may have recorded more since."""
    count = int(np.searchsorted(path.steps, last, side="right"))
    if not count or path.steps[count - 1] != last:
        raise ValueError(f"{path.name} no longer holds the weights of step {last:,}")
    return WeightPath(path.name, path.steps[:count], path.weights[:count])


def survey_of(request: Request, paths: list[WeightPath], total_images: int) -> Survey:
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
        plane.explained(chosen, paths[0]),
        plane.random_walk_shares(paths[0].steps),
        total_images,
    )


def choose_plane(request: Request, paths: list[WeightPath]) -> Plane:
    """The plane of a request. Raises ValueError with one line."""
    if request.kind == "pca":
        return plane.pca(paths[0])
    if request.kind == "random":
        if paths[0].weights.shape[1] != PARAMETERS:
            raise ValueError(f"{paths[0].name} is another network: it has {paths[0].weights.shape[1]:,} weights")
        return plane.random(paths[0], SHAPES, request.seed)
    return plane.points(paths)


class _Measures:
    """The losses on the chosen images and on all of them."""

    def __init__(self, spec: RunSpec, count: int) -> None:
        self._images, self._labels, self._mean, self._deviation = load_images(spec.data, spec.data_dir)
        self.total = len(self._images)
        index = spread(min(count, self.total), self.total)
        self.some: Measure = loss_on(self._images[index], self._labels[index], self._mean, self._deviation)

    def all(self, weights: torch.Tensor) -> Loss:
        """The loss on all images, a part of them after the other: the memory of one part."""
        losses, rights = 0.0, 0.0
        for start in range(0, self.total, ALL_AT_ONCE):
            images, labels = (each[start : start + ALL_AT_ONCE] for each in (self._images, self._labels))
            part = loss_on(images, labels, self._mean, self._deviation)(weights)
            losses, rights = losses + part.loss * len(images), rights + part.accuracy * len(images)
        return Loss(losses / self.total, rights / self.total)


def fill(
    landscape: Landscape,
    survey: Survey,
    paths: list[WeightPath],
    measure: Measure,
    measure_all: Measure,
    descriptor: int,
) -> None:
    """Compute the points that points.bin does not hold yet, and append each to it. Raises OSError."""
    records = landscape.records()
    done = set(zip(records["kind"].tolist(), records["index"].tolist(), strict=True))
    single = torch.empty(survey.plane.origin.shape, dtype=torch.float32)
    exact = np.empty_like(survey.plane.origin)
    record = np.zeros(1, POINT)
    for kind, index in directory.work(survey):
        if (kind, index) in done:
            continue
        a, b = 0.0, 0.0
        if kind == GRID:
            a, b = survey.grid.point(index)
            _point(survey.plane, a, b, exact)
            single.copy_(torch.from_numpy(exact))
        else:
            path, step = (paths[0], -1) if kind == ALL else (paths[kind - PATH], index)
            single.copy_(torch.from_numpy(np.array(path.weights[step])))
            if kind >= PATH:
                a, b = survey.paths[kind - PATH].places[index].tolist()
        result = (measure_all if kind == ALL else measure)(single)
        record[0] = kind, index, a, b, *result
        _append(descriptor, record.tobytes(), landscape)


def _point(chosen: Plane, a: float, b: float, out: Floats) -> None:
    """Write the weights of a point into `out`, without another array of that size than the product's."""
    np.multiply(chosen.directions[0], a, out=out)
    out += chosen.origin
    if b:
        out += b * chosen.directions[1]


def _append(descriptor: int, content: bytes, landscape: Landscape) -> None:
    """Append one record, whole. Raises OSError that names the file, also for a full disk."""
    if os.write(descriptor, content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(landscape.points_file))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
