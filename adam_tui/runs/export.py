"""A run's numbers as CSV, for whatever else draws them: one row a step, or one row an epoch.

What a continued run repeated stands once: each `start` takes back what was told of later steps. Floats keep all the
digits that the run told; one that is not finite is nan, inf or -inf. Standard library only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Literal, TextIO

from adam_tui.runs.directory import Follower, Run
from adam_tui.runs.protocol import Started, Steps, from_line

What = Literal["steps", "epochs"]
STEP_COLUMNS = ("step", "loss")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "test_loss", "test_accuracy", "seconds", "samples_per_second")


def write_csv(run: Run, what: What, stream: TextIO) -> None:
    """The header and the rows: STEP_COLUMNS or EPOCH_COLUMNS."""
    writer = csv.writer(stream, lineterminator="\n")
    if what == "steps":
        writer.writerow(STEP_COLUMNS)
        writer.writerows(losses(run))
    else:
        writer.writerow(EPOCH_COLUMNS)
        writer.writerows([getattr(epoch, name) for name in EPOCH_COLUMNS] for epoch in run.epochs())


def losses(run: Run) -> Iterator[tuple[int, float]]:
    """(step, loss), counted from 1; a step that a killed process did not come to tell is left out."""
    told: dict[int, float] = {}
    follower = Follower(run)
    while lines := follower.poll_lines():
        for event in map(from_line, lines):
            if isinstance(event, Started) and event.step < len(told):
                told = {step: loss for step, loss in told.items() if step <= event.step}
            elif isinstance(event, Steps):
                told.update(enumerate(event.losses, event.step - len(event.losses) + 1))
    return iter(sorted(told.items()))
