"""The texts and colours that the panels of the training screen share: states, settings, losses, errors.

Every panel takes them from here, so that all panels agree. Pure functions of a run, its history or a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TypedDict

from adam_tui.draw.cells import Color
from adam_tui.draw.palette import Palette
from adam_tui.engine.class_reference import short_name
from adam_tui.engine.class_signature import format_value
from adam_tui.engine.numbers import format_number
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import LOST, QUEUED, RunSpec
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS, accuracy_with_error, make_spec
from adam_tui.ui.train.state import COLORS, TrainState

DEFAULTS = RunSpec()
# The reasons of runs that obeyed the commands stop and kill.
COMMANDS = {"asked to stop": "stopped by you", "asked to end at once, without a checkpoint": "killed by you"}
CHANCE = 0.12  # accuracy up to which a network may guess: the most frequent of MNIST's ten digits is 11.35% of them
# Settings without a knob on the screen: named only where they differ from their defaults.
WITHOUT_KNOB = ("device", "precision", "limit", "validation", "data", "data_dir")
# Settings of a run by which runs are told apart, and their short names; the epochs last, because lists show them too.
COMPARED = {
    "batch_size": "batch",
    "seed": "seed",
    "limit": "limit",
    "validation": "validation",
    "data": "data",
    "precision": "precision",
    "epochs": "epochs",
}


class CurveStyle(TypedDict):
    """The arguments of a `Series` that its run decides."""

    color: Color
    bold: bool
    dashed: bool


def run_style(state: TrainState, run: RunView, palette: Palette) -> tuple[Color, str]:
    """The colour and the marker of a run."""
    return palette.lane(state.slots[run.id])


def curve_style(state: TrainState, run: RunView, palette: Palette) -> CurveStyle:
    """The look of a run's curve: dimmer unless it is the selected one, dashed in the second round of colours."""
    color, selected = run_style(state, run, palette)[0], run.id == state.selected
    return {"color": color if selected else palette.dimmed(color), "bold": selected, "dashed": is_dashed(state, run)}


def is_dashed(state: TrainState, run: RunView) -> bool:
    """Whether a run's curve is dashed: another one may have its colour."""
    return state.slots[run.id] >= COLORS


def state_word(run: RunView, history: RunHistory | None) -> str:
    """The run's state as a user needs it: also diverged, silent, and "at chance" for a finished run that guesses."""
    if run.state == "failed" and (run.reason.startswith("diverged") or (history and history.diverged_at is not None)):
        return "diverged"
    if run.state == "finished" and history and history.epochs and history.epochs[-1].accuracy <= CHANCE:
        return "at chance"
    return "silent" if run.silent else run.state


def state_text(state: TrainState, run: RunView, history: RunHistory | None) -> str:
    """The state, and the place of a queued run: "queued 2"."""
    place = state.queue_place(run)
    return f"{QUEUED} {place}" if place else state_word(run, history)


def state_reason(run: RunView, history: RunHistory | None) -> str:
    """The state and its reason: "lost: the process is gone"."""
    word = state_word(run, history)
    if word == "diverged":
        step = history.diverged_at if history else None
        return f"diverged at step {step:,}" if step is not None else run.reason
    if run.state == "stopped" and run.reason in COMMANDS:
        return COMMANDS[run.reason]
    if run.state in ("failed", LOST, "stopped"):
        return f"{run.state}: {run.reason or 'no reason given'}"
    return f"{word}: {run.reason}" if run.alive and run.reason else word


def error_text(error: Exception) -> str:
    """The message of an error, without a number and with the file's name only: "No space left on device (spec.json)".

    A KeyError means that the run was deleted meanwhile.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f" ({PurePath(str(error.filename)).name})" if error.filename else "")
    return "it is gone" if isinstance(error, KeyError) else str(error)


def tuned_settings(spec: RunSpec) -> list[str]:
    """The lr, and the other hyperparameters that are not the optimizer's defaults: "beta1=0.8"."""
    defaults = default_numbers(spec)
    values = spec.hyperparameters.items()
    changed = [f"{name}={format_number(v)}" for name, v in values if name == "lr" or defaults.get(name) != v]
    return changed + [f"{name}={format_value(v)}" for name, v in spec.arguments.items()]


def default_numbers(spec: RunSpec) -> Mapping[str, float]:
    """The optimizer's default of every hyperparameter; empty for an optimizer of a newer version."""
    if spec.signature:
        return make_spec(spec.optimizer, {}, signature=spec.signature).hyperparameters
    recipe = TRAINING_OPTIMIZERS.get(spec.optimizer)
    return recipe.defaults() if recipe else {}


def other_settings(spec: RunSpec) -> list[str]:
    """The settings without a knob that are not at their defaults: "data=kmnist"."""
    others = [name for name in WITHOUT_KNOB if getattr(spec, name) != getattr(DEFAULTS, name)]
    network = [f"network={short_name(spec.network)}"] if spec.network else []
    return network + [f"{name}={getattr(spec, name)}" for name in others]


def settings_text(spec: RunSpec) -> str:
    """The optimizer and the settings that differ from the defaults: "adam lr=0.0005 batch=32 seed=3 data=kmnist"."""
    parts = [spec.optimizer_label, *tuned_settings(spec)]
    if spec.batch_size != DEFAULTS.batch_size:
        parts.append(f"batch={spec.batch_size}")
    if spec.seed != DEFAULTS.seed:
        parts.append(f"seed={spec.seed}")
    return " ".join([*parts, *other_settings(spec)])


def differences(runs: Sequence[RunView]) -> dict[str, str]:
    """By run, the settings in which it differs from the others: "lr=0.01 seed=3"; "" for a run without any.

    Hyperparameters are compared with those of the same optimizer, because the optimizer is in a run's id.
    """
    texts = {run.id: list[str]() for run in runs}
    for optimizer in dict.fromkeys(run.spec.optimizer for run in runs):
        same_optimizer = [run for run in runs if run.spec.optimizer == optimizer]
        for name in dict.fromkeys(name for run in same_optimizer for name in run.spec.hyperparameters):
            values = {run.id: run.spec.hyperparameters.get(name) for run in same_optimizer}
            if len(set(values.values())) > 1:
                for id, value in values.items():
                    texts[id].append(f"{name}={'–' if value is None else short_number(value)}")
    for name, label in COMPARED.items():
        settings = {run.id: getattr(run.spec, name) for run in runs}
        if len(set(settings.values())) > 1:
            for id, setting in settings.items():
                if name not in ("limit", "validation") or setting:  # 0: all images, none of them held out
                    texts[id].append(f"{label}={setting}")
    return {id: " ".join(text) for id, text in texts.items()}


def short_number(value: float) -> str:
    """The shorter of 0.0005 and 5e-4."""
    plain = format_number(value)
    digits, _, exponent = f"{value:e}".partition("e")
    scientific = f"{format_number(float(digits))}e{int(exponent)}" if math.isfinite(value) else plain
    return scientific if len(scientific) < len(plain) else plain


def full_name(run: RunView) -> str:
    """The run's id, with the user's name before it: "long warm-up (adam-7f3a)"."""
    return f"{run.label.name} ({run.id})" if run.label.name else run.id


def titled(run: RunView, texts: Mapping[str, str]) -> str:
    """The run's name with the settings of `differences`: "adam-7f3a lr=0.01"."""
    return f"{run.title} {texts.get(run.id, '')}".rstrip()


def spec_text(spec: RunSpec) -> str:
    """All settings of a run in one line, the hyperparameters at their defaults left out."""
    optimizer = " ".join([spec.optimizer_label, *tuned_settings(spec)])
    run = (f"batch {spec.batch_size}", epochs_text(spec.epochs), f"seed {spec.seed}")
    return " · ".join([optimizer, *run, *other_settings(spec)])


def epochs_text(count: int) -> str:
    """A number of epochs: "1 epoch", "50 epochs"."""
    return f"{count} epoch{'s' * (count != 1)}"


def elapsed_seconds(run: RunView, history: RunHistory, now: float) -> float:
    """Seconds of work without pauses; before the process has begun, seconds since the run was created.

    An ended run that took no step has only those, so that the time does not jump back at its end.
    """
    if history.started is None or not (run.alive or history.step):
        return max((run.ended or now) - run.created, 0.0)
    return history.elapsed(now if run.alive and run.state != "paused" else 0.0)


def measured_on(runs: Sequence[RunView]) -> str:
    """The images of the runs' numbers after each epoch: "test", "validation", or "held-out" where they differ."""
    words = {run.spec.measured_on for run in runs}
    return "held-out" if len(words) > 1 else next(iter(words), "test")


def test_text(run: RunView, history: RunHistory | None) -> str:
    """The test accuracy of a run with validation images, measured once at its end: "98.60% ± 0.12%"; "" before."""
    if not run.spec.validation or not history or not history.epochs:
        return ""
    accuracy = history.epochs[-1].test_accuracy
    return "" if math.isnan(accuracy) else accuracy_with_error(run.spec.data, accuracy)


def loss_text(value: float) -> str:
    """A loss in at most eight columns: 0.0312, 12.3000, 5.12e+30, –."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 100 else f"{value:.2e}"


def short_loss_text(value: float) -> str:
    """A loss in at most six columns: 0.0312, 12.300, 5e+30."""
    text = loss_text(value)
    return text if len(text) <= 6 else f"{value:.3f}"[:6] if 1 <= abs(value) < 100 else f"{value:.0e}"


def speed_text(per_second: float | None) -> str:
    """Images per second with three significant digits: 12,400."""
    if per_second is None or not math.isfinite(per_second) or per_second <= 0:
        return "–"
    digits = max(math.floor(math.log10(per_second)) - 2, 0)
    return f"{round(per_second, -digits):,.0f}"


def memory_text(size: int | None) -> str:
    """Bytes as 512 MB or 2.1 GB."""
    if size is None:
        return "–"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def resource_usage(run: RunView) -> tuple[str, str]:
    """The load and memory of the run's processor, with its label: "gpu" where one is known, else "cpu"."""
    if run.gpu_percent is not None or run.gpu_memory_bytes is not None:
        label, percent, size = "gpu", run.gpu_percent, run.gpu_memory_bytes
    else:
        label, percent, size = "cpu", run.cpu_percent, run.memory_bytes
    if percent is None and size is None:
        return label, "–"
    return label, f"{percent:.0f}% {memory_text(size)}" if percent is not None else memory_text(size)
