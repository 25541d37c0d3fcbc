"""The code that carries out the playground's effects: files, settings and the way to the training mode.

Loaded with the first effect, not at start-up.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from adam_tui.ui import effects as shared
from adam_tui.ui.config import remember_hints
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.playground.effects import (
    CopyRace,
    Effect,
    ImportClass,
    RememberHints,
    ShowFinale,
    TrainLane,
    WriteExport,
)
from adam_tui.ui.playground.events import Event, EventContext
from adam_tui.ui.playground.paths import paths_so_far, whole_paths
from adam_tui.ui.playground.state import PlaygroundState

Screen = ModeScreen[PlaygroundState, Event, Effect, EventContext]


def carry_out(effect: Effect, screen: Screen) -> None:
    """Carry out an effect on the playground's screen, which receives the events of the answers."""
    match effect:
        case WriteExport(kind):
            if kind == "cast":
                screen.app.notify("follows when the whole race is drawn", title="Recording")
            screen.run_worker(partial(_write_export, effect, screen), thread=True, exclusive=True, group="export")
        case CopyRace(kind, state):
            if paths_so_far(state).complete:
                _copy_race(kind, state, screen)
            else:  # PyTorch code holds the last point of each path
                screen.app.notify("follows when the paths are computed", title="Copy")
                screen.run_worker(partial(_copy_later, effect, screen), thread=True, exclusive=True, group="copy")
        case ShowFinale(place, finale):
            screen.host.show_finale(place, finale)
        case TrainLane(lane):
            screen.host.train_lane(lane)
        case ImportClass(name):
            from adam_tui.classes.service import classes  # loads what starts processes

            classes().allow(name)
        case RememberHints(names):
            remember_hints(names)
        case _:
            shared.carry_out(effect, screen)


def _copy_race(kind: str, state: PlaygroundState, screen: Screen) -> None:
    from adam_tui.ui.playground.export import COPIES, MAP_COPY, copy_text

    try:
        text = copy_text(kind, state)
    except ValueError as error:
        screen.app.notify(str(error), severity="warning")
        return
    label = next(label for _, each, label in (MAP_COPY, *COPIES) if each == kind)
    for shown in (shared.CopyText(text), shared.ShowText(f"Copied: {label}", text)):
        shared.carry_out(shown, screen)


def _copy_later(effect: CopyRace, screen: Screen) -> None:
    """Compute the paths of a long race in a thread, then copy."""
    whole_paths(effect.state)
    screen.app.call_from_thread(_copy_race, effect.kind, effect.state, screen)


def _write_export(effect: WriteExport, screen: Screen) -> None:
    """Write the file. This runs in a thread: the paths of a long race take a moment."""
    from adam_tui.ui.playground.export import SCREEN, file_stem, save, write_new

    app, directory = screen.app, Path.cwd()
    try:
        if effect.kind == SCREEN[1]:
            text = app.call_from_thread(app.export_screenshot, title="adam-tui")
            path = write_new(directory, f"{file_stem(effect.state.scenario)}-screen", "svg", [text])
        else:
            path = save(effect.kind, effect.state, directory, screen.host.palette)
    except OSError as error:
        message = f"{error.strerror or error}: {error.filename or directory}"
        app.call_from_thread(app.notify, message, severity="error")
    else:
        app.call_from_thread(app.notify, str(path), title="Saved")
