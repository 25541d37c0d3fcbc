"""The process that computes the paths of optimizer classes: python -m adam_tui.training.lane_worker.

It reads requests from its input and writes answers to its output (`classes.wire`), which the code that it runs does not
see. A path is a loop as anyone writes it with PyTorch: loss, backward, step, in float64, on the surface's own source.
The answers come in pieces. The kinds of requests: describe, path, cancel; of answers: ready, begin, description, piece,
end, error.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import inspect
import linecache
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from adam_tui.classes.process import PATIENCE
from adam_tui.classes.wire import Array, Message, encode, read

PIECE = 0.03  # seconds of a turn, after which the computed piece of a path is sent
MOST_TERMS = 8  # of an optimizer's state
HUNG = 3  # the exit status after a step that does not end


class Requests:
    """The requests that wait, read in a thread; the process ends with its input."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[Message] = []
        self._news = threading.Condition()
        self.cancelled: set[int] = set()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def take(self, *, wait: bool) -> list[Message]:
        """The requests that have come; with `wait`, at least one."""
        with self._news:
            if wait:
                self._news.wait_for(lambda: self._waiting)
            taken, self._waiting = self._waiting, []
            return taken

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while (message := read(self._stream)) is not None:
                with self._news:
                    if message[0]["kind"] == "cancel":
                        self.cancelled.add(message[0]["id"])
                    else:
                        self._waiting.append(message)
                        self._news.notify_all()
        _leave()


class Answers:
    """The output, for any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock, self._owner = stream, threading.Lock(), os.getpid()

    def send(self, header: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> None:
        """Write one answer. The process ends when nobody reads it, and so does a fork that the user's code has made."""
        if os.getpid() != self._owner:
            os._exit(0)
        try:
            with self._lock:
                self._stream.write(encode(header, arrays))
                self._stream.flush()
        except OSError:
            _leave()


class Watch:
    """Ends the process when a step, or the import of a file, takes longer than `seconds`, and names the line.

    The seconds are those of the processor, which other programs may keep busy; code that only waits has `PATIENCE`
    times as long.
    """

    def __init__(self, answers: Answers, seconds: float) -> None:
        self._answers, self._seconds = answers, seconds
        self._since = self._used = 0.0
        self._working = threading.Event()
        self._number, self._file = 0, ""
        self._main = threading.get_ident()
        threading.Thread(target=self._poll, name="watch", daemon=True).start()

    def begin(self, number: int, file: str) -> None:
        """Watch the work on a request, whose code is in `file`."""
        self._number, self._file = number, file
        self.step(time.monotonic())
        self._working.set()

    def step(self, now: float) -> None:
        """Another step is done."""
        self._since, self._used = now, time.process_time()

    def end(self) -> None:
        """The work is done."""
        self._working.clear()

    def _poll(self) -> None:
        while True:
            time.sleep(min(0.1, self._seconds / 4))
            self._working.wait()
            waited, worked = time.monotonic() - self._since, time.process_time() - self._used
            if worked > self._seconds or waited > PATIENCE * self._seconds:
                message = f"{self._place()}no end within {self._seconds:g} s"
                self._answers.send({"kind": "error", "id": self._number, "message": message})
                os._exit(HUNG)

    def _place(self) -> str:
        """The innermost line of the file that is being executed: "mine.py, line 12: "."""
        frame = sys._current_frames().get(self._main)
        while frame is not None:
            if frame.f_code.co_filename == self._file:
                return f"{Path(self._file).name}, line {frame.f_lineno}: "
            frame = frame.f_back
        return ""


class Worker:
    """Answers requests. Paths are computed in turns, so that a slow one delays no other; a new one gets the first."""

    def __init__(self, requests: Requests, answers: Answers, watch: Watch) -> None:
        self._requests, self._answers, self._watch = requests, answers, watch
        self._classes: dict[str, type[Any]] = {}
        self._paths: collections.deque[_Path] = collections.deque()

    def run(self) -> None:
        """Answer requests until the input ends."""
        while True:
            for header, arrays in self._requests.take(wait=not self._paths):
                if header["kind"] == "describe":
                    self._work(header["id"], header["class"], self._describe)
                else:
                    self._paths.appendleft(_Path(header, arrays, self._answers))
            if self._paths:
                path = self._paths.popleft()
                if path.number in self._requests.cancelled:
                    self._requests.cancelled.discard(path.number)
                elif self._work(path.number, path.header["class"], partial(self._walk, path)):
                    self._paths.append(path)

    def _work(self, number: int, name: str, work: Callable[[Any], dict[str, Any] | None]) -> bool:
        """Run the user's code in `work`, and send its answer. Return whether more work is left: None was the answer."""
        from adam_tui.engine.class_reference import ClassReference
        from adam_tui.training.user_code import UserCodeError, located

        reference = ClassReference.parse(name)
        self._answers.send({"kind": "begin", "id": number})
        self._watch.begin(number, str(reference.file or ""))
        try:
            answer = work(reference)
        except UserCodeError as error:
            answer = {"kind": "error", "message": str(error)}
        except BaseException as error:  # of the user's code, which may raise anything
            answer = {"kind": "error", "message": str(located(error, reference))}
        self._watch.end()
        if answer is not None:
            self._answers.send({**answer, "id": number})
        return answer is None

    def _describe(self, reference: Any) -> dict[str, Any]:
        """Import the class anew: its parameters, and where it is."""
        from adam_tui.training.user_code import load, place, signature_knobs

        linecache.checkcache()
        self._classes.pop(str(reference), None)
        kind = self._classes[str(reference)] = load(reference)
        where = place(reference)
        with contextlib.suppress(OSError, TypeError):
            where += f", line {inspect.getsourcelines(kind)[1]}"
        need, modes = needs(kind, reference)
        about = {"place": where, "needs": need, "modes": modes}
        return {"kind": "description", "parameters": signature_knobs(kind), **about}

    def _walk(self, path: _Path, reference: Any) -> dict[str, Any] | None:
        """Compute the next piece of a path and send it; None while there is more."""
        import torch

        from adam_tui.training.user_code import load

        try:
            # Each path has random numbers of its own: the same ones whenever it is computed.
            torch.set_rng_state(path.random) if path.random is not None else torch.manual_seed(path.header["seed"])
            if path.steps is None:
                name = str(reference)
                if name not in self._classes:  # the process before this one had it
                    self._classes[name] = load(reference)
                path.steps = Walk(self._classes[name], reference, path.header, path.arrays).steps()
            end = time.monotonic() + PIECE
            for point, terms in path.steps:
                now = time.monotonic()
                self._watch.step(now)
                path.add(point, terms)
                if now > end or path.number in self._requests.cancelled:
                    return None
        finally:
            path.random = torch.get_rng_state()
            path.send()
        return {"kind": "end"}


class _Path:
    """A path that is being computed: its request, its loop, and the steps that are not sent yet."""

    def __init__(self, header: dict[str, Any], arrays: dict[str, Array], answers: Answers) -> None:
        self.header, self.arrays, self.number = header, arrays, header["id"]
        self.steps: Iterator[tuple[list[float], dict[str, list[float]]]] | None = None
        self.random: Any = None  # the state of torch's random numbers
        self._answers = answers
        self._first = 1
        self._points: list[list[float]] = []
        self._terms: list[list[list[float]]] = []
        self._names: tuple[str, ...] = ()

    def add(self, point: list[float], terms: dict[str, list[float]]) -> None:
        """Keep a step. Those before it are sent when its terms have other names."""
        names = tuple(terms)
        if names != self._names:
            self.send()
            self._names = names
        self._points.append(point)
        self._terms.append(list(terms.values()))

    def send(self) -> None:
        """Send the steps that are kept, if there are any."""
        if not self._points:
            return
        header = {"kind": "piece", "id": self.number, "first": self._first, "names": self._names}
        shape = len(self._points), len(self._names), 2
        arrays = {"positions": np.array(self._points), "terms": np.array(self._terms).reshape(shape)}
        self._answers.send(header, arrays)
        self._first += len(self._points)
        self._points, self._terms = [], []


class Walk:
    """One path: an optimizer of the class over one point, and the loop over the steps."""

    def __init__(self, kind: type[Any], reference: Any, header: dict[str, Any], arrays: dict[str, Array]) -> None:
        import torch

        from adam_tui.training.user_optimizer import UserOptimizer

        self._header, self._label = header, reference.label
        space: dict[str, Any] = {"torch": torch}
        exec(compile(header["loss"], "<loss>", "exec"), space)  # the engine's text, which holds no text of the user's
        self._loss: Callable[..., Any] = space["f"]
        self._by_step = "step" in inspect.signature(self._loss).parameters
        self._noise = torch.tensor(arrays["noise"]) if "noise" in arrays else None
        self._rates = arrays["rates"].tolist() if "rates" in arrays else None
        self._network = torch.nn.ParameterList([torch.tensor(header["start"])])
        self._optimizer = UserOptimizer(reference, self._network, header["arguments"], self._gradients, kind)

    def steps(self) -> Iterator[tuple[list[float], dict[str, list[float]]]]:
        """Take the steps: the point after each, and its terms, the gradient used first. Stop out of bounds."""
        from adam_tui.training.user_code import UserCodeError

        header, optimizer, p = self._header, self._optimizer, self._network[0]
        changes: dict[int, dict[str, float]] = {}
        for step, name, value in header["changes"]:
            changes.setdefault(step, {})[name] = value
        lr = header["arguments"].get("lr")
        (centre_x, centre_y), radius, every = header["centre"], header["radius"], header["check_every"]
        for t in range(1, header["steps"] + 1):
            for name, value in changes.get(t - 1, {}).items():
                self._set(name, value)
                lr = value if name == "lr" else lr
            if self._rates is not None and lr is not None:
                self._set("lr", lr * self._rates[t - 1])
            gradients: list[list[float]] = []
            closure = self._closure(t, gradients)
            if optimizer.needs == "closure":
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
            with optimizer.evaluating():  # where the optimizer has two points, this one counts
                point = p.flatten().tolist()
            if p.shape != (2,) or not p.is_floating_point():
                raise UserCodeError(f"after step {t} the parameter is {p.dtype} of shape {tuple(p.shape)}, not (2,)")
            yield point, {"g": gradients[0] if gradients else [math.nan, math.nan], **self._state(p)}
            if t % every == 0 and not (abs(point[0] - centre_x) < radius and abs(point[1] - centre_y) < radius):
                return

    def _closure(self, t: int, gradients: list[list[float]]) -> Callable[[], Any]:
        """A function that evaluates the loss in step t, and adds the gradient that it leaves to `gradients`."""
        graph = self._optimizer.needs == "graph"

        def closure() -> Any:
            loss = self._gradients(self._network, graph, t)
            gradients.append(self._network[0].grad.tolist())
            return loss

        return closure

    def _gradients(self, network: Any, graph: bool, t: int = 1) -> Any:
        """The loss at the point of `network`; its gradient, with the noise of step t, is left in `grad`."""
        import torch

        from adam_tui.training.user_optimizer import backward

        p = network[0]
        with torch.enable_grad():
            loss = self._loss(p, t) if self._by_step else self._loss(p)
            backward(loss, network, with_graph=graph)
        if self._header["typed"] and torch.isfinite(loss):
            p.grad = p.grad.where(p.grad.isfinite(), 0.0)  # where the slope is undefined the engine takes 0, too
        if self._noise is not None:
            p.grad = p.grad + self._noise[t - 1]
        return loss

    def _set(self, name: str, value: float) -> None:
        """Give a parameter a value from the next step on. Raises UserCodeError."""
        from adam_tui.training.user_code import UserCodeError

        try:
            self._optimizer.set_hyperparameter(name, value)
        except ValueError as error:
            raise UserCodeError(str(error)) from None

    def _state(self, p: Any) -> dict[str, list[float]]:
        """The tensors of two numbers that the optimizer keeps for the point, by its own names."""
        import torch

        terms: dict[str, list[float]] = {}
        for name, value in self._optimizer.inner.state.get(p, {}).items():
            several = isinstance(value, tuple | list)
            for i, each in enumerate(value if several else (value,)):
                if len(terms) < MOST_TERMS and torch.is_tensor(each) and each.numel() == 2 and not each.is_complex():
                    terms[f"{name}[{i}]" if several else str(name)] = each.flatten().tolist()
        return terms


def needs(kind: type[Any], reference: Any) -> tuple[str, bool]:
    """The needs of a step of the class with its defaults, and whether it has train() and eval().

    They are found by a step on a parabola. A class that fails there shows its error on its path.
    """
    import torch

    from adam_tui.training.user_code import UserCodeError
    from adam_tui.training.user_optimizer import UserOptimizer, backward

    def probe(network: Any, graph: bool) -> Any:
        loss = network[0].square().sum()
        backward(loss, network, with_graph=graph)
        return loss

    try:
        tried = UserOptimizer(reference, torch.nn.ParameterList([torch.ones(2)]), {}, probe, kind)
    except UserCodeError:
        return "gradients", False
    return tried.needs, tried.has_modes


def main() -> None:
    """Take over the pipes, load torch, and answer requests."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", type=float, required=True)
    parser.add_argument("--memory", type=int, required=True)
    limits = parser.parse_args()
    source, sink = _private_pipes()
    answers = Answers(sink)
    requests = Requests(source)
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # as the engine computes
    _warm_up()
    _limit_memory(limits.memory)
    answers.send({"kind": "ready"})
    Worker(requests, answers, Watch(answers, limits.step)).run()


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes under other numbers: code that prints or reads meets /dev/null."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(_close_in_fork, source.fileno(), sink.fileno()))
    return source, sink


def _close_in_fork(*numbers: int) -> None:
    """Close the pipes in a process that the user's code forks: they end with this one."""
    for number in numbers:
        with contextlib.suppress(OSError):
            os.close(number)


def _leave() -> None:
    """End this process, and those that the user's code has started: they are in the group that it leads."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _warm_up() -> None:
    """Take one step, whose imports and caches cost a second."""
    import torch

    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([p])
    loss: Any = p.square().sum()
    loss.backward()
    optimizer.step()
    import adam_tui.training.user_optimizer  # noqa: F401


def _limit_memory(memory: int) -> None:
    """Let the code use so many bytes beyond those of torch; more is a MemoryError with a line."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (ImportError, OSError, ValueError):
        return  # the program outside watches the memory where it can
    size = pages * os.sysconf("SC_PAGE_SIZE") + memory
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
