"""The playground as a person drives it: keys in, panels out (Textual's Pilot)."""

from dataclasses import replace

import pytest
from textual.widgets import Input, OptionList

from adam_tui.engine.optimizers import names_of
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.trajectory import trajectories
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.app import AdamApp
from adam_tui.ui.dialogs import AskText, Choose, ShowText
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.hints import HINTS
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.widgets.key_line import KeyLine


def panel(app, name):
    return "\n".join(app.screen.query_one(f"#{name}", CellView).cells.lines())


async def until(pilot, condition):
    """Wait until the condition holds."""
    while not condition():
        await pilot.pause(0.01)


@pytest.fixture
def app():
    return AdamApp(PlaygroundState())


SIZES = [(120, 40), (80, 24), (200, 55), (60, 18)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_screen_shows_the_contour_the_lane_and_its_knobs(app, size):
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        contour = panel(app, "contour")
        assert "▀" in contour
        assert "●" in contour, "the head, on the start"
        assert "▸● adam" in panel(app, "lanes")
        assert "lr" in panel(app, "knobs")
        assert "0/400" in panel(app, "timeline")


async def test_a_step_draws_the_path_and_the_numbers_of_the_engine(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*[">"] * 5)
        contour = panel(app, "contour")
        assert any("⠀" < glyph <= "⣿" for glyph in contour), "braille"
        assert "●" in contour, "the head"
        [path] = trajectories(Scenario())
        assert f"{path.losses[50]:.5f}" in panel(app, "lanes")
        assert "50/400" in panel(app, "timeline")
        assert f"{path.terms['Δ'][50][0]:.5f}" in panel(app, "inspector")


@pytest.mark.parametrize("frames", [1, 2])
async def test_after_a_pause_between_two_tables_a_jump_still_draws_the_numbers(app, frames):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for _ in range(frames):  # the tables are drawn with every fifth frame
            app.screen._tick()
        await pilot.press("g", *"60", "enter")
        [path] = trajectories(Scenario())
        assert f"{path.losses[60]:.5f}" in panel(app, "lanes")


async def test_a_turned_knob_redraws_the_whole_path_at_once(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("end")
        before = app.screen.query_one("#contour", CellView).cells
        await pilot.press("right")
        after = app.screen.query_one("#contour", CellView).cells
        assert after.changed(before).any()
        assert "0.2" in panel(app, "knobs")


async def test_j_and_k_choose_a_hyperparameter_as_the_arrows_do(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("j", "j")
        assert app.screen.state.knob == 2
        await pilot.press("k")
        assert app.screen.state.knob == 1
        assert not app.screen.state.fork


async def test_an_exact_value_is_typed_and_a_wrong_one_is_refused(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "-", "1", "enter")
        assert isinstance(app.screen, AskText), "refused, with the reason on the screen"
        await pilot.press("backspace", "backspace", *"0.0375", "enter")
        assert isinstance(app.screen, ModeScreen)
        assert "0.0375" in panel(app, "knobs")
        await pilot.press("backspace")
        assert "0.001" in panel(app, "knobs")


async def test_escape_leaves_the_value_alone(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "9", "escape")
        assert app.screen.state == PlaygroundState()


async def test_lanes_race_and_leave(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("a", "a", ">", ">", ">")
        assert "▸▲ 3 rmsprop" in panel(app, "lanes"), "the last by its loss"
        assert {"●", "◆", "▲"} <= set(panel(app, "contour"))
        await pilot.press("x", "x")
        assert "▸● adam" in panel(app, "lanes")


async def test_placing_the_start_with_the_crosshair(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p", "right", "right", "up")
        assert app.screen.state.scenario.start is None
        await pilot.press("enter")
        x, y = app.screen.state.scenario.start
        assert x > -3.5
        assert y > 2.5
        assert app.screen.state.playing


async def test_a_click_places_the_start_where_it_was_clicked(app):
    async with app.run_test(size=(120, 40)) as pilot:
        contour = app.screen.query_one("#contour", CellView)
        await pilot.click(contour, offset=(contour.size.width // 2 + 4, contour.size.height // 2))
        x, y = app.screen.state.scenario.start
        assert abs(x) < 1
        assert abs(y) < 1


async def test_the_clock_drives_the_race():
    now = [0.0]
    app = AdamApp(PlaygroundState())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        screen._clock = lambda: now[0]
        await pilot.press("space")
        now[0] = 2.0
        await until(pilot, lambda: screen.state.step)
        assert (screen.state.step, screen.state.playing) == (80, True)
        now[0] = 100.0
        await until(pilot, lambda: not screen.state.playing)
        assert screen.state.step == 400
        assert "400/400" in panel(app, "timeline")


async def test_a_diverged_lane_is_marked_with_its_step():
    app = AdamApp(PlaygroundState(Scenario(lanes=(Lane.of("sgd", {"lr": 1.5}),))))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("end")
        [path] = trajectories(app.screen.state.scenario)
        assert f"✕{path.diverged_at}" in panel(app, "lanes")
        await pilot.resize_terminal(200, 55)
        await pilot.pause()
        assert f"diverged {path.diverged_at}" in panel(app, "lanes")


async def test_no_two_actions_share_a_key(app):
    async with app.run_test(size=(120, 40)):
        from adam_tui.ui.actions import SHARED_ACTIONS

        keys = [key for action in (*app.screen.ACTIONS, *SHARED_ACTIONS) for key in action.keys.split(",")]
        assert len(keys) == len(set(keys))


async def test_the_footer_fits(app):
    async with app.run_test(size=(60, 30)) as pilot:
        for width in (60, 80, 120, 200):
            await pilot.resize_terminal(width, 30)
            await pilot.pause()
            text = app.screen.query_one(KeyLine).render().plain
            assert len(text) <= width
            assert "play" in text
            assert "?" in text


@pytest.mark.parametrize("hints", [(), tuple(HINTS)], ids=["plain", "with a hint"])
async def test_a_tiny_terminal_shows_the_needed_size_alone_until_it_is_large_enough(hints):
    app = AdamApp(PlaygroundState(hints=hints))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        text = "\n".join("".join(s.text for s in strip) for strip in app.screen._compositor.render_strips())
        assert "60×18" in text
        assert len([line for line in text.splitlines() if line.strip()]) == 2
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        await pilot.press(".")
        assert "▀" in panel(app, "contour")


async def test_a_typed_function_is_raced_on_and_a_mistake_in_it_is_marked(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("F", *"x^2 + ", "enter")
        assert isinstance(app.screen, AskText)
        assert "^" in str(app.screen.query_one(".hint").render())
        await pilot.press(*"cosh(y)", "enter")
        assert app.screen.state.surface.name == "function"
        assert "x^2 + cosh(y)" in app.screen.query_one("#contour").border_title


async def test_a_formula_starts_from_the_surface_and_is_seen_while_it_is_typed(app):
    async with app.run_test(size=(120, 40)) as pilot:
        playground = app.screen
        before = playground.state
        await pilot.press("F")
        assert app.screen.query_one(Input).value == "x² + y²"
        window = app.screen.query_one(".dialog").region
        assert not window.overlaps(playground.query_one("#contour").region)
        await pilot.press("end", *" + 3")
        await pilot.pause()
        assert playground.state.scenario.function == "x² + y² + 3"
        assert playground.state.at_end, "the whole path is shown"
        assert "x² + y² + 3" in playground.query_one("#contour").border_title
        await pilot.press("escape")
        await pilot.pause()
        assert playground.state == before
        await pilot.press("F", *"x^2 + 2 y^2", "enter")
        await pilot.pause()
        assert playground.state.scenario.function == "x^2 + 2 y^2"
        await pilot.press("u")
        assert playground.state.scenario == before.scenario, "one step back, not one for each letter"


async def test_in_a_narrow_terminal_the_formula_is_typed_below_the_plot():
    app = AdamApp(PlaygroundState(Scenario()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("F")
        window = app.screen.query_one(".dialog").region
        assert (window.x, window.width, window.bottom) == (0, 80, 24)
        assert window.height <= 5


async def test_placing_a_start_shows_the_loss_there(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await pilot.pause()
        numbers = app.screen.query_one("#contour").border_subtitle.split()
        assert numbers == ["x", "-3.500", "y", "2.500", "loss", "18.50"]
        await pilot.press("escape")
        await pilot.pause()
        assert "start" in app.screen.query_one("#contour").border_subtitle


async def test_going_to_a_step_by_its_number(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("g", *"123", "enter")
        assert "123/400" in panel(app, "timeline")
        await pilot.press("g", *"999", "enter")
        assert isinstance(app.screen, AskText), "beyond the last step"


async def test_a_typed_start(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("P", *"1.25, -2", "enter")
        assert app.screen.state.scenario.start == (1.25, -2.0)


async def test_undo_brings_the_picture_back(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("end")
        before = app.screen.query_one("#contour", CellView).cells
        await pilot.press("right", "O", "u", "u")
        assert not app.screen.query_one("#contour", CellView).cells.changed(before).any()
        await pilot.press("ctrl+r")
        assert "0.2" in panel(app, "knobs")


async def test_a_fork_keeps_the_old_path_as_a_ghost(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*[">"] * 2, "C")
        assert "changes apply from step 20" in app.screen.query_one("#knobs").border_subtitle
        before = app.screen.query_one("#contour", CellView).cells
        await pilot.press(*["left"] * 6)
        assert app.screen.query_one("#contour", CellView).cells.changed(before).any(), "the rest of the forked path"
        assert app.screen.state.chosen_lane.value_at("lr", 20) == 0.001
        assert app.screen.state.chosen_lane["lr"] == 0.1, "the path so far stays"
        await pilot.press("end")
        ghosted = app.screen.query_one("#contour", CellView).cells
        app.screen.state = replace(app.screen.state, ghosts=())
        await pilot.pause()
        assert app.screen.query_one("#contour", CellView).cells.changed(ghosted).any()
        assert "◆" in panel(app, "timeline"), "the fork is marked"


async def test_a_named_scenario_opens_with_its_sentence_and_the_next_one_key_away(app):
    async with app.run_test(size=(120, 40)) as pilot:
        first, second = list(PRESETS.values())[1:3]
        await pilot.press("m", "down")
        await pilot.pause()
        detail = str(app.screen.query_one(".hint").render())
        assert detail == f"{first.sentence}\n{first.source}"
        await pilot.press("enter")
        caption = app.screen.query_one("#caption")
        assert app.screen.state.scenario == first.scenario
        assert first.sentence in str(caption.render()).replace("\n", " ")
        await pilot.press("M")
        assert second.sentence in str(caption.render()).replace("\n", " ")
        await pilot.press("escape")
        assert not caption.display
        assert app.screen.state.scenario == second.scenario


async def test_in_a_terminal_that_is_too_small_only_quit_and_repaint_work(app):
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        playground, before = app.screen, app.screen.state
        assert playground.has_class("-too-small")
        names = {action.name for action in playground.actions} - {"quit", "repaint"}
        assert len(names) > 50
        for name in names:
            playground.action_perform(name)
        await pilot.press("m", "question_mark", "ctrl+p", "2", "right", "O", "F")
        assert app.screen is playground
        assert replace(playground.state, clock=before.clock) == before
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.press("m")
        assert app.screen is not playground, "with room, keys work again"


async def test_a_terminal_that_is_too_small_can_still_be_left(app):
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


async def test_a_group_of_optimizers_lines_up_and_counts_its_evaluations(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("A", "4", "end")
        shown = panel(app, "lanes")
        assert all(name in shown for name in names_of("second order"))
        assert "evals" in shown
        assert "dist" not in shown
        assert "so far 400 gradients, 400 Hessians" in panel(app, "knobs")
        await pilot.press("A", "2", "end")
        shown = panel(app, "lanes")
        assert all(name in shown for name in names_of("adaptive"))
        assert "dist" in shown


async def test_the_list_of_optimizers_finds_by_words_and_escape_restores_the_race(app):
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end", "o")
        listed = app.screen.query_one(OptionList)
        assert listed.highlighted_option.id == "adam"
        assert "Adam: the running average" in str(app.screen.query_one(".hint").render())
        before = app.screen_stack[-2].state
        await pilot.press("down")
        assert listed.highlighted_option.id == "amsgrad"
        assert app.screen_stack[-2].state.chosen_lane.optimizer == "amsgrad"
        await pilot.press("q", "u", "a", "s", "i")
        assert listed.option_count == 0
        await pilot.press("enter", *["backspace"] * 5, *"newt")
        assert listed.highlighted_option.id == "newton"
        assert "1 Hessian" in str(app.screen.query_one(".hint").render())
        assert app.screen_stack[-2].state.chosen_lane.optimizer == "newton"
        await pilot.press("escape")
        assert app.screen.state.scenario == before.scenario
        assert app.screen.state.clock == before.clock
        await pilot.press("o", *"lion", "enter")
        assert app.screen.state.chosen_lane.optimizer == "lion"
        await pilot.press("u")
        assert app.screen.state.chosen_lane.optimizer == "adam"


async def test_a_click_takes_an_optimizer_and_the_last_line_asks_for_a_class(app):
    async with app.run_test(size=(120, 50)) as pilot:
        await pilot.press("o")
        listed = app.screen.query_one(OptionList)
        line = listed.get_option_index("nesterov") - listed.scroll_offset.y
        await pilot.click(OptionList, offset=(5, line))
        assert app.screen.state.chosen_lane.optimizer == "nesterov"
        await pilot.press("o", *"your own", "enter")
        assert "Your own optimizer" in str(app.screen.query_one(".dialog").border_title)
        await pilot.press("escape", "O")
        assert app.screen.state.chosen_lane.optimizer == "asgd"


async def test_a_learning_rate_above_the_bound_is_a_warning():
    app = AdamApp(PlaygroundState(Scenario(surface="ravine", lanes=(Lane.of("sgd", {"lr": 0.05}),))))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "sharpest curvature 50 · stable for lr < 0.04" in panel(app, "knobs")
        assert "above" in panel(app, "knobs")
        await pilot.press("left")
        assert "above" not in panel(app, "knobs")


async def test_every_display_switch_works_while_the_race_plays():
    app = AdamApp(PlaygroundState(playing=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.state.step > 20)
        now = app.screen._clock()
        app.screen._clock = lambda: now  # time stands still, the race plays on
        contour, inspector = app.screen.query_one("#contour"), app.screen.query_one("#inspector")
        await pilot.press("i", "v", "l")
        await pilot.pause()
        assert app.screen.state.playing
        assert not inspector.display
        assert "m" in str(contour.border_subtitle).split("→ ")[2]
        assert app.screen.query_one("#loss").border_title == "Loss"
        await pilot.press("i")
        await pilot.pause()
        assert inspector.display


async def test_vectors_are_drawn_at_the_point(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(">")
        before = app.screen.query_one("#contour", CellView).cells
        await pilot.press("v")
        assert app.screen.query_one("#contour", CellView).cells.changed(before).any()


async def test_copied_text_goes_through_the_terminal_and_is_shown(app, monkeypatch):
    copied = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c", "p")
        await pilot.pause()
        assert isinstance(app.screen, ShowText)
        assert "torch.optim.Adam(" in copied[0]
        await pilot.press("escape", "c", "c")
        assert copied[1] == "adam-tui --surface bowl --lane adam:lr=0.1"


async def test_an_export_is_a_file_in_the_directory_of_the_start(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        for key, suffix in {"e": "svg", "s": "svg", "c": "csv", "j": "json", "r": "cast"}.items():
            await pilot.press("e", key)
            await app.workers.wait_for_complete()
            [file] = tmp_path.iterdir()
            assert file.suffix == f".{suffix}", key
            assert file.stat().st_size > 1000
            file.unlink()


async def test_an_export_that_fails_says_why(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("adam_tui.ui.playground.export.os.replace", _no_space)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "c")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [note.severity for note in app._notifications] == ["error"]
        assert list(tmp_path.iterdir()) == []


def _no_space(*_):
    raise OSError(28, "No space left on device")


async def test_a_page_opens_its_scenario_though_the_playground_was_never_shown():
    app = AdamApp(PlaygroundState(), mode="learn")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.open_presets(tuple(PRESETS.values()), 2)
        await pilot.pause()
        assert app.screen.state.preset == list(PRESETS.values())[2]
        assert "▸● sgd" in panel(app, "lanes")


async def test_training_with_a_lane_asks_first(tmp_path):
    app = AdamApp(PlaygroundState(), runs=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("T")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, Choose)
        assert "lr 0.1 is 200 × the 0.0005" in str(app.screen.query("Label").first().render())
        await pilot.press("escape")
        assert list(tmp_path.iterdir()) == [], "nothing was started"


async def test_a_race_that_starts_behind_another_mode_waits_until_it_is_shown():
    app = AdamApp(PlaygroundState(playing=False))
    async with app.run_test() as pilot:
        playground = app.screen
        await pilot.press("3")
        await until(pilot, lambda: app.screen is not playground)
        playground.dispatch(e.TogglePlay())
        assert playground.state.playing
        assert not playground._timer._active.is_set(), "no frame will come"
        await pilot.press("1")
        await until(pilot, lambda: playground.state.step > 0)
