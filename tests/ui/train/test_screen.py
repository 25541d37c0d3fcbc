"""The training screen as a whole, as a person drives it (Textual's Pilot), on runs written by hand."""

import pytest
from training_pilot import SIZES, panel, until

from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import AskText
from adam_tui.ui.help import Help
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.train import screen as train_screen
from adam_tui.ui.widgets.key_line import KeyLine
from adam_tui.ui.widgets.tabs_line import TabsLine


@pytest.fixture
def app(training_app):
    return training_app


@pytest.mark.parametrize("size", [SIZES[0], SIZES[-1]])
async def test_without_runs_there_are_digits_knobs_and_a_line_on_how_to_start(app, size):
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "t trains" in panel(app, "loss"))
        assert "▀" in panel(app, "loss")
        assert "lr" in panel(app, "knobs")
        assert "conv 5×5" in panel(app, "figures"), "what is trained"
        for name in ("accuracy", "runs", "model", "digits"):
            assert not app.screen.query_one(f"#train-{name}").display, "no empty boxes"


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_is_shown_with_its_whole_curve(app, size, made_run):
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
            assert "5→6✗" in (panel(app, "model") + panel(app, "digits")).replace(" → ", "→")
            assert "◇" in panel(app, "loss")
            assert "●" in panel(app, "accuracy")


async def test_new_events_of_a_run_appear_by_themselves(app, made_run):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "figures"))
        before = app.screen.query_one("#train-loss", CellView).cells
        made.steps([0.01] * 10).epoch(2, 0.97)
        await until(pilot, lambda: "97.00%" in panel(app, "figures"))
        assert app.screen.query_one("#train-loss", CellView).cells.changed(before).any()
        made.end("finished", "epoch 5 of 5 done")
        await until(pilot, lambda: "finished" in panel(app, "runs"))


async def test_the_losses_of_the_first_epoch_move_the_chart_that_has_no_accuracy_yet(app, made_run):
    made = made_run().start()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "appears after the first epoch" in panel(app, "accuracy"))
        made.steps([2.0] * 10)
        await until(pilot, lambda: "●" in panel(app, "accuracy"))
        before = panel(app, "accuracy")
        made.steps([0.1] * 10)
        await until(pilot, lambda: panel(app, "accuracy") != before)


async def test_an_exact_value_is_typed_and_a_wrong_one_is_refused(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("up", "up", "enter", *"0", "enter")
        assert isinstance(app.screen, AskText), "no epochs: refused"
        await pilot.press("backspace", *"7", "enter")
        assert isinstance(app.screen, ModeScreen)
        assert app.screen.state.spec().epochs == 7
        await pilot.press("backspace")
        assert app.screen.state.spec().epochs == 50


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
    contract = ["o", "O", "↑ k", "↓ j", "←", "→", "⇧←", "⇧→", "enter", "backspace", "t", "space", "x", "[", "]"]
    assert set(contract) | set("alwmd") <= table


async def test_the_files_are_not_read_while_another_mode_is_shown(app, made_run):
    made = made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "figures"))
        training = app.screen
        await pilot.press("1")
        assert training._poll_timer is None
        made.steps([0.01] * 10).epoch(2, 0.97)
        await pilot.press("2")
        await until(pilot, lambda: "97.00%" in panel(app, "figures"))


async def test_the_terminal_may_change_its_size(app, made_run):
    made_run().start().train(2)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen.query_one("#train-digits").display)
        assert not app.screen.query_one("#train-model").display
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: app.screen.query_one("#train-model").display)


async def test_panels_hidden_during_a_resize_are_drawn_in_the_new_size(app, made_run):
    made_run().start().train(2).end("stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "92.00%" in panel(app, "runs"))
        await pilot.press("v")
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await pilot.pause()
        for view in app.screen.query(CellView):
            if view.content_region.area:
                assert (view.cells.width, view.cells.height) == view.content_region.size, view.id


async def test_the_app_opens_with_a_run(made_run, tmp_path):
    first = made_run().start().train(1).end("stopped")
    made_run("lion").start().train(1)
    app = AdamApp(PlaygroundState(), runs=tmp_path, run=first.id)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: f"▸● {first.id}" in panel(app, "runs"))


async def test_an_unknown_run_is_reported(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path, run="adam-0000")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert any("adam-0000" in str(note.message) for note in app._notifications)


async def test_two_terminals_watch_the_same_run(made_run, tmp_path):
    made = made_run().start().train(1)
    one, two = (AdamApp(PlaygroundState(), mode="train", runs=tmp_path) for _ in range(2))
    async with one.run_test(size=(120, 40)) as first, two.run_test(size=(80, 24)) as second:
        made.steps([0.5] * 10).epoch(2, 0.975)
        await until(first, lambda: "97.50%" in panel(one, "figures"))
        await until(second, lambda: "97.50%" in panel(two, "figures"))


async def test_brackets_in_a_search_are_no_markup(app, made_run):
    made_run().start().train(1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.state.run is not None)
        await pilot.press("/", *"[/] [red", "enter")
        await pilot.pause()
        title = app.screen.query_one("#train-table").border_title
        assert "“[/] [red”" in title.replace("\\", "")


async def test_a_process_waits_for_the_next_run_while_the_screen_is_used(app, monkeypatch):
    kept, ended = [], []
    monkeypatch.setattr(train_screen.Feed, "keep_spare", lambda self, used_at: kept.append(used_at))
    monkeypatch.setattr(train_screen.Feed, "close", lambda self: ended.append(self))
    monkeypatch.setattr(train_screen, "SPARE_DELAY", 0.0)
    monkeypatch.setattr(train_screen, "POLL_IDLE", 0.02)
    async with app.run_test() as pilot:
        await until(pilot, lambda: len(kept) > 2 and kept[-2] == kept[-1])
        before = kept[-1]
        await pilot.press("right")
        await until(pilot, lambda: kept[-1] > before)
        await pilot.press("3")
        await pilot.pause()
        count = len(kept)
        await pilot.pause(0.1)
        assert len(kept) == count, "it ends by itself after some minutes"
        assert not ended
    assert ended
