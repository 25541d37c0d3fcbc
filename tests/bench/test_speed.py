"""`pytest tests/bench --benchmark-only -n0`: the engine's and the drawings' seconds, each alone and in detail."""

import pytest
from bench import engine_speed

from adam_tui.draw.palette import DARK
from adam_tui.engine import trajectory
from adam_tui.engine.surfaces import find_surface
from adam_tui.terminal.screen_buffer import ScreenBuffer
from adam_tui.ui.playground import view

pytestmark = pytest.mark.benchmark(warmup=True)


def test_a_grid_of_configurations(benchmark):
    assert benchmark(engine_speed.grid).shape == (*engine_speed.GRID, 2)


@pytest.mark.parametrize("name", engine_speed.RACE)
def test_one_lane_of_2000_steps(benchmark, name):
    state = engine_speed.race()
    lane = state.scenario.lanes[engine_speed.RACE.index(name)]
    path = benchmark(trajectory.compute_trajectory, find_surface("rosenbrock"), lane, (-1.5, 2.0), 2000, 0.0, 0)
    assert path.last > 0


def test_a_frame_of_five_lanes(benchmark):
    assert benchmark(view.contour, engine_speed.race(500), 72, 35, DARK).width == 72


def test_a_new_backdrop(benchmark):
    def drawn():
        view._backdrop.cache_clear()
        return view.backdrop_of(engine_speed.race(), 72, 35, DARK)

    assert benchmark(drawn).cells.height == 35


def test_a_whole_contour_written(benchmark):
    cells = view.contour(engine_speed.race(500), 72, 35, DARK)

    def written():
        memory = ScreenBuffer(72, 35)
        memory.put_cells(0, 0, cells)
        return memory.changes()

    assert len(benchmark(written)) < 20_000
