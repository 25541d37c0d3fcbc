"""The hints of the first start: one at a time, gone when tried, and remembered."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from adam_tui.cli.app import main
from adam_tui.engine.presets import PRESETS
from adam_tui.ui import config
from adam_tui.ui.actions import SHARED_ACTIONS, key_names, with_keys_named
from adam_tui.ui.app import AdamApp
from adam_tui.ui.config import Config
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.actions import ACTIONS
from adam_tui.ui.playground.hints import CLOSE, HINTS, hint, untried
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

NEW = PlaygroundState(playing=True, hints=tuple(HINTS))
NAMES = key_names((*ACTIONS, *SHARED_ACTIONS))
KEYS = ("right", "O", "a", "s", "h", "m", "3")  # one that follows each hint


@pytest.fixture
def settings(tmp_path, monkeypatch):
    path = tmp_path / "settings" / "config.toml"
    monkeypatch.setenv(config.VARIABLE, str(path))
    return path


def line(app):
    caption = app.screen.query_one("#caption")
    return str(caption.render()) if caption.display else ""


def after(state, *events):
    for event in events:
        state, _ = update(state, event)
    return state


def shown(state):
    return with_keys_named(hint(state)[0], NAMES)


# --- which one is shown: a function of the state --------------------------------------------------------------------


def test_the_first_hint_is_about_the_learning_rate():
    assert shown(NEW) == "→ turns the learning rate up: the whole path changes at once"


def test_the_hint_names_the_hyperparameter_that_the_arrows_change():
    assert shown(after(NEW, e.Arrow(0, -1))) == "→ turns beta1 up: the whole path changes at once"


def test_a_tried_hint_is_replaced_by_the_next_in_any_order():
    state = after(NEW, e.ActionUsed("next_surface"), e.ActionUsed("turn_down_coarse"))
    assert state.hints == ("optimizer", "race", "maps", "scenes", "learn")
    assert shown(state).startswith("o lists the optimizers")


def test_an_action_without_a_hint_changes_nothing():
    assert after(NEW, e.ActionUsed("zoom_in")) == NEW


def test_arrows_that_place_a_start_do_not_complete_the_hint_about_knobs():
    placing = after(NEW, e.Place())
    assert after(placing, e.ActionUsed("turn_up")) == placing
    assert shown(placing) == "←↑↓→ move the start, enter starts from it, esc cancels"


def test_an_open_map_has_its_own_line_and_its_arrows_complete_no_hint():
    mapping = after(NEW, e.OpenMap("settings"))
    assert shown(mapping) == "←↑↓→ show a cell's path, enter takes it, esc closes the map"
    assert after(mapping, e.ActionUsed("turn_up")) == mapping
    assert "maps" not in after(mapping, e.ActionUsed("settings_map")).hints


def test_opening_a_preset_keeps_the_hints():
    assert after(NEW, e.Open(tuple(PRESETS.values()))).hints == NEW.hints


def test_every_hint_names_known_actions_and_fits_80_columns_with_the_key_that_closes_hints():
    way_out = with_keys_named(CLOSE, NAMES)
    for name, each in HINTS.items():
        assert set(each.tried_by) <= NAMES.keys()
        text = shown(replace(NEW, hints=(name,), knob=len(NEW.chosen_lane.rule.knobs) - 1))
        assert len(text) + len(way_out) + 3 <= 80, text


# --- in the app -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_each_hint_goes_when_its_key_was_used_and_after_the_last_the_line_goes(size, settings):
    app = AdamApp(NEW)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.screen.query_one("#caption").size.height == 1
        for key, name in zip(KEYS, HINTS, strict=True):
            assert app.screen.state.hints[0] == name
            words = shown(app.screen.state)
            assert line(app).startswith(words)
            assert ("esc no more hints" in line(app)) == (len(words) + 20 <= size[0]), "whole or not at all"
            await pilot.press(key)
            if key in ("h", "m"):
                await pilot.press("escape")
            await pilot.pause()
        await pilot.press("1")
        await pilot.pause()
        assert line(app) == ""
    assert json.loads(settings.with_name(config.HINTS_FILE).read_text())["tried"] == sorted(HINTS)


async def test_a_changed_hint_leaves_every_panel_where_it_was(settings):
    app = AdamApp(replace(NEW, playing=False))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = {view.id: view.region for view in app.screen.query("CellView")}
        await pilot.press("right")
        await pilot.pause()
        assert app.screen.state.hints[0] == "optimizer"
        assert {view.id: view.region for view in app.screen.query("CellView")} == before


async def test_escape_closes_the_crosshair_then_the_caption_then_all_hints_for_good(settings):
    app = AdamApp(NEW)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("m", "enter", "p", "escape")
        assert next(iter(PRESETS.values())).sentence in line(app)
        await pilot.press("escape")
        assert line(app).startswith("→ turns")
        await pilot.press("escape")
        await pilot.pause()
        assert line(app) == ""
    assert config.load().tried == HINTS.keys()


async def test_closed_hints_come_back_by_key_in_place_of_a_caption(settings):
    app = AdamApp(NEW)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("escape")
        assert [note.message for note in app._notifications] == ["no more hints: E shows them again"]
        assert line(app) == ""
        await pilot.press("E")
        assert line(app).startswith("→ turns")
        await pilot.press("m", "enter", "E")
        assert line(app).startswith("→ turns")
        assert app.screen.state.preset is None
        await pilot.press("right")
        assert app.screen.state.hints == NEW.hints[1:]


async def test_hints_name_the_keys_of_the_settings(settings):
    app = AdamApp(NEW, config=Config(keys={"turn_up": "Q", "cancel": "f9"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert line(app).startswith("Q turns the learning rate up")
        assert line(app).rstrip().endswith("f9 no more hints")
        await pilot.press("right")
        assert app.screen.state.hints == NEW.hints
        await pilot.press("Q")
        assert app.screen.state.hints == NEW.hints[1:]


async def test_hints_that_cannot_be_remembered_cause_no_message(settings):
    settings.parent.write_text("no directory")
    app = AdamApp(NEW)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("right")
        assert app.screen.state.hints == NEW.hints[1:]
        assert list(app._notifications) == []


# --- who sees them --------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch, settings):
    """Open the app by the command line; what it would begin with."""

    def open_with(*arguments):
        states = []

        class Recorder:
            failure, return_code = None, 0

            def __init__(self, state, **settings):
                states.append(state)

            def run(self, **settings):
                pass

        monkeypatch.setattr("adam_tui.ui.app.AdamApp", Recorder)
        result = CliRunner().invoke(main, arguments, env={"TEXTUAL_DRIVER": "none"})
        assert result.exit_code == 0, result.output
        return states[0].hints

    return open_with


def test_the_first_start_has_all_hints_and_the_next_start_the_untried_ones(opened):
    assert opened() == tuple(HINTS)
    config.remember_hints(["turn"])
    config.remember_hints(["race"])
    assert opened() == untried({"turn", "race"}) == ("optimizer", "surface", "maps", "scenes", "learn")


@pytest.mark.parametrize("flags", [["--surface", "ravine"], ["--lane", "adam"], ["--steps", "10"], ["--noise", "1"]])
def test_flags_that_describe_a_race_switch_hints_off(opened, flags):
    assert opened(*flags) == ()


def test_other_flags_keep_the_hints(opened):
    assert opened("--ascii", "--fps", "10") == tuple(HINTS)


def test_the_settings_can_switch_hints_off(opened, settings):
    settings.parent.mkdir()
    settings.write_text("hints = false")
    assert opened() == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"tried": 3}', '{"tried": [3, {}]}', "\0"])
def test_a_damaged_hints_file_is_ignored(opened, settings, text):
    settings.parent.mkdir()
    settings.with_name(config.HINTS_FILE).write_text(text)
    assert opened() == tuple(HINTS)
    config.remember_hints(["turn"])
    assert config.load().tried == {"turn"}


def test_a_new_state_has_no_hints():
    assert PlaygroundState().hints == ()
