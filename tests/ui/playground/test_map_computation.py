"""The computation of a map in its thread: coarse cells first, pauses after keys, and an end when nobody wants it."""

import threading
import time

import pytest

from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.maps.computation import (
    KEY_PAUSE,
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


def request(kind="settings", steps=50, columns=40, rows=30, seed=0):
    lane = Lane.parse("momentum:lr=0.01,momentum=0.9")
    state, _ = update(PlaygroundState(Scenario("ravine", lanes=(lane,), steps=steps, seed=seed)), e.OpenMap(kind))
    return request_of(state, state.map, MapGrid(columns, rows, (-4.0, 4.0, -3.0, 3.0)))


class Thread:
    """A MapThread whose thread can be joined."""

    def __init__(self, last_key=lambda: 0.0):
        self.reports = 0
        self.maps = MapThread(self._report, last_key)
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


def test_after_the_first_cells_it_pauses_while_keys_come():
    now = [time.monotonic() + 1e6]  # a key in the future: the pause lasts
    thread, wanted = Thread(lambda: now[0]), request(steps=30, columns=80, rows=60, seed=4)
    slept = threading.Event()

    def sleep(seconds):
        assert seconds > KEY_PAUSE
        slept.set()
        now[0] = 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adam_tui.ui.playground.maps.computation.time.sleep", sleep)
        thread.want(wanted)
        thread.join()
    assert slept.is_set()
    assert is_complete(wanted)


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
