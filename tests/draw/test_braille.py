"""Dots become the right characters, and lines the right dots, wherever their ends are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adam_tui.draw.braille import clip, glyphs, lines, pack, quadrant_weights, unpack


def picture(segments, columns, rows):
    """The characters of some segments ((column, row), (column, row))."""
    mask = np.zeros((rows, columns), np.bool_)
    _, row, column = lines(
        np.array([a for a, _ in segments], float), np.array([b for _, b in segments], float), columns, rows
    )
    mask[row, column] = True
    return ["".join(map(chr, line)) for line in glyphs(pack(mask))]


@pytest.mark.parametrize(
    ("row", "column", "character"),
    [(0, 0, "⠁"), (1, 0, "⠂"), (2, 0, "⠄"), (3, 0, "⡀"), (0, 1, "⠈"), (1, 1, "⠐"), (2, 1, "⠠"), (3, 1, "⢀")],
)
def test_every_dot_has_its_place_in_the_cell(row, column, character):
    mask = np.zeros((4, 2), np.bool_)
    mask[row, column] = True
    assert chr(glyphs(pack(mask))[0, 0]) == character


def test_a_full_cell_and_an_empty_one():
    assert "".join(map(chr, glyphs(pack(np.array([[1, 1, 0, 0]] * 4, bool)))[0])) == "⣿⠀"


@given(arrays(np.bool_, st.tuples(st.integers(1, 5).map(lambda n: 4 * n), st.integers(1, 5).map(lambda n: 2 * n))))
def test_unpack_undoes_pack(mask):
    assert (unpack(pack(mask)) == mask).all()


def test_a_falling_diagonal():
    assert picture([((0.5, 0.5), (7.5, 7.5))], 8, 8) == ["⠑⢄⠀⠀", "⠀⠀⠑⢄"]


def test_a_rising_diagonal():
    assert picture([((0.5, 7.5), (7.5, 0.5))], 8, 8) == ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]


def test_a_flat_line_an_upright_line_and_a_slanted_one():
    assert picture([((0, 3), (7, 3))], 8, 4) == ["⣀⣀⣀⣀"]
    assert picture([((3, 0), (3, 7))], 4, 8) == ["⠀⢸", "⠀⢸"]
    assert picture([((0, 0), (7, 3))], 8, 4) == ["⠉⠒⠤⣀"]


def test_a_segment_without_length_is_one_dot():
    assert picture([((2.2, 1.9), (2.2, 1.9))], 4, 4) == ["⠀⠂"]


def test_a_line_that_leaves_the_plot_is_drawn_to_its_edge():
    assert picture([((4.5, 2), (1e9, 2))], 8, 4) == ["⠀⠀⠤⠤"]
    assert picture([((-1e300, 1), (1e300, 1))], 4, 4) == ["⠀⠀"]  # where it crosses is lost in rounding
    assert picture([((-1e9, 1), (1e9, 1))], 4, 4) == ["⠒⠒"]


def test_a_line_past_a_corner_is_not_drawn():
    assert picture([((-5, 3), (3, -8))], 8, 8) == ["⠀⠀⠀⠀", "⠀⠀⠀⠀"]


def test_a_far_end_does_not_bend_the_line():
    _, row, column = lines(np.array([[2.5, 2.5]]), np.array([[1e100, 1e100]]), 40, 40)
    assert column.tolist() == row.tolist() == list(range(2, 40))


def test_the_order_of_the_ends_is_kept():
    segment, _, column = lines(np.array([[6.5, 0.5], [0.5, 0.5]]), np.array([[3.5, 0.5], [2.5, 0.5]]), 8, 4)
    assert segment.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert column.tolist() == [6, 5, 4, 3, 0, 1, 2]


def test_segments_with_an_end_that_is_no_number_are_left_out():
    ends = np.array([[math.nan, 1.0], [math.inf, 1.0], [1.0, -math.inf]])
    segment, _, _ = lines(np.full((3, 2), 2.0), ends, 8, 8)
    assert len(segment) == 0


anywhere = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-50, 150)


@given(arrays(np.float64, st.tuples(st.integers(0, 12), st.just(2), st.just(2)), elements=anywhere))
def test_every_dot_is_on_the_plot_whatever_the_ends(segments):
    _, row, column = lines(segments[:, 0], segments[:, 1], 60, 40)
    assert ((row >= 0) & (row < 40) & (column >= 0) & (column < 60)).all()


@given(arrays(np.float64, (2, 2), elements=st.integers(-1600, 2400).map(lambda n: n / 8)))
def test_clipping_agrees_with_trying_every_point_of_the_segment(ends):
    first, last, kept = clip(ends[:1], ends[1:], 60, 40)
    t = np.linspace(0, 1, 4001)[:, None]
    along = ends[0] + t * (ends[1] - ends[0])
    inside = ((along >= 0) & (along <= (60, 40))).all(axis=1)
    if inside.sum() > 2:  # one point alone may be a corner touched in rounding only
        step = np.abs(ends[1] - ends[0]).max() / 4000
        assert kept[0]
        assert first[0] == pytest.approx(along[inside][0], abs=step + 1e-9)
        assert last[0] == pytest.approx(along[inside][-1], abs=step + 1e-9)


@given(arrays(np.float64, (2, 2), elements=st.floats(0, 39.9)))
def test_a_line_has_no_gaps_and_stays_within_half_a_dot_of_itself(ends):
    _, row, column = lines(ends[:1], ends[1:], 40, 40)
    assert np.abs(np.diff(row)).max(initial=0) <= 1
    assert np.abs(np.diff(column)).max(initial=0) <= 1
    assert (column[0], row[0]) == tuple(ends[0].astype(int))
    assert (column[-1], row[-1]) == tuple(ends[1].astype(int))
    a, b = ends.astype(int)
    longer = int(np.argmax(np.abs(b - a)))
    dots = np.stack([column, row], axis=1)
    if a[longer] != b[longer]:
        t = (dots[:, longer] - a[longer]) / (b[longer] - a[longer])
        exact = a[1 - longer] + t * (b[1 - longer] - a[1 - longer])
        assert np.abs(dots[:, 1 - longer] - exact).max() <= 0.5 + 1e-9


def test_the_quadrants_with_the_most_dots_share_the_weight():
    weights = quadrant_weights(np.array([0x01, 0x80, 0x47, 0x49, 0xFF], np.uint8)).tolist()
    assert weights == [[1, 0, 0, 0], [0, 0, 0, 1], [0.5, 0, 0.5, 0], [1 / 3, 1 / 3, 1 / 3, 0], [0.25] * 4]
