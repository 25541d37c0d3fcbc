"""Runs as text for the command line: a table of all runs, a page about one run, a line for an epoch.

The JSON of `records` is a contract: keys are added, and none is renamed.
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterable
from typing import Any

from adam_tui.engine.numbers import format_loss
from adam_tui.runs.export import finite_or_null
from adam_tui.runs.protocol import LOST, Epoch
from adam_tui.runs.run import Run
from adam_tui.runs.status import KILLED_FROM_OUTSIDE, PROCESS_GONE, Status

MOST_WIDTH = 32  # cells of a column of the table


def describe(run: Run, runs_flag: str = "") -> str:
    """A page about a run: specification, state, epochs, last error. Raises ValueError for a broken run.

    `runs_flag` ends the commands that it shows.
    """
    from adam_tui.engine.class_signature import format_value
    from adam_tui.engine.numbers import format_number
    from adam_tui.runs.recipes import DATA_SETS, accuracy_with_error  # they import numpy, which the table does not need

    spec, status = run.spec(), run.status()
    knobs = ", ".join(f"{name}={format_number(value)}" for name, value in spec.hyperparameters.items())
    knobs = ", ".join([knobs, *(f"{name}={format_value(value)}" for name, value in spec.arguments.items())])
    data = DATA_SETS[spec.data].title if spec.data in DATA_SETS else spec.data
    held = f" with {spec.validation:,} training images held out" if spec.validation else ""
    setup = f"{data}{held}, batch size {spec.batch_size}, seed {spec.seed}"
    setup += f", device {spec.device}, precision {spec.precision}"
    label = str(run.label())
    lines = [
        f"{run.id} {status.label}" + (f": {status.reason}" if status.reason else ""),
        *([label] if label else []),
        f"{spec.optimizer}: {knobs}",
        *([f"network {spec.network}"] if spec.network else []),
        setup + (f", the first {spec.limit:,} images" if spec.limit else ""),
        f"step {status.step:,}, epoch {status.epoch} of {spec.epochs}",
        str(run.path),
    ]
    if status.alive and status.host:
        lines.append(_process(status))
    epochs = run.epochs()
    lines += [epoch_line(epoch, spec.epochs) for epoch in epochs]
    if spec.validation and epochs and not math.isnan(tested := epochs[-1].test_accuracy):
        lines.append(f"test accuracy {accuracy_with_error(spec.data, tested)} (standard error), measured once")
    if status.state in ("failed", LOST) and (tail := run.error_tail()):
        lines += ["the end of worker.log:", *(f"  {line}" for line in tail.splitlines())]
    elif status.reason == PROCESS_GONE:
        lines.append(KILLED_FROM_OUTSIDE)
    if run.can_resume():
        lines.append(f"continue it: adam-tui runs resume {shlex.quote(run.id)}{runs_flag}")
    return "\n".join(map(_one_line, lines))


def _one_line(text: str) -> str:
    """The text with a question mark for each line break, which names of directories and forged files can hold."""
    return text.replace("\n", "?")


def summary(run: Run) -> str:
    """A run on one line, to recognize it by: id, state, settings, epochs, best accuracy. A broken run by its id."""
    from adam_tui.engine.numbers import format_number

    try:
        spec = run.spec()
    except ValueError:
        return f"{run.id}, which cannot be read"
    epochs = run.epochs()
    accuracy = f", {max(epoch.held_out_accuracy for epoch in epochs):.2%} at best" if epochs else ""
    settings = spec.optimizer_label + ("" if spec.lr is None else f" at lr {format_number(spec.lr)}")
    name = f"“{run.label().name}”, " if run.label().name else ""
    progress = f"{len(epochs)} of {spec.epochs} epochs{accuracy}"
    return f"{run.id} ({name}{run.status().label}, {settings}, {progress})"


def _process(status: Status) -> str:
    """Number, host and resource usage of the process, as far as known."""
    figures = [f"process {status.pid} on {status.host}"]
    if status.cpu_percent is not None:
        figures.append(f"CPU {status.cpu_percent:.0f}%")
    if status.memory_bytes is not None:
        figures.append(f"memory {status.memory_bytes / 2**20:,.0f} MiB")
    if status.gpu_percent is not None:
        figures.append(f"GPU {status.gpu_percent:.0f}%")
    if status.gpu_memory_bytes is not None:
        figures.append(f"GPU memory {status.gpu_memory_bytes / 2**20:,.0f} MiB")
    return ", ".join(figures)


def table(runs: Iterable[Run]) -> str:
    """The runs in columns: id, state, optimizer, lr, limit of the images, finished/all epochs, best accuracy, start.

    The name and the tags come last, and only if a run has some.
    """
    runs = list(runs)
    labels = [str(run.label()) for run in runs]
    rows = [("id", "state", "optimizer", "lr", "limit", "epochs", "best", "started", "name" if any(labels) else "")]
    for run, label in zip(runs, labels, strict=True):
        try:
            spec = run.spec()
        except ValueError:
            rows.append((run.id, "broken", "–", "–", "–", "–", "–", "–", label))
            continue
        epochs = run.epochs()
        best = f"{max(epoch.held_out_accuracy for epoch in epochs):.2%}" if epochs else "–"
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        lr = "–" if spec.lr is None else f"{spec.lr:g}"
        done = epochs[-1].epoch if epochs else 0
        limit = f"{spec.limit:,}" if spec.limit else "–"
        progress = f"{done}/{spec.epochs}"
        rows.append((run.id, run.status().label, spec.optimizer_label, lr, limit, progress, best, started, label))
    if len(rows) == 1:
        return "no runs yet"
    lined = [[_one_line(cell) for cell in row] for row in rows]
    # A longer cell moves the rest of its own row only.
    widths = [max(len(row[i]) for row in lined if len(row[i]) <= MOST_WIDTH) for i in range(len(rows[0]))]
    numbers = {3, 4, 5, 6}  # right-aligned
    lines = []
    for row in lined:
        cells = [cell.rjust(widths[i]) if i in numbers else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def records(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """The runs as JSON objects. A broken run has `id`, `state`, `reason` and `path` only."""
    objects: list[dict[str, Any]] = []
    for run in runs:
        try:
            spec, created = run.spec_and_time()
        except ValueError as error:
            objects.append({"id": run.id, "state": "broken", "reason": str(error), "path": str(run.path)})
            continue
        epochs, status, label = run.epochs(), run.status(), run.label()
        tested = [epoch.test_accuracy for epoch in epochs if not math.isnan(epoch.test_accuracy)]
        validated = [epoch.validation_accuracy for epoch in epochs if not math.isnan(epoch.validation_accuracy)]
        objects.append(
            {
                "id": run.id,
                "name": label.name,
                "tags": list(label.tags),
                "state": status.label,
                "reason": status.reason,
                "path": str(run.path),
                "created": finite_or_null(created),
                "step": status.step,
                "epoch": epochs[-1].epoch if epochs else 0,
                "best_test_accuracy": max(tested, default=None),
                "best_validation_accuracy": max(validated, default=None),
                "spec": spec.to_json(),
            }
        )
    return objects


def epoch_line(event: Epoch, epochs: int) -> str:
    """One epoch as a line: losses, accuracy, speed of training, seconds of training and testing.

    The test numbers are of held-out training images where the run has some.
    """
    number = f"{event.epoch:>{len(str(epochs))}}/{epochs}"
    part = "test" if math.isnan(event.validation_accuracy) else "validation"
    held_out = f"{part} {format_loss(event.held_out_loss)}, {event.held_out_accuracy:.2%}"
    losses = f"train {format_loss(event.train_loss)}  {held_out}"
    return f"epoch {number}  {losses}  {event.samples_per_second:,.0f} img/s, {event.seconds:.1f} s with {part}"
