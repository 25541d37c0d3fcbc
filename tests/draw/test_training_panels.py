"""The training screen's tables, cell by cell."""

import numpy as np
import pytest

from adam_tui.draw.palette import DARK
from adam_tui.draw.training_panels import (
    Bar,
    Figure,
    Guess,
    RunRow,
    caption,
    digit_grid,
    digit_line,
    figures,
    line,
    progress,
    runs_table,
    sample_digits,
    state_color,
)

GOLD, CORAL = DARK.lanes[:2]
ROWS = (
    RunRow("●", GOLD, "adam-7f3a", "running", "3/50", "98.94%", "0.0005", "0.0312", True),
    RunRow("◆", CORAL, "momentum-5c60", "stopped", "8/50", "98.38%", "0.02", "0.1229", True),
    RunRow("▲", DARK.lanes[2], "sgd-0b13", "diverged", "0/50", "–", "100", "–", False),
)


def text(cells):
    return [row.rstrip() for row in cells.lines()]


def test_the_table_of_runs():
    cells = runs_table(ROWS, 0, 41, 4, DARK)
    assert text(cells) == [
        "                 state      epoch    best",
        "▸● adam-7f3a     running     3/50  98.94%",
        " ◆ momentum-5c60 stopped     8/50  98.38%",
        " ○ sgd-0b13      diverged    0/50       –",
    ]
    assert cells.bold[1, 3]
    assert not cells.bold[2, 3]
    assert tuple(cells.fg[2, 1]) == CORAL
    assert tuple(cells.fg[3, 1]) == DARK.faint, "its curve is not drawn"
    assert tuple(cells.fg[3, 17]) == DARK.states["diverged"]


def test_a_narrow_table_has_a_glyph_for_the_state():
    assert text(runs_table(ROWS, 1, 32, 4, DARK)) == [
        "                   epoch    best",
        " ● adam-7f3a     ▶  3/50  98.94%",
        "▸◆ momentum-5c60 ■  8/50  98.38%",
        " ○ sgd-0b13      ✕  0/50       –",
    ]


def test_a_wide_table_has_more_columns():
    assert text(runs_table(ROWS, 0, 58, 2, DARK)) == [
        "                 state     epoch    best       lr     loss",
        "▸● adam-7f3a     running    3/50  98.94%   0.0005   0.0312",
    ]


def test_the_table_scrolls_to_the_chosen_run_and_its_columns_do_not_jump():
    last = text(runs_table(ROWS, 2, 41, 2, DARK))
    assert last == ["                 state      epoch    best", "▸○ sgd-0b13      diverged    0/50       –"]


@pytest.mark.parametrize("state", ["failed", "diverged", "lost"])
def test_a_bad_end_is_red(state):
    assert state_color(state, DARK) == DARK.states["diverged"]


FIGURES = (
    Figure("loss", "0.0312", "loss", "0.0312"),
    Figure("best", "98.94% @ 3", "best", "98.94%"),
    Figure("step", "3,164/46,900", "step", "3,164"),
    Figure("test loss", "0.0341", "test", "0.0341"),
)


def test_figures_stand_in_two_aligned_columns_above_the_notes():
    cells = figures(FIGURES, [("cpu · bfloat16", DARK.faint)], 41, 4, DARK)
    assert text(cells) == [
        "loss         0.0312   best     98.94% @ 3",
        "step   3,164/46,900   test loss    0.0341",
        "cpu · bfloat16",
        "",
    ]


def test_where_there_is_little_room_figures_are_short():
    assert text(figures(FIGURES, [], 32, 2, DARK)) == [
        "loss     0.0312  best     98.94%",
        "step      3,164  test     0.0341",
    ]


def test_notes_are_wrapped_and_keep_two_lines():
    told = [("failed: no cuda here: torch sees 0 devices", DARK.states["diverged"])]
    cells = figures(FIGURES, told, 32, 3, DARK)
    assert text(cells) == ["loss     0.0312  best     98.94%", "failed: no cuda here: torch sees", "0 devices"]
    assert tuple(cells.fg[1, 0]) == DARK.states["diverged"]


def test_captions_tell_right_from_wrong_without_colour():
    assert caption(Guess(7), wide=True) == "7"
    assert caption(Guess(7, 7, 0.998), wide=True) == "7 → 7  99%"
    assert caption(Guess(4, 9, 0.52), wide=True) == "4 → 9✗ 52%"
    assert caption(Guess(4, 9, 0.52), wide=False) == "4→9✗ 52%"
    assert caption(Guess(7, 7, 1.0), wide=False) == "7→7 100%"


def test_digits_are_half_blocks_over_their_captions():
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 12:16] = 255
    grid = digit_grid(2, 24, 6)
    assert (grid.side, grid.columns, grid.height) == (10, 2, 6)
    cells = sample_digits(images, [Guess(1, 1, 0.5), Guess(4, 9, 0.52)], grid, 24, 6, DARK)
    assert text(cells)[0] == " ▀▀▀▀▀▀▀▀▀▀  ▀▀▀▀▀▀▀▀▀▀"
    assert text(cells)[5] == "  1→1  50%    4→9✗ 52%"
    bright = (cells.fg[2, :, 0] > 150) & (cells.glyph[2] == ord("▀"))
    assert np.flatnonzero(bright).tolist() == [5, 6], "the stroke, in the middle of the first picture"
    assert tuple(cells.fg[5, 2]) == DARK.states["converged"]
    assert tuple(cells.fg[5, 14]) == DARK.states["diverged"]


@pytest.mark.parametrize(("width", "height"), [(116, 15), (196, 30), (76, 6), (56, 20), (26, 6)])
def test_a_strip_of_digits_fits_and_shows_all_where_there_is_room(width, height):
    grid = digit_grid(10, width, height)
    assert grid.width <= width
    assert grid.height <= height
    assert grid.columns == min(10, (width + 1) // 11)


def test_digits_need_room():
    assert digit_grid(10, 9, 20) is None
    assert digit_grid(10, 100, 5) is None


def test_digits_as_one_line_of_text():
    guesses = [Guess(0, 0, 0.9), Guess(1, 7, 0.9), Guess(2)]
    assert text(digit_line(guesses, 40, DARK)) == [" digits  0→0   1→7✗  2"]


def test_progress_bars_share_the_room():
    bars = (Bar("epoch", "3/50", 0.5, "469/938"), Bar("run", "", 0.0, " 5%"))
    cells = progress(bars, "ETA  3:51", 66, DARK)
    assert cells.lines() == [" epoch 3/50 ━━━━━━●───── 469/938  run ●──────────  5%   ETA  3:51 "]
    assert tuple(cells.fg[0, 12]) == DARK.accent
    assert tuple(cells.fg[0, 20]) == DARK.border


def test_without_room_for_bars_the_numbers_stay():
    bars = (Bar("epoch", "3/50", 0.5, "469/938"), Bar("run", "", 0.0, " 5%"))
    assert progress(bars, "ETA  3:51", 46, DARK).lines() == [" epoch 3/50  469/938  run   5%      ETA  3:51 "]


def test_text_that_is_too_long_ends_in_dots():
    assert line("a long word", DARK.faint, 8, DARK).lines() == [" a long…"]


def test_where_epochs_have_no_room_beside_the_name_and_the_state_their_total_goes():
    rows = [RunRow("●", GOLD, "momentum-5c60", "stopped", "15/50000", "98.38%", "0.02", "0.1229", True)]
    assert text(runs_table(rows, 0, 32, 2, DARK))[1] == "▸● momentum-5c60 ■    15  98.38%"
    assert text(runs_table(rows, 0, 36, 2, DARK))[1] == "▸● momentum-5c60 ■  15/50000  98.38%"
