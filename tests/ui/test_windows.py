"""Windows over a mode: the mode behind them continues as far as it is visible."""

import pytest
from take_screenshots import screen_cells
from textual._context import visible_screen_stack
from training_pilot import until

from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import AskText, Choose, Pick
from adam_tui.ui.learn.screen import LearnScreen
from adam_tui.ui.playground.state import PlaygroundState


def seen(app):
    """The composed screen as text, with the screens that shine through the one on top."""
    visible_screen_stack.set(list(app._background_screens))
    return "\n".join(screen_cells(app).lines())


@pytest.mark.parametrize("window", ["enter", "slash", "x", "question_mark", "ctrl+p"])
async def test_the_training_screen_follows_its_run_behind_a_window(training_app, made_run, window):
    made = made_run().start().train(1)
    async with training_app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in seen(training_app))
        await pilot.press(window)
        assert len(training_app.screen_stack) == 2
        before = seen(training_app)
        assert "97.00%" not in before
        made.steps([0.01] * 10).epoch(2, 0.97)
        await until(pilot, lambda: "97.00%" in seen(training_app))


async def test_typed_text_survives_the_changes_behind_the_prompt(training_app, made_run):
    made = made_run().start().train(1)
    async with training_app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in seen(training_app))
        await pilot.press("slash", "a", "d")
        made.steps([0.01] * 10).epoch(2, 0.97)
        await until(pilot, lambda: "97.00%" in seen(training_app))
        await pilot.press("a", "m")
        assert isinstance(training_app.screen, AskText)
        assert training_app.focused.value == "adam"


async def test_behind_another_mode_the_training_screen_reads_no_files(training_app, made_run):
    made_run().start().train(1)
    async with training_app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in seen(training_app))
        train = training_app.screen
        await pilot.press("3")
        await until(pilot, lambda: isinstance(training_app.screen, LearnScreen) and train._poll_timer is None)
        await pilot.press("1")
        await pilot.press("2")
        await until(pilot, lambda: train._poll_timer is not None)


@pytest.mark.parametrize(
    ("keys", "move", "chosen"),
    [
        ("m", ("down", "j", "tab", "up", "k", "shift+tab"), [1, 2, 3, 2, 1, 0]),
        ("c", ("down", "tab", "down", "tab", "up", "shift+tab", "home"), [1, 2, 3, 0, 3, 2, 0]),
        ("ctrl+p", ("down", "tab", "up", "shift+tab"), [1, 2, 1, 0]),
    ],
)
async def test_every_list_moves_by_the_same_keys(keys, move, chosen):
    app = AdamApp(PlaygroundState(playing=False))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(keys)
        options = app.screen.query_one("OptionList")
        assert options.highlighted == 0
        assert [(await pilot.press(key), options.highlighted)[1] for key in move] == chosen


@pytest.mark.parametrize(("key", "window"), [("c", Choose), ("e", Choose), ("m", Pick)])
async def test_every_list_names_its_keys(key, window):
    app = AdamApp(PlaygroundState(playing=False))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert isinstance(app.screen, window)
        assert "↑↓ choose · enter" in seen(app)
        assert "esc cancel" in seen(app)


@pytest.mark.parametrize(
    ("size", "keys"), [((80, 24), "m"), ((60, 18), "m"), ((80, 24), "3 enter"), ((80, 24), "ctrl+t")]
)
async def test_a_list_has_the_rows_that_the_longest_detail_leaves_it(size, keys):
    app = AdamApp(PlaygroundState(playing=False))
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys.split())
        await pilot.pause()
        frame = app.screen.query_one(".pick")
        assert frame.region.height >= size[1] - 2, "there are more items than rows"
        assert frame.region.bottom <= size[1]
        for key in ("down", "down", "end"):
            await pilot.press(key)
            await pilot.pause()
            hint = app.screen.query_one(".hint")
            seen_text = "".join(strip.text for strip in hint.render_lines(hint.size.region))
            detail = app.screen._items[app.screen.query_one("OptionList").highlighted][2]
            assert "".join(seen_text.split()) == "".join(detail.split()), "the whole detail is seen"


@pytest.mark.parametrize("key", ["question_mark", "c c"])
async def test_every_long_text_scrolls_by_the_same_keys(key):
    app = AdamApp(PlaygroundState(playing=False))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*key.split())
        await pilot.pause()
        frame = app.screen.query_one("VerticalScroll")
        if key == "c c":
            app.screen.query_one("Static").update("line\n" * 30)
            await pilot.pause()
        for press, down in (("down", True), ("up", False), ("j", True), ("k", False)):
            await pilot.press(press)
            await until(pilot, lambda down=down: (frame.scroll_y > 0) == down)


async def test_equal_notifications_that_are_still_shown_become_one():
    app = AdamApp(PlaygroundState(playing=False))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        for _ in range(4):
            app.notify("there is no run yet")
        app.notify("there is no run yet", severity="warning")
        app.notify("there is no run yet", title="Train")
        await until(pilot, lambda: seen(app).count("there is no run yet") == 3)


async def test_a_theme_is_shown_while_it_is_highlighted_and_kept_with_enter_only(monkeypatch):
    app, kept = AdamApp(PlaygroundState(playing=False)), []
    monkeypatch.setattr("adam_tui.ui.app.remember_theme", kept.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+t")
        assert app.theme == "adam-dark"
        shown = [(await pilot.press("down"), app.theme)[1] for _ in range(3)]
        assert shown == ["adam-grey", "adam-light", "adam-magma"]
        await pilot.press("escape")
        assert (app.theme, kept) == ("adam-dark", [])
        await pilot.press("ctrl+t", "down", "down", "enter")
        assert (app.theme, kept) == ("adam-light", ["adam-light"])
