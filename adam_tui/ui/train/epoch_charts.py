"""The charts with one point an epoch: the accuracy and the loss of the drawn runs on images that none was trained on.

Those are the test images, or in a run that holds training images out, those: `labels.measured_on`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells
from adam_tui.draw.chart import Mark, Series, chart, plot_rows
from adam_tui.draw.curves import DOTS_DOWN
from adam_tui.draw.palette import Palette
from adam_tui.ui.train import axes
from adam_tui.ui.train.axes import Drawn, Histories, Limits, Scale
from adam_tui.ui.train.labels import curve_style, measured_on, run_style, test_text
from adam_tui.ui.train.loss_chart import AXIS_ROWS, write_off_scale
from adam_tui.ui.train.state import TrainState

RECENT_ACCURACIES, RECENT_JUMP = 10, 2  # epochs that are shown, and by which they move on
EDGES = (5, 10, 15, 20, 30, 40, 50)  # right edges of the axis in epochs; beyond, multiples of the last one
BEST_MARKER = "★"
# Lower ends of the accuracy axis.
FLOORS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
HOPELESS = 0.5  # a run that never gets here does not decide where the axis begins
EARLY = 0.1  # the share of epochs, the first ones, that may fall below the axis
NOTHING_YET = "appears after the first epoch"
FIRST_TEST = "e^−loss · the {} accuracy follows after epoch 1"
PROBABILITY_STEPS = 30  # that the probability is averaged over: the first epoch may have a hundred steps only


def accuracy_title(state: TrainState, histories: Histories) -> str:
    """The title: the accuracy, and the unit of the x axis; before the first test what is drawn in its place."""
    if is_first_epoch(state, histories):
        return "Right digit's probability in training"
    unit = axes.x_scale(state, axes.drawn_histories(state, histories)).unit if state.axis == "time" else "epochs"
    return f"{measured_on(state.drawn).capitalize()} accuracy over {unit}"


def is_first_epoch(state: TrainState, histories: Histories) -> bool:
    """Whether no drawn run has a test yet, and the selected one has losses: they are drawn instead."""
    history = histories.get(state.selected or "")
    return history is not None and len(history.curve) > 0 and not _with_epochs(state, histories)


def best_text(state: TrainState, histories: Histories) -> str:
    """The best accuracy of the selected run and its epoch; before the first one when it comes."""
    if is_first_epoch(state, histories):
        return FIRST_TEST.format(measured_on(state.drawn[:1]))
    history = histories.get(state.selected or "")
    best = history.best if history else None
    if best is None and state.run is not None and state.run.alive:
        return f"{state.run.title}: first {state.run.spec.measured_on} after epoch 1"
    if best is None or state.run is None:
        return ""
    tested = test_text(state.run, history)
    return f"{BEST_MARKER} best {best.accuracy:.2%} at epoch {best.epoch}" + (f" · test {tested}" if tested else "")


def draw_accuracy(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The accuracy of the drawn runs, each with its marker at the newest one, and the selected run's best.

    Before the first test: the probability that the network gives the right digit of the training images.
    """
    if is_first_epoch(state, histories):
        return _draw_probability(state, histories, width, height, palette)
    drawn = _with_epochs(state, histories)
    scale = axes.x_scale(state, drawn) if state.axis == "time" else Scale("epochs", "epochs")
    low, high = _x_limits(state, drawn, scale)
    series, values = [], []
    for run, history in reversed(drawn):
        color, marker = run_style(state, run, palette)
        x, y = scale.positions(history, history.epochs.steps), history.epochs.accuracies
        selected = run.id == state.selected
        series += [
            Series(x, y, **curve_style(state, run, palette)),
            Series(x[-1:], y[-1:], color, bold=True, marker=marker),
        ]
        values.append(y[(x >= low) & (x <= high) & np.isfinite(y)])
        best = history.best
        if selected and best is not None and best.step != history.epochs[-1].step:
            position, accuracy = np.array([scale.position(history, best.step)]), np.array([best.accuracy])
            series.append(Series(position, accuracy, palette.accent, bold=True, marker=BEST_MARKER))
    marks = []
    if state.cursor is not None and drawn and drawn[0][0].id == state.selected:
        marks.append(Mark(scale.position(drawn[0][1], state.cursor), "", palette.accent))
    floor = _floor(values)
    cells = chart(
        series,
        width,
        height,
        palette,
        y_limits=(floor, _top(floor, plot_rows(height))),
        x_limits=(low, high),
        marks=marks,
        percent=True,
        empty_text=NOTHING_YET,
    )
    below = [run for (run, _), y in zip(reversed(drawn), values, strict=True) if len(y) and y[-1] < floor]
    styles = [(run, *run_style(state, run, palette)) for run in below]
    texts = [(f"off scale ↓ {marker} {run.title}", color) for run, color, marker in styles]
    write_off_scale(cells, texts, range(height - AXIS_ROWS - 1, -1, -1))
    return cells


def _draw_probability(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """e^−loss of the drawn runs in their first epoch: the right digit's probability, a geometric mean over steps."""
    series = []
    for run, history in reversed(axes.drawn_histories(state, histories)):
        color, marker = run_style(state, run, palette)
        steps = len(history.curve)
        x, losses = history.curve.averaged(PROBABILITY_STEPS, 1, steps, steps / max(width, 1))
        with np.errstate(over="ignore"):
            x, y = x / (history.steps_per_epoch or 1), np.exp(-losses)
        series += [
            Series(x, y, averaged=True, **curve_style(state, run, palette)),
            Series(x[-1:], y[-1:], color, bold=True, marker=marker),
        ]
    return chart(
        series, width, height, palette, y_limits=(0.0, _top(0.0, plot_rows(height))), x_limits=(0.0, 1.0), percent=True
    )


def draw_loss(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The losses of the drawn runs over their epochs, each with its marker at the newest one."""
    drawn = _with_epochs(state, histories)
    series = []
    for run, history in reversed(drawn):
        color, marker = run_style(state, run, palette)
        x, y = history.epochs.numbers, history.epochs.losses
        series += [
            Series(x, y, **curve_style(state, run, palette)),
            Series(x[-1:], y[-1:], color, bold=True, marker=marker),
        ]
    limits = _x_limits(state, drawn, Scale("epochs", "epochs")) if state.zoom is None else None
    return chart(series, width, height, palette, log_y=state.log, x_limits=limits, empty_text=NOTHING_YET)


def _with_epochs(state: TrainState, histories: Histories) -> Drawn:
    return [(run, history) for run, history in axes.drawn_histories(state, histories) if history.epochs]


def _x_limits(state: TrainState, drawn: Drawn, scale: Scale) -> Limits:
    """The zoom of the loss chart in epochs, the last epochs, or all up to the next edge."""
    if state.zoom is not None and drawn:
        if state.axis != "steps":
            return state.zoom
        return scale.position(drawn[0][1], state.zoom[0]), scale.position(drawn[0][1], state.zoom[1])
    if scale.axis == "time":
        return axes.x_limits(state, drawn, scale)
    last = max((history.epochs[-1].epoch for _, history in drawn), default=1)
    planned = max((run.spec.epochs for run, _ in drawn if run.alive), default=last)
    if state.recent and last > RECENT_ACCURACIES:
        edge = float(math.ceil(last / RECENT_JUMP) * RECENT_JUMP)
        return edge - RECENT_ACCURACIES, edge
    edges = (edge for edge in EDGES if edge >= last)
    right = float(min(next(edges, math.ceil(last / EDGES[-1]) * EDGES[-1]), planned))
    return 0.0, max(right, float(last), 2.0)


def _floor(runs: Sequence[NDArray[np.float64]]) -> float:
    """The lower end of the accuracy axis: below the accuracies (N,) of the runs that learn, first epochs left out."""
    hopeful = [y for y in runs if len(y) and y.max() >= HOPELESS] or [y for y in runs if len(y)]
    low = min((float(y[int(EARLY * len(y)) :].min()) for y in hopeful), default=0.0)
    return max(floor for floor in FLOORS if floor <= max(low, 0.0))


def _top(floor: float, rows: int) -> float:
    """The upper end of the accuracy axis, which puts 100% on the lowest dots of the first of so many rows.

    An accuracy that differs from 100% by a dot is then in another row than its label.
    """
    dots = DOTS_DOWN * rows - 1
    above = DOTS_DOWN - 1
    return 1.0 + (1.0 - floor) * above / max(dots - above, 1)
