"""Panels about training runs as cells: the tables of runs, the statistics of one run, cursor values, progress bars.

Change here how these tables look; texts come from the caller. Every function fills exactly the given rectangle, keeps
its columns still while numbers change, and omits what does not fit. A glyph or a word repeats the meaning of every
colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.elements import POINTER, draw_progress, hidden_rows, shorten, visible_rows, wrap
from adam_tui.draw.palette import Palette

NAME_AT = 3
# Columns of names: the shortest ids, "adam-7f3a"; the longest, "momentum-7f3a"; the user's, where there is room.
LEAST_NAME, NAME, MOST_NAME = 9, 13, 40
STATE_AT = NAME_AT + NAME + 1
STATE, WIDE_STATE = 9, 9  # columns of "at chance" and "queued 12"
BEST = 7  # columns of "100.00%"
NUMBER = 8  # columns of "0.0005", "5.12e+30"
LEAST_DIFFERENCES, MOST_DIFFERENCES = 6, 24  # columns of the settings that differ in the table beside the charts
SETTINGS = 18  # the wide table drops a column before the settings have fewer columns than this
WANTED_SETTINGS = 40  # columns of settings that long names of the wide table leave
SETTINGS_AT = STATE_AT + WIDE_STATE + 1
HIDDEN_AT = 5  # columns of the heading "run▴" and a gap
NOT_DRAWN = "○"  # the marker of a run whose curve is not on the charts
MISSING = "–"
RISING, FALLING = "▴", "▾"
STATE_GLYPH = {
    "queued": "⋯",
    "starting": "…",
    "running": "▶",
    "silent": "!",
    "paused": "‖",
    "finished": "✓",
    "stopped": "■",
    "failed": "✕",
    "diverged": "✕",
    "at chance": "✕",
    "lost": "?",
}
SHORTEST_BAR = 6


def state_word(state: str) -> str:
    """The state without the place in the queue: "queued" of "queued 2"."""
    return state if state in STATE_GLYPH else state.partition(" ")[0]


def state_color(state: str, palette: Palette) -> Color:
    """Green for a good end, red for a bad one, the accent colour for waiting runs, blue for running ones."""
    word = state_word(state)
    if word in ("failed", "diverged", "at chance", "lost", "silent"):
        return palette.states["diverged"]
    if word in ("paused", "queued"):
        return palette.accent
    colors = {"running": palette.states["running"], "finished": palette.states["converged"]}
    return colors.get(word, palette.faint)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the table beside the charts.

    `epoch` is a text like "3/50", which a narrow table cuts to "3"; `best` one like "98.94%". `lr` and `loss` are for
    wide tables only. `pin` is a sign if the user pinned the run to the charts or took it off them. `differences` are
    the settings that distinguish it from the other runs. A narrow table shows `short_epoch` where there is one.
    """

    marker: str
    color: Color
    name: str
    state: str
    epoch: str
    best: str
    lr: str
    loss: str
    drawn: bool
    pin: str = " "
    differences: str = ""
    short_epoch: str = ""


def runs_table(rows: Sequence[RunRow], selected: int, width: int, height: int, palette: Palette) -> Cells:
    """Draw marker, name, state, epoch and best accuracy of each run; narrow tables show the state as a glyph.

    The settings that differ are more important than the state's word, and the lr and the loss are less. Names that are
    longer than ids take the room that is left. The heading counts the runs that are above and below.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    longest = max((len(row.name) for row in rows), default=0)
    name = min(max(longest, LEAST_NAME), NAME)
    state_at = NAME_AT + name + 1
    epochs = [row.epoch for row in rows]
    if state_at + 2 + max(map(len, epochs), default=0) + 1 + BEST > width:
        epochs = [row.short_epoch or row.epoch.partition("/")[0] for row in rows]
    epoch_width = max([5, *map(len, epochs)])
    right = epoch_width + 1 + BEST
    wanted = min(max((len(row.differences) for row in rows), default=0), MOST_DIFFERENCES)
    least = min(wanted, LEAST_DIFFERENCES) + 1 if wanted else 0
    words = width >= state_at + STATE + 1 + least + right
    more = words and width >= state_at + STATE + 1 + (wanted + 1 if wanted else 0) + right + 2 * (NUMBER + 1)
    best_at = width - BEST - (2 * (NUMBER + 1) if more else 0)
    epoch_at = best_at - epoch_width - 1
    lr_at, loss_at = best_at + BEST + 1, best_at + BEST + 1 + NUMBER + 1
    differences_at = state_at + (STATE + 1 if words else 2)
    room = epoch_at - differences_at - 1
    if longer := max(min(room - wanted, min(longest, MOST_NAME) - name), 0):
        name, state_at, differences_at, room = name + longer, state_at + longer, differences_at + longer, room - longer
    headings = [(epoch_at, f"{'epoch':>{epoch_width}}"), (best_at, f"{'best':>{BEST}}")]
    if words:
        headings.append((state_at, "state"))
    if more:
        headings += [(lr_at, f"{'lr':>{NUMBER}}"), (loss_at, f"{'loss':>{NUMBER}}")]
    if wanted and room >= least - 1:
        headings.append((differences_at, "settings"[:room]))
    shown = visible_rows(selected, len(rows), height - 1)
    for column, text in headings:
        cells.put(0, column, text, palette.faint)
    cells.put(0, NAME_AT, hidden_rows(shown, len(rows)), palette.accent)
    for line, index in enumerate(shown, start=1):
        row, bold = rows[index], index == selected
        ink = palette.foreground if row.drawn else palette.faint
        _draw_name(cells, line, row, name, palette, selected=bold)
        state = row.state[:STATE] if words else STATE_GLYPH.get(state_word(row.state), "?")
        cells.put(line, state_at, state, state_color(row.state, palette), bold=bold)
        if wanted and room >= least - 1:
            cells.put(line, differences_at, _whole_words(row.differences, room), ink, bold=bold)
        cells.put(line, epoch_at, f"{epochs[index]:>{epoch_width}}", ink, bold=bold)
        cells.put(line, best_at, f"{row.best:>{BEST}}", ink, bold=bold)
        if more:
            cells.put(line, lr_at, f"{row.lr:>{NUMBER}}", ink, bold=bold)
            cells.put(line, loss_at, f"{row.loss:>{NUMBER}}", ink, bold=bold)
    return cells


def _whole_words(text: str, width: int) -> str:
    """As many words as have room, with "…" for the others; at least a part of the first."""
    if len(text) <= width:
        return text
    words = text[:width].rpartition(" ")[0]
    return f"{words}…" if words else shorten(text, width)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the wide table: its sort key, heading and width in cells; a high `rank` is dropped first."""

    key: str
    heading: str
    width: int
    rank: int


IMPORTANT = 1  # the rank of the columns that stay even when settings are cut
# These columns are at the right. The settings, after the state, take the remaining width.
COLUMNS = (
    Column("epochs", "epochs", 8, IMPORTANT),
    Column("best", "best", 8, 0),
    Column("loss", "loss", 9, 2),
    Column("speed", "images/s", 9, 4),
    Column("duration", "duration", 9, 3),
    Column("started", "started", 13, 5),
)
SORT_KEYS = ("name", "state", "settings", *(column.key for column in COLUMNS))


@dataclass(frozen=True, slots=True)
class WideRow:
    """One run in the wide table: `values` are texts by column key; `pin` as in `RunRow`."""

    marker: str
    color: Color
    name: str
    state: str
    settings: str
    values: dict[str, str]
    drawn: bool
    pin: str = " "


def visible_columns(width: int, settings: int = 0) -> tuple[Column, ...]:
    """The columns that fit into a wide table of this width beside settings of so many columns.

    The epochs and the best accuracy are more important than the end of long settings.
    """
    kept = list(COLUMNS)
    while kept:
        least = settings if max(column.rank for column in kept) > IMPORTANT else 0
        if SETTINGS_AT + max(SETTINGS, least + 1) + sum(column.width for column in kept) <= width:
            break
        kept.remove(max(kept, key=lambda column: column.rank))
    return tuple(kept)


def wide_table(
    rows: Sequence[WideRow], selected: int, sort: str, rising: bool, width: int, height: int, palette: Palette
) -> Cells:
    """Draw the runs with all columns that fit; ▴ or ▾ marks the column `sort` by which the rows are sorted.

    Names that are longer than ids take room that the settings leave. The heading counts the runs that are above and
    below.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    wanted = max((len(row.settings) for row in rows), default=0)
    columns = visible_columns(width, wanted)
    numbers_at = width - sum(column.width for column in columns)
    spare = numbers_at - SETTINGS_AT - 1 - min(max(SETTINGS, wanted), WANTED_SETTINGS)
    longest = min(max((len(row.name) for row in rows), default=0), MOST_NAME)
    name = NAME + max(min(spare, longest - NAME), 0)
    state_at, settings_at = STATE_AT + name - NAME, SETTINGS_AT + name - NAME
    arrow = RISING if rising else FALLING

    def draw_heading(key: str, text: str, left: int, size: int, *, right: bool) -> None:
        text = text + arrow if key == sort else text
        ink = palette.accent if key == sort else palette.faint
        cells.put(0, left, f"{text:>{size}}" if right else text, ink, bold=key == sort)

    draw_heading("name", "run", NAME_AT, name, right=False)
    draw_heading("state", "state", state_at, WIDE_STATE, right=False)
    draw_heading("settings", "settings", settings_at, 0, right=False)
    cells.put(0, numbers_at, " " * (width - numbers_at), palette.faint)
    left = numbers_at
    for column in columns:
        draw_heading(column.key, column.heading, left, column.width, right=True)
        left += column.width
    shown = visible_rows(selected, len(rows), height - 1)
    cells.put(0, NAME_AT + HIDDEN_AT, hidden_rows(shown, len(rows)), palette.accent)
    for line, index in enumerate(shown, start=1):
        row, bold = rows[index], index == selected
        ink = palette.foreground if row.drawn or bold else palette.faint
        _draw_name(cells, line, row, name, palette, selected=bold)
        cells.put(line, state_at, row.state[:WIDE_STATE], state_color(row.state, palette), bold=bold)
        cells.put(line, settings_at, shorten(row.settings, numbers_at - settings_at - 1), ink, bold=bold)
        left = numbers_at
        for column in columns:
            cells.put(line, left, f"{row.values.get(column.key, MISSING):>{column.width}}", ink, bold=bold)
            left += column.width
    return cells


def _draw_name(cells: Cells, line: int, row: RunRow | WideRow, width: int, palette: Palette, *, selected: bool) -> None:
    """Draw the first columns of a run's row: pointer, marker, pin, and the name in `width` columns."""
    color = row.color if row.drawn else palette.faint
    if selected:
        cells.put(line, 0, POINTER, palette.accent, bold=True)
    cells.put(line, 1, row.marker if row.drawn else NOT_DRAWN, color, bold=row.drawn)
    cells.put(line, 2, row.pin, palette.faint)
    cells.put(line, NAME_AT, shorten(row.name, width), color, bold=selected)


@dataclass(frozen=True, slots=True)
class CursorRow:
    """The values of one run under the chart's cursor, as texts."""

    marker: str
    color: Color
    name: str
    raw: str
    mean: str
    test: str
    accuracy: str


def cursor_table(
    rows: Sequence[CursorRow], width: int, height: int, palette: Palette, *, measured: str = "test"
) -> Cells:
    """Draw a row for each run: raw loss, mean, test loss and accuracy. Long names are cut in narrow tables.

    `measured` is the heading of the test losses, which may be those of validation images.

    The first run, the selected one, stays first; after it come those that have values. The heading counts the others.
    """
    rows = [*rows[:1], *sorted(rows[1:], key=lambda row: row.raw == MISSING)]
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    columns = [("raw", 7), ("mean", 7), (measured, max(7, len(measured) + 1)), ("accuracy", 9)]
    numbers_at = width - sum(size for _, size in columns)
    left = numbers_at
    for name, size in columns:
        cells.put(0, left, f"{name:>{size}}", palette.faint)
        left += size
    cells.put(0, 2, hidden_rows(range(min(height - 1, len(rows))), len(rows)), palette.accent)
    for line, row in enumerate(rows[: height - 1], start=1):
        cells.put(line, 0, row.marker, row.color, bold=True)
        cells.put(line, 2, shorten(row.name, max(numbers_at - 2, 1)), row.color, bold=line == 1)
        left = numbers_at
        for (_, size), text in zip(columns, (row.raw, row.mean, row.test, row.accuracy), strict=True):
            cells.put(line, left, f"{text:>{size}}", palette.foreground, bold=line == 1)
            left += size
    return cells


@dataclass(frozen=True, slots=True)
class Statistic:
    """A labelled number, with a shorter form of both for narrow panels."""

    label: str
    value: str
    short_label: str
    short_value: str


def statistics_panel(
    statistics: Sequence[Statistic], notes: Sequence[tuple[str, Color]], width: int, height: int, palette: Palette
) -> Cells:
    """Draw the numbers in two columns, row by row, and the notes (text, colour) wrapped below them.

    If not everything fits, up to two lines of notes stay; "…" is the end of notes that are cut.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    lines = [(line, color) for text, color in notes for line in wrap(text, width)]
    rows = -(-len(statistics) // 2)
    rows = min(rows, max(height - min(len(lines), 2), 0))
    gap = 3 if width >= 40 else 2
    column = (width - gap) // 2
    short = any(len(each.label) + 1 + len(each.value) > column for each in statistics)
    for i, each in enumerate(statistics[: 2 * rows]):
        line, left = i // 2, (i % 2) * (column + gap)
        label, value = (each.short_label, each.short_value) if short else (each.label, each.value)
        cells.put(line, left, label, palette.faint)
        cells.put(line, left + column - len(value), value, palette.foreground)
    shown = lines[: height - rows]
    if len(lines) > len(shown) > 0:
        shown[-1] = (shorten(f"{shown[-1][0]} …", width), shown[-1][1])
    for line, (text, color) in enumerate(shown, start=rows):
        cells.put(line, 0, text, color)
    return cells


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled progress bar: "epoch 3/50 ━━━●── 412/938". `share` is 0 to 1."""

    label: str
    before: str
    share: float
    after: str


def progress_row(bars: Sequence[Bar], note: str, width: int, palette: Palette) -> Cells:
    """Draw one row of progress bars, which share the width that their texts and the note at the right leave."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    note = f"  {note} " if note else " "
    texts = [f" {bar.label} {bar.before} " if bar.before else f" {bar.label} " for bar in bars]
    room = width - len(note) - sum(len(text) + len(bar.after) + 2 for text, bar in zip(texts, bars, strict=True))
    left = 0
    for i, (text, bar) in enumerate(zip(texts, bars, strict=True)):
        length = room // len(bars) + (i < room % len(bars))
        cells.put(0, left, text, palette.foreground)
        cells.put(0, left + 1, bar.label, palette.faint)
        left += len(text)
        if length >= SHORTEST_BAR:
            draw_progress(cells, 0, left, length, bar.share, palette.accent, palette)
            left += length
        cells.put(0, left + 1, bar.after, palette.foreground)
        left += len(bar.after) + 2
    cells.put(0, max(width - len(note), left), note, palette.foreground)
    return cells
