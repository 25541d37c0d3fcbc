"""Synchronous successive halving: at each rung, the best third of an optimizer's settings goes on.

Jamieson & Talwalkar 2016, arXiv:1502.07943. A rung is decided when every trial that was promoted to it has reached it
or has ended. A setting counts as its median validation loss over the seeds; a diverged or failed seed is infinitely
bad. A decision follows from the numbers of the trials alone, so every process that makes it makes the same one.
Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from adam_tui.sweeps.journal import Decided, SweepRecord, now
from adam_tui.sweeps.plan import REDUCTION, Plan


def target(plan: Plan, record: SweepRecord, number: int) -> int:
    """The epochs that a trial trains to before the next decision about it."""
    trial = record.trials[number]
    decided = {each.epoch for each in record.decisions if each.optimizer == trial.planned.optimizer}
    for rung in plan.rungs:
        if rung not in decided or rung > trial.epoch:
            return rung
    return plan.epochs


def due(plan: Plan, record: SweepRecord) -> Iterator[Decided]:
    """The decisions that can be made now and were not made yet, at most one an optimizer."""
    for optimizer in plan.optimizers:
        decided = {each.epoch for each in record.decisions if each.optimizer == optimizer}
        rung = next((rung for rung in plan.rungs[:-1] if rung not in decided), None)
        if rung is None:
            continue
        own = [each for each in record.trials.values() if each.planned.optimizer == optimizer]
        here = [each for each in own if each.state != "cut"]
        states = {each.state for each in here}
        if "waiting" not in states or not states <= {"waiting", "diverged", "failed", "stopped"}:
            continue
        losses: dict[int, list[float]] = {}
        for each in here:
            reached = each.state == "waiting" and each.epoch == rung
            losses.setdefault(each.planned.setting, []).append(each.loss if reached else math.inf)
        # The smaller number breaks a tie.
        order = sorted((median(values), setting) for setting, values in losses.items())
        finite = sum(math.isfinite(loss) for loss, _ in order)
        promoted = min(max(-(-len(order) // REDUCTION), 1), finite)
        yield Decided(
            now(), optimizer, rung, promoted, tuple(setting for _, setting in order), tuple(loss for loss, _ in order)
        )
