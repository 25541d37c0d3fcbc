"""Maps: the outcomes of thousands of configurations of one lane, or of one configuration from thousands of starts.

`axes` has the knobs and their ranges, `batch` walks cells together, `cells` divides a map into blocks of them, and
`outcomes`, `rest_points` and `borders` read finished maps.
"""

from adam_tui.engine.maps.axes import Axis, default_axes, default_axis, knobs_for_axes
from adam_tui.engine.maps.borders import BorderSample, stability_line
from adam_tui.engine.maps.cells import SettingsMap, StartsMap, coarse, median_seeds
from adam_tui.engine.maps.outcomes import (
    CONVERGED,
    DIVERGED,
    NOT_COMPUTED,
    QUANTITIES,
    RUNNING,
    Integers,
    Outcomes,
    Quantity,
    best,
    median_outcomes,
    ordering,
    quantity,
    quantity_of_class,
)
from adam_tui.engine.maps.rest_points import rest_points

__all__ = [
    "CONVERGED",
    "DIVERGED",
    "NOT_COMPUTED",
    "QUANTITIES",
    "RUNNING",
    "Axis",
    "BorderSample",
    "Integers",
    "Outcomes",
    "Quantity",
    "SettingsMap",
    "StartsMap",
    "best",
    "coarse",
    "default_axes",
    "default_axis",
    "knobs_for_axes",
    "median_outcomes",
    "median_seeds",
    "ordering",
    "quantity",
    "quantity_of_class",
    "rest_points",
    "stability_line",
]
