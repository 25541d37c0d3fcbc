"""The tree-structured Parzen estimator: the next setting is chosen from the results of those before it.

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", as Optuna implements it. A sweep with this sampler
begins with evenly spread settings. From then on a slot without a trial decides the next setting: the values that the
estimator expects to be good, from the median validation loss of each setting over its seeds. A decision is recorded
once, with the trials that it was based on, before one of its trials starts. It follows from the plan and from the
results of these trials alone. Only the process that decides imports Optuna, which keeps everything in memory.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from adam_tui.engine.knobs import Knob
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps import space
from adam_tui.sweeps.journal import ENDED, Planned, SweepRecord
from adam_tui.sweeps.plan import Plan
from adam_tui.sweeps.space import Dimension, Values

ASKED = 20  # times at most that the estimator is asked for a setting that was not tried
# Optuna changes the settings of the module `warnings` and of its logger, which all threads share.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that was decided before: its values, and its loss, None while one of its trials goes on."""

    values: Mapping[str, float]
    loss: float | None


def check_optuna() -> None:
    """Raise ValueError with one line when Optuna is not installed. Does not import it."""
    try:
        specification = importlib.util.find_spec("optuna")
    except ValueError:  # a module without a specification has that name
        specification = None
    if specification is None:
        raise ValueError("Optuna is not installed: pip install 'adam-tui[tpe]', or use another --sampler")


def decide(plan: Plan, sweep: str, record: SweepRecord) -> list[Planned]:
    """The trials of the next setting, one for each seed; empty when every setting is decided.

    The optimizers take turns. Raises ValueError with one line when Optuna is not installed.
    """
    decided: dict[str, dict[int, list[Any]]] = {optimizer: {} for optimizer in plan.optimizers}
    for each in record.trials.values():
        decided[each.planned.optimizer].setdefault(each.planned.setting, []).append(each)
    counts = {optimizer: plans.settings_count(plan, optimizer) for optimizer in plan.optimizers}
    left = [(len(own), optimizer) for optimizer, own in decided.items() if len(own) < counts[optimizer]]
    if not left:
        return []
    optimizer = min(left, key=lambda each: each[0])[1]
    own = decided[optimizer]
    setting = next(number for number in range(counts[optimizer]) if number not in own)
    tried: list[Tried] = []
    based_on: list[int] = []
    pending: list[int] = []
    for number in sorted(own):
        trials = [each for each in own[number] if each.state != "stopped"]  # by hand: no result of the setting
        goes_on = any(each.state not in ENDED for each in trials)
        (pending if goes_on else based_on).extend(each.planned.trial for each in trials)
        if trials:
            loss = None if goes_on else median(each.loss for each in trials)
            tried.append(Tried(own[number][0].planned.settings, loss))
    values = suggest(plan, optimizer, setting, tried)
    return plans.planned_setting(plan, sweep, optimizer, setting, values, tuple(based_on), tuple(pending))


def suggest(plan: Plan, optimizer: str, setting: int, tried: list[Tried]) -> dict[str, float]:
    """The values of setting number `setting`, from the settings before it, in their order.

    A setting in progress is expected to be bad, so that other slots try others ("constant liar"). Raises ValueError
    with one line when Optuna is not installed.
    """
    check_optuna()
    knobs, dimensions = plans.knobs_of(optimizer, plan.classes), plan.space[optimizer]
    known = [dict(each.values) for each in tried]
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of Optuna's options are experimental
        import optuna
        from optuna.trial import TrialState, create_trial

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        distributions = {name: _distribution(knobs[name], each) for name, each in dimensions.items()}
        values: dict[str, float] = {}
        for attempt in range(ASKED):
            sampler = optuna.samplers.TPESampler(
                seed=_seed(plan.seed, optimizer, setting, attempt),
                n_startup_trials=0,
                multivariate=True,
                constant_liar=True,
            )
            study = optuna.create_study(sampler=sampler)
            for each in tried:
                parameters = {name: _parameter(knobs[name], dimensions[name], each.values[name]) for name in dimensions}
                state = TrialState.RUNNING if each.loss is None else TrialState.COMPLETE
                study.add_trial(
                    create_trial(state=state, value=each.loss, params=parameters, distributions=distributions)
                )
            asked = study.ask(distributions).params
            values = {name: _value(knobs[name], dimensions[name], asked[name]) for name in dimensions}
            if values not in known:
                return values
    # A space of few values: its first combination that was not tried.
    return next((each for each in plans.combinations(plan, optimizer) if each not in known), values)


def _seed(seed: int, optimizer: str, setting: int, attempt: int) -> int:
    """A number of 32 bits for the random numbers of one decision."""
    digest = hashlib.sha256(f"{seed} {optimizer} {setting} {attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _distribution(knob: Knob, dimension: Dimension) -> Any:
    """Optuna's distribution of a knob: a place on the knob's own scale, a whole number, or one of a list."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Values):
        return CategoricalDistribution(dimension.values)
    if (count := space.size(knob, dimension)) is not None:
        return IntDistribution(0, count - 1)
    return FloatDistribution(0.0, 1.0)


def _parameter(knob: Knob, dimension: Dimension, value: float) -> float | int:
    """A value as its distribution has it."""
    if isinstance(dimension, Values):
        return value
    if (count := space.size(knob, dimension)) is not None:
        return min(int(dimension.place(knob, value) * count), count - 1)
    return min(max(dimension.place(knob, value), 0.0), 1.0)


def _value(knob: Knob, dimension: Dimension, parameter: float) -> float:
    """The inverse of `_parameter`, with three digits as any sampled value."""
    if isinstance(dimension, Values):
        return float(parameter)
    count = space.size(knob, dimension)
    return dimension.at(knob, parameter if count is None else (parameter + 0.5) / count)
