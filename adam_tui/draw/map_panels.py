"""The tables beside a map: the settings at its cursor and its best cell, its curves at one learning rate, its basins.

Change here how these tables look; texts and numbers come from the caller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adam_tui.draw.cells import Cells, Color, stack, text_width
from adam_tui.draw.elements import format_scientific, shorten
from adam_tui.draw.palette import Palette
from adam_tui.draw.playground_panels import STATE_GLYPH, state_color

NAMED = 54  # columns from which a row has its name, and its state in words
CURVES = 51  # columns from which a curve has its best value and the rate at which it breaks
BASINS = 36  # columns from which a rest point has its loss
NAME = 7
NUMBER = 9
NARROW_NUMBER = 7


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One setting and its outcome: a mark, a name, the texts of its two values, a number, and the lane's state.

    `since` is the step at which the state began, None for running. `state` is "" for one that is not computed.
    """

    mark: str
    name: str
    values: tuple[str, ...]
    number: float
    state: str
    since: int | None = None
    color: Color | None = None


def outcome_table(
    rows: Sequence[OutcomeRow], headers: Sequence[str], width: int, palette: Palette, *, whole: bool = False
) -> Cells:
    """Draw a row for each setting below the headers, those of its values and of its number."""
    cells = Cells.blank(width, len(rows) + 1, palette.foreground, palette.background)
    wide = width >= NAMED
    column = NUMBER if wide else NARROW_NUMBER
    start = 2 + (NAME if wide else 0)
    for i, header in enumerate(headers):
        end = start + (i + 1) * (column + 1) - 1
        header = shorten(header, column)
        cells.put(0, end - text_width(header), header, palette.faint)
    for line, row in enumerate(rows, start=1):
        cells.put(line, 0, row.mark, row.color or palette.accent, bold=True)
        if wide:
            cells.put(line, 2, row.name, palette.faint)
        number = str(round(row.number)) if whole and row.number == row.number else format_scientific(row.number, 7)
        for i, text in enumerate((*row.values, "–" if row.number != row.number else number.strip())):
            text = shorten(text, column)
            cells.put(line, start + (i + 1) * (column + 1) - 1 - text_width(text), text, palette.foreground)
        if row.state:
            at = start + len(headers) * (column + 1) + wide
            word = row.state if wide else STATE_GLYPH[row.state]
            since = "" if row.since is None else f"{' ' if wide else ''}{row.since}"
            text = f"{word}{since}"
            cells.put(line, at, text if text_width(text) <= width - at else word, state_color(row.state, palette))
    return cells


@dataclass(frozen=True, slots=True)
class BasinRow:
    """One rest point: a sample of its colour or its letter, its place, its loss, and its share of the starts."""

    color: Color
    letter: str
    point: tuple[float, float]
    loss: float
    share: float
    listed: bool


def basin_table(
    rows: Sequence[BasinRow],
    width: int,
    palette: Palette,
    *,
    letters: bool = False,
    others: tuple[int, float] = (0, 0.0),
) -> Cells:
    """Draw a row for each rest point: its colour or letter, place, loss if there is room, and share of the starts.

    `others` is the number of rest points without a row, and their share of the starts.
    """
    cells = Cells.blank(width, len(rows) + 1 + (others[0] > 0), palette.foreground, palette.background)
    roomy = width >= BASINS
    share_at = width - 6
    loss_at = share_at - 8
    cells.put(0, 3, "rest point", palette.faint)
    cells.put(0, share_at, "starts", palette.faint)
    if roomy:
        cells.put(0, loss_at, f"{'loss':>7}", palette.faint)
    for line, row in enumerate(rows, start=1):
        if letters:
            cells.put(line, 0, row.letter, palette.foreground, bold=True)
        else:
            cells.put(line, 0, "  ", palette.foreground, bg=row.color)
        x, y = (f"{value:.3g}".replace("-", "−") for value in row.point)
        place = shorten(f"{x}, {y}", (loss_at if roomy else share_at) - 3 - 3)
        cells.put(line, 3, place, palette.foreground)
        if row.listed:
            cells.put(line, 3 + text_width(place) + 1, "✛", palette.foreground, bold=True)
        if roomy:
            cells.put(line, loss_at, format_scientific(row.loss, 7), palette.foreground)
        cells.put(line, share_at, f"{percent_text(row.share):>6}", palette.foreground)
    if others[0]:
        cells.put(len(rows) + 1, 3, f"{others[0]} more", palette.faint)
        cells.put(len(rows) + 1, share_at, f"{percent_text(others[1]):>6}", palette.faint)
    return cells


def percent_text(share: float) -> str:
    """A share as 42%, below one percent as 0.3%."""
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One curve of the learning rates: its value at the cursor, its best value and the rate of it, and where it breaks.

    `breaks_at` is the lowest learning rate above the best one that diverges, nan if none does.
    """

    mark: str
    color: Color
    name: str
    here: float
    state: str
    best: float
    best_at: str
    breaks_at: str


def curve_table(
    rows: Sequence[CurveRow],
    selected: int,
    width: int,
    palette: Palette,
    *,
    whole: bool = False,
    height: int | None = None,
) -> Cells:
    """Draw a row for each curve; the chosen lane's is bold.

    If they do not fit into `height`, the curves with the best values come first, and the last row counts the others.
    """
    if height is not None and len(rows) + 1 > height:
        chosen = rows[selected] if selected >= 0 else None
        order = sorted(rows, key=lambda row: (row is not chosen, row.best if row.best == row.best else math.inf))
        kept = order[: max(height - 2, 0)]
        cells = curve_table(kept, -1 if chosen is None else 0, width, palette, whole=whole)
        more = Cells.blank(width, 1, palette.foreground, palette.background)
        more.put(0, 2, shorten(f"{len(rows) - len(kept)} curves more", width - 2), palette.faint)
        return stack((cells, more))
    cells = Cells.blank(width, len(rows) + 1, palette.foreground, palette.background)
    columns = [("here", 10, 8), ("best at", 19, 8)]
    if width >= CURVES:
        columns = [("here", 12, 9), ("best", 22, 9), ("at lr", 32, 9), ("breaks at", 42, 9)]
    for header, start, size in columns:
        cells.put(0, start, f"{header:>{size}}", palette.faint)
    for line, row in enumerate(rows, start=1):
        bold = line - 1 == selected
        cells.put(line, 0, row.mark, row.color, bold=True)
        cells.put(line, 2, shorten(row.name, columns[0][1] - 2), row.color, bold=bold)
        texts = {
            "here": _number(row.here, whole) if row.here == row.here else STATE_GLYPH.get(row.state, "–"),
            "best": _number(row.best, whole),
            "at lr": row.best_at,
            "best at": row.best_at,
            "breaks at": row.breaks_at,
        }
        for header, start, size in columns:
            text = shorten(texts[header], size)
            cells.put(line, start, f"{text:>{size}}", palette.foreground, bold=bold)
    return cells


def _number(value: float, whole: bool) -> str:
    if value != value:
        return "–"
    return str(round(value)) if whole else format_scientific(value, 7).strip()
