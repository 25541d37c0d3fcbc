"""The sweep screen: keys, clicks and files to what a person sees."""

import pytest
from made_sweeps import MadeSweep
from textual.widgets import Input

from adam_tui.history import sweep_feed, sweep_summary
from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import Choose, Pick, ShowText
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.sweep import screen as sweep_screen
from adam_tui.ui.sweep.form import SweepForm
from adam_tui.ui.sweep.screen import SweepScreen
from adam_tui.ui.train.screen import TrainScreen


@pytest.fixture(autouse=True)
def polls_often(monkeypatch):
    monkeypatch.setattr(sweep_feed, "BETWEEN_SECONDS", 0.1)
    monkeypatch.setattr(sweep_summary, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(sweep_screen, "POLL_RUNNING", 0.05)
    monkeypatch.setattr(sweep_screen, "POLL_IDLE", 0.05)


def app_on(runs, mode="sweep"):
    return AdamApp(PlaygroundState(), mode=mode, runs=runs)


def seen(app):
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def notices(app):
    return "\n".join(each.message for each in app._notifications)


async def until(pilot, condition):
    for _ in range(150):
        await pilot.pause(0.02)
        if condition():
            return
    raise AssertionError(seen(pilot.app))


async def test_without_sweeps_the_screen_says_what_a_sweep_is_and_a_form_starts_one(tmp_path, launched):
    app = app_on(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "t plans and starts one" in seen(app))
        await pilot.press("t")
        await until(pilot, lambda: "about" in seen(app))
        form = app.screen
        assert isinstance(form, SweepForm)
        assert "16 trials of 3 epochs on" in seen(app)
        form.query_one("#field-trials", Input).value = "x"
        await until(pilot, lambda: "settings: a whole number is needed" in seen(app))
        await pilot.press("enter")
        assert app.screen is form, "a mistake starts nothing"
        form.query_one("#field-trials", Input).value = "2"
        form.query_one("#field-name", Input).value = "mine"
        form.query_one("#field-slots", Input).value = "3"
        await until(pilot, lambda: "4 trials of 3 epochs on 3 slots" in seen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen) and "0/4 trials" in seen(app))
        assert launched == [("sweep-mine", 3)]
        assert app.screen.state.view.plan.trials == 2
        assert "starting" in seen(app)


async def test_the_form_fits_a_small_terminal_and_asks_for_a_sampler_and_a_cluster(tmp_path, launched):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "t plans and starts one" in seen(app))
        await pilot.press("t")
        await until(pilot, lambda: "MB of disk" in seen(app))
        form = app.screen
        shown = [each.region for each in form.query(Input)] + [form.query_one("#dry-run").region]
        assert all(0 < each.y < each.bottom < 24 for each in shown)
        values = {"sampler": "tpe", "batch_size": "128", "where": "ray", "trials": "12", "name": "far"}
        for name, value in values.items():
            form.query_one(f"#field-{name}", Input).value = value
        await until(pilot, lambda: "24 trials of 3 epochs  " in seen(app))
        form.query_one("#field-halving", Input).value = "yes"
        await until(pilot, lambda: "tpe learns from whole trials" in seen(app))
        form.query_one("#field-halving", Input).value = "no"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen) and "0/24 trials" in seen(app))
        view = app.screen.state.view
        assert (view.plan.sampler, view.plan.batch_size, view.place) == ("tpe", 128, ("ray", ""))
        assert launched == [("sweep-far", None)], "as many slots as the cluster has room for"


async def test_the_grid_the_curves_and_the_words_of_the_best_cell(tmp_path):
    made = MadeSweep(tmp_path, optimizers="adam,sgd", lr="1e-4..1", trials=5, seeds=3).finish()
    for trial in made.trials:
        made.write_run(trial)
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "n = 3" in seen(app))
        text = seen(app)
        assert "made · validation loss, median of 3 seeds" in text
        assert "★ best of 10 settings" in text
        assert "Adam · lr 0.001" in text
        assert "validation loss 0.0312 · accuracy 99.38%" in text
        assert "30/30 trials · finished" in text
        assert "made finished · 30/30" in text
        await pilot.press("right")
        await until(pilot, lambda: "Adam · lr 0.01" in seen(app))
        await pilot.press("tab")
        await until(pilot, lambda: "made · validation accuracy" in seen(app))
        await pilot.press("tab")
        await until(pilot, lambda: "made · epochs to 98.5%" in seen(app) and "epochs to 98.5%: never" in seen(app))


async def test_progress_arrives_while_it_is_watched(tmp_path):
    made = MadeSweep(tmp_path, optimizers="adam", trials=3, seeds=1)
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "0/3 trials · stopped" in seen(app))
        claims, claim = made.claim(made.trials[0])
        await until(pilot, lambda: "0/3 trials · running" in seen(app) and "▸ slot0  adam-0000" in seen(app))
        made.journal.record(made.ended(made.trials[0]))
        claims.remove(claim)
        await until(pilot, lambda: "1/3 trials · stopped" in seen(app))
        assert "u continues it" in seen(app)


async def test_a_screen_at_rest_draws_nothing(tmp_path, monkeypatch):
    made = MadeSweep(tmp_path, trials=3, seeds=2).finish()
    app = app_on(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "12/12 trials" in seen(app))
        await pilot.pause(0.3)  # the last panels get their sizes
        polls, shown = [], []
        poll = SweepFeed.view
        monkeypatch.setattr(SweepFeed, "view", lambda *args, **kw: polls.append(1) or poll(*args, **kw))
        monkeypatch.setattr(CellView, "show", lambda self, cells: shown.append(self.id))
        await until(pilot, lambda: len(polls) > 3)
        assert shown == []
        assert app.screen.state.view.id == made.id


async def test_a_click_chooses_a_cell(tmp_path):
    MadeSweep(tmp_path, optimizers="adam,sgd", lr="1e-4..1", trials=5, seeds=1).finish()
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "10/10 trials" in seen(app))
        await pilot.pause(0.1)
        region = app.screen.query_one("#sweep-grid", CellView).content_region
        await pilot.click(offset=(region.right - 7, region.y + 2))
        assert app.screen.state.chosen == (1, 4)
        await pilot.click(offset=(region.x, region.bottom - 1))
        assert app.screen.state.chosen == (1, 4), "beside the grid"


async def test_runs_open_in_train_beside_the_others(tmp_path, made_run):
    made_run().start().train(1).end("stopped")
    made = MadeSweep(tmp_path, optimizers="adam", trials=3, seeds=1).finish()
    for trial in made.trials:
        made.write_run(trial)
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "3/3 trials" in seen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen) and app.screen.state.run is not None)
        await until(pilot, lambda: app.screen.state.selected == "sweep-made/adam-0000")
        assert len(app.screen.state.runs) == 2
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen))


async def test_a_setting_opens_in_the_playground(tmp_path):
    MadeSweep(tmp_path, optimizers="adam", trials=3, seeds=1).finish()
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "3/3 trials" in seen(app))
        await pilot.press("T")
        await until(pilot, lambda: "A setting of the sweep" in seen(app))
        assert app.screen.MODE == "playground"


async def test_orders_are_written_for_the_processes(tmp_path):
    made = MadeSweep(tmp_path, trials=3, seeds=1)
    made.claim(made.trials[0])
    app = app_on(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "running" in seen(app))
        await pilot.press("space")
        await until(pilot, lambda: "paused" in seen(app))
        assert made.sweep.order() == "pause"
        await pilot.press("space")
        await until(pilot, lambda: made.sweep.order() == "run")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("s")
        await until(pilot, lambda: made.sweep.order() == "stop")


async def test_several_sweeps_are_chosen_by_keys_or_from_a_list(tmp_path):
    MadeSweep(tmp_path, "first", trials=2, seeds=1).finish()
    MadeSweep(tmp_path, "second", trials=3, seeds=1)
    app = app_on(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "second" in seen(app))
        await pilot.press("]")
        await until(pilot, lambda: "first · validation loss" in seen(app))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, Pick) and "ended" in seen(app))
        await pilot.press("up", "enter")
        await until(pilot, lambda: "second · validation loss" in seen(app))
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ShowText))
        assert "have written nothing" in seen(app)


async def test_an_edge_is_pointed_out_and_widened(tmp_path, launched):
    MadeSweep(tmp_path, "edge", "sgd", lr="1e-4..1e-1", trials=5, seeds=1).finish()
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "is the highest that was tried" in seen(app))
        assert "E widen" in seen(app)
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, SweepForm) and "0.1..3" in seen(app))
        assert "SGD was best at the highest lr that was tried, 0.1." in seen(app)


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (200, 55)])
async def test_every_size_shows_the_grid_and_the_chosen_cell(tmp_path, size):
    MadeSweep(tmp_path, optimizers="adam,sgd,momentum,lion", trials=9, seeds=1, halving=True).halve()
    app = app_on(tmp_path)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "/36 trials" in seen(app))
        await pilot.pause(0.1)
        text = seen(app)
        for words in ("4 Sweep", "Lion", "★", "Slots", "cell", *(["✕"] if size[0] > 60 else ["◂1"])):
            assert words in text, text


async def test_the_tabs_have_room_beside_the_status_at_80_columns(tmp_path):
    app = app_on(tmp_path, mode="train")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "4 Sweep" in seen(app))
        await pilot.click(offset=(seen(app).splitlines()[0].index("4 Sweep") + 2, 0))
        await until(pilot, lambda: isinstance(app.screen, SweepScreen))


async def test_a_theme_of_another_lightness_draws_the_grid_anew(tmp_path):
    MadeSweep(tmp_path, trials=3, seeds=1).finish()
    app = app_on(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "6/6 trials" in seen(app))
        before = app.screen.query_one("#sweep-grid", CellView).cells.bg.copy()
        app.theme = "adam-light"
        await pilot.pause(0.1)
        after = app.screen.query_one("#sweep-grid", CellView).cells.bg
        assert before[-1, -1].max() < 50
        assert after[-1, -1].min() > 200


async def test_a_sweep_is_one_row_among_the_runs_of_train(tmp_path, made_run):
    made_run().start().train(1).end("stopped")
    MadeSweep(tmp_path, "old", trials=2, seeds=1).finish()
    made = MadeSweep(tmp_path, "new", "adam", trials=3, seeds=1)
    made.finish(made.trials[1])
    app = app_on(tmp_path, mode="train")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "▦ sweep-new ■       1/3  97.11%" in seen(app) and "▦ sweep-old ✓" in seen(app))
        assert app.screen.state.run is not None, "a run is selected at first"
        while app.screen.state.selected != "sweep-new":
            await pilot.press("]")
        assert "1 of 3 trials ended" in seen(app)
        assert "enter open sweep" in seen(app)
        await pilot.press("n")
        await until(pilot, lambda: "sweep-new is a sweep: enter opens it with its runs" in notices(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen) and "1/3 trials" in seen(app))
        assert app.screen.state.selected == "sweep-new"
        await pilot.press("2", "tab", "slash", *"old", "enter")
        await until(pilot, lambda: "Runs and sweeps · 1 of 3 match" in seen(app))
        assert app.screen.state.selected == "sweep-old"
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Choose) and "Its runs and their curves are gone" in seen(app))
        await pilot.press("y")
        await until(pilot, lambda: not (tmp_path / "sweep-old").exists() and "Runs and sweeps · 0 of 2" in seen(app))


async def test_a_running_sweep_is_paused_and_stopped_from_train(tmp_path):
    made = MadeSweep(tmp_path, "grid", trials=3, seeds=1)
    made.claim(made.trials[0])
    app = app_on(tmp_path, mode="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "▦ sweep-grid ▶ adam,sgd lr   0/6" in seen(app))
        await pilot.press("]", "d")
        await until(pilot, lambda: "sweep-grid is running: x stops it first" in notices(app))
        await pilot.press("space")
        await until(pilot, lambda: made.sweep.order() == "pause")
        await until(pilot, lambda: "▦ sweep-grid ‖" in seen(app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("s")
        await until(pilot, lambda: made.sweep.order() == "stop")
