"""The effects of events about classes: their import, and the questions and words that it needs. Pure."""

from __future__ import annotations

from adam_tui.engine.class_optimizers import ClassOptimizer, find_class
from adam_tui.engine.class_reference import split_reference
from adam_tui.ui.effects import Choose, Notify
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.effects import Effect, ImportClass
from adam_tui.ui.playground.state import PlaygroundState


def class_effects(before: PlaygroundState, after: PlaygroundState, event: e.AboutClasses) -> tuple[Effect, ...]:
    """The effects of an event that led from one state to another."""
    match event:
        case e.SetClass(text):
            return (ImportClass(str(split_reference(text)[0])),)
        case e.AllowClass(name):
            return (ImportClass(name),)
        case e.ClassesChanged():
            lost = [Notify(words, severity="warning") for lane in before.scenario.lanes if (words := lane.reread()[1])]
            return (*lost, *map(_question, unasked(before)))


def unasked(state: PlaygroundState) -> tuple[str, ...]:
    """The classes of the race that the user has not named, and was not asked for: a file names them."""
    rules = dict.fromkeys(lane.rule for lane in state.scenario.lanes)
    unknown = (rule.name for rule in rules if isinstance(rule, ClassOptimizer) and rule.status == "unknown")
    return tuple(name for name in unknown if name not in state.asked)


def _question(name: str) -> Choose[e.Event]:
    known = find_class(name)
    place = name if known is None else str(known.reference.absolute())
    words = f"The race needs the class\n{place}\nIts code would run with your rights. Import it?"
    return Choose("Import a class?", words, (("y", name, "yes"),), e.AllowClass, cautious=True)
