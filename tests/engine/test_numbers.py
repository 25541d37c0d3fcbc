"""Round numbers, short texts and durations."""

import math
from decimal import Decimal
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.engine.numbers import (
    MINUS_SIGNS,
    TooSmallError,
    count_noun,
    decimal,
    format_duration,
    format_loss,
    format_number,
    parse_number,
    parse_whole,
    round_down,
    round_nearest,
    round_up,
    round_values,
)

positive = st.floats(min_value=1e-300, max_value=1e300)


@pytest.mark.parametrize(
    ("value", "down", "nearest", "up"),
    [
        (1.0, 1.0, 1.0, 1.0),
        (0.3, 0.2, 0.2, 0.5),
        (0.0007, 0.0005, 0.0005, 0.001),
        (0.00075, 0.0005, 0.001, 0.001),
        (9.99, 5.0, 10.0, 10.0),
        (3.0e22, 2e22, 2e22, 5e22),
        (5e-324, 5e-324, 5e-324, 5e-324),
    ],
)
def test_a_value_rounds_to_one_two_or_five_of_its_decade(value, down, nearest, up):
    assert (float(round_down(value)), float(round_nearest(value)), float(round_up(value))) == (down, nearest, up)


@given(positive)
def test_a_value_lies_between_its_round_neighbours(value):
    down, up = round_down(value), round_up(value)
    assert down <= decimal(value) <= up
    assert up <= down * Decimal("2.5")
    assert round_nearest(value) in (down, up)


@given(positive)
def test_a_round_value_stays(value):
    round_value = round_nearest(value)
    assert round_down(round_value) == round_up(round_value) == round_nearest(round_value) == round_value


def test_a_value_within_the_slack_counts_as_round():
    assert round_down(0.9999999999, slack=1e-9) == 1
    assert round_down(0.9999999999) == Decimal("0.5")
    assert round_up(0.1 + 0.2 - 0.1, slack=1e-9) == Decimal("0.2")
    assert round_up(0.2000000001, slack=1e-9) == Decimal("0.2")


def test_other_mantissas_can_be_given():
    assert [float(round_up(value, (1, 1.5, 2.5, 4, 6))) for value in (150, 151, 700, 10)] == [150, 250, 1000, 10]


def test_round_values_rise_without_end():
    assert [str(value) for value in islice(round_values(0.06), 7)] == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]


@pytest.mark.parametrize("minus", MINUS_SIGNS)
def test_a_number_may_have_any_minus_sign(minus):
    assert parse_number(f" {minus}1.5e{minus}3 ") == -0.0015
    assert parse_whole(f" {minus}7") == -7


@pytest.mark.parametrize(("text", "value"), [("400", 400), ("100,000", 100_000), ("1,234,567", 1_234_567), ("+3", 3)])
def test_a_whole_number_may_be_grouped(text, value):
    assert parse_whole(text) == value


@pytest.mark.parametrize("text", ["1,5", "1,00", "1.5", "", "x", "1,,000", ",100", "1e3"])
def test_other_text_is_no_whole_number(text):
    with pytest.raises(ValueError, match="invalid literal"):
        parse_whole(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_all_its_digits(value):
    text = format_number(value)
    assert float(text) == value
    assert not text.endswith(".0")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (16, "0:16"),
        (231.9, "3:51"),
        (3599.9, "59:59"),
        (3723, "1:02:03"),
        (360_000, "100:00:00"),
        (None, "–"),
        (math.inf, "–"),
        (math.nan, "–"),
    ],
)
def test_a_duration_is_written_as_on_a_clock(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize("text", ["1e-400", "-2.5e-324000", "0.0001e−330"])
def test_a_number_that_would_become_0_is_refused(text):
    with pytest.raises(TooSmallError, match="too small"):
        parse_number(text)
    assert parse_number("0.000e-400") == parse_number("-0") == 0.0
    assert parse_number("5e-324") > 0.0


@pytest.mark.parametrize(
    ("loss", "text"),
    [(0.0, "0.0000"), (0.0321, "0.0321"), (3.21e-5, "3.21e-05"), (1234.5, "1234.5000"), (2.784e16, "2.78e+16")],
)
def test_a_loss_has_four_decimals_where_they_show_it(loss, text):
    assert format_loss(loss) == text
    assert (format_loss(math.inf), format_loss(math.nan)) == ("inf", "nan")


def test_a_noun_agrees_with_its_number():
    assert [count_noun(number, "trial") for number in (0, 1, 2000)] == ["0 trials", "1 trial", "2,000 trials"]
