"""A view contains its bounds, circles are round, and the three grids agree."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.viewport import Viewport

coordinate = st.floats(-1e6, 1e6)
size = st.tuples(st.integers(1, 300), st.integers(1, 120))


@st.composite
def viewports(draw):
    x, y = draw(coordinate), draw(coordinate)
    wide, high = draw(st.floats(1e-2, 1e6)), draw(st.floats(1e-2, 1e6))
    return Viewport.fit((x, x + wide, y, y + high), *draw(size))


def test_a_square_on_a_wide_plot_is_widened_on_both_sides_alike():
    assert Viewport.fit((-1, 1, -1, 1), 80, 20) == Viewport(-2, 2, -1, 1, 80, 20)


def test_a_square_on_a_high_plot_is_heightened():
    assert Viewport.fit((0, 2, 0, 2), 20, 20) == Viewport(0, 2, -1, 3, 20, 20)


def test_a_square_on_twice_as_many_columns_as_rows_fills_it():
    assert Viewport.fit((-3, 3, -3, 3), 70, 35).bounds == (-3, 3, -3, 3)


def test_another_cell_aspect_can_be_asked_for():
    assert Viewport.fit((-1, 1, -1, 1), 20, 20, cell_aspect=1.0).bounds == (-1, 1, -1, 1)


@given(x=coordinate, y=coordinate, wide=st.floats(0, 1e6), high=st.floats(0, 1e6), cells=size)
def test_fit_keeps_the_bounds_in_sight_and_the_aspect(x, y, wide, high, cells):
    v = Viewport.fit((x, x + wide, y, y + high), *cells)
    assert v.x_min <= x <= x + wide <= v.x_max
    assert v.y_min <= y <= y + high <= v.y_max
    rounding = 16 * max(map(math.ulp, v.bounds))
    across, down = (v.x_max - v.x_min) / v.width, (v.y_max - v.y_min) / (2 * v.height)
    assert across == pytest.approx(down, rel=1e-9, abs=rounding)
    assert v.x_max > v.x_min
    assert v.y_max > v.y_min


@pytest.mark.parametrize("bounds", [(0, math.inf, 0, 1), (0, 1, math.nan, 1), (-1e308, 1e308, 0, 1)])
def test_bounds_without_a_size_are_refused(bounds):
    with pytest.raises(ValueError, match="finite"):
        Viewport.fit(bounds, 10, 10)


def test_a_plot_without_cells_is_refused():
    with pytest.raises(ValueError, match="at least one cell"):
        Viewport.fit((0, 1, 0, 1), 0, 10)


def test_zooming_in_halves_what_is_seen_around_the_middle():
    assert Viewport(-2, 2, 0, 4, 40, 20).zoomed(2).bounds == (-1, 1, 1, 3)


def test_zooming_keeps_the_given_point_at_its_place():
    v = Viewport(-2, 2, 0, 4, 40, 20)
    assert v.zoomed(4, center=(-2, 4)).bounds == (-2, -1, 3, 4)
    assert v.zoomed(0.5, center=(0, 2)).bounds == (-4, 4, -2, 6)


@given(viewports(), st.floats(0.2, 5), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_zoomed_point_stays_on_its_dot(v, factor, across, up):
    point = v.x_min + across * (v.x_max - v.x_min), v.y_min + up * (v.y_max - v.y_min)
    assert v.zoomed(factor, point).to_dots(point) == pytest.approx(v.to_dots(point), abs=1e-2)


def test_zoom_stops_before_neighbouring_dots_become_the_same_number():
    v = Viewport.fit((0.5, 1.5, 0.5, 1.5), 80, 40)
    for _ in range(200):
        v = v.zoomed(2)
    assert len(np.unique(v.pixel_centers()[0])) == 160
    assert v.zoomed(2) == v


def test_zoom_stops_before_numbers_end():
    v = Viewport(-1, 1, -1, 1, 80, 40)
    for _ in range(2000):
        v = v.zoomed(0.5)
    assert all(map(math.isfinite, v.bounds))
    assert v.zoomed(0.5) == v


def test_panning_moves_right_and_up_by_shares_of_the_view():
    assert Viewport(0, 4, 0, 2, 40, 10).panned(0.25, -0.5).bounds == (1, 5, -1, 1)


def test_pixels_are_two_by_two_a_cell_from_the_top_left():
    x, y = Viewport(0, 4, 0, 4, 4, 2).pixel_centers()
    assert x.tolist() == [0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75]
    assert y.tolist() == [3.5, 2.5, 1.5, 0.5]


def test_dots_are_two_by_four_a_cell_from_the_top_left():
    v = Viewport(0, 4, 0, 4, 4, 2)
    points = [[(0, 4), (4, 0)], [(1, 3), (2, 2)]]
    assert v.to_dots(points).tolist() == [[[0, 0], [8, 8]], [[2, 2], [4, 4]]]


def test_dots_of_points_without_a_place_are_not_finite_and_nothing_is_raised():
    dots = Viewport(0, 1, 0, 1, 80, 40).to_dots([(math.nan, 0.5), (math.inf, 0.5), (1e308, 0.5)])
    assert math.isnan(dots[0, 0])
    assert math.isinf(dots[1, 0])
    assert math.isinf(dots[2, 0])
    assert (dots[:, 1] == 80).all()


def test_corners_belong_to_the_corner_cells_and_beyond_them_is_nowhere():
    v = Viewport(0, 4, 0, 4, 4, 2)
    assert v.to_cell((0, 4)) == (0, 0)
    assert v.to_cell((4, 0)) == (1, 3)
    assert v.to_cell((4.01, 0)) is None
    assert v.to_cell((2, math.nan)) is None
    assert v.to_cell((-math.inf, 2)) is None


@given(viewports(), st.data())
def test_the_middle_of_a_cell_is_in_that_cell(v, data):
    cell = data.draw(st.integers(0, v.height - 1)), data.draw(st.integers(0, v.width - 1))
    assert v.to_cell(v.from_cell(*cell)) == cell


@given(viewports(), st.data())
def test_a_dot_lies_in_the_cell_of_its_point(v, data):
    row, column = data.draw(st.integers(0, v.height - 1)), data.draw(st.integers(0, v.width - 1))
    dot = v.to_dots(v.from_cell(row, column))
    assert dot == pytest.approx((2 * column + 1, 4 * row + 2), abs=1e-3)
