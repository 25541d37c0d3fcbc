"""Keys from the settings: they work, the old ones do not, and footer, help and palette show the new ones."""

import pytest

from adam_tui.ui.actions import SHARED_ACTIONS, key_names, with_keys_named
from adam_tui.ui.app import AdamApp
from adam_tui.ui.command_palette import CommandPalette
from adam_tui.ui.config import Config
from adam_tui.ui.keymap import all_key_names, check_keys, tables
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine


def app_with(**keys):
    return AdamApp(PlaygroundState(), config=Config(keys=keys))


def footer(app):
    return app.screen.query_one(KeyLine).render().plain


async def test_a_key_that_was_set_works_and_the_old_one_does_not():
    app = app_with(forward="f2,x", remove_lane="delete")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("full_stop")
        assert app.screen.state.step == 0
        await pilot.press("f2", "x")
        assert app.screen.state.step == 2


async def test_two_actions_may_swap_their_keys():
    app = app_with(play="p", place="space")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        assert app.screen.state.crosshair is not None
        await pilot.press("escape", "p")
        assert app.screen.state.playing


async def test_the_footer_and_the_help_show_the_keys_as_they_are_set():
    app = app_with(forward=";", turn_up="%", help="f2")
    async with app.run_test(size=(160, 45)) as pilot:
        assert ", ; step" in footer(app)
        assert "←% tune" in footer(app)
        assert "f2 keys" in footer(app)
        await pilot.press("f2")
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "; ,  One step forward / back" in text
        await pilot.press("f2")
        assert app.screen.MODE == "playground", "the key that opened it closes it"


async def test_a_shared_key_and_the_palette_can_be_set():
    app = app_with(palette="ctrl+k", mode_train="f5")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+k")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press("escape")
        await pilot.press("f5")
        await pilot.pause()
        assert app.screen.MODE == "train"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"paly": "p"}, "no action is called 'paly'"),
        ({"play": "p"}, "in Playground, p would be play and place"),
        ({"help": "V"}, "in Train, V would be previous_view and help"),
        ({"play": "a++"}, "no key is called"),
        ({"play": ""}, "no key is called ''"),
    ],
)
def test_a_key_that_cannot_be_is_said_and_the_old_one_stays(keys, said):
    usable, problems = check_keys(keys, SHARED_ACTIONS)
    assert usable == {}
    assert said in problems[0]


def test_a_key_that_is_given_twice_for_one_action_counts_once():
    assert check_keys({"quit": "q,q"}, SHARED_ACTIONS) == ({"quit": "q"}, [])


def test_no_mode_has_two_actions_on_one_key():
    assert check_keys({"play": "space"}, SHARED_ACTIONS) == ({"play": "space"}, [])


def test_a_name_means_the_same_key_in_every_mode_so_that_setting_it_anew_does_too():
    keys = {}
    for table in (*tables().values(), SHARED_ACTIONS):
        for action in table:
            assert keys.setdefault(action.name, action.keys) == action.keys, action.name


NAMES = all_key_names({"knob_up": "pageup", "place": "left_square_bracket"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{play} plays, {forward} steps", "space plays, . steps"),
        ("{turn_down_coarse}{turn_up_coarse} far", "⇧←⇧→ far"),
        ("{knob_up}{knob_down} tune", "pageup ↓ tune"),
        ("{place}", "["),
        ("no key, and {} is no mark", "no key, and {} is no mark"),
    ],
)
def test_a_text_names_the_keys_in_the_places_of_its_marks(text, said):
    assert with_keys_named(text, NAMES) == said


def test_the_first_of_several_keys_is_the_one_that_a_text_names():
    assert key_names(SHARED_ACTIONS)["help"] == "?"
    assert all_key_names({"help": "f2,question_mark"})["help"] == "f2"


async def test_the_top_line_names_the_modes_by_their_keys_as_they_are_set():
    app = app_with(mode_train="f5")
    async with app.run_test(size=(120, 40)):
        assert "f5 Train  3 Learn" in app.screen.query_one(TabsLine).render().plain
