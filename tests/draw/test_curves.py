"""Every dot is in its place at any size of the picture, and thinning loses no peak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.draw.chart_axis import Axis
from adam_tui.draw.curves import (
    Polyline,
    bridge_dips,
    cell_of,
    finite_samples,
    polyline,
    rasterize,
    rasterize_points,
    scatter_points,
    value_range,
)

# The bit of a braille glyph for the dot at (x, y): Unicode numbers the two lowest last.
BITS = {(0, 0): 0, (0, 1): 1, (0, 2): 2, (1, 0): 3, (1, 1): 4, (1, 2): 5, (0, 3): 6, (1, 3): 7}


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (39, 12), (118, 30), (240, 90)])
def test_a_point_lights_exactly_its_own_dot(columns, rows):
    rng = np.random.default_rng(columns)
    dots = [(0, 0), (2 * columns - 1, 4 * rows - 1)]
    dots += [(int(rng.integers(2 * columns)), int(rng.integers(4 * rows))) for _ in range(8)]
    points = [
        Polyline(np.array([x / (2 * columns - 1)]), np.array([1 - y / (4 * rows - 1)]), np.array([False]))
        for x, y in dots
    ]
    for (x, y), glyphs in zip(dots, rasterize(points, columns, rows), strict=True):
        assert np.argwhere(glyphs != ord(" ")).tolist() == [[y // 4, x // 2]]
        assert glyphs[y // 4, x // 2] == 0x2800 + (1 << BITS[x % 2, y % 4])


def test_lines_do_not_leak_into_each_others_pictures():
    lower = Polyline(np.array([0.0, 1]), np.zeros(2), np.array([False, True]))
    upper = Polyline(np.array([0.0, 1]), np.ones(2), np.array([False, True]))
    empty = Polyline(np.empty(0), np.empty(0), np.empty(0, np.bool_))
    first, second, third = rasterize([lower, empty, upper], 3, 2)
    assert ["".join(map(chr, row)) for row in first] == ["   ", "⣀⣀⣀"]
    assert ["".join(map(chr, row)) for row in second] == ["   ", "   "]
    assert ["".join(map(chr, row)) for row in third] == ["⠉⠉⠉", "   "]


def test_the_cell_of_a_tick_is_the_cell_of_the_curve_there():
    shares = np.linspace(0, 1, 23)
    column, row = cell_of(shares, shares, 17, 11)
    points = [Polyline(shares[i : i + 1], shares[i : i + 1], np.array([False])) for i in range(23)]
    for i, glyphs in enumerate(rasterize(points, 17, 11)):
        assert glyphs[row[i], column[i]] != ord(" ")


def test_a_million_points_become_two_for_each_column_of_dots_at_most():
    y = np.random.default_rng(0).normal(size=1_000_000)
    data = finite_samples(np.arange(1e6), y, None)
    line = polyline(data, Axis(0, 1e6 - 1), Axis(-10, 10), 40)
    assert len(line.x) <= 2 * 2 * 40
    assert line.y.min() == pytest.approx((y.min() + 10) / 20)
    assert line.y.max() == pytest.approx((y.max() + 10) / 20)


def test_a_calm_curve_is_the_first_value_and_then_the_last_of_each_column_of_dots():
    y = np.random.default_rng(0).uniform(-9, 9, size=8000)
    line = polyline(finite_samples(np.arange(8000.0), y, None), Axis(0, 7999), Axis(-10, 10), 10, averaged=True)
    assert len(line.y) == 1 + 20
    assert line.y[[0, -1]].tolist() == pytest.approx(((y[[0, -1]] + 10) / 20).tolist())
    assert line.joined.tolist() == [False, *[True] * 20]


def test_an_envelope_follows_a_monotone_curve_exactly_and_bridges_swings():
    falling = np.linspace(9.0, 1.0, 30)
    assert bridge_dips(falling, 3).tolist() == falling.tolist()
    assert bridge_dips(falling[::-1], 3).tolist() == falling[::-1].tolist()
    swinging = np.array([9.0, 0, 8, 0, 7, 0, 6, 0, 5])
    assert bridge_dips(swinging, 1).tolist() == [9, 8, 8, 7, 7, 6, 6, 5, 5]


def test_a_dip_wider_than_the_reach_stays():
    dip = np.array([5.0, 5, 1, 1, 1, 1, 1, 5, 5])
    assert bridge_dips(dip, 2).tolist() == dip.tolist()
    assert bridge_dips(dip, 3).tolist() == [5.0] * 9


def test_single_points_are_the_first_and_the_greatest_of_each_column_of_dots_and_stay_where_they_are():
    y = np.random.default_rng(0).gamma(2.0, size=8000)
    few, more = (
        scatter_points(
            finite_samples(np.arange(float(size)), y[:size], None), Axis(0, 7999), Axis(0.01, 100, log=True), 10
        )
        for size in (4100, 8000)
    )
    assert len(more.y) == 2 * 20
    assert more.y.max() == pytest.approx(Axis(0.01, 100, log=True).to_share(np.array([y.max()]))[0])
    settled = rasterize_points(few, 10, 8)[:, :4]
    assert (settled == rasterize_points(more, 10, 8)[:, :4]).all(), "no dot moves when more values come"


def test_single_points_below_and_beside_the_axes_are_left_out_and_those_above_stand_on_the_edge():
    points = scatter_points(
        finite_samples(np.arange(6.0), np.array([1.0, 0.0, 5.0, -3.0, 200.0, 2.0]), None),
        Axis(1, 5),
        Axis(0.1, 100, log=True),
        20,
    )
    assert np.unique(points.x).tolist() == [0.25, 0.75, 1.0], "one is left of the axis, two are not positive"
    assert points.y.max() == 1


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (39, 12)])
def test_a_single_point_lights_the_same_dot_as_a_line_of_no_length(columns, rows):
    rng = np.random.default_rng(columns)
    for x, y in rng.random((20, 2)):
        point = Polyline(np.array([x]), np.array([y]), np.array([False]))
        assert (rasterize_points(point, columns, rows) == rasterize([point], columns, rows)[0]).all()


def test_first_and_last_point_stay():
    y = np.random.default_rng(1).normal(size=5000)
    line = polyline(finite_samples(np.arange(5000.0), y, None), Axis(0, 4999), Axis(-10, 10), 4)
    assert (line.x[0], line.x[-1]) == (0, pytest.approx(1, abs=1 / 7))


def test_a_window_keeps_one_neighbour_on_either_side():
    data = finite_samples(np.arange(10.0), np.arange(10.0), (3.5, 5.5))
    assert data.x.tolist() == [3, 4, 5, 6]
    assert value_range(data, (3.5, 5.5), log=False) == (4, 5)


def test_missing_values_break_the_line_and_are_told_once_each_time():
    y = np.array([np.nan, 1, np.inf, np.nan, 2, 3, -np.inf])
    data = finite_samples(np.arange(7.0), y, None)
    assert data.y.tolist() == [1, 2, 3]
    assert data.broken is not None
    assert data.broken.tolist() == [True, True, False]
    assert data.lost.tolist() == [0, 2, 6]


def test_the_positive_range_makes_room_for_what_is_not_positive():
    assert value_range(finite_samples(np.arange(3.0), np.array([4.0, 0, 8]), None), (0, 2), log=True) == (2, 8)
    assert value_range(finite_samples(np.arange(3.0), np.array([4.0, 1, 8]), None), (0, 2), log=True) == (1, 8)
    assert value_range(finite_samples(np.arange(2.0), np.array([-1.0, 0]), None), (0, 1), log=True) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.booleans()), min_size=1, max_size=30))
def test_clipping_keeps_just_the_part_inside(case):
    """Points along each clipped piece lie on the original line, and every visible point of it is on some piece."""
    y = np.array([value for value, _ in case])
    y[[missing for _, missing in case]] = np.nan
    x = np.arange(len(y), dtype=float)
    columns = 400  # two dots and more for each point, so that none are thinned
    data = finite_samples(x, y, None)
    if not len(data.x):
        return
    axis = Axis(0, max(1.0, len(y) - 1.0))
    line = polyline(data, axis, Axis(0, 1), columns)
    assert ((line.x >= 0) & (line.x <= 1) & (line.y >= 0) & (line.y <= 1)).all()
    for i in np.flatnonzero(line.joined):
        for share in (0, 0.3, 1):
            at = (line.x[i - 1] + share * (line.x[i] - line.x[i - 1])) * axis.high
            value = line.y[i - 1] + share * (line.y[i] - line.y[i - 1])
            at = round(at) if abs(at - round(at)) < 1e-7 else at  # beside a gap rounding must not lead into it
            left = min(int(at), len(y) - 2)
            assert value == pytest.approx(np.interp(at, x[left : left + 2], y[left : left + 2]), abs=1e-6)
    middle = (y[:-1] + y[1:]) / 2
    for i in np.flatnonzero((middle > 1e-6) & (middle < 1 - 1e-6)):
        at = (i + 0.5) / axis.high
        assert any(line.x[j - 1] - 1e-9 <= at <= line.x[j] + 1e-9 for j in np.flatnonzero(line.joined))


def test_a_segment_of_next_to_no_length_is_clipped_without_a_warning():
    axis = Axis(0.0, 1.0)
    line = polyline(finite_samples(np.array([-5e-309, 0.0]), np.zeros(2), None), axis, axis, 10)
    assert line.x.tolist()[-1:] == [0.0]
