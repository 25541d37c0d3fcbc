"""The training screen as a person drives it (Textual's Pilot), on runs written by hand and on a real one."""

import math
import time

import pytest

from adam_tui.training import rundir
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import AskText, Choose, Help, ShowText
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.train import screen as train_screen
from adam_tui.ui.widgets.cell_view import CellView
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine

SIZES = [(120, 40), (80, 24), (200, 55), (60, 18)]
PATIENCE = 60.0


def panel(app, name):
    cells = app.screen.query_one(f"#train-{name}", CellView).cells
    return "\n".join(cells.lines()) if cells is not None else ""


async def until(pilot, true, seconds=10.0):
    """Let the app go on until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        await pilot.pause(0.02)
    await pilot.pause()


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.setattr(train_screen, "AT_WORK", 0.05)
    monkeypatch.setattr(train_screen, "AT_REST", 0.05)
    monkeypatch.setattr(train_screen, "SECONDS_PER_NUMBERS", 0.0)
    monkeypatch.setattr(train_screen, "SECONDS_PER_CURVES", 0.0)
    return AdamApp(PlaygroundState(), mode="train", runs=tmp_path)


@pytest.fixture
def no_process(monkeypatch):
    """A start makes the directory; the process is left to the test."""
    monkeypatch.setattr(rundir, "start_worker", lambda run: type("Process", (), {"poll": lambda self: None})())


@pytest.mark.parametrize("size", [SIZES[0], SIZES[-1]])
async def test_with_no_run_there_are_digits_knobs_and_a_word_on_what_to_do(app, size):
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "t trains" in panel(app, "loss"))
        assert "▀" in panel(app, "loss")
        assert "lr" in panel(app, "knobs")
        for name in ("accuracy", "runs", "now", "strip", "line"):
            assert not app.screen.query_one(f"#train-{name}").display, "no empty boxes"


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_that_is_there_is_shown_with_its_whole_curve(app, size, made_run):
    made = made_run().start().train(3)
    made.sample([0, 1, 2, 3, 4, 6, 6, 7, 8, 9])
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")))
        assert f"▸● {made.id}" in panel(app, "runs")
        assert "93.00%" in panel(app, "runs")
        assert "3/5" in panel(app, "runs")
        assert "4/5" in panel(app, "progress")
        assert "3/5" in app.screen.query_one(TabsLine).status
        if size[1] >= 24:
            assert "5→6✗" in (panel(app, "strip") + panel(app, "line")).replace(" → ", "→")
            assert "◇" in panel(app, "loss")
            assert "●" in panel(app, "accuracy")


async def test_what_a_run_tells_appears_by_itself(app, made_run):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "now"))
        before = app.screen.query_one("#train-loss", CellView).cells
        made.steps([0.01] * 10).epoch(2, 0.97)
        await until(pilot, lambda: "97.00%" in panel(app, "now"))
        assert app.screen.query_one("#train-loss", CellView).cells.changed(before).any()
        made.end("finished", "epoch 5 of 5 done")
        await until(pilot, lambda: "finished" in panel(app, "runs"))


async def test_start_shows_the_new_run_at_once_and_says_that_it_loads(app, no_process, tmp_path):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("o", "right", "t")
        await pilot.pause()
        [run] = rundir.list_runs(tmp_path)
        assert run.spec().optimizer == app.screen.state.optimizer != "adam"
        assert f"▸● {run.id}" in panel(app, "runs")
        assert "starting" in panel(app, "runs")
        for name in ("loss", "now", "progress"):
            assert "loading torch" in panel(app, name)


async def test_space_pauses_and_resumes(app, made_run):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        assert '"pause"' in made.orders()
        made.become("paused")
        await until(pilot, lambda: "paused" in panel(app, "progress"))
        await pilot.press("space")
        assert '"resume"' in made.orders()


@pytest.mark.parametrize(("key", "order"), [("s", "stop"), ("k", "kill"), ("escape", None)])
async def test_x_asks_how_to_stop(app, made_run, key, order):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("x")
        assert isinstance(app.screen, Choose)
        await pilot.press(key)
        assert isinstance(app.screen, ModeScreen)
        assert (f'"{order}"' in made.orders()) if order else not made.orders()


async def test_d_deletes_after_asking_and_never_a_run_at_work(app, made_run, tmp_path):
    made_run("momentum").start().train(1).end("stopped")
    busy = made_run().start()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("d")
        assert isinstance(app.screen, ModeScreen), "refused"
        await pilot.press("]", "d", "escape")
        assert len(rundir.list_runs(tmp_path)) == 2
        await pilot.press("d", "y")
        await until(pilot, lambda: "momentum" not in panel(app, "runs"))
        assert [run.id for run in rundir.list_runs(tmp_path)] == [busy.id]


async def test_runs_are_selected_and_overlaid(app, made_run):
    made_run("momentum").start().train(2).end("stopped")
    made_run("sgd").start().steps([2.3, 50.0, math.nan]).diverge()
    made_run().start().train(3)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        await pilot.press("]")
        assert "▸◆ sgd" in panel(app, "runs")
        await until(pilot, lambda: "diverged at step 3" in panel(app, "now"))
        both = app.screen.query_one("#train-loss", CellView).cells
        await pilot.press("A")
        assert app.screen.query_one("#train-loss", CellView).cells.changed(both).any()
        assert " ○ momentum" in panel(app, "runs")
        await pilot.press("A", "]", "a")
        assert "▸●−momentum" in panel(app, "runs"), "out of the overlay, though it is seen while it is selected"
        await pilot.press("[")
        assert " ○−momentum" in panel(app, "runs")


async def test_a_failure_says_why_and_opens_its_log(app, made_run):
    made = made_run().start().end("failed", "no cuda here")
    (made.run.path / "worker.log").write_text("Traceback\nRuntimeError: something else\n")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "failed: no cuda here" in panel(app, "now"))
        assert "RuntimeError: something else" in panel(app, "now")
        await pilot.press("L")
        assert isinstance(app.screen, ShowText)
        await pilot.press("escape")
        assert isinstance(app.screen, ModeScreen)


async def test_an_exact_value_is_typed_and_a_wrong_one_is_refused(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("up", "up", "enter", *"0", "enter")
        assert isinstance(app.screen, AskText), "no epochs: refused"
        await pilot.press("backspace", *"7", "enter")
        assert isinstance(app.screen, ModeScreen)
        assert app.screen.state.spec().epochs == 7
        await pilot.press("backspace")
        assert app.screen.state.spec().epochs == 50


async def test_the_views_of_the_curves_change_by_key(app, made_run):
    made_run().start().train(5)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "95.00%" in panel(app, "runs"))
        for key in ("l", "w", "m", "a"):
            state = app.screen.state
            await pilot.press(key)
            assert app.screen.state != state
        assert app.screen.query_one("#train-loss").border_title.startswith("Train loss")


async def test_the_footer_offers_what_matters_now(app, made_run):
    def offered():
        return {key.word for key in app.screen.query_one(KeyLine)._keys}

    async with app.run_test(size=(120, 40)) as pilot:
        assert {"start", "optimizer", "keys"} <= offered()
        assert not {"pause", "stop", "delete"} & offered()
        made = made_run().start().train(1)
        await until(pilot, lambda: {"pause", "stop"} <= offered())
        made.end("stopped")
        await until(pilot, lambda: "delete" in offered())


async def test_help_lists_every_key_of_the_contract(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, Help)
    table = {action.shown_keys for action in train_screen.ACTIONS}
    contract = ["o", "O", "↑", "↓", "←", "→", "⇧←", "⇧→", "enter", "backspace", "t", "space", "x", "[", "]"]
    assert set(contract) | set("alwmd") <= table


async def test_the_screen_is_quiet_while_another_mode_is_shown(app, made_run):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "now"))
        training = app.screen
        await pilot.press("1")
        assert training._timer is None
        made.steps([0.01] * 10).epoch(2, 0.97)
        await pilot.press("2")
        await until(pilot, lambda: "97.00%" in panel(app, "now"))


async def test_the_terminal_may_change_its_size(app, made_run):
    made_run().start().train(2)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen.query_one("#train-line").display)
        assert not app.screen.query_one("#train-strip").display
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: app.screen.query_one("#train-strip").display)


async def test_a_real_run_draws_its_curve_and_digits_and_stops(app, tmp_path):
    """The real process, on the real data: about 3 s to load torch, then a few steps."""
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        [run] = rundir.list_runs(tmp_path)
        try:
            await until(pilot, lambda: "ETA" in panel(app, "progress"), PATIENCE)
            await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")), PATIENCE)
            await until(pilot, lambda: "0→" in panel(app, "strip"), PATIENCE)
            assert "running" in panel(app, "runs")
            await pilot.press("x", "s")
            await until(pilot, lambda: "stopped" in panel(app, "runs"), PATIENCE)
        finally:
            run.command("kill")
        assert run.checkpoint.exists()
        await until(pilot, lambda: not app.screen.feed._processes, PATIENCE)  # it is gone before the test is
