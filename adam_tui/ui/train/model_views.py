"""Looking at the model of the selected run: its mistakes, its confusions, its filters, how far its weights move."""

from __future__ import annotations

import numpy as np

from adam_tui.draw import network_panels as drawings
from adam_tui.draw.cells import Cells, stack
from adam_tui.draw.chart import Series, chart
from adam_tui.draw.digits import DigitGrid, Guess, digit_grid, sample_digits
from adam_tui.draw.network_panels import HEALTHY_RATIO, LayerRow
from adam_tui.draw.palette import Palette
from adam_tui.history.evaluation import CLASSES, Evaluation
from adam_tui.history.run_history import RunHistory
from adam_tui.ui.train.state import View

TITLES: dict[View, str] = {
    "digits": "Digits",
    "mistakes": "Worst mistakes",
    "confusion": "Confusion matrix",
    "filters": "Filters of the first layer",
    "layers": "Gradients and updates",
}
HINTS: dict[View, str] = {
    "digits": "label → prediction · confidence",
    "mistakes": "label → prediction · confidence",
    "confusion": "row: label · column: prediction",
    "filters": "dark negative · bright positive",
    "layers": "Δw/w of one step: about 1e-3 is healthy",
}
NOTHING = "comes with the evaluation after each epoch"
MISTAKES = 20
CURVE_FROM = 30  # columns beside the table of layers from which its curves are drawn
LEAST_CURVE = 7  # rows below that table from which they are
TABLE = 44  # columns of that table


def title(view: View, found: Evaluation | None) -> str:
    """What is looked at, and of which epoch."""
    told = view in ("mistakes", "confusion", "filters") and found is not None
    return f"{TITLES[view]} · epoch {found.epoch}" if told and found is not None else TITLES[view]


def rows_wanted(view: View, found: Evaluation | None, history: RunHistory | None, width: int, most: int) -> int:
    """Rows that a view fills well in so many columns, at most `most`."""
    match view:
        case "confusion":
            return min(CLASSES + 1, most)
        case "filters" if found is not None:
            grid = drawings.filter_grid(len(found.filters), found.filters.shape[1], width, most)
            return grid.height if grid else most
        case "layers":
            told = history.layers[-1].names if history and history.layers else ()
            return min(max(len(told) + 1, 8), most)
        case "mistakes":
            grid_of_mistakes = mistake_grid(min(MISTAKES, len(found.images)) if found else 10, width, most)
            return grid_of_mistakes.height if grid_of_mistakes else most
    return most


def mistake_grid(count: int, width: int, height: int) -> DigitGrid | None:
    """One row of mistakes, or two where as large pictures fit."""
    found = [digit_grid(count, width, height, rows=rows) for rows in (1, 2, 3)]
    grids = [grid for grid in found if grid]
    return max(grids, key=lambda grid: (min(grid.columns * grid.rows, count), grid.side), default=None)


def draw(
    view: View, found: Evaluation | None, history: RunHistory | None, width: int, height: int, palette: Palette
) -> Cells:
    """One of the views, or when it comes."""
    if view == "layers" and history is not None and history.layers:
        return layers(history, width, height, palette)
    if found is not None:
        if view == "confusion":
            return drawings.confusion_matrix(found.confusion, width, height, palette)
        if view == "filters":
            return drawings.filter_pictures(found.filters, width, height, palette)
        if view == "mistakes":
            return mistakes(found, width, height, palette)
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    cells.put(height // 2, max((width - len(NOTHING)) // 2, 0), NOTHING, palette.faint)
    return cells


def mistakes(found: Evaluation, width: int, height: int, palette: Palette) -> Cells:
    """The images that are most surely taken for something else."""
    if not len(found.images):
        cells = Cells.blank(width, height, palette.foreground, palette.background)
        cells.put(0, 1, "no mistakes", palette.states["converged"])
        return cells
    grid = mistake_grid(len(found.images), width, height)
    if grid is None:
        return Cells.blank(width, height, palette.foreground, palette.background)
    told = zip(found.labels.tolist(), found.predictions.tolist(), found.confidences.tolist(), strict=True)
    return sample_digits(found.images, [Guess(*each) for each in told], grid, width, height, palette)


def layer_rows(history: RunHistory, palette: Palette) -> list[LayerRow]:
    """The tensors as the last epoch told of them."""
    if not history.layers:
        return []
    last = history.layers[-1]
    told = zip(last.names, last.gradient_norm, last.update_ratio, strict=False)
    looks = (palette.lane(i) for i in range(len(last.names)))
    return [LayerRow(*numbers, marker, color) for numbers, (color, marker) in zip(told, looks, strict=False)]


def layers_in_brief(history: RunHistory, width: int, height: int, palette: Palette) -> Cells:
    """The table, without the biases, which say the least, where it is short; below it the curves, where it is not."""
    rows = layer_rows(history, palette)
    if len(rows) > height - 1:
        rows = [row for row in rows if row.name.endswith("weight")]
    left = height - len(rows) - 2
    if left < LEAST_CURVE or len(history.layers) < 2:
        return drawings.layer_table(rows, width, height, palette)
    table = drawings.layer_table(rows, width, len(rows) + 2, palette)
    return stack((table, ratio_curves(history, width, left, palette)))


def layers(history: RunHistory, width: int, height: int, palette: Palette) -> Cells:
    """The table of tensors, and beside it their update/weight ratios over the epochs, where there is room."""
    rows = layer_rows(history, palette)
    if width < TABLE + CURVE_FROM:
        return drawings.layer_table(rows, width, height, palette)
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    for left, part in (
        (0, drawings.layer_table(rows, TABLE, height, palette)),
        (TABLE, ratio_curves(history, width - TABLE, height, palette)),
    ):
        area = np.s_[:, left : left + part.width]
        cells.glyph[area], cells.fg[area], cells.bg[area], cells.bold[area] = part.glyph, part.fg, part.bg, part.bold
    return cells


def ratio_curves(history: RunHistory, width: int, height: int, palette: Palette) -> Cells:
    """‖Δw‖/‖w‖ of each tensor over the epochs on a log axis, the rule of thumb a faint line."""
    told, per_epoch = history.layers, history.steps_per_epoch or 1
    last = max([2.0, *(each.step / per_epoch for each in told)])
    series = [Series(np.array([0.0, last]), np.full(2, HEALTHY_RATIO), palette.axis, faint=True)]
    for i in range(len(told[-1].names)):
        points = [(each.step / per_epoch, each.update_ratio[i]) for each in told if len(each.update_ratio) > i]
        x, y = np.array(points, np.float64).reshape(-1, 2).T
        color, marker = palette.lane(i)
        series += [Series(x, y, color), Series(x[-1:], y[-1:], color, bold=True, marker=marker)]
    ratios = np.array([ratio for each in told for ratio in each.update_ratio])
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    low, high = (float(end) for end in (known.min(initial=HEALTHY_RATIO), known.max(initial=HEALTHY_RATIO)))
    return chart(series, width, height, palette, log_y=True, x_limits=(0.0, last), y_limits=(low / 2, high * 2))
