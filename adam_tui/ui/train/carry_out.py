"""The code that carries out the training screen's effects: it starts, steers and deletes runs, and shows their logs.

Loaded with the first effect, not at start-up. An error of a run or its files becomes a notification.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, Protocol

from textual.timer import Timer

from adam_tui.engine.class_reference import ClassReference
from adam_tui.history.feed import Feed
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.user_code import UntrustedError, check_code
from adam_tui.ui import dialogs
from adam_tui.ui import effects as shared
from adam_tui.ui.effects import EventScreen
from adam_tui.ui.host import Host
from adam_tui.ui.train import effects
from adam_tui.ui.train.effects import Effect
from adam_tui.ui.train.events import AdoptNetwork, AskTrust, CodeChecked, Event, SelectRun
from adam_tui.ui.train.labels import error_text
from adam_tui.ui.train.requests import ask_beside_sweep
from adam_tui.ui.train.state import TrainState

LOG_LINES = 200
# A process that polls its commands ends within 0.2 s; one that hangs, or loads torch, gets a signal after this time.
KILL_SECONDS = 1.5


class RunScreen(EventScreen[Event], Protocol):
    """A screen that shows the runs of a feed."""

    feed: Feed
    state: TrainState

    @property
    def host(self) -> Host:
        """The application, as a mode sees it."""

    def run_worker(self, work: Callable[[], None], *, thread: bool, exclusive: bool, group: str) -> object:
        """Run a function in a thread."""

    def set_timer(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back after so many seconds."""

    def list_runs(self) -> None:
        """Dispatch `ListRuns` with the runs that there are now."""

    def poll(self) -> None:
        """Read the files of the runs now, and show what changed."""

    def schedule_settings(self) -> None:
        """Dispatch `SendSettings` once no setting was changed for a moment."""


def carry_out(effect: Effect, screen: RunScreen) -> None:
    """Carry out an effect."""
    match effect:
        case effects.StartRun(spec, asked):
            sweep = "" if asked else screen.feed.sweep_on(spec.device)
            if sweep:
                shared.carry_out(ask_beside_sweep(spec, sweep), screen)
            else:
                _start(spec, screen)
                screen.poll()
        case effects.SendCommand(run, command, values):
            with _notified(screen, f"cannot reach {run}: "):
                screen.feed.command(run, command, **values)
        case effects.KillRun(run):
            _kill(run, screen)
        case effects.CheckCode():
            screen.app.notify(f"trying {effect.optimizer or effect.network} …")
            screen.run_worker(partial(_check_code, effect, screen), thread=True, exclusive=True, group="check code")
        case effects.ContinueRun(run, trusted):
            try:
                with _notified(screen, "cannot continue: ", "warning"):
                    screen.feed.resume(run, trusted=trusted)
                    if sweep := screen.feed.sweep_on(screen.feed.device(run)):
                        screen.app.notify(f"{sweep} trains on this device too: both are slower")
            except UntrustedError as error:
                screen.dispatch(AskTrust(run, error.problem))
            screen.poll()
        case effects.DeleteRun(run):
            with _notified(screen, f"cannot delete {run}: "):
                screen.feed.delete(run)
            screen.poll()
        case effects.WriteLabel(run, label):
            with _notified(screen, f"cannot name {run}: "):
                screen.feed.relabel(run, label)
            screen.list_runs()
        case effects.ShowLog(run):
            text = screen.feed.log(run, LOG_LINES) or "The process has written nothing here."
            screen.app.push_screen(dialogs.ShowText(f"worker.log of {run}", text))
        case effects.OpenSweep(sweep):
            screen.host.open_sweep(sweep)
        case effects.OrderSweep(sweep, order):
            with _notified(screen, f"cannot reach {sweep}: "):
                screen.feed.command_sweep(sweep, order)
            screen.poll()
        case effects.DeleteSweep(sweep):
            with _notified(screen, f"cannot delete {sweep}: "):
                screen.feed.delete_sweep(sweep)
            screen.poll()
        case effects.ScheduleSettings():
            screen.schedule_settings()
        case _:
            shared.carry_out(effect, screen)


@contextlib.contextmanager
def _notified(
    screen: RunScreen, prefix: str, severity: Literal["information", "warning", "error"] = "error"
) -> Iterator[None]:
    """Show an error of a run or its files as a notification."""
    try:
        yield
    except UntrustedError:
        raise
    except (OSError, ValueError, KeyError) as error:
        screen.app.notify(prefix + error_text(error), severity=severity)


def _check_code(effect: effects.CheckCode, screen: RunScreen) -> None:
    """Try code of the user. This runs in a thread: the process of the check loads torch first."""
    optimizer, network = (ClassReference.parse(each) if each else None for each in (effect.optimizer, effect.network))
    app = screen.app
    try:
        code = check_code(optimizer, effect.settings, network)
    except (OSError, ValueError) as error:
        app.call_from_thread(app.notify, error_text(error), severity="error")
        return
    if optimizer is not None:
        app.call_from_thread(screen.dispatch, CodeChecked(code, effect.remarks))
        return
    message = f"the next run trains {effect.network}, {code.parameters:,} weights"
    app.call_from_thread(screen.dispatch, AdoptNetwork(code.rest["network"], code.rest.get("code", {})))
    app.call_from_thread(app.notify, message)


def _start(spec: RunSpec, screen: RunScreen) -> None:
    try:
        run = screen.feed.start(spec)
    except (OSError, ValueError) as error:
        screen.app.notify(f"cannot start: {error_text(error)}", severity="error")
        return
    screen.list_runs()
    screen.dispatch(SelectRun(run))
    if screen.state.selected != run:
        screen.app.notify(f"{run} was started; the filter hides it")


def _kill(run: str, screen: RunScreen) -> None:
    """Send the command, and after a while the signal to the process that the status named when it was sent."""
    status = screen.feed.reported_status(run)
    with _notified(screen, f"cannot reach {run}: "):
        screen.feed.command(run, "kill")
    if status is None:
        return

    def send_signal() -> None:
        with _notified(screen, ""):
            screen.feed.kill(run, status)
        screen.poll()

    screen.set_timer(KILL_SECONDS, send_signal)
