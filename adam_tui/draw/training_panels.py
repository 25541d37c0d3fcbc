"""The training screen's tables as cells: the runs, the figures of one run, the sample digits, the progress bars.

Like the playground's they fill the given rectangle exactly, keep their columns still while numbers change, and leave
out what does not fit. What a colour says is said by a glyph or a word too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.digits import SIDES, DigitStyle, digits
from adam_tui.draw.palette import Palette
from adam_tui.draw.panels import CHOSEN, scrolled

NAME = 13  # columns of the longest id, "momentum-7f3a"
STATE = 8  # columns of "finished"
BEST = 7  # columns of "100.00%"
NUMBER = 8  # columns of "0.0005", "5.12e+30"
NOT_DRAWN = "○"  # the marker of a run whose curve is not on the charts
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
    "lost": "?",
}
RIGHT, WRONG = " ", "✗"
WIDE_CAPTION_FROM = 12  # pixels a digit from which the arrow has spaces around it
SMALLEST_SIDE = min(SIDES)
WIDEST_GAP = 2
SHORTEST_BAR = 6


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run: `epoch` as in "3/50", which a narrow table cuts to "3", `best` as in "98.94%".

    `lr` and `loss` are for wide tables only; `pin` is a sign that a person took it into the overlay or out of it.
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


@dataclass(frozen=True, slots=True)
class Figure:
    """A labelled number, and both again for where there is little room."""

    label: str
    value: str
    short_label: str
    short_value: str


@dataclass(frozen=True, slots=True)
class Guess:
    """What a digit is, and what the network takes it for; no prediction before the first one."""

    label: int
    prediction: int | None = None
    confidence: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the prediction is the label."""
        return self.prediction == self.label


def state_color(state: str, palette: Palette) -> Color:
    """Green for a good end, red for a bad one, the accent for what waits, blue for what works."""
    word = state.partition(" ")[0]
    if word in ("failed", "diverged", "lost", "silent"):
        return palette.states["diverged"]
    if word in ("paused", "queued"):
        return palette.accent
    known = {"running": palette.states["running"], "finished": palette.states["converged"]}
    return known.get(word, palette.faint)


def runs_table(rows: Sequence[RunRow], chosen: int, width: int, height: int, palette: Palette) -> Cells:
    """Marker, name, state, epoch and best accuracy of each run; narrow tables have a glyph for the state."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    at_state = 3 + NAME + 1
    told = [row.epoch for row in rows]
    if at_state + 2 + max(map(len, told), default=0) + 1 + BEST > width:
        told = [text.partition("/")[0] for text in told]
    epochs = max([5, *map(len, told)])
    right = epochs + 1 + BEST
    words = width >= at_state + STATE + 1 + right
    more = words and width >= at_state + STATE + 1 + right + 2 * (NUMBER + 1)
    at_best = width - BEST - (2 * (NUMBER + 1) if more else 0)
    at_epoch = at_best - epochs - 1
    heads = [(at_epoch, f"{'epoch':>{epochs}}"), (at_best, f"{'best':>{BEST}}")]
    if words:
        heads.append((at_state, "state"))
    if more:
        at_lr, at_loss = at_best + BEST + 1, at_best + BEST + 1 + NUMBER + 1
        heads += [(at_lr, f"{'lr':>{NUMBER}}"), (at_loss, f"{'loss':>{NUMBER}}")]
    for column, text in heads:
        cells.put(0, column, text, palette.faint)
    first = scrolled(chosen, len(rows), height - 1)
    for line, index in enumerate(range(first, min(first + height - 1, len(rows))), start=1):
        row, bold = rows[index], index == chosen
        ink = palette.foreground if row.drawn else palette.faint
        color = row.color if row.drawn else palette.faint
        if bold:
            cells.put(line, 0, CHOSEN, palette.accent, bold=True)
        cells.put(line, 1, row.marker if row.drawn else NOT_DRAWN, color, bold=row.drawn)
        cells.put(line, 2, row.pin, palette.faint)
        cells.put(line, 3, row.name[:NAME], color, bold=bold)
        state = row.state[:STATE] if words else STATE_GLYPH.get(row.state.partition(" ")[0], "?")
        cells.put(line, at_state, state, state_color(row.state, palette), bold=bold)
        cells.put(line, at_epoch, f"{told[index]:>{epochs}}", ink, bold=bold)
        cells.put(line, at_best, f"{row.best:>{BEST}}", ink, bold=bold)
        if more:
            cells.put(line, at_lr, f"{row.lr:>{NUMBER}}", ink, bold=bold)
            cells.put(line, at_loss, f"{row.loss:>{NUMBER}}", ink, bold=bold)
    return cells


def figures(
    table: Sequence[Figure], notes: Sequence[tuple[str, Color]], width: int, height: int, palette: Palette
) -> Cells:
    """The numbers in two columns, row by row, and the notes, (text, colour), wrapped below them.

    Where there is no room for all, the notes keep up to two lines.
    """
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    lines = [(line, color) for text, color in notes for line in wrapped(text, width)]
    rows = -(-len(table) // 2)
    rows = min(rows, max(height - min(len(lines), 2), 0))
    gap = 3 if width >= 40 else 2
    column = (width - gap) // 2
    short = any(len(figure.label) + 1 + len(figure.value) > column for figure in table)
    for i, figure in enumerate(table[: 2 * rows]):
        line, left = i // 2, (i % 2) * (column + gap)
        label, value = (figure.short_label, figure.short_value) if short else (figure.label, figure.value)
        cells.put(line, left, label, palette.faint)
        cells.put(line, left + column - len(value), value, palette.foreground)
    for line, (text, color) in enumerate(lines[: height - rows], start=rows):
        cells.put(line, 0, text, color)
    return cells


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, long words broken."""
    return textwrap.wrap(text, max(width, 1)) or [""]


@dataclass(frozen=True, slots=True)
class DigitGrid:
    """How pictures are laid out: `side` pixels each, so many in a row, in so many rows, `gap` columns apart."""

    side: int
    columns: int
    rows: int
    gap: int

    @property
    def width(self) -> int:
        """Columns of cells."""
        return self.columns * (self.side + self.gap) - self.gap

    @property
    def height(self) -> int:
        """Rows of cells, a line of text below each row of pictures included; no empty line after the last."""
        return self.rows * ((self.side + 1) // 2 + 1) + (self.rows - 1)


def digit_grid(count: int, width: int, height: int, *, rows: int = 1) -> DigitGrid | None:
    """The largest pictures with which `count` of them fit into `rows` rows; fewer where the smallest are too large."""
    columns = -(-count // rows)
    for side in SIDES:
        shown = min(columns, (width + 1) // (side + 1))
        grid = DigitGrid(side, shown, rows, 1)
        if grid.height <= height and (shown == columns or (side == SMALLEST_SIDE and shown > 0)):
            gap = min(WIDEST_GAP, (width - shown * side) // (shown - 1)) if shown > 1 else 1
            return DigitGrid(side, shown, rows, gap)
    return None


def sample_digits(
    images: NDArray[np.uint8], guesses: Sequence[Guess], grid: DigitGrid, width: int, height: int, palette: Palette
) -> Cells:
    """The pictures with "label → prediction confidence" below each; ✗ marks a wrong one. images: (N, 28, 28)."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    style = DigitStyle(ink=palette.foreground, paper=palette.background, background=palette.background)
    tall = (grid.side + 1) // 2
    margin = max((width - grid.width) // 2, 0)
    for row in range(grid.rows):
        some = slice(row * grid.columns, (row + 1) * grid.columns)
        strip = digits(images[some], grid.side, style, gap=grid.gap)
        top = row * (tall + 2)
        area = np.s_[top : top + strip.height, margin : margin + strip.width]
        if cells.glyph[area].shape != strip.glyph.shape:
            break
        cells.glyph[area], cells.fg[area], cells.bg[area] = strip.glyph, strip.fg, strip.bg
        for i, guess in enumerate(guesses[some]):
            text = caption(guess, wide=grid.side >= WIDE_CAPTION_FROM)
            left = margin + i * (grid.side + grid.gap) + (grid.side - len(text)) // 2
            color = palette.faint if guess.prediction is None else _guess_color(guess, palette)
            bold = guess.prediction is not None and not guess.right
            cells.put(top + tall, left, text, color, bold=bold)
    return cells


def caption(guess: Guess, *, wide: bool) -> str:
    """Ten columns or eight: "7 → 7  99%", "4→9✗ 52%"; only the label before there is a prediction.

    The confidence is cut, not rounded: a network that is not wholly sure is never shown at 100%.
    """
    if guess.prediction is None:
        return str(guess.label)
    arrow = " → " if wide else "→"
    mark = RIGHT if guess.right else WRONG
    return f"{guess.label}{arrow}{guess.prediction}{mark}{int(guess.confidence * 100):>3}%"


def digit_line(guesses: Sequence[Guess], width: int, palette: Palette) -> Cells:
    """One row, "0→0 1→1 2→7✗", for where there is no room for pictures."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    cells.put(0, 0, " digits", palette.faint)
    at = 9
    for guess in guesses:
        wrong = guess.prediction is not None and not guess.right
        told = str(guess.label) if guess.prediction is None else f"{guess.label}→{guess.prediction}{WRONG * wrong}"
        color = palette.faint if guess.prediction is None else _guess_color(guess, palette)
        if at + len(told) < width:
            cells.put(0, at, told, color, bold=wrong)
        at += 6
    return cells


def _guess_color(guess: Guess, palette: Palette) -> Color:
    return palette.states["converged" if guess.right else "diverged"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled share of something: "epoch 3/50 ━━━●── 412/938"."""

    label: str
    before: str
    share: float
    after: str


def progress(bars: Sequence[Bar], note: str, width: int, palette: Palette) -> Cells:
    """One row of bars that share the room which their texts and the note on the right leave."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    note = f"  {note} " if note else " "
    texts = [f" {bar.label} {bar.before} " if bar.before else f" {bar.label} " for bar in bars]
    room = width - len(note) - sum(len(text) + len(bar.after) + 2 for text, bar in zip(texts, bars, strict=True))
    at = 0
    for i, (text, bar) in enumerate(zip(texts, bars, strict=True)):
        length = room // len(bars) + (i < room % len(bars))
        cells.put(0, at, text, palette.foreground)
        cells.put(0, at + 1, bar.label, palette.faint)
        at += len(text)
        if length >= SHORTEST_BAR:
            done = round((length - 1) * min(max(bar.share, 0.0), 1.0))
            cells.put(0, at, "━" * done, palette.accent)
            cells.put(0, at + done, "●", palette.accent, bold=True)
            cells.put(0, at + done + 1, "─" * (length - done - 1), palette.border)
            at += length
        cells.put(0, at + 1, bar.after, palette.foreground)
        at += len(bar.after) + 2
    cells.put(0, max(width - len(note), at), note, palette.foreground)
    return cells


def line(text: str, color: Color, width: int, palette: Palette) -> Cells:
    """One row of text."""
    cells = Cells.blank(width, 1, palette.foreground, palette.background)
    cells.put(0, 1, text if len(text) < width else text[: width - 2] + "…", color)
    return cells
