"""Ticks are round, labels are exact and never touch."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.cells import Cells
from adam_tui.draw.contour_plot import backdrop
from adam_tui.draw.palette import DARK, band_colors
from adam_tui.draw.plot_axes import (
    GAP,
    draw_axes,
    label_start,
    level_labels,
    margin,
    tick_labels,
    tick_values,
    x_ticks,
    y_ticks,
)
from adam_tui.draw.viewport import Viewport


def labels(low, high, step):
    return tick_labels(tick_values(low, high, Decimal(step)))


def test_the_bowl_has_whole_numbers_under_it():
    ticks = x_ticks(Viewport.fit((-3, 3, -3, 3), 70, 35))
    assert [t.label for t in ticks] == ["−2", "−1", "0", "1", "2", "3"]  # −3's minus would hang out of the picture
    assert [t.cell for t in ticks] == [11, 23, 35, 46, 58, 69]
    assert [t.value for t in ticks] == [-2, -1, 0, 1, 2, 3]


def test_a_margin_left_of_the_plot_has_room_for_the_first_label():
    assert x_ticks(Viewport.fit((-3, 3, -3, 3), 70, 35), left=6)[0].label == "−3"


def test_y_ticks_are_in_the_rows_of_their_values():
    ticks = y_ticks(Viewport.fit((-3, 3, -3, 3), 70, 35))
    assert [(t.label, t.cell) for t in ticks] == [
        ("−3", 34), ("−2", 29), ("−1", 23), ("0", 17), ("1", 11), ("2", 5), ("3", 0),
    ]  # fmt: skip


def test_labels_have_no_float_noise_and_equal_decimals():
    assert labels(-0.3, 0.3, "0.1") == ["−0.3", "−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"]
    assert labels(1.00001, 1.00003, "1e-5") == ["1.00001", "1.00002", "1.00003"]
    assert labels(999, 1002, "1") == ["999", "1000", "1001", "1002"]


def test_large_and_small_numbers_are_shortened():
    assert labels(0, 2e6, "5e5") == ["0", "5e5", "1e6", "1.5e6", "2e6"]
    assert labels(-2e-5, 2e-5, "1e-5") == ["−2e−5", "−1e−5", "0", "1e−5", "2e−5"]
    assert labels(0, 200, "50") == ["0", "50", "100", "150", "200"]
    assert labels(0, 0.02, "0.01") == ["0.00", "0.01", "0.02"]


def test_a_bound_with_the_rounding_of_a_zoom_still_has_its_tick():
    assert labels(-2.9999999999999996, 2.9999999999999996, "3") == ["−3", "0", "3"]


spans = st.builds(
    lambda x, y, wide, high, w, h: Viewport.fit((x, x + wide, y, y + high), w, h),
    st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(1e-3, 1e7), st.floats(1e-3, 1e7),
    st.integers(10, 200), st.integers(5, 80),
)  # fmt: skip


@given(spans, st.integers(0, 12))
def test_x_labels_never_touch_and_stay_within_the_picture(view, left):
    ticks = x_ticks(view, left)
    starts = [label_start(t) for t in ticks]
    ends = [start + len(t.label) for start, t in zip(starts, ticks, strict=True)]
    assert all(end + GAP <= start for end, start in zip(ends, starts[1:], strict=False))
    assert all(start >= -left for start in starts)
    assert all(end <= view.width for end in ends)


@given(spans)
def test_ticks_read_as_their_values_and_stand_in_their_cells(view):
    for ticks, axis in ((x_ticks(view, 20), 0), (y_ticks(view), 1)):
        assert len({t.label for t in ticks}) == len(ticks)
        assert len({t.cell for t in ticks}) == len(ticks)
        for tick in ticks:
            assert float(tick.label.replace("−", "-")) == tick.value
            point = [*view.center]
            point[axis] = min(max(tick.value, view.bounds[2 * axis]), view.bounds[2 * axis + 1])
            cell = view.to_cell(point)
            assert cell is not None
            assert cell[1 - axis] == pytest.approx(tick.cell, abs=1)


@given(spans.filter(lambda view: view.height >= 8))
def test_an_axis_has_ticks_but_not_too_many(view):
    assert 2 <= len(y_ticks(view)) <= max(6, view.height / 4 + 1)


def test_the_margin_grows_with_the_labels_and_not_below_its_least():
    assert margin(y_ticks(Viewport.fit((-3, 3, -3, 3), 70, 35))) == 6
    assert margin(y_ticks(Viewport.fit((0, 1, 1.0001, 1.0002), 10, 30))) == 6
    assert margin(y_ticks(Viewport(0, 1, 1.0001, 1.0002, 10, 30))) > 8


def test_both_axes_on_literal_cells():
    view = Viewport(-2, 2, -1, 1, 20, 6)
    cells = Cells.blank(26, 7, DARK.faint, DARK.background)
    draw_axes(cells, view, (0, 6), DARK)
    assert cells.lines() == [
        "  1.0╶                    ",
        "  0.5╶                    ",
        "                          ",
        "  0.0╶                    ",
        " −0.5╶                    ",
        " −1.0╶                    ",
        "     −2   −1    0    1   2",
    ]


def test_a_label_without_room_is_left_out_whole():
    view = Viewport(0, 1, 123456.5, 123457.5, 20, 8)
    cells = Cells.blank(23, 9, DARK.faint, DARK.background)
    draw_axes(cells, view, (0, 3), DARK)
    assert all(line[:3] == "   " for line in cells.lines()[:8])


def test_a_large_plot_has_a_scale_with_the_colour_of_every_band_and_the_losses_between_them():
    back = backdrop(lambda p: (p**2).sum(axis=-1), (-3, 3, -3, 3), 70, 30, DARK)
    scale = back.cells.lines()[-1]
    left = back.plot_offset[1]
    assert scale[:left].strip() == "loss"
    assert scale[left:].split() == level_labels(back.levels)
    bands = [tuple(color) for color in band_colors(DARK, len(back.levels) + 1).tolist()]
    assert list(dict.fromkeys(map(tuple, back.cells.bg[-1, left:].tolist()))) == bands
    number = scale.index(level_labels(back.levels)[3])
    assert tuple(back.cells.bg[-1, number].tolist()) == bands[4]
    assert tuple(back.cells.bg[-1, number - 1].tolist()) == bands[3]


def test_a_small_plot_has_no_scale_and_a_flat_surface_no_number():
    assert "loss" not in backdrop(lambda p: p[..., 0], (-3, 3, -3, 3), 70, 25, DARK).cells.lines()[-1]
    assert not backdrop(lambda p: 0 * p[..., 0], (-3, 3, -3, 3), 70, 30, DARK).cells.lines()[-1].strip()


def test_the_numbers_of_a_scale_have_the_digits_that_tell_them_apart():
    assert level_labels(np.array([-2.5, 0.412, 17.31, 1234.0, 1.23e6])) == ["−2.5", "0.41", "17", "1200", "1.2e6"]
    assert level_labels(np.array([5.001, 5.002])) == ["5.001", "5.002"]
