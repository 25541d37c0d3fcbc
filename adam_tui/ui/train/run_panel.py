"""The panels about the selected run: its figures and notes, the values under the cursor, and the progress line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from adam_tui.draw import run_panels as drawings
from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.elements import text_row, wrap
from adam_tui.draw.palette import Palette, marker
from adam_tui.draw.run_panels import Bar, CursorRow, Statistic, cursor_table
from adam_tui.engine.numbers import format_duration
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import LOST, QUEUED
from adam_tui.runs.status import KILLED_FROM_OUTSIDE, PROCESS_GONE
from adam_tui.ui.train.axes import Histories, x_axis
from adam_tui.ui.train.labels import (
    differences,
    elapsed_seconds,
    loss_text,
    measured_on,
    resource_usage,
    run_style,
    short_loss_text,
    speed_text,
    state_reason,
    state_text,
    state_word,
    test_text,
    titled,
)
from adam_tui.ui.train.state import TrainState

# The labels of the loss after each epoch, by the images that it was measured on.
MEASURED = {"test": ("test loss", "test"), "validation": ("validation", "valid")}
PACE_FROM = 72  # columns of the progress line from which it shows the images per second
SHORT_REASON = 30  # columns of a reason that leave room for a key in two lines of the narrowest panel
LOADING = "loading torch and the data…"
FACTS = "Training runs in the background and continues after you quit"

Note = tuple[str, Color]  # a text below the figures, and its colour


def title(state: TrainState, histories: Histories) -> str:
    """The selected run with its marker and its state, or the place of the cursor."""
    run = state.run
    if run is None:
        return state.sweep.id if state.sweep is not None else "The network"
    history = histories.get(run.id)
    if state.cursor is not None and history is not None:
        return f"At {' · '.join(_cursor_place(state, history))}"
    return f"{marker(state.slots[run.id])} {run.title} · {state_text(state, run, history)}"


def notes(state: TrainState, histories: Histories, log: str, palette: Palette, keys: Mapping[str, str]) -> list[Note]:
    """Notes on the selected run: why it ended or waits, its device; none without a run.

    `log` is the end of a failed run's worker.log, `keys` are the names of the keys by action.
    """
    run = state.run
    if run is None:
        return []
    history = histories.get(run.id)
    lines = _state_notes(state, run, history, log, palette, keys)
    if text := differences(state.runs)[run.id]:
        lines.append((f"differs: {text}", palette.foreground))
    if history and history.started:
        lines.append((f"{history.started.device} · {history.started.precision}", palette.faint))
    return lines


def _state_notes(
    state: TrainState, run: RunView, history: RunHistory | None, log: str, palette: Palette, keys: Mapping[str, str]
) -> list[Note]:
    """The reason of the run's state, and the key that changes it."""
    word = state_word(run, history)
    color = drawings.state_color(word, palette)
    if word == "diverged":
        return [(state_reason(run, history), color)]
    if word == "at chance":
        return [("at chance: no better than guessing one of ten classes", color)]
    if run.state in ("failed", LOST):
        log = log or (KILLED_FROM_OUTSIDE if run.reason == PROCESS_GONE else "")
        lines = (line for line in log.splitlines() if line.strip() and run.reason not in line)
        return [(_end_text(run, history, keys), color), *((line, palette.faint) for line in lines)]
    if run.state == "stopped":
        return [(_end_text(run, history, keys), palette.faint)]
    if run.silent:
        return [(f"{run.reason} · {keys['stop']}, then K, kills it", color)]
    if run.state == "starting":
        return [(run.reason or LOADING, palette.foreground)]
    if run.state == QUEUED:
        return [(_queue_text(state, run), color)]
    paused = [(f"paused · {keys['pause']} resumes", color)] if run.state == "paused" else []
    trouble = [(run.reason, drawings.state_color("failed", palette))] if run.alive and run.reason else []
    return [*paused, *trouble]


def _end_text(run: RunView, history: RunHistory | None, keys: Mapping[str, str]) -> str:
    """The reason of a run's end with the key that continues it, which comes first where a long reason may be cut."""
    reason = state_reason(run, history)
    if not run.resumable:
        return reason
    hint = f"{keys['continue_run']} continues"
    return f"{reason} · {hint}" if len(reason) <= SHORT_REASON else f"{hint} · {reason}"


def no_step_text(state: TrainState) -> str:
    """The reason why the selected run has no step yet, or took none."""
    run = state.run
    if run is None or not run.alive:
        return "no step was taken"
    if run.state == QUEUED:
        return _queue_text(state, run)
    return "paused before the first step" if run.state == "paused" else LOADING


def notes_height(lines: Sequence[Note], width: int) -> int:
    """The rows that notes take in so many columns."""
    return sum(len(wrap(text, width)) for text, _ in lines) if width > 0 else len(lines)


def _queue_text(state: TrainState, run: RunView) -> str:
    """A queued run's place in the queue, and the run that holds its device."""
    return f"queued, number {state.queue_place(run)} in line" + (f": {run.reason}" if run.reason else "")


def draw_figures(
    state: TrainState,
    histories: Histories,
    lines: Sequence[Note],
    now: float,
    width: int,
    height: int,
    palette: Palette,
) -> Cells:
    """The numbers of the selected run and the notes below them; `now` in seconds since 1970."""
    run = state.run
    if run is None:
        return drawings.statistics_panel((), lines, width, height, palette)
    statistics = _statistics(run, histories.get(run.id) or RunHistory(), now)
    return drawings.statistics_panel(statistics, lines, width, height, palette)


def draw_text(text: str, width: int, height: int, palette: Palette) -> Cells:
    """A faint text, wrapped, in the place of a panel's content."""
    return drawings.statistics_panel((), [(text, palette.faint)], width, height, palette)


def _statistics(run: RunView, history: RunHistory, now: float) -> tuple[Statistic, ...]:
    paused = run.state == "paused"
    step, total = f"{max(history.step, run.step):,}", history.total_steps
    elapsed = elapsed_seconds(run, history, now)
    loss = loss_text(history.curve.last())
    measured, short = MEASURED[run.spec.measured_on]
    measured_loss = loss_text(history.epochs[-1].loss if history.epochs else math.nan)
    best = history.best
    accuracy = f"{best.accuracy:.2%}" if best else "–"
    speed = speed_text(None if paused else history.samples_per_second)
    left = format_duration(history.seconds_left(now) if run.alive and not paused else None)
    processor, usage = resource_usage(run)
    tested = test_text(run, history)
    return (
        Statistic("loss", loss, "loss", loss),
        Statistic("best", f"{accuracy} @ {best.epoch}" if best else "–", "best", accuracy),
        Statistic("step", f"{step}/{total:,}" if total else step, "step", step),
        Statistic(measured, measured_loss, short, measured_loss),
        Statistic("samples/s", speed, "imgs/s", speed),
        Statistic("elapsed", format_duration(elapsed), "time", format_duration(elapsed)),
        Statistic(processor, usage, processor, usage.partition("%")[0] + "%" if "%" in usage else usage),
        Statistic("test", tested, "test", tested.partition(" ")[0]) if tested else Statistic("ETA", left, "ETA", left),
    )


# The values under the cursor.


def _cursor_place(state: TrainState, history: RunHistory) -> list[str]:
    """The cursor's place in steps, epochs and time."""
    step = state.cursor or 0
    seconds = float(history.clock.seconds(np.array([step], np.float64))[0])
    epoch = [f"epoch {step / history.steps_per_epoch:.2f}"] if history.steps_per_epoch else []
    return [f"step {step:,}", *epoch, format_duration(seconds)]


def cursor_readings(state: TrainState, histories: Histories, averaged: int, palette: Palette) -> list[CursorRow]:
    """The values of every drawn run at the cursor's position; the mean is over `averaged` steps."""
    axis = x_axis(state, histories, 0)
    texts = differences(state.drawn)
    rows = []
    for run, history in axis.drawn if state.cursor is not None else ():
        step = axis.cursor_step(state, run, history)
        epoch = history.epochs.at(step) if step <= len(history.curve) else None
        raw = _raw_loss(history, step)
        mean = short_loss_text(history.curve.average_at(step, averaged)) if averaged > 1 else raw
        color, marker = run_style(state, run, palette)
        test = short_loss_text(epoch.loss) if epoch else "–"
        accuracy = f"{epoch.accuracy:.2%}" if epoch else "–"
        rows.append(CursorRow(marker, color, titled(run, texts), raw, mean, test, accuracy))
    return rows


def _raw_loss(history: RunHistory, step: int) -> str:
    """The loss of a step; while it is read from the file again, "≈" and the mean of its neighbours."""
    loss = history.curve.at(step)
    return "≈" + short_loss_text(history.curve.block_mean(step))[:5] if loss is None else short_loss_text(loss)


def draw_readings(
    state: TrainState, histories: Histories, averaged: int, width: int, height: int, palette: Palette
) -> Cells:
    """The table of values under the cursor; the mean is over `averaged` steps."""
    rows = cursor_readings(state, histories, averaged, palette)
    return cursor_table(rows, width, height, palette, measured=_measured(state))


def _measured(state: TrainState) -> str:
    """The heading of the losses after each epoch."""
    word = measured_on(state.drawn)
    return MEASURED[word][1] if word in MEASURED else word


def _reading_line(state: TrainState, histories: Histories, averaged: int, width: int, palette: Palette) -> str:
    """The selected run's values under the cursor in one line, with as much of its place as there is room for."""
    history = histories.get(state.selected or "")
    rows = cursor_readings(state, histories, averaged, palette)
    if history is None or not rows:
        return ""
    first = rows[0]
    values = f"raw {first.raw} · mean {first.mean} · {_measured(state)} {first.test} · {first.accuracy}"
    places = _cursor_place(state, history)
    kept = next((n for n in range(len(places), 1, -1) if len(" · ".join([*places[:n], values])) < width - 1), 1)
    return " · ".join([*places[:kept], values])


# The progress line.


def draw_progress(
    state: TrainState, histories: Histories, now: float, width: int, palette: Palette, *, averaged: int = 1
) -> Cells:
    """The epoch and the run as bars with the time that is left; of an ended run, how it ended.

    With a cursor the selected run's values under it, whose mean is over `averaged` steps.
    """
    run = state.run
    if run is None:
        return text_row(FACTS, palette.faint, width, palette)
    history = histories.get(run.id) or RunHistory()
    if state.cursor is not None and (values := _reading_line(state, histories, averaged, width, palette)):
        return text_row(values, palette.accent, width, palette)
    if run.alive and run.state not in ("starting", QUEUED) and history.total_steps is not None:
        return _progress_bars(run, history, now, width, palette)
    color, marker = run_style(state, run, palette)
    text = no_step_text(state) if run.alive else outcome(run, history, now)
    return text_row(f"{marker} {run.title}: {text}", color, width, palette)


def _progress_bars(run: RunView, history: RunHistory, now: float, width: int, palette: Palette) -> Cells:
    total, per_epoch = history.total_steps or 1, history.steps_per_epoch or 1
    finished = min(history.epochs[-1].epoch if history.epochs else 0, run.spec.epochs - 1)
    batch = min(max(history.step - finished * per_epoch, 0), per_epoch)
    batch_columns, epoch_columns = len(str(per_epoch)), len(str(run.spec.epochs))
    share = history.step / total
    left = "paused" if run.state == "paused" else f"ETA {format_duration(history.seconds_left(now)):>5}"
    speed = speed_text(history.samples_per_second)
    note = f"{left}  {speed:>6}/s" if run.state == "running" and width >= PACE_FROM else left
    epoch = f"{finished + 1:>{epoch_columns}}/{run.spec.epochs}"
    bars = (
        Bar("epoch", epoch, batch / per_epoch, f"{batch:>{batch_columns}}/{per_epoch}"),
        Bar("run", "", share, f"{int(share * 100):>2}%"),
    )
    return drawings.progress_row(bars, note, width, palette)


def outcome(run: RunView, history: RunHistory, now: float) -> str:
    """How a run ended, in one line."""
    best = history.best
    accuracy = f" · best {best.accuracy:.2%} at epoch {best.epoch}" if best else ""
    tested = f" · test {text}" if (text := test_text(run, history)) else ""
    reason = state_reason(run, history) if run.state != "stopped" else run.state
    return f"{reason} after {format_duration(elapsed_seconds(run, history, now))}{accuracy}{tested}"
