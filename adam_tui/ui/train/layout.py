"""Who gets how many rows of the training screen: a pure function, so that no terminal size is a surprise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adam_tui.draw.digits import digit_grid
from adam_tui.ui.train.state import TrainState

FRAME = 2  # rows of a panel's border
FRAME_COLUMNS = 4  # columns of a panel's border and its padding
FIXED_ROWS = 3  # the top line, the progress line, the footer
STRIP_FROM = 30  # rows of a terminal from which the digits are pictures; below, one line of text
LINE_FROM = 20
BODY_WITH_STRIP = 19  # rows that pictures of digits must leave to the charts
BODY_WITH_VIEW = 19  # and the other views of the model
BODY_WITH_FILTERS = 12  # but 32 filters need more, to be seen at all
BODY_WITH_TABLE = 12  # rows of charts that are worth showing below the wide table
TABLE_ROWS = 4  # of the wide table besides its runs: the heading and what is said below
ACCURACY_FROM = 18  # rows of the charts from which there are two
LEAST_ACCURACY = 8
LEAST, FEW = 5, 6  # rows of a table at the side, frame included
EXTRA_LEAST = 5  # rows from which the corner below the figures is worth a panel
FIGURE_ROWS = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of the panels, frames included; 0 is hidden. `line` is the digits as text, `table` the wide table."""

    strip: int = 0
    line: int = 0
    loss: int = 0
    accuracy: int = 0
    runs: int = 0
    knobs: int = 0
    now: int = 0
    extra: int = 0
    table: int = 0

    @property
    def body(self) -> int:
        """Rows of the charts."""
        return self.loss + self.accuracy


def layout(
    state: TrainState, notes: int, extra: int, view_rows: Callable[[int, int], int], width: int, height: int
) -> Layout:
    """Share a terminal of width × height among the panels.

    `notes` lines of text stand below the figures; `extra` rows would fill the corner below them. `view_rows` tells
    how many of at most so many rows a view of the model fills, in so many columns.
    """
    rows = height - FIXED_ROWS
    if state.table:
        return _with_table(state, notes, extra, rows)
    strip = line = 0
    if state.runs and state.view != "digits":
        if height < STRIP_FROM:
            return Layout(strip=rows)
        left = BODY_WITH_FILTERS if state.view == "filters" else min(BODY_WITH_VIEW, max(rows - 16, BODY_WITH_FILTERS))
        strip = view_rows(width - FRAME_COLUMNS, rows - left - FRAME) + FRAME
    elif state.runs and height >= STRIP_FROM:
        grid = digit_grid(10, width - FRAME_COLUMNS, rows - BODY_WITH_STRIP - FRAME)
        strip = grid.height + FRAME if grid else 0
    elif state.runs and height >= LINE_FROM:
        line = 1
    body = rows - strip - line
    accuracy = max(LEAST_ACCURACY, round(body * 0.32)) if state.runs and body >= ACCURACY_FROM else 0
    return Layout(strip, line, body - accuracy, accuracy, *_side(state, notes, extra, body))


def _with_table(state: TrainState, notes: int, extra: int, rows: int) -> Layout:
    """The wide table, and below it the curves of the runs that are picked in it, where there is room."""
    table = len(state.runs) + TABLE_ROWS + FRAME
    body = rows - table
    if body < BODY_WITH_TABLE:
        return Layout(table=rows)
    now = min(FIGURE_ROWS + notes + FRAME, body)
    corner = body - now if extra and body - now >= EXTRA_LEAST else 0
    accuracy = max(LEAST_ACCURACY, round(body * 0.32)) if body >= ACCURACY_FROM else 0
    return Layout(loss=body - accuracy, accuracy=accuracy, now=now, extra=corner, table=table)


def _side(state: TrainState, notes: int, extra: int, rows: int) -> tuple[int, int, int, int]:
    """Rows of the runs, the knobs, the figures and the corner: the least of each, then all in turn, more runs last."""
    knobs_full = len(state.knobs) + FRAME
    runs_full = len(state.runs) + 1 + FRAME if state.runs else 0
    now_full = (FIGURE_ROWS if state.runs else 0) + notes + FRAME
    knobs, runs, now = min(knobs_full, LEAST), min(runs_full, LEAST), min(now_full, LEAST)
    if knobs + runs + now > rows:
        now = 0
    spare = max(rows - knobs - runs - now, 0)
    more = min(max(min(FEW, runs_full) - runs, 0), spare)
    runs, spare = runs + more, spare - more
    more = min(knobs_full - knobs, spare)
    knobs, spare = knobs + more, spare - more
    more = min(now_full - now, spare) if now else 0
    now, spare = now + more, spare - more
    corner = min(extra + FRAME, spare) if extra and spare >= EXTRA_LEAST else 0
    spare -= corner
    more = min(runs_full - runs, spare)
    runs, spare = runs + more, spare - more
    if corner:
        return runs, knobs, now, corner + spare
    return runs, knobs, now + spare if now else 0, 0  # a frame too tall looks better than a hole below it
