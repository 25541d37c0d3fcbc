"""Any numbers become a chart of the given size: no exception, no warning, in good time."""

import itertools
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from adam_tui.draw.chart import Series, chart
from adam_tui.draw.palette import DARK

PALETTE = replace(DARK, background=(11, 14, 22), foreground=(138, 143, 152), axis=(68, 75, 92))
VALUES = (0.0, -0.0, 5e-324, 1e-300, 1.0, -1.0, 1e300, 1.7976931348623157e308, -1.7e308, math.inf, -math.inf, math.nan)
SIZES = [(1, 1), (2, 1), (1, 5), (7, 3), (60, 15)]


def drawn(y, width=40, height=10, x=None, **options):
    y = np.array(y, np.float64)
    x = np.arange(len(y), dtype=np.float64) if x is None else np.array(x, np.float64)
    kinds = [{}, {"averaged": True}, {"scatter": True}]
    cells = chart([Series(x, y, (255, 209, 102), **kind) for kind in kinds], width, height, PALETTE, **options)
    assert (cells.width, cells.height) == (width, height)
    return cells


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_every_few_values(count, log_y):
    for y in itertools.product(VALUES, repeat=count) if count < 3 else itertools.combinations(VALUES, count):
        drawn(y, 20, 6, log_y=log_y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("log_y", [False, True])
def test_every_size(size, log_y):
    for y in ([], [1.0], [0.0, 1e308], [-1e308, 1e308], [math.nan] * 5, [1e-300, 1e300], VALUES):
        drawn(y, *size, log_y=log_y)


@pytest.mark.parametrize("x", [(0, 0), (1e308, -1e308), (math.nan, 1), (math.inf, 0), (5e-324, 1e308)])
def test_every_place(x):
    drawn([1.0, 2.0], x=x)
    drawn([1.0, 2.0], x=x, x_limits=(0.0, 0.0))
    drawn([1.0, 2.0], x=x, y_limits=(1e308, -1e308))
    drawn([1.0, 2.0], x=x, y_limits=(math.nan, math.inf), log_y=True)


@pytest.mark.parametrize("log_y", [False, True])
def test_a_million_points_with_holes(log_y):
    y = np.random.default_rng(0).lognormal(0, 50, 1_000_000)
    y[::1000], y[1::1000], y[2::1000] = math.nan, math.inf, 0.0
    began = time.monotonic()
    cells = drawn(y, 120, 30, log_y=log_y)
    assert time.monotonic() - began < 5
    assert ((cells.glyph > 0x2800) & (cells.glyph <= 0x28FF)).any()
