"""The running average that makes a trend visible in a noisy loss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# In the beginning the average is over a share of the steps so far, about 2 / (DECAY + 1) of them.
DECAY = 5
LONGEST_SPAN = 1e15  # from here on it is the beginning for ever
# Weights within a piece grow up to e⁶⁰⁰ ≈ 1e260, of values that are scaled to 1: no overflow, and few pieces.
PIECE_EXPONENT = 600.0


def average(values: Floats, ends: Floats, span: float, before: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """The moving average of a series, (N,), after each of its values.

    values: (N,) finite means of a step or of several, `ends`: (N,) rising, how many steps there were after each;
    `before`: the average so far, and after how many steps. So the averages of a long series can be had in pieces, and
    from its means over blocks of steps, where the loss within a block counts as level.

    The exponential average over `span` steps (each keeps 1 − 2 / (span + 1) of it), but in the beginning over a share
    of the steps so far (Shamir & Zhang 2013, polynomial decay): a plain debiased one lags far behind a loss that
    falls as fast as at the start of a training. A span of 1 or less changes nothing. About 2 ms for 100,000 values.
    """
    values, ends = np.asarray(values, np.float64), np.asarray(ends, np.float64)
    if not span > 1 or not len(values):
        return values.copy()
    average_before, seen = before
    logs = _log_weights(np.concatenate([[seen], ends]), min(span, LONGEST_SPAN))
    # A value's own weight is the growth of the weights' sum, e^log, over its steps.
    shares = -np.expm1(logs[:-1] - logs[1:])
    scale = max(float(np.abs(values).max()), abs(average_before)) or 1.0  # 1e308 times a weight would overflow
    scaled, carried = values / scale, average_before / scale
    result = np.empty(len(values))
    first = 0
    while first < len(values):
        base = logs[first + 1]
        last = max(int(np.searchsorted(logs[1:], base + PIECE_EXPONENT, side="right")), first + 1)
        sums = np.exp(logs[first + 1 : last + 1] - base)
        told = np.cumsum(shares[first:last] * sums * scaled[first:last])
        result[first:last] = (carried * math.exp(logs[first] - base) + told) / sums
        carried, first = result[last - 1], last
    return result * scale


def _log_weights(steps: Floats, span: float) -> Floats:
    """The logarithm of the sum of all weights after so many steps; an average's weight fades by the growth of it.

    A step that takes the share (D + 1) / (t + D), D being DECAY, leaves (t − 1) / (t + D) of what was before: so the
    sum grows as t (t + 1) … (t + D), until that share is no more than 2 / (span + 1).
    """
    share = 2 / (span + 1)
    early = math.floor((DECAY + 1) / share) - DECAY
    beginning = np.minimum(steps, early)
    sums = beginning.copy()
    for offset in range(1, DECAY + 1):
        sums *= beginning + offset
    with np.errstate(divide="ignore"):  # no weight at all before the first step
        return np.asarray(np.log(sums) - np.maximum(steps - early, 0.0) * math.log1p(-share))
