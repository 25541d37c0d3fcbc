"""The charts of the training screen: which curves, between which limits, with what written on them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.chart import Mark, Series, chart
from adam_tui.draw.color import mix_oklab
from adam_tui.draw.palette import MARKERS, Palette
from adam_tui.engine.numbers import format_number, round_down, round_nearest, round_up
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Changed
from adam_tui.ui.train import axes
from adam_tui.ui.train.axes import Drawn, Histories, Limits, Scale, drawn_histories
from adam_tui.ui.train.state import TrainState

RECENT_ACCURACIES, RECENT_JUMP = 10, 2  # epochs that are shown, and by which they move on
# Above so many times its first loss a curve is on its way to infinity, and need not be seen whole.
HIGHEST_RISE = 4.0
# The log axis begins here or below: so far falls a loss within the first hundred steps.
FIRST_LOW = 0.1
LOWEST_LOSS = 1e-6
# Single steps scatter over decades: so far below the lowest average they are shown. A share of them would be nearer to
# the data, but goes up and down, and with it the whole chart. Above the averages they scatter less, and matter more: of
# those a share decides, and the others stand on the upper edge.
DEEPEST_RAW, SEEN_RAW = 3.0, 0.9
# Steps between two dots up to which the average is over as many steps as were chosen. Where a dot stands for more, it
# is over more, in proportion: the line stays as calm as it was. By a round factor, so that it can be said.
CALM = 25.0
LINEAR_TOPS = (1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8)  # closer than 1, 2, 5, so that the curves fill the chart
ROUNDING = 1e-9  # limits of a chart carry rounding errors up to this share
# Steps between two dots from which they are drawn as dots; below, a line shows better how they follow each other.
SINGLE = 1.5
RAW_SHARE = 0.45  # of the run's colour in the colour of its single steps
TEST_MARKER, BEST_MARKER = "◇", "★"
COLUMNS_A_TEST = 4  # between two test losses, from which each gets its marker; else only the newest
# Lower ends of the accuracy axis.
FLOORS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
HOPELESS = 0.5  # a run that never gets here does not decide where the axis begins
EARLY = 0.1  # the share of epochs, the first ones, that may fall below the axis
# A knob that is turned in several notches, with no more than this share of the axis between them, gets one mark.
ONE_TURN = 0.03
AXIS_COLUMNS, AXIS_ROWS = 6, 2  # labels of a log axis with its line, and those below: what the curves cannot have
TITLE_MARGIN = 4  # columns of a chart that its frame's title cannot have
LEGEND_FROM = 10  # rows of the chart from which there is room for names


def look(state: TrainState, run: RunView, palette: Palette) -> tuple[Color, str]:
    """A run's colour and marker."""
    slot = state.slots[run.id]
    return palette.lanes[slot], MARKERS[slot]


def loss_title(state: TrainState, histories: Histories) -> str:
    """What the chart is, over what, and of which part of it."""
    drawn = drawn_histories(state, histories)
    title = "Train loss (log)" if state.log else "Train loss"
    if state.axis != "steps":
        title += f" over {axes.scale_of(state, drawn).unit}"
    if state.zoom is not None:
        return f"{title} · zoomed, 0 shows all"
    return f"{title} · last {axes.RECENT_EPOCHS} epochs" if state.recent and state.drawn else title


def drawn_span(state: TrainState, histories: Histories, width: int) -> int:
    """Over how many steps the bright curve is averaged in a chart so wide."""
    drawn = drawn_histories(state, histories)
    if state.span == 1 or not drawn:
        return state.span
    scale = axes.scale_of(state, drawn)
    closest = axes.part_of(drawn[0][1], scale, axes.limits(state, drawn, scale), plot_columns(width)).closest
    return state.span * _factor(closest / CALM)


def _factor(value: float) -> int:
    """The nearest of 1, 2, 5, 10, 20 and so on."""
    if value <= 1:
        return 1
    return int(round_nearest(value))


def plot_columns(width: int) -> int:
    """Columns of a chart so wide that its curves can have."""
    return max(width - AXIS_COLUMNS, 2)


def loss_legend(state: TrainState, histories: Histories, width: int) -> str:
    """What dots, lines and marks of a chart so wide mean, in as many columns as its title has."""
    drawn = drawn_histories(state, histories)
    if not drawn:
        return ""
    test = [f"{TEST_MARKER} test"] if drawn[0][1].epochs else []
    if state.span == 1:
        return " · ".join(["every step", *test])
    scale = axes.scale_of(state, drawn)
    part = axes.part_of(drawn[0][1], scale, axes.limits(state, drawn, scale), plot_columns(width))
    mean = f"mean of {drawn_span(state, histories, width):,}"
    long = " · ".join(["dots single steps" if part.closest > SINGLE else "faint every step", f"line {mean}", *test])
    return long if len(long) <= width - TITLE_MARGIN else " · ".join([mean, *test])


def loss(state: TrainState, histories: Histories, width: int, height: int, palette: Palette, empty: str) -> Cells:
    """The losses of the drawn runs, the selected one bold, with its raw and its test losses, and the cursor."""
    drawn = drawn_histories(state, histories)
    scale = axes.scale_of(state, drawn)
    shown = axes.limits(state, drawn, scale)
    series: list[Series] = []
    span = drawn_span(state, histories, width)
    for run, history in reversed(drawn):
        part = axes.part_of(history, scale, shown, plot_columns(width))
        series += _loss_series(state, run, history, scale, part, span, palette)
        if run.id == state.selected:
            series += _test_series(history, scale, shown, plot_columns(width), palette)
    cells = chart(
        series,
        width,
        height,
        palette,
        log_y=state.log,
        y_limits=_loss_limits(series, [history for _, history in drawn], shown, log=state.log),
        x_limits=shown,
        marks=_marks(state, drawn, scale, shown, palette),
        empty_text=empty,
    )
    if len(drawn) > 1 and height >= LEGEND_FROM and series:
        _write_legend(cells, state, drawn, palette)
    return cells


def _loss_series(
    state: TrainState, run: RunView, history: RunHistory, scale: Scale, part: axes.Part, span: int, palette: Palette
) -> list[Series]:
    color, marker = look(state, run, palette)
    chosen = run.id == state.selected
    found = []
    if chosen and span > 1:
        x, y = history.curve.samples(part.first, part.last, part.closest)
        dots = part.closest > SINGLE
        found.append(Series(scale.of(history, x), y, faded(color, palette), faint=True, scatter=dots))
    if span > 1:
        x, y = history.curve.averaged(span, part.first, part.last, part.closest)
    else:
        x, y = history.curve.extremes(part.first, part.last, part.closest)
    end = x[-1:], y[-1:]
    if history.diverged_at is not None:
        x, y = np.append(x, history.diverged_at), np.append(y, math.nan)
    found.append(Series(scale.of(history, x), y, color, bold=chosen, averaged=span > 1, label=run.id))
    # The run's marker at the end of its curve tells it from the others without colour.
    found.append(Series(scale.of(history, end[0]), end[1], color, bold=True, marker=marker))
    return found


def _test_series(history: RunHistory, scale: Scale, shown: Limits, columns: int, palette: Palette) -> list[Series]:
    """The test losses: a line of no run's colour, and a marker at each where there is room for that."""
    x, y = scale.of(history, history.epochs.steps), history.epochs.test_losses
    inside = np.flatnonzero((x >= shown[0]) & (x <= shown[1]) & np.isfinite(y))
    apart = (shown[1] - shown[0]) / columns * COLUMNS_A_TEST
    marked = inside if len(inside) < 2 or np.diff(x[inside]).mean() >= apart else inside[-1:]
    return [
        Series(x, y, palette.faint),
        Series(x[marked], y[marked], palette.foreground, bold=True, marker=TEST_MARKER),
    ]


def closer_looks(state: TrainState, histories: Histories, width: int) -> dict[str, list[tuple[int, int]]]:
    """By run the steps of long ago that a chart so wide shows, or the cursor reads, and that have to be read again."""
    drawn = drawn_histories(state, histories)
    scale = axes.scale_of(state, drawn)
    shown = axes.limits(state, drawn, scale)
    found: dict[str, list[tuple[int, int]]] = {}
    for run, history in drawn:
        part = axes.part_of(history, scale, shown, plot_columns(width))
        looks = [(part.first, part.last, part.closest)]
        if state.cursor is not None:
            step = axes.cursor_step(state, drawn, run, history, scale)
            looks.insert(0, (step, step, 0.0))
        wanted = (history.curve.missing_steps(*look) for look in looks)
        if steps := [each for each in wanted if each is not None]:
            found[run.id] = steps
    return found


def faded(color: Color, palette: Palette) -> Color:
    """The colour of raw losses: most of the way to the background."""
    return mix_oklab(palette.background, color, RAW_SHARE)


def _marks(state: TrainState, drawn: Drawn, scale: Scale, shown: Limits, palette: Palette) -> list[Mark]:
    """What was set on the way, where runs diverged, and the cursor."""
    if not drawn:
        return []
    run, history = drawn[0]
    found = []
    if state.cursor is not None:
        found.append(Mark(scale.at(history, state.cursor), "", palette.accent))
    width = shown[1] - shown[0]
    for x, text in told_changes(run, history, scale, ONE_TURN * width):
        found.append(Mark(x, text, palette.foreground))
    if history.diverged_at is not None:
        text = f"diverged at step {history.diverged_at:,}"
        found.append(Mark(scale.at(history, history.diverged_at), text, palette.states["diverged"]))
    return found


def told_changes(run: RunView, history: RunHistory, scale: Scale, apart: float) -> list[tuple[float, str]]:
    """Where hyperparameters changed, "lr 5e-4→2e-4"; turns of one knob that stand this near together are one change."""
    now = dict(run.spec.hyperparameters)
    found: list[tuple[float, Changed, float]] = []  # place, change, the value before
    for change in history.changes:
        x = scale.at(history, change.step)
        before = now.get(change.parameter, math.nan)
        now[change.parameter] = change.value
        if found and found[-1][1].parameter == change.parameter and x - found[-1][0] <= apart:
            before = found.pop()[2]
        found.append((x, change, before))
    return [(x, f"{c.parameter} {_short(before)}→{_short(c.value)}") for x, c, before in found]


def _short(value: float) -> str:
    """5e-4 and not 0.0005: the shorter of the two, as a person says it."""
    plain = format_number(value)
    digits, _, exponent = f"{value:e}".partition("e")
    scientific = f"{format_number(float(digits))}e{int(exponent)}" if math.isfinite(value) else plain
    return scientific if len(scientific) < len(plain) else plain


def _loss_limits(
    series: Sequence[Series], histories: Sequence[RunHistory], shown: Limits, *, log: bool
) -> Limits | None:
    """Round limits around the averages and the test losses; single steps and diverging ones may leave them."""
    known, raw = (_within([s for s in series if s.faint == faint], shown) for faint in (False, True))
    if not len(known):
        return None
    highest = max(float(known.max()), float(np.quantile(raw, SEEN_RAW)) if len(raw) else 0.0)
    starts = [history.curve.first for history in histories if math.isfinite(history.curve.first)]
    top = min(highest, HIGHEST_RISE * max([*starts, math.log(10)]))
    low = min(max(float(known.min()) / DEEPEST_RAW, LOWEST_LOSS), FIRST_LOW, top / 2)
    if not log:
        return 0.0, float(round_up(top, LINEAR_TOPS, slack=ROUNDING))
    return float(round_down(low, slack=ROUNDING)), float(round_up(top, slack=ROUNDING))


def _within(series: Sequence[Series], shown: Limits) -> NDArray[np.float64]:
    """(N,) their values within these limits of x, as far as a log axis can show them."""
    inside = np.concatenate([np.empty(0), *(s.y[(s.x >= shown[0]) & (s.x <= shown[1])] for s in series)])
    return np.asarray(inside[np.isfinite(inside) & (inside > 0)])


def _write_legend(cells: Cells, state: TrainState, drawn: Drawn, palette: Palette) -> None:
    """The names of the runs in the first corner that is empty, where there is one: they are never over a curve."""
    size, rows = max(len(run.id) for run, _ in drawn) + 4, len(drawn)
    left, top = AXIS_COLUMNS + 1, cells.height - AXIS_ROWS - rows
    right = cells.width - size
    if right <= cells.width // 2 or top <= cells.height // 2:
        return
    for row, column in ((0, right), (top, left), (top, right), (0, left)):
        if (cells.glyph[row : row + rows, column : column + size] == ord(" ")).all():
            for i, (run, _) in enumerate(drawn):
                color, marker = look(state, run, palette)
                cells.put(row + i, column + 1, f"{marker} {run.id}", color, bold=run.id == state.selected)
            return


def best_words(history: RunHistory | None) -> str:
    """The best accuracy and where it was."""
    best = history.best if history else None
    return f"{BEST_MARKER} best {best.test_accuracy:.2%} at epoch {best.epoch}" if best else ""


def accuracy_title(state: TrainState, histories: Histories) -> str:
    """What the chart is, and over what."""
    unit = axes.scale_of(state, drawn_histories(state, histories)).unit if state.axis == "time" else "epochs"
    return f"Test accuracy over {unit}"


def accuracy(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The test accuracy of the drawn runs over their epochs, each with its marker at the newest, and the best one."""
    drawn = [(run, history) for run, history in drawn_histories(state, histories) if history.epochs]
    scale = axes.scale_of(state, drawn) if state.axis == "time" else Scale("epochs", "epochs")
    shown = _accuracy_limits(state, drawn, scale)
    series, values = [], []
    for run, history in reversed(drawn):
        color, marker = look(state, run, palette)
        x, y = scale.of(history, history.epochs.steps), history.epochs.test_accuracies
        bold = run.id == state.selected
        series += [Series(x, y, color, bold=bold), Series(x[-1:], y[-1:], color, bold=True, marker=marker)]
        inside = (x >= shown[0]) & (x <= shown[1]) & np.isfinite(y)
        values.append(y[inside])
        best = history.best
        if bold and best is not None and best.step != history.epochs[-1].step:
            at, value = np.array([scale.at(history, best.step)]), np.array([best.test_accuracy])
            series.append(Series(at, value, palette.accent, bold=True, marker=BEST_MARKER))
    marks = []
    if state.cursor is not None and drawn and drawn[0][0].id == state.selected:
        marks.append(Mark(scale.at(drawn[0][1], state.cursor), "", palette.accent))
    return chart(
        series,
        width,
        height,
        palette,
        y_limits=(_floor(values), 1.0),
        x_limits=shown,
        marks=marks,
        percent=True,
        empty_text="comes after each epoch",
    )


def _accuracy_limits(state: TrainState, drawn: Drawn, scale: Scale) -> Limits:
    if state.zoom is not None and drawn:
        if state.axis != "steps":
            return state.zoom
        return scale.at(drawn[0][1], state.zoom[0]), scale.at(drawn[0][1], state.zoom[1])
    if scale.axis == "time":
        return axes.limits(state, drawn, scale)
    last = max((history.epochs[-1].epoch for _, history in drawn), default=1)
    planned = max((run.spec.epochs for run, _ in drawn if run.alive), default=last)
    if state.recent and last > RECENT_ACCURACIES:
        edge = float(math.ceil(last / RECENT_JUMP) * RECENT_JUMP)
        return edge - RECENT_ACCURACIES, edge
    right = float(min(next((e for e in (5, 10, 15, 20, 30, 40, 50) if e >= last), math.ceil(last / 50) * 50), planned))
    return 0.0, max(right, float(last), 2.0)


def _floor(runs: Sequence[NDArray[np.float64]]) -> float:
    """Where the accuracy axis begins: below all that the runs that learn have reached, but for their first epochs."""
    hopeful = [y for y in runs if len(y) and y.max() >= HOPELESS] or [y for y in runs if len(y)]
    low = min((float(y[int(EARLY * len(y)) :].min()) for y in hopeful), default=0.0)
    return max(floor for floor in FLOORS if floor <= max(low, 0.0))


def test_loss(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The test losses of the drawn runs over their epochs, each with its marker at the newest."""
    drawn = [(run, history) for run, history in drawn_histories(state, histories) if history.epochs]
    series = []
    for run, history in reversed(drawn):
        color, marker = look(state, run, palette)
        x, y = history.epochs.numbers, history.epochs.test_losses
        series += [
            Series(x, y, color, bold=run.id == state.selected),
            Series(x[-1:], y[-1:], color, bold=True, marker=marker),
        ]
    zoomless = _accuracy_limits(state, drawn, Scale("epochs", "epochs")) if state.zoom is None else None
    return chart(
        series, width, height, palette, log_y=state.log, x_limits=zoomless, empty_text="comes after each epoch"
    )
