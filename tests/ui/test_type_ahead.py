"""Keys that come faster than they are answered are lost by nobody and reach whom they are meant for."""

import pytest
from textual.events import Key, Paste
from textual.keys import _character_to_key

from adam_tui.training import rundir
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import AskText, Pick
from adam_tui.ui.learn.screen import LearnScreen
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.screen import PlaygroundScreen
from adam_tui.ui.playground.state import PlaygroundState


def sent_at_once(app, *keys):
    """The keys as they come out of one packet: no answer in between."""
    for key in keys:
        single = len(key) == 1
        app.post_message(Key(_character_to_key(key) if single else key, key if single else None))


async def answered(pilot):
    for _ in range(8):
        await pilot.pause()


@pytest.fixture
def app():
    return AdamApp(PlaygroundState())


async def test_what_is_typed_behind_f_is_the_function(app):
    async with app.run_test(size=(120, 40)) as pilot:
        sent_at_once(app, "F", *"x^4 + y^4", "enter", "G", *"77", "enter", ".")
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
        assert app.screen.state.exhibit is not None
        learn = app._screens["learn"]
        assert isinstance(learn, LearnScreen)
        assert learn._at == 1


async def test_a_key_that_is_held_down_closes_one_window_and_no_mode(app, made_run, tmp_path):
    app._runs = tmp_path
    for _ in range(3):
        made_run().start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        sent_at_once(app, "2", "d", "y", "y", "y")
        await answered(pilot)
        assert len(rundir.list_runs(tmp_path)) == 2
        assert app.screen.MODE == "train"
        sent_at_once(app, *["escape"] * 20)
        await answered(pilot)
        assert app.screen.MODE == "train"


async def test_a_double_click_on_a_choice_closes_its_window_and_no_mode(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "enter")
        assert isinstance(app.screen, Pick)
        picked = app.screen
        picked.dismiss("adam")
        picked.dismiss("adam")  # as the second click comes before the window is gone
        await answered(pilot)
        assert isinstance(app.screen, LearnScreen)


async def test_a_double_enter_in_the_palette_does_it_once(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"type the start")
        await pilot.pause(0.3)
        sent_at_once(app, "enter", "enter")
        await pilot.pause(0.3)
        assert isinstance(app.screen, AskText | ModeScreen)
        await pilot.press("escape")
        assert app.screen_stack == [app.screen]


async def test_a_key_whose_end_is_never_heard_of_holds_back_none_for_long(app, monkeypatch):
    monkeypatch.setattr("adam_tui.ui.type_ahead.PATIENCE", 0.05)
    async with app.run_test(size=(120, 40)) as pilot:
        app._ahead._follow = lambda *given: None  # lost
        await pilot.press("s")
        await pilot.pause(0.1)
        await pilot.press("s")
        await answered(pilot)
        assert app.screen.state.scenario.surface == "rosenbrock"


@pytest.mark.parametrize(
    ("pasted", "entered"),
    [
        ("x^2\n  + y^2\r\n", "x^2 + y^2"),
        ("x\x1b[31m\x9b0m^2\x00\u202e\u200b", "x[31m0m^2"),
        ("\n\n", ""),
        ("e\u0301漢🙂", "e\u0301漢🙂"),
    ],
)
async def test_of_a_paste_comes_one_line_of_what_can_be_seen(app, pasted, entered):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("F", "end", "shift+home", "backspace")
        app.post_message(Paste(pasted))
        await answered(pilot)
        assert app.screen.query_one("Input").value == entered
