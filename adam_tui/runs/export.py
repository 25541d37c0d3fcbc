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
VALIDATION_COLUMNS = ("validation_loss", "validation_accuracy")  # of a run that holds training images out


def write_csv(run: Run, rows: Rows, stream: TextIO) -> None:
    """Write the header and the rows: STEP_COLUMNS or EPOCH_COLUMNS, those with VALIDATION_COLUMNS where they apply."""
    columns, numbers = _table(run, rows)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(numbers)


def write_json(run: Run, rows: Rows, stream: TextIO) -> None:
    """Write one object: the run's id, name, tags and specification, and an array for each column.

    Raises ValueError where the specification cannot be read.
    """
    columns, numbers = _table(run, rows)
    table: dict[str, list[float | None]] = {name: [] for name in columns}
    for row in numbers:
        for name, value in zip(table, row, strict=True):
            table[name].append(finite_or_null(value))
    label = run.label()
    about = {"run": run.id, "name": label.name, "tags": list(label.tags), "spec": run.spec().to_json()}
    json.dump(about | table, stream, allow_nan=False)
    stream.write("\n")


def _table(run: Run, rows: Rows) -> tuple[tuple[str, ...], Iterator[tuple[float, ...]]]:
    """The names of the columns, and the rows."""
    if rows == "steps":
        return STEP_COLUMNS, losses(run)
    epochs = run.epochs()
    validated = not all(math.isnan(epoch.validation_accuracy) for epoch in epochs)
    columns = EPOCH_COLUMNS + (VALIDATION_COLUMNS if validated else ())
    return columns, (tuple(getattr(epoch, name) for name in columns) for epoch in epochs)


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
