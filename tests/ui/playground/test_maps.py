"""Maps on the playground's screen: keys in, panels out (Textual's Pilot)."""

import asyncio
import csv
import re
import shlex
from dataclasses import replace

import pytest
from command_line import run
from textual.widgets import Static

from adam_tui.draw.heat_map import LEVELS
from adam_tui.draw.palette import DARK
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import Lane, Scenario
from adam_tui.engine.trajectory import trajectories
from adam_tui.terminal.cell_view import CellView
from adam_tui.terminal.fallback import Fallback
from adam_tui.ui.app import AdamApp
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import view
from adam_tui.ui.playground.export import MAP_COPY, MAP_EXPORTS, copy_text, save
from adam_tui.ui.playground.maps.computation import computations, is_complete, request_of, share
from adam_tui.ui.playground.maps.state import MapGrid, MapState
from adam_tui.ui.playground.paths import whole_paths
from adam_tui.ui.playground.requests import effects_of
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.widgets.key_line import KeyLine

RAVINE = Scenario("ravine", lanes=(Lane.parse("momentum:lr=0.01,momentum=0.9"),), steps=100)
# No setting and no start of it converges.
SLOW = Scenario("rosenbrock", lanes=(Lane.parse("adam:lr=0.05"),), steps=20)
NOISY = Scenario("himmelblau", lanes=(Lane.parse("momentum:lr=0.005"),), steps=30, noise=0.5, seed=7)
HIMMELBLAU = Scenario("himmelblau", lanes=(Lane.parse("momentum:lr=0.005"),), steps=300)


def panel(app, name):
    return "\n".join(app.screen.query_one(f"#{name}", CellView).cells.lines())


def is_shown(app, name):
    return app.screen.query_one(f"#{name}", CellView).region.area > 0


def request(app):
    state = app.screen.state
    return request_of(state, state.map, state.map.grid)


async def computed(pilot):
    """Wait until the open map is computed and drawn."""
    app = pilot.app
    while app.screen.state.map is None or app.screen.state.map.grid is None or not is_complete(request(app)):
        await pilot.pause(0.01)
    while "computing" in panel(app, "map-info"):
        await pilot.pause(0.01)
    await pilot.pause()


@pytest.mark.parametrize(
    ("size", "beside"), [((120, 40), True), ((100, 30), True), ((80, 24), False), ((60, 18), False)]
)
async def test_a_map_of_settings_is_beside_the_contour_or_takes_its_place(size, beside):
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=size) as pilot:
        await pilot.press("h")
        await computed(pilot)
        assert "╱╱╱" in panel(app, "map")
        assert "★" in panel(app, "map")
        assert all(is_shown(app, name) for name in ("map", "contour", "map-info"))
        drawn, contour = (app.screen.query_one(f"#{name}").region for name in ("map", "contour"))
        assert (contour.x < drawn.x) == beside
        assert beside or drawn.area > 1.5 * contour.area
        await pilot.press("escape")
        await pilot.pause()
        assert not is_shown(app, "map")
        assert app.screen.query_one("#contour").region.x == 0
        assert is_shown(app, "lanes")


async def test_the_computation_ends_with_the_app():
    app = AdamApp(PlaygroundState(replace(RAVINE, steps=100_000)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        await pilot.pause(0.1)
        wanted = request(app)
    await asyncio.sleep(0.1)  # the steps in progress end
    before = share(wanted)
    await asyncio.sleep(0.2)
    assert share(wanted) == before < 1


async def test_the_finished_map_has_no_cell_that_was_not_computed():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        [whole] = computations(request(app))
        assert (whole.outcomes().states >= 0).all()
        grid = app.screen.state.map.grid
        assert whole.outcomes().states.shape == (grid.rows, grid.columns)


async def test_the_contour_shows_the_path_at_the_cursor_beside_the_lanes_own():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        contour = app.screen.query_one("#contour", CellView)
        before = contour.cells
        await pilot.press("shift+right")
        assert contour.cells.changed(before).any()
        state = app.screen.state
        column, row = state.map.cursor
        [path] = trajectories(computations(request(app))[0].scenario_at(row, column))
        assert f"{path.losses[-1]:.1e}" in panel(app, "map-info")
        await pilot.press("enter")
        assert app.screen.state.chosen_lane != RAVINE.lanes[0]
        assert "…" not in panel(app, "map-info")
        await pilot.press("u")
        assert app.screen.state.chosen_lane == RAVINE.lanes[0]


async def test_the_path_at_the_cursor_and_the_lanes_own_differ_and_are_named():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        await pilot.press("shift+right")
        await pilot.pause()
        contour = app.screen.query_one("#contour", CellView)
        assert re.sub(r"\[.*?\]", "", str(contour.border_subtitle)) == "┼ cursor · ● lane · ○ start · ✛ minimum"
        own, cursor = contour_views(app.screen.state)
        assert (own.dimmed, own.dashed, cursor.dimmed, cursor.dashed) == (True, True, False, False)
        assert own.color != cursor.color
        assert "┼" in panel(app, "contour")


def contour_views(state):
    return view._path_views(state, whole_paths(state), DARK)


async def test_where_no_cell_converged_the_map_names_what_it_shows():
    app = AdamApp(PlaygroundState(SLOW))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await pilot.press("tab")
        await computed(pilot)
        assert "★" in panel(app, "map")
        assert "no cell converged: ★ has the lowest loss" in panel(app, "map-info")
        [line] = [line for line in panel(app, "map-info").splitlines() if line.startswith("running")]
        low, *_, high = line.split()[3:]
        assert line.split()[:3] == ["running", "100%", "loss"]
        assert float(low) < float(high)


async def test_starts_that_are_still_running_have_contrast_and_a_legend():
    app = AdamApp(PlaygroundState(SLOW))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("b")
        await computed(pilot)
        cells = app.screen.query_one("#contour", CellView).cells
        assert len({tuple(color) for color in cells.bg.reshape(-1, 3).tolist()}) > LEVELS / 2
        info = panel(app, "map-info")
        assert "no start converged" in info
        assert "running 100%  loss" in info


@pytest.mark.parametrize("key", ["h", "b"])
async def test_the_copied_command_gives_the_cells_that_the_app_exports(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = AdamApp(PlaygroundState(NOISY, map=None))
    async with app.run_test(size=(60, 18)) as pilot:
        await pilot.press(key, key, "z")
        await computed(pilot)
        state = app.screen.state
        for suffix in ("csv", "svg"):
            save(f"map.{suffix}", state, tmp_path, DARK)
    [table], [picture] = (list(tmp_path.glob(f"*.{suffix}")) for suffix in ("csv", "svg"))
    program, *arguments = shlex.split(copy_text("map", state))
    assert program == "adam-tui"
    assert arguments[-2:] == ["--seeds", "5"]
    assert run(*arguments).output == table.read_text()
    assert "median of 5 seeds" in picture.read_text()


async def test_the_export_offers_the_map_while_one_is_open():
    state = PlaygroundState(RAVINE)
    opened = replace(state, map=MapState("rates", "loss", grid=MapGrid(8, 1)))
    [before], [after] = effects_of(state, e.ChooseExport()), effects_of(opened, e.ChooseExport())
    assert set(after.answers) - set(before.answers) == set(MAP_EXPORTS)
    settings = replace(state, map=MapState("settings", "loss", grid=MapGrid(8, 8)))
    assert MAP_COPY in effects_of(settings, e.ChooseCopy())[0].answers
    assert effects_of(opened, e.ChooseCopy()) == effects_of(state, e.ChooseCopy()), "curves have no command"


def test_the_curves_of_learning_rates_are_exported_by_lane(tmp_path):
    lanes = (Lane.parse("sgd:lr=0.1"), Lane.parse("sgd:lr=0.1,weight_decay=1"))
    race = Scenario(lanes=lanes, steps=20)
    state = PlaygroundState(race, map=MapState("rates", "loss", grid=MapGrid(8, 1)))
    header, *rows = csv.reader(save("map.csv", state, tmp_path, DARK).read_text().splitlines())
    assert header == ["lane", "lr", "state", "steps", "loss"]
    assert [row[0] for row in rows] == [name for name in race.labels() for _ in range(8)]
    for row in rows:
        lane = lanes[race.labels().index(row[0])].replaced("lr", float(row[1]))
        [path] = trajectories(replace(race, lanes=(lane,)))
        assert (row[2], float(row[4])) == (path.state(path.last), path.losses[-1])
    assert "Loss of the last step by learning rate" in save("map.svg", state, tmp_path, DARK).read_text()


async def test_the_legend_has_the_classes_shares():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        states = computations(request(app))[0].outcomes().states
        [line] = [line for line in panel(app, "map-info").splitlines() if line.startswith("diverged")]
        assert line.split()[1] == f"{100 * (states == 2).mean():.0f}%"


async def test_a_click_moves_the_cursor():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        drawn = app.screen.query_one("#map", CellView)
        await pilot.click(drawn, offset=(drawn.size.width // 2, 5))
        column, row = app.screen.state.map.cursor
        assert 10 < column < 40
        assert row > app.screen.state.map.grid.rows / 2
        assert app.screen.state.scenario == RAVINE, "no start was set"


async def test_a_map_of_starts_lies_over_the_contour_and_names_the_minima():
    app = AdamApp(PlaygroundState(HIMMELBLAU))
    async with app.run_test(size=(120, 40)) as pilot:
        before = app.screen.query_one("#contour", CellView).cells
        await pilot.press("b")
        await computed(pilot)
        assert not is_shown(app, "map")
        contour = app.screen.query_one("#contour", CellView)
        assert contour.cells.changed(before).mean() > 0.5
        assert (contour.cells.width, contour.cells.height) == (before.width, before.height), "the same view"
        assert "3, 2 ✛" in panel(app, "map-info")
        await pilot.press("shift+up")
        await pilot.press("enter")
        assert app.screen.state.scenario.start is not None


async def test_where_there_are_many_basins_the_legend_stays():
    app = AdamApp(PlaygroundState(Scenario("rastrigin", lanes=(Lane.parse("sgd:lr=0.002"),), steps=60)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("b")
        await computed(pilot)
        lines = panel(app, "map-info").splitlines()
        [more] = [i for i, line in enumerate(lines) if " more " in line]
        assert any(line.startswith("converged") for line in lines[more + 1 :])


async def test_a_zoomed_contour_computes_its_starts_again():
    app = AdamApp(PlaygroundState(HIMMELBLAU))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("b")
        await computed(pilot)
        before = request(app)
        await pilot.press("z")
        await computed(pilot)
        assert request(app) != before
        assert request(app).grid.bounds[1] < before.grid.bounds[1]


async def test_the_learning_rates_show_a_curve_and_a_row_for_each_lane():
    lanes = (Lane.parse("adam:lr=0.1"), Lane.parse("sgd:lr=0.1"))
    app = AdamApp(PlaygroundState(Scenario(lanes=lanes, steps=100)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await computed(pilot)
        assert {"adam", "sgd"} <= set(panel(app, "map-info").split())
        assert any("⠀" < glyph <= "⣿" for glyph in panel(app, "map"))
        assert "✕" in panel(app, "map"), "where sgd breaks"
        await pilot.press("Y")
        await computed(pilot)
        assert {"adam", "radam", "nadam"} <= set(panel(app, "map-info").split())
        assert "group: adaptive" in str(app.screen.query_one("#map", CellView).border_subtitle)


async def test_a_knob_that_the_map_does_not_vary_computes_it_again():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        before = request(app)
        await pilot.press("O")
        await computed(pilot)
        assert request(app) != before
        assert "nesterov" in str(request(app).scenario.lanes[0].optimizer)


async def test_the_footer_and_the_titles_follow_the_map():
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        assert "enter take" in app.screen.query_one(KeyLine).render().plain
        drawn = app.screen.query_one("#map", CellView)
        assert "loss of the last step" in str(drawn.border_title)
        await pilot.press("tab")
        assert "steps until it converged" in str(drawn.border_title)


async def test_all_panels_show_the_end_of_the_path_and_closing_returns_to_the_step():
    race = replace(HIMMELBLAU, steps=400)
    app = AdamApp(PlaygroundState(race, clock=12.0))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("b")
        await computed(pilot)
        assert "400/400" in panel(app, "timeline")
        assert "✓321" in panel(app, "lanes")
        await pilot.press("escape")
        assert app.screen.state.step == 12
        await pilot.press("b", "home", "escape")
        assert app.screen.state.step == 0, "the race was moved meanwhile"


@pytest.mark.parametrize(("size", "name"), [((80, 24), "steps to converge"), ((120, 40), "steps until it converged")])
async def test_titles_are_shown_whole(size, name):
    app = AdamApp(PlaygroundState(RAVINE))
    async with app.run_test(size=size) as pilot:
        for key, panel_name, subject in (("b", "map-info", "Basins"), ("h", "map", "momentum by lr")):
            await pilot.press(key)
            if key == "h":
                await pilot.press("tab")
            await pilot.pause()
            title = str(app.screen.query_one(f"#{panel_name}", CellView).border_title)
            assert title.startswith(subject)
            assert len(title) <= app.screen.query_one(f"#{panel_name}", CellView).region.width - 4
            if key == "b":
                assert title == f"Basins: {name}"


async def test_the_caption_of_a_preset_names_no_lanes_that_the_map_hides():
    twins = tuple(Lane.parse(f"momentum:lr=0.01,momentum={beta}") for beta in (0.5, 0.9))
    preset = replace(next(iter(PRESETS.values())), scenario=replace(RAVINE, lanes=twins), map=None)
    app = AdamApp(PlaygroundState(preset.scenario, tour=(preset,)))
    async with app.run_test(size=(120, 40)) as pilot:
        caption = app.screen.query_one("#caption", Static)
        await pilot.pause()
        assert "▲" in str(caption.render()) or "◆" in str(caption.render())
        await pilot.press("h")
        await computed(pilot)
        assert not {"▲", "◆"} & set(str(caption.render()))


@pytest.mark.parametrize(("limits", "characters"), [({"ascii": True}, "@=:./"), ({"few_colors": True}, "▓▒░+:·╱")])
async def test_a_poor_terminal_has_a_character_for_each_cell(limits, characters, monkeypatch):
    app = AdamApp(PlaygroundState(RAVINE))
    app.fallback = Fallback(**limits)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        text = panel(app, "map")
        assert "▀" not in text
        assert all(character in text for character in characters)


async def test_without_colour_a_start_is_the_letter_of_its_rest_point(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = AdamApp(PlaygroundState(HIMMELBLAU))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("b")
        await computed(pilot)
        assert {"aaa", "bbb", "ccc", "ddd"} <= {
            text[i : i + 3] for text in panel(app, "contour").splitlines() for i in range(len(text))
        }


async def test_panels_that_a_map_hid_show_the_present_when_it_is_closed():
    app = AdamApp(PlaygroundState(RAVINE, playing=False))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await computed(pilot)
        await pilot.press("shift+right", "enter")
        app.theme = "adam-light"
        await pilot.press("escape")
        await pilot.pause()
        lr = app.screen.state.chosen_lane["lr"]
        assert lr != RAVINE.lanes[0]["lr"]
        assert f"{lr:.4g}" in panel(app, "knobs")
        grounds = {tuple(app.screen.query_one(f"#{name}", CellView).cells.bg[0, 0]) for name in ("lanes", "knobs")}
        assert grounds == {app.palette.background}
