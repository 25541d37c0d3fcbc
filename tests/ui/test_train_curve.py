"""A curve that grows: exact where it is short, small and quick where it is long."""

import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.smoothing import smooth
from adam_tui.ui.train.curve import Average, Envelope, LossCurve

pieces = st.lists(st.lists(st.floats(0, 10, width=32), max_size=40), max_size=8)


def curve_of(*pieces):
    curve = LossCurve()
    for piece in pieces:
        curve.put(len(curve) + 1, np.array(piece, np.float64))
    return curve


@given(pieces)
def test_a_short_curve_is_every_step_numbered_from_one(pieces):
    losses = [loss for piece in pieces for loss in piece]
    x, y = curve_of(*pieces).points()
    assert x.tolist() == list(range(1, len(losses) + 1))
    assert y.tolist() == losses


@given(pieces, st.sampled_from([10, 100]))
def test_an_average_in_pieces_is_the_average_of_the_whole(pieces, span):
    whole = np.array([loss for piece in pieces for loss in piece], np.float32)
    average = Average(span)
    done = 0
    for piece in pieces:
        done += len(piece)
        average.follow(whole[:done])
    np.testing.assert_allclose(average.follow(whole), Average(span).follow(whole), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [3000, 30_000])
def test_after_the_beginning_it_is_the_exponential_average(size):
    losses = np.random.default_rng(0).gamma(2.0, size=size).astype(np.float32)
    average = Average(30).follow(losses)
    np.testing.assert_allclose(average[1000:], smooth(losses.astype(np.float64), 30)[1000:], rtol=1e-5)


def test_in_the_beginning_the_average_keeps_up_with_a_falling_loss():
    losses = (2.3 / np.arange(1, 61)).astype(np.float32)
    lag = Average(100).follow(losses)[-1] / losses[-1]
    assert lag < 2 < smooth(losses.astype(np.float64), 100)[-1] / losses[-1]


def test_the_average_of_a_constant_is_the_constant():
    losses = np.full(20_000, 0.25, np.float32)
    np.testing.assert_allclose(Average(300).follow(losses), 0.25, rtol=1e-6)


def test_what_is_not_finite_passes_through_and_changes_no_average():
    losses = np.array([1.0, math.nan, 1.0, math.inf, 1.0], np.float32)
    np.testing.assert_array_equal(Average(10).follow(losses), losses)
    x, y = curve_of(losses).points(10)
    assert x.tolist() == [1, 3, 5]
    assert y.tolist() == [1, 1, 1]


def test_steps_of_which_nothing_is_known_leave_a_gap():
    curve = curve_of([3.0, 2.0])
    curve.put(5, np.array([1.0]))
    assert curve.points()[0].tolist() == [1, 2, 5]


def test_a_curve_that_is_taken_up_again_forgets_what_came_after():
    curve = curve_of([5.0, 4.0, 3.0])
    curve.points(10)
    curve.cut(1)
    curve.put(2, np.array([1.0, 1.0, 1.0]))
    assert curve.points()[1].tolist() == [5, 1, 1, 1]
    np.testing.assert_allclose(curve.points(10)[1], curve_of([5.0, 1.0, 1.0, 1.0]).points(10)[1])


def test_a_long_curve_keeps_its_every_peak_in_a_few_thousand_points():
    losses = np.ones(200_001, np.float32)
    losses[123_456], losses[77], losses[-1] = 9.0, 0.1, 5.0
    envelope = Envelope()
    for end in (5000, 70_000, 200_001):
        x, y = envelope.points(losses[:end])
    assert len(x) < 20_000
    assert (np.diff(x) >= 0).all()
    assert {y.max(), y.min(), y[-1]} == {9.0, np.float32(0.1), 5.0}
    assert abs(x[y.argmax()] - 123_457) < 100
    assert x[-1] == 200_001


def test_the_recent_part_of_a_long_curve_is_every_step():
    curve = curve_of(np.arange(50_000.0))
    x, y = curve.points(1, 49_998)
    assert x.tolist() == [49_998, 49_999, 50_000]
    assert y.tolist() == [49_997, 49_998, 49_999]


def test_a_million_steps_stay_small_and_quick():
    rng = np.random.default_rng(0)
    tracemalloc.start()
    curve = LossCurve()
    for _ in range(10):
        curve.put(len(curve) + 1, rng.random(100_000))
        curve.points(100)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used < 25e6
    began = time.perf_counter()
    for _ in range(20):  # as four looks a second find it: a few new steps each
        curve.put(len(curve) + 1, rng.random(50))
        assert len(curve.points(100)[0]) < 20_000
        assert len(curve.points(1)[0]) < 20_000
    assert (time.perf_counter() - began) / 20 < 0.02
