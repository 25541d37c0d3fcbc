"""Classes and networks of the user on the training screen: typed, tried, offered, trained and trusted (Pilot)."""

from dataclasses import replace

import pytest
from textual.widgets import Input
from training_pilot import panel, until

from adam_tui.engine.class_signature import Parameter
from adam_tui.engine.schedules import Schedule
from adam_tui.runs import control, directory, user_code
from adam_tui.ui.dialogs import AskText, Choose
from adam_tui.ui.train.lane_to_run import class_text

SIGNATURE = (
    Parameter("lr", "float", 1e-3),
    Parameter("beta1", "float", 0.9, part_of="betas", index=0),
    Parameter("beta2", "float", 0.999, part_of="betas", index=1),
    Parameter("warmup", "int", 10, fixed=True),
    Parameter("flavour", "text", None, optional=True),
)


@pytest.fixture
def app(training_app, no_process, tmp_path, monkeypatch):
    """The app in a folder with mine.py and net.py, whose check answers as the process of the check does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "mine.py").write_text("class MyAdam: ...\n")
    (tmp_path / "net.py").write_text("def build(): ...\n")
    asked = []

    def reply(request):
        asked.append(request)
        if request["optimizer"].endswith("Broken"):
            return {"error": "mine.py, line 3: NameError: name 'x' is not defined"}
        values = dict(request["settings"])
        numbers = {name: float(text) if name != "flavour" else text for name, text in values.items()}
        signature = [each.to_json() for each in SIGNATURE] if request["optimizer"] else []
        return {"signature": signature, "values": numbers, "parameters": 1234, "warning": "beware"}

    monkeypatch.setattr(user_code, "_reply", reply)
    training_app.asked = asked
    return training_app


async def type_class(pilot, key, text):
    await pilot.press(key)
    await pilot.pause()
    assert isinstance(pilot.app.screen, AskText)
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


async def answer(pilot, app, key):
    await until(pilot, lambda: isinstance(app.screen, Choose))
    await pilot.press(key)
    await pilot.pause()


async def test_a_class_is_offered_after_its_check_and_trained_with_its_file(app, tmp_path):
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await type_class(pilot, "y", "./mine.py::MyAdam:lr=0.02,flavour=sour")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "Train the network with MyAdam?" in text
        assert "MyAdam lr=0.02 flavour=sour" in text
        assert f"{tmp_path}/mine.py::MyAdam" in text
        assert "beware" in text
        await answer(pilot, app, "y")
        [run] = directory.list_runs(tmp_path)
        assert run.id.startswith("MyAdam-")
        assert (run.path / "optimizer.py").read_bytes() == (tmp_path / "mine.py").read_bytes()
        assert "Next run · MyAdam" in str(app.screen.query_one("#train-knobs").border_title)
        for name in ("lr", "beta1", "beta2", "warmup"):
            assert name in panel(app, "knobs")
        # Another notch for the next run, which comes back after a turn through all optimizers.
        await pilot.press("right", "O", "o", "t")
        await pilot.pause()
        newest = directory.list_runs(tmp_path)[0].spec()
        assert (newest.hyperparameters["lr"], newest.arguments) == (0.05, {"flavour": "sour"})
        assert newest.code == run.spec().code
        await pilot.press("o", "t")
        await pilot.pause()
        assert directory.list_runs(tmp_path)[0].spec().to_json().keys() == make_plain().keys()


def make_plain():
    from adam_tui.runs.protocol import RunSpec

    return RunSpec().to_json()


async def test_an_error_in_a_class_and_a_mistake_in_its_name_are_shown(app):
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await type_class(pilot, "y", "./other.py::MyAdam")
        await pilot.pause()
        assert isinstance(app.screen, AskText), "refused, with the reason on the screen"
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "there is no file ./other.py" in text
        await pilot.press("escape")
        await type_class(pilot, "y", "./mine.py::Broken")
        await until(pilot, lambda: any("line 3: NameError" in each.message for each in app._notifications))


async def test_a_network_is_taken_for_the_next_run_and_given_back(app, tmp_path):
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await type_class(pilot, "Y", "./net.py::build")
        await until(pilot, lambda: any("1,234 weights" in each.message for each in app._notifications))
        assert app.asked[-1]["network"] == f"{tmp_path}/net.py::build"
        assert "network=build" in str(app.screen.query_one("#train-knobs").border_title)
        await pilot.press("t")
        await pilot.pause()
        [run] = directory.list_runs(tmp_path)
        assert (run.path / "network.py").read_bytes() == (tmp_path / "net.py").read_bytes()
        await type_class(pilot, "y", "./mine.py::MyAdam")
        await answer(pilot, app, "e")
        await pilot.press("t")
        await pilot.pause()
        assert set(directory.list_runs(tmp_path)[0].spec().code) == {"optimizer.py", "network.py"}
        await type_class(pilot, "Y", "")
        await pilot.press("t")
        await pilot.pause()
        assert set(directory.list_runs(tmp_path)[0].spec().code) == {"optimizer.py"}


async def test_a_run_from_elsewhere_is_continued_after_consent(app, made_run, tmp_path, monkeypatch):
    resumed = []
    made = made_run()
    made.run.path.joinpath("optimizer.py").write_text("import os\n")
    own = {"optimizer": "/home/her/mine.py::MyAdam", "signature": SIGNATURE, "hyperparameters": {"lr": 0.1}}
    spec = replace(made.run.spec(), **own)
    directory.write_spec(spec, made.run.path)
    made.start().train(1).end("stopped")
    made.run.checkpoint.write_bytes(b"")
    monkeypatch.setattr(control, "start_worker", lambda run, **rest: control.check_trust(run) or resumed.append(run.id))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.state.run is not None)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "Execute the code of" in text
        await pilot.press("enter")  # the cautious answer
        await pilot.pause()
        assert not resumed
        await pilot.press("u")
        await answer(pilot, app, "y")
        assert resumed == [made.id]


def test_the_text_of_a_lane_has_no_schedule_and_no_changes():
    from adam_tui.engine.lane import Change, Lane

    lane = Lane.of("adam", {"lr": 0.1}, Schedule("cosine"), [Change(5, "lr", 0.01)])
    assert class_text(lane) == "adam:lr=0.1"
