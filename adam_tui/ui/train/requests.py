"""The events that change no state: each asks the user something, or asks for work on a run.

A pure function from the state and such an event to effects. Loaded with the first of these events.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import assert_never

from adam_tui.classes.completion import completions
from adam_tui.engine.class_reference import ClassReference, is_reference, split_reference
from adam_tui.engine.class_signature import split_settings
from adam_tui.engine.numbers import format_number
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.runs.protocol import Changed, RunSpec
from adam_tui.runs.recipes import check_spec, make_spec
from adam_tui.runs.run_label import Label
from adam_tui.runs.user_code import read_source
from adam_tui.ui.effects import AskText, Choose, CopyText, Notify, ShowText
from adam_tui.ui.train import effects, labels
from adam_tui.ui.train import events as e
from adam_tui.ui.train.effects import Effect
from adam_tui.ui.train.export import COPIES, copy_text
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.train.sweep_panel import sweep_text
from adam_tui.ui.train.table import matching

SEARCH_HINT = "words of a run's name, state or settings, such as: adam lr=0.01 running; empty keeps all"
CLASS_HINT = "FILE.py::CLASS or package.CLASS, such as ./mine.py::MyAdam:lr=0.001 · tab completes · its code is run"
NETWORK_HINT = "FILE.py::FUNCTION that returns a module, such as ./net.py::build · empty: the usual one · tab completes"
LABEL_HINT = "a name, and words that begin with # as tags, such as: long warm-up #baseline; empty removes it"
TOUR_IS_OVER = Notify("the tour is over", keys=": {mode_learn} opens Learn")
NO_SCENARIOS = Notify("the scenarios are in the playground", keys=": {mode_playground} opens it")
NO_RUN = Notify("there is no run yet", keys=": {start} starts one")


def effects_of(state: TrainState, event: e.Request) -> tuple[Effect, ...]:
    """The effects that the event asks for."""
    match event:
        case e.StartNextRun():
            return (effects.StartRun(state.spec()),)
        case e.StartRun(spec):
            return (_if_known(spec, "cannot start", effects.StartRun(spec)),)
        case e.StartBesideSweep(spec, waits):
            return (effects.StartRun(replace(spec, queue=spec.queue or waits, after_sweeps=waits), asked=True),)
        case e.StopRun(id):
            return (effects.SendCommand(id, "stop"),)
        case e.KillRun(id):
            return (effects.KillRun(id),)
        case e.DeleteRun(id):
            return (effects.DeleteRun(id),)
        case e.StopSweep(id):
            return (effects.OrderSweep(id, "stop"),)
        case e.DeleteSweep(id):
            return (effects.DeleteSweep(id),)
        case e.SetLabel(id, label):
            return (effects.WriteLabel(id, label),)
        case e.OfferRun():
            return (_offer(event),)
        case e.AskClass():
            return (AskText("Your own optimizer", _class_text(state), CLASS_HINT, _check_class, complete=completions),)
        case e.AskNetwork():
            network = str(state.rest.get("network", ""))
            networks = partial(completions, networks=True)
            return (AskText("Your own network", network, NETWORK_HINT, _check_network, complete=networks),)
        case e.CheckClass(text, remarks):
            return (_checked_class(state, text, remarks),)
        case e.CheckNetwork(text):
            return (effects.CheckCode(network=text),)
        case e.CodeChecked():
            return (_offer_class(state, event),)
        case e.AskTrust(id, problem):
            return (_ask_trust(id, problem),)
        case e.TrustRun(id):
            return (effects.ContinueRun(id, trusted=True),)
        case e.AskCopy():
            return (_ask_copy(state) if state.visible_sweep is None else is_a_sweep(state.visible_sweep),)
        case e.CopyRun():
            return _copy(event)
        case e.AskSearch():
            return (_ask_search(state, event),)
        case e.TypeValue():
            return (_ask_value(state) if state.visible_sweep is None else _open(state.visible_sweep),)
        case e.NextPreset():
            return (TOUR_IS_OVER if state.finale is not None else NO_SCENARIOS,)
        case _:
            run, sweep = state.visible_run, state.visible_sweep
            if sweep is not None:
                return (_of_selected_sweep(sweep, event),)
            return (_of_selected_run(run, event) if run is not None else no_run(state),)


def _class_text(state: TrainState) -> str:
    """The class of the next run as it is typed, or the beginning of one."""
    return state.optimizer if is_reference(state.optimizer) else "./"


def _check_class(text: str) -> e.Event:
    reference, settings = split_reference(text)
    if settings is not None:
        split_settings(settings)
    if reference.file is not None:
        read_source(reference)
    return e.CheckClass(text)


def _check_network(text: str) -> e.Event:
    if not text.strip():
        return e.AdoptNetwork("", {})
    try:
        reference = ClassReference.parse(text)
    except ValueError as error:
        raise ValueError(str(error).replace("MyAdam", "build")) from None
    if reference.file is not None:
        read_source(reference)
    return e.CheckNetwork(text.strip())


def _checked_class(state: TrainState, text: str, remarks: tuple[str, ...]) -> Effect:
    reference, settings = split_reference(text)
    pairs = tuple(split_settings(settings)) if settings else ()
    return effects.CheckCode(str(reference), pairs, str(state.rest.get("network", "")), remarks)


def _offer_class(state: TrainState, event: e.CodeChecked) -> Effect:
    """A question about a run with a class of the user that works, with the other settings of the next run."""
    rest = {name: value for name, value in state.rest.items() if name not in ("network", "code")}
    try:
        spec = make_spec(event.code.optimizer, event.code.values, **state.run_values, **rest, **event.code.rest)
    except ValueError as error:
        return Notify(f"cannot train: {error}", severity="warning")
    remarks = [*event.remarks, *([event.code.warning] if event.code.warning else [])]
    return _ask(
        f"Train the network with {spec.optimizer_label}?",
        "\n".join([labels.spec_text(spec), spec.optimizer, *(f"· {remark}" for remark in remarks)]),
        ("y,t", e.StartRun(spec), "start it now"),
        ("e", e.AdoptSettings(spec), "take it for the next run, to change a setting first"),
    )


def _ask_trust(id: str, problem: str) -> Effect:
    text = f"{problem}.\nIt came from elsewhere, or was edited. Python executes whatever it holds, with your rights."
    return _ask(f"Execute the code of {id}?", text, ("y", e.TrustRun(id), "yes, I have read it"), cautious=True)


def _of_selected_run(run: RunView, event: e.SelectedRunRequest) -> Effect:
    match event:
        case e.PauseOrResume():
            command = "resume" if run.state == "paused" else "pause"
            return effects.SendCommand(run.id, command) if run.alive else _over(run)
        case e.AskStop(changes):
            return _ask_stop(run, changes) if run.alive else _over(run)
        case e.ContinueRun():
            return _if_known(run.spec, f"{run.id} cannot continue", effects.ContinueRun(run.id))
        case e.AskRestart():
            return _if_known(run.spec, f"{run.id} cannot start again", _ask_restart(run))
        case e.AskLabel():
            return AskText(
                f"Name of {run.id}", str(run.label), LABEL_HINT, lambda text: e.SetLabel(run.id, Label.parse(text))
            )
        case e.OpenLog():
            return effects.ShowLog(run.id)
        case e.AskDelete(link_target):
            return _ask_delete(run, link_target)
        case _:
            assert_never(event)


# A selected sweep.


def is_a_sweep(sweep: SweepSummary) -> Notify:
    """A notification that a key acts on runs, and how to get to those of the sweep."""
    return Notify(f"{sweep.id} is a sweep", keys=": {type_value} opens it with its runs")


def _open(sweep: SweepSummary) -> Effect:
    if sweep.state == "broken":
        return Notify(f"{sweep.id} cannot be opened: {sweep.reason}", severity="warning")
    return effects.OpenSweep(sweep.id)


def _of_selected_sweep(sweep: SweepSummary, event: e.SelectedRunRequest) -> Effect:
    match event:
        case e.PauseOrResume() if sweep.alive:
            return effects.OrderSweep(sweep.id, "resume" if sweep.state == "paused" else "pause")
        case e.AskStop() if sweep.alive:
            text = f"{sweep_text(sweep)}\nIts processes write checkpoints and end, on all hosts; it can be continued."
            return _ask(f"Stop {sweep.id}?", text, ("y,s", e.StopSweep(sweep.id), "yes, stop it"))
        case e.PauseOrResume() | e.AskStop() | e.ContinueRun():
            goes_on = "" if sweep.state == "finished" else ": {type_value} opens it, {continue_run} continues it there"
            return Notify(f"{sweep.id} is {sweep.state or 'not read yet'}", keys=goes_on)
        case e.AskDelete() if sweep.alive:
            return Notify(f"{sweep.id} is {sweep.state}", severity="warning", keys=": {stop} stops it first")
        case e.AskDelete():
            text = f"{sweep_text(sweep)}\nIts runs and their curves are gone for good."
            answer = ("y", e.DeleteSweep(sweep.id), "yes, delete it with all its runs")
            return _ask(f"Delete {sweep.id}?", text, answer, cautious=True)
        case e.OpenLog():
            return Notify(f"{sweep.id} is a sweep", keys=": {type_value} opens it, {log_tail} shows its log there")
        case _:
            return is_a_sweep(sweep)


def _ask(title: str, text: str, *answers: tuple[str, e.Event, str], cautious: bool = False) -> Choose[e.Event]:
    """A question whose answers are given as (keys, event, label)."""
    keys = tuple((key, str(i), label) for i, (key, _, label) in enumerate(answers))
    return Choose(title, text, keys, lambda value: answers[int(value)][1], cautious)


def _if_known(spec: RunSpec, refusal: str, effect: Effect) -> Effect:
    """The effect, or a notification when this version cannot train such a run: a newer one may have written it."""
    try:
        check_spec(spec)
    except ValueError as error:
        return Notify(f"{refusal}: {error}", severity="warning")
    return effect


def _over(run: RunView) -> Notify:
    keys = ", {continue_run} continues it" if run.resumable else ""
    return Notify(f"{run.id} is over: {labels.state_word(run, None)}", keys=keys)


def ask_beside_sweep(spec: RunSpec, sweep: str) -> Choose[e.Event]:
    """The question whether a run starts although a sweep trains on its device."""
    return _ask(
        f"{sweep} trains on this device",
        f"{labels.spec_text(spec)}\nThe trials of a sweep do not take turns with a run.",
        ("y,t", e.StartBesideSweep(spec, waits=False), "start now: the run and the sweep are both slower"),
        ("w", e.StartBesideSweep(spec, waits=True), "wait until the sweep has ended"),
    )


def _ask_restart(run: RunView) -> Effect:
    first = run.spec.hyperparameters
    changed = [f"{name} {format_number(v)}" for name, v in run.settings.items() if first.get(name) != v]
    text = labels.spec_text(run.spec)
    if changed:
        text += f"\nIt starts with these first settings, without the later {', '.join(changed)}."
    return _ask(
        f"Start again as {run.title}?",
        text,
        ("y,t", e.StartRun(run.spec), "yes, start it now"),
        ("e", e.AdoptSettings(run.spec), "take them for the next run, to change one first"),
    )


def _ask_stop(run: RunView, changes: tuple[Changed, ...]) -> Effect:
    latest = {change.parameter: change for change in changes}
    lines = (f"{name} {format_number(c.value)} (set at step {c.step:,})" for name, c in latest.items())
    text = "\n".join([labels.spec_text(run.spec), *lines])
    if run.silent:
        text += f"\n{run.reason}: only kill can end it"
    return _ask(
        f"Stop {run.title}?",
        text,
        ("y,s", e.StopRun(run.id), "stop: finish this step, write a checkpoint, end"),
        ("K", e.KillRun(run.id), "kill: end at once, without a checkpoint"),
        cautious=run.silent,
    )


def _ask_delete(run: RunView, link_target: str) -> Effect:
    if run.alive:
        return Notify(f"{run.id} is {run.state}", severity="warning", keys=": {stop} stops it first")
    loss = "Its curves and its checkpoint are gone for good."
    if link_target:
        loss = f"It is a link to {link_target}: only the link is removed."
    text = f"{labels.spec_text(run.spec)}\n{loss}"
    return _ask(f"Delete {labels.full_name(run)}?", text, ("y", e.DeleteRun(run.id), "yes, delete it"), cautious=True)


def no_run(state: TrainState) -> Notify:
    """A notification that there is no run which a key could act on."""
    return Notify(f"no run matches “{state.search}”", keys=": {close} shows all") if state.runs else NO_RUN


def _ask_copy(state: TrainState) -> Effect:
    run = state.visible_run
    if run is None and state.runs:
        return no_run(state)
    spec, name = (run.spec, run.title) if run is not None else (state.spec(), "the next run")
    return Choose(f"Copy {name} as", "", COPIES, lambda kind: e.CopyRun(kind, spec))


def _copy(event: e.CopyRun) -> tuple[Effect, ...]:
    try:
        text = copy_text(event.kind, event.spec)
    except ValueError as error:
        return (Notify(f"cannot copy: {error}", severity="warning"),)
    label = next(label for _, kind, label in COPIES if kind == event.kind)
    return CopyText(text), ShowText(f"Copied: {label}", text)


def _offer(event: e.OfferRun) -> Effect:
    """A question about a run with a playground lane's optimizer."""
    spec, usual = event.spec, event.usual
    lr = f"{usual.lr:g}"
    with_usual = ("l", e.StartRun(usual), f"train with lr {lr}, the rest as it is")
    return _ask(
        "Train the network with this lane's optimizer?",
        "\n".join([labels.spec_text(spec), "", *(f"· {remark}" for remark in event.remarks)]),
        ("y,t", e.StartRun(spec), "train with exactly these"),
        *([with_usual] if usual != spec else []),
        ("e", e.AdoptSettings(spec), "take them for the next run, to change one first"),
    )


def _ask_search(state: TrainState, event: e.AskSearch) -> Effect:
    """A question about the words, which filters the wide table while they are typed."""

    def search(words: str) -> e.Event:
        return e.Search(words, matching(event.texts, words))

    cancel = e.Search(state.search, matching(event.texts, state.search), table=state.table)
    return AskText("Filter runs", state.search, SEARCH_HINT, search, cancel)


def _ask_value(state: TrainState) -> Effect:
    """A question about the value of the chosen knob, with the values that it allows."""
    knob, run = state.chosen_knob, state.tuned_run
    title = f"{run.id if run is not None else state.recipe.title} {knob.name}"
    hint = f"{knob.meaning} · {knob.allowed()} · default {knob.format(knob.default)}"
    return AskText(title, knob.format(state.value(knob)), hint, lambda text: e.SetKnob(knob.parse(text)))
