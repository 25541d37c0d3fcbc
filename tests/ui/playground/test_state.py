"""The playground's logic, with no terminal: one event in, the next state out."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_tui.engine.optimizers import OPTIMIZERS, names_of
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.rule import GROUPS
from adam_tui.engine.scenario import MAX_LANES, Lane, Scenario
from adam_tui.engine.surfaces import SURFACES
from adam_tui.engine.trajectory import start_of, trajectories
from adam_tui.ui.caption import Finale
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.effects import HINTS_CLOSED, CopyRace, RememberHints, ShowFinale, TrainLane, WriteExport
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import LANES_BY_HAND, PAN, ZOOM, update


def after(state, *events):
    for event in events:
        state, _ = update(state, event)
    return state


def test_time_moves_by_the_speed_and_stops_at_the_last_step():
    state = PlaygroundState(playing=True)
    assert after(state, e.Tick(0.5)).step == 20
    assert after(state, e.ChangeSpeed(1), e.Tick(0.5)).step == 40
    end = after(state, e.Tick(1000))
    assert (end.step, end.playing, end.at_end) == (400, False, True)


def test_a_paused_clock_stands_still():
    assert after(PlaygroundState(), e.Tick(5)).step == 0


def test_play_at_the_end_begins_again():
    state = after(PlaygroundState(), e.Seek(10**9))
    assert state.step == 400
    again = after(state, e.TogglePlay())
    assert (again.step, again.playing) == (0, True)


def test_play_in_the_middle_goes_on_from_there():
    state = after(PlaygroundState(), e.Seek(37), e.TogglePlay())
    assert (state.step, state.playing) == (37, True)


def test_stepping_pauses_and_stays_within_the_race():
    state = after(PlaygroundState(playing=True), e.StepBy(10), e.StepBy(-1))
    assert (state.step, state.playing) == (9, False)
    assert after(state, e.StepBy(-100)).step == 0


def test_rewind_plays_from_the_start():
    state = after(PlaygroundState(), e.Seek(200), e.Restart())
    assert (state.step, state.playing) == (0, True)


def test_fewer_steps_pull_the_clock_back():
    state = after(PlaygroundState(), e.Seek(300), e.SetSteps(100))
    assert (state.scenario.steps, state.step) == (100, 100)


def test_all_optimizers_come_round_and_back():
    state = PlaygroundState()
    seen = []
    for _ in OPTIMIZERS:
        seen.append(state.chosen_lane.optimizer)
        state = after(state, e.CycleOptimizer(1))
    assert sorted(seen) == sorted(OPTIMIZERS)
    assert state.chosen_lane.optimizer == "adam"
    assert after(state, e.CycleOptimizer(1), e.CycleOptimizer(-1)).chosen_lane.optimizer == "adam"


def test_the_chosen_knob_keeps_its_name_across_optimizers():
    state = after(PlaygroundState(), e.Arrow(0, -1), e.Arrow(0, -1), e.Arrow(0, -1))
    assert state.chosen_knob.name == "eps"
    assert after(state, e.CycleOptimizer(1)).chosen_knob.name == "eps"


def test_added_lanes_differ_and_stop_at_the_most():
    state = PlaygroundState()
    for _ in range(LANES_BY_HAND + 3):
        state = after(state, e.AddLane())
    names = [lane.optimizer for lane in state.scenario.lanes]
    assert len(names) == LANES_BY_HAND == len(set(names))
    assert state.lane == LANES_BY_HAND - 1


def test_the_last_lane_stays():
    state = after(PlaygroundState(), e.AddLane(), e.RemoveLane(), e.RemoveLane(), e.RemoveLane())
    assert [lane.optimizer for lane in state.scenario.lanes] == ["adam"]


def test_selecting_goes_round():
    state = after(PlaygroundState(), e.AddLane(), e.AddLane(), e.SelectLane(1))
    assert state.lane == 0
    assert after(state, e.SelectLane(-1)).lane == 2


def test_an_arrow_turns_the_chosen_knob_of_the_chosen_lane_only():
    state = after(PlaygroundState(), e.AddLane(), e.SelectLane(-1), e.Arrow(1, 0))
    assert state.scenario.lanes[0]["lr"] == 0.2
    assert after(state, e.Arrow(-1, 0, coarse=True)).scenario.lanes[0]["lr"] == 0.02
    assert state.scenario.lanes[1] == after(PlaygroundState(), e.AddLane()).scenario.lanes[1]


def test_an_exact_value_and_the_default():
    state = after(PlaygroundState(), e.SetKnob(0.0123))
    assert state.chosen_lane["lr"] == 0.0123
    assert after(state, e.ResetKnob()).chosen_lane["lr"] == 0.001, "torch.optim's default"


def test_a_value_that_the_knob_refuses_is_a_clear_error():
    with pytest.raises(ValueError, match="lr must be"):
        update(PlaygroundState(), e.SetKnob(-1.0))


def test_turning_a_knob_keeps_the_place_in_time():
    state = after(PlaygroundState(playing=True), e.Tick(1.0), e.Arrow(1, 0))
    assert (state.step, state.playing) == (40, True)


def test_another_surface_starts_anew_from_its_own_start():
    state = after(PlaygroundState(), e.SetStart(1.0, 1.0), e.Zoom(2), e.Seek(50), e.CycleSurface(1))
    assert state.scenario.surface == "ravine"
    assert (state.scenario.start, state.window, state.step) == (None, None, 0)
    assert after(state, e.CycleSurface(-1)).scenario.surface == "bowl"


def test_a_learning_rate_that_was_set_by_hand_survives_another_surface():
    suggested = after(PlaygroundState(), e.CycleSurface(1), e.CycleSurface(1))
    assert suggested.scenario.surface == "rosenbrock"
    assert suggested.chosen_lane["lr"] < 0.1
    by_hand = after(PlaygroundState(), e.SetKnob(0.3), e.CycleSurface(1))
    assert by_hand.chosen_lane["lr"] == 0.3


def test_the_crosshair_begins_at_the_start_moves_and_can_be_cancelled():
    placing = after(PlaygroundState(playing=True), e.Place())
    assert placing.crosshair == start_of(placing.scenario)
    assert not placing.playing
    moved = after(placing, e.Arrow(1, 0), e.Arrow(0, 1))
    assert moved.crosshair[0] > placing.crosshair[0]
    assert moved.crosshair[1] > placing.crosshair[1]
    assert moved.scenario == placing.scenario, "nothing runs from there yet"
    assert after(moved, e.Cancel()).crosshair is None


def test_the_crosshair_stays_in_the_window():
    state = after(PlaygroundState(), e.Place(), *[e.Arrow(1, 1, coarse=True)] * 30)
    assert state.crosshair == (state.visible.x_max, state.visible.y_max)


def test_a_new_start_plays_at_once():
    state = after(PlaygroundState(), e.Place(), e.SetStart(2.0, -1.0))
    assert (start_of(state.scenario), state.playing, state.step, state.crosshair) == ((2.0, -1.0), True, 0, None)


def test_zoom_and_pan_and_back():
    state = after(PlaygroundState(), e.Zoom(1))
    assert state.visible.size[0] == pytest.approx(10 * ZOOM)
    assert state.visible.center == pytest.approx((0, 0))
    panned = after(state, e.Pan(1, 0))
    assert panned.visible.center[0] == pytest.approx(10 * ZOOM * PAN)
    assert after(panned, e.ResetView()).window is None


def test_zoom_keeps_the_crosshair_in_its_place():
    placing = after(PlaygroundState(), e.Place(), e.Arrow(1, 1, coarse=True))
    near = after(placing, *[e.Zoom(1)] * 8)
    assert near.crosshair == placing.crosshair
    share = (placing.crosshair[0] - placing.visible.x_min) / placing.visible.size[0]
    assert (near.crosshair[0] - near.visible.x_min) / near.visible.size[0] == pytest.approx(share)


def test_another_font_changes_the_shape_of_cells_and_rounding_does_not():
    state = after(PlaygroundState(), e.SetCellAspect(2.3))
    assert state.cell_aspect == 2.3
    assert after(state, e.SetCellAspect(2.31)) is state


def test_the_blocks_of_the_terminal_stay_when_a_preset_is_opened():
    state = after(PlaygroundState(), e.SetBlocks("sextants"), e.NextPreset())
    assert state.tour
    assert state.blocks == "sextants"


@pytest.mark.parametrize("events", [[e.Pan(1, 0)] * 10, [e.Pan(-1, -1)] * 40, [e.Pan(1, 1)] * 9 + [e.ResetView()]])
def test_the_crosshair_stays_in_what_is_visible(events):
    placing = after(PlaygroundState(), e.Place())
    moved = after(placing, *events)
    assert moved.visible.clamped(moved.crosshair) == moved.crosshair


@pytest.mark.parametrize("surface", SURFACES)
def test_no_two_columns_share_one_float_at_any_zoom(surface):
    state = PlaygroundState(Scenario(surface=surface))
    for events in ([e.Zoom(-1)] * 40, [e.Pan(1, 1)] * 2000, [e.Zoom(1)] * 150):
        state = after(state, *events)
    window = state.visible
    columns = np.linspace(window.x_min, window.x_max, 300)
    rows = np.linspace(window.y_min, window.y_max, 200)
    assert len(np.unique(columns)) == 300
    assert len(np.unique(rows)) == 200


def test_zoom_is_limited():
    near = after(PlaygroundState(), *[e.Zoom(1)] * 200).visible.size[0]
    far = after(PlaygroundState(), *[e.Zoom(-1)] * 200).visible.size[0]
    assert 0 < near < 1e-6
    assert 1e3 < far < 1e6


def test_display_switches_come_round():
    state = PlaygroundState()
    assert after(state, e.CycleFill(), e.CycleFill(), e.CycleFill()) == state
    for what in ("log_loss", "inspector", "vectors", "solo"):
        assert getattr(after(state, e.Toggle(what)), what) is not getattr(state, what)
        assert after(state, e.Toggle(what), e.Toggle(what)) == state


def test_every_change_of_the_scenario_can_be_undone_and_made_again():
    changes = [e.Arrow(1, 0), e.AddLane(), e.CycleOptimizer(1), e.CycleSurface(1), e.SetStart(1.0, 1.0)]
    changes += [e.LineUp("second order"), e.SetOptimizer("lion")]
    changes += [e.CycleNoise(), e.Reseed(), e.CycleSchedule(), e.CycleWarmup(), e.SetSteps(50), e.RemoveLane()]
    states = [PlaygroundState()]
    for change in changes:
        states.append(after(states[-1], change))
        assert states[-1].scenario != states[-2].scenario, change
    back = states[-1]
    for state in reversed(states[:-1]):
        back = after(back, e.Undo())
        assert back.scenario == state.scenario
    assert after(back, e.Undo()) == back, "nothing is left"
    for state in states[1:]:
        back = after(back, e.Redo())
        assert back.scenario == state.scenario


def test_a_change_after_an_undo_forgets_what_was_undone():
    state = after(PlaygroundState(), e.Arrow(1, 0), e.Undo(), e.AddLane(), e.Redo())
    assert [lane.optimizer for lane in state.scenario.lanes] == ["adam", "momentum"]


def test_only_changes_of_the_scenario_are_undone():
    assert after(PlaygroundState(), e.Zoom(1), e.Seek(9), e.CycleFill(), e.Undo()).step == 9


def test_a_fork_changes_what_follows_and_keeps_what_was():
    state = after(PlaygroundState(), e.ToggleFork(), e.Seek(50), e.Arrow(1, 0), e.Arrow(1, 0))
    lane = state.chosen_lane
    assert (lane["lr"], lane.value_at("lr", 49), lane.value_at("lr", 50)) == (0.1, 0.1, 0.5)
    assert state.ghost(0) == Lane.of("adam", {"lr": 0.1}), "one ghost for all notches at one step"
    [old] = trajectories(Scenario())
    [new] = trajectories(state.scenario)
    assert (old.positions[:51] == new.positions[:51]).all()
    assert (old.positions[51] != new.positions[51]).all()
    later = after(state, e.Seek(80), e.Arrow(-1, 0))
    assert later.ghost(0) == lane


def test_without_forking_a_turned_knob_counts_from_the_start():
    forked = after(PlaygroundState(), e.ToggleFork(), e.Seek(50), e.Arrow(1, 0))
    replayed = after(forked, e.ToggleFork(), e.Arrow(1, 0))
    assert (replayed.chosen_lane["lr"], replayed.chosen_lane.changes) == (0.5, ())


@pytest.mark.parametrize("group", GROUPS)
def test_the_optimizers_of_a_group_line_up_once_each(group):
    state = after(PlaygroundState(), e.LineUp(group))
    assert [lane.optimizer for lane in state.scenario.lanes] == list(names_of(group))
    assert state.chosen_lane.optimizer == ("adam" if group == "adaptive" else names_of(group)[0])


def test_every_optimizer_is_in_one_group():
    assert sorted(name for group in GROUPS for name in names_of(group)) == sorted(OPTIMIZERS)


class TestChoosing:
    START = PlaygroundState(Scenario(lanes=(Lane.of("adam", {"lr": 0.3, "beta1": 0.5}),)), clock=7.0, playing=True)

    def test_the_list_has_all_optimizers_by_group_and_a_line_for_ones_own(self):
        [effect] = update(self.START, e.ChooseOptimizer())[1]
        names = [value for _, items in effect.groups for value, *_ in items]
        assert names == [*OPTIMIZERS, "own"]
        assert [heading for heading, _ in effect.groups] == [*GROUPS.values(), "not built in"]
        details = {value: detail for _, items in effect.groups for value, _, detail, _ in items}
        assert details["newton"].endswith("A step evaluates 1 gradient, 1 Hessian.")
        assert "evaluates" not in details["adam"]
        assert effect.selected == "adam"
        assert effect.event("own") == e.AskClass()

    def test_a_preview_shows_the_whole_path_and_its_end_restores_the_race(self):
        shown = after(self.START, e.PreviewOptimizer("newton"))
        assert (shown.chosen_lane.optimizer, shown.at_end, shown.playing) == ("newton", True, False)
        other = after(shown, e.PreviewOptimizer("sgd"))
        assert other.chosen_lane.optimizer == "sgd"
        assert after(other, e.EndPreview()) == self.START
        assert after(other, e.PreviewOptimizer("adam")) == self.START, "its own settings, not the suggested ones"

    def test_the_choice_can_be_undone_and_the_current_one_changes_nothing(self):
        chosen = after(self.START, e.PreviewOptimizer("sgd"), e.EndPreview(), e.SetOptimizer("newton"))
        assert chosen.chosen_lane.optimizer == "newton"
        assert after(chosen, e.Undo()).scenario == self.START.scenario
        assert after(self.START, e.SetOptimizer("adam")) == self.START

    def test_an_open_map_stays_while_the_list_is_shown(self):
        mapped = after(self.START, e.OpenMap("settings"))
        assert after(mapped, e.PreviewOptimizer("sgd")) == mapped


def test_a_duplicate_has_the_same_values():
    state = after(PlaygroundState(), e.SetKnob(0.33), e.DuplicateLane())
    assert state.scenario.lanes[0] == state.scenario.lanes[1]
    assert state.lane == 1


def test_schedules_warm_ups_and_noise_come_round():
    state = PlaygroundState()
    kinds = []
    for _ in range(4):
        state = after(state, e.CycleSchedule())
        kinds.append(state.chosen_lane.schedule.kind)
    assert kinds == ["step", "exponential", "cosine", "constant"]
    warmups = [(state := after(state, e.CycleWarmup())).chosen_lane.schedule.warmup for _ in range(4)]
    assert warmups == [20, 40, 80, 0]
    noises = [(state := after(state, e.CycleNoise())).scenario.noise for _ in range(8)]
    assert noises == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 0.0]


def test_a_schedule_stays_with_the_lane_when_its_optimizer_changes():
    state = after(PlaygroundState(), e.CycleSchedule(), e.CycleOptimizer(1))
    assert state.chosen_lane.schedule.kind == "step"


def test_a_typed_function_is_raced_on():
    state = after(PlaygroundState(), e.SetFunction("x^2 + 9 y^2"), e.Seek(400))
    assert state.surface.title == "x^2 + 9 y^2"
    assert trajectories(state.scenario)[0].losses[-1] < 0.1
    assert after(state, e.CycleSurface(1)).scenario.function is None


def test_a_named_scenario_pauses_where_it_is_seen_best():
    presets = tuple(PRESETS.values())
    at = next(i for i, preset in enumerate(presets) if preset.pause_at)
    state = after(PlaygroundState(), e.Open(presets, at), e.Tick(1000))
    assert (state.step, state.playing) == (presets[at].pause_at, False)
    assert after(state, e.TogglePlay(), e.Tick(1000)).at_end
    assert after(state, e.Undo()).scenario == Scenario()
    assert after(state, e.NextPreset()).preset == presets[(at + 1) % len(presets)]
    assert after(state, e.Cancel()).preset is None


PRESET_LIST = tuple(PRESETS.values())


def test_undo_leaves_a_preset_with_its_caption_and_plays_from_the_start():
    state = after(PlaygroundState(), e.Open(PRESET_LIST, 1), e.Tick(1000), e.Undo())
    assert (state.scenario, state.preset) == (Scenario(), None)
    assert (state.step, state.playing, state.pause_at) == (0, True, None)
    again = after(state, e.Redo())
    assert (again.preset, again.scenario) == (PRESET_LIST[1], PRESET_LIST[1].scenario)
    assert again.pause_at == PRESET_LIST[1].pause_at


def test_undo_goes_back_to_the_preset_before():
    state = after(PlaygroundState(), e.Open(PRESET_LIST, 1), e.NextPreset(), e.Undo())
    assert (state.preset, state.scenario) == (PRESET_LIST[1], PRESET_LIST[1].scenario)
    assert after(state, e.NextPreset()).preset == PRESET_LIST[2]


def test_undo_of_a_change_in_a_preset_keeps_its_caption_and_the_step():
    state = after(PlaygroundState(), e.Open(PRESET_LIST, 1), e.Seek(20), e.Arrow(1, 0), e.Undo())
    assert (state.preset, state.step, state.playing) == (PRESET_LIST[1], 20, False)
    assert state.scenario == PRESET_LIST[1].scenario


def test_undo_shows_no_caption_that_was_closed():
    state = after(PlaygroundState(), e.Open(PRESET_LIST, 1), e.Arrow(1, 0), e.Seek(20), e.Cancel(), e.Undo())
    assert (state.preset, state.step) == (None, 20)
    assert state.scenario == PRESET_LIST[1].scenario


def effect(state, event):
    """The one effect of an event that leaves the state as it is."""
    after, [effect] = update(state, event)
    assert after == state
    return effect


ASKS = [
    (e.AskStep(), "10", e.Seek(10)),
    (e.AskSteps(), "1,000", e.SetSteps(1000)),
    (e.AskStart(), "1, -2.5", e.SetStart(1.0, -2.5)),
    (e.AskFunction(), "x^2 + y^4", e.SetFunction("x^2 + y^4")),
    (e.Confirm(), "0.25", e.SetKnob(0.25)),
]


@pytest.mark.parametrize(("event", "text", "answer"), ASKS)
def test_a_question_is_an_effect_and_its_answer_an_event(event, text, answer):
    question = effect(PlaygroundState(), event)
    assert question == effect(PlaygroundState(), event)
    assert question.parse(text) == answer
    with pytest.raises(ValueError):  # noqa: PT011 each question has its own message
        question.parse("nonsense")


def test_enter_starts_from_the_crosshair_while_a_start_is_placed():
    placing = after(PlaygroundState(), e.Place(), e.Arrow(1, 0))
    state, effects = update(placing, e.Confirm())
    assert (state.scenario.start, effects) == (placing.crosshair, ())


def test_escape_closes_the_crosshair_then_the_caption_then_the_hints():
    state = after(PlaygroundState(hints=("turn", "learn")), e.NextPreset(), e.Place())
    state, _ = update(state, e.Cancel())
    assert (state.crosshair, state.preset) == (None, next(iter(PRESETS.values())))
    state, effects = update(state, e.Cancel())
    assert (state.preset, state.hints, effects) == (None, ("turn", "learn"), ())
    state, effects = update(state, e.Cancel())
    assert (state.hints, effects) == ((), (RememberHints(frozenset({"turn", "learn"})), HINTS_CLOSED))


def test_a_random_start_lies_in_the_window():
    zoomed = after(PlaygroundState(), e.Zoom(1), e.Pan(1, 0))
    window = zoomed.visible
    assert after(zoomed, e.RandomStart(0.0, 0.0)).scenario.start == (window.x_min, window.y_min)
    assert after(zoomed, e.RandomStart(0.5, 0.5)).scenario.start == pytest.approx(window.center)


def test_the_stop_after_the_last_preset_is_in_the_training_mode():
    presets, finale = tuple(PRESETS.values())[:2], Finale("Train", "A sentence.")
    state = after(PlaygroundState(), e.Open(presets, 1, finale))
    state, effects = update(state, e.NextPreset())
    assert effects == (ShowFinale("3/3", finale),)
    assert state.scenario == presets[1].scenario, "the playground stays as it is"
    assert after(state, e.NextPreset()).preset == presets[0]


def test_a_lane_is_trained_with_its_own_values():
    assert effect(PlaygroundState(), e.Train()) == TrainLane(Lane.of("adam", {"lr": 0.1}))


def test_copies_and_exports_are_of_the_state_at_the_time_of_the_key():
    state = after(PlaygroundState(), e.Seek(30))
    assert effect(state, e.Copy("command")) == CopyRace("command", state)
    assert effect(state, e.Export("svg")) == WriteExport("svg", state)


EVENTS = st.one_of(
    st.builds(e.Tick, st.floats(0, 100)),
    st.sampled_from(
        [
            *(e.TogglePlay(), e.Restart(), e.AddLane(), e.RemoveLane(), e.ResetKnob()),
            *(e.Place(), e.Confirm(), e.Cancel(), e.ResetView(), e.CycleFill(), e.Toggle("vectors"), e.Toggle("solo")),
            *(e.Undo(), e.Redo(), e.ToggleFork(), e.DuplicateLane(), e.LineUp("adaptive")),
            *(e.CycleSchedule(), e.CycleWarmup()),
            *(e.CycleNoise(), e.Reseed(), e.NextPreset(), e.Cancel(), e.SetFunction("x*y + cos(x)")),
            e.Open(tuple(PRESETS.values()), 3),
        ]
    ),
    st.builds(e.StepBy, st.integers(-1000, 1000)),
    st.builds(e.Seek, st.integers(-10, 10**7)),
    st.builds(e.ChangeSpeed, st.integers(-20, 20)),
    st.builds(e.SetSteps, st.integers(-5, 500)),
    *(st.builds(kind, st.sampled_from([-1, 1])) for kind in (e.CycleOptimizer, e.SelectLane, e.CycleSurface, e.Zoom)),
    st.builds(e.Arrow, st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]), st.booleans()),
    st.builds(e.Pan, st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1])),
    st.builds(e.SetStart, st.floats(-100, 100), st.floats(-100, 100)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_any_order_of_events_leaves_a_sound_state(events):
    state = PlaygroundState()
    for event in events:
        state = after(state, event)
        scenario = state.scenario
        assert 0 <= state.step <= scenario.steps
        assert 0 <= state.lane < len(scenario.lanes) <= MAX_LANES
        assert len(state.ghosts) <= len(scenario.lanes)
        assert 0 <= state.knob < len(state.chosen_lane.rule.knobs)
        assert Scenario.from_json(scenario.to_json()) == scenario
        assert state.visible.size[0] > 0
        for lane in scenario.lanes:
            assert Lane.of(lane.optimizer, dict(lane.values), lane.schedule, lane.changes) == lane


def test_a_state_is_a_plain_value():
    assert PlaygroundState() == PlaygroundState()
    assert replace(PlaygroundState(), clock=1.5) != PlaygroundState()
    assert all(not hasattr(getattr(PlaygroundState(), f.name), "shape") for f in fields(PlaygroundState))
