"""The computation of a map in its thread: coarse cells at once, stops for a busy screen, an end if nobody wants it."""

import threading
import time

import pytest

from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.maps import computation
from adam_tui.ui.playground.maps.computation import (
    MapThread,
    any_computed,
    chaotic_share,
    computations,
    is_complete,
    outcomes,
    report_outcomes,
    request_of,
    share,
)
from adam_tui.ui.playground.maps.state import MapGrid
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update


def request(kind="settings", steps=50, columns=40, rows=30, seed=0, lanes=("momentum:lr=0.01,momentum=0.9",)):
    race = Scenario("ravine", lanes=tuple(map(Lane.parse, lanes)), steps=steps, seed=seed)
    state, _ = update(PlaygroundState(race), e.OpenMap(kind))
    return request_of(state, state.map, MapGrid(columns, rows, (-4.0, 4.0, -3.0, 3.0)))


class Thread:
    """A MapThread whose thread can be joined, beside a screen that is idle or not."""

    def __init__(self, idle=True):
        self.reports = 0
        self.idle = threading.Event()
        if idle:
            self.idle.set()
        self.maps = MapThread(self._report, self.idle)
        self.threads = []

    def _report(self):
        self.reports += 1

    def want(self, wanted):
        self.maps.want(wanted, self._start)

    def _start(self, run):
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def join(self):
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def test_it_computes_the_map_and_reports_its_end():
    thread, wanted = Thread(), request()
    thread.want(wanted)
    thread.join()
    assert is_complete(wanted)
    assert thread.reports >= 1
    assert (outcomes(wanted, 0).states >= 0).all()
    assert chaotic_share(wanted) is not None


def test_a_finished_map_starts_no_thread():
    thread, wanted = Thread(), request(seed=6)
    thread.want(wanted)
    thread.join()
    thread.want(wanted)
    assert len(thread.threads) == 1


def test_another_map_takes_the_place_of_the_first_one():
    thread = Thread()
    first, second = request(steps=100_000, seed=1), request(seed=2)
    thread.want(first)
    thread.want(second)
    thread.join()
    assert is_complete(second)
    assert not is_complete(first)


def test_none_stops_it():
    thread, wanted = Thread(), request(steps=100_000, seed=3)
    thread.want(wanted)
    thread.want(None)
    thread.join()
    assert share(wanted) < 0.5


def test_a_closed_one_ends_and_starts_no_more():
    thread, wanted = Thread(), request(steps=100_000, seed=11)
    thread.want(wanted)
    thread.maps.close()
    thread.join()
    thread.want(wanted)
    assert len(thread.threads) == 1


def test_it_stops_within_a_few_steps_for_a_busy_screen_and_goes_on_beside_an_idle_one(monkeypatch):
    monkeypatch.setattr(computation, "BUSY", 60.0)
    thread, wanted = Thread(), request(steps=100_000, seed=4)
    thread.want(wanted)
    wait_for_more_than(share(wanted), wanted)
    thread.idle.clear()
    time.sleep(0.1)  # the steps in progress end
    before = share(wanted)
    time.sleep(0.2)
    assert share(wanted) == before < 1
    thread.idle.set()
    wait_for_more_than(before, wanted)
    thread.want(None)
    thread.join()


def wait_for_more_than(before, wanted):
    end = time.monotonic() + 10
    while share(wanted) <= before:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_beside_a_screen_that_is_always_busy_a_map_is_computed_too(monkeypatch):
    monkeypatch.setattr(computation, "BUSY", 0.001)
    thread, wanted = Thread(idle=False), request(seed=7)
    thread.want(wanted)
    thread.join()
    assert is_complete(wanted)


@pytest.mark.parametrize("kind", ["settings", "rates"])
def test_the_first_cells_of_a_short_computation_are_there_at_once(kind, monkeypatch):
    monkeypatch.setattr(computation, "AT_ONCE", 5.0)  # a slow machine
    thread, wanted = Thread(idle=False), request(kind, seed=8, lanes=("adam", "sgd"))
    thread.maps.want(wanted, lambda run: None)
    assert (outcomes(wanted, 0).states >= 0).all(), "a computed cell stands for those around it"


def test_a_long_computation_does_not_delay_its_key():
    thread, wanted = Thread(idle=False), request(steps=100_000, seed=9)
    began = time.thread_time()
    thread.maps.want(wanted, lambda run: None)
    assert time.thread_time() - began < 10 * computation.AT_ONCE
    assert not any_computed(wanted)


def test_the_first_cells_are_coarse_and_stand_for_those_around_them():
    wanted = request(columns=80, rows=60, seed=5)
    [computed] = computations(wanted)
    while not any_computed(wanted):
        computed.advance()
    report_outcomes(wanted)
    own, shown = computed.outcomes().states, outcomes(wanted, 0).states
    assert (own >= 0).sum() == 80
    assert (shown[:8, :8] == own[0, 0]).all()
    assert (shown >= 0).all()


def test_the_learning_rates_are_one_computation_for_each_curve():
    wanted = request("rates")
    thread = Thread()
    thread.want(wanted)
    thread.join()
    assert [each.outcomes().states.shape for each in computations(wanted)] == [(1, 40)]
    assert chaotic_share(wanted) is None


def test_the_curves_are_computed_one_after_the_other():
    thread, wanted = Thread(), request("rates", steps=10_000, seed=10, lanes=("adam", "sgd", "nadam"))
    first, _, last = computations(wanted)
    thread.want(wanted)
    end = time.monotonic() + 30
    while not first.complete and time.monotonic() < end:
        time.sleep(0.001)
    assert first.complete
    assert not last.complete
    thread.want(None)
    thread.join()
