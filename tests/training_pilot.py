"""What the tests of the training screen share: states and histories, panels as text, and waiting for what they show."""

import time

import numpy as np

from adam_tui.history.run_history import RunHistory
from adam_tui.history.run_view import RunView
from adam_tui.runs.protocol import Epoch, RunSpec, Started, Steps
from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.train import events as e
from adam_tui.ui.train.state import TrainState
from adam_tui.ui.train.update import update

SIZES = [(120, 40), (80, 24), (200, 55), (60, 18)]
PATIENCE = 60.0
SPEC = RunSpec(epochs=50)
PER_EPOCH = 100  # steps


# States and histories.


def after(state, *events):
    """The training state after these events."""
    for event in events:
        state, _ = update(state, event)
    return state


def trained(steps, accuracies=(), spec=SPEC, losses=None):
    """A history of so many steps, a hundred a second, with the end of an epoch for each accuracy."""
    history = RunHistory()
    if losses is None:
        losses = 2.3 / (1 + np.arange(steps) / 20) * np.random.default_rng(0).uniform(0.5, 1.5, steps)
    history.fold([Started(0.0, 0, "r", spec, "cpu (2 threads)", "bfloat16", 62346, PER_EPOCH, "2.9.0")])
    for first in range(0, steps, 25):
        piece = losses[first : first + 25]
        history.fold([Steps((first + len(piece)) / 100, first + len(piece), tuple(piece))])
    for number, accuracy in enumerate(accuracies, start=1):
        history.fold([Epoch(number * 1.0, PER_EPOCH * number, number, 0.1, 0.05, accuracy, 1.0, 6400.0)])
    return history


def with_histories(state="running", reason="", **histories):
    """A training state with these runs, the first one selected, and their histories."""
    runs = tuple(RunView(id, SPEC, 0.0, state, reason) for id in histories)
    return after(TrainState(), e.ListRuns(runs)), histories


# Cells.


def joined(cells):
    return "\n".join(cells.lines())


def columns_of(cells, color):
    """The columns in which something of that colour is drawn."""
    inked = (cells.glyph != ord(" ")) & (cells.fg == color).all(axis=2)
    return np.flatnonzero(inked.any(axis=0))


# The running app.


def panel(app, name, screen=None):
    """The text of a panel of the training screen, which by default is on top."""
    cells = (screen or app.screen).query_one(f"#train-{name}", CellView).cells
    return joined(cells) if cells is not None else ""


async def until(pilot, true, seconds=10.0):
    """Let the app run until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        await pilot.pause(0.02)
    await pilot.pause()
