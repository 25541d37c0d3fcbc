"""Prints a sweep while it runs: a line in place on a terminal, a line a trial elsewhere, or the events as JSON lines.

The first Ctrl-C stops the sweep with checkpoints, a second one kills its processes. No torch in this process.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, TextIO

import click

from adam_tui.cli.follow import CLEAR_LINE, DEFAULT_COLUMNS, HIDE_CURSOR, SHOW_CURSOR, bar_line
from adam_tui.engine.class_reference import short_name
from adam_tui.engine.numbers import count_noun, format_duration, format_loss
from adam_tui.runs.device_use import run_on
from adam_tui.runs.status import STALE_SECONDS
from adam_tui.sweeps import results
from adam_tui.sweeps.executor import LocalExecutor
from adam_tui.sweeps.journal import ENDED, Decided, JournalReader, SweepEvent, SweepRecord, TrialEnded, to_line
from adam_tui.sweeps.ray_executor import RayExecutor
from adam_tui.sweeps.supervisor import Supervisor
from adam_tui.sweeps.sweep import On, Sweep
from adam_tui.terminal.sanitize import sanitize, sanitize_line

STOPPING = "stopping with checkpoints; Ctrl-C again kills"


def follow(
    sweep: Sweep,
    slots: int,
    place: tuple[On, str],
    output_format: Literal["text", "jsonl"],
    stream: TextIO,
    runs_flag: str,
) -> int:
    """Train a sweep to its end on this host or on a Ray cluster (`Sweep.place`), with its results on `stream`.

    The exit status is 1 when a trial failed or the sweep could not be finished. `runs_flag` ends the commands that are
    shown. On Ray, `slots` of 0 fills the cluster.
    """
    progress = Progress(sweep, sys.stderr, events=stream if output_format == "jsonl" else None)
    on, address = place
    if on == "ray":
        supervisor = Supervisor(sweep, RayExecutor(sweep.path, slots, address), 1, progress.message)
    else:
        supervisor = Supervisor(sweep, LocalExecutor(sweep.path, slots, sweep.plan().device), slots, progress.message)
    parts = [count_noun(slots, "slot")] * bool(slots) + [f"Ray {address}".strip()] * (on == "ray")
    where = " of ".join(parts)
    progress.message(f"{sweep.id}: {count_noun(sweep.record().count, 'trial')} on {where}, {sweep.path}")
    if waiting := sweep.uncertain(sweep.record()):
        silence = f"after a silence of {STALE_SECONDS:.0f} s"
        progress.message(f"{count_noun(waiting, 'trial')} may still be trained elsewhere: continued here {silence}")
    if on == "local" and (run := run_on(sweep.path.parent, sweep.plan().device)):
        progress.message(f"{run} trains on this device too: both are slower")

    def stop() -> None:
        try:
            sweep.command("stop")
        except OSError:  # on a full disk these slots can still be signalled
            supervisor.stop()

    record = _run(supervisor, progress, stop)
    if sweep.is_gone:  # with its last results
        _print_message(f"{sweep.id} has ended: its directory was moved or deleted")
        return _exit_status(record, progress)
    if output_format == "text":
        click.echo(sanitize(results.text(sweep.plan(), record)), file=stream)
    if not record.is_over:
        _print_message(f"{sweep.id} is stopped; continue it: adam-tui sweeps resume {shlex.quote(sweep.id)}{runs_flag}")
    return _exit_status(record, progress)


def work(sweep: Sweep, slots: int) -> int:
    """Train trials of a sweep that another process may have started; the exit status as for `follow`."""
    progress = Progress(sweep, sys.stderr)
    supervisor = Supervisor(sweep, LocalExecutor(sweep.path, slots, sweep.plan().device), slots, progress.message)
    progress.message(f"{sweep.id}: {count_noun(slots, 'more slot')}")
    return _exit_status(_run(supervisor, progress, supervisor.stop), progress)


def _exit_status(record: SweepRecord, progress: Progress) -> int:
    failed = any(each.state == "failed" for each in record.trials.values())
    return int(failed or not (record.is_over or progress.signals))


def _run(supervisor: Supervisor, progress: Progress, stop: Callable[[], None]) -> SweepRecord:
    """Run the slots to their end; the state of the sweep then."""
    record = supervisor.sweep.record()
    try:
        with _stop_on_interrupt(stop, supervisor.kill, progress.signals):
            for record in supervisor.run():
                progress.report(record)
    except BrokenPipeError:  # `| head`: without a reader these slots stop
        supervisor.stop()
        raise
    finally:
        progress.close()
    return record


@contextlib.contextmanager
def _stop_on_interrupt(stop: Callable[[], None], kill: Callable[[], None], received: list[int]) -> Iterator[None]:
    """Stop at the first SIGINT or SIGTERM, kill at the second; SIGUSR1, Slurm's warning, stops and never kills."""
    warning = getattr(signal, "SIGUSR1", None)

    def handle(number: int, frame: Any) -> None:
        received.append(number)
        if number == warning or len([each for each in received if each != warning]) == 1:
            stop()
        else:
            kill()

    numbers = [signal.SIGINT, signal.SIGTERM, *([warning] if warning else [])]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress:
    """Prints the progress of a sweep to a stream for people, and its events to `events` if that is given.

    `signals` are the signals that were received.
    """

    def __init__(self, sweep: Sweep, stream: TextIO, events: TextIO | None = None) -> None:
        self.signals: list[int] = []
        self._plan, self._stream, self._events = sweep.plan(), stream, events
        self._in_place = stream.isatty() and events is None
        self._reader = JournalReader(sweep.path)
        self._began = time.monotonic()
        self._done_before = _epochs(sweep.record())
        if events is None:  # those of an earlier process are not news
            self._reader.new_events()
        self._drawn = ""  # the line in place; " " after a line that stays has taken its place

    def message(self, text: str) -> None:
        """Print a line that stays."""
        self._clear()
        _print_message(text)

    def report(self, record: SweepRecord) -> None:
        """Print the events since the last call, and the line in place."""
        events = self._reader.new_events()
        for event in events:
            if self._events is not None:
                self._events.write(to_line(event))
            elif text := self._text(event, record):
                self.message(text)
        if self._events is not None and events:
            self._events.flush()
        if self._in_place:
            self._draw(record)

    def _text(self, event: SweepEvent, record: SweepRecord) -> str:
        """A line about an event; "" for those that need none."""
        if isinstance(event, Decided):
            return results.decision(event)
        if isinstance(event, TrialEnded) and event.state not in ("planned", "waiting"):
            if self._in_place and event.state not in ("failed", "stopped", "lost"):
                return ""
            ended = f"{sum(each.state in ENDED for each in record.trials.values())}/{record.count}"
            reason = f": {event.reason}" if event.reason else f", validation loss {format_loss(event.validation_loss)}"
            return f"{ended}  {event.run} {event.state}{reason}"
        return ""

    def _draw(self, record: SweepRecord) -> None:
        states = [each.state for each in record.trials.values()]
        ended = sum(each in ENDED for each in states)
        winner = results.best(results.settings(record))
        figures = [f"{ended}/{record.count} trials"]
        if winner is not None:
            figures.append(f"best {short_name(winner.optimizer)} {format_loss(winner.loss)}")
        figures.append(f"{format_duration(self._seconds_left(record))} left")
        if self.signals:
            figures = [STOPPING]
        text = sanitize_line(bar_line(results.share_done(self._plan, record), figures, self._columns() - 1))
        if text == self._drawn:
            return
        self._stream.write(("" if self._drawn else HIDE_CURSOR) + CLEAR_LINE + text)
        self._stream.flush()
        self._drawn = text

    def _seconds_left(self, record: SweepRecord) -> float | None:
        """By the epochs that were finished since this process began; None before the first."""
        done = _epochs(record) - self._done_before
        left = results.epochs_left(self._plan, record)
        return (time.monotonic() - self._began) / done * left if done > 0 else None

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or DEFAULT_COLUMNS
        except OSError:
            return DEFAULT_COLUMNS

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write(CLEAR_LINE)
            self._drawn = " "

    def close(self) -> None:
        """Clear the line in place and show the cursor again."""
        if self._drawn:
            self._stream.write(CLEAR_LINE + SHOW_CURSOR)
            self._stream.flush()
            self._drawn = ""


def _epochs(record: SweepRecord) -> int:
    return sum(each.epoch for each in record.trials.values())


def _print_message(text: str) -> None:
    click.echo(sanitize(text), err=True)
