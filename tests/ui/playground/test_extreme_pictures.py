"""Lanes with extreme values, starts and formulas are drawn in every size and at every step."""

import itertools

import pytest

from adam_tui.draw.palette import DARK
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import trajectories
from adam_tui.ui.playground import view
from adam_tui.ui.playground.state import PlaygroundState

EXTREMES = (0.0, 1e-300, 1e300)
WIDTH, HEIGHT = 44, 14


def lanes_of(name, value):
    """A lane with every knob that takes the value at it, and one with its learning rate at it alone."""
    fitting = {}
    for knob in OPTIMIZERS[name].knobs:
        try:
            fitting[knob.name] = knob.check(value)
        except ValueError:
            continue
    return Lane.of(name, fitting), Lane.of(name, {"lr": value} if "lr" in fitting else {})


@pytest.mark.parametrize("value", EXTREMES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_lane_at_an_extreme_is_drawn(name, value):
    surfaces = itertools.islice(itertools.cycle(SURFACES), list(OPTIMIZERS).index(name), None)
    for surface, step in zip(surfaces, (0, 1, 40, 1000), strict=False):
        scenario = Scenario(surface=surface, lanes=lanes_of(name, value), steps=40)
        state = PlaygroundState(scenario, clock=min(step, 40), vectors=True, log_loss=step != 1)
        for draw in (view.contour, view.lanes, view.knobs, view.inspector, view.loss, view.still):
            cells = draw(state, WIDTH, HEIGHT, DARK)
            assert cells.width == WIDTH, draw
        view.timeline(state, WIDTH, DARK)


@pytest.mark.parametrize("start", [(1e308, -1e308), (1e-320, 0.0), (1e150, 1.0)])
def test_a_start_at_the_ends_of_the_numbers_is_drawn(start):
    for surface in SURFACES:
        state = PlaygroundState(Scenario(surface=surface, start=start, steps=40), clock=40, vectors=True)
        assert view.still(state, WIDTH, HEIGHT, DARK).width == WIDTH
        assert view.loss(state, WIDTH, HEIGHT, DARK).width == WIDTH


@pytest.mark.parametrize("formula", ["1e308*x*y", "exp(exp(x))", "1/x", "log(x*y)", "sqrt(x)", "1e-320*x", "0*x", "5"])
def test_a_formula_with_holes_and_cliffs_is_drawn(formula):
    try:
        state = PlaygroundState(Scenario(function=formula, start=(1.0, 1.0), steps=40), clock=40, vectors=True)
        trajectories(state.scenario)
    except ValueError as error:
        pytest.skip(f"refused: {error}")
    for draw in (view.contour, view.lanes, view.loss, view.still):
        assert draw(state, WIDTH, HEIGHT, DARK).width == WIDTH
