"""From the state of the sweep screen and its curves to cells: the content and the title of every panel.

Pure functions of a `Snapshot`; the screen only shows the cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, assert_never

import numpy as np

from adam_tui.draw import heat_map as heat
from adam_tui.draw.cells import Cells, Color, text_width
from adam_tui.draw.chart import Series, chart
from adam_tui.draw.elements import POINTER, draw_progress, shorten, wrap
from adam_tui.draw.palette import Palette
from adam_tui.engine.numbers import format_duration, format_loss
from adam_tui.history.run_history import RunHistory
from adam_tui.history.sweep_view import SlotView, SweepView, accuracy_with_error, figure
from adam_tui.runs.recipes import optimizer_title
from adam_tui.sweeps import results
from adam_tui.sweeps.results import Setting
from adam_tui.ui.actions import with_keys_named
from adam_tui.ui.sweep.grid import (
    BEST,
    DIVERGED,
    MARK_WORDS,
    OPTIMIZER,
    PLANNED,
    QUANTITIES,
    QUANTITY_NAMES,
    RUNNING,
    STOPPED_EARLY,
    Digits,
    GridAxis,
    Quantity,
    SweepGrid,
    face,
    fitting_digits,
    knob_text,
    mark_of,
    value_text,
    words,
)
from adam_tui.ui.sweep.state import SweepState

Panel = Literal["grid", "curves", "cell", "slots", "progress"]
FRAMED: tuple[Panel, ...] = ("grid", "curves", "cell", "slots")
PANELS: tuple[Panel, ...] = (*FRAMED, "progress")
LEGEND_ROWS = 2
BEFORE, AFTER = "◂", "▸"  # the columns of the grid on either side that have no room, with their number
MOST_SPARE = 1 / 8  # of the map's columns or rows, which may stay free so that all cells have the same size
LABEL_STRIDES = (6, 4, 3, 2, 1)  # from few labels of an axis to all
POINTS = 240  # of a mean curve: more than the dots across any panel
SPANS = 30  # of a run: its losses are averaged over a part of this size
LEAST_SPAN = 5  # steps
STATUS_FROM = 100  # columns of a terminal from which the top line has words
BAR = 24  # columns of the progress bar
EMPTY = (
    "A sweep trains many settings on the real data, with several seeds each, and shows which of them work: "
    "optimizer against learning rate, or any other knob."
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data that the panels show at one moment.

    `histories` are the curves of the chosen cell's runs, by their directories; `keys` are the names of the keys by
    action; `ink` is the way in which this terminal shows a heat map. With `narrow` titles are short. `grid_size` are
    the columns and rows of the grid's panel, which decide about the unit of its values.
    """

    state: SweepState
    histories: Mapping[str, RunHistory]
    palette: Palette
    keys: Mapping[str, str]
    ink: heat.Ink = "blocks"
    narrow: bool = False
    grid_size: tuple[int, int] = (100, 30)


def draw(panel: Panel, shown: Snapshot, width: int, height: int) -> Cells:
    """The cells of a panel in a rectangle of width × height."""
    view = shown.state.view
    if view is None:
        return draw_empty(shown, width, height) if panel == "grid" else _blank(width, height, shown.palette)
    match panel:
        case "grid":
            return draw_grid(shown, view, width, height)
        case "curves":
            return draw_curves(shown, view, width, height)
        case "cell":
            return _lines(cell_lines(shown, view, width - 1), width, height, shown.palette)
        case "slots":
            return _lines(slot_lines(shown, view, width - 1, height), width, height, shown.palette)
        case "progress":
            return draw_progress_line(shown, view, width)
        case _:
            assert_never(panel)


def titles(shown: Snapshot) -> dict[Panel, tuple[str, str]]:
    """The titles and subtitles of the panels."""
    state, view = shown.state, shown.state.view
    if view is None:
        return {"grid": ("Sweeps", ""), "curves": ("", ""), "cell": ("", ""), "slots": ("", "")}
    seeds = len(view.plan.seeds)
    over = "" if seeds < 2 else f", n = {seeds}" if shown.narrow else f", median of {seeds} seeds"
    part = window(state, *shown.grid_size)
    unit = part.digits.title if part is not None else ""
    setting = state.setting
    grid = with_keys_named("{quantity} quantity · {sweep_x} {sweep_y} axes", shown.keys)
    curves = curve_title(shown)
    marker = shown.palette.lane(view.plan.optimizers.index(setting.optimizer))[1] if setting is not None else ""
    return {
        "grid": (_grid_title(view.title, f"{QUANTITY_NAMES[state.quantity]}{unit}", over, shown.grid_size[0]), grid),
        "curves": (f"Training loss{curves}", f"{marker} validation loss" if curves else ""),
        "cell": (setting_title(setting) if setting is not None else "No setting here", ""),
        "slots": (slots_title(view), ""),
    }


def _grid_title(sweep: str, quantity: str, over: str, width: int) -> str:
    """The sweep, its quantity and the seeds, or what of these has room; the top line names the sweep too."""
    texts = (f"{sweep} · {quantity}{over}", f"{sweep} · {quantity}", f"{quantity}{over}")
    return next((text for text in texts if text_width(text) <= width), quantity)


def setting_title(setting: Setting) -> str:
    """A setting in words: Adam · lr 0.001."""
    return " · ".join([optimizer_title(setting.optimizer), *_values(setting)])


def _values(setting: Setting) -> list[str]:
    return [f"{name} {knob_text(setting.optimizer, name, value)}" for name, value in setting.values.items()]


def _blank(width: int, height: int, palette: Palette) -> Cells:
    return Cells.blank(width, height, palette.foreground, palette.background)


# The grid.


class Window(NamedTuple):
    """The part of the grid that its panel shows: from which column on, of how many, and how its values are written."""

    grid: SweepGrid
    first: int
    total: int
    digits: Digits


def window(state: SweepState, width: int, height: int) -> Window | None:
    """The columns of the grid that have room for readable cells, the chosen one in their middle."""
    grid, view = state.grid, state.view
    if grid is None or view is None:
        return None
    place = heat.frame(width, _map_height(height), _scale(grid.y, grid.y.labels))
    faces = [face(view, some, state.quantity) for some in grid.cells.values()]
    total = grid.shape[1]
    digits, need = fitting_digits(faces, state.quantity, place.columns, total)
    count = min(max(place.columns // need, 1), total)
    first = min(max(state.cell(grid)[1] - count // 2, 0), total - count)
    return Window(grid if count == total else grid.columns(first, count), first, total, digits)


def draw_grid(shown: Snapshot, view: SweepView, width: int, height: int) -> Cells:
    """The grid with its axes, and the legend of the marks below."""
    cells = _blank(max(width, 0), max(height, 0), shown.palette)
    if width < 1 or height < 1 or (part := window(shown.state, width, height)) is None:
        return cells
    columns, rows = _map_size(part.grid, width, height)
    drawn = _draw_map(shown, view, part, columns, rows)
    for name in ("glyph", "fg", "bg", "bold"):
        getattr(cells, name)[:rows, :columns] = getattr(drawn, name)
    for row, text in enumerate(legend_lines(view, width)):
        cells.put(rows + row, 0, text, shown.palette.faint)
    return cells


def _map_height(height: int) -> int:
    """The rows of the map with its axes, in a panel of this height."""
    return height - (LEGEND_ROWS if height > 3 * LEGEND_ROWS + 1 else 0)


def _map_size(grid: SweepGrid, width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the map in its panel, in which all cells of the grid have the same size if they can."""
    height = _map_height(height)
    place = heat.frame(width, height, _scale(grid.y, grid.y.labels))
    rows, columns = grid.shape
    spare_columns, spare_rows = place.columns % columns, place.rows % rows
    if spare_columns <= MOST_SPARE * place.columns:
        width -= spare_columns
    if spare_rows <= MOST_SPARE * place.rows:
        height -= spare_rows
    return width, height


def _scale(axis: GridAxis, labels: Sequence[str]) -> heat.Scale:
    """The axis with all of its labels, or with some where there is little room."""
    last = max(len(labels) - 1, 1)
    ticks = tuple(heat.Tick(i / last, label) for i, label in enumerate(labels))
    choices = (ticks[::stride] for stride in LABEL_STRIDES if stride == 1 or stride < len(ticks))
    return heat.Scale("" if axis.name == OPTIMIZER else axis.name, tuple(choices))


def _draw_map(shown: Snapshot, view: SweepView, part: Window, width: int, height: int) -> Cells:
    state, quantity, grid = shown.state, shown.state.quantity, part.grid
    rows, columns = grid.shape
    x, y = _scale(grid.x, grid.x.short), _scale(grid.y, grid.y.labels)
    after = part.total - part.first - columns
    if after:
        x = heat.Scale(f"{x.name} {AFTER}{after}".strip(), x.choices)
    classes = np.full((rows, columns), heat.NOT_COMPUTED, np.int8)
    values = np.full((rows, columns), np.nan)
    texts = [[""] * columns for _ in range(rows)]
    for (row, column), some in grid.cells.items():
        own = face(view, some, quantity)
        values[row, column] = -own.value if quantity == "validation_accuracy" else own.value
        texts[row][column] = words(own, part.digits)
        if own.diverged:
            classes[row, column] = heat.DIVERGED
        elif not math.isnan(own.value):
            classes[row, column] = heat.CONVERGED if own.complete else heat.RUNNING
    ranks = heat.ranks_in_class(classes, values)
    row, column = state.cell(state.grid) if state.grid is not None else (0, 0)
    column -= part.first
    labels = grid.x.labels[column] if grid.x.labels else "", grid.y.labels[row] if grid.y.labels else ""
    cursor = heat.Cursor(row, column, *labels, boxed=True)
    cells = heat.heat_map(
        heat.Grid(classes, ranks, texts), width, height, shown.palette, x, y, cursor=cursor, ink=shown.ink
    )
    place = heat.frame(width, height, y)
    if part.first and place.axes:
        text = f"{BEFORE}{part.first}"
        cells.put(place.rows, max(place.left - 1 - len(text), 0), text, shown.palette.foreground, bold=True)
    return cells


def grid_cell(state: SweepState, width: int, height: int, row: int, column: int) -> tuple[int, int] | None:
    """The (row, column) of the grid at a cell of its panel; None beside the grid. For the mouse."""
    part = window(state, width, height)
    if part is None:
        return None
    place = heat.frame(*_map_size(part.grid, width, height), _scale(part.grid.y, part.grid.y.labels))
    at = place.grid_cell(row, column, part.grid.shape)
    return (at[0], at[1] + part.first) if at is not None else None


def legend_lines(view: SweepView, width: int) -> list[str]:
    """The marks of the grid in words, in at most LEGEND_ROWS lines; those that are there come first."""
    there = {mark_of(setting) for setting in view.settings}
    known = [BEST, *(mark for mark in MARK_WORDS if mark in there and mark != BEST)]
    expected = (PLANNED, RUNNING, *([STOPPED_EARLY] if len(view.plan.rungs) > 1 else []), DIVERGED)
    if not view.record.is_over:
        known += [mark for mark in expected if mark not in known]
    lines = [""]
    for mark in known:
        text = f"{mark} {MARK_WORDS[mark]}"
        if lines[-1] and text_width(lines[-1]) + 3 + text_width(text) > width:
            lines.append("")
        lines[-1] += ("   " if lines[-1] else "") + text
    return lines[:LEGEND_ROWS]


def draw_empty(shown: Snapshot, width: int, height: int) -> Cells:
    """The explanation of a sweep, and the key that starts one."""
    cells = _blank(width, height, shown.palette)
    if shown.state.selected is not None:
        return cells  # it is read a moment later
    lines = [*wrap(EMPTY, min(width - 4, 64)), "", *wrap(f"{shown.keys['start']} plans and starts one", width - 4)]
    top = max((height - len(lines)) // 2, 0)
    left = max((width - max(map(len, lines))) // 2, 0)
    for row, line in enumerate(lines):
        cells.put(top + row, left, line, shown.palette.foreground)
    if lines:
        cells.put(top + len(lines) - 1, left, shown.keys["start"], shown.palette.accent, bold=True)
    return cells


# The curves of the chosen cell.


def curve_runs(state: SweepState) -> tuple[str, ...]:
    """The runs whose curves are drawn, by their directories: all seeds of the setting that stands for the cell."""
    setting = state.setting
    if setting is None:
        return ()
    return tuple(each.run for each in setting.trials if each.state != "planned" or each.epoch)


def curve_title(shown: Snapshot) -> str:
    """The number of runs that are averaged."""
    count = len(_curves(shown))
    mean = "" if shown.narrow else "mean and range of "
    return f" · {mean}n = {count}" if count > 1 else " · n = 1" if count else ""


def _curves(shown: Snapshot) -> list[RunHistory]:
    histories = (shown.histories.get(run) for run in curve_runs(shown.state))
    return [each for each in histories if each is not None and len(each.curve)]


def draw_curves(shown: Snapshot, view: SweepView, width: int, height: int) -> Cells:
    """The mean of the averaged training losses over the seeds with their range, and the validation losses as points."""
    palette, setting = shown.palette, shown.state.setting
    curves = _curves(shown)
    series: list[Series] = []
    if curves and setting is not None:
        names = [*view.plan.optimizers]
        color, marker = palette.lane(names.index(setting.optimizer))
        series = _band(curves, color, palette)
        epochs = _validation(curves)
        if len(epochs):
            series.append(Series(epochs[0], epochs[1], palette.foreground, marker=marker))
    empty = "not trained yet" if setting is not None else ""
    return chart(series, width, height, palette, log_y=True, empty_text=empty)


def _band(curves: Sequence[RunHistory], color: Color, palette: Palette) -> list[Series]:
    """The mean curve, and below it a band from the lowest to the highest one."""
    last = max(len(each.curve) for each in curves)
    steps = np.unique(np.linspace(1, last, POINTS).round())
    span = max(last / SPANS, LEAST_SPAN)
    rows = []
    for each in curves:
        x, y = each.curve.averaged(span, 1, len(each.curve), last / POINTS)
        rows.append(np.interp(steps, x, y, right=math.nan) if len(x) else np.full(len(steps), math.nan))
    table = np.array(rows)
    known = np.isfinite(table).any(axis=0)
    steps, table = steps[known], table[:, known]
    series = []
    if len(curves) > 1 and len(steps):
        band = np.stack([np.nanmin(table, axis=0), np.nanmax(table, axis=0)], axis=1).ravel()
        series.append(Series(np.repeat(steps, 2), band, palette.dimmed(palette.dimmed(color)), faint=True))
    mean = np.nanmean(table, axis=0) if len(steps) else np.empty(0)
    series.append(Series(steps, mean, color, bold=True, averaged=True))
    return series


def _validation(curves: Sequence[RunHistory]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The mean validation loss after each epoch: (2, epochs) steps and losses."""
    by_step: dict[float, list[float]] = {}
    for each in curves:
        for step, loss in zip(each.epochs.steps.tolist(), each.epochs.losses.tolist(), strict=True):
            if math.isfinite(loss):
                by_step.setdefault(step, []).append(loss)
    steps = sorted(by_step)
    return np.array([steps, [sum(by_step[step]) / len(by_step[step]) for step in steps]], np.float64)


# The chosen cell in words, the slots, the decisions.

FACTS: Mapping[Quantity, str] = {
    "validation_loss": "validation loss {}",
    "validation_accuracy": "accuracy {}",
    "epochs": f"{QUANTITY_NAMES['epochs']}: {{}}",
    "seconds": "{} s",
}
Line = tuple[str, str]  # a text and its role: "", "faint", "accent", "warning"


def cell_lines(shown: Snapshot, view: SweepView, width: int) -> list[Line]:
    """The chosen setting in words."""
    some, setting = shown.state.settings, shown.state.setting
    if setting is None:
        return [("no trial has these values", "faint")]
    lines: list[Line] = []
    if setting is view.best:
        lines.append((f"{BEST} best of {len(view.settings)} settings", "accent"))
    elif setting is view.winners.get(setting.optimizer):
        lines.append((f"best of {optimizer_title(setting.optimizer)}", "accent"))
    facts = [
        text.format(value)
        for quantity, text in FACTS.items()
        if (quantity != "epochs" or shown.state.quantity == "epochs")
        and (value := value_text(figure(setting, quantity, view), quantity))
    ]
    if tested := accuracy_with_error(setting, view):
        facts.append(f"test accuracy {tested[0]:.2%} ± {tested[1]:.2%}")
    lines += [(text, "") for text in _joined(facts, width)]
    lines += [(text, "faint") for text in _joined(_trial_texts(setting, view), width)]
    for reason in dict.fromkeys(each.reason for each in setting.trials if each.reason and each.state != "planned"):
        lines += [(text, "warning") for text in wrap(reason, width)[:2]]
    if len(some) > 1:
        lines.append((f"the best of {len(some)} settings in this cell", "faint"))
    for edge, name, word in view.edges:
        if edge is setting:
            value = knob_text(edge.optimizer, name, edge.values[name])
            direction = "lower" if word == "lowest" else "higher"
            text = f"{name} {value} is the {word} that was tried: the best may be {direction}. {{widen}} widens it"
            lines += [(each, "warning") for each in wrap(with_keys_named(text, shown.keys), width)]
    return lines


def _trial_texts(setting: Setting, view: SweepView) -> list[str]:
    """The trials that train now with their epochs, and how many are in each other state."""
    active = {slot.trial: slot for slot in view.slots}
    texts, counts = [], dict[str, int]()
    for each in sorted(setting.trials, key=lambda each: each.planned.seed):
        slot = active.get(each.planned.trial)
        if slot is not None:
            texts.append(f"seed {each.planned.seed}: {_doing(slot, view)}")
        else:
            state = {"cut": "stopped early", "waiting": "waiting for the others"}.get(each.state, each.state)
            counts[state] = counts.get(state, 0) + 1
    return [*texts, *(f"{count} {state}" for state, count in counts.items())]


def _doing(slot: SlotView, view: SweepView) -> str:
    return f"epoch {min(slot.epoch + 1, view.plan.epochs)}" if slot.state == "running" else slot.state


def _joined(parts: Sequence[str], width: int) -> list[str]:
    """The parts with dots between them, in lines of this width."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return lines


def slots_title(view: SweepView) -> str:
    """The title of the panel of the slots."""
    if view.record.decisions:
        return "Slots and decisions" if view.state != "finished" else "Results and decisions"
    return "Slots" if view.state != "finished" else "Results"


def _winner_lines(view: SweepView) -> list[Line]:
    """The best setting of each optimizer, the best one first."""
    known = [each for each in view.winners.values() if each is not None]
    if len(view.plan.optimizers) < 2:
        return []
    lines: list[Line] = [
        (f"{format_loss(each.loss)}  {setting_title(each)}", "accent" if each is view.best else "")
        for each in sorted(known, key=lambda each: each.loss)
    ]
    diverged = [optimizer_title(name) for name, each in view.winners.items() if each is None]
    return [*lines, *((f"{name}: no finite loss", "faint") for name in diverged)]


def slot_lines(shown: Snapshot, view: SweepView, width: int, height: int) -> list[Line]:
    """The slots with their trials, then the decisions, the newest first."""
    lines: list[Line] = []
    for slot in view.slots:
        trial = view.trials.get(slot.trial)
        run = trial.run if trial is not None else f"trial {slot.trial}"
        lines.append((f"{POINTER} {slot.name}  {run}  {_doing(slot, view)}  step {slot.step:,}", ""))
    if not view.slots:
        words_of = {
            "starting": "the process loads; the first trial begins in a moment",
            "stopped": with_keys_named("no process works on it: {continue_run} continues it", shown.keys),
            "finished": "all trials have ended",
            "running": "no slot has a trial now",
            "paused": "no slot has a trial now",
        }
        lines += [(text, "faint") for text in wrap(words_of.get(view.state, view.state), width)]
    if view.state == "finished":
        lines += _winner_lines(view)
    for event in reversed(view.record.decisions):
        lines += [(text, "faint" if i else "") for i, text in enumerate(wrap(results.decision(event), width))]
    if not view.record.decisions and len(view.plan.rungs) > 1:
        epochs = ", ".join(map(str, view.plan.rungs[:-1]))
        lines += [(each, "faint") for each in wrap(f"the settings are compared after epoch {epochs}", width)]
    return lines


def _lines(lines: Sequence[Line], width: int, height: int, palette: Palette) -> Cells:
    cells = _blank(max(width, 0), max(height, 0), palette)
    colors = {"": palette.foreground, "faint": palette.faint, "accent": palette.accent}
    colors["warning"] = palette.states["diverged"]
    for row, (text, role) in enumerate(lines[:height]):
        cells.put(row, 0, shorten(text, width), colors[role], bold=role in ("accent", "warning"))
    return cells


# The progress line and the top line.


def draw_progress_line(shown: Snapshot, view: SweepView, width: int) -> Cells:
    """A bar, the trials that have ended, the best setting, the time that is left."""
    palette = shown.palette
    cells = _blank(width, 1, palette)
    bar = min(BAR, max(width // 4, 4))
    color = palette.states["converged" if view.state == "finished" else "running"]
    draw_progress(cells, 0, 1, bar, view.share, color, palette)
    parts = [f"{view.ended}/{view.record.count} trials", view.state]
    if view.state == "running" and not math.isnan(view.seconds_left):
        parts.append(f"{format_duration(view.seconds_left)} left")
    if view.failed:
        parts.append(f"{view.failed} failed")
    if view.best is not None:
        parts.append(f"{BEST} {setting_title(view.best)} {format_loss(view.best.loss)}")
    if view.edges:
        setting, name, word = view.edges[0]
        where = "highest" if word == "highest" else "lowest"
        text = f"best {name} of {optimizer_title(setting.optimizer)} is the {where}: {{widen}}"
        parts.append(with_keys_named(text, shown.keys))
    text = parts[0]
    for part in parts[1:]:
        if text_width(text) + 3 + text_width(part) <= width - bar - 4:
            text += f" · {part}"
    cells.put(0, bar + 3, text, palette.foreground)
    return cells


def status_line(state: SweepState, width: int) -> str:
    """The state of the sweep shown, in a terminal of this width."""
    view = state.view
    if view is None:
        return ""
    done = f"{view.ended}/{view.record.count}"
    place = f"{state.ids.index(view.id) + 1} of {len(state.ids)}" if len(state.ids) > 1 and view.id in state.ids else ""
    if width < STATUS_FROM:
        return f"{view.title} {done}"
    return " · ".join(part for part in (f"{view.title} {view.state}", done, place) if part)


def window_title(state: SweepState) -> str:
    """The sweep, its state and its trials, for the title of the window."""
    view = state.view
    return f"{view.title} {view.state} {view.ended}/{view.record.count}" if view is not None else ""


assert set(QUANTITY_NAMES) == set(QUANTITIES)
