"""Every sentence of the scenarios that a page of Learn defines is true of the paths of its lanes."""

import numpy as np
import pytest

from adam_tui.engine.presets import PRESETS
from adam_tui.engine.trajectory import Trajectory, trajectories
from adam_tui.ui.learn.pages import pages

OWN = {each.name: each for page in pages() for each in page.tries if PRESETS.get(each.name) is not each}
CLAIMS = {}


def claim(*names: str):
    """Register a check of a scenario's sentence; it gets the paths of its lanes."""

    def register(check):
        CLAIMS.update(dict.fromkeys(names, check))
        return check

    return register


@pytest.mark.parametrize("name", OWN)
def test_the_sentence_is_true(name: str) -> None:
    CLAIMS[name](*trajectories(OWN[name].scenario))


def test_there_is_a_claim_for_every_scenario_and_no_other() -> None:
    assert CLAIMS.keys() == OWN.keys()


def passes(path: Trajectory) -> bool:
    """Whether a path from (−3.5, 2.5) visibly passes the minimum at the origin."""
    return bool(path.positions[:, 0].max() > 0.01)


@claim("optimization-1")
def _(adam):
    assert adam.positions[0].tolist() == [-3.5, 2.5]
    assert passes(adam)
    assert adam.converged_at is not None


@claim("rolling-3")
def _(little, usual, much):
    assert little.converged_at is None
    assert usual.converged_at is not None
    assert np.abs(much.positions[550:]).max() > 0.1
    assert np.ptp(np.sign(much.positions[400:, 0])) == 2, "it swings"


@claim("scaling-3")
def _(adagrad):
    assert adagrad.terms["Δ"][1, 0] == pytest.approx(0.5)
    assert (np.diff(adagrad.terms["G"][1:60], axis=0) > 0).all()


@claim("shared-moments-1")
def _(adam):
    assert (np.sign(adam.terms["Δ"][1:25]) == [1, -1]).all()


@claim("shared-moments-2")
def _(adam):
    assert np.array_equal(adam.positions[:, 0], adam.positions[:, 1]), "one m and one v do for both"
    assert adam.converged_at is not None


@claim("strengths-3")
def _(adam):
    from adam_tui.engine.scenario import Lane, Scenario

    assert adam.converged_at is not None
    [descent] = trajectories(Scenario("ravine", lanes=(Lane.parse("sgd:lr=0.1"),)))
    assert descent.diverged_at is not None


@claim("today-1", "adamw-2")
def _(scheduled, constant):
    assert scheduled.losses[-40:].mean() < constant.losses[-40:].mean() / 10


@claim("applications-1")
def _(short, usual):
    assert not passes(short)
    assert passes(usual)


@claim("network-1")
def _(adam):
    assert np.abs(adam.positions[-1] - adam.positions[0]).max() < 0.25


@claim("curves-1")
def _(high, fitting, low):
    assert high.losses[150:].mean() > 5 * fitting.losses[150:].mean()
    assert (np.diff(low.losses[::50]) < 0).all(), "still on its way"
    assert low.losses[-1] > high.losses[150:].mean()


@claim("adagrad-2")
def _(adagrad):
    assert (np.diff(np.abs(adagrad.terms["Δ"][1:60]), axis=0) < 0).all()


@claim("adadelta-1")
def _(usual, large):
    assert (np.diff(usual.terms["RMS[d]"][2:60, 0]) > 0).all()
    assert large.distance(100, [(0.0, 0.0)]) < 1e-3


@claim("amsgrad-2")
def _(amsgrad, adam):
    peak = int(np.nanargmax(adam.terms["v"][:, 0]))
    assert peak < adam.last / 4
    assert np.abs(amsgrad.positions - adam.positions).max() < 0.01


@claim("adamax-1")
def _(adamax, adam):
    assert (adamax.losses[2:40] > adam.losses[2:40]).all()


@claim("nadam-1")
def _(nadam, adam):
    assert nadam.positions[:, 0].max() < adam.positions[:, 0].max() / 3
    assert nadam.converged_at < adam.converged_at


@claim("nadam-2")
def _(full, nadam, adam):
    over, little, usual = (each.positions[:, 0].max() for each in (full, nadam, adam))
    assert usual - over < (usual - little) / 2, "less than half of the gain in overshoot"
    assert adam.converged_at - full.converged_at < (adam.converged_at - nadam.converged_at) / 2


@claim("edge-of-stability-2")
def _(calm, leaving):
    start = np.array([3.5, 0.25])
    assert np.hypot(*(calm.positions[-1] - start)) < 0.1
    assert np.hypot(*(leaving.positions[-1] - start)) > 0.5
    assert calm.converged_at is not None
    assert leaving.converged_at is not None


@claim("batch-size-1", "batch-size-2")
def _(sgd):
    assert 0.05 < sgd.losses[100:].mean() < 0.2


@claim("batch-size-3")
def _(adam):
    assert 0.02 < adam.losses[200:].mean() < 0.1


@claim("batch-size-4")
def _(double, fourfold):
    assert fourfold.losses[200:].mean() > 1.5 * double.losses[200:].mean()


@claim("clipping-2")
def _(descent, lion):
    assert descent.diverged_at <= 2
    assert lion.diverged_at is None
    assert np.abs(lion.terms["Δ"][1:]).max() <= 0.02 + 1e-12


@claim("schedule-free-1")
def _(cosine, constant):
    assert cosine.losses[100:200].mean() > constant.losses[100:].mean() / 3, "in the middle it has gained little"
    assert cosine.losses[-20:].mean() < constant.losses[100:].mean() / 10


@claim("own-function-1")
def _(constant, cosine):
    assert constant.losses[-50:].min() > 0.1
    assert (np.diff(np.sign(constant.positions[-50:, 0])) != 0).all(), "across the kink and back"
    assert cosine.losses[-1] < 1e-3


@claim("own-function-2")
def _(descent, momentum):
    assert descent.positions[-1, 0] > 1
    assert momentum.positions[-1, 0] < -1
    assert momentum.losses[-1] < descent.losses[-1]


@claim("own-optimizer-1")
def _(momentum, descent):
    x, b = momentum.positions[0], np.zeros(2)
    for point in momentum.positions[1:]:
        b = 0.9 * b + 2 * x
        x = x - 0.05 * b  # as the page's class computes; tests/classes run the class itself
        assert point == pytest.approx(x, rel=1e-12, abs=1e-15)
    assert np.abs(momentum.positions - descent.positions).max() > 0.1


@claim("radam-1")
def _(radam, adam):
    steps = radam.terms["Δ"]
    assert np.allclose(steps[1:6], -0.1 * radam.terms["m̂"][1:6])
    assert np.abs(steps[6:]).max() < 0.1


@claim("muon-1")
def _(muon, momentum):
    lengths = np.hypot(*muon.terms["Δ"][1:].T)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-9)
    slowing = np.hypot(*momentum.terms["Δ"][1:].T)
    assert slowing[-1] < 0.01 * slowing[0]


@claim("landscape-1")
def _(descent):
    x, y = descent.positions[-1]
    assert x * y == pytest.approx(1, abs=1e-3)
    assert x * x + y * y < 10 < 16, "λmax is below 2/lr where it comes to rest"


@claim("armijo-1")
def _(armijo, sgd):
    assert (np.diff(armijo.losses) <= 0).all()
    assert set(np.log2(armijo.terms["t"][1 : armijo.converged_at, 0])) <= set(range(-60, 1))
    assert sgd.diverged_at is not None


@claim("armijo-2")
def _(armijo, sgd):
    assert armijo.losses[-1] > armijo.losses[0] > sgd.losses[-1]


@claim("newton-1")
def _(newton, sgd):
    assert np.abs(newton.positions[1]).max() < 1e-12
    assert sgd.converged_at is None or sgd.converged_at > 100


@claim("newton-2")
def _(newton, saddle_free):
    assert newton.converged_at == 3
    assert newton.losses[-1] > newton.losses[0]
    assert saddle_free.losses[-1] < 1e-9


@claim("bfgs-1")
def _(bfgs, sgd):
    assert bfgs.converged_at is not None
    assert np.hypot(*(bfgs.positions[-1] - 1)) < 1e-6
    assert sgd.losses[-1] > 0.4 * sgd.losses[0]


@claim("lbfgs-1")
def _(lbfgs, bfgs):
    assert np.abs(lbfgs.positions - bfgs.positions).max() < 0.2


@claim("lbfgs-2")
def _(without, searching):
    assert np.abs(without.positions[-1]).min() > 5.12
    assert without.losses[-1] > without.losses[0] > searching.losses[-1]


@claim("sophia-1")
def _(sophia, newton):
    assert newton.losses[-1] > newton.losses[0]
    assert np.abs(sophia.terms["Δ"][1:]).max() <= 0.05 * (1 + 1e-12)
    assert sophia.losses[-1] < 1


@claim("asgd-1")
def _(asgd, sgd):
    average = asgd.terms["x̄"][-1]
    assert asgd.losses[300:].mean() == pytest.approx(sgd.losses[300:].mean())
    assert (average**2).sum() < 0.01 * asgd.losses[300:].mean()


@claim("rprop-1")
def _(*lanes):
    for rprop in lanes:
        assert rprop.losses[0] > 1000
        assert rprop.losses[-1] == pytest.approx(3.0)
        assert rprop.losses[50] < 4


@claim("rprop-2")
def _(rprop, sgd):
    assert np.ptp(rprop.positions[200:], axis=0).max() < 0.001
    assert np.ptp(sgd.positions[200:], axis=0).max() > 0.5


@claim("adafactor-1")
def _(adafactor, adam):
    lengths = np.hypot(*adafactor.terms["Δ"][1:].T)
    assert lengths[300:].max() < 0.01 * lengths[0]
    assert adafactor.converged_at is None
    assert adam.converged_at is not None


@claim("adafactor-2")
def _(adafactor):
    assert adafactor.converged_at is not None
    np.testing.assert_allclose(adafactor.positions[-1], [3.0, 2.0])


@claim("lamb-1")
def _(constant, falling):
    lengths = np.hypot(*constant.terms["Δ"][1:].T) / np.hypot(*constant.positions[:-1].T)
    np.testing.assert_allclose(lengths, 0.02)
    late = constant.positions[600:] - constant.positions[600:].mean(axis=0)
    assert np.ptp(np.sign(late), axis=0).tolist() == [2, 2], "it circles"
    assert falling.losses[-1] < 1e-6 < constant.losses[-1]


@claim("adan-1")
def _(own, short, adam):
    assert own.positions[:, 0].max() > 5 * adam.positions[:, 0].max()
    assert short.converged_at is not None
    assert adam.converged_at is not None
    assert short.converged_at < adam.converged_at


@claim("prodigy-1")
def _(prodigy):
    assert np.abs(prodigy.positions[20] - prodigy.positions[0]).max() < 0.05
    assert prodigy.terms["d"][30, 0] > 1000 * 1e-6
    assert prodigy.converged_at is not None


@claim("prodigy-2")
def _(prodigy):
    assert np.hypot(*prodigy.terms["Δ"][1:].T).max() > 4
    assert prodigy.converged_at is not None


@claim("sf-sgd-1")
def _(free, sgd):
    assert free.losses[300:].mean() < 0.1 * sgd.losses[300:].mean()


@claim("sf-adamw-1")
def _(free, adamw):
    assert free.losses[300:].mean() < 0.2 * adamw.losses[300:].mean()


@claim("ademamix-1")
def _(ademamix, adamw):
    assert ademamix.positions[200, 0] > adamw.positions[200, 0]
    assert ademamix.positions[:, 0].max() > 0.1
    assert ademamix.converged_at is None
    assert adamw.converged_at is not None


@claim("adopt-1")
def _(adopt, adam):
    assert adopt.positions[-1, 0] < -0.9
    assert adam.positions[-1, 0] > 0.9


@claim("soap-1")
def _(soap, adam):
    q = soap.terms["q"][-1]
    assert abs(abs(q[0]) - abs(q[1])) < 0.05, "its axes are the valley's"
    straight = soap.positions[100:] @ np.array([1.0, -1.0])
    assert np.abs(straight).max() < 0.5
    assert soap.losses[100] < 0.3 * adam.losses[100]


@claim("schedule-free-3")
def _(free, cosine):
    averaged = (free.terms["x"][300:] ** 2).sum(axis=1)
    assert averaged.mean() < 0.01
    assert averaged[0] < 0.5 * cosine.losses[300:310].mean(), "long before the end"
