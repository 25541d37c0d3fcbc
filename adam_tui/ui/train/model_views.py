"""The views of the selected run's model: its digits, worst mistakes, confusions, filters, gradients and updates.

Each is a pure function of the last evaluation, or of the run's history, and a rectangle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import network_panels as drawings
from adam_tui.draw.cells import Cells, stack
from adam_tui.draw.chart import Series, chart
from adam_tui.draw.digits import DigitGrid, Guess, digit_grid, digit_line, sample_digits
from adam_tui.draw.elements import wrap
from adam_tui.draw.network_panels import HEALTHY_RATIO, LayerRow
from adam_tui.draw.palette import Palette
from adam_tui.history.evaluation import CLASSES, Evaluation
from adam_tui.history.run_history import RunHistory
from adam_tui.history.samples import sample_images
from adam_tui.ui.train.axes import Histories
from adam_tui.ui.train.labels import DEFAULTS
from adam_tui.ui.train.state import ModelView, TrainState

TITLES: dict[ModelView, str] = {
    "digits": "Digits",
    "mistakes": "Worst mistakes",
    "confusion": "Confusion matrix",
    "filters": "Filters of the first layer",
    "layers": "Gradients and updates",
}
HINTS: dict[ModelView, str] = {
    "digits": "label → prediction · confidence",
    "mistakes": "label → prediction · confidence",
    "confusion": "row: label · column: prediction",
    "filters": "dark negative · bright positive",
    "layers": "Δw/w of one step: about 1e-3 is healthy",
}
LINES_OF_TEXT = 5  # of a view that gives a reason
NO_FILTERS = "The first convolution of this network, if any, has no square filters over grey images."
ARTICLES_FILTERS = 32  # the screen is laid out for these
OF_AN_EPOCH = ("mistakes", "confusion", "filters")  # views of the last evaluation
NOTHING_YET, AT_THE_END = "appears after the first epoch", "appears after the last epoch"
DIGITS = 10
MISTAKES = 20
CURVE_FROM = 30  # columns beside the table of layers from which its curves are drawn
LEAST_CURVE = 7  # rows below that table from which they are
TABLE = 48  # columns of that table


def title(view: ModelView, evaluation: Evaluation | None) -> str:
    """The title of a view, and the epoch of the evaluation that it shows."""
    if evaluation is not None and view in OF_AN_EPOCH:
        return f"{TITLES[view]} · epoch {evaluation.epoch}"
    return TITLES[view]


def rows_wanted(
    view: ModelView, evaluation: Evaluation | None, history: RunHistory | None, width: int, most: int
) -> int:
    """The rows that a view fills well in so many columns, at most `most`."""
    match view:
        case "confusion":
            return min(CLASSES + 1, most)
        case "filters" if evaluation is not None:
            count, side = len(evaluation.filters), evaluation.filters.shape[1]
            grid = drawings.filter_grid(count, side, width, most)
            return grid.height if grid else most if count == ARTICLES_FILTERS else min(LINES_OF_TEXT, most)
        case "layers":
            names = history.layers[-1].names if history and history.layers else ()
            return min(max(len(names) + 1, 8), most)
        case "mistakes":
            mistakes = _mistake_grid(min(MISTAKES, len(evaluation.images)) if evaluation else 10, width, most)
            return mistakes.height if mistakes else most
    return most


def draw(
    state: TrainState, histories: Histories, evaluation: Evaluation | None, width: int, height: int, palette: Palette
) -> Cells:
    """The chosen view of the selected run's model, or when it will appear."""
    history = histories.get(state.selected or "")
    match state.view:
        case "digits":
            return _digits(state, history, evaluation, width, height, palette)
        case "layers" if history is not None and history.layers:
            return _layers(history, width, height, palette)
        case "confusion" if evaluation is not None:
            return drawings.confusion_matrix(evaluation.confusion, width, height, palette)
        case "filters" if evaluation is not None:
            return _filters(evaluation, width, height, palette)
        case "mistakes" if evaluation is not None:
            return _mistakes(evaluation, width, height, palette)
    # The test images of a run with validation images are used once.
    once = state.run is not None and state.run.spec.validation and state.view != "layers"
    return _in_the_middle(AT_THE_END if once else NOTHING_YET, width, height, palette)


def _in_the_middle(text: str, width: int, height: int, palette: Palette) -> Cells:
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    lines = wrap(text, width)
    for row, line in enumerate(lines, max((height - len(lines)) // 2, 0)):
        cells.put(row, max((width - len(line)) // 2, 0), line, palette.faint)
    return cells


def _filters(evaluation: Evaluation, width: int, height: int, palette: Palette) -> Cells:
    """The filters of the first convolution; a network of the user may have none, or too many."""
    count, rows, columns = evaluation.filters.shape
    if not count:
        return _in_the_middle(NO_FILTERS, width, height, palette)
    if drawings.filter_grid(count, rows, width, height) is None and count != ARTICLES_FILTERS:
        text = f"{count} filters of {rows}×{columns} need more room than there is."
        return _in_the_middle(text, width, height, palette)
    return drawings.filter_pictures(evaluation.filters, width, height, palette)


# The sample digits.


def _digits(
    state: TrainState,
    history: RunHistory | None,
    evaluation: Evaluation | None,
    width: int,
    height: int,
    palette: Palette,
) -> Cells:
    """The sample images in a row, each with the prediction of the selected run."""
    grid = digit_grid(DIGITS, width, height)
    if grid is None:
        return Cells.blank(width, height, palette.foreground, palette.background)
    images, labels = _samples(state, evaluation)
    return sample_digits(images, guesses(history, labels), grid, width, height, palette)


def draw_digit_line(state: TrainState, histories: Histories, width: int, palette: Palette) -> Cells:
    """The predictions of the sample images in one row of text."""
    _, labels = _samples(state, None)
    return digit_line(guesses(histories.get(state.selected or ""), labels), width, palette)


def guesses(history: RunHistory | None, labels: list[int]) -> list[Guess]:
    """The predictions of a run for the sample images with these labels; none before the run has made some."""
    sample = history.sample if history else None
    if sample is None or len(sample.predictions) != len(labels) or len(sample.confidences) != len(labels):
        return [Guess(label) for label in labels]
    return [Guess(*guess) for guess in zip(labels, sample.predictions, sample.confidences, strict=True)]


def _samples(state: TrainState, evaluation: Evaluation | None) -> tuple[NDArray[np.uint8], list[int]]:
    """The sample images and their labels. Those of MNIST are in the package, those of other data in the evaluation."""
    if evaluation is not None and len(evaluation.sample_images):
        return evaluation.sample_images, evaluation.sample_labels.tolist()
    images, labels = sample_images()
    if state.run is None or state.run.spec.data == DEFAULTS.data:
        return images, labels.tolist()
    return np.zeros_like(images), labels.tolist()


# The evaluation after each epoch.


def _mistake_grid(count: int, width: int, height: int) -> DigitGrid | None:
    """One row of mistakes, or two or three where as large pictures fit."""
    grids = [grid for rows in (1, 2, 3) if (grid := digit_grid(count, width, height, rows=rows))]
    return max(grids, key=lambda grid: (min(grid.columns * grid.rows, count), grid.side), default=None)


def _mistakes(evaluation: Evaluation, width: int, height: int, palette: Palette) -> Cells:
    """The test images with the most confident wrong predictions."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    if not len(evaluation.images):
        cells.put(0, 1, "no mistakes", palette.states["converged"])
        return cells
    grid = _mistake_grid(len(evaluation.images), width, height)
    if grid is None:
        return cells
    columns = (evaluation.labels, evaluation.predictions, evaluation.confidences)
    wrong = [Guess(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return sample_digits(evaluation.images, wrong, grid, width, height, palette)


# Gradients and updates of each tensor.


def _layer_rows(history: RunHistory, palette: Palette) -> list[LayerRow]:
    """The tensors after the last epoch."""
    if not history.layers:
        return []
    last = history.layers[-1]
    numbers = zip(last.names, last.gradient_norm, last.update_ratio, strict=False)
    styles = (palette.lane(i) for i in range(len(last.names)))
    return [LayerRow(*row, marker, color) for row, (color, marker) in zip(numbers, styles, strict=False)]


def draw_layers_in_brief(history: RunHistory, width: int, height: int, palette: Palette) -> Cells:
    """The table of tensors, without the biases where it is short; below it their ratios where there is room."""
    rows = _layer_rows(history, palette)
    if len(rows) > height - 1:
        rows = [row for row in rows if row.name.endswith("weight")]
    left = height - len(rows) - 2
    if left < LEAST_CURVE or len(history.layers) < 2:
        return drawings.layer_table(rows, width, height, palette)
    table = drawings.layer_table(rows, width, len(rows) + 2, palette)
    return stack((table, _ratio_curves(history, width, left, palette)))


def _layers(history: RunHistory, width: int, height: int, palette: Palette) -> Cells:
    """The table of tensors, and beside it their update/weight ratios over the epochs where there is room."""
    rows = _layer_rows(history, palette)
    if width < TABLE + CURVE_FROM:
        return drawings.layer_table(rows, width, height, palette)
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    for left, part in (
        (0, drawings.layer_table(rows, TABLE, height, palette)),
        (TABLE, _ratio_curves(history, width - TABLE, height, palette)),
    ):
        area = np.s_[:, left : left + part.width]
        cells.glyph[area], cells.fg[area], cells.bg[area], cells.bold[area] = part.glyph, part.fg, part.bg, part.bold
    return cells


def _ratio_curves(history: RunHistory, width: int, height: int, palette: Palette) -> Cells:
    """‖Δw‖/‖w‖ of each tensor over the epochs on a log axis, the rule of thumb a faint line."""
    layers, per_epoch = history.layers, history.steps_per_epoch or 1
    last = max([2.0, *(each.step / per_epoch for each in layers)])
    series = [Series(np.array([0.0, last]), np.full(2, HEALTHY_RATIO), palette.axis, faint=True)]
    for i in range(len(layers[-1].names)):
        points = [(each.step / per_epoch, each.update_ratio[i]) for each in layers if len(each.update_ratio) > i]
        x, y = np.array(points, np.float64).reshape(-1, 2).T
        color, marker = palette.lane(i)
        series += [Series(x, y, color), Series(x[-1:], y[-1:], color, bold=True, marker=marker)]
    ratios = np.array([ratio for each in layers for ratio in each.update_ratio])
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    low, high = (float(end) for end in (known.min(initial=HEALTHY_RATIO), known.max(initial=HEALTHY_RATIO)))
    limits = (low / 2, high * 2)
    return chart(series, width, height, palette, log_y=True, x_limits=(0.0, last), y_limits=limits)
