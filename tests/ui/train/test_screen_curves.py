"""The curves of the training screen: which runs, which part, over which axis, and the cursor that reads them."""

import math

import pytest
from training_pilot import panel, until

from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.train import screen as train_screen
from adam_tui.ui.train import view as train_view


@pytest.fixture
def app(training_app):
    return training_app


async def test_runs_are_selected_and_overlaid(app, made_run):
    made_run("momentum").start().train(2).end("stopped")
    made_run("sgd").start().steps([2.3, 50.0, math.nan]).diverge()
    made_run().start().train(3)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        await pilot.press("]")
        assert "▸◆ sgd" in panel(app, "runs")
        await until(pilot, lambda: "diverged at step 3" in panel(app, "figures"))
        both = app.screen.query_one("#train-loss", CellView).cells
        await pilot.press("A")
        assert app.screen.query_one("#train-loss", CellView).cells.changed(both).any()
        assert " ○ momentum" in panel(app, "runs")
        await pilot.press("A", "]", "a")
        assert "▸●−momentum" in panel(app, "runs"), "out of the overlay, though it is seen while it is selected"
        await pilot.press("[")
        assert " ○−momentum" in panel(app, "runs")


async def test_the_curves_are_drawn_anew_when_they_are_a_dot_longer(app, made_run, monkeypatch):
    run = made_run(epochs=100).start()
    run.steps([1.0] * 300)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "300/" in panel(app, "figures"))
        await pilot.pause(0.3)
        drawn = []
        draw = train_view.draw
        monkeypatch.setattr(train_view, "draw", lambda name, *rest: drawn.append(name) or draw(name, *rest))
        run.steps([0.9])  # a dot is three steps wide or more
        await until(pilot, lambda: "301/" in panel(app, "figures"))
        assert "loss" not in drawn
        assert "0.9" in panel(app, "figures")
        assert drawn.count("figures") <= drawn.count("progress"), "a panel once a poll"
        run.steps([0.8] * 30)
        await until(pilot, lambda: "331/" in panel(app, "figures") and "loss" in drawn)


async def test_the_views_of_the_curves_change_by_key(app, made_run):
    made_run().start().train(5)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "95.00%" in panel(app, "runs"))
        for key in ("l", "w", "m", "a"):
            state = app.screen.state
            await pilot.press(key)
            assert app.screen.state != state
        assert app.screen.query_one("#train-loss").border_title.startswith("Train loss")


async def test_a_run_whose_curve_grows_slowly_is_read_seldom(app, made_run, monkeypatch):
    monkeypatch.setattr(train_screen, "POLL_RUNNING_LONGEST", 1000.0)
    made = made_run(epochs=500).start().steps([0.5] * 10, seconds=0.1)
    async with app.run_test(size=(120, 40)) as pilot:
        pauses = []
        poll_after = app.screen._poll_after

        def record(pause):
            pauses.append(pause)
            poll_after(min(pause, 0.02))

        monkeypatch.setattr(app.screen, "_poll_after", record)
        await until(pilot, lambda: app.screen.selected_history is not None and len(pauses) > 2)
        assert pauses[-1] == pytest.approx(0.05)
        for _ in range(10):
            made.steps([2.0] * 10, seconds=100.0)
        await until(pilot, lambda: app.screen.selected_history.work_seconds > 1000 and pauses[-1] > 1)


async def test_the_cursor_reads_every_drawn_run(app, made_run):
    made_run("momentum").start().steps([0.5] * 10).epoch(1, 0.9, test_loss=0.4).end("stopped")
    made_run().start().steps([2.0, 1.0, 0.25, 0.125]).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")))
        await pilot.press("m", "m", "m", "i")  # no smoothing: every step
        assert "step 4" in app.screen.query_one("#train-figures").border_title
        assert panel(app, "figures").splitlines()[1].split()[-4:] == ["0.1250", "0.1250", "–", "–"]
        assert panel(app, "figures").splitlines()[2].split()[-4:] == ["0.5000", "0.5000", "–", "–"]
        assert "raw 0.1250" in panel(app, "progress")
        assert "┊" in panel(app, "loss")
        await pilot.press("left", "left")
        assert "raw 1.0000" in panel(app, "progress")
        await pilot.press("home")
        assert "raw 2.0000" in panel(app, "progress")
        await pilot.press("end", "escape")
        assert app.screen.state.cursor is None


@pytest.mark.parametrize("keys", ["z", "zz", "zzZ", "z,", "z,."])
async def test_zoom_and_pan_show_a_part(app, made_run, keys):
    made_run().start().steps([2.3 / (i + 1) for i in range(300)]).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")))
        whole = app.screen.query_one("#train-loss", CellView).cells
        await pilot.press(*({",": "comma", ".": "full_stop"}.get(key, key) for key in keys))
        low, high = app.screen.state.zoom
        assert 0 <= low < high <= 300
        assert app.screen.query_one("#train-loss", CellView).cells.changed(whole).any()
        await pilot.press("0")
        assert app.screen.state.zoom is None


async def test_curves_over_epochs_and_time(app, made_run):
    made_run().start().train(3).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "93.00%" in panel(app, "runs"))
        for unit in ("epochs", "seconds"):
            await pilot.press("g")
            assert unit in app.screen.query_one("#train-loss").border_title
        await pilot.press("g")
        assert "over" not in app.screen.query_one("#train-loss").border_title
