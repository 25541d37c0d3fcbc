"""The playground's panels as cells: the table of lanes, the knobs, the arithmetic of one step, the timeline.

Change here how these tables look; texts and numbers come from the caller. Every function fills exactly the given
rectangle and omits what does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adam_tui.draw.cells import Cells, Color, text_width
from adam_tui.draw.elements import (
    NUMBER,
    POINTER,
    SHORTEST_SLIDER,
    draw_progress,
    draw_slider,
    format_apart,
    format_decimal,
    format_scientific,
    shorten,
    visible_rows,
)
from adam_tui.draw.palette import Palette
from adam_tui.engine.knobs import Knob

NAME = 10  # columns of a lane's label, as in "adadelta-2"; a longer one is cut before its number
SHORT_NUMBER = 7  # columns of "5.6e-02", a number that is not negative
LONG_NUMBER = 9  # columns of "-1.23e+10"
STATE, STATE_IN_WORDS = 5, 16  # columns of "✓1000" and "converged 100000"
RANKS_OF_ONE_DIGIT = 9
VALUE = 8  # columns of the values that the arrow keys reach: "0.999999", "1e-12"
DISPLAY_ERROR = 1e-3  # largest relative error of a longer value on the screen
STATE_GLYPH = {"running": "·", "converged": "✓", "diverged": "✕", "failed": "!", "computing": "…"}
# The colours of the states that a palette does not have.
STATE_COLOR = {"failed": "diverged", "computing": "running"}
# From NORMAL columns on the table of lanes shows rank, ‖g‖ and the distance; from WIDE on the state in words.
NORMAL, WIDE = 45, 56


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane at one step.

    `names` are its names, the longest first; the longest one that fits is shown. `rank` is its place by loss, from 1,
    None for a lane without a loss at this step; `distance` the distance to the nearest minimum, nan if no minimum is
    known; `since` the step at which the state began, None for running. `ended`: the race is at its last step. `note`
    takes the place of the numbers: why there are none, or why they end. `evaluations` is the number of losses,
    gradients and Hessians so far, in place of the distance; None where all lanes evaluate one gradient a step.
    """

    marker: str
    color: Color
    names: tuple[str, ...]
    loss: float
    gradient_norm: float
    state: str
    rank: int | None = 1
    distance: float = math.nan
    since: int | None = None
    ended: bool = False
    note: str = ""
    evaluations: int | None = None


class _Columns(NamedTuple):
    """The first columns of the table of lanes, None for one that is omitted, and the widths that vary."""

    rank: int | None
    name: int
    name_width: int
    loss: int
    loss_width: int
    norm: int | None
    distance: int | None
    state: int
    in_words: bool


def _lane_columns(rows: Sequence[LaneRow], width: int) -> _Columns:
    """Share `width` among the columns. Long names take the free columns first, then the column of distances."""
    normal, in_words = width >= NORMAL, width >= WIDE
    ranked = normal and len(rows) > 1
    rank = (2 + (len(rows) > RANKS_OF_ONE_DIGIT)) if ranked else None
    name = 3 if rank is None else rank + 3
    loss_width = LONG_NUMBER if in_words else SHORT_NUMBER if normal else NUMBER
    # The usual name has its place in the table of a single lane too: adding a lane moves no column.
    usual = NAME + 2 * (normal and not ranked)
    wanted = max((len(row.names[0]) for row in rows), default=0)
    state_width = STATE_IN_WORDS if in_words else STATE if normal else 1
    others = [SHORT_NUMBER + 1] * 2 if normal else []
    while True:
        free = width - name - usual - 1 - loss_width - 1 - sum(others) - state_width
        name_width = usual + min(max(wanted - usual, 0), max(free, 0))
        if wanted <= name_width or len(others) < 2:
            break
        others.pop()
    loss = name + name_width + 1
    after = loss + loss_width + 1
    places = [after + sum(others[:i]) for i in range(len(others))]
    return _Columns(
        rank=rank,
        name=name,
        name_width=name_width,
        loss=loss,
        loss_width=loss_width,
        norm=places[0] if places else None,
        distance=places[1] if len(places) > 1 else None,
        state=after + sum(others),
        in_words=in_words,
    )


def lane_table(rows: Sequence[LaneRow], selected: int, width: int, height: int, palette: Palette) -> Cells:
    """Draw the table of lanes: marker, rank, name, loss, ‖g‖, distance to a minimum, state and its first step.

    Below NORMAL columns rank, ‖g‖ and distance are omitted. From WIDE columns on the state is a word. Names with
    settings may take the place of the distance, and so does the number of evaluations. Different losses look different.
    The first row says how many lanes have no row.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    at = _lane_columns(rows, width)
    cells.put(0, at.loss, f"{'loss':>{at.loss_width}}", palette.faint)
    counted = any(row.evaluations is not None for row in rows)
    for place, title in ((at.norm, "‖g‖"), (at.distance, "evals" if counted else "dist")):
        if place is not None:
            cells.put(0, place, f"{title:>{SHORT_NUMBER}}", palette.faint)
    if at.norm is not None:
        cells.put(0, at.state, "state", palette.faint)
    losses = format_apart([row.loss for row in rows], at.loss_width)
    visible = visible_rows(selected, len(rows), height - 1)
    if hidden := len(rows) - len(visible):
        cells.put(0, at.name, f"+{hidden}", palette.accent)
    for line, index in enumerate(visible, start=1):
        row, bold = rows[index], index == selected
        ink = palette.foreground
        if bold:
            cells.put(line, 0, POINTER, palette.accent, bold=True)
        cells.put(line, 1, row.marker, row.color, bold=True)
        if at.rank is not None and row.rank is not None:
            rank_ink = palette.foreground if row.rank == 1 else palette.faint
            cells.put(line, at.rank, f"{row.rank:>2}", rank_ink, bold=bold)
        cells.put(line, at.name, _fitting_name(row.names, at.name_width), row.color, bold=bold)
        if row.note:
            after = at.name + text_width(_fitting_name(row.names, at.name_width)) + 2
            note = shorten(f"{STATE_GLYPH[row.state]} {row.note}", width - after)
            cells.put(line, after, note, state_color(row.state, palette), bold=bold)
            continue
        cells.put(line, at.loss, losses[index], ink, bold=bold)
        if at.norm is not None:
            cells.put(line, at.norm, format_scientific(row.gradient_norm, SHORT_NUMBER), ink, bold=bold)
        if at.distance is not None:
            cells.put(line, at.distance, f"{_last_number(row):>{SHORT_NUMBER}}", ink, bold=bold)
        state = _state_text(row, width - at.state, in_words=at.in_words)
        cells.put(line, at.state, state, state_color(row.state, palette), bold=bold)
    return cells


def state_color(state: str, palette: Palette) -> Color:
    """The colour of a lane's state."""
    return palette.states[STATE_COLOR.get(state, state)]


def _last_number(row: LaneRow) -> str:
    """The evaluations of a lane, or its distance to a minimum."""
    if row.evaluations is not None:
        text = str(row.evaluations)
        return text if len(text) < SHORT_NUMBER else format_scientific(row.evaluations, SHORT_NUMBER)
    return "–" if math.isnan(row.distance) else format_scientific(row.distance, SHORT_NUMBER)


def _fitting_name(names: Sequence[str], columns: int) -> str:
    """The longest of the names that fits. The last one is cut, but keeps its number: adadelta-12 becomes adadelt-12."""
    if (name := next((name for name in names if len(name) <= columns), None)) is not None:
        return name
    stem, dash, count = names[-1].rpartition("-") if "-" in names[-1] else (names[-1], "", "")
    return stem[: max(columns - len(dash + count), 0)] + dash + count


def _state_text(row: LaneRow, room: int, *, in_words: bool) -> str:
    """The state, followed by its first step if the whole number fits."""
    word = "not converged" if row.ended and row.state == "running" else row.state
    state, gap = (word, " ") if in_words else (STATE_GLYPH[row.state], "")
    full = state if row.since is None else f"{state}{gap}{row.since}"
    return full if len(full) <= room else state


def knob_table(
    table: Sequence[tuple[Knob, float]], selected: int, color: Color, width: int, height: int, palette: Palette
) -> Cells:
    """Draw one line for each knob: symbol, name, value and a slider.

    The selected knob and those that differ from their default are brighter; `color` is for the selected slider.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    symbol = max((text_width(knob.symbol) for knob, _ in table), default=1)
    names = max((len(knob.name) for knob, _ in table), default=1)
    texts = [_value_text(knob, value) for knob, value in table]
    values = max([VALUE, *map(len, texts)])
    room = width - 2 - 2 - values - 1
    if names + symbol + 1 > room:
        symbol = 0  # without room for both, the name is more useful than the symbol
    name_at = 2 + (symbol + 1 if symbol else 0)
    names = min(names, max(width - name_at - values - 1, 3))
    value_at = name_at + names + 1
    slider_at = value_at + values + 2
    for line, index in enumerate(visible_rows(selected, len(table), height)):
        (knob, value), bold = table[index], index == selected
        ink = palette.foreground if bold or value != knob.default else palette.faint
        if bold:
            cells.put(line, 0, POINTER, palette.accent, bold=True)
        if symbol:
            cells.put(line, 2, knob.symbol, palette.accent if bold else palette.faint, bold=bold)
        cells.put(line, name_at, knob.name[:names], ink, bold=bold)
        cells.put(line, value_at, f"{texts[index]:>{values}}", ink, bold=bold)
        if width - slider_at >= SHORTEST_SLIDER:
            slider_color = color if bold else palette.faint
            draw_slider(cells, line, slider_at, width - slider_at, knob.fraction(value), slider_color, palette)
    return cells


def _value_text(knob: Knob, value: float) -> str:
    """The value, with fewer digits where there is usually no room for all: a cell of a map may have sixteen."""
    text = knob.format(value)
    if len(text) <= VALUE:
        return text
    # A decay rate is near 1: its distance from 1 is what counts.
    allowed = DISPLAY_ERROR * min(abs(value), abs(1 - value))
    texts = (f"{value:.{digits}g}" for digits in range(1, 17))
    return next((short for short in texts if abs(float(short) - value) <= allowed), text)


def step_arithmetic(
    terms: Mapping[str, tuple[float, float] | None], rule: Sequence[str], width: int, height: int, palette: Palette
) -> Cells:
    """Draw the numbers of one step, a line for each term and a column for each coordinate, above the update rule.

    A term without numbers (None) has dashes. If the rule does not fit, its last lines stay.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    symbols = max((text_width(name) for name in terms), default=1)
    column = min(max((width - symbols - 2) // 2, 9), 16)
    cells.put(0, symbols + 1, f"{'x':>{column}}{'y':>{column}}", palette.faint)
    line = 0
    for line, (name, pair) in enumerate(terms.items(), start=1):
        last = line == len(terms)
        cells.put(line, 0, name, palette.accent if last else palette.faint, bold=last)
        for i, text in enumerate(
            [format_decimal(value, column) for value in pair] if pair else ["–".rjust(column)] * 2
        ):
            cells.put(line, symbols + 1 + i * column, text, palette.foreground if pair else palette.faint, bold=last)
    for text in rule[max(len(rule) - (height - line - 1), 0) :]:
        line += 1
        cells.put(line, 0, shorten(text, width), palette.faint)
    return cells


def timeline(
    step: int,
    steps: int,
    playing: bool,
    note: str,
    marks: Sequence[tuple[int, str, Color]],
    width: int,
    palette: Palette,
) -> Cells:
    """Draw one row: the step, a progress bar with marks (step, glyph, colour), and ▶ or ‖ with a note."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    left = f" step {step:>{len(str(steps))}}/{steps} "
    right = f" {'▶' if playing else '‖'} {note} "
    cells.put(0, 0, " step ", palette.faint)
    cells.put(0, 6, left[6:], palette.foreground, bold=True)
    cells.put(0, width - len(right), right, palette.accent if playing else palette.faint, bold=playing)
    start, length = len(left), width - len(right) - len(left)
    if length > SHORTEST_SLIDER:
        draw_progress(cells, 0, start, length, step / steps, palette.accent, palette)
        head = round((length - 1) * step / steps)
        for mark_step, glyph, color in marks:
            place = round((length - 1) * mark_step / steps)
            if glyph and place != head:
                cells.put(0, start + place, glyph, color, bold=True)
    return cells
