"""The differences between published variants that docstrings name, and the numbers in these docstrings."""

import math

import numpy as np
import pytest
import pytorch_optimizer
import schedulefree
import torch
from numpy.testing import assert_allclose

from adam_tui.engine.optimizers import OPTIMIZERS, expand
from adam_tui.engine.surfaces import SURFACES

STEPS = 60


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def ours(name, gradients, start=(1.0, -2.0), **values):
    """The points (steps + 1, 2) along given gradients, and the terms of the steps."""
    rule = OPTIMIZERS[name]
    hyper = expand(rule.defaults() | values)
    x = np.array(start)
    state, points, terms = rule.init(x, hyper), [x], []
    for g in gradients:
        update = rule.update(g, state, x, hyper)
        x, state = x + update.delta, update.state
        points.append(x)
        terms.append(update.terms)
    return np.stack(points), terms


def theirs(make, gradients, start=(1.0, -2.0), shape=(2,)):
    """The points (steps + 1, 2) of an optimizer of torch, and the optimizer."""
    parameter = torch.nn.Parameter(torch.tensor(start).reshape(shape))
    optimizer = make([parameter])
    points = [parameter.detach().numpy().reshape(2).copy()]
    for g in gradients:
        parameter.grad = torch.tensor(g).reshape(shape)
        optimizer.step()
        points.append(parameter.detach().numpy().reshape(2).copy())
    return np.stack(points), optimizer


def test_the_average_of_asgd_is_the_mean_of_the_points_after_t0():
    points, terms = ours("asgd", noise(STEPS, 2), lr=0.1, t0=20.0)
    # The step after t0 still has the weight 1; each later one is averaged in.
    assert_allclose(terms[-1]["x̄"], points[22:].mean(axis=0), rtol=1e-12)
    assert_allclose(terms[19]["x̄"], points[20])


def test_the_rate_of_asgd_falls_by_a_percent_in_135_steps():
    _, terms = ours("asgd", np.zeros((140, 2)), lr=1.0)
    rates = [float(each["η"][0]) for each in terms]  # the rate of step t + 1 is computed after t steps
    assert next(t for t, rate in enumerate(rates) if rate <= 0.99) == 135


def test_rprop_pauses_where_the_sign_flips_and_does_not_take_the_step_back():
    points, _ = ours("rprop", np.array([[1.0, 1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]]), lr=0.1)
    moves = np.diff(points[:, 0])
    assert_allclose(moves, [-0.1, -0.12, 0.0, 0.06], atol=1e-15)  # in 1993 the third would be +0.12


def test_of_a_vector_torchs_adafactor_keeps_every_v():
    def state_of(shape):
        _, optimizer = theirs(torch.optim.Adafactor, noise(1, 2), shape=shape)
        (state,) = optimizer.state.values()
        return set(state)

    assert state_of((2,)) == {"step", "variance"}
    assert state_of((1, 2)) == {"step", "row_var", "col_var"}


def test_lamb_without_bias_correction_is_pytorch_optimizers_less_its_own_limits():
    values = {"lr": 0.1, "betas": (0.9, 0.99), "weight_decay": 0.1, "eps": 1e-30}

    def plain(params):
        optimizer = pytorch_optimizer.Lamb(params, weight_decouple=False, adam_debias=True, **values)
        optimizer.clamp = math.inf
        return optimizer

    gradients = noise(STEPS, 2)
    mine, _ = ours("lamb", gradients, lr=0.1, beta2=0.99, weight_decay=0.1, eps=1e-30, bias_correction=0.0)
    assert_allclose(mine, theirs(plain, gradients)[0], rtol=1e-11)
    first = np.array([[3.0, -1.0]])
    lengths = [
        np.hypot(*np.diff(points, axis=0)[0])
        for points in (
            ours("lamb", first, (30.0, 40.0), lr=0.01)[0],
            theirs(lambda params: pytorch_optimizer.Lamb(params, lr=0.01), first, (30.0, 40.0))[0],
        )
    ]
    # α times the norm of 50; and α / (1 − β1) times the limit of 10.
    assert_allclose(lengths, [0.5, 1.0], rtol=1e-5)


def test_prodigys_estimate_is_below_the_distance_on_the_bowl_and_never_falls():
    surface, rule = SURFACES["bowl"], OPTIMIZERS["prodigy"]
    hyper = expand(rule.defaults() | {"lr": 0.1})
    x = np.array(surface.start)
    state, estimates = rule.init(x, hyper), []
    for _ in range(300):
        update = rule.update(surface.gradient(x), state, x, hyper)
        x, state = x + update.delta, update.state
        estimates.append(update.terms["d"][0])
    assert (np.diff(estimates) >= 0).all()
    assert estimates[0] == 1e-6
    assert 1 < estimates[-1] < np.hypot(*surface.start)


@pytest.mark.parametrize(
    ("name", "kind", "own", "packages"),
    [
        ("sf-sgd", schedulefree.SGDScheduleFree, {"momentum": 0.8}, {"momentum": 0.8}),
        ("sf-adamw", schedulefree.AdamWScheduleFree, {"beta1": 0.8}, {"betas": (0.8, 0.999)}),
    ],
)
def test_the_x_of_schedule_free_is_the_packages_parameter_in_eval_mode(name, kind, own, packages):
    gradients = noise(STEPS, 2)

    def make(params):
        optimizer = kind(params, lr=0.1, warmup_steps=10, **packages)
        optimizer.train()
        return optimizer

    points, optimizer = theirs(make, gradients)
    mine, terms = ours(name, gradients, lr=0.1, warmup_steps=10.0, **own)
    assert_allclose(mine, points, rtol=1e-11, atol=1e-13)
    optimizer.eval()
    (parameter,) = optimizer.param_groups[0]["params"]
    assert_allclose(terms[-1]["x"], parameter.detach().numpy(), rtol=1e-11)


def test_the_algorithm_of_the_papers_schedule_free_adamw_corrects_alpha_instead_of_v():
    def make(params):
        optimizer = schedulefree.AdamWScheduleFreePaper(params, lr=0.1)
        optimizer.train()
        return optimizer

    gradients = noise(STEPS, 2)
    points, _ = theirs(make, gradients)
    mine, _ = ours("sf-adamw", gradients, lr=0.1)
    assert_allclose(mine[1], points[1], rtol=1e-6)  # the first step is α along each axis in both
    assert np.abs(mine - points).max() > 0.01


def test_the_warm_up_of_ademamix_is_that_of_the_authors_but_for_a_millionth():
    _, terms = ours("ademamix", noise(STEPS, 2), t_alpha_beta3=50.0)

    def half_life(beta):
        return math.log(0.5) / math.log(beta + 1e-8) - 1

    for t in (1, 20, 49, 60):
        done = min(t / 50, 1.0)
        authors = 0.5 ** (1 / ((1 - done) * half_life(0.9) + done * half_life(0.9999) + 1)) if t < 50 else 0.9999
        assert terms[t - 1]["β3_t"][0] == pytest.approx(authors, abs=1e-6)
        assert terms[t - 1]["a_t"][0] == pytest.approx(5 * done)


def test_the_first_move_of_adopt_is_limited_to_1_and_pytorch_optimizers_to_the_fourth_root_of_2():
    gradients = np.array([[1e-3, 1.0], [1.0, 1.0]])
    values = {"lr": 0.1, "weight_decay": 0.1}
    mine, _ = ours("adopt", gradients, decoupled_weight_decay=1.0, **values)
    other, _ = theirs(lambda params: pytorch_optimizer.ADOPT(params, weight_decouple=True, **values), gradients)
    assert mine[1].tolist() == [1.0, -2.0], "the first step only measures"
    assert_allclose(other[1], 0.99 * np.array([1.0, -2.0]))
    assert mine[2, 0] == pytest.approx(1.0 - 0.1 * 0.1 * 1.0 - 0.01)
    assert other[2, 0] == pytest.approx(0.99 * 0.99 - 0.1 * 0.1 * 2**0.25)
    wild, _ = ours("adopt", gradients, clip=0.0, lr=0.1)
    assert abs(wild[2, 0] - wild[1, 0]) > 5, "without the limit"


def test_soap_and_muon_differ_from_their_references_by_the_rounding_of_float32_and_bfloat16():
    gradients = noise(STEPS, 2)
    soap, _ = ours("soap", gradients, lr=0.1)
    reference, _ = theirs(lambda params: pytorch_optimizer.SOAP(params, lr=0.1), gradients, shape=(1, 2))
    assert 0 < np.abs(soap - reference).max() < 1e-5
    muon, _ = ours("muon", gradients, lr=0.1)
    reference, _ = theirs(lambda params: torch.optim.Muon(params, lr=0.1), gradients, shape=(1, 2))
    steps = np.abs(np.diff(muon, axis=0) - np.diff(reference, axis=0)).max()
    assert 0 < steps < 0.03 * 0.1  # bfloat16 has three digits, and five iterations


def test_torchs_muon_has_the_defaults_of_ours_and_refuses_a_vector():
    with pytest.raises(ValueError, match="2D"):
        torch.optim.Muon([torch.zeros(2)])
    group = torch.optim.Muon([torch.zeros(1, 2)]).param_groups[0]
    defaults = OPTIMIZERS["muon"].defaults()
    assert {name: float(group[name]) for name in defaults} == defaults


def test_muons_steps_have_one_length_by_the_number_of_iterations():
    for iterations, length in ((5.0, 0.70), (6.0, 1.12)):
        points, _ = ours("muon", 1e3 * noise(STEPS, 2), lr=1.0, weight_decay=0.0, ns_steps=iterations)
        lengths = np.hypot(*np.diff(points, axis=0).T)
        assert_allclose(lengths, length, atol=0.005)
        assert np.ptp(lengths) < 1e-12


def test_soap_walks_a_turned_valley_as_the_straight_one_and_adam_does_not():
    ravine = SURFACES["ravine"]
    angle = 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def losses(name, turned):
        rule = OPTIMIZERS[name]
        hyper = expand(rule.defaults() | {"lr": 0.1, "weight_decay": 0.0})
        x = turn @ np.array(ravine.start) if turned else np.array(ravine.start)
        state, seen = rule.init(x, hyper), []
        for _ in range(STEPS):
            at = turn.T @ x if turned else x
            g = ravine.gradient(at)
            update = rule.update(turn @ g if turned else g, state, x, hyper)
            x, state = x + update.delta, update.state
            seen.append(float(ravine.f(at)))
        return seen

    assert_allclose(losses("soap", True), losses("soap", False), rtol=1e-4)
    assert max(np.abs(np.subtract(losses("adam", True), losses("adam", False)))) > 1


def test_the_defaults_are_those_of_the_authors_packages():
    def knobs(name):
        return OPTIMIZERS[name].defaults()

    def group(kind):
        return kind([torch.zeros(1, 2, requires_grad=True)]).param_groups[0]

    for name, kind in {
        "sf-sgd": schedulefree.SGDScheduleFree,
        "sf-adamw": schedulefree.AdamWScheduleFree,
        "adan": pytorch_optimizer.Adan,
        "prodigy": pytorch_optimizer.Prodigy,
        "ademamix": pytorch_optimizer.AdEMAMix,
        "adopt": pytorch_optimizer.ADOPT,
        "soap": pytorch_optimizer.SOAP,
        "lamb": pytorch_optimizer.Lamb,
    }.items():
        packages = group(kind)
        packages |= {f"beta{place + 1}": beta for place, beta in enumerate(packages.get("betas", ()))}
        shared = {knob: value for knob, value in knobs(name).items() if packages.get(knob) is not None}
        assert {"lr"} < shared.keys()
        assert shared == {knob: float(packages[knob]) for knob in shared}, name
