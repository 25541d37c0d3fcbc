"""Maps: each cell is the path that its settings give alone, bit for bit."""

import gc
import inspect
import math
import threading
import weakref
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from rotation import rotated

from adam_tui.engine.knobs import Knob
from adam_tui.engine.maps.axes import Axis, default_axes, default_axis, knobs_for_axes
from adam_tui.engine.maps.borders import BorderSample, stability_line
from adam_tui.engine.maps.cells import BLOCK, SettingsMap, StartsMap, coarse, median_seeds
from adam_tui.engine.maps.outcomes import (
    CONVERGED,
    DIVERGED,
    NOT_COMPUTED,
    QUANTITIES,
    RUNNING,
    Outcomes,
    best,
    median_outcomes,
    ordering,
    quantity,
    quantity_of_class,
)
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import TOLERANCE, compute_trajectory, divergence_bounds

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


@pytest.mark.parametrize(("optimizer", "surface"), rotated(OPTIMIZERS, ["rosenbrock", "ackley", "reddi", "ravine"], 2))
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


def test_while_a_map_is_computed_the_nearest_computed_cell_stands_for_the_others():
    states = np.full((10, 9), NOT_COMPUTED, dtype=np.int8)
    assert (coarse(states) == -1).all()
    states[::8, ::8] = CONVERGED
    assert coarse(states).reshape(10, 9)[[0, 7, 8, 9], 3].tolist() == [0, 0, 72, 72]
    states[4] = RUNNING
    assert coarse(states)[[3, 4, 7], 5].tolist() == [0, 4 * 9 + 5, 4 * 9 + 5]
    states[:] = RUNNING
    assert coarse(states).ravel().tolist() == list(range(90))


def test_a_map_in_rows_has_the_same_cells_as_one_from_coarse_to_fine():
    race = Scenario.parse(("adam",), surface="himmelblau", steps=60)
    axes = default_axes(race, 0)
    one, other = (SettingsMap(race, 0, *axes, 70, 50, coarse=order).finish() for order in (True, False))
    for name in Outcomes._fields:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)


def test_a_row_wider_than_a_block_is_exact_too():
    race = Scenario.parse(("sgd",), surface="himmelblau", steps=12)
    assert_exact(StartsMap(race, 0, np.linspace(-6, 6, BLOCK + 100), np.linspace(-1, 1, 2)), 10)


def test_a_finished_block_frees_its_arrays_at_once():
    blocks = []

    class Watched(SettingsMap):
        def batch(self, *arguments):
            batch = super().batch(*arguments)
            blocks.append(weakref.ref(batch))
            return batch

    race = Scenario.parse(("momentum",), surface="ravine", steps=40)
    drawn = Watched(race, 0, *default_axes(race, 0), 40, 20)
    gc.disable()  # it would hide a cycle of references
    try:
        drawn.finish()
        assert len(blocks) == 2
        assert all(block() is None for block in blocks)
    finally:
        gc.enable()


def test_interruptions_change_no_bit():
    whole, interrupted = (settings_map("adam", surface="himmelblau", steps=90) for _ in range(2))
    calls = 0
    while not interrupted.complete:
        interrupted.advance(lambda: True)
        calls += 1
    assert calls >= 90 / 4
    for one, other in zip(whole.finish(), interrupted.outcomes(), strict=True):
        assert np.array_equal(one, other, equal_nan=True)


def test_two_threads_compute_one_map():
    drawn = settings_map("adam", columns=60, rows=40, surface="beale", steps=60)
    threads = [threading.Thread(target=drawn.finish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = settings_map("adam", columns=60, rows=40, surface="beale", steps=60).finish()
    assert np.array_equal(drawn.outcomes().losses, alone.losses)


class TestNoise:
    def test_a_second_map_shows_the_median_of_five_seeds(self):
        race = Scenario.parse(("sgd",), surface="bowl", steps=30, noise=0.5, seed=7)
        seeds = median_seeds(race)
        assert seeds == (7, 8, 9, 10, 11)
        axes = default_axes(race, 0)
        median = SettingsMap(race, 0, *axes, 12, 9, seeds).finish()
        singles = [SettingsMap(race, 0, *axes, 12, 9, (seed,)).finish() for seed in seeds]
        moving = np.all([each.states == RUNNING for each in singles], axis=0)
        assert moving.sum() > 20
        losses = np.stack([each.losses for each in singles])
        assert np.array_equal(median.losses[moving], np.median(losses, axis=0)[moving])

    def test_the_middle_is_between_converged_and_diverged_and_the_later_of_the_diverged_is_better(self):
        def cell(state: int, step: int, loss: float) -> Outcomes:
            return Outcomes(
                np.array([[state]], np.int8), np.array([[step]], np.int32), np.array([[loss]]), np.full((1, 1, 2), loss)
            )

        converged, moving = cell(CONVERGED, 9, 3.0), cell(RUNNING, -1, 1.0)
        early, late = cell(DIVERGED, 5, 7.0), cell(DIVERGED, 50, 9.0)
        assert median_outcomes([early, moving, converged]).states == RUNNING
        assert median_outcomes([early, late, early, converged, late]).steps == 50
        assert median_outcomes([early, late, converged]).ends.tolist() == [[[9.0, 9.0]]]

    def test_without_noise_one_seed_is_enough(self):
        race = Scenario.parse(("sgd",), steps=5)
        assert SettingsMap(race, 0, *default_axes(race, 0), 3, 3, median_seeds(race)).seeds == (0,)


def test_an_axis_is_spaced_as_its_knob_and_includes_its_ends():
    lane = Scenario.parse(("adam",)).lanes[0]
    assert Axis.parse("lr=1e-4..1", lane).values(5).tolist() == [1e-4, 1e-3, 1e-2, 0.1, 1.0]
    assert Axis.parse("beta1=0..0.99", lane).values(3).tolist() == [0.0, 0.9, 0.99]
    assert Axis.parse("weight_decay=0..1", lane).values(3).tolist() == [0.0, 1e-3, 1.0]


class TestAxis:
    LANE = Scenario.parse(("rmsprop",)).lanes[0]

    @pytest.mark.parametrize("text", ["lr=0.0001..1", "alpha=0..0.999", "alpha=0.5..1", "weight_decay=0..1"])
    def test_a_value_has_its_fraction_and_the_text_reads_back(self, text):
        axis = Axis.parse(text, self.LANE)
        assert axis.text() == text
        for fraction in (0.0, 0.1, 0.5, 0.9, 1.0):
            assert axis.fraction(axis.at(fraction)) == pytest.approx(fraction, abs=1e-9)
        values = axis.values(7)
        assert (values[0], values[-1]) == (axis.low, axis.high)
        assert (np.diff(values) > 0).all()

    def test_zoom_keeps_the_place_under_the_cursor_and_the_knobs_range(self):
        axis = Axis.parse("lr=1e-4..1", self.LANE)
        near = axis.zoomed(0.25, 2.0)
        assert near.at(0.25) == pytest.approx(axis.at(0.25))
        assert near.high / near.low == pytest.approx(100.0)
        assert near.zoomed(0.25, 0.5).low == pytest.approx(axis.low)
        decay = Axis.parse("alpha=0..0.99", self.LANE)
        assert decay.zoomed(0.5, 0.5).low == 0.0
        assert Axis.parse("weight_decay=0..1", self.LANE).zoomed(0.0, 2.0).low == 0.0
        for _ in range(80):
            near = near.zoomed(0.5, 2.0)
        assert near.low < near.high

    def test_an_exponent_is_spaced_evenly_also_below_zero(self):
        knob = Knob("c", "", -0.8, "linear", "", low=-math.inf, high=0.0, notch_low=-2.0, notch_high=0.0)
        axis = Axis(knob, -2.0, 0.0)
        assert axis.values(5).tolist() == [-2.0, -1.5, -1.0, -0.5, 0.0]
        assert axis.fraction(-0.5) == 0.75
        near = axis.zoomed(0.75, 2.0)
        assert (near.low, near.high) == (-1.25, -0.25)

    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_the_first_axes_of_every_optimizer_contain_its_own_setting(self, optimizer):
        for lr in ("", ":lr=1e-9", ":lr=900"):
            race = Scenario.parse((optimizer + lr,), surface="beale")
            x, y = default_axes(race, 0)
            assert x.knob.name == "lr"
            for axis in (x, y, *(default_axis(race, 0, knob) for knob in knobs_for_axes(race.lanes[0]))):
                assert 0 <= axis.fraction(race.lanes[0][axis.knob.name]) <= 1
        assert {knob.scale for knob in knobs_for_axes(race.lanes[0])} <= {"log", "log_off", "beta", "linear"}

    def test_a_whole_number_has_no_axis(self):
        with pytest.raises(ValueError, match="has no axis"):
            Axis(Knob("epochs", "", 1.0, "integer", ""), 1.0, 9.0)


class TestReading:
    def test_the_best_cell_has_the_lowest_quantity_and_of_equal_ones_the_first_that_converged(self):
        outcomes = Outcomes(
            np.array([[CONVERGED, CONVERGED, RUNNING], [DIVERGED, CONVERGED, NOT_COMPUTED]], np.int8),
            np.array([[40, 30, -1], [3, 20, -1]], np.int32),
            np.array([[1e-20, 1e-12, 0.5], [-5.0, 2.0, np.nan]]),
            np.zeros((2, 3, 2)),
        )
        bowl = SURFACES["bowl"]
        assert best(outcomes, "loss", bowl) == (0, 1)
        assert best(outcomes, "steps", bowl) == (1, 1)
        assert np.isnan(quantity(outcomes, "steps", bowl)).tolist() == [[False, False, True], [True, False, True]]
        assert quantity(outcomes, "distance", bowl)[0].tolist() == [0.0, 0.0, 0.0]
        assert np.isnan(quantity(outcomes, "distance", SURFACES["saddle"])).all()
        for name in QUANTITIES:
            assert best(Outcomes.empty(2, 2), name, bowl) is None

    def test_cells_are_ranked_by_what_their_class_has(self):
        outcomes = Outcomes(
            np.array([[CONVERGED, RUNNING, DIVERGED, NOT_COMPUTED]], np.int8),
            np.array([[40, -1, 3, -1]], np.int32),
            np.array([[1e-20, 0.5, 1e9, np.nan]]),
            np.zeros((1, 4, 2)),
        )
        by_steps, by_loss = (ordering(outcomes, name, SURFACES["bowl"])[0] for name in ("steps", "loss"))
        np.testing.assert_array_equal(by_steps, [40, 0.5, -3, np.nan])
        np.testing.assert_array_equal(by_loss, [1e-20, 0.5, -3, np.nan])
        assert quantity_of_class(RUNNING, "steps") == "loss"
        assert quantity_of_class(RUNNING, "distance") == "distance"

    def test_the_best_cell_of_a_map_without_steps_has_the_lowest_loss(self):
        outcomes = Outcomes.empty(1, 3)
        outcomes.states[:], outcomes.losses[:] = RUNNING, [[3.0, 1.0, 2.0]]
        assert best(outcomes, "steps", SURFACES["bowl"]) == (0, 1)

    def test_the_basins_of_himmelblau_have_the_numbers_of_the_listed_minima(self):
        race = Scenario.parse(("sgd",), surface="himmelblau")
        drawn = StartsMap(race, 0, np.linspace(-6, 6, 41), np.linspace(-6, 6, 41))
        numbers, points = rest_points(drawn.finish(), drawn.surface)
        assert points.tolist() == [list(each) for each in drawn.surface.minima]
        for number, (x, y) in enumerate(drawn.surface.minima):
            row, column = np.abs(drawn.ys - y).argmin(), np.abs(drawn.xs - x).argmin()
            assert numbers[row, column] == number
            assert 0.2 < (numbers == number).mean() < 0.3

    def test_rastrigin_has_a_rest_point_in_each_of_its_121_dents(self):
        race = Scenario.parse(("sgd",), surface="rastrigin")
        drawn = StartsMap(race, 0, np.linspace(-5.12, 5.12, 60), np.linspace(-5.12, 5.12, 60))
        numbers, points = rest_points(drawn.finish(), drawn.surface)
        assert len(points) == 121
        assert np.unique(numbers).tolist() == list(range(121))
        assert points[0].tolist() == [0.0, 0.0]
        assert np.abs(np.round(points) - points).max() < 0.03
        distance = np.hypot(*points.T)
        assert (np.diff(distance) > -1e-9).all(), "by their distance from the listed minimum"

    def test_a_rest_point_without_a_listed_minimum_is_found_and_flat_ground_is_one(self):
        for function, count in (("x**2 + 3*y**2", 1), ("x**2", 1), ("(x**2 - 4)**2 + y**2", 3)):
            race = Scenario.parse(("sgd:lr=0.02",), function=function, steps=1000)
            drawn = StartsMap(race, 0, np.linspace(-3, 3, 31), np.linspace(-3, 3, 30))
            _, points = rest_points(drawn.finish(), drawn.surface)
            assert len(points) == count, function
        assert points.tolist() == [[-2.0, 0.0], [2.0, 0.0], [0.0, 0.0]], "the saddle between both counts too"

    def test_where_nothing_converged_there_are_only_the_listed_minima(self):
        numbers, points = rest_points(Outcomes.empty(3, 4), SURFACES["himmelblau"])
        assert (numbers == -1).all()
        assert len(points) == 4


class TestStabilityLine:
    @pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov"])
    def test_on_a_quadratic_it_runs_along_the_border_of_divergence(self, optimizer):
        race = Scenario.parse((optimizer,), surface="ravine", steps=1500)
        lane = race.lanes[0]
        y = Axis.parse("weight_decay=0..1" if optimizer == "sgd" else "momentum=0.01..0.9", lane)
        drawn = SettingsMap(race, 0, Axis.parse("lr=0.01..0.1", lane), y, 40, 12)
        line = stability_line(race, 0, drawn.x, y, count=12)
        assert np.array_equal(line[:, 1], drawn.ys)
        states = drawn.finish().states
        for (bound, _), row in zip(line, states, strict=True):
            assert (row[drawn.xs > 1.02 * bound] == DIVERGED).all()
            assert (row[drawn.xs < bound] != DIVERGED).all()
            assert (drawn.xs > 1.02 * bound).any()

    def test_the_axes_may_be_swapped_and_without_a_bound_there_is_no_line(self):
        race = Scenario.parse(("momentum", "adam", "momentum:schedule=cosine"), surface="ravine")
        x, y = default_axes(race, 0)
        line, swapped = stability_line(race, 0, x, y), stability_line(race, 0, y, x)
        assert np.array_equal(line, swapped[:, ::-1])
        assert line[0] == pytest.approx([2 / 50, 0.0])
        assert not len(stability_line(race, 1, *default_axes(race, 1)))
        assert not len(stability_line(race, 2, x, y))
        dampening = Axis.parse("dampening=0..0.9", race.lanes[0])
        assert not len(stability_line(race, 0, dampening, y))

    def test_a_function_of_your_own_needs_a_point(self):
        race = Scenario.parse(("sgd",), function="x**2 + 3*y**2")
        axes = default_axes(race, 0)
        assert not len(stability_line(race, 0, *axes))
        assert stability_line(race, 0, *axes, point=(0.0, 0.0))[0] == pytest.approx([2 / 6, 0.0])


class TestChaos:
    def finished(self, text: str, surface: str, steps: int) -> BorderSample:
        drawn = settings_map(text, 40, 30, surface=surface, steps=steps)
        drawn.finish()
        sample = BorderSample(drawn)
        while not sample.complete:
            sample.advance()
        return sample

    def test_where_the_last_digit_decides_many_cells_at_the_borders_change(self):
        sample = self.finished("sgd:lr=0.03", "himmelblau", 400)
        assert 50 < sample.sampled <= 128
        assert sample.changed > sample.sampled / 10

    def test_on_a_quadratic_none_does(self):
        sample = self.finished("momentum", "ravine", 300)
        assert sample.sampled > 50
        assert sample.changed == 0

    def test_a_map_without_borders_has_no_sample(self):
        assert self.finished("adam", "bowl", 1).sampled == 0


def torch_outcomes(drawn: SettingsMap, cells: Sequence[tuple[int, int]]) -> list[tuple[int, int, float]]:
    """State, step and loss of each cell, walked by torch.optim with a parameter group for each."""
    torch = pytest.importorskip("torch")
    surface, steps = drawn.surface, drawn.scenario.steps
    groups = []
    for row, column in cells:
        values = dict(drawn.lane_at(row, column).values)
        values.pop("bias_correction", None)
        if "beta1" in values:
            values["betas"] = values.pop("beta1"), values.pop("beta2")
        values["centered"] = False if "centered" in values else None
        start = torch.tensor(drawn.start_at(row, column), dtype=torch.float64)
        groups.append({"params": [torch.nn.Parameter(start)]} | {k: v for k, v in values.items() if v is not None})
    rule = drawn.scenario.lanes[0].rule
    arguments = {"momentum": 0.9, "nesterov": True} if rule.name == "nesterov" else rule.torch_arguments
    optimizer = getattr(torch.optim, rule.torch_name)(groups, foreach=False, **arguments)
    parameters = [group["params"][0] for group in optimizer.param_groups]
    step = inspect.unwrap(type(optimizer).step)
    positions = np.empty((steps + 1, len(cells), 2))
    with torch.no_grad(), np.errstate(all="ignore"):
        for t in range(steps + 1):
            positions[t] = torch.stack(parameters).numpy()
            for parameter, gradient in zip(parameters, surface.gradient(positions[t]), strict=True):
                parameter.grad = torch.from_numpy(gradient)
            step(optimizer)
        centre, radius = divergence_bounds(surface, positions[0])
        outcomes = []
        for path, limit in zip(positions.transpose(1, 0, 2), radius, strict=True):
            left = np.flatnonzero(~(np.abs(path - centre).max(axis=1) < limit))
            if len(left):
                outcomes.append((DIVERGED, int(left[0]), float(surface.f(path[left[0]]))))
                continue
            slopes, moves = np.hypot(*surface.gradient(path).T), np.hypot(*np.diff(path, axis=0).T)
            moving = np.flatnonzero((slopes[1:] >= TOLERANCE) | (moves >= TOLERANCE)) + 1
            last = int(moving[-1]) if len(moving) else 0
            state, since = (RUNNING, -1) if last == steps else (CONVERGED, last + 1)
            outcomes.append((state, since, float(surface.f(path[-1]))))
    return outcomes


@pytest.mark.parametrize(
    ("lane", "surface"), [("adam", "rosenbrock"), ("momentum", "ravine"), ("nesterov", "bowl"), ("rmsprop", "bowl")]
)
def test_cells_agree_with_torch_optim_one_configuration_at_a_time(lane, surface):
    drawn = settings_map(lane, 40, 30, surface=surface, steps=150)
    cells = list(sampled(drawn, 80))
    for cell, (state, since, loss) in zip(cells, torch_outcomes(drawn, cells), strict=True):
        outcomes = drawn.finish()
        assert (outcomes.states[cell], outcomes.steps[cell]) == (state, since), cell
        assert outcomes.losses[cell] == pytest.approx(loss, rel=1e-9, abs=1e-9), cell
