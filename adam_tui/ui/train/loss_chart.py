"""The chart of the training losses: which curves it has, between which limits, and what is written on it.

The drawing itself is `draw.chart`; here the histories of the runs become series, marks and limits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.chart import Mark, Series, chart
from adam_tui.draw.color import mix_oklab
from adam_tui.draw.elements import shorten
from adam_tui.draw.palette import Palette
from adam_tui.engine.numbers import round_down, round_nearest, round_up
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Changed
from adam_tui.ui.train import axes
from adam_tui.ui.train.axes import Histories, Limits, Scale, XAxis
from adam_tui.ui.train.labels import curve_style, differences, run_style, short_number, titled
from adam_tui.ui.train.state import TrainState

# Above so many times its first loss a curve is on its way to infinity, and need not be seen whole, unless most of every
# drawn curve is there.
HIGHEST_RISE = 4.0
HIGHEST_LOSS = 1e300  # a limit beyond it could not be rounded
OFF_SCALE = 1.001  # times the upper end of the axis, from which a curve is not on the upper edge but above the chart
# The log axis begins here or below: a loss falls so far within the first hundred steps.
FIRST_LOW = 0.1
LOWEST_LOSS = 1e-6
# Single steps scatter over decades. Below the lowest average they are shown down to this factor of it: a limit from a
# share of them would rise and fall, and the whole chart with it. Above the averages they scatter less and matter more:
# the upper limit holds this share of them, and the others are drawn on the upper edge.
DEEPEST_RAW, SEEN_RAW = 3.0, 0.9
# Up to this many steps between two dots, the average is over as many steps as the user chose. With more steps between
# two dots it is over more, in proportion, so that the line stays calm. The factor is round, for the legend.
CALM = 25.0
LINEAR_TOPS = (1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8)  # closer than 1, 2, 5, so that the curves fill the chart
ROUNDING = 1e-9  # limits of a chart carry rounding errors up to this share
# From this many steps between two dots on, single steps are drawn as dots; below, a line shows their order better.
SINGLE = 1.5
RAW_SHARE = 0.45  # of the run's colour in the colour of its single steps
TEST_MARKER = "◇"
COLUMNS_A_TEST = 4  # between two markers of test losses, at least: the training line is to be seen between them
# A knob that is turned in several notches, with no more than this share of the axis between them, gets one mark.
ONE_CHANGE = 0.03
AXIS_COLUMNS, AXIS_ROWS = 6, 2  # labels of a log axis with its line, and those below: the curves have the rest
TITLE_MARGIN = 4  # columns of a chart that its frame's title cannot have
LONGEST_NAME = 32  # columns of a name with its settings in the chart
NAMES_FROM = 10  # rows of the chart from which there is room for the names of the runs


def plot_columns(width: int) -> int:
    """The columns of the curves in a chart of this width."""
    return max(width - AXIS_COLUMNS, 2)


def title(state: TrainState, histories: Histories) -> str:
    """The title: the loss, the unit of the x axis, and which part of it is shown."""
    text = "Train loss (log)" if state.log else "Train loss"
    if state.axis != "steps":
        text += f" over {axes.x_scale(state, axes.drawn_histories(state, histories)).unit}"
    if state.zoom is not None:
        return f"{text} · zoomed, 0 shows all"
    return f"{text} · last {axes.RECENT_EPOCHS} epochs" if state.recent and state.drawn else text


def legend(state: TrainState, histories: Histories, width: int) -> str:
    """The meaning of dots, lines and markers in a chart of this width; as short as its frame needs it."""
    axis = axes.x_axis(state, histories, plot_columns(width))
    if not axis.drawn:
        return ""
    history = axis.drawn[0][1]
    test = [f"{TEST_MARKER} {axis.drawn[0][0].spec.measured_on}"] if history.epochs else []
    if state.span == 1:
        return " · ".join(["every step", *test])
    mean = f"mean of {_averaged_steps(state, axis):,}"
    single = "dots single steps" if axis.visible(history).steps_per_dot > SINGLE else "faint every step"
    text = " · ".join([single, f"line {mean}", *test])
    return text if len(text) <= width - TITLE_MARGIN else " · ".join([mean, *test])


def averaged_steps(state: TrainState, histories: Histories, width: int) -> int:
    """The number of steps that the bright curve is averaged over in a chart of this width."""
    return _averaged_steps(state, axes.x_axis(state, histories, plot_columns(width)))


def _averaged_steps(state: TrainState, axis: XAxis) -> int:
    if state.span == 1 or not axis.drawn:
        return state.span
    factor = axis.visible(axis.drawn[0][1]).steps_per_dot / CALM
    return state.span * (int(round_nearest(factor)) if factor > 1 else 1)


def draw(state: TrainState, histories: Histories, width: int, height: int, palette: Palette, empty: str) -> Cells:
    """The losses of the drawn runs, of the selected one also the single steps and test losses; `empty` without any."""
    axis = axes.x_axis(state, histories, plot_columns(width))
    series: list[Series] = []
    span = _averaged_steps(state, axis)
    for run, history in reversed(axis.drawn):
        series += _run_series(state, run, history, axis, span, palette)
        if run.id == state.selected:
            series.append(_test_series(history, axis, palette))
    limits = _loss_limits(series, [history for _, history in axis.drawn], axis.limits, log=state.log)
    cells = chart(
        series,
        width,
        height,
        palette,
        log_y=state.log,
        y_limits=limits,
        x_limits=axis.limits,
        marks=_marks(state, axis, palette),
        empty_text=empty,
    )
    if limits is not None:
        above = [curve for curve in series if curve.label and _ends_above(curve, axis.limits, limits[1])]
        runs = {run.id: run for run, _ in axis.drawn}
        styles = [(runs[curve.label].title, *run_style(state, runs[curve.label], palette)) for curve in above]
        texts = [(f"off scale ↑ {marker} {name}", color) for name, color, marker in styles]
        write_off_scale(cells, texts, range(height - AXIS_ROWS))
    if len(axis.drawn) > 1 and height >= NAMES_FROM and series:
        _write_names(cells, state, axis, palette)
    return cells


def _ends_above(curve: Series, shown: Limits, top: float) -> bool:
    """Whether the newest value of a curve that does not diverge is above the chart."""
    visible = curve.y[(curve.x >= shown[0]) & (curve.x <= shown[1])]
    return bool(len(visible)) and bool(np.isfinite(visible[-1])) and float(visible[-1]) > top * OFF_SCALE


def write_off_scale(cells: Cells, texts: Sequence[tuple[str, Color]], rows: Sequence[int]) -> None:
    """Write texts about curves outside a chart at its right edge, each in the first of these rows that is free."""
    for text, color in texts:
        start = max(cells.width - len(text), 0)
        free = (row for row in rows if (cells.glyph[row, start:] == ord(" ")).all())
        cells.put(next(free, rows[0] if rows else 0), start, text, color, bold=True)


def _run_series(
    state: TrainState, run: RunView, history: RunHistory, axis: XAxis, span: int, palette: Palette
) -> list[Series]:
    """The averaged curve of a run with its marker at the end, and of the selected run the single steps."""
    color, marker = run_style(state, run, palette)
    selected = run.id == state.selected
    visible = axis.visible(history)
    steps = visible.first, visible.last, visible.steps_per_dot
    series = []
    if selected and span > 1:
        x, y = history.curve.samples(*steps)
        dots = visible.steps_per_dot > SINGLE
        series.append(Series(axis.scale.positions(history, x), y, faded(color, palette), faint=True, scatter=dots))
    x, y = history.curve.averaged(span, *steps) if span > 1 else history.curve.extremes(*steps)
    end = x[-1:], y[-1:]
    if history.diverged_at is not None:
        x, y = np.append(x, history.diverged_at), np.append(y, math.nan)
    positions = axis.scale.positions(history, x)
    series.append(Series(positions, y, averaged=span > 1, label=run.id, **curve_style(state, run, palette)))
    # The run's marker at the end of its curve distinguishes it from the others without colour.
    series.append(Series(axis.scale.positions(history, end[0]), end[1], color, bold=True, marker=marker))
    return series


def _test_series(history: RunHistory, axis: XAxis, palette: Palette) -> Series:
    """The test losses as markers in no run's colour: of every epoch that has room, and of the newest.

    A line would cover the training losses. The marked epochs are multiples of a round number, so that they stay.
    """
    epochs = history.epochs
    x, y = axis.scale.positions(history, epochs.steps), epochs.losses
    low, high = axis.limits
    inside = (x >= low) & (x <= high) & np.isfinite(y)
    columns = axis.columns * (x[inside][-1] - x[inside][0]) / (high - low) if inside.sum() > 1 else math.inf
    every = int(round_up(max(COLUMNS_A_TEST * (inside.sum() - 1) / max(columns, 1.0), 1.0)))
    shown = inside & (epochs.numbers % every == 0)
    shown[np.flatnonzero(inside)[-1:]] = True
    return Series(x[shown], y[shown], palette.foreground, bold=True, marker=TEST_MARKER)


def faded(color: Color, palette: Palette) -> Color:
    """The colour of single steps: most of the way to the background."""
    return mix_oklab(palette.background, color, RAW_SHARE)


def _loss_limits(
    series: Sequence[Series], histories: Sequence[RunHistory], shown: Limits, *, log: bool
) -> Limits | None:
    """Round limits around the averages and the test losses; single steps and diverging ones may leave them."""
    known, raw = (_positive_values([s for s in series if s.faint == faint], shown) for faint in (False, True))
    if not len(known):
        return None
    highest = min(max(float(known.max()), float(np.quantile(raw, SEEN_RAW)) if len(raw) else 0.0), HIGHEST_LOSS)
    starts = [history.curve.first for history in histories if math.isfinite(history.curve.first)]
    usual = HIGHEST_RISE * max([*starts, math.log(10)])
    curves = [_positive_values([curve], shown) for curve in series if curve.label]
    if all((curve > usual).mean() > 0.5 for curve in curves if len(curve)):
        top, low = highest, max(min(float(known.min()), usual) / DEEPEST_RAW, LOWEST_LOSS)
    else:
        top = min(highest, usual)
        low = min(max(float(known.min()) / DEEPEST_RAW, LOWEST_LOSS), FIRST_LOW, top / 2)
    if not log:
        return 0.0, float(round_up(top, LINEAR_TOPS, slack=ROUNDING))
    return float(round_down(low, slack=ROUNDING)), float(round_up(top, slack=ROUNDING))


def _positive_values(series: Sequence[Series], shown: Limits) -> NDArray[np.float64]:
    """(N,) the values within these limits of x that a log axis can show."""
    inside = np.concatenate([np.empty(0), *(s.y[(s.x >= shown[0]) & (s.x <= shown[1])] for s in series)])
    return np.asarray(inside[np.isfinite(inside) & (inside > 0)])


def _marks(state: TrainState, axis: XAxis, palette: Palette) -> list[Mark]:
    """The cursor, and of the selected run the changes of settings and the divergence."""
    if not axis.drawn:
        return []
    run, history = axis.drawn[0]
    marks = []
    if state.cursor is not None:
        marks.append(Mark(axis.scale.position(history, state.cursor), "", palette.accent))
    apart = ONE_CHANGE * (axis.limits[1] - axis.limits[0])
    marks += [Mark(x, text, palette.foreground) for x, text in setting_changes(run, history, axis.scale, apart)]
    if history.diverged_at is not None:
        text = f"diverged at step {history.diverged_at:,}"
        marks.append(Mark(axis.scale.position(history, history.diverged_at), text, palette.states["diverged"]))
    return marks


def setting_changes(run: RunView, history: RunHistory, scale: Scale, apart: float) -> list[tuple[float, str]]:
    """The positions at which hyperparameters changed, "lr 5e-4→2e-4"; changes of one that are so near become one."""
    now = dict(run.spec.hyperparameters)
    merged: list[tuple[float, Changed, float]] = []  # position, change, the value before
    for change in history.changes:
        x = scale.position(history, change.step)
        before = now.get(change.parameter, math.nan)
        now[change.parameter] = change.value
        if merged and merged[-1][1].parameter == change.parameter and x - merged[-1][0] <= apart:
            before = merged.pop()[2]
        merged.append((x, change, before))
    return [(x, f"{c.parameter} {short_number(before)}→{short_number(c.value)}") for x, c, before in merged]


def _write_names(cells: Cells, state: TrainState, axis: XAxis, palette: Palette) -> None:
    """Write the names of the runs with the settings that differ into an empty corner: they never cover a curve."""
    runs = [run for run, _ in axis.drawn]
    texts = differences(runs)
    names = {run.id: shorten(titled(run, texts), LONGEST_NAME) for run in runs}
    size, rows = max(map(len, names.values())) + 4, len(runs)
    left, top = AXIS_COLUMNS + 1, cells.height - AXIS_ROWS - rows
    right = cells.width - size
    if right <= cells.width // 2 or top <= cells.height // 2:
        return
    for row, column in ((0, right), (top, left), (top, right), (0, left)):
        if (cells.glyph[row : row + rows, column : column + size] == ord(" ")).all():
            for i, run in enumerate(runs):
                color, marker = run_style(state, run, palette)
                cells.put(row + i, column + 1, f"{marker} {names[run.id]}", color, bold=run.id == state.selected)
            return


def steps_to_reread(state: TrainState, histories: Histories, width: int) -> dict[str, list[tuple[int, int]]]:
    """By run, the first and last steps whose losses are no longer kept and that this chart or the cursor needs."""
    axis = axes.x_axis(state, histories, plot_columns(width))
    needed: dict[str, list[tuple[int, int]]] = {}
    for run, history in axis.drawn:
        visible = axis.visible(history)
        ranges = [(visible.first, visible.last, visible.steps_per_dot)]
        if state.cursor is not None:
            step = axis.cursor_step(state, run, history)
            ranges.insert(0, (step, step, 0.0))
        wanted = (history.curve.missing_steps(*steps) for steps in ranges)
        if missing := [steps for steps in wanted if steps is not None]:
            needed[run.id] = missing
    return needed
