"""The code that carries out the sweep screen's effects: it plans, starts, steers and deletes sweeps.

Loaded with the first effect, not at start-up. An error of a sweep or its files becomes a notification.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from adam_tui.history.sweep_feed import SweepFeed
from adam_tui.ui import dialogs
from adam_tui.ui import effects as shared
from adam_tui.ui.effects import EventScreen
from adam_tui.ui.host import Host
from adam_tui.ui.sweep import effects
from adam_tui.ui.sweep.effects import Effect
from adam_tui.ui.sweep.events import Event, SelectSweep, StartSweep
from adam_tui.ui.sweep.form import SweepForm
from adam_tui.ui.train.labels import error_text


class SweepsScreen(EventScreen[Event], Protocol):
    """A screen that shows the sweeps of a feed."""

    feed: SweepFeed

    @property
    def host(self) -> Host:
        """The application, as a mode sees it."""

    def poll(self) -> None:
        """Read the files of the sweep now, and show what changed."""


def carry_out(effect: Effect, screen: SweepsScreen) -> None:
    """Carry out an effect."""
    feed = screen.feed
    match effect:
        case effects.Refresh():
            screen.poll()
        case effects.AskPlan():
            _ask_plan(effect, screen)
        case effects.StartSweep(plan, slots, name, place):
            with _notified(screen, "cannot start"):
                id = feed.start(plan, slots, name, place)
                screen.poll()
                screen.dispatch(SelectSweep(id))
                if place[0] == "local" and (run := feed.run_on(plan.device)):
                    screen.app.notify(f"{run} trains on this device too: both are slower")
        case effects.SendOrder(sweep, order):
            with _notified(screen, f"cannot reach {sweep}"):
                feed.command(sweep, order)
            screen.poll()
        case effects.ResumeSweep(sweep):
            with _notified(screen, "cannot continue"):
                feed.resume(sweep)
            screen.poll()
        case effects.RetrySweep(sweep):
            with _notified(screen, "cannot repeat"):
                count = feed.retry(sweep)
                screen.app.notify(f"{count} {'trial begins' if count == 1 else 'trials begin'} again")
            screen.poll()
        case effects.DeleteSweep(sweep):
            with _notified(screen, f"cannot delete {sweep}"):
                feed.delete(sweep)
            screen.poll()
        case effects.OpenRun(path):
            screen.host.open_run(path)
        case effects.OpenPreset(preset):
            screen.host.open_presets((preset,))
        case effects.ShowLog(sweep):
            text = feed.log(sweep) or "Its processes have written nothing."
            screen.app.push_screen(dialogs.ShowText(f"Log of {sweep}", text))
        case _:
            shared.carry_out(effect, screen)


def _ask_plan(effect: effects.AskPlan, screen: SweepsScreen) -> None:
    def start(answer: StartSweep | None) -> None:
        if answer is not None:
            screen.dispatch(answer)

    screen.app.push_screen(SweepForm(effect.request, effect.reason, screen.feed.estimate), start)


@contextlib.contextmanager
def _notified(screen: SweepsScreen, prefix: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        screen.app.notify(f"{prefix}: {error_text(error)}", severity="error")
