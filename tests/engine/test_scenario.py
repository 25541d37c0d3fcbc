"""A scenario survives its command line and its JSON unchanged; a wrong one is an error of one line."""

import dataclasses
import json
import math
import shlex

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.cli import playground
from adam_tui.cli.app import main
from adam_tui.engine.numbers import MINUS_SIGNS
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import (
    DEFAULT_STEPS,
    MAX_LANES,
    MAX_STEPS,
    Change,
    Lane,
    Scenario,
    parse_start,
    suggested_lane,
    suggested_lanes,
)
from adam_tui.engine.schedules import CONSTANT, KINDS, Schedule
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import compute_trajectory, plotted_surface
from adam_tui.ui.learn.pages import scenario_of

FORMULAS = ("x**2 + 3*y**2", "-x**2 - y", "sin(x)*cos(y) + x²/10", "abs(x) + y**4")


def knob_values(knob):
    if knob.scale == "flag":
        return st.sampled_from([0.0, 1.0])
    if knob.scale == "integer":
        return st.integers(int(max(knob.low, -1000)), int(min(knob.high, 1000))).map(float)
    low, high = max(knob.low, -1e308), min(knob.high, 1e308)
    return st.floats(low, high, exclude_min=knob.low_excluded, exclude_max=knob.high_excluded)


schedules = st.builds(
    Schedule,
    kind=st.sampled_from(KINDS),
    warmup=st.integers(0, 2**70),
    gamma=st.floats(0, 1, exclude_min=True),
    every=st.integers(1, 2**70),
)


@st.composite
def lanes(draw):
    rule = OPTIMIZERS[draw(st.sampled_from(sorted(OPTIMIZERS)))]
    chosen = draw(st.lists(st.sampled_from(rule.knobs), unique_by=lambda knob: knob.name))
    turned = draw(st.lists(st.tuples(st.integers(1, 2 * MAX_STEPS), st.sampled_from(rule.knobs)), max_size=3))
    return Lane.of(
        rule.name,
        {knob.name: draw(knob_values(knob)) for knob in chosen},
        draw(st.just(CONSTANT) | schedules),
        [Change(step, knob.name, draw(knob_values(knob))) for step, knob in turned],
    )


finite = st.floats(allow_nan=False, allow_infinity=False)
scenarios = st.builds(
    Scenario,
    surface=st.sampled_from(list(SURFACES)),
    function=st.none() | st.sampled_from(FORMULAS),
    lanes=st.lists(lanes(), min_size=1, max_size=MAX_LANES).map(tuple),
    start=st.none() | st.tuples(finite, finite),
    steps=st.integers(1, MAX_STEPS),
    noise=st.floats(0, 1e308),
    seed=st.integers(0, 2**64),
)


@settings(deadline=None)
@given(scenarios)
def test_the_command_line_of_a_scenario_restores_it(scenario):
    assert read_flags(playground.path, scenario.to_flags()) == scenario
    assert read_flags(main, scenario.to_flags()) == scenario


def read_flags(command, flags):
    """What the program's own option parser makes of them."""
    parameters = command.make_context("adam-tui", list(flags)).params
    names = {option.name for option in playground.scenario_options(lambda: None).__click_params__}
    return playground.build_scenario(**{name: value for name, value in parameters.items() if name in names})


@settings(deadline=None)
@given(scenarios)
def test_json_restores_a_scenario(scenario):
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json(), allow_nan=False))) == scenario


@given(scenarios)
def test_a_scenario_can_be_a_key(scenario):
    assert {scenario: 1}[dataclasses.replace(scenario)] == 1


def test_no_flags_and_an_empty_object_are_the_default_scenario():
    assert read_flags(playground.path, []) == Scenario() == Scenario.from_json({})
    assert Scenario().to_flags() == ["--surface", "bowl", "--lane", "adam:lr=0.1"]
    assert Scenario().steps == DEFAULT_STEPS


def test_without_a_lane_adam_runs_at_the_rate_that_suits_the_surface():
    [lane] = read_flags(playground.path, ["--surface", "rosenbrock"]).lanes
    assert lane == suggested_lane("adam", SURFACES["rosenbrock"]) != Scenario().lanes[0]


def test_flags_name_only_what_differs_from_the_defaults():
    scenario = Scenario(
        surface="ravine",
        lanes=(Lane.of("sgd"), Lane.of("adam", {"beta1": 0.95, "lr": 5e-4, "bias_correction": 0})),
        start=(-1.5, 2),
        noise=1e-8,
        seed=3,
    )
    assert scenario.to_flags() == [
        *("--surface", "ravine", "--lane", "sgd:lr=0.001", "--lane", "adam:lr=0.0005,beta1=0.95,bias_correction=0"),
        *("--start=-1.5,2", "--noise", "1e-08", "--seed", "3"),
    ]


def test_a_function_takes_the_place_of_the_surface():
    assert Scenario(surface="ravine", function="x*y") == Scenario(function="x*y")
    assert Scenario(surface="ravine", function="x*y").to_flags()[:2] == ["--function", "x*y"]


@pytest.mark.parametrize(
    "text", ["adam:lr=0.1,beta1=0.95", " adam : lr = 0.1 , beta1 = 0.95 ", "adam:beta1=.95,lr=1e-1"]
)
def test_a_lane_is_read_with_blanks_in_any_order(text):
    lane = Lane.parse(text)
    assert (lane["lr"], lane["beta1"], lane["beta2"]) == (0.1, 0.95, 0.999)
    assert lane == Lane.of("adam", {"lr": 0.1, "beta1": 0.95})
    assert hash(lane) == hash(Lane.of("adam", {"beta1": 0.95, "lr": 0.1}))


def test_switches_are_read_as_words():
    assert Lane.parse("rmsprop:centered=on,weight_decay=off") == Lane.of("rmsprop", {"centered": 1})


@pytest.mark.parametrize("flags", [["--surface", name] for name in SURFACES] + [["--function", "x**2 + 30*y**2"]])
def test_a_lane_without_lr_takes_the_suggestion_for_its_surface_everywhere(flags):
    field = {flags[0].removeprefix("--"): flags[1]}
    for first in range(0, len(OPTIMIZERS), MAX_LANES):
        names = list(OPTIMIZERS)[first : first + MAX_LANES]
        lanes = [flag for name in names for flag in ("--lane", name)]
        scenario = read_flags(playground.path, [*flags, *lanes])
        assert scenario.lanes == suggested_lanes(names, plotted_surface(scenario))
        assert Scenario.from_json(field | {"lanes": [{"optimizer": name} for name in names]}) == scenario
        assert scenario_of(shlex.join([*flags, *lanes])) == scenario, "on a page"
    assert Scenario.from_json(field) == read_flags(playground.path, flags), "without a lane"


def test_an_lr_of_default_is_torchs():
    [lane] = read_flags(playground.path, ["--surface", "beale", "--lane", "adam:lr=default"]).lanes
    assert lane == Lane.of("adam")


def test_a_turned_knob_is_a_new_lane():
    before = Lane.of("adam", {"beta1": 0.5})
    after = before.replaced("lr", 0.2)
    assert (after["lr"], after["beta1"], before["lr"]) == (0.2, 0.5, 1e-3)
    assert Scenario().with_lane(0, after).lanes == (after,)


def test_lanes_of_a_kind_are_numbered():
    adam, sgd = Lane.of("adam"), Lane.of("sgd")
    assert Scenario(lanes=(adam, sgd, adam, adam, sgd)).labels() == ("adam", "sgd", "adam-2", "adam-3", "sgd-2")


@settings(deadline=None)
@given(scenarios)
def test_labels_are_distinct(scenario):
    assert len(set(scenario.labels())) == len(scenario.lanes)


REFUSED_LANES = [
    ("", "''"),
    ("adm", "did you mean adam?"),
    ("Adam", "did you mean adam?"),
    ("adam:", "name=value"),
    ("adam:lr", "name=value"),
    ("adam:=3", "name=value"),
    ("adam:lr=", "lr must be a number"),
    ("adam:lr=fast", "lr must be a number, not 'fast'"),
    ("adam:lr=0.1,", "name=value"),
    ("adam:lr=0.1;beta1=0.9", "lr must be a number"),
    ("adam:lr=0.1,lr=0.2", "lr is given twice"),
    ("adam:lr=-1", "lr must be at least 0"),
    ("adam:lr=nan", "lr must be"),
    ("adam:lr=inf", "lr must be"),
    ("adam:beta1=1", "beta1 must be at least 0 and below 1"),
    ("adam:betas=0.9", "adam has no 'betas': did you mean beta"),
    ("sgd:momentum=0.9", "sgd has no 'momentum'"),
    ("rmsprop:centered=2", "centered is a switch"),
    ("rmsprop:centered=maybe", "centered must be a number"),
    ("adam\n:lr\n=\nx\ny", "'x\\ny'"),
    ("adam:lr@0=0.1", "after step 1 or later"),
    ("adam:lr@x=0.1", "must be a whole number, not 'x'"),
    ("adam:lr@5=-1", "lr must be at least 0"),
    ("adam:mu@5=1", "adam has no 'mu'"),
    ("adam:schedule=linear", "constant, step, exponential, cosine, not 'linear'"),
    ("adam:warmup=-1", "warmup must be a whole number"),
    ("adam:warmup=1.5", "warmup must be a whole number, not '1.5'"),
    ("adam:every=0", "every must be a whole number"),
    ("adam:gamma=0", "gamma must be above 0"),
    ("adam:gamma=nan", "gamma must be above 0"),
    ("adam:gamma=x", "gamma must be a number, not 'x'"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED_LANES)
def test_a_wrong_lane_is_an_error_of_one_line(text, message):
    assert message in refusal(Lane.parse, text)


@pytest.mark.parametrize("text", ["", "1", "1,", "1,2,3", "x,y", "1 2", "nan,0", "0,inf", "1;2", "(1,2)"])
def test_a_wrong_start_is_an_error_of_one_line(text):
    assert repr(text) in refusal(parse_start, text)


@pytest.mark.parametrize("minus", MINUS_SIGNS)
def test_a_start_may_have_any_minus_sign(minus):
    assert parse_start(f"{minus}1.5, {minus}2e{minus}3") == (-1.5, -0.002)


def test_a_start_is_two_numbers():
    assert parse_start("-1.5, 2e0") == (-1.5, 2.0)


REFUSED_FIELDS = [
    ({"surface": "bwol"}, "did you mean bowl?"),
    ({"surface": ""}, "no surface is called ''"),
    ({"lanes": ()}, f"1 to {MAX_LANES} lanes, not 0"),
    ({"lanes": (Lane.of("sgd"),) * (MAX_LANES + 1)}, f"lanes, not {MAX_LANES + 1}"),
    ({"steps": 0}, "steps must be from 1 to 100,000, not 0"),
    ({"steps": 100_001}, "steps must be from 1 to 100,000"),
    ({"start": (math.nan, 0.0)}, "finite"),
    ({"start": (0.0, math.inf)}, "finite"),
    ({"noise": -1.0}, "noise must be a finite number, at least 0, not -1"),
    ({"noise": math.nan}, "noise must be a finite number"),
    ({"noise": math.inf}, "noise must be a finite number"),
    ({"seed": -1}, "the seed must be a whole number, at least 0, not -1"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED_FIELDS)
def test_an_impossible_scenario_is_an_error_of_one_line(fields, message):
    assert message in refusal(lambda values: Scenario(**values), fields)


REFUSED_JSON = [
    ("[]", "a scenario is a JSON object, not []"),
    ("null", "a scenario is a JSON object"),
    ('"bowl"', "a scenario is a JSON object"),
    ("3", "a scenario is a JSON object"),
    ('{"surfaces": "bowl"}', "a scenario has no 'surfaces'"),
    ('{"surface": 3}', "surface must be a text, not 3"),
    ('{"surface": ["bowl"]}', "surface must be a text"),
    ('{"function": 3}', "function must be a text, not 3"),
    ('{"lanes": "adam"}', "lanes must be a list of objects"),
    ('{"lanes": ["adam"]}', "lanes must be a list of objects"),
    ('{"lanes": {"optimizer": "adam"}}', "lanes must be a list of objects"),
    ('{"lanes": [{"lr": 0.1}]}', "a lane needs an optimizer"),
    ('{"lanes": [{"optimizer": 1}]}', "optimizer must be a text"),
    ('{"lanes": [{"optimizer": "adam", "lr": "0.1"}]}', "lr must be a number, not '0.1'"),
    ('{"lanes": [{"optimizer": "adam", "lr": null}]}', "lr must be a number, not None"),
    ('{"lanes": [{"optimizer": "adam", "lr": true}]}', "lr must be a number, not True"),
    ('{"lanes": [{"optimizer": "adam", "lr": NaN}]}', "lr must be"),
    ('{"lanes": [{"optimizer": "adam", "lr": -1}]}', "lr must be at least 0, not -1"),
    (f'{{"lanes": [{{"optimizer": "adam", "lr": 1{"0" * 400}}}]}}', "lr is too large a number"),
    ('{"lanes": [{"optimizer": "adam", "momentum": 1}]}', "adam has no 'momentum'"),
    ('{"lanes": [{"optimizer": "adam", "schedule": "cosine"}]}', "a schedule is an object with kind"),
    ('{"lanes": [{"optimizer": "adam", "schedule": {"kind": 3}}]}', "kind must be a text, not 3"),
    ('{"lanes": [{"optimizer": "adam", "schedule": {"gamma": "a"}}]}', "gamma must be a number"),
    ('{"lanes": [{"optimizer": "adam", "changes": 3}]}', "changes must be a list, not 3"),
    ('{"lanes": [{"optimizer": "adam", "changes": [{"step": 3}]}]}', "step, name and value"),
    ('{"lanes": [{"optimizer": "adam", "changes": [{"step": 0, "name": "lr", "value": 1}]}]}', "after step 1 or later"),
    ('{"start": "12"}', "start must be two numbers, not '12'"),
    ('{"start": [1]}', "start must be two numbers"),
    ('{"start": [1, 2, 3]}', "start must be two numbers"),
    ('{"start": ["1", "2"]}', "start must be a number, not '1'"),
    ('{"start": [1, Infinity]}', "the start must be two finite numbers"),
    ('{"steps": 1.5}', "steps must be a whole number, not 1.5"),
    ('{"steps": "400"}', "steps must be a whole number, not '400'"),
    ('{"steps": true}', "steps must be a whole number"),
    ('{"steps": 0}', "steps must be from 1"),
    ('{"noise": "a"}', "noise must be a number"),
    ('{"noise": -1}', "noise must be a finite number"),
    ('{"seed": 0.5}', "seed must be a whole number"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED_JSON)
def test_wrong_json_is_an_error_of_one_line(text, message):
    assert message in refusal(Scenario.from_json, json.loads(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields_of_json = st.sampled_from([field.name for field in dataclasses.fields(Scenario)])


@given(st.dictionaries(fields_of_json, json_values, max_size=3) | json_values)
def test_any_json_is_a_scenario_or_an_error_of_one_line(data):
    try:
        read = Scenario.from_json(data)
    except ValueError as error:
        message = str(error)
    else:
        message = ""
        assert Scenario.from_json(read.to_json()) == read
    assert "\n" not in message
    assert len(message) < 400


def test_a_knob_that_the_optimizer_lacks_is_refused():
    assert "sgd has no 'beta1'" in refusal(Lane.of("sgd").__getitem__, "beta1")
    assert "sgd has no 'beta1'" in refusal(lambda name: Lane.of("sgd").replaced(name, 0.5), "beta1")


def refusal(read, value):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - every caller tests the message
        read(value)
    message = str(caught.value)
    assert "\n" not in message
    return message


PAIRS = [(optimizer, name) for name in SURFACES for optimizer in OPTIMIZERS]
# Of the plot's width, which is about 65 columns: two of them. RAdam on rosenbrock moves the least.
VISIBLE = 0.03


# Newton's method looks for points without slope, and ends on a hill or far out; on reddi there is no curvature in x,
# and the loss that a line search lowers there is another one in each step.
NOT_A_MINIMUM = {("newton", name) for name in ("himmelblau", "rastrigin", "ackley", "plateau", "reddi")}
NOT_A_MINIMUM |= {("armijo", "reddi"), ("bfgs", "reddi")}


@pytest.mark.parametrize(("optimizer", "name"), PAIRS)
def test_the_suggested_lane_moves_in_sight_and_does_not_diverge(optimizer, name):
    surface = SURFACES[name]
    lane = suggested_lane(optimizer, surface)
    mantissa = f"{lane['lr']:e}"[:8]
    path = compute_trajectory(surface, lane, surface.start, DEFAULT_STEPS, 0.0, 0)
    if (optimizer, name) in NOT_A_MINIMUM:
        assert not path.losses[-1] < path.losses[0]
        return
    if lane["lr"] != surface.descent_lr:  # which may lie between two
        assert mantissa in ("1.000000", "2.000000", "5.000000"), "on a notch"
    assert lane == Lane.of(optimizer, {"lr": lane["lr"]}), "all else is torch.optim's default"
    travelled = np.hypot(*(path.positions - path.positions[0]).T)
    assert travelled.max() > VISIBLE * surface.width
    if name != "saddle":  # no minimum: a lane that leaves it may diverge
        assert path.diverged_at is None
        assert path.losses[-1] < path.losses[0]


def test_a_race_has_each_optimizer_at_its_suggested_rate():
    bowl = SURFACES["bowl"]
    assert suggested_lanes(["sgd", "adam"], bowl) == (suggested_lane("sgd", bowl), suggested_lane("adam", bowl))
    assert [lane["lr"] for lane in suggested_lanes(["sgd", "adam"], bowl)] == [0.1, 0.1]
