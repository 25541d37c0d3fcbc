"""A lane: one optimizer with its hyperparameters, their schedule, and changes at given steps.

A lane is written as a flag, `adam:lr=0.1,beta1=0.9,lr@50=0.01,schedule=cosine`, or as a JSON object. Both forms are
contracts: old flags and files must be readable.

A lane may also name a class of PyTorch, `./mine.py::MyAdam:lr=0.1` (`class_optimizers`): its parameters without a scale
are kept as text. While the class is not imported, so are all settings.

A lane that is written without `lr` takes the learning rate suggested for its surface; `Scenario` knows the surface and
passes the suggestion to the readers here. `lr=default` is torch.optim's. Both forms are always written with `lr`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from adam_tui.engine import json_fields
from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.class_reference import is_reference, split_reference
from adam_tui.engine.class_signature import split_settings
from adam_tui.engine.numbers import TooSmallError, format_number, parse_number, parse_whole
from adam_tui.engine.optimizers import Optimizer, find_optimizer
from adam_tui.engine.schedules import CONSTANT, Kind, Schedule

SuggestedLr = Callable[[Optimizer], float]
# Before a setting of the schedule where the class has a parameter of the same name: schedule.gamma=0.9.
OF_SCHEDULE = "schedule."


@dataclass(frozen=True, slots=True)
class Change:
    """A new value of a knob after `step` steps: it applies from step + 1 on."""

    step: int
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One optimizer with a value for each of its knobs, in the order of the knobs.

    `schedule` scales the learning rate step by step; `changes` are new values at later steps, sorted by step.
    `texts` are the parameters of a class that have no scale and differ from their defaults. `unread` are the settings
    of a class that is not imported yet.
    """

    optimizer: str
    values: tuple[tuple[str, float], ...]
    schedule: Schedule = CONSTANT
    changes: tuple[Change, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    unread: str = ""

    @classmethod
    def of(
        cls,
        optimizer: str,
        values: Mapping[str, float] | None = None,
        schedule: Schedule = CONSTANT,
        changes: Iterable[Change] = (),
        texts: Mapping[str, str] | None = None,
    ) -> Lane:
        """The optimizer at its defaults except for `values`. Raises ValueError for a wrong name or value."""
        rule = find_optimizer(optimizer)
        if isinstance(rule, ClassOptimizer):
            optimizer = rule.name
            if not rule.ready:
                as_given = tuple((values or {}).items())
                return cls(optimizer, as_given, schedule, tuple(changes), tuple((texts or {}).items()))
            texts = {name: rule.check_text(name, text) for name, text in (texts or {}).items()}
        elif texts:
            raise ValueError(f"{rule.label} has no {next(iter(texts))!r}")
        chosen = {name: rule.knob(name).check(float(value)) for name, value in (values or {}).items()}
        kept = {}
        for change in changes:
            if change.step < 1:
                raise ValueError(f"{change.name}@{change.step}: a value can change after step 1 or later")
            kept[change.step, change.name] = rule.knob(change.name).check(change.value)
        ordered = tuple(Change(step, name, value) for (step, name), value in sorted(kept.items()))
        kept_texts = tuple((texts or {}).items())
        return cls(optimizer, tuple((rule.defaults() | chosen).items()), schedule, ordered, kept_texts)

    @classmethod
    def parse(cls, text: str, suggested_lr: SuggestedLr | None = None) -> Lane:
        """Read a flag such as `adam` or `adam:lr=0.1,beta1=0.9`. Raises ValueError with one line.

        `lr@50=0.01` changes a value after 50 steps; `schedule=cosine`, `warmup=20`, `gamma=0.9` and `every=50` set the
        schedule of the learning rate. `eps=default` is torch.optim's value. Without `lr` the lane gets
        `suggested_lr(optimizer)`, or torch.optim's default where no function is given.
        """
        name, rest = _split(text)
        rule = find_optimizer(name)
        named = rule if isinstance(rule, ClassOptimizer) else None
        if named is not None and not named.ready:
            return replace(cls.of(named.name, _written_lr(rest or "")), unread=rest or "")
        texts: dict[str, str] = {}
        values: dict[str, float] = {}
        schedule: dict[str, Any] = {}
        changes: list[Change] = []
        seen: set[tuple[str, int | None]] = set()
        if rest is not None:
            for key, value in split_settings(rest) if named is not None else _settings(rule, rest, text):
                knob, at, step = key.partition("@")
                change = _parse_whole(f"the step of {key}", step) if at else None
                if (knob.strip(), change) in seen:
                    raise ValueError(f"in {text!r}: {key} is given twice")
                seen.add((knob.strip(), change))
                if change is not None:
                    changed = rule.knob(knob.strip())
                    changes.append(Change(change, changed.name, changed.parse(value)))
                elif named is not None and named.has(key):
                    numbers, others = named.read(key, value)
                    values, texts = values | numbers, texts | others
                elif (key := key.removeprefix(OF_SCHEDULE)) == "schedule":
                    schedule["kind"] = value.strip()
                elif key in ("warmup", "every"):
                    schedule[key] = _parse_whole(key, value)
                elif key == "gamma":
                    schedule[key] = _parse_number(key, value)
                else:
                    values[key] = rule.knob(key).parse(value)
        if suggested_lr is not None and "lr" not in values and named is None:
            values["lr"] = suggested_lr(rule)
        return cls.of(rule.name, values, Schedule(**schedule), changes, texts)

    def reread(self) -> tuple[Lane, str]:
        """The lane with the knobs that its class has now, and the line that says what of it could not be kept.

        A knob keeps its value where the class still has one of its name that allows it.
        """
        rule = self.rule
        if not isinstance(rule, ClassOptimizer) or not rule.ready:
            return self, ""
        if self.unread:
            try:
                return Lane.parse(f"{self.optimizer}:{self.unread}"), ""
            except ValueError as error:
                return Lane.of(self.optimizer), str(error)
        lost = [name for name, value in self.values if not _allows(rule, name, value)]
        changes = [change for change in self.changes if _allows(rule, change.name, change.value)]
        values = {name: value for name, value in self.values if name not in lost}
        texts = {name: text for name, text in self.texts if name in rule.typed}
        gone = f"{rule.label} has no {', '.join(lost)} any more" if lost else ""
        return Lane.of(self.optimizer, values, self.schedule, changes, texts), gone

    @property
    def rule(self) -> Optimizer:
        """The optimizer itself."""
        return find_optimizer(self.optimizer)

    def __getitem__(self, name: str) -> float:
        """The value of one knob. Raises ValueError for a knob that this optimizer does not have."""
        for key, value in self.values:
            if key == name:
                return value
        knob = self.rule.knob(name)
        if isinstance(self.rule, ClassOptimizer):
            return knob.default  # of a class that is not imported yet, or that has changed
        raise ValueError(f"{self.optimizer} has no value for {name}")

    def replaced(self, name: str, value: float) -> Lane:
        """A copy with one knob set to `value` from the start on. Raises ValueError for a value out of range."""
        return Lane.of(self.optimizer, dict(self.values) | {name: value}, self.schedule, self.changes, dict(self.texts))

    def forked(self, step: int, name: str, value: float) -> Lane:
        """A copy with one knob set to `value` after `step` steps (0: from the start on), without its later changes."""
        kept = [change for change in self.changes if change.name != name or change.step < step]
        values, texts = dict(self.values), dict(self.texts)
        if step == 0:
            return Lane.of(self.optimizer, values | {name: value}, self.schedule, kept, texts)
        return Lane.of(self.optimizer, values, self.schedule, [*kept, Change(step, name, value)], texts)

    def value_at(self, name: str, step: int) -> float:
        """The value of a knob after `step` steps, without the factor of the schedule."""
        value = self[name]
        for change in self.changes:
            if change.name == name and change.step <= step:
                value = change.value
        return value

    def values_for(self, step: int, steps: int) -> dict[str, float]:
        """The values used in `step`, 1 … `steps`: with the changes so far and the factor of the schedule."""
        values = dict(self.values)
        for change in self.changes:
            if change.step < step:
                values[change.name] = change.value
        if "lr" in values:
            values["lr"] *= self.schedule.factor(step, steps)
        return values

    @property
    def varies(self) -> bool:
        """Whether the values differ between steps."""
        return bool(self.changes) or self.schedule != CONSTANT

    def to_flag(self) -> str:
        """The flag that `parse` reads back: `lr`, and every other value that differs from its default."""
        rule = self.rule
        defaults = rule.defaults()
        if self.unread:
            return f"{self.optimizer}:{self.unread}"
        changed = [
            f"{key}={format_number(value)}" for key, value in self.values if key == "lr" or value != defaults.get(key)
        ]
        changed += [f"{name}={text}" for name, text in self.texts]
        changed += [f"{change.name}@{change.step}={format_number(change.value)}" for change in self.changes]
        for key, value in asdict(self.schedule).items():
            if value != getattr(CONSTANT if key == "kind" else Schedule(self.schedule.kind), key):
                written = format_number(value) if isinstance(value, float) else value
                changed.append(f"{_of_schedule(rule, 'schedule' if key == 'kind' else key)}={written}")
        return f"{self.optimizer}:{','.join(changed)}" if changed else self.optimizer

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        if self.unread:
            return {"optimizer": self.optimizer, "settings": self.unread}
        data: dict[str, Any] = {"optimizer": self.optimizer, **dict(self.values)}
        if self.texts:
            data["texts"] = dict(self.texts)
        if self.schedule != CONSTANT:
            data["schedule"] = asdict(self.schedule)
        if self.changes:
            data["changes"] = [asdict(change) for change in self.changes]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any], suggested_lr: SuggestedLr | None = None) -> Lane:
        """Read the result of `to_json`, without `lr` as in `parse`.

        Raises ValueError with one line for wrong names, types or values.
        """
        values = dict(data)
        if "optimizer" not in values:
            raise ValueError(f"a lane needs an optimizer: {json_fields.excerpt(data)}")
        optimizer = json_fields.text("optimizer", values.pop("optimizer"))
        if is_reference(optimizer) and set(values) == {"settings"}:
            return cls.parse(f"{optimizer}:{json_fields.text('settings', values['settings'])}")
        schedule = _schedule(values.pop("schedule", {}))
        texts = values.pop("texts", {}) if is_reference(optimizer) else {}
        if not isinstance(texts, Mapping):
            raise ValueError(f"texts must be an object, not {json_fields.excerpt(texts)}")
        texts = {name: json_fields.text(name, text) for name, text in texts.items()}
        changes = values.pop("changes", [])
        if not isinstance(changes, list | tuple):
            raise ValueError(f"changes must be a list, not {json_fields.excerpt(changes)}")
        numbers = {name: json_fields.number(name, value) for name, value in values.items()}
        if suggested_lr is not None and "lr" not in numbers and not is_reference(optimizer):
            numbers["lr"] = suggested_lr(find_optimizer(optimizer))
        return cls.of(optimizer, numbers, schedule, map(_change, changes), texts)


def _split(text: str) -> tuple[str, str | None]:
    """The optimizer's name and the settings after it, None without a colon. Raises ValueError with one line."""
    if is_reference(text):
        reference, settings = split_reference(text)
        return str(reference), settings
    name, colon, rest = text.strip().partition(":")
    return name.strip(), rest if colon else None


def _settings(rule: Optimizer, settings: str, text: str) -> list[tuple[str, str]]:
    """The names and values of "lr=0.1,beta1=0.9", the settings in the flag `text`."""
    pairs = []
    for part in settings.split(","):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"in {text!r}: write {rule.name}:name=value,name=value, not {part!r}")
        pairs.append((key.strip(), value))
    return pairs


def _written_lr(settings: str) -> dict[str, float]:
    """The learning rate in the settings of a class that is not imported yet, to show it meanwhile."""
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "lr":
            try:
                return {"lr": parse_number(value)}
            except ValueError:
                break
    return {}


def _allows(rule: Optimizer, name: str, value: float) -> bool:
    """Whether the optimizer has a knob of this name that allows the value."""
    try:
        rule.knob(name).check(value)
    except ValueError:
        return False
    return True


def _of_schedule(rule: Optimizer, key: str) -> str:
    return OF_SCHEDULE + key if isinstance(rule, ClassOptimizer) and rule.has(key) else key


def _schedule(data: Any) -> Schedule:
    names = [field.name for field in fields(Schedule)]
    if not isinstance(data, Mapping) or set(data) - set(names):
        raise ValueError(f"a schedule is an object with {', '.join(names)}, not {json_fields.excerpt(data)}")
    gamma = data.get("gamma")
    return Schedule(
        cast(Kind, json_fields.text("kind", data.get("kind", CONSTANT.kind))),  # `Schedule` checks it
        json_fields.whole("warmup", data.get("warmup", CONSTANT.warmup)),
        None if gamma is None else json_fields.number("gamma", gamma),
        json_fields.whole("every", data.get("every", CONSTANT.every)),
    )


def _change(data: Any) -> Change:
    if not isinstance(data, Mapping) or set(data) != {field.name for field in fields(Change)}:
        raise ValueError(f"a change is an object with step, name and value, not {json_fields.excerpt(data)}")
    return Change(
        json_fields.whole("step", data["step"]),
        json_fields.text("name", data["name"]),
        json_fields.number("value", data["value"]),
    )


def _parse_whole(name: str, text: str) -> int:
    try:
        return parse_whole(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {json_fields.excerpt(text.strip())}") from None


def _parse_number(name: str, text: str) -> float:
    try:
        return parse_number(text)
    except TooSmallError:
        raise ValueError(f"{name}: {json_fields.excerpt(text.strip())} is too small a number") from None
    except ValueError:
        raise ValueError(f"{name} must be a number, not {json_fields.excerpt(text.strip())}") from None
