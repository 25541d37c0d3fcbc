"""Keys that come faster than they are answered are lost by nobody and reach whom they are meant for."""

import importlib
import pkgutil

import pytest
from textual.events import Key, MouseDown, MouseUp, Paste
from textual.geometry import Offset
from textual.keys import _character_to_key
from textual.screen import ModalScreen

import adam_tui.ui
from adam_tui.runs import directory
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import AskText, Choose, Pick, Window
from adam_tui.ui.learn.screen import LearnScreen
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import PlaygroundState


def sent_at_once(app, *keys):
    """The keys as they come out of one packet: no answer in between."""
    for key in keys:
        single = len(key) == 1
        app.post_message(Key(_character_to_key(key) if single else key, key if single else None))


def clicked_at_once(app, place, times):
    for _ in range(times):
        for event in (MouseDown, MouseUp):
            button = {"button": 1, "shift": False, "meta": False, "ctrl": False}
            app.post_message(event(None, *place, 0, 0, screen_x=place.x, screen_y=place.y, **button))


async def answered(pilot):
    for _ in range(8):
        await pilot.pause()


@pytest.fixture
def app():
    return AdamApp(PlaygroundState())


async def test_what_is_typed_behind_f_is_the_function(app):
    async with app.run_test(size=(120, 40)) as pilot:
        sent_at_once(app, "F", *"x^4 + y^4", "enter", "G", *"77", "enter", "home", ".")
        await answered(pilot)
        state = app.screen.state
        assert state.scenario.function == "x^4 + y^4"
        assert state.scenario.steps == 77
        assert state.step == 1


async def test_a_paste_behind_f_is_the_function(app):
    async with app.run_test(size=(120, 40)) as pilot:
        sent_at_once(app, "F")
        app.post_message(Paste("x^2 + y^6"))
        sent_at_once(app, "enter", "a")
        await answered(pilot)
        assert app.screen.state.scenario.function == "x^2 + y^6"
        assert len(app.screen.state.scenario.lanes) == 2


async def test_modes_and_windows_are_opened_and_closed_in_the_order_of_the_keys(app):
    async with app.run_test(size=(120, 40)) as pilot:
        sent_at_once(app, "3", "right", "right", "enter", "escape", "left", "1", "s", "?", "q", "m", "down", "enter")
        await answered(pilot)
        assert isinstance(app.screen, PlaygroundScreen)
        assert app.screen.state.preset is not None
        learn = app._screens["learn"]
        assert isinstance(learn, LearnScreen)
        assert learn.state.at == 1


async def test_a_key_that_is_held_down_closes_one_window_and_no_mode(app, made_run, tmp_path):
    app._runs = tmp_path
    for _ in range(3):
        made_run().start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        sent_at_once(app, "2", "d", "y", "y", "y")
        await answered(pilot)
        assert len(directory.list_runs(tmp_path)) == 2
        assert app.screen.MODE == "train"
        sent_at_once(app, *["escape"] * 20)
        await answered(pilot)
        assert app.screen.MODE == "train"


async def test_a_double_click_closes_one_window_and_no_mode(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "enter")
        assert isinstance(app.screen, Pick)
        clicked_at_once(app, app.screen.query_one("OptionList").region.offset + Offset(4, 2), 2)
        await answered(pilot)
        assert isinstance(app.screen, LearnScreen)
        await pilot.press("1", "c")
        assert isinstance(app.screen, Choose)
        clicked_at_once(app, app.screen.query_one("OptionList").region.offset + Offset(8, 3), 3)  # "esc cancel"
        await answered(pilot)
        assert isinstance(app.screen, PlaygroundScreen)
        assert app.screen_stack[-1] is app.screen


async def test_a_double_click_on_try_it_opens_the_playground_and_no_more(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "right", "right", "right")
        await answered(pilot)
        assert "Try it" in str(app.screen.query_one("#learn-line").render())
        clicked_at_once(app, app.screen.query_one("#learn-line").region.offset + Offset(5, 0), 2)
        await answered(pilot)
        assert isinstance(app.screen, PlaygroundScreen)


def test_every_window_closes_once():
    for module in pkgutil.walk_packages(adam_tui.ui.__path__, "adam_tui.ui."):
        importlib.import_module(module.name)
    ours = [each for each in subclasses_of(ModalScreen) if each.__module__.startswith("adam_tui.")]
    assert len(ours) > 4
    assert all(issubclass(each, Window) for each in ours)


def subclasses_of(kind):
    for each in kind.__subclasses__():
        yield each
        yield from subclasses_of(each)


async def test_a_double_enter_in_the_palette_does_it_once(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"type the start")
        await answered(pilot)
        sent_at_once(app, "enter", "enter")
        await answered(pilot)
        assert isinstance(app.screen, AskText | ModeScreen)
        await pilot.press("escape")
        assert app.screen_stack == [app.screen]


async def test_a_key_that_never_completes_delays_the_next_one_only_briefly(app, monkeypatch):
    monkeypatch.setattr("adam_tui.terminal.type_ahead.PATIENCE", 0.05)
    async with app.run_test(size=(120, 40)) as pilot:
        app._type_ahead._follow = lambda *given: None  # lost
        await pilot.press("s")
        await pilot.pause(0.1)
        await pilot.press("s")
        await answered(pilot)
        assert app.screen.state.scenario.surface == "rosenbrock"


async def test_of_a_paste_comes_one_line_of_what_can_be_seen(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("F")
        for pasted, entered in (
            ("x^2\n  + y^2\r\n", "x^2 + y^2"),
            ("x\x1b[31m\x9b0m^2\x00\u202e\u200b", "x[31m0m^2"),
            ("\n\n", ""),
            ("e\u0301漢🙂", "e\u0301漢🙂"),
        ):
            await pilot.press("end", "shift+home", "backspace")
            app.post_message(Paste(pasted))
            await answered(pilot)
            assert app.screen.query_one("Input").value == entered
