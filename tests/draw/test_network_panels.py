"""Confusions, filters and layers, cell by cell."""

import math

import numpy as np
import pytest

from adam_tui.draw.color import contrast
from adam_tui.draw.network_panels import (
    LayerRow,
    confusion_matrix,
    filter_grid,
    filter_pictures,
    layer_table,
    ratio_label,
)
from adam_tui.draw.palette import DARK, LIGHT


def text(cells):
    return [row.rstrip() for row in cells.lines()]


COUNTS = np.array([[980, 0, 3], [0, 1135, 0], [12, 0, 90]])


def test_the_confusion_matrix_is_counts_and_shares():
    assert text(confusion_matrix(COUNTS, 24, 4, DARK)) == [
        "     0    1    2  recall",
        "0  980    ·    3   99.7%",
        "1    · 1135    ·  100.0%",
        "2   12    ·   90   88.2%",
    ]


def test_where_it_is_narrow_thousands_are_cut_and_shares_are_left_out():
    assert text(confusion_matrix(COUNTS, 14, 4, DARK)) == [
        "    0   1   2",
        "0 980   ·   3",
        "1   ·  1k   ·",
        "2  12   ·  90",
    ]


def test_beside_it_stand_the_worst_confusions_first():
    lines = text(confusion_matrix(COUNTS, 60, 6, DARK))
    assert lines[0].endswith("15 wrong of 2,220")
    assert lines[2].endswith("2 → 0   12 ×")
    assert lines[3].endswith("0 → 2    3 ×")


def test_or_below_it_where_there_is_more_room():
    lines = text(confusion_matrix(COUNTS, 26, 8, DARK))
    assert " ".join(lines[5:]).startswith("15 wrong of 2,220: 2 → 0 12 ×")


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_shades_grow_with_the_count_and_numbers_stay_readable(palette):
    cells = confusion_matrix(COUNTS, 24, 4, palette)
    few, many = (tuple(cells.bg[row, column].tolist()) for row, column in ((1, 14), (3, 4)))
    assert contrast(few, palette.background) < contrast(many, palette.background)
    shown = [(r, c) for r in range(1, 4) for c in range(2, 17) if chr(cells.glyph[r, c]).isdigit()]
    for r, c in shown:
        assert contrast(tuple(cells.fg[r, c].tolist()), tuple(cells.bg[r, c].tolist())) >= 3.0


def test_filters_are_dark_below_zero_and_bright_above():
    weights = np.zeros((2, 2, 2))
    weights[0] = [[-1.0, 0.0], [0.5, 1.0]]
    cells = filter_pictures(weights, 12, 1, DARK)
    drawn = np.flatnonzero(cells.glyph[0] == ord("▀"))
    assert len(drawn) == 4
    light = cells.fg[0, drawn].astype(int).sum(1), cells.bg[0, drawn].astype(int).sum(1)
    assert light[0][0] < light[0][1] == light[0][2] < light[1][0] < light[1][1]


@pytest.mark.parametrize(("width", "height"), [(116, 23), (116, 8), (76, 19), (196, 31), (56, 13)])
def test_all_filters_fit_as_large_as_they_can_be(width, height):
    grid = filter_grid(32, 5, width, height)
    assert grid.columns * grid.rows >= 32
    assert grid.height <= height
    assert grid.columns * (5 * grid.pixel + 2) - 2 <= width


def test_filters_need_room():
    assert filter_grid(32, 5, 20, 3) is None
    assert text(filter_pictures(np.ones((32, 5, 5)), 20, 3, DARK)) == ["", "", ""]


ROWS = (
    LayerRow("conv1.weight", 0.16, 1.7e-3, "●", DARK.lanes[0]),
    LayerRow("linear.bias", 0.02, 0.5, "◆", DARK.lanes[1]),
)


def test_layers_have_norm_ratio_and_a_word():
    assert text(layer_table(ROWS, 45, 3, DARK)) == [
        "  tensor            ‖g‖     Δw/w",
        "● conv1.weight  1.6e-01  1.7e-03  fine",
        "◆ linear.bias   2.0e-02  5.0e-01  large",
    ]
    assert text(layer_table(ROWS, 34, 2, DARK))[1] == "● conv1.weight  1.7e-03  fine"


@pytest.mark.parametrize(
    ("ratio", "word"),
    [(1e-3, "fine"), (9e-3, "fine"), (2e-2, "large"), (5e-5, "small"), (0.0, "not updating"), (math.nan, "diverges")],
)
def test_a_word_where_the_ratio_is_far_from_a_thousandth(ratio, word):
    assert ratio_label(ratio) == word
