"""Every sentence of a preset is true: each claim is computed from the paths of its scenario."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from adam_tui.draw.viewport import Viewport
from adam_tui.engine.maps.axes import Axis, default_axes
from adam_tui.engine.maps.borders import stability_line
from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.maps.outcomes import CONVERGED, DIVERGED
from adam_tui.engine.maps.rest_points import rest_points
from adam_tui.engine.presets import PRESETS, Preset
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import Trajectory, plotted_surface, start_of, trajectories

CLAIMS: dict[str, Callable[..., None]] = {}
SENTENCES = 140
TITLE = 34

every_exhibit = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())


def claim(name: str):
    """Register what an preset's sentence says; the function is given the paths of its lanes."""

    def register(check):
        CLAIMS[name] = check
        return check

    return register


@every_exhibit
def test_the_sentence_is_true(preset: Preset) -> None:
    CLAIMS[preset.name](*trajectories(preset.scenario))


def test_there_is_a_claim_for_every_preset_and_no_other() -> None:
    assert CLAIMS.keys() == PRESETS.keys()
    assert len(PRESETS) >= 12


@every_exhibit
def test_a_preset_fits_its_panel_and_is_named_like_a_flag(preset: Preset) -> None:
    assert PRESETS[preset.name] is preset
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", preset.name)
    assert 0 < len(preset.title) <= TITLE
    assert 0 < len(preset.sentence) <= SENTENCES
    assert preset.sentence.endswith(".")
    assert re.search(r"\b(1[5-9]|20)\d\d\b", preset.source), "a source has a year"
    assert preset.pause_at is None or 0 <= preset.pause_at <= preset.scenario.steps


def test_no_two_presets_are_the_same() -> None:
    for field in ("title", "sentence", "scenario"):
        assert len({getattr(preset, field) for preset in PRESETS.values()}) == len(PRESETS)


@every_exhibit
def test_a_preset_survives_json_and_its_lanes_their_flags(preset: Preset) -> None:
    scenario = preset.scenario
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario
    assert [Lane.parse(lane.to_flag()) for lane in scenario.lanes] == list(scenario.lanes)


@every_exhibit
def test_each_lane_reaches_the_step_of_the_pause(preset: Preset) -> None:
    if preset.pause_at is not None and preset.name != "warm-up":  # whose point is that one lane is thrown out
        assert all(path.last >= preset.pause_at for path in trajectories(preset.scenario))


@every_exhibit
def test_at_the_pause_a_path_is_seen_beside_its_start(preset: Preset) -> None:
    bounds = plotted_surface(preset.scenario).bounds
    plot = Viewport.fit(bounds, 41, 17, center_in_cell=True)  # that of 80 × 24 with a caption
    start = plot.to_cell(start_of(preset.scenario))
    assert start is not None
    farthest = 0
    for path in trajectories(preset.scenario):
        step = min(preset.pause_at or preset.scenario.steps, path.last)
        cells = filter(None, map(plot.to_cell, path.positions[: step + 1]))
        farthest = max([farthest, *(abs(row - start[0]) + abs(column - start[1]) for row, column in cells)])
    assert farthest >= 5 or preset.map == "starts", "a map of starts is about all starts"


# --- Reading paths ------------------------------------------------------------------------------------------------


def steps_of(path: Trajectory) -> np.ndarray:
    """Δ of steps 1 … N, (N, 2)."""
    return path.terms["Δ"][1:]


def lengths(path: Trajectory) -> np.ndarray:
    return np.hypot(*steps_of(path).T)


def distance(path: Trajectory, step: int, point) -> float:
    return float(np.hypot(*(path.positions[step] - point)))


def first(condition: np.ndarray) -> int:
    """The first step at which it holds."""
    assert condition.any()
    return int(condition.argmax())


# --- Descent and momentum -----------------------------------------------------------------------------------------


@claim("one-step")
def _(path):
    slope = SURFACES["himmelblau"].gradient(path.positions[0])
    taken = path.positions[1] - path.positions[0]
    cosine = taken @ slope / np.hypot(*taken) / np.hypot(*slope)
    assert cosine == pytest.approx(-1)
    assert np.hypot(*taken) == pytest.approx(0.01 * np.hypot(*slope))


@claim("lr-too-high")
def _(fades, grows):
    highest = np.linalg.eigvalsh(SURFACES["ravine"].hessian(np.array([-4.0, 1.5])))[-1]
    assert 2 / highest == pytest.approx(0.04)
    across = [np.abs(path.positions[:, 1]) for path in (fades, grows)]
    assert (np.diff(across[0]) < 0).all()
    assert (np.diff(across[1]) > 0).all()
    assert fades.diverged_at is None
    assert grows.diverged_at is not None


@claim("zigzag")
def _(path):
    x, y = path.positions.T
    assert (y[1:] * y[:-1] < 0).all()
    assert x[1:] / x[:-1] == pytest.approx(np.full(path.last, 0.96), abs=0.003)


@claim("ravine-momentum")
def _(descent, momentum):
    assert momentum.converged_at < descent.converged_at / 5
    # "nearly its best settings": no other lr, or lr and μ, of a fine grid is much faster on eigenvalues 1 and 50.
    curvature = np.array([1.0, 50.0])

    def rate(lr, mu):
        """The largest root of z² − (1 + μ − lr·λ) z + μ over both curvatures."""
        middle = 1 + mu - lr * curvature
        root = np.sqrt((middle**2 - 4 * mu).astype(complex))
        return np.abs([middle + root, middle - root]).max() / 2

    rates = np.arange(0.001, 0.1, 0.001)
    best = min(rate(lr, 0.0) for lr in rates)
    assert rate(0.039, 0.0) <= best + 1e-12
    best = min(rate(lr, mu) for lr in rates for mu in np.arange(0.0, 1.0, 0.01))
    assert rate(0.06, 0.57) <= best + 0.02


@claim("nesterov-brakes")
def _(momentum, nesterov):
    past_x = [path.positions[:, 0].max() for path in (momentum, nesterov)]  # from x = −3.5, the bottom is at 0
    past_y = [-path.positions[:, 1].min() for path in (momentum, nesterov)]  # from y = 2.5
    assert min(past_x + past_y) > 0
    assert 1 - past_x[1] / past_x[0] == pytest.approx(1 / 3, abs=0.05)
    assert 1 - past_y[1] / past_y[0] == pytest.approx(1 / 3, abs=0.05)
    assert nesterov.converged_at < momentum.converged_at


# --- Adaptive steps -----------------------------------------------------------------------------------------------


@claim("flat-far-out")
def _(descent, adam):
    assert distance(descent, 40, descent.positions[0]) < 0.12  # of the five units to the minimum
    assert np.abs(steps_of(adam)[:30]) == pytest.approx(np.full((30, 2), 0.1), rel=0.4)
    assert distance(adam, adam.last, (0, 0)) < 0.01


@claim("adagrad-slows")
def _(adagrad, rmsprop):
    assert (np.diff(adagrad.terms["G"][1:], axis=0) >= 0).all()
    assert (np.diff(adagrad.terms["α_eff"][1:], axis=0) <= 0).all()
    assert rmsprop.converged_at is not None
    assert distance(adagrad, rmsprop.converged_at, (0, 0)) > 0.5
    assert lengths(adagrad)[-1] > 1e-3


@claim("bias-correction")
def _(on, off):
    assert np.abs(steps_of(off)[0]) / 0.05 == pytest.approx([3.2, 3.2], abs=0.05)
    assert np.abs(steps_of(off)[6]) / 0.05 == pytest.approx([5.8, 5.8], abs=0.2)
    assert np.abs(steps_of(on)[:20]) / 0.05 == pytest.approx(np.ones((20, 2)), abs=0.1)
    assert off.positions[:, 0].max() > 0.5
    assert off.positions[:, 1].min() < -0.5
    assert on.positions[:, 0].max() < 0.05
    assert on.positions[:, 1].min() > -0.05


@claim("epsilon")
def _(small, large):
    assert distance(small, small.last, (0, 0)) < 0.01
    assert distance(large, large.last, large.positions[0]) < 0.1
    slope = np.hypot(*large.gradients.T).max()
    assert slope < 0.01, "ε = 1 is far above it"
    # No longer divided by the slope: √v̂ + ε is ε, to a hundredth.
    assert large.terms["α_eff"][1:] == pytest.approx(np.full((large.last, 2), 0.05), rel=0.01)


@claim("beta2-too-small")
def _(long, short):
    assert long.converged_at is not None
    assert (lengths(long)[long.converged_at :] < 1e-4).all()
    for steps in (600, 6000):  # "never": neither ten times later
        later = trajectories(replace(PRESETS["beta2-too-small"].scenario, steps=steps))[1]
        assert later.converged_at is None
        assert np.median(lengths(later)[-50:]) > 0.01
    assert short.diverged_at is None


@claim("reddi")
def _(adam, amsgrad):
    assert SURFACES["reddi"].f(np.array([-1.1, 0.0])) < SURFACES["reddi"].f(np.array([1.1, 0.0]))
    # Between the walls every period of three steps brings both further on their way (AMSGrad's first is a start).
    for path, way in ((adam, 1), (amsgrad, -1)):
        x = path.positions[3::3, 0]
        between = way * x < 0.9
        assert between.sum() > 50
        assert (way * np.diff(x[between]) > 0).all()
    assert adam.positions[-50:, 0].min() > 1.0
    assert amsgrad.positions[-50:, 0].max() < -1.0
    assert adam.losses[-1] > 10 * amsgrad.losses[-1]
    # "short memory": the same Adam at torch.optim's β2 finds the way.
    remembers = Lane.of("adam", {"lr": 0.02, "beta1": 0})
    [path] = trajectories(replace(PRESETS["reddi"].scenario, lanes=(remembers,)))
    assert path.positions[-1, 0] < -1.0
    # The numbers of the paper: C = 3, β1 = 0, β2 = 1 / (1 + C²).
    assert [PRESETS["reddi"].scenario.lanes[0][name] for name in ("beta1", "beta2")] == [0, 1 / (1 + 3**2)]
    assert [SURFACES["reddi"].gradient_at(t, np.zeros(2))[0] for t in (1, 2, 3, 4)] == [3, -1, -1, 3]


@claim("adamw")
def _(l2, decoupled):
    x, y = l2.positions[-1]
    assert 3 - y < 0.1, "the minimum is at (3, 3)"
    assert 3 - x > 0.5
    assert decoupled.positions[-1] == pytest.approx([2, 2], abs=1e-3)
    curvature = np.diff(l2.gradients[[0, -1]], axis=0) / np.diff(l2.positions[[0, -1]], axis=0)
    assert curvature[0] == pytest.approx([2, 20]), "y is the steep one"


@claim("lion-signs")
def _(lion, calmed):
    assert np.abs(steps_of(lion)) == pytest.approx(np.full((400, 2), 0.05))
    [forever] = trajectories(replace(PRESETS["lion-signs"].scenario, lanes=(Lane.parse("lion:lr=0.05"),), steps=4000))
    late = forever.positions[300:]
    assert np.abs(late).max() < 0.051
    assert (late[1:] * late[:-1] <= 1e-9).all(), "on the other side, or at the bottom, with every step"
    assert forever.converged_at is None
    assert lengths(calmed)[-1] < 1e-5
    assert distance(calmed, calmed.last, (0, 0)) < 0.02


# --- Noise and schedules ------------------------------------------------------------------------------------------


@claim("constant-step")
def _(constant, cosine):
    for seed in range(3):
        constant, cosine = trajectories(replace(PRESETS["constant-step"].scenario, seed=seed))
        quarters = [np.median(part) / 0.1 for part in np.split(lengths(constant)[200:], 6)]
        assert quarters == pytest.approx([0.25] * 6, abs=0.09)
        assert np.mean(quarters) == pytest.approx(0.25, abs=0.03)
        assert np.median(lengths(cosine)[-50:]) / 0.1 < 0.01
        noise = constant.terms["g"][1:] - constant.gradients[:-1]
        assert np.median(np.abs(noise[200:])) > 3 * np.median(np.abs(constant.gradients[200:])), "mostly noise"


@claim("noise-floor")
def _(large, small):
    for seed in range(3):
        paths = trajectories(replace(PRESETS["noise-floor"].scenario, seed=seed, steps=20_000))
        large, small = (path.losses[300:].mean() for path in paths)
        assert small / large == pytest.approx(0.1, abs=0.03)


@claim("averaging")
def _(plain, averaged):
    for seed in range(3):
        paths = trajectories(replace(PRESETS["averaging"].scenario, seed=seed, steps=20_000))
        plain, averaged = (np.median(lengths(path)[300:]) for path in paths)
        assert averaged / plain == pytest.approx(0.25, abs=0.04)
        plain, averaged = (path.positions[300:].std() for path in paths)
        assert averaged / plain == pytest.approx(1, abs=0.05)


@claim("warm-up")
def _(thrown_out, arrives):
    assert thrown_out.diverged_at == 2
    assert distance(arrives, arrives.last, SURFACES["beale"].minima[0]) < 0.05
    steep = np.hypot(*SURFACES["beale"].gradient(np.array([(-3.0, -3.0), (3.0, 0.6), (0.0, 0.0)])).T)
    assert steep[0] > 1000 * steep[1:].max()


# --- The landscape ------------------------------------------------------------------------------------------------


@claim("saddle-escape")
def _(descent, adam):
    left = [first(np.abs(path.positions[:, 1]) > 1) for path in (descent, adam)]
    assert left[0] / left[1] == pytest.approx(6, abs=0.5)
    assert np.abs(steps_of(descent)[:20, 1]).max() < 1e-5
    assert np.abs(steps_of(adam)[:20, 1]) == pytest.approx(np.full(20, 0.05), rel=0.3)


@claim("rosenbrock-race")
def _(descent, momentum, nesterov, rmsprop, adam):
    for path in (descent, momentum, nesterov, rmsprop, adam):
        x, y = path.positions[:3].T
        assert np.abs(y - x * x).min() < 0.1, "in the valley within two steps"
    goal = SURFACES["rosenbrock"].minima[0]
    along = abs(start_of(PRESETS["rosenbrock-race"].scenario)[0] - goal[0])
    assert descent.positions[-1, 0] + 1.5 < 0.2 * along
    for path in (momentum, adam):
        assert distance(path, path.last, goal) < 0.2


@claim("rastrigin-dents")
def _(descent, adam, far):
    rastrigin = SURFACES["rastrigin"]
    assert np.hypot(*(descent.positions[-1] - descent.positions[0])) < 0.6
    assert adam.positions[-1] == pytest.approx(descent.positions[-1], abs=1e-6)
    assert np.round(far.positions[-1] - descent.positions[-1]).tolist() == [2, 0]
    for path in (descent, adam, far):
        assert path.converged_at is not None
        assert path.losses[-1] > 10 * (1 + rastrigin.f(np.array(rastrigin.minima[0])))


@claim("four-minima")
def _(descent, momentum, adam, rmsprop):
    minima = np.array(SURFACES["himmelblau"].minima)
    assert len(minima) == 4
    reached = [int(np.hypot(*(minima - path.positions[-1]).T).argmin()) for path in (descent, momentum, adam, rmsprop)]
    for index, path in zip(reached, (descent, momentum, adam, rmsprop), strict=True):
        assert distance(path, path.last, minima[index]) < 1e-4
    assert reached[0] == reached[1] != reached[2] == reached[3]


def settings_of(name: str) -> SettingsMap:
    scenario = PRESETS[name].scenario
    assert PRESETS[name].map == "settings"
    return SettingsMap(scenario, 0, *default_axes(scenario, 0), 60, 40)


def basins_of(name: str, lane: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of the rest point of each start, and the rest points."""
    scenario = PRESETS[name].scenario
    assert PRESETS[name].map == "starts"
    x_min, x_max, y_min, y_max = SURFACES[scenario.surface].bounds
    drawn = StartsMap(scenario, lane, np.linspace(x_min, x_max, 61), np.linspace(y_min, y_max, 61))
    return rest_points(drawn.finish(), drawn.surface)


@claim("adam-valley")
def _(_):
    states = settings_of("adam-valley").finish().states
    assert not (states == DIVERGED).any()
    assert (states == CONVERGED).mean() == pytest.approx(0.2, abs=0.01)
    # Slow: the loss at the end is that of the start. Swinging: too large an lr ends higher still.
    losses = settings_of("adam-valley").finish().losses
    assert losses[20, 0] == pytest.approx(18.5, rel=0.3)
    assert losses[-1, -1] > 1


@claim("momentum-cliff")
def _(_):
    drawn = settings_of("momentum-cliff")
    line = stability_line(drawn.scenario, 0, drawn.x, drawn.y, count=drawn.rows)
    assert line[:, 0] == pytest.approx(2 * (1 + line[:, 1]) / 50)
    for (bound, _), row in zip(line, drawn.finish().states, strict=True):
        assert ((row == DIVERGED) == (drawn.xs > bound)).all()


@claim("easy-to-tune")
def _(*_):
    scenario = PRESETS["easy-to-tune"].scenario
    decades = []
    for i, lane in enumerate(scenario.lanes):
        drawn = SettingsMap(scenario, i, Axis(lane.rule.knob("lr"), 1e-6, 1e2), None, 161)
        outcomes = drawn.finish()
        good = drawn.xs[(outcomes.losses[0] < 1e-3) & (outcomes.states[0] != DIVERGED)]
        decades.append(round(math.log10(good[-1] / good[0])))
    assert decades == [1, 2, 4]


@claim("four-basins")
def _(*_):
    (descent, points), (adam, _) = (basins_of("four-basins", lane) for lane in (0, 1))
    assert len(points) == 4
    for number in range(4):
        assert (descent == number).mean() == pytest.approx(0.25, abs=0.02)
    both = (descent >= 0) & (adam >= 0)
    assert 1 / (descent != adam)[both].mean() == pytest.approx(7, abs=0.5)


@claim("rastrigin-basins")
def _(*_):
    (descent, points), (adam, _) = (basins_of("rastrigin-basins", lane) for lane in (0, 1))
    assert len(points) == 121
    assert np.array_equal(descent, adam)
    assert np.unique(np.bincount(descent.ravel())).min() > 10
