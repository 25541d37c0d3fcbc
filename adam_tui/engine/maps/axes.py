"""The axes of a map of settings: a knob and its range, and the ranges that are worth a map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from adam_tui.engine.knobs import BETA_TOP, Knob
from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_number
from adam_tui.engine.scenario import Scenario, suggested_lr
from adam_tui.engine.trajectory import Array, plotted_surface

# The lr axis spans so many decades on either side of the suggested learning rate.
DECADES = 2
HIGHEST_DECAY = 0.999
AXIS_SCALES = ("log", "log_off", "beta", "linear")


@dataclass(frozen=True, slots=True)
class Axis:
    """A knob from `low` to `high`, spaced as the knob's own scale spaces it: lr by its logarithm, β by log(1 − β).

    A linear knob is spaced evenly. A knob that can be off begins there with `low` 0; its other values are spaced by
    their logarithm from the lowest notch on. Raises ValueError for a range that the knob does not allow.
    """

    knob: Knob
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.knob.scale not in AXIS_SCALES:
            kind = "a switch" if self.knob.scale == "flag" else "a whole number"
            raise ValueError(f"{self.knob.name} is {kind}: it has no axis")
        self.knob.check(self.low)
        self.knob.check(self.high)
        if self.knob.scale == "log" and self.low == 0:
            raise ValueError(f"{self.knob.name} has a logarithmic axis: it must begin above 0")
        if not self.low < self.high:
            raise ValueError(f"{self.knob.name} must rise: {format_number(self.low)}..{format_number(self.high)}")
        if self.knob.scale == "log_off" and self.low == 0 and self.high <= self.knob.notch_low:
            raise ValueError(f"{self.knob.name} from 0 must end above {format_number(self.knob.notch_low)}")

    @classmethod
    def parse(cls, text: str, lane: Lane) -> Axis:
        """Read `lr=1e-4..1`. Raises ValueError with one line for a knob or a value that `lane` does not have."""
        name, equals, ends = text.partition("=")
        low, dots, high = ends.partition("..")
        if not (equals and dots):
            raise ValueError(f"an axis is a knob and its range such as lr=1e-4..1, not {text!r}")
        knob = lane.rule.knob(name.strip())
        return cls(knob, knob.parse(low), knob.parse(high))

    def values(self, count: int) -> Array:
        """`count` values from `low` to `high`, both included; one value is `low`."""
        return np.array([self.at(i / max(count - 1, 1)) for i in range(count)])

    def at(self, fraction: float) -> float:
        """The value at a fraction, 0 to 1, of the axis; it has at most 15 digits."""
        if fraction <= 0:
            return self.low
        if fraction >= 1:
            return self.high
        first, last = self._ends()
        value = self._value(first + fraction * (last - first))
        return min(max(value, self.low), self.high)

    def fraction(self, value: float) -> float:
        """The place of a value on the axis: 0 at `low`, 1 at `high`, below or above outside of it."""
        if value == self.low:
            return 0.0
        first, last = self._ends()
        return (self._place(value) - first) / (last - first)

    def zoomed(self, fraction: float, factor: float) -> Axis:
        """The axis `factor` times as short around the place `fraction`, which stays where it is; within the knob."""
        first, last = self._ends()
        width = (last - first) / factor
        begin = first + fraction * (last - first - width)
        low, high = self._value(begin), self._value(begin + width)
        if self.knob.scale == "log_off" and self.low == 0 and fraction <= 0:
            low = 0.0
        try:
            return Axis(self.knob, max(low, self.knob.low), min(high, self.knob.high))
        except ValueError:  # at the end of what floats distinguish, or of what the knob allows
            return self

    def text(self) -> str:
        """The axis as `parse` reads it: lr=0.0001..1."""
        return f"{self.knob.name}={format_number(self.low)}..{format_number(self.high)}"

    def _ends(self) -> tuple[float, float]:
        return self._place(self.low), self._place(self.high)

    def _place(self, value: float) -> float:
        """The value on the knob's scale."""
        if self.knob.scale == "linear":
            return value
        if self.knob.scale == "beta":
            return math.log(max(1.0 - value, BETA_TOP))
        return math.log(max(value, self.knob.notch_low if self.knob.scale == "log_off" else math.ulp(0.0)))

    def _value(self, place: float) -> float:
        """The inverse of `_place`, rounded to 15 digits."""
        if self.knob.scale != "linear":
            place = math.exp(place)
        return float(f"{1.0 - place if self.knob.scale == 'beta' else place:.15g}")


def knobs_for_axes(lane: Lane) -> tuple[Knob, ...]:
    """The lane's knobs that have an axis: all but the switches and the whole numbers."""
    return tuple(knob for knob in lane.rule.knobs if knob.scale in AXIS_SCALES)


def default_axes(scenario: Scenario, lane: int) -> tuple[Axis, Axis]:
    """lr, two decades on either side of the suggested one, and the first decay rate, or the first other knob.

    The lane's own setting lies on both axes. Raises ValueError for a class that has fewer than two such knobs.
    """
    knobs = knobs_for_axes(scenario.lanes[lane])
    if len(knobs) < 2:
        raise ValueError(f"a map of settings needs two knobs: {scenario.lanes[lane].rule.label} has {len(knobs)}")
    lr, *others = knobs
    second = next((knob for knob in others if knob.scale == "beta"), others[0])
    return default_axis(scenario, lane, lr), default_axis(scenario, lane, second)


def axis_around(knob: Knob, value: float) -> Axis:
    """Two decades on either side of a positive value."""
    low, high = (float(f"{value * 10.0**decades:.3g}") for decades in (-DECADES, DECADES))
    return Axis(knob, low, high)


def default_axis(scenario: Scenario, lane: int, knob: Knob) -> Axis:
    """The range of a knob that is worth a map: of lr two decades on either side of the suggested one, else all of it.

    The lane's own value lies on it.
    """
    chosen = scenario.lanes[lane]
    own = chosen[knob.name]
    if knob.name == "lr":
        around = axis_around(knob, suggested_lr(chosen.rule, plotted_surface(scenario)))
        return Axis(knob, min(around.low, own or around.low), max(around.high, own))
    if knob.scale == "beta":
        lowest = 1e-3 if knob.low_excluded else max(knob.low, 0.0)  # a class allows any number
        return Axis(knob, min(lowest, own), max(min(HIGHEST_DECAY, knob.high), own))
    if knob.scale == "linear":
        return Axis(knob, min(knob.notch_low, own), max(knob.notch_high, own))
    low = 0.0 if knob.scale == "log_off" else min(knob.notch_low, own or knob.notch_low)
    return Axis(knob, low, max(knob.notch_high, own))
