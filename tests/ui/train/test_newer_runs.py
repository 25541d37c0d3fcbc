"""Runs of another version, whose specification names what this version does not know: every key is harmless."""

import json

import pytest
from training_pilot import after, panel, trained, until

from adam_tui.draw.palette import DARK
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.recipes import check_spec
from adam_tui.ui.actions import key_names
from adam_tui.ui.effects import AskText, Choose
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.train import effects, run_panel
from adam_tui.ui.train import events as e
from adam_tui.ui.train import view as train_view
from adam_tui.ui.train.actions import ACTIONS
from adam_tui.ui.train.context import EventContext
from adam_tui.ui.train.layout import PANELS
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.train.update import update
from adam_tui.ui.train.view import Snapshot

STRANGE = {
    "an optimizer": {"optimizer": "sophia", "hyperparameters": {"lr": 1e-3, "rho": 0.04}},
    "an optimizer with a path for a name": {"optimizer": "../../elsewhere"},
    "a data set": {"data": "imagenet"},
    "a hyperparameter": {"hyperparameters": {"lr": 1e-3, "beta3": 0.999}},
    "a device and a precision": {"device": "tpu:7", "precision": "float8"},
    "a value outside its limits": {"hyperparameters": {"lr": -1.0, "beta1": 7.0, "eps": 1e300}},
    "no finite numbers": {"hyperparameters": {"lr": float("nan"), "beta1": float("inf")}},
    "no epochs": {"epochs": 0, "batch_size": 0},
    "huge sizes": {"epochs": 10**15, "batch_size": 10**15, "seed": 10**15},
}
strange = pytest.mark.parametrize("changes", STRANGE.values(), ids=list(STRANGE))


def events_of(state, histories):
    """The event of every key."""
    context = EventContext(state, histories, 9.0, 120, 70, lambda id: "")
    return [action.event(context) if callable(action.event) else action.event for action in ACTIONS]


def after_everything(state, event):
    """The states after an event and after every answer to the questions that it asks."""
    state, results = update(state, event)
    yield state
    for effect in results:
        if isinstance(effect, effects.StartRun):
            check_spec(effect.spec)
        if isinstance(effect, Choose):
            answered_by_y = any("y" in keys.split(",") for keys, _, _ in effect.answers)
            assert answered_by_y == effect.title.endswith("?")
            for _, value, _ in effect.answers:
                yield from after_everything(state, effect.event(value))
        if isinstance(effect, AskText) and effect.value != "./":  # the beginning of a path
            yield from after_everything(state, effect.parse(effect.value))


def draw(panels, state, histories):
    keys = key_names(ACTIONS)
    notes = run_panel.notes(state, histories, "", DARK, keys)
    shown = Snapshot(state, histories, None, notes, 9.0, 70, DARK, keys)
    train_view.titles(shown)
    for each in panels:
        train_view.draw(each, shown, 70, 12)
    train_view.loss_titles(shown, 70)
    train_view.status_line(state, histories, 9.0, 120, DARK)


@strange
@pytest.mark.parametrize("word", ["running", "stopped"])
def test_every_key_is_harmless(changes, word):
    spec = RunSpec.from_json(RunSpec().to_json() | changes)
    run = RunView("a", spec, 0.0, word, settings=dict(spec.hyperparameters), resumable=word == "stopped")
    histories, drawn = {"a": trained(50, [0.9], spec)}, []
    for before in ((), (e.SetCursor(3),), (e.Toggle("live"),), (e.Toggle("table"),)):
        state = after(TrainState(), e.ListRuns((run,)), *before)
        draw(PANELS, state, histories)
        for event in events_of(state, histories):
            for reached in after_everything(state, event):
                if reached not in drawn:
                    drawn.append(reached)
                    check_spec(reached.spec())
                    draw(("runs", "knobs", "figures", "progress", "table"), reached, histories)


def respecify(made, changes):
    path = made.run.path / "spec.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def app(training_app):
    return training_app


@pytest.mark.parametrize("changes", [STRANGE["an optimizer with a path for a name"], STRANGE["a data set"]])
async def test_every_action_is_harmless_in_the_app(app, made_run, no_process, tmp_path, changes):
    made = made_run()
    respecify(made, changes)
    made.start().train(2).end("stopped")
    (made.run.path / "checkpoint.pt").touch()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.state.selected == made.id)
        for action in ACTIONS:
            app.screen.action_perform(action.name)
            while not isinstance(app.screen, ModeScreen):
                await pilot.press("t", "escape")
    assert not list(tmp_path.parent.parent.glob("elsewhere*"))


async def test_a_run_of_a_newer_version_says_why_it_cannot_be_copied_or_trained(app, made_run):
    made = made_run()
    respecify(made, {"optimizer": "sophia"})
    made.start().train(1).end("stopped")
    (made.run.path / "checkpoint.pt").touch()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "91.00%" in panel(app, "runs"))
        await pilot.press("c", "p", "T", "u", "h")
        assert [str(note.message).partition(": choose")[0] for note in app._notifications] == [
            "cannot copy: no optimizer 'sophia'",
            f"{made.id} cannot start again: no optimizer 'sophia'",
            f"{made.id} cannot continue: no optimizer 'sophia'",
            f"{made.id} cannot be tuned: no optimizer 'sophia'",
        ]
        await pilot.press("c", "j")
        assert '"optimizer": "sophia"' in app.screen._text
