"""A sweep as a form asks for it: a text a field, and the plan that follows. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adam_tui.engine.class_reference import is_reference
from adam_tui.engine.numbers import parse_whole
from adam_tui.sweeps import plan as plans
from adam_tui.sweeps.executor import default_slots
from adam_tui.sweeps.plan import Plan, UserClasses
from adam_tui.sweeps.space import Dimension, format_dimension

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
    trials: str = "8"
    seeds: str = "1"
    epochs: str = "3"
    limit: str = ""
    halving: str = "no"
    slots: str = ""
    name: str = ""
    classes: UserClasses = field(default_factory=dict)

    def plan(self) -> Plan:
        """The plan. Raises ValueError with one line that names the field."""
        names = [each.strip() for each in self.optimizers.split(",") if each.strip()]
        if len(set(names)) < len(names):
            raise ValueError(f"optimizers: one is named twice: {self.optimizers}")
        for name in names:
            if is_reference(name) and name not in self.classes:
                raise ValueError(f"optimizers: start a sweep of a class with 'adam-tui sweep --optimizer {name}'")
        classes = {name: each for name, each in self.classes.items() if name in names}
        space = plans.make_space({each: {} for each in names}, self.lr.strip() or None, self._knobs(), classes)
        if not space:
            raise ValueError("optimizers: name one, such as adam")
        return plans.make_plan(
            space,
            classes=classes,
            trials=_whole("settings", self.trials, 1),
            seeds=tuple(range(_whole("seeds", self.seeds, 1))),
            sampler="grid" if plans.is_grid(space) or _count(space) == 1 else "quasi",
            epochs=_whole("epochs", self.epochs, 1),
            limit=_whole("images", self.limit, 1) if self.limit.strip() else 0,
            halving=self._halving(),
        )

    def slot_count(self, plan: Plan) -> int:
        """The trials at the same time. Raises ValueError with one line."""
        if not self.slots.strip():
            return default_slots(plan.device)
        count = _whole("slots", self.slots, 1)
        if count > MOST_SLOTS:
            raise ValueError(f"slots: at most {MOST_SLOTS:,}")
        return count

    def _knobs(self) -> dict[str, str]:
        varied: dict[str, str] = {}
        for text in self.settings.split():
            knob, equals, values = text.partition("=")
            if not equals or not values:
                raise ValueError(f"other knobs: {text!r} is not a setting: write beta1=0.8..0.99")
            if knob in varied:
                raise ValueError(f"other knobs: {knob} is given twice")
            varied[knob] = values
        return varied

    def _halving(self) -> bool:
        word = self.halving.strip().lower()
        if word not in ("yes", "no", "y", "n"):
            raise ValueError(f"halving: yes or no, not {self.halving.strip()!r}")
        return word.startswith("y")


def request_like(plan: Plan) -> Request:
    """The fields that ask for a sweep like this one, as far as they can."""
    lrs = {
        format_dimension(plans.knobs_of(each, plan.classes)["lr"], own["lr"])
        for each, own in plan.space.items()
        if "lr" in own
    }
    others: dict[str, str] = {}
    for optimizer, own in plan.space.items():
        knobs = plans.knobs_of(optimizer, plan.classes)
        others |= {name: format_dimension(knobs[name], each) for name, each in own.items() if name != "lr"}
    return Request(
        optimizers=",".join(plan.optimizers),
        lr=lrs.pop() if len(lrs) == 1 else "",
        settings=" ".join(f"{name}={text}" for name, text in others.items()),
        trials=str(plan.trials),
        seeds=str(len(plan.seeds)),
        epochs=str(plan.epochs),
        limit=str(plan.limit) if plan.limit else "",
        halving="yes" if len(plan.rungs) > 1 else "no",
        classes=plan.classes,
    )


def _count(space: Mapping[str, Mapping[str, Dimension]]) -> int:
    """The most knobs that an optimizer varies: a single range is best sampled with both of its ends."""
    return max((len(own) for own in space.values()), default=0)


def _whole(field: str, text: str, low: int, parse: Callable[[str], int] = parse_whole) -> int:
    try:
        value = parse(text)
    except ValueError:
        raise ValueError(f"{field}: a whole number is needed, not {text.strip()!r}") from None
    if value < low:
        raise ValueError(f"{field}: at least {low}")
    return value
