"""The picture of `adam-tui runs plot`: the training losses of some runs in one chart, with a table of the runs below.

The chart itself is `draw.chart`, the curves are those of `history`; here is decided what is drawn. numpy, no Textual.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from adam_tui.draw.cells import Cells, Color, stack
from adam_tui.draw.chart import Mark, Series, chart
from adam_tui.draw.color import mix_oklab
from adam_tui.draw.palette import Palette
from adam_tui.engine.numbers import format_number, round_down, round_nearest, round_up
from adam_tui.history.metrics_reader import MetricsReader
from adam_tui.history.run_history import RunHistory
from adam_tui.runs.run import Run

AVERAGED_STEPS = 50  # of the line, or more where a column stands for more steps
CALM_COLUMNS = 2  # the line is averaged over at least so many columns
HIGHEST_RISE = 4.0  # times the first loss: a curve above is off the scale, so that the others can be seen
RAW_SHARE = 0.45  # of the run's colour in the colour of its single steps
COLUMNS_PER_TEST = 4  # between two test losses that are marked
TEST_MARKER = "◇"
MIN_CHART_ROWS = 4
INDENT, GAP = 3, 2  # of the table: columns for the marker, and between two columns of text
FIRST_NUMBER = 3  # from this column of the table on the text is right-aligned


def read_history(run: Run) -> RunHistory:
    """All that a run has written. Raises OSError where its metrics cannot be read."""
    reader, history = MetricsReader(run, whole=True), RunHistory()
    while (records := reader.poll()) is not None:
        history.fold(records)
    return history


def still(runs: Sequence[Run], width: int, height: int, palette: Palette) -> Cells:
    """Draw the runs as one picture: a title, the chart of their losses, and a row for each.

    Of a single run the chart also shows the single steps and the test losses. Raises ValueError for a run whose
    specification cannot be read.
    """
    histories = [read_history(run) for run in runs]
    columns = max(width, 1)
    steps = max((len(history.curve) for history in histories), default=0)
    span = _averaged_steps(steps / columns)
    curves = [_curves(history, i, span, columns, palette) for i, history in enumerate(histories)]
    series = [line for line, _ in curves] + [end for _, end in curves]  # no line covers the marker of another run
    marks: list[Mark] = []
    if len(runs) == 1:
        [history] = histories
        series = _single_steps(history, columns, palette) + series + _test_losses(history, columns, palette)
        if (step := history.diverged_at) is not None:
            marks.append(Mark(step, f"diverged at step {step:,}", palette.states["diverged"]))
    limits = _limits(series, histories)
    title = Cells.blank(width, 1, palette.foreground, palette.background)
    title.put(0, 1, "Training loss (log)", palette.foreground, bold=True)
    tests = f", {TEST_MARKER} {runs[0].spec().measured_on} loss" if len(runs) == 1 and histories[0].epochs else ""
    title.put(0, 22, f"over steps · line: mean of {span:,}{tests}", palette.foreground)
    table = _table(runs, histories, limits[1] if limits else math.inf, width, palette)
    rows = max(height - table.height - 1, MIN_CHART_ROWS)
    picture = chart(series, width, rows, palette, log_y=True, y_limits=limits, marks=marks, empty_text="no losses yet")
    return stack((title, picture, table))


def _averaged_steps(steps_per_column: float) -> int:
    """The number of steps that a line is averaged over: a round one, and at least the columns that keep it calm."""
    calm = steps_per_column * CALM_COLUMNS
    return AVERAGED_STEPS if calm <= AVERAGED_STEPS else int(round_nearest(calm))


def _curves(history: RunHistory, place: int, span: int, columns: int, palette: Palette) -> tuple[Series, Series]:
    """The averaged losses of a run, with its marker at the end; ✕ where it diverged."""
    color, marker = palette.lane(place)
    steps = len(history.curve)
    x, y = history.curve.averaged(span, 1, steps, steps / columns)
    end = Series(x[-1:], y[-1:], color, bold=True, marker=marker)
    if history.diverged_at is not None:
        x, y = np.append(x, history.diverged_at), np.append(y, math.nan)
    return Series(x, y, color, averaged=True), end


def _single_steps(history: RunHistory, columns: int, palette: Palette) -> list[Series]:
    steps = len(history.curve)
    x, y = history.curve.samples(1, steps, steps / columns)
    color: Color = mix_oklab(palette.background, palette.lane(0)[0], RAW_SHARE)
    return [Series(x, y, color, faint=True, scatter=True)]


def _test_losses(history: RunHistory, columns: int, palette: Palette) -> list[Series]:
    """The test losses as markers, as many as have room, the newest always."""
    x, y = history.epochs.steps, history.epochs.losses
    stride = max(math.ceil(len(x) * COLUMNS_PER_TEST / columns), 1)
    kept = np.arange(len(x) - 1, -1, -stride)[::-1]
    return [Series(x[kept], y[kept], palette.foreground, bold=True, marker=TEST_MARKER)]


def _limits(series: Sequence[Series], histories: Sequence[RunHistory]) -> tuple[float, float] | None:
    """Round limits around the lines and the test losses. A diverging run leaves them at the top."""
    values = np.concatenate([np.empty(0), *(each.y for each in series if not each.faint)])
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return None
    starts = [history.curve.first for history in histories if math.isfinite(history.curve.first)]
    top = min(float(values.max()), HIGHEST_RISE * max([*starts, math.log(10)]))
    low = min(float(values.min()), top / 2)
    return float(round_down(low)), float(round_up(top))


def _table(runs: Sequence[Run], histories: Sequence[RunHistory], top: float, width: int, palette: Palette) -> Cells:
    """A row for each run: marker, id, state, optimizer, lr, epochs, last loss, best accuracy."""
    rows = [("run", "state", "optimizer", "lr", "epochs", "loss", "best")]
    for run, history in zip(runs, histories, strict=True):
        spec, best = run.spec(), history.best
        loss = format_number(float(f"{history.last_loss:.3g}")) if history.step else "–"
        rate = history.settings(spec).get("lr")
        lr = "–" if rate is None else format_number(rate)
        accuracy = f"{best.accuracy:.2%}" if best else "–"
        state = "diverged" if history.diverged_at is not None else run.status().label
        state += " ▲ off scale" if history.last_loss > top else ""
        rows.append(
            (
                run.label().drawn_name or run.id,
                state,
                spec.optimizer_label,
                lr,
                f"{len(history.epochs)}/{spec.epochs}",
                loss,
                accuracy,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while len(widths) > 1 and sum(widths) + GAP * (len(widths) - 1) + INDENT > width:
        widths.pop()  # a column that does not fit as a whole
    cells = Cells.blank(width, len(rows), palette.foreground, palette.background)
    for i, row in enumerate(rows):
        sized = list(zip(row, widths, strict=False))
        text = [text.ljust(size) for text, size in sized[:FIRST_NUMBER]]
        text += [text.rjust(size) for text, size in sized[FIRST_NUMBER:]]
        cells.put(i, INDENT, (" " * GAP).join(text), palette.faint if i == 0 else palette.foreground)
        if i:
            color, marker = palette.lane(i - 1)
            cells.put(i, 1, marker, color, bold=True)
            cells.put(i, INDENT, row[0], color, bold=True)
    return cells
