"""Paths are exact step by step, end where they diverge, and repeat with their seed."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rotation import rotated

from adam_tui.engine.objective import Objective
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import MAX_STEPS, Lane, Scenario, suggested_lane
from adam_tui.engine.surfaces import SURFACES, find_surface
from adam_tui.engine.trajectory import (
    OUT_OF_BOUNDS,
    TOLERANCE,
    compute_trajectory,
    plotted_surface,
    simulate,
    start_of,
    trajectories,
)


def only_path(**fields):
    [path] = trajectories(Scenario(**fields))
    return path


def sgd(lr, **values):
    return (Lane.of("sgd", {"lr": lr} | values),)


PAIRS = [(optimizer, name) for optimizer in OPTIMIZERS for name in ("rosenbrock", "ackley")]


@pytest.mark.parametrize(("optimizer", "name"), PAIRS)
def test_every_position_is_the_one_before_plus_the_update(optimizer, name):
    lane = suggested_lane(optimizer, SURFACES[name])
    for noise in (0.0, 0.5):
        path = only_path(surface=name, lanes=(lane,), steps=200, noise=noise)
        assert np.array_equal(path.positions[1:], path.positions[:-1] + path.terms["Δ"][1:])


@pytest.mark.parametrize(("optimizer", "name"), PAIRS)
def test_the_gradient_used_is_that_of_the_point_before(optimizer, name):
    path = only_path(surface=name, lanes=(suggested_lane(optimizer, SURFACES[name]),), steps=200)
    assert np.array_equal(path.terms["g"][1:], SURFACES[name].gradient(path.positions[:-1]))
    assert np.array_equal(path.gradients, SURFACES[name].gradient(path.positions))
    assert np.array_equal(path.losses, SURFACES[name].f(path.positions))


def test_where_the_surface_changes_by_the_step_each_step_sees_its_own_slope_and_the_mean_is_shown():
    path = only_path(surface="reddi", lanes=sgd(0.01), start=(0.2, 0.0), steps=6)
    assert path.terms["g"][1:, 0].tolist() == [3.0, -1.0, -1.0, 3.0, -1.0, -1.0]
    assert path.positions[:, 0] == pytest.approx([0.2, 0.17, 0.18, 0.19, 0.16, 0.17, 0.18])
    assert path.gradients[:, 0] == pytest.approx(np.full(7, 1 / 3))
    noisy = only_path(surface="reddi", lanes=sgd(0.01), start=(0.2, 0.0), steps=6, noise=0.1, seed=4)
    assert noisy.terms["g"][1:] - path.terms["g"][1:] == pytest.approx(
        0.1 * np.random.default_rng(4).standard_normal((6, 2)), abs=0.01
    )


def test_row_zero_of_the_terms_is_empty_and_all_terms_have_a_row_a_point():
    path = only_path(steps=7)
    assert path.last == 7
    assert set(path.terms) >= {"g", "m", "v", "m̂", "v̂", "Δ"}
    assert next(iter(path.terms)) == "g"
    assert list(path.terms)[-1] == "Δ"
    for values in path.terms.values():
        assert values.shape == (8, 2)
        assert np.isnan(values[0]).all()
        assert np.isfinite(values[1:]).all()


def test_adams_first_steps_are_those_computed_by_hand():
    # Kingma & Ba, Algorithm 1, on x² + y² from (3, −4): g = (6, −8), m̂ = g, v̂ = g², so the step is lr·sign(g).
    path = only_path(start=(3.0, -4.0), steps=2)
    assert path.positions[0].tolist() == [3.0, -4.0]
    assert path.positions[1] == pytest.approx([2.9, -3.9], abs=1e-8)
    assert path.terms["m"][1] == pytest.approx([0.6, -0.8])
    assert path.terms["v"][1] == pytest.approx([0.036, 0.064])
    # Then g = (5.8, −7.8); x: m = 0.9·0.6 + 0.58, v = 0.999·0.036 + 0.001·5.8², corrected by 1 − 0.81 and 1 − 0.998001.
    m, v = 0.9 * 0.6 + 0.1 * 5.8, 0.999 * 0.036 + 0.001 * 5.8**2
    step = 0.1 * (m / 0.19) / (math.sqrt(v / 0.001999) + 1e-8)
    assert path.positions[2, 0] == pytest.approx(2.9 - step, abs=1e-8)


class TestConvergence:
    def test_descent_on_the_bowl_converges_at_the_step_computed_from_powers_of_0_8(self):
        # x_t = 0.8ᵗ x_0 and |Δ_t| = 0.2·|x_{t−1}| = 0.25·|x_t|; the gradient 2·|x_t| is the last to fall below 1e-5.
        path = only_path(start=(3.0, 4.0), lanes=sgd(0.1), steps=100)
        by_hand = math.ceil(math.log(1e-5 / (2 * 5.0)) / math.log(0.8))
        assert path.converged_at == by_hand == 62
        assert path.diverged_at is None
        assert path.state(61) == "running"
        assert path.state(62) == path.state(100) == "converged"
        assert path.last == 100, "a converged lane continues"

    def test_a_start_at_the_minimum_has_converged_with_its_first_step(self):
        path = only_path(start=(0.0, 0.0), lanes=sgd(0.1), steps=3)
        assert path.converged_at == 1
        assert path.state(0) == "running"

    def test_a_long_step_over_a_flat_place_is_not_idle(self):
        # Momentum that crosses the bottom fast has a small gradient there, not a small step.
        momentum = Lane.of("momentum", {"lr": 1e-3, "momentum": 0.999})
        path = only_path(start=(1.0, 0.0), lanes=(momentum,), steps=2000)
        norms = np.hypot(*path.gradients.T)
        assert norms.min() < 0.05
        assert path.converged_at is None

    def test_a_swing_that_turns_round_at_the_bottom_has_not_converged(self):
        momentum = Lane.of("momentum", {"lr": 0.02})
        path = only_path(lanes=(momentum,), steps=400)
        quiet = np.maximum(np.hypot(*path.gradients.T), np.hypot(*path.terms["Δ"].T)) < TOLERANCE
        first = int(quiet.argmax())
        assert not quiet[first:].all(), "it moves again"
        assert first < path.converged_at
        assert quiet[path.converged_at :].all()
        assert not quiet[path.converged_at - 1]
        assert path.state(first) == "running"

    def test_a_lane_that_hops_away_again_and_again_never_converges(self):
        # RMSProp forgets how steep it was while it rests, and then takes a step of length lr.
        path = only_path(lanes=(Lane.of("rmsprop", {"lr": 0.02}),), steps=3000)
        gradient, step = np.hypot(*path.gradients.T), np.hypot(*path.terms["Δ"].T)
        assert (np.maximum(gradient, step) < TOLERANCE).any()
        assert step[-10:].max() > TOLERANCE
        assert path.converged_at is None

    def test_standing_still_on_a_slope_is_not_idle(self):
        path = only_path(lanes=sgd(0.0), steps=50)
        assert path.converged_at is None
        assert (path.positions == path.positions[0]).all()


class TestDivergence:
    def test_descent_with_too_long_steps_diverges_at_the_step_computed_from_powers_of_1_2(self):
        # x_t = (1 − 2·1.1)ᵗ x_0 = (−1.2)ᵗ x_0; the bowl's diagonal is 10·√2.
        path = only_path(start=(1.0, 0.0), lanes=sgd(1.1), steps=400)
        by_hand = math.ceil(math.log(OUT_OF_BOUNDS * 10 * math.sqrt(2)) / math.log(1.2))
        assert path.diverged_at == path.last == by_hand == 40
        assert path.state(39) == "running"
        assert path.state(40) == path.state(400) == "diverged"
        assert path.converged_at is None
        assert len(path.positions) == len(path.losses) == len(path.gradients) == len(path.terms["Δ"]) == 41
        assert path.positions[-1, 0] == pytest.approx(1.2**40)

    def test_the_saddle_is_left_without_bound(self):
        # y_t = (1 + 2·0.05)ᵗ y_0 with y_0 = 0.01; the saddle's diagonal is 8·√2.
        path = only_path(surface="saddle", lanes=sgd(0.05))
        assert path.diverged_at == math.ceil(math.log(OUT_OF_BOUNDS * 8 * math.sqrt(2) / 0.01) / math.log(1.1))

    def test_a_path_that_falls_into_a_hole_has_diverged_there(self):
        # f = x + log y (nan for y < 0) from (0, 1): y_1 = 1 − lr = −1, where f has no value.
        path = only_path(function="x + log(y)", start=(0.0, 1.0), lanes=sgd(2.0), steps=100)
        assert path.diverged_at == path.last == 1
        assert np.isnan(path.losses[1])
        assert path.positions[1].tolist() == [-2.0, -1.0]

    def test_a_start_in_a_hole_has_diverged_at_once(self):
        path = only_path(function="x + log(y)", start=(0.0, -1.0), lanes=sgd(0.1), steps=100)
        assert path.diverged_at == path.last == 0
        assert path.state(0) == "diverged"

    def test_a_distant_start_may_still_come_home(self):
        path = only_path(start=(3e5, -2e5), lanes=sgd(0.1), steps=200)
        assert path.diverged_at is None
        assert path.converged_at is not None

    def test_a_path_is_cut_even_between_two_checks(self):
        # 64 steps lie between two looks of the loop; the cut must not depend on them.
        for steps in (39, 40, 41, 63, 64, 65, 128, 1000):
            path = only_path(start=(1.0, 0.0), lanes=sgd(1.1), steps=steps)
            assert path.diverged_at == (40 if steps >= 40 else None)
            assert path.last == min(steps, 40)

    @pytest.mark.parametrize(("optimizer", "name"), rotated(OPTIMIZERS, SURFACES, 4))
    def test_nothing_warns_or_raises_at_an_absurd_learning_rate(self, optimizer, name):
        for lr in (1e300, 1e-300):
            path = only_path(surface=name, lanes=(Lane.of(optimizer, {"lr": lr}),), steps=70)
            assert 0 <= path.last <= 70
            assert np.isfinite(path.positions[:-1]).all()

    @settings(deadline=None, max_examples=60)
    @given(
        st.sampled_from(sorted(OPTIMIZERS)),
        st.sampled_from(sorted(SURFACES)),
        st.floats(0, 1e308),
        st.tuples(*[st.floats(-1e308, 1e308)] * 2),
        st.sampled_from([0.0, 1e308]),
    )
    def test_no_number_a_person_may_type_breaks_a_path(self, optimizer, name, lr, start, noise):
        path = only_path(surface=name, lanes=(Lane.of(optimizer, {"lr": lr}),), start=start, noise=noise, steps=66)
        assert len(path.positions) == len(path.losses) == len(path.gradients) == path.last + 1
        if path.diverged_at is not None:
            assert path.last == path.diverged_at
        else:
            assert np.isfinite(path.positions).all()
        assert path.gradient_norm(1000) >= 0 or math.isnan(path.gradient_norm(1000))


class TestNoise:
    def test_the_same_seed_gives_the_same_path_and_another_seed_another(self):
        first, again, other = (
            compute_trajectory(SURFACES["bowl"], Lane.of("adam", {"lr": 0.1}), (1.0, 2.0), 50, 0.3, seed).positions
            for seed in (7, 7, 8)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_every_lane_meets_the_same_noise(self):
        scenario = Scenario(lanes=(*sgd(0.1), *sgd(0.01), Lane.of("adam")), noise=0.5, seed=3, steps=50)
        met = [path.terms["g"][1:] - path.gradients[:-1] for path in trajectories(scenario)]
        assert met[1] == pytest.approx(met[0], abs=1e-12)
        assert met[2] == pytest.approx(met[0], abs=1e-12)

    def test_noise_has_the_deviation_asked_for(self):
        path = only_path(lanes=sgd(0.0), noise=0.5, seed=1, steps=20_000)
        noise = path.terms["g"][1:] - path.gradients[:-1]
        # 40,000 draws: the deviation's own error is 0.5 / √80,000, so this is five of them.
        assert noise.std() == pytest.approx(0.5, abs=0.009)
        assert noise.mean() == pytest.approx(0.0, abs=0.0125)

    def test_a_longer_run_begins_with_the_shorter_one(self):
        short, long = (only_path(noise=0.5, steps=steps).positions for steps in (30, 90))
        assert np.array_equal(short, long[:31])

    def test_the_losses_and_gradients_shown_are_the_true_ones(self):
        path = only_path(noise=0.5, steps=10)
        assert np.array_equal(path.gradients, 2 * path.positions)


class TestSimulate:
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_a_grid_of_points_and_rates_is_the_walks_one_by_one(self, optimizer):
        rule, plot = OPTIMIZERS[optimizer], find_surface("himmelblau")
        x, y = np.meshgrid(np.linspace(-4, 4, 5), np.linspace(-4, 4, 4))
        starts = np.stack([x, y], axis=-1)
        rates = np.geomspace(1e-4, 1e-1, 20).reshape(4, 5)
        values = rule.defaults() | {"lr": rates}

        def end(values, start):
            objective = None if rule.evaluations is None else Objective(plot)
            return simulate(rule, values, plot.gradient, start, 60, objective=objective)

        grid = end(values, starts)
        assert grid.shape == (4, 5, 2)
        for place in np.ndindex(4, 5):
            alone = end(values | {"lr": float(rates[place])}, starts[place])
            assert alone == pytest.approx(grid[place], rel=1e-12, abs=1e-12, nan_ok=True)

    def test_the_start_is_left_as_it_was(self):
        start = np.array([1.0, 2.0])
        end = simulate(OPTIMIZERS["sgd"], {"lr": 0.1, "weight_decay": 0.0}, lambda x: 2 * x, start, 3)
        assert start.tolist() == [1.0, 2.0]
        assert end == pytest.approx([0.512, 1.024])

    def test_an_observer_sees_each_step_and_may_end_the_walk(self):
        seen = []

        def observe(t, x, g, terms):
            seen.append((t, x.tolist(), g.tolist(), terms["Δ"].tolist()))
            return t == 2

        end = simulate(
            OPTIMIZERS["sgd"], {"lr": 0.25, "weight_decay": 0.0}, lambda x: 2 * x, np.array([4.0, 8.0]), 9,
            observe=observe,
        )  # fmt: skip
        assert seen == [(1, [2.0, 4.0], [8.0, 16.0], [-2.0, -4.0]), (2, [1.0, 2.0], [4.0, 8.0], [-1.0, -2.0])]
        assert end.tolist() == [1.0, 2.0]


def test_the_distance_to_a_minimum_and_the_step_of_the_state():
    path = only_path(start=(3.0, 4.0), lanes=sgd(0.1), steps=100)
    assert path.distance(0, [(0.0, 0.0), (100.0, 0.0)]) == 5.0
    assert path.distance(0, [(0.0, 0.0), (3.0, 5.0)]) == 1.0
    assert math.isnan(path.distance(0, []))
    assert path.since(61) is None
    assert path.since(62) == path.since(100) == 62
    assert path.gradient_norm(0) == 10.0
    left = only_path(start=(1.0, 0.0), lanes=sgd(1.1), steps=60)
    assert (left.since(39), left.since(60)) == (None, 40)
    assert left.distance(60, [(0.0, 0.0)]) == left.distance(40, [(0.0, 0.0)])


def test_a_lane_is_not_computed_again_when_another_is_turned():
    scenario = Scenario(lanes=(*sgd(0.1), Lane.of("adam")))
    turned = scenario.with_lane(1, Lane.of("adam", {"lr": 0.5}))
    assert trajectories(turned)[0] is trajectories(scenario)[0]
    assert trajectories(turned)[1] is not trajectories(scenario)[1]


def test_a_path_of_all_the_steps_allowed_takes_seconds():
    began = time.perf_counter()
    path = only_path(surface="rosenbrock", steps=MAX_STEPS)
    assert path.last == MAX_STEPS
    assert np.isfinite(path.losses).all()
    assert time.perf_counter() - began < 30, "about 2 s on an idle machine"


def test_a_value_that_changes_on_the_way_leaves_the_path_before_it_alone():
    plain, turned = (
        only_path(lanes=(Lane.parse(text),), steps=30) for text in ("sgd:lr=0.01", "sgd:lr=0.01,lr@10=0.2")
    )
    assert np.array_equal(turned.positions[:11], plain.positions[:11])
    # On the bowl a step of descent multiplies by 1 − 2·lr: by 0.98 before, by 0.6 after.
    assert turned.positions[30] == pytest.approx(plain.positions[0] * 0.98**10 * 0.6**20, rel=1e-12)


def test_a_schedule_scales_the_rate_of_each_step():
    path = only_path(lanes=(Lane.parse("sgd:lr=0.1,warmup=4"),), steps=6)
    rates = -path.terms["Δ"][1:, 0] / path.terms["g"][1:, 0]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_a_formula_is_walked_like_a_surface():
    formula, built_in = (only_path(**fields, start=(1.0, 2.0)) for fields in ({"function": "x**2 + y**2"}, {}))
    assert formula.positions == pytest.approx(built_in.positions, abs=1e-12)
    assert plotted_surface(Scenario(function="x**2")).title == "x**2"


def test_without_a_start_it_is_the_surfaces_own_and_the_origin_is_a_start():
    assert start_of(Scenario(surface="rosenbrock")) == (-1.5, 2.0)
    assert start_of(Scenario(start=(0.0, 0.0))) == (0.0, 0.0)
