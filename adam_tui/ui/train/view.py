"""From the training state and the histories of the runs to cells: the content and the title of every panel.

Pure functions of a `Snapshot`; the screen only shows the cells. Charts, wide table, views of the model and the panels
about the selected run have modules of their own; the rest is drawn here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from adam_tui.draw import run_panels as drawings
from adam_tui.draw.cells import Cells, text_width
from adam_tui.draw.palette import Palette
from adam_tui.draw.playground_panels import knob_table
from adam_tui.draw.run_panels import RunRow
from adam_tui.engine.numbers import format_duration
from adam_tui.history.evaluation import Evaluation
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.history.sweep_summary import SweepSummary
from adam_tui.runs.protocol import QUEUED
from adam_tui.ui.actions import with_keys_named
from adam_tui.ui.train import epoch_charts, labels, loss_chart, model_views, run_panel, start_panel, sweep_panel, table
from adam_tui.ui.train.axes import Histories
from adam_tui.ui.train.labels import loss_text, other_settings, run_style, state_text, state_word
from adam_tui.ui.train.layout import Panel
from adam_tui.ui.train.run_panel import Note
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.widgets.tabs_line import status_room

WORDS_FROM = 100  # columns of a terminal from which the top line may have words
LOSS_ROWS = 8
TENSORS = 6  # of the network: the rows of the corner once it has them
LAYERS_TO_COME = (
    "After the first epoch: the size of the gradient ‖g‖ of each tensor, and of one step beside the weights, Δw/w. "
    "About 1e-3 is healthy; with much more the weights jump, with much less they hardly move."
)
START_TITLE = "MNIST test digits"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data that the panels show at one moment.

    `notes` are the notes on the selected run, `evaluation` its last one; `now` is in seconds since 1970, `loss_width`
    the columns of the loss chart; `keys` are the names of the keys by action.
    """

    state: TrainState
    histories: Histories
    evaluation: Evaluation | None
    notes: Sequence[Note]
    now: float
    loss_width: int
    palette: Palette
    keys: Mapping[str, str]

    @property
    def history(self) -> RunHistory | None:
        """The history of the selected run."""
        return self.histories.get(self.state.selected or "")

    @property
    def averaged(self) -> int:
        """The steps that the bright curve of the loss chart is averaged over."""
        return loss_chart.averaged_steps(self.state, self.histories, self.loss_width)


def draw(panel: Panel, shown: Snapshot, width: int, height: int) -> Cells:
    """The cells of a panel in a rectangle of width × height."""
    state, histories, palette, now = shown.state, shown.histories, shown.palette, shown.now
    match panel:
        case "loss" if state.sweep is not None:
            return sweep_panel.draw(state.sweep, shown.keys, width, height, palette)
        case "loss" if state.run is None:
            return start_panel.draw(state, shown.keys, width, height, palette)
        case "loss":
            return loss_chart.draw(state, histories, width, height, palette, run_panel.no_step_text(state))
        case "accuracy" if state.landscape is not None:
            return loss_chart.draw(state, histories, width, height, palette, run_panel.no_step_text(state))
        case "accuracy":
            return epoch_charts.draw_accuracy(state, histories, width, height, palette)
        case "runs":
            return draw_runs(state, histories, width, height, palette)
        case "knobs":
            return draw_knobs(state, width, height, palette)
        case "figures" if state.cursor is not None:
            return run_panel.draw_readings(state, histories, shown.averaged, width, height, palette)
        case "figures":
            return run_panel.draw_figures(state, histories, shown.notes, now, width, height, palette)
        case "corner" if (layers := _layers_of_corner(state, histories)) is not None:
            return model_views.draw_layers_in_brief(layers, width, height, palette)
        case "corner" if _awaits_layers(state, histories):
            return run_panel.draw_text(LAYERS_TO_COME, width, height, palette)
        case "corner":
            return epoch_charts.draw_loss(state, histories, width, height, palette)
        case "model":
            return model_views.draw(state, histories, shown.evaluation, width, height, palette)
        case "table":
            return table.draw(state, histories, now, width, height, palette)
        case "digits":
            return model_views.draw_digit_line(state, histories, width, palette)
        case "progress" if state.sweep is not None:
            return sweep_panel.draw_progress_line(state.sweep, width, palette)
        case "progress":
            return run_panel.draw_progress(state, histories, now, width, palette, averaged=shown.averaged)
        case _:
            assert_never(panel)


def titles(shown: Snapshot) -> dict[Panel, tuple[str, str]]:
    """The titles and subtitles of the panels, but for the loss chart's, whose legend goes with its size."""
    state, histories, keys = shown.state, shown.histories, shown.keys
    texts: dict[Panel, tuple[str, str]] = {
        "accuracy": _titles_of_accuracy(shown),
        "runs": ("Runs and sweeps" if state.sweeps else "Runs", ""),
        "knobs": (knobs_title(state), with_keys_named(_knobs_hint(state), keys)),
        "figures": (run_panel.title(state, histories), ""),
        "corner": (corner_title(state, histories), ""),
        "model": (model_views.title(state.view, shown.evaluation), model_views.HINTS[state.view]),
    }
    if state.table:
        count = len(table.listed(state, histories, shown.now))
        texts["table"] = table.title(state, count), with_keys_named(table.HINT, keys)
    return texts


def _titles_of_accuracy(shown: Snapshot) -> tuple[str, str]:
    """The titles of the panel below the loss chart, which has that chart while a landscape is in its place."""
    state, histories = shown.state, shown.histories
    if state.landscape is not None:
        return loss_chart.title(state, histories), loss_chart.legend(state, histories, shown.loss_width)
    return epoch_charts.accuracy_title(state, histories), epoch_charts.best_text(state, histories)


def loss_titles(shown: Snapshot, width: int) -> tuple[str, str]:
    """The title and the legend of the loss chart in this width."""
    state, histories = shown.state, shown.histories
    if state.sweep is not None:
        return sweep_panel.titles(state.sweep)
    if state.run is None:
        return START_TITLE, ""
    return loss_chart.title(state, histories), loss_chart.legend(state, histories, width)


# The list of runs.


def draw_runs(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The list of runs; a sweep is one row."""
    drawn = {run.id for run in state.drawn}
    differences = labels.differences(state.runs)
    rows = []
    for run in state.rows:
        if isinstance(run, SweepSummary):
            rows.append(sweep_panel.row(run, palette))
            continue
        history = histories.get(run.id)
        color, marker = run_style(state, run, palette)
        best = history.best if history else None
        rows.append(
            RunRow(
                marker,
                color,
                run.title,
                state_text(state, run, history),
                f"{table.finished_epochs(run, history)}/{run.spec.epochs}",
                f"{best.accuracy:.2%}" if best else "–",
                "–" if run.spec.lr is None else f"{run.spec.lr:g}",
                loss_text(history.last_loss if history else math.nan),
                run.id in drawn,
                state.pick_sign(run),
                differences[run.id],
            )
        )
    return drawings.runs_table(rows, state.selected_index, width, height, palette)


# The knobs.


def knobs_title(state: TrainState) -> str:
    """The run whose knobs are shown: the next one, or the selected one."""
    run = state.tuned_run
    if run is not None:
        return f"This run · {run.title}" if run.tunable else f"{run.title} {'waits' if run.alive else 'is over'}"
    return " · ".join(["Next run", state.recipe.title, *other_settings(state.spec())])


def _knobs_hint(state: TrainState) -> str:
    """The key for the other run's knobs, as a mark."""
    run = state.tuned_run
    if run is None:
        return "{live}: tune the running run" if state.run is not None and state.run.alive else ""
    return f"{'applies at once · ' if run.tunable else ''}{{live}}: next run"


def draw_knobs(state: TrainState, width: int, height: int, palette: Palette) -> Cells:
    """The hyperparameters of the next run or of the selected one."""
    rows = [(knob, state.value(knob)) for knob in state.knobs]
    run = state.tuned_run
    color = run_style(state, run, palette)[0] if run is not None else palette.accent
    return knob_table(rows, min(state.knob, len(state.knobs) - 1), color, width, height, palette)


# The corner below the figures: gradients and updates where the run writes them, else the losses after each epoch.


def corner_title(state: TrainState, histories: Histories) -> str:
    """The title of the corner."""
    layers = _layers_of_corner(state, histories) is not None or _awaits_layers(state, histories)
    return "Gradients and updates" if layers else f"{labels.measured_on(state.drawn).capitalize()} loss"


def corner_rows(state: TrainState, histories: Histories) -> int:
    """The rows that fill the corner well; 0 for nothing to show there."""
    history = _layers_of_corner(state, histories)
    if history:
        return len(history.layers[-1].names) + 1
    if _awaits_layers(state, histories):
        return TENSORS + 1
    return LOSS_ROWS if state.run is not None else 0


def _awaits_layers(state: TrainState, histories: Histories) -> bool:
    """Whether the selected run's gradients come after its first epoch; an older version's run never writes them."""
    run, history = state.run, histories.get(state.selected or "")
    return (
        run is not None
        and run.alive
        and state.view != "layers"
        and not (history and (history.layers or len(history.epochs) > 1))
    )


def _layers_of_corner(state: TrainState, histories: Histories) -> RunHistory | None:
    """The selected run's history if it has gradients and the view of the model does not show them already."""
    history = histories.get(state.selected or "")
    return history if history and history.layers and state.view != "layers" else None


# The top line of the terminal.


def _watched_run(state: TrainState) -> RunView | None:
    """The selected run, or another one that is running while that one has ended or is queued."""
    run = state.run
    if run is None or not run.alive or run.state == QUEUED:
        alive = [other for other in (run, *state.runs) if other is not None and other.alive]
        return next((other for other in alive if other.state != QUEUED), alive[0] if alive else run)
    return run


def _epochs(run: RunView, history: RunHistory | None) -> str:
    return f"{table.finished_epochs(run, history)}/{run.spec.epochs}"


def window_title(state: TrainState, histories: Histories) -> str:
    """The state and the epochs of the run that the top line names, for the title of the window."""
    run = _watched_run(state)
    if run is None:
        return ""
    history = histories.get(run.id)
    return f"{run.title} {state_word(run, history)} {_epochs(run, history)}"


def status_line(state: TrainState, histories: Histories, now: float, width: int, palette: Palette) -> str:
    """The state of the selected run, or of another one that is running, in a terminal of this width.

    Of a run that is not selected also the time that is left, which the progress line does not show.
    """
    run = _watched_run(state)
    if run is None:
        return ""
    history = histories.get(run.id)
    best = history.best if history else None
    marker, word = run_style(state, run, palette)[1], state_word(run, history)
    epochs = _epochs(run, history)
    accuracy = [f"{best.accuracy:.2%}"] if best else []
    other = run.alive and run.state != "paused" and run.id != state.selected
    left = history.seconds_left(now) if other and history else None
    eta = [f"ETA {format_duration(left)}"] if left is not None else []
    glyph = drawings.STATE_GLYPH.get(word, "?")
    texts = [
        " · ".join([f"{marker} {run.title} {word}", epochs, *accuracy, *eta]),
        " ".join([marker, run.title, glyph, epochs, *(eta or accuracy)]),
        " ".join([marker, run.title, glyph, epochs]),
        " ".join([marker, glyph, epochs]),
    ]
    fitting = (text for text in texts[width < WORDS_FROM :] if text_width(text) <= status_room(width))
    return next(fitting, texts[-1])
