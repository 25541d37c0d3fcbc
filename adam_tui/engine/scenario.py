"""A scenario: everything that decides what the optimizers do, as frozen values that flags and JSON can carry.

A command line, a JSON file, a shared link in a chat and an undo step are all the same thing: a `Scenario`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from adam_tui.engine.knobs import ON_NOTCH, STEPS_OF_A_DECADE, format_number
from adam_tui.engine.optimizers import Optimizer, find_optimizer
from adam_tui.engine.surfaces import SURFACES, Surface, surface

MAX_LANES = 8
MAX_STEPS = 100_000  # a path of so many steps still takes a few seconds only
DEFAULT_STEPS = 400
DEFAULT_SURFACE = "bowl"


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

    `function` is a text such as "x**2 + 3*y**2" and takes the place of `surface`, which then is the default one, so
    that scenarios that do the same are equal; it is read only by who needs the surface. `start` None is the surface's
    own; `noise` is the standard deviation of a Gaussian added to every gradient, the same numbers for every lane.
    ValueError with one line for a surface or a number that cannot be.
    """

    surface: str = DEFAULT_SURFACE
    function: str | None = None
    lanes: tuple[Lane, ...] = field(default_factory=lambda: (Lane.of("adam", {"lr": 0.1}),))
    start: tuple[float, float] | None = None
    steps: int = DEFAULT_STEPS
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.function is None:
            surface(self.surface)
        else:
            object.__setattr__(self, "surface", DEFAULT_SURFACE)
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
        if not isinstance(data, Mapping):
            raise ValueError(f"a scenario is a JSON object, not {_shown(data)}")
        unknown = set(data) - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"a scenario has no {', '.join(sorted(map(repr, unknown)))}")
        read = {name: _READERS[name](name, value) for name, value in data.items() if value is not None}
        return cls(**read)


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
    if rule.lr_hint_of == "width":
        return Lane.of(optimizer, {"lr": _notch(rule.lr_hint * plot.width, nearest=True)})
    # What the curvature allows is near the limit beyond which descent diverges: never rounded up.
    return Lane.of(optimizer, {"lr": _notch(rule.lr_hint * plot.descent_lr, nearest=False)})


def surface_names() -> tuple[str, ...]:
    """The built-in surfaces, in their order."""
    return tuple(SURFACES)


def race(optimizers: Sequence[str], plot: Surface) -> tuple[Lane, ...]:
    """A lane for each of `optimizers`, each with its suggested learning rate."""
    return tuple(suggested_lane(name, plot) for name in optimizers)


def _notch(value: float, *, nearest: bool) -> float:
    """The notch (1, 2 or 5 in a decade) nearest to a positive value by its logarithm, or the last one not above it."""
    decade = math.floor(math.log10(value))
    notches = [float(f"{mantissa}e{d}") for d in (decade - 1, decade, decade + 1) for mantissa in STEPS_OF_A_DECADE]
    if nearest:
        return min(notches, key=lambda notch: abs(math.log(notch / value)))
    return max(notch for notch in notches if notch <= value * (1 + ON_NOTCH))


# ---- reading JSON: one reader a field, which refuses what is not of its kind ----


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {_shown(value)}")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {_shown(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large a number") from None


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, not {_shown(value)}")
    return value


def _lanes(name: str, value: Any) -> tuple[Lane, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(lane, Mapping) for lane in value):
        raise ValueError(f"{name} must be a list of objects, not {_shown(value)}")
    return tuple(_lane(lane) for lane in value)


def _lane(data: Mapping[str, Any]) -> Lane:
    values = dict(data)
    if "optimizer" not in values:
        raise ValueError(f"a lane needs an optimizer: {_shown(data)}")
    optimizer = _text("optimizer", values.pop("optimizer"))
    return Lane.of(optimizer, {name: _number(name, value) for name, value in values.items()})


def _pair(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, not {_shown(value)}")
    return _number(name, value[0]), _number(name, value[1])


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "surface": _text,
    "function": _text,
    "lanes": _lanes,
    "start": _pair,
    "steps": _whole,
    "noise": _number,
    "seed": _whole,
}
