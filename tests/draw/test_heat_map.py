"""Heat maps on literal cells: classes, ranks, hatching, axes, marks and the legend."""

import math

import numpy as np
import pytest
from color_vision import VIEWS, least_difference

from adam_tui.draw import heat_map as h
from adam_tui.draw.color import contrast, luminance
from adam_tui.draw.heat_map import Cursor, Grid, Mark, Scale, Tick, heat_map, legend, legend_parts, ranks_in_class
from adam_tui.draw.palette import DARK, LIGHT, PALETTES
from adam_tui.engine.adam_rules import ADAM

R, C, D, N = h.RUNNING, h.CONVERGED, h.DIVERGED, h.NOT_COMPUTED
NO_AXIS = Scale("")
LR = ADAM.knob("lr")
each_palette = pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)


def grid(rows, ranks=None, words=()):
    """The outcomes as they lie on the screen: the first row is the highest."""
    classes = np.array(rows, np.int8)[::-1]
    return Grid(classes, np.zeros(classes.shape) if ranks is None else np.array(ranks, float)[::-1], words)


def log_scale(low, high):
    return h.knob_scale(LR, low, high, lambda value: math.log(value / low) / math.log(high / low))


def rgb(pixel):
    return tuple(pixel.tolist())


class TestCells:
    def test_two_rows_of_the_grid_share_a_row_of_the_screen(self):
        cells = heat_map(grid([[C, C, R], [C, R, R]]), 3, 1, DARK, NO_AXIS, NO_AXIS)
        best = h.class_colors(DARK)[:, -1]
        assert cells.lines() == [" ▀ "]  # a cell of one colour is a blank
        assert [rgb(cells.bg[0, column]) for column in range(3)] == [rgb(best[C]), rgb(best[R]), rgb(best[R])]
        assert rgb(cells.fg[0, 1]) == rgb(best[C])

    def test_two_diverged_cells_are_hatched_and_one_has_the_mean_colour_of_the_hatching(self):
        cells = heat_map(grid([[D, D], [D, R]]), 2, 1, DARK, NO_AXIS, NO_AXIS)
        assert cells.lines() == ["╱▀"]
        assert rgb(cells.fg[0, 0]) == h.hatch_color(DARK)
        assert rgb(cells.fg[0, 1]) == rgb(h.class_colors(DARK)[D, 0])

    def test_what_is_not_computed_is_empty(self):
        cells = heat_map(grid([[N], [N]]), 1, 1, DARK, NO_AXIS, NO_AXIS)
        assert cells.lines() == [" "]
        assert rgb(cells.bg[0, 0]) == DARK.background

    @pytest.mark.parametrize(("ink", "lines"), [("ascii", ["@==", ":./"]), ("shades", ["▓▒▒", "+·╱"])])
    def test_with_few_characters_or_colours_each_cell_is_one_of_its_class(self, ink, lines):
        outcomes = grid([[C, C, C], [R, R, D]], [[0, 0.7, 1], [0.4, 1, 0]])
        assert heat_map(outcomes, 3, 2, DARK, NO_AXIS, NO_AXIS, ink=ink).lines() == lines

    def test_no_character_is_in_two_classes(self):
        for characters in h.CHARACTERS.values():
            joined = "".join(characters.values())
            assert len(set(joined)) == len(joined)

    def test_a_small_grid_is_enlarged_to_blocks_of_equal_cells(self):
        cells = heat_map(grid([[C, R]]), 8, 3, DARK, NO_AXIS, NO_AXIS)
        left, right = cells.bg[:, :4], cells.bg[:, 4:]
        assert (left == h.class_colors(DARK)[C, -1]).all()
        assert (right == h.class_colors(DARK)[R, -1]).all()

    def test_words_are_in_the_middle_of_large_cells_and_legible(self):
        outcomes = grid([[C, D], [R, R]], words=(("·", "▸"), ("★", "✕")))
        cells = heat_map(outcomes, 10, 6, DARK, NO_AXIS, NO_AXIS)
        assert cells.lines() == ["     ╱╱╱╱╱", "  ★  ╱╱✕╱╱", "     ╱╱╱╱╱", "          ", "  ·    ▸  ", "          "]
        assert contrast(rgb(cells.fg[1, 2]), rgb(cells.bg[1, 2])) > 7

    def test_a_word_without_room_is_left_out(self):
        cells = heat_map(grid([[C, C]], words=(("long", "a"),)), 4, 1, DARK, NO_AXIS, NO_AXIS)
        assert cells.lines() == ["  a "]


class TestColours:
    @each_palette
    def test_a_better_rank_is_farther_from_the_background_and_converged_is_beyond_running(self, palette):
        running, converged = luminance(h.class_colors(palette)[[R, C]])
        away = 1 if palette.dark else -1
        assert (np.diff(running) * away > 0).all()
        assert (np.diff(converged) * away > 0).all()
        assert (converged[0] - running[-1]) * away > 0

    @each_palette
    def test_the_classes_differ_in_hue_as_well(self, palette):
        running, converged = h.class_colors(palette)[[R, C]]
        ends = [tuple(converged[0]), tuple(running[-1])]
        assert min(least_difference(ends, view) for view in VIEWS) > 8

    @each_palette
    def test_the_hatching_is_visible(self, palette):
        assert contrast(h.hatch_color(palette), palette.background) > 2.5

    @each_palette
    def test_every_lane_stands_out_on_every_basin(self, palette):
        behind = [*h.basin_colors(palette).reshape(-1, 3).tolist(), *h.unsettled_colors(palette).tolist()]
        assert min(contrast(lane, tuple(color)) for lane in palette.lanes for color in behind) >= 3


class TestRanks:
    def test_each_class_is_ranked_alone_and_equal_values_share_a_rank(self):
        classes = np.array([[R, R, R, C, C, C, D]], np.int8)
        values = np.array([[5.0, 1.0, np.inf, 2.0, 2.0, 9.0, np.nan]])
        assert ranks_in_class(classes, values).tolist() == [[0.5, 0.0, 1.0, 0.25, 0.25, 1.0, 0.0]]

    def test_the_order_alone_decides_however_far_the_values_are_apart(self):
        classes = np.zeros((1, 4), np.int8)
        ranks = ranks_in_class(classes, np.array([[1e-300, 1.0, 1.000001, 1e300]]))
        assert ranks.tolist() == [[0, 1 / 3, 2 / 3, 1]]


class TestAxes:
    def test_ticks_of_a_learning_rate_are_powers_of_ten(self):
        y = Scale("μ", ((Tick(0.0, "0"), Tick(1.0, "0.9")),))
        outcomes = grid(np.full((8, 30), C))
        lines = heat_map(outcomes, 35, 9, DARK, log_scale(1e-3, 1.0), y).lines()
        assert lines[0].startswith("   μ")
        assert lines[7].startswith("   0╶")
        assert lines[8] == "   0.001      0.01     0.1        α"

    def test_beta_is_labelled_by_its_distance_from_one(self):
        scale = h.knob_scale(ADAM.knob("beta1"), 0.0, 0.999, lambda value: math.log(1 - value) / math.log(0.001))
        powers, finer = scale.choices[-2:]
        assert [tick.label for tick in powers] == ["0.999", "0.99", "0.9", "0"]
        assert [round(tick.place, 3) for tick in powers] == [1.0, 0.667, 0.333, 0.0]
        assert "0.95" in [tick.label for tick in finer]

    def test_a_range_without_powers_of_ten_has_round_values(self):
        scale = log_scale(0.0113, 0.0178)
        assert {"0.012", "0.014", "0.016"} <= {tick.label for tick in scale.choices[-1]}

    def test_labels_never_touch(self):
        for width in range(20, 90):
            line = heat_map(grid(np.full((20, width), C)), width, 11, DARK, log_scale(1e-6, 10.0), NO_AXIS).lines()[-1]
            labels = line.split()
            assert all(label == "α" or float(label) > 0 for label in labels)

    def test_the_cursors_values_replace_the_labels_beside_them(self):
        y = Scale("μ", ((Tick(0.0, "0"), Tick(1.0, "0.9")),))
        cursor = Cursor(0, 14, "0.0316", "0.1")
        lines = heat_map(grid(np.full((8, 30), C)), 35, 9, DARK, log_scale(1e-3, 1.0), y, cursor=cursor).lines()
        assert lines[7].startswith(" 0.1╶")
        assert "0.0316" in lines[8]
        assert "0.01 " not in lines[8]

    def test_a_tiny_picture_has_no_axes(self):
        assert h.frame(19, 5, NO_AXIS) == h.Frame(0, 19, 5, axes=False)

    def test_a_click_names_the_cell_of_the_grid(self):
        place = h.frame(40, 11, Scale("β1"))
        shape = place.grid_size()
        assert shape == (20, 35)
        assert place.grid_cell(0, place.left, shape) == (19, 0)
        assert place.grid_cell(9, 39, shape) == (1, 34)
        assert place.grid_cell(10, 20, shape) is None  # the axis
        assert place.grid_cell(3, 2, shape) is None


class TestMarks:
    def test_marks_lie_at_their_places(self):
        marks = [Mark(0.0, 0.0, "★"), Mark(1.0, 1.0, "●"), Mark(0.5, 0.5, "◆"), Mark(1.2, 0.5, "▲")]
        lines = heat_map(grid(np.full((6, 5), C)), 5, 3, DARK, NO_AXIS, NO_AXIS, marks=marks).lines()
        assert lines == ["    ●", "  ◆  ", "★    "]

    @each_palette
    def test_a_mark_is_legible_on_every_colour(self, palette):
        ranks = np.linspace(0, 1, 16)[None]
        for kind in (R, C, D):
            marks = [Mark(i / 15, 0.5, "★") for i in range(16)]
            cells = heat_map(grid(np.full((1, 16), kind), ranks), 16, 1, palette, NO_AXIS, NO_AXIS, marks=marks)
            assert all(contrast(rgb(fg), rgb(bg)) > 4.5 for fg, bg in zip(cells.fg[0], cells.bg[0], strict=True))

    def test_the_cursor_fills_its_own_half_of_a_cell(self):
        upper = heat_map(grid(np.full((6, 7), C)), 7, 3, DARK, NO_AXIS, NO_AXIS, cursor=Cursor(3, 3))
        lower = heat_map(grid(np.full((6, 7), C)), 7, 3, DARK, NO_AXIS, NO_AXIS, cursor=Cursor(2, 3))
        assert upper.lines() == lower.lines() == ["   │   ", " ──▀── ", "   │   "]
        assert rgb(upper.fg[1, 3]) == rgb(lower.bg[1, 3]) == (0, 0, 0)

    def test_a_line_is_drawn_in_dots_and_breaks_at_nan(self):
        line = [(0.0, 0.5), (0.3, 0.5), (np.nan, 0.5), (0.8, 0.5), (1.0, 0.5)]
        lines = heat_map(grid(np.full((2, 10), R)), 10, 1, DARK, NO_AXIS, NO_AXIS, line=line).lines()
        assert lines == ["⠠⠤⠤⠄   ⠠⠤⠤"]


class TestLegend:
    CLASSES = np.array([[C, C, C, C, R, R, D, D, D, N]], np.int8)
    VALUES = np.array([[1e-30, 1e-20, 1e-9, 3e-9, 0.5, 7.0, np.inf, 1e9, 2.0, 0.0]])

    def test_it_has_each_class_with_its_share_and_its_values(self):
        lines = legend(legend_parts(self.CLASSES, self.VALUES), 57, DARK, ink="ascii").lines()
        assert lines == [
            "converged  44%  1e-30 @@@@@@@%%%% 1e-20 %%%======== 3e-9 ",
            "running    22%  0.5 --------:::: 0.5 :::......... 7      ",
            "diverged   33%  //////                                   ",
        ]

    def test_it_names_the_quantity_by_which_each_class_is_ranked(self):
        values = np.array([[12.0, 80.0, 431.0, 0.25, 0.5]])
        parts = legend_parts(np.array([[C, C, C, R, R]], np.int8), values, {C: "steps", R: "loss"}, {"steps"})
        assert legend(parts, 50, DARK, ink="ascii").lines() == [
            "converged  60%  steps 12 @@@@@%%% 80 %%====== 431 ",
            "running    40%  loss  0.25 ----:: 0.25 :..... 0.5 ",
        ]

    def test_a_narrow_one_has_the_ends_only(self):
        lines = legend(legend_parts(self.CLASSES, self.VALUES)[:1], 37, LIGHT, ink="ascii").lines()
        assert lines == ["converged  44%  1e-30 @@@%%%==== 3e-9"]

    def test_one_value_has_no_second_end(self):
        parts = legend_parts(np.full((1, 3), C, np.int8), np.array([[5.0, 5.0, 5.0]]))
        assert legend(parts, 40, DARK, ink="ascii").lines()[0].rstrip().endswith("=")


class TestBasins:
    NUMBERS = ((0, 0, 1), (0, 1, -1))

    def test_the_hue_is_the_rest_point_and_the_lightness_the_rank(self):
        outcomes = grid([[C, C, C], [C, C, R]], [[0, 1, 0], [0, 0, 0]])
        cells = h.basins(outcomes, np.array(self.NUMBERS)[::-1], DARK)
        fast, slow = h.basin_colors(DARK)[0, -1], h.basin_colors(DARK)[0, 0]
        assert cells.lines() == [" ▀▀"]
        assert rgb(cells.bg[0, 0]) == rgb(fast)
        assert rgb(cells.fg[0, 1]) == rgb(slow)

    def test_starts_that_are_still_running_are_grey_by_their_rank(self):
        cells = h.basins(grid([[R, R], [R, R]], [[0, 0.5], [0.5, 1]]), [[-1, -1], [-1, -1]], DARK)
        greys = [rgb(cells.fg[0, 0]), rgb(cells.fg[0, 1]), rgb(cells.bg[0, 1])]
        assert all(red == green == blue for red, green, blue in greys)
        assert greys[0] > greys[1] > greys[2], "the best is the brightest"

    def test_diverged_starts_are_hatched(self):
        cells = h.basins(grid([[D], [D]]), [[-1], [-1]], DARK)
        assert cells.lines() == ["╱"]

    def test_with_letters_each_start_names_its_rest_point_in_capitals_where_it_is_fast(self):
        outcomes = grid([[C, C, C], [C, R, R], [D, N, C]], [[0, 0.4, 0.9], [1, 0, 1], [0, 0, 0]])
        numbers = np.array([[0, 0, 1], [0, -1, -1], [-1, -1, 27]])[::-1]
        assert h.basins(outcomes, numbers, DARK, letters=True).lines() == ["AAb", "a=.", "╱ B"]

    def test_a_legend_of_letters_shows_them(self):
        parts = legend_parts(np.array([[C, C, R, R]], np.int8), np.array([[3.0, 9.0, 0.5, 0.75]]))
        lines = legend(parts, 36, DARK, ink="shades", basin=1).lines()
        assert lines == ["converged  50%  3 BBBBBB 3 bbbbbb 9 ", "running    50%  0.5 ===---::... 0.75"]
