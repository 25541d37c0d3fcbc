"""A path's dots are connected, in the order of the steps, and clipped to the plot, for any positions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adam_tui.draw.braille import glyphs
from adam_tui.draw.path import rasterize_path
from adam_tui.draw.viewport import Viewport

# One unit is one dot: 4 × 2 cells, y upwards.
VIEW = Viewport(0, 8, 0, 8, 4, 2)


def picture(path, step, since=0):
    rows, columns, bits = path.upto(step, since)
    grid = np.zeros((path.height, path.width), np.uint8)
    grid[rows, columns] = bits
    return ["".join(map(chr, line)) for line in glyphs(grid)]


def test_short_steps_make_a_plain_line():
    path = rasterize_path(np.array([(0.5, 7.5), (3.5, 4.5), (7.5, 4.5)]), VIEW)
    assert picture(path, 2) == ["⠑⢄⣀⣀", "⠀⠀⠀⠀"]


def test_a_step_lights_its_own_dots_only():
    path = rasterize_path(np.array([(0.5, 7.5), (3.5, 4.5), (7.5, 4.5)]), VIEW)
    assert picture(path, 0) == ["⠁⠀⠀⠀", "⠀⠀⠀⠀"]
    assert picture(path, 1) == ["⠑⢄⠀⠀", "⠀⠀⠀⠀"]
    assert picture(path, 2, since=2) == ["⠀⠀⣀⣀", "⠀⠀⠀⠀"]
    assert picture(path, 99) == picture(path, 2)
    assert picture(path, -1) == ["⠀⠀⠀⠀", "⠀⠀⠀⠀"]


def test_a_long_step_is_marked_where_it_lands():
    path = rasterize_path(np.array([(0.5, 6.5), (6.2, 6.2)]), VIEW)
    assert picture(path, 1) == ["⠒⠒⠲⠆", "⠀⠀⠀⠀"]


def test_marks_are_only_on_long_steps():
    steps = np.array([(x + 0.5, 4.5) for x in range(8)])
    assert picture(rasterize_path(steps, VIEW), 7) == ["⣀⣀⣀⣀", "⠀⠀⠀⠀"]


def test_a_path_that_stands_still_is_a_dot():
    path = rasterize_path(np.full((1000, 2), 4.5), VIEW)
    assert len(path.step) == 1
    assert path.step[0] == 0


def test_a_dot_that_is_passed_again_belongs_to_the_first_step():
    there_and_back = rasterize_path(np.array([(0.5, 4.5), (4.5, 4.5), (0.5, 4.5)]), VIEW)
    assert there_and_back.step.tolist() == [0, 1, 1, 1, 1]


def test_a_path_out_of_the_plot_is_drawn_to_its_edge_and_comes_back():
    path = rasterize_path(np.array([(4.5, 4.5), (1e9, 4.5), (4.5, 2.5)]), VIEW)
    assert picture(path, 1) == ["⠀⠀⣀⣀", "⠀⠀⠀⠀"]
    assert picture(path, 2)[1] != "⠀⠀⠀⠀"


def test_a_path_ends_before_the_first_position_that_is_not_finite():
    path = rasterize_path(np.array([(0.5, 4.5), (2.5, 4.5), (math.nan, 1), (7.5, 0.5)]), VIEW)
    assert path.end == 1
    assert picture(path, 3) == ["⣀⡀⠀⠀", "⠀⠀⠀⠀"]
    assert rasterize_path(np.array([(math.inf, 0.0)]), VIEW).end == -1
    assert rasterize_path(np.empty((0, 2)), VIEW).end == -1


def test_a_last_step_of_any_size_points_where_it_goes():
    path = rasterize_path(np.array([(0.5, 0.5), (1.7e308, 1.7e308)]), VIEW)
    assert picture(path, 1) == ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]


positions = arrays(
    np.float64,
    st.tuples(st.integers(0, 30), st.just(2)),
    elements=st.floats(-20, 20) | st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
)


@given(positions, st.integers(1, 60), st.integers(1, 30), st.integers(-1, 40))
def test_any_path_can_be_drawn_and_its_steps_add_up(path, width, height, step):
    drawn = rasterize_path(path, Viewport.fit((-10, 10, -10, 10), width, height))
    assert (np.diff(drawn.step) >= 0).all()
    assert ((drawn.cell >= 0) & (drawn.cell < width * height)).all()
    before, after = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for picture, (rows, columns, bits) in ((before, drawn.upto(step)), (after, drawn.upto(99, since=step + 1))):
        picture[rows, columns] = bits
    whole = np.zeros((height, width), np.uint8)
    rows, columns, bits = drawn.upto(99)
    whole[rows, columns] = bits
    assert (before & after == 0).all()
    assert (before | after == whole).all()


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-9.9, 9.9)))
def test_a_path_within_the_plot_is_connected(path):
    view = Viewport(-10, 10, -10, 10, 40, 20)
    drawn = rasterize_path(path, view)
    lit = {(cell // 40 * 4 + i, cell % 40 * 2 + j) for cell, i, j in _dots(drawn)}
    reached, edge = set(), [next(iter(lit))]
    while edge:
        row, column = edge.pop()
        if (row, column) in lit and (row, column) not in reached:
            reached.add((row, column))
            edge += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert reached == lit
    for column, row in view.to_dots(path).astype(int):
        assert (row, column) in lit


def _dots(drawn):
    places = {1: (0, 0), 2: (1, 0), 4: (2, 0), 8: (0, 1), 16: (1, 1), 32: (2, 1), 64: (3, 0), 128: (3, 1)}
    return [(int(cell), *places[int(bit)]) for cell, bit in zip(drawn.cell, drawn.bit, strict=True)]


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_a_lane_of_a_trajectory_is_drawn_like_its_copy(layout):
    lanes = layout(np.random.default_rng(0).uniform(0, 8, (20, 3, 2)))
    assert picture(rasterize_path(lanes[:, 1], VIEW), 19) == picture(rasterize_path(lanes[:, 1].copy(), VIEW), 19)
