"""Numbers as people read and write them: round values on the 1-2-5 scale, short decimal text, durations.

Every folder may import this module, `draw` included: it uses the standard library only and knows nothing of optimizers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

# Three round values a decade, nearly evenly spaced by their logarithms.
MANTISSAS = (1, 2, 5)
# Characters that look like a minus sign on the screen: hyphens, dashes and the minus sign of Unicode.
MINUS_SIGNS = "−‐‑‒–—﹣－"
_TO_ASCII = str.maketrans(dict.fromkeys(MINUS_SIGNS, "-"))
_WITH_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


def decimal(value: float | Decimal) -> Decimal:
    """The shortest decimal that reads back as this float: 0.1, not 0.1000000000000000055."""
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))


def round_down(value: float | Decimal, mantissas: Sequence[float] = MANTISSAS, *, slack: float = 0.0) -> Decimal:
    """The largest mantissa × 10ⁿ at or below a positive, finite `value`.

    The mantissas rise and begin with 1. A value that lies below a round one by at most the share `slack` counts as it:
    for values that carry rounding errors.
    """
    number = decimal(value)
    limit = number * (1 + Decimal(slack))
    return max(candidate for candidate in _decade(number, mantissas) if candidate <= limit)


def round_up(value: float | Decimal, mantissas: Sequence[float] = MANTISSAS, *, slack: float = 0.0) -> Decimal:
    """The smallest mantissa × 10ⁿ at or above a positive, finite `value`; `mantissas`, `slack`: as for `round_down`."""
    number = decimal(value)
    limit = number * (1 - Decimal(slack))
    return min(candidate for candidate in _decade(number, mantissas) if candidate >= limit)


def round_nearest(value: float | Decimal) -> Decimal:
    """The one of 1, 2, 5 × 10ⁿ that is nearest to a positive, finite `value` by its logarithm."""
    number = decimal(value)
    return min(_decade(number, MANTISSAS), key=lambda candidate: abs(math.log(candidate / number)))


def round_values(low: float) -> Iterator[Decimal]:
    """The values 1, 2, 5 × 10ⁿ in rising order without end, from the decade of a positive `low` on."""
    exponent = decimal(low).adjusted()
    while True:
        for mantissa in MANTISSAS:
            yield Decimal(mantissa).scaleb(exponent)
        exponent += 1


def _decade(number: Decimal, mantissas: Sequence[float]) -> list[Decimal]:
    """The round values of the number's decade, and the first of the next one."""
    return [decimal(mantissa).scaleb(number.adjusted()) for mantissa in (*mantissas, 10)]


class TooSmallError(ValueError):
    """A number that is not 0 but nearer to 0 than every float."""


def parse_number(text: str) -> float:
    """Read a typed or pasted number, with any minus sign of Unicode: 0.1, 1e-3, 1e−3, −2.

    Raises ValueError, and `TooSmallError` for a number such as 1e-400, which would become 0.
    """
    digits = text.strip().translate(_TO_ASCII)
    value = float(digits)
    if value == 0.0 and any(digit.isdigit() and int(digit) for digit in digits.lower().partition("e")[0]):
        raise TooSmallError("the number is too small: the smallest above 0 is 5e-324")
    return value


def parse_whole(text: str) -> int:
    """Read a typed or pasted whole number: 400, −2, 100,000. Raises ValueError, for "1,5" too."""
    text = text.strip().translate(_TO_ASCII)
    return int(text.replace(",", "") if _WITH_THOUSANDS.fullmatch(text) else text)


def format_number(value: float) -> str:
    """The shortest text that reads back as the same float, without a trailing ".0": 1e-08, 0.05, 3."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def format_loss(value: float) -> str:
    """A loss with four decimals, or with three digits and an exponent where these show nothing or far too much."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 or not math.isfinite(value) else f"{value:.2e}"


def count_noun(number: int, noun: str) -> str:
    """A number with a regular noun: "1 trial", "2,000 trials"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def format_duration(seconds: float | None) -> str:
    """A duration as a clock shows it: 0:07, 12:34, 1:02:03; "–" for one that is unknown or infinite."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
