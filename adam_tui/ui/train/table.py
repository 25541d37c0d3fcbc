"""The wide table of runs: which runs it keeps, in which order, and what it says of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.elements import wrap
from adam_tui.draw.palette import Palette
from adam_tui.draw.run_panels import SORT_KEYS, WideRow, visible_columns, wide_table
from adam_tui.engine.numbers import format_duration
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.ui.train.axes import Histories
from adam_tui.ui.train.charts import look
from adam_tui.ui.train.labels import (
    loss_text,
    memory,
    settings_line,
    spec_line,
    speed,
    state_word,
    state_words,
    why,
)
from adam_tui.ui.train.state import TrainState

DETAIL = 3  # rows below the table that tell more of the selected run
LEAST_RUNS = 5  # rows of the table that they must leave

HINT = "{sort} sort · {search} search · {type_value} open · {table} curves"  # with marks for the keys

Sortable = float | str


def listed(state: TrainState, histories: Histories, now: float) -> list[RunView]:
    """The runs that hold all the words of the search, sorted; those without the value come last."""
    words = state.search.lower().split()
    kept = [run for run in state.runs if all(word in _searched(state, run, histories) for word in words)]
    key = SORTS[state.sort]
    values = {run.id: key(run, _history(histories, run), now) for run in kept}
    known = [run for run in kept if values[run.id] == values[run.id]]  # NaN, a value that is missing, is not itself
    known.sort(key=lambda run: values[run.id], reverse=not state.rising)
    return known + [run for run in kept if values[run.id] != values[run.id]]


def _history(histories: Histories, run: RunView) -> RunHistory:
    return histories.get(run.id) or RunHistory(whole=False)


def _searched(state: TrainState, run: RunView, histories: Histories) -> str:
    return f"{run.id} {state_words(state, run, histories.get(run.id))} {settings_line(run.spec)}".lower()


def neighbour(state: TrainState, histories: Histories, now: float, by: int) -> str | None:
    """The run so many rows below the selected one, as the table stands; None in an empty one."""
    ids = [run.id for run in listed(state, histories, now)]
    if not ids:
        return None
    at = ids.index(state.selected) + by if state.selected in ids else 0
    return ids[min(max(at, 0), len(ids) - 1)]


def next_column(state: TrainState, by: int, width: int) -> str:
    """The column to the right (1) or the left (−1) of the one that the table is sorted by."""
    shown = ["name", "state", "settings", *(column.key for column in visible_columns(width))]
    at = shown.index(state.sort) if state.sort in shown else 0
    return shown[(at + by) % len(shown)]


def _best(run: RunView, history: RunHistory, now: float) -> float:
    return history.best.test_accuracy if history.best else math.nan


def _loss(run: RunView, history: RunHistory, now: float) -> float:
    """The newest training loss; infinite for a run that diverged."""
    if history.diverged_at is not None:
        return math.inf
    return history.last_loss


def _speed(run: RunView, history: RunHistory, now: float) -> float:
    if history.epochs and not run.alive:
        return history.epochs[-1].samples_per_second
    return history.samples_per_second or math.nan


def _duration(run: RunView, history: RunHistory, now: float) -> float:
    """Seconds of work, or since the run was asked for while it has not begun."""
    if history.started is not None:
        return history.elapsed(now if run.alive and run.state != "paused" else 0.0)
    return max((run.ended or now) - run.created, 0.0)


SORTS: dict[str, Callable[[RunView, RunHistory, float], Sortable]] = {
    "name": lambda run, history, now: run.id,
    "state": lambda run, history, now: state_word(run, history),
    "settings": lambda run, history, now: settings_line(run.spec),
    "epochs": lambda run, history, now: float(done(run, history)),
    "best": _best,
    "loss": _loss,
    "speed": _speed,
    "duration": _duration,
    "started": lambda run, history, now: run.created,
}
assert tuple(sorted(SORTS)) == tuple(sorted(SORT_KEYS)), "every column can be sorted by"


def done(run: RunView, history: RunHistory | None) -> int:
    """Epochs that are over."""
    return max(run.epoch, history.epochs[-1].epoch if history and history.epochs else 0)


def title(state: TrainState, shown: int) -> str:
    """How many runs there are, and which are kept."""
    count = f"{shown} of {len(state.runs)}" if state.search else f"{len(state.runs)}"
    return f"Runs · {count}" + (f" with “{state.search}”" if state.search else "")


def draw(state: TrainState, histories: Histories, now: float, width: int, height: int, palette: Palette) -> Cells:
    """The table, and below it all there is to say of the selected run."""
    shown = listed(state, histories, now)
    drawn = {run.id for run in state.drawn}
    detail = DETAIL if height >= min(len(shown), LEAST_RUNS) + 1 + DETAIL else 0
    rows = []
    for run in shown:
        history = _history(histories, run)
        color, marker = look(state, run, palette)
        values = {
            "epochs": f"{done(run, history)}/{run.spec.epochs}",
            "best": f"{history.best.test_accuracy:.2%}" if history.best else "–",
            "loss": loss_text(_loss(run, history, now)),
            "speed": speed(_speed(run, history, now) if run.state != "paused" else None),
            "duration": format_duration(_duration(run, history, now)),
            "started": when(run.created, now),
        }
        words = state_words(state, run, history)
        rows.append(
            WideRow(marker, color, run.id, words, settings_line(run.spec), values, run.id in drawn, state.pin(run))
        )
    chosen = next((i for i, run in enumerate(shown) if run.id == state.selected), -1)
    cells = wide_table(rows, chosen, state.sort, state.rising, width, height - detail, palette)
    if not detail:
        return cells
    whole = Cells.blank(width, height, palette.foreground, palette.background)
    top = slice(0, height - detail)
    whole.glyph[top], whole.fg[top], whole.bg[top], whole.bold[top] = cells.glyph, cells.fg, cells.bg, cells.bold
    if state.run is not None:
        about = _details(state.run, histories.get(state.run.id), width, palette)
        for row, (text, color) in enumerate(about[: detail - 1]):
            whole.put(height - detail + 1 + row, 1, text, color)
    return whole


def _details(run: RunView, history: RunHistory | None, width: int, palette: Palette) -> list[tuple[str, Color]]:
    """Everything that was asked of the selected run, then how it ended or on what it runs."""
    told = [why(run, history)] if not run.alive or run.reason else []
    if history and history.started:
        told.append(f"{history.started.device} · {history.started.precision}")
    if run.alive and run.memory_bytes:
        told.append(memory(run.memory_bytes))
    lines = [(text, palette.foreground) for text in wrap(f"{run.id}: {spec_line(run.spec)}", width - 2)[:1]]
    return [*lines, *((text, palette.faint) for text in wrap(" · ".join(told), width - 2)[:1])]


def when(seconds: float, now: float) -> str:
    """A moment of local time: 07:42 today, Nov 22 07:42 this year, 2025-11-22 before."""
    then, today = time.localtime(seconds), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%b %d %H:%M", then) if then[0] == today[0] else time.strftime("%Y-%m-%d", then)
