"""The process that computes loss landscapes: `python -m adam_tui.training.landscape_worker RUNDIR/landscape-ID`.

It reads request.json, writes plane.npz, and appends every computed loss to points.bin, coarse to fine. So a reader has
a picture at any time, a process that is killed loses one point, and the next one goes on. The weights of one point at a
time are in memory: a buffer in float64 for the sum, and one in float32 for the network.

With `--serve` it takes orders from its standard input, see `landscape.process.Order`: parts of a plane that a screen
shows. A newer order replaces the one before at the next point. It ends when the input is closed, or after a minute
without an order.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from adam_tui.landscape import directory
from adam_tui.landscape.directory import ALL, GRID, PATH, POINT, Landscape, Request, Survey
from adam_tui.landscape.plane import Floats, Plane
from adam_tui.landscape.process import BUSY, SERVE, Order
from adam_tui.landscape.step_losses import StepLosses
from adam_tui.landscape.survey import requested, survey_of
from adam_tui.landscape.weights import WeightPath, check_same_network, checksums, read
from adam_tui.runs import file_lock, files, user_code
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.run import Run
from adam_tui.training import device_setup, user_network
from adam_tui.training.landscape_loss import Loss, load_images, loss_on, spread
from adam_tui.training.time_limit import time_limit

Measure = Callable[[torch.Tensor], Loss]

ALL_AT_ONCE = 200  # images: 4 MB of windows beside those of the chosen images
IDLE_SECONDS = 60.0  # without an order, after which a server ends: torch alone holds 200 MB
ORDER_BYTES = 1 << 16


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the landscape is complete, 1 with one line on stderr when it cannot be computed."""
    serves = arguments == [SERVE]
    if not serves and (len(arguments) != 1 or not Path(arguments[0]).is_dir()):
        print("usage: python -m adam_tui.training.landscape_worker RUNDIR/landscape-ID", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, without a traceback: every point is written already
    try:
        return serve(Orders(sys.stdin.fileno())) if serves else compute(Landscape(Path(arguments[0]).absolute()))
    except (OSError, ValueError) as error:
        text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        print(text, file=sys.stderr)
        return 1


class Orders:
    """The orders from a pipe, of which only the newest counts. `closed` is true after its end."""

    def __init__(self, descriptor: int, idle_seconds: float = IDLE_SECONDS) -> None:
        self._descriptor, self._idle_seconds = descriptor, idle_seconds
        self._text, self._newest, self.closed = b"", b"", False

    def next(self) -> Order | None:
        """Wait for the newest order; None when the pipe is closed, or after too long a time without one."""
        while not self.interrupted(self._idle_seconds):
            if not self._text:
                return None
        if self.closed or not self._newest:
            return None
        line, self._newest = self._newest, b""
        return Order.from_line(line.decode())

    def interrupted(self, seconds: float = 0.0) -> bool:
        """Whether there is a newer order, or the pipe is closed; waits for so many seconds at most."""
        while not self.closed and select.select([self._descriptor], [], [], seconds)[0]:
            content = os.read(self._descriptor, ORDER_BYTES)
            self.closed = not content
            *lines, self._text = (self._text + content).split(b"\n")
            self._newest = lines[-1] if lines else self._newest
            seconds = 0.0
        return self.closed or bool(self._newest)


def serve(orders: Orders) -> int:
    """Compute what is ordered until the orders end. Raises OSError, and ValueError with one line."""
    images = Images()
    while (order := orders.next()) is not None:
        with _locked(Landscape(order.landscape)) as descriptor:
            if descriptor is None:
                return BUSY
            computing = Computing(Landscape(order.landscape), images, descriptor, orders.interrupted)
            computing.part(order)
    return 0


def compute(landscape: Landscape) -> int:
    """Compute the rest of a landscape. Raises OSError, and ValueError with one line."""
    with _locked(landscape) as descriptor:
        if descriptor is None:
            return BUSY
        Computing(landscape, Images(), descriptor).whole()
    return 0


@contextlib.contextmanager
def _locked(landscape: Landscape) -> Iterator[int | None]:
    """The descriptor of points.bin, cut to whole records and locked; None while another process holds it."""
    descriptor = files.open_private(landscape.points_file, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        is_free = True
        with contextlib.suppress(OSError):  # a file system without locks
            is_free = file_lock.lock(descriptor)
        if is_free:
            _cut(descriptor)
            yield descriptor
        else:
            print("another process computes this landscape", file=sys.stderr)
            yield None
    finally:
        os.close(descriptor)


def _cut(descriptor: int) -> None:
    """Remove the part of a record that a killed process left at the end."""
    os.ftruncate(descriptor, os.fstat(descriptor).st_size // POINT.itemsize * POINT.itemsize)


@dataclass(eq=False)
class Images:
    """The functions that measure a loss: the images are read once for all landscapes of the same data."""

    _known: dict[tuple[object, ...], tuple[Measure, Measure, int]] = field(default_factory=dict)

    def of(self, run: Run, request: Request) -> tuple[Measure, Measure, int]:
        """The loss on the request's images, the one on all of them, and the number of all. Raises ValueError."""
        spec = run.spec()
        limits = (spec.limit, spec.validation) if request.part == "train" else (0, 0)
        device = device_of(spec)
        key = (spec.data, spec.data_dir, request.part, *limits, request.images, device, spec.network and run.path)
        if key not in self._known:
            self._known.clear()
            device_setup.tune_process(device)
            network = network_of(run, spec, device) if spec.network else None
            images, labels, mean, deviation = load_images(spec.data, spec.data_dir, request.part, *limits)
            total = len(images)
            index = spread(min(request.images, total), total)
            some = loss_on(images[index], labels[index], mean, deviation, device, network)

            def on_all(weights: torch.Tensor) -> Loss:
                """A part of the images after the other: the memory of one part."""
                loss, right = 0.0, 0.0
                for start in range(0, total, ALL_AT_ONCE):
                    own = slice(start, start + ALL_AT_ONCE)
                    part = loss_on(images[own], labels[own], mean, deviation, device, network)(weights)
                    loss, right = loss + part.loss * len(images[own]), right + part.accuracy * len(images[own])
                return Loss(loss / total, right / total)

            self._known[key] = some, on_all, total
        return self._known[key]


def network_of(run: Run, spec: RunSpec, device: torch.device) -> nn.Module:
    """The network of a run that has one of the user. Raises ValueError with one line."""
    user_code.check_trust(spec, run.path, "read it, then add --trust to 'adam-tui landscape'")
    reference = user_code.copy_reference(spec, run.path, user_code.NETWORK_FILE)

    def give_up(place: str) -> None:
        print(f"{place}: your code has not ended after {user_code.CODE_SECONDS:.0f} s", file=sys.stderr, flush=True)

    with time_limit(user_code.CODE_SECONDS, give_up):
        network = user_network.build(reference, device)
    if layer := user_network.running_statistics(network):
        raise ValueError(f"{run.id} has no landscape: its {layer} keeps statistics that are no weights of weights.bin")
    return network.eval()


def device_of(spec: RunSpec) -> torch.device:
    """The run's device, or the best one of this machine where that is missing. Convolutions stay in full float32."""
    try:
        device = device_setup.device_of(spec)
    except ValueError:
        device = device_setup.device_of(replace(spec, device="auto"))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return device


class Computing:
    """Computes the points of one landscape that are missing in its files.

    `descriptor` is that of points.bin; `interrupted` is asked before every point. Raises OSError, and ValueError with
    one line.
    """

    def __init__(
        self,
        landscape: Landscape,
        images: Images,
        descriptor: int,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._landscape, self._descriptor, self._interrupted = landscape, descriptor, interrupted
        self.request = landscape.request()
        self.runs = landscape.runs()
        survey = landscape.survey()
        if survey is None:
            survey = survey_of(self.request, self.paths)
            landscape.write_survey(survey)
        self.survey: Survey = survey
        self.measure, self.measure_all, self.total = images.of(self.runs[0], self.request)
        self._single = torch.empty(survey.plane.origin.shape, dtype=torch.float32)
        self._exact = np.empty_like(survey.plane.origin)

    @cached_property
    def paths(self) -> list[WeightPath]:
        """The runs' paths as far as the request names them. Raises ValueError with one line."""
        paths = [requested(read(run), self.request, number) for number, run in enumerate(self.runs)]
        check_same_network(paths)
        return paths

    def whole(self) -> None:
        """Compute the landscape's own grid, its paths, and the last weights on all images."""
        records = self._landscape.records(self.survey)
        done = set(zip(records["kind"].tolist(), records["index"].tolist(), strict=True))
        stores = [StepLosses.of(run, self.request) for run in self.runs]
        sums = [checksums(path) for path in self.paths]
        known = [store.read(path, own) for store, path, own in zip(stores, self.paths, sums, strict=True)]
        for kind, index in directory.work(self.survey):
            if (kind, index) in done:
                continue
            if self._interrupted():
                return
            if kind == GRID:
                self._write(self._descriptor, GRID, index, *self.survey.grid.point(index))
            elif kind == ALL:
                self._compute_all()
            else:
                number = kind - PATH
                losses, accuracies = known[number]
                a, b = self.survey.paths[number].places[index].tolist()
                result = Loss(float(losses[index]), float(accuracies[index]))
                if np.isnan(losses[index]):
                    result = self.measure(self._weights_of(self.paths[number], index))
                    stores[number].append(int(self.paths[number].steps[index]), sums[number][index], *result)
                _append(self._descriptor, _record(kind, index, a, b, result), self._landscape.points_file)

    def part(self, order: Order) -> None:
        """Compute the part of the plane in a view: its coarse points, the steps of the runs, all images, the rest."""
        grid = self.survey.grid.covering(order.view)
        wanted = grid.order(order.view)
        coarse = set(grid.coarse.tolist())
        losses = self._landscape.losses_on(grid, self.survey)[0].ravel()
        missing = [index for index in wanted if np.isnan(losses[index])]
        places = {index: grid.point(index) for index in missing}
        own = self.survey.grid.index_of(np.array(list(places.values())).reshape(-1, 2)).tolist()
        numbers = dict(zip(missing, own, strict=True))
        zoomed = files.open_private(self._landscape.zoomed_file, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            _cut(zoomed)
            for first in (True, False):
                for index in (each for each in missing if (each in coarse) == first):
                    if self._interrupted():
                        return
                    number = numbers[index]
                    self._write(zoomed if number < 0 else self._descriptor, GRID, number, *places[index])
                if first and not (self._steps(order) and self._all()):
                    return
        finally:
            os.close(zoomed)

    def _steps(self, order: Order) -> bool:
        """Compute the losses of all recorded steps; False when interrupted."""
        for path in order.runs:
            run = Run(path)
            recorded, store = read(run), StepLosses.of(run, self.request)
            if recorded.weights.shape[1] != len(self._single):
                raise ValueError(f"{run.id} is another network than {self.runs[0].id}")
            sums = checksums(recorded)
            for number in np.flatnonzero(np.isnan(store.read(recorded, sums)[0])).tolist():
                if self._interrupted():
                    return False
                result = self.measure(self._weights_of(recorded, number))
                store.append(int(recorded.steps[number]), sums[number], *result)
        return True

    def _all(self) -> bool:
        """Compute the last weights on all images; False when interrupted."""
        if (self._landscape.records(self.survey)["kind"] == ALL).any():
            return True
        if self._interrupted():
            return False
        self._compute_all()
        return True

    def _compute_all(self) -> None:
        """On every kind of plane the last weights of the first run lie; a running run may have dropped them since."""
        result = self.measure_all(self._weights_at(*self.survey.paths[0].places[-1].tolist()))
        _append(self._descriptor, _record(ALL, 0, float(self.total), 0.0, result), self._landscape.points_file)

    def _write(self, descriptor: int, kind: int, index: int, a: float, b: float) -> None:
        """Compute the loss at a point of the plane, and append it."""
        path = self._landscape.points_file if descriptor == self._descriptor else self._landscape.zoomed_file
        _append(descriptor, _record(kind, index, a, b, self.measure(self._weights_at(a, b))), path)

    def _weights_at(self, a: float, b: float) -> torch.Tensor:
        _point(self.survey.plane, a, b, self._exact)
        self._single.copy_(torch.from_numpy(self._exact))
        return self._single

    def _weights_of(self, path: WeightPath, number: int) -> torch.Tensor:
        self._single.copy_(torch.from_numpy(np.array(path.weights[number])))
        return self._single


def _record(kind: int, index: int, a: float, b: float, result: Loss) -> bytes:
    return np.array([(kind, index, a, b, *result)], POINT).tobytes()


def _point(chosen: Plane, a: float, b: float, out: Floats) -> None:
    """Write the weights of a point into `out`, without another array of that size than the product's."""
    np.multiply(chosen.directions[0], a, out=out)
    out += chosen.origin
    if b:
        out += b * chosen.directions[1]


def _append(descriptor: int, content: bytes, path: Path) -> None:
    """Append one record, whole. Raises OSError that names the file, also for a full disk."""
    if os.write(descriptor, content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
