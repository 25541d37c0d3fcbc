"""A run's numbers as CSV for other programs: one row a step, or one row an epoch.

Steps and epochs that a resumed run repeated appear once. Floats keep all digits of metrics.jsonl; one that is not
finite is nan, inf or -inf. Standard library only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Literal, TextIO

from adam_tui.runs.protocol import Started, Steps
from adam_tui.runs.run import Run

Rows = Literal["steps", "epochs"]
STEP_COLUMNS = ("step", "loss")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "test_loss", "test_accuracy", "seconds", "samples_per_second")


def write_csv(run: Run, rows: Rows, stream: TextIO) -> None:
    """Write the header and the rows: STEP_COLUMNS or EPOCH_COLUMNS."""
    writer = csv.writer(stream, lineterminator="\n")
    if rows == "steps":
        writer.writerow(STEP_COLUMNS)
        writer.writerows(losses(run))
    else:
        writer.writerow(EPOCH_COLUMNS)
        writer.writerows([getattr(epoch, name) for name in EPOCH_COLUMNS] for epoch in run.epochs())


def losses(run: Run) -> Iterator[tuple[int, float]]:
    """(step, loss) from step 1 on, without the steps that a killed process did not write."""
    by_step: dict[int, float] = {}
    for event in run.events(Started, Steps):
        if isinstance(event, Started):
            by_step = {step: loss for step, loss in by_step.items() if step <= event.step}
        elif isinstance(event, Steps):
            by_step.update(enumerate(event.losses, event.step - len(event.losses) + 1))
    return iter(sorted(by_step.items()))
