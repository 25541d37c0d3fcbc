"""Runs are started, steered, tuned, continued and deleted from the training screen (Textual's Pilot)."""

import pytest
from training_pilot import PATIENCE, panel, until

from adam_tui.engine.lane import Lane
from adam_tui.runs import control, directory, processes
from adam_tui.runs.device_use import used_by_sweep
from adam_tui.runs.protocol import Changed
from adam_tui.runs.run_label import Label
from adam_tui.ui.dialogs import Choose, ShowText
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.train import events as e
from adam_tui.ui.train import screen as train_screen


@pytest.fixture
def app(training_app):
    return training_app


async def test_a_new_run_is_shown_at_once_while_it_loads(app, no_process, tmp_path):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("o", "right", "t")
        await pilot.pause()
        [run] = directory.list_runs(tmp_path)
        assert run.spec().optimizer == app.screen.state.optimizer != "adam"
        assert f"▸● {run.id}" in panel(app, "runs")
        assert "starting" in panel(app, "runs")
        for name in ("loss", "figures", "progress"):
            assert "loading torch" in panel(app, name)


async def test_n_names_a_run_which_keeps_its_id(app, made_run, tmp_path):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", *"slow #b", "enter")
        await pilot.pause()
        assert "▸● slow " in panel(app, "runs")
        assert made.run.label() == Label("slow", ("b",))
        await pilot.press("tab")
        await pilot.pause()
        assert "#b" in panel(app, "table")
        assert f"slow ({made.id}): adam" in panel(app, "table")
        made.run.write_label(Label("by another program"))
        await until(pilot, lambda: "by another program" in panel(app, "table"))


async def test_space_pauses_and_resumes(app, made_run):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        assert '"pause"' in made.orders()
        made.become("paused")
        await until(pilot, lambda: "paused" in panel(app, "progress"))
        await pilot.press("space")
        assert '"resume"' in made.orders()


STOP_ANSWERS = [
    *((keys, "stop") for keys in ("y", "s", "enter", "down up enter", "tab shift+tab enter")),
    *((keys, "kill") for keys in ("K", "down enter", "tab enter")),
    *((keys, None) for keys in ("n", "escape", "up enter", "end enter")),
]


@pytest.mark.parametrize(("keys", "order"), STOP_ANSWERS)
async def test_x_asks_how_to_stop(app, made_run, keys, order):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("x")
        assert isinstance(app.screen, Choose)
        await pilot.press("k")
        assert isinstance(app.screen, Choose), "a hand that moves with j and k kills no run"
        await pilot.press(*keys.split())
        assert isinstance(app.screen, ModeScreen)
        assert (f'"{order}"' in made.orders()) if order else not made.orders()


async def test_d_deletes_after_a_question_and_never_a_running_run(app, made_run, tmp_path):
    made_run("momentum").start().train(1).end("stopped")
    busy = made_run().start()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("d")
        assert isinstance(app.screen, ModeScreen), "refused"
        await pilot.press("]")
        for careful in ("enter", "n", "escape"):
            await pilot.press("d", careful)
            assert isinstance(app.screen, ModeScreen)
            assert len(directory.list_runs(tmp_path)) == 2
        await pilot.press("d", "y")
        await until(pilot, lambda: "momentum" not in panel(app, "runs"))
        assert [run.id for run in directory.list_runs(tmp_path)] == [busy.id]


async def test_a_failed_run_shows_its_reason_and_its_log(app, made_run):
    made = made_run().start().end("failed", "no cuda here")
    (made.run.path / "worker.log").write_text("Traceback\nRuntimeError: something else\n")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "failed: no cuda here" in panel(app, "figures"))
        assert "RuntimeError: something else" in panel(app, "figures")
        await pilot.press("L")
        assert isinstance(app.screen, ShowText)
        await pilot.press("escape")
        assert isinstance(app.screen, ModeScreen)


async def test_a_real_run_draws_its_curve_and_digits_and_stops(app, tmp_path):
    """The real process, on the real data: about 3 s to load torch, then a few steps."""
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        [run] = directory.list_runs(tmp_path)
        try:
            await until(pilot, lambda: "ETA" in panel(app, "progress"), PATIENCE)
            await until(pilot, lambda: any("⠀" < glyph <= "⣿" for glyph in panel(app, "loss")), PATIENCE)
            await until(pilot, lambda: "0→" in panel(app, "model"), PATIENCE)
            assert "running" in panel(app, "runs")
            await pilot.press("x", "s")
            await until(pilot, lambda: "stopped" in panel(app, "runs"), PATIENCE)
        finally:
            run.command("kill")
        assert run.checkpoint.exists()
        pid = run.status().pid
        await until(pilot, lambda: not processes.is_running(pid), PATIENCE)  # it is gone before the test is


async def test_a_changed_setting_of_a_running_run_is_sent_once_and_drawn_as_a_mark(app, made_run, monkeypatch):
    monkeypatch.setattr(train_screen, "SEND_DELAY", 0.5)
    made = made_run().start().train(3)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "93.00%" in panel(app, "runs"))
        await pilot.press("h", "left", "left")
        assert "This run" in app.screen.query_one("#train-knobs").border_title
        assert "0.0001" in panel(app, "knobs")
        await until(pilot, lambda: '"set"' in made.orders())
        assert made.orders().count('"set"') == 1, "the notches in between are not sent"
        assert '"name": "lr", "value": 0.0001' in made.orders()
        made.emit(Changed(made.time, made.step, "lr", 1e-4))
        made.steps([0.02] * 10)
        await until(pilot, lambda: "lr 5e-4→1e-4" in panel(app, "loss"))
        await until(pilot, lambda: not app.screen.state.pending.values)
        await pilot.press("h")
        assert app.screen.state.spec().hyperparameters["lr"] == 5e-4, "the next run's is as it was"


async def test_a_setting_that_is_turned_back_in_time_is_not_sent(app, made_run, monkeypatch):
    monkeypatch.setattr(train_screen, "SEND_DELAY", 1000.0)
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "runs"))
        await pilot.press("h", "left", "right")
        assert app.screen.state.pending.unsent
        app.screen.dispatch(e.SendSettings())  # the time is over
        assert not app.screen.state.pending.unsent
        assert made.orders() == ""


async def test_an_ended_run_is_not_tuned(app, made_run):
    made = made_run().start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h", "left")
        assert "is over" in app.screen.query_one("#train-knobs").border_title
        assert app.screen.state.pending.values == {}
        assert made.orders() == ""


async def test_a_run_starts_again_with_the_same_settings(app, made_run, no_process, tmp_path):
    made = made_run("lion", epochs=3, lr=0.003).start().train(1).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("T", "t")
        await until(pilot, lambda: len(directory.list_runs(tmp_path)) == 2)
        assert all(run.spec() == made.run.spec() for run in directory.list_runs(tmp_path))
        await pilot.press("T", "e")
        assert app.screen.state.spec() == made.run.spec()


async def test_a_stopped_run_continues_from_its_checkpoint(app, made_run, monkeypatch):
    made = made_run().start().train(1).end("stopped")
    (made.run.path / "checkpoint.pt").write_bytes(b"state")
    resumed = []
    monkeypatch.setattr(
        control,
        "resume",
        lambda run, **how: resumed.append(run.id) or type("Process", (), {"poll": lambda self: None})(),
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "u continues" in panel(app, "figures"))
        await pilot.press("u")
        assert resumed == [made.id]


async def test_a_run_that_cannot_continue_shows_the_reason(app, made_run):
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


async def test_a_queued_run_shows_its_place(app, made_run):
    busy = made_run().start().train(1)
    for _ in range(2):
        made_run("lion").become("queued", f"waits for {busy.id} on cpu")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "queued 2" in panel(app, "runs"))
        assert app.screen.state.selected == busy.id
        await pilot.press("[")
        await until(pilot, lambda: "number" in panel(app, "progress"))
        assert f"waits for {busy.id}" in panel(app, "progress")


async def test_a_lane_of_the_playground_is_trained_after_a_question(app, no_process, tmp_path):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("1")
        app.train_lane(Lane.of("adam", {"lr": 0.1}))
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert "200 × the 0.0005" in str(app.screen._text)
        await pilot.press("l")
        [run] = directory.list_runs(tmp_path)
        assert run.spec().hyperparameters["lr"] == 5e-4


async def test_while_a_sweep_trains_on_the_device_the_user_chooses_to_share_it_or_to_wait(app, no_process, tmp_path):
    def waits():
        return sorted(run.spec().after_sweeps for run in directory.list_runs(tmp_path))

    async with app.run_test(size=(80, 24)) as pilot:
        with used_by_sweep(tmp_path / "sweep-grid", "auto"):
            await pilot.press("t")
            await until(pilot, lambda: isinstance(app.screen, Choose))
            assert app.screen._title == "sweep-grid trains on this device"
            await pilot.press("escape")
            assert waits() == []
            await pilot.press("t", "w")
            await until(pilot, lambda: waits() == [True])
            assert not app.screen.state.spec().after_sweeps, "the next run asks again"
            await pilot.press("t", "t")
            await until(pilot, lambda: waits() == [False, True])
        await pilot.press("t")
        await until(pilot, lambda: waits() == [False, False, True])
