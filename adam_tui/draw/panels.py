"""The playground's tables of numbers as cells: lanes, knobs, the arithmetic of a step, the timeline.

They are drawn like the plot, cell by cell, so that a number that changes costs its own digits on the line and the
columns never jump. Every function fills the given rectangle exactly and leaves out what does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adam_tui.draw.cells import Cells, Color, columns
from adam_tui.draw.palette import Palette
from adam_tui.engine.knobs import Knob

NAME = 10  # columns of the longest name of a lane, "adadelta-2"
NUMBER = 8  # columns of "-5.6e-02"
SHORT_NUMBER = 7  # columns of "5.6e-02", a number that is not negative
STATE = 9  # columns of "converged"
VALUE = 8  # columns of what the arrow keys reach: "0.999999", "1e-12"
CHOSEN = "▸"
STATE_SHORT = {"running": "·", "converged": "✓", "diverged": "✕"}
SLIDER = 8  # the shortest slider worth drawing
# Columns at which the table of lanes has room for ‖g‖ and the distance too, and for the state in words.
NORMAL, WIDE = 45, 56
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane at one step: `rank` by loss from 1, `distance` to the nearest minimum (nan where none is known).

    `since` is the step at which the state began, None for running.
    """

    marker: str
    color: Color
    name: str
    loss: float
    gradient_norm: float
    state: str
    rank: int = 1
    distance: float = math.nan
    since: int | None = None


def number(value: float, width: int = NUMBER, decimals: int = 1) -> str:
    """A float in scientific notation, right-aligned, with as many decimals (at most) as fit: " 5.6e-02"."""
    if not math.isfinite(value):
        return f"{'∞' if value > 0 else '−∞' if value < 0 else 'nan':>{width}}"
    texts = (f"{value:.{digits}e}" for digits in range(decimals, -1, -1))
    text = next((text for text in texts if len(text) <= width), f"{value:.0e}")
    return f"{text:>{width}}"


def lanes(rows: Sequence[LaneRow], chosen: int, width: int, height: int, palette: Palette) -> Cells:
    """The table of lanes: marker, rank, name, loss, ‖g‖, distance to a minimum, and the state with its first step.

    Below NORMAL columns rank, ‖g‖ and distance are left out; from WIDE on the state is in words.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    normal = width >= NORMAL
    loss_width = NUMBER if width >= WIDE or not normal else SHORT_NUMBER
    at_name = 5 if normal and len(rows) > 1 else 3
    at_loss = (5 if normal else 3) + NAME + 1
    at_norm = at_loss + loss_width + 1
    at_distance = at_norm + SHORT_NUMBER + 1
    at_state = at_distance + SHORT_NUMBER + 1 if normal else at_norm
    cells.put(0, at_loss, f"{'loss':>{loss_width}}", palette.faint)
    if normal:
        cells.put(0, at_norm, f"{'‖g‖':>{SHORT_NUMBER}}", palette.faint)
        cells.put(0, at_distance, f"{'to min':>{SHORT_NUMBER}}", palette.faint)
        cells.put(0, at_state, "state", palette.faint)
    first = scrolled(chosen, len(rows), height - 1)
    for line, index in enumerate(range(first, min(first + height - 1, len(rows))), start=1):
        row, bold = rows[index], index == chosen
        ink = palette.foreground
        if bold:
            cells.put(line, 0, CHOSEN, palette.accent, bold=True)
        cells.put(line, 1, row.marker, row.color, bold=True)
        if at_name == 5:
            cells.put(line, 2, f"{row.rank:>2}", palette.foreground if row.rank == 1 else palette.faint, bold=bold)
        cells.put(line, at_name, _name(row.name), row.color, bold=bold)
        cells.put(line, at_loss, number(row.loss, loss_width), ink, bold=bold)
        if normal:
            cells.put(line, at_norm, number(row.gradient_norm, SHORT_NUMBER), ink, bold=bold)
            cells.put(line, at_distance, number(row.distance, SHORT_NUMBER), ink, bold=bold)
        cells.put(line, at_state, _state(row, width, width - at_state), palette.states[row.state], bold=bold)
    return cells


def _name(name: str) -> str:
    """The name cut to its column, but never its number: adadelta-12 becomes adadelt-12."""
    stem, dash, count = name.rpartition("-") if "-" in name else (name, "", "")
    return stem[: NAME - len(dash + count)] + dash + count


def _state(row: LaneRow, width: int, room: int) -> str:
    """The state, and the step at which it began where that fits: half a number would be a wrong one."""
    state, gap = (row.state, " ") if width >= WIDE else (STATE_SHORT[row.state], "")
    full = state if row.since is None else f"{state}{gap}{row.since}"
    return full if len(full) <= room else state


def knobs(
    table: Sequence[tuple[Knob, float]], chosen: int, color: Color, width: int, height: int, palette: Palette
) -> Cells:
    """A line a knob: symbol, name, value and a slider; the chosen one and those not at their default are brighter."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    symbol = max((columns(knob.symbol) for knob, _ in table), default=1)
    names = max((len(knob.name) for knob, _ in table), default=1)
    texts = [knob.format(value) for knob, value in table]
    values = max([VALUE, *map(len, texts)])
    room = width - 2 - 2 - values - 1
    if names + symbol + 1 > room:
        symbol = 0  # the name says more than the letter
    at_name = 2 + (symbol + 1 if symbol else 0)
    names = min(names, max(width - at_name - values - 1, 3))
    at_value = at_name + names + 1
    at_slider = at_value + values + 2
    first = scrolled(chosen, len(table), height)
    for line, index in enumerate(range(first, min(first + height, len(table)))):
        (knob, value), bold = table[index], index == chosen
        ink = palette.foreground if bold or value != knob.default else palette.faint
        if bold:
            cells.put(line, 0, CHOSEN, palette.accent, bold=True)
        if symbol:
            cells.put(line, 2, knob.symbol, palette.accent if bold else palette.faint, bold=bold)
        cells.put(line, at_name, knob.name[:names], ink, bold=bold)
        cells.put(line, at_value, f"{texts[index]:>{values}}", ink, bold=bold)
        if width - at_slider >= SLIDER:
            _slider(cells, line, at_slider, width - 1, knob.fraction(value), color if bold else palette.faint, palette)
    return cells


def notes(lines: Sequence[tuple[str, bool]], width: int, palette: Palette) -> Cells:
    """Short remarks, a line each; those marked True are a warning."""
    cells = Cells.blank(width, len(lines), palette.foreground, palette.background)
    for row, (text, warning) in enumerate(lines):
        shown = text if columns(text) <= width else text[: width - 1] + "…"
        cells.put(row, 0, shown, palette.states["diverged"] if warning else palette.faint, bold=warning)
    return cells


def sparkline(values: Sequence[float], width: int) -> str:
    """Values from 0 to 1 as `width` block characters, each the mean of its part."""
    parts = (
        values[i * len(values) // width : max((i + 1) * len(values) // width, i * len(values) // width + 1)]
        for i in range(width)
    )
    return "".join(BLOCKS[min(int(sum(part) / len(part) * len(BLOCKS)), len(BLOCKS) - 1)] for part in parts)


def arithmetic(
    terms: Mapping[str, tuple[float, float]], rule: Sequence[str], width: int, height: int, palette: Palette
) -> Cells:
    """The numbers that made one step, a line a term and a column a coordinate, and the rule below them."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    symbols = max((columns(name) for name in terms), default=1)
    column = min(max((width - symbols - 2) // 2, 9), 16)
    cells.put(0, symbols + 1, f"{'x':>{column}}{'y':>{column}}", palette.faint)
    line = 0
    for line, (name, pair) in enumerate(terms.items(), start=1):
        last = line == len(terms)
        cells.put(line, 0, name, palette.accent if last else palette.faint, bold=last)
        for i, value in enumerate(pair):
            cells.put(line, symbols + 1 + i * column, decimal(value, column), palette.foreground, bold=last)
    for text in rule[max(len(rule) - (height - line - 1), 0) :]:
        line += 1
        cells.put(line, 0, text if columns(text) <= width else text[: width - 1] + "…", palette.faint)
    return cells


def decimal(value: float, width: int) -> str:
    """A float with five decimals where they fit and say something, in scientific notation elsewhere."""
    if value != value or math.isinf(value):
        return number(value, width)
    text = f"{value:.5f}"
    if len(text) > width - 1 or (value and abs(value) < 1e-3):
        text = number(value, width - 1, 3)
    return f"{text:>{width}}"


def timeline(
    step: int,
    steps: int,
    playing: bool,
    note: str,
    marks: Sequence[tuple[int, str, Color]],
    width: int,
    palette: Palette,
) -> Cells:
    """One row: the step, a bar with a mark where something happened (step, glyph, colour), and what time does."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    left = f" step {step:>{len(str(steps))}}/{steps} "
    right = f" {'▶' if playing else '‖'} {note} "
    cells.put(0, 0, " step ", palette.faint)
    cells.put(0, 6, left[6:], palette.foreground, bold=True)
    cells.put(0, width - len(right), right, palette.accent if playing else palette.faint, bold=playing)
    start, stop = len(left), width - len(right) - 1
    if stop - start >= SLIDER:
        _slider(cells, 0, start, stop, step / steps, palette.accent, palette, done=True)
        for at, glyph, color in marks:
            column = start + round((stop - start) * at / steps)
            if glyph and column != start + round((stop - start) * step / steps):
                cells.put(0, column, glyph, color, bold=True)
    return cells


def scrolled(chosen: int, count: int, height: int) -> int:
    """The first row of a list that keeps the chosen one in view."""
    if count <= height:
        return 0
    return min(max(chosen - height // 2, 0), count - height)


def _slider(
    cells: Cells, line: int, start: int, stop: int, share: float, color: Color, palette: Palette, *, done: bool = False
) -> None:
    """A thin bar from `start` to `stop` (both drawn) with a knob at `share`; `done` colours what lies before it."""
    cells.put(line, start, "─" * (stop - start + 1), palette.border)
    at = start + round((stop - start) * min(max(share, 0.0), 1.0))
    if done:
        cells.put(line, start, "━" * (at - start), color)
    cells.put(line, at, "●", color, bold=True)
