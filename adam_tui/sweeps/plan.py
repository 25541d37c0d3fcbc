"""The plan of a sweep: its space, its budget and its seeds, written once as sweep.json; and the trials that follow.

The plan alone determines every trial: trial n has the same settings on every host and after every resume. A trial's
identity is a hash of its settings and its seed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adam_tui.engine.class_reference import short_name
from adam_tui.engine.class_signature import Signature, signature_from_json
from adam_tui.engine.knobs import Knob
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import DATA_SETS, RUN_KNOBS, TRAINING_OPTIMIZERS, class_recipe, make_spec
from adam_tui.sweeps import space
from adam_tui.sweeps.journal import Planned, now
from adam_tui.sweeps.space import Dimension, Range, Values

SAMPLERS = ("quasi", "grid", "tpe")
STARTUP = (4, 10)  # with tpe a quarter of the settings, and so many at least and at most, are spread evenly
REDUCTION = 3  # of the settings of an optimizer, so many go on: one in three
TPE_AND_HALVING = "tpe learns from whole trials: leave halving out, or sample with quasi"
VALIDATION = 5000  # training images that are held out to choose settings by
MAX_TRIALS = 100_000
IDENTITY_DIGITS = 12  # hexadecimal: among 100,000 trials two equal ones are as likely as 1 to 56,000
SWEPT_RUN_KNOBS = ("batch_size",)  # knobs of a run, not of its optimizer, that a sweep may vary


@dataclass(frozen=True, slots=True)
class UserClass:
    """An optimizer class of the user in a plan: its parameters, and the digests of its files as in RunSpec."""

    signature: Signature
    code: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        return {"signature": [each.to_json() for each in self.signature], "code": dict(self.code)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UserClass:
        """The inverse of `to_json`. Raises ValueError, TypeError, KeyError for anything else."""
        return cls(signature_from_json(data["signature"]), {str(k): str(v) for k, v in dict(data["code"]).items()})


# By the reference, as in `RunSpec.optimizer`.
UserClasses = Mapping[str, UserClass]
NO_CLASSES: UserClasses = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep as it was asked for.

    `space` holds the values of the varied knobs for each optimizer. `trials` is the number of settings of an optimizer
    unless the sampler is grid and the lists decide; `seeds` are the seeds that each setting is trained with. `rungs`
    are the epochs after which successive halving decides, and the last is `epochs`; without halving there is that one.
    `validation` is the number of training images that are held out. `classes` are the optimizers that are classes of
    the user; their files are in the sweep's directory. The rest is as in RunSpec.
    """

    space: Mapping[str, Mapping[str, Dimension]]
    trials: int = 8
    seeds: tuple[int, ...] = (0,)
    sampler: str = "quasi"
    seed: int = 0
    epochs: int = 3
    rungs: tuple[int, ...] = (3,)
    batch_size: int = 64
    limit: int = 0
    validation: int = VALIDATION
    device: str = "auto"
    precision: str = "auto"
    data: str = "mnist"
    data_dir: str | None = None
    classes: UserClasses = field(default_factory=dict)

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The names of the optimizers."""
        return tuple(self.space)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        dimensions = {
            optimizer: {name: each.to_json() for name, each in knobs.items()} for optimizer, knobs in self.space.items()
        }
        del plain["classes"]
        classes = {"classes": {name: each.to_json() for name, each in self.classes.items()}} if self.classes else {}
        return plain | {"space": dimensions, "seeds": list(self.seeds), "rungs": list(self.rungs)} | classes

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The inverse of `to_json`. Ignores unknown keys. Raises ValueError with one line for anything else."""
        try:
            known = {f.name: data[f.name] for f in dataclasses.fields(cls) if f.name in data}
            known["space"] = {
                str(optimizer): {str(name): space.dimension_from_json(each) for name, each in knobs.items()}
                for optimizer, knobs in known["space"].items()
            }
            classes = known.get("classes", {})
            known["classes"] = {str(name): UserClass.from_json(each) for name, each in classes.items()}
            for name in ("seeds", "rungs"):
                known[name] = tuple(map(int, known[name]))
            return check_plan(cls(**known))
        except KeyError as error:
            raise ValueError(f"not a plan: {error.args[0]} is missing") from None
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a plan: {error}") from None


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep: a setting with one seed. `setting` numbers the settings of its optimizer from 0."""

    number: int
    setting: int
    spec: RunSpec = field(repr=False)

    @property
    def identity(self) -> str:
        """The hash of settings and seed."""
        return self.spec.trial

    @property
    def run(self) -> str:
        """The name of its run's directory: adam-0007."""
        return f"{self.spec.optimizer_label}-{self.number:04}"


def knobs_of(optimizer: str, classes: UserClasses = NO_CLASSES) -> dict[str, Knob]:
    """The knobs of an optimizer that a sweep may vary, by name. Raises ValueError for an unknown optimizer."""
    if optimizer in classes:
        knobs = class_recipe(optimizer, classes[optimizer].signature).knobs
    else:
        make_spec(optimizer, {})  # raises with the choices
        knobs = TRAINING_OPTIMIZERS[optimizer].knobs
    own = {knob.name: knob for knob in knobs}
    return own | {name: RUN_KNOBS[name] for name in SWEPT_RUN_KNOBS}


def read_optimizers(field: str, text: str) -> list[str]:
    """The names in "adam,sgd". Raises ValueError with one line that begins with the name of the field or flag."""
    names = [each.strip() for each in text.split(",") if each.strip()]
    if not names:
        raise ValueError(f"{field}: name one, such as adam")
    if len(set(names)) < len(names):
        raise ValueError(f"{field}: one is named twice: {text}")
    return names


def read_settings(field: str, texts: Iterable[str]) -> dict[str, str]:
    """The values as typed of the knobs in texts like "beta1=0.8..0.99", by knob. Raises ValueError as above."""
    varied: dict[str, str] = {}
    for text in texts:
        knob, equals, values = (part.strip() for part in text.partition("="))
        if not (knob and equals and values):
            raise ValueError(f"{field}: {text.strip()!r} is not a setting: write beta1=0.8..0.99")
        if knob in varied:
            raise ValueError(f"{field}: {knob} is given twice")
        varied[knob] = values
    return varied


def make_space(
    optimizers: Mapping[str, Mapping[str, float]],
    lr: str | None,
    settings: Mapping[str, str],
    classes: UserClasses = NO_CLASSES,
) -> dict[str, dict[str, Dimension]]:
    """The space of optimizers with fixed values, a learning rate as typed, and other knobs as typed.

    A knob that some of the optimizers lack is varied for the others. Raises ValueError with one line for a knob that
    no optimizer has, or that is given twice.
    """
    chosen: dict[str, dict[str, Dimension]] = {}
    for optimizer, fixed in optimizers.items():
        knobs = knobs_of(optimizer, classes)
        dimensions: dict[str, Dimension] = {}
        if "lr" not in knobs:
            if lr is not None or not settings:
                raise ValueError(f"{short_name(optimizer)} has no lr: vary other parameters of it with --set")
        elif lr is not None:
            dimensions["lr"] = space.parse_dimension(knobs["lr"], lr)
        elif "lr" not in settings and "lr" not in fixed:
            dimensions["lr"] = space.usual_lr_range(knobs["lr"])
        for name, text in settings.items():
            if name in knobs:
                if name in dimensions:
                    raise ValueError(f"{name} is given twice")
                dimensions[name] = space.parse_dimension(knobs[name], text)
        for name, value in fixed.items():
            if name in dimensions:
                raise ValueError(f"{name} of {short_name(optimizer)} is given twice")
            dimensions[name] = Values((value,))
        chosen[optimizer] = dimensions
    every: dict[str, Knob] = {}
    for optimizer in optimizers:
        every |= knobs_of(optimizer, classes)
    space.check_knobs(tuple(settings), every, " and ".join(map(short_name, optimizers)))
    return chosen


def rungs_of(epochs: int, settings: int, *, halving: bool) -> tuple[int, ...]:
    """The epochs after which settings are compared: 1, 3, 9 for 27 settings and 9 epochs; the last is `epochs`."""
    rungs = [epochs]
    while halving and rungs[0] // REDUCTION >= 1 and REDUCTION ** len(rungs) <= settings:
        rungs.insert(0, rungs[0] // REDUCTION)
    return tuple(rungs)


def make_plan(space: Mapping[str, Mapping[str, Dimension]], *, epochs: int, halving: bool, **rest: Any) -> Plan:
    """The plan of a space, with its rungs; `rest` are other fields of `Plan`. Raises ValueError with one line."""
    plan = Plan(space, epochs=epochs, rungs=(epochs,), **rest)
    if halving and plan.sampler == "tpe":
        raise ValueError(TPE_AND_HALVING)
    settings = min((len(settings_of(plan, each)) for each in space), default=0)
    rungs = rungs_of(epochs, settings, halving=halving)
    if halving and len(rungs) == 1:
        raise ValueError(f"halving needs {REDUCTION} epochs and {REDUCTION} settings of each optimizer, at least")
    return check_plan(dataclasses.replace(plan, rungs=rungs))


def check_plan(plan: Plan) -> Plan:
    """The plan, if its trials can be trained. Raises ValueError with one line."""
    if not plan.space:
        raise ValueError("a sweep needs an optimizer")
    if plan.sampler not in SAMPLERS:
        raise ValueError(f"no sampler {plan.sampler!r}: choose from {', '.join(SAMPLERS)}")
    if plan.sampler == "tpe" and len(plan.rungs) > 1:
        raise ValueError(TPE_AND_HALVING)
    if plan.trials < 1:
        raise ValueError("a sweep has at least one trial an optimizer")
    if not plan.seeds or len(set(plan.seeds)) < len(plan.seeds):
        raise ValueError("a sweep has at least one seed, and each of them once")
    if not plan.rungs or list(plan.rungs) != sorted(set(plan.rungs)) or plan.rungs[-1] != plan.epochs:
        raise ValueError(f"the rungs {plan.rungs} do not rise to {plan.epochs} epochs")
    if plan.validation < 1:
        raise ValueError("a sweep holds out at least one training image to choose by")
    images(plan)
    first = settings_of(plan, plan.optimizers[0])
    count = sum(len(settings_of(plan, each)) for each in plan.optimizers[1:]) + len(first)
    if count * len(plan.seeds) > MAX_TRIALS:
        raise ValueError(f"{count * len(plan.seeds):,} trials are too many: {MAX_TRIALS:,} at most")
    return plan


def images(plan: Plan) -> int:
    """The number of images that a trial trains on. Raises ValueError where none is left."""
    if plan.data not in DATA_SETS:
        make_spec("adam", {}, data=plan.data)  # raises with the choices
    others = DATA_SETS[plan.data].train_images - plan.validation
    if others < 1:
        raise ValueError(f"{plan.validation:,} images held out leave none to train on")
    return min(plan.limit or others, others)


def settings_of(plan: Plan, optimizer: str) -> list[dict[str, float]]:
    """The values of the varied knobs of each setting, in order."""
    knobs, dimensions = knobs_of(optimizer, plan.classes), plan.space[optimizer]
    for name in dimensions:
        space.check_knobs((name,), knobs, optimizer)
    if plan.sampler == "grid":
        lists = [len(each.values) if isinstance(each, Values) else plan.trials for each in dimensions.values()]
        total = 1
        for size in lists:
            total *= size
        if total > MAX_TRIALS:
            raise ValueError(f"a grid of {total:,} settings is too large: {MAX_TRIALS:,} at most")
        return list(space.grid(knobs, dimensions, plan.trials))
    if plan.trials > MAX_TRIALS:
        raise ValueError(f"{plan.trials:,} trials are too many: {MAX_TRIALS:,} at most")
    points = (space.quasi(knobs, dimensions, plan.seed, number) for number in itertools.count())
    if plan.sampler == "tpe":
        return _different(points, plan, optimizer)
    return list(itertools.islice(points, plan.trials))


def _different(points: Iterator[dict[str, float]], plan: Plan, optimizer: str) -> list[dict[str, float]]:
    """The first points that differ from each other; a space of few values is filled up with the rest of them."""
    count = settings_count(plan, optimizer)
    chosen: dict[tuple[float, ...], dict[str, float]] = {}
    for point in itertools.chain(itertools.islice(points, 2 * count), combinations(plan, optimizer)):
        if len(chosen) == count:
            break
        chosen.setdefault(tuple(point.values()), point)
    return list(chosen.values())


def combinations(plan: Plan, optimizer: str) -> Iterator[dict[str, float]]:
    """Every setting of a space that holds a finite number of them; nothing for any other."""
    knobs, dimensions = knobs_of(optimizer, plan.classes), plan.space[optimizer]
    sizes = [space.size(knobs[name], each) for name, each in dimensions.items()]
    finite = [each for each in sizes if each is not None]
    return space.grid(knobs, dimensions, max(finite, default=1)) if len(finite) == len(sizes) else iter(())


def settings_count(plan: Plan, optimizer: str) -> int:
    """The number of settings that tpe decides for an optimizer: no more than there are."""
    knobs, total = knobs_of(optimizer, plan.classes), 1
    for name, each in plan.space[optimizer].items():
        total *= space.size(knobs[name], each) or plan.trials
        if total >= plan.trials:
            return plan.trials
    return total


def trials_count(plan: Plan) -> int | None:
    """The number of trials where they are decided one after another; None where the plan alone determines them."""
    if plan.sampler != "tpe":
        return None
    return sum(settings_count(plan, optimizer) for optimizer in plan.optimizers) * len(plan.seeds)


def is_grid(dimensions: Mapping[str, Mapping[str, Dimension]]) -> bool:
    """Whether nothing but lists is given."""
    return not any(isinstance(each, Range) for knobs in dimensions.values() for each in knobs.values())


def trials_of(plan: Plan, sweep: str) -> tuple[Trial, ...]:
    """All trials in the order in which they start: the first setting of every optimizer with every seed, and so on.

    Raises ValueError with one line for settings that training refuses.
    """
    lists = {optimizer: settings_of(plan, optimizer) for optimizer in plan.optimizers}
    trials: list[Trial] = []
    known: set[str] = set()  # whole numbers can coincide
    are_decided_later = plan.sampler == "tpe"  # then a trial's number must not depend on the settings before it
    counts = {each: settings_count(plan, each) if are_decided_later else len(own) for each, own in lists.items()}
    for number, (optimizer, setting, seed) in enumerate(_order(counts, plan.seeds)):
        if setting >= len(lists[optimizer]):
            continue
        spec = _spec(plan, optimizer, lists[optimizer][setting], seed)
        spec = dataclasses.replace(spec, sweep=sweep, trial=identity(spec))
        if spec.trial in known:
            continue
        known.add(spec.trial)
        trials.append(Trial(number if are_decided_later else len(trials), setting, spec))
    return tuple(trials)


def _order(counts: Mapping[str, int], seeds: tuple[int, ...]) -> Iterator[tuple[str, int, int]]:
    """Optimizer, setting and seed of the trials in their order, for so many settings of each optimizer."""
    for setting in range(max(counts.values())):
        yield from (
            (optimizer, setting, seed)
            for optimizer, seed in itertools.product((each for each in counts if setting < counts[each]), seeds)
        )


def _spec(plan: Plan, optimizer: str, values: Mapping[str, float], seed: int) -> RunSpec:
    own = {name: value for name, value in values.items() if name not in SWEPT_RUN_KNOBS}
    of_run = {name: value for name, value in values.items() if name in SWEPT_RUN_KNOBS}
    rest: dict[str, Any] = {
        name: getattr(plan, name)
        for name in ("epochs", "batch_size", "limit", "validation", "device", "precision", "data", "data_dir")
    }
    if (user_class := plan.classes.get(optimizer)) is not None:
        rest |= {"signature": user_class.signature, "code": user_class.code}
    return make_spec(optimizer, own, **(rest | of_run), seed=seed, queue=False, weights=0)


def identity(spec: RunSpec) -> str:
    """The hash of settings and seed; the same in every sweep, on every device and from every folder of the data.

    A file of the user counts by its content, wherever it was.
    """
    settings = spec.to_json()
    if spec.code:
        settings["optimizer"] = spec.optimizer_label
    for name in ("sweep", "trial", "queue", "after_sweeps", "tensorboard", "device", "data_dir", "weights"):
        del settings[name]
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:IDENTITY_DIGITS]


def steps_of(plan: Plan, trial: Trial, epochs: int) -> int:
    """The optimizer steps of a trial in so many epochs."""
    return epochs * -(-images(plan) // trial.spec.batch_size)


def trial_of(plan: Plan, sweep: str, planned: Planned) -> Trial:
    """The trial that a line of the journal plans. Raises ValueError with one line for settings that are refused."""
    spec = _spec(plan, planned.optimizer, planned.settings, planned.seed)
    return Trial(planned.trial, planned.setting, dataclasses.replace(spec, sweep=sweep, trial=planned.identity))


def planned(plan: Plan, sweep: str) -> list[Planned]:
    """The lines of the journal that plan the trials which the plan alone determines."""
    moment, trials = now(), trials_of(plan, sweep)
    if plan.sampler == "tpe":
        low, high = STARTUP
        count = min(max(plan.trials // 4, low), high)
        trials = tuple(trial for trial in trials if trial.setting < count)
    return [_line(plan, trial, moment) for trial in trials]


def planned_setting(
    plan: Plan,
    sweep: str,
    optimizer: str,
    setting: int,
    values: Mapping[str, float],
    based_on: tuple[int, ...],
    pending: tuple[int, ...],
) -> list[Planned]:
    """The lines that plan one setting for every seed, decided from the results of other trials."""
    moment, counts = now(), {each: settings_count(plan, each) for each in plan.optimizers}
    lines = []
    for number, place in enumerate(_order(counts, plan.seeds)):
        if place[:2] == (optimizer, setting):
            spec = _spec(plan, optimizer, values, place[2])
            spec = dataclasses.replace(spec, sweep=sweep, trial=identity(spec))
            line = _line(plan, Trial(number, setting, spec), moment)
            lines.append(dataclasses.replace(line, based_on=based_on, pending=pending))
    return lines


def _line(plan: Plan, trial: Trial, moment: float) -> Planned:
    spec = trial.spec
    values = dict(spec.hyperparameters) | {"batch_size": float(spec.batch_size)}
    settings = {name: values[name] for name in plan.space[spec.optimizer]}
    return Planned(moment, trial.number, spec.trial, trial.run, spec.optimizer, trial.setting, spec.seed, settings)
