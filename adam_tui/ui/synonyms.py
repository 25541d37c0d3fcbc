"""Synonyms for the titles of actions, by the action's name: `ctrl+p` finds an action by these as well.

Words that people type and that find nothing are added here. An action of the same name in two modes has one entry.
"""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
SYNONYMS: Mapping[str, str] = {
    # Everywhere
    "mode_playground": "switch mode screen plot contour race surface back start home",
    "mode_train": "switch mode screen mnist network training runs digits cnn",
    "mode_learn": "switch mode screen read pages documentation docs tutorial explain manual theory",
    "help": "help shortcuts bindings hotkeys keyboard cheatsheet list",
    "palette": "command find menu",
    "repaint": "redraw refresh clear clean garbage screen",
    "quit": "exit close leave end bye stop program app",
    # Time
    "play": "stop start resume halt continue animate animation run",
    "forward": "advance single frame iteration next",
    "back": "backward backwards single frame iteration previous",
    "forward_ten": "jump skip advance 10",
    "back_ten": "jump skip backward 10",
    "first": "begin beginning start zero rewind reset",
    "last": "end finish final skip result newest latest",
    "faster": "speed up quicker fps animation",
    "slower": "speed down slow motion fps animation",
    "restart": "replay again from the start over repeat beginning reset",
    "go_to": "jump seek iteration frame",
    "steps": "length iterations longer shorter how many duration",
    "fork": "branch change midway halfway",
    # Lanes
    "next_optimizer": "algorithm method change switch choose sgd momentum nesterov adagrad rmsprop adam adamw lion",
    "previous_optimizer": "algorithm method change switch choose",
    "add_lane": "compare race new second opponent contest versus",
    "duplicate_lane": "copy clone same twice",
    "line_up": "compare everything algorithms contest thirteen",
    "remove_lane": "delete drop take out fewer close",
    "previous_lane": "choose switch focus",
    "next_lane": "choose switch focus",
    "solo": "hide others only one single isolate focus crowded covered unclutter",
    # Hyperparameters
    "knob_up": "parameter knob setting select",
    "knob_down": "parameter knob setting select",
    "turn_down": "decrease lower less smaller reduce learning rate lr step size beta epsilon batch parameter knob",
    "turn_up": "increase raise more larger bigger learning rate lr step size beta epsilon batch parameter knob",
    "turn_down_coarse": "decrease lower much decade far",
    "turn_up_coarse": "increase raise much decade far",
    "type_value": "enter edit set number precise learning rate lr beta epsilon momentum weight decay batch epochs seed",
    "default": "reset restore original standard value lr",
    "schedule": "decay anneal cosine exponential scheduler lr",
    "warmup": "ramp warm up schedule learning lr",
    "noise": "add stochastic noisy random minibatch batch sigma",
    "reseed": "random seed again other different",
    # Surface and start
    "next_surface": "change another function landscape loss bowl ravine rosenbrock himmelblau rastrigin saddle",
    "previous_surface": "function landscape loss problem change",
    "place": "move initial point position cursor where begin",
    "cancel": "close leave hide dismiss escape",
    "type_start": "initial point position coordinates enter x0",
    "random_start": "initial point position anywhere shuffle dice",
    "function": "formula equation expression custom enter loss surface",
    # View
    "zoom_in": "closer magnify scale enlarge bigger",
    "zoom_out": "further away scale smaller wider",
    "pan_left": "move shift scroll west",
    "pan_down": "move shift scroll south",
    "pan_up": "move shift scroll north",
    "pan_right": "move shift scroll east",
    "reset_view": "whole fit home original zoom all",
    "fill": "contour isolines levels heatmap style",
    "vectors": "arrows gradient momentum update direction field",
    "inspector": "arithmetic numbers panel moments hide show details",
    "log": "logarithmic scale y chart curve",
    # Maps
    "settings_map": "heatmap heat grid sweep sensitivity tune lr beta momentum stability border divergence which work",
    "starts_map": "basins attraction heatmap heat fractal minimum where initial points converge",
    "rates_map": "curves tune tuning sweep range finder compare robust break divergence all optimizers",
    "map_quantity": "colour loss steps distance heatmap",
    "map_x": "axis horizontal hyperparameter heatmap",
    "map_y": "axis vertical hyperparameter heatmap everyone",
    "far_up": "cursor crosshair jump",
    "far_down": "cursor crosshair jump",
    # Scenario
    "gallery": "examples demos presets scenes lessons effects list",
    "next_exhibit": "examples demos presets scenes tour",
    "undo": "go back revert take",
    "redo": "again forward repeat",
    "copy": "clipboard share export python torch script code",
    "train": "mnist cnn neural digits learn start run",
    "export": "save screenshot image svg csv json file video gif asciinema record write",
    # Training
    "start": "run begin new go launch fit learn mnist network",
    "pause": "stop halt continue freeze",
    "stop": "end kill cancel abort terminate",
    "continue_run": "resume restart continue recover stopped failed lost",
    "again": "repeat rerun restart copy same",
    "log_tail": "error traceback stderr output messages failure why",
    # Runs
    "previous_run": "choose switch other previous",
    "next_run": "choose switch other next",
    "overlay": "compare curves together show hide",
    "overlay_all": "compare curves together all single",
    "table": "list overview compare history summary",
    "sort": "order column rank",
    "reverse": "order ascending descending",
    "search": "filter find query grep",
    "delete": "remove erase rm trash clean",
    "data": "dataset mnist fashion kmnist emnist images change",
    "live": "tune while running change hyperparameters learning rate lr fly",
    # Curves
    "cursor": "crosshair inspect point",
    "axis": "x seconds minutes units scale",
    "earlier": "pan scroll left before",
    "later": "pan scroll right after",
    "window": "last latest newest follow tail",
    "smoothing": "smooth smoother mean moving ema noise",
    # The model
    "view": "matrix kernels weights errors images pictures samples wrong",
    "previous_view": "back other",
    "close": "cancel leave hide dismiss escape",
    # Learn
    "scroll_down": "scroll",
    "scroll_up": "scroll",
    "screen_down": "scroll",
    "screen_up": "scroll",
    "top": "beginning first scroll",
    "bottom": "last sources references scroll",
    "next_page": "forward turn chapter",
    "previous_page": "back turn chapter",
    "contents": "index table chapters list open find",
    "try_it": "example demo show play run open",
    "pick_try": "examples demos list",
    "tour": "tutorial introduction lesson begin newcomer beginner",
}
# fmt: on
THEMES = "colors colours dark light appearance palette look style scheme mode"
