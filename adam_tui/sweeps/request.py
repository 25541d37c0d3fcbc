"""A sweep as a form asks for it: a text a field, and the plan that follows. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adam_tui.engine.class_reference import is_reference
from adam_tui.engine.numbers import parse_whole
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.executor import default_slots
from adam_tui.sweeps.plan import Plan, UserClasses
from adam_tui.sweeps.ray_executor import check_address
from adam_tui.sweeps.space import Dimension, format_dimension, usual_lr_range
from adam_tui.sweeps.sweep import On
from adam_tui.sweeps.tpe import check_optuna

MOST_SLOTS = 1024


@dataclass(frozen=True, slots=True)
class Request:
    """The texts of the fields. `lr` is empty for a range around each optimizer's usual one, `limit` for all images.

    `settings` holds the other knobs, as "beta1=0.8..0.99 batch_size=32,64". `classes` are the classes of the user that
    `optimizers` may name: those of an earlier sweep, whose files are kept.
    """

    optimizers: str = "adam,sgd"
    lr: str = ""
    settings: str = ""
    batch_size: str = "64"
    trials: str = "8"
    sampler: str = ""
    seeds: str = "1"
    epochs: str = "3"
    limit: str = ""
    halving: str = "no"
    where: str = "local"
    slots: str = ""
    name: str = ""
    classes: UserClasses = field(default_factory=dict)

    def plan(self) -> Plan:
        """The plan. Raises ValueError with one line that names the field."""
        names = plans.read_optimizers("optimizers", self.optimizers)
        for name in names:
            if is_reference(name) and name not in self.classes:
                raise ValueError(f"optimizers: start a sweep of a class with 'adam-tui sweep --optimizer {name}'")
        classes = {name: each for name, each in self.classes.items() if name in names}
        knobs = plans.read_settings("other knobs", self.settings.split())
        space = plans.make_space({each: {} for each in names}, self.lr.strip() or None, knobs, classes)
        return plans.make_plan(
            space,
            classes=classes,
            trials=_whole("settings", self.trials, 1),
            seeds=tuple(range(_whole("seeds", self.seeds, 1))),
            sampler=self._sampler() or usual_sampler(space),
            batch_size=_whole("batch size", self.batch_size, 1),
            epochs=_whole("epochs", self.epochs, 1),
            limit=_whole("images", self.limit, 1) if self.limit.strip() else 0,
            halving=self._halving(),
        )

    def place(self) -> tuple[On, str]:
        """Where to train, and the address of the Ray cluster. Raises ValueError with one line."""
        on, _, address = self.where.strip().partition(" ")
        if on in ("", "local") and not address:
            return "local", ""
        if on != "ray":
            raise ValueError(f"where: local, ray, or ray with HOST:PORT, not {self.where.strip()!r}")
        check_address(address.strip())
        return "ray", address.strip()

    def slot_count(self, plan: Plan) -> int:
        """The trials at the same time; 0 for as many as a Ray cluster has room for. Raises ValueError with one line."""
        if not self.slots.strip():
            return 0 if self.place()[0] == "ray" else default_slots(plan.device)
        count = _whole("slots", self.slots, 1)
        if count > MOST_SLOTS:
            raise ValueError(f"slots: at most {MOST_SLOTS:,}")
        return count

    def _sampler(self) -> str:
        word = self.sampler.strip().lower()
        if word and word not in plans.SAMPLERS:
            raise ValueError(f"sampler: {', '.join(plans.SAMPLERS)}, or empty, not {self.sampler.strip()!r}")
        if word == "tpe":
            check_optuna()
        return word

    def _halving(self) -> bool:
        word = self.halving.strip().lower()
        if word not in ("yes", "no", "y", "n"):
            raise ValueError(f"halving: yes or no, not {self.halving.strip()!r}")
        return word.startswith("y")


def request_like(plan: Plan, place: tuple[On, str] = ("local", "")) -> Request:
    """The fields that ask for a sweep like this one, trained in that place, as far as they can."""
    lrs = {
        format_dimension(plans.knobs_of(each, plan.classes)["lr"], own["lr"])
        for each, own in plan.space.items()
        if "lr" in own
    }
    if all(_has_usual_lr(plan, optimizer) for optimizer in plan.space):
        lrs.clear()  # another optimizer that is added then has a range of its own
    others: dict[str, str] = {}
    for optimizer, own in plan.space.items():
        knobs = plans.knobs_of(optimizer, plan.classes)
        others |= {name: format_dimension(knobs[name], each) for name, each in own.items() if name != "lr"}
    return Request(
        optimizers=",".join(plan.optimizers),
        lr=lrs.pop() if len(lrs) == 1 else "",
        settings=" ".join(f"{name}={text}" for name, text in others.items()),
        batch_size=str(plan.batch_size),
        trials=str(plan.trials),
        sampler="" if plan.sampler == usual_sampler(plan.space) else plan.sampler,
        seeds=str(len(plan.seeds)),
        epochs=str(plan.epochs),
        limit=str(plan.limit) if plan.limit else "",
        halving="yes" if len(plan.rungs) > 1 else "no",
        where=" ".join(place).strip(),
        classes=plan.classes,
    )


def _has_usual_lr(plan: Plan, optimizer: str) -> bool:
    knob = plans.knobs_of(optimizer, plan.classes).get("lr")
    return knob is None or plan.space[optimizer].get("lr") == usual_lr_range(knob)


def usual_sampler(space: Mapping[str, Mapping[str, Dimension]]) -> str:
    """The sampler of an empty field: grid for lists, and for a single range, whose ends are both tried then."""
    single = max((len(own) for own in space.values()), default=0) == 1
    return "grid" if single or plans.is_grid(space) else "quasi"


def _whole(field: str, text: str, low: int, parse: Callable[[str], int] = parse_whole) -> int:
    try:
        value = parse(text)
    except ValueError:
        raise ValueError(f"{field}: a whole number is needed, not {text.strip()!r}") from None
    if value < low:
        raise ValueError(f"{field}: at least {low}")
    return value
