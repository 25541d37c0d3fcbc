"""The space of a sweep: the values that each knob may take, and the points at which it is tried.

A range is sampled on the knob's own scale: a learning rate by its logarithm, a β by the logarithm of its distance from
1, an exponent evenly. The points are a low-discrepancy sequence with a random shift: they fill the space evenly however
many are taken, and point n depends on the sweep's seed and n alone. Standard library only.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adam_tui.engine.knobs import BETA_TOP, Knob
from adam_tui.engine.numbers import format_number, parse_number

DIGITS = 3  # significant ones of a sampled value: short to read, and finer than any difference that a sweep can show
# An optimizer's usual learning rate is the middle of its range: a decade and a half to either side.
LR_FACTOR = 30.0
MAX_VALUES = 1000  # of one knob


@dataclass(frozen=True, slots=True)
class Values:
    """A list of values, in the order in which they were given."""

    values: tuple[float, ...]

    def at(self, knob: Knob, place: float) -> float:
        """The value at a place in the list, 0 to below 1."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `dimension_from_json` reads back."""
        return {"values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Range:
    """All values from `low` to `high`, both included, on the knob's scale."""

    low: float
    high: float

    def at(self, knob: Knob, place: float) -> float:
        """The value at a place on the knob's scale, 0 at `low` and 1 at `high`; it has three digits, or is a notch."""
        if knob.scale in ("integer", "power_of_two"):
            ends = [math.log2(end) if knob.scale == "power_of_two" else end for end in (self.low, self.high)]
            whole = math.floor(ends[0] + place * (ends[1] - ends[0] + 1))
            exact = float(min(whole, int(ends[1])))
            return 2.0**exact if knob.scale == "power_of_two" else exact
        low, high = _position(knob, self.low), _position(knob, self.high)
        return _value(knob, low + place * (high - low), self)

    def place(self, knob: Knob, value: float) -> float:
        """The place of a value on the knob's scale; that of a whole number is the middle of its share."""
        if knob.scale in ("integer", "power_of_two"):
            scaled: Callable[[float], float] = math.log2 if knob.scale == "power_of_two" else float
            return (scaled(value) - scaled(self.low) + 0.5) / (scaled(self.high) - scaled(self.low) + 1)
        low, high = _position(knob, self.low), _position(knob, self.high)
        return (_position(knob, value) - low) / (high - low)

    def spread(self, knob: Knob, count: int) -> tuple[float, ...]:
        """`count` values with equal distances on the knob's scale, both ends included; fewer where they coincide."""
        if count == 1:
            return (self.at(knob, 0.5),)
        last = 1.0 if knob.scale not in ("integer", "power_of_two") else math.nextafter(1.0, 0.0)
        return tuple(dict.fromkeys(self.at(knob, last * i / (count - 1)) for i in range(count)))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `dimension_from_json` reads back."""
        return {"low": self.low, "high": self.high}


Dimension = Values | Range


def size(knob: Knob, dimension: Dimension) -> int | None:
    """The number of values of a knob; None for a range of a continuous knob."""
    if isinstance(dimension, Values):
        return len(dimension.values)
    if knob.scale == "power_of_two":
        return round(math.log2(dimension.high / dimension.low)) + 1
    return int(dimension.high - dimension.low) + 1 if knob.scale == "integer" else None


def dimension_from_json(data: Mapping[str, Any]) -> Dimension:
    """The inverse of `to_json`. Raises ValueError for anything else."""
    try:
        if "values" in data:
            return Values(tuple(map(float, data["values"])))
        return Range(float(data["low"]), float(data["high"]))
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"not the values of a knob: {error}") from None


def parse_dimension(knob: Knob, text: str) -> Dimension:
    """The values of a knob as typed: "1e-4..1e-1", or a list "1e-3,1e-2". Raises ValueError with one line."""
    low_text, dots, high_text = text.partition("..")
    if not dots:
        values = tuple(knob.parse(part) for part in text.split(","))
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{knob.name} has {knob.format(value)} twice")
        if len(values) > MAX_VALUES:
            raise ValueError(f"{knob.name} has {len(values):,} values: {MAX_VALUES:,} at most")
        return Values(values)
    low, high = knob.parse(low_text), knob.parse(high_text)
    if not low < high:
        raise ValueError(f"{knob.name}: a range rises, unlike {text.strip()!r}")
    if knob.scale == "flag":
        return Values((low, high))
    if knob.scale in ("log", "log_off") and low <= 0:
        raise ValueError(f"{knob.name}: a range on a logarithmic scale begins above 0, unlike {text.strip()!r}")
    if knob.scale == "power_of_two" and any(math.log2(end) % 1 for end in (low, high)):
        raise ValueError(f"{knob.name}: a range goes from one power of two to another, unlike {text.strip()!r}")
    return Range(low, high)


def usual_lr_range(knob: Knob) -> Range:
    """The range of a learning rate that was not given: around the optimizer's usual value."""
    return Range(_rounded(knob.default / LR_FACTOR), _rounded(knob.default * LR_FACTOR))


def format_dimension(knob: Knob, dimension: Dimension) -> str:
    """The values as `parse_dimension` reads them."""
    if isinstance(dimension, Values):
        return ",".join(map(knob.format, dimension.values))
    return f"{knob.format(dimension.low)}..{knob.format(dimension.high)}"


def grid(knobs: Mapping[str, Knob], dimensions: Mapping[str, Dimension], count: int) -> Iterator[dict[str, float]]:
    """Every combination of the values, the last knob fastest; a range gives `count` values."""
    lists = [
        each.values if isinstance(each, Values) else each.spread(knobs[name], count)
        for name, each in dimensions.items()
    ]
    for values in itertools.product(*lists):
        yield dict(zip(dimensions, values, strict=True))


def quasi(knobs: Mapping[str, Knob], dimensions: Mapping[str, Dimension], seed: int, number: int) -> dict[str, float]:
    """Point `number`, counted from 0, of the sequence with this seed, as the values of the knobs."""
    places = point(seed, number, len(dimensions))
    return {name: each.at(knobs[name], place) for (name, each), place in zip(dimensions.items(), places, strict=True)}


def point(seed: int, number: int, dimensions: int) -> tuple[float, ...]:
    """A point of the unit cube: `number` steps along the additive sequence R_d from a start that the seed draws.

    Martin Roberts 2018, "The unreasonable effectiveness of quasirandom sequences". Its step in dimension k is φ_d^−k,
    where φ_d is the root of x^(d+1) = x + 1: the golden ratio for one dimension.
    """
    ratio = 1.5
    for _ in range(60):  # converges by a factor of 1 / (d + 1) or better a step
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    return tuple((_shift(seed, k) + (number + 1) * ratio**-k) % 1.0 for k in range(1, dimensions + 1))


def _shift(seed: int, dimension: int) -> float:
    """A number from 0 to below 1, drawn by the seed for a dimension."""
    digest = hashlib.sha256(f"{seed} {dimension}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)


def _position(knob: Knob, value: float) -> float:
    """The value's place on the knob's scale: the logarithm, for a β that of 1 / (1 − β), or the value itself."""
    if knob.scale == "linear":
        return value
    return -math.log(max(1.0 - value, BETA_TOP)) if knob.scale == "beta" else math.log(value)


def _value(knob: Knob, position: float, limits: Range) -> float:
    """The rounded value at a place on the knob's scale, within the range."""
    if knob.scale == "linear":
        value = _rounded(position)
    elif knob.scale == "beta":
        value = float(1 - Decimal(format_number(_rounded(math.exp(-position)))))
    else:
        value = _rounded(math.exp(position))
    return min(max(value, limits.low), limits.high)


def _rounded(value: float) -> float:
    return parse_number(f"{value:.{DIGITS}g}")


def check_knobs(names: Sequence[str], known: Mapping[str, Knob], owner: str) -> None:
    """Raise ValueError with one line for a name that no knob has."""
    from adam_tui.engine.names import suggest

    for name in names:
        if name not in known:
            raise ValueError(f"{owner} has no {name!r}{suggest(name, known)}")
