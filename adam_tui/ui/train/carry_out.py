"""Carries out the effects of the training screen: starts and steers runs, opens windows, copies, notifies.

Loaded with the first effect, so that the start of the program does not pay for it. It knows the screen only as the
protocol `Shell`; what goes wrong with a run or its files becomes a notification.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, Protocol, assert_never

from textual.app import App
from textual.timer import Timer

from adam_tui.history.feed import Feed
from adam_tui.ui import dialogs
from adam_tui.ui.train import effects
from adam_tui.ui.train import events as e
from adam_tui.ui.train.export import copy_text
from adam_tui.ui.train.labels import problem

if TYPE_CHECKING:
    from adam_tui.runs.protocol import RunSpec
    from adam_tui.runs.status import Status

LOG_LINES = 200
KILL_SECONDS = 1.5  # a process that hears ends within 0.2 s; one that hangs, or loads torch, is killed after that
COPY_TITLES = {"command": "command line", "pytorch": "PyTorch code", "json": "JSON"}

Severity = Literal["information", "warning", "error"]


class Shell(Protocol):
    """What effects need of the screen."""

    feed: Feed

    @property
    def app(self) -> App[object]:
        """The application, on which windows open."""

    def dispatch(self, event: e.Event) -> None:
        """Update the state and carry out the effects."""

    def named(self, text: str) -> str:
        """Return a text with the names of the keys in the places of its marks."""

    def set_timer(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back after so many seconds."""

    def schedule_settings(self) -> None:
        """Dispatch `SendSettings` once no setting was changed for a moment."""

    def refresh_runs(self) -> None:
        """Read the runs' files now and show what changed."""


def carry_out(effect: effects.Effect, shell: Shell) -> None:
    """Carry out one effect. A question's answer is dispatched as an event later."""
    match effect:
        case effects.StartRun(spec):
            _start(shell, spec)
        case effects.SendCommand(run, command, values):
            with _notified(shell, f"cannot reach {run}: "):
                shell.feed.command(run, command, **values)
        case effects.KillRun(run):
            _kill(shell, run)
        case effects.ContinueRun(run):
            with _notified(shell, "cannot go on: ", "warning"):
                shell.feed.resume(run)
            shell.refresh_runs()
        case effects.DeleteRun(run):
            with _notified(shell, f"cannot delete {run}: "):
                shell.feed.delete(run)
            shell.refresh_runs()
        case effects.ShowLog(run):
            text = shell.feed.log(run, LOG_LINES) or "The process has written nothing here."
            shell.app.push_screen(dialogs.ShowText(f"worker.log of {run}", text))
        case effects.CopyRun(kind, spec):
            text = copy_text(kind, spec)
            shell.app.copy_to_clipboard(text)
            shell.app.push_screen(dialogs.ShowText(f"Copied: {COPY_TITLES[kind]}", text, from_end=False))
        case effects.Ask():
            _ask(shell, effect)
        case effects.AskText():
            _ask_text(shell, effect)
        case effects.Notify(text, keys, severity):
            shell.app.notify(text + shell.named(keys), severity=severity)
        case effects.ScheduleSettings():
            shell.schedule_settings()
        case _:
            assert_never(effect)


@contextlib.contextmanager
def _notified(shell: Shell, prefix: str, severity: Severity = "error") -> Iterator[None]:
    """Show an error about a run or its files as a notification."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        shell.app.notify(prefix + problem(error), severity=severity)


def _start(shell: Shell, spec: RunSpec) -> None:
    try:
        run = shell.feed.start(spec)
    except (OSError, ValueError) as error:
        shell.app.notify(f"cannot start: {problem(error)}", severity="error")
        return
    shell.dispatch(e.ListRuns(shell.feed.views()))
    shell.dispatch(e.SelectRun(run))
    shell.refresh_runs()


def _kill(shell: Shell, run: str) -> None:
    status = shell.feed.reported_status(run)
    with _notified(shell, f"cannot reach {run}: "):
        shell.feed.command(run, "kill")
    if status is not None:
        shell.set_timer(KILL_SECONDS, lambda: _kill_by_signal(shell, run, status))


def _kill_by_signal(shell: Shell, run: str, status: Status) -> None:
    """End the process of that status if it did not obey the command."""
    with _notified(shell, ""):
        shell.feed.kill(run, status)
    shell.refresh_runs()


def _ask(shell: Shell, question: effects.Ask) -> None:
    answers = question.answers

    def answered(chosen: str | None) -> None:
        if chosen is not None:
            shell.dispatch(answers[int(chosen)].event)

    shown = [(answer.key, str(i), answer.words) for i, answer in enumerate(answers)]
    shell.app.push_screen(dialogs.Choose(question.title, question.text, shown), answered)


def _ask_text(shell: Shell, question: effects.AskText) -> None:
    def entered(text: str | None) -> None:
        if text is not None:
            shell.dispatch(question.event(text))

    shell.app.push_screen(dialogs.AskText(question.title, question.text, question.hint, question.check), entered)
