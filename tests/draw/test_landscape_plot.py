"""The landscape: dots with the colour of their own loss, hollow off the plane, in a cell of the path's colour."""

import numpy as np

from adam_tui.draw import contour, landscape_plot
from adam_tui.draw.landscape_plot import DOT, HOLLOW, Track, landscape, still, wrapped
from adam_tui.draw.palette import DARK, band_colors

BOUNDS = (-2.0, 2.0, -1.0, 1.0)
SIZE = 40, 10  # without axes' labels the plot is as wide as twice its height


def bowl(points):
    return (points**2).sum(-1)


def track(losses, hollow=(False, False, False), **style):
    places = np.array([[1.5, 0.5], [-1.5, 0.5], [0.0, 0.0]])
    return Track("adam-1", places, np.array(losses), np.array(hollow), **style)


def cell_of(cells, place):
    back = landscape_plot.contour_plot.backdrop(bowl, BOUNDS, *SIZE, DARK)
    row, column = back.viewport.to_cell(place)
    row, column = row + back.plot_offset[0], column + back.plot_offset[1]
    return chr(cells.glyph[row, column]), tuple(cells.fg[row, column]), tuple(cells.bg[row, column])


def test_a_dot_has_the_colour_of_its_own_loss_on_the_scale_of_the_contour():
    back = landscape_plot.contour_plot.backdrop(bowl, BOUNDS, *SIZE, DARK)
    colors = band_colors(DARK, len(back.levels) + 1)
    lowest, highest = tuple(colors[0]), tuple(colors[-1])
    lane = DARK.lane(0)[0]
    cells = landscape(bowl, BOUNDS, [track([0.0, 100.0, 0.0])], *SIZE, DARK)
    assert cell_of(cells, (1.5, 0.5)) == (DOT, lowest, lane)  # better than the plane shows there
    assert cell_of(cells, (-1.5, 0.5)) == (DOT, highest, lane)
    true = contour.bands(np.array([2.5]), back.levels)[0]
    cells = landscape(bowl, BOUNDS, [track([2.5, 2.5, 0.0])], *SIZE, DARK)
    assert cell_of(cells, (1.5, 0.5)) == (DOT, tuple(colors[true]), lane)


def test_a_step_off_the_plane_is_hollow_and_the_end_has_the_paths_marker():
    cells = landscape(bowl, BOUNDS, [track([2.5, 2.5, 0.0], [True, False, False])], *SIZE, DARK)
    assert cell_of(cells, (1.5, 0.5))[0] == HOLLOW
    assert cell_of(cells, (-1.5, 0.5))[0] == DOT
    color, marker = DARK.lane(0)
    assert cell_of(cells, (0.0, 0.0))[:2] == (marker, color)


def test_a_step_whose_loss_is_not_computed_yet_has_no_dot():
    cells = landscape(bowl, BOUNDS, [track([np.nan, 2.5, 0.0])], *SIZE, DARK)
    assert cell_of(cells, (1.5, 0.5))[0] not in (DOT, HOLLOW)


def test_the_path_is_drawn_up_to_the_selected_step():
    cells = landscape(bowl, BOUNDS, [track([2.5, 2.5, 0.0], slot=3, last=1)], *SIZE, DARK)
    color, marker = DARK.lane(3)
    assert cell_of(cells, (-1.5, 0.5))[:2] == (marker, color)
    assert cell_of(cells, (0.0, 0.0))[0] != marker


def test_points_that_are_not_computed_yet_are_hatched():
    def left_half(points):
        return np.where(points[..., 0] < 0, bowl(points), np.nan)

    cells = landscape(left_half, BOUNDS, [], *SIZE, DARK)
    assert cell_of(cells, (1.5, 0.5))[0] == contour.HOLE
    assert cell_of(cells, (-1.5, 0.5))[0] != contour.HOLE


def test_a_picture_has_a_title_a_legend_and_a_caption_in_whole_words():
    cells = still(bowl, BOUNDS, [track([2.5, 2.5, 0.0])], "Loss", ["one two three four five six seven"], 24, 12, DARK)
    lines = ["".join(map(chr, row)).rstrip() for row in cells.glyph]
    assert (len(lines), lines[0]) == (10, " Loss")  # the plane is as wide as the picture, and not as high
    assert lines[-3:] == [f" {DARK.lane(0)[1]} adam-1", " one two three four", " five six seven"]


def test_lines_are_broken_between_words():
    assert wrapped("", 5) == [""]
    assert wrapped("a bc def", 5) == ["a bc", "def"]
    assert wrapped("abcdefgh i", 5) == ["abcdefgh", "i"]
