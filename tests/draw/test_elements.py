"""The small pieces of panels: numbers of a fixed width, lists in a window, one-line texts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.draw.elements import (
    format_apart,
    format_decimal,
    format_scientific,
    notes,
    sparkline,
    text_row,
    visible_rows,
)
from adam_tui.draw.palette import DARK


def color(cells, row, column):
    return tuple(cells.fg[row, column].tolist())


class TestNumbersApart:
    def test_numbers_have_four_digits_and_an_exponent_only_where_it_is_needed(self):
        assert format_apart([-58.05234, 9.41234, 0.0561, 1.1e-17, 0.0, math.inf, 123456.0], 7) == [
            *(" -58.05", "  9.412", "0.05610", "1.1e-17", "      0", "      ∞", "1.2e+05")
        ]

    def test_those_that_look_alike_get_more_digits(self):
        assert format_apart([9.41234, 9.41247], 7) == ["9.41234", "9.41247"]

    def test_without_room_for_them_all_but_the_lowest_show_the_difference(self):
        assert format_apart([-39.16617, -39.166169999, -39.16617], 7) == ["-39.166", " +1e-09", "-39.166"]
        assert format_apart([1.1234e-17, 1.1239e-17], 8) == ["1.12e-17", "+5.0e-21"]

    @given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2, unique=True), st.integers(7, 9))
    def test_two_different_numbers_never_look_alike(self, values, width):
        texts = format_apart(values, width)
        assert texts[0] != texts[1]
        assert all(len(text) == width for text in texts)


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "width", "decimals", "text"),
        [
            (0.056, 8, 1, " 5.6e-02"),
            (-0.056, 8, 1, "-5.6e-02"),
            (-1.25e100, 8, 1, " -1e+100"),
            (0.0, 7, 1, "0.0e+00"),
            (-0.0, 8, 1, " 0.0e+00"),
            (123456.0, 10, 3, " 1.235e+05"),
            (123456.0, 9, 3, "1.235e+05"),
            (123456.0, 8, 3, "1.23e+05"),
            (math.inf, 8, 1, "       ∞"),
            (-math.inf, 8, 1, "      −∞"),
            (math.nan, 8, 1, "     nan"),
        ],
    )
    def test_it_has_as_many_digits_as_fit(self, value, width, decimals, text):
        assert format_scientific(value, width, decimals) == text

    @given(st.floats(), st.integers(8, 20), st.integers(0, 6))
    def test_it_fills_its_column_exactly(self, value, width, decimals):
        assert len(format_scientific(value, width, decimals)) == width

    @given(st.floats(-1e300, 1e300), st.integers(14, 20))
    def test_it_is_the_value_to_its_last_digit(self, value, width):
        assert float(format_scientific(value, width, 3)) == pytest.approx(value, rel=5.1e-4, abs=1e-320)


class TestDecimal:
    @pytest.mark.parametrize(
        ("value", "width", "text"),
        [
            (1.5, 10, "   1.50000"),
            (-1.5, 9, " -1.50000"),
            (0.0, 9, "  0.00000"),
            (-0.0, 9, "  0.00000"),
            (0.001, 9, "  0.00100"),
            (0.0009, 10, " 9.000e-04"),
            (-1.234e-5, 9, " -1.2e-05"),
            (-1234567.0, 12, "  -1.235e+06"),
            (math.nan, 9, "      nan"),
            (-math.inf, 9, "       −∞"),
        ],
    )
    def test_five_decimals_where_they_fit_and_say_something(self, value, width, text):
        assert format_decimal(value, width) == text

    @given(st.floats(allow_nan=False, allow_infinity=False), st.integers(9, 16))
    def test_two_columns_of_numbers_never_touch(self, value, width):
        text = format_decimal(value, width)
        assert len(text) == width
        assert text.startswith(" ")


class TestVisibleRows:
    @given(st.integers(1, 50), st.integers(1, 50), st.data())
    def test_the_chosen_row_is_in_view_and_no_row_is_wasted(self, count, height, data):
        chosen = data.draw(st.integers(0, count - 1))
        rows = visible_rows(chosen, count, height)
        assert chosen in rows
        assert list(range(count))[rows.start : rows.stop] == list(rows)
        assert len(rows) == min(count, height)


def test_notes_are_a_line_each_and_a_warning_is_bold():
    cells = notes([("lr below the bound", False), ("lr above the bound of 0.04", True)], 20, DARK)
    assert cells.lines() == ["lr below the bound  ", "lr above the bound …"]
    assert not cells.bold[0].any()
    assert cells.bold[1].all()
    assert color(cells, 1, 0) == DARK.states["diverged"]


def test_a_sparkline_is_the_means_of_its_parts():
    assert sparkline([0.0, 0.5, 1.0], 3) == "▁▅█"
    assert sparkline([0.0, 1.0, 1.0, 1.0], 2) == "▅█"
    assert sparkline([0.0, 1.0], 4) == "▁▁██"


def test_text_that_is_too_long_ends_in_dots():
    assert text_row("a long word", DARK.faint, 8, DARK).lines() == [" a long…"]
