"""The surfaces are what their sources say: the published formulas, written again in sympy, are the measure."""

import time
import warnings

import mpmath
import numpy as np
import pytest
import sympy

from adam_tui.engine.expression import parse_function
from adam_tui.engine.surfaces import SURFACES, Surface, find_surface, formula

x, y = sympy.symbols("x y", real=True)
cos, exp, pi, sqrt, R = sympy.cos, sympy.exp, sympy.pi, sympy.sqrt, sympy.Rational

# As published (Jamil & Yang 2013 and the works named in each surface's source), not as the engine computes them.
PUBLISHED = {
    "bowl": x**2 + y**2,
    "ravine": (x**2 + 50 * y**2) / 2,
    "rosenbrock": 100 * (y - x**2) ** 2 + (1 - x) ** 2,
    "beale": (R("1.5") - x + x * y) ** 2 + (R("2.25") - x + x * y**2) ** 2 + (R("2.625") - x + x * y**3) ** 2,
    "himmelblau": (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "rastrigin": 20 + x**2 - 10 * cos(2 * pi * x) + y**2 - 10 * cos(2 * pi * y),
    "ackley": (
        -20 * exp(-R("0.2") * sqrt((x**2 + y**2) / 2)) - exp((cos(2 * pi * x) + cos(2 * pi * y)) / 2) + 20 + sympy.E
    ),
    "three-hump-camel": 2 * x**2 - R("1.05") * x**4 + x**6 / 6 + x * y + y**2,
    "styblinski-tang": (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2,
    "goldstein-price": (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2))
    * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)),
    "saddle": x**2 - y**2,
    "plateau": 1 - exp(-(x**2 + y**2) / 4),
    # The mean of 3x, −x and −x; walls of curvature 10/3 in the place of the paper's projection onto [−1, 1].
    "reddi": (
        (3 * x - x - x) / 3
        + sympy.Piecewise((R(5, 3) * (x + 1) ** 2, x < -1), (R(5, 3) * (x - 1) ** 2, x > 1), (0, True))
        + y**2 / 2
        + R("0.35")
    ),
}
LOWEST = {"styblinski-tang": -78.33233140754282, "goldstein-price": 3.0}
POINTS = 60

every_surface = pytest.mark.parametrize("s", SURFACES.values(), ids=SURFACES.keys())
with_minima = pytest.mark.parametrize("s", [s for s in SURFACES.values() if s.minima], ids=lambda s: s.name)


def exact(expressions: list, points: np.ndarray) -> np.ndarray:
    """(points, expressions): the values to 40 digits, then rounded to float64."""
    functions = [sympy.lambdify((x, y), e, modules="mpmath") for e in expressions]
    with mpmath.workdps(40):
        return np.array([[float(f(mpmath.mpf(a), mpmath.mpf(b))) for f in functions] for a, b in points.tolist()])


def points_in_view(s: Surface, count: int, seed: int = 0) -> np.ndarray:
    low, high = np.array(s.bounds[::2]), np.array(s.bounds[1::2])
    return np.random.default_rng(seed).uniform(low, high, (count, 2))


def test_the_surfaces_come_in_the_order_of_the_design_and_the_bowl_is_first() -> None:
    assert list(SURFACES) == list(PUBLISHED)


@every_surface
def test_value_gradient_and_hessian_equal_the_published_formula(s: Surface) -> None:
    formula = PUBLISHED[s.name]
    points = points_in_view(s, POINTS)
    value = exact([formula], points)[:, 0]
    gradient = exact([sympy.diff(formula, v) for v in (x, y)], points)
    hessian = exact([sympy.diff(formula, v, w) for v in (x, y) for w in (x, y)], points).reshape(-1, 2, 2)

    def close(ours: np.ndarray, truth: np.ndarray) -> None:
        axes = tuple(range(1, truth.ndim))
        size = np.abs(truth).max(axis=axes) if axes else np.abs(truth)
        error = np.abs(ours - truth).max(axis=axes) if axes else np.abs(ours - truth)
        assert np.all(error <= 1e-12 * np.maximum(size, 1e-3))

    close(s.f(points), value)
    close(s.gradient(points), gradient)
    close(s.hessian(points), hessian)


@every_surface
@pytest.mark.parametrize("shape", [(), (1,), (5,), (12, 8), (2, 0, 3)])
def test_points_of_any_shape_give_the_same_numbers_as_one_by_one(s: Surface, shape: tuple[int, ...]) -> None:
    points = points_in_view(s, int(np.prod(shape)), seed=1).reshape(*shape, 2)
    before = points.copy()
    for function, tail in ((s.f, ()), (s.gradient, (2,)), (s.hessian, (2, 2))):
        result = function(points)
        assert result.shape == shape + tail
        assert result.dtype == np.float64
        alone = np.array([function(p) for p in points.reshape(-1, 2)]).reshape(result.shape)
        np.testing.assert_allclose(result, alone, rtol=1e-15, atol=1e-15)
        result = np.asarray(result)
        if result.shape:
            result[...] = 0  # what is handed out must be the caller's own
    assert np.array_equal(points, before)


@with_minima
def test_the_minima_are_stationary_with_the_known_value_and_no_downward_curvature(s: Surface) -> None:
    minima = np.array(s.minima)
    np.testing.assert_allclose(s.f(minima), LOWEST.get(s.name, 0.0), atol=1e-13)
    curvature = np.linalg.eigvalsh(s.hessian(minima))
    assert np.all(curvature >= 0)
    assert np.all(np.abs(s.gradient(minima)) <= 1e-14 * curvature.max() + 1e-13)


@with_minima
def test_a_search_over_the_whole_view_finds_exactly_the_listed_minima(s: Surface) -> None:
    """A compass search from 41 × 41 starts: nothing lower exists, and every equally low place is listed."""
    low, high = np.array(s.bounds[::2]), np.array(s.bounds[1::2])
    at = np.stack(np.meshgrid(*np.linspace(low, high, 41).T), axis=-1).reshape(-1, 2) + 1e-4
    reach = np.full(len(at), s.width / 80)
    directions = np.array([(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4])
    for _ in range(300):
        tried = at[:, None] + reach[:, None, None] * directions
        values = s.f(tried)
        best = values.argmin(axis=1)
        rows = np.arange(len(at))
        better = values[rows, best] < s.f(at)
        at = np.where(better[:, None], tried[rows, best], at)
        reach = np.where(better, reach, reach / 2)
    minima = np.array(s.minima)
    floor = s.f(minima).min()
    found = s.f(at)
    assert found.min() >= floor - 1e-12
    distance = np.linalg.norm(at[:, None] - minima, axis=-1)
    lowest = found < floor + 1e-9
    assert np.all(distance[lowest].min(axis=1) < 1e-3)
    assert np.all(distance[lowest].min(axis=0) < 1e-3)


def test_the_saddle_has_no_minimum_and_curves_both_ways() -> None:
    assert SURFACES["saddle"].minima == ()
    np.testing.assert_array_equal(np.linalg.eigvalsh(SURFACES["saddle"].hessian(np.zeros(2))), [-2, 2])


def test_the_ravine_is_exactly_fifty_times_steeper_across_than_along() -> None:
    low, high = np.linalg.eigvalsh(SURFACES["ravine"].hessian(np.array([1.0, 2.0])))
    assert high / low == 50


def test_the_tip_of_ackley_is_zero_and_level_without_a_warning() -> None:
    ackley, tip = SURFACES["ackley"], np.zeros((3, 2))
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert np.array_equal(ackley.f(tip), np.zeros(3))
        assert np.array_equal(ackley.gradient(tip), np.zeros((3, 2)))
        # Of the curvature only the smooth second term is left: 2 π² e on the diagonal.
        np.testing.assert_allclose(ackley.hessian(tip), np.tile(2 * np.pi**2 * np.e * np.eye(2), (3, 1, 1)))


def test_the_slope_of_ackley_reaches_its_known_limit_beside_the_tip() -> None:
    beside = np.array([[1e-12, 0.0], [0.0, -1e-12], [1e-200, 0.0]])
    np.testing.assert_allclose(SURFACES["ackley"].gradient(beside), np.sign(beside) * 2 * np.sqrt(2), rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in SURFACES if name != "beale"])
def test_no_derivative_is_nan_where_the_value_is_finite(name: str) -> None:
    sizes = np.array([0.0, *(sign * 10.0**k for k in range(-323, 309, 3) for sign in (1, -1))])
    at = np.random.default_rng(0).choice(sizes, (20_000, 2))
    at = np.concatenate([at, *(np.stack([sizes * a, sizes * b], axis=-1) for a, b in ((1, 0), (0, 1), (1, 1)))])
    with np.errstate(all="ignore"):
        finite = at[np.isfinite(SURFACES[name].f(at))]
        assert len(finite) > 1000
        assert np.isfinite(SURFACES[name].gradient(finite)).all()
        assert not np.isnan(SURFACES[name].hessian(finite)).any()


@pytest.mark.parametrize("size", [5e-324, 1e-320, 1e-310, 1e-300, 1e-160])
def test_beside_the_tip_of_ackley_the_gradient_points_away_from_it(size: float) -> None:
    gradient = SURFACES["ackley"].gradient(np.array([[size, 0.0], [0.0, -size]]))
    steep = 2 * np.sqrt(2)
    np.testing.assert_allclose(gradient, [[steep, 0], [0, -steep]], rtol=1e-12)


def test_the_plateau_is_flat_far_out_and_a_well_in_the_middle() -> None:
    plateau = SURFACES["plateau"]
    slope = np.linalg.norm(plateau.gradient(np.array([[-5.0, 5.0], [-3.5, 2.5], [1.0, 1.0]])), axis=-1)
    assert slope[0] < 2e-5
    assert slope[1] < 0.03
    assert slope[2] > 0.4


def test_only_the_counter_example_changes_by_the_step() -> None:
    assert [s.name for s in SURFACES.values() if s.gradient_at] == ["reddi"]


def test_the_slopes_of_reddi_are_those_of_the_paper_between_the_walls_and_take_turns_from_step_one() -> None:
    gradient_at = SURFACES["reddi"].gradient_at
    assert gradient_at is not None
    inside = np.array([[-1.0, 0.0], [0.3, 0.0], [1.0, 0.0]])
    for step, slope in ((1, 3), (2, -1), (3, -1), (4, 3), (3000, -1), (3001, 3)):
        np.testing.assert_array_equal(gradient_at(step, inside), [[slope, 0.0]] * 3)


def test_what_reddi_shows_is_the_mean_of_what_its_steps_see() -> None:
    s = SURFACES["reddi"]
    points = np.concatenate([points_in_view(s, POINTS).reshape(4, -1, 2), np.zeros((4, 1, 2))], axis=1)
    turns = [s.gradient_at(step, points) for step in (7, 8, 9)]
    np.testing.assert_allclose(np.mean(turns, axis=0), s.gradient(points), atol=1e-14)


def test_the_walls_of_reddi_join_without_a_jump_in_value_or_slope() -> None:
    s = SURFACES["reddi"]
    for edge in (-1.0, 1.0):
        beside = np.array([[np.nextafter(edge, -2.0), 0.5], [edge, 0.5], [np.nextafter(edge, 2.0), 0.5]])
        assert np.ptp(s.f(beside)) < 1e-15
        assert np.ptp(s.gradient(beside), axis=0).max() < 1e-14


@every_surface
def test_start_and_minima_lie_in_view(s: Surface) -> None:
    x_min, x_max, y_min, y_max = s.bounds
    assert s.width == x_max - x_min > 0
    for px, py in (s.start, *s.minima):
        assert x_min < px < x_max
        assert y_min < py < y_max
    assert np.linalg.norm(s.gradient(np.array(s.start))) > 0


@every_surface
def test_plain_descent_from_the_start_is_stable_and_visibly_moves(s: Surface) -> None:
    at = np.array(s.start)
    values = [float(s.f(at))]
    for step in range(2000):
        at = at - s.descent_lr * s.gradient(at)
        values.append(float(s.f(at)))
        if step == 299:
            moved = np.linalg.norm(at - s.start)
    assert moved > 0.02 * s.width
    if s.name == "saddle":
        assert values[-1] < -1e6
    else:
        assert np.all(np.isfinite(values))
        assert max(values) <= values[0]
        assert values[-1] < values[0]


@every_surface
def test_what_is_not_finite_or_huge_passes_without_a_warning(s: Surface) -> None:
    wild = np.array([np.inf, -np.inf, np.nan, 1e300, -1e300, 1e154, 1e-320, 0.0])
    points = np.stack(np.meshgrid(wild, wild), axis=-1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        value = s.f(points)
        gradient = s.gradient(points)
        s.hessian(points)
        s.gradient(points[0, 0])
    lost = np.isnan(points).any(axis=-1)
    assert np.all(np.isnan(value[lost]))
    assert np.all(np.isnan(gradient[lost]).any(axis=-1))


@every_surface
def test_a_name_is_a_flag_value_and_a_title_fits_its_panel(s: Surface) -> None:
    assert s.name == s.name.lower()
    assert s.name.replace("-", "").isalpha()
    assert find_surface(s.name) is s
    assert 0 < len(s.title) <= 45
    assert s.source
    assert "\n" not in s.note
    assert len(s.note) <= 100


def test_an_unknown_name_is_one_line_with_the_nearest_and_all_choices() -> None:
    with pytest.raises(ValueError, match="Rosenbrok") as caught:
        find_surface("Rosenbrok")
    line = str(caught.value)
    assert "did you mean rosenbrock?" in line
    assert "\n" not in line
    assert all(name in line for name in SURFACES)
    with pytest.raises(ValueError, match="choose from bowl") as caught:
        find_surface("qqq")
    assert "did you mean" not in str(caught.value)


@every_surface
def test_a_step_costs_microseconds_for_a_few_lanes(s: Surface) -> None:
    """2,000 steps of five lanes take 3 to 40 ms; the bound only catches a slip by an order of magnitude."""
    points = points_in_view(s, 5)
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(200):
            s.f(points)
            s.gradient(points)
        best = min(best, time.perf_counter() - begin)
    assert best * 10 < 0.4


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_the_formula_that_may_be_typed_is_the_surface(name):
    points = np.random.default_rng(0).normal(scale=2, size=(50, 2))
    typed = parse_function(formula(SURFACES[name]))
    assert np.allclose(typed.f(points), SURFACES[name].f(points))
