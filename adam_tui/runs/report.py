"""The runs in words, for the command line: a table of all, a page about one."""

from __future__ import annotations

import time
from collections.abc import Iterable

from adam_tui.runs.directory import Run, Status
from adam_tui.runs.protocol import Epoch
from adam_tui.runs.status import GONE, WITHOUT_A_WORD


def describe(run: Run) -> str:
    """What a run was asked, how it stands, its epochs; and what it died of, if it did. ValueError for a broken one."""
    from adam_tui.engine.numbers import format_number
    from adam_tui.runs.recipes import DATA_SETS  # numpy, which the table does without

    spec, status = run.spec(), run.status()
    knobs = ", ".join(f"{name}={format_number(value)}" for name, value in spec.hyperparameters.items())
    data = DATA_SETS[spec.data].title if spec.data in DATA_SETS else spec.data
    asked = f"{data}, batch size {spec.batch_size}, seed {spec.seed}, device {spec.device}, precision {spec.precision}"
    lines = [
        f"{run.id} {status.word}" + (f": {status.reason}" if status.reason else ""),
        f"{spec.optimizer}: {knobs}",
        asked + (f", the first {spec.limit:,} images" if spec.limit else ""),
        f"step {status.step:,}, epoch {status.epoch} of {spec.epochs}",
        str(run.path),
    ]
    if status.alive and status.host:
        lines.append(_process(status))
    lines += [epoch_line(epoch, spec.epochs) for epoch in run.epochs()]
    if status.state in ("failed", "lost") and (tail := run.error_tail()):
        lines += ["the end of worker.log:", *(f"  {line}" for line in tail.splitlines())]
    elif status.reason == GONE:
        lines.append(WITHOUT_A_WORD)
    if run.can_resume():
        lines.append(f"continue it: adam-tui runs resume {run.id}")
    return "\n".join(lines)


def _process(status: Status) -> str:
    """Where the process is and what the machine does for it, as far as that is known."""
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
    """The runs in columns: id, state, optimizer, lr, epochs done/asked, best accuracy, started. No runs: one line."""
    rows = [("id", "state", "optimizer", "lr", "epochs", "best", "started")]
    for run in runs:
        try:
            spec = run.spec()
        except ValueError:
            rows.append((run.id, "broken", "–", "–", "–", "–", "–"))
            continue
        told = run.epochs()
        best = f"{max(epoch.test_accuracy for epoch in told):.2%}" if told else "–"
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
        lr = f"{spec.hyperparameters['lr']:g}"
        done = told[-1].epoch if told else 0
        rows.append((run.id, run.status().word, spec.optimizer, lr, f"{done}/{spec.epochs}", best, started))
    if len(rows) == 1:
        return "no runs yet"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    numbers = {3, 4, 5}  # right-aligned
    lines = []
    for row in rows:
        cells = [cell.rjust(widths[i]) if i in numbers else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def epoch_line(event: Epoch, epochs: int) -> str:
    """One epoch in words and columns: losses, accuracy, seconds, speed."""
    number = f"{event.epoch:>{len(str(epochs))}}/{epochs}"
    losses = f"train {event.train_loss:.4f}  test {event.test_loss:.4f}"
    pace = f"{event.seconds:.1f} s  {event.samples_per_second:,.0f} img/s"
    return f"epoch {number}  {losses}  accuracy {event.test_accuracy:.2%}  {pace}"
