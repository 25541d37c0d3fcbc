"""The keys of the training screen and what each does: the contract of the program, in one table."""

from __future__ import annotations

from adam_tui.ui.actions import Action, FooterKey
from adam_tui.ui.train import state as s

RUN, RUNS, KNOBS, VIEW = "Training", "Runs", "Hyperparameters of the next run", "Curves"

ACTIONS: tuple[Action, ...] = (
    Action("start", "t", "Start training with these hyperparameters", RUN),
    Action("pause", "space", "Pause or resume the selected run", RUN),
    Action("stop", "x", "Stop the selected run", RUN),
    Action("log_tail", "L", "Read the end of the run's worker.log", RUN),
    Action("previous_run", "left_square_bracket", "Select the run above", RUNS, s.SelectRun(-1)),
    Action("next_run", "right_square_bracket", "Select the run below", RUNS, s.SelectRun(1)),
    Action("delete", "d", "Delete the selected run", RUNS),
    Action("next_optimizer", "o", "Next optimizer", KNOBS, s.CycleOptimizer(1)),
    Action("previous_optimizer", "O", "Previous optimizer", KNOBS, s.CycleOptimizer(-1)),
    Action("knob_up", "up", "Choose the hyperparameter above", KNOBS, s.ChooseKnob(-1)),
    Action("knob_down", "down", "Choose the hyperparameter below", KNOBS, s.ChooseKnob(1)),
    Action("turn_down", "left", "Turn it down one notch", KNOBS, s.Turn(-1)),
    Action("turn_up", "right", "Turn it up one notch", KNOBS, s.Turn(1)),
    Action("turn_down_coarse", "shift+left", "Turn it down a coarse notch", KNOBS, s.Turn(-1, coarse=True)),
    Action("turn_up_coarse", "shift+right", "Turn it up a coarse notch", KNOBS, s.Turn(1, coarse=True)),
    Action("type_value", "enter", "Type an exact value", KNOBS),
    Action("default", "backspace", "Back to the default", KNOBS, s.ResetKnob()),
    Action("overlay", "a", "Show the other runs' curves too, or only the selected one's", VIEW, s.Toggle("overlay")),
    Action("log", "l", "Log or linear loss axis", VIEW, s.Toggle("log")),
    Action("window", "w", "The recent part of the curves, or all of them", VIEW, s.Toggle("recent")),
    Action("smoothing", "m", "Average the losses over more steps", VIEW, s.CycleSmoothing()),
)


def footer(state: s.TrainState) -> list[FooterKey]:
    """The keys that matter now."""
    run = state.run
    keys = [FooterKey("t", "start", "start", 1)]
    if run is not None and run.alive:
        keys += [
            FooterKey("space", "resume" if run.state == "paused" else "pause", "pause", 2),
            FooterKey("x", "stop", "stop", 3),
        ]
    keys += [FooterKey("o", "optimizer", "next_optimizer", 4), FooterKey("↑↓ ←→", "tune", "turn_up", 5)]
    if len(state.runs) > 1:
        keys += [FooterKey("[ ]", "run", "next_run", 7), FooterKey("a", "overlay", "overlay", 8)]
    if run is not None:
        keys += [
            FooterKey("l", "linear" if state.log else "log", "log", 9),
            FooterKey("w", "all" if state.recent else "recent", "window", 10),
            FooterKey("m", "smooth", "smoothing", 11),
        ]
        if not run.alive:
            keys.append(FooterKey("d", "delete", "delete", 12))
    return [*keys, FooterKey("?", "keys", "help", 6), FooterKey("q", "quit", "quit", 13)]
