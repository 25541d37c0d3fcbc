"""A chart is the same on every run, shows every peak, breaks where a run diverged, and cannot be made to fail."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.draw.cells import Cells
from adam_tui.draw.chart import Mark, Series, chart
from adam_tui.draw.chart_axis import Axis, Tick
from adam_tui.draw.palette import DARK

PALETTE = replace(DARK, background=(11, 14, 22), foreground=(138, 143, 152), axis=(68, 75, 92))
AMBER, CORAL, GRAY = (255, 209, 102), (240, 90, 90), (92, 80, 52)
NAN, INF = math.nan, math.inf


def series(y, x=None, color=AMBER, **options) -> Series:
    y = np.array(y, np.float64)
    return Series(np.arange(len(y)) if x is None else np.array(x, np.float64), y, color, **options)


def colors_of(cells: Cells, glyph: str) -> set[tuple[int, ...]]:
    return {tuple(map(int, color)) for color in cells.fg[cells.glyph == ord(glyph)]}


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """The (x, y) of every braille dot, from the upper left."""
    places = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    return {
        (2 * column + x, 4 * row + y)
        for row, line in enumerate(lines)
        for column, character in enumerate(line)
        if 0x2800 <= ord(character) <= 0x28FF
        for bit, (x, y) in enumerate(places)
        if (ord(character) - 0x2800) >> bit & 1
    }


# Curves


def test_a_line_goes_from_corner_to_corner():
    assert chart([series([0, 1])], 6, 3, PALETTE).lines() == ["    ⡠⠊", "  ⡠⠊  ", "⡠⠊    "]


def test_crossing_lines_keep_all_their_dots_and_the_later_one_gives_the_colour():
    cells = chart([series([0, 1]), series([1, 0], color=CORAL)], 6, 3, PALETTE)
    assert cells.lines() == ["⠑⢄  ⡠⠊", "  ⡱⢎  ", "⡠⠊  ⠑⢄"]
    assert tuple(cells.fg[1, 2]) == tuple(cells.fg[1, 3]) == CORAL
    assert tuple(cells.fg[0, 5]) == AMBER


def test_a_faint_series_lies_under_all_others_and_does_not_blur_them():
    cells = chart([series([0, 1]), series([1, 0], color=GRAY, faint=True)], 6, 3, PALETTE)
    assert cells.lines() == ["⠑⢄  ⡠⠊", "  ⡠⠊  ", "⡠⠊  ⠑⢄"]
    assert tuple(cells.fg[1, 2]) == AMBER
    assert tuple(cells.fg[0, 0]) == GRAY


def test_points_may_be_single_dots_under_the_lines_that_they_explain():
    cells = chart([series([0, 0, 1]), series([1, 0.5, 0], color=GRAY, faint=True, scatter=True)], 6, 3, PALETTE)
    assert cells.lines() == ["⠁    ⡜", "   ⠄⡜ ", "⣀⣀⣀⡜ ⢀"]
    assert colors_of(cells, "⠁") == colors_of(cells, "⠄") == colors_of(cells, "⢀") == {GRAY}
    assert colors_of(cells, "⡜") == {AMBER}


def test_points_may_be_a_glyph_instead_of_a_line():
    cells = chart([series([0, 1, 0], marker="●", bold=True)], 7, 3, PALETTE)
    assert cells.lines() == ["   ●   ", "       ", "●     ●"]
    assert cells.bold[0, 3]
    assert colors_of(cells, "●") == {AMBER}


def test_the_axes_of_a_small_chart():
    assert chart([series([0, 3, 6, NAN, 3, 0])], 24, 8, PALETTE).lines() == [
        "      │      ⡔   ✕      ",
        "     5┤     ⡜           ",
        "      │    ⡜            ",
        "      │  ⢀⠎         ⠱⡀  ",
        "      │ ⢠⠃           ⠘⡄ ",
        "     0┤⡰⠁             ⠈⢆",
        "      └┬───────────────┬",
        "       0               5",
    ]


def test_everything_stands_on_the_background_and_the_axes_are_faint():
    cells = chart([series([0, 1, 2])], 30, 10, PALETTE)
    assert (cells.bg == PALETTE.background).all()
    assert colors_of(cells, "│") == colors_of(cells, "┬") == {PALETTE.axis}
    assert colors_of(cells, "0") == {PALETTE.foreground}


@pytest.mark.parametrize("size", [2_000, 1_000_000])
def test_a_single_spike_survives_any_decimation(size):
    y = np.zeros(size)
    y[size // 2 + 3] = 1
    found = dots(chart([series(y)], 7, 4, PALETTE, y_limits=(0, 1)).lines())
    # 3 rows of plot, 12 dots high; the spike falls into the middle of the 14 dots.
    assert [x for x, y in found if y == 0] == [7]
    assert {x for x, y in found if y == 11} == set(range(14))


def test_noise_becomes_a_band_from_its_least_to_its_greatest_value():
    y = np.random.default_rng(0).uniform(size=10_000)
    y[::100], y[1::100] = 0, 1  # each column of dots holds both extremes
    assert dots(chart([series(y)], 7, 3, PALETTE, y_limits=(0, 1)).lines()) == {
        (x, y) for x in range(14) for y in range(12)
    }


def test_points_out_of_order_are_put_in_order():
    y = np.array([0.0, 1, 0, 2, 5])
    shuffled = [3, 0, 4, 1, 2]
    ordered, mixed = (chart([series(y[i], x=i)], 30, 10, PALETTE) for i in (np.arange(5), np.array(shuffled)))
    assert ordered.lines() == mixed.lines()


# Values that are not finite


def test_a_line_breaks_where_values_are_missing():
    whole = dots(chart([series([1, 1, 1, 1, 1])], 7, 3, PALETTE).lines())
    broken = dots(chart([series([1, 1, NAN, 1, 1])], 7, 3, PALETTE).lines())
    assert {x for x, _ in whole} == set(range(14))
    assert {x for x, _ in broken} == {0, 1, 2, 3, 10, 11, 12, 13}


@pytest.mark.parametrize("lost", [NAN, INF, -INF])
def test_a_cross_stands_where_a_series_stops_being_finite(lost):
    cells = chart([series([1, 2, 3, lost, lost], color=CORAL)], 9, 6, PALETTE)
    assert [line.count("✕") for line in cells.lines()] == [1, 0, 0, 0, 0, 0]
    assert cells.lines()[0].index("✕") == 1 + 5  # x = 3 of 0 to 4, in 8 columns behind the axis
    assert colors_of(cells, "✕") == {CORAL}


@pytest.mark.parametrize("other", [[1, 1, 1, 1, 1], [1, 2, 2, 2, 2], [2, 2, 2, 2, 2]])
@pytest.mark.parametrize("lost_first", [True, False])
def test_a_cross_stays_a_cross_where_another_line_passes(other, lost_first):
    both = [series([2, 2, NAN, NAN, NAN], color=CORAL), series(other)]
    cells = chart(both if lost_first else both[::-1], 9, 3, PALETTE)
    assert cells.lines()[0].index("✕") == 1 + 4
    assert colors_of(cells, "✕") == {CORAL}
    assert cells.glyph.max() <= 0x28FF  # its dots are not mixed with the cross's character


def test_a_series_without_one_finite_value_shows_its_cross_and_no_invented_labels():
    lines = chart([series([NAN, INF])], 30, 10, PALETTE, empty_text="no run yet").lines()
    assert lines[0] == "      │✕                      "
    assert not any(character.isdigit() for line in lines[:8] for character in line)


def test_the_cross_leaves_the_window_with_its_place():
    y = series([1, NAN, 3, 4, 5])
    assert "✕" not in "".join(chart([y], 30, 10, PALETTE, x_limits=(3, 4)).lines())


# Limits


def test_only_what_is_in_the_window_sets_the_limits_and_lines_enter_from_outside():
    cells = chart([series([0, 100, 2, 2, 2])], 7, 3, PALETTE, x_limits=(2.5, 4))
    assert {x for x, _ in dots(cells.lines())} == set(range(14))
    assert "".join(chart([series([0, 100, 2, 2, 2])], 30, 10, PALETTE, x_limits=(2.5, 4)).lines()).count("100") == 0


def test_a_line_is_cut_where_it_leaves_the_limits():
    found = dots(chart([series([0, 10])], 7, 3, PALETTE, y_limits=(2, 4)).lines())
    columns = {x for x, _ in found}
    assert (min(columns), max(columns)) == (3, 5)  # 0.2 and 0.4 of 13
    assert {y for _, y in found} == set(range(12))


def test_a_line_that_passes_far_outside_crosses_the_picture_steeply():
    found = dots(chart([series([-1e308, 1e308])], 7, 3, PALETTE, y_limits=(0, 1)).lines())
    assert {x for x, _ in found} <= {6, 7}
    assert {y for _, y in found} == set(range(12))


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), (NAN, 1), (0, INF)])
def test_unusable_limits_count_as_not_given(limits):
    usual = chart([series([1, 2, 3])], 30, 10, PALETTE)
    assert chart([series([1, 2, 3])], 30, 10, PALETTE, y_limits=limits, x_limits=limits).lines() == usual.lines()


# The logarithmic axis


def test_zero_runs_along_the_lower_edge_of_a_log_axis():
    assert chart([series([1, 0.1, 0, 0.01])], 30, 12, PALETTE, log_y=True).lines() == [
        "    1┤⠑⢄                      ",
        "     │  ⠑⢄                    ",
        "  0.3┤    ⠣⡀                  ",
        "     │     ⠈⠢⡀                ",
        "  0.1┤       ⠈⢢               ",
        "     │         ⠱⡀             ",
        " 0.03┤          ⠘⢄            ",
        "     │            ⠣⡀          ",
        " 0.01┤             ⠑⡄      ⢀⣀⠤",
        "     │              ⠈⢆⡠⠤⠒⠊⠉⠁  ",
        "     └┬───────┬──────┬───────┬",
        "      0       1      2       3",
    ]


def test_without_a_positive_value_a_log_axis_is_linear():
    linear = chart([series([-1, -2, 0])], 30, 12, PALETTE)
    assert chart([series([-1, -2, 0])], 30, 12, PALETTE, log_y=True).lines() == linear.lines()


def test_an_exponential_is_straight_on_a_log_axis():
    y = 10.0 ** -np.arange(0, 5)
    assert chart([series(y)], 6, 3, PALETTE, log_y=True).lines() == ["⠑⢄    ", "  ⠑⢄  ", "    ⠑⢄"]


# Layout


def test_the_plot_does_not_move_sideways_with_the_length_of_its_labels():
    for log, scales, axis in ((True, (1e-12, 1e-3, 1, 1e6), 5), (False, (1e-3, 1, 1e3, 1e6), 6)):
        for scale in scales:
            lines = chart([series(np.array([1, 2, 7]) * scale)], 40, 12, PALETTE, log_y=log).lines()
            assert {line[axis] for line in lines[:10]} == {"│", "┤"}


def test_shares_are_labelled_in_percent_and_never_beyond_a_hundred():
    lines = chart([series([0.965, 0.98, 0.991])], 40, 7, PALETTE, percent=True).lines()
    assert [line[:5] for line in lines if "┤" in line] == ["  99%", "  98%", "  97%"]
    perfect = chart([series([1, 1])], 40, 10, PALETTE, percent=True).lines()
    assert [line[:5] for line in perfect if "┤" in line] == [" 100%", "  95%", "  90%"]


@pytest.mark.parametrize(
    ("width", "height", "label", "axis"),
    [(20, 8, True, True), (19, 8, False, True), (7, 8, False, False), (20, 3, True, True)],
)
def test_labels_go_first_when_room_is_short_then_the_axis(width, height, label, axis):
    rows = chart([series([1, 2, 3])], width, height, PALETTE).lines()[:3]
    assert any(character.isdigit() for row in rows for character in row) == label
    assert any(character in "│┤" for row in rows for character in row) == axis
    assert dots(rows)


def test_a_low_chart_has_its_x_labels_in_the_axis():
    assert chart([series(np.arange(401.0))], 30, 5, PALETTE).lines()[4] == "      └0─────────200───────400"


def test_the_empty_text_stands_in_the_middle():
    assert chart([], 20, 3, PALETTE, empty_text="no run yet").lines()[1] == "     no run yet     "
    assert chart([], 4, 1, PALETTE, empty_text="no run yet").lines() == ["no r"]


# Marks


def test_a_mark_is_a_dotted_line_under_the_curve_with_its_text_beside_it():
    cells = chart([series([3, 2, 2.5])], 30, 10, PALETTE, marks=[Mark(1, "lr 2e-4", CORAL)])
    lines = cells.lines()
    assert lines[0][18:] == "┊lr 2e-4    "
    assert [line[18] for line in lines[1:8]].count("┊") >= 5
    assert colors_of(cells, "┊") == {CORAL}
    assert dots(lines) == dots(chart([series([3, 2, 2.5])], 30, 10, PALETTE).lines())


def test_the_text_of_a_mark_at_the_right_edge_stands_to_its_left():
    lines = chart([series([3, 2, 1])], 30, 10, PALETTE, marks=[Mark(2, "now", CORAL)]).lines()
    assert lines[0].endswith("now┊")


def test_a_mark_outside_of_the_window_is_not_drawn():
    assert "┊" not in "".join(chart([series([3, 2, 1])], 30, 10, PALETTE, marks=[Mark(3, "now", CORAL)]).lines())


# It cannot be made to fail

NASTY = st.one_of(
    st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 1e308, -1e308, 1.797e308, 5e-324, 1e-300, 1.0, -1.0, 2.0]),
    st.floats(),
    st.integers(-5, 5000).map(float),
)
LIMITS = st.none() | st.tuples(NASTY, NASTY)


@st.composite
def charts(draw):
    many = draw(st.lists(st.tuples(st.lists(NASTY, max_size=12), st.booleans()), max_size=4))
    ordered = draw(st.booleans())
    drawn = []
    for y, faint in many:
        x = np.arange(len(y)) if ordered else draw(st.lists(NASTY, min_size=len(y), max_size=len(y)))
        kind = draw(st.sampled_from([{}, {"marker": "●"}, {"scatter": True}, {"averaged": True}]))
        drawn.append(series(y, x=x, faint=faint, **kind))
    options = {
        "log_y": draw(st.booleans()),
        "percent": draw(st.booleans()),
        "y_limits": draw(LIMITS),
        "x_limits": draw(LIMITS),
        "marks": [Mark(draw(NASTY), "mark", CORAL)],
    }
    return drawn, draw(st.integers(-1, 50)), draw(st.integers(-1, 20)), options


@settings(max_examples=250, deadline=None)
@given(charts())
def test_no_data_and_no_size_makes_it_fail(case):
    drawn, width, height, options = case
    cells = chart(drawn, width, height, PALETTE, **options)
    assert (cells.width, cells.height) == (max(0, width), max(0, height))
    assert (cells.bg == PALETTE.background).all()


SOLO = """
from dataclasses import replace

import numpy as np
from adam_tui.draw.chart import Series, chart
from adam_tui.draw.chart_axis import Axis, Tick
from adam_tui.draw.palette import DARK
rng = np.random.default_rng(3)
nasty = np.array([np.nan, np.inf, -np.inf, 0, -1, 1, 1e308, -1e308, 5e-324])
for i in range(150):
    y = rng.normal(size=rng.integers(0, 400)) * 10.0 ** rng.integers(-300, 300)
    y[rng.random(len(y)) < 0.2] = rng.choice(nasty)
    limits = tuple(rng.choice(nasty, 2)) if i % 3 == 0 else None
    chart([Series(np.arange(len(y)), y, (1, 2, 3))] * 2, *rng.integers(1, 60, 2), DARK, log_y=i % 2, y_limits=limits)
print("alive")
"""


def test_no_data_ends_the_process():
    # A NaN that reached plotext would abort the interpreter, and this test run with it: so in one of its own.
    result = subprocess.run([sys.executable, "-W", "error", "-c", SOLO], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "alive\n", "")


def test_plotext_is_not_imported_before_the_first_curve():
    code = "import sys, adam_tui.draw.chart as c; print('plotext' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_line_that_takes_turns_leaves_every_second_shared_cell_to_the_line_below():
    x = np.arange(20.0)
    below, above = Series(x, x * 0 + 1, CORAL), Series(x, x * 0 + 1, AMBER, takes_turns=True)
    cells = chart([below, above], 10, 3, DARK, y_limits=(0, 2))
    row = int(np.argwhere((cells.glyph > 0x2800) & (cells.glyph < 0x2900))[0, 0])
    colors = [tuple(color) for color in cells.fg[row, 1:].tolist()]
    assert set(colors[0::2]) == {AMBER}
    assert set(colors[1::2]) == {CORAL}
    alone = chart([above], 10, 3, DARK, y_limits=(0, 2))
    assert {tuple(color) for color in alone.fg[row, 1:].tolist()} == {AMBER}


def test_another_axis_of_x_brings_its_own_ticks():
    axis = Axis(-2.0, 1.0, ticks=(Tick(-2.0, "0.01"), Tick(0.0, "1"), Tick(1.0, "10")))
    lines = chart([series([1, 2, 3, 4], x=[-2, -1, 0, 1])], 30, 10, PALETTE, x_axis=axis).lines()
    assert lines[-1].split() == ["0.01", "1", "10"]
