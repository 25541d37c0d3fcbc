"""The wide table of runs: which runs it keeps, in which order, and the texts of its columns."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.elements import shorten
from adam_tui.draw.palette import Palette
from adam_tui.draw.run_panels import SORT_KEYS, WideRow, visible_columns, wide_table
from adam_tui.engine.numbers import format_duration, format_loss
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.ui.train import sweep_panel
from adam_tui.ui.train.axes import Histories
from adam_tui.ui.train.labels import (
    elapsed_seconds,
    full_name,
    loss_text,
    memory_text,
    run_style,
    settings_text,
    spec_text,
    speed_text,
    state_reason,
    state_text,
    state_word,
    test_text,
)
from adam_tui.ui.train.state import Row, TrainState

DETAIL = 3  # rows below the table with more about the selected run
LEAST_RUNS = 5  # rows of the table that they must leave

HINT = "{sort} sort · {search} filter · {type_value} open · {table} curves"  # with marks for the keys

Sortable = float | str


def listed(state: TrainState, histories: Histories, now: float) -> list[Row]:
    """The runs and sweeps that have all words of the search, sorted."""
    rows = {row.id: row for row in state.rows}
    return [rows[id] for id in matching(searchable(state, histories, now), state.search)]


def matching(texts: Sequence[tuple[str, str]], words: str) -> tuple[str, ...]:
    """The ids of the (id, text) whose text has all of the words."""
    parts = words.lower().split()
    return tuple(id for id, text in texts if all(part in text for part in parts))


def searchable(state: TrainState, histories: Histories, now: float) -> tuple[tuple[str, str], ...]:
    """All rows as (id, text that is searched), sorted; those without a value in the column come last."""
    rows = state.rows
    values = {row.id: _value(state.sort, row, histories, now) for row in rows}
    known = [row for row in rows if values[row.id] == values[row.id]]  # NaN, a missing value, differs from itself
    known.sort(key=lambda row: values[row.id], reverse=not state.ascending)
    unknown = [row for row in rows if values[row.id] != values[row.id]]
    return tuple((row.id, _searched_text(state, row, histories)) for row in (*known, *unknown))


def _value(column: str, row: Row, histories: Histories, now: float) -> Sortable:
    """The value of a column that a row is sorted by; NaN for a missing one."""
    if isinstance(row, SweepSummary):
        return SWEEP_SORTS[column](row) if column in SWEEP_SORTS else math.nan
    return SORTS[column](row, _history(histories, row), now)


def _history(histories: Histories, run: RunView) -> RunHistory:
    return histories.get(run.id) or RunHistory(whole=False)


def _searched_text(state: TrainState, run: Row, histories: Histories) -> str:
    if isinstance(run, SweepSummary):
        return f"sweep {run.id} {run.state} {sweep_panel.settings_text(run)}".lower()
    words = (run.id, str(run.label), state_text(state, run, histories.get(run.id)), settings_text(run.spec))
    return " ".join(words).lower()


def next_column(state: TrainState, by: int, width: int) -> str:
    """The column to the right (1) or the left (−1) of the column that the table is sorted by."""
    settings = max((len(_settings(row)) for row in state.rows), default=0)
    shown = ["name", "state", "settings", *(column.key for column in visible_columns(width, settings))]
    at = shown.index(state.sort) if state.sort in shown else 0
    return shown[(at + by) % len(shown)]


def _best(run: RunView, history: RunHistory, now: float) -> float:
    return history.best.accuracy if history.best else math.nan


def _loss(run: RunView, history: RunHistory, now: float) -> float:
    """The newest training loss; infinite for a run that diverged."""
    return math.inf if history.diverged_at is not None else history.last_loss


def _speed(run: RunView, history: RunHistory, now: float) -> float:
    if history.epochs and not run.alive:
        return history.epochs[-1].samples_per_second
    return history.samples_per_second or math.nan


SORTS: dict[str, Callable[[RunView, RunHistory, float], Sortable]] = {
    "name": lambda run, history, now: run.title,
    "state": lambda run, history, now: state_word(run, history),
    "settings": lambda run, history, now: settings_text(run.spec),
    "epochs": lambda run, history, now: float(finished_epochs(run, history)),
    "best": _best,
    "loss": _loss,
    "speed": _speed,
    "duration": elapsed_seconds,
    "started": lambda run, history, now: run.created,
}
# A sweep has no speed; its time is that of many slots.
SWEEP_SORTS: dict[str, Callable[[SweepSummary], Sortable]] = {
    "name": lambda sweep: sweep.title,
    "state": lambda sweep: sweep.state,
    "settings": lambda sweep: sweep_panel.settings_text(sweep),
    "epochs": lambda sweep: float(sweep.ended),
    "best": lambda sweep: sweep.accuracy,
    "loss": lambda sweep: sweep.loss,
    "started": lambda sweep: sweep.created,
}
assert tuple(sorted(SORTS)) == tuple(sorted(SORT_KEYS)), "every column can be sorted by"


def finished_epochs(run: RunView, history: RunHistory | None) -> int:
    """The number of finished epochs."""
    return max(run.epoch, history.epochs[-1].epoch if history and history.epochs else 0)


def title(state: TrainState, shown: int) -> str:
    """The title: the number of rows, and the words of the search."""
    count = f"{shown} of {len(state.rows)}" if state.search else f"{len(state.rows)}"
    title = f"{'Runs and sweeps' if state.sweeps else 'Runs'} · {count}"
    return title + (f" match “{state.search}”" if state.search else "")


def draw(state: TrainState, histories: Histories, now: float, width: int, height: int, palette: Palette) -> Cells:
    """The table, and below it all settings of the selected run and the reason of its state."""
    shown = listed(state, histories, now)
    drawn = {run.id for run in state.drawn}
    detail = DETAIL if height >= min(len(shown), LEAST_RUNS) + 1 + DETAIL else 0
    rows = [
        _sweep_row(row, now, palette)
        if isinstance(row, SweepSummary)
        else _row(state, row, _history(histories, row), now, row.id in drawn, palette)
        for row in shown
    ]
    chosen = next((i for i, run in enumerate(shown) if run.id == state.selected), -1)
    table = wide_table(rows, chosen, state.sort, state.ascending, width, height - detail, palette)
    if not detail:
        return table
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    top = slice(0, height - detail)
    cells.glyph[top], cells.fg[top], cells.bg[top], cells.bold[top] = table.glyph, table.fg, table.bg, table.bold
    if state.visible_sweep is not None:
        cells.put(height - detail + 1, 1, _cut(_sweep_detail(state.visible_sweep), width - 2), palette.foreground)
        if state.visible_sweep.best:
            best = state.visible_sweep.best[0]
            text = f"best: {best.title} · validation loss {format_loss(best.loss)}, accuracy {best.accuracy:.2%}"
            cells.put(height - detail + 2, 1, _cut(text, width - 2), palette.faint)
    elif state.visible_run is not None:
        lines = _details(state.visible_run, histories.get(state.visible_run.id), width, palette)
        for row, (text, color) in enumerate(lines[: detail - 1]):
            cells.put(height - detail + 1 + row, 1, text, color)
    return cells


def _row(state: TrainState, run: RunView, history: RunHistory, now: float, drawn: bool, palette: Palette) -> WideRow:
    color, marker = run_style(state, run, palette)
    values = {
        "epochs": f"{finished_epochs(run, history)}/{run.spec.epochs}",
        "best": f"{history.best.accuracy:.2%}" if history.best else "–",
        "loss": loss_text(_loss(run, history, now)),
        "speed": speed_text(_speed(run, history, now) if run.state != "paused" else None),
        "duration": format_duration(elapsed_seconds(run, history, now)),
        "started": moment_text(run.created, now),
    }
    text = state_text(state, run, history)
    return WideRow(marker, color, run.title, text, _settings(run), values, drawn, state.pick_sign(run))


def _sweep_row(sweep: SweepSummary, now: float, palette: Palette) -> WideRow:
    values = {
        "epochs": sweep_panel.progress_text(sweep),
        "best": sweep_panel.accuracy_text(sweep),
        "loss": loss_text(sweep.loss),
        "started": moment_text(sweep.created, now),
    }
    state, settings = sweep_panel.state_word(sweep), sweep_panel.settings_text(sweep)
    return WideRow(sweep_panel.MARKER, palette.accent, sweep.title, state, settings, values, drawn=True)


def _sweep_detail(sweep: SweepSummary) -> str:
    counts = f" · {sweep_panel.counts_text(sweep)}" if sweep.trials else ""
    return f"{sweep.id}: {sweep_panel.sweep_text(sweep)}{counts}"


def _settings(run: Row) -> str:
    """The settings that are not defaults, without an optimizer that the run's id shows already; the tags."""
    if isinstance(run, SweepSummary):
        return sweep_panel.settings_text(run)
    settings = settings_text(run.spec)
    if run.title.startswith(f"{run.spec.optimizer_label}-"):
        settings = settings.removeprefix(f"{run.spec.optimizer_label} ")
    return " ".join([settings, *(f"#{tag}" for tag in run.label.tags)])


def _details(run: RunView, history: RunHistory | None, width: int, palette: Palette) -> list[tuple[str, Color]]:
    """Two lines: all settings of the run; the reason of its state and its device."""
    facts = [state_reason(run, history)] if not run.alive or run.reason else []
    if history and history.started:
        facts.append(f"{history.started.device} · {history.started.precision}")
    if tested := test_text(run, history):
        facts.append(f"test accuracy {tested}")
    if run.alive and run.memory_bytes:
        facts.append(memory_text(run.memory_bytes))
    settings = f"{full_name(run)}: {spec_text(run.spec)}"
    return [(_cut(settings, width - 2), palette.foreground), (_cut(" · ".join(facts), width - 2), palette.faint)]


def _cut(text: str, width: int) -> str:
    """The text in so many columns, with "…" after the last thing that it has room for."""
    cut = shorten(text, max(width, 1))
    return cut if cut == text else cut[:-1].rstrip(" ·") + "…"


def moment_text(seconds: float, now: float) -> str:
    """A moment of local time: 07:42 today, Nov 22 07:42 this year, 2025-11-22 before."""
    then, today = time.localtime(seconds), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%b %d %H:%M", then) if then[0] == today[0] else time.strftime("%Y-%m-%d", then)
