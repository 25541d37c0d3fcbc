"""Maps: each cell is the path that its settings give alone, bit for bit."""

from collections.abc import Iterator

import numpy as np
import pytest

from adam_tui.engine.maps import (
    CONVERGED,
    DIVERGED,
    NOT_COMPUTED,
    RUNNING,
    Axis,
    SettingsMap,
    StartsMap,
    default_axes,
)
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.trajectory import compute_trajectory

STATES = {"running": RUNNING, "converged": CONVERGED, "diverged": DIVERGED}


def outcome_alone(drawn: SettingsMap | StartsMap, row: int, column: int) -> tuple[object, ...]:
    scenario = drawn.scenario
    path = compute_trajectory(
        drawn.surface,
        drawn.lane_at(row, column),
        drawn.start_at(row, column),
        scenario.steps,
        scenario.noise,
        drawn.seeds[0],
    )
    since = path.since(path.last)
    end = path.positions[-1].tolist()
    return STATES[path.state(path.last)], -1 if since is None else since, repr(path.losses[-1]), *map(repr, end)


def outcome_in_map(drawn: SettingsMap | StartsMap, row: int, column: int) -> tuple[object, ...]:
    outcomes = drawn.finish()
    at = row, column
    end = outcomes.ends[at].tolist()
    return int(outcomes.states[at]), int(outcomes.steps[at]), repr(outcomes.losses[at]), *map(repr, end)


def sampled(drawn: SettingsMap | StartsMap, count: int) -> Iterator[tuple[int, int]]:
    for cell in np.random.default_rng(0).permutation(drawn.rows * drawn.columns)[:count].tolist():
        yield divmod(cell, drawn.columns)


def assert_exact(drawn: SettingsMap | StartsMap, count: int = 20) -> None:
    for row, column in sampled(drawn, count):
        assert outcome_in_map(drawn, row, column) == outcome_alone(drawn, row, column), (row, column)


def settings_map(text: str, columns: int = 23, rows: int = 17, **scenario: object) -> SettingsMap:
    race = Scenario.parse((text,), **scenario)
    return SettingsMap(race, 0, *default_axes(race, 0), columns, rows)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("surface", ["rosenbrock", "ravine", "ackley", "reddi"])
def test_a_cell_is_the_path_that_its_settings_give_alone(optimizer, surface):
    assert_exact(settings_map(optimizer, surface=surface, steps=100), 12)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize(
    "lane",
    [
        "adam:lr=0.05,schedule=cosine,warmup=10",
        "momentum:lr=0.01,momentum@40=0.5,lr@70=0.001",
        "rmsprop:centered=1",
        "nadam:decoupled_weight_decay=1,weight_decay=0.1",
    ],
)
def test_schedules_changes_and_noise_count_as_they_do_alone(lane, noise):
    assert_exact(settings_map(lane, surface="himmelblau", steps=100, noise=noise, seed=3))


@pytest.mark.parametrize("function", ["x + log(y)", "sqrt(x*x-1)+y*y", "exp(exp(x))+y^2", "x^3*y-2^x", "abs(x)+abs(y)"])
def test_formulas_with_holes_and_walls_are_exact(function):
    assert_exact(settings_map("adam", function=function, steps=100))
    starts = Scenario.parse(("adam",), function=function, steps=100)
    assert_exact(StartsMap(starts, 0, np.linspace(-5, 5, 30), np.linspace(-5, 5, 21)))


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "nadam"])
@pytest.mark.parametrize("surface", ["himmelblau", "rastrigin", "ackley"])
def test_a_cell_is_the_path_from_its_start(optimizer, surface):
    race = Scenario.parse((optimizer,), surface=surface, steps=200)
    assert_exact(StartsMap(race, 0, np.linspace(-4.5, 4.5, 30), np.linspace(-4.5, 4.5, 21)))


def test_every_8th_cell_is_computed_first_and_a_finished_map_lacks_none():
    drawn = settings_map("adam", columns=80, rows=40, surface="bowl", steps=40)
    assert (drawn.outcomes().states == NOT_COMPUTED).all()
    while (drawn.outcomes().states == NOT_COMPUTED).all():
        drawn.advance()
    computed = drawn.outcomes().states != NOT_COMPUTED
    assert computed[::8, ::8].all()
    assert computed.sum() == 10 * 5
    assert (drawn.finish().states != NOT_COMPUTED).all()
    assert drawn.share == 1.0


def test_an_axis_is_spaced_as_its_knob_and_includes_its_ends():
    lane = Scenario.parse(("adam",)).lanes[0]
    assert Axis.parse("lr=1e-4..1", lane).values(5).tolist() == [1e-4, 1e-3, 1e-2, 0.1, 1.0]
    assert Axis.parse("beta1=0..0.99", lane).values(3).tolist() == [0.0, 0.9, 0.99]
    assert Axis.parse("weight_decay=0..1", lane).values(3).tolist() == [0.0, 1e-3, 1.0]
