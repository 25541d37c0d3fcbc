"""The code that carries out the training screen's effects: it starts, steers and deletes runs, and shows their logs.

Loaded with the first effect, not at start-up. An error of a run or its files becomes a notification.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

from adam_tui.history.feed import Feed
from adam_tui.runs.protocol import RunSpec
from adam_tui.ui import dialogs
from adam_tui.ui import effects as shared
from adam_tui.ui.effects import SharedEffect
from adam_tui.ui.mode_screen import ModeScreen
from adam_tui.ui.train import effects
from adam_tui.ui.train.context import EventContext
from adam_tui.ui.train.effects import Effect, RunEffect
from adam_tui.ui.train.events import Event, ListRuns, SelectRun
from adam_tui.ui.train.labels import error_text
from adam_tui.ui.train.state import TrainState

Screen = ModeScreen[TrainState, Event, Effect, EventContext]

LOG_LINES = 200
# A process that polls its commands ends within 0.2 s; one that hangs, or loads torch, gets a signal after this time.
KILL_SECONDS = 1.5


def carry_out(effect: RunEffect | SharedEffect[Event], screen: Screen, feed: Feed, refresh: Callable[[], None]) -> None:
    """Carry out an effect on the runs of `feed`, on the screen that receives the events of the answers.

    `refresh` reads the files of the runs again and shows what changed.
    """
    match effect:
        case effects.StartRun(spec):
            _start(spec, screen, feed)
            refresh()
        case effects.SendCommand(run, command, values):
            with _notified(screen, f"cannot reach {run}: "):
                feed.command(run, command, **values)
        case effects.KillRun(run):
            _kill(run, screen, feed, refresh)
        case effects.ContinueRun(run):
            with _notified(screen, "cannot continue: ", "warning"):
                feed.resume(run)
            refresh()
        case effects.DeleteRun(run):
            with _notified(screen, f"cannot delete {run}: "):
                feed.delete(run)
            refresh()
        case effects.ShowLog(run):
            text = feed.log(run, LOG_LINES) or "The process has written nothing here."
            screen.app.push_screen(dialogs.ShowText(f"worker.log of {run}", text))
        case _:
            shared.carry_out(effect, screen)


@contextlib.contextmanager
def _notified(
    screen: Screen, prefix: str, severity: Literal["information", "warning", "error"] = "error"
) -> Iterator[None]:
    """Show an error of a run or its files as a notification."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        screen.app.notify(prefix + error_text(error), severity=severity)


def _start(spec: RunSpec, screen: Screen, feed: Feed) -> None:
    try:
        run = feed.start(spec)
    except (OSError, ValueError) as error:
        screen.app.notify(f"cannot start: {error_text(error)}", severity="error")
        return
    screen.dispatch(ListRuns(feed.views()))
    screen.dispatch(SelectRun(run))


def _kill(run: str, screen: Screen, feed: Feed, refresh: Callable[[], None]) -> None:
    """Send the command, and after a while the signal to the process that the status named when it was sent."""
    status = feed.process(run)
    with _notified(screen, f"cannot reach {run}: "):
        feed.command(run, "kill")
    if status is None:
        return

    def send_signal() -> None:
        with _notified(screen, ""):
            feed.kill(run, status)
        refresh()

    screen.set_timer(KILL_SECONDS, send_signal)
