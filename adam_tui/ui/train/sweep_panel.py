"""A sweep among the runs: its row in the lists, and the panels while it is selected. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from adam_tui.draw.cells import Cells, text_width
from adam_tui.draw.elements import draw_progress, shorten, wrap
from adam_tui.draw.palette import Palette
from adam_tui.draw.run_panels import MISSING, RunRow, state_color
from adam_tui.engine.class_reference import short_name
from adam_tui.engine.numbers import format_loss
from adam_tui.history.sweep_summary import BestSetting, SweepSummary
from adam_tui.runs.recipes import optimizer_title
from adam_tui.ui.actions import with_keys_named
from adam_tui.ui.train.labels import epochs_text, loss_text
from adam_tui.ui.train.run_panel import Note

MARKER = "▦"  # of a sweep in the lists, where a run has that of its curve
BAR = 40  # columns of the progress bar at most
KEYS = "{type_value} opens it: grid, curves, runs"
HEADING = "validation loss, accuracy: the best"
NOT_READ = "…"


def state_word(sweep: SweepSummary) -> str:
    """The state in a word; "…" before the first look at its files."""
    return sweep.state or NOT_READ


def progress_text(sweep: SweepSummary) -> str:
    """The trials that have ended, and all: "12/36"."""
    return f"{sweep.ended}/{sweep.trials}" if sweep.trials else MISSING


def accuracy_text(sweep: SweepSummary) -> str:
    """The validation accuracy of the best setting."""
    return MISSING if math.isnan(sweep.accuracy) else f"{sweep.accuracy:.2%}"


def settings_text(sweep: SweepSummary) -> str:
    """Its optimizers and its varied knobs: "adam,sgd lr,beta1"; of one that cannot be read, the reason."""
    return f"{','.join(map(short_name, sweep.optimizers))} {','.join(sweep.knobs)}".strip() or sweep.reason


def row(sweep: SweepSummary, palette: Palette) -> RunRow:
    """Its row in the list beside the charts."""
    lr = next((word.removeprefix("lr ") for word in _words(sweep) if word.startswith("lr ")), MISSING)
    return RunRow(
        MARKER,
        palette.accent,
        sweep.title,
        state_word(sweep),
        progress_text(sweep),
        accuracy_text(sweep),
        lr,
        loss_text(sweep.loss),
        drawn=True,
        differences=settings_text(sweep),
        short_epoch=f"{math.floor(100 * sweep.ended / sweep.trials)}%" if sweep.trials else MISSING,
    )


def _words(sweep: SweepSummary) -> list[str]:
    return sweep.best[0].values.split(" · ") if sweep.best else []


def sweep_text(sweep: SweepSummary) -> str:
    """The plan in one line: "Adam, SGD · lr · 36 trials of 3 epochs · 3 seeds"."""
    if not sweep.trials:
        return sweep.reason or "its files are being read"
    names = ", ".join(optimizer_title(each) for each in sweep.optimizers)
    trials = f"{sweep.trials:,} trial{'s' * (sweep.trials != 1)} of {epochs_text(sweep.epochs)}"
    seeds = [f"{sweep.seeds} seeds"] if sweep.seeds > 1 else []
    return " · ".join([names, ", ".join(sweep.knobs), trials, *seeds])


def counts_text(sweep: SweepSummary) -> str:
    """How far it is: "12 of 36 trials ended, 1 failed"."""
    failed = f", {sweep.failed} failed" if sweep.failed else ""
    return f"{sweep.ended:,} of {sweep.trials:,} trials ended{failed}"


def titles(sweep: SweepSummary) -> tuple[str, str]:
    """The title and the subtitle of the large panel."""
    return f"{sweep.id} · {state_word(sweep)}", ""


def notes(sweep: SweepSummary, keys: Mapping[str, str], palette: Palette) -> list[Note]:
    """The notes in the place of a run's figures: the plan, how far it is, the keys."""
    lines = [(sweep_text(sweep), palette.foreground)]
    if sweep.trials:
        lines.append((counts_text(sweep), palette.foreground))
    if sweep.state == "stopped":
        lines.append((with_keys_named("{type_value} opens it, {continue_run} continues it there", keys), palette.faint))
    if sweep.alive:
        word = "goes on" if sweep.state == "paused" else "pauses"
        lines.append((with_keys_named(f"{{pause}} {word} · {{stop}} stops", keys), palette.faint))
    return lines


def draw(sweep: SweepSummary, keys: Mapping[str, str], width: int, height: int, palette: Palette) -> Cells:
    """The plan, the progress, and the best settings with their validation losses and accuracies."""
    cells = Cells.blank(max(width, 0), max(height, 0), palette.foreground, palette.background)
    inner = max(width - 2, 1)
    plan, hint = wrap(sweep_text(sweep), inner), wrap(with_keys_named(KEYS, keys), inner)
    room = max(height - len(plan) - len(hint) - (6 if sweep.trials else 2), 0)
    table = [_best_line(sweep, each) for each in sweep.best[:room]]
    longest = max(map(text_width, [*plan, *hint, *table]))
    left = max((width - max(longest, min(BAR, inner))) // 2, 1)
    row = max((height - len(plan) - len(hint) - len(table) - (6 if sweep.trials else 2)) // 2, 0)
    for line in plan:
        cells.put(row, left, line, palette.foreground, bold=True)
        row += 1
    if sweep.trials:
        draw_progress(cells, row, left, min(BAR, inner), sweep.share, state_color(sweep.state, palette), palette)
        cells.put(row + 1, left, shorten(counts_text(sweep), inner), palette.foreground)
        heading = HEADING if table else "no trial has a result yet" if not sweep.best else ""
        cells.put(row + 3, left, shorten(heading, inner), palette.faint)
        row += 4
    for i, line in enumerate(table):
        cells.put(row, left, shorten(line, inner), palette.foreground if i else palette.accent, bold=not i)
        row += 1
    for line in hint:
        cells.put(row + 1, left, line, palette.accent)
        row += 1
    return cells


def _best_line(sweep: SweepSummary, setting: BestSetting) -> str:
    accuracy = MISSING if math.isnan(setting.accuracy) else f"{setting.accuracy:.2%}"
    title = setting.title if len(sweep.optimizers) > 1 else setting.values or setting.optimizer
    return f"{format_loss(setting.loss):>7}  {accuracy:>7}  {title}"


def draw_progress_line(sweep: SweepSummary, width: int, palette: Palette) -> Cells:
    """The progress in one row, and the best setting."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    bar = min(24, max(width // 4, 4))
    draw_progress(cells, 0, 1, bar, sweep.share, state_color(sweep.state, palette), palette)
    parts = [f"{progress_text(sweep)} trials", state_word(sweep)]
    if sweep.failed:
        parts.append(f"{sweep.failed} failed")
    if sweep.best:
        parts.append(f"★ {sweep.best[0].title} {format_loss(sweep.best[0].loss)}")
    cells.put(0, bar + 3, shorten(" · ".join(parts), max(width - bar - 4, 1)), palette.foreground)
    return cells
