"""The landscape that is shown, as far as it is computed: a thread prepares it, orders its parts, and reads its files.

The thread computes the plane and the paths on it: a tenth of a second. The losses come from a process
(`landscape.process.Server`), which is started when a landscape is opened and ends when it is closed. All that it has
computed is in files, so the next opening goes on from there.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adam_tui.landscape import directory, plane
from adam_tui.landscape.directory import Landscape, Request, Survey
from adam_tui.landscape.grid import Grid, bounds_around
from adam_tui.landscape.plane import Projection
from adam_tui.landscape.process import BUSY, LOG, Order, Server, is_active, last_error
from adam_tui.landscape.step_losses import StepLosses
from adam_tui.landscape.survey import survey_of
from adam_tui.landscape.weights import WeightPath, checksums, fingerprint, read
from adam_tui.runs.run import Run
from adam_tui.ui.train.landscape.state import Bounds, Kind

COLUMNS, ROWS = 33, 25  # of the first grid, as on the command line: its points are shared
IMAGES = 1000
POLL_COMPUTING, POLL_IDLE = 0.15, 1.0  # seconds between two looks at the files
RETRY_SECONDS = 2.0
KILLS = 2  # a process that was killed is started again once
SAME = 1e-5  # of the size of a path: two projections of the same weights are so near
PACE_SECONDS = 0.5  # of computing, from which a time that is left can be estimated

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]
Runs = tuple[tuple[str, Path], ...]  # id on the screen, and directory


@dataclass(frozen=True, slots=True)
class Wanted:
    """The landscape that the screen shows: its plane, the part of it, and the runs whose paths are drawn.

    `runs` determine the plane; the selected one is the first. `view` is the whole plot; None before its size is known.
    """

    runs: Runs
    kind: Kind
    seed: int
    version: int
    others: Runs = ()
    view: Bounds | None = None

    @property
    def plane(self) -> tuple[Runs, Kind, int, int]:
        """All that determines the plane."""
        return self.runs, self.kind, self.seed, self.version


@dataclass(frozen=True, slots=True, eq=False)
class PathOnPlane:
    """The path of a run: where its recorded steps are, and their true losses, nan where they are not computed yet."""

    id: str
    seen: Projection
    losses: Floats
    accuracies: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """All that is known of the wanted landscape at one moment.

    `survey` is None when there is no plane, and `problem` says why. `loss_at` and `accuracy_at` map places (…, 2) to
    values, nan where none is computed. `home` is the part of the plane with all paths. `done` of `total` points are
    computed; `seconds_left` is nan while it is unknown. `elsewhere` is true while another process computes this
    landscape, as for a second app, and ours waits for its end. `remarks` are about runs that are left out.
    """

    wanted: Wanted
    survey: Survey | None = None
    request: Request | None = None
    paths: tuple[PathOnPlane, ...] = ()
    loss_at: Function | None = None
    accuracy_at: Function | None = None
    home: Bounds | None = None
    all_loss: float = math.nan
    total_images: int = 0
    done: int = 0
    total: int = 0
    elsewhere: bool = False
    seconds_left: float = math.nan
    problem: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when all points of the part that is shown are computed."""
        return self.done >= self.total > 0


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    """The recorded steps of a run, read once for each state of its file.

    `replaced` is true when the run has other weights now than those that determine the plane, as after a resume.
    """

    state: tuple[int, int]
    path: WeightPath
    sums: list[int]
    seen: Projection
    replaced: bool


class LandscapeThread:
    """Follows the wanted landscape in a thread of its own. `report` is called there when `picture` has changed."""

    def __init__(self, report: Callable[[], object]) -> None:
        self._report = report
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._wanted: Wanted | None = None
        self._thread: threading.Thread | None = None
        self._follower: _Follower | None = None
        self.picture: Picture | None = None

    def want(self, wanted: Wanted | None) -> None:
        """Follow this landscape; None ends the process and the thread."""
        with self._lock:
            if wanted == self._wanted:
                return
            self._wanted = wanted
            self._wake.set()
            if wanted is None:
                self.picture = None
            elif self._thread is None:
                self._thread = threading.Thread(target=self._run, name="landscape", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        follower = self._follower = _Follower()
        try:
            while True:
                with self._lock:
                    wanted = self._wanted
                    if wanted is None:
                        self._thread = None
                        return
                picture = follower.picture(wanted)
                with self._lock:
                    changed = picture is not self.picture and self._wanted is not None
                    if changed:
                        self.picture = picture
                if changed:
                    self._report()
                self._wake.wait(follower.pause)
                self._wake.clear()
        finally:
            follower.close()


class _Follower:
    """The work of the thread: it keeps the plane, the process, and what was read of the files."""

    def __init__(self) -> None:
        self.pause = POLL_COMPUTING
        self._server: Server | None = None
        self._picture: Picture | None = None
        self._plane: object = None
        self._landscape: Landscape | None = None
        self._request: Request | None = None
        self._survey: Survey | None = None
        self._recorded: dict[Path, _Recorded] = {}
        self._order: object = None
        self._files: object = None
        self._kills, self._failure = 0, ""
        self._elsewhere, self._check_at = False, 0.0
        self._pace: tuple[object, float, int] = (None, 0.0, 0)

    def close(self) -> None:
        """End the process."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def picture(self, wanted: Wanted) -> Picture:
        """The picture now; the same object while nothing has changed."""
        try:
            if wanted.plane != self._plane:
                self._take_plane(wanted)
            return self._refreshed(wanted)
        except (OSError, ValueError) as error:
            self._plane, self.pause = None, POLL_IDLE
            problem = _text(error)
            if self._picture is None or (self._picture.wanted, self._picture.problem) != (wanted, problem):
                self._picture = Picture(wanted, problem=problem)
            return self._picture

    def _take_plane(self, wanted: Wanted) -> None:
        """Compute the plane, or read that of a landscape which was begun before. Raises OSError and ValueError."""
        runs = [Run(path) for _, path in wanted.runs]
        aspect = (COLUMNS - 1) / (ROWS - 1)
        request, paths = directory.request(runs, wanted.kind, COLUMNS, ROWS, aspect, IMAGES, wanted.seed)
        landscape = Landscape(runs[0].path / request.folder)
        survey = landscape.survey()
        if survey is None:
            survey = survey_of(request, paths)  # first: a plane that cannot be taken leaves no directory
            landscape = Landscape.create(runs[0], request)
            landscape.write_survey(survey)
        self._landscape, self._request, self._survey = landscape, request, survey
        self._plane, self._recorded, self._order, self._files = wanted.plane, {}, None, None
        self._kills, self._failure = 0, ""
        self._elsewhere, self._check_at = False, 0.0

    def _refreshed(self, wanted: Wanted) -> Picture:
        assert self._landscape is not None
        assert self._request is not None
        assert self._survey is not None
        landscape, request, survey = self._landscape, self._request, self._survey
        recorded, remarks = self._paths(wanted, survey)
        stores = [StepLosses.of(Run(path), request) for _, path, _ in recorded]
        files = [landscape.points_file, landscape.zoomed_file, *(store.path for store in stores)]
        state = (
            wanted,
            tuple(map(_size, files)),
            tuple(each.state for *_, each in recorded),
            remarks,
            self._failure,
            self._elsewhere,
        )
        if self._picture is None or state != self._files:
            self._files = state
            self._picture = self._composed(wanted, landscape, request, survey, recorded, stores, remarks)
            self.pause = POLL_IDLE if self._picture.complete else POLL_COMPUTING
        self._give_order(wanted, landscape, recorded, complete=self._picture.complete)
        return self._picture

    def _composed(
        self,
        wanted: Wanted,
        landscape: Landscape,
        request: Request,
        survey: Survey,
        recorded: Sequence[tuple[str, Path, _Recorded]],
        stores: Sequence[StepLosses],
        remarks: tuple[str, ...],
    ) -> Picture:
        """The picture from what the files hold now. Raises OSError."""
        grid = survey.grid.covering(wanted.view or survey.grid.bounds)
        paths = []
        for (id, _, each), store in zip(recorded, stores, strict=True):
            paths.append(PathOnPlane(id, each.seen, *store.read(each.path, each.sums)))
        losses, accuracies = landscape.losses_on(grid, survey)
        own_losses, own_accuracies = landscape.losses_on(survey.grid, survey)
        part = np.array(grid.order(wanted.view or survey.grid.bounds))
        computed = int(np.isfinite(losses.ravel()[part]).sum())
        steps = int(sum(np.isfinite(path.losses).sum() for path in paths))
        total = len(part) + sum(len(path.losses) for path in paths)
        points = landscape.points(survey)
        return Picture(
            wanted,
            survey,
            request,
            tuple(paths),
            _layered(grid, losses, survey.grid, own_losses),
            _layered(grid, accuracies, survey.grid, own_accuracies),
            _home(survey, paths),
            points.all_loss,
            points.total_images,
            computed + steps,
            total,
            self._elsewhere,
            self._seconds_left(computed + steps, total),
            self._failure,
            remarks,
        )

    def _paths(self, wanted: Wanted, survey: Survey) -> tuple[list[tuple[str, Path, _Recorded]], tuple[str, ...]]:
        """The paths of the runs as far as they are recorded now, and why some runs have none on this plane."""
        present, remarks = [], []
        for number, (id, folder) in enumerate((*wanted.runs, *wanted.others)):
            try:
                own = survey.paths[number] if number < len(wanted.runs) else None
                weights = self._request.weights[number] if self._request and own is not None else None
                each = self._read(folder, survey, wanted.runs[0], own, weights)
            except ValueError as error:
                if number < len(wanted.runs):
                    raise
                remarks.append(str(error))
            else:
                present.append((id, folder, each))
                if each.replaced:
                    remarks.append(f"{id} has other weights now; the plane is that of its earlier ones")
        return present, tuple(remarks)

    def _read(
        self, folder: Path, survey: Survey, first: tuple[str, Path], own: Projection | None, weights: int | None
    ) -> _Recorded:
        """The recorded steps of a run; `own` is where those of the survey lie, whose checksum is `weights`.

        Raises ValueError with one line.
        """
        run = Run(folder)
        try:
            info = run.weights.stat()
            state = info.st_mtime_ns, info.st_size
        except OSError:
            state = -1, 0
        known = self._recorded.get(folder)
        if known is not None and known.state == state:
            return known
        path = read(run)
        count, expected = path.weights.shape[1], len(survey.plane.origin)
        if count != expected:
            raise ValueError(
                f"{run.id} is left out: its network has {count:,} weights, that of {first[0]} {expected:,}"
            )
        mine, theirs = run.spec(), Run(first[1]).spec()
        if directory.network_of(mine) != directory.network_of(theirs):
            raise ValueError(f"{run.id} is left out: its network is another one than that of {first[0]}")
        if mine.data != theirs.data:
            raise ValueError(f"{run.id} is left out: it was trained on {mine.data}, {first[0]} on {theirs.data}")
        sums = checksums(path)
        same = own is not None and fingerprint(path.steps, sums) == weights
        seen = own if own is not None and same else plane.project(survey.plane, path)
        replaced = own is not None and not same and _is_replaced(own, seen)
        self._recorded[folder] = _Recorded(state, path, sums, seen, replaced)
        return self._recorded[folder]

    # The process.

    def _give_order(
        self,
        wanted: Wanted,
        landscape: Landscape,
        recorded: Sequence[tuple[str, Path, _Recorded]],
        *,
        complete: bool,
    ) -> None:
        """Start the process if it does not run, and order what is wanted now; nothing where all is computed."""
        server = self._server
        if server is not None and (status := server.status) is not None:
            self._take_end(server, status)
            self.close()
        if self._elsewhere and time.monotonic() >= self._check_at:
            self._check_elsewhere(landscape)
        order = (landscape.path, wanted.view, tuple((path, each.state) for _, path, each in recorded))
        if self._failure or complete or (order == self._order and self._server is not None):
            return
        if self._server is None:
            if not self._elsewhere:
                self._check_elsewhere(landscape)  # first: a process would load torch in vain
            if self._elsewhere:
                return
            self._server = Server(landscape.path / LOG)
        if wanted.view is not None:
            self._server.order(Order(landscape.path, wanted.view, tuple(path for _, path, _ in recorded)))
            self._order = order

    def _check_elsewhere(self, landscape: Landscape) -> None:
        """See whether another process computes this landscape now."""
        self._elsewhere, self._check_at = is_active(landscape), time.monotonic() + RETRY_SECONDS

    def _take_end(self, server: Server, status: int) -> None:
        """Note how the process has ended: by itself after its work, or with an error, which is shown in words."""
        if status == BUSY:
            self._elsewhere, self._check_at = True, time.monotonic() + RETRY_SECONDS
        elif status < 0:
            self._kills += 1
            if self._kills >= KILLS:
                self._failure = (
                    f"the computing process was killed by signal {-status}, perhaps because the memory is full; "
                    f"its log is {server.log}"
                )
        elif status > 0:
            line = last_error(server.log) or f"the computing process ended with status {status}"
            self._failure = f"{line}; the log is {server.log}"

    def _seconds_left(self, done: int, total: int) -> float:
        """From the pace since this order was given."""
        now = time.monotonic()
        order, began, first = self._pace
        if order is not self._order or done < first:
            self._pace = self._order, now, done
            return math.nan
        if done == first:
            self._pace = self._order, now, done  # the process is still loading
            return math.nan
        elapsed = now - began
        return (total - done) * elapsed / (done - first) if elapsed > PACE_SECONDS else math.nan


def _layered(grid: Grid, values: Floats, base: Grid, base_values: Floats) -> Function:
    """The values on a part of the plane, and where it has none yet those of the whole, which are coarser."""
    fine, coarse = grid.sampler(grid.filled(values.ravel())), base.sampler(base.filled(base_values.ravel()))

    def value_at(places: Floats) -> Floats:
        own = fine(places)
        missing = np.isnan(own)
        if missing.any():
            own[missing] = coarse(places[missing])
        return own

    return value_at


def _is_replaced(before: Projection, now: Projection) -> bool:
    """Whether the weights of the last step before have gone; False where a run that trains on has only thinned them."""
    last = before.steps[-1]
    number = int(np.searchsorted(now.steps, last))
    if number == len(now.steps) or now.steps[number] != last:
        return bool(now.steps[-1] < last)
    then, there = (
        np.array([*each.places[n], each.off_plane[n], each.from_origin[n]]) for each, n in ((before, -1), (now, number))
    )
    return not np.allclose(then, there, rtol=SAME, atol=SAME * float(before.from_origin.max()))


def _home(survey: Survey, paths: Sequence[PathOnPlane]) -> Bounds:
    """The grid's own area, enlarged for paths that were added later."""
    a_min, a_max, b_min, b_max = survey.grid.bounds
    places = np.concatenate([path.seen.places for path in paths])
    inside = (places >= (a_min, b_min)).all() and (places <= (a_max, b_max)).all()
    if inside:
        return survey.grid.bounds
    corners = np.array([[a_min, b_min], [a_max, b_max]])
    return bounds_around(np.concatenate([places, corners]), (a_max - a_min) / (b_max - b_min))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _text(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
