"""The smoothed loss is the debiased moving average, also through gaps, at any span and any magnitude."""

import math

import numpy as np
import pytest

from adam_tui.draw.smoothing import smooth


def one_by_one(values, span):
    """The definition, a value at a time."""
    keep, total, weight, result = 1 - 2 / (span + 1), 0.0, 0.0, []
    for value in values:
        if math.isfinite(value):
            total, weight = keep * total + value, keep * weight + 1
            result.append(total / weight)
        else:
            result.append(value)
    return result


@pytest.mark.parametrize("span", [1.1, 2, 10, 100, 5000, 1e9])
def test_it_is_the_debiased_average(span):
    values = np.random.default_rng(0).normal(5, 3, size=3000)
    values[[0, 7, 8, 1500]] = math.nan, math.inf, -math.inf, math.nan
    np.testing.assert_allclose(smooth(values, span), one_by_one(values, span), rtol=1e-9)


def test_it_starts_at_the_first_value():
    assert smooth(np.array([8.0, 8, 8]), 50).tolist() == pytest.approx([8, 8, 8])


@pytest.mark.parametrize("span", [1, 0, -5, math.nan])
def test_a_span_of_one_or_less_changes_nothing(span):
    assert smooth(np.array([1.0, 5, 2]), span).tolist() == [1, 5, 2]


def test_an_endless_span_is_the_mean_so_far():
    np.testing.assert_allclose(smooth(np.array([1.0, 2, 6]), math.inf), [1, 1.5, 3])


def test_the_largest_numbers_do_not_overflow():
    np.testing.assert_allclose(smooth(np.full(1000, 1e308), 100), 1e308)


def test_nothing_and_nothing_finite_stay_as_they_are():
    assert smooth(np.empty(0), 10).size == 0
    assert np.isnan(smooth(np.full(3, math.nan), 10)).all()
    assert smooth(np.zeros(3), 10).tolist() == [0, 0, 0]


def test_the_values_that_were_given_are_not_touched():
    values = np.array([1.0, 2, 3])
    smooth(values, 10)
    assert values.tolist() == [1, 2, 3]
