"""The results of a sweep: settings compared over their seeds, as a text table, as CSV and as an estimate before it.

A setting counts as the median over its seeds. Settings are chosen by validation loss; the test accuracy of the chosen
one is reported with its standard error. Standard library only.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any, TextIO

from adam_tui.engine.class_reference import short_name
from adam_tui.engine.numbers import count_noun, format_duration, format_loss, format_number, round_nearest
from adam_tui.runs.directory import list_runs
from adam_tui.runs.recipes import DATA_SETS
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.journal import ENDED, Decided, SweepRecord, TrialRecord
from adam_tui.sweeps.plan import Plan, knobs_of
from adam_tui.sweeps.space import Range
from adam_tui.sweeps.sweep import sweep_ids

CSV_COLUMNS = (
    *("trial", "run", "optimizer", "seed", "state", "epochs"),
    *("validation_loss", "validation_accuracy", "test_accuracy", "seconds"),
)
LEAST_FOR_EDGE = 3  # different values of a knob, of which one can be the highest without being chosen by chance alone
# For an estimate before the first run: images a second on 2 cores, and the share of a training step that an image costs
# that is only measured. A trial's files were measured over 50 short trials.
ASSUMED_SPEED = 5000.0
MEASURED_SHARE = 0.3
TRIAL_BYTES, LOSS_BYTES, CHECKPOINT_BYTES = 40_000, 13, 1_550_000
RECENT_RUNS = 5  # whose speed is the one to expect


@dataclass(frozen=True, slots=True)
class Setting:
    """The trials of one setting of an optimizer, one for each seed."""

    optimizer: str
    number: int
    values: Mapping[str, float]
    trials: tuple[TrialRecord, ...]

    @property
    def loss(self) -> float:
        """The median validation loss over the seeds that have ended an epoch; infinite for a diverged one."""
        known = [each.loss for each in self.trials if each.epoch or each.state in ENDED]
        return median(known) if known else math.nan

    @property
    def epoch(self) -> int:
        """The epochs that every seed has finished; diverged ones do not count."""
        return min((each.epoch for each in self.trials if each.state != "diverged"), default=0)

    @property
    def mark(self) -> str:
        """A character for a table: x diverged, / stopped early, ! failed, "" for any other."""
        states = {each.state for each in self.trials}
        for state, mark in (("failed", "!"), ("diverged", "x"), ("cut", "/"), ("stopped", "/")):
            if state in states:
                return mark
        return ""

    def values_of(self, name: str) -> list[float]:
        """A number of the seeds that have it, such as test_accuracy."""
        numbers = [getattr(each.last, name) for each in self.trials if each.last is not None]
        return [number for number in numbers if math.isfinite(number)]


def settings(record: SweepRecord) -> list[Setting]:
    """The settings of all optimizers, in the order of their trials."""
    groups: dict[tuple[str, int], list[TrialRecord]] = {}
    for number in sorted(record.trials):
        each = record.trials[number]
        groups.setdefault((each.planned.optimizer, each.planned.setting), []).append(each)
    return [
        Setting(optimizer, number, trials[0].planned.settings, tuple(trials))
        for (optimizer, number), trials in groups.items()
    ]


def best(some: Iterable[Setting]) -> Setting | None:
    """The setting with the lowest median loss among those that were trained longest; None before the first."""
    known = [each for each in some if math.isfinite(each.loss)]
    longest = max((each.epoch for each in known), default=0)
    return min((each for each in known if each.epoch == longest), key=lambda each: each.loss, default=None)


def standard_error(accuracies: Sequence[float], images: int) -> float:
    """Of the mean accuracy: from the spread over the seeds, or for one seed from the number of test images."""
    if len(accuracies) > 1:
        return stdev(accuracies) / math.sqrt(len(accuracies))
    return math.sqrt(accuracies[0] * (1 - accuracies[0]) / images)


def at_the_edge(chosen: Setting, every: Iterable[Setting]) -> list[tuple[str, str]]:
    """The knobs whose best value is the lowest or the highest that was tried, each with that word."""
    own = [each.values for each in every if each.optimizer == chosen.optimizer]
    edges = []
    for name, value in chosen.values.items():
        tried = {values[name] for values in own}
        if len(tried) >= LEAST_FOR_EDGE and value in (min(tried), max(tried)):
            edges.append((name, "lowest" if value == min(tried) else "highest"))
    return edges


# Text.


def text(plan: Plan, record: SweepRecord, *, active: bool = False) -> str:
    """The results as a table of validation losses by learning rate and optimizer, and the best of each optimizer."""
    every = settings(record)
    winners = {optimizer: best(each for each in every if each.optimizer == optimizer) for optimizer in plan.optimizers}
    place = _lr_places(plan)
    lines = [counts(record, active=active), "", _heading(plan)]
    lines += _table(plan.optimizers, every, winners, place)
    for optimizer, winner in winners.items():
        lines.append("")
        lines += _winner_lines(plan, optimizer, winner, every)
    return "\n".join(lines)


def counts(record: SweepRecord, *, active: bool = True) -> str:
    """How many trials are in which state: "12 trials: 9 finished, 3 diverged".

    No trial is in progress where no process is `active`.
    """
    words = {
        "cut": "stopped early",
        "running": "in progress" if active else "interrupted",
        "waiting": "waiting at a rung",
        "stopped": "stopped",
    }
    states = [each.state for each in record.trials.values()]
    order = ("finished", "cut", "diverged", "failed", "stopped", "waiting", "running", "planned")
    parts = [f"{states.count(state)} {words.get(state, state)}" for state in order if state in states]
    if record.undecided:
        parts.append(f"{record.undecided} to be decided")
    return f"{count_noun(record.count, 'trial')}: {', '.join(parts)}"


def _heading(plan: Plan) -> str:
    seeds = f", median over {len(plan.seeds)} seeds" if len(plan.seeds) > 1 else ""
    return f"validation loss{seeds}\n* best  / stopped early  x diverged  ! failed  · not trained yet"


def _lr_places(plan: Plan) -> Callable[[float], float]:
    """The row of a learning rate: itself in a grid of few values, else the nearest of 1, 2, 5 × 10ⁿ."""
    ranged = any(isinstance(knobs.get("lr"), Range) for knobs in plan.space.values())
    return (lambda value: float(round_nearest(value))) if ranged and plan.sampler != "grid" else lambda value: value


def _table(
    optimizers: Sequence[str],
    every: Sequence[Setting],
    winners: Mapping[str, Setting | None],
    place: Callable[[float], float],
) -> list[str]:
    cells: dict[tuple[float, str], Setting] = {}
    for each in every:
        key = (place(each.values.get("lr", 0.0)), each.optimizer)
        cells[key] = _better(cells.get(key), each)
    names = list(map(short_name, optimizers))
    width = max(10, *(len(name) + 2 for name in names))
    lines = [f"{'lr':>10}" + "".join(f"{name:>{width}} " for name in names)]
    for lr in sorted({lr for lr, _ in cells}):
        row = f"{format_number(lr) if lr else '–':>10}"  # a class of the user may have no lr
        for optimizer in optimizers:
            cell = cells.get((lr, optimizer))
            row += " " * (width + 1) if cell is None else _cell(cell, winners[optimizer], width)
        lines.append(row)
    return [line.rstrip() for line in lines]


def _better(one: Setting | None, other: Setting) -> Setting:
    """The one of two settings in the same cell that was trained longer, or has the lower loss."""
    if one is None:
        return other
    return min((one, other), key=lambda each: (-each.epoch, math.isnan(each.loss), each.loss))


def _cell(setting: Setting, winner: Setting | None, width: int) -> str:
    mark = "*" if setting == winner else setting.mark
    number = "·" if math.isnan(setting.loss) else format_loss(setting.loss) if math.isfinite(setting.loss) else ""
    return f"{number:>{width}}{mark or ' '}" if number else f"{mark or '!':>{width}} "


def _winner_lines(plan: Plan, optimizer: str, winner: Setting | None, every: Sequence[Setting]) -> list[str]:
    if winner is None:
        is_over = all(each.loss == math.inf for each in every if each.optimizer == optimizer)
        return [f"{short_name(optimizer)}: no {'trial has a finite loss' if is_over else 'result yet'}"]
    knobs = knobs_of(optimizer, plan.classes)
    values = ", ".join(f"{name}={knobs[name].format(value)}" for name, value in winner.values.items())
    accuracy = winner.values_of("validation_accuracy")
    after = f" after epoch {winner.epoch} of {plan.epochs}" if winner.epoch < plan.epochs else ""
    lines = [f"{short_name(optimizer)}: best {values}{after}"]
    if accuracy:
        lines.append(f"  validation loss {format_loss(winner.loss)}, accuracy {fmean(accuracy):.2%}")
    if tested := winner.values_of("test_accuracy"):
        error = standard_error(tested, DATA_SETS[plan.data].test_images)
        over = count_noun(len(tested), "seed")
        lines.append(f"  test accuracy {fmean(tested):.2%} ± {error:.2%} (standard error, {over})")
    for name, word in at_the_edge(winner, every):
        value, direction = knobs[name].format(winner.values[name]), "lower" if word == "lowest" else "higher"
        lines.append(f"  {name}={value} is the {word} that was tried: the best may be {direction}")
    return lines


def decisions(record: SweepRecord) -> list[str]:
    """The decisions of successive halving in words, a line each."""
    return [decision(each) for each in record.decisions]


def decision(event: Decided) -> str:
    """One decision with the numbers that made it: "adam after epoch 1: 3 of 9 settings go on, loss ≤ 0.1; …"."""
    total, kept = len(event.settings), event.promoted
    text = f"{short_name(event.optimizer)} after epoch {event.epoch}: {kept} of {total} settings go on"
    if kept:
        text += f", loss ≤ {format_loss(event.losses[kept - 1])}"
    rest = [loss for loss in event.losses[kept:] if math.isfinite(loss)]
    return text + (f"; the next has {format_loss(rest[0])}" if rest else "")


def share_done(plan: Plan, record: SweepRecord) -> float:
    """The share of the sweep's epochs that are finished, 0 to 1."""
    done, left = sum(each.epoch for each in record.trials.values()), epochs_left(plan, record)
    return done / (done + left) if left else 1.0


def epochs_left(plan: Plan, record: SweepRecord) -> int:
    """The epochs that are left to train, with the trials that halving is going to stop."""
    left = record.undecided * plan.epochs
    decided = {(each.optimizer, each.epoch) for each in record.decisions}
    for optimizer in plan.optimizers:
        own = [each for each in record.trials.values() if each.planned.optimizer == optimizer]
        active = [each for each in own if each.state not in ENDED]
        remaining, before = len(active), 0
        for rung in plan.rungs:
            if (optimizer, rung) in decided:
                before = rung
                continue
            reached = sum(each.epoch >= rung for each in active)
            left += max(remaining - reached, 0) * (rung - before)
            remaining, before = -(-remaining // plans.REDUCTION), rung
    return left


# CSV.


def write_csv(plan: Plan, record: SweepRecord, stream: TextIO) -> None:
    """Write a row for each trial: CSV_COLUMNS, and a column for each varied knob."""
    names = list(dict.fromkeys(name for knobs in plan.space.values() for name in knobs))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*CSV_COLUMNS, *names))
    for number in sorted(record.trials):
        each = record.trials[number]
        planned, last = each.planned, each.last
        numbers: list[Any] = [""] * 4
        if last is not None:
            figures = (last.validation_loss, last.validation_accuracy, last.test_accuracy, last.seconds)
            numbers = [math.inf if each.state == "diverged" else figures[0], *figures[1:]]
        row = [number, each.run, planned.optimizer, planned.seed, each.state, each.epoch, *numbers]
        writer.writerow([*row, *(planned.settings.get(name, "") for name in names)])


# Before a sweep.


@dataclass(frozen=True, slots=True)
class Estimate:
    """The size of a sweep. `speed` is in images a second, `measured` whether runs of this directory reached it."""

    trials: int
    steps: int
    seconds: float
    bytes: int
    speed: float
    measured: bool

    def text(self, plan: Plan, slots: int) -> str:
        """The estimate in words; `slots` of 0 are not known yet."""
        source = "as the last ones here" if self.measured else "assumed: nothing was measured here"
        rungs = f", decisions after epoch {', '.join(map(str, plan.rungs[:-1]))}" if len(plan.rungs) > 1 else ""
        on = f" on {count_noun(slots, 'slot')}" if slots else ""
        return (
            f"{count_noun(self.trials, 'trial')} of {count_noun(plan.epochs, 'epoch')}{on}{rungs}\n"
            f"{count_noun(self.steps, 'step')}, about {format_duration(self.seconds)} "
            f"at {self.speed:,.0f} images/s ({source})\n"
            f"about {self.bytes / 1e6:,.0f} MB of disk"
        )


def estimate(plan: Plan, runs: Path, slots: int) -> Estimate:
    """The size of a sweep that is planned so. Raises ValueError for a plan that cannot be trained."""
    trials = plans.trials_of(plan, "")
    counts_of = {optimizer: len(plans.settings_of(plan, optimizer)) for optimizer in plan.optimizers}
    steps, trained, measured = 0.0, 0.0, 0.0
    validation, test = plan.validation, DATA_SETS[plan.data].test_images
    for trial in trials:
        before, remaining = 0, float(counts_of[trial.spec.optimizer])
        for rung in plan.rungs:
            share = remaining / counts_of[trial.spec.optimizer]  # of the settings that reach this rung
            steps += share * plans.steps_of(plan, trial, rung - before)
            trained += share * plans.images(plan) * (rung - before)
            measured += share * validation * (rung - before)
            measured += share * test if rung == plan.epochs else 0.0
            before, remaining = rung, math.ceil(remaining / plans.REDUCTION)
    speed = _sweep_speed(runs, slots) or _recent_speed(runs)
    work = trained + MEASURED_SHARE * measured
    held = max(slots, len(trials) if len(plan.rungs) > 1 else 0)
    size = len(trials) * TRIAL_BYTES + int(steps) * LOSS_BYTES + held * CHECKPOINT_BYTES
    return Estimate(
        len(trials), round(steps), work / (speed or ASSUMED_SPEED), size, speed or ASSUMED_SPEED, bool(speed)
    )


def _sweep_speed(runs: Path, slots: int) -> float:
    """The speed of so many slots, as fast as those of the newest sweep with results, in images a second; 0 without one.

    The processes of a sweep share the cores, so a trial is slower than a run by itself.
    """
    for id in sweep_ids(runs)[:RECENT_RUNS]:
        if speed := _recent_speed(runs / id):
            return slots * speed
    return 0.0


def _recent_speed(runs: Path) -> float:
    """The speed of training in the newest runs, in images a second; 0 without one."""
    speeds = []
    for run in list_runs(runs)[: 4 * RECENT_RUNS]:
        if epochs := run.epochs():
            speeds.append(median(epoch.samples_per_second for epoch in epochs))
        if len(speeds) == RECENT_RUNS:
            break
    return median(speeds) if speeds else 0.0


def table(rows: Iterable[tuple[str, str, Plan, SweepRecord, float]]) -> str:
    """Sweeps in columns, from (id, state, plan, record, time of planning)."""
    cells = [("id", "state", "optimizers", "trials", "ended", "failed", "best", "planned")]
    for id, state, plan, record, created in rows:
        states = [each.state for each in record.trials.values()]
        winner = best(settings(record))
        cells.append(
            (
                id,
                state,
                ",".join(map(short_name, plan.optimizers)),
                str(record.count),
                str(sum(each in ENDED for each in states)),
                str(states.count("failed")),
                f"{short_name(winner.optimizer)} {format_loss(winner.loss)}" if winner else "–",
                time.strftime("%Y-%m-%d %H:%M", time.localtime(created)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = {3, 4, 5}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )
