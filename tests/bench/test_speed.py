"""`pytest tests/bench --benchmark-only -n0`: the engine's and the drawings' seconds, each alone and in detail."""

import numpy as np
import pytest
from bench import engine_speed

from adam_tui.draw.cells import Cells
from adam_tui.draw.palette import DARK
from adam_tui.engine import trajectory
from adam_tui.engine.surfaces import surface
from adam_tui.ui.playground import picture
from adam_tui.ui.widgets.cell_strip import Row, written

pytestmark = pytest.mark.benchmark(warmup=True)


def test_a_grid_of_configurations(benchmark):
    assert benchmark(engine_speed.grid).shape == (*engine_speed.GRID, 2)


@pytest.mark.parametrize("name", engine_speed.RACE)
def test_one_lane_of_2000_steps(benchmark, name):
    state = engine_speed.race()
    lane = state.scenario.lanes[engine_speed.RACE.index(name)]
    path = benchmark(trajectory.run, surface("rosenbrock"), lane, (-1.5, 2.0), 2000, 0.0, 0)
    assert path.last > 0


def test_a_frame_of_five_lanes(benchmark):
    assert benchmark(picture.contour, engine_speed.race(500), 72, 35, DARK).width == 72


def test_a_new_backdrop(benchmark):
    def drawn():
        picture._backdrop.cache_clear()
        return picture.backdrop_of(engine_speed.race(), 72, 35, DARK)

    assert benchmark(drawn).cells.height == 35


def test_a_whole_contour_written(benchmark):
    rows = [row_of(picture.contour(engine_speed.race(500), 72, 35, DARK), y) for y in range(35)]
    text = benchmark(lambda: "".join(written(row, 0, 72, "truecolor") for row in rows))
    assert len(text) < 60_000


def row_of(cells: Cells, y: int) -> Row:
    fg, bg = (ground[y].astype(np.int64) @ (65536, 256, 1) for ground in (cells.fg, cells.bg))
    return Row(cells.characters(y), fg.tolist(), bg.tolist(), cells.bold[y].tolist())
