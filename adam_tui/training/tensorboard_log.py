"""The events of a run as TensorBoard scalars in RUNDIR/tensorboard.

torch's SummaryWriter writes them. It needs the package tensorboard, an optional dependency.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from adam_tui.runs.protocol import Changed, Ended, Epoch, Event, Layers, Started, Steps
from adam_tui.runs.recipes import check_tensorboard


def open_writer(folder: Path, step: int) -> Any:  # torch has no annotations for it
    """A SummaryWriter that discards earlier scalars of steps after `step`. Raises ValueError without the package."""
    check_tensorboard()
    from torch.utils.tensorboard.writer import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


class TensorboardLog:
    """Writes each event's numbers; `write` is a listener of the journal."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, event: Event) -> None:
        """Write one event. The file is complete after every epoch and at the end."""
        match event:
            case Started():
                for name, value in event.spec.hyperparameters.items():
                    self._add(f"hyperparameters/{name}", value, event)
            case Steps():
                first = event.step - len(event.losses) + 1
                for step, loss in enumerate(event.losses, first):
                    self._writer.add_scalar("loss/step", loss, step, event.time)
            case Epoch():
                self._add("loss/train", event.train_loss, event)
                for part in ("test", "validation"):
                    if not math.isnan(getattr(event, f"{part}_accuracy")):
                        self._add(f"loss/{part}", getattr(event, f"{part}_loss"), event)
                        self._add(f"accuracy/{part}", getattr(event, f"{part}_accuracy"), event)
                self._add("speed/images a second", event.samples_per_second, event)
                self._writer.flush()
            case Layers():
                for name, norm, ratio in zip(event.names, event.gradient_norm, event.update_ratio, strict=True):
                    self._add(f"gradient norm/{name}", norm, event)
                    self._add(f"update ratio/{name}", ratio, event)
            case Changed():
                self._add(f"hyperparameters/{event.parameter}", event.value, event)
            case Ended():
                self._writer.close()

    def _add(self, name: str, value: float, event: Event) -> None:
        self._writer.add_scalar(name, value, event.step, event.time)
