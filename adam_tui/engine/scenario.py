"""A scenario: everything that decides what the optimizers do, as frozen values that flags and JSON can carry.

A command line, a JSON file, a shared link in a chat and an undo step are all the same thing: a `Scenario`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from adam_tui.engine import json_fields
from adam_tui.engine.knobs import ON_NOTCH
from adam_tui.engine.lane import Change, Lane
from adam_tui.engine.numbers import format_number, round_down, round_nearest
from adam_tui.engine.optimizers import find_optimizer
from adam_tui.engine.surfaces import SURFACES, Surface, surface

__all__ = ["Change", "Lane", "Scenario", "parse_start", "race", "suggested_lane", "surface_names"]

MAX_LANES = 16  # all optimizers, and a few to spare
MAX_STEPS = 100_000  # a path of so many steps still takes a few seconds only
DEFAULT_STEPS = 400
DEFAULT_SURFACE = "bowl"


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
            "lanes": [lane.to_json() for lane in self.lanes],
            "start": None if self.start is None else list(self.start),
            "steps": self.steps,
            "noise": self.noise,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scenario:
        """Read what `to_json` wrote; what is missing takes its default. ValueError with one line when it is wrong."""
        if not isinstance(data, Mapping):
            raise ValueError(f"a scenario is a JSON object, not {json_fields.shown(data)}")
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
    if rule.lr_hint == 1.0:  # plain descent takes the surface's own rate as it stands
        return Lane.of(optimizer, {"lr": plot.descent_lr})
    # What the curvature allows is near the limit beyond which descent diverges: never rounded up.
    return Lane.of(optimizer, {"lr": _notch(rule.lr_hint * plot.descent_lr, nearest=False)})


def surface_names() -> tuple[str, ...]:
    """The built-in surfaces, in their order."""
    return tuple(SURFACES)


def race(optimizers: Sequence[str], plot: Surface) -> tuple[Lane, ...]:
    """A lane for each of `optimizers`, each with its suggested learning rate."""
    return tuple(suggested_lane(name, plot) for name in optimizers)


def _notch(value: float, *, nearest: bool) -> float:
    """The notch of a logarithmic knob nearest to a positive value, or the last one not above it."""
    return float(round_nearest(value) if nearest else round_down(value, slack=ON_NOTCH))


def _lanes(name: str, value: Any) -> tuple[Lane, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(lane, Mapping) for lane in value):
        raise ValueError(f"{name} must be a list of objects, not {json_fields.shown(value)}")
    return tuple(map(Lane.from_json, value))


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "surface": json_fields.text,
    "function": json_fields.text,
    "lanes": _lanes,
    "start": json_fields.pair,
    "steps": json_fields.whole,
    "noise": json_fields.number,
    "seed": json_fields.whole,
}
