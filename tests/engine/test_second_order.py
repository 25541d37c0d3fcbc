"""The rules that evaluate more than one gradient take the steps of their references; evaluations are counted.

References: torch.optim.LBFGS, torch's strong Wolfe search, scipy.optimize.BFGS, pytorch-optimizer's SophiaH,
numpy.linalg, and Armijo's search written in plain Python. As in test_optimizers_parity.py a rule is fed the points of
the reference's path, so that a chaotic path is compared step by step too.
"""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from objectives import counting
from pytorch_optimizer import SophiaH
from torch.optim.lbfgs import _strong_wolfe

from adam_tui.engine.objective import Objective
from adam_tui.engine.optimizers import OPTIMIZERS, expand
from adam_tui.engine.scenario import Lane, Scenario, suggested_lane
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import gradient_noise, trajectories

TOLERANCE = 1e-12
# L-BFGS divides differences of gradients, and its search differences of losses: both amplify rounding.
AMPLIFIED, FEWER_STEPS = 1e-8, 25
LONG_SEARCH = 6  # evaluations; a longer search extrapolates from points that almost coincide
STEPS = 40
SEARCHING = [name for name, rule in OPTIMIZERS.items() if rule.evaluations is not None]
surfaces = st.sampled_from(sorted(set(SURFACES) - {"reddi"})).map(SURFACES.get)


def near(ours, theirs, message="", tolerance=TOLERANCE):
    scale = max(1.0, float(np.abs(theirs).max()))
    assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, err_msg=message)


def walk(rule, values, path, objective):
    """The updates of a rule that is fed the points of a path (T, 2)."""
    hyper = expand(values)
    state = rule.init(path[0], hyper)
    with np.errstate(all="ignore"):
        for t, x in enumerate(path, 1):
            objective.begin(t, x)
            update = rule.step(objective.gradient(x), state, x, hyper, objective)
            state = update.state
            yield update


def start_of(surface, data):
    x_min, x_max, y_min, y_max = surface.bounds
    return np.array([data.draw(st.floats(x_min, x_max)), data.draw(st.floats(y_min, y_max))])


def torch_point(surface, noise):
    """A function of x and step with torch's loss, whose gradient is the surface's in numpy, with the step's noise."""

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(context, x, step, begin):
            at = x.detach().numpy()
            slope = np.zeros(2) if noise is None else noise[step - 1]
            context.slope = torch.from_numpy(surface.gradient(at) + slope)
            return torch.tensor(float(surface.f(at)) + float(slope @ (at - begin)), dtype=torch.float64)

        @staticmethod
        def backward(context, grad):
            return grad * context.slope, None, None

    return Loss.apply


@settings(max_examples=24, deadline=None)
@given(data=st.data(), surface=surfaces, searches=st.booleans(), noisy=st.booleans())
def test_lbfgs_walks_as_torch_does(data, surface, searches, noisy):
    values = OPTIMIZERS["lbfgs"].defaults() | {
        "strong_wolfe": float(searches),
        "history_size": float(data.draw(st.sampled_from([1, 2, 5, 100]))),
        "lr": data.draw(st.sampled_from([0.15, 0.5, 1.0, 2.0])),  # 0.1 leaves exactly the share c2 of a slope
        "tolerance_grad": data.draw(st.sampled_from([0.0, 1e-7, 1e-2])),
        "tolerance_change": data.draw(st.sampled_from([0.0, 1e-9, 1e-3])),
    }
    start, noise = start_of(surface, data), gradient_noise(0.3, 5, STEPS) if noisy else None
    p = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [p],
        lr=values["lr"],
        max_iter=1,
        max_eval=26,
        history_size=int(values["history_size"]),
        tolerance_grad=values["tolerance_grad"],
        tolerance_change=values["tolerance_change"],
        line_search_fn="strong_wolfe" if searches else None,
    )
    loss, path = torch_point(surface, noise), [start]
    with np.errstate(all="ignore"):
        for step in range(1, FEWER_STEPS + 1):
            begin = path[-1]

            trials = 0

            def closure(step=step, begin=begin):
                nonlocal trials
                trials += 1
                optimizer.zero_grad()
                value = loss(p, step, begin)
                value.backward()
                return value

            optimizer.step(closure)
            path.append(p.detach().numpy().copy())
            if trials > LONG_SEARCH or not np.abs(path[-1]).max() < surface.width:
                break
    path = np.array(path[:-1])  # the last step amplifies rounding
    if len(path) < 2:
        return
    objective = Objective(surface, noise)
    for t, update in enumerate(walk(OPTIMIZERS["lbfgs"], values, path[:-1], objective)):
        near(update.delta, path[t + 1] - path[t], f"step {t + 1}", AMPLIFIED)


def test_lbfgs_evaluates_as_often_as_torch_says():
    [path] = trajectories(Scenario.parse(("lbfgs",), surface="rosenbrock", steps=40))
    p = torch.tensor(path.positions[0], requires_grad=True)
    optimizer = torch.optim.LBFGS([p], max_iter=1, max_eval=26, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        value.backward()
        return value

    for step in range(1, 19):  # later the valley amplifies rounding, which may decide on one trial more
        optimizer.step(closure)
        assert path.evaluations_at(step)[:2] == (optimizer.state[p]["func_evals"],) * 2


@settings(max_examples=20, deadline=None)
@given(data=st.data(), surface=surfaces, noisy=st.booleans())
def test_bfgs_has_scipys_matrix_and_torchs_search(data, surface, noisy):
    values = OPTIMIZERS["bfgs"].defaults() | {
        "lr": data.draw(st.sampled_from([0.5, 1.0])),
        "c1": data.draw(st.sampled_from([1e-4, 0.1])),
        "c2": data.draw(st.sampled_from([0.3, 0.9])),
    }
    noise = gradient_noise(0.3, 5, STEPS) if noisy else None
    objective = Objective(surface, noise)
    strategy = scipy.optimize.BFGS(exception_strategy="skip_update")  # min_curvature 1e-8, init_scale auto
    strategy.initialize(2, "inv_hess")
    x, hyper = start_of(surface, data), expand(values)
    state, before = OPTIMIZERS["bfgs"].init(x, hyper), None
    with np.errstate(all="ignore"):
        for step in range(1, 25):
            objective.begin(step, x)
            g = objective.gradient(x)
            if not np.isfinite(g).all() or np.abs(x).max() > surface.width or np.abs(g).max() < 1e-5:
                break
            if before is not None and (x != before[0]).any() and (g != before[1]).any():
                strategy.update(x - before[0], g - before[1])
            update = OPTIMIZERS["bfgs"].step(g, state, x, hyper, objective)
            matrix = strategy.get_matrix()
            estimate = np.stack([update.terms["B⁻¹₁"], update.terms["B⁻¹₂"]])
            # x − before is rounded, and a short step amplifies that.
            assert_allclose(estimate, matrix, rtol=1e-5, atol=1e-9 * np.abs(matrix).max())
            d = torch.from_numpy(update.terms["d"])

            def evaluate(at, t, d):
                moved = (at + t * d).numpy()
                return float(objective.loss(moved)), torch.from_numpy(objective.gradient(moved))

            first = values["lr"] * (min(1.0, 1.0 / np.abs(g).sum()) if step == 1 else 1.0)
            at, slope = torch.from_numpy(x), torch.from_numpy(g)
            *_, t, _ = _strong_wolfe(
                evaluate, at, first, d, float(objective.loss(x)), slope, slope.dot(d), values["c1"], values["c2"]
            )
            if t > 100 * first:  # a search to infinity, which amplifies rounding
                break
            assert update.terms["t"][0] == pytest.approx(float(t), rel=1e-7)
            before, state = (x, g), update.state
            x = x + update.delta


@pytest.mark.parametrize("name", ["bowl", "rosenbrock", "beale"])
def test_bfgs_ends_where_scipys_minimize_does(name):
    surface = SURFACES[name]
    theirs = scipy.optimize.minimize(surface.f, surface.start, jac=surface.gradient, method="BFGS")
    [path] = trajectories(Scenario.parse(("bfgs",), surface=name))
    assert_allclose(path.positions[-1], theirs.x, atol=1e-4)
    losses, _, _ = path.evaluations_at(path.converged_at)
    assert losses < 2.5 * theirs.nfev  # its search interpolates more cleverly


@settings(max_examples=40, deadline=None)
@given(data=st.data(), surface=surfaces, saddle_free=st.booleans())
def test_newtons_step_solves_the_equations(data, surface, saddle_free):
    values = OPTIMIZERS["newton"].defaults() | {"saddle_free": float(saddle_free), "lr": 0.7}
    values["damping"] = data.draw(st.sampled_from([0.0, 0.5, 20.0]))
    x = start_of(surface, data)
    hessian = surface.hessian(x)
    curvatures, axes = np.linalg.eigh(hessian)
    if saddle_free:
        hessian = axes @ np.diag(np.abs(curvatures)) @ axes.T
    matrix = hessian + values["damping"] * np.eye(2)
    [update] = walk(OPTIMIZERS["newton"], values, x[np.newaxis], Objective(surface))
    if np.linalg.cond(matrix) < 1e6:
        expected = -0.7 * np.linalg.solve(matrix, surface.gradient(x))
        assert_allclose(update.delta, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), surface=surfaces)
def test_sophia_walks_as_pytorch_optimizers_does_with_the_exact_diagonal(data, surface):
    values = OPTIMIZERS["sophia"].defaults() | {
        "lr": surface.width * data.draw(st.sampled_from([1e-3, 1e-2])),
        "rho": data.draw(st.sampled_from([0.01, 0.5])),
        "beta1": data.draw(st.floats(0, 0.99)),
        "beta2": data.draw(st.floats(0, 0.99)),
        "weight_decay": data.draw(st.sampled_from([0.0, 0.1])),
        "update_period": float(data.draw(st.sampled_from([1, 3, 10]))),
        "eps": 1e-8,
    }
    start = start_of(surface, data)
    p = torch.tensor(start, requires_grad=True)
    gamma = values["rho"]
    # Theirs clips m / max(h, ε) at p = γ and multiplies by lr: α / γ there is α here.
    optimizer = SophiaH(
        [p],
        lr=values["lr"] / gamma,
        betas=(values["beta1"], values["beta2"]),
        weight_decay=values["weight_decay"] * gamma,
        p=gamma,
        eps=values["eps"] / gamma,
        update_period=int(values["update_period"]),
        foreach=False,
    )
    path = [start]
    for step in range(STEPS):
        p.grad = torch.from_numpy(surface.gradient(path[-1]))
        due = step % int(values["update_period"]) == 0
        optimizer.step(hessian=[torch.from_numpy(surface.hessian(path[-1]).diagonal().copy())] if due else None)
        path.append(p.detach().numpy().copy())
    path = np.array(path)
    for t, update in enumerate(walk(OPTIMIZERS["sophia"], values, path[:-1], Objective(surface))):
        near(update.delta, path[t + 1] - path[t], f"step {t + 1}")


def armijo_by_hand(surface, x, lr, c1, shrink):
    """The step of Armijo's search, in plain Python floats."""

    def f(x, y):
        return float(surface.f(np.array([x, y])))

    (a, b), t = surface.gradient(np.array(x)).tolist(), lr
    for _ in range(100):
        if f(x[0] - t * a, x[1] - t * b) <= f(*x) - c1 * t * (a * a + b * b):
            return t
        t *= shrink
    return 0.0


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    surface=surfaces,
    c1=st.sampled_from([1e-4, 0.3]),
    shrink=st.sampled_from([0.1, 0.5, 0.8]),
    lr=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_armijo_takes_the_first_step_that_falls_enough(data, surface, c1, shrink, lr):
    x = start_of(surface, data)
    [update] = walk(OPTIMIZERS["armijo"], {"lr": lr, "c1": c1, "shrink": shrink}, x[np.newaxis], Objective(surface))
    by_hand = armijo_by_hand(surface, x.tolist(), lr, c1, shrink)
    assert update.terms["t"][0] == by_hand
    assert_allclose(update.delta, -by_hand * surface.gradient(x), rtol=1e-15)


@pytest.mark.parametrize("name", SEARCHING)
def test_the_evaluations_counted_are_the_calls_of_the_surface(name):
    surface, calls = counting(SURFACES["rosenbrock"])
    lane = suggested_lane(name, surface)
    x, hyper = np.array([surface.start, (1.2, 1.3), (0.0, 0.5)]), expand(dict(lane.values))
    state, objective = lane.rule.init(x, hyper), Objective(surface)
    for step in range(1, 31):
        objective.begin(step, x)
        delta, state, _ = lane.rule.step(objective.gradient(x), state, x, hyper, objective)
        x = x + delta
    counts = objective.evaluations
    of_points = np.broadcast_to(counts.reshape(3, -1), (3, len(x)))  # without masks all have the same count
    assert of_points.sum(axis=1).tolist() == [calls["f"], calls["gradient"], calls["hessian"]]
    assert of_points[1].min() >= 30


def test_all_evaluations_of_a_step_see_the_same_noise():
    surface, noise = SURFACES["beale"], gradient_noise(2.0, 1, 5)
    objective = Objective(surface, noise)
    begin, at, nudge = np.array([0.5, 0.2]), np.array([1.0, -0.5]), 1e-6
    for step in (1, 5):
        objective.begin(step, begin)
        assert objective.loss(begin) == surface.f(begin)
        assert_allclose(objective.gradient(at), surface.gradient(at) + noise[step - 1])
        numeric = [(objective.loss(at + d) - objective.loss(at - d)) / (2 * nudge) for d in nudge * np.eye(2)]
        assert_allclose(objective.gradient(at), numeric, rtol=1e-6)
        assert_allclose(objective.hessian(at), surface.hessian(at))


def test_on_a_surface_with_a_loss_per_step_that_loss_counts():
    surface = SURFACES["reddi"]
    at = np.array([[0.2, -0.4], [1.5, 0.3], [-1.7, 0.1]])
    losses = [surface.loss_at(step, at) for step in (1, 2, 3)]
    assert_allclose(np.mean(losses, axis=0), surface.f(at))
    for step in (1, 2, 3):
        objective = Objective(surface)
        objective.begin(step, at)
        numeric = [(objective.loss(at + d) - objective.loss(at - d)) / 2e-6 for d in 1e-6 * np.eye(2)]
        assert_allclose(np.moveaxis(numeric, 0, -1), surface.gradient_at(step, at), rtol=1e-6)


def test_only_the_points_of_the_mask_are_evaluated():
    surface = SURFACES["himmelblau"]
    objective = Objective(surface)
    at, where = np.arange(8.0).reshape(2, 2, 2), np.array([[True, False], [False, True]])
    objective.begin(1, at)
    for name, shape in (("loss", (2, 2)), ("gradient", (2, 2, 2)), ("hessian", (2, 2, 2, 2))):
        values = getattr(objective, name)(at, where)
        whole = getattr(surface, {"loss": "f"}.get(name, name))(at)
        assert values.shape == shape
        assert np.isnan(values[~where]).all()
        assert (values[where] == whole[where]).all()
    assert objective.evaluations.tolist() == [[[1, 0], [0, 1]]] * 3


def test_a_rule_that_evaluates_more_needs_an_objective():
    rule = OPTIMIZERS["newton"]
    hyper = expand(rule.defaults())
    with pytest.raises(ValueError, match="newton needs an objective"):
        rule.step(np.zeros(2), rule.init(np.zeros(2), hyper), np.zeros(2), hyper)


def test_a_lane_of_one_gradient_a_step_has_no_counts_beside_its_steps():
    sgd, newton = trajectories(Scenario(lanes=(Lane.of("sgd", {"lr": 0.1}), Lane.of("newton")), steps=20))
    assert sgd.evaluations is None
    assert sgd.evaluations_at(7) == (0, 7, 0)
    assert newton.evaluations_at(7) == (0, 7, 7)
    assert newton.evaluations_at(10_000) == (0, 20, 20)
