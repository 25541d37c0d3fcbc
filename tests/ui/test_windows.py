"""Windows over a mode: the mode behind them continues as far as it is visible."""

import pytest
from take_screenshots import screen_cells
from textual._context import visible_screen_stack
from training_pilot import until

from adam_tui.ui.dialogs import AskText
from adam_tui.ui.learn.screen import LearnScreen


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
