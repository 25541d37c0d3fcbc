"""The names that flags take, for `--help`: surfaces, optimizers, schedules, presets and themes.

They are written here once more, because the engine's tables need numpy and the themes Textual, which `--help` must
not wait for. A test compares them.
"""

from __future__ import annotations

SURFACES = (
    *("bowl", "ravine", "rosenbrock", "beale", "himmelblau", "rastrigin", "ackley", "three-hump-camel"),
    *("styblinski-tang", "goldstein-price", "saddle", "plateau", "reddi"),
)
OPTIMIZERS = (
    *("sgd", "momentum", "nesterov", "asgd", "armijo", "rprop", "adagrad", "adadelta", "rmsprop", "adam", "amsgrad"),
    *("adamw", "adamax", "nadam", "radam", "adafactor", "lion", "lamb", "adan", "prodigy", "sf-sgd", "sf-adamw"),
    *("ademamix", "adopt", "soap", "muon", "newton", "bfgs", "lbfgs", "sophia"),
)
SCHEDULES = ("constant", "step", "exponential", "cosine")
PRESETS = (
    *("one-step", "lr-too-high", "zigzag", "ravine-momentum", "nesterov-brakes", "flat-far-out", "adagrad-slows"),
    *("bias-correction", "epsilon", "beta2-too-small", "reddi", "adamw", "lion-signs", "constant-step", "noise-floor"),
    *("averaging", "warm-up", "saddle-escape", "rosenbrock-race", "rastrigin-dents", "four-minima"),
    *("adam-valley", "momentum-cliff", "easy-to-tune", "four-basins", "rastrigin-basins"),
)
THEMES = (
    *("adam-dark", "adam-light", "adam-magma", "adam-grey", "textual-dark", "textual-light", "nord", "gruvbox"),
    *("catppuccin-mocha", "dracula", "tokyo-night", "monokai", "flexoki", "catppuccin-latte", "catppuccin-frappe"),
    *("catppuccin-macchiato", "solarized-light", "solarized-dark", "rose-pine", "rose-pine-moon", "rose-pine-dawn"),
    *("atom-one-dark", "atom-one-light", "ansi-dark", "ansi-light"),
)
