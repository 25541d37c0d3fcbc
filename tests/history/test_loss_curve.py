"""A curve that grows without end: exact where it is looked at closely, bounded in memory, quick to draw."""

import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.history import loss_curve as curves
from adam_tui.history.loss_curve import LossCurve
from adam_tui.history.smoothing import average

pieces = st.lists(st.lists(st.floats(0, 10, width=32), max_size=40), max_size=8)
CLOSE, FAR = 0.5, 1e9  # steps between two dots


def curve_of(*pieces):
    curve = LossCurve()
    for piece in pieces:
        curve.add(len(curve) + 1, np.array(piece, np.float64))
    return curve


def averages(losses, span):
    return average(losses, np.arange(1.0, len(losses) + 1), span)


@pytest.fixture
def short_memory(monkeypatch):
    """A curve that keeps 64 to 128 losses one by one and 16 to 32 blocks."""
    monkeypatch.setattr(curves, "RECENT", 64)
    monkeypatch.setattr(curves, "MAX_BLOCKS", 32)
    monkeypatch.setattr(curves, "FIRST_WIDTH", 2)


@given(pieces)
def test_a_short_curve_has_every_step_counted_from_one(pieces):
    losses = [loss for piece in pieces for loss in piece]
    curve = curve_of(*pieces)
    for points in (curve.extremes, curve.samples):
        x, y = points(1, len(losses), CLOSE)
        assert x.tolist() == list(range(1, len(losses) + 1))
        assert y.tolist() == losses


@given(pieces, st.sampled_from([10, 100]))
def test_a_short_curve_is_averaged_from_its_first_step_on(pieces, span):
    losses = np.array([loss for piece in pieces for loss in piece])
    x, y = curve_of(*pieces).averaged(span, 1, len(losses), CLOSE)
    assert x.tolist() == list(range(1, len(losses) + 1))
    np.testing.assert_allclose(y, averages(losses, span), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("span", [3, 30, 100])
def test_the_average_of_a_part_equals_that_of_the_whole_there(span):
    losses = np.random.default_rng(0).gamma(2.0, size=30_000).astype(np.float32)
    whole, curve = averages(losses.astype(np.float64), span), curve_of(losses)
    x, y = curve.averaged(span, 20_001, 20_100, CLOSE)
    assert x.tolist() == list(range(20_001, 20_101))
    np.testing.assert_allclose(y, whole[20_000:20_100], rtol=1e-4)
    assert curve.average_at(25_003, span) == pytest.approx(whole[25_002], rel=1e-4)


def test_a_coarse_average_has_a_point_for_each_block():
    losses = np.random.default_rng(0).gamma(2.0, size=30_003)
    x, y = curve_of(losses).averaged(1000, 1, len(losses), FAR)
    assert len(x) < 4000
    np.testing.assert_allclose(y[20:], averages(losses, 1000)[x.astype(int) - 1][20:], rtol=0.02)
    assert x[-1] == len(losses), "up to the last step, in no block yet"


def test_an_average_computed_in_pieces_equals_that_of_the_whole():
    losses = np.random.default_rng(0).gamma(2.0, size=9000)
    curve, once = LossCurve(), curve_of(losses)
    for first in range(0, len(losses), 75):
        curve.add(first + 1, losses[first : first + 75])
        curve.averaged(100, 1, len(curve), FAR)
    for found, wanted in zip(curve.averaged(100, 1, 9000, FAR), once.averaged(100, 1, 9000, FAR), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_losses_that_are_not_finite_are_no_points_and_change_no_average():
    curve = curve_of([1.0, math.nan, 1.0, math.inf, 1.0] * 4)
    for closest in (CLOSE, FAR):
        np.testing.assert_allclose(curve.averaged(10, 1, 20, closest)[1], 1.0)
        assert set(curve.samples(1, 20, closest)[1].tolist()) == {1.0}
    assert math.isnan(curve.at(2))


def test_missing_steps_leave_a_gap():
    curve = curve_of([3.0, 2.0])
    curve.add(5, np.array([1.0]))
    assert curve.extremes(1, 5, CLOSE)[0].tolist() == [1, 2, 5]


def test_a_curve_that_is_cut_and_continued_forgets_the_old_steps():
    curve = curve_of([5.0, 4.0, 3.0] * 10)
    curve.averaged(10, 1, 30, FAR)
    curve.cut(1)
    curve.add(2, np.full(29, 1.0))
    again = curve_of([5.0] + [1.0] * 29)
    for closest in (CLOSE, FAR):
        np.testing.assert_array_equal(curve.averaged(10, 1, 30, closest), again.averaged(10, 1, 30, closest))
        np.testing.assert_array_equal(curve.extremes(1, 30, closest), again.extremes(1, 30, closest))


def test_a_long_curve_keeps_every_peak():
    losses = np.ones(400_001, np.float32)
    losses[123_456], losses[77], losses[-1] = 9.0, 0.1, 5.0
    curve = LossCurve()
    for first in range(0, len(losses), 70_000):
        curve.add(first + 1, losses[first : first + 70_000])
    x, y = curve.extremes(1, len(losses), FAR)
    assert len(x) < 40_000
    assert (np.diff(x) >= 0).all()
    assert {y.max(), y.min(), y[-1]} == {9.0, np.float32(0.1), 5.0}
    assert abs(x[y.argmax()] - 123_457) <= 16
    assert curve.samples(1, len(losses), FAR)[1].max() == 9.0


# Further back than the losses are kept one by one.


def test_old_steps_are_kept_as_blocks(short_memory):
    losses = np.random.default_rng(0).gamma(2.0, size=1003)
    curve = curve_of(*np.split(losses, [100, 350, 351, 900]))
    assert curve.at(1000) == np.float32(losses[999])
    assert curve.at(500) is None
    width = curve._blocks.width
    assert width == 32
    assert curve.block_mean(500) == pytest.approx(losses[480:512].mean(), rel=1e-6), "the block that it is in"
    assert curve.average_at(500, 10) == pytest.approx(averages(losses, 10)[511], rel=0.5)
    _, y = curve.extremes(1, 1003, CLOSE)
    assert (y.min(), y.max()) == (np.float32(losses.min()), np.float32(losses.max()))
    np.testing.assert_array_equal(y[::2][:31], losses[:992].astype(np.float32).reshape(31, 32).min(axis=1))
    np.testing.assert_array_equal(curve.samples(1, 1003, CLOSE)[1][::2][:31], losses[:992:32].astype(np.float32))


def test_reread_steps_are_exact_and_nothing_else_is_missing(short_memory):
    losses = np.random.default_rng(0).gamma(2.0, size=1003).astype(np.float32)
    curve = curve_of(losses)
    assert curve.missing_steps(1, 1003, FAR) is None, "from afar blocks are fine enough"
    assert curve.missing_steps(940, 1003, CLOSE) is None, "these are kept"
    first, last = curve.missing_steps(500, 510, CLOSE)
    assert first <= 481, "from the beginning of a block on"
    assert last >= 510
    curve.add_reread(first, losses[first - 1 : last])
    assert curve.missing_steps(500, 510, CLOSE) is None
    assert curve.at(505) == losses[504]
    x, y = curve.samples(500, 510, CLOSE)
    assert x.tolist() == list(range(500, 511))
    assert y.tolist() == losses[499:510].tolist()
    wanted = averages(losses.astype(np.float64), 10)
    np.testing.assert_allclose(curve.averaged(10, 500, 510, CLOSE)[1], wanted[499:510], rtol=1e-4)


def test_a_range_too_long_for_single_steps_is_not_read_again():
    curve = LossCurve()
    for _ in range(20):
        curve.add(len(curve) + 1, np.ones(100_000))
    assert curve.missing_steps(1, 1_000_000, CLOSE) is None
    assert curve.missing_steps(1, 200_000, CLOSE) is not None


@pytest.mark.parametrize("back", [3, 40, 300, 999])
def test_a_long_curve_continues_after_a_cut_at_any_step(short_memory, back):
    """Losses that are read again after a cut count; earlier ones are kept as exactly as their blocks allow."""
    losses = np.random.default_rng(0).gamma(2.0, size=1003).astype(np.float32)
    curve = curve_of(losses)
    curve.add_reread(481, losses[480:600])
    curve.cut(1003 - back)
    assert len(curve) == 1003 - back
    curve.add(len(curve) + 1, losses[len(curve) :])
    whole = curve_of(losses)
    for step in (1, 500, 1003 - back, 1004 - back, 1003):
        assert curve.at(step) in (None, losses[step - 1])
    assert curve.at(1003) == losses[-1]
    np.testing.assert_allclose(curve.extremes(1, 1003, FAR)[1].max(), losses.max())
    _, y = curve.averaged(200, 900, 1003, FAR)
    np.testing.assert_allclose(y[-1], whole.averaged(200, 900, 1003, FAR)[1][-1], rtol=0.1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 400)), min_size=1, max_size=12), st.integers(0, 2**32 - 1)
)
def test_after_any_additions_and_cuts_the_curve_agrees_with_a_list(cases, seed):
    rng, written, curve = np.random.default_rng(seed), np.empty(0, np.float32), LossCurve()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("RECENT", 64), ("MAX_BLOCKS", 32), ("FIRST_WIDTH", 2)):
            patch.setattr(curves, name, value)
        curve._blocks.width = 2
        for back, more in cases:
            kept = max(len(written) - back, 0)
            new = rng.gamma(2.0, size=more).astype(np.float32)
            written = np.concatenate([written[:kept], new])
            curve.cut(kept)
            curve.add(kept + 1, new)
            assert len(curve) == len(written)
            single = [(step, curve.at(step)) for step in range(1, len(written) + 1)]
            assert all(loss is None or loss == written[step - 1] for step, loss in single)
            if len(written):
                assert curve.last() == written[-1] or not more
                for points in (curve.extremes(1, len(written), FAR), curve.averaged(10, 1, len(written), FAR)):
                    assert (np.diff(points[0]) >= 0).all()
                    assert (points[0][-1:] <= len(written)).all()
                    assert np.isin(points[1], written).all() or points[1].max(initial=0) <= written.max() * 1.000001


def test_a_curve_of_any_length_stays_small_and_quick():
    rng = np.random.default_rng(0)
    tracemalloc.start()
    curve = LossCurve()
    for _ in range(50):
        curve.add(len(curve) + 1, rng.random(100_000))
        curve.averaged(100, 1, len(curve), FAR)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used < 3e6
    began = time.perf_counter()
    for _ in range(20):  # as two looks a second find it: a few new steps each
        curve.add(len(curve) + 1, rng.random(50))
        assert len(curve.averaged(100, 1, len(curve), FAR)[0]) < 20_000
        assert len(curve.samples(1, len(curve), FAR)[0]) < 40_000
    assert (time.perf_counter() - began) / 20 < 0.02
