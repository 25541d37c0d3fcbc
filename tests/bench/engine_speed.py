"""The engine beside torch.optim: grids and maps of configurations, and a race that a turned knob computes again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from adam_tui.draw.palette import DARK
from adam_tui.engine import trajectory
from adam_tui.engine.maps.axes import Axis
from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.maps.outcomes import NOT_COMPUTED
from adam_tui.engine.optimizers import OPTIMIZERS
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.surfaces import find_surface
from adam_tui.ui.playground import view
from adam_tui.ui.playground.state import PlaygroundState

GRID, STEPS = (120, 80), 500  # learning rates × β1
RACE = ("sgd", "adam", "rmsprop", "adagrad", "nadam")


def grid() -> np.ndarray:
    """9,600 configurations of Adam on Rosenbrock; the last points."""
    plot, adam = find_surface("rosenbrock"), OPTIMIZERS["adam"]
    values = {knob.name: knob.default for knob in adam.knobs} | {
        "lr": np.logspace(-4, 0, GRID[0])[:, None],
        "beta1": 1 - np.logspace(-3, 0, GRID[1])[None, :],
    }
    return trajectory.simulate(adam, values, plot.gradient, np.broadcast_to(plot.start, (*GRID, 2)), STEPS)


def settings_map(surface: str = "rosenbrock") -> SettingsMap:
    """A map of the same size: 120 learning rates × 80 β1 of Adam, with class, step and loss of each."""
    scenario = Scenario.parse(("adam",), surface=surface, steps=STEPS)
    [lane] = scenario.lanes
    return SettingsMap(scenario, 0, Axis.parse("lr=1e-4..1", lane), Axis.parse("beta1=0..0.999", lane), *GRID)


def whole_map() -> None:
    """The settings map, computed to its end."""
    settings_map().finish()


def converging_map() -> None:
    """The same on the ravine, where many cells converge and the step of each is searched."""
    settings_map("ravine").finish()


def first_cells() -> None:
    """The settings map up to its first, coarse picture."""
    drawn = settings_map()
    while (drawn.outcomes().states == NOT_COMPUTED).all():
        drawn.advance()


def starts_map() -> None:
    """A map of 9,600 starts of descent on Himmelblau, 400 steps."""
    scenario = Scenario.parse(("sgd",), surface="himmelblau")
    StartsMap(scenario, 0, np.linspace(-6, 6, GRID[0]), np.linspace(-6, 6, GRID[1])).finish()


def longest_piece() -> float:
    """The longest call of `advance` of a whole map, in seconds: a key waits no longer for it."""
    longest, drawn = 0.0, settings_map()
    while not drawn.complete:
        began = time.perf_counter()
        drawn.advance()
        longest = max(longest, time.perf_counter() - began)
    return longest


_MEMORY = """
import os
from bench import engine_speed
from adam_tui.engine.trajectory import trajectories

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

drawn = engine_speed.settings_map()
trajectories(drawn.scenario)
before = most = resident()
while not drawn.complete:
    drawn.advance()
    most = max(most, resident())
print(most - before)
"""


def map_memory() -> int:
    """The most bytes of memory that a settings map adds to a process that has shown its lane's path; on Linux."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    return int(done.stdout)


def torch_configuration() -> None:
    """One configuration of the same, in torch."""
    import torch

    x = torch.tensor(find_surface("rosenbrock").start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        optimizer.step()


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median of some rounds, after one that does not count."""
    work()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return median(found)


def race(step: int = 0) -> PlaygroundState:
    """Five different lanes of 2,000 steps on Rosenbrock."""
    lanes = tuple(Lane.parse(name) for name in RACE)
    return PlaygroundState(Scenario(surface="rosenbrock", lanes=lanes, steps=2000), clock=float(step))


def turned(state: PlaygroundState, all_lanes: bool = False) -> float:
    """Seconds from a turned knob to the contour's cells; one lane is computed again, or all, as on a new surface."""
    view.contour(state, 72, 35, DARK)
    rates = iter(np.linspace(0.011, 0.012, 50))

    def turn() -> None:
        sgd, adam, *others = state.scenario.lanes
        if all_lanes:
            trajectory._cached_computation.cache_clear()
        lanes = (sgd, adam.replaced("lr", float(next(rates))), *others)
        view.contour(replace(state, scenario=replace(state.scenario, lanes=lanes)), 72, 35, DARK)

    return seconds(turn)
