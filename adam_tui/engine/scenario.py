"""A scenario: everything that decides what the optimizers do, as frozen values that flags and JSON can carry.

A command line, a JSON file, a shared link in a chat and an undo step are all the same thing: a `Scenario`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adam_tui.engine.knobs import format_number
from adam_tui.engine.optimizers import Optimizer, find_optimizer
from adam_tui.engine.surfaces import SURFACES, Surface, surface

MAX_LANES = 8
MAX_STEPS = 100_000  # a path of so many steps still takes a few seconds only
DEFAULT_STEPS = 400
# What the playground's suggested learning rates are rounded to, so that they stand on a notch.
_ROUND_MANTISSAS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Lane:
    """One optimizer with a value for each of its knobs, in the order of the knobs."""

    optimizer: str
    values: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, optimizer: str, values: Mapping[str, float] | None = None) -> Lane:
        """The optimizer at its defaults but for `values`; ValueError with one line when a name or value is wrong."""
        rule = find_optimizer(optimizer)
        chosen = {name: rule.knob(name).check(float(value)) for name, value in (values or {}).items()}
        return cls(optimizer, tuple((rule.defaults() | chosen).items()))

    @classmethod
    def parse(cls, text: str) -> Lane:
        """Read a flag such as `adam` or `adam:lr=0.1,beta1=0.9`; ValueError with one line when it is not one."""
        name, colon, rest = text.strip().partition(":")
        rule = find_optimizer(name.strip())
        values: dict[str, float] = {}
        if colon:
            for part in rest.split(","):
                key, equals, value = part.partition("=")
                if not equals or not key.strip():
                    raise ValueError(f"in {text!r}: write {rule.name}:name=value,name=value, not {part!r}")
                if key.strip() in values:
                    raise ValueError(f"in {text!r}: {key.strip()} is given twice")
                values[key.strip()] = rule.knob(key.strip()).parse(value)
        return cls.of(rule.name, values)

    @property
    def rule(self) -> Optimizer:
        """The optimizer itself."""
        return find_optimizer(self.optimizer)

    def __getitem__(self, name: str) -> float:
        """The value of one knob; ValueError for a knob that this optimizer does not have."""
        for key, value in self.values:
            if key == name:
                return value
        self.rule.knob(name)
        raise ValueError(f"{self.optimizer} carries no value for {name}")

    def replaced(self, name: str, value: float) -> Lane:
        """The lane with one knob set to `value`; ValueError when the knob refuses it."""
        return Lane.of(self.optimizer, dict(self.values) | {name: value})

    def to_flag(self) -> str:
        """The text that `parse` reads back, with only what differs from the defaults."""
        defaults = self.rule.defaults()
        changed = [f"{key}={format_number(value)}" for key, value in self.values if value != defaults[key]]
        return self.optimizer + (":" + ",".join(changed) if changed else "")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A surface, the lanes that race on it, their common start, and how long and how noisily they run.

    `function` is a text such as "x**2 + 3*y**2" and takes the place of `surface`; `start` None is the surface's own;
    `noise` is the standard deviation of a Gaussian added to every gradient, the same numbers for every lane.
    """

    surface: str = "bowl"
    function: str | None = None
    lanes: tuple[Lane, ...] = field(default_factory=lambda: (Lane.of("adam", {"lr": 0.1}),))
    start: tuple[float, float] | None = None
    steps: int = DEFAULT_STEPS
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.function is None:
            surface(self.surface)
        if not 1 <= len(self.lanes) <= MAX_LANES:
            raise ValueError(f"there can be 1 to {MAX_LANES} lanes, not {len(self.lanes)}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps must be from 1 to {MAX_STEPS:,}, not {self.steps}")
        if self.start is not None and not all(map(math.isfinite, self.start)):
            raise ValueError("the start must be two finite numbers")
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise ValueError(f"noise must be a finite number, at least 0, not {self.noise:g}")
        if self.seed < 0:
            raise ValueError(f"the seed must be a whole number, at least 0, not {self.seed}")

    def labels(self) -> tuple[str, ...]:
        """A short name a lane: its optimizer's, numbered from the second of a kind on: adam, sgd, adam-2."""
        seen: dict[str, int] = {}
        names = []
        for lane in self.lanes:
            seen[lane.optimizer] = seen.get(lane.optimizer, 0) + 1
            count = seen[lane.optimizer]
            names.append(lane.optimizer if count == 1 else f"{lane.optimizer}-{count}")
        return tuple(names)

    def with_lane(self, index: int, lane: Lane) -> Scenario:
        """The scenario with one lane exchanged."""
        return replace(self, lanes=(*self.lanes[:index], lane, *self.lanes[index + 1 :]))

    def to_flags(self) -> list[str]:
        """The arguments of the command line that restore exactly this scenario."""
        flags = ["--function", self.function] if self.function is not None else ["--surface", self.surface]
        for lane in self.lanes:
            flags += ["--lane", lane.to_flag()]
        if self.start is not None:
            flags += [f"--start={format_number(self.start[0])},{format_number(self.start[1])}"]
        if self.steps != DEFAULT_STEPS:
            flags += ["--steps", str(self.steps)]
        if self.noise:
            flags += ["--noise", format_number(self.noise)]
        if self.seed:
            flags += ["--seed", str(self.seed)]
        return flags

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        return {
            "surface": self.surface,
            "function": self.function,
            "lanes": [{"optimizer": lane.optimizer, **dict(lane.values)} for lane in self.lanes],
            "start": None if self.start is None else list(self.start),
            "steps": self.steps,
            "noise": self.noise,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scenario:
        """Read what `to_json` wrote; what is missing takes its default. ValueError with one line when it is wrong."""
        try:
            unknown = set(data) - set(cls.__dataclass_fields__)
            if unknown:
                raise ValueError(f"a scenario has no {', '.join(sorted(map(str, unknown)))}")
            values = dict(data)
            if "lanes" in values:
                values["lanes"] = tuple(
                    Lane.of(lane["optimizer"], {k: v for k, v in lane.items() if k != "optimizer"})
                    for lane in values["lanes"]
                )
            if values.get("start") is not None:
                x, y = values["start"]
                values["start"] = (float(x), float(y))
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a scenario: {error}") from None


def parse_start(text: str) -> tuple[float, float]:
    """Read `X,Y`; ValueError with one line when it is not two finite numbers."""
    parts = text.split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        raise ValueError(f"a start is two numbers X,Y such as -1.5,2, not {text!r}") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"a start is two finite numbers, not {text!r}")
    return x, y


def suggested_lane(optimizer: str, plot: Surface) -> Lane:
    """The optimizer at its defaults, but with a learning rate whose path is seen to move on this surface.

    torch.optim's defaults are made for networks; on a plot ten units wide Adam's 0.001 would not leave the start.
    """
    rule = find_optimizer(optimizer)
    scale = plot.width if rule.lr_hint_of == "width" else plot.descent_lr
    return Lane.of(optimizer, {"lr": _rounded(rule.lr_hint * scale)})


def surface_names() -> tuple[str, ...]:
    """The built-in surfaces, in their order."""
    return tuple(SURFACES)


def race(optimizers: Sequence[str], plot: Surface) -> tuple[Lane, ...]:
    """A lane for each of `optimizers`, each with its suggested learning rate."""
    return tuple(suggested_lane(name, plot) for name in optimizers)


def _rounded(value: float) -> float:
    exponent = math.floor(math.log10(value))
    mantissa = min(_ROUND_MANTISSAS, key=lambda m: abs(math.log(m * 10.0**exponent / value)))
    return float(f"{mantissa:g}e{exponent}")
