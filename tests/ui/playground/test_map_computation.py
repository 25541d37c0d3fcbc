"""The thread that computes a map: it stops for a busy screen, and its first cells come at once."""

import threading
import time

import pytest

from adam_tui.engine.maps.axes import default_axes
from adam_tui.engine.scenario import Scenario
from adam_tui.ui.playground.maps import computation
from adam_tui.ui.playground.maps.computation import MapRequest, MapThread, computations, is_complete, share
from adam_tui.ui.playground.maps.state import MapGrid


def request(steps, optimizers=("adam",), kind="settings"):
    race = Scenario.parse(optimizers, surface="rosenbrock", steps=steps)
    x, y = default_axes(race, 0)
    return MapRequest(kind, race, x, None if kind == "rates" else y, MapGrid(40, 1 if kind == "rates" else 30), (0,))


class Started:
    """A thread for `MapThread`, with an idle screen or a busy one."""

    def __init__(self):
        self.idle = threading.Event()
        self.maps = MapThread(lambda: None, self.idle)
        self.threads = []

    def start(self, run):
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.maps.want(None, self.start)
        self.idle.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("kind", ["settings", "rates"])
def test_the_first_cells_of_a_short_map_are_there_at_once(kind, monkeypatch):
    monkeypatch.setattr(computation, "AT_ONCE", 5.0)  # of a slow machine
    with Started() as started:
        short = request(37, ("adam", "sgd"), kind) if kind == "rates" else request(37)
        started.maps.want(short, started.start)
        shown = computation.outcomes(short, 0).states
    assert (shown >= 0).all(), "the cells around a computed one have its outcome for now"


def test_a_long_map_does_not_delay_its_key():
    with Started() as started:
        began = time.thread_time()
        started.maps.want(request(100_000), started.start)
        assert time.thread_time() - began < 10 * computation.AT_ONCE


def test_the_thread_stops_within_a_few_steps_for_a_busy_screen_and_goes_on_for_an_idle_one(monkeypatch):
    monkeypatch.setattr(computation, "BUSY", 60.0)
    long = request(20_011)
    with Started() as started:
        started.idle.set()
        started.maps.want(long, started.start)
        at = share(long)
        while share(long) == at:
            time.sleep(0.001)
        started.idle.clear()
        time.sleep(0.1)  # the piece in progress ends
        at = share(long)
        time.sleep(0.2)
        assert share(long) == at < 1
        started.idle.set()
        while share(long) == at:
            time.sleep(0.001)


def test_beside_a_screen_that_is_always_busy_a_map_is_computed_too(monkeypatch):
    monkeypatch.setattr(computation, "BUSY", 0.001)
    busy = request(41)
    with Started() as started:
        started.maps.want(busy, started.start)
        end = time.monotonic() + 30
        while not is_complete(busy) and time.monotonic() < end:
            time.sleep(0.01)
    assert is_complete(busy)


def test_the_curves_are_computed_one_after_the_other():
    curves = request(3_003, ("adam", "sgd", "nadam"), "rates")
    with Started() as started:
        started.idle.set()
        started.maps.want(curves, started.start)
        while not computations(curves)[0].complete:
            time.sleep(0.001)
        assert not computations(curves)[2].complete
