"""The wide table of runs and the views of the model on the training screen (Textual's Pilot)."""

import pytest
from training_pilot import SIZES, panel, until

from adam_tui.runs.protocol import Layers
from adam_tui.ui.train import screen as train_screen


@pytest.fixture
def app(training_app):
    return training_app


@pytest.mark.parametrize("size", SIZES)
async def test_the_wide_table_sorts_searches_and_opens(app, made_run, size):
    for optimizer, epochs in (("momentum", 1), ("sgd", 3), ("adam", 2)):
        made_run(optimizer).start().train(epochs).end("stopped")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        await pilot.press("tab")
        await until(pilot, lambda: "adam" in panel(app, "table"))
        while app.screen.state.sort != "best":
            await pilot.press("s")
        names = [line.split("-")[0][3:] for line in panel(app, "table").splitlines()[1:4]]
        assert names == ["sgd", "adam", "momentum"]
        await pilot.press("down")
        assert app.screen.state.selected.startswith("momentum"), "down from adam"
        await pilot.press("slash", *"sgd")
        mode = app.screen_stack[-2]
        assert [line.split("-")[0][3:].strip() for line in panel(app, "table", mode).splitlines()[1:3]] == [
            "sgd",
            "",
        ], "one match"
        assert mode.state.selected.startswith("sgd"), "the first match, while the words are typed"
        await pilot.press("enter")
        assert app.screen.state.search == "sgd"
        await until(pilot, lambda: "momentum" not in panel(app, "table").splitlines()[1])
        await pilot.press("up", "enter")
        assert app.screen.state.selected.startswith("sgd")
        assert not app.screen.query_one("#train-table").display


async def test_a_new_run_that_the_filter_hides_leaves_the_selection_in_the_table(app, made_run, no_process):
    for optimizer in ("sgd", "momentum", "sgd"):
        made_run(optimizer).start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", *"sgd", "enter", "down")
        selected = app.screen.state.selected
        await pilot.press("t")
        await until(pilot, lambda: len(app.screen.state.runs) == 4)
        app.screen.poll()
        await pilot.pause()
        assert app.screen.state.selected == selected
        [message] = app._notifications
        assert message.message.endswith("was started; the filter hides it")


async def test_in_the_wide_table_no_hidden_knob_is_turned(app, made_run):
    made_run().start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("tab", "left", "o", "backspace")
        assert app.screen.state.spec() == train_screen.TrainState().spec()


@pytest.mark.parametrize("size", SIZES)
async def test_the_model_has_five_views(app, made_run, size):
    made = made_run().start().train(2)
    made.emit(Layers(made.time, made.step, ("conv1.weight", "linear.weight"), (0.1, 0.2), (1e-3, 0.5)))
    made.evaluate()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        for words in ("4→9✗", "· ", "▀", "linear.weight"):
            await pilot.press("v")
            await until(pilot, lambda words=words: words in panel(app, "model").replace(" → ", "→"))
        assert "large" in panel(app, "model")
        await pilot.press("v")
        assert app.screen.state.view == "digits"


async def test_the_corner_shows_gradients_and_updates_once_the_run_writes_them(app, made_run):
    made = made_run().start().train(2)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#train-corner").border_title == "Test loss")
        made.emit(Layers(made.time, made.step, ("conv1.weight", "linear.weight"), (0.1, 0.2), (1e-3, 0.5)))
        await until(pilot, lambda: "conv1.weight" in panel(app, "corner"))
