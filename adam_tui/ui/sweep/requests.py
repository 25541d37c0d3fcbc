"""The events that change no state: each asks the user something, or asks for work on a sweep.

A pure function from the state and such an event to effects. Loaded with the first of these events.
"""

from __future__ import annotations

import math

from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_loss
from adam_tui.engine.presets import Preset
from adam_tui.engine.scenario import Scenario
from adam_tui.history.sweep_view import SweepView
from adam_tui.runs.recipes import optimizer_title
from adam_tui.sweeps.journal import TrialRecord
from adam_tui.sweeps.plan import SWEPT_RUN_KNOBS, knobs_of
from adam_tui.sweeps.request import Request, request_like
from adam_tui.sweeps.results import Setting, counts
from adam_tui.ui.effects import Choose, Notify, Pick
from adam_tui.ui.sweep import effects
from adam_tui.ui.sweep import events as e
from adam_tui.ui.sweep.effects import Effect
from adam_tui.ui.sweep.grid import knob_text
from adam_tui.ui.sweep.state import SweepState

NO_SWEEP = Notify("there is no sweep yet", keys=": {start} plans one")
NO_RUN = Notify("no run of this cell has begun")
WIDER = 30.0  # times the best value: the far end of a range beyond the edge
FIRST = Request(lr="1e-4..1")  # one range for all, so that the columns of the grid are the same


def effects_of(state: SweepState, event: e.Request) -> tuple[Effect, ...]:
    """The effects that the event asks for."""
    view = state.view
    match event:
        case e.AskPlan():
            return (effects.AskPlan(request_like(view.plan, view.place) if view is not None else FIRST),)
        case e.StartSweep(plan, slots, name, place):
            return (effects.StartSweep(plan, slots, name, place),)
        case e.AskSweep(items):
            if not items:
                return (NO_SWEEP,)
            return (Pick("Sweeps", items, state.selected or "", e.SelectSweep),)
        case e.StopSweep(id):
            return (effects.SendOrder(id, "stop"),)
        case e.DeleteSweep(id):
            return (effects.DeleteSweep(id),)
        case _:
            return _of_sweep(state, view, event) if view is not None else (NO_SWEEP,)


def _of_sweep(state: SweepState, view: SweepView, event: e.Request) -> tuple[Effect, ...]:
    match event:
        case e.PauseOrResume():
            return (_pause_or_resume(view),)
        case e.ContinueSweep():
            if view.state in ("running", "starting"):
                return (Notify(f"{view.title} is {view.state}"),)
            return (effects.ResumeSweep(view.id) if view.state != "finished" else _over(view),)
        case e.AskStop():
            return (_ask_stop(view),)
        case e.Retry():
            if not view.failed:
                return (Notify("no trial has failed"),)
            return (effects.RetrySweep(view.id),)
        case e.AskDelete():
            return (_ask_delete(view),)
        case e.Widen():
            return (_widen(view, state.setting),)
        case e.OpenLog():
            return (effects.ShowLog(view.id),)
        case e.ShowRun(run):
            return (effects.OpenRun(view.path / run),)
        case e.OpenRun():
            return (_open_run(state, view),)
        case e.TrySetting():
            return (_try(state.setting) if state.setting is not None else Notify("this cell has no setting"),)
        case _:
            return ()


def _over(view: SweepView) -> Notify:
    return Notify(f"{view.title} is finished: there is nothing left to train", keys=": {start} plans the next one")


def _pause_or_resume(view: SweepView) -> Effect:
    match view.state:
        case "running":
            return effects.SendOrder(view.id, "pause")
        case "paused":
            return effects.ResumeSweep(view.id)
        case "finished":
            return _over(view)
        case "starting":
            return Notify(f"{view.title} is starting")
        case _:
            return Notify(f"{view.title} is stopped", keys=": {continue_run} continues it")


def _ask(title: str, text: str, keys: str, event: e.Event, label: str, *, cautious: bool = False) -> Effect:
    return Choose(title, text, ((keys, "yes", label),), lambda _: event, cautious)


def _ask_stop(view: SweepView) -> Effect:
    if view.state == "starting":  # its process would begin with the order to go on
        return Notify(f"{view.title} is starting")
    if view.state not in ("running", "paused"):
        return _over(view) if view.state == "finished" else Notify(f"{view.title} is stopped already")
    text = f"{counts(view.record)}\nIts processes write checkpoints and end, on all hosts; it can be continued."
    return _ask(f"Stop {view.title}?", text, "y,s", e.StopSweep(view.id), "yes, stop it")


def _ask_delete(view: SweepView) -> Effect:
    if view.state in ("running", "paused", "starting"):
        return Notify(f"{view.title} is {view.state}", severity="warning", keys=": {stop} stops it first")
    text = f"{counts(view.record, active=False)}\nIts runs and their curves are gone for good."
    label = "yes, delete it with all its runs"
    return _ask(f"Delete {view.title}?", text, "y", e.DeleteSweep(view.id), label, cautious=True)


def _widen(view: SweepView, chosen: Setting | None) -> Effect:
    """The form for a sweep of the optimizer whose best value lies at an edge, with the range beyond that edge.

    Where several do, that of the chosen cell is taken, else that of the best optimizer.
    """
    if not view.edges:
        return Notify("no best value lies at the edge of its range")
    setting, name, word = min(view.edges, key=lambda edge: edge[0] is not chosen)
    knob, value = knobs_of(setting.optimizer, view.plan.classes)[name], setting.values[name]
    far = value / WIDER if word == "lowest" else value * WIDER
    if knob.scale not in ("log", "log_off"):
        tried = sorted({each.values[name] for each in view.settings if name in each.values})
        far = 2 * value - (tried[-1] if word == "lowest" else tried[0])
    if knob.scale == "beta":
        far = 1 - (1 - value) / WIDER if word == "highest" else max(1 - (1 - value) * WIDER, 0.0)
    elif knob.scale in ("log", "log_off"):
        far = float(f"{far:.1g}")
    low, high = sorted((value, min(max(far, knob.low), knob.high)))
    try:
        text = f"{knob.format(knob.check(low))}..{knob.format(knob.check(high))}"
    except ValueError as error:
        return Notify(f"the range of {name} cannot be wider: {error}", severity="warning")
    if low == high:
        return Notify(f"{name} has no values beyond {knob.format(value)}")
    before = request_like(view.plan, view.place)
    others = [each for each in before.settings.split() if each.partition("=")[0] != name]
    request = Request(
        optimizers=setting.optimizer,
        lr=text if name == "lr" else before.lr,
        settings=" ".join([*others, *([] if name == "lr" else [f"{name}={text}"])]),
        trials=before.trials,
        seeds=before.seeds,
        epochs=before.epochs,
        limit=before.limit,
        halving=before.halving,
        classes=before.classes,
    )
    title = optimizer_title(setting.optimizer)
    return effects.AskPlan(request, f"{title} was best at the {word} {name} that was tried, {knob.format(value)}.")


def _open_run(state: SweepState, view: SweepView) -> Effect:
    """The run of the chosen cell, or a list of them; trials that have not begun have no run."""
    trials = [each for setting in state.settings for each in setting.trials if each.state != "planned" or each.epoch]
    if not trials:
        return NO_RUN
    if len(trials) == 1:
        return effects.OpenRun(view.path / trials[0].run)
    items = tuple((each.run, _run_title(each), each.reason or _setting_text(each)) for each in trials)
    return Pick("Open a run in Train", items, trials[0].run, e.ShowRun)


def _run_title(trial: TrialRecord) -> str:
    loss = f"  loss {format_loss(trial.last.validation_loss)}" if trial.last is not None else ""
    state = "stopped early" if trial.state == "cut" else trial.state
    return f"{trial.run}  seed {trial.planned.seed}  {state}{loss if math.isfinite(trial.loss) else ''}"


def _setting_text(trial: TrialRecord) -> str:
    planned = trial.planned
    return " · ".join(f"{name} {knob_text(planned.optimizer, name, value)}" for name, value in planned.settings.items())


def _try(setting: Setting) -> Effect:
    """The setting as a lane of the playground."""
    values = {name: value for name, value in setting.values.items() if name not in SWEPT_RUN_KNOBS}
    try:
        lane = Lane.of(setting.optimizer, values)
    except ValueError as error:
        return Notify(f"the playground cannot show this setting: {error}", severity="warning")
    text = ", ".join(f"{name} {knob_text(setting.optimizer, name, value)}" for name, value in values.items())
    title = f"{optimizer_title(setting.optimizer)} {text}"
    return effects.OpenPreset(
        Preset(
            "sweep",
            title if len(title) <= 34 else optimizer_title(setting.optimizer),
            "A setting of the sweep on a surface of two dimensions: a network often needs another learning rate.",
            Scenario(lanes=(lane,)),
            "",
        )
    )
