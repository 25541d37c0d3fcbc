"""The actions of the training screen: the one table of its keys, and the event of each.

The names are settings keys and the keys are a contract. An event that depends on what is shown is made by a function
of the `EventContext`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adam_tui.ui.actions import Action, FooterKey, KeyGroup, KeyRow
from adam_tui.ui.train import events as e
from adam_tui.ui.train.state import TrainState

if TYPE_CHECKING:
    from adam_tui.ui.train.context import EventContext

RUN, RUNS, KNOBS = "Training", "Runs", "Hyperparameters of the next run, or of the running one"
CURVES, MODEL = "Curves", "The model"

ACTIONS: tuple[Action[e.Event, EventContext], ...] = (
    Action("start", "t", "Start training with these hyperparameters", RUN, e.StartNextRun()),
    Action("pause", "space", "Pause or resume the selected run", RUN, e.PauseOrResume()),
    Action("stop", "x", "Stop the selected run", RUN, lambda shown: shown.ask_stop()),
    Action("continue_run", "u", "Continue an ended run from its checkpoint", RUN, e.ContinueRun()),
    Action("again", "T", "Start again with the selected run's settings", RUN, e.AskRestart()),
    Action("rename", "n", "Name and tags of the selected run", RUN, e.AskLabel()),
    Action("copy", "c", "Copy as command line, PyTorch code or JSON", RUN, e.AskCopy()),
    Action("log_tail", "L", "Read the end of the run's worker.log", RUN, e.OpenLog()),
    Action("previous_run", "left_square_bracket", "Select the run above", RUNS, lambda shown: shown.move_selection(-1)),
    Action("next_run", "right_square_bracket", "Select the run below", RUNS, lambda shown: shown.move_selection(1)),
    Action("overlay", "a", "Add the run to the overlay, or remove it", RUNS, lambda shown: shown.overlay()),
    Action("overlay_all", "A", "Draw the overlay, or only the selected run", RUNS, e.Toggle("overlay")),
    Action("table", "tab", "All runs in a wide table, or the curves", RUNS, e.Toggle("table")),
    Action("sort", "s", "Sort the wide table by the next column", RUNS, lambda shown: shown.sort_by_next_column()),
    Action("reverse", "S", "Reverse the order of the wide table", RUNS, e.Toggle("ascending")),
    Action("search", "slash", "Filter the runs by words", RUNS, lambda shown: shown.ask_search()),
    Action("delete", "d", "Delete the selected run", RUNS, lambda shown: shown.ask_delete()),
    Action("view", "v", "Digits, mistakes, confusions, filters, gradients", MODEL, e.CycleView()),
    Action("previous_view", "V", "The same in reverse order", MODEL, e.CycleView(-1)),
    Action("close", "escape", "Close cursor, table, view or caption", MODEL, e.Close()),
    Action("next_exhibit", "M", "Next stop of the tour, or how to go on", MODEL, e.NextPreset()),
    Action("next_optimizer", "o", "Next optimizer", KNOBS, e.CycleOptimizer(1)),
    Action("previous_optimizer", "O", "Previous optimizer", KNOBS, e.CycleOptimizer(-1)),
    Action("your_own", "y", "Your own optimizer for the next run", KNOBS, e.AskClass()),
    Action("own_network", "Y", "Your own network for the next run", KNOBS, e.AskNetwork()),
    Action("data", "D", "Next data set", KNOBS, e.CycleData()),
    Action("quick_try", "f", "Quick try: next run on 6,000 images, or all", KNOBS, e.QuickTry()),
    Action("live", "h", "Tune the next run, or the selected one", KNOBS, e.Toggle("live")),
    Action("knob_up", "up,k", "Choose the hyperparameter above", KNOBS, lambda shown: shown.choose(-1)),
    Action("knob_down", "down,j", "Choose the hyperparameter below", KNOBS, lambda shown: shown.choose(1)),
    Action("turn_down", "left", "Turn it down one notch; move the cursor", KNOBS, lambda shown: shown.turn(-1)),
    Action("turn_up", "right", "Turn it up one notch; move the cursor", KNOBS, lambda shown: shown.turn(1)),
    Action(
        "turn_down_coarse",
        "shift+left",
        "Turn it down a coarse notch",
        KNOBS,
        lambda shown: shown.turn(-1, coarse=True),
    ),
    Action(
        "turn_up_coarse",
        "shift+right",
        "Turn it up a coarse notch",
        KNOBS,
        lambda shown: shown.turn(1, coarse=True),
    ),
    Action("type_value", "enter", "Type an exact value; open a selected sweep", KNOBS, e.TypeValue()),
    Action("default", "backspace", "Back to the default or the first value", KNOBS, e.ResetKnob()),
    Action("cursor", "i", "Cursor that reads values: arrows move it", CURVES, lambda shown: shown.toggle_cursor()),
    Action("axis", "g", "Curves over steps, epochs or time", CURVES, e.CycleAxis()),
    Action("zoom_in", "z", "Zoom in around the cursor", CURVES, lambda shown: shown.zoom(1)),
    Action("zoom_out", "Z", "Zoom out around the cursor", CURVES, lambda shown: shown.zoom(-1)),
    Action("earlier", "comma", "Show earlier steps", CURVES, lambda shown: shown.pan(-1)),
    Action("later", "full_stop", "Show later steps", CURVES, lambda shown: shown.pan(1)),
    Action("reset_view", "0", "Show the whole curves", CURVES, lambda shown: shown.reset_view()),
    Action("first", "home", "Move the cursor to the first step", CURVES, lambda shown: shown.cursor_to_start()),
    Action("last", "end", "Move the cursor to the last step", CURVES, lambda shown: shown.cursor_to_end()),
    Action("log", "l", "Log or linear loss axis", CURVES, e.Toggle("log")),
    Action("window", "w", "The recent part of the curves, or all", CURVES, e.Toggle("recent")),
    Action("smoothing", "m", "Average the losses over more steps", CURVES, e.CycleSmoothing()),
    Action("landscape", "p", "Landscape of the loss, or the curves", CURVES, e.OpenLandscape()),
    Action("next_plane", "P", "Landscape: next plane", CURVES, e.NextPlane()),
    Action("refresh_plane", "r", "Landscape: fresh plane", CURVES, e.RefreshPlane()),
    Action("closer", "plus", "Landscape: zoom in", CURVES, lambda shown: shown.zoom_plane(1)),
    Action("farther", "minus", "Landscape: zoom out", CURVES, lambda shown: shown.zoom_plane(-1)),
)


TABLE = KeyGroup(
    "Now: the wide table",
    (
        KeyRow("{knob_up}{knob_down}", "Choose the run above or below"),
        KeyRow("{type_value}", "Show its curves; open a sweep"),
        KeyRow("{sort} {reverse}", "Sort by the next column; reverse the order"),
        KeyRow("{search}", "Filter the runs by words"),
        KeyRow("{overlay}", "Add it to the overlay, or remove it"),
        KeyRow("{table} {close}", "Back to the curves"),
    ),
)
READING = KeyGroup(
    "Now: reading with the cursor",
    (
        KeyRow("{turn_down}{turn_up}", "Move it by a cell"),
        KeyRow("{turn_down_coarse}{turn_up_coarse}", "Move it far"),
        KeyRow("{first} {last}", "To the first step; to the last one"),
        KeyRow("{zoom_in} {zoom_out}", "Zoom in or out around it"),
        KeyRow("{previous_run} {next_run}", "Read another run"),
        KeyRow("{close}", "Hide it"),
    ),
)
LANDSCAPE = KeyGroup(
    "Now: the landscape of the loss",
    (
        KeyRow("{next_plane} {refresh_plane}", "Next plane; newest weights or next seed"),
        KeyRow("{overlay}", "Draw the overlaid runs' paths, or not"),
        KeyRow("{closer} {farther} {reset_view}", "Zoom in, out (or the wheel); show all"),
        KeyRow("{turn_down}{turn_up}{knob_up}{knob_down}", "Move the view; with a cursor, the cursor"),
        KeyRow("{cursor}", "Cursor that reads the loss; or a click"),
        KeyRow("{earlier} {later}", "To the recorded step before or after"),
        KeyRow("{close} {landscape}", "Hide the cursor; back to the curves"),
    ),
)
TUNING = KeyGroup(
    "Now: tuning a running run",
    (
        KeyRow("{knob_up}{knob_down}", "Choose a hyperparameter"),
        KeyRow("{turn_down}{turn_up}", "Turn it: applies at once"),
        KeyRow("{default}", "Back to the value that the run began with"),
        KeyRow("{live}", "Tune the next run instead"),
    ),
)


def current_keys(state: TrainState) -> KeyGroup | None:
    """The keys that mean something else now."""
    if state.table:
        return TABLE
    if state.landscape is not None:
        return LANDSCAPE
    if state.cursor is not None:
        return READING
    return TUNING if state.tuned_run is not None and state.tuned_run.tunable else None


def footer(state: TrainState) -> list[FooterKey]:
    """The keys that matter now."""
    run = state.run
    ends = [FooterKey("{help}", "keys", "help", 6), FooterKey("{quit}", "quit", "quit", 20)]
    if state.table and state.visible_sweep is not None:
        return [
            FooterKey("{knob_up}{knob_down}", "run", "next_run", 1),
            FooterKey("{type_value}", "open sweep", "type_value", 2),
            FooterKey("{sort} {reverse}", "sort", "sort", 3),
            FooterKey("{search}", "filter", "search", 4),
            FooterKey("{table}", "curves", "table", 5),
            FooterKey("{delete}", "delete", "delete", 7),
            *ends,
        ]
    if state.table:
        return [
            FooterKey("{knob_up}{knob_down}", "run", "next_run", 1),
            FooterKey("{sort} {reverse}", "sort", "sort", 2),
            FooterKey("{search}", "filter", "search", 3),
            FooterKey("{overlay}", "overlay", "overlay", 4),
            FooterKey("{rename}", "name", "rename", 9),
            FooterKey("{again}", "again", "again", 7),
            FooterKey("{copy}", "copy", "copy", 8),
            FooterKey("{table}", "curves", "table", 5),
            *ends,
        ]
    if state.landscape is not None:
        has_cursor = state.landscape.place is not None or state.cursor is not None
        return [
            FooterKey("{next_plane}", "plane", "next_plane", 3),
            FooterKey("{closer} {farther}", "zoom", "closer", 4),
            FooterKey("{turn_down}{turn_up}{knob_up}{knob_down}", "cursor" if has_cursor else "pan", "turn_up", 5),
            FooterKey("{earlier} {later}", "step", "later", 6),
            FooterKey("{overlay}", "one run" if state.landscape.others else "all runs", "overlay", 8),
            FooterKey("{cursor}", "read", "cursor", 9),
            FooterKey("{reset_view}", "whole", "reset_view", 10),
            FooterKey("{refresh_plane}", "anew", "refresh_plane", 11),
            FooterKey("{previous_run} {next_run}", "run", "next_run", 7),
            FooterKey("{close}", "no cursor" if has_cursor else "curves", "close", 2),
            *ends,
        ]
    if state.cursor is not None:
        return [
            FooterKey("{turn_down}{turn_up}", "step", "turn_up", 1),
            FooterKey("{turn_down_coarse}{turn_up_coarse}", "far", "turn_up_coarse", 3),
            FooterKey("{zoom_in} {zoom_out}", "zoom", "zoom_in", 4),
            FooterKey("{axis}", "axis", "axis", 7),
            FooterKey("{smoothing}", "smooth", "smoothing", 8),
            FooterKey("{previous_run} {next_run}", "run", "next_run", 5),
            FooterKey("{close}", "done", "close", 2),
            *ends,
        ]
    keys = [FooterKey("{start}", "start", "start", 1)]
    if (sweep := state.sweep) is not None:
        keys.append(FooterKey("{type_value}", "open sweep", "type_value", 2))
        if sweep.alive:
            word = "go on" if sweep.state == "paused" else "pause"
            keys += [FooterKey("{pause}", word, "pause", 3), FooterKey("{stop}", "stop", "stop", 3)]
        else:
            keys.append(FooterKey("{delete}", "delete", "delete", 12))
    if run is None and state.rows:
        keys += [
            FooterKey("{previous_run} {next_run}", "run", "next_run", 3),
            FooterKey("{table}", "runs", "table", 10),
        ]
    if run is not None and run.alive:
        keys += [
            FooterKey("{pause}", "resume" if run.state == "paused" else "pause", "pause", 2),
            FooterKey("{stop}", "stop", "stop", 3),
        ]
    elif run is not None and run.resumable:
        keys.append(FooterKey("{continue_run}", "continue", "continue_run", 2))
    keys += [
        FooterKey("{next_optimizer}", "optimizer", "next_optimizer", 4),
        FooterKey("{knob_up}{knob_down} {turn_down}{turn_up}", "tune", "turn_up", 5),
    ]
    keys.append(FooterKey("{quick_try}", "all images" if "limit" in state.rest else "quick try", "quick_try", 17))
    if run is not None:
        if run.alive or state.live:
            keys.append(FooterKey("{live}", "next run" if state.live else "this run", "live", 9))
        if len(state.rows) > 1:
            keys += [
                FooterKey("{previous_run} {next_run}", "run", "next_run", 7),
                FooterKey("{table}", "runs", "table", 10),
                FooterKey("{overlay}", "overlay", "overlay", 13),
            ]
        keys += [
            FooterKey("{view}", "model", "view", 8),
            FooterKey("{landscape}", "landscape", "landscape", 6),
            FooterKey("{cursor}", "read", "cursor", 11),
            FooterKey("{zoom_in}", "zoom", "zoom_in", 14),
            FooterKey("{log}", "linear" if state.log else "log", "log", 15),
            FooterKey("{window}", "all" if state.recent else "recent", "window", 16),
        ]
        if not run.alive:
            keys.append(FooterKey("{delete}", "delete", "delete", 12))
    return [*keys, *ends]
