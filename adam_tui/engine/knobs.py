"""What a hyperparameter is to a person who turns it: its name, its default, its scale and its notches.

The scale decides what one press of an arrow key does. A learning rate is turned by its order of magnitude (1, 2, 5
per decade); a decay rate β by its distance from 1, because 0.99 → 0.999 changes as much as 0.9 → 0.99 does: the
memory of the average, 1 / (1 − β) steps, grows tenfold both times.

Standard library only: the command line, the playground and the training screen all turn the same knobs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Scale = Literal["log", "log_off", "beta", "flag", "integer", "power_of_two"]

STEPS_OF_A_DECADE = (1, 2, 5)
COARSE = 3  # notches of a coarse step on the scales with three notches a decade: one decade
COARSE_INTEGER = 10
# Positions on a scale are floats; a value this close to a notch stands on it.
ON_NOTCH = 1e-6


@dataclass(frozen=True, slots=True)
class Knob:
    """One hyperparameter: `name` is torch.optim's (betas split), `symbol` the paper's letter.

    `low` and `high` are the smallest and largest value that may be typed; `notch_low` and `notch_high` bound what
    the arrow keys reach. All values are floats; a flag is 0.0 or 1.0.
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
        """Return `value`, or raise ValueError with one line that says what is allowed."""
        below = value <= self.low if self.low_excluded else value < self.low
        above = value >= self.high if self.high_excluded else value > self.high
        if math.isnan(value) or math.isinf(value) or below or above:
            raise ValueError(f"{self.name} must be {self.allowed()}, not {value:g}")
        if self.scale == "flag" and value not in (0.0, 1.0):
            raise ValueError(f"{self.name} is a switch: 0 or 1, not {value:g}")
        if self.scale in ("integer", "power_of_two") and value != int(value):
            raise ValueError(f"{self.name} must be a whole number, not {value:g}")
        return value

    def allowed(self) -> str:
        """The allowed range in words: "at least 0 and below 1"."""
        low = f"above {self.low:g}" if self.low_excluded else f"at least {self.low:g}"
        if math.isinf(self.high):
            return low if math.isfinite(self.low) else "a finite number"
        return f"{low} and " + (f"below {self.high:g}" if self.high_excluded else f"at most {self.high:g}")

    def parse(self, text: str) -> float:
        """The value that a person typed; ValueError with one line when it is not one."""
        words = {"on": 1.0, "true": 1.0, "yes": 1.0, "off": 0.0, "false": 0.0, "no": 0.0}
        cleaned = text.strip().lower()
        if self.scale in ("flag", "log_off") and cleaned in words and (self.scale == "flag" or cleaned == "off"):
            return self.check(words[cleaned])
        try:
            value = float(cleaned)
        except ValueError:
            raise ValueError(f"{self.name} must be a number, not {text.strip()!r}") from None
        return self.check(value)

    def turn(self, value: float, notches: int, *, coarse: bool = False) -> float:
        """The value `notches` notches above (or below, when negative) `value`, held within the knob's ends."""
        if not notches:
            return value
        if self.scale == "flag":
            return 1.0 if notches > 0 else 0.0
        if self.scale == "integer":
            step = notches * (COARSE_INTEGER if coarse else 1)
            return float(min(max(value + step, self.low), self.high))
        if self.scale == "power_of_two":
            here = math.log2(value) if value > 0 else 0.0
            moved = 2.0 ** _step(here, notches * (2 if coarse else 1))
            return float(min(max(moved, self.low), self.high))
        step = notches * (COARSE if coarse else 1)
        if self.scale == "beta":
            return self._turn_beta(value, step)
        bottom, top = _position(self.notch_low), _position(self.notch_high)
        off = self.scale == "log_off"
        here = _position(value) if value > 0 else bottom - 1
        moved_to = _step(here, step)
        if moved_to < bottom - ON_NOTCH:
            return 0.0 if off else min(self.notch_low, value)
        return max(_decade_value(min(moved_to, round(top))), 0.0) if moved_to > top else _decade_value(moved_to)

    def _turn_beta(self, value: float, step: int) -> float:
        distance = 1.0 - value
        here = _position(distance) if distance > 0 else _position(1e-12)
        moved_to = _step(here, -step)  # a larger β stands nearer to 1
        moved_to = min(max(moved_to, round(_position(1e-6))), 0)
        return float(1 - Decimal(str(_decade_value(moved_to))))

    def fraction(self, value: float) -> float:
        """Where `value` stands between the knob's ends, 0 to 1, for a slider."""
        if self.scale == "flag":
            return value
        if self.scale == "beta":
            place, bottom, top = -_position(max(1.0 - value, 1e-6)), 0.0, -_position(1e-6)
        elif self.scale in ("integer", "power_of_two"):
            place, bottom, top = (math.log(max(v, 1.0)) for v in (value, max(self.low, 1.0), min(self.high, 1e6)))
        else:
            bottom, top = _position(self.notch_low), _position(self.notch_high)
            if value <= 0:
                return 0.0
            place = _position(value)
        return min(max((place - bottom) / (top - bottom), 0.0), 1.0) if top > bottom else 0.0

    def format(self, value: float) -> str:
        """The value as a person writes it: 0.1, 0.999, 1e-08, on, off."""
        if self.scale == "flag":
            return "on" if value else "off"
        if self.scale in ("integer", "power_of_two"):
            return str(int(value))
        if self.scale == "log_off" and value == 0:
            return "off"
        return format_number(value)


def format_number(value: float) -> str:
    """The shortest text that reads back as the same float, without a trailing ".0": 1e-08, 0.05, 3."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def _position(value: float) -> float:
    """The place of a positive value on the 1-2-5 scale, three notches a decade, 1.0 at 0; linear in between."""
    exponent = math.floor(math.log10(value))
    mantissa = value / 10.0**exponent
    edges = (1.0, 2.0, 5.0, 10.0)
    for i in range(3):
        if mantissa < edges[i + 1] * (1 - ON_NOTCH):
            share = math.log(max(mantissa, edges[i]) / edges[i]) / math.log(edges[i + 1] / edges[i])
            return exponent * 3 + i + share
    return (exponent + 1) * 3.0


def _step(here: float, step: int) -> int:
    """The whole position `step` notches from `here`; from between two notches the first step lands on one of them."""
    return (math.floor(here + ON_NOTCH) if step > 0 else math.ceil(here - ON_NOTCH)) + step


def _decade_value(position: int) -> float:
    """The float that a whole position stands for, exactly as its decimal text reads: 5e-4, 0.2, 10."""
    return float(f"{STEPS_OF_A_DECADE[position % 3]}e{position // 3}")
