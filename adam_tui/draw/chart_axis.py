"""The axes of a chart: round limits, round ticks, and short labels.

The rules for limits, ticks and labels may be changed here. Ticks are computed as decimals, not floats: 3 × 0.1 must
read 0.3, and a label must show exactly the value at its tick. Values up to 1e308 must not overflow, because a
diverging loss passes through them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from adam_tui.engine.numbers import decimal, round_down, round_up

Floats = NDArray[np.float64]
Limits = tuple[float, float]

# A range narrower than this share of its values counts as constant: its ticks would need labels of eight digits.
NARROWEST = 1e-5
CONSTANT_MARGIN = Decimal("0.1")  # share of the value that is added above and below a constant
COLUMNS_PER_TICK, LABEL_GAP = 8, 2  # on the x axis; long labels get more columns
ROWS_BETWEEN_TICKS = 2.0  # labels in neighbouring rows would look like one block
EVEN_TICKS_BELOW = 3.0  # high / low below which a log axis has evenly spaced ticks: few or none are 1, 2, 5 × 10ⁿ
SMALLEST = 1e-300  # values nearer to zero than this are drawn as zero; a log axis ends here
QUARTERED_FROM = 1e300  # magnitude from which differences are taken of quarters, to stay finite
ROUNDINGS_PER_STEP = 4  # limits are rounded to a quarter of a step: whole steps would leave much of the plot empty
DECADE_STRIDES = (1, 2, 3, 5, 10, 20, 50, 100, 200)
LARGEST_OFFSET = 3  # ticks of every 2 or 3 decades may begin at any power of ten, those of more at round exponents
NEARLY_EVEN = 1.35  # the largest ratio of two distances that look even: 4 rows and 3, but not 3 and 2
PLAIN_LOW, PLAIN_HIGH = Decimal("0.01"), Decimal(10_000)  # outside this range 5e-3 and 2e4 are shorter
COUNT_UNITS = ((Decimal(10**9), "G"), (Decimal(10**6), "M"), (Decimal(1000), "k"))


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on an axis and its label."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from `low` to `high`, logarithmic or not, with its ticks from low to high."""

    low: float
    high: float
    log: bool = False
    ticks: tuple[Tick, ...] = ()

    def to_share(self, values: Floats) -> Floats:
        """Convert values to shares of the axis: 0 is `low`, 1 is `high`; values outside lie below 0 or above 1.

        On a log axis the values must be positive.
        """
        low, high = np.float64(self.low), np.float64(self.high)
        with np.errstate(over="ignore"):
            if self.log:
                bottom = np.log10(low)
                return np.asarray((np.log10(values) - bottom) / (np.log10(high) - bottom))
            if max(abs(self.low), abs(self.high)) > QUARTERED_FROM:
                values, low, high = values / 4, low / 4, high / 4
            return np.asarray((values - low) / (high - low))

    def from_share(self, shares: Floats) -> Floats:
        """Convert shares (0 to 1) of a linear axis to values: the inverse of `to_share`."""
        return self.low * (1 - shares) + self.high * shares


def value_axis(limits: Limits, rows: int, *, log: bool, exact: bool = False, percent: bool = False) -> Axis:
    """The y axis for values within `limits` on `rows` rows. Its limits are rounded outwards unless `exact`.

    Labels are at most about five characters wide for losses of any size. `limits` must be finite, and positive if
    `log`.
    """
    low, high = _widened(*limits, log=log)
    if percent:  # nothing above 100% or below 0%, unless there are values
        low, high = max(low, min(limits[0], 0.0)), min(high, max(limits[1], 1.0))
    if not log or high / low < EVEN_TICKS_BELOW:
        intervals = max(2, round(rows / (ROWS_BETWEEN_TICKS + 0.5)))
        for finer in (1, 2):  # a range may contain only one multiple of the first step
            step = _step(low, high, finer * intervals)
            bottom, top = (low, high) if exact else _rounded_out(low, high, step / ROUNDINGS_PER_STEP, share=percent)
            values = _multiples(bottom, top, step)
            if len(values) > 1:
                break
        low, high = bottom, top
        return Axis(
            low, high, log, _ticks(values, _percent_labels(values, step) if percent else _even_labels(values, step))
        )
    if not exact:
        bottom, top = float(round_down(low)), float(round_up(high))
        low, high = bottom or low, top if math.isfinite(top) else high  # a rounded value may leave the range of floats
    values = _log_values(low, high, rows)
    if len(values) < 2 and not exact:
        values = [decimal(low), decimal(high)]
    labels = [_percent_labels([v], v)[0] for v in values] if percent else _log_labels(values)
    return Axis(low, high, log, _ticks(values, labels))


def count_axis(limits: Limits, columns: int) -> Axis:
    """The x axis for steps or epochs: exactly `limits`, with ticks on round integers such as 500, 1.2k or 10k.

    Fractions are labelled only if the range contains at most one integer.
    """
    low, high = limits
    if not high > low:
        high = low + max(1.0, abs(low) * NARROWEST)
        low, high = (low, high) if math.isfinite(high) else (low - abs(low) * NARROWEST, low)
    values = _count_values(low, high, columns // COLUMNS_PER_TICK)
    longest = max((len(label) for label in _count_labels(values)), default=0) + LABEL_GAP
    if longest > COLUMNS_PER_TICK:
        values = _count_values(low, high, columns // longest)
    return Axis(low, high, False, _ticks(values, _count_labels(values)))


def _count_values(low: float, high: float, intervals: int) -> list[Decimal]:
    """Ticks that divide the range into at most `intervals`, on integers if it contains two of them."""
    step = _step(low, high, max(1, intervals))
    return _multiples(low, high, max(step, Decimal(1)) if math.floor(high) > math.ceil(low) else step)


def _widened(low: float, high: float, *, log: bool) -> Limits:
    """The limits, spread out if they are too close to distinguish values between them."""
    size = max(abs(low), abs(high))
    if size < SMALLEST:
        return 0.0, 1.0
    if log:
        distinct = math.log10(high) - math.log10(low) > NARROWEST
    else:
        distinct = Decimal(high) - Decimal(low) > Decimal(size) * Decimal(NARROWEST)
    return (low, high) if distinct else _spread(low, high)


def _spread(low: float, high: float) -> Limits:
    """Add a tenth of the value on both sides, unless the result overflows."""
    margin = Decimal(max(abs(low), abs(high))) * CONSTANT_MARGIN
    bottom, top = float(Decimal(low) - margin), float(Decimal(high) + margin)
    return (bottom if math.isfinite(bottom) else low), (top if math.isfinite(top) else high)


def _step(low: float, high: float, intervals: int) -> Decimal:
    """The smallest of 1, 2, 5 × 10ⁿ that divides the range into at most `intervals`."""
    return round_up((decimal(high) - decimal(low)) / intervals)


def _rounded_out(low: float, high: float, step: Decimal, *, share: bool) -> Limits:
    """Round the limits outwards to multiples of the step; with `share` they stay within 0% and 100%."""
    bottom = float((decimal(low) / step).to_integral_value(ROUND_FLOOR) * step)
    top = float((decimal(high) / step).to_integral_value(ROUND_CEILING) * step)
    if share:
        bottom, top = max(bottom, min(low, 0.0)), min(top, max(high, 1.0))
    return (bottom if math.isfinite(bottom) else low), (top if math.isfinite(top) else high)


def _multiples(low: float, high: float, step: Decimal) -> list[Decimal]:
    """The multiples of the step within the limits."""
    first = int((decimal(low) / step).to_integral_value(ROUND_CEILING))
    last = int((decimal(high) / step).to_integral_value(ROUND_FLOOR))
    return [k * step for k in range(first, last + 1)]


def _log_values(low: float, high: float, rows: int) -> list[Decimal]:
    """The tick values of a log axis: the densest ones whose labels are two rows apart and equally far from each other.

    Rounding to rows makes many spacings uneven; a sparser one that stays even is easier to read.
    """
    decades = math.log10(high) - math.log10(low)
    needed = ROWS_BETWEEN_TICKS * decades / max(1, rows)  # decades from one label to the next
    bottom, top = decimal(low), decimal(high)
    if decades <= 1 and needed <= math.log10(2):
        return _powers(bottom, top, 1, 0, (1, 2, 5))
    choices: list[tuple[int, int, tuple[int, ...]]] = [(1, 0, (1, 3))] if needed <= math.log10(3) else []
    for stride in DECADE_STRIDES:
        if stride >= needed:
            choices += [(stride, offset, (1,)) for offset in range(stride if stride <= LARGEST_OFFSET else 1)]
    if not choices:
        return []
    ticks = [_powers(bottom, top, *choice) for choice in choices]
    gaps = [_row_gaps([(math.log10(high) - math.log10(v)) / decades for v in values], rows) for values in ticks]
    even = (i for i, each in enumerate(gaps) if len(each) > 1 and min(each) == max(each))
    nearly = (i for i, each in enumerate(gaps) if each and max(each) <= NEARLY_EVEN * min(each))
    if (best := next(even, next(nearly, None))) is not None:
        return ticks[best]
    return [*ticks[0][:1], *ticks[0][1:][-1:]]


def _row_gaps(shares: Sequence[float], rows: int) -> list[int]:
    """The rows from each tick to the next; `shares` are their distances from the top of the axis."""
    dots = 4 * rows - 1  # four in a row; the outer ones are on the limits
    tick_rows = [round(share * dots) // 4 for share in shares]
    return [below - above for below, above in pairwise(tick_rows)]


def _powers(bottom: Decimal, top: Decimal, stride: int, offset: int, mantissas: Sequence[int]) -> list[Decimal]:
    """The values mantissa × 10ⁿ within the limits, for every `stride`-th n, from `offset` on."""
    first = bottom.adjusted() + (offset - bottom.adjusted()) % stride
    exponents = range(first, top.adjusted() + 1, stride)
    values = (Decimal(m).scaleb(e) for e in exponents for m in mantissas)
    return [v for v in values if bottom <= v <= top]


def _ticks(values: Sequence[Decimal], labels: Sequence[str]) -> tuple[Tick, ...]:
    return tuple(Tick(float(value), label) for value, label in zip(values, labels, strict=True))


def _even_labels(values: Sequence[Decimal], step: Decimal) -> list[str]:
    """Labels of evenly spaced ticks, with as many decimals as the step needs: the points are aligned."""
    largest = max((abs(v) for v in values), default=Decimal(0))
    decimals = max(0, -step.normalize().adjusted())
    if PLAIN_LOW <= largest < 10 * PLAIN_HIGH:
        return [f"{v:.{decimals}f}" for v in values]
    return [short_scientific(v) for v in values]


def _percent_labels(values: Sequence[Decimal], step: Decimal) -> list[str]:
    decimals = max(0, -step.normalize().adjusted() - 2)
    return [f"{v * 100:.{decimals}f}%" for v in values]


def _log_labels(values: Sequence[Decimal]) -> list[str]:
    """Labels on a log axis, all in one notation: 100, 1, 0.01, or 1e2, 1e0, 1e-3."""
    plain = all(PLAIN_LOW <= value <= PLAIN_HIGH for value in values)
    return [_plain(value) if plain else short_scientific(value) for value in values]


def _count_labels(values: Sequence[Decimal]) -> list[str]:
    """Labels on an axis of steps: 950, 1k, 1.25k, 10k, 3M; but 1195, 1196 and 1200 rather than 1.195k."""
    units = [(unit, letter) for unit, letter in COUNT_UNITS if all(_is_short(value / unit) for value in values)]
    return [_count_label(value, units) for value in values]


def _is_short(count: Decimal) -> bool:
    """Whether a number of units is less than one, or has at most two decimals."""
    return abs(count) < 1 or len(_plain(count).partition(".")[2]) <= 2


def _count_label(value: Decimal, units: Sequence[tuple[Decimal, str]]) -> str:
    size = abs(value)
    if size >= 1000 * COUNT_UNITS[0][0]:
        return short_scientific(value)
    for unit, letter in units:
        if size >= unit:
            return _plain(value / unit) + letter
    return _plain(value) if not value or size >= PLAIN_LOW else short_scientific(value)


def _plain(value: Decimal) -> str:
    """All digits, without zeros at the end of a fraction."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short_scientific(value: Decimal) -> str:
    """The shortest text with an exponent: 5e-3, 1.5e5; zero is 0."""
    if not value:
        return "0"
    exponent = value.adjusted()
    return f"{_plain(value.scaleb(-exponent))}e{exponent}"
