"""The moving average that makes a trend visible in a noisy loss.

A pure function of arrays; it can be computed in pieces.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# At the beginning the average is over a share of the steps so far, about 2 / (DECAY + 1) of them.
DECAY = 5
LONGEST_SPAN = 1e15  # with a longer span every step belongs to the beginning
# Values are scaled to 1, and weights within a piece grow up to e⁶⁰⁰ ≈ 1e260: no overflow, and few pieces.
PIECE_EXPONENT = 600.0


def average(values: Floats, ends: Floats, span: float, before: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """The moving average (N,) of a series after each of its values.

    values: (N,) finite, each the mean of one step or of several; ends: (N,) rising, the number of steps up to the end
    of each value; before: the average so far and its number of steps. The average of a long series can therefore be
    computed in pieces, and from means over blocks of steps as if the loss were constant within a block.

    It is the exponential average over `span` steps (each step keeps 1 − 2 / (span + 1) of it), but at the beginning
    over a share of the steps so far (Shamir & Zhang 2013, polynomial decay): a debiased exponential average lags far
    behind a loss that falls as fast as at the start of training. A span of 1 or less changes nothing. Takes about
    2 ms for 100,000 values.
    """
    values, ends = np.asarray(values, np.float64), np.asarray(ends, np.float64)
    if not span > 1 or not len(values):
        return values.copy()
    average_before, steps_before = before
    logs = _log_weights(np.concatenate([[steps_before], ends]), min(span, LONGEST_SPAN))
    # The share of a value is the growth of the sum of weights, e^log, over its steps.
    shares = -np.expm1(logs[:-1] - logs[1:])
    scale = max(float(np.abs(values).max()), abs(average_before)) or 1.0  # 1e308 times a weight would overflow
    scaled, carried = values / scale, average_before / scale
    result = np.empty(len(values))
    first = 0
    while first < len(values):
        base = logs[first + 1]
        last = max(int(np.searchsorted(logs[1:], base + PIECE_EXPONENT, side="right")), first + 1)
        sums = np.exp(logs[first + 1 : last + 1] - base)
        weighted = np.cumsum(shares[first:last] * sums * scaled[first:last])
        result[first:last] = (carried * math.exp(logs[first] - base) + weighted) / sums
        carried, first = result[last - 1], last
    return result * scale


def _log_weights(steps: Floats, span: float) -> Floats:
    """The logarithm of the sum of all weights after each number of steps.

    With D = DECAY, step t has the share (D + 1) / (t + D) and leaves (t − 1) / (t + D) of the average before it. The
    sum therefore grows as t (t + 1) … (t + D), until the share falls to 2 / (span + 1).
    """
    share = 2 / (span + 1)
    early = math.floor((DECAY + 1) / share) - DECAY
    beginning = np.minimum(steps, early)
    sums = beginning.copy()
    for offset in range(1, DECAY + 1):
        sums *= beginning + offset
    with np.errstate(divide="ignore"):  # the sum before the first step is 0
        return np.asarray(np.log(sums) - np.maximum(steps - early, 0.0) * math.log1p(-share))
