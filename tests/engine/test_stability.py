"""The bound agrees with simulation; the sentences about it are true and fit their panel."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from adam_tui.engine.expression import parse_function
from adam_tui.engine.lane import Lane
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import suggested_lane
from adam_tui.engine.schedules import Schedule
from adam_tui.engine.stability import ADAPTIVE_NOTES, BOUNDED, Stability, describe_stability, stability
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import compute_trajectory, simulate

COLUMNS = 41
HERE = np.array([-1.0, 0.5])


def quadratic(curvature_x: float, curvature_y: float):
    """(λ₁ x² + λ₂ y²) / 2 as a surface."""
    curvatures = np.array([curvature_x, curvature_y])
    return replace(
        SURFACES["bowl"],
        f=lambda at: 0.5 * (curvatures * at * at).sum(axis=-1),
        gradient=lambda at: curvatures * at,
        hessian=lambda at: np.broadcast_to(np.diag(curvatures), (*at.shape[:-1], 2, 2)),
    )


def lane_of(name: str, *, lr=0.1, mu=0.9, tau=0.0, decay=0.0) -> Lane:
    values = {"lr": lr, "momentum": mu, "dampening": tau, "weight_decay": decay}
    knobs = OPTIMIZERS[name].defaults()
    return Lane.of(name, {key: value for key, value in values.items() if key in knobs})


def test_the_largest_stable_rate_found_by_bisection_is_the_bound():
    """300 random settings a rule, all at once: twelve halvings, each the outcome of 3,000 steps on a quadratic."""
    random = np.random.default_rng(0)
    count, steps = 300, 3000
    curvature = 10 ** random.uniform(-2, 3, count)
    for name in BOUNDED:
        mu = random.choice([0.0, 0.5, 0.9, 0.98], count) * random.uniform(0.9, 1.0, count)
        mu = np.maximum(mu, 0.01) if name == "nesterov" else mu
        tau = random.choice([0.0, 0.3, 0.9], count)
        decay = random.choice([0.0, 0.1, 1.0], count) * curvature
        bounds = np.array(
            [
                stability(quadratic(c, c / 7), lane_of(name, mu=m, tau=t, decay=d), HERE).bound
                for c, m, t, d in zip(curvature, mu, tau, decay, strict=True)
            ]
        )
        # The longest step that may be stable lies somewhere from a tenth to a hundred times 2/λ.
        low, high = 0.1 / curvature, 1000 / curvature
        for _ in range(16):
            middle = np.sqrt(low * high)
            values = {"lr": middle, "momentum": mu, "dampening": tau, "weight_decay": decay}
            values = {key: values[key] for key in OPTIMIZERS[name].defaults()}
            end = simulate(OPTIMIZERS[name], values, lambda x: curvature[:, None] * x, np.full((count, 2), 1.0), steps)
            stable = np.abs(end[:, 0]) < 1e3  # at the bound it neither grows nor fades, so it must be let grow a bit
            low, high = np.where(stable, middle, low), np.where(stable, high, middle)
        assert low == pytest.approx(bounds, rel=0.006)


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(BOUNDED),
    curvature=st.floats(0.01, 1000),
    flatter=st.floats(0, 1),
    mu=st.floats(0, 0.98),
    tau=st.floats(0, 0.95),
    decay=st.sampled_from([0.0, 0.01, 3.0]),
)
@example(name="momentum", curvature=1.0, flatter=1.0, mu=0.0, tau=0.5, decay=0.0)
@example(name="momentum", curvature=1.0, flatter=1.0, mu=0.5, tau=0.9, decay=0.0)
@example(name="sgd", curvature=2.0, flatter=0.0, mu=0.0, tau=0.0, decay=3.0)
def test_just_below_the_bound_a_lane_comes_in_and_just_above_it_leaves(name, curvature, flatter, mu, tau, decay):
    assume(name != "nesterov" or mu > 0)
    plot = quadratic(curvature * flatter, curvature)
    lane = lane_of(name, mu=mu, tau=tau, decay=decay)
    bound = stability(plot, lane, HERE).bound
    below, above = (lane.replaced("lr", bound * factor) for factor in (0.97, 1.03))
    assert not stability(plot, below, HERE).exceeded
    assert stability(plot, above, HERE).exceeded
    ends = [simulate(lane.rule, dict(each.values), plot.gradient, HERE, 4000) for each in (below, above)]
    assert abs(ends[0][1]) < 1e-6
    assert not abs(ends[1][1]) < 1e3, "nan and inf are far away too"


def test_the_bounds_by_hand():
    ravine = SURFACES["ravine"]
    assert stability(ravine, lane_of("sgd"), HERE).curvature == pytest.approx(50)
    assert stability(ravine, lane_of("sgd"), HERE).least == pytest.approx(1)
    for lane, bound in (
        (lane_of("sgd"), 0.04),
        (lane_of("sgd", decay=50), 0.02),
        (lane_of("momentum", mu=0.9), 0.076),
        (lane_of("momentum", mu=0.9, tau=0.5), 0.152),
        (lane_of("momentum", mu=0.0, tau=0.5), 0.04),  # torch.optim does not dampen without momentum
        (lane_of("nesterov", mu=0.5), 0.03),
    ):
        assert stability(ravine, lane, HERE).bound == pytest.approx(bound)


def test_with_full_dampening_only_the_first_gradient_counts_and_no_rate_diverges():
    lane = lane_of("momentum", lr=1e6, mu=0.9, tau=1.0)
    at = stability(SURFACES["ravine"], lane, HERE)
    assert at.bound is None
    assert not at.exceeded
    end = simulate(lane.rule, dict(lane.values), SURFACES["ravine"].gradient, HERE, 1000)
    assert end == pytest.approx(HERE - 1e6 * SURFACES["ravine"].gradient(HERE) / (1 - 0.9))
    assert describe_stability(at, lane) == ("only the first gradient counts: no bound",)


def test_the_values_of_a_step_take_the_place_of_the_lanes():
    lane = Lane.of("momentum", {"lr": 0.05}, Schedule("constant", warmup=10))
    lane = lane.forked(20, "momentum", 0.0)
    ravine = SURFACES["ravine"]
    early, late = (stability(ravine, lane, HERE, lane.values_for(step, 100)) for step in (1, 21))
    assert (early.lr, late.lr) == (pytest.approx(0.005), 0.05)
    assert (early.bound, late.bound) == (pytest.approx(0.076), pytest.approx(0.04))
    assert (early.exceeded, late.exceeded) == (False, True)


def test_the_curvature_is_that_of_the_point():
    rosenbrock = SURFACES["rosenbrock"]
    for point in ((1.0, 1.0), (-1.5, 2.0), (0.3, 0.2)):
        at = stability(rosenbrock, lane_of("sgd"), np.array(point))
        x, y = point
        trace, determinant = 1200 * x * x - 400 * y + 202, 200 * (1200 * x * x - 400 * y + 2) - 160_000 * x * x
        assert at.curvature + at.least == pytest.approx(trace)
        assert at.curvature * at.least == pytest.approx(determinant)


class TestSentences:
    def lines(self, name, plot, lane, point=HERE):
        return describe_stability(
            stability(SURFACES[plot] if isinstance(plot, str) else plot, lane, np.array(point)), lane
        )

    def test_below_above_and_at_the_bound(self):
        def lines(lr):
            return self.lines("sgd", "ravine", lane_of("sgd", lr=lr))

        assert lines(0.05) == ("sharpness 50 · stable for lr < 0.04", "lr 0.05 is above it: swings grow here")
        assert lines(0.02) == ("sharpness 50 · stable for lr < 0.04", "lr 0.02 is below it: stable here")
        assert lines(0.04) == ("sharpness 50 · stable for lr < 0.04", "lr 0.04 is at this limit")
        # Two numbers that look the same are not called smaller or larger.
        assert lines(0.040001)[1] == lines(0.039999)[1] == "lr 0.04 is at this limit"

    def test_weight_decay_adds_to_the_curvature(self):
        assert self.lines("sgd", "ravine", lane_of("sgd", decay=50.0, lr=0.03)) == (
            "sharpness+decay 100 · lr < 0.02",
            "lr 0.03 is above it: swings grow here",
        )

    def test_no_curvature_upwards_is_no_bound(self):
        hill = parse_function("-x**2 - y**2")
        for lane in (lane_of("sgd"), lane_of("momentum"), lane_of("nesterov")):
            assert self.lines("", hill, lane) == ("no upward curvature, so no limit on lr",)
        assert self.lines("", hill, Lane.of("adam"))[0] == "no upward curvature, so no limit on lr"
        # Enough weight decay makes a valley of it.
        assert self.lines("", hill, lane_of("sgd", decay=4.0))[0] == "sharpness+decay 2 · lr < 1"

    def test_a_saddle_has_a_bound_and_is_called_one(self):
        assert self.lines("", "saddle", lane_of("sgd", lr=0.05)) == (
            "sharpest curvature 2 · stable for lr < 1",
            "lr 0.05 is below it: stable here",
            "curves down one way: not a minimum",
        )

    def test_where_the_function_has_no_value_neither_has_the_curvature(self):
        assert self.lines("", parse_function("x + log(y)"), lane_of("sgd"), (0.0, 0.0)) == (
            "the curvature has no value here",
        )

    def test_a_rule_without_a_bound_is_compared_with_descent(self):
        assert self.lines("", "ravine", Lane.of("adam", {"lr": 0.5})) == (
            "sharpness 50 · descent needs lr < 0.04",
            "a step is about lr, unless slope ≈ ε",
        )
        assert not stability(SURFACES["ravine"], Lane.of("adam", {"lr": 0.5}), HERE).exceeded

    def test_a_wide_panel_has_the_whole_words(self):
        def lines(plot, lane, columns):
            plot = SURFACES[plot] if isinstance(plot, str) else plot
            return describe_stability(stability(plot, lane, HERE), lane, columns)

        adam = Lane.of("adam", {"lr": 0.5})
        assert lines("ravine", adam, 58) == (
            "sharpest curvature 50 · gradient descent needs lr < 0.04",
            "each step is about lr long, unless the slope is near ε",
        )
        assert lines("ravine", adam, 46) == (
            "sharpness 50 · descent needs lr < 0.04",
            "each step is about lr, unless slope is near ε",
        )
        assert lines("ravine", lane_of("sgd", lr=0.02), 46)[0] == "sharpest curvature 50 · stable for lr < 0.04"
        assert lines("saddle", lane_of("sgd", lr=0.05), 46)[-1] == "curves down in one direction: not a minimum"
        hill = parse_function("-x**2 - y**2")
        assert lines(hill, lane_of("sgd"), 46) == ("no upward curvature here, so no limit on lr",)

    def test_every_optimizer_has_a_bound_or_a_note(self):
        assert set(BOUNDED) | set(ADAPTIVE_NOTES) == set(OPTIMIZERS)
        assert not set(BOUNDED) & set(ADAPTIVE_NOTES)
        for name, surface in ((n, s) for n in OPTIMIZERS for s in SURFACES.values()):
            lane = suggested_lane(name, surface)
            lines = describe_stability(stability(surface, lane, np.array(surface.start)), lane)
            assert 1 <= len(lines) <= 3
            assert all(0 < len(line) <= COLUMNS for line in lines), lines

    @given(
        name=st.sampled_from(sorted(OPTIMIZERS)),
        lr=st.floats(0, 1e308),
        curvature=st.floats(allow_nan=True, allow_infinity=True),
        other=st.floats(-1e308, 1e308),
        decay=st.just(0.0) | st.floats(0, 1e308),
        mu=st.floats(0.01, 1.0),
        centered=st.booleans(),
    )
    def test_any_numbers_fit_in_one_to_three_lines(self, name, lr, curvature, other, decay, mu, centered):
        lane = lane_of(name, lr=lr, decay=decay, mu=mu)
        if name == "rmsprop":
            lane = lane.replaced("centered", centered)
        at = stability(quadratic(curvature, other), lane, HERE)
        lines = describe_stability(at, lane)
        assert 1 <= len(lines) <= 3
        assert all(0 < len(line) <= COLUMNS for line in lines), lines
        assert at.bound is None or 0 <= at.bound < math.inf


class TestTheNotesAreTrue:
    """The notes on rules without a bound, tested on slopes a thousand times apart."""

    def deltas(self, flag, scale, steps=60, slope=lambda x: x):
        lane = Lane.parse(flag)
        seen = []
        simulate(
            lane.rule, dict(lane.values), lambda x: scale * slope(x), np.array([3.0, -2.0]), steps,
            observe=lambda t, x, g, terms: seen.append((terms, g)) and None,
        )  # fmt: skip
        return seen

    @pytest.mark.parametrize("name", ["adam", "adamw", "nadam"])
    def test_a_step_is_about_lr_at_any_slope(self, name):
        for scale in (1e-3, 1.0, 1e3):
            seen = self.deltas(f"{name}:lr=0.01", scale, slope=np.ones_like)
            steps = np.abs([terms["Δ"] for terms, _ in seen])
            assert steps == pytest.approx(np.full_like(steps, 0.01), rel=0.35 if name == "nadam" else 0.05)
            steps = np.abs([terms["Δ"] for terms, _ in self.deltas(f"{name}:lr=0.01", scale)])
            assert steps.max() < 0.015

    def test_lions_step_is_lr_on_each_axis(self):
        for scale in (1e-3, 1e3):
            steps = np.abs([terms["Δ"] for terms, _ in self.deltas("lion:lr=0.01", scale)])
            assert steps == pytest.approx(np.full_like(steps, 0.01))

    def test_amsgrad_divides_by_the_largest_v_so_far(self):
        for terms, _ in self.deltas("amsgrad:lr=0.01", 5.0):
            assert (terms["v_max"] >= terms["v"]).all()
        largest = [terms["v_max"] for terms, _ in self.deltas("amsgrad:lr=0.01", 5.0, steps=400)]
        assert (np.diff(largest, axis=0) >= 0).all()

    def test_adagrads_divisor_only_grows(self):
        rates = np.array([terms["α_eff"] for terms, _ in self.deltas("adagrad:lr=0.1", 5.0)])
        assert (np.diff(rates, axis=0) <= 0).all()

    def test_adadeltas_step_is_as_long_as_those_before_it(self):
        steps = np.abs([terms["Δ"] for terms, _ in self.deltas("adadelta:eps=1e-12", 1000.0, 200, slope=np.ones_like)])
        ratio = steps[20:] / steps[19:-1]
        assert ratio == pytest.approx(np.ones_like(ratio), abs=0.1)

    def test_rmsprop_divides_by_the_size_or_by_the_spread_of_recent_slopes(self):
        flip = [1.0]

        def alternating(x):
            flip[0] = -flip[0]
            return np.full_like(x, 10.0 + flip[0])

        size = self.deltas("rmsprop:lr=0.01,alpha=0.9", 1.0, 400, alternating)[-1][0]
        spread = self.deltas("rmsprop:lr=0.01,alpha=0.9,centered=1", 1.0, 400, alternating)[-1][0]
        assert 0.01 / size["α_eff"] == pytest.approx([10, 10], rel=0.05)
        assert 0.01 / spread["α_eff"] == pytest.approx([1, 1], rel=0.05)

    def test_adamax_divides_by_the_largest_recent_slope(self):
        for terms, g in self.deltas("adamax:lr=0.01", 5.0):
            assert (terms["u"] >= np.abs(g)).all()

    def test_radams_first_steps_are_as_long_as_the_slope_is_steep_and_the_later_ones_are_not(self):
        small, large = (
            np.abs([terms["Δ"] for terms, _ in self.deltas("radam:lr=0.001", scale, slope=np.ones_like)])
            for scale in (1.0, 1000.0)
        )
        ratio = (large / small)[:, 0]
        assert ratio[:5] == pytest.approx(np.full(5, 1000))
        assert ratio[5:] == pytest.approx(np.ones(55), abs=1e-6)


class TestTheNotesOnSearchesAndCurvatureAreTrue:
    def path(self, flag, surface="ravine", steps=40):
        return compute_trajectory(SURFACES[surface], Lane.parse(flag), SURFACES[surface].start, steps, 0.0, 0)

    def test_newton_is_stable_below_2_and_not_above(self):
        for name in ("bowl", "ravine"):
            below, above = (self.path(f"newton:lr={lr}", name, 60) for lr in (1.8, 2.2))
            assert below.losses[-1] < 1e-6 * below.losses[0]
            assert above.diverged_at is not None

    def test_armijo_shortens_its_steps_until_the_loss_falls(self):
        path = self.path("armijo:lr=1000", "himmelblau")
        assert (np.diff(path.losses) <= 0).all()
        assert path.terms["t"][1:].max() < 1

    def test_the_quasi_newton_searches_begin_with_lr(self):
        for name in ("bfgs", "lbfgs"):
            lengths = {lr: set(self.path(f"{name}:lr={lr}").terms["t"][2:10, 0]) for lr in (0.5, 0.25)}
            assert 0.5 in lengths[0.5]
            assert 0.25 in lengths[0.25]

    def test_without_a_search_each_step_is_lr_of_the_quasi_newton_step(self):
        path = self.path("lbfgs:lr=0.3,strong_wolfe=0", "himmelblau", 10)
        assert path.terms["Δ"][2:] == pytest.approx(0.3 * path.terms["d"][2:])

    def test_sophias_steps_are_at_most_lr(self):
        steps = np.abs(self.path("sophia:lr=0.05", "rosenbrock", 400).terms["Δ"][1:])
        assert steps.max() <= 0.05 * (1 + 1e-12)


def test_above_the_bound_swings_grow_on_a_real_surface_too():
    """At Himmelblau's minimum: a start beside it comes back below the bound and is driven off above it."""
    plot = SURFACES["himmelblau"]
    minimum = np.array(plot.minima[0])
    for name in BOUNDED:
        for factor in (0.9, 1.1):
            lane = lane_of(name, mu=0.5)
            lane = lane.replaced("lr", stability(plot, lane, minimum).bound * factor)
            beside = tuple((minimum + 1e-6).tolist())
            path = compute_trajectory(plot, lane, beside, 300, 0.0, 0)
            away = np.hypot(*(path.positions - minimum).T)
            assert (away[-1] < 1e-8) if factor < 1 else (away.max() > 1e-3)


def test_equal_results_compare_equal():
    at = stability(SURFACES["bowl"], lane_of("sgd"), HERE)
    assert at == Stability(2.0, 1.0, False, True, 0.1, 2.0, 0.0)
