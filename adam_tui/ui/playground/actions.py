"""The keys of the playground and what each does: the contract of the program, in one table."""

from __future__ import annotations

from adam_tui.engine.scenario import MAX_STEPS
from adam_tui.ui.actions import Action, FooterKey
from adam_tui.ui.playground import state as s

TIME, LANES, KNOBS, SURFACE, VIEW = "Time", "Lanes", "Hyperparameters", "Surface and start", "View"

ACTIONS: tuple[Action, ...] = (
    Action("play", "space", "Play or pause", TIME, s.TogglePlay()),
    Action("forward", "full_stop", "One step forward", TIME, s.StepBy(1)),
    Action("back", "comma", "One step back", TIME, s.StepBy(-1)),
    Action("forward_ten", "greater_than_sign", "Ten steps forward", TIME, s.StepBy(s.TEN_STEPS)),
    Action("back_ten", "less_than_sign", "Ten steps back", TIME, s.StepBy(-s.TEN_STEPS)),
    Action("first", "home", "First step", TIME, s.Seek(0)),
    Action("last", "end", "Last step", TIME, s.Seek(MAX_STEPS)),
    Action("faster", "plus,equals_sign", "Play faster", TIME, s.ChangeSpeed(1)),
    Action("slower", "minus", "Play slower", TIME, s.ChangeSpeed(-1)),
    Action("restart", "r", "Rewind and play", TIME, s.Restart()),
    Action("steps", "G", "Set the number of steps", TIME),
    Action("next_optimizer", "o", "Next optimizer in this lane", LANES, s.CycleOptimizer(1)),
    Action("previous_optimizer", "O", "Previous optimizer in this lane", LANES, s.CycleOptimizer(-1)),
    Action("add_lane", "a", "Add a lane with another optimizer", LANES, s.AddLane()),
    Action("remove_lane", "x", "Remove this lane", LANES, s.RemoveLane()),
    Action("previous_lane", "left_square_bracket", "Select the previous lane", LANES, s.SelectLane(-1)),
    Action("next_lane", "right_square_bracket", "Select the next lane", LANES, s.SelectLane(1)),
    Action("knob_up", "up", "Choose the hyperparameter above", KNOBS, s.Arrow(0, 1)),
    Action("knob_down", "down", "Choose the hyperparameter below", KNOBS, s.Arrow(0, -1)),
    Action("turn_down", "left", "Turn it down one notch", KNOBS, s.Arrow(-1, 0)),
    Action("turn_up", "right", "Turn it up one notch", KNOBS, s.Arrow(1, 0)),
    Action("turn_down_coarse", "shift+left", "Turn it down a coarse notch", KNOBS, s.Arrow(-1, 0, coarse=True)),
    Action("turn_up_coarse", "shift+right", "Turn it up a coarse notch", KNOBS, s.Arrow(1, 0, coarse=True)),
    Action("type_value", "enter", "Type an exact value", KNOBS),
    Action("default", "backspace", "Back to torch.optim's default", KNOBS, s.ResetKnob()),
    Action("next_surface", "s", "Next surface", SURFACE, s.CycleSurface(1)),
    Action("previous_surface", "S", "Previous surface", SURFACE, s.CycleSurface(-1)),
    Action("place", "p", "Place the start with a crosshair", SURFACE, s.Place()),
    Action("cancel", "escape", "Put the crosshair away", SURFACE, s.CancelPlace()),
    Action("random_start", "R", "Random start", SURFACE),
    Action("zoom_in", "z", "Zoom in", VIEW, s.Zoom(1)),
    Action("zoom_out", "Z", "Zoom out", VIEW, s.Zoom(-1)),
    Action("pan_left", "H", "Pan left", VIEW, s.Pan(-1, 0)),
    Action("pan_down", "J", "Pan down", VIEW, s.Pan(0, -1)),
    Action("pan_up", "K", "Pan up", VIEW, s.Pan(0, 1)),
    Action("pan_right", "L", "Pan right", VIEW, s.Pan(1, 0)),
    Action("reset_view", "0", "Reset the view", VIEW, s.ResetView()),
    Action("fill", "f", "Filled bands, lines or both", VIEW, s.CycleFill()),
    Action("vectors", "v", "Vectors on or off", VIEW, s.Toggle("vectors")),
    Action("inspector", "i", "Inspector on or off", VIEW, s.Toggle("inspector")),
    Action("log", "l", "Log or linear loss axis", VIEW, s.Toggle("log_loss")),
)


def footer(state: s.PlaygroundState) -> list[FooterKey]:
    """The keys that matter now."""
    if state.crosshair is not None:
        return [
            FooterKey("←↑↓→", "move", "turn_up", 1),
            FooterKey("⇧←⇧→", "far", "turn_up_coarse", 4),
            FooterKey("enter", "start here", "type_value", 2),
            FooterKey("esc", "cancel", "cancel", 3),
        ]
    return [
        FooterKey("space", "pause" if state.playing else "play", "play", 1),
        FooterKey(", .", "step", "forward", 6),
        FooterKey("o", "optimizer", "next_optimizer", 3),
        FooterKey("↑↓ ←→", "tune", "turn_up", 4),
        FooterKey("s", "surface", "next_surface", 5),
        FooterKey("a x", "lanes", "add_lane", 7),
        FooterKey("[ ]", "select", "next_lane", 10),
        FooterKey("p", "start", "place", 8),
        FooterKey("r", "replay", "restart", 9),
        FooterKey("z", "zoom", "zoom_in", 11),
        FooterKey("?", "keys", "help", 2),
        FooterKey("q", "quit", "quit", 12),
    ]
