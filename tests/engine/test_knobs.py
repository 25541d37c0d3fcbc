"""Turning, typing and writing a hyperparameter."""

import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adam_tui.engine.knobs import Knob

LR = Knob("lr", "α", 1e-3, "log", "", notch_low=1e-7, notch_high=1e3)
DECAY = Knob("weight_decay", "λ", 0.0, "log_off", "", notch_low=1e-6, notch_high=1.0)
BETA = Knob("beta1", "β1", 0.9, "beta", "", high=1.0, high_excluded=True)
MOMENTUM = Knob("momentum", "μ", 0.9, "beta", "", high=1.0)
NEEDED = Knob("momentum", "μ", 0.9, "beta", "", high=1.0, low_excluded=True)
FLAG = Knob("centered", "ḡ", 0.0, "flag", "", high=1.0)
SEED = Knob("seed", "seed", 0.0, "integer", "", high=2.0**32 - 1)
EPOCHS = Knob("epochs", "E", 50.0, "integer", "", low=1.0, high=1000.0)
BATCH = Knob("batch_size", "B", 64.0, "power_of_two", "", low=1.0, high=60000.0)
EXPONENT = Knob("beta2_decay", "c", -0.8, "linear", "", low=-math.inf, high=0.0, notch_low=-2.0, notch_high=0.0)
KNOBS = [LR, DECAY, BETA, MOMENTUM, NEEDED, FLAG, EPOCHS, BATCH, EXPONENT]

every_knob = pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: f"{knob.scale}-{knob.name}")


def walk(knob: Knob, value: float, notches: int) -> list[float]:
    """The values seen while an arrow key is pressed |notches| times."""
    seen = []
    for _ in range(abs(notches)):
        value = knob.turn(value, 1 if notches > 0 else -1)
        seen.append(value)
    return seen


def accepts(knob: Knob, value: float) -> bool:
    try:
        knob.check(value)
    except ValueError:
        return False
    return True


@st.composite
def knob_and_value(draw: st.DrawFn) -> tuple[Knob, float]:
    knob = draw(st.sampled_from(KNOBS))
    if knob.scale == "flag":
        return knob, draw(st.sampled_from([0.0, 1.0]))
    if knob.scale in ("integer", "power_of_two"):
        return knob, float(draw(st.integers(int(knob.low), int(knob.high))))
    if knob.scale == "linear":
        return knob, draw(st.floats(-1e308, 0.0))
    value = draw(st.floats(0.0, 1.0 if knob.scale == "beta" else 1e308) | st.floats(0.0, 1e-300))
    return knob, value if accepts(knob, value) else knob.default


@pytest.mark.parametrize(
    ("knob", "start", "notches", "seen"),
    [
        (LR, 1e-3, 4, [0.002, 0.005, 0.01, 0.02]),
        (LR, 1e-3, -4, [0.0005, 0.0002, 0.0001, 5e-05]),
        (LR, 0.5, 4, [1.0, 2.0, 5.0, 10.0]),
        (LR, 2e-7, -3, [1e-7, 1e-7, 1e-7]),
        (LR, 500.0, 2, [1000.0, 1000.0]),
        (BETA, 0.9, 7, [0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995]),
        (BETA, 0.9, -5, [0.8, 0.5, 0.0, 0.0, 0.0]),
        (BETA, 0.999995, 4, [0.999998, 0.999999, 0.999999, 0.999999]),
        (NEEDED, 0.9, -4, [0.8, 0.5, 0.5, 0.5]),
        (DECAY, 0.0, 4, [1e-6, 2e-6, 5e-6, 1e-5]),
        (DECAY, 2e-6, -3, [1e-6, 0.0, 0.0]),
        (DECAY, 0.5, 2, [1.0, 1.0]),
        (FLAG, 0.0, 2, [1.0, 1.0]),
        (FLAG, 1.0, -2, [0.0, 0.0]),
        (EPOCHS, 3.0, -4, [2.0, 1.0, 1.0, 1.0]),
        (EPOCHS, 999.0, 2, [1000.0, 1000.0]),
        (BATCH, 64.0, 3, [128.0, 256.0, 512.0]),
        (BATCH, 2.0, -3, [1.0, 1.0, 1.0]),
        (BATCH, 32768.0, 2, [60000.0, 60000.0]),
        (BATCH, 60000.0, -2, [32768.0, 16384.0]),
        (EXPONENT, -0.8, 3, [-0.7, -0.6, -0.5]),
        (EXPONENT, -0.15, 3, [-0.1, 0.0, 0.0]),
        (EXPONENT, -1.9, -2, [-2.0, -2.0]),
    ],
)
def test_an_arrow_key_walks_along_the_notches_and_stops_at_the_ends(knob, start, notches, seen):
    assert walk(knob, start, notches) == seen


@pytest.mark.parametrize(
    ("knob", "value", "up", "down"),
    [
        (LR, 1e-3, 1e-2, 1e-4),
        (LR, 5e-2, 0.5, 5e-3),
        (BETA, 0.99, 0.999, 0.9),
        (DECAY, 1e-4, 1e-3, 1e-5),
        (DECAY, 5e-6, 5e-5, 0.0),
        (EPOCHS, 50.0, 60.0, 40.0),
        (EPOCHS, 5.0, 15.0, 1.0),
        (BATCH, 64.0, 256.0, 16.0),
        (EXPONENT, -0.8, -0.3, -1.3),
    ],
)
def test_a_coarse_notch_is_a_decade_ten_a_half_or_a_factor_of_four(knob, value, up, down):
    assert knob.turn(value, 1, coarse=True) == up
    assert knob.turn(value, -1, coarse=True) == down


@pytest.mark.parametrize(
    ("knob", "value", "up", "down"),
    [
        (LR, 3e-3, 5e-3, 2e-3),
        (LR, 0.0007, 0.001, 0.0005),
        (BETA, 0.93, 0.95, 0.9),
        (BETA, 0.3, 0.5, 0.0),
        (DECAY, 0.3, 0.5, 0.2),
        (DECAY, 3e-7, 1e-6, 0.0),
        (BATCH, 100.0, 128.0, 64.0),
    ],
)
def test_from_between_two_notches_the_next_one_in_that_direction_is_reached(knob, value, up, down):
    assert (knob.turn(value, 1), knob.turn(value, -1)) == (up, down)


@pytest.mark.parametrize(
    ("knob", "value", "up", "down"),
    [
        (LR, 5e5, 5e5, 1e3),
        (LR, 0.0, 1e-7, 0.0),
        (LR, 5e-324, 1e-7, 5e-324),
        (LR, 1e-12, 1e-7, 1e-12),
        (MOMENTUM, 1.0, 1.0, 0.999999),
        (BETA, 0.99999999, 0.99999999, 0.999999),
        (NEEDED, 0.1, 0.5, 0.1),
        (EXPONENT, -1e300, -2.0, -1e300),
    ],
)
def test_a_value_typed_beyond_the_notches_never_turns_the_wrong_way(knob, value, up, down):
    assert (knob.turn(value, 1), knob.turn(value, -1)) == (up, down)


@given(knob_and_value(), st.integers(-12, 12), st.booleans())
@example((LR, 5e-324), -1, True)
@example((LR, 1e308), 12, True)
@example((MOMENTUM, 1.0), -1, False)
@example((BATCH, 60000.0), 12, True)
def test_turning_gives_an_allowed_value_on_the_side_it_was_turned_to(case, notches, coarse):
    knob, value = case
    turned = knob.turn(value, notches, coarse=coarse)
    assert knob.check(turned) == turned
    if notches > 0:
        assert turned >= value
    elif notches < 0:
        assert turned <= value
    else:
        assert turned == value


@every_knob
def test_every_notch_is_found_again_after_a_turn_there_and_back(knob):
    lowest = knob.turn(knob.default, -2000)
    notches = [lowest]
    while (above := knob.turn(notches[-1], 1)) != notches[-1]:
        notches.append(above)
    assert len(notches) == len(set(notches)) > 1
    assert all(knob.turn(knob.turn(v, 1), -1) == v for v in notches[:-1])
    assert all(knob.turn(knob.turn(v, -1), 1) == v for v in notches[1:])
    assert notches[-1] == knob.turn(knob.default, 2000)


@given(knob_and_value(), st.integers(2, 9), st.sampled_from([1, -1]))
@example((BATCH, 32767.0), 2, 1)
def test_several_notches_at_once_are_as_many_single_ones(case, notches, direction):
    knob, value = case
    assert knob.turn(value, direction * notches) == walk(knob, value, direction * notches)[-1]


@pytest.mark.parametrize("scale", ["log", "log_off"])
def test_the_knobs_own_limits_hold_even_where_the_notches_would_go_on(scale):
    knob = Knob("x", "x", 0.1, scale, "", low=0.0, high=0.7)
    assert walk(knob, 0.2, 3) == [0.5, 0.7, 0.7]
    assert walk(replace(knob, high_excluded=True), 0.2, 3) == [0.5, 0.5, 0.5]
    assert Knob("x", "x", 0.1, "log", "", low=0.03).turn(0.05, -1) == 0.03


@given(knob_and_value())
def test_what_is_written_is_read_back_as_the_same_value(case):
    knob, value = case
    assert knob.parse(knob.format(value)) == value


@pytest.mark.parametrize(
    ("knob", "value", "text"),
    [
        (LR, 1e-3, "0.001"),
        (LR, 1e-8, "1e-08"),
        (LR, 3.0, "3"),
        (BETA, 0.999, "0.999"),
        (DECAY, 0.0, "off"),
        (DECAY, 0.01, "0.01"),
        (FLAG, 1.0, "on"),
        (FLAG, 0.0, "off"),
        (EPOCHS, 50.0, "50"),
        (BATCH, 64.0, "64"),
        (EXPONENT, -0.8, "-0.8"),
    ],
)
def test_values_as_text(knob, value, text):
    assert knob.format(value) == text


@pytest.mark.parametrize(
    ("knob", "text", "value"),
    [
        (LR, " 1E-3 ", 0.001),
        (LR, "1e−3", 0.001),
        (LR, "0", 0.0),
        (FLAG, "on", 1.0),
        (FLAG, "False", 0.0),
        (FLAG, "1", 1.0),
        (DECAY, "off", 0.0),
        (EPOCHS, "5e1", 50.0),
    ],
)
def test_typed_values_are_understood(knob, text, value):
    assert knob.parse(text) == value


@pytest.mark.parametrize(
    ("knob", "text", "message"),
    [
        (LR, "fast", "lr must be a number, not 'fast'"),
        (LR, "", "lr must be a number, not ''"),
        (LR, "-1", "lr must be at least 0, not -1"),
        (LR, "nan", "lr must be a finite number, at least 0, not nan"),
        (LR, "1e999", "lr must be a finite number, at least 0, not inf"),
        (LR, "off", "lr must be a number, not 'off'"),
        (DECAY, "on", "weight_decay must be a number, not 'on'"),
        (BETA, "1.0000001", "beta1 must be at least 0 and below 1, not 1.0000001"),
        (SEED, "4294967296", "seed must be at least 0 and at most 4294967295, not 4294967296"),
        (BETA, "1", "beta1 must be at least 0 and below 1, not 1"),
        (NEEDED, "0", "momentum must be above 0 and at most 1, not 0"),
        (MOMENTUM, "1.5", "momentum must be at least 0 and at most 1, not 1.5"),
        (FLAG, "2", "centered is a switch: 0 or 1, not 2"),
        (FLAG, "0.5", "centered is a switch: 0 or 1, not 0.5"),
        (EPOCHS, "2.5", "epochs must be a whole number, not 2.5"),
        (EPOCHS, "0", "epochs must be at least 1 and at most 1000, not 0"),
        (Knob("t", "t", 0.0, "integer", "", low=-math.inf), "inf", "t must be a finite number, not inf"),
        (Knob("t", "t", 0.0, "integer", "", low=-math.inf, high=3.0), "4", "t must be at most 3, not 4"),
    ],
)
def test_a_value_out_of_range_is_an_error_of_one_line_with_the_range(knob, text, message):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011, the whole message is compared below
        knob.parse(text)
    assert str(refusal.value) == message


@given(knob_and_value(), st.integers(1, 5))
def test_a_slider_moves_with_the_value_and_stays_on_its_rail(case, notches):
    knob, value = case
    here, there = knob.fraction(value), knob.fraction(knob.turn(value, notches))
    assert 0.0 <= here <= there <= 1.0


@every_knob
def test_a_slider_reaches_both_its_ends(knob):
    assert knob.fraction(knob.turn(knob.default, -2000)) == pytest.approx(0.0 if knob is not NEEDED else 1 / 18)
    assert knob.fraction(knob.turn(knob.default, 2000)) == pytest.approx(1.0)


def test_off_is_seen_apart_from_the_smallest_notch_on_a_slider():
    assert DECAY.fraction(0.0) == 0.0 < DECAY.fraction(1e-6)
