"""The panels of the training screen: their names, the parts of the state that they show, and their heights.

Pure functions: every terminal size can be tested, and only the panels that an event changes are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from adam_tui.draw.digits import digit_grid
from adam_tui.ui.train.state import TrainState

# The panels. `model` shows a view of the model, the digits as pictures at first; `digits` shows them as a line of text.
# `figures` holds the numbers of the selected run, `corner` is below it.
Panel = Literal["loss", "accuracy", "runs", "knobs", "figures", "corner", "model", "table", "digits", "progress"]
FRAMED: tuple[Panel, ...] = ("loss", "accuracy", "runs", "knobs", "figures", "corner", "model", "table")
PANELS: tuple[Panel, ...] = (*FRAMED, "digits", "progress")
Panels = Sequence[Panel]

# The panels to draw when a curve has grown, and when a run wrote losses, predictions for the samples, or other events.
OF_LOSSES: Panels = ("loss",)
OF_NUMBERS: Panels = ("runs",)
OF_SAMPLES: Panels = ("model", "digits")
OF_ALL_EVENTS: Panels = ("loss", "accuracy", "runs", "corner", "model", "digits")
OF_TIME: Panels = ("figures", "progress", "table")
OF_RUNS: Panels = ("runs", "knobs", "figures", "progress", "table")
# The panels that show a field of the state. Fields not listed here redraw every panel. The status that a running run
# writes every second needs no new curves: those come with its losses.
SHOWN_IN: Mapping[str, Panels] = {
    **dict.fromkeys(("runs", "slots", "pending"), OF_RUNS),
    **dict.fromkeys(("knob", "tuned", "run_values", "rest"), ("knobs", "loss")),
    "optimizer": ("knobs", "loss", "figures"),
    "cursor": ("loss", "accuracy", "figures", "progress"),
    "smoothing": ("loss", "figures", "progress"),
    **dict.fromkeys(("zoom", "recent", "axis"), ("loss", "accuracy", "corner", "figures", "progress")),
    "log": ("loss", "corner"),
    "view": ("model", "corner"),
    **dict.fromkeys(("sort", "ascending", "search", "matches"), ("table",)),
    "landscape": ("loss", "accuracy", "figures", "progress"),
    "sweeps": ("loss", "runs", "figures", "progress", "table"),
}

FRAME = 2  # rows of a panel's border
FRAME_COLUMNS = 4  # columns of a panel's border and its padding
FIXED_ROWS = 3  # the top line, the progress line, the footer
PICTURES_FROM = 30  # rows of a terminal from which the digits are pictures; below, one line of text
LINE_FROM = 20
BODY_WITH_PICTURES = 19  # rows that pictures of digits must leave to the charts
BODY_WITH_VIEW = 19  # and the other views of the model
BODY_WITH_FILTERS = 12  # but 32 filters need more, to be seen at all
BODY_WITH_TABLE = 12  # rows of charts that are worth showing below the wide table
TABLE_ROWS = 4  # of the wide table besides its runs: the heading and the details below
ACCURACY_FROM = 18  # rows of the charts from which there are two
ACCURACY_SHARE, LEAST_ACCURACY = 0.32, 8  # of the rows of both
LEAST, FEW = 5, 6  # rows of a table at the side, frame included
LEAST_CORNER = 5  # rows from which the corner below the figures is worth a panel
FIGURE_ROWS = 4
CURVE_FROM = 30  # rows of a landscape from which its run's curve has some of them
MOST_RUNS_BESIDE = 10  # rows of the list of runs beside a landscape, frame included: the readings need the rest


def changed_panels(before: TrainState, after: TrainState) -> Iterable[Panel]:
    """The panels that show a difference between two states."""
    if [(row.id, row.state) for row in before.rows] != [(row.id, row.state) for row in after.rows]:
        return PANELS
    if (before.landscape is None) != (after.landscape is None):
        return PANELS
    changed = [field.name for field in fields(after) if getattr(before, field.name) != getattr(after, field.name)]
    panels = {panel for name in changed for panel in SHOWN_IN.get(name, PANELS)}
    return [panel for panel in PANELS if panel in panels]


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of the panels, frames included; 0 hides a panel."""

    model: int = 0
    digits: int = 0
    loss: int = 0
    accuracy: int = 0
    runs: int = 0
    knobs: int = 0
    figures: int = 0
    corner: int = 0
    table: int = 0

    @property
    def body(self) -> int:
        """Rows of the charts."""
        return self.loss + self.accuracy


def layout(
    state: TrainState, notes: int, corner: int, model_rows: Callable[[int, int], int], width: int, height: int
) -> Layout:
    """Share a terminal of width × height among the panels.

    `notes` lines of text are below the figures; `corner` rows would fill the corner below them, 0 for nothing to
    show there. `model_rows(columns, most)` returns the rows that the view of the model fills in so many columns.
    """
    rows = height - FIXED_ROWS
    if state.table:
        return _with_table(state, notes, corner, rows)
    if state.landscape is not None:
        return _with_landscape(state, rows)
    model = digits = 0
    if state.run is not None and state.view != "digits":
        if height < PICTURES_FROM:
            return Layout(model=rows)
        left = BODY_WITH_FILTERS if state.view == "filters" else min(BODY_WITH_VIEW, max(rows - 16, BODY_WITH_FILTERS))
        model = model_rows(width - FRAME_COLUMNS, rows - left - FRAME) + FRAME
    elif state.run is not None and height >= PICTURES_FROM:
        grid = digit_grid(10, width - FRAME_COLUMNS, rows - BODY_WITH_PICTURES - FRAME)
        model = grid.height + FRAME if grid else 0
    elif state.run is not None and height >= LINE_FROM:
        digits = 1
    body = rows - model - digits
    accuracy = _accuracy_rows(body) if state.run is not None else 0
    return Layout(model, digits, body - accuracy, accuracy, *_side(state, notes, corner, body))


def _with_landscape(state: TrainState, rows: int) -> Layout:
    """The plane, below it the curve in the place of the accuracy, and the readings in that of knobs and figures."""
    curve = max(LEAST_ACCURACY, round(rows * ACCURACY_SHARE)) if rows >= CURVE_FROM else 0
    runs = min(len(state.rows) + 1 + FRAME, MOST_RUNS_BESIDE, max(rows // 3, LEAST))
    return Layout(loss=rows - curve, accuracy=curve, runs=runs, figures=rows - runs)


def _accuracy_rows(body: int) -> int:
    return max(LEAST_ACCURACY, round(body * ACCURACY_SHARE)) if body >= ACCURACY_FROM else 0


def _with_table(state: TrainState, notes: int, corner: int, rows: int) -> Layout:
    """The wide table, and below it the curves of the runs that are picked in it, where there is room."""
    table = len(state.rows) + TABLE_ROWS + FRAME
    body = rows - table
    if body < BODY_WITH_TABLE:
        return Layout(table=rows)
    figures = min(FIGURE_ROWS + notes + FRAME, body)
    left = body - figures if corner and body - figures >= LEAST_CORNER else 0
    accuracy = _accuracy_rows(body) if state.run is not None else 0
    return Layout(loss=body - accuracy, accuracy=accuracy, figures=figures, corner=left, table=table)


def _side(state: TrainState, notes: int, corner: int, rows: int) -> tuple[int, int, int, int]:
    """Rows of runs, knobs, figures and corner: the least of each, then what each can use in turn, more runs last."""
    knobs_full = len(state.knobs) + FRAME
    runs_full = len(state.rows) + 1 + FRAME if state.rows else 0
    figures_full = (FIGURE_ROWS if state.run is not None else 0) + notes + FRAME
    if state.cursor is not None:  # a row for each run that it reads
        figures_full = max(figures_full, len(state.drawn) + 1 + FRAME)
    knobs, runs, figures = min(knobs_full, LEAST), min(runs_full, LEAST), min(figures_full, LEAST)
    if knobs + runs + figures > rows:
        figures = 0
    spare = max(rows - knobs - runs - figures, 0)
    more = min(max(min(FEW, runs_full) - runs, 0), spare)
    runs, spare = runs + more, spare - more
    more = min(knobs_full - knobs, spare)
    knobs, spare = knobs + more, spare - more
    more = min(figures_full - figures, spare) if figures else 0
    figures, spare = figures + more, spare - more
    corner_rows = min(corner + FRAME, spare) if corner and spare >= LEAST_CORNER else 0
    spare -= corner_rows
    more = min(runs_full - runs, spare)
    runs, spare = runs + more, spare - more
    if corner_rows:
        return runs, knobs, figures, corner_rows + spare
    return runs, knobs, figures + spare if figures else 0, 0  # a frame too tall looks better than a hole below it
