import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_tui.engine.knobs import Knob
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.sweeps import space
from adam_tui.sweeps.plan import knobs_of
from adam_tui.sweeps.space import Range, Values

LR, BETA = knobs_of("adam")["lr"], knobs_of("adam")["beta1"]
EXPONENT = Knob("beta2_decay", "c", -0.8, "linear", "", low=-math.inf, high=0.0, notch_low=-2.0, notch_high=0.0)
BATCH, STEPS = knobs_of("adam")["batch_size"], knobs_of("muon")["ns_steps"]


@pytest.mark.parametrize(
    ("knob", "text", "dimension"),
    [
        (LR, "1e-4..1e-1", Range(1e-4, 0.1)),
        (LR, " 1e−4 .. 0.1 ", Range(1e-4, 0.1)),
        (LR, "1e-3,1e-2,default", Values((1e-3, 1e-2, 5e-4))),
        (LR, "0.1", Values((0.1,))),
        (BETA, "0.8..0.99", Range(0.8, 0.99)),
        (knobs_of("adam")["weight_decay"], "off,1e-4", Values((0.0, 1e-4))),
        (knobs_of("muon")["nesterov"], "off..on", Values((0.0, 1.0))),
        (BATCH, "32..256", Range(32.0, 256.0)),
    ],
)
def test_a_range_or_a_list_is_read_and_written(knob, text, dimension):
    assert space.parse_dimension(knob, text) == dimension
    assert space.parse_dimension(knob, space.format_dimension(knob, dimension)) == dimension
    assert space.dimension_from_json(dimension.to_json()) == dimension


@pytest.mark.parametrize(
    ("knob", "text", "message"),
    [
        (LR, "1e-1..1e-4", "a range rises"),
        (LR, "1e-3..1e-3", "a range rises"),
        (LR, "0..1e-3", "begins above 0"),
        (LR, "-1..1", "at least 0"),
        (LR, "1e-3,0.001", "lr has 0.001 twice"),
        (LR, "fast", "must be a number"),
        (LR, "1e-3,", "must be a number"),
        (BETA, "0.9..1", "below 1"),
        (BATCH, "30..256", "from one power of two to another"),
    ],
)
def test_a_wrong_range_is_one_clear_line(knob, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        space.parse_dimension(knob, text)
    assert "\n" not in str(caught.value)


def test_a_learning_rate_is_spread_by_its_logarithm_and_a_beta_by_its_distance_from_1():
    assert Range(1e-4, 1e-1).spread(LR, 4) == (1e-4, 1e-3, 1e-2, 1e-1)
    assert Range(0.9, 0.999).spread(BETA, 3) == (0.9, 0.99, 0.999)
    assert Range(32, 256).spread(BATCH, 4) == (32, 64, 128, 256)
    assert Range(1, 20).spread(STEPS, 3) == (1, 10, 20)
    assert Range(-1.0, 0.0).spread(EXPONENT, 3) == (-1.0, -0.5, 0.0)
    assert Range(1e-4, 1e-2).spread(LR, 1) == (1e-3,)


@given(st.integers(0, 2**32), st.integers(0, 10_000), st.integers(1, 6))
def test_every_value_lies_in_its_range(seed, number, dimensions):
    for place in space.point(seed, number, dimensions):
        assert 0 <= place < 1
        for knob, (low, high) in ((LR, (3e-7, 0.7)), (BETA, (0.0, 0.9999)), (BATCH, (1.0, 64.0)), (STEPS, (2.0, 5.0))):
            value = Range(low, high).at(knob, place)
            assert low <= value <= high
            assert knob.check(value) == value


def test_the_points_are_even_in_every_beginning_of_the_sequence():
    """The largest gap between n points of one dimension is at most 2.7 / n; that of random ones grows with log n."""
    for seed in range(5):
        for count in (5, 8, 27, 100):
            places = sorted(space.point(seed, n, 1)[0] for n in range(count))
            gaps = [b - a for a, b in zip(places, [*places[1:], places[0] + 1], strict=True)]
            assert max(gaps) <= 2.7 / count


def test_two_dimensions_are_filled_evenly():
    """Every one of 16 squares holds 8 of 256 points at least, where random points leave some with fewer."""
    points = [space.point(3, n, 2) for n in range(256)]
    counts = [sum(int(4 * x) == i and int(4 * y) == j for x, y in points) for i in range(4) for j in range(4)]
    assert min(counts) >= 12


def test_a_point_depends_on_the_seed_and_its_number_alone():
    assert space.point(7, 3, 2) == space.point(7, 3, 2)
    assert space.point(7, 3, 2) != space.point(8, 3, 2)


@pytest.mark.parametrize("name", TRAINING_OPTIMIZERS)
def test_the_usual_learning_rate_is_the_middle_of_its_range(name):
    knob = TRAINING_OPTIMIZERS[name].knob("lr")
    around = space.usual_lr_range(knob)
    assert math.sqrt(around.low * around.high) == pytest.approx(knob.default, rel=0.01)
    assert around.high / around.low == pytest.approx(900, rel=0.02)


def test_a_grid_is_every_combination_the_last_knob_fastest():
    dimensions = {"lr": Values((0.1, 0.2)), "beta1": Range(0.9, 0.99)}
    every = list(space.grid(knobs_of("adam"), dimensions, 2))
    assert every == [{"lr": lr, "beta1": beta} for lr in (0.1, 0.2) for beta in (0.9, 0.99)]


def test_a_flag_at_a_place_is_one_of_its_values():
    flag = Knob("f", "", 0.0, "flag", "")
    assert [Values((0.0, 1.0)).at(flag, place) for place in (0.0, 0.49, 0.5, 0.999)] == [0.0, 0.0, 1.0, 1.0]
