"""From the training state and what the runs have told to pictures. Pure functions; the screen only shows the cells."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from adam_tui.draw import run_panels as drawings
from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.digits import Guess, digit_grid, digit_line, sample_digits
from adam_tui.draw.elements import text_row, wrap
from adam_tui.draw.palette import Palette
from adam_tui.draw.playground_panels import knob_table
from adam_tui.draw.run_panels import Bar, CursorRow, RunRow, Statistic, cursor_table
from adam_tui.engine.numbers import format_duration
from adam_tui.history.evaluation import Evaluation
from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.history.samples import sample_images
from adam_tui.runs.protocol import LOST, QUEUED, RunSpec
from adam_tui.runs.status import KILLED_FROM_OUTSIDE, PROCESS_GONE
from adam_tui.ui.train import charts, model_views
from adam_tui.ui.train import labels as train_labels
from adam_tui.ui.train.axes import Histories, cursor_step, drawn_histories, scale_of
from adam_tui.ui.train.charts import look
from adam_tui.ui.train.labels import state_words
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.train.table import done

PACE_FROM = 72  # columns of the progress line from which it tells the pace
WORDS_FROM, NAME_FROM = 100, 80  # columns of a terminal from which the top line has room for them
LOADING = "loading torch and the data…"
TEST_LOSS_ROWS = 8
# What is trained, layer by layer: channels × rows × columns that come out of each.
NETWORK = (
    "a digit         1 × 28 × 28",
    "conv 5×5       32 × 24 × 24",
    "max 2×2, ReLU  32 × 12 × 12",
    "conv 5×5       64 ×  8 ×  8",
    "max 2×2, ReLU  64 ×  4 ×  4",
    "linear                   10",
    "62,346 weights, cross-entropy",
)
FACTS = "a run learns 60,000 digits in a process of its own, and goes on when you quit"
GALLERY_TITLE = "MNIST test digits"


def runs(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The table of runs."""
    drawn = {run.id for run in state.drawn}
    rows = []
    for run in state.runs:
        history = histories.get(run.id)
        color, marker = look(state, run, palette)
        best = history.best if history else None
        last = history.last_loss if history else math.nan
        rows.append(
            RunRow(
                marker,
                color,
                run.id,
                state_words(state, run, history),
                f"{done(run, history)}/{run.spec.epochs}",
                f"{best.test_accuracy:.2%}" if best else "–",
                f"{run.spec.hyperparameters['lr']:g}",
                train_labels.loss_text(last),
                run.id in drawn,
                state.pin(run),
            )
        )
    return drawings.runs_table(rows, state.place, width, height, palette)


def knobs_title(state: TrainState) -> str:
    """Whose knobs they are: those of the run that is started next, or of the one at work."""
    if state.tuning is not None:
        at_work = "" if state.tuning.tunable else " (it waits)" if state.tuning.alive else " (it is over)"
        return f"This run{at_work} · {state.tuning.id}"
    spec = state.spec()
    return " · ".join(["Next run", state.recipe.title, *train_labels.unusual(spec)])


def knobs_subtitle(state: TrainState) -> str:
    """What the arrow keys do to it, with marks for the keys."""
    if state.tuning is None:
        return "{live} this run's" if state.run is not None and state.run.alive else ""
    return "at once · {live} the next run's" if state.tuning.tunable else "{live} the next run's"


def knobs(state: TrainState, width: int, height: int, palette: Palette) -> Cells:
    """What the next run would be, or what the run at work is."""
    table = [(knob, state.value(knob)) for knob in state.knobs]
    run = state.tuning
    color = look(state, run, palette)[0] if run is not None else palette.accent
    chosen = min(state.knob, len(state.knobs) - 1)
    return knob_table(table, chosen, color, width, height, palette)


def run_title(state: TrainState, histories: Histories, palette: Palette) -> str:
    """The selected run with its marker and its state; or what the cursor reads."""
    run = state.run
    if run is None:
        return "The network"
    history = histories.get(run.id)
    if state.cursor is not None and history is not None:
        return f"At {' · '.join(_where(state, history))}"
    return f"{look(state, run, palette)[1]} {run.id} · {state_words(state, run, history)}"


def _where(state: TrainState, history: RunHistory) -> list[str]:
    """The cursor's place in steps, epochs and time."""
    step = state.cursor or 0
    seconds = float(history.clock.seconds(np.array([step], np.float64))[0])
    epoch = [f"epoch {step / history.steps_per_epoch:.2f}"] if history.steps_per_epoch else []
    return [f"step {step:,}", *epoch, format_duration(seconds)]


def notes(
    state: TrainState, histories: Histories, log: str, palette: Palette, keys: Mapping[str, str]
) -> list[tuple[str, Color]]:
    """What is to be said about the selected run: why it ended, that it loads, on what it runs; of none, what learns."""
    run = state.run
    if run is None:
        return [(line, palette.faint) for line in NETWORK]
    history = histories.get(run.id)
    found: list[tuple[str, Color]] = []
    word = train_labels.state_word(run, history)
    color = drawings.state_color(word, palette)
    again = f" · {keys['continue_run']} goes on" if run.resumable else ""
    if word == "diverged":
        found.append((train_labels.why(run, history), color))
    elif run.state in ("failed", LOST):
        found.append((train_labels.why(run, history) + again, color))
        log = log or (KILLED_FROM_OUTSIDE if run.reason == PROCESS_GONE else "")
        found += [(text, palette.faint) for text in log.splitlines() if text.strip() and run.reason not in text]
    elif run.silent:
        found.append((f"{run.reason} · x, then k, kills it", color))
    elif run.state == "starting":
        found.append((run.reason or LOADING, palette.foreground))
    elif run.state == QUEUED:
        found.append((waiting(state, run), color))
    elif run.state == "paused":
        found.append((f"paused: {keys['pause']} goes on", color))
    if run.state in ("running", "paused") and run.reason and not run.silent:
        found.append((run.reason, drawings.state_color("failed", palette)))
    if run.state == "stopped":
        found.append((train_labels.why(run, history) + again, palette.faint))
    if history and history.started:
        found.append((f"{history.started.device} · {history.started.precision}", palette.faint))
    return found


def waiting(state: TrainState, run: RunView) -> str:
    """For what a queued run waits, and how many come before it."""
    place = state.in_line(run)
    return f"queued, number {place} in line" + (f": {run.reason}" if run.reason else "")


def notes_height(about: list[tuple[str, Color]], width: int) -> int:
    """Lines that the notes take in so many columns."""
    return sum(len(wrap(text, width)) for text, _ in about) if width > 0 else len(about)


def nothing_yet(state: TrainState) -> str:
    """What an empty loss chart says."""
    run = state.run
    return LOADING if run is not None and run.alive else "no step was taken"


def now(
    state: TrainState,
    histories: Histories,
    about: list[tuple[str, Color]],
    seconds: float,
    width: int,
    height: int,
    palette: Palette,
) -> Cells:
    """The figures of the selected run; `seconds` since 1970."""
    run = state.run
    history = histories.get(run.id) if run else None
    if run is None:
        return drawings.statistics_panel((), about, width, height, palette)
    history = history or RunHistory()
    best = history.best
    last = history.epochs[-1].test_loss if history.epochs else math.nan
    step = max(history.step, run.step)
    elapsed = history.elapsed(seconds if run.alive else 0.0)
    if history.started is None and run.alive:
        elapsed = max(seconds - run.created, 0.0)
    loss, test, taken = train_labels.loss_text(history.curve.last()), train_labels.loss_text(last), f"{step:,}"
    reached = f"{best.test_accuracy:.2%}" if best else "–"
    pace = train_labels.speed(history.samples_per_second if run.state != "paused" else None)
    left = format_duration(history.seconds_left(seconds) if run.alive and run.state != "paused" else None)
    label, used = train_labels.machine(run)
    table = (
        Statistic("loss", loss, "loss", loss),
        Statistic("best", f"{reached} @ {best.epoch}" if best else "–", "best", reached),
        Statistic("step", f"{taken}/{history.total_steps:,}" if history.total_steps else taken, "step", taken),
        Statistic("test loss", test, "test", test),
        Statistic("samples/s", pace, "imgs/s", pace),
        Statistic("elapsed", format_duration(elapsed), "time", format_duration(elapsed)),
        Statistic(label, used, label, used.partition("%")[0] + "%" if "%" in used else used),
        Statistic("ETA", left, "ETA", left),
    )
    return drawings.statistics_panel(table, about, width, height, palette)


def reading_rows(state: TrainState, histories: Histories, span: int, palette: Palette) -> list[CursorRow]:
    """What the cursor reads of every drawn run, at its own step where the cursor stands on the axis."""
    drawn = drawn_histories(state, histories)
    if state.cursor is None or not drawn:
        return []
    scale = scale_of(state, drawn)
    rows = []
    for run, history in drawn:
        step = cursor_step(state, drawn, run, history, scale)
        epoch, raw = history.epochs.at(step), _raw(history, step)
        color, marker = look(state, run, palette)
        inside = step <= len(history.curve)
        rows.append(
            CursorRow(
                marker,
                color,
                run.id,
                raw,
                train_labels.short_loss(history.curve.average_at(step, span)) if span > 1 else raw,
                train_labels.short_loss(epoch.test_loss) if epoch and inside else "–",
                f"{epoch.test_accuracy:.2%}" if epoch and inside else "–",
            )
        )
    return rows


def _raw(history: RunHistory, step: int) -> str:
    """The loss of a step; "≈" and the mean of its neighbours while it is read again."""
    loss = history.curve.at(step)
    return (
        train_labels.short_loss(loss)
        if loss is not None
        else "≈" + train_labels.short_loss(history.curve.block_mean(step))[:5]
    )


def reading(state: TrainState, histories: Histories, span: int, width: int, height: int, palette: Palette) -> Cells:
    """The values under the cursor; the curve is averaged over `span` steps."""
    return cursor_table(reading_rows(state, histories, span, palette), width, height, palette)


def _reading_line(state: TrainState, histories: Histories, span: int, width: int, palette: Palette) -> str:
    """The selected run's values under the cursor, in one line; of its place as much as there is room for."""
    history = histories.get(state.selected or "")
    rows = reading_rows(state, histories, span, palette)
    if history is None or not rows:
        return ""
    first = rows[0]
    values = f"raw {first.raw} · mean {first.mean} · test {first.test} · {first.accuracy}"
    places = _where(state, history)
    kept = next((n for n in range(len(places), 1, -1) if len(" · ".join([*places[:n], values])) < width - 1), 1)
    return " · ".join([*places[:kept], values])


def extra_title(state: TrainState, histories: Histories) -> str:
    """What the corner below the figures shows."""
    return "Last epoch's gradients and updates" if _moves(state, histories) else "Test loss"


def _moves(state: TrainState, histories: Histories) -> RunHistory | None:
    """The selected run's history where it tells how far the weights move, and the view of the model does not."""
    history = histories.get(state.selected or "")
    return history if history and history.layers and state.view != "layers" else None


def extra_rows(state: TrainState, histories: Histories) -> int:
    """Rows that fill that corner well; 0 where there is nothing to show."""
    history = _moves(state, histories)
    if history:
        return len(history.layers[-1].names) + 1
    return TEST_LOSS_ROWS if state.runs else 0


def extra(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """How far the weights move, where it is told; else the test losses."""
    history = _moves(state, histories)
    if history:
        return model_views.layers_in_brief(history, width, height, palette)
    return charts.test_loss(state, histories, width, height, palette)


def progress(
    state: TrainState, histories: Histories, seconds: float, width: int, palette: Palette, *, span: int = 1
) -> Cells:
    """The epoch and the run as bars, and when it ends; a run that is over says how it ended.

    With a cursor the values that it reads instead, of a curve that is averaged over `span` steps.
    """
    run = state.run
    if run is None:
        return text_row(FACTS, palette.faint, width, palette)
    history = histories.get(run.id) or RunHistory()
    color, marker = look(state, run, palette)
    if state.cursor is not None and (told := _reading_line(state, histories, span, width, palette)):
        return text_row(told, palette.accent, width, palette)
    if run.state == QUEUED:
        return text_row(f"{marker} {run.id}: {waiting(state, run)}", color, width, palette)
    if run.state == "starting" or (run.alive and history.total_steps is None):
        return text_row(f"{marker} {run.id}: {LOADING}", color, width, palette)
    if not run.alive:
        return text_row(f"{marker} {run.id}: {outcome(run, history)}", color, width, palette)
    total, per_epoch = history.total_steps or 1, history.steps_per_epoch or 1
    done = min(history.epochs[-1].epoch if history.epochs else 0, run.spec.epochs - 1)
    batch = min(max(history.step - done * per_epoch, 0), per_epoch)
    batches = len(str(per_epoch))
    epochs = len(str(run.spec.epochs))
    share = history.step / total
    left = "paused" if run.state == "paused" else f"ETA {format_duration(history.seconds_left(seconds)):>5}"
    pace = train_labels.speed(history.samples_per_second)
    note = f"{left}  {pace:>6}/s" if run.state == "running" and width >= PACE_FROM else left
    bars = (
        Bar("epoch", f"{done + 1:>{epochs}}/{run.spec.epochs}", batch / per_epoch, f"{batch:>{batches}}/{per_epoch}"),
        Bar("run", "", share, f"{int(share * 100):>2}%"),
    )
    return drawings.progress_row(bars, note, width, palette)


def invitation(state: TrainState) -> str:
    """What the key that starts a run does, in words that follow the key."""
    spec = state.spec()
    epochs = f"{spec.epochs} epoch{'s' * (spec.epochs != 1)}"
    return f"trains a network with {state.recipe.title}, lr {spec.hyperparameters['lr']:g}, {epochs}"


def outcome(run: RunView, history: RunHistory) -> str:
    """How a run ended, in one line."""
    best = history.best
    told = f" · best {best.test_accuracy:.2%} at epoch {best.epoch}" if best else ""
    reason = train_labels.why(run, history) if run.state != "stopped" else run.state
    return f"{reason} after {format_duration(history.elapsed(0.0))}{told}"


def guesses(state: TrainState, histories: Histories, found: Evaluation | None = None) -> list[Guess]:
    """What the selected run takes the sample images for."""
    labels = _samples(state, found)[1]
    history = histories.get(state.selected or "")
    sample = history.sample if history else None
    if sample is None or len(sample.predictions) != len(labels) or len(sample.confidences) != len(labels):
        return [Guess(label) for label in labels]
    return [Guess(*told) for told in zip(labels, sample.predictions, sample.confidences, strict=True)]


def _samples(state: TrainState, found: Evaluation | None) -> tuple[NDArray[np.uint8], list[int]]:
    """The images that the samples are of: MNIST's are in the package, another data set's in its evaluation."""
    if found is not None and len(found.sample_images):
        return found.sample_images, found.sample_labels.tolist()
    images, labels = sample_images()
    if state.run is None or state.run.spec.data == RunSpec().data:
        return images, labels.tolist()
    return np.zeros_like(images), labels.tolist()


def strip(
    state: TrainState, histories: Histories, found: Evaluation | None, width: int, height: int, palette: Palette
) -> Cells:
    """A view of the model: by default the sample images in a row with what the selected run takes them for."""
    if state.view != "digits":
        history = histories.get(state.selected or "")
        return model_views.draw(state.view, found, history, width, height, palette)
    grid = digit_grid(10, width, height)
    if grid is None:
        return Cells.blank(width, height, palette.foreground, palette.background)
    images, _ = _samples(state, found)
    return sample_digits(images, guesses(state, histories, found), grid, width, height, palette)


def line(state: TrainState, histories: Histories, width: int, palette: Palette) -> Cells:
    """The same in one row of text."""
    return digit_line(guesses(state, histories), width, palette)


def gallery(state: TrainState, key: str, width: int, height: int, palette: Palette) -> Cells:
    """Before the first run: the digits in two rows or more, and what the key that starts one does."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    text = wrap(f"{key} {invitation(state)}", width - 2)
    room = height - len(text) - 3
    grids = (digit_grid(10, width - 2, room, rows=rows) for rows in (2, 5, 1))
    grid = max((grid for grid in grids if grid), key=lambda grid: (grid.columns * grid.rows, grid.side), default=None)
    top = max((height - (grid.height + 1 if grid else 0) - len(text)) // 2, 0)
    if grid is not None:
        digits = sample_images()[0]
        pictures = sample_digits(digits, guesses(state, {}), grid, width, grid.height, palette)
        here = slice(top, top + grid.height)
        cells.glyph[here], cells.fg[here], cells.bg[here] = pictures.glyph, pictures.fg, pictures.bg
        top += grid.height + 1
    for i, told in enumerate(text):
        cells.put(top + i, (width - len(told)) // 2, told, palette.foreground)
        if i == 0:
            cells.put(top, (width - len(told)) // 2, key, palette.accent, bold=True)
    return cells


def status_line(state: TrainState, histories: Histories, width: int, palette: Palette) -> str:
    """For the top line of a terminal so wide: the run at work, or else the selected one."""
    run = state.run
    if run is None or not run.alive:
        run = next((other for other in state.runs if other.alive), run)
    if run is None:
        return ""
    history = histories.get(run.id)
    best = history.best if history else None
    marker, word = look(state, run, palette)[1], train_labels.state_word(run, history)
    epochs = f"{done(run, history)}/{run.spec.epochs}"
    reached = [f"{best.test_accuracy:.2%}"] if best else []
    if width >= WORDS_FROM:
        return " · ".join([f"{marker} {run.id} {word}", epochs, *reached])
    glyph = drawings.STATE_GLYPH.get(word, "?")
    return " ".join([marker, run.id, glyph, epochs, *reached] if width >= NAME_FROM else [marker, glyph, epochs])
