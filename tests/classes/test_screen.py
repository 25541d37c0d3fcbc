"""Your own optimizer in the app: asked for by a key, drawn when its path comes, drawn anew when its file changes."""

import asyncio
from dataclasses import replace

import pytest

from adam_tui.draw.palette import DARK
from adam_tui.engine.class_optimizers import CLASSES, describe
from adam_tui.engine.class_reference import ClassReference
from adam_tui.engine.class_signature import Parameter
from adam_tui.engine.lane import Lane
from adam_tui.engine.scenario import Scenario
from adam_tui.ui.app import AdamApp
from adam_tui.ui.effects import Choose, Notify
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground import view
from adam_tui.ui.playground.effects import ImportClass, TrainLane
from adam_tui.ui.playground.maps.cells import axes
from adam_tui.ui.playground.paths import paths_so_far
from adam_tui.ui.playground.state import PlaygroundState
from adam_tui.ui.playground.update import update

MINE = """import torch

class Mine(torch.optim.SGD):
    def step(self, closure=None):
        p = self.param_groups[0]["params"][0]
        self.state[p]["slope"] = p.grad.clone()
        return super().step(closure)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


async def until(pilot, condition):
    """Wait until the app has come so far."""
    async with asyncio.timeout(30):
        while not condition():
            await pilot.pause(0.02)


def rows(state, panel, width=60, height=8):
    cells = view.DRAW[panel](state, width, height, DARK, paths_so_far(state))
    return [cells.text(row).rstrip() for row in range(height)]


async def test_a_class_is_typed_and_raced_turned_and_drawn_anew_with_its_file(classes, folder):
    app = AdamApp(PlaygroundState(Scenario(steps=100)))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen

        def path():
            [found] = paths_so_far(screen.state).lanes
            return found if found.complete and screen.state.chosen_lane.rule.ready else None

        def shown(panel):
            return rows(screen.state, panel)

        await pilot.press("y")
        await pilot.pause()
        await pilot.press("tab", "tab", *":lr=0.1", "enter")
        await until(pilot, lambda: screen.state.chosen_lane.optimizer == "./mine.py::Mine")
        await until(pilot, path)
        before = path()
        assert dict(screen.state.chosen_lane.values)["lr"] == 0.1
        assert before.positions[1].tolist() == [-3.5 + 0.7, 2.5 - 0.5]
        await pilot.press("end", "right")
        await until(pilot, lambda: path() and path() is not before)
        assert path().positions[1].tolist() == [-3.5 + 1.4, 2.5 - 1.0]
        assert [row.split()[0] for row in shown("inspector")[1:4]] == ["g", "slope", "Δ"]
        (folder / "mine.py").write_text(MINE.replace("return super", "p.grad *= 2; return super"))
        await until(pilot, lambda: path() and path().positions[1] == pytest.approx([-0.7, 0.5]))
        (folder / "mine.py").write_text(MINE.replace("return super", "return 1 / 0 or super"))
        await until(pilot, lambda: path() and path().failure)
        assert "! mine.py, line 7: ZeroDivisionError: division by" in shown("lanes")[1]
        assert screen.state.past[-1].scenario.lanes[0]["lr"] == 0.1, "an edited file is no step of undo"
        await pilot.press("u")
        assert screen.state.chosen_lane["lr"] == 0.1


async def test_the_class_of_a_scenario_file_is_imported_after_consent(classes, folder):
    (folder / "theirs.py").write_text("open(__file__ + '.ran', 'w').close()\n" + MINE)
    lane = Lane.from_json({"optimizer": "./theirs.py::Mine", "lr": 0.2})
    app = AdamApp(PlaygroundState(Scenario(lanes=(lane,), steps=20)))
    async with app.run_test(size=(80, 24)) as pilot:
        playground = app.screen
        await until(pilot, lambda: app.screen is not playground)
        assert "not imported" in rows(playground.state, "lanes")[1]
        assert not (folder / "theirs.py.ran").exists()
        await pilot.press("y")
        await until(pilot, lambda: playground.state.chosen_lane.rule.ready)
        await until(pilot, lambda: paths_so_far(playground.state).complete)
        assert dict(playground.state.chosen_lane.values)["lr"] == 0.2
        assert (folder / "theirs.py.ran").exists()


class TestWithoutAProcess:
    def test_a_lane_without_a_loss_has_no_rank(self):
        state = PlaygroundState(Scenario.parse(["./mine.py::Mine", "adam", "sgd:lr=0.0001"], steps=20))
        state, _ = update(state, e.Seek(20))
        cells = view.lanes(state, 60, 4, DARK, paths_so_far(state))
        first, second, third = (cells.text(row).split() for row in range(1, 4))
        assert first[:3] == ["▸●", "Mine", "!"]
        assert second[1:3] == ["1", "adam"], "its loss is not compared with the start of the first lane"
        assert third[1:3] == ["2", "sgd"]

    def test_a_typed_class_is_imported_and_one_of_a_file_is_asked_for_once(self):
        state, effects = update(PlaygroundState(), e.SetClass("./mine.py::Mine:lr=0.1,foo=2"))
        assert effects == (ImportClass("./mine.py::Mine"),)
        assert state.chosen_lane.to_flag() == "./mine.py::Mine:lr=0.1,foo=2", "kept until its knobs are known"
        assert state.chosen_lane["lr"] == 0.1
        of_file = PlaygroundState(Scenario.parse(["./other.py::Other", "adam"]))
        asked, effects = update(of_file, e.ClassesChanged())
        [question] = effects
        assert isinstance(question, Choose)
        assert question.cautious
        assert "other.py::Other" in question.text
        assert question.event("./other.py::Other") == e.AllowClass("./other.py::Other")
        assert update(asked, e.ClassesChanged()) == (asked, ())
        assert update(asked, e.AllowClass("./other.py::Other"))[1] == (ImportClass("./other.py::Other"),)

    def test_a_ready_class_can_train_the_network(self):
        reference = ClassReference.parse("./mine.py::Mine")
        state = PlaygroundState(Scenario.parse([str(reference)]))
        assert update(state, e.Train())[1] == (Notify("Mine is not imported", severity="warning"),)
        CLASSES[str(reference)] = describe(reference, status="ready")
        assert update(state, e.Train())[1] == (TrainLane(state.chosen_lane),)

    def test_a_class_that_is_not_imported_has_neither_a_map_nor_knobs_that_turn(self):
        state = PlaygroundState(Scenario.parse(["./mine.py::Mine"]))
        for kind in ("settings", "starts", "rates"):
            after, effects = update(state, e.OpenMap(kind))
            assert after == state
            assert effects == (Notify("Mine is not imported: no map of it", severity="warning"),)
        typed = update(state, e.SetClass("./mine.py::Mine:lr=0.1"))[0]
        assert update(typed, e.Arrow(1, 0))[0] == typed

    def test_a_class_without_knobs_is_a_lane_all_the_same(self):
        reference = ClassReference.parse("./bare.py::Bare")
        CLASSES[str(reference)] = describe(reference, status="ready", place="bare.py, line 1")
        state = replace(PlaygroundState(Scenario.parse(["adam"])), knob=3)
        state, _ = update(state, e.SetClass("./bare.py::Bare"))
        assert state.chosen_knob is None
        for event in (e.Arrow(1, 0), e.Arrow(0, 1), e.ResetKnob(), e.CycleSchedule(), e.CycleSurface(1)):
            state, _ = update(state, event)
        assert state.chosen_lane.optimizer == "./bare.py::Bare"
        assert update(state, e.Confirm())[1] == (Notify("Bare has no knobs"),)
        assert update(state, e.OpenMap("settings"))[1] == (
            Notify("Bare has too few knobs for a map of settings", severity="warning"),
        )

    def test_a_class_that_is_loaded_while_a_formula_is_typed_has_its_knobs_afterwards(self):
        reference = ClassReference.parse("./mine.py::Mine")
        state = PlaygroundState(Scenario.parse([f"{reference}:lr=0.3"]))
        state, _ = update(state, e.PreviewFunction("x*x + y*y"))
        parameters = (Parameter("lr", "float", 0.1), Parameter("rho", "float", 0.9))
        CLASSES[str(reference)] = describe(reference, parameters, status="ready")
        for event in (e.ClassesChanged(), e.EndPreview()):
            state, _ = update(state, event)
        assert dict(state.chosen_lane.values) == {"lr": 0.3, "rho": 0.9}
        assert state.scenario.function is None
        assert state.past == ()

    def test_the_map_of_a_class_lies_around_its_own_learning_rate(self):
        reference = ClassReference.parse("./mine.py::Mine")
        parameters = (Parameter("rho", "float", 0.9), Parameter("lr", "float", 0.001))
        CLASSES[str(reference)] = describe(reference, parameters, status="ready")
        state = PlaygroundState(Scenario.parse([f"{reference}:lr=0.2"]))
        state, _ = update(state, e.OpenMap("settings"))
        x, y = axes(state, state.map)
        assert (x.knob.name, x.low, x.high) == ("lr", 0.002, 20.0)
        assert y.knob.name == "rho"
        assert update(state, e.LineUp("adaptive"))[0].lane == 0
