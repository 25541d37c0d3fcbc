"""A long run, of which only the newest losses are kept: the screen reads the others from the file again."""

import numpy as np
import pytest
from training_pilot import panel, until

from adam_tui.history import loss_curve as curves
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.train import screen as train_screen

# All that changes what is shown and touches no run.
KEYS = (
    "up right o D backspace h left i left m m z z comma full_stop g w l escape escape g g l A a [ ] "
    "v V tab s S down tab"
)


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.setattr(curves, "RECENT", 64)
    monkeypatch.setattr(curves, "MARGIN", 16)
    return AdamApp(PlaygroundState(), mode="train", runs=tmp_path)


def write(made, losses):
    for first in range(0, len(losses), 50):
        made.steps(losses[first : first + 50].tolist(), seconds=0.25)


async def test_the_cursor_reads_the_exact_loss_of_an_early_step(app, made_run):
    losses = np.random.default_rng(0).uniform(0.1, 1.0, 20_000)
    made = made_run().start()
    write(made, losses)
    made.end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")))
        for keys in (("i", "home"), ("shift+right",), ("right",), ("z", "z", "z"), ("left",)):
            await pilot.press(*keys)
            step = app.screen.state.cursor
            await until(pilot, lambda step=step: f"raw {losses[step - 1]:.4f}" in panel(app, "progress"))
            assert f"{losses[step - 1]:.4f}" in panel(app, "figures")


async def test_a_zoom_into_early_steps_shows_every_one_of_them(app, made_run):
    losses = np.ones(20_000)
    losses[5000::2] = 0.1
    made = made_run().start()
    write(made, losses)
    made.end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")))
        await pilot.press("m", "m", "m", "i", "home", *["shift+right"] * 2, *["z"] * 9)
        low, high = app.screen.state.zoom
        assert high - low < 50
        curve = app.screen.selected_history.curve
        await until(pilot, lambda: curve.losses(int(low) + 1, int(high)) is not None)
        await until(pilot, lambda: panel(app, "loss").count("⡇") + panel(app, "loss").count("⢸") > 50)


async def test_a_clock_that_is_set_back_does_not_stop_the_curves(tmp_path, made_run):
    now = [1e9]
    app = AdamApp(PlaygroundState(), mode="train", runs=tmp_path)
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        app.screen._clock = lambda: now[0]
        await until(pilot, lambda: "91.00%" in panel(app, "figures"))
        now[0] = 1.0
        made.steps([0.01] * 10).epoch(2, 0.97)
        await until(pilot, lambda: "97.00%" in panel(app, "figures") and "97.00%" in panel(app, "runs"))


async def test_after_every_key_the_screen_looks_as_if_all_of_it_were_drawn_anew(tmp_path, made_run):
    made_run("momentum").start().train(4).end("stopped")
    made_run().start().train(3).sample(range(10)).evaluate()
    app = AdamApp(PlaygroundState(), mode="train", runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "93.00%" in panel(app, "runs") and "94.00%" in panel(app, "runs"))
        screen = app.screen
        screen._clock = lambda: 2000.0
        screen.on_screen_suspend()  # no tick draws meanwhile
        screen.redraw()
        for key in KEYS.split():
            await pilot.press(key)
            await pilot.pause()
            views = [screen.query_one(f"#train-{name}", CellView) for name in train_screen.PANELS]
            seen = [(view, view.cells) for view in views if view.display and view.size.area]
            screen.redraw()
            wrong = [view.id for view, cells in seen if view.cells.changed(cells).any()]
            assert not wrong, f"after {key}"
