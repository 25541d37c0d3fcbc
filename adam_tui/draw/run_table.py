"""The wide table of runs, and the values under the cursor, as cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette
from adam_tui.draw.panels import CHOSEN, scrolled
from adam_tui.draw.training_panels import NAME, NOT_DRAWN, state_color

STATE = 9
SETTINGS = 18  # columns that the settings have at least before another column goes


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key that it is sorted by, its heading, its columns of cells; small ranks stay longest."""

    key: str
    heading: str
    width: int
    rank: int


# The settings take what is left; they stand after the state.
COLUMNS = (
    Column("epochs", "epochs", 8, 1),
    Column("best", "best", 8, 0),
    Column("loss", "loss", 9, 2),
    Column("speed", "images/s", 9, 4),
    Column("duration", "duration", 9, 3),
    Column("started", "started", 13, 5),
)
KEYS = ("name", "state", "settings", *(column.key for column in COLUMNS))


@dataclass(frozen=True, slots=True)
class WideRow:
    """One run: `values` by column key, as texts; `pin` says that it was taken into the overlay or out of it."""

    marker: str
    color: Color
    name: str
    state: str
    settings: str
    values: dict[str, str]
    drawn: bool
    pin: str = " "


def shown_columns(width: int) -> tuple[Column, ...]:
    """The columns that a table of this width has room for."""
    fixed = 3 + NAME + 1 + STATE + 1
    kept = list(COLUMNS)
    while kept and fixed + SETTINGS + sum(column.width for column in kept) > width:
        kept.remove(max(kept, key=lambda column: column.rank))
    return tuple(kept)


def wide_table(
    rows: Sequence[WideRow], chosen: int, sort: str, rising: bool, width: int, height: int, palette: Palette
) -> Cells:
    """The runs with all that fits; ▴ or ▾ stands at the column that they are sorted by."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    columns = shown_columns(width)
    at_state, at_settings = 3 + NAME + 1, 3 + NAME + 1 + STATE + 1
    at_numbers = width - sum(column.width for column in columns)
    arrow = "▴" if rising else "▾"

    def heading(key: str, text: str, left: int, size: int, *, right: bool) -> None:
        text = text + arrow if key == sort else text
        ink = palette.accent if key == sort else palette.faint
        cells.put(0, left, f"{text:>{size}}" if right else text, ink, bold=key == sort)

    heading("name", "run", 3, NAME, right=False)
    heading("state", "state", at_state, STATE, right=False)
    heading("settings", "settings that differ", at_settings, 0, right=False)
    cells.put(0, at_numbers, " " * (width - at_numbers), palette.faint)
    at = at_numbers
    for column in columns:
        heading(column.key, column.heading, at, column.width, right=True)
        at += column.width
    first = scrolled(chosen, len(rows), height - 1)
    for line, index in enumerate(range(first, min(first + height - 1, len(rows))), start=1):
        row, bold = rows[index], index == chosen
        ink = palette.foreground if row.drawn or bold else palette.faint
        color = row.color if row.drawn else palette.faint
        if bold:
            cells.put(line, 0, CHOSEN, palette.accent, bold=True)
        cells.put(line, 1, row.marker if row.drawn else NOT_DRAWN, color, bold=row.drawn)
        cells.put(line, 2, row.pin, palette.faint)
        cells.put(line, 3, row.name[:NAME], color, bold=bold)
        cells.put(line, at_state, row.state[:STATE], state_color(row.state, palette), bold=bold)
        room = at_numbers - at_settings - 1
        text = row.settings if len(row.settings) <= room else row.settings[: room - 1] + "…"
        cells.put(line, at_settings, text, ink, bold=bold)
        at = at_numbers
        for column in columns:
            cells.put(line, at, f"{row.values.get(column.key, '–'):>{column.width}}", ink, bold=bold)
            at += column.width
    return cells


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of one run under the cursor, as texts."""

    marker: str
    color: Color
    name: str
    raw: str
    mean: str
    test: str
    accuracy: str


def readings(rows: Sequence[Reading], width: int, height: int, palette: Palette) -> Cells:
    """A row a run: raw loss, mean, test loss and accuracy; names are cut where there is little room."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    numbers = [("raw", 7), ("mean", 7), ("test", 7), ("accuracy", 9)]
    left = width - sum(size for _, size in numbers)
    at = left
    for name, size in numbers:
        cells.put(0, at, f"{name:>{size}}", palette.faint)
        at += size
    for line, row in enumerate(rows[: height - 1], start=1):
        cells.put(line, 0, row.marker, row.color, bold=True)
        cells.put(line, 2, row.name[: max(left - 2, 0)], row.color, bold=line == 1)
        texts = {"raw": row.raw, "mean": row.mean, "test": row.test, "accuracy": row.accuracy}
        at = left
        for name, size in numbers:
            cells.put(line, at, f"{texts[name]:>{size}}", palette.foreground, bold=line == 1)
            at += size
    return cells
