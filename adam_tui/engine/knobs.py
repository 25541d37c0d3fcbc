"""Knobs: the hyperparameters of optimizers and training runs, each with its default, allowed range and scale.

The scale decides how far one press of an arrow key goes. A learning rate changes by its order of magnitude (1, 2, 5
per decade). A decay rate β changes by its distance from 1: 0.99 → 0.999 has as much effect as 0.9 → 0.99, because the
memory of the average, 1 / (1 − β) steps, grows tenfold both times. An exponent or a factor near 1 changes by tenths.

Standard library only: the command line, the playground and the training screen share these knobs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from adam_tui.engine.names import suggest
from adam_tui.engine.numbers import MANTISSAS, TooSmallError, format_number, parse_number

Scale = Literal["log", "log_off", "beta", "linear", "flag", "integer", "power_of_two"]

COARSE = 3  # notches of a coarse step on the 1-2-5 scales: one decade
COARSE_INTEGER = 10
COARSE_POWER = 2
TENTHS = 10  # notches of the linear scale between two whole numbers
COARSE_LINEAR = 5
BETA_TOP = 1e-6  # the arrow keys bring β no nearer to 1 than this: a memory of a million steps
NOTCH_TOLERANCE = 1e-6  # positions on a scale are floats; a value this close to a notch counts as on it


@dataclass(frozen=True, slots=True)
class Knob:
    """One hyperparameter: `name` is torch.optim's (betas split), `symbol` the paper's letter.

    `low` and `high` bound the values that may be typed. On the logarithmic scales, where both are positive, and on the
    linear one `notch_low` and `notch_high` bound the values that the arrow keys reach. All values are floats; a flag is
    0.0 or 1.0.
    """

    name: str
    symbol: str
    default: float
    scale: Scale
    meaning: str
    low: float = 0.0
    high: float = math.inf
    notch_low: float = 1e-12
    notch_high: float = 1e3
    high_excluded: bool = False
    low_excluded: bool = False

    def check(self, value: float) -> float:
        """Return `value` as a float. Raises ValueError with the allowed range for a value outside of it."""
        if self.scale == "flag" and value not in (0.0, 1.0):
            raise ValueError(f"{self.name} is a switch: 0 or 1, not {format_number(value)}")
        if not math.isfinite(value):
            bounds = f", {self.allowed()}" if math.isfinite(self.low) or math.isfinite(self.high) else ""
            raise ValueError(f"{self.name} must be a finite number{bounds}, not {value}")
        below = value <= self.low if self.low_excluded else value < self.low
        above = value >= self.high if self.high_excluded else value > self.high
        if below or above:
            raise ValueError(f"{self.name} must be {self.allowed()}, not {format_number(value)}")
        if self.scale in ("integer", "power_of_two") and value != int(value):
            raise ValueError(f"{self.name} must be a whole number, not {format_number(value)}")
        return float(value)

    def allowed(self) -> str:
        """The allowed range in words: "at least 0 and below 1"."""
        ends = []
        if math.isfinite(self.low):
            ends.append(f"{'above' if self.low_excluded else 'at least'} {format_number(self.low)}")
        if math.isfinite(self.high):
            ends.append(f"{'below' if self.high_excluded else 'at most'} {format_number(self.high)}")
        return " and ".join(ends) or "a finite number"

    def parse(self, text: str) -> float:
        """Read a typed value, or "default". Raises ValueError for other text and for a value outside the range."""
        words = {"on": 1.0, "true": 1.0, "yes": 1.0, "off": 0.0, "false": 0.0, "no": 0.0}
        cleaned = text.strip().lower()
        if cleaned == "default":
            return self.default
        if self.scale in ("flag", "log_off") and cleaned in words and (self.scale == "flag" or cleaned == "off"):
            return self.check(words[cleaned])
        try:
            value = parse_number(cleaned)
        except TooSmallError:
            raise ValueError(f"{self.name}: {text.strip():.40} is too small a number") from None
        except ValueError:
            raise ValueError(f"{self.name} must be a number, not {text.strip()!r}") from None
        return self.check(value)

    def turn(self, value: float, notches: int, *, coarse: bool = False) -> float:
        """The value `notches` notches above (below, if negative) `value`, within the range of the arrow keys.

        From a value between two notches the first turn leads to the next notch in its direction. A value typed outside
        the range of the keys stays, or turns back to the last notch.
        """
        if not notches:
            return value
        bottom, top = self._key_range()
        moved = min(max(self._unbounded_turn(value, notches, coarse), bottom), top)
        return max(value, moved) if notches > 0 else min(value, moved)

    def _unbounded_turn(self, value: float, notches: int, coarse: bool) -> float:
        """The value that the notches lead to, regardless of the knob's range."""
        if self.scale == "flag":
            return float(notches > 0)
        if self.scale == "integer":
            return value + notches * (COARSE_INTEGER if coarse else 1)
        if self.scale == "linear":
            first, last = self.notch_low * TENTHS, self.notch_high * TENTHS
            before, after = math.ceil(first - NOTCH_TOLERANCE) - 1, math.floor(last + NOTCH_TOLERANCE) + 1
            # As below, a value beyond the notches counts as one notch beyond.
            return _step(min(max(value * TENTHS, before), after), notches * (COARSE_LINEAR if coarse else 1)) / TENTHS
        if self.scale == "power_of_two":
            exponent = _step(math.log2(max(value, 1.0)), notches * (COARSE_POWER if coarse else 1))
            return 2.0 ** min(exponent, 1023)  # the largest float is just below 2 ** 1024
        step = notches * (COARSE if coarse else 1)
        if self.scale == "beta":
            # A larger β lies nearer to 1. There is no notch at 1 or beyond: such a value turns back to the last one.
            distance = _decade_value(_step(_position(max(1.0 - value, BETA_TOP / 2)), -step))
            return float(1 - Decimal(str(distance)))
        # A value typed beyond the notches counts as one notch beyond: the first turn back reaches the last notch.
        first, last = _position(self.notch_low), _position(self.notch_high)
        before, after = math.ceil(first - NOTCH_TOLERANCE) - 1, math.floor(last + NOTCH_TOLERANCE) + 1
        position = _step(min(max(_position(value), before), after) if value > 0 else before, step)
        if position < first - NOTCH_TOLERANCE:
            return 0.0 if self.scale == "log_off" else self.notch_low
        return _decade_value(position)

    def _key_range(self) -> tuple[float, float]:
        """The lowest and the highest value that the arrow keys reach; both pass `check`."""
        if self.scale == "beta":
            bottom, top = max(self.low, 0.0), min(self.high, 1.0 - BETA_TOP)
        elif self.scale in ("log", "log_off"):
            bottom, top = max(self.low, self.notch_low), min(self.high, self.notch_high)
            bottom = 0.0 if self.scale == "log_off" else bottom
        elif self.scale == "linear":
            bottom, top = max(self.low, self.notch_low), min(self.high, self.notch_high)
        else:
            bottom, top = max(self.low, 1.0 if self.scale == "power_of_two" else -math.inf), self.high
        if self.low_excluded and bottom == self.low:
            bottom = self._unbounded_turn(bottom, 1, coarse=False)
        if self.high_excluded and top == self.high:
            top = self._unbounded_turn(top, -1, coarse=False)
        return bottom, top

    def fraction(self, value: float) -> float:
        """The place of `value` between the ends of the knob's scale, 0 to 1, for a slider."""
        if self.scale == "flag":
            return value
        if self.scale == "linear":
            place, bottom, top = value, self.notch_low, self.notch_high
        elif self.scale == "beta":
            place, bottom, top = -_position(max(1.0 - value, BETA_TOP)), 0.0, -_position(BETA_TOP)
        elif self.scale in ("integer", "power_of_two"):
            place, bottom, top = (math.log(max(v, 1.0)) for v in (value, max(self.low, 1.0), min(self.high, 1e6)))
        else:
            bottom, top = _position(self.notch_low), _position(self.notch_high)
            if value <= 0:
                return 0.0
            place = _position(value)
            bottom -= self.scale == "log_off"  # "off" is the notch below the first
        return min(max((place - bottom) / (top - bottom), 0.0), 1.0) if top > bottom else 0.0

    def format(self, value: float) -> str:
        """The value as text: 0.1, 0.999, 1e-08, on, off."""
        if self.scale == "flag":
            return "on" if value else "off"
        if self.scale in ("integer", "power_of_two"):
            return str(int(value))
        if self.scale == "log_off" and value == 0:
            return "off"
        return format_number(value)


def find_knob(knobs: Sequence[Knob], name: str, owner: str) -> Knob:
    """The knob of that name. Raises ValueError that lists the knobs of `owner`, an optimizer, for an unknown name."""
    for knob in knobs:
        if knob.name == name:
            return knob
    raise ValueError(f"{owner} has no {name!r}{suggest(name, [knob.name for knob in knobs])}")


def _position(value: float) -> float:
    """The position of a positive value on the 1-2-5 scale: three notches a decade, 1.0 at 0, logarithmic in between."""
    # By the decimal digits: a division by 10.0**exponent fails where that power underflows.
    digits, exponent = f"{value:.16e}".split("e")
    mantissa, decade = float(digits), int(exponent) * 3.0
    edges = (*MANTISSAS, 10)
    for i in range(3):
        if mantissa < edges[i + 1] * (1 - NOTCH_TOLERANCE):
            return decade + i + math.log(mantissa / edges[i]) / math.log(edges[i + 1] / edges[i])
    return decade + 3


def _step(here: float, step: int) -> int:
    """The whole position `step` notches from `here`; from between two notches the first step ends on one of them."""
    return (math.floor(here + NOTCH_TOLERANCE) if step > 0 else math.ceil(here - NOTCH_TOLERANCE)) + step


def _decade_value(position: int) -> float:
    """The value at a whole position, equal to its decimal text: 5e-4, 0.2, 10."""
    return float(f"{MANTISSAS[position % 3]}e{position // 3}")
