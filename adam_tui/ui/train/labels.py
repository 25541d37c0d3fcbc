"""What the training screen says of runs and numbers, in words that are the same wherever they stand."""

from __future__ import annotations

import math
from pathlib import PurePath

from adam_tui.engine.numbers import format_number
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import LOST, QUEUED, RunSpec
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.ui.train.state import TrainState

USUAL = RunSpec()
# Settings that are always said, and those that are only said when they are not as always.
QUIET = ("device", "precision", "limit", "data", "data_dir")


def state_word(run: RunView, history: RunHistory | None) -> str:
    """The run's state, a divergence told apart from other failures."""
    if run.state == "failed" and (run.reason.startswith("diverged") or (history and history.diverged_at is not None)):
        return "diverged"
    return "silent" if run.silent else run.state


def state_words(state: TrainState, run: RunView, history: RunHistory | None) -> str:
    """The same with the place of a run that waits: "queued 2"."""
    place = state.in_line(run)
    return f"{QUEUED} {place}" if place else state_word(run, history)


def why(run: RunView, history: RunHistory | None) -> str:
    """How a run ended and why: "lost: the process is gone"."""
    word = state_word(run, history)
    if word == "diverged":
        at = history.diverged_at if history else None
        return f"diverged at step {at:,}" if at is not None else run.reason
    if run.state in ("failed", LOST, "stopped"):
        return f"{run.state}: {run.reason or 'no reason given'}"
    return f"{word}: {run.reason}" if run.alive and run.reason else word


def problem(error: Exception) -> str:
    """What went wrong, without a number and a path as long as a line: "No space left on device (metrics.jsonl)"."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f" ({PurePath(str(error.filename)).name})" if error.filename else "")
    return "it is gone" if isinstance(error, KeyError) else str(error)


def changed_settings(spec: RunSpec, settings: dict[str, float] | None = None) -> list[str]:
    """Its lr, and what else is not the optimizer's default, as "beta1=0.8"."""
    recipe = TRAINING_OPTIMIZERS.get(spec.optimizer)
    usual = recipe.defaults() if recipe else {}
    values = settings or dict(spec.hyperparameters)
    return [f"{k}={format_number(v)}" for k, v in values.items() if k == "lr" or usual.get(k) != v]


def settings_line(spec: RunSpec) -> str:
    """The optimizer and all that is not as always: "adam lr=5e-4 batch 32 seed 3 fashion-mnist"."""
    told = [spec.optimizer, *changed_settings(spec)]
    if spec.batch_size != USUAL.batch_size:
        told.append(f"batch={spec.batch_size}")
    if spec.seed != USUAL.seed:
        told.append(f"seed={spec.seed}")
    return " ".join([*told, *unusual(spec)])


def unusual(spec: RunSpec) -> list[str]:
    """What is not as always of the data, the device and the precision."""
    return [f"{name}={getattr(spec, name)}" for name in QUIET if getattr(spec, name) != getattr(USUAL, name)]


def spec_line(spec: RunSpec) -> str:
    """A run's settings in one line: its lr, and what else is not as it always is."""
    run = f"· batch {spec.batch_size} · {spec.epochs} epochs · seed {spec.seed}"
    return " ".join([spec.optimizer, *changed_settings(spec), run, *unusual(spec)])


def loss_text(value: float) -> str:
    """A loss in at most eight columns: 0.0312, 12.3, 5.12e+30, nan."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 100 else f"{value:.2e}"


def short_loss(value: float) -> str:
    """A loss in at most six columns: 0.0312, 12.300, 5e+30."""
    text = loss_text(value)
    return text if len(text) <= 6 else f"{value:.3f}"[:6] if abs(value) >= 1 and abs(value) < 100 else f"{value:.0e}"


def speed(per_second: float | None) -> str:
    """Images a second, three digits that count: 12,400."""
    if per_second is None or not math.isfinite(per_second) or per_second <= 0:
        return "–"
    digits = max(math.floor(math.log10(per_second)) - 2, 0)
    return f"{round(per_second, -digits):,.0f}"


def memory(amount: int | None) -> str:
    """Bytes as 512 MB or 2.1 GB."""
    if amount is None:
        return "–"
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def machine(run: RunView) -> tuple[str, str]:
    """What the run uses of its machine: a label and a text, "gpu" where one is known."""
    if run.gpu_percent is not None or run.gpu_memory_bytes is not None:
        label, share, amount = "gpu", run.gpu_percent, run.gpu_memory_bytes
    else:
        label, share, amount = "cpu", run.cpu_percent, run.memory_bytes
    if share is None and amount is None:
        return label, "–"
    return label, f"{share:.0f}% {memory(amount)}" if share is not None else memory(amount)
