"""From a lane of the playground to a training run: the same optimizer, and remarks where toy and network differ."""

from __future__ import annotations

from dataclasses import replace

from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_number
from adam_tui.engine.schedules import CONSTANT
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import PLAYGROUND_ONLY, TRAINING_OPTIMIZERS, make_spec

FACTOR = 3.0  # times larger or smaller than the usual lr, from which an lr is remarked on


def spec_for(lane: Lane) -> tuple[RunSpec, tuple[str, ...]]:
    """The run with the lane's optimizer and initial values, and remarks, with marks for keys, on what differs."""
    recipe = TRAINING_OPTIMIZERS[lane.optimizer]
    values = {name: value for name, value in lane.values if name not in PLAYGROUND_ONLY}
    remarks = _lr_remark(lane["lr"], recipe.knob("lr").default)
    if dict(lane.values).get("bias_correction", 1.0) == 0.0:
        remarks.append("bias_correction is on: torch.optim cannot switch it off")
    return make_spec(lane.optimizer, values), (*remarks, *remarks_on(lane))


def remarks_on(lane: Lane) -> tuple[str, ...]:
    """Remarks, with marks for keys, on what a run leaves out of a lane, whatever its optimizer."""
    remarks = []
    if lane.schedule != CONSTANT:
        remarks.append("the schedule is left out: the network trains with a constant lr, which {live} changes later")
    if lane.changes:
        names = ", ".join(dict.fromkeys(change.name for change in lane.changes))
        remarks.append(f"changes during the race ({names}) are left out: the run keeps the initial values")
    remarks.append("its gradients are noisy by themselves: each is of one batch of 64 images, not of the whole surface")
    return tuple(remarks)


def class_text(lane: Lane) -> str:
    """A lane with a class of the user as text, `./mine.py::MyAdam:lr=0.1`, without schedule and changes."""
    return replace(lane, schedule=CONSTANT, changes=()).to_flag()


def _lr_remark(lr: float, usual: float) -> list[str]:
    """A remark on an lr that is far from the usual one for the network."""
    if usual / FACTOR <= lr <= FACTOR * usual:
        return []
    smaller = f"{_times(usual / lr)} smaller than" if lr > 0 else "below"
    times = f"{_times(lr / usual)}" if lr > usual else smaller
    return [
        f"lr {format_number(lr)} is {times} the {format_number(usual)} that trains the network well: "
        "a bowl in two dimensions needs other steps than 62,346 weights"
    ]


def usual_lr(spec: RunSpec) -> RunSpec:
    """The same run with the learning rate that suits the network."""
    recipe = TRAINING_OPTIMIZERS[spec.optimizer]
    return make_spec(spec.optimizer, {**spec.hyperparameters, "lr": recipe.knob("lr").default})


def _times(factor: float) -> str:
    """200 ×, 4.5 ×."""
    return f"{factor:,.0f} ×" if factor >= 10 else f"{format_number(round(factor, 1))} ×"
