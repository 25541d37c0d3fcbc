"""The training screen as a person drives it (Textual's Pilot), on runs written by hand and on a real one."""

import math
import time

import pytest

from adam_tui.engine.lane import Lane
from adam_tui.training import rundir, system
from adam_tui.training.protocol import Changed, Layers
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
        pid = run.status().pid
        await until(pilot, lambda: not system.process_runs(pid), PATIENCE)  # it is gone before the test is


# A run at work is tuned, read, compared and taken up again.


async def test_a_turned_knob_of_a_run_at_work_is_told_once_and_drawn_as_a_mark(app, made_run, monkeypatch):
    monkeypatch.setattr(train_screen, "SETTLED", 0.5)
    made = made_run().start().train(3)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "93.00%" in panel(app, "runs"))
        await pilot.press("h", "left", "left")
        assert "This run" in app.screen.query_one("#train-knobs").border_title
        assert "0.0001" in panel(app, "knobs")
        await until(pilot, lambda: '"set"' in made.orders())
        await pilot.pause(0.7)
        assert made.orders().count('"set"') == 1, "the notches in between are not told"
        assert '"name": "lr", "value": 0.0001' in made.orders()
        made.tell(Changed(made.time, made.step, "lr", 1e-4))
        made.steps([0.02] * 10)
        await until(pilot, lambda: "lr 5e-4→1e-4" in panel(app, "loss"))
        await until(pilot, lambda: not app.screen.state.asked)
        await pilot.press("h")
        assert app.screen.state.spec().hyperparameters["lr"] == 5e-4, "the next run's is as it was"


async def test_a_knob_that_is_turned_back_at_once_is_not_told(app, made_run, monkeypatch):
    monkeypatch.setattr(train_screen, "SETTLED", 0.2)
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "runs"))
        await pilot.press("h", "left", "right")
        await pilot.pause(0.5)
        assert made.orders() == ""


async def test_a_run_that_is_over_or_waits_is_not_tuned(app, made_run):
    made = made_run().start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h", "left")
        assert "it is over" in app.screen.query_one("#train-knobs").border_title
        assert app.screen.state.asked == {}
        assert made.orders() == ""


async def test_the_cursor_reads_every_drawn_run(app, made_run):
    made_run("momentum").start().steps([0.5] * 10).epoch(1, 0.9, test_loss=0.4).end("stopped")
    made_run().start().steps([2.0, 1.0, 0.25, 0.125]).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")))
        await pilot.press("m", "m", "m", "i")  # no smoothing: every step
        assert "step 4" in app.screen.query_one("#train-now").border_title
        assert panel(app, "now").splitlines()[1].split()[-4:] == ["0.1250", "0.1250", "–", "–"]
        assert panel(app, "now").splitlines()[2].split()[-4:] == ["0.5000", "0.5000", "–", "–"]
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
        await pilot.press("slash", *"sgd", "enter")
        assert app.screen.state.search == "sgd"
        await until(pilot, lambda: "momentum" not in panel(app, "table").splitlines()[1])
        await pilot.press("up", "enter")
        assert app.screen.state.selected.startswith("sgd")
        assert not app.screen.query_one("#train-table").display


async def test_in_the_wide_table_no_hidden_knob_is_turned(app, made_run):
    made_run().start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("tab", "left", "o", "backspace")
        assert app.screen.state.spec() == train_screen.TrainState().spec()


@pytest.mark.parametrize("size", SIZES)
async def test_the_model_is_looked_at_in_five_ways(app, made_run, size):
    made = made_run().start().train(2)
    made.tell(Layers(made.time, made.step, ("conv1.weight", "linear.weight"), (0.1, 0.2), (1e-3, 0.5)))
    made.evaluate()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        for words in ("4→9✗", "· ", "▀", "linear.weight"):
            await pilot.press("v")
            await until(pilot, lambda words=words: words in panel(app, "strip").replace(" → ", "→"))
        assert "large" in panel(app, "strip")
        await pilot.press("v")
        assert app.screen.state.view == "digits"


async def test_the_corner_tells_how_far_the_weights_move(app, made_run):
    made = made_run().start().train(2)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#train-extra").border_title == "Test loss")
        made.tell(Layers(made.time, made.step, ("conv1.weight", "linear.weight"), (0.1, 0.2), (1e-3, 0.5)))
        await until(pilot, lambda: "conv1.weight" in panel(app, "extra"))


async def test_a_run_starts_again_with_the_same_settings(app, made_run, no_process, tmp_path):
    made = made_run("lion", epochs=3, lr=0.003).start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("T", "t")
        await until(pilot, lambda: len(rundir.list_runs(tmp_path)) == 2)
        assert all(run.spec() == made.run.spec() for run in rundir.list_runs(tmp_path))
        await pilot.press("T", "k")
        assert app.screen.state.spec() == made.run.spec()


async def test_a_stopped_run_goes_on_from_its_checkpoint(app, made_run, monkeypatch):
    made = made_run().start().train(1).end("stopped")
    (made.run.path / "checkpoint.pt").write_bytes(b"state")
    resumed = []
    monkeypatch.setattr(
        rundir, "resume", lambda run: resumed.append(run.id) or type("Process", (), {"poll": lambda self: None})()
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "u goes on" in panel(app, "now"))
        await pilot.press("u")
        assert resumed == [made.id]


async def test_a_run_that_cannot_go_on_says_why(app, made_run):
    made_run().start().train(1).end("finished")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("u")
        await pilot.pause()
        assert any("nothing left to train" in str(note.message) for note in app._notifications)


async def test_c_copies_the_selected_run(app, made_run, monkeypatch):
    made_run("lion", lr=0.003).start().train(1).end("stopped")
    copied = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c", "c")
        assert isinstance(app.screen, ShowText)
        await pilot.press("escape", "c", "p", "escape")
        assert "--optimizer lion" in copied[0]
        assert "class Lion" in copied[1]


async def test_a_run_that_waits_says_its_place(app, made_run):
    busy = made_run().start().train(1)
    for _ in range(2):
        made_run("lion").become("queued", f"waits for {busy.id} on cpu")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "queued 2" in panel(app, "runs"))
        assert app.screen.state.selected == busy.id
        await pilot.press("[")
        await until(pilot, lambda: "number" in panel(app, "progress"))
        assert f"waits for {busy.id}" in panel(app, "progress")


async def test_a_lane_of_the_playground_is_trained_after_asking(app, no_process, tmp_path):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("1")
        app.train_lane(Lane.of("adam", {"lr": 0.1}))
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert "200 × the 0.0005" in str(app.screen._text)
        await pilot.press("l")
        [run] = rundir.list_runs(tmp_path)
        assert run.spec().hyperparameters["lr"] == 5e-4


async def test_the_app_opens_with_a_run(made_run, tmp_path):
    first = made_run().start().train(1).end("stopped")
    made_run("lion").start().train(1)
    app = AdamApp(PlaygroundState(), runs=tmp_path, run=first.id)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: f"▸● {first.id}" in panel(app, "runs"))


async def test_a_run_that_is_not_there_is_said_so(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path, run="adam-0000")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert any("adam-0000" in str(note.message) for note in app._notifications)


async def test_two_terminals_watch_the_same_run(made_run, tmp_path):
    made = made_run().start().train(1)
    one, two = (AdamApp(PlaygroundState(), mode="train", runs=tmp_path) for _ in range(2))
    async with one.run_test(size=(120, 40)) as first, two.run_test(size=(80, 24)) as second:
        made.steps([0.5] * 10).epoch(2, 0.975)
        await until(first, lambda: "97.50%" in panel(one, "now"))
        await until(second, lambda: "97.50%" in panel(two, "now"))
