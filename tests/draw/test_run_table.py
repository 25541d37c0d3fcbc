"""The wide table of runs and the values under the cursor, cell by cell."""

import pytest

from adam_tui.draw.palette import DARK
from adam_tui.draw.run_table import COLUMNS, Reading, WideRow, readings, shown_columns, wide_table

VALUES = {
    "epochs": "3/50",
    "best": "98.94%",
    "loss": "0.0312",
    "speed": "12,400",
    "duration": "3:51",
    "started": "07:42",
}
ROWS = (
    WideRow("●", DARK.lanes[0], "adam-7f3a", "running", "adam lr=0.0005", VALUES, True),
    WideRow("◆", DARK.lanes[1], "sgd-0b13", "queued 2", "sgd lr=100 seed=3", {}, False, "−"),
)


def text(cells):
    return [row.rstrip() for row in cells.lines()]


def test_all_columns_where_there_is_room():
    assert text(wide_table(ROWS, 0, "best", False, 104, 3, DARK)) == [
        "   run           state     settings that differ   epochs   best▾     loss images/s duration      started",
        "▸● adam-7f3a     running   adam lr=0.0005           3/50  98.94%   0.0312   12,400     3:51        07:42",
        " ○−sgd-0b13      queued 2  sgd lr=100 seed=3           –       –        –        –        –            –",
    ]


def test_the_sorted_column_is_marked():
    assert "best▾" in text(wide_table(ROWS, 0, "best", False, 104, 3, DARK))[0]
    assert "run▴" in text(wide_table(ROWS, 0, "name", True, 104, 3, DARK))[0]


def test_narrow_tables_keep_what_matters_most():
    assert shown_columns(200) == COLUMNS
    assert [column.key for column in shown_columns(76)] == ["epochs", "best", "loss"]
    assert [column.key for column in shown_columns(56)] == ["best"]


@pytest.mark.parametrize("width", range(40, 130, 7))
def test_settings_that_are_too_long_end_in_dots(width):
    long = WideRow("●", DARK.lanes[0], "adam-7f3a", "running", "adam " + "x" * 200, VALUES, True)
    line = text(wide_table([long], 0, "best", False, width, 2, DARK))[1]
    assert "…" in line
    assert len(line) <= width


def test_it_scrolls_to_the_chosen_run():
    assert "sgd-0b13" in text(wide_table(ROWS, 1, "best", False, 80, 2, DARK))[1]


def test_the_values_under_the_cursor_stand_in_columns():
    rows = [
        Reading("●", DARK.lanes[0], "adam-7f3a", "0.0312", "0.0290", "0.0341", "98.94%"),
        Reading("◆", DARK.lanes[1], "momentum-5c60", "0.1229", "0.1300", "–", "–"),
    ]
    cells = readings(rows, 41, 4, DARK)
    assert text(cells) == [
        "               raw   mean   test accuracy",
        "● adam-7f3a 0.0312 0.0290 0.0341   98.94%",
        "◆ momentum- 0.1229 0.1300      –        –",
        "",
    ]
    assert cells.bold[1, 20:].any()
