"""A scenario: a race of optimizers on a surface, as frozen values with a form for flags and one for JSON.

A command line, an exported file, a copied command and an undo step all hold a `Scenario`. Both written forms are
contracts: old commands and files must be readable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from adam_tui.engine import json_fields
from adam_tui.engine.class_optimizers import ClassOptimizer
from adam_tui.engine.knobs import NOTCH_TOLERANCE
from adam_tui.engine.lane import Change, Lane
from adam_tui.engine.numbers import format_number, parse_number, round_down, round_nearest
from adam_tui.engine.optimizers import Optimizer, find_optimizer
from adam_tui.engine.surfaces import Surface, find_surface

__all__ = [
    "Change",
    "Lane",
    "Scenario",
    "parse_start",
    "suggested_lane",
    "suggested_lanes",
    "surface_of",
]

MAX_LANES = 16  # the largest group of optimizers, and a few to spare
MAX_STEPS = 100_000  # the path of one lane then takes a few seconds
DEFAULT_STEPS = 400
DEFAULT_SURFACE = "bowl"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A surface, the lanes that race on it, their common start, the number of steps and the noise.

    `function` is a formula such as "x**2 + 3*y**2" in place of the surface; `surface` is then set to the default one,
    so that equal races compare equal. The formula is not parsed here. `start` None is the surface's own start; `noise`
    is the standard deviation of the Gaussian noise added to every gradient, the same numbers for every lane. Raises
    ValueError for an unknown surface or a number out of range.
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
            find_surface(self.surface)
        else:
            object.__setattr__(self, "surface", DEFAULT_SURFACE)
        if not 1 <= len(self.lanes) <= MAX_LANES:
            raise ValueError(f"there can be 1 to {MAX_LANES} lanes, not {len(self.lanes)}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps must be from 1 to {MAX_STEPS:,}, not {self.steps}")
        if self.start is not None and not all(map(math.isfinite, self.start)):
            raise ValueError("the start must be two finite numbers")
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise ValueError(f"noise must be a finite number, at least 0, not {format_number(self.noise)}")
        if self.seed < 0:
            raise ValueError(f"the seed must be a whole number, at least 0, not {self.seed}")

    @classmethod
    def parse(cls, lanes: Sequence[str] = (), **rest: Any) -> Scenario:
        """The scenario with lanes written as flags, without any with Adam; `rest` are the other fields.

        A lane without `lr` takes the suggestion for the surface. Raises ValueError with one line.
        """
        scenario = cls(**rest)
        return replace(scenario, lanes=tuple(Lane.parse(text, scenario.suggested_lr) for text in lanes or ("adam",)))

    def suggested_lr(self, optimizer: Optimizer) -> float:
        """The learning rate suggested for this surface. Raises ValueError for a wrong formula."""
        return suggested_lr(optimizer, surface_of(self.surface, self.function))

    def labels(self) -> tuple[str, ...]:
        """A short name for each lane: its optimizer, numbered from the second of a kind on: adam, sgd, adam-2."""
        seen: dict[str, int] = {}
        names = []
        for lane in self.lanes:
            label = lane.rule.label
            seen[label] = seen.get(label, 0) + 1
            names.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
        return tuple(names)

    def with_lane(self, index: int, lane: Lane) -> Scenario:
        """A copy with one lane replaced."""
        return replace(self, lanes=(*self.lanes[:index], lane, *self.lanes[index + 1 :]))

    def to_flags(self) -> list[str]:
        """Command-line arguments that restore exactly this scenario."""
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
            "lanes": [lane.to_json() for lane in self.lanes],
            "start": None if self.start is None else list(self.start),
            "steps": self.steps,
            "noise": self.noise,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scenario:
        """Read the result of `to_json`; missing fields take their defaults. Raises ValueError with one line.

        A lane without `lr` takes the suggestion for the surface.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"a scenario is a JSON object, not {json_fields.excerpt(data)}")
        unknown = set(data) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"a scenario has no {', '.join(sorted(map(repr, unknown)))}")
        given = {name: value for name, value in data.items() if value is not None}
        lanes = given.pop("lanes", [{"optimizer": "adam"}])
        if not isinstance(lanes, list | tuple) or not all(isinstance(lane, Mapping) for lane in lanes):
            raise ValueError(f"lanes must be a list of objects, not {json_fields.excerpt(lanes)}")
        scenario = cls(**{name: _READERS[name](name, value) for name, value in given.items()})
        return replace(scenario, lanes=tuple(Lane.from_json(lane, scenario.suggested_lr) for lane in lanes))


@lru_cache(maxsize=32)
def surface_of(name: str, function: str | None) -> Surface:
    """The built-in surface `name`, or that of a formula. Raises ValueError for an unknown name or a wrong formula."""
    if function is None:
        return find_surface(name)
    from adam_tui.engine.expression import parse_function  # 5 ms, and only formulas need it

    return parse_function(function)


def parse_start(text: str) -> tuple[float, float]:
    """Read `X,Y`. Raises ValueError for anything but two finite numbers."""
    parts = text.split(",")
    try:
        x, y = map(parse_number, parts)
    except ValueError:
        raise ValueError(f"a start is two numbers X,Y such as -1.5,2, not {text!r}") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"a start is two finite numbers, not {text!r}")
    return x, y


def suggested_lane(optimizer: str, surface: Surface) -> Lane:
    """The optimizer at its defaults, with the learning rate suggested for this surface."""
    rule = find_optimizer(optimizer)
    return Lane.of(optimizer, {} if isinstance(rule, ClassOptimizer) else {"lr": suggested_lr(rule, surface)})


def suggested_lr(optimizer: Optimizer, surface: Surface) -> float:
    """A learning rate whose path is visible on this surface.

    torch.optim's defaults are made for networks: on a plot ten units wide Adam's 0.001 hardly leaves the start. For a
    class of PyTorch, whose kind is not known, it is the constructor's default.
    """
    if isinstance(optimizer, ClassOptimizer):
        return optimizer.defaults().get("lr", math.nan)
    if optimizer.lr_hint_of == "fixed":
        return optimizer.lr_hint
    if optimizer.lr_hint_of == "width":
        return _notch(optimizer.lr_hint * surface.width, nearest=True)
    if optimizer.lr_hint == 1.0:  # the surface's own rate, without rounding
        return surface.descent_lr
    # The rate that the curvature allows is near the limit of divergence: never rounded up.
    return _notch(optimizer.lr_hint * surface.descent_lr, nearest=False)


def suggested_lanes(optimizers: Sequence[str], surface: Surface) -> tuple[Lane, ...]:
    """One lane for each of `optimizers`, with its suggested learning rate."""
    return tuple(suggested_lane(name, surface) for name in optimizers)


def _notch(value: float, *, nearest: bool) -> float:
    """The notch of a logarithmic knob nearest to a positive value, or the last one not above it."""
    return float(round_nearest(value) if nearest else round_down(value, slack=NOTCH_TOLERANCE))


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "surface": json_fields.text,
    "function": json_fields.text,
    "start": json_fields.pair,
    "steps": json_fields.whole,
    "noise": json_fields.number,
    "seed": json_fields.whole,
}
