"""The events that change no state: each asks the user something, or asks for work outside the state.

A pure function from the state and such an event to effects. Loaded with the first of these events.
"""

from __future__ import annotations

from typing import cast

from adam_tui.classes.completion import completions
from adam_tui.engine.class_optimizers import CLASSES, ClassOptimizer
from adam_tui.engine.class_reference import split_reference
from adam_tui.engine.lane import Lane
from adam_tui.engine.numbers import format_number, parse_whole
from adam_tui.engine.optimizers import OPTIMIZERS, Optimizer, names_of
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.rule import GROUPS, Group
from adam_tui.engine.scenario import MAX_STEPS, parse_start, surface_of
from adam_tui.engine.surfaces import formula
from adam_tui.engine.trajectory import start_of
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.ui.effects import AskText, Choose, Notify, Pick, PickGrouped
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.effects import CopyRace, Effect, TrainLane, WriteExport
from adam_tui.ui.playground.export import COPIES, EXPORTS, MAP_COPY, MAP_EXPORTS, SCREEN, Answer
from adam_tui.ui.playground.state import PlaygroundState

OWN = "own"  # the line of the list that asks for a class
NAME_COLUMNS = 10
LISTED = 4  # names in the question for a group


def effects_of(state: PlaygroundState, event: e.Request) -> tuple[Effect, ...]:
    """The effects that the event asks for."""
    match event:
        case e.Confirm():
            return (_ask_value(state),)
        case e.AskStep():
            return (_ask_step(state),)
        case e.AskSteps():
            return (_ask_steps(state),)
        case e.AskStart():
            return (_ask_start(state),)
        case e.AskFunction():
            return (_ask_function(state),)
        case e.ChoosePreset():
            return (_pick_preset(state),)
        case e.ChooseCopy():
            return (Choose("Copy as", "", _copies(state), e.Copy),)
        case e.Copy(kind):
            return (CopyRace(kind, state),)
        case e.ChooseExport():
            maps = () if state.map is None or state.map.grid is None else MAP_EXPORTS
            return (Choose("Export", "", (*maps, SCREEN, *EXPORTS), e.Export),)
        case e.Export(kind):
            return (WriteExport(kind, state),)
        case e.Train():
            return (_train(state),)
        case e.AskClass():
            return (_ask_class(state),)
        case e.ChooseOptimizer():
            return (_choose_optimizer(state),)
        case e.ChooseGroup():
            return (_choose_group(),)


def _choose_optimizer(state: PlaygroundState) -> PickGrouped[e.Event]:
    """The list of all optimizers by group; its last line asks for a class of the user's own."""
    groups = tuple(
        (GROUPS[group], tuple(_line_of(OPTIMIZERS[name]) for name in names_of(group)))
        for group in GROUPS
        if names_of(group)
    )
    own = (OWN, "Your own…", "A class in a file of yours or in a package, such as ./mine.py::MyAdam.", "custom torch")
    lane = state.chosen_lane.optimizer
    return PickGrouped(
        "Optimizers",
        (*groups, ("not built in", (own,))),
        lane if lane in OPTIMIZERS else OWN,
        lambda name: e.AskClass() if name == OWN else e.SetOptimizer(name),
        lambda name: e.EndPreview() if name == OWN else e.PreviewOptimizer(name),
        e.EndPreview(),
    )


def _line_of(rule: Optimizer) -> tuple[str, str, str, str]:
    costs = f" A step evaluates {rule.evaluations}." if rule.evaluations is not None else ""
    return rule.name, f"{rule.name:<{NAME_COLUMNS}} {rule.title}", rule.summary + costs, rule.paper


def _choose_group() -> Choose[e.Event]:
    answers = []
    for i, group in enumerate(GROUPS, 1):
        names = names_of(group)
        listed = ", ".join(names[:LISTED]) + (" …" if len(names) > LISTED else "")
        answers.append((str(i), group, f"{GROUPS[group]}, {len(names)}: {listed}"))
    return Choose("Race a group", "", tuple(answers), lambda group: e.LineUp(cast(Group, group)))


def _copies(state: PlaygroundState) -> tuple[Answer, ...]:
    """The texts of the race, and the command line of an open map. Curves of learning rates have no command."""
    shown = state.map
    return COPIES if shown is None or shown.grid is None or shown.kind == "rates" else (MAP_COPY, *COPIES)


def _ask_value(state: PlaygroundState) -> AskText[e.Event] | Notify:
    knob = state.chosen_knob
    label = state.chosen_lane.rule.label
    if knob is None:
        return Notify(f"{label} has no knobs")
    title = f"{label} {knob.name}"
    hint = f"{knob.meaning} · {knob.allowed()} · default {knob.format(knob.default)}"
    return AskText(title, knob.format(state.value(knob)), hint, lambda text: e.SetKnob(knob.parse(text)))


def _ask_step(state: PlaygroundState) -> AskText[e.Event]:
    steps = state.scenario.steps
    return AskText("Go to step", str(state.step), f"0 to {steps:,}", lambda text: e.Seek(_integer(text, 0, steps)))


def _ask_steps(state: PlaygroundState) -> AskText[e.Event]:
    def parse(text: str) -> e.Event:
        return e.SetSteps(_integer(text, 1, MAX_STEPS))

    return AskText("Steps of the race", str(state.scenario.steps), f"1 to {MAX_STEPS:,}", parse)


def _ask_start(state: PlaygroundState) -> AskText[e.Event]:
    x, y = start_of(state.scenario)
    value = f"{format_number(x)}, {format_number(y)}"
    return AskText("Start", value, "x, y", lambda text: e.SetStart(*parse_start(text)))


def _ask_function(state: PlaygroundState) -> AskText[e.Event]:
    value = state.scenario.function or formula(state.surface)

    def parse(text: str) -> e.Event:
        surface_of("", text)
        return e.EndPreview() if text == value else e.SetFunction(text)

    def preview(text: str) -> e.Event:
        return e.EndPreview() if text == value else e.PreviewFunction(text)

    hint = "x, y, pi, e, + − * / ^ |x|, sin exp log sqrt max sign …"
    return AskText("f(x, y)", value, hint, parse, e.EndPreview(), preview, aside=True)


def _ask_class(state: PlaygroundState) -> AskText[e.Event]:
    """Ask for a class of the user's own, or of a package: the text of the lane, if it has one."""
    lane = state.chosen_lane
    value = lane.to_flag() if isinstance(lane.rule, ClassOptimizer) else "./"

    def parse(text: str) -> e.Event:
        reference, _ = split_reference(text)
        if (known := CLASSES.get(str(reference))) is not None and known.ready:
            Lane.parse(text)
        return e.SetClass(text.strip())

    hint = "FILE.py::CLASS or package.CLASS, such as ./mine.py::MyAdam:lr=0.1 · tab completes · its code is run"
    return AskText("Your own optimizer", value, hint, parse, complete=completions)


def _pick_preset(state: PlaygroundState) -> Pick[e.Event]:
    presets = tuple(PRESETS.values())
    items = tuple((each.name, each.title, f"{each.sentence}\n{each.source}") for each in presets)
    selected = state.preset.name if state.preset else ""
    return Pick("Scenarios", items, selected, lambda name: e.Open(presets, list(PRESETS).index(name)))


def _train(state: PlaygroundState) -> TrainLane | Notify:
    lane = state.chosen_lane
    rule = lane.rule
    if isinstance(rule, ClassOptimizer) and not rule.ready:
        return Notify(rule.problem or f"{rule.label} is not imported", severity="warning")
    if isinstance(rule, ClassOptimizer) or lane.optimizer in TRAINING_OPTIMIZERS:
        return TrainLane(lane)
    reason = ": a training step evaluates one gradient" if lane.rule.evaluations is not None else ""
    return Notify(f"{lane.rule.title} is for the playground only{reason}", severity="warning")


def _integer(text: str, low: int, high: int) -> int:
    """Parse a whole number from `low` to `high`, with commas between thousands or without. Raises ValueError."""
    try:
        number = parse_whole(text)
    except ValueError:
        raise ValueError(f"a whole number is needed, not {text!r}") from None
    if not low <= number <= high:
        raise ValueError(f"from {low:,} to {high:,}")
    return number
