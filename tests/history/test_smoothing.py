"""The smoothed loss is the average that it says it is: at any span, in pieces, over blocks, at any magnitude."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.history.smoothing import DECAY, average


def counted(values):
    return np.arange(1.0, len(values) + 1)


def one_by_one(values, span):
    """The definition, a value at a time."""
    mean, result = 0.0, []
    for seen, value in enumerate(values, start=1):
        mean += max(2 / (span + 1), (DECAY + 1) / (seen + DECAY)) * (value - mean)
        result.append(mean)
    return result


@pytest.mark.parametrize("span", [1.5, 2, 10, 100, 5000, 1e9, math.inf])
def test_the_average_follows_its_definition(span):
    values = np.random.default_rng(0).gamma(2.0, size=5000)
    np.testing.assert_allclose(average(values, counted(values), span), one_by_one(values, min(span, 1e15)), rtol=1e-9)


def test_after_the_beginning_the_average_is_exponential():
    values = np.random.default_rng(0).normal(5, 3, size=3000)
    mean, weight, exponential = 0.0, 0.0, []
    for value in values:
        mean, weight = (1 - 2 / 31) * mean + value, (1 - 2 / 31) * weight + 1
        exponential.append(mean / weight)
    np.testing.assert_allclose(average(values, counted(values), 30)[1000:], exponential[1000:], rtol=1e-9)


def test_at_the_beginning_the_average_keeps_up_with_a_falling_loss():
    losses = 2.3 / np.arange(1, 61)
    assert average(losses, counted(losses), 100)[-1] < 2 * losses[-1]


@given(st.lists(st.lists(st.floats(0, 10), max_size=60), max_size=6), st.sampled_from([3, 30, 1000]))
def test_an_average_in_pieces_equals_that_of_the_whole(pieces, span):
    whole = np.array([value for piece in pieces for value in piece])
    found, mean, seen = [], 0.0, 0.0
    for piece in pieces:
        part = average(np.array(piece), seen + counted(piece), span, (mean, seen))
        found += part.tolist()
        seen += len(piece)
        mean = found[-1] if found else 0.0
    np.testing.assert_allclose(found, average(whole, counted(whole), span), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("span", [100, 3000])
def test_over_blocks_of_constant_loss_the_average_equals_that_of_the_steps(span):
    steps = np.repeat(np.random.default_rng(0).gamma(2.0, size=1000), 16)
    ends = 16 * counted(steps[::16])
    np.testing.assert_allclose(
        average(steps[::16], ends, span), average(steps, counted(steps), span)[15::16], rtol=1e-9
    )


@pytest.mark.parametrize("span", [1, 0, -5, math.nan])
def test_a_span_of_one_or_less_changes_nothing(span):
    assert average(np.array([1.0, 5, 2]), np.array([1.0, 2, 3]), span).tolist() == [1, 5, 2]


@pytest.mark.parametrize("value", [0.25, 1e308, 1e-300, 0.0, -3.0])
def test_the_average_of_a_constant_is_the_constant(value):
    values = np.full(20_000, value)
    np.testing.assert_allclose(average(values, counted(values), 300), value, rtol=1e-9)


def test_an_empty_series_has_an_empty_average():
    assert average(np.empty(0), np.empty(0), 10).size == 0


def test_the_arguments_are_not_modified():
    for span in (1, 10):
        values = np.array([1.0, 2, 3])
        average(values, counted(values), span)[:] = 9
        assert values.tolist() == [1, 2, 3]
