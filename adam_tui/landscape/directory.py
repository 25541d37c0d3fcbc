"""landscape-ID in a run's directory: what is computed, the plane, and the points so far.

    request.json   `Request`: the plane, its runs and their recorded steps, the size, the images
    plane.npz      the plane, its area, and where the runs' recorded steps lie on it and off it
    points.bin     a record (`POINT`) for each computed loss, only appended to
    zoomed.bin     the same for points of the plane that are not the grid's: of a part that the screen has zoomed into
    worker.log     stderr of the process

The identity is a hash of the request. So the same request goes on where it was interrupted, and a run that has recorded
more, or other weights after a resume, gets another landscape. A damaged request or plane is written anew, and a record
with other coordinates than its point's is left out. The process that computes is `training.landscape_worker`;
everything here needs numpy only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from adam_tui.landscape.grid import Bounds, Grid
from adam_tui.landscape.plane import KINDS, Plane, Projection
from adam_tui.landscape.weights import WeightPath, check_same_network, checksums, fingerprint, read
from adam_tui.runs import files
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.run import Run
from adam_tui.runs.user_code import NETWORK_FILE

PREFIX = "landscape-"
ID_DIGITS = 8
MAX_REQUEST = 1 << 20  # bytes
MOST_POINTS = 1_000_000
# `kind` is GRID for the grid's point number `index`, ALL for the last weights on all images, whose number is `a`, and
# PATH + r for the recorded step number `index` of the run number r.
POINT = np.dtype([("kind", "<i4"), ("index", "<i4"), ("a", "<f8"), ("b", "<f8"), ("loss", "<f8"), ("accuracy", "<f8")])
GRID, ALL, PATH = 0, 1, 2
NO_INDEX = -1  # of a point in zoomed.bin, which the grid lacks
NEAR = 1e-6  # of the grid's spacing: so far from its place a record may be
PARTS = ("test", "train")  # of the data set

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Request:
    """All that determines a landscape.

    `runs` are the names of the runs' directories, from the directory that holds the first one, `recorded` the last
    recorded step and the number of records of each, and `weights` the checksum of these records. `aspect` is the width
    of the area by its height; `area` (a_min, a_max, b_min, b_max) takes its place. `images` are images of a `part` of
    the data, spread evenly over it: of the test images, or of the first run's training images.
    """

    kind: str
    runs: tuple[str, ...]
    recorded: tuple[tuple[int, int], ...]
    columns: int
    rows: int
    aspect: float
    images: int = 1000
    seed: int = 0
    area: Bounds | None = None
    part: str = PARTS[0]
    weights: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """The hash that names the directory."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]

    @property
    def folder(self) -> str:
        """The name of the directory in the first run's."""
        return f"{PREFIX}{self.id}"

    @classmethod
    def from_json(cls, data: Any) -> Request:
        """The request of a request.json. Raises ValueError for anything else."""
        try:
            area = None
            if data["area"] is not None:
                a_min, a_max, b_min, b_max = map(float, data["area"])
                area = a_min, a_max, b_min, b_max
            request = cls(
                str(data["kind"]),
                tuple(map(str, data["runs"])),
                tuple((int(step), int(count)) for step, count in data["recorded"]),
                int(data["columns"]),
                int(data["rows"]),
                float(data["aspect"]),
                int(data["images"]),
                int(data["seed"]),
                area,
                str(data.get("part", PARTS[0])),
                tuple(map(int, data.get("weights", ()))),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a request for a landscape: {error}") from None
        sized = min(request.columns, request.rows) >= 2 and request.columns * request.rows <= MOST_POINTS
        known = request.kind in KINDS and request.part in PARTS
        if not known or not request.runs or not sized or request.aspect <= 0 or request.images < 1:
            raise ValueError("not a request for a landscape")
        return request


def request(
    runs: Sequence[Run],
    kind: str,
    columns: int,
    rows: int,
    aspect: float,
    images: int,
    seed: int,
    part: str = PARTS[0],
) -> tuple[Request, list[WeightPath]]:
    """The request for a plane of these runs, and the runs' paths.

    Raises ValueError with one line for runs without weights, of different networks or with different data.
    """
    paths = [read(run) for run in runs]
    check_same_network(paths)
    networks = [network_of(run.spec()) for run in runs]
    for run, network in zip(runs, networks, strict=True):
        if network != networks[0]:
            raise ValueError(f"{runs[0].id} and {run.id} are different networks")
    data = [run.spec().data for run in runs]
    for run, name in zip(runs, data, strict=True):
        if name != data[0]:
            raise ValueError(f"{runs[0].id} was trained on {data[0]} and {run.id} on {name}: their losses differ")
    names = tuple(os.path.relpath(run.path.absolute(), runs[0].path.absolute().parent) for run in runs)
    recorded = tuple((int(path.steps[-1]), len(path.steps)) for path in paths)
    weights = tuple(fingerprint(path.steps, checksums(path)) for path in paths)
    # Only a random plane depends on the seed.
    seed = seed if kind == "random" else 0
    return Request(kind, names, recorded, columns, rows, aspect, images, seed, None, part, weights), paths


def network_of(spec: RunSpec) -> tuple[str, str]:
    """The network of a run: the user's function that builds it and the checksum of its file, both "" for ours."""
    return spec.network, spec.code.get(NETWORK_FILE, "")


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """The content of plane.npz: the plane, its grid, the paths on it, and the explained shares.

    `walk` are the shares of a random walk that was recorded at the same steps as the first run.
    """

    plane: Plane
    grid: Grid
    paths: tuple[Projection, ...]
    explained: tuple[float, float]
    walk: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The computed points so far: losses and accuracies, nan where a point is not computed yet.

    `losses` and `accuracies` (rows, columns) are the grid's, `path_losses` those of every path's steps (T,), `all_loss`
    is the loss of the last weights on all `total_images` images, 0 before it is computed. `done` counts the grid's
    points.
    """

    losses: Floats
    accuracies: Floats
    path_losses: tuple[Floats, ...]
    path_accuracies: tuple[Floats, ...]
    all_loss: float
    total_images: int
    done: int


class Landscape:
    """One landscape's directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, run: Run, asked: Request) -> Landscape:
        """The directory of this request in the run's; an existing one goes on. Raises OSError.

        A request.json that is missing, damaged or another one's is written.
        """
        landscape = cls(run.path / asked.folder)
        files.make_private_folder(landscape.path)
        with contextlib.suppress(FileNotFoundError, ValueError):
            if landscape.request() == asked:
                return landscape
        files.write_atomically(landscape._request, json.dumps(dataclasses.asdict(asked)) + "\n")
        return landscape

    @property
    def _request(self) -> Path:
        return self.path / "request.json"

    @property
    def points_file(self) -> Path:
        """The path of the computed points."""
        return self.path / "points.bin"

    def request(self) -> Request:
        """The request of this landscape. Raises OSError, and ValueError for a damaged file."""
        return Request.from_json(json.loads(files.read_regular(self._request, MAX_REQUEST)))

    def runs(self) -> list[Run]:
        """The runs of the request."""
        return [Run(Path(os.path.normpath(self.path.parent.parent / name))) for name in self.request().runs]

    # The plane.

    def write_survey(self, survey: Survey) -> None:
        """Write plane.npz in one move. Raises OSError."""
        arrays: dict[str, Any] = {
            "kind": np.array(survey.plane.kind),
            "origin": survey.plane.origin,
            "directions": survey.plane.directions,
            "norms": survey.plane.norms,
            "bounds": np.array(survey.grid.bounds),
            "size": np.array([survey.grid.columns, survey.grid.rows]),
            "explained": np.array(survey.explained),
            "walk": np.array(survey.walk),
            "names": np.array([path.name for path in survey.paths]),
        }
        for number, path in enumerate(survey.paths):
            for name in ("steps", "places", "off_plane", "from_origin"):
                arrays[f"{name}{number}"] = getattr(path, name)
        packed = io.BytesIO()
        np.savez(packed, **arrays)
        files.write_atomically(self.path / "plane.npz", packed.getvalue())

    def survey(self) -> Survey | None:
        """The plane and the paths; None before they are written, and for a damaged file. Raises OSError."""
        try:
            file = files.open_regular(self.path / "plane.npz")
        except FileNotFoundError:
            return None
        with file:
            try:
                survey = _survey(file)
            except Exception:  # np.load raises nearly anything for a damaged file
                return None
        return survey if _fits(survey) else None

    # The points.

    @property
    def zoomed_file(self) -> Path:
        """The path of the computed points beside the grid's."""
        return self.path / "zoomed.bin"

    def records(self, survey: Survey) -> NDArray[np.void]:
        """The whole records of points.bin that are at their places. Raises OSError."""
        records = _records(self.points_file)
        return records[_in_place(records, survey)]

    def losses_on(self, grid: Grid, survey: Survey) -> tuple[Floats, Floats]:
        """Losses and accuracies (rows, columns) on any grid of the plane, of all points computed so far; nan elsewhere.

        Raises OSError.
        """
        values = np.full((2, len(grid)), np.nan)
        own, zoomed = self.records(survey), _records(self.zoomed_file)
        beside = (zoomed["kind"] == GRID) & (zoomed["index"] == NO_INDEX)
        for records in (own[own["kind"] == GRID], zoomed[beside]):
            index = grid.index_of(np.stack([records["a"], records["b"]], -1))
            values[:, index[index >= 0]] = records["loss"][index >= 0], records["accuracy"][index >= 0]
        losses, accuracies = values.reshape(2, grid.rows, grid.columns)
        return losses, accuracies

    def points(self, survey: Survey) -> Points:
        """The points that are computed so far, each in its place."""
        records = self.records(survey)
        size = len(survey.grid)
        losses, accuracies = np.full((2, size), np.nan)
        grid = records[records["kind"] == GRID]
        losses[grid["index"]], accuracies[grid["index"]] = grid["loss"], grid["accuracy"]
        path_losses, path_accuracies = [], []
        for number, path in enumerate(survey.paths):
            own = np.full((2, len(path.steps)), np.nan)
            steps = records[records["kind"] == PATH + number]
            own[:, steps["index"]] = steps["loss"], steps["accuracy"]
            path_losses.append(own[0])
            path_accuracies.append(own[1])
        whole = records[records["kind"] == ALL][-1:]
        shape = survey.grid.rows, survey.grid.columns
        return Points(
            losses.reshape(shape),
            accuracies.reshape(shape),
            tuple(path_losses),
            tuple(path_accuracies),
            float(whole["loss"][0]) if len(whole) else float("nan"),
            int(whole["a"][0]) if len(whole) else 0,
            len(np.unique(grid["index"])),
        )


def _records(path: Path) -> NDArray[np.void]:
    try:
        content = files.read_regular(path, 4 * MOST_POINTS * POINT.itemsize)
    except FileNotFoundError:
        return np.empty(0, POINT)
    return np.frombuffer(content, POINT, len(content) // POINT.itemsize)


def _survey(file: IO[bytes]) -> Survey:
    """The content of a plane.npz; raises anything for a damaged one."""
    with np.load(file, allow_pickle=False) as held:
        plane = Plane(str(held["kind"]), held["origin"], held["directions"])
        columns, rows = held["size"].tolist()
        a_min, a_max, b_min, b_max = held["bounds"].tolist()
        paths = tuple(
            Projection(str(name), *(held[f"{key}{n}"] for key in ("steps", "places", "off_plane", "from_origin")))
            for n, name in enumerate(held["names"])
        )
        shares = [(float(held[key][0]), float(held[key][1])) for key in ("explained", "walk")]
        return Survey(plane, Grid((a_min, a_max, b_min, b_max), columns, rows), paths, shares[0], shares[1])


def _fits(survey: Survey) -> bool:
    """Whether the arrays of a plane.npz have the shapes of a plane with paths."""
    plane, grid = survey.plane, survey.grid
    fits = plane.origin.ndim == 1 and plane.directions.shape == (2, len(plane.origin))
    fits &= min(grid.columns, grid.rows) >= 2 and grid.bounds[0] < grid.bounds[1] and grid.bounds[2] < grid.bounds[3]
    for path in survey.paths:
        count = len(path.steps)
        fits &= path.places.shape == (count, 2) and path.off_plane.shape == path.from_origin.shape == (count,)
    return fits and bool(survey.paths)


def _in_place(records: NDArray[np.void], survey: Survey) -> NDArray[np.bool_]:
    """Which records (N,) have the coordinates of the point that they name: a damaged file has others, or zeros."""
    places = np.stack([records["a"], records["b"]], -1)
    kind, index = records["kind"], records["index"]
    right = (kind == GRID) & (index >= 0)
    if right.any():
        right[right] = survey.grid.index_of(places[right]) == index[right]
    right |= (kind == ALL) & (index == 0) & (records["a"] >= 1) & (records["b"] == 0)
    for number, path in enumerate(survey.paths):
        own = np.flatnonzero((kind == PATH + number) & (index >= 0) & (index < len(path.steps)))
        away = abs(places[own] - path.places[index[own]])
        right[own] = (away <= NEAR * np.array(survey.grid.spacing)).all(-1)
    return np.asarray(right)


def work(survey: Survey) -> list[tuple[int, int]]:
    """The points to compute, (kind, index), in their order: a coarse grid, the paths, all images, the rest."""
    order = survey.grid.order()
    coarse = survey.grid.coarse.size
    steps = [(PATH + number, n) for number, path in enumerate(survey.paths) for n in range(len(path.steps))]
    return [*((GRID, n) for n in order[:coarse]), *steps, (ALL, 0), *((GRID, n) for n in order[coarse:])]
