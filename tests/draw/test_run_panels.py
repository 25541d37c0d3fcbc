"""The panels about runs, cell by cell."""

from dataclasses import replace

import pytest

from adam_tui.draw.palette import DARK
from adam_tui.draw.run_panels import (
    COLUMNS,
    Bar,
    CursorRow,
    RunRow,
    Statistic,
    WideRow,
    cursor_table,
    progress_row,
    runs_table,
    state_color,
    statistics_panel,
    visible_columns,
    wide_table,
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
        "   +2▾           state     epoch    best       lr     loss",
        "▸● adam-7f3a     running    3/50  98.94%   0.0005   0.0312",
    ]


def test_the_table_scrolls_to_the_chosen_run_counts_the_others_and_its_columns_do_not_jump():
    last = text(runs_table(ROWS, 2, 41, 2, DARK))
    assert last == ["   +2▴           state      epoch    best", "▸○ sgd-0b13      diverged    0/50       –"]


def test_the_settings_that_differ_come_before_the_states_word_and_end_at_a_whole_one():
    rows = [replace(ROWS[0], differences="lr=5e-4 seed=1"), replace(ROWS[1], differences="lr=0.02")]
    assert text(runs_table(rows, 0, 41, 3, DARK)) == [
        "                   settings epoch    best",
        "▸● adam-7f3a     ▶ lr=5e-4…  3/50  98.94%",
        " ◆ momentum-5c60 ■ lr=0.02   8/50  98.38%",
    ]
    assert text(runs_table(rows, 0, 58, 3, DARK))[1] == "▸● adam-7f3a     running   lr=5e-4 seed=1     3/50  98.94%"
    assert text(runs_table(rows, 0, 32, 3, DARK))[1] == "▸● adam-7f3a     ▶  3/50  98.94%", "there is no room"


@pytest.mark.parametrize("state", ["failed", "diverged", "lost"])
def test_a_bad_end_is_red(state):
    assert state_color(state, DARK) == DARK.states["diverged"]


STATISTICS = (
    Statistic("loss", "0.0312", "loss", "0.0312"),
    Statistic("best", "98.94% @ 3", "best", "98.94%"),
    Statistic("step", "3,164/46,900", "step", "3,164"),
    Statistic("test loss", "0.0341", "test", "0.0341"),
)


def test_figures_stand_in_two_aligned_columns_above_the_notes():
    cells = statistics_panel(STATISTICS, [("cpu · bfloat16", DARK.faint)], 41, 4, DARK)
    assert text(cells) == [
        "loss         0.0312   best     98.94% @ 3",
        "step   3,164/46,900   test loss    0.0341",
        "cpu · bfloat16",
        "",
    ]


def test_where_there_is_little_room_figures_are_short():
    assert text(statistics_panel(STATISTICS, [], 32, 2, DARK)) == [
        "loss     0.0312  best     98.94%",
        "step      3,164  test     0.0341",
    ]


def test_notes_are_wrapped_and_keep_two_lines():
    notes = [("failed: no cuda here: torch sees 0 devices", DARK.states["diverged"])]
    cells = statistics_panel(STATISTICS, notes, 32, 3, DARK)
    assert text(cells) == ["loss     0.0312  best     98.94%", "failed: no cuda here: torch sees", "0 devices"]
    assert tuple(cells.fg[1, 0]) == DARK.states["diverged"]


def test_progress_bars_share_the_room():
    bars = (Bar("epoch", "3/50", 0.5, "469/938"), Bar("run", "", 0.0, " 5%"))
    cells = progress_row(bars, "ETA  3:51", 66, DARK)
    assert cells.lines() == [" epoch 3/50 ━━━━━━●───── 469/938  run ●──────────  5%   ETA  3:51 "]
    assert tuple(cells.fg[0, 12]) == DARK.accent
    assert tuple(cells.fg[0, 20]) == DARK.border


def test_without_room_for_bars_the_numbers_stay():
    bars = (Bar("epoch", "3/50", 0.5, "469/938"), Bar("run", "", 0.0, " 5%"))
    assert progress_row(bars, "ETA  3:51", 46, DARK).lines() == [" epoch 3/50  469/938  run   5%      ETA  3:51 "]


def test_where_epochs_have_no_room_beside_the_name_and_the_state_their_total_goes():
    rows = [RunRow("●", GOLD, "momentum-5c60", "stopped", "15/50000", "98.38%", "0.02", "0.1229", True)]
    assert text(runs_table(rows, 0, 32, 2, DARK))[1] == "▸● momentum-5c60 ■    15  98.38%"
    assert text(runs_table(rows, 0, 36, 2, DARK))[1] == "▸● momentum-5c60 ■  15/50000  98.38%"


# The wide table and the values under the cursor

VALUES = {
    "epochs": "3/50",
    "best": "98.94%",
    "loss": "0.0312",
    "speed": "12,400",
    "duration": "3:51",
    "started": "07:42",
}
WIDE_ROWS = (
    WideRow("●", DARK.lanes[0], "adam-7f3a", "running", "adam lr=0.0005", VALUES, True),
    WideRow("◆", DARK.lanes[1], "sgd-0b13", "queued 2", "sgd lr=100 seed=3", {}, False, "−"),
)


def test_the_wide_table_has_all_columns_where_there_is_room():
    assert text(wide_table(WIDE_ROWS, 0, "best", False, 104, 3, DARK)) == [
        "   run           state     settings               epochs   best▾     loss images/s duration      started",
        "▸● adam-7f3a     running   adam lr=0.0005           3/50  98.94%   0.0312   12,400     3:51        07:42",
        " ○−sgd-0b13      queued 2  sgd lr=100 seed=3           –       –        –        –        –            –",
    ]


def test_the_sorted_column_is_marked():
    assert "best▾" in text(wide_table(WIDE_ROWS, 0, "best", False, 104, 3, DARK))[0]
    assert "run▴" in text(wide_table(WIDE_ROWS, 0, "name", True, 104, 3, DARK))[0]


@pytest.mark.parametrize("width", range(45, 120))
def test_no_heading_of_the_wide_table_is_cut(width):
    heading = text(wide_table(WIDE_ROWS, 0, "settings", True, width, 3, DARK))[0]
    assert heading.split()[:3] == ["run", "state", "settings▴"]
    assert heading.split()[3:] == [column.heading for column in visible_columns(width)]


def test_a_narrower_wide_table_keeps_the_most_important_columns():
    assert visible_columns(200) == COLUMNS
    assert [column.key for column in visible_columns(76)] == ["epochs", "best", "loss"]
    assert [column.key for column in visible_columns(56)] == ["best"]


@pytest.mark.parametrize("width", range(40, 130, 7))
def test_settings_that_are_too_long_end_in_dots(width):
    long = WideRow("●", DARK.lanes[0], "adam-7f3a", "running", "adam " + "x" * 200, VALUES, True)
    line = text(wide_table([long], 0, "best", False, width, 2, DARK))[1]
    assert "…" in line
    assert len(line) <= width


def test_the_wide_table_scrolls_to_the_selected_run():
    assert "sgd-0b13" in text(wide_table(WIDE_ROWS, 1, "best", False, 80, 2, DARK))[1]


def test_the_values_under_the_cursor_stand_in_columns():
    rows = [
        CursorRow("●", DARK.lanes[0], "adam-7f3a", "0.0312", "0.0290", "0.0341", "98.94%"),
        CursorRow("◆", DARK.lanes[1], "momentum-5c60", "0.1229", "0.1300", "–", "–"),
    ]
    cells = cursor_table(rows, 41, 4, DARK)
    assert text(cells) == [
        "               raw   mean   test accuracy",
        "● adam-7f3a 0.0312 0.0290 0.0341   98.94%",
        "◆ momentum… 0.1229 0.1300      –        –",
        "",
    ]
    assert cells.bold[1, 20:].any()


def test_the_values_that_are_missing_are_the_first_to_be_hidden_and_the_heading_counts_them():
    rows = [
        CursorRow(marker, GOLD, name, raw, raw, "–", "–")
        for marker, name, raw in (("●", "a", "–"), ("◆", "b", "–"), ("▲", "c", "0.3"), ("■", "d", "0.4"))
    ]
    lines = text(cursor_table(rows, 41, 4, DARK))
    assert lines[0].startswith("  +1▾ ")
    assert [line.split()[1] for line in lines[1:]] == ["a", "c", "d"]


def test_long_names_take_the_room_that_settings_leave_and_short_ones_give_theirs():
    named = [
        replace(ROWS[0], name="long warm-up", differences="lr=5e-4"),
        replace(ROWS[2], name="long warm-up, lr 1e-4"),
    ]
    assert text(runs_table(named, 0, 60, 3, DARK)) == [
        "                         state     settings    epoch    best",
        "▸● long warm-up          running   lr=5e-4      3/50  98.94%",
        " ○ long warm-up, lr 1e-4 diverged               0/50       –",
    ]
    short = [replace(ROWS[0], differences="limit=6000"), replace(ROWS[2], differences="lr=100")]
    assert text(runs_table(short, 0, 41, 2, DARK))[1] == "▸● adam-7f3a ▶ limit=6000    3/50  98.94%"


def test_the_wide_table_shows_long_names_whole_where_there_is_room():
    name = "a name of forty characters, never longer"
    rows = [WideRow("●", GOLD, name, "running", "lr=0.1", {}, True)]
    assert f"● {name} running" in text(wide_table(rows, 0, "name", True, 160, 2, DARK))[1]
    assert "● a name of fo… running" in text(wide_table(rows, 0, "name", True, 80, 2, DARK))[1]
