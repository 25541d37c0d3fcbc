"""A surface's bands: even rings for the bowl, a visible valley, visible holes, and no failure for any values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adam_tui.draw.contour import (
    bands,
    choose_levels,
    fill,
    iso_lines,
    noisiness,
    quadrant_colors,
    sample,
    smooth_edges,
    square_pixels,
)
from adam_tui.draw.palette import DARK, band_colors
from adam_tui.draw.viewport import Viewport

NAN = math.nan


def bowl(p):
    return (p**2).sum(axis=-1)


def rosenbrock(p):
    x, y = p[..., 0], p[..., 1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def test_sampling_asks_for_the_pixels_centres_from_the_top_left():
    values = sample(lambda p: 10 * p[..., 0] + p[..., 1], Viewport(0, 2, 0, 4, 1, 1))
    assert values.tolist() == [[8, 18], [6, 16]]


def test_what_is_not_finite_is_a_missing_value_and_no_warning():
    view = Viewport(-1, 1, -1, 1, 1, 1)
    assert np.isnan(sample(lambda p: np.log(p[..., 0]), view)).tolist() == [[True, False], [True, False]]
    assert np.isnan(sample(lambda p: p[..., 0] / 0.0, view)).all()


def test_a_constant_function_that_returns_a_single_number_is_sampled():
    assert sample(lambda p: np.float64(3), Viewport(0, 1, 0, 1, 1, 1)).tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize(("width", "height"), [(78, 35), (48, 19), (100, 20), (30, 40)])
def test_the_bowls_rings_are_evenly_wide(width, height):
    values = sample(bowl, Viewport.fit((-3, 3, -3, 3), width, height))
    radius = np.sqrt(choose_levels(square_pixels(values), 10))
    widths = np.diff(radius)
    assert len(radius) == 10
    assert widths.max() < 1.15 * widths.min()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.31, -0.17)])
def test_every_ring_of_the_bowl_is_as_wide_as_high_on_the_screen(shift):
    view = Viewport.fit((-3, 3, -3, 3), 80, 36)
    values = sample(lambda p: bowl(p - np.array(shift)), view)
    levels = choose_levels(square_pixels(values), 12)
    band = bands(values, levels)
    whole = 0
    for ring in range(1, len(levels)):
        rows, columns = np.nonzero(band < ring)
        on_the_edge = rows.min() == 0 or rows.max() == 71 or columns.min() == 0 or columns.max() == 159
        if not on_the_edge:  # a pixel is twice as high as it is wide
            whole += 1
            assert abs(np.ptp(rows) + 1 - (np.ptp(columns) + 1) / 2) <= 1
    assert whole >= 6


def test_rosenbrocks_valley_is_a_thin_line_of_the_lowest_bands():
    view = Viewport.fit((-2, 2, -1, 3), 78, 35)
    values = sample(rosenbrock, view)
    band = bands(values, choose_levels(values, 12))
    x, y = view.pixel_centers()
    floor = np.array([band[np.abs(y - at**2).argmin(), np.abs(x - at).argmin()] for at in (-1.2, -0.5, 0.5, 1.0, 1.5)])
    hill = np.array([band[np.abs(y - at**2 - 1).argmin(), np.abs(x - at).argmin()] for at in (-1.2, -0.5, 0.5, 1.0)])
    assert floor.max() <= 4
    assert hill.min() >= floor.max() + 2
    assert 0.001 < (band == 0).mean() < 0.05


def test_all_bands_are_used_by_surfaces_of_very_different_scale():
    x, y = np.meshgrid(np.linspace(-2, 2, 60), np.linspace(-2, 2, 60))
    for values in (
        x**2 - y**2,
        np.exp(6 * x) + np.exp(-6 * y),
        1e-12 * (x + y),
        1e300 * (x**2 + y**2),
        -5 - np.cos(3 * x),
        np.log(x**2 + y**2 + 1e-9),
        1 - np.exp(-(x**2) - y**2),
    ):
        levels = choose_levels(values, 12)
        share = np.bincount(bands(values, levels).ravel(), minlength=13) / values.size
        assert len(levels) == 12
        assert share.max() < 0.4
        assert (share > 0).sum() >= 11


def test_one_wild_value_does_not_hide_the_rest():
    values = sample(bowl, Viewport.fit((-3, 3, -3, 3), 60, 30))
    values[0, 0] = 1e300
    share = np.bincount(bands(values, choose_levels(values, 12)).ravel()) / values.size
    assert share.max() < 0.25


@pytest.mark.parametrize("values", [np.zeros((4, 4)), np.full((4, 4), NAN), np.full((1, 1), 2.0), np.empty((0, 0))])
def test_without_differences_there_are_no_levels(values):
    assert choose_levels(values).tolist() == []


def test_two_values_are_told_apart():
    values = np.array([[1.0, 1.0], [NAN, 2.0]])
    levels = choose_levels(values)
    assert len(levels) >= 1
    assert bands(values, levels)[0, 0] == 0
    assert bands(values, levels)[1, 1] == len(levels)


any_float = st.floats(allow_nan=True, allow_infinity=False)


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=any_float), st.integers(1, 20))
def test_levels_always_increase_and_lie_within_the_values(values, n):
    levels = choose_levels(values, n)
    assert len(levels) <= n
    assert np.isfinite(levels).all()
    assert (np.diff(levels) > 0).all()
    if len(levels):
        assert np.nanmin(values) < levels[0]
        assert levels[-1] <= np.nanmax(values)
    band = bands(values, levels)
    calm = smooth_edges(band)
    assert ((band == -1) == np.isnan(values)).all()
    assert ((calm == -1) == np.isnan(values)).all()
    assert set(calm.flat) <= set(band.flat)


def test_a_value_on_a_level_belongs_to_the_band_above_it():
    values = np.array([[-9.0, 0.9, 1.0, 1.5, 2.0, 99.0, NAN]])
    assert bands(values, np.array([1.0, 2.0])).tolist() == [[0, 0, 1, 1, 2, 2, -1]]


def picture(text):
    return np.array([list(map(int, line)) for line in text.split()])


@pytest.mark.parametrize("turns", range(4))
def test_an_edge_loses_its_bumps_of_one_pixel(turns):
    before, after = picture("00000 00100 11111 11111"), picture("00000 00000 11111 11111")
    assert smooth_edges(np.rot90(before, turns)).tolist() == np.rot90(after, turns).tolist()


@pytest.mark.parametrize(
    "kept",
    [
        "00000 00100 00000",
        "0000 0110 0000",
        "00000 01110 00000",
        "0001 0010 0100",
        "000 111 222",
    ],
)
def test_basins_of_a_pixel_or_two_and_thin_valleys_stay(kept):
    assert smooth_edges(picture(kept)).tolist() == picture(kept).tolist()
    assert smooth_edges(picture(kept).T).tolist() == picture(kept).T.tolist()


def test_what_has_no_value_is_no_bump_nor_filled_from_one():
    hole = np.array([[1, 1, 1], [1, -1, 1], [-1, -1, -1]])
    assert smooth_edges(hole).tolist() == hole.tolist()
    shore = np.array([[-1, -1, -1], [-1, 1, -1], [1, 1, 1]])
    assert smooth_edges(shore).tolist() == shore.tolist()


def test_noisiness_is_the_share_of_neighbours_that_differ():
    assert noisiness(picture("0011 0000")) == 1 / 6
    assert noisiness(picture("0101 1010")) == 1
    assert noisiness(picture("0 1")) == 0


def picture_of(*rows):
    """The bands of some rows of quadrants, as digits; "." is a hole."""
    return np.array([[-1 if character == "." else int(character) for character in row] for row in rows])


def test_a_cell_with_two_bands_is_a_block_in_the_colour_of_its_upper_left_quadrant():
    cells = fill(picture_of("0001011101", "0001010010"), DARK)
    color = band_colors(DARK, 2).tolist()
    assert cells.lines() == [" ▌▌▀▚"]
    assert cells.fg[0].tolist() == [color[0], color[0], color[0], color[1], color[0]]
    assert cells.bg[0].tolist() == [color[0], color[1], color[1], color[0], color[1]]
    assert fill(picture_of("010011", "110101"), DARK).lines() == ["▘▛▜"]
    assert fill(picture_of("1100", "1000"), DARK).lines() == ["▛ "]
    assert fill(picture_of("11", "01"), DARK).lines() == ["▜"]
    assert not cells.bold.any()


def test_a_cell_of_six_pixels_is_a_sextant_in_the_colour_of_its_upper_left_pixel():
    cells = fill(picture_of("0001011011", "0001011011", "1101001011"), DARK, rows=3)
    color = band_colors(DARK, 2).tolist()
    assert cells.lines() == ["🬎▌🬲▌ "]
    assert cells.fg[0, :4].tolist() == [color[0], color[0], color[0], color[1]]
    assert cells.bg[0].tolist() == [color[1], color[1], color[1], color[0], color[1]]
    assert fill(picture_of("0111110100", "1011010101", "1111010100"), DARK, rows=3).lines() == ["🬈 🬨▌🬴"]


def test_of_the_bands_in_a_sextant_the_lower_and_the_higher_share_a_colour_each():
    cells = fill(picture_of("00", "12", "23"), DARK, rows=3)
    color = band_colors(DARK, 4).tolist()
    assert cells.lines() == ["🬆"]
    assert (cells.fg[0, 0].tolist(), cells.bg[0, 0].tolist()) == (color[0], color[2])


def test_holes_in_sextants_show_the_background():
    cells = fill(picture_of("...0", "..00", "...."), DARK, rows=3)
    assert cells.lines() == ["╱🬮"]
    assert tuple(cells.fg[0, 1]) == DARK.background


def test_three_rows_of_pixels_are_sampled_at_their_centres():
    view = Viewport(0, 4, 0, 6, 4, 2)
    assert sample(lambda p: p[..., 1], view, 3)[:, 0].tolist() == [5.5, 4.5, 3.5, 2.5, 1.5, 0.5]


def test_of_more_than_two_bands_the_lower_and_the_higher_share_a_colour_each():
    cells = fill(picture_of("02", "13"), DARK)
    color = band_colors(DARK, 4).tolist()
    assert cells.lines() == ["▌"]
    assert cells.fg[0, 0].tolist() == color[1]  # the mean of 0 and 1, rounded up
    assert cells.bg[0, 0].tolist() == color[3]


def test_holes_show_the_background_hatched_where_the_cell_is_empty():
    cells = fill(picture_of("..0..0", "...0.."), DARK)
    assert cells.lines()[0][0] == "╱"
    assert tuple(cells.bg[0, 0]) == DARK.background
    assert tuple(cells.fg[0, 0]) == DARK.border
    assert cells.lines()[0][1:] == "▚▙"
    assert tuple(cells.bg[0, 1]) == DARK.background
    assert tuple(cells.fg[0, 2]) == DARK.background


def test_colors_are_shared_out_among_all_bands_even_if_the_highest_is_out_of_sight():
    assert fill(picture_of("00", "00"), DARK, count=5).bg[0, 0].tolist() == band_colors(DARK, 2)[0].tolist()
    assert fill(picture_of("44", "44"), DARK, count=5).bg[0, 0].tolist() == band_colors(DARK, 2)[1].tolist()


def test_the_colours_of_the_quadrants_are_those_that_were_painted():
    shown = picture_of("00011011", "01111001")
    colors = quadrant_colors(fill(shown, DARK)).reshape(1, 4, 2, 2, 3).swapaxes(1, 2).reshape(2, 8, 3)
    assert (colors == band_colors(DARK, 2)[shown]).all()


def test_a_straight_iso_line_lies_where_the_level_is():
    view = Viewport(0, 8, 0, 8, 8, 4)
    mask = iso_lines(sample(lambda p: p[..., 0], view), np.array([3.25]), view)
    # drawn from the first pixel's centre to the last's
    assert np.flatnonzero(mask.any(axis=0)).tolist() == [6]
    assert np.flatnonzero(mask.any(axis=1)).tolist() == list(range(1, 16))


def test_the_bowls_iso_line_is_a_circle_of_dots():
    view = Viewport.fit((-3, 3, -3, 3), 40, 20)
    rows, columns = np.nonzero(iso_lines(sample(bowl, view), np.array([4.0]), view))
    points = np.stack([columns + 0.5 - 40, (rows + 0.5 - 40)], axis=1) * (6 / 80)
    assert np.abs(np.hypot(*points.T) - 2).max() < 0.08  # a dot is 0.075
    assert len(rows) > 150


def test_iso_lines_stop_at_missing_values_and_need_levels():
    view = Viewport(0, 8, 0, 8, 8, 4)
    values = sample(lambda p: p[..., 0], view)
    values[:4] = NAN
    mask = iso_lines(values, np.array([3.25]), view)
    assert not mask[:9].any()
    assert mask[9:15].any()
    assert not iso_lines(values, np.empty(0), view).any()
    assert not iso_lines(np.full((8, 8), NAN), np.array([1.0]), view).any()


def test_iso_lines_of_huge_values():
    view = Viewport.fit((-1, 1, -1, 1), 16, 8)
    values = sample(lambda p: 1.7e308 * p[..., 0], view)
    assert iso_lines(values, choose_levels(values, 4), view).any()
