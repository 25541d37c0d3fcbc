"""The two charts of the training screen: which curves, over which steps, between which limits.

Limits move in jumps, not with every step: a chart that is rescaled four times a second can neither be read nor sent
over a slow line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.chart import ChartStyle, Mark, Series, chart
from adam_tui.draw.palette import MARKERS, Palette, from_oklab, to_oklab
from adam_tui.ui.train.history import RunHistory
from adam_tui.ui.train.state import RunView, TrainState

Histories = Mapping[str, RunHistory]

# Where the right edge stands while a run grows: it moves when the curve reaches it, by a half or so.
EDGES = (1.0, 1.5, 2.5, 4.0, 6.0, 10.0)
LEAST_STEPS = 150
RECENT_EPOCHS = 2  # of losses; the accuracy, one point an epoch, shows more
RECENT_ACCURACIES = 10
RECENT_JUMPS = 8  # jumps in which the recent window moves by its own width
# Above so many times its first loss a curve is on its way to infinity, and need not be seen whole.
HIGHEST_RISE = 4.0
# The log axis begins here or below: so far falls a loss within the first hundred steps.
FIRST_LOW = 0.1
LOWEST_LOSS = 1e-6
# Raw losses scatter over decades: so far below the lowest average they are shown. A share of the raw ones themselves
# would be nearer to the data, but goes up and down, and with it the whole chart.
DEEPEST_RAW = 3.0
LOG_ENDS = (1.0, 2.0, 5.0, 10.0)
LINEAR_TOPS = (1.0, 1.2, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
RAW_SHARE = 0.35  # of the run's colour in the colour of its raw losses
TEST_MARKER = "◇"
# Lower ends of the accuracy axis.
FLOORS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
HOPELESS = 0.5  # a run that never gets here does not decide where the axis begins
EARLY = 0.1  # the share of epochs, the worst ones, that may fall below the axis


def look(state: TrainState, run: RunView, palette: Palette) -> tuple[Color, str]:
    """A run's colour and marker."""
    slot = state.slots[run.id]
    return palette.lanes[slot], MARKERS[slot]


def loss_title(state: TrainState) -> str:
    """What the chart is, and of which steps."""
    title = "Train loss (log)" if state.log else "Train loss"
    return f"{title} · last {RECENT_EPOCHS} epochs" if state.recent and state.drawn else title


def loss_legend(state: TrainState, histories: Histories, width: int) -> str:
    """What faint, bright and marks mean, in at most so many columns."""
    chosen = histories.get(state.selected or "")
    test = [f"{TEST_MARKER} test"] if chosen and chosen.epochs else []
    if state.span == 1:
        return " · ".join(["every step", *test])
    long = " · ".join(["raw faint", f"mean of {state.span} bright", *test])
    return long if len(long) <= width else " · ".join([f"mean of {state.span}", *test])


def loss(state: TrainState, histories: Histories, width: int, height: int, palette: Palette, empty: str) -> Cells:
    """The losses of the drawn runs over their steps, the selected one bold, with its raw and its test losses."""
    drawn = [(run, histories[run.id]) for run in state.drawn if run.id in histories]
    steps = _step_limits(state, drawn)
    series: list[Series] = []
    for run, history in reversed(drawn):
        series += _loss_series(state, run, history, int(steps[0]) + 1, palette)
    return chart(
        series,
        width,
        height,
        chart_style(palette),
        log_y=state.log,
        y_limits=_loss_limits(series, [history for _, history in drawn], log=state.log),
        x_limits=steps,
        marks=_changes(histories.get(state.selected or ""), palette),
        empty_text=empty,
    )


def _loss_series(state: TrainState, run: RunView, history: RunHistory, first: int, palette: Palette) -> list[Series]:
    color, _ = look(state, run, palette)
    chosen = run.id == state.selected
    found = []
    if chosen and state.span > 1:
        x, y = history.curve.points(1, first)
        found.append(Series(x, y, faded(color, palette), faint=True))
    x, y = history.curve.points(state.span, first)
    if history.diverged_at is not None:
        x, y = np.append(x, history.diverged_at), np.append(y, math.nan)
    found.append(Series(x, y, color, bold=chosen, label=run.id))
    epochs = [epoch for epoch in history.epochs if epoch.step >= first]
    if chosen and epochs:
        x = np.array([epoch.step for epoch in epochs], np.float64)
        y = np.array([epoch.test_loss for epoch in epochs])
        found.append(Series(x, y, palette.foreground, bold=True, marker=TEST_MARKER))
    return found


def faded(color: Color, palette: Palette) -> Color:
    """The colour of raw losses: most of the way to the background."""
    r, g, b = from_oklab((1 - RAW_SHARE) * to_oklab(palette.background) + RAW_SHARE * to_oklab(color)).tolist()
    return r, g, b


def _changes(history: RunHistory | None, palette: Palette) -> list[Mark]:
    if history is None:
        return []
    return [Mark(change.step, f"{change.parameter} {change.value:g}", palette.faint) for change in history.changes]


def _step_limits(state: TrainState, drawn: Sequence[tuple[RunView, RunHistory]]) -> tuple[float, float]:
    """The steps that the chart shows: all, or those of the last epochs of the selected run."""
    history = drawn[0][1] if drawn else None
    span = RECENT_EPOCHS * (history.steps_per_epoch or LEAST_STEPS) if history else 0
    if state.recent and history and len(history.curve) > span:
        jump = max(span / RECENT_JUMPS, 1.0)
        edge = math.ceil(len(history.curve) / jump) * jump
        return edge - span, edge
    return 0.0, max((_edge(run, history) for run, history in drawn), default=0.0) or LEAST_STEPS


def _edge(run: RunView, history: RunHistory) -> float:
    """Where one run's curve may end: at its last step when it is over, else some way ahead of it."""
    steps = max(history.step, len(history.curve))
    if not run.alive:
        return float(steps)
    decade = 10.0 ** math.floor(math.log10(max(steps, LEAST_STEPS)))
    ahead = next(edge * decade for edge in EDGES if edge * decade >= max(steps, LEAST_STEPS))
    return min(ahead, history.total_steps or ahead)


def _loss_limits(series: Sequence[Series], histories: Sequence[RunHistory], *, log: bool) -> tuple[float, float] | None:
    """Round limits around the averages and the test losses; raw losses and diverging ones may leave them."""
    known = np.concatenate([s.y[np.isfinite(s.y) & (s.y > 0)] for s in series if not s.faint] or [np.empty(0)])
    if not len(known):
        return None
    starts = [float(losses[0]) for h in histories if len(losses := h.curve.losses) and math.isfinite(losses[0])]
    top = min(float(known.max()), HIGHEST_RISE * max([*starts, math.log(10)]))
    low = min(max(float(known.min()) / DEEPEST_RAW, LOWEST_LOSS), FIRST_LOW, top / 2)
    if not log:
        return 0.0, _rounded(top, LINEAR_TOPS, up=True)
    return _rounded(low, LOG_ENDS, up=False), _rounded(top, LOG_ENDS, up=True)


def _rounded(value: float, mantissas: Sequence[float], *, up: bool) -> float:
    """The next of the mantissas × 10ⁿ; they begin with 1 and end with 10."""
    decade = 10.0 ** math.floor(math.log10(value))
    steps = [m * decade for m in mantissas]
    return next(s for s in steps if s >= value * (1 - 1e-9)) if up else max(s for s in steps if s <= value * (1 + 1e-9))


def accuracy(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The test accuracy of the drawn runs over their epochs, each with its marker at the newest."""
    drawn = [(run, histories[run.id]) for run in state.drawn if run.id in histories and histories[run.id].epochs]
    last = max((history.epochs[-1].epoch for _, history in drawn), default=1)
    planned = max((run.spec.epochs for run, _ in drawn if run.alive), default=last)
    right = float(min(next((e for e in (5, 10, 15, 20, 30, 40, 50) if e >= last), math.ceil(last / 50) * 50), planned))
    right = max(right, float(last), 2.0)
    left = max(right - RECENT_ACCURACIES, 0.0) if state.recent else 0.0
    series, values = [], []
    for run, history in reversed(drawn):
        color, marker = look(state, run, palette)
        x = np.array([epoch.epoch for epoch in history.epochs], np.float64)
        y = np.array([epoch.test_accuracy for epoch in history.epochs])
        bold = run.id == state.selected
        series += [Series(x, y, color, bold=bold), Series(x[-1:], y[-1:], color, bold=True, marker=marker)]
        values.append(y[(x >= left) & np.isfinite(y)])
    return chart(
        series,
        width,
        height,
        chart_style(palette),
        y_limits=(_floor(values), 1.0),
        x_limits=(left, right),
        percent=True,
        empty_text="comes after each epoch",
    )


def _floor(runs: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]) -> float:
    """Where the accuracy axis begins: below nearly all of what the runs that learn have reached."""
    hopeful = [y for y in runs if len(y) and y.max() >= HOPELESS] or [y for y in runs if len(y)]
    if not hopeful:
        return 0.0
    low = float(np.quantile(np.concatenate(hopeful), EARLY, method="lower"))
    return max(floor for floor in FLOORS if floor <= max(low, 0.0))


def chart_style(palette: Palette) -> ChartStyle:
    """The palette's colours for a chart."""
    return ChartStyle(background=palette.background, foreground=palette.foreground, faint=palette.axis)
