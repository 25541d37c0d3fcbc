"""The whole plot on literal cells: the order of the layers, their colours, and the cells that one step changes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adam_tui.draw import contour_plot
from adam_tui.draw.blocks import QUADRANTS, SEXTANTS
from adam_tui.draw.cells import Cells
from adam_tui.draw.color import contrast
from adam_tui.draw.contour_plot import Arrow, PathView, backdrop, compose, repaint
from adam_tui.draw.palette import DARK, LIGHT
from adam_tui.draw.path import PathRaster
from adam_tui.draw.viewport import Viewport

GOLD, CORAL, _, TEAL = DARK.lanes[:4]


def flat(p):
    return np.zeros(p.shape[:-1])


def bowl(p):
    return (p**2).sum(axis=-1)


def plain(width=8, height=4, **options):
    """A surface without bands, one unit a dot: 0 to 2 × width, 0 to 4 × height."""
    return backdrop(flat, (0, 2 * width, 0, 4 * height), width, height, DARK, axes=False, **options)


def lane(points, color=GOLD, marker="●", step=99, **options):
    return PathView(np.array(points, float), color, marker, step, **options)


def shown(cells):
    return [line.rstrip() for line in cells.lines()]


FLAT_LINE = [(0.5, 14.5), (12.5, 14.5)]  # steps of 12 dots, second row of the plot's first cells


def test_a_path_ends_in_its_bold_marker_in_the_lanes_color():
    cells = compose(plain(), [lane([(x + 0.5, 14.5) for x in range(9)])])
    assert shown(cells) == ["⠒⠒⠒⠒●", "", "", ""]
    assert cells.bold[0].tolist() == [False] * 4 + [True] + [False] * 3
    assert (cells.fg[0, :5] == GOLD).all()


def test_a_path_is_drawn_up_to_its_step():
    path = lane([(x + 0.5, 14.5) for x in range(9)], step=4)
    assert shown(compose(plain(), [path]))[0] == "⠒⠒●"


@pytest.mark.parametrize(
    ("blocks", "upper_left"),
    [
        ("halves", ["  ▀▀ ▀▀▀", "  ▀ ▀▀  ", " ▀  ▀ ▀▀", "      ▀ "]),
        ("quadrants", ["  ▛▀ ▀▀▀", "▛▘▛▘▛▀  ", " ▛ ▘▛▘▀▀", "  ▘▛ ▘▛ "]),
        ("sextants", ["  🬝🬂🬝🬎🬆🬂", "🬝🬀🬝🬀🬎🬂🬂🬎", "🬀🬆🬝🬀🬝🬀🬎🬆", "  🬄🬕 🬀🬕🬀"]),
    ],
)
def test_the_edges_of_a_bowls_bands_are_drawn_with_the_chosen_blocks(blocks, upper_left):
    drawn = backdrop(bowl, (-3, 3, -3, 3), 16, 8, DARK, axes=False, blocks=blocks).cells
    assert [line[:8] for line in drawn.lines()[:4]] == upper_left


def test_only_the_edges_differ_between_blocks():
    path = lane([(-2.0, 1.0), (0.5, 0.3)])
    drawn = {}
    for blocks in ("quadrants", "sextants"):
        back = backdrop(bowl, (-3, 3, -3, 3), 16, 8, DARK, minima=[(0, 0)], blocks=blocks)
        drawn[blocks] = compose(back, [path], start=(-2.0, 1.0))
    quadrants, sextants = drawn.values()
    above = ~np.isin(quadrants.glyph, list(map(ord, QUADRANTS))) | ~np.isin(sextants.glyph, list(map(ord, SEXTANTS)))
    assert above.sum() == 9
    for name in ("glyph", "fg", "bg", "bold"):
        assert (getattr(quadrants, name)[above] == getattr(sextants, name)[above]).all(), name


def test_lines_alone_are_the_same_with_all_blocks():
    drawn = [
        backdrop(bowl, (-3, 3, -3, 3), 16, 8, DARK, fill="lines", blocks=blocks).cells.lines()
        for blocks in ("quadrants", "sextants")
    ]
    assert drawn[0] == drawn[1]


def test_before_its_first_step_a_lane_stands_on_the_start():
    drawn = compose(plain(), [lane(FLAT_LINE, step=0)], start=(0.5, 14.5))
    assert shown(drawn)[0] == "●"
    assert shown(compose(plain(), [], start=(0.5, 14.5)))[0] == "○"
    assert shown(compose(plain(), [lane(FLAT_LINE)], start=(0.5, 14.5)))[0] == "○⠒⠒⠒⠒⠲●"


def test_long_steps_are_marked_under_way():
    path = lane([(0.5, 14.5), (6.2, 14.2), (14.5, 14.5)])
    assert shown(compose(plain(), [path]))[0] == "⠒⠒⠲⠖⠒⠒⠲●"


def line(row, end=64):
    """A straight path along a row of dots of the plot's first row of cells."""
    return [(x + 0.5, row) for x in range(end)]


def test_where_lanes_share_cells_they_take_turns_and_the_selected_one_most():
    lanes = [lane(line(15.5), GOLD, selected=True), lane(line(13.5), CORAL, "◆"), lane(line(12.5), TEAL, "▲")]
    cells = compose(plain(32), lanes)
    # Dashes of two cells, each with the dots of one lane.
    assert shown(cells)[0] == "⠉⠉⠤⠤⣀⣀⠉⠉⠉⠉⠤⠤⣀⣀⠉⠉⠉⠉⠤⠤⣀⣀⠉⠉⠉⠉⠤⠤⣀⣀⠉●"
    own = {"⠉": GOLD, "⠤": CORAL, "⣀": TEAL}
    assert all(tuple(cells.fg[0, column]) == own[chr(cells.glyph[0, column])] for column in range(31))


def test_the_newest_part_of_every_lane_lies_above_the_older_parts():
    lanes = [lane(line(15.5), GOLD, selected=True), lane(line(12.5, 40), CORAL, "◆")]
    assert shown(compose(plain(32), lanes))[0] == "⠉⠉⣀⣀⣀⣀⠉⠉⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀◆⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉●"


def test_along_every_direction_each_lane_is_seen():
    for step in ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, -2)):
        path = [(32.5 + step[0] * t / 2, 32.5 + step[1] * t / 2) for t in range(-32, 33)]
        lanes = [lane(path, color, selected=color == GOLD) for color in (GOLD, CORAL, TEAL)]
        cells = compose(plain(32, 16), lanes)
        dots = (cells.glyph > 0x2800) & (cells.glyph < 0x2900)
        assert all((dots & (cells.fg == color).all(axis=2)).any() for color in (GOLD, CORAL, TEAL))


def test_a_ghost_is_faint_has_no_head_and_gives_way_to_lanes():
    ghost = lane([(x + 0.5, 14.5) for x in range(16)], GOLD, ghost=True)
    cells = compose(plain(), [lane([(0.5, 12.5), (4.5, 12.5)], CORAL, "◆"), ghost])
    assert shown(cells)[0] == "⣀⣀◆⠒⠒⠒⠒⠒"
    band = tuple(cells.bg[0, 5].tolist())
    assert 1.2 < contrast(tuple(cells.fg[0, 5].tolist()), band) < contrast(GOLD, band) / 2


def test_the_minimum_stays_visible_on_a_path_but_not_under_a_head():
    back = plain(minima=[(4.5, 14.5), (100, 100)])
    assert shown(back.cells)[0] == "  ✛"
    assert shown(compose(back, [lane([(x + 0.5, 14.5) for x in range(9)])]))[0] == "⠒⠒✛⠒●"
    assert shown(compose(back, [lane([(x + 0.5, 14.5) for x in range(5)])]))[0] == "⠒⠒●"


@pytest.mark.parametrize(
    ("head", "row", "column", "marker"),
    [
        ((99, 14.5), 0, 7, "▸"),
        ((-99, 14.5), 0, 0, "◂"),
        ((8.5, 99), 0, 4, "▴"),
        ((8.5, -1e300), 3, 4, "▾"),
        ((1e308, 1e300), 0, 7, "▸"),
    ],
)
def test_a_head_outside_is_an_arrow_at_the_edge(head, row, column, marker):
    cells = compose(plain(), [lane([(8.5, 14.5), head])])
    assert chr(cells.glyph[row, column]) == marker
    assert tuple(cells.fg[row, column]) == GOLD
    assert cells.bold[row, column]


def test_a_diverged_path_keeps_its_head_at_the_last_finite_position():
    path = lane([(0.5, 14.5), (4.5, 14.5), (math.nan, math.nan), (math.inf, 3)])
    assert shown(compose(plain(), [path]))[0] == "⠒⠒●"
    assert shown(compose(plain(), [lane([(math.nan, 0)])])) == [""] * 4


def test_a_paths_cell_keeps_the_band_of_the_half_its_dots_are_in():
    back = backdrop(lambda p: np.floor(p[..., 1] / 2), (0, 16, 0, 16), 8, 4, DARK, axes=False)
    assert back.cells.lines()[2] == "▀" * 8
    upper, lower = tuple(back.cells.fg[2, 0]), tuple(back.cells.bg[2, 0])
    assert upper != lower
    assert tuple(compose(back, [lane([(0.5, 7.5), (0.5, 6.5), (14, 7)])]).bg[2, 0]) == upper
    assert tuple(compose(back, [lane([(0.5, 4.5), (0.5, 5.5), (14, 5)])]).bg[2, 0]) == lower
    between = compose(back, [lane([(0.5, 7.5), (0.5, 4.5), (14, 4.5)])]).bg[2, 7].astype(int)
    assert (np.minimum(upper, lower) <= between).all()
    assert (between <= np.maximum(upper, lower)).all()


@pytest.mark.parametrize("fill", ["filled", "lines", "both"])
@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_paths_stand_out_wherever_they_go(fill, palette):
    back = backdrop(bowl, (-3, 3, -3, 3), 40, 20, palette, fill)
    points = np.random.default_rng(1).uniform(-3, 3, (40, 2))
    for color in palette.lanes:
        cells = compose(back, [PathView(points, color, "●", 40)])
        own = (cells.fg == color).all(axis=2) & (cells.glyph >= 0x2800) & (cells.glyph < 0x2900)
        assert own.sum() > 100
        assert min(contrast(color, tuple(bg)) for bg in cells.bg[own].tolist()) >= 3


@pytest.mark.parametrize(
    ("tip", "head"),
    [
        *(((14.5, 8.5), "→"), ((14.5, 15.5), "↗"), ((8.5, 15.5), "↑"), ((1.5, 15.5), "↖"), ((1.5, 8.5), "←")),
        *(((1.5, 1.5), "↙"), ((8.5, 0.5), "↓"), ((14.5, 1.5), "↘")),
    ],
)
def test_an_arrow_points_to_its_tip(tip, head):
    cells = compose(plain(), [], arrows=[Arrow((8.5, 8.5), tip, CORAL)])
    [place] = np.argwhere(np.isin(cells.glyph, [ord(glyph) for glyph in contour_plot.HEADS]))
    assert chr(cells.glyph[tuple(place)]) == head
    assert place[1] == int(tip[0]) // 2
    assert tuple(cells.fg[tuple(place)].tolist()) == CORAL


def test_an_arrow_has_a_shaft_and_a_head():
    cells = compose(plain(), [], arrows=[Arrow((0.5, 8.5), (14.5, 8.5), CORAL)])
    assert shown(cells) == ["", "⣀⣀⣀⣀⣀⣀⣀→", "", ""]
    assert (cells.fg[1] == CORAL).all()


def test_a_dimmed_lane_keeps_its_marker_and_an_own_share_of_its_color_in_its_dots():
    cells = compose(plain(), [lane(FLAT_LINE, dimmed=True)])
    background = np.array(DARK.stops[0])
    assert np.abs(cells.fg[0, 2] - (0.7 * np.array(GOLD) + 0.3 * background)).max() <= 1
    assert tuple(cells.fg[0, 6].tolist()) == GOLD


def test_a_dashed_lane_has_gaps_that_stay_where_they_are():
    early, late = (
        shown(compose(plain(), [lane([(x + 0.5, 14.5) for x in range(15)], step=step, dashed=True)]))[0]
        for step in (7, 14)
    )
    assert late == "⠒⠒  ⠒⠒ ●"
    assert early == "⠒⠒ ●"


@pytest.mark.parametrize("tip", [(4.5, 4.5), (math.nan, 1), (1e308, -1e308), (math.inf, 0)])
def test_an_arrow_without_length_or_end_is_no_error(tip):
    compose(plain(), [], arrows=[Arrow((4.5, 4.5), tip, CORAL)])


def test_the_crosshair_lies_over_everything():
    cells = compose(plain(), [lane(FLAT_LINE)], crosshair=(6.5, 10.5))
    assert shown(cells) == ["⠒⠒⠒│⠒⠲●", " ──┼──", "   │", ""]
    assert tuple(cells.fg[1, 3]) == DARK.accent


def test_a_crosshair_in_a_corner_loses_the_arms_outside():
    assert shown(compose(plain(), [], crosshair=(0, 16))) == ["┼──", "│", "", ""]
    assert shown(compose(plain(), [], crosshair=(0, 17))) == ["", "", "", ""]


def test_axes_take_their_margin_and_the_plot_the_rest():
    back = backdrop(bowl, (-2, 2, -2, 2), 30, 9, DARK, minima=[(0, 0)])
    assert back.plot_offset == (0, 6)
    assert (back.viewport.width, back.viewport.height) == (24, 8)
    assert back.cells.lines() == [
        "    2╶  ▛▘ ▀  ▀▀▘  ▙▀▀  ▀ ▙▜  ",
        "       ▛ ▛▘ ▘ ▛▀    ▀▜ ▙ ▙▜ ▜ ",
        "    1╶      ▛▘ ▀    ▀ ▙▜      ",
        "      ▌ ▌ ▌ ▘ ▘ ▘  ▙ ▙ ▙ ▌ ▌ ▌",
        "    0╶▌ ▌ ▌ ▜ ▜ ▜ ✛▛ ▛ ▛ ▌ ▌ ▌",
        "            ▙▜ ▀    ▀ ▛▘      ",
        "   −1╶ ▙ ▙▜ ▜ ▙▀    ▀▘ ▛ ▛▘ ▘ ",
        "   −2╶  ▙▜ ▀  ▀▀▜  ▛▀▀  ▀ ▛▘  ",
        "         −2       0       2   ",
    ]


def test_where_wells_lie_close_together_fewer_bands_show_more():
    def wells(p):
        return (p**2 - 10 * np.cos(2 * np.pi * p)).sum(axis=-1)

    calm, busy = (backdrop(f, (-5, 5, -5, 5), 68, 35, DARK) for f in (bowl, wells))
    assert (len(calm.levels), len(busy.levels)) == (10, 6)


def test_a_plot_too_small_for_axes_has_none():
    assert backdrop(bowl, (-2, 2, -2, 2), 12, 4, DARK).plot_offset == (0, 0)
    assert compose(backdrop(bowl, (-2, 2, -2, 2), 1, 1, DARK), [lane(FLAT_LINE)]).lines() != []


def test_a_view_seen_again_in_the_same_size_does_not_move():
    back = backdrop(bowl, (-3, 3, -2, 2), 78, 36, DARK)
    again = backdrop(bowl, back.viewport, 78, 36, DARK)
    assert again.viewport.bounds == pytest.approx(back.viewport.bounds, rel=1e-12)
    assert isinstance(again.viewport, Viewport)


def test_a_zoomed_view_is_the_one_that_is_drawn():
    back = backdrop(bowl, (-3, 3, -2, 2), 78, 36, DARK)
    closer = backdrop(bowl, back.viewport.zoomed(2), 78, 36, DARK)
    assert closer.viewport.bounds == pytest.approx(back.viewport.zoomed(2).bounds, rel=1e-12)


def test_a_cell_of_the_rectangle_is_a_point_of_the_plot():
    back = backdrop(bowl, (-3, 3, -2, 2), 78, 36, DARK)
    assert back.point(3, 6) == back.viewport.from_cell(3, 0)
    assert back.point(3, 5) is None
    assert back.point(35, 20) is None


def test_lines_alone_stand_on_the_background_and_both_on_the_bands():
    lines = backdrop(bowl, (-2, 2, -2, 2), 40, 20, DARK, "lines", axes=False)
    assert (lines.cells.bg == DARK.background).all()
    assert set("".join(lines.cells.lines())) > {" "}
    assert "▀" not in "".join(lines.cells.lines())
    both = backdrop(bowl, (-2, 2, -2, 2), 40, 20, DARK, "both", axes=False)
    dotted = (both.cells.glyph > 0x2800) & (both.cells.glyph < 0x2900)
    assert (dotted == (lines.cells.glyph > 0x2800)).all()
    for fg, bg in zip(both.cells.fg[dotted].tolist(), both.cells.bg[dotted].tolist(), strict=True):
        assert 1.1 < contrast(tuple(fg), tuple(bg)) < 2.5  # to be seen, but not to compete with a path


def test_holes_in_the_surface_stay_visible_in_every_fill():
    for fill in ("filled", "lines", "both"):
        cells = backdrop(lambda p: np.log(p[..., 0]), (-4, 4, -2, 2), 16, 4, DARK, fill, axes=False).cells
        assert {line[:8] for line in cells.lines()} == {"╱" * 8}
        assert "╱" not in "".join(line[8:] for line in cells.lines())


def test_frames_leave_the_backdrop_as_it_was():
    back = plain(minima=[(3, 3)])
    before = back.cells.copy()
    compose(back, [lane(FLAT_LINE)], start=(1, 1), crosshair=(8, 8), arrows=[Arrow((1, 1), (9, 9), GOLD)])
    assert not back.cells.changed(before).any()


def test_another_step_does_not_rasterize_the_path_again(monkeypatch):
    rasterized = []
    extend = PathRaster.extend

    def recording(raster, positions, count):
        before = raster.end
        extend(raster, positions, count)
        rasterized.append(raster.end - before)

    monkeypatch.setattr(PathRaster, "extend", recording)
    lanes = np.random.default_rng(0).uniform(0, 16, (50, 2, 2))
    back = plain()
    for step in range(20):
        compose(back, [PathView(lanes[:, i], GOLD, "●", step) for i in range(2)])
    assert sum(rasterized) == 2 * 50
    compose(back, [PathView(lanes[:, 0].copy(), GOLD, "●", 3)])
    assert sum(rasterized) == 3 * 50


def test_a_path_that_grows_is_drawn_as_the_whole_path():
    path = np.random.default_rng(0).normal(8, 3, (9000, 2)).cumsum(axis=0) / 300
    back, growing = plain(), plain()
    for length in (1, 2, 700, 701, 5000, 9000):
        shown = PathView(path[:length], GOLD, "●", length - 1)
        assert not compose(growing, [shown]).changed(compose(plain(), [shown])).any()
    for step in (0, 30, 8999):
        shown = PathView(path, GOLD, "●", step)
        assert not compose(growing, [shown]).changed(compose(back, [shown])).any()


def test_a_long_path_is_rasterized_in_pieces_and_drawn_as_far_as_it_is():
    path = np.stack([np.linspace(0.5, 15.5, 6000), np.full(6000, 3.5)], axis=1)
    shown, back = PathView(path, GOLD, "●", 5999), plain()
    part = compose(back, [shown], limit=1000)
    whole = compose(plain(), [shown])
    assert part.changed(plain().cells).any()
    assert part.changed(whole).any()
    assert not part.changed(compose(plain(), [PathView(path[:1000], GOLD, "●", 999)]))[:, :1].any()
    pieces = 1
    while not back.rasterize([shown], 1000):
        pieces += 1
    assert pieces == 5
    assert not compose(back, [shown], limit=0).changed(whole).any()


def test_only_the_latest_paths_are_kept():
    back = plain()
    for i in range(100):
        compose(back, [lane([(i % 16, 1), (3, 3)])])
    assert len(back._rasters) == contour_plot.RASTERS_KEPT


def test_one_step_changes_few_cells():
    t = np.linspace(0, 6, 400)
    spiral = np.stack([np.exp(-0.3 * t) * np.cos(t), np.exp(-0.3 * t) * np.sin(t)], axis=1) * 2.5
    back = backdrop(bowl, (-3, 3, -3, 3), 78, 36, DARK)
    for step in range(0, 399, 20):
        a, b = (compose(back, [PathView(spiral, GOLD, "●", s)]) for s in (step, step + 1))
        assert a.changed(b).sum() <= 3


numbers = st.floats(-5, 5) | st.floats()


@given(
    arrays(np.float64, st.tuples(st.integers(0, 8), st.just(2)), elements=numbers),
    st.tuples(numbers, numbers),
    st.integers(1, 60),
    st.integers(1, 30),
    st.integers(0, 10),
)
def test_any_numbers_in_any_size_make_a_picture(path, point, width, height, step):
    back = backdrop(bowl, (-3, 3, -3, 3), width, height, DARK, "both", minima=[point])
    views = [PathView(path, GOLD, "●", step, selected=True), PathView(path[::-1], CORAL, "◆", step, ghost=True)]
    cells = compose(back, views, point, point, [Arrow(point, (1, 1), GOLD)])
    assert (cells.width, cells.height) == (width, height)


class TestRepaint:
    RED, GREEN = (200, 0, 0), (0, 200, 0)

    def picture(self):
        """The upper halves of four cells red, everything else green."""
        cells = Cells.blank(8, 4, self.RED, self.GREEN)
        cells.glyph[0, :4] = ord("▀")
        return cells

    def test_the_picture_takes_the_place_of_the_bands_and_markers_have_its_mean_color_behind_them(self):
        painted = repaint(plain(), self.picture())
        cells = compose(painted, [], start=(0.5, 15.0))
        assert shown(cells) == ["○▀▀▀", "", "", ""]
        assert cells.bg[0, 0].tolist() == [100, 100, 0]

    def test_minima_stay_and_the_backdrop_itself_is_unchanged(self):
        before = plain(minima=[(1.0, 1.0)])
        assert shown(compose(repaint(before, self.picture()), []))[3] == "✛"
        assert (before.cells.bg != self.GREEN).any(axis=2).all()

    def test_level_lines_stay_above_it(self):
        lines = backdrop(bowl, (-8, 8, -8, 8), 8, 4, DARK, axes=False, fill="both")
        braille = lines.cells.glyph > 0x2800
        painted = repaint(lines, self.picture()).cells
        assert braille.any()
        assert (painted.glyph[braille] == lines.cells.glyph[braille]).all()
        assert (painted.bg[braille & (np.arange(4) > 0)[:, None]] == self.GREEN).all()
