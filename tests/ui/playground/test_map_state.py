"""An open map: its axes, its cursor, its cells as scenarios, and the events that mean something else meanwhile."""

from dataclasses import replace

import pytest

from adam_tui.engine.lane import Lane
from adam_tui.engine.maps.cells import SettingsMap, StartsMap
from adam_tui.engine.optimizers import names_of
from adam_tui.engine.rule import GROUPS
from adam_tui.engine.scenario import Scenario
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.maps.cells import axes, cell_scenario, cursor_cell, rate_axis
from adam_tui.ui.playground.maps.computation import request_of
from adam_tui.ui.playground.maps.state import MapGrid
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

GRID = MapGrid(41, 31, (-4.0, 4.0, -3.0, 3.0))
MOMENTUM = PlaygroundState(Scenario("ravine", lanes=(Lane.parse("momentum:lr=0.01,momentum=0.9"),)))


def after(state, *events):
    for event in events:
        state, _ = update(state, event)
    return state


def opened(kind, state=MOMENTUM):
    return after(state, e.OpenMap(kind), e.ResizeMap(GRID))


def test_a_map_of_settings_opens_with_lr_across_and_the_first_decay_rate_up():
    state = opened("settings", replace(MOMENTUM, playing=True))
    x, y = axes(state, state.map)
    assert (x.knob.name, y.knob.name) == ("lr", "momentum")
    assert not state.playing


def test_its_key_again_closes_it_and_another_key_opens_the_other_map():
    assert after(MOMENTUM, e.OpenMap("settings"), e.OpenMap("settings")).map is None
    assert after(MOMENTUM, e.OpenMap("settings"), e.OpenMap("starts")).map.kind == "starts"


def test_with_noise_the_second_press_shows_the_median_of_five_seeds_and_the_third_closes():
    noisy = replace(MOMENTUM, scenario=replace(MOMENTUM.scenario, noise=0.5, seed=3))
    state = opened("settings", noisy)
    assert request_of(state, state.map, GRID).seeds == (3,)
    state = after(state, e.OpenMap("settings"))
    assert request_of(state, state.map, GRID).seeds == (3, 4, 5, 6, 7)
    assert after(state, e.OpenMap("settings")).map is None


def test_escape_closes_the_map_before_anything_else():
    state = after(replace(opened("settings"), hints=("turn",)), e.Cancel())
    assert (state.map, state.hints) == (None, ("turn",))


def test_the_cursor_begins_at_the_lanes_own_setting_and_moves_a_cell_or_eight():
    state = opened("settings")
    column, row = cursor_cell(state, state.map, GRID)
    state = after(state, e.Arrow(1, 0), e.Arrow(0, -1, coarse=True))
    assert state.map.cursor == (column + 1, row - 8)
    assert state.scenario == MOMENTUM.scenario


def test_the_cursor_stays_on_the_map():
    state = after(opened("settings"), *[e.Arrow(-1, 0, coarse=True)] * 9, *[e.Arrow(0, 1, coarse=True)] * 9)
    assert state.map.cursor == (0, GRID.rows - 1)


def test_enter_takes_the_cell_into_the_lane_and_undo_brings_the_lane_back():
    state = after(opened("settings"), e.Arrow(1, 0), e.Arrow(0, 1))
    expected = cell_scenario(state, state.map, GRID, state.map.cursor).lanes[0]
    taken = after(state, e.Confirm())
    assert taken.chosen_lane == expected != MOMENTUM.chosen_lane
    assert taken.map.cursor is None
    assert after(taken, e.Undo()).chosen_lane == MOMENTUM.chosen_lane


def test_enter_without_a_cursor_asks_nothing_and_changes_nothing():
    state = opened("settings")
    assert update(state, e.Confirm()) == (state, ())


def test_taking_a_cell_drops_later_changes_of_its_knobs():
    forked = replace(
        MOMENTUM, scenario=MOMENTUM.scenario.with_lane(0, Lane.parse("momentum:lr=0.01,lr@5=0.02,dampening@7=0.1"))
    )
    state = after(opened("settings", forked), e.Arrow(1, 0), e.Confirm())
    assert [change.name for change in state.chosen_lane.changes] == ["dampening"]


def test_enter_on_a_map_of_starts_sets_the_start():
    state = after(opened("starts"), e.PointAt(40, 0), e.Confirm())
    assert state.scenario.start == (4.0, -3.0)
    assert after(state, e.Undo()).scenario.start is None


def test_a_cells_scenario_is_the_one_that_the_engine_computes():
    state = opened("settings")
    x, y = axes(state, state.map)
    computed = SettingsMap(state.scenario, 0, x, y, GRID.columns, GRID.rows)
    assert cell_scenario(state, state.map, GRID, (7, 12)).lanes[0] == computed.lane_at(12, 7)
    state = opened("starts")
    starts = StartsMap(state.scenario, 0, *GRID.starts())
    assert cell_scenario(state, state.map, GRID, (7, 12)).start == starts.start_at(12, 7)


def test_zoom_keeps_the_cell_at_the_cursor_and_reset_shows_the_whole_range():
    state = after(opened("settings"), e.PointAt(30, 10))
    before = cell_scenario(state, state.map, GRID, (30, 10)).lanes[0]
    zoomed = after(state, e.Zoom(1))
    lane = cell_scenario(zoomed, zoomed.map, GRID, (30, 10)).lanes[0]
    assert lane["lr"] == pytest.approx(before["lr"])
    assert lane["momentum"] == pytest.approx(before["momentum"])
    assert axes(zoomed, zoomed.map)[0].low > axes(state, state.map)[0].low
    assert axes(after(zoomed, e.ResetView()), after(zoomed, e.ResetView()).map) == axes(state, state.map)


def test_a_map_of_starts_zooms_the_contour_about_the_cursor():
    state = after(opened("starts"), e.PointAt(40, 30), e.Zoom(1))
    left, right, low, high = MOMENTUM.visible.bounds
    x, y = 4.0, 3.0
    window = state.window
    assert (x - window.x_min) / (window.x_max - window.x_min) == pytest.approx((x - left) / (right - left))
    assert (y - window.y_min) / (window.y_max - window.y_min) == pytest.approx((y - low) / (high - low))


def test_on_another_view_the_cursor_of_a_map_of_starts_keeps_its_point():
    state = after(opened("starts"), e.PointAt(30, 20), e.ResizeMap(MapGrid(81, 61, (-4.0, 4.0, -3.0, 3.0))))
    assert state.map.cursor == (60, 40)


def test_x_and_y_choose_the_next_knob_that_the_other_axis_does_not_have():
    state = opened("settings")
    names = []
    for _ in range(3):
        state = after(state, e.NextAxisKnob("y"))
        names.append(axes(state, state.map)[1].knob.name)
    assert names == ["dampening", "weight_decay", "momentum"]
    state = after(state, e.NextAxisKnob("x"))
    assert axes(state, state.map)[0].knob.name == "dampening"


def test_tab_goes_through_the_quantities_and_leaves_out_the_distance_without_a_minimum():
    state = opened("settings")
    seen = [(state := after(state, e.NextQuantity())).map.quantity for _ in range(3)]
    assert seen == ["steps", "distance", "loss"]
    saddle = after(state, e.SetFunction("x*y"), e.NextQuantity(), e.NextQuantity())
    assert saddle.map.quantity == "loss"


def test_another_optimizer_gets_its_own_axes():
    state = after(opened("settings"), e.Zoom(1), e.Arrow(1, 0), e.CycleOptimizer(1))
    assert (state.map.x, state.map.y, state.map.cursor) == (None, None, None)


def test_the_outcomes_do_not_depend_on_the_settings_that_the_map_varies():
    state = opened("settings")
    taken = after(state, e.Arrow(1, 0), e.Confirm())
    assert request_of(taken, taken.map, GRID) == request_of(state, state.map, GRID)
    decayed = state.scenario.with_lane(0, state.chosen_lane.replaced("weight_decay", 0.1))
    other = replace(state, scenario=decayed)
    assert request_of(other, other.map, GRID) != request_of(state, state.map, GRID)


class TestRates:
    RACE = PlaygroundState(Scenario(lanes=(Lane.parse("adam:lr=0.1"), Lane.parse("sgd:lr=0.1"))))

    def test_there_is_a_curve_for_each_lane_or_for_each_optimizer_of_a_group(self):
        state, drawn = opened("rates", self.RACE), []
        for _ in range(len(GROUPS) + 2):
            drawn.append(tuple(lane.optimizer for lane in request_of(state, state.map, GRID).scenario.lanes))
            state = after(state, e.NextAxisKnob("y"))
        groups = ("adaptive", "first order", "recent", "second order")  # the chosen lane's own comes first
        assert drawn == [("adam", "sgd"), *map(names_of, groups), ("adam", "sgd")]

    def test_left_and_right_move_along_the_rates_and_up_and_down_choose_the_lane(self):
        state = after(opened("rates", self.RACE), e.Arrow(1, 0), e.Arrow(0, -1))
        assert state.lane == 1
        axis = rate_axis(state, state.map)
        column = state.map.cursor[0]
        taken = after(state, e.Confirm())
        assert taken.chosen_lane["lr"] == axis.at(column / (GRID.columns - 1))
        assert taken.scenario.lanes[0] == self.RACE.scenario.lanes[0]


def test_without_a_map_its_events_change_nothing():
    for event in (e.NextQuantity(), e.NextAxisKnob("x"), e.PointAt(1, 1), e.ResizeMap(GRID)):
        assert update(MOMENTUM, event) == (MOMENTUM, ())


def test_a_preset_closes_the_map():
    assert after(opened("settings"), e.NextPreset()).map is None
