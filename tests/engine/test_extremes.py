"""Extreme hyperparameters, starts and noise: refused with one line, or a path that is finite or marked diverged."""

import itertools
import math

import numpy as np
import pytest
from rotation import rotated

from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import compute_trajectory, trajectories

EXTREMES = (0.0, -0.0, 5e-324, 1e-300, 1e300, 1.7e308, math.inf, -math.inf, math.nan, -1.0, -1e300, 1.0, 1 - 1e-16, 0.5)
STEPS = 40


def allowed(name):
    """Every lane with one knob at an extreme that is not refused; each refusal is one line."""
    for knob, value in itertools.product(OPTIMIZERS[name].knobs, EXTREMES):
        try:
            yield Lane.of(name, {knob.name: value})
        except ValueError as error:
            refused_in_one_line(error, knob.name)


def refused_in_one_line(error, name):
    message = str(error)
    assert message
    assert message.isprintable()
    assert name in message


def check(path, start):
    assert path.positions[0].tolist() == list(start)
    whole = len(path.positions) if path.diverged_at is None else path.diverged_at
    assert np.isfinite(path.positions[:whole]).all()
    assert np.isfinite(path.losses[max(whole - 1, 0) : whole]).all()
    if path.diverged_at is None:
        assert path.last == STEPS
    else:
        assert path.diverged_at == path.last
        assert path.state(path.last) == "diverged"
    assert {path.state(step) for step in range(STEPS + 1)} <= {"running", "converged", "diverged"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_extreme_of_every_knob_on_surface_after_surface(name):
    lanes = list(allowed(name))
    pairs = rotated(lanes, SURFACES.values(), 4)
    for lane, plot in pairs:
        check(compute_trajectory(plot, lane, plot.start, STEPS, 0.0, 0), plot.start)
    assert len(pairs) > 30
    assert {plot.name for _, plot in pairs} == SURFACES.keys()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_knobs_at_their_extremes_at_once(name):
    for value in EXTREMES:
        fitting = {}
        for knob in OPTIMIZERS[name].knobs:
            try:
                fitting[knob.name] = knob.check(value)
            except ValueError:
                continue
        lane = Lane.of(name, fitting)
        plot = SURFACES["rosenbrock"]
        check(compute_trajectory(plot, lane, plot.start, STEPS, 0.0, 0), plot.start)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("start", [(1e308, -1e308), (1e-320, 0.0), (0.0, 0.0), (1e150, 1.0)])
def test_starts_at_the_ends_of_the_numbers(name, start):
    for plot in SURFACES.values():
        path = compute_trajectory(plot, Lane.of(name), start, STEPS, 0.0, 0)
        assert path.positions[0].tolist() == list(start)
        assert path.diverged_at is not None or np.isfinite(path.positions).all()


@pytest.mark.parametrize("noise", [1e-300, 1e300, 1.7e308])
def test_noise_of_any_strength(noise):
    for name in OPTIMIZERS:
        plot = SURFACES["bowl"]
        check(compute_trajectory(plot, Lane.of(name), plot.start, STEPS, noise, 0), plot.start)


@pytest.mark.parametrize(
    "values", [{"start": (math.nan, 0)}, {"start": (math.inf, 0)}, {"noise": math.nan}, {"noise": -1}]
)
def test_an_impossible_scenario_is_an_error(values):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        trajectories(Scenario(**values))


@pytest.mark.parametrize(
    "formula", ["1e308*x*y", "exp(exp(x))", "1/x", "log(x*y)", "sqrt(x)", "x**y", "1e-320*x", "0*x", "5"]
)
def test_formulas_with_holes_and_cliffs(formula):
    for name in OPTIMIZERS:
        try:
            [path] = trajectories(Scenario(function=formula, lanes=(Lane.of(name),), steps=STEPS))
        except ValueError as error:
            refused_in_one_line(error, "")
            continue
        assert path.diverged_at is not None or np.isfinite(path.positions).all()
