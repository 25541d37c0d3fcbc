"""The keys of the playground and the event of each. Keys and action names are a contract: settings refer to them."""

from __future__ import annotations

from adam_tui.engine.scenario import MAX_STEPS
from adam_tui.ui.actions import Action, FooterKey, KeyGroup, KeyRow
from adam_tui.ui.playground import events as e
from adam_tui.ui.playground.state import PlaygroundState

TEN_STEPS = 10

TIME, LANES, KNOBS, SURFACE, VIEW = "Time", "Lanes", "Hyperparameters", "Surface and start", "View"
MAPS, SCENARIO = "Maps", "Scenario"

ACTIONS: tuple[Action[e.Event, e.EventContext], ...] = (
    Action("play", "space", "Play or pause", TIME, e.TogglePlay()),
    Action("forward", "full_stop", "One step forward", TIME, e.StepBy(1)),
    Action("back", "comma", "One step back", TIME, e.StepBy(-1)),
    Action("forward_ten", "greater_than_sign", "Ten steps forward", TIME, e.StepBy(TEN_STEPS)),
    Action("back_ten", "less_than_sign", "Ten steps back", TIME, e.StepBy(-TEN_STEPS)),
    Action("first", "home", "First step", TIME, e.Seek(0)),
    Action("last", "end", "Last step", TIME, e.Seek(MAX_STEPS)),
    Action("faster", "plus,equals_sign", "Play faster", TIME, e.ChangeSpeed(1)),
    Action("slower", "minus", "Play slower", TIME, e.ChangeSpeed(-1)),
    Action("restart", "r", "Rewind and play", TIME, e.Restart()),
    Action("go_to", "g", "Go to a step by its number", TIME, e.AskStep()),
    Action("steps", "G", "Set the number of steps", TIME, e.AskSteps()),
    Action("fork", "C", "Fork mode: changes apply from this step on", TIME, e.ToggleFork()),
    Action("choose_optimizer", "o", "Any optimizer in this lane", LANES, e.ChooseOptimizer()),
    Action("step_optimizer", "O", "Next optimizer in this lane", LANES, e.CycleOptimizer(1)),
    Action("your_own", "y", "Own optimizer in this lane", LANES, e.AskClass()),
    Action("add_lane", "a", "Add a lane with another optimizer", LANES, e.AddLane()),
    Action("line_up", "A", "Race all optimizers of a group", LANES, e.ChooseGroup()),
    Action("duplicate_lane", "D", "Duplicate this lane", LANES, e.DuplicateLane()),
    Action("remove_lane", "x", "Remove this lane", LANES, e.RemoveLane()),
    Action("previous_lane", "left_square_bracket", "Select the previous lane", LANES, e.SelectLane(-1)),
    Action("next_lane", "right_square_bracket", "Select the next lane", LANES, e.SelectLane(1)),
    Action("solo", "I", "Show this lane alone, or all of them", LANES, e.Toggle("solo")),
    Action("knob_up", "up,k", "Choose the hyperparameter above", KNOBS, e.Arrow(0, 1)),
    Action("knob_down", "down,j", "Choose the hyperparameter below", KNOBS, e.Arrow(0, -1)),
    Action("turn_down", "left", "Turn it down one notch", KNOBS, e.Arrow(-1, 0)),
    Action("turn_up", "right", "Turn it up one notch", KNOBS, e.Arrow(1, 0)),
    Action("turn_down_coarse", "shift+left", "Turn it down a coarse notch", KNOBS, e.Arrow(-1, 0, coarse=True)),
    Action("turn_up_coarse", "shift+right", "Turn it up a coarse notch", KNOBS, e.Arrow(1, 0, coarse=True)),
    Action("type_value", "enter", "Type an exact value", KNOBS, e.Confirm()),
    Action("default", "backspace", "Back to torch.optim's default", KNOBS, e.ResetKnob()),
    Action("schedule", "d", "Next learning-rate schedule", KNOBS, e.CycleSchedule()),
    Action("warmup", "w", "Longer warm-up of the rate, or none", KNOBS, e.CycleWarmup()),
    Action("noise", "n", "Stronger noise on the gradients, or none", KNOBS, e.CycleNoise()),
    Action("reseed", "N", "Draw new noise", KNOBS, e.Reseed()),
    Action("next_surface", "s", "Next surface", SURFACE, e.CycleSurface(1)),
    Action("previous_surface", "S", "Previous surface", SURFACE, e.CycleSurface(-1)),
    Action("place", "p", "Place the start with a crosshair", SURFACE, e.Place()),
    Action("cancel", "escape", "Close crosshair, map, caption or hints", SURFACE, e.Cancel()),
    Action("type_start", "P", "Type the start", SURFACE, e.AskStart()),
    Action("random_start", "R", "Random start", SURFACE, lambda context: e.RandomStart(*context.random)),
    Action("function", "F", "Type your own function f(x, y)", SURFACE, e.AskFunction()),
    Action("zoom_in", "z", "Zoom in", VIEW, e.Zoom(1)),
    Action("zoom_out", "Z", "Zoom out", VIEW, e.Zoom(-1)),
    Action("pan_left", "H", "Pan left", VIEW, e.Pan(-1, 0)),
    Action("pan_down", "J", "Pan down", VIEW, e.Pan(0, -1)),
    Action("pan_up", "K", "Pan up", VIEW, e.Pan(0, 1)),
    Action("pan_right", "L", "Pan right", VIEW, e.Pan(1, 0)),
    Action("reset_view", "0", "Reset the view", VIEW, e.ResetView()),
    Action("fill", "f", "Filled bands, lines or both", VIEW, e.CycleFill()),
    Action("vectors", "v", "Vectors on or off", VIEW, e.Toggle("vectors")),
    Action("inspector", "i", "Inspector on or off", VIEW, e.Toggle("inspector")),
    Action("log", "l", "Log or linear loss axis", VIEW, e.Toggle("log_loss")),
    Action("settings_map", "h", "Map of settings", MAPS, e.OpenMap("settings")),
    Action("starts_map", "b", "Map of starts", MAPS, e.OpenMap("starts")),
    Action("rates_map", "t", "Map of rates", MAPS, e.OpenMap("rates")),
    Action("map_quantity", "tab", "Next quantity on the map", MAPS, e.NextQuantity()),
    Action("map_x", "X", "Next knob across the map", MAPS, e.NextAxisKnob("x")),
    Action("map_y", "Y", "Next knob up the map", MAPS, e.NextAxisKnob("y")),
    Action("far_down", "shift+down", "Move a cursor far down", MAPS, e.Arrow(0, -1, coarse=True)),
    Action("far_up", "shift+up", "Move a cursor far up", MAPS, e.Arrow(0, 1, coarse=True)),
    Action("gallery", "m", "Open a scenario that shows a known effect", SCENARIO, e.ChoosePreset()),
    Action("next_exhibit", "M", "Open the next such scenario", SCENARIO, e.NextPreset()),
    Action("undo", "u", "Undo a change", SCENARIO, e.Undo()),
    Action("redo", "ctrl+r", "Redo a change", SCENARIO, e.Redo()),
    Action("copy", "c", "Copy as command line, PyTorch code or JSON", SCENARIO, e.ChooseCopy()),
    Action("train", "T", "Train the network with this lane's optimizer", SCENARIO, e.Train()),
    Action("export", "e", "Export a picture, numbers or a recording", SCENARIO, e.ChooseExport()),
    Action("hints", "E", "Explain the first keys: show the hints again", SCENARIO, e.ShowHints()),
)


PLACING = KeyGroup(
    "Now: placing the start",
    (
        KeyRow("{turn_down}{knob_up}{knob_down}{turn_up}", "Move the crosshair"),
        KeyRow("{turn_down_coarse}{turn_up_coarse}", "Move it far left or right"),
        KeyRow("{type_value}", "Start from here"),
        KeyRow("{zoom_in} {zoom_out}", "Zoom in or out around it"),
        KeyRow("{cancel}", "Cancel"),
    ),
)
MAPPING = KeyGroup(
    "Now: a map",
    (
        KeyRow("{turn_down}{knob_up}{knob_down}{turn_up}", "Move the cursor"),
        KeyRow("{turn_down_coarse}{far_up}{far_down}{turn_up_coarse}", "Move it eight cells"),
        KeyRow("{type_value}", "Take its cell into the lane"),
        KeyRow("{map_y}", "Rates: a group, or the lanes"),
        KeyRow("{zoom_in} {zoom_out} {reset_view}", "Zoom around it, or reset"),
        KeyRow("{settings_map} {starts_map} {rates_map}", "Again, with noise: median of 5 seeds"),
        KeyRow("{cancel}", "Close the map"),
    ),
)
TOURING = KeyGroup(
    "Now: a scenario with its caption",
    (
        KeyRow("{next_exhibit}", "Next scenario"),
        KeyRow("{gallery}", "Choose a scenario"),
        KeyRow("{undo}", "Undo your last change"),
        KeyRow("{mode_learn}", "Back to the page in Learn"),
        KeyRow("{cancel}", "Close the caption"),
    ),
)


def current_keys(state: PlaygroundState) -> KeyGroup | None:
    """The keys that have another meaning now, or matter most."""
    if state.crosshair is not None:
        return PLACING
    return MAPPING if state.map is not None else TOURING if state.preset else None


def _axis_keys(kind: str) -> list[FooterKey]:
    if kind == "settings":
        return [FooterKey("{map_x} {map_y}", "axes", "map_x", 8)]
    return [FooterKey("{map_y}", "group", "map_y", 8)] if kind == "rates" else []


def footer(state: PlaygroundState) -> list[FooterKey]:
    """The keys that matter now."""
    if state.crosshair is not None:
        return [
            FooterKey("{turn_down}{knob_up}{knob_down}{turn_up}", "move", "turn_up", 1),
            FooterKey("{turn_down_coarse}{turn_up_coarse}", "far", "turn_up_coarse", 4),
            FooterKey("{type_value}", "start here", "type_value", 2),
            FooterKey("{cancel}", "cancel", "cancel", 3),
        ]
    if state.map is not None:
        return [
            FooterKey("{turn_down}{knob_up}{knob_down}{turn_up}", "cursor", "turn_up", 1),
            FooterKey("{type_value}", "take", "type_value", 2),
            FooterKey("{map_quantity}", "quantity", "map_quantity", 4),
            FooterKey("{zoom_in} {zoom_out}", "zoom", "zoom_in", 6),
            FooterKey("{reset_view}", "whole", "reset_view", 7),
            *_axis_keys(state.map.kind),
            FooterKey("{settings_map} {starts_map} {rates_map}", "maps", "settings_map", 9),
            FooterKey("{help}", "keys", "help", 5),
            FooterKey("{cancel}", "close", "cancel", 3),
        ]
    return [
        FooterKey("{play}", "pause" if state.playing else "play", "play", 1),
        FooterKey("{back} {forward}", "step", "forward", 6),
        FooterKey("{choose_optimizer}", "optimizer", "choose_optimizer", 3),
        FooterKey("{knob_up}{knob_down} {turn_down}{turn_up}", "tune", "turn_up", 4),
        FooterKey("{next_surface}", "surface", "next_surface", 5),
        FooterKey("{add_lane} {remove_lane}", "lanes", "add_lane", 7),
        FooterKey("{previous_lane} {next_lane}", "select", "next_lane", 11),
        FooterKey("{place}", "start", "place", 9),
        FooterKey("{settings_map} {starts_map} {rates_map}", "maps", "settings_map", 8),
        FooterKey("{restart}", "replay", "restart", 10),
        FooterKey("{zoom_in}", "zoom", "zoom_in", 12),
        FooterKey("{help}", "keys", "help", 2),
        FooterKey("{quit}", "quit", "quit", 13),
    ]
