"""What the playground does beside its state: ask for a value, copy, export. Loaded when it is first asked for.

A function a name in the table of actions; each takes the screen, and ends in an event for its state.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adam_tui.engine.numbers import format_number
from adam_tui.engine.presets import PRESETS
from adam_tui.engine.scenario import MAX_STEPS, parse_start
from adam_tui.engine.trajectory import start_of, surface_of
from adam_tui.runs.recipes import TRAINING_OPTIMIZERS
from adam_tui.ui.dialogs import AskText, Choose, Pick, ShowText
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.export import COPIES, EXPORTS, copy_text, file_stem, save, write_new

if TYPE_CHECKING:
    from adam_tui.ui.playground.screen import PlaygroundScreen

SCREEN = "screen"  # the export that is Textual's own


def type_value(screen: PlaygroundScreen) -> None:
    """Enter: set the start while it is placed, else type the chosen knob's value."""
    if screen.state.crosshair is not None:
        screen.dispatch(e.SetStart(*screen.state.crosshair))
        return
    knob, lane = screen.state.chosen_knob, screen.state.chosen_lane
    hint = f"{knob.meaning} · {knob.allowed()} · default {knob.format(knob.default)}"
    value = knob.format(screen.state.value(knob))
    _ask(screen, f"{lane.optimizer} {knob.name}", value, hint, knob.parse, lambda text: e.SetKnob(knob.parse(text)))


def cancel(screen: PlaygroundScreen) -> None:
    """Esc: put away the crosshair, else the caption, else the hints."""
    state = screen.state
    screen.dispatch(
        e.CancelPlace() if state.crosshair is not None else e.CloseCaption() if state.preset else e.EndHints()
    )


def gallery(screen: PlaygroundScreen) -> None:
    """M: pick a scenario that shows a known effect."""
    presets = tuple(PRESETS.values())
    items = [(each.name, each.title, f"{each.sentence}\n{each.source}") for each in presets]
    last = screen.state.preset.name if screen.state.preset else ""

    def picked(name: str | None) -> None:
        if name is not None:
            screen.dispatch(e.Open(presets, list(PRESETS).index(name)))

    screen.app.push_screen(Pick("Scenarios", items, last), picked)


def next_exhibit(screen: PlaygroundScreen) -> None:
    """Shift+M: the next such scenario, or the first; after the last one of the tour its finale."""
    screen.dispatch(e.NextPreset() if screen.state.tour else e.Open(tuple(PRESETS.values())))
    if screen.state.tour and screen.state.preset is None:
        screen.host.show_finale()


def copy(screen: PlaygroundScreen) -> None:
    """C: copy the race as text, through the terminal (OSC 52) and on the screen."""

    def chosen(kind: str | None) -> None:
        if kind is not None:
            try:
                text = copy_text(kind, screen.state)
            except ValueError as error:
                screen.notify(str(error), severity="warning", markup=False)
                return
            screen.app.copy_to_clipboard(text)
            words = next(words for _, each, words in COPIES if each == kind)
            screen.app.push_screen(ShowText(f"Copied: {words}", text, from_end=False))

    screen.app.push_screen(Choose("Copy as", "", COPIES), chosen)


def export(screen: PlaygroundScreen) -> None:
    """E: write a file into the directory that the program was started in."""

    def chosen(kind: str | None) -> None:
        if kind is not None:
            screen.run_worker(partial(_export, screen, kind), thread=True, exclusive=True, group="export")

    offers = (("e", SCREEN, "the whole screen (SVG)"), *EXPORTS)
    screen.app.push_screen(Choose("Export", "", offers), chosen)


def _export(screen: PlaygroundScreen, kind: str) -> None:
    """Save in a thread: the paths of a long race take a moment."""
    try:
        if kind == SCREEN:
            text = screen.app.call_from_thread(screen.app.export_screenshot, title="adam-tui")
            path = write_new(Path.cwd(), f"adam-tui-{file_stem(screen.state.scenario)}-screen", "svg", [text])
        else:
            path = save(kind, screen.state, Path.cwd(), screen.palette)
    except OSError as error:
        screen.app.call_from_thread(
            screen.app.notify, f"{error.strerror or error}: {error.filename or Path.cwd()}", severity="error"
        )
    else:
        screen.app.call_from_thread(screen.app.notify, str(path), title="Saved")


def train(screen: PlaygroundScreen) -> None:
    """Shift+T: ask whether to train the network with the chosen lane's optimizer."""
    lane = screen.state.chosen_lane
    if lane.optimizer in TRAINING_OPTIMIZERS:
        screen.host.train_lane(lane)
    else:
        screen.notify(f"{lane.rule.title} is for the playground only", severity="warning", markup=False)


def go_to(screen: PlaygroundScreen) -> None:
    """G: type the step to go to."""
    steps = screen.state.scenario.steps
    check = partial(_whole, low=0, high=steps)
    _ask(screen, "Go to step", str(screen.state.step), f"0 to {steps:,}", check, lambda text: e.Seek(check(text)))


def steps(screen: PlaygroundScreen) -> None:
    """Shift+G: type how many steps the race has."""
    check = partial(_whole, low=1, high=MAX_STEPS)
    steps = str(screen.state.scenario.steps)
    _ask(screen, "Steps of the race", steps, f"1 to {MAX_STEPS:,}", check, lambda text: e.SetSteps(check(text)))


def type_start(screen: PlaygroundScreen) -> None:
    """Shift+P: type the start."""
    x, y = start_of(screen.state.scenario)
    here = f"{format_number(x)}, {format_number(y)}"
    _ask(screen, "Start", here, "x, y", parse_start, lambda text: e.SetStart(*parse_start(text)))


def function(screen: PlaygroundScreen) -> None:
    """Shift+F: type a function."""
    text = screen.state.scenario.function or "x^2 + 3 y^2"
    hint = "x, y, + − * / ^, sin cos tan exp log sqrt abs, pi, e"
    _ask(screen, "f(x, y)", text, hint, partial(surface_of, ""), e.SetFunction)


def _ask(
    screen: PlaygroundScreen,
    title: str,
    value: str,
    hint: str,
    check: Callable[[str], object],
    event: Callable[[str], object],
) -> None:
    """Ask for one line, and dispatch the event that is made of it."""

    def entered(text: str | None) -> None:
        if text is not None:
            screen.dispatch(event(text))

    screen.app.push_screen(AskText(title, value, hint, check), entered)


def random_start(screen: PlaygroundScreen) -> None:
    """R: a start anywhere in the window."""
    window = screen.state.looked_at
    screen.dispatch(e.SetStart(random.uniform(window.x_min, window.x_max), random.uniform(window.y_min, window.y_max)))


def _whole(text: str, low: int, high: int) -> int:
    """The whole number that was typed; ValueError with one line when it is not one from `low` to `high`."""
    try:
        number = int(text.replace(",", ""))
    except ValueError:
        raise ValueError(f"a whole number is needed, not {text!r}") from None
    if not low <= number <= high:
        raise ValueError(f"from {low:,} to {high:,}")
    return number


EFFECTS: Mapping[str, Callable[[PlaygroundScreen], None]] = {
    effect.__name__: effect
    for effect in (
        type_value,
        cancel,
        gallery,
        next_exhibit,
        copy,
        export,
        train,
        go_to,
        steps,
        type_start,
        function,
        random_start,
    )
}
