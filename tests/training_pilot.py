"""What the tests of the training screen share: its sizes, its panels as text, and waiting for what it shows."""

import time

from adam_tui.terminal.cell_view import CellView
from adam_tui.ui.train.update import update

SIZES = [(120, 40), (80, 24), (200, 55), (60, 18)]
PATIENCE = 60.0


def panel(app, name):
    cells = app.screen.query_one(f"#train-{name}", CellView).cells
    return "\n".join(cells.lines()) if cells is not None else ""


async def until(pilot, true, seconds=10.0):
    """Let the app go on until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        await pilot.pause(0.02)
    await pilot.pause()


def after(state, *events):
    """The training state after these events."""
    for event in events:
        state, _ = update(state, event)
    return state
