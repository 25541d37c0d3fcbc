"""A run's numbers as CSV or JSON for other programs: one row a step, or one row an epoch.

Steps and epochs that a resumed run repeated appear once. Floats keep all digits of metrics.jsonl; one that is not
finite is nan, inf or -inf in CSV and null in JSON. Standard library only.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from typing import Literal, TextIO

from adam_tui.runs.protocol import Started, Steps
from adam_tui.runs.run import Run

Rows = Literal["steps", "epochs"]
STEP_COLUMNS = ("step", "loss")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "test_loss", "test_accuracy", "seconds", "samples_per_second")
COLUMNS: dict[Rows, tuple[str, ...]] = {"steps": STEP_COLUMNS, "epochs": EPOCH_COLUMNS}


def write_csv(run: Run, rows: Rows, stream: TextIO) -> None:
    """Write the header and the rows: STEP_COLUMNS or EPOCH_COLUMNS."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS[rows])
    writer.writerows(_rows(run, rows))


def write_json(run: Run, rows: Rows, stream: TextIO) -> None:
    """Write one object: the run's id, name, tags and specification, and an array for each column.

    Raises ValueError where the specification cannot be read.
    """
    table: dict[str, list[float | None]] = {name: [] for name in COLUMNS[rows]}
    for row in _rows(run, rows):
        for name, value in zip(table, row, strict=True):
            table[name].append(finite_or_null(value))
    label = run.label()
    about = {"run": run.id, "name": label.name, "tags": list(label.tags), "spec": run.spec().to_json()}
    json.dump(about | table, stream, allow_nan=False)
    stream.write("\n")


def _rows(run: Run, rows: Rows) -> Iterator[tuple[float, ...]]:
    if rows == "steps":
        return losses(run)
    return (tuple(getattr(epoch, name) for name in EPOCH_COLUMNS) for epoch in run.epochs())


def finite_or_null(value: float) -> float | None:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else None


def losses(run: Run) -> Iterator[tuple[int, float]]:
    """(step, loss) from step 1 on, without the steps that a killed process did not write."""
    by_step: dict[int, float] = {}
    for event in run.events(Started, Steps):
        if isinstance(event, Started):
            by_step = {step: loss for step, loss in by_step.items() if step <= event.step}
        elif isinstance(event, Steps):
            by_step.update(enumerate(event.losses, event.step - len(event.losses) + 1))
    return iter(sorted(by_step.items()))
