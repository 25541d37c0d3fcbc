"""From the training state and what the runs have told to pictures. Pure functions; the screen only shows the cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

from adam_tui.draw import panels
from adam_tui.draw import training_panels as drawings
from adam_tui.draw.cells import Cells, Color
from adam_tui.draw.palette import Palette
from adam_tui.draw.training_panels import Bar, Figure, Guess, RunRow
from adam_tui.training.protocol import RunSpec
from adam_tui.training.recipes import TRAINING_OPTIMIZERS
from adam_tui.training.samples import sample_images
from adam_tui.ui.train.charts import Histories, look
from adam_tui.ui.train.history import RunHistory
from adam_tui.ui.train.state import LOST, RunView, TrainState

FRAME = 2  # rows of a panel's border
FRAME_COLUMNS = 4  # columns of a panel's border and its padding
FIXED_ROWS = 3  # the top line, the progress line, the footer
STRIP_FROM = 30  # rows of a terminal from which the digits are pictures; below, one line of text
LINE_FROM = 20
BODY_WITH_STRIP = 19  # rows that pictures must leave to the charts
ACCURACY_FROM = 18  # rows of the charts from which there are two
LEAST_ACCURACY = 8
LEAST, FEW = 5, 6  # rows of a table at the side, frame included
PACE_FROM = 72  # columns of the progress line from which it tells the pace
WORDS_FROM, NAME_FROM = 100, 80  # columns of a terminal from which the top line has room for them
LOADING = "loading torch and the data…"
FACTS = "a run learns 60,000 digits in a process of its own, and goes on when you quit"
GALLERY_TITLE = "MNIST test digits"


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of the panels, frames included; 0 is hidden. `line` is the digits as text."""

    strip: int
    line: int
    loss: int
    accuracy: int
    runs: int
    knobs: int
    now: int


def layout(state: TrainState, notes: int, width: int, height: int) -> Layout:
    """Share a terminal of width × height among the panels; `notes` lines of text stand below the figures."""
    strip = line = 0
    if state.runs and height >= STRIP_FROM:
        room = height - FIXED_ROWS - BODY_WITH_STRIP - FRAME
        grid = drawings.digit_grid(10, width - FRAME_COLUMNS, room)
        strip = grid.height + FRAME if grid else 0
    elif state.runs and height >= LINE_FROM:
        line = 1
    body = height - FIXED_ROWS - strip - line
    accuracy = max(LEAST_ACCURACY, round(body * 0.32)) if state.runs and body >= ACCURACY_FROM else 0
    return Layout(strip, line, body - accuracy, accuracy, *_side(state, notes, body))


def _side(state: TrainState, notes: int, rows: int) -> tuple[int, int, int]:
    """Rows of the runs, the knobs and the figures: the least of each, then all in turn, more runs last."""
    knobs_full = len(state.knobs) + FRAME
    runs_full = len(state.runs) + 1 + FRAME if state.runs else 0
    now_full = 3 + notes + FRAME if state.runs else 0
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
    return min(runs_full, runs + spare), knobs, now


def state_word(run: RunView, history: RunHistory | None) -> str:
    """The run's state, a divergence told apart from other failures."""
    if run.state == "failed" and (run.reason.startswith("diverged") or (history and history.diverged_at is not None)):
        return "diverged"
    return run.state


def runs(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The table of runs."""
    drawn = {run.id for run in state.drawn}
    rows = []
    for run in state.runs:
        history = histories.get(run.id)
        color, marker = look(state, run, palette)
        best = history.best if history else None
        last = history.curve.last() if history else math.nan
        rows.append(
            RunRow(
                marker,
                color,
                run.id,
                state_word(run, history),
                f"{_epochs_done(run, history)}/{run.spec.epochs}",
                f"{best.test_accuracy:.2%}" if best else "–",
                f"{run.spec.hyperparameters['lr']:g}",
                loss_text(last),
                run.id in drawn,
            )
        )
    return drawings.runs_table(rows, state.place, width, height, palette)


def _epochs_done(run: RunView, history: RunHistory | None) -> int:
    return max(run.epoch, history.epochs[-1].epoch if history and history.epochs else 0)


def knobs_title(state: TrainState) -> str:
    """Whose knobs they are: those of the run that `t` starts."""
    return f"Next run · {state.recipe.title}"


def knobs(state: TrainState, width: int, height: int, palette: Palette) -> Cells:
    """What the next run would be."""
    table = [(knob, state.value(knob)) for knob in state.knobs]
    return panels.knobs(table, state.knob, palette.accent, width, height, palette)


def run_title(state: TrainState, histories: Histories, palette: Palette) -> str:
    """The selected run with its marker and its state."""
    run = state.run
    if run is None:
        return ""
    return f"{look(state, run, palette)[1]} {run.id} · {state_word(run, histories.get(run.id))}"


def notes(state: TrainState, histories: Histories, log: str, palette: Palette) -> list[tuple[str, Color]]:
    """What is to be said about the selected run: why it ended, that it loads, on what it runs."""
    run = state.run
    if run is None:
        return []
    history = histories.get(run.id)
    found: list[tuple[str, Color]] = []
    word = state_word(run, history)
    color = drawings.state_color(word, palette)
    if word == "diverged":
        at = history.diverged_at if history else None
        found.append((f"diverged at step {at:,}" if at is not None else run.reason, color))
    elif run.state in ("failed", LOST):
        found.append((f"{run.state}: {run.reason or 'no reason given'}", color))
        found += [(text, palette.faint) for text in log.splitlines() if text.strip() and run.reason not in text]
    elif run.state == "starting":
        found.append((LOADING, palette.foreground))
    elif run.state == "paused":
        found.append(("paused: space goes on", color))
    elif run.state == "stopped":
        found.append((f"stopped: {run.reason}", palette.faint))
    if history and history.started:
        found.append((f"{history.started.device} · {history.started.precision}", palette.faint))
    return found


def notes_height(about: list[tuple[str, Color]], width: int) -> int:
    """Lines that the notes take in so many columns."""
    return sum(len(drawings.wrapped(text, width)) for text, _ in about) if width > 0 else len(about)


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
        return drawings.figures((), (), width, height, palette)
    history = history or RunHistory()
    best = history.best
    last = history.epochs[-1].test_loss if history.epochs else math.nan
    step = max(history.step, run.step)
    elapsed = history.elapsed(seconds) if history.started or not run.alive else max(seconds - run.created, 0.0)
    loss, test, taken = loss_text(history.curve.last()), loss_text(last), f"{step:,}"
    reached = f"{best.test_accuracy:.2%}" if best else "–"
    pace = speed(history.samples_per_second if run.state != "paused" else None)
    table = (
        Figure("loss", loss, "loss", loss),
        Figure("best", f"{reached} @ {best.epoch}" if best else "–", "best", reached),
        Figure("step", f"{taken}/{history.total_steps:,}" if history.total_steps else taken, "step", taken),
        Figure("test loss", test, "test", test),
        Figure("samples/s", pace, "imgs/s", pace),
        Figure("elapsed", duration(elapsed), "time", duration(elapsed)),
    )
    return drawings.figures(table, about, width, height, palette)


def progress(state: TrainState, histories: Histories, seconds: float, width: int, palette: Palette) -> Cells:
    """The epoch and the run as bars, and when it ends; a run that is over says how it ended."""
    run = state.run
    if run is None:
        return drawings.line(FACTS, palette.faint, width, palette)
    history = histories.get(run.id) or RunHistory()
    color, marker = look(state, run, palette)
    if run.state == "starting" or (run.alive and history.total_steps is None):
        return drawings.line(f"{marker} {run.id}: {LOADING}", color, width, palette)
    if not run.alive:
        return drawings.line(f"{marker} {run.id}: {outcome(run, history)}", color, width, palette)
    total, per_epoch = history.total_steps or 1, history.steps_per_epoch or 1
    done = min(history.epochs[-1].epoch if history.epochs else 0, run.spec.epochs - 1)
    batch = min(max(history.step - done * per_epoch, 0), per_epoch)
    batches = len(str(per_epoch))
    epochs = len(str(run.spec.epochs))
    share = history.step / total
    left = "paused" if run.state == "paused" else f"ETA {duration(history.seconds_left(seconds)):>5}"
    pace = speed(history.samples_per_second)
    note = f"{left}  {pace:>6}/s" if run.state == "running" and width >= PACE_FROM else left
    bars = (
        Bar("epoch", f"{done + 1:>{epochs}}/{run.spec.epochs}", batch / per_epoch, f"{batch:>{batches}}/{per_epoch}"),
        Bar("run", "", share, f"{int(share * 100):>2}%"),
    )
    return drawings.progress(bars, note, width, palette)


def invitation(state: TrainState) -> str:
    """What `t` does, in one line."""
    spec = state.spec()
    epochs = f"{spec.epochs} epoch{'s' * (spec.epochs != 1)}"
    return f"t trains a network with {state.recipe.title}, lr {spec.hyperparameters['lr']:g}, {epochs}"


def outcome(run: RunView, history: RunHistory) -> str:
    """How a run ended, in one line."""
    best = history.best
    word = state_word(run, history)
    words = "diverged" if word == "diverged" else run.state
    if word == "diverged" and history.diverged_at is not None:
        words = f"diverged at step {history.diverged_at:,}"
    elif run.state in ("failed", LOST):
        words = f"{run.state}: {run.reason}"
    told = f" · best {best.test_accuracy:.2%} at epoch {best.epoch}" if best else ""
    return f"{words} after {duration(history.elapsed(0.0))}{told}"


def guesses(state: TrainState, histories: Histories) -> list[Guess]:
    """What the selected run takes the sample digits for."""
    labels = sample_images()[1].tolist()
    history = histories.get(state.selected or "")
    sample = history.sample if history else None
    if sample is None or len(sample.predictions) != len(labels) or len(sample.confidences) != len(labels):
        return [Guess(label) for label in labels]
    return [Guess(*told) for told in zip(labels, sample.predictions, sample.confidences, strict=True)]


def strip(state: TrainState, histories: Histories, width: int, height: int, palette: Palette) -> Cells:
    """The sample digits in a row with what the selected run takes them for."""
    grid = drawings.digit_grid(10, width, height)
    if grid is None:
        return Cells.blank(width, height, palette.foreground, palette.background)
    return drawings.sample_digits(sample_images()[0], guesses(state, histories), grid, width, height, palette)


def line(state: TrainState, histories: Histories, width: int, palette: Palette) -> Cells:
    """The same in one row of text."""
    return drawings.digit_line(guesses(state, histories), width, palette)


def gallery(state: TrainState, width: int, height: int, palette: Palette) -> Cells:
    """Before the first run: the digits in two rows or more, and what `t` does."""
    cells = Cells.blank(width, height, palette.foreground, palette.background)
    text = drawings.wrapped(invitation(state), width - 2)
    room = height - len(text) - 3
    grids = (drawings.digit_grid(10, width - 2, room, rows=rows) for rows in (2, 5, 1))
    grid = max((grid for grid in grids if grid), key=lambda grid: (grid.columns * grid.rows, grid.side), default=None)
    top = max((height - (grid.height + 1 if grid else 0) - len(text)) // 2, 0)
    if grid is not None:
        digits = sample_images()[0]
        pictures = drawings.sample_digits(digits, guesses(state, {}), grid, width, grid.height, palette)
        here = slice(top, top + grid.height)
        cells.glyph[here], cells.fg[here], cells.bg[here] = pictures.glyph, pictures.fg, pictures.bg
        top += grid.height + 1
    for i, told in enumerate(text):
        cells.put(top + i, (width - len(told)) // 2, told, palette.foreground)
        if i == 0:
            cells.put(top, (width - len(told)) // 2, told[0], palette.accent, bold=True)
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
    marker, word = look(state, run, palette)[1], state_word(run, history)
    epochs = f"{_epochs_done(run, history)}/{run.spec.epochs}"
    reached = [f"{best.test_accuracy:.2%}"] if best else []
    if width >= WORDS_FROM:
        return " · ".join([f"{marker} {run.id} {word}", epochs, *reached])
    glyph = drawings.STATE_GLYPH.get(word, "?")
    return " ".join([marker, run.id, glyph, epochs, *reached] if width >= NAME_FROM else [marker, glyph, epochs])


def loss_text(value: float) -> str:
    """A loss in at most eight columns: 0.0312, 12.3, 5.12e+30, nan."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 100 else f"{value:.2e}"


def speed(per_second: float | None) -> str:
    """Images a second, three digits that count: 12,400."""
    if per_second is None or not math.isfinite(per_second) or per_second <= 0:
        return "–"
    digits = max(math.floor(math.log10(per_second)) - 2, 0)
    return f"{round(per_second, -digits):,.0f}"


def duration(seconds: float | None) -> str:
    """Time as 0:16, 3:51 or 1:02:03."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def spec_line(spec: RunSpec) -> str:
    """A run's settings in one line: its lr, and what else is not as it always is."""
    recipe = TRAINING_OPTIMIZERS.get(spec.optimizer)
    usual = recipe.defaults() if recipe else {}
    told = [f"{k}={v:g}" for k, v in spec.hyperparameters.items() if k == "lr" or usual.get(k) != v]
    return " ".join([spec.optimizer, *told, f"· batch {spec.batch_size} · {spec.epochs} epochs · seed {spec.seed}"])
