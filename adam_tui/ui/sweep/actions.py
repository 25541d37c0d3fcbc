"""The actions of the sweep screen: the one table of its keys, and the event of each.

The names are settings keys and the keys are a contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adam_tui.ui.actions import Action, FooterKey
from adam_tui.ui.sweep import events as e
from adam_tui.ui.sweep.state import SweepState


@dataclass(frozen=True, slots=True)
class EventContext:
    """The data beside the state that events depend on: lines about all sweeps, which are read when they are needed."""

    describe: Callable[[], tuple[tuple[str, str, str], ...]]


SWEEP, SWEEPS, GRID, CELL = "The sweep", "Sweeps", "The grid", "The chosen cell"

ACTIONS: tuple[Action[e.Event, EventContext], ...] = (
    Action("start", "t", "Plan and start a sweep", SWEEP, e.AskPlan()),
    Action("pause", "space", "Pause the sweep or let it go on", SWEEP, e.PauseOrResume()),
    Action("stop", "x", "Stop the sweep, with checkpoints", SWEEP, e.AskStop()),
    Action("continue_run", "u", "Continue a stopped sweep", SWEEP, e.ContinueSweep()),
    Action("retry", "R", "Train the failed trials again", SWEEP, e.Retry()),
    Action("widen", "E", "A sweep beyond the edge that was best", SWEEP, e.Widen()),
    Action("log_tail", "L", "Read the output of its processes", SWEEP, e.OpenLog()),
    Action("previous_run", "left_square_bracket", "Show the newer sweep", SWEEPS, e.MoveSelection(-1)),
    Action("next_run", "right_square_bracket", "Show the older sweep", SWEEPS, e.MoveSelection(1)),
    Action("sweep_list", "o", "Choose from all sweeps", SWEEPS, lambda context: e.AskSweep(context.describe())),
    Action("delete", "d", "Delete the sweep with its runs", SWEEPS, e.AskDelete()),
    Action("cell_left", "left,h", "The cell to the left", GRID, e.Walk(-1, 0)),
    Action("cell_right", "right,l", "The cell to the right", GRID, e.Walk(1, 0)),
    Action("cell_up", "up,k", "The cell above", GRID, e.Walk(0, 1)),
    Action("cell_down", "down,j", "The cell below", GRID, e.Walk(0, -1)),
    Action("best_cell", "b,home", "The best setting", GRID, e.ChooseBest()),
    Action("quantity", "tab", "Loss, accuracy, epochs to 98.5%, seconds", GRID, e.CycleQuantity(1)),
    Action("previous_quantity", "shift+tab", "The same in reverse order", GRID, e.CycleQuantity(-1)),
    Action("sweep_x", "X", "Another knob from left to right", GRID, e.CycleAxis("x")),
    Action("sweep_y", "Y", "Another knob from bottom to top", GRID, e.CycleAxis("y")),
    Action("open_run", "enter", "Open its run in Train", CELL, e.OpenRun()),
    Action("try_setting", "T", "Try its setting in the playground", CELL, e.TrySetting()),
)


def footer(state: SweepState) -> list[FooterKey]:
    """The keys that matter now."""
    ends = [FooterKey("{help}", "keys", "help", 6), FooterKey("{quit}", "quit", "quit", 20)]
    view = state.view
    if view is None:
        return [FooterKey("{start}", "plan a sweep", "start", 1), *ends]
    keys = [FooterKey("{start}", "new sweep", "start", 4)]
    if view.state in ("running", "paused"):
        keys += [
            FooterKey("{pause}", "go on" if view.state == "paused" else "pause", "pause", 2),
            FooterKey("{stop}", "stop", "stop", 3),
        ]
    elif view.state == "stopped":
        keys.append(FooterKey("{continue_run}", "continue", "continue_run", 2))
    if view.failed:
        keys.append(FooterKey("{retry}", "repeat failed", "retry", 8))
    if view.edges:
        keys.append(FooterKey("{widen}", "widen", "widen", 7))
    keys += [
        FooterKey("{cell_left}{cell_right}{cell_up}{cell_down}", "cell", "cell_right", 1),
        FooterKey("{open_run}", "run", "open_run", 5),
        FooterKey("{quantity}", "quantity", "quantity", 9),
        FooterKey("{try_setting}", "playground", "try_setting", 10),
        FooterKey("{sweep_x} {sweep_y}", "axes", "sweep_x", 11),
    ]
    if len(state.ids) > 1:
        keys.append(FooterKey("{previous_run} {next_run}", "sweep", "next_run", 12))
    return [*keys, *ends]
