"""Ticks are round, exact, readable at a glance, and apart from each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.chart_axis import Axis, count_axis, value_axis
from adam_tui.draw.curves import cell_of


def labels(axis: Axis) -> list[str]:
    return [tick.label for tick in axis.ticks]


@pytest.mark.parametrize(
    ("limits", "rows", "expected"),
    [
        ((0.02, 2.31), 12, ["0.0", "0.5", "1.0", "1.5", "2.0"]),
        ((0, 1), 12, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ((0.1, 0.3), 12, ["0.10", "0.15", "0.20", "0.25", "0.30"]),
        ((-78.3, 120), 12, ["-50", "0", "50", "100"]),
        ((0, 0.004), 12, ["0", "1e-3", "2e-3", "3e-3", "4e-3"]),
        ((0, 25_000), 12, ["0", "5000", "10000", "15000", "20000", "25000"]),
        ((0, 4.2e6), 12, ["0", "1e6", "2e6", "3e6", "4e6"]),
        ((5, 5), 10, ["4.5", "5.0", "5.5"]),
        ((0, 0), 6, ["0.0", "0.5", "1.0"]),
    ],
)
def test_linear_ticks(limits, rows, expected):
    assert labels(value_axis(limits, rows, log=False)) == expected


@pytest.mark.parametrize(
    ("limits", "rows", "expected"),
    [
        ((0.011, 2.9), 17, ["0.01", "0.03", "0.1", "0.3", "1", "3"]),
        ((0.11, 8), 17, ["0.1", "0.3", "1", "3", "10"]),
        ((1e-5, 30), 12, ["1e-5", "1e-2", "1e1"]),
        ((1e-30, 1), 12, ["1e-30", "1e-20", "1e-10", "1e0"]),
        ((1e-5, 1e7), 8, ["1e-3", "1e0", "1e3", "1e6"]),
        ((100, 20_000), 17, ["100", "1000", "10000"]),
        ((0.5, 4), 17, ["0.5", "1", "2", "5"]),
        ((1.9, 2.1), 10, ["1.90", "1.95", "2.00", "2.05", "2.10"]),
        ((0.3, 2.9), 4, ["0.2", "5"]),
    ],
)
def test_logarithmic_ticks(limits, rows, expected):
    assert labels(value_axis(limits, rows, log=True)) == expected


@given(st.floats(-300, 250), st.floats(1.2, 50), st.integers(8, 40))
def test_the_ticks_of_a_log_axis_look_even_and_have_one_notation(low, decades, rows):
    axis = value_axis((10**low, 10 ** (low + decades)), rows, log=True, exact=True)
    shares = axis.to_share(np.array([tick.value for tick in axis.ticks]))
    gaps = np.diff(cell_of(np.zeros(len(shares)), shares, 1, rows)[1])
    assert len(gaps) < 2 or abs(gaps).max() <= 1.35 * abs(gaps).min()
    assert len({"e" in label for label in labels(axis)}) <= 1


def test_limits_are_rounded_outwards_unless_they_are_asked_for():
    assert (value_axis((0.02, 2.31), 12, log=False).low, value_axis((0.02, 2.31), 12, log=False).high) == (0, 2.375)
    assert (value_axis((0.03, 3), 12, log=True).low, value_axis((0.03, 3), 12, log=True).high) == (0.02, 5)
    exact = value_axis((0.03, 3), 12, log=True, exact=True)
    assert (exact.low, exact.high) == (0.03, 3)


@pytest.mark.parametrize(
    ("limits", "columns", "expected"),
    [
        ((0, 400), 40, ["0", "100", "200", "300", "400"]),
        ((0, 1999), 38, ["0", "500", "1k", "1.5k"]),
        ((0, 46_900), 60, ["0", "10k", "20k", "30k", "40k"]),
        ((1200, 1600), 24, ["1.2k", "1.4k", "1.6k"]),
        ((1190, 1200), 60, ["1190", "1192", "1194", "1196", "1198", "1200"]),
        ((1_000_100, 1_000_400), 30, ["1000.1k", "1000.2k", "1000.3k", "1000.4k"]),
        ((0, 3e6), 40, ["0", "1M", "2M", "3M"]),
        ((0, 1e300), 30, ["0", "5e299", "1e300"]),
        ((1, 3), 60, ["1", "2", "3"]),
        ((0, 0.5), 30, ["0", "0.2", "0.4"]),
        ((7, 7), 30, ["7", "8"]),
    ],
)
def test_ticks_of_steps_and_epochs(limits, columns, expected):
    assert labels(count_axis(limits, columns)) == expected


def test_a_tick_stands_at_the_number_that_its_label_names():
    for axis in (value_axis((0.1, 0.7), 12, log=False), value_axis((1e-9, 1e-2), 20, log=True)):
        assert [tick.value for tick in axis.ticks] == [float(tick.label) for tick in axis.ticks]


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(1, 60),
    st.booleans(),
    st.booleans(),
)
def test_every_axis_holds_its_values_and_all_its_ticks(a, b, rows, log, exact):
    low, high = sorted((max(abs(a), 1e-300), max(abs(b), 1e-300)) if log else (a, b))
    axis = value_axis((low, high), rows, log=log, exact=exact)
    assert axis.low <= low <= high <= axis.high or max(abs(low), abs(high)) <= 1e-300
    assert math.isfinite(axis.low)
    assert math.isfinite(axis.high)
    assert axis.low < axis.high
    shares = axis.to_share(np.array([tick.value for tick in axis.ticks]))
    assert ((shares >= -1e-9) & (shares <= 1 + 1e-9)).all()
    assert (np.diff(shares) > 0).all()
    assert len(axis.ticks) <= max(6, rows + 1)


@given(st.floats(-1e15, 1e15), st.floats(-1e15, 1e15), st.floats(0, 1))
def test_a_share_of_an_axis_leads_back_to_its_value(a, b, share):
    axis = count_axis((min(a, b), max(a, b)), 40)
    value = axis.from_share(np.array([share]))
    assert axis.to_share(value)[0] == pytest.approx(share, abs=1e-3)
