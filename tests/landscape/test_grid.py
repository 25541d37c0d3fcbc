"""The points of a landscape, from coarse to fine, and the picture that a part of them gives."""

import numpy as np
import pytest

from adam_tui.landscape.grid import Grid, bounds_around, interpolated


@pytest.mark.parametrize("size", [(2, 2), (9, 9), (33, 25), (41, 24), (3, 50)])
def test_every_point_comes_once_at_most_nine_first_and_then_at_most_81(size):
    grid = Grid((0, 1, 0, 1), *size)
    assert sorted(grid.order()) == list(range(size[0] * size[1]))
    coarse = grid.coarse.tolist()
    assert len(coarse) <= 81
    assert sorted(grid.order()[: len(coarse)]) == coarse
    begin = grid.level(grid.strides[0]).ravel().tolist()
    assert len(begin) <= 9
    assert grid.order()[: len(begin)] == begin
    assert {0, size[0] - 1, size[0] * size[1] - 1} <= set(begin)
    assert {0, size[0] - 1, size[0] * size[1] - 1} <= set(coarse)


def test_a_point_counts_along_the_rows_from_the_lowest_b_on():
    grid = Grid((-1, 1, 10, 20), 3, 2)
    assert [grid.point(n) for n in range(6)] == [(-1, 10), (0, 10), (1, 10), (-1, 20), (0, 20), (1, 20)]


def test_the_first_points_of_a_plane_already_give_the_whole_picture():
    grid = Grid((-2, 2, -1, 3), 33, 25)
    a, b = grid.axes
    truth = (3 * a - 2 * b[:, None] + 1).ravel()  # linear, as the interpolation is
    values = np.full(len(grid), np.nan)
    begin = grid.order()[:9]
    values[begin] = truth[begin]
    assert grid.filled(values).ravel() == pytest.approx(truth)
    values[begin[-1]] = np.nan
    assert np.isnan(grid.filled(values)[-1, -1])
    assert np.isfinite(grid.filled(values)[:12]).all()


def test_a_computed_point_is_never_replaced_by_an_estimate():
    grid = Grid((0, 1, 0, 1), 20, 20)
    values = np.arange(400.0) ** 2
    assert np.array_equal(grid.filled(values).ravel(), values)


def test_interpolation_ends_at_the_edges():
    values = np.array([[0.0, 1.0], [2.0, 3.0]])
    places = np.array([0.0, 1.0])
    made = interpolated(places, places, values, np.array([-0.1, 0.5, 1.0]), np.array([0.0, 0.5]))
    assert np.array_equal(made, [[np.nan, np.nan], [1.0, 1.5], [2.0, 2.5]], equal_nan=True)


def test_the_area_holds_the_path_with_a_margin_and_has_the_wanted_shape():
    a_min, a_max, b_min, b_max = bounds_around(np.array([[0, 0], [10, 2]]), 2.0)
    assert (a_max - a_min) / (b_max - b_min) == pytest.approx(2)
    assert a_min < 0
    assert a_max > 10
    assert (b_min + b_max) / 2 == pytest.approx(1)
    assert bounds_around(np.zeros((1, 2)), 1.0) == (-0.5, 0.5, -0.5, 0.5)


VIEWS = [(-2.0, 2.0, -1.0, 3.0), (-0.3, 0.9, 0.1, 0.9), (0.123, 0.131, 0.5, 0.506), (-30.0, 40.0, -20.0, 25.0)]


@pytest.mark.parametrize("view", VIEWS)
def test_a_zoomed_grid_covers_its_view_and_has_its_points_in_common_with_the_first(view):
    first = Grid((-2, 2, -1, 3), 33, 25)
    zoomed = first.covering(view)
    a_min, a_max, b_min, b_max = zoomed.bounds
    assert a_min <= view[0] < view[1] <= a_max
    assert b_min <= view[2] < view[3] <= b_max
    assert 16 <= (view[3] - view[2]) / zoomed.spacing[1] <= 32
    factor = first.spacing[0] / zoomed.spacing[0]
    assert np.log2(factor) == pytest.approx(round(np.log2(factor)))
    own = np.array([zoomed.point(n) for n in range(len(zoomed))])
    shared = first.index_of(own)
    inside = ((own >= (-2 - 1e-9, -1 - 1e-9)) & (own <= (2 + 1e-9, 3 + 1e-9))).all(1)
    # Of a closer grid every so manyth point in each direction is one of the first; of a wider one all are.
    if factor <= 1:
        assert (shared[inside] >= 0).all()
    else:
        steps = (own - (-2, -1)) / first.spacing
        assert ((shared >= 0) == (np.isclose(steps, np.rint(steps)).all(1) & inside)).all()


def test_a_zoom_shows_all_at_once_what_the_grid_before_has_computed():
    first = Grid((-2, 2, -1, 3), 33, 25)
    view = (-0.5, 0.6, 0.2, 1.2)
    zoomed = first.covering(view)
    own = np.array([zoomed.point(n) for n in range(len(zoomed))])
    known = zoomed.index_of(np.array([first.point(n) for n in range(len(first))]))
    values = np.full(len(zoomed), np.nan)
    values[known[known >= 0]] = own[known[known >= 0]] @ (3, -2)
    at = zoomed.sampler(zoomed.filled(values))
    places = np.random.default_rng(0).uniform((-0.5, 0.2), (0.6, 1.2), (50, 2))
    assert at(places) == pytest.approx(places @ (3, -2))


def test_only_points_of_the_view_are_computed_and_their_neighbours():
    grid = Grid((0, 64, 0, 64), 65, 65)
    order = grid.order((20.5, 30.5, 40.2, 44.2))
    columns, rows = np.array(order) % 65, np.array(order) // 65
    inside = (columns >= 20) & (columns <= 31) & (rows >= 40) & (rows <= 45)
    assert inside.sum() == 12 * 6
    assert (columns[~inside] % 2 == 0).all()
    assert order[0] == 32 * 65, "the coarsest points lie around the view"
    assert len(order) == len(set(order)) < 200
