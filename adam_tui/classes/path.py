"""The path of a class, computed by the helper process and recorded here as its pieces come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import numpy as np

from adam_tui.classes.process import Helper
from adam_tui.classes.wire import Array
from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.lane import Lane
from adam_tui.engine.pytorch_code import loss_source
from adam_tui.engine.schedules import CONSTANT
from adam_tui.engine.surfaces import Surface
from adam_tui.engine.trajectory import CHECK_EVERY, PathRecord, Trajectory, gradient_noise

KEPT = 8  # paths of classes
WAIT = 0.2  # seconds after which `finish` looks whether its request was withdrawn


class ClassPath:
    """The path of one lane whose optimizer is a class (an `engine.trajectory.Computation`).

    It is requested by the first `advance`. The same code as for the built-in optimizers gives it its noise and its
    schedule, evaluates its losses and gradients, and judges where it converged or diverged.
    """

    def __init__(
        self,
        helper: Helper,
        changed: Callable[[], None],
        surface: Surface,
        lane: Lane,
        start: tuple[float, float],
        steps: int,
        noise: float,
        seed: int,
    ) -> None:
        """`changed` is called in another thread when more of the path is there."""
        self._helper, self._changed = helper, changed
        self._surface, self._lane, self._start = surface, lane, start
        self._rule, self._noise, self._seed, self.steps = lane.rule, noise, seed, steps
        self._key = (lane.rule.name, surface, start, steps)
        self._news = threading.Condition()
        self._number: int | None = None
        self._result: Trajectory | None = None
        self._awaited = False
        self._reset()

    def _reset(self) -> None:
        self._record = PathRecord(self._surface, self._start, self.steps)
        self.step = 0

    @property
    def complete(self) -> bool:
        """True when the path has come as a whole, or up to its failure."""
        return self._result is not None

    @property
    def waiting(self) -> bool:
        """True while the helper computes it."""
        return self._number is not None and self._result is None

    def advance(self) -> None:
        """Ask the helper for the path, unless that is done."""
        with self._news:
            if self._number is not None or self._result is not None:
                return
            header, arrays = self._request()
            record = self._record
            try:
                self._number = self._helper.request(header, arrays, lambda *answer: self._take(record, *answer))
            except OSError as error:
                self._result = record.finished(0, str(error))
                return
            _OPEN.add(self)

    def withdraw(self) -> None:
        """Give up the request; the next `advance` makes it again."""
        with self._news:
            if self._number is not None and self._result is None:
                self._helper.cancel(self._number)
                self._number = None
                self._reset()
                self._news.notify_all()
        _OPEN.discard(self)

    def finish(self) -> Trajectory:
        """Wait for the whole path. Its pieces are not reported."""
        self._awaited = True
        while True:
            self.advance()
            with self._news:
                if self._result is not None:
                    return self._result
                self._news.wait(WAIT)

    def trajectory(self) -> Trajectory:
        """The path as far as it has come."""
        with self._news:
            if self._result is not None:
                return self._result
            if self.step == 0 and (before := _SHOWN.get(self._key)) is not None:
                return before
            self._record.evaluate(self.step + 1)
            return self._record.so_far()

    def _request(self) -> tuple[dict[str, Any], dict[str, Array]]:
        lane, rule, steps = self._lane, self._rule, self.steps
        assert isinstance(rule, ClassOptimizer)
        header = {
            "kind": "path",
            "class": str(rule.reference.absolute()),
            "loss": loss_source(self._surface),
            "typed": self._surface.formula is not None,
            "arguments": rule.arguments(dict(lane.values), dict(lane.texts)),
            "changes": [[each.step, each.name, each.value] for each in lane.changes],
            "steps": steps,
            "seed": self._seed % 2**63,
            "start": list(self._start),
            "centre": self._record.centre.tolist(),
            "radius": self._record.radius,
            "check_every": CHECK_EVERY,
        }
        arrays = {}
        if lane.schedule != CONSTANT:
            arrays["rates"] = np.array([lane.schedule.factor(t, steps) for t in range(1, steps + 1)])
        if (draws := gradient_noise(self._noise, self._seed, steps)) is not None:
            arrays["noise"] = draws
        return header, arrays

    def _take(self, record: PathRecord, header: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Record an answer of the helper, unless its request was withdrawn."""
        with self._news:
            if record is not self._record or self._result is not None:
                return
            if header["kind"] == "piece":
                first, names = header["first"], header["names"]
                terms = {name: arrays["terms"][:, i] for i, name in enumerate(names)}
                record.extend(first, arrays["positions"], terms)
                self.step = first + len(arrays["positions"]) - 1
                record.evaluate_blocks(self.step)
            else:
                self._result = record.finished(self.step, header.get("message"))
                _OPEN.discard(self)
                _remember(self._key, self._result)
            self._news.notify_all()
        if not self._awaited:
            self._changed()


def _remember(key: tuple[object, ...], path: Trajectory) -> None:
    """Keep a path to show it while the next one of its class is computed: a knob's path then does not vanish."""
    _SHOWN.pop(key, None)
    _SHOWN[key] = replace(path, converged_at=None, diverged_at=None, failure=None, complete=False, stale=True)
    for old in list(_SHOWN)[:-KEPT]:
        del _SHOWN[old]


_SHOWN: dict[tuple[object, ...], Trajectory] = {}
# The paths that the helper is asked for.
_OPEN: WeakSet[ClassPath] = WeakSet()


def withdraw_others(wanted: Sequence[object] | Iterable[object]) -> None:
    """Give up the requests of all paths but these: they were of settings that are shown no more."""
    kept = list(map(id, wanted))
    for path in list(_OPEN):
        if id(path) not in kept:
            path.withdraw()
