"""What holds for the optimizers beyond their parity with torch: defaults, shapes, terms, and the odd cases."""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from objectives import Tilted

from adam_tui.engine.objective import Objective
from adam_tui.engine.optimizers import OPTIMIZERS, Optimizer, expand, find_optimizer
from adam_tui.engine.rule import GROUPS, join_parts, power
from adam_tui.engine.scenario import suggested_lr
from adam_tui.engine.surfaces import SURFACES

every_optimizer = pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=list(OPTIMIZERS))

# How torch computes, not what; and what makes one torch class several optimizers here.
MECHANICS = {"params", "foreach", "maximize", "capturable", "differentiable", "fused"}
# Knobs whose default is another than torch's: theirs would be plain SGD, a memory that two coordinates do not need, and
# no line search.
OWN_DEFAULTS = {
    "momentum": {"momentum": (0.9, 0)},
    "nesterov": {"momentum": (0.9, 0)},
    "lbfgs": {"history_size": (10, 100), "line_search_fn": ("strong_wolfe", None)},
}
VARIANTS = {
    "sgd": {"momentum", "dampening", "nesterov"},
    "momentum": {"nesterov"},
    "nesterov": {"nesterov", "dampening"},
    "adam": {"amsgrad", "decoupled_weight_decay"},
    "amsgrad": {"amsgrad", "decoupled_weight_decay"},
    "adamw": {"amsgrad"},
    "lbfgs": {"max_iter", "max_eval"},
}


def walk(rule: Optimizer, values, gradients, start):
    """The updates along a sequence of gradients (T, ..., 2)."""
    hyper, x = expand(values), np.array(start, float)
    state, seen = rule.init(x, hyper), []
    for g in np.asarray(gradients, float):
        g = np.broadcast_to(g, x.shape)
        update = rule.step(g, state, x, hyper, Tilted(g, x))
        seen.append(update)
        x, state = x + update.delta, update.state
    return seen


def noise(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_they_come_simplest_first():
    in_order = (
        "sgd momentum nesterov asgd armijo",
        "rprop adagrad adadelta rmsprop adam amsgrad adamw adamax nadam radam adafactor",
        "lion lamb adan prodigy sf-sgd sf-adamw ademamix adopt soap muon",
        "newton bfgs lbfgs sophia",
    )
    assert " ".join(OPTIMIZERS) == " ".join(in_order)
    assert all(name == rule.name for name, rule in OPTIMIZERS.items())


def test_each_group_is_one_part_of_the_list():
    listed = [group for group, _ in itertools.groupby(rule.group for rule in OPTIMIZERS.values())]
    assert listed == [group for group in GROUPS if group in listed]
    assert [name for name, rule in OPTIMIZERS.items() if rule.group == "first order"][:3] == [
        "sgd",
        "momentum",
        "nesterov",
    ]
    assert OPTIMIZERS["lion"].group == "recent"


@pytest.mark.parametrize("name", [name for name, rule in OPTIMIZERS.items() if rule.torch_name])
def test_the_knobs_and_defaults_are_those_of_torch(name):
    rule = OPTIMIZERS[name]
    parameters = inspect.signature(getattr(torch.optim, rule.torch_name)).parameters
    torchs = {key: p.default for key, p in parameters.items() if key not in MECHANICS | VARIANTS.get(name, set())}
    ours = join_parts(rule.defaults())
    if name == "adam":
        assert ours.pop("bias_correction") == 1.0
    if name == "lbfgs":
        ours["line_search_fn"] = "strong_wolfe" if ours.pop("strong_wolfe") else None
    for key, pair in OWN_DEFAULTS.get(name, {}).items():
        assert (ours.pop(key), torchs.pop(key)) == pair
    assert ours == torchs
    assert set(rule.torch_arguments) <= set(parameters)


def test_lions_defaults_are_those_of_its_paper():
    assert OPTIMIZERS["lion"].torch_name is None
    assert OPTIMIZERS["lion"].defaults() == {"lr": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}


@every_optimizer
def test_every_default_is_a_value_that_its_own_knob_allows(rule):
    assert {knob.name: knob.check(knob.default) for knob in rule.knobs} == rule.defaults()


@every_optimizer
def test_the_rule_is_written_in_the_symbols_of_the_knobs(rule):
    text = " ".join(rule.rule)
    for knob in rule.knobs:
        assert all(symbol in text for symbol in knob.symbol.split()), knob.symbol


@every_optimizer
def test_torch_accepts_what_the_arrow_keys_reach(rule):
    for knob in rule.knobs:
        for value in (knob.turn(knob.default, -1000), knob.turn(knob.default, 1000)):
            knob.check(value)
            if rule.torch_name and knob.name != "bias_correction":
                values = join_parts(rule.defaults() | {knob.name: value})
                values.pop("bias_correction", None)
                if values.pop("strong_wolfe", None):
                    values["line_search_fn"] = "strong_wolfe"
                getattr(torch.optim, rule.torch_name)([torch.zeros(2)], **values, **rule.torch_arguments)


def test_an_unknown_name_is_refused_in_one_line_that_lists_the_known():
    with pytest.raises(ValueError, match=r"^adam has no 'momentum': choose from lr, beta1, beta2, eps, weight_decay"):
        OPTIMIZERS["adam"].knob("momentum")
    with pytest.raises(ValueError, match=r"^no optimizer is called 'Adm': did you mean adam\? choose from sgd, mom"):
        find_optimizer("Adm")
    assert OPTIMIZERS["adam"].knob("beta2").default == 0.999
    assert find_optimizer("nadam") is OPTIMIZERS["nadam"]


def test_arrays_get_the_axis_of_the_coordinates_and_numbers_stay_numbers():
    hyper = expand({"lr": np.ones((3, 4)), "eps": np.float64(1e-8), "beta1": np.array(0.9)})
    assert hyper["lr"].shape == (3, 4, 1)
    assert type(hyper["eps"]) is float
    assert hyper["beta1"].shape == (1,)


def varied(rule: Optimizer, count: int) -> dict:
    """Every knob of the optimizer as an array of `count` different values, flags on and off."""
    rng = np.random.default_rng(7)
    ends = {"log": (1e-6, 0.1), "log_off": (0.0, 0.1), "beta": (0.5, 0.99), "flag": (0.0, 1.0), "integer": (1.0, 5.0)}
    values = {}
    for knob in rule.knobs:
        low, high = ends.get(knob.scale, (knob.notch_low, knob.notch_high))
        values[knob.name] = rng.uniform(max(low, knob.low), max(high, 1.5 * knob.low), count)
        if knob.scale == "flag":
            values[knob.name] = np.arange(count) % 2.0
        if knob.scale == "integer":
            values[knob.name] = 1.0 + np.arange(count)
        if knob.name in ("weight_decay", "momentum", "lr_decay"):
            values[knob.name][::3] = 0.0
    return values


@every_optimizer
def test_a_grid_of_hyperparameters_is_as_many_single_ones(rule):
    count, steps = 6, 40
    values, gradients = varied(rule, count), noise(steps, count, 2)
    start = noise(count, 2, seed=1)
    together = walk(rule, values, gradients, start)
    for i in range(count):
        alone = walk(rule, {name: v[i] for name, v in values.items()}, gradients[:, i], start[i])
        for a, b in zip(together, alone, strict=True):
            assert_array_equal(a.delta[i], b.delta)
            assert list(a.terms) == list(b.terms)
            for symbol in a.terms:
                assert_array_equal(a.terms[symbol][i], b.terms[symbol])


@every_optimizer
@pytest.mark.parametrize(("start", "grid"), [((), (3, 4)), ((3, 4), ()), ((3, 1), (4,)), ((4,), (3, 1))])
def test_one_start_and_a_grid_of_learning_rates_give_a_grid_of_paths(rule, start, grid):
    values = rule.defaults() | {"lr": np.geomspace(1e-3, 1e-1, math.prod(grid)).reshape(grid)}
    x = noise(*start, 2)
    for update in walk(rule, values, noise(3, 2), x):
        assert update.delta.shape == (*np.broadcast_shapes(start, grid), 2)
        assert {term.shape for term in update.terms.values()} == {update.delta.shape}


@every_optimizer
def test_an_update_leaves_what_it_was_given_as_it_was(rule):
    x, g, hyper = noise(3, 2), noise(3, 2, seed=1), expand(varied(rule, 3))
    state = rule.init(x, hyper)
    _, state, _ = rule.step(g, state, x, hyper, Tilted(g, x))
    given = [x, g, *(part for part in state if isinstance(part, np.ndarray))]
    copies = [array.copy() for array in given]
    first = rule.step(g, state, x, hyper, Tilted(g, x))
    again = rule.step(g, state, x, hyper, Tilted(g, x))
    for array, copy in zip(given, copies, strict=True):
        assert_array_equal(array, copy)
    assert_array_equal(first.delta, again.delta)
    assert (state.step, first.state.step) == (1, 2)


# The last line of each rule, from the terms that the inspector shows: λ is off, α is 0.1, ε is 1e-3.
LAST_LINE = {
    "sgd": lambda t: -0.1 * t["g"],
    "momentum": lambda t: -0.1 * t["b"],
    "nesterov": lambda t: -0.1 * (t["g"] + 0.9 * t["b"]),
    "asgd": lambda t: -t["η"] * t["g"] - t["η·ζ·x"],
    "rprop": lambda t: -t["s"] * t["sign(g)"],
    "adagrad": lambda t: -t["α_t"] * t["g"] / (np.sqrt(t["G"]) + 1e-3),
    "adadelta": lambda t: -0.1 * t["RMS[d]"] / t["RMS[g]"] * t["g"],
    "rmsprop": lambda t: -0.1 * t["g"] / (np.sqrt(t["v"]) + 1e-3),
    "adam": lambda t: -0.1 * t["m̂"] / (np.sqrt(t["v̂"]) + 1e-3),
    "amsgrad": lambda t: -0.1 * t["m̂"] / (np.sqrt(t["v̂"]) + 1e-3),
    "adamw": lambda t: -0.1 * t["m̂"] / (np.sqrt(t["v̂"]) + 1e-3) - t["α·λ·x"],
    "adamax": lambda t: -0.1 * t["m̂"] / t["u"],
    "nadam": lambda t: -0.1 * t["m̂"] / (np.sqrt(t["v̂"]) + 1e-3),
    "radam": lambda t: -t["α_eff"] * t["m̂"],
    "adafactor": lambda t: -t["ρ"] * t["u"],
    "lion": lambda t: -0.1 * np.sign(t["c"]),
    "lamb": lambda t: -0.1 * t["‖x‖/‖r‖"] * t["m̂"] / (np.sqrt(t["v̂"]) + 1e-3),
    "adan": lambda t: -0.1 * (t["m̂"] + 0.92 * t["v̂"]) / (np.sqrt(t["n̂"]) + 1e-3),
    "prodigy": lambda t: -t["γ"] * t["m"] / (np.sqrt(t["v"]) + t["d"] * 1e-3),
    "sf-sgd": lambda t: 0.1 * t["z"] + 0.9 * t["x"] - t["point"],
    "sf-adamw": lambda t: 0.1 * t["z"] + 0.9 * t["x"] - t["point"],
    "ademamix": lambda t: -t["α_eff"] * (t["m̂1"] + 5 * t["m2"]),
    "adopt": lambda t: -0.1 * t["m"],
    "soap": lambda t: -t["α_t"] * t["u"] - t["α·λ·x"],
    "muon": lambda t: -0.1 * t["O"] - t["α·λ·x"],
    "armijo": lambda t: -t["t"] * t["g"],
    "newton": lambda t: -0.1 * t["d"],
    "bfgs": lambda t: t["t"] * t["d"],
    "lbfgs": lambda t: t["t"] * t["d"],
    "sophia": lambda t: -0.1 * t["d"],
}


@every_optimizer
def test_the_terms_shown_add_up_to_the_step(rule):
    values = rule.defaults() | {"lr": 0.1}
    if "eps" in values:
        values["eps"] = 1e-3
    point = np.array([1.0, -2.0])
    for update in walk(rule, values, noise(30, 2), point):
        last_line = LAST_LINE[rule.name](update.terms | {"point": point})
        assert_allclose(update.delta, last_line, rtol=1e-12, atol=1e-14)
        point = point + update.delta


# Prodigy does not move before it has seen a slope.
DECAYING = [rule for rule in OPTIMIZERS.values() if "weight_decay" in rule.defaults() and rule.name != "prodigy"]


@pytest.mark.parametrize("rule", DECAYING, ids=lambda rule: rule.name)
def test_weight_decay_pulls_to_the_origin_where_there_is_no_slope(rule):
    values = rule.defaults() | {"lr": 0.01, "weight_decay": 0.1}
    x = np.array([2.0, -3.0])
    *_, update = walk(rule, values, np.zeros((2, 2)), x)  # the first step of SOAP does not move
    assert_array_equal(np.sign(update.delta), -np.sign(x))


@pytest.mark.parametrize("name", ["adamw", "lion", "nadam", "radam", "adafactor", "ademamix", "muon"])
def test_decoupled_weight_decay_shrinks_the_point_by_a_fixed_share(name):
    rule = OPTIMIZERS[name]
    values = rule.defaults() | {"lr": 0.01, "weight_decay": 0.1}
    if "decoupled_weight_decay" in values:
        values["decoupled_weight_decay"] = 1.0
    for update, steps in zip(walk(rule, values, np.zeros((5, 2)), (2.0, -3.0)), range(5), strict=True):
        assert_allclose(update.delta, -0.001 * np.array([2.0, -3.0]) * 0.999**steps, rtol=1e-12)


def test_the_first_step_of_adam_is_the_learning_rate_along_each_axis_however_steep():
    (update,) = walk(OPTIMIZERS["adam"], OPTIMIZERS["adam"].defaults() | {"lr": 0.1}, [[1e-3, -1e6]], (0.0, 0.0))
    assert_allclose(update.delta, [-0.1, 0.1], rtol=1e-4)


def test_without_bias_correction_adams_first_step_is_three_times_too_long():
    adam = OPTIMIZERS["adam"]
    values = adam.defaults() | {"lr": 0.1, "bias_correction": 0.0}
    (update,) = walk(adam, values, [[5.0, -5.0]], (0.0, 0.0))
    assert_allclose(update.delta, np.array([-0.1, 0.1]) * (1 - 0.9) / math.sqrt(1 - 0.999), rtol=1e-6)
    assert_array_equal(update.terms["m̂"], update.terms["m"])
    assert_array_equal(update.terms["v̂"], update.terms["v"])


def test_adam_without_bias_correction_follows_the_algorithm_less_two_lines():
    adam, gradients = OPTIMIZERS["adam"], noise(300, 2)
    values = {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "weight_decay": 0.0, "bias_correction": 0.0}
    updates = walk(adam, values, gradients, (1.0, -1.0))
    for axis in (0, 1):
        m = v = 0.0
        for g, update in zip(gradients[:, axis], updates, strict=True):
            m = 0.8 * m + 0.2 * float(g)
            v = 0.95 * v + 0.05 * float(g) ** 2
            assert update.delta[axis] == pytest.approx(-0.02 * m / (math.sqrt(v) + 1e-6), rel=1e-12, abs=1e-15)


def test_each_coordinate_has_moments_of_its_own():
    (update,) = walk(OPTIMIZERS["adam"], OPTIMIZERS["adam"].defaults(), [[3.0, 0.0]], (1.0, 1.0))
    assert update.delta[0] != 0
    assert update.delta[1] == 0


def test_the_step_size_of_adagrad_and_amsgrad_never_grows():
    gradients = noise(200, 2) * np.geomspace(10, 0.01, 200)[:, None]
    adagrad = [
        u.terms["α_eff"] for u in walk(OPTIMIZERS["adagrad"], OPTIMIZERS["adagrad"].defaults(), gradients, (0, 0))
    ]
    amsgrad = [
        u.terms["v_max"] for u in walk(OPTIMIZERS["amsgrad"], OPTIMIZERS["amsgrad"].defaults(), gradients, (0, 0))
    ]
    assert (np.diff(adagrad, axis=0) <= 0).all()
    assert (np.diff(amsgrad, axis=0) >= 0).all()


@every_optimizer
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, 0.0])
@pytest.mark.parametrize("arrays", [False, True], ids=["numbers", "arrays"])
def test_no_gradient_and_no_point_makes_an_update_raise(rule, bad, arrays):
    values = varied(rule, 3) if arrays else rule.defaults()
    shape = (3, 2) if arrays else (2,)
    with np.errstate(all="ignore"):
        for start in (1.0, bad):
            updates = walk(rule, values, np.full((4, *shape), bad), np.full(shape, start))
            assert all(update.delta.shape == shape for update in updates)


@every_optimizer
@pytest.mark.parametrize("edge", [0.0, 0.6, 0.999999])
def test_every_decay_rate_may_stand_at_its_edges(rule, edge):
    values = {knob.name: edge if knob.scale == "beta" else knob.default for knob in rule.knobs}
    for update in walk(rule, values, noise(20, 2), (1.0, 1.0)):
        assert np.isfinite(update.delta).all()


@every_optimizer
def test_the_suggested_learning_rate_is_seen_to_move_and_does_not_leap(rule):
    for name in ("bowl", "rosenbrock"):
        surface = SURFACES[name]
        hyper = expand(rule.defaults() | {"lr": suggested_lr(rule, surface)})
        x, longest = np.array(surface.start), 0.0
        state, objective = rule.init(x, hyper), Objective(surface)
        for _ in range(400):
            delta, state, _ = rule.step(surface.gradient(x), state, x, hyper, objective)
            x, longest = x + delta, max(longest, np.hypot(*delta) / surface.width)
        assert longest < 0.12 or rule.evaluations is not None  # such a step may be the whole way
        assert surface.f(x) < 0.5 * surface.f(np.array(surface.start))
        if name == "bowl":
            assert surface.f(x) < 0.1  # from 18.5


def test_parts_become_the_tuples_of_a_class_and_a_missing_one_is_none():
    assert join_parts({"lr": 0.1, "beta2": 0.9, "beta1": 0.5, "eps2": 1e-3}) == {
        "lr": 0.1,
        "betas": (0.5, 0.9),
        "eps": (None, 1e-3),
    }
    assert join_parts({"beta1": 1.0, "beta2": 2.0, "beta3": 3.0}) == {"betas": (1.0, 2.0, 3.0)}


def test_a_power_beyond_the_floats_is_infinite_for_a_number_as_for_an_array():
    with np.errstate(all="ignore"):
        for base, exponent in ((1e300, 2.0), (0.0, -0.8)):
            assert power(base, exponent) == power(np.array([base]), exponent)[0] == math.inf
